"""Pictures of few colours: a palette found by libimagequant, an index per pixel, and the plainest PNG of both.

A picture that has no more colours than asked for keeps exactly those. Otherwise colours are chosen for what the eye
sees, alpha among them, and what is wholly transparent stays so. Frames of an animation share one palette, so that
colours do not flicker.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.images import _colour
from mediamill.operations.images._params import Rgba
from mediamill.operations.images._vips import vips
from mediamill.protocol.errors import EncodeFailed, OutOfMemory

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyvips

    Pixels = npt.NDArray[np.uint32]
    """Height x width colours of a picture, the bytes of each in the order R, G, B, A."""

_SAMPLE = 4096
"""Pixels that are looked at first, to tell cheaply that a picture has many colours."""

_CLEAR: Rgba = (0, 0, 0, 0)


class Indexed(Struct, frozen=True):
    """A picture as a palette and an index into it per pixel.

    Attributes:
        width: Pixels.
        height: Pixels.
        palette: 1 to 256 colours, those that are not opaque first, then the most used first; none twice. In a still
            each is used.
        indices: One byte per pixel, row by row.
    """

    width: int
    height: int
    palette: tuple[Rgba, ...]
    indices: bytes

    @property
    def opaque(self) -> bool:
        """Whether no colour lets anything through."""
        return all(colour[3] == 255 for colour in self.palette)


def quantize(
    image: "pyvips.Image",
    colours: int = 256,
    *,
    dithering: float = 1.0,
    speed: int = 3,
    min_quality: int = 0,
    max_quality: int = 100,
) -> Indexed | None:
    """Reduce a picture to few colours.

    Args:
        image: Of any depth and colour space; it becomes sRGB of 8 bits.
        colours: How many at most, 2..256.
        dithering: How far errors are spread to neighbours, 0..1.
        speed: 1 (slow, best) to 10.
        min_quality: Below this the result is refused, 0..100.
        max_quality: No more colours are taken than this needs, 0..100.

    Returns:
        The picture, or None where `colours` cannot give `min_quality`.

    Raises:
        EncodeFailed: libimagequant refuses.
        OutOfMemory: Memory is short.
        pyvips.Error: The picture is decoded on the way and damaged.
    """
    made = quantize_frames(
        [image], colours, dithering=dithering, speed=speed, min_quality=min_quality, max_quality=max_quality
    )
    return None if made is None else made[0]


def quantize_frames(
    images: Sequence["pyvips.Image"],
    colours: int = 256,
    *,
    dithering: float = 1.0,
    speed: int = 3,
    min_quality: int = 0,
    max_quality: int = 100,
) -> list[Indexed] | None:
    """Reduce frames of one size to one palette; see `quantize`."""
    frames = [pixels(image) for image in images]
    exact = _distinct(frames, colours)
    if exact is not None:
        import numpy as np

        return _compact([np.searchsorted(exact, frame).astype(np.uint8) for frame in frames], exact)
    with ExitStack() as stack:
        attributes = stack.enter_context(_attributes(colours, speed, min_quality, max_quality))
        sources = [stack.enter_context(_source(attributes, frame)) for frame in frames]
        clear = any(bool((frame == 0).any()) for frame in frames)
        result = stack.enter_context(_result(attributes, sources, clear=clear))
        return None if result is None else _remapped(result, frames, sources, dithering)


def pixels(image: "pyvips.Image") -> "Pixels":
    """Return a picture's pixels in sRGB, 8 bits; what cannot be seen is all one colour."""
    import numpy as np

    image = _colour.to_srgb(_colour.normalise(image))
    if image.bands < 3:
        image = image.colourspace("srgb")
    if not image.hasalpha():
        image = image.addalpha()
    found = np.frombuffer(image.write_to_memory(), np.uint8).reshape(image.height, image.width, 4)
    hidden = found[..., 3] == 0
    if hidden.any():
        found = np.where(hidden[..., None], np.uint8(0), found)
    return np.ascontiguousarray(found).view(np.uint32)[..., 0]


def image_of(indexed: Indexed) -> "pyvips.Image":
    """Return an indexed picture as sRGB pixels in memory, with alpha where a colour needs it."""
    import numpy as np

    palette = np.array(indexed.palette, np.uint8)[:, : 3 if indexed.opaque else 4]
    found = palette[np.frombuffer(indexed.indices, np.uint8)]
    library: Any = vips()
    made = library.Image.new_from_memory(
        found.tobytes(), indexed.width, indexed.height, palette.shape[1], library.BandFormat.UCHAR
    )
    return made.copy(interpretation="srgb")


