"""BlurHash against the PyPI package, a port of the reference."""

import blurhash
import numpy as np
import pytest

from mediamill.operations.images import _blurhash


def picture(content, width, height):
    random = np.random.default_rng(width * 1000 + height)
    y, x = np.mgrid[:height, :width]
    if content == "noise":
        return random.integers(0, 256, (height, width, 3)).astype(np.uint8)
    if content == "flat":
        return np.full((height, width, 3), random.integers(0, 256, 3), np.uint8)
    if content == "split":
        return np.where((x < width / 2)[..., None], (255, 0, 0), (0, 0, 255)).astype(np.uint8)
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], -1).astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 40), (40, 1), (20, 13), (13, 20), (32, 32)])
@pytest.mark.parametrize("content", ["noise", "flat", "split", "slope"])
@pytest.mark.parametrize("components", [(1, 1), (4, 3), (3, 4), (9, 1), (1, 9), (5, 5)])
def test_it_is_bit_equal_to_the_reference(size, content, components):
    rgb = picture(content, *size)
    assert _blurhash.encode(rgb, *components) == blurhash.encode(rgb.tolist(), *components)


@pytest.mark.parametrize("value", [0, 255])
def test_extremes(value):
    rgb = np.full((8, 8, 3), value, np.uint8)
    found = _blurhash.encode(rgb, 9, 9)
    assert found == blurhash.encode(rgb.tolist(), 9, 9)
    assert len(found) == 4 + 2 * 81


def test_it_decodes_to_the_picture():
    rgb = picture("slope", 32, 24)
    decoded = np.array(blurhash.decode(_blurhash.encode(rgb, 6, 6), 32, 24))
    assert np.abs(decoded - rgb.astype(float)).mean() < 12
