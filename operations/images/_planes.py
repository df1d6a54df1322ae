"""JPEG to JPEG without colours in between: decode to planes, scale the planes, encode the planes.

Chroma is a quarter of the samples and is never converted. Measured beside libvips, exact scale and the same quality
(22 pictures, 512 to 2725 pixels wide): down by 1.3 to 2.5, `lanczos` takes 0.54 to 0.75 of the processor time at the
same SSIMULACRA2 within 0.2, `bicubic` 0.48 to 0.64 for 0.7 less. By 3 to 6, where libvips shrinks on load, `bicubic`
takes 0.9 at the same score (more than 1 for files over 0.15 bytes a pixel); beyond, libvips is faster. Five widths
of one photo take a third.

FFmpeg's JPEG decoder (through PyAV) gives the planes, swscale scales each as a grey picture, libjpeg-turbo (through
simplejpeg) encodes them. Edges map to edges, which is JPEG's centred chroma siting (JFIF 1.02), and values stay as
they are, 0..255: swscale sees neither siting nor range and can change neither. The decoder hides damage, so the file
is rewritten into a form in which it cannot: see `decode`.

The heavy libraries (150 ms together) are imported when the first function that needs them runs.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mediamill.operations.images._jpeg_header import DamagedJpeg as DamagedJpeg
from mediamill.operations.images._jpeg_header import Header
from mediamill.operations.images._jpeg_proof import proving_step, rewritten

if TYPE_CHECKING:
    import numpy as np
    from av.video.reformatter import VideoReformatter
    from numpy.typing import NDArray

    Plane = NDArray[np.uint8]

Kernel = Literal["area", "bilinear", "bicubic", "lanczos"]
Chroma = Literal["420", "444"]

CASCADE_GUARD = 1.5
"""How many times larger than its result a picture has to be for `ladder` to scale from it instead of the source."""

MAX_STEP, AFTER_STEP = 8, 4
"""The largest factor in one step, and what is left for the kernel where averaging goes before it: swscale's long
filters lose brightness to the rounding of their coefficients."""

_FLAT = 128
"""The level of a block whose coefficients are all zero."""

_REGISTER = 0.05
"""How far chroma may lie off luma at the far side of a result, in pixels."""


_kept = threading.local()
"""Each thread's decoder, with the memory of its last picture: a new one costs a twentieth of a decode."""


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture as a JPEG holds it: full-range BT.601 YCbCr, one byte a sample, chroma sited in the middle.

    Attributes:
        width: In pixels.
        height: In pixels.
        y: Luma, of shape (height, width).
        cb: Blue difference, 128 where grey, of any shape JPEG's sampling gives; None for a grey picture.
        cr: Red difference, of the shape of `cb`.
    """

    width: int
    height: int
    y: "Plane"
    cb: "Plane | None"
    cr: "Plane | None"


def decode(data: bytes, header: Header) -> Planes:
    """Decodes a whole JPEG to its planes, and proves that it was whole.

    FFmpeg conceals: a cut file, a stray byte or data that ends early give a picture and no complaint. So it gets
    the file `rewritten` makes, whose last row comes out right only if everything before it did.

    Args:
        data: The file `header` was read from.
        header: What `eligible` returned for it.

    Returns:
        The planes, as read-only views of the decoder's memory, in the source's sampling.

    Raises:
        DamagedJpeg: There is no end of image, a marker stands within the data, a code is impossible, or the data is
            too long or too short for the picture. All that libvips refuses with `fail_on="warning"` is among it, and
            some files it lets pass, also a few whole oddities: let libvips decide about them.
    """
    import av

    source = rewritten(data, header)
    decoder = getattr(_kept, "decoder", None) or _decoder()
    # Kept when all went well only, so no picture meets what a broken one left behind.
    _kept.decoder = None
    try:
        frames = decoder.decode(av.Packet(source))
    except av.FFmpegError as error:
        raise DamagedJpeg("the coded picture has an impossible code or ends early") from error
    rows = (header.mcus[1] + 1) * header.mcu_size[1]
    if len(frames) != 1 or (frames[0].width, frames[0].height) != (header.width, rows):
        raise DamagedJpeg("the coded picture does not decode to one picture")
    full = [_samples(plane) for plane in frames[0].planes]
    _prove_whole(full, header)
    _kept.decoder = decoder
    across, down = _chroma_size(header)
    cb, cr = [plane[:down, :across] for plane in full[1:]] or (None, None)
    return Planes(header.width, header.height, full[0][: header.height, : header.width], cb, cr)


def scale(
    planes: Planes, width: int, height: int, kernel: Kernel = "bicubic", *, chroma: Chroma = "420", threads: int = 1
) -> Planes:
    """Scales a picture down.

    Args:
        planes: The picture, in any sampling.
        width: Of the result in pixels, from 1.
        height: Likewise; the sides need not keep their proportion.
        kernel: The filter, widened by the factor.
        chroma: The result's sampling. Chroma goes straight to its size: 4:2:0 to 4:4:4 at half the width loses none.
        threads: Of swscale; the samples are the same for every number.

    Returns:
        The picture in memory of its own; planes that have their size already are passed on as they are.
    """
    from av.video.reformatter import VideoReformatter

    y = _scaled(VideoReformatter(), planes.y, width, height, kernel, threads)
    if planes.cb is None or planes.cr is None:
        return Planes(width, height, y, None, None)
    pitch = 2 if chroma == "420" else 1
    down, across = planes.cb.shape
    columns = _registered(planes.width, across, width, -(-width // pitch))
    rows = _registered(planes.height, down, height, -(-height // pitch))
    scaler = VideoReformatter()
    cb, cr = (
        _scaled(scaler, _extended(plane, columns[0], rows[0]), columns[1], rows[1], kernel, threads)
        for plane in (planes.cb, planes.cr)
    )
    down, across = -(-height // pitch), -(-width // pitch)
    return Planes(width, height, y, cb[:down, :across], cr[:down, :across])


def ladder(
    planes: Planes,
    sizes: Sequence[tuple[int, int]],
    kernel: Kernel = "bicubic",
    *,
    chroma: Chroma = "420",
    threads: int = 1,
) -> list[Planes]:
    """Scales a picture to several sizes, small ones from larger ones.

    Args:
        planes: The picture, in any sampling.
        sizes: Widths and heights in pixels, in any order.
        kernel: As in `scale`.
        chroma: As in `scale`.
        threads: As in `scale`.

    Returns:
        The pictures, in the order of `sizes`. Each comes from the smallest picture made before it that is at
        least `CASCADE_GUARD` times as large both ways, else from `planes`.
    """
    made: dict[tuple[int, int], Planes] = {}
    for size in sorted(sizes, reverse=True):
        wide = [
            other
            for other in made.values()
            if other.width >= CASCADE_GUARD * size[0] and other.height >= CASCADE_GUARD * size[1]
        ]
        source = min(wide, key=lambda other: other.width * other.height, default=planes)
        made[size] = scale(source, *size, kernel, chroma=chroma, threads=threads)
    return [made[size] for size in sizes]


def upright(planes: Planes, orientation: int) -> Planes:
    """Turns and mirrors a picture as its Exif orientation says.

    Args:
        planes: The picture as stored; turn it when it is small. For 5..8 the sides change places, so swap the
            wanted ones before scaling.
        orientation: 1..8; 1 returns the picture itself.

    Returns:
        The picture as it is to be seen. Its chroma stays sited in the middle: where a mirrored side is odd, the
        last chroma sample reaches over the edge and comes first, so they all are moved by half a sample.
    """
    if orientation == 1:
        return planes
    width, height = (planes.height, planes.width) if orientation >= 5 else (planes.width, planes.height)
    y = _turned(planes.y, orientation, width, height)
    if planes.cb is None or planes.cr is None:
        return Planes(width, height, y, None, None)
    cb, cr = (_turned(plane, orientation, width, height) for plane in (planes.cb, planes.cr))
    return Planes(width, height, y, cb, cr)


def encode_jpeg(planes: Planes, quality: int) -> bytes:
    """Encodes a picture as a baseline JFIF file in the sampling it has.

    Args:
        planes: The picture, in 4:2:0, 4:2:2, 4:4:4 or grey.
        quality: 1..100, on libjpeg's scale.

    Returns:
        The file, without metadata or colour profile.
    """
    import simplejpeg

    down, across = planes.y.shape if planes.cb is None else planes.cb.shape
    width = planes.width if across == planes.width else 2 * across
    height = planes.height if down == planes.height else 2 * down
    luma = _extended(planes.y, width, height)
    coded: bytes = simplejpeg.encode_jpeg_yuv_planes(luma, planes.cb, planes.cr, quality=quality)
    if (width, height) != (planes.width, planes.height):
        coded = _resized(coded, planes.width, planes.height)
    return coded


def to_pixels(planes: Planes) -> "NDArray[np.uint8]":
    """Converts a picture to what other encoders take.

    Chroma samples stand for every pixel they cover, so an encoder that averages pixels into chroma gets them back.

    Args:
        planes: The picture, in 4:2:0, 4:4:4 or grey.

    Returns:
        RGB of shape (height, width, 3), or grey of shape (height, width).
    """
    import av
    import numpy as np
    from av.video.reformatter import Interpolation, VideoReformatter

    if planes.cb is None or planes.cr is None:
        return np.ascontiguousarray(planes.y)
    full = planes.cb.shape == planes.y.shape
    # Even sides, because swscale leaves the last column of odd ones to chance.
    width, height = planes.width + planes.width % 2, planes.height + planes.height % 2
    frame = av.VideoFrame(width, height, "yuvj444p" if full else "yuvj420p")
    for target, plane in zip(frame.planes, (planes.y, planes.cb, planes.cr), strict=True):
        _samples(target)[: target.height, : target.width] = _extended(plane, target.width, target.height)
    exact = Interpolation.POINT | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    rgb = VideoReformatter().reformat(frame, format="rgb24", interpolation=exact, threads=1)
    return _samples(rgb.planes[0])[: planes.height, : 3 * planes.width].reshape(planes.height, planes.width, 3)


def _decoder() -> Any:
    import av

    decoder = av.CodecContext.create("thp", "r")
    decoder.thread_count, decoder.options = 1, {"err_detect": "explode"}
    return decoder


def _chroma_size(header: Header) -> tuple[int, int]:
    """Width and height of the chroma planes, of which an MCU has 8 x 8 samples."""
    mcu_width, mcu_height = header.mcu_size
    return -(-header.width * 8 // mcu_width), -(-header.height * 8 // mcu_height)


def _prove_whole(full: Sequence["Plane"], header: Header) -> None:
    """Raises DamagedJpeg unless the decoded picture ends in the proving row of `rewritten`; wipes that row."""
    (mcu_width, mcu_height), (across, down) = header.mcu_size, header.mcus
    row = full[0][down * mcu_height :, : header.width]
    flat, stepped = row[:, : (across - 1) * mcu_width], row[:, (across - 1) * mcu_width :]
    level = _FLAT + proving_step(header)[1] / 8
    whole = bool((flat == _FLAT).all() and (stepped > level - 1).all() and (stepped < level + 1).all())
    columns, _ = _chroma_size(header)
    if not whole or not all((plane[down * 8 :, :columns] == _FLAT).all() for plane in full[1:]):
        raise DamagedJpeg("the coded picture has too many or too few bytes")
    # The memory serves again: a proof must not be found where nothing was decoded.
    row[:] = 0


def _scaled(
    scaler: "VideoReformatter", plane: "Plane", width: int, height: int, kernel: Kernel, threads: int
) -> "Plane":
    import av

    if plane.shape == (height, width):
        return plane
    steep = plane.shape[0] > MAX_STEP * height or plane.shape[1] > MAX_STEP * width
    if steep and min(width, height) > 2:
        rows, columns = (
            min(side, max(-(-side // MAX_STEP), AFTER_STEP * target))
            for side, target in zip(plane.shape, (height, width), strict=True)
        )
        plane = _scaled(scaler, plane, columns, rows, "area", threads)
        return _scaled(scaler, plane, width, height, kernel, threads)
    frame = av.VideoFrame.from_numpy_buffer(plane, "gray")
    scaled = scaler.reformat(frame, width, height, interpolation=kernel.upper(), threads=threads)
    return _samples(scaled.planes[0])[:height, :width]


def _samples(plane: Any) -> "Plane":
    """All of a frame's plane, without a copy; rows may be longer than the picture is wide."""
    import numpy as np

    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)


