"""The search for an encoder's quality: where a value that grows with it crosses a threshold, in few measurements.

What is measured is the logarithm of a file's size, or its score. The search knows beforehand how such values usually
grow, a curve over the qualities 1..100. It bends that curve through what has been measured, measures where the curve
crosses the threshold, and is done when two neighbours lie on both sides of it. No step is left out, so that the answer
is the one that trying every quality gives wherever the values only grow. Encoders are not quite monotone: elsewhere
it is promised that the answer meets the threshold and its neighbour does not.

Values can also be sampled, at a fraction of the cost: samples shape the curve and never decide anything.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

QUALITIES = range(1, 101)
Curve = Sequence[float]
"""A value for each quality, 1 first."""

Measure = Callable[[int], float]

_SLOPES = (0.25, 3.0)
"""How much flatter or steeper than usual a curve is taken to be where only two measurements say so."""

_FLAT = 1e-6
_PATIENCE = 4
"""Measurements after which the curve is no longer trusted alone."""


class Goal(Struct, frozen=True, kw_only=True):
    """What is looked for.

    Attributes:
        threshold: The value to be crossed.
        inclusive: Whether a value equal to it counts as below.
        grid: The qualities there are, ascending.
        ascending_answer: Whether the answer is the upper neighbour; else it is the lower one.
        limit: How many measurements may be made.
    """

    threshold: float
    inclusive: bool
    grid: tuple[int, ...]
    ascending_answer: bool
    limit: int

    def below(self, value: float) -> bool:
        """Return whether a value lies below the threshold."""
        return value <= self.threshold if self.inclusive else value < self.threshold


class Samples(Struct, frozen=True, kw_only=True):
    """Cheap estimates of the values.

    Attributes:
        measure: Estimates one.
        first: How many may be taken before the first measurement.
        further: How many before each further one.
    """

    measure: Measure
    first: int = 3
    further: int = 0


class Found(Struct, frozen=True):
    """Where the threshold is crossed.

    Attributes:
        below: The highest quality known to lie below it with all that is known above, None where there is none.
        above: The lowest one known to lie above it and above `below`, None where there is none.
        closed: Whether the two are neighbours, or the one there is stands at the end of the grid.
        measured: The values, in the order they were measured.
    """

    below: int | None
    above: int | None
    closed: bool
    measured: dict[int, float]


def largest_below(threshold: float, grid: Sequence[int], limit: int) -> Goal:
    """Look for the highest quality whose value is at most a threshold."""
    return Goal(threshold=threshold, inclusive=True, grid=tuple(grid), ascending_answer=False, limit=limit)


def smallest_reaching(threshold: float, grid: Sequence[int], limit: int) -> Goal:
    """Look for the lowest quality whose value is at least a threshold."""
    return Goal(threshold=threshold, inclusive=False, grid=tuple(grid), ascending_answer=True, limit=limit)


def crossing(
    goal: Goal,
    measure: Measure,
    curve: Curve,
    samples: Samples | None = None,
    known: Mapping[int, float] | None = None,
) -> Found:
    """Find where values cross a threshold.

    The last measurement that is allowed goes to the safe end of the grid where nothing meets the threshold so far.

    Args:
        goal: What is looked for.
        measure: Measures the value of a quality; is asked at most once for each.
        curve: How values usually grow; its level does not matter once one is known.
        samples: Cheap estimates.
        known: Values that have been measured before; they do not count.
    """
    grid, measured, sampled = goal.grid, dict(known or {}), dict[int, float]()
    low, high = _bracket(goal, measured)
    begun = len(measured)
    while high - low > 1 and len(measured) - begun < goal.limit:
        met = high < len(grid) if goal.ascending_answer else low >= 0
        if len(measured) - begun == goal.limit - 1 and not met:
            index = high - 1 if goal.ascending_answer else low + 1
        else:
            if samples is not None:
                count = samples.further if measured else samples.first
                _sample(goal, (low, high), curve, samples.measure, count, sampled, measured)
            index = _candidate(goal, (low, high), bend(bend(curve, sampled), measured))
            index = _bolder(index, (low, high), len(grid), len(measured) - begun)
        value = measured[grid[index]] = measure(grid[index])
        low, high = (index, high) if goal.below(value) else (low, index)
    return Found(grid[low] if low >= 0 else None, grid[high] if high < len(grid) else None, high - low == 1, measured)


def bend(curve: Curve, known: Mapping[int, float]) -> list[float]:
    """Return a curve bent to go through known values.

    Between two of them it keeps its own shape but for a straight slope; beyond the outermost it keeps their steepness
    in relation to its own; with only one known value it is shifted.

    Args:
        curve: A value for each quality.
        known: Values by quality.
    """
    if not known:
        return list(curve)
    qualities = sorted(known)
    first, last = qualities[0], qualities[-1]
    gaps = {quality: known[quality] - curve[quality - 1] for quality in qualities}
    lower, upper = 1.0, 1.0
    if len(qualities) > 1:
        lower, upper = (_steepness(curve, known, pair) for pair in (qualities[:2], qualities[-2:]))
    bent, after = [], 0
    for quality in QUALITIES:
        here = curve[quality - 1]
        if quality <= first:
            bent.append(known[first] + lower * (here - curve[first - 1]))
        elif quality >= last:
            bent.append(known[last] + upper * (here - curve[last - 1]))
        else:
            while qualities[after] < quality:
                after += 1
            left, right = qualities[after - 1], qualities[after]
            share = (quality - left) / (right - left)
            bent.append(here + gaps[left] + share * (gaps[right] - gaps[left]))
    return bent


def _steepness(curve: Curve, known: Mapping[int, float], pair: Sequence[int]) -> float:
    """Return how much steeper than usual values grow between two qualities."""
    low, high = pair
    usual = max(curve[high - 1] - curve[low - 1], _FLAT)
    return min(max((known[high] - known[low]) / usual, _SLOPES[0]), _SLOPES[1])


def _bracket(goal: Goal, measured: Mapping[int, float]) -> tuple[int, int]:
    """Return the places in the grid the threshold is known to be crossed between, exclusive."""
    grid = goal.grid
    places = {grid.index(quality): value for quality, value in measured.items() if quality in grid}
    low = max((place for place, value in places.items() if goal.below(value)), default=-1)
    return low, min((place for place in places if place > low), default=len(grid))


def _sample(
    goal: Goal,
    bracket: tuple[int, int],
    curve: Curve,
    sample: Measure,
    count: int,
    sampled: dict[int, float],
    measured: Mapping[int, float],
) -> None:
    """Sample where the threshold seems to be crossed, until that is settled."""
    for _ in range(count):
        index = _candidate(goal, bracket, bend(bend(curve, sampled), measured))
        quality = goal.grid[index]
        if quality in sampled:
            return
        sampled[quality] = sample(quality)


def _bolder(index: int, bracket: tuple[int, int], places: int, count: int) -> int:
    """Return a place further from what is known where measurements have crept up on the threshold.

    That is for pictures whose values grow as none do: without a known other side each step is at least twice the last
    one, and between two known sides ever more of the way is left on either, up to half.
    """
    low, high = bracket
    if count < _PATIENCE:
        return index
    if low >= 0 and high < places:
        margin = (high - low) // max(4 + _PATIENCE - count, 2)
        return min(max(index, low + margin), high - margin) if margin else index
    step = 1 << (count - _PATIENCE + 1)
    return min(max(index, low + step), high - 1) if low >= 0 else max(min(index, high - step), low + 1)


def _candidate(goal: Goal, bracket: tuple[int, int], expected: Curve) -> int:
    """Return the place to measure next: of the two where the threshold seems to be crossed the one that is nearer.

    Whatever its value turns out to be, the other side is then a neighbour.
    """
    low, high = bracket
    inside = range(low + 1, high)
    under = [index for index in inside if goal.below(expected[goal.grid[index] - 1])]
    if not under:
        return low + 1
    index = under[-1]
    if index == high - 1:
        return index
    gaps = [abs(expected[goal.grid[place] - 1] - goal.threshold) for place in (index, index + 1)]
    return index if gaps[0] <= gaps[1] else index + 1
