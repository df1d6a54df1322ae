import functools
import itertools

import numpy as np
import pytest
import pyvips
from ssimulacra2 import compute_ssimulacra2

from mediamill.operations.images import _colour
from mediamill.operations.images._ssimulacra2 import Reference

PICTURES = ["photo.tiff", "photo-gray.jpg", "photo-odd.jpg", "palette.png", "small"]
CODECS = [("jpeg", 5), ("jpeg", 60), ("jpeg", 96), ("webp", 20), ("webp", 85), ("avif", 15), ("avif", 65)]


@pytest.fixture
def picture(sample):
    """Return a function that reads a sample for the metric; `small` is what is left of a photo at a fortieth."""

    @functools.cache
    def read(name):
        if name == "small":
            return read("photo.tiff").thumbnail_image(40).copy_memory()
        return _colour.normalise(pyvips.Image.new_from_file(str(sample(name)))).copy_memory()

    return read


def coded(image, format_name, quality):
    data = {
        "jpeg": lambda: image.jpegsave_buffer(Q=quality),
        "webp": lambda: image.webpsave_buffer(Q=quality, effort=1),
        "avif": lambda: image.heifsave_buffer(Q=quality, compression="av1", effort=1),
    }[format_name]()
    return _colour.normalise(pyvips.Image.new_from_buffer(data, ""))


@pytest.mark.parametrize("name", PICTURES)
def test_it_agrees_with_the_other_implementation(picture, tmp_path, name):
    original = picture(name)
    reference = Reference(original)
    original.pngsave(str(tmp_path / "original.png"), keep="none")
    scores = []
    for format_name, quality in CODECS:
        other = coded(original, format_name, quality)
        other.pngsave(str(tmp_path / "other.png"), keep="none")
        expected = compute_ssimulacra2(str(tmp_path / "original.png"), str(tmp_path / "other.png"))
        scores.append(reference.score(other))
        assert scores[-1] == pytest.approx(expected, abs=0.1)
    assert max(scores) - min(scores) > 5


def test_the_pairs_span_the_scale(picture):
    assert len(PICTURES) * len(CODECS) >= 20
    reference = Reference(picture("photo-odd.jpg"))
    assert reference.score(coded(picture("photo-odd.jpg"), "jpeg", 1)) < 0
    assert reference.score(coded(picture("photo-odd.jpg"), "jpeg", 100)) > 90


@pytest.mark.parametrize("size", [(8, 8), (9, 8), (63, 64), (65, 129), (134, 15), (15, 134), (128, 65)])
def test_it_agrees_at_every_size(picture, tmp_path, size):
    original = picture("photo.tiff").crop(90, 110, *size).copy_memory()
    other = coded(original, "jpeg", 20)
    original.pngsave(str(tmp_path / "a.png"), keep="none")
    other.pngsave(str(tmp_path / "b.png"), keep="none")
    expected = compute_ssimulacra2(str(tmp_path / "a.png"), str(tmp_path / "b.png"))
    assert Reference(original).score(other) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("name", ["photo.tiff", "photo-gray.jpg", "alpha.png", "rgb16.png"])
def test_the_same_is_100(picture, name):
    assert Reference(picture(name)).score(picture(name)) == 100


def test_worse_is_less(picture):
    reference = Reference(picture("photo.tiff"))
    scores = [reference.score(picture("photo.tiff").gaussblur(sigma)) for sigma in (0.5, 1, 2, 4)]
    assert all(better > worse for better, worse in itertools.pairwise(scores))


def test_a_reference_can_be_used_again(picture):
    reference = Reference(picture("photo.tiff"))
    found = [reference.score(coded(picture("photo.tiff"), "jpeg", quality)) for quality in (30, 90, 30)]
    assert found[0] == found[2] < found[1]


def test_colour_counts(picture):
    original = picture("photo.tiff")
    assert Reference(original).score(original.colourspace("b-w")) < 50


def test_what_alpha_hides_does_not_count(picture):
    image = picture("photo.tiff")
    alpha = pyvips.Image.black(image.width, image.height)
    one, other = (picture.bandjoin(alpha) for picture in (image, image.invert()))
    assert Reference(one.copy(interpretation="srgb")).score(other.copy(interpretation="srgb")) == 100


def test_alpha_itself_counts_and_the_worse_backdrop_does(picture):
    grey = np.full((64, 64, 4), 230, np.uint8)
    grey[..., 3] = 255
    holes = grey.copy()
    holes[16:48, 16:48, 3] = 0
    solid, holed = (pyvips.Image.new_from_array(part).copy(interpretation="srgb") for part in (grey, holes))
    assert Reference(solid).score(holed) < 50


def test_profiles_are_looked_through(sample):
    image = _colour.normalise(pyvips.Image.new_from_file(str(sample("p3.png"))))
    assert Reference(image).score(_colour.to_srgb(image)) > 99
    assert Reference(image).score(_colour.without_profile(image)) < 90


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (1, 200), (200, 1)])
def test_pictures_that_are_too_small_are_extended(size):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    original, other = (pyvips.Image.new_from_array(part).copy(interpretation="srgb") for part in (pixels, 255 - pixels))
    assert Reference(original).score(original) == 100
    assert Reference(original).score(other) < 90


def test_pictures_of_other_sizes_are_refused(picture):
    with pytest.raises(ValueError, match="cannot be compared"):
        Reference(picture("photo.tiff")).score(picture("small"))