def _registered(size: int, samples: int, target: int, wanted: int) -> tuple[int, int]:
    """How many chroma samples to scale to how many, so that chroma lies on luma to 0.05 pixels.

    Of an odd side the last chroma sample reaches half a sample over the edge, so scaling the samples there are to
    the samples wanted would stretch chroma more or less than luma, by up to a whole pixel at the far side. swscale
    takes whole numbers only. So a few more are made than wanted, from as many as give luma's factor.

    Args:
        size: Of the source in luma pixels, along one axis.
        samples: Its chroma samples.
        target: Of the result in luma pixels.
        wanted: Its chroma samples.

    Returns:
        Samples to take, repeating the last where there are fewer, and samples to make; the first `wanted` count.
    """
    source_pitch, pitch = (2 if samples < size else 1), (2 if wanted < target else 1)
    factor = size * pitch / (target * source_pitch)
    best = (float("inf"), samples, wanted)
    for made in range(wanted, 2 * wanted + 1):
        taken = max(1, round(made * factor))
        off = abs(taken / factor - made) * pitch * wanted / made
        best = min(best, (off, taken, made))
        if off <= _REGISTER:
            break
    return best[1], best[2]


def _resized(coded: bytes, width: int, height: int) -> bytes:
    """The same file with other sides in its frame header; they need the same number of MCUs.

    For planes of odd sides TurboJPEG reads one luma sample more than there is, over the end of the memory. So
    it is given even ones.
    """
    start = 2
    while coded[start + 1] not in (0xC0, 0xC1):
        start += 2 + int.from_bytes(coded[start + 2 : start + 4])
    return coded[: start + 5] + height.to_bytes(2) + width.to_bytes(2) + coded[start + 9 :]


