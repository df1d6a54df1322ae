"""Sizes of films: upright, in square pixels, and even, which coding at half colour resolution wants."""

from typing import Literal

from msgspec import Struct

Size = tuple[int, int]
Mode = Literal["fit", "fill", "limit", "scale"]


class Shape(Struct, frozen=True):
    """What becomes of a film's sides.

    Attributes:
        size: Width and height of the output.
        cover: What it is scaled to before what sticks out of `size` is cut off around the middle; None where nothing
            does.
    """

    size: Size
    cover: Size | None = None


def limited(shown: Size, max_width: int | None, max_height: int | None) -> Size:
    """Return a film's size made to fit under limits, never larger than it is.

    Args:
        shown: Width and height as it is meant to be seen.
        max_width: Pixels, None for no limit.
        max_height: Likewise.
    """
    return _scaled(shown, min([1.0, *_ratios(shown, max_width, max_height)]))


def resized(shown: Size, width: int | None, height: int | None, mode: Mode, *, keep: bool) -> Shape:
    """Return what becomes of a film's sides when it is made so wide and so high.

    Args:
        shown: Width and height as it is meant to be seen.
        width: Pixels, None for what follows from the height.
        height: Likewise; one of the two is given.
        mode: `fit` into them; `limit`, the same but never larger than it is; `fill` them and cut off what sticks out;
            `scale` to them exactly.
        keep: Whether it keeps its shape where the mode would let it; else it is stretched.
    """
    ratios = _ratios(shown, width, height)
    if mode == "limit":
        ratios = [min(1.0, ratio) for ratio in ratios]
    if len(ratios) == 1:
        return Shape(_scaled(shown, ratios[0]))
    if mode == "scale" or not keep:
        return Shape(even((shown[0] * ratios[0], shown[1] * ratios[1])))
    if mode != "fill":
        return Shape(_scaled(shown, min(ratios)))
    size = even((shown[0] * ratios[0], shown[1] * ratios[1]))
    cover = _scaled(shown, max(ratios))
    cover = max(cover[0], size[0]), max(cover[1], size[1])
    return Shape(size, None if cover == size else cover)


def even(size: tuple[float, float]) -> Size:
    """Return the nearest even sides, at least 2."""
    width, height = (max(2, round(side / 2) * 2) for side in size)
    return width, height


def _scaled(shown: Size, ratio: float) -> Size:
    return even((shown[0] * ratio, shown[1] * ratio))


def _ratios(shown: Size, width: int | None, height: int | None) -> list[float]:
    return [side / now for side, now in zip((width, height), shown, strict=True) if side is not None]
