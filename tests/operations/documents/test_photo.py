"""Photos read and reduced by the fastest library: the pixels are those the other one gives."""

import io

import numpy as np
import pytest
import pyvips
from PIL import Image

from mediamill.operations.documents import _photo


def noise(height, width, bands, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (height, width, bands), np.uint8)


def jpeg(pixels, **options):
    target = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(target, "JPEG", **options)
    return target.getvalue()


def samples(image):
    return image.numpy().reshape(image.height, image.width, image.bands)


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("size", [(50, 40), (77, 99), (99, 60), (25, 20), (100, 120), (60, 121)])
def test_a_reduced_picture_has_the_values_libvips_gives_it(bands, size):
    image = pyvips.Image.new_from_array(noise(120, 100, bands))
    plain = image.resize(size[0] / 100, vscale=size[1] / 120, kernel="lanczos3")
    found = _photo.reduced(image, size)
    assert (found.width, found.height, found.bands) == (*size, bands)
    assert (samples(found) == samples(plain)).all()


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"keep_rgb": True}])
@pytest.mark.parametrize("shrink", [1, 2])
def test_a_jpeg_has_the_pixels_libvips_gives_it(bands, options, shrink):
    data = jpeg(noise(90, 70, bands), **options)
    plain = pyvips.Image.jpegload_buffer(data, shrink=shrink)
    assert (samples(_photo.decoded(data, shrink)) == samples(plain)).all()


def test_inks_are_as_they_are_stored():
    target = io.BytesIO()
    Image.new("CMYK", (16, 16), (255, 128, 0, 10)).save(target, "JPEG", quality=100)
    ink = samples(_photo.decoded(target.getvalue(), 1))[0, 0].astype(int)
    with Image.open(io.BytesIO(target.getvalue())) as picture:
        stored = 255 - np.array(picture.getpixel((0, 0)))  # Pillow turns what Adobe turned
    assert np.abs(ink - stored).max() <= 2


def test_a_jpeg_that_breaks_off_is_none():
    data = jpeg(noise(90, 70, 3))
    assert _photo.decoded(data[: len(data) // 2], 1) is None
    assert _photo.decoded(b"\xff\xd8 nothing", 1) is None


def test_only_sparse_jpegs_get_other_scans():
    sparse, dense = (
        _photo.encoded(pyvips.Image.new_from_array(pixels), 60)
        for pixels in (np.full((256, 256, 3), 99, np.uint8), noise(256, 256, 3))
    )
    assert _photo.in_best_scans(dense, 256, 256) == dense
    assert len(_photo.in_best_scans(sparse, 256, 256)) <= len(sparse)
    soft = np.asarray(Image.fromarray(noise(6, 6, 3)).resize((256, 256), Image.Resampling.BICUBIC))
    plain = _photo.encoded(pyvips.Image.new_from_array(soft), 60)
    best = _photo.in_best_scans(plain, 256, 256)
    assert len(best) < len(plain)
    assert (np.asarray(Image.open(io.BytesIO(best))) == np.asarray(Image.open(io.BytesIO(plain)))).all()