def _extended(plane: "Plane", width: int, height: int) -> "Plane":
    """The plane cut to a size, or with its last column and row repeated up to it."""
    import numpy as np

    down, across = plane.shape
    if width <= across and height <= down:
        return plane[:height, :width]
    return np.pad(plane[:height, :width], ((0, max(0, height - down)), (0, max(0, width - across))), "edge")


def _turned(plane: "Plane", orientation: int, width: int, height: int) -> "Plane":
    """One plane of an upright picture of width x height pixels; see `upright`."""
    import numpy as np

    if orientation >= 5:
        plane = plane.T
    if orientation in (2, 3, 6, 7):
        plane = plane[:, ::-1]
        if plane.shape[1] != width and width % 2:
            plane = _moved(plane)
    if orientation in (3, 4, 7, 8):
        plane = plane[::-1]
        if plane.shape[0] != height and height % 2:
            plane = _moved(plane.T).T
    return np.ascontiguousarray(plane)


def _moved(plane: "Plane") -> "Plane":
    """Each sample half way to the next on its right; the last one stays."""
    import numpy as np

    wide = np.concatenate((plane, plane[:, -1:]), axis=1).astype(np.uint16)
    return ((wide[:, :-1] + wide[:, 1:] + 1) >> 1).astype(np.uint8)
