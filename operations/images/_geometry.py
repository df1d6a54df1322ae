"""Sizes: what a picture is scaled to, cut to or set on, as plain arithmetic on pixels."""

import math
from typing import Annotated, Literal

from msgspec import Meta, Struct

Fitting = Literal["inside", "cover", "contain", "fill", "outside"]
Position = Literal["center", "entropy", "attention", "focal"]
Share = Annotated[float, Meta(ge=0, le=1)]
Size = tuple[int, int]
"""Width and height in pixels."""

SHRINKS = (8, 4, 2)
RESIDUAL = 1.5
"""How many times larger than its result a picture stays when its decoder shrinks it: below, the loss shows."""

CASCADE = 1.5
"""How many times larger than its result a made picture has to be to be the source of a smaller one."""


class Fit(Struct, frozen=True):
    """One output's geometry, upright.

    Attributes:
        scaled: What the whole picture is resampled to.
        size: What comes out: larger than `scaled`, it is padded; smaller, it is cropped.
    """

    scaled: Size
    size: Size


def fit(
    source: Size,
    width: int | None,
    height: int | None,
    *,
    how: Fitting = "inside",
    max_height: int | None = None,
    upscale: bool = False,
) -> tuple[Fit, bool]:
    """Work out an output's geometry.

    Args:
        source: The upright picture.
        width: Of the box asked for; None follows from the proportions.
        height: Likewise. With neither, the picture keeps its size.
        how: inside and outside keep the proportions and fill the box at most or at least; cover crops to it,
            contain pads to it, fill distorts.
        max_height: The highest the output may be.
        upscale: Whether the picture may grow.

    Returns:
        The geometry, and whether it is smaller than asked for because the picture may not grow.
    """
    if width is None or height is None:
        return _fit_side(source, width, height, max_height, upscale)
    if max_height is not None and height > max_height:
        height = max_height
    box = (width, height)
    if how in ("inside", "contain", "outside"):
        ratios = [side / of for side, of in zip(box, source, strict=True)]
        ratio = max(ratios) if how == "outside" else min(ratios)
        capped = ratio > 1 and not upscale
        scaled = source if capped else _scaled(source, ratio, box)
        if how == "outside" and max_height is not None and scaled[1] > max_height:
            scaled = _scaled(source, max_height / source[1], (0, max_height))
        return Fit(scaled, box if how == "contain" else scaled), capped
    # The box keeps its proportions where the picture is too small for it.
    shrink = 1.0 if upscale else min(1.0, source[0] / width, source[1] / height)
    size = box if shrink == 1 else (max(1, round(width * shrink)), max(1, round(height * shrink)))
    if how == "fill":
        return Fit(size, size), shrink < 1
    ratio = max(size[0] / source[0], size[1] / source[1])
    scaled = _scaled(source, ratio, size)
    return Fit((max(scaled[0], size[0]), max(scaled[1], size[1])), size), shrink < 1


def _fit_side(
    source: Size, width: int | None, height: int | None, max_height: int | None, upscale: bool
) -> tuple[Fit, bool]:
    ratio, box = 1.0, source
    if width is not None:
        ratio, box = width / source[0], (width, 0)
    elif height is not None:
        ratio, box = height / source[1], (0, height)
    capped = ratio > 1 and not upscale
    scaled = source if capped else _scaled(source, ratio, box)
    if max_height is not None and scaled[1] > max_height:
        scaled = _scaled(source, max_height / source[1], (0, max_height))
    return Fit(scaled, scaled), capped


def _scaled(source: Size, ratio: float, box: Size) -> Size:
    """Scale both sides; one that comes out within rounding of the box's side is that side."""
    width, height = (
        side if side and abs(of * ratio - side) < 0.5 else max(1, round(of * ratio))
        for side, of in zip(box, source, strict=True)
    )
    return width, height


def shrink_on_load(stored: Size, scaled: Size, residual: float = RESIDUAL) -> int:
    """Return by how much a JPEG decoder may shrink: 1, 2, 4 or 8.

    Args:
        stored: The picture as stored.
        scaled: The largest size it is resampled to, as stored.
        residual: How many times larger than that it has to stay, at least 1.
    """
    ratio = min(stored[0] / scaled[0], stored[1] / scaled[1])
    return next((shrink for shrink in SHRINKS if ratio / shrink >= residual), 1)


def cascade_source(wanted: Size, made: list[Size]) -> int | None:
    """Return the index of the smallest made picture that is large enough to make a wanted one from, None for none."""
    fitting = [
        index for index, size in enumerate(made) if size[0] >= wanted[0] * CASCADE and size[1] >= wanted[1] * CASCADE
    ]
    return min(fitting, key=lambda index: made[index][0] * made[index][1], default=None)


def registered(factor: float, wanted: int, close: float = 0.02) -> tuple[int, int]:
    """Return how many whole pixels to scale to how many, so that the scale is a factor that need not be of whole sides.

    A resampler maps the edges of what it is given to the edges of what it makes. A picture whose true side is not a
    whole number of its pixels, as a decoder that shrinks leaves it, would be stretched, and moved by up to half a
    pixel at its far side. So a few more are made than wanted, from as many as give the factor.

    Args:
        factor: Source pixels to one of the result, along one axis.
        wanted: Pixels of the result.
        close: How far the far side may lie off, in pixels of the result.

    Returns:
        Pixels to take, repeating the last where there are fewer, and pixels to make; the first `wanted` count.
    """
    best = (math.inf, 0, 0)
    for made in range(wanted, wanted + max(8, wanted // 8)):
        taken = max(1, round(made * factor))
        best = min(best, (abs(taken / factor - made) * wanted / made, taken, made))
        if best[0] <= close:
            break
    return best[1], best[2]


def crop_offset(scaled: Size, size: Size, focal: tuple[float, float] = (0.5, 0.5)) -> Size:
    """Return left and top of the part that is kept, with a point of interest as central as it gets.

    Args:
        scaled: The picture.
        size: The part, no larger.
        focal: The point, each coordinate 0..1 of the picture.
    """
    left, top = (
        min(max(round(share * full - part / 2), 0), full - part)
        for share, full, part in zip(focal, scaled, size, strict=True)
    )
    return left, top
