"""A film of a score: at which rate factor its picture has to be coded.

A film's score falls as its factor rises, along a curve that codings have and films shift. What has been measured bends
that curve, the next try is made where it meets the score, and the search ends at the highest factor that is known to
have the score, or so close above it that further tries would not pay.
"""

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from mediamill.operations.video._codecs import CODECS, CodecName

Verdict = Literal["reached", "unreachable"]
"""The score is at least the target; no factor has it, and the film is the finest there is."""

Knots = Sequence[tuple[float, float]]

_FINEST: dict[CodecName, int] = {"h264": 6, "h265": 6, "vp8": 4, "vp9": 4, "av1": 4}
"""The least factor that is tried: what is beyond costs bytes nobody sees."""

_STEPS: dict[CodecName, float] = {"h264": 0.5, "h265": 0.5, "vp8": 1, "vp9": 1, "av1": 0.5}

_USUAL: dict[CodecName, Knots] = {
    "h264": ((6, 93.3), (16, 86.7), (26, 70.9), (36, 30.8), (46, -39.0), (51, -60.0)),
    "h265": ((6, 92.0), (16, 84.7), (26, 68.6), (36, 33.7), (46, -33.0), (51, -50.0)),
    "vp8": ((4, 89.0), (16, 77.5), (32, 65.6), (48, 43.4), (62, 15.8), (63, 13.0)),
    "vp9": ((4, 91.9), (16, 83.6), (32, 72.1), (48, 42.5), (62, -3.0), (63, -6.0)),
    "av1": ((4, 90.3), (16, 81.2), (28, 73.2), (40, 63.1), (48, 55.4), (55, 47.6), (62, 26.4), (63, 20.0)),
}
"""Scores films usually have, by factor: medians of two to six small films at each coding's own preset."""

_SLOPES = (0.25, 3.0)
"""How much flatter or steeper than usual a film's losses are taken to rise."""

_NOISE = 0.05
"""What losses of neighbouring factors are off by, so that two of them say little of how scores fall."""

_PERFECT, _LEAST_LOSS = 101.0, 0.5
"""The score nothing is lost at, a point above what is measured of the same picture, and the least loss told apart."""

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
        aim = self._target + self._bounds.tolerance / 2
        if low >= 0:
            close = self.known[self._grid[low]] - self._target <= self._bounds.tolerance
            if close or len(self.known) >= self._bounds.limit:
                return None
        place = max((at for at in range(low + 1, high) if self._expected(self._grid[at]) >= aim), default=low + 1)
        if len(self.known) >= _PATIENCE:
            place = self._bolder(place, low, high)
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

    def _bolder(self, place: int, low: int, high: int) -> int:
        """Return a place further from what is known, for films whose scores fall as none do.

        Between two known sides some of the way is left on either; without one each step is twice the last one.
        """
        if low >= 0 and high < len(self._grid):
            margin = (high - low) // 4
            return min(max(place, low + margin), high - margin) if margin else place
        step = 2 << (len(self.known) - _PATIENCE)
        return min(max(place, low + step), high - 1) if low >= 0 else max(min(place, high - step), 0)

    def _expected(self, crf: float) -> float:
        """Return the curve's score at a factor, bent to go through what is known.

        Films differ by how many times as much of them is lost, so it is the logarithms of losses that are bent: between
        known ones by how far they are off, beyond by how much flatter or steeper the film is.
        """
        here = self._usual_loss(crf)
        losses = {one: _loss(score) for one, score in sorted(self.known.items())}
        if not losses:
            return _score(here)
        known = list(losses)
        gaps = [(one, loss - self._usual_loss(one)) for one, loss in losses.items()]
        if len(known) == 1 or known[0] <= crf <= known[-1]:
            return _score(here + between(gaps, crf))
        nearest, other = known[:2] if crf < known[0] else known[:-3:-1]
        base = self._usual_loss(nearest)
        rise = self._usual_loss(other) - base
        noise = math.copysign(_NOISE, rise)
        steep = (losses[other] - losses[nearest] + noise) / (rise + noise)
        return _score(losses[nearest] + (here - base) * min(max(steep, _SLOPES[0]), _SLOPES[1]))

    def _usual_loss(self, crf: float) -> float:
        return _loss(between(self._curve, crf))


def _loss(score: float) -> float:
    return math.log(max(_PERFECT - score, _LEAST_LOSS))


def _score(loss: float) -> float:
    return _PERFECT - math.exp(loss)


def usual(codec: CodecName) -> Knots:
    """Return the scores films of a coding usually have, by factor."""
    return _USUAL[codec]


def between(knots: Knots, at: float) -> float:
    """Return the value at a place between knots, that of the outermost one beyond them."""
    after = next((number for number, knot in enumerate(knots) if knot[0] >= at), None)
    if after is None or after == 0:
        return knots[-1 if after is None else 0][1]
    (left, low), (right, high) = knots[after - 1], knots[after]
    return low + (high - low) * (at - left) / (right - left)
