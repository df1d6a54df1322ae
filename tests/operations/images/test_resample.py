import numpy as np
import pytest
import pyvips

from mediamill.operations.images._geometry import (
    Fit,
    cascade_source,
    crop_offset,
    fit,
    registered,
    shrink_on_load,
)
from mediamill.operations.images._resample import Look, Raster, resample

WIDE = (1600, 1067)


@pytest.mark.parametrize(
    ("box", "options", "expected"),
    [
        ((800, None), {}, Fit((800, 534), (800, 534))),
        ((None, 100), {}, Fit((150, 100), (150, 100))),
        ((800, 100), {}, Fit((150, 100), (150, 100))),
        ((800, 100), {"how": "outside"}, Fit((800, 534), (800, 534))),
        ((800, 100), {"how": "cover"}, Fit((800, 534), (800, 100))),
        ((800, 100), {"how": "contain"}, Fit((150, 100), (800, 100))),
        ((800, 100), {"how": "fill"}, Fit((800, 100), (800, 100))),
        ((800, None), {"max_height": 267}, Fit((400, 267), (400, 267))),
        ((800, 600), {"how": "cover", "max_height": 300}, Fit((800, 534), (800, 300))),
        ((1, None), {}, Fit((1, 1), (1, 1))),
        ((None, None), {}, Fit(WIDE, WIDE)),
    ],
)
def test_geometry(box, options, expected):
    assert fit(WIDE, *box, **options) == (expected, False)


@pytest.mark.parametrize(
    ("box", "options", "expected"),
    [
        ((3200, None), {}, Fit(WIDE, WIDE)),
        ((3200, 3200), {}, Fit(WIDE, WIDE)),
        ((3200, 2000), {"how": "outside"}, Fit(WIDE, WIDE)),
        ((3200, 3200), {"how": "cover"}, Fit(WIDE, (1067, 1067))),
        ((3200, 3200), {"how": "fill"}, Fit((1067, 1067), (1067, 1067))),
        ((3200, 3200), {"how": "contain"}, Fit(WIDE, (3200, 3200))),
    ],
)
def test_nothing_grows_unless_asked(box, options, expected):
    assert fit(WIDE, *box, **options) == (expected, True)
    grown, capped = fit(WIDE, *box, upscale=True, **options)
    assert not capped
    assert grown.scaled[0] >= 3200


def test_a_side_never_vanishes():
    assert fit((3000, 2), 60, None)[0].scaled == (60, 1)
    assert fit((2, 3000), 60, 60)[0].scaled == (1, 60)


@pytest.mark.parametrize(("target", "shrink"), [(1362, 1), (908, 2), (720, 2), (450, 4), (227, 8), (16, 8), (909, 1)])
def test_decoders_leave_half_as_much_again(target, shrink):
    assert shrink_on_load((2725, 2225), (target, round(target * 2225 / 2725))) == shrink


def test_small_pictures_come_from_large_enough_ones():
    made = [(1920, 1000), (1280, 667), (640, 333)]
    assert cascade_source((960, 500), made) == 0
    assert cascade_source((400, 208), made) == 2
    assert cascade_source((1600, 833), made) is None
    assert cascade_source((1, 1), []) is None


@pytest.mark.parametrize(
    ("focal", "offset"), [((0.5, 0.5), (100, 0)), ((0, 0), (0, 0)), ((1, 1), (200, 0)), ((0.4, 0.9), (70, 0))]
)
def test_crops_keep_the_focal_point_in_the_middle(focal, offset):
    assert crop_offset((300, 100), (100, 100), focal) == offset


@pytest.mark.parametrize("wanted", [1, 2, 33, 200, 453, 720])
@pytest.mark.parametrize("factor", [1.5, 1.892361, 2.0, 2.999, 3.00772, 7.31])
def test_a_factor_is_kept_with_whole_pixels(factor, wanted):
    taken, made = registered(factor, wanted)
    assert wanted <= made <= wanted + max(8, wanted // 8)
    assert abs(taken / made / factor - 1) * wanted < 0.21


@pytest.mark.parametrize(("shrink", "size"), [(2, (331, 247)), (2, (190, 142)), (4, (97, 73))])
def test_a_picture_shrunk_while_it_was_decoded_stays_where_it_was(shrink, size):
    """The phase of a slow wave tells where a picture lies, to a fiftieth of a pixel."""
    width, height = 1001, 747
    y, x = np.mgrid[:height, :width].astype(float)
    period = 90
    wave = 128 + 100 * np.sin(2 * np.pi * x / period) * np.cos(2 * np.pi * y / period)
    rows, columns = -(-height // shrink), -(-width // shrink)
    padded = np.pad(wave, ((0, rows * shrink - height), (0, columns * shrink - width)), "edge")
    small = padded.reshape(rows, shrink, columns, shrink).mean((1, 3))
    raster = Raster((pyvips.Image.new_from_array(np.rint(small).astype(np.uint8)),), (width / shrink, height / shrink))
    made = resample(raster, size, Look()).pages[0].numpy().astype(float)
    assert made.shape == size[::-1]
    fx, fy = width / size[0], height / size[1]
    v, u = np.mgrid[: size[1], : size[0]].astype(float)
    right, down = 2 * np.pi * ((u + 0.5) * fx - 0.5) / period, 2 * np.pi * ((v + 0.5) * fy - 0.5) / period
    error = (made - 128 - 100 * np.sin(right) * np.cos(down))[8:-8, 8:-8]
    slope_right = (100 * np.cos(right) * np.cos(down) * 2 * np.pi / period * fx)[8:-8, 8:-8]
    slope_down = (-100 * np.sin(right) * np.sin(down) * 2 * np.pi / period * fy)[8:-8, 8:-8]
    shift = [float((error * slope).sum() / (slope**2).sum()) for slope in (slope_right, slope_down)]
    assert np.abs(shift).max() < 0.02
