"""What a file is to meet, a size or a score or both, and the quality that meets it."""

import math
from typing import Literal

from msgspec import Struct

from mediamill.operations.images import _curves
from mediamill.operations.images._search import crossing, largest_below, smallest_reaching
from mediamill.operations.images._trials import Trials

Verdict = Literal["reached", "unreachable", "floor_hit"]
"""How a search ended.

- `reached`: the size is at most the target, and the score at least its own, where they were asked for.
- `unreachable`: no quality has the score, or none that has it is small enough. The file is the best that is small
  enough, or that of the highest quality where no size was asked for.
- `floor_hit`: even the lowest quality is larger than the target. The file is that of the lowest quality.
"""


class Criteria(Struct, frozen=True, kw_only=True):
    """What is asked of a file, and within which bounds.

    Attributes:
        size: At most so many bytes.
        score: At least this SSIMULACRA2 score.
        low: The least quality.
        high: The highest one.
        limit: How many encodes may be made.
    """

    size: int | None
    score: float | None
    low: int
    high: int
    limit: int


class Met(Struct, frozen=True):
    """The quality a search came to, and how it ended."""

    quality: int
    verdict: Verdict


def meet(trials: Trials, criteria: Criteria) -> Met:
    """Find the highest quality within a size, the lowest one of a score, or the lowest one of a score within a size."""
    if criteria.score is None:
        return _within_size(trials, criteria, criteria.high)
    if criteria.size is None:
        quality = _of_score(trials, criteria, criteria.limit)
        return Met(quality or criteria.high, "unreachable" if quality is None else "reached")
    # One encode is left for the lowest quality, should nothing else be small enough.
    quality = _of_score(trials, criteria, criteria.limit - 1)
    if quality is not None and trials.bytes_of(quality) <= criteria.size:
        return Met(quality, "reached")
    found = _within_size(trials, criteria, quality or criteria.high)
    if found.verdict == "reached" and trials.score(found.quality) < criteria.score:
        return Met(found.quality, "unreachable")
    return found


def _of_score(trials: Trials, criteria: Criteria, limit: int) -> int | None:
    """Return the lowest quality found to have the score, None where the highest has not."""
    assert criteria.score is not None
    grid = trials.grid(criteria.low, criteria.high, smallest=True)
    goal = smallest_reaching(criteria.score, grid, limit)
    return crossing(goal, trials.score, _curves.scores(trials.code.format)).above


def _within_size(trials: Trials, criteria: Criteria, high: int) -> Met:
    """Return the highest quality found to be small enough, the lowest there is where none is."""
    assert criteria.size is not None
    grid = trials.grid(criteria.low, high, smallest=False)
    known = {quality: trials.log_bytes(quality) for quality in grid if trials.tried(quality)}
    goal = largest_below(math.log(criteria.size), grid, criteria.limit - trials.tally.encodes)
    curve = _curves.log_sizes(trials.code.format, trials.pixels)
    found = crossing(goal, trials.log_bytes, curve, trials.sampler(), known)
    return Met(criteria.low, "floor_hit") if found.below is None else Met(found.below, "reached")
