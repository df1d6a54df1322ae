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
@pytest.mark.parametrize("size", [(250, 200), (385, 495), (495, 300), (125, 100), (500, 600), (300, 605)])
def test_a_reduced_picture_has_the_values_libvips_gives_it(bands, size):
    pixels = noise(600, 500, bands)
    plain = pyvips.Image.new_from_array(pixels).resize(size[0] / 500, vscale=size[1] / 600, kernel="lanczos3")
    found = _photo.reduced(pixels, size)
    assert found.shape == (size[1], size[0], bands)
    assert (found == samples(plain)).all()


@pytest.mark.parametrize("bands", [1, 3, 4])
@pytest.mark.parametrize("size", [(50, 40), (77, 99), (99, 60), (1, 1)])
def test_a_small_picture_has_nearly_these_values(bands, size):
    soft = Image.fromarray(noise(6, 5, 3)).resize((100, 120), Image.Resampling.BICUBIC)
    pixels = np.dstack([np.asarray(soft), np.asarray(soft)[:, :, :1]])[:, :, :bands]
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels))
    plain = image.resize(size[0] / 100, vscale=size[1] / 120, kernel="lanczos3")
    found = _photo.reduced(pixels, size)
    assert found.shape == (size[1], size[0], bands)
    assert np.abs(found.astype(int) - samples(plain)).max() <= 3


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"keep_rgb": True}])
@pytest.mark.parametrize("shrink", [1, 2])
def test_a_jpeg_has_the_pixels_libvips_gives_it(bands, options, shrink):
    data = jpeg(noise(90, 70, bands), **options)
    plain = pyvips.Image.jpegload_buffer(data, shrink=shrink)
    assert (_photo.decoded(data, (70, 90), shrink) == samples(plain)).all()


def test_inks_are_as_they_are_stored():
    target = io.BytesIO()
    Image.new("CMYK", (16, 16), (255, 128, 0, 10)).save(target, "JPEG", quality=100)
    ink = _photo.decoded(target.getvalue(), (16, 16))[0, 0].astype(int)
    with Image.open(io.BytesIO(target.getvalue())) as picture:
        stored = 255 - np.array(picture.getpixel((0, 0)))  # Pillow turns what Adobe turned
    assert np.abs(ink - stored).max() <= 2


def test_a_jpeg_that_breaks_off_is_none():
    data = jpeg(noise(90, 70, 3))
    assert _photo.decoded(data[: len(data) // 2], (70, 90)) is None
    assert _photo.decoded(b"\xff\xd8 nothing", (70, 90)) is None


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("shrink", [1, 2])
def test_a_jpeg_of_another_size_than_was_said_is_none(mode, shrink):
    target = io.BytesIO()
    Image.new(mode, (70, 90)).save(target, "JPEG")
    assert _photo.decoded(target.getvalue(), (70, 90), shrink) is not None
    assert _photo.decoded(target.getvalue(), (70, 91), shrink) is None


def soft(height, width):
    return np.asarray(Image.fromarray(noise(6, 6, 3)).resize((width, height), Image.Resampling.BICUBIC))


def test_only_sparse_jpegs_get_other_scans():
    sparse, dense = (_photo.encoded(pixels, 60) for pixels in (soft(300, 320), noise(300, 320, 3)))
    assert _photo.in_best_scans(dense, 320, 300) == dense
    best = _photo.in_best_scans(sparse, 320, 300)
    assert len(best) < len(sparse)
    assert (np.asarray(Image.open(io.BytesIO(best))) == np.asarray(Image.open(io.BytesIO(sparse)))).all()


@pytest.mark.parametrize("pixels", [soft(40, 50), noise(40, 50, 1), noise(60, 50, 3)])
def test_small_pictures_are_written_in_one_scan_which_is_smaller(pixels):
    height, width, bands = pixels.shape
    data = _photo.encoded(pixels, 60)
    with Image.open(io.BytesIO(data)) as picture:
        assert not picture.info.get("progressive")
        assert np.asarray(picture).reshape(pixels.shape).shape == pixels.shape
    space = "srgb" if bands == 3 else "b-w"
    image = pyvips.Image.new_from_array(pixels).copy(interpretation=space)
    assert len(data) < len(image.jpegsave_buffer(Q=60, interlace=True, **_photo.OPTIONS))
    assert _photo.in_best_scans(data, width, height) == data
