import math

import pytest

from mediamill.operations.video._aim import Bounds, Search, between, factors, usual
from mediamill.operations.video._codecs import CODECS

BOUNDS = Bounds(tolerance=0.5, limit=20)


def searched(target, codec, score, bounds=BOUNDS):
    """Return a search that is over, of a film whose scores follow from factors as a function says."""
    search = Search(target, factors(codec), usual(codec), bounds)
    while (crf := search.following) is not None:
        assert crf not in search.known, "no factor is tried twice"
        search.add(crf, score(crf))
    return search


def test_between_knots():
    knots = [(10, 90.0), (20, 70.0), (40, 0.0)]
    assert [between(knots, at) for at in (0, 10, 15, 20, 30, 40, 63)] == [90, 90, 80, 70, 35, 0, 0]


@pytest.mark.parametrize("codec", CODECS)
def test_factors_are_those_the_coding_has(codec):
    grid = factors(codec)
    low, high = CODECS[codec].crf_range
    assert low <= grid[0] < grid[-1] == high
    assert list(grid) == sorted(set(grid))
    assert all(one == round(one) for one in grid) or codec in ("h264", "h265", "av1")


FILMS = {
    "usual": lambda curve, crf: between(curve, crf),
    "better": lambda curve, crf: between(curve, crf) + 6,
    "worse": lambda curve, crf: between(curve, crf) - 6,
    "flat": lambda curve, crf: 60 + 0.4 * (between(curve, crf) - 60),
    "steep": lambda curve, crf: 80 + 2 * (between(curve, crf) - 80),
    "bent": lambda curve, crf: 95 - crf**2 / 30,
}


@pytest.mark.parametrize("target", [30, 50, 70, 85])
@pytest.mark.parametrize("film", FILMS)
@pytest.mark.parametrize("codec", CODECS)
def test_the_answer_is_that_of_trying_all(codec, film, target):
    def score(crf):
        return FILMS[film](usual(codec), crf)

    search = searched(target, codec, score)
    highest = max((crf for crf in factors(codec) if score(crf) >= target), default=None)
    if highest is None:
        assert search.best is None
        assert min(search.known) == factors(codec)[0]
    else:
        # Where it stopped earlier than at the highest, what is there is as good as asked, to the tolerance.
        assert search.best == highest or score(search.best) - target <= BOUNDS.tolerance
    assert len(search.known) <= 7


@pytest.mark.parametrize("codec", CODECS)
def test_a_film_as_all_others_takes_two_tries_at_most(codec):
    assert len(searched(72, codec, lambda crf: between(usual(codec), crf)).known) <= 2


def test_beyond_the_limit_anything_that_has_the_score_will_do():
    search = searched(70, "h264", lambda crf: 99 - crf, Bounds(tolerance=0.1, limit=2))
    assert search.best is not None
    assert len(search.known) <= 3


@pytest.mark.parametrize("score", [-400.0, 100.0])
def test_ends_of_the_scale(score):
    search = searched(90, "av1", lambda crf: score)
    assert search.best == (63 if score == 100 else None)
    assert len(search.known) <= 7


def test_scores_that_do_not_fall_evenly_end_where_the_neighbour_has_it_not():
    search = searched(70, "h264", lambda crf: 95 - crf + 4 * math.sin(crf * 3))
    assert search.known[search.best] >= 70
