"""The dimensions at which a picture's lowest quality is small enough."""

import math
from collections.abc import Callable

from mediamill.operations.images._geometry import Size
from mediamill.operations.images._trials import Trials

SMALLEST = 16
"""The least longer side a picture is made smaller to, in pixels."""

_GROWTH, _GROWTHS = 1.7, (0.8, 2.2)
"""The power of the sides by which bytes usually grow, and the powers that are believed."""

_AIM, _NEAR = 0.97, 0.93
"""Parts of the target: what is aimed at, and from where on a size is large enough."""


def shrink(at: Callable[[Size], Trials], full: Trials, quality: int, target: int, limit: int) -> Trials | None:
    """Try smaller dimensions until a quality's file is small enough, and nearly as large as it may be.

    Args:
        at: Makes the picture at a size.
        full: The picture at its full size, where the file is larger than the target.
        quality: The quality.
        target: Bytes the file may have.
        limit: How many sizes may be tried.

    Returns:
        The picture at the largest size whose file was found small enough, None where none was.
    """
    fits = None
    over = full
    for _ in range(limit):
        size = _next(full.size, over, fits, quality, target)
        if size in (over.size, None if fits is None else fits.size):
            break
        trial = at(size)
        if trial.bytes_of(quality) > target:
            over = trial
            if max(size) <= SMALLEST:
                break
        else:
            fits = trial
            if trial.bytes_of(quality) >= _NEAR * target:
                break
    return fits


def _next(full: Size, over: Trials, fits: Trials | None, quality: int, target: int) -> Size:
    """Return the size whose file should be just small enough."""
    excess = math.log(over.bytes_of(quality) / (target * _AIM))
    growth = _GROWTH
    if fits is not None:
        sides = math.log(over.size[0] * over.size[1] / (fits.size[0] * fits.size[1])) / 2
        growth = math.log(over.bytes_of(quality) / fits.bytes_of(quality)) / (sides or 1)
        growth = min(max(growth, _GROWTHS[0]), _GROWTHS[1])
    ratio = max(over.size) / max(full) * math.exp(-excess / growth)
    ratio = max(ratio, min(1.0, SMALLEST / max(full)))
    return max(1, round(full[0] * ratio)), max(1, round(full[1] * ratio))
