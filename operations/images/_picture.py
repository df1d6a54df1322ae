"""A picture in memory, between its decoding and its encoding: upright frames in coded values.

Operations that change pixels work on it one after the other, so that a pipeline decodes once and encodes once.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from mediamill.operations.images import _colour, _hdr, _indexed
from mediamill.operations.images._encode import Encoding, Motion, encode, encode_error, frames_in, prepare
from mediamill.operations.images._geometry import Size
from mediamill.operations.images._quantize import Indexed
from mediamill.operations.images._resample import upright
from mediamill.operations.images._source import Source
from mediamill.operations.images._vips import is_out_of_memory, out_of_memory, vips

if TYPE_CHECKING:
    import pyvips

_DEFAULT_DELAY = 100
"""Milliseconds of a frame whose file says nothing, which is what browsers make of it."""


class Picture(Struct, frozen=True):
    """A still, or the frames of an animation, in a space that can be resampled and coded (see `_colour.normalise`).

    Attributes:
        pages: One image per frame, all of one size, each with the source's profile where that is kept.
        motion: The timing; None for a still.
        indexed: The same frames as indices into one palette, where they have just been reduced to it; any further
            change drops them.
    """

    pages: tuple["pyvips.Image", ...]
    motion: Motion | None = None
    indexed: tuple[Indexed, ...] = ()

    @property
    def size(self) -> Size:
        """Width and height in pixels."""
        return self.pages[0].width, self.pages[0].height

    def each(self, change: Callable[["pyvips.Image"], "pyvips.Image"]) -> "Picture":
        """Return the picture with a change made to every frame."""
        return Picture(tuple(change(page) for page in self.pages), self.motion)

    def settled(self) -> "Picture":
        """Return the picture with what is still to be worked out done, so that pixels can be read over and again.

        Raises:
            OutOfMemory: It does not fit.
        """
        with memory_blamed():
            return msgspec.structs.replace(self, pages=tuple(page.copy_memory() for page in self.pages))


def motion_of(source: Source) -> Motion:
    """Return the timing of a moving source, as many delays as frames."""
    facts = source.facts
    delays = facts.delays[: facts.frames]
    return Motion(delays + (_DEFAULT_DELAY,) * (facts.frames - len(delays)), facts.loop)


def decode(source: Source, *, frames: bool = False, drawn: Size | None = None) -> Picture:
    """Decode a whole picture into memory.

    Args:
        source: The picture.
        frames: Whether all frames come; else the first one alone.
        drawn: The least size a drawing is rendered at, its proportions kept; None is its own.

    Raises:
        CorruptInput: It is damaged.
        OutOfMemory: It does not fit.
    """
    facts = source.facts
    scale = max(drawn[0] / facts.width, drawn[1] / facts.height) if facts.vector and drawn else 1.0
    count = facts.frames if frames else 1
    with blamed(source, frames=frames):
        image = _colour.normalise(source.load(scale=scale, frames=frames))
        if facts.hdr is not None and facts.icc is None:
            image = _hdr.to_sdr(image, *facts.hdr)
        image = image.copy_memory()
        height = image.height // count
        pages = (image,) if count == 1 else tuple(image.crop(0, height * n, image.width, height) for n in range(count))
        pages = tuple(upright(page, facts.orientation) for page in pages)
    return Picture(pages, motion_of(source) if count > 1 else None)


@contextlib.contextmanager
def memory_blamed() -> Iterator[None]:
    """Turn a failure of libvips about memory into the table's."""
    try:
        yield
    except vips().Error as error:
        raise (out_of_memory(error) if is_out_of_memory(error) else error) from None


@contextlib.contextmanager
def blamed(source: Source, *, frames: bool = False) -> Iterator[None]:
    """Turn a failure of libvips into the input's, where it is the input's."""
    try:
        yield
    except vips().Error as error:
        raise source.decode_error(error, frames=frames) or error from None


def encoded(picture: Picture, code: Encoding) -> tuple[bytes, int]:
    """Encode a picture; a moving one as a still, its first frame, where the format is one of stills.

    Returns:
        The file, and how many frames are in it.

    Raises:
        EncodeFailed: The encoder refuses.
        OutOfMemory: Memory is short.
    """
    library = vips()
    try:
        if picture.indexed and code.format == "png":
            return _indexed.png(picture.indexed[0], prepare(picture.pages[0], code), code), 1
        done = [prepare(page, code) for page in picture.pages]
        image = done[0] if len(done) == 1 else library.Image.arrayjoin(done, across=1)
        data = encode(image, code, picture.motion)
    except library.Error as error:
        raise encode_error(error, code) from None
    return data, frames_in(data, code.format, len(done))


def still(picture: Picture) -> Picture:
    """Return the first frame of a picture."""
    return msgspec.structs.replace(picture, pages=picture.pages[:1], motion=None, indexed=picture.indexed[:1])
