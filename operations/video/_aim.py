"""A film of a score: at which rate factor its picture has to be coded.

A film's score falls as its factor rises, along a curve that codings have and films shift. What has been measured bends
that curve, the next try is made where it meets the score, and the search ends at the highest factor that is known to
have the score, or so close above it that further tries would not pay.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from mediamill.operations.video._codecs import CODECS, CodecName

Verdict = Literal["reached", "unreachable"]
"""The score is at least the target; no factor has it, and the film is the finest there is."""

Knots = Sequence[tuple[float, float]]

_FINEST: dict[CodecName, int] = {"h264": 6, "h265": 6, "vp8": 4, "vp9": 4, "av1": 4}
"""The least factor that is tried: what is beyond costs bytes nobody sees."""

_STEPS: dict[CodecName, float] = {"h264": 0.5, "h265": 0.5, "vp8": 1, "vp9": 1, "av1": 1}

USUAL: dict[CodecName, Knots] = {
    "h264": ((6, 93.0), (16, 87.0), (26, 72.0), (36, 31.0), (46, -30.0), (51, -50.0)),
    "h265": ((6, 92.0), (16, 86.0), (26, 71.0), (36, 32.0), (46, -28.0), (51, -50.0)),
    "vp8": ((4, 90.0), (16, 83.0), (32, 76.0), (48, 65.0), (63, 45.0)),
    "vp9": ((4, 90.0), (16, 84.0), (32, 71.0), (48, 50.0), (63, 0.0)),
    "av1": ((4, 90.0), (16, 85.0), (32, 76.0), (48, 62.0), (63, 30.0)),
}
"""Scores films usually have, by factor: medians of three films of 360 lines at each coding's own preset."""

_PATIENCE = 3
"""Tries after which the curve is no longer trusted alone."""


class Bounds(Struct, frozen=True, kw_only=True):
    """When a search is content.

    Attributes:
        tolerance: How much above the target a score may be.
        limit: Tries after which any score that is high enough will do.
    """

    tolerance: float
    limit: int


def factors(codec: CodecName) -> tuple[float, ...]:
    """Return the factors of a coding that are tried, ascending."""
    step, low, high = _STEPS[codec], _FINEST[codec], CODECS[codec].crf_range[1]
    return tuple(low + step * number for number in range(int((high - low) / step) + 1))


class Search:
    """What is known of how a film's score follows from its factor.

    Args:
        target: The least score.
        grid: The factors there are, ascending.
        curve: Scores that are expected, by factor.
        bounds: When it is content.
    """

    def __init__(self, target: float, grid: Sequence[float], curve: Knots, bounds: Bounds) -> None:
        self._target = target
        self._grid = grid
        self._curve = curve
        self._bounds = bounds
        self.known: dict[float, float] = {}
        """Scores by factor, in the order they were measured."""

    def add(self, crf: float, score: float) -> None:
        """Note what a try came to."""
        self.known[crf] = score

    @property
    def best(self) -> float | None:
        """The highest factor known to have the score; None where none is."""
        return max((crf for crf, score in self.known.items() if score >= self._target), default=None)

    @property
    def following(self) -> float | None:
        """The factor to try next; None where no further try is to be made."""
        low, high = self._bracket()
        if high - low <= 1:
            return None
        aim = self._target + self._bounds.tolerance / 4
        if low >= 0:
            close = self.known[self._grid[low]] - self._target <= self._bounds.tolerance
            if close or len(self.known) >= self._bounds.limit or self._expected(self._grid[low + 1]) < self._target:
                return None
        place = max((at for at in range(low + 1, high) if self._expected(self._grid[at]) >= aim), default=low + 1)
        if len(self.known) >= _PATIENCE:
            if low >= 0 and high < len(self._grid):
                place = (low + high) // 2
            elif high < len(self._grid):
                place = max(min(place, high - (2 << (len(self.known) - _PATIENCE))), 0)
        return self._grid[place]

    @property
    def bent(self) -> Knots:
        """The curve as it was bent by what has been measured."""
        return [(crf, self._expected(crf)) for crf in self._grid]

    def _bracket(self) -> tuple[int, int]:
        """Return the places between which the factor lies, exclusive."""
        low = -1 if self.best is None else self._grid.index(self.best)
        worse = (self._grid.index(crf) for crf, score in self.known.items() if score < self._target)
        return low, min((at for at in worse if at > low), default=len(self._grid))

    def _expected(self, crf: float) -> float:
        gaps = {known: score - between(self._curve, known) for known, score in self.known.items()}
        return between(self._curve, crf) + (between(sorted(gaps.items()), crf) if gaps else 0.0)


def usual(codec: CodecName) -> Knots:
    """Return the scores films of a coding usually have, by factor."""
    return USUAL[codec]


def between(knots: Knots | Mapping[float, float], at: float) -> float:
    """Return the value at a place between knots, that of the outermost one beyond them."""
    pairs = list(knots.items()) if isinstance(knots, Mapping) else knots
    after = next((number for number, knot in enumerate(pairs) if knot[0] >= at), None)
    if after is None or after == 0:
        return pairs[-1 if after is None else 0][1]
    (left, low), (right, high) = pairs[after - 1], pairs[after]
    return low + (high - low) * (at - left) / (right - left)
