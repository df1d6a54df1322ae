"""The search for a setting, and the parts large pictures are judged by."""

import pytest
import pyvips

from mediamill.operations.images._sampling import SAMPLE_PIXELS, Judge, least, quality_of, sample, target_score


@pytest.mark.parametrize("answer", [1, 2, 17, 50, 99, 100])
@pytest.mark.parametrize("first", [1, 40, 80, 100])
@pytest.mark.parametrize("power", [0.3, 1, 3])
def test_the_least_setting_is_found_in_few_steps(answer, first, power):
    tried = []

    def score(at):
        tried.append(at)
        return 100 * (at / 100) ** power

    assert least(score, 100 * (answer / 100) ** power, 1, 100, first) == answer
    assert len(tried) == len(set(tried))
    assert len(tried) <= 10


def test_a_target_out_of_reach_gives_the_largest():
    assert least(lambda at: float(at), 1000, 1, 60, 30) == 60


def test_a_target_that_all_reach_gives_the_smallest():
    assert least(lambda at: float(at), -5, 3, 60, 30) == 3


def test_target_scores_rise_with_quality():
    scores = [target_score(quality) for quality in range(1, 101)]
    assert scores == sorted(scores)
    assert scores[79] == 75
    assert [quality_of(target_score(quality)) for quality in range(1, 101)] == list(range(1, 101))
    assert quality_of(-100) == 1


@pytest.mark.parametrize("size", [(3000, 2000), (20_000, 90), (90, 20_000), (1025, 1025), (40_000, 8)])
def test_samples_are_small_and_from_all_over(size):
    picture = pyvips.Image.xyz(*size).cast("ushort")
    part = sample(picture)
    assert part.width * part.height <= SAMPLE_PIXELS
    assert part.width * part.height >= SAMPLE_PIXELS * 0.3 or part.width * part.height >= size[0] * size[1] * 0.3
    found = part.numpy()
    assert found[..., 0].min() == 0
    assert found[..., 1].min() == 0
    assert found[..., 0].max() >= size[0] - 20
    assert found[..., 1].max() >= size[1] - 20


def test_small_pictures_are_judged_whole():
    picture = pyvips.Image.black(1000, 1000)
    assert sample(picture) is picture


def test_a_picture_is_like_itself():
    picture = pyvips.Image.gaussnoise(100, 90, mean=128).cast("uchar").copy(interpretation="b-w").copy_memory()
    assert Judge(picture).score(picture) == pytest.approx(100)
