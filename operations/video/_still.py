"""A frame of a film as a picture: upright, in square pixels, in the colours it is meant to be seen in, as sRGB.

FFmpeg's scaler assumes BT.601 and chroma between its luma samples, and rounds colours coarsely, unless it is told
otherwise; it is told.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.images._vips import vips
from mediamill.operations.streams._facts import FULL_RANGE, UNSPECIFIED, VideoFacts
from mediamill.operations.video._graph import VideoFilter
from mediamill.operations.video._shots import Shot
from mediamill.operations.video._tone import table

if TYPE_CHECKING:
    import pyvips

Size = tuple[int, int]

_MATRICES = {1: "bt709", 4: "fcc", 5: "bt470", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
_BT2020 = (9, 10)
_CENTRED = ("mjpeg", "mpeg1video")
_LARGE = (1280, 576)
"""Width from which, and height above which, films that do not say are taken for BT.709, as players do."""

_FLAGS = "accurate_rnd+full_chroma_inp+full_chroma_int"


class StillCode(Struct, frozen=True):
    """What becomes of frames.

    Attributes:
        size: Width and height in pixels, upright.
        alpha: Whether transparency stays.
    """

    size: Size
    alpha: bool = False


class Stills:
    """Makes pictures of a film's frames.

    Args:
        video: The film's picture.
        code: What they become.
        cube: Path of the lookup table that brings its HDR down; None where it has none.
        threads: How many filters may use.
    """

    def __init__(self, video: VideoFacts, code: StillCode, cube: str | None, threads: int) -> None:
        self._video = video
        self._threads = threads
        self._chain = _chain(video, code, cube)
        self._bands = 4 if code.alpha else 3
        self._filter = VideoFilter(self._chain, video, threads)

    def picture(self, shot: Shot) -> "pyvips.Image":
        """Return a frame as a picture in memory, RGB or RGBA."""
        frame = self._progressive(shot) if shot.frame.interlaced_frame else self._single(shot)
        pixels = frame.to_ndarray()
        height, width = pixels.shape[:2]
        image = vips().Image.new_from_memory(pixels.tobytes(), width, height, self._bands, "uchar")
        return image.copy(interpretation="srgb")

    def _single(self, shot: Shot) -> Any:
        (frame,) = self._filter.send(shot.frame)
        return frame

    def _progressive(self, shot: Shot) -> Any:
        """Send a frame through between its neighbours, from whose fields its missing rows are guessed."""
        path = VideoFilter(self._chain, self._video, self._threads)
        before, after = shot.around
        made = [out for one in (before, shot.frame, after) if one is not None for out in path.send(one)]
        made += path.flush()
        return made[0 if before is None else 1]


@contextlib.contextmanager
def stills(video: VideoFacts, code: StillCode, threads: int) -> Iterator[Stills]:
    """Give what makes pictures of a film's frames, for as long as it is needed."""
    with contextlib.ExitStack() as stack:
        cube = stack.enter_context(table(video.colour)) if video.colour.hdr is not None else None
        yield Stills(video, code, cube, threads)


def _chain(video: VideoFacts, code: StillCode, cube: str | None) -> tuple[str, ...]:
    width, height = code.size[::-1] if video.turn.swaps else code.size
    # Where only chroma grows, the sharper kernel would ring at its edges.
    kernel = "bicubic" if (width, height) == (video.width, video.height) else "lanczos"
    scale = f"scale=w={width}:h={height}:flags={kernel}+{_FLAGS}:in_range={_range(video)}:out_range=full"
    matrix = _matrix(video)
    if matrix is not None:
        scale += f":in_color_matrix={matrix}:in_chroma_loc={_chroma_site(video)}"
    last = f"format={'rgba' if code.alpha else 'rgb24'}"
    if cube is None:
        return (scale, last, *video.turn.filters)
    rounding = f"scale=flags=bicubic+{_FLAGS}"
    return (scale, "format=gbrp16le", f"lut3d=file={cube}:interp=tetrahedral", rounding, last, *video.turn.filters)


def _range(video: VideoFacts) -> str:
    plain = video.pixel_format.startswith(("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8", "yuvj"))
    return "full" if plain or video.colour.range == FULL_RANGE else "limited"


def _chroma_site(video: VideoFacts) -> str:
    """Return where chroma samples lie, which PyAV does not tell: as each coding has it unless it says otherwise.

    On luma's left, and for BT.2020 on its top left (ITU-T H.265, E.3.1); between four in JPEG and MPEG-1.
    """
    if video.codec in _CENTRED:
        return "center"
    return "topleft" if video.colour.matrix in _BT2020 else "left"


def _matrix(video: VideoFacts) -> str | None:
    """Return FFmpeg's name of a film's matrix; None for RGB, which has none."""
    number = video.colour.matrix
    if number == 0:
        return None
    if number == UNSPECIFIED or number not in _MATRICES:
        large = video.width >= _LARGE[0] or video.height > _LARGE[1]
        return "bt709" if large else "smpte170m"
    return _MATRICES[number]
