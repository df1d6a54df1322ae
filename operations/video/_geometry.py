"""Sizes of films: upright, in square pixels, and even, which coding at half colour resolution wants."""

from typing import Literal

from mediamill.protocol.errors import InvalidJob

Size = tuple[int, int]
Mode = Literal["fit", "fill", "limit", "scale"]


def limited(shown: Size, max_width: int | None, max_height: int | None) -> Size:
    """Return a film's size made to fit under limits, never larger than it is.

    Args:
        shown: Width and height as it is meant to be seen.
        max_width: Pixels, None for no limit.
        max_height: Likewise.
    """
    limits = [limit / side for limit, side in zip((max_width, max_height), shown, strict=True) if limit is not None]
    ratio = min([1.0, *limits])
    return even((shown[0] * ratio, shown[1] * ratio))


def even(size: tuple[float, float]) -> Size:
    """Return the nearest even sides, at least 2."""
    width, height = (max(2, round(side / 2) * 2) for side in size)
    return width, height


def check_side(side: int | None, field: str) -> None:
    """Raise InvalidJob where a side asked for is too small for any film."""
    if side is not None and side < 2:
        raise InvalidJob("A film is at least 2 pixels wide and high.", field=field, received=side, expected=">= 2")
