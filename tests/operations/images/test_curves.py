import math

import pytest

from mediamill.operations.images import _curves
from mediamill.operations.images._encode import LOSSY_FORMATS


@pytest.mark.parametrize("format_name", LOSSY_FORMATS)
def test_usual_values_only_grow(format_name):
    sizes, scores = _curves.log_sizes(format_name, 10_000), _curves.scores(format_name)
    assert len(sizes) == len(scores) == 100
    assert list(sizes) == sorted(sizes)
    assert list(scores) == sorted(scores)
    assert 500 < math.exp(sizes[74]) < 5_000


@pytest.mark.parametrize("format_name", LOSSY_FORMATS)
def test_more_pixels_take_more_bytes(format_name):
    small, large = (_curves.log_sizes(format_name, pixels) for pixels in (1_000, 10_000))
    assert [high - low for low, high in zip(small, large, strict=True)] == pytest.approx([math.log(10)] * 100)
