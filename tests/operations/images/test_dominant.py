import numpy as np
import pytest

from mediamill.operations.images import _dominant


def filled(*parts):
    """Return a picture 40 high, each part a colour and a number of columns."""
    columns = [colour if len(colour) == 4 else (*colour, 255) for colour, count in parts for _ in range(count)]
    return np.tile(np.array(columns, np.uint8), (40, 1, 1))


def near(found, colour, most=6):
    return max(abs(one - other) for one, other in zip(found[:3], colour, strict=True)) <= most


@pytest.mark.parametrize("seed", range(20))
def test_a_flat_picture_is_its_colour(seed):
    colour = tuple(np.random.default_rng(seed).integers(0, 256, 3).tolist())
    assert _dominant.dominant(filled((colour, 10))) == (*colour, 255)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)])
def test_the_corners_of_the_gamut(colour):
    assert _dominant.dominant(filled((colour, 3))) == (*colour, 255)


def test_it_is_the_larger_part_not_the_mean():
    assert _dominant.dominant(filled(((200, 30, 30), 25), ((30, 60, 200), 15)))[:3] == (200, 30, 30)


def test_a_noisy_part_wins_over_a_smaller_flat_one():
    random = np.random.default_rng(1)
    rgba = filled(((60, 120, 60), 60), ((250, 240, 230), 40)).astype(int)
    rgba[:, :60, :3] += random.integers(-14, 15, (40, 60, 3))
    assert near(_dominant.dominant(rgba.astype(np.uint8)), (60, 120, 60))


def test_what_cannot_be_seen_does_not_count():
    assert _dominant.dominant(filled(((255, 0, 255, 0), 70), ((20, 90, 200), 10)))[:3] == (20, 90, 200)
    assert _dominant.dominant(filled(((255, 0, 255, 60), 30), ((20, 90, 200), 10)))[:3] == (20, 90, 200)
    assert _dominant.dominant(filled(((255, 0, 255, 0), 8))) is None


def test_corners_are_read_row_by_row():
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[..., 3] = 255
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0)]
    for colour, (top, left) in zip(colours, [(0, 0), (0, 4), (4, 0), (4, 4)], strict=True):
        rgba[top : top + 4, left : left + 4, :3] = colour
    assert [corner[:3] for corner in _dominant.corners(rgba)] == colours


def test_corners_of_one_pixel():
    assert set(_dominant.corners(np.array([[[1, 2, 3, 4]]], np.uint8))) == {(1, 2, 3, 4)}


def test_means_are_weighted_with_alpha():
    assert _dominant.mean(filled(((255, 0, 255, 0), 20), ((10, 20, 30, 255), 20))) == (10, 20, 30, 128)
    assert _dominant.mean(filled(((255, 0, 255, 0), 20))) == (0, 0, 0, 0)


def test_pictures_are_laid_on_colours():
    laid = _dominant.laid_on(
        np.array([[[10, 20, 30, 255], [9, 9, 9, 0], [0, 0, 0, 51]]], np.uint8), (200, 100, 50, 255)
    )
    assert laid.tolist() == [[[10, 20, 30], [200, 100, 50], [160, 80, 40]]]
