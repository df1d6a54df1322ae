"""GIFs that are packed here are read by Pillow and libvips as what they were made of."""

import io

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageSequence

from mediamill.operations.images._gif import Container, pack, read_container

LOOPS = b"!\xff\x0bNETSCAPE2.0\x03\x01\x05\x00\x00"


def colours(array):
    """Return RGBA bytes as the colours `pack` takes."""
    packed = np.ascontiguousarray(array, np.uint8).view(np.uint32)[..., 0]
    return np.where(array[..., 3] == 0, np.uint32(0), packed)


def packed(frames, delays=None, loops=b""):
    height, width = frames[0].shape[:2]
    container = Container(width, height, 0, loops, tuple(delays or [7] * len(frames)))
    return pack([colours(frame) for frame in frames], container, lambda: None)


def read(data):
    """Return the frames as Pillow sees them."""
    with Image.open(io.BytesIO(data)) as image:
        return [np.asarray(frame.convert("RGBA")) for frame in ImageSequence.Iterator(image)]


def alike(one, other):
    visible = one[..., 3:] > 0
    return np.array_equal(one[..., 3], other[..., 3]) and np.array_equal(one * visible, other * visible)


def noise(seed, shape, count, *, holes=False):
    random = np.random.default_rng(seed)
    table = random.integers(0, 256, (count, 4), np.uint8)
    table[:, 3] = 255
    picture = table[random.integers(0, count, shape)]
    if holes:
        picture[random.random(shape) < 0.3] = 0
    return picture


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 16, 17, 128, 200, 255, 256])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (40, 50), (200, 150)])
def test_one_frame_of_any_number_of_colours(count, shape):
    frame = noise(count, shape, count)
    data = packed([frame])
    assert alike(frame, read(data)[0])


@pytest.mark.parametrize("count", [1, 2, 15, 100, 255])
def test_frames_that_come_and_go(count):
    frames = [noise(seed, (60, 70), count, holes=True) for seed in range(5)]
    assert all(alike(one, other) for one, other in zip(frames, read(packed(frames)), strict=True))


def test_long_runs_fill_the_dictionary_and_go_on():
    """300000 pixels of noise and of one colour: the dictionary is full many times over."""
    frames = [noise(1, (400, 400), 250), np.full((400, 400, 4), 255, np.uint8)]
    data = packed(frames)
    assert all(alike(one, other) for one, other in zip(frames, read(data), strict=True))
    strip = pyvips.Image.new_from_buffer(data, "", n=-1)
    assert np.array_equal(strip.numpy()[:400, :, :3], frames[0][..., :3])


def test_colours_of_the_file_are_more_than_one_table_holds():
    frames = [noise(seed, (50, 60), 200) for seed in range(4)]
    assert all(alike(one, other) for one, other in zip(frames, read(packed(frames)), strict=True))


def test_a_frame_of_too_many_colours_is_refused():
    picture = np.zeros((20, 20, 4), np.uint8)
    picture[..., 0], picture[..., 1] = np.arange(20), np.arange(20)[:, None]
    picture[..., 3] = 255
    assert packed([picture]) is None


def test_only_what_changes_is_stored():
    still = noise(5, (200, 200), 200)
    moved = still.copy()
    moved[50:60, 70:90] = noise(6, (10, 20), 50)
    one, two = packed([still]), packed([still, moved, moved])
    assert len(two) - len(one) < 900
    assert all(alike(a, b) for a, b in zip([still, moved, moved], read(two), strict=True))


def test_timing_and_loops_stay():
    frames = [noise(seed, (10, 10), 5) for seed in range(3)]
    data = packed(frames, [0, 3, 500], LOOPS)
    container = read_container(data)
    assert container == Container(10, 10, 0, LOOPS, (0, 3, 500))
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["loop"] == 5


def test_a_frame_of_nothing():
    nothing = np.zeros((8, 9, 4), np.uint8)
    assert all(alike(nothing, frame) for frame in read(packed([nothing, nothing])))
