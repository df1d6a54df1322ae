"""Pictures of few values, exactly: by as few bits as tell these apart, and by JBIG2 where there are two."""

from typing import TYPE_CHECKING

from msgspec import Struct

from mediamill.operations.documents import _filters, _jbig2

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

_MOST = 256
_LOOKED_AT = 16
"""How many rows tell of most pictures that they have more values."""

_BAND = 64
"""Rows that are worked on at a time."""


class Few(Struct, frozen=True):
    """What a picture of few values holds.

    Attributes:
        values: The different ones, sorted: shape (count, components).
        indices: Which of them is where: shape (height, width).
    """

    values: "Pixels"
    indices: "Pixels"


def found(pixels: "Pixels", most: int = _MOST) -> Few | None:
    """Return the values of a picture, None where there are more than that many.

    Args:
        pixels: Shape (height, width, 1 or 3).
        most: 1..256.
    """
    import numpy as np

    height, width, components = pixels.shape
    if components == 1:
        packed = pixels[:, :, 0]
        if np.count_nonzero(np.bincount(packed[:: max(1, height // _LOOKED_AT)].ravel(), minlength=_MOST)) > most:
            return None
        values = np.flatnonzero(np.bincount(packed.ravel(), minlength=_MOST)).astype(np.uint8)
        if len(values) > most:
            return None
        numbers = np.zeros(_MOST, np.uint8)
        numbers[values] = np.arange(len(values))
        return Few(values[:, None], numbers[packed])
    colours = _colours(pixels, most)
    if colours is None:
        return None
    places = np.empty((height, width), np.uint8)
    for top in range(0, height, _BAND):
        places[top : top + _BAND] = np.searchsorted(colours, _wide(pixels[top : top + _BAND]))
    spread = colours.astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:]
    return Few(np.ascontiguousarray(spread), places)


def _colours(pixels: "Pixels", most: int) -> "npt.NDArray[np.uint32] | None":
    """Return the colours of a picture as numbers, sorted; None where there are more than that many.

    A band of rows at a time: numbers take four times what a large picture does.
    """
    import numpy as np

    known = np.unique(_wide(pixels[:: max(1, len(pixels) // _LOOKED_AT)]))
    for top in range(0, len(pixels), _BAND):
        if len(known) > most:
            return None
        wide = _wide(pixels[top : top + _BAND])
        places = np.minimum(np.searchsorted(known, wide), len(known) - 1)
        known = np.union1d(known, wide[known[places] != wide])
    return known if len(known) <= most else None


def _wide(pixels: "Pixels") -> "npt.NDArray[np.uint32]":
    """Return pixels of three components as one number each."""
    import numpy as np

    red, green, blue = (pixels[:, :, band].astype(np.uint32) for band in range(3))
    wide: npt.NDArray[np.uint32] = red << np.uint32(16) | green << np.uint32(8) | blue
    return wide


def bits_for(values: "Pixels", least: int = 1) -> int:
    """Return how many bits a sample needs that tells values apart, of those PDF has: 1, 2, 4 or 8.

    Readers that scale a picture of one bit, of other colours than black and white, round otherwise than for more
    bits: where that is not to be, `least` is 2.
    """
    return next(bits for bits in (1, 2, 4, 8) if bits >= least and len(values) <= 1 << bits)


def as_greys(values: "Pixels", highest: int) -> tuple[int, "Pixels"] | None:
    """Return by how few bits greys can be said as greys, without a palette, and what they then are.

    Args:
        values: Of any shape.
        highest: That of white.

    Returns:
        1, 2 or 4 bits; None where all eight are needed, or no fewer than there are.
    """
    import numpy as np

    for bits in (1, 2, 4):
        white = (1 << bits) - 1
        scaled = values.astype(np.uint32) * white
        if white < highest and not (scaled % highest).any():
            return bits, (scaled // highest).astype(np.uint8)
    return None


def packed(samples: "Pixels", bits: int, *, bilevel: bool) -> tuple[bytes, str]:
    """Return samples as PDF stores them, and the filter.

    Args:
        samples: Shape (height, width), each below two to the power of `bits`.
        bits: 1, 2, 4 or 8.
        bilevel: Whether JBIG2 may be the filter where there is one bit.
    """
    import numpy as np

    if bits < 8:
        spread = (samples[:, :, None] >> np.arange(bits)[::-1].astype(np.uint8)) & 1
        flate = _filters.deflate(np.packbits(spread.reshape(len(samples), -1), axis=1).tobytes())
    else:
        flate = _filters.deflate(samples.tobytes())
    if bits == 1 and bilevel:
        jbig2 = _jbig2.encode(1 - samples)
        if len(jbig2) < len(flate):
            return jbig2, _jbig2.FILTER
    return flate, _filters.FLATE