def shares(frames: Sequence[Indexed]) -> list[tuple[Rgba, float]]:
    """Return the colours of frames that share a palette, each with the share of pixels it has, the largest first."""
    counts = _counts([_array(frame) for frame in frames], len(frames[0].palette))
    total = int(counts.sum())
    found = [(colour, int(count) / total) for colour, count in zip(frames[0].palette, counts, strict=True)]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def png(indexed: Indexed, *, extra: bytes = b"") -> bytes:
    """Write the smallest plain PNG of an indexed picture: fewest bits a pixel, alpha only as far as it is needed.

    Args:
        indexed: The picture.
        extra: Whole chunks that go before the palette.
    """
    import numpy as np

    count = len(indexed.palette)
    depth = 1 if count <= 2 else 2 if count <= 4 else 4 if count <= 16 else 8
    rows = _array(indexed)
    if depth < 8:
        per_byte = 8 // depth
        rows = np.pad(rows, ((0, 0), (0, -indexed.width % per_byte)))
        packed = np.zeros((indexed.height, rows.shape[1] // per_byte), np.uint8)
        for place in range(per_byte):
            packed |= rows[:, place::per_byte] << (8 - depth * (place + 1))
        rows = packed
    data = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes(), 9)  # each row begins with filter 0: none
    alphas = bytes(colour[3] for colour in indexed.palette if colour[3] < 255)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", indexed.width, indexed.height, depth, 3, 0, 0, 0)),
            extra,
            _chunk(b"PLTE", b"".join(bytes(colour[:3]) for colour in indexed.palette)),
            _chunk(b"tRNS", alphas) if alphas else b"",
            _chunk(b"IDAT", data),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _array(indexed: Indexed) -> "npt.NDArray[np.uint8]":
    import numpy as np

    return np.frombuffer(indexed.indices, np.uint8).reshape(indexed.height, indexed.width)


def _counts(frames: Sequence["npt.NDArray[np.uint8]"], colours: int) -> "npt.NDArray[np.int64]":
    import numpy as np

    counts = np.zeros(colours, np.int64)
    for frame in frames:
        counts += np.bincount(frame.ravel(), minlength=colours)
    return counts


def _distinct(frames: Sequence["Pixels"], colours: int) -> "Pixels | None":
    """Return all colours there are, in order; None where there are more than asked for."""
    import numpy as np

    found = np.empty(0, np.uint32)
    for step in (max(1, frames[0].size // _SAMPLE), 1):
        for frame in frames:
            found = np.union1d(found, frame.ravel()[::step])
            if found.size > colours:
                return None
    return found


def _compact(frames: Sequence["npt.NDArray[np.uint8]"], palette: "Pixels") -> list[Indexed]:
    """Drop colours that are not used or are there twice, and put the palette into its order."""
    import numpy as np

    distinct, place = np.unique(palette, return_inverse=True)
    place = place.reshape(-1)
    counts = np.bincount(place, weights=_counts(frames, palette.size), minlength=distinct.size)
    colours: list[Rgba] = [(int(r), int(g), int(b), int(a)) for r, g, b, a in distinct.view(np.uint8).reshape(-1, 4)]
    used = [number for number in range(distinct.size) if counts[number]]
    used.sort(key=lambda number: (colours[number][3] == 255, -counts[number], colours[number]))
    new = np.zeros(distinct.size, np.uint8)
    new[used] = np.arange(len(used))
    kept = tuple(colours[number] for number in used)
    table = new[place]
    return [Indexed(frame.shape[1], frame.shape[0], kept, table[frame].tobytes()) for frame in frames]


def _remapped(result: Any, frames: Sequence["Pixels"], sources: Sequence[Any], dithering: float) -> list[Indexed]:
    import numpy as np
    from imagequant import ffi, lib

    _must(lib.liq_set_dithering_level(result, dithering))
    made = []
    for frame, source in zip(frames, sources, strict=True):
        indices = np.empty(frame.shape, np.uint8)
        _must(lib.liq_write_remapped_image(result, source, ffi.from_buffer(indices), indices.size))
        made.append(indices)
    found = lib.liq_get_palette(result)  # after remapping, which refines it
    entries = [(one.r, one.g, one.b, one.a) for one in found.entries[0 : found.count]]
    entries = [entry if entry[3] else _CLEAR for entry in entries]
    if _CLEAR in entries:  # errors spread by dithering must not show where nothing was
        for frame, indices in zip(frames, made, strict=True):
            indices[frame == 0] = entries.index(_CLEAR)
    return _compact(made, np.array(entries, np.uint8).view(np.uint32)[:, 0])


@contextmanager
def _attributes(colours: int, speed: int, min_quality: int, max_quality: int) -> Iterator[Any]:
    from imagequant import ffi, lib

    attributes = lib.liq_attr_create()
    if attributes == ffi.NULL:
        raise OutOfMemory("The palette needs more memory than this worker may use.")
    try:
        _must(lib.liq_set_max_colors(attributes, colours))
        _must(lib.liq_set_speed(attributes, speed))
        _must(lib.liq_set_quality(attributes, min_quality, max_quality))
        yield attributes
    finally:
        lib.liq_attr_destroy(attributes)


@contextmanager
def _source(attributes: Any, frame: "Pixels") -> Iterator[Any]:
    from imagequant import ffi, lib

    buffer = ffi.from_buffer(frame)
    source = lib.liq_image_create_rgba(attributes, buffer, frame.shape[1], frame.shape[0], 0)
    if source == ffi.NULL:
        raise OutOfMemory("The palette needs more memory than this worker may use.")
    try:
        yield source
    finally:
        lib.liq_image_destroy(source)
        ffi.release(buffer)


@contextmanager
def _result(attributes: Any, sources: Sequence[Any], *, clear: bool) -> Iterator[Any]:
    """Find the palette, with a clear colour in it where there has to be one; None where it cannot be good enough."""
    from imagequant import ffi, lib

    histogram = lib.liq_histogram_create(attributes)
    found = ffi.new("liq_result **")
    try:
        if clear:
            _must(lib.liq_histogram_add_fixed_color(histogram, _CLEAR, 0))
        for source in sources:
            _must(lib.liq_histogram_add_image(histogram, attributes, source))
        status = lib.liq_histogram_quantize(histogram, attributes, found)
    finally:
        lib.liq_histogram_destroy(histogram)
    if status == lib.LIQ_QUALITY_TOO_LOW:
        yield None
        return
    _must(status)
    try:
        yield found[0]
    finally:
        lib.liq_result_destroy(found[0])


def _must(status: int) -> None:
    from imagequant import lib

    if status == lib.LIQ_OUT_OF_MEMORY:
        raise OutOfMemory("The palette needs more memory than this worker may use.")
    if status != lib.LIQ_OK:
        raise EncodeFailed("The colours could not be reduced.", detail=f"libimagequant status {status}")
