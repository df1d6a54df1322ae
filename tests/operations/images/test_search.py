import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamill.operations.images._search import (
    Samples,
    bend,
    crossing,
    largest_below,
    smallest_reaching,
)

GRID = range(30, 96)
USUAL = [math.log(quality + 5) for quality in range(1, 101)]
STEPS = st.lists(st.floats(0, 1), min_size=100, max_size=100)


def grown(steps):
    return list(itertools.accumulate(steps))


def exhaustive(values, threshold, grid):
    return max((quality for quality in grid if values[quality - 1] <= threshold), default=None)


@given(STEPS, STEPS, st.floats(-1, 60), st.sets(st.integers(1, 100), min_size=1))
def test_it_finds_what_trying_everything_finds_whatever_curve_it_expects(steps, expected, threshold, qualities):
    values, grid = grown(steps), sorted(qualities)
    found = crossing(largest_below(threshold, grid, 100), lambda quality: values[quality - 1], grown(expected))
    assert found.below == exhaustive(values, threshold, grid)
    assert found.closed


@given(STEPS, st.floats(0, 60))
def test_it_finds_the_first_that_reaches(steps, threshold):
    values = grown(steps)
    found = crossing(smallest_reaching(threshold, GRID, 100), lambda quality: values[quality - 1], USUAL)
    assert found.above == min((quality for quality in GRID if values[quality - 1] >= threshold), default=None)


@given(st.lists(st.floats(0, 10), min_size=100, max_size=100), st.floats(0, 10))
def test_where_values_fall_too_the_answer_fits_and_its_neighbour_does_not(values, threshold):
    found = crossing(largest_below(threshold, GRID, 100), lambda quality: values[quality - 1], USUAL)
    if found.below is not None:
        assert values[found.below - 1] <= threshold
    after = GRID[0] if found.below is None else found.below + 1
    assert after > GRID[-1] or values[after - 1] > threshold


@given(STEPS, st.floats(0, 60), st.integers(1, 10))
def test_the_limit_holds_and_something_that_fits_is_found_where_there_is_any(steps, threshold, limit):
    values, asked = grown(steps), []

    def measure(quality):
        asked.append(quality)
        return values[quality - 1]

    found = crossing(largest_below(threshold, GRID, limit), measure, USUAL)
    assert len(asked) == len(set(asked)) <= limit
    assert list(found.measured) == asked
    assert (found.below is None) == (values[GRID[0] - 1] > threshold)


@given(STEPS, st.floats(0, 60), st.integers(1, 10))
def test_within_the_limit_the_best_is_tried_where_nothing_reaches(steps, threshold, limit):
    values = grown(steps)
    found = crossing(smallest_reaching(threshold, GRID, limit), lambda quality: values[quality - 1], USUAL)
    assert (found.above is None) == (values[GRID[-1] - 1] < threshold)


@pytest.mark.parametrize("answer", [30, 31, 60, 94])
@pytest.mark.parametrize("level", [-3, 0, 3])
def test_two_measurements_do_where_the_curve_is_right_and_three_where_its_level_is_not(answer, level):
    values = [value + level for value in USUAL]
    threshold = values[answer - 1] + 1e-3
    found = crossing(largest_below(threshold, GRID, 10), lambda quality: values[quality - 1], USUAL)
    assert found.below == answer
    assert len(found.measured) <= (2 if level == 0 else 4)


@pytest.mark.parametrize("slope", [0.01, 0.2, 0.5, 2, 5])
@pytest.mark.parametrize("answer", range(30, 95, 7))
def test_curves_that_are_far_off_do_not_cost_much(slope, answer):
    values = [slope * value for value in USUAL]
    found = crossing(largest_below(values[answer - 1], GRID, 100), lambda quality: values[quality - 1], USUAL)
    assert found.below == answer
    assert len(found.measured) <= (14 if slope < 0.2 else 10)


def test_samples_are_used_to_aim():
    values = [2 * value + 7 for value in USUAL]
    taken = []

    def sample(quality):
        taken.append(quality)
        return values[quality - 1]

    found = crossing(
        largest_below(values[70] + 1e-6, GRID, 10),
        lambda quality: values[quality - 1],
        USUAL,
        Samples(measure=sample),
    )
    assert found.below == 71
    assert 0 < len(taken) <= 3
    assert len(found.measured) <= 3


@given(STEPS, st.lists(st.floats(-100, 100), min_size=100, max_size=100), st.floats(0, 60))
def test_samples_never_decide(steps, nonsense, threshold):
    values = grown(steps)
    found = crossing(
        largest_below(threshold, GRID, 100),
        lambda quality: values[quality - 1],
        USUAL,
        Samples(measure=lambda quality: nonsense[quality - 1], further=2),
    )
    assert found.below == exhaustive(values, threshold, GRID)


def test_what_is_known_is_not_measured_again():
    asked = []

    def measure(quality):
        asked.append(quality)
        return USUAL[quality - 1]

    known = {quality: USUAL[quality - 1] for quality in (50, 52)}
    found = crossing(largest_below(USUAL[50], GRID, 10), measure, USUAL, known=known)
    assert found.below == 51
    assert asked == [51]


def test_the_ends_of_the_grid_are_closed_by_one_side():
    for threshold, below, above in ((-10, None, 30), (10, 95, None)):
        found = crossing(largest_below(threshold, GRID, 10), lambda quality: USUAL[quality - 1], USUAL)
        assert (found.below, found.above, found.closed) == (below, above, True)
        assert len(found.measured) == 1


@given(STEPS, st.dictionaries(st.integers(1, 100), st.floats(-50, 50), min_size=1))
def test_bent_curves_go_through_what_is_known(steps, known):
    curve = bend(grown(steps), known)
    assert len(curve) == 100
    for quality, value in known.items():
        assert curve[quality - 1] == pytest.approx(value, abs=1e-6)


def test_a_curve_is_shifted_by_one_value_and_tilted_by_two():
    shifted = bend(USUAL, {50: USUAL[49] + 1})
    assert shifted == pytest.approx([value + 1 for value in USUAL])
    steeper = [2 * value for value in USUAL]
    assert bend(USUAL, {40: steeper[39], 60: steeper[59]})[79] == pytest.approx(steeper[79])
    assert bend(USUAL, {}) == USUAL
