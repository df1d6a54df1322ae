import itertools
import math

import msgspec
import pytest

from mediamill.operations.contract import Blob, Limits
from mediamill.operations.images import _grid
from mediamill.operations.images._encode import LOSSY_FORMATS, Encoding, encode
from mediamill.operations.images._picture import decode
from mediamill.operations.images._source import open_source
from mediamill.operations.images._trials import Tally, Trials
from mediamill.operations.sniff import sniff


@pytest.fixture(scope="module")
def picture(sample):
    def read(name, **options):
        data = sample(name).read_bytes()
        source = open_source(Blob(data=data, name=name, path=None, kind=sniff(data)), Limits(), 1)
        return decode(source, **options)

    return read


@pytest.fixture
def trials(picture):
    def make(format_name, name="photo.jpg", **options):
        return Trials(picture(name, **options), Encoding(format=format_name, effort=1), lambda: None, Tally())

    return make


@pytest.mark.parametrize("chroma", ["auto", "4:2:0"])
def test_qualities_of_one_step_make_the_same_avif_and_others_do_not(picture, chroma):
    page = picture("photo.tiff").pages[0].crop(100, 80, 64, 48).copy_memory()
    code = Encoding(format="avif", chroma=chroma, effort=1)
    files = {quality: encode(page, msgspec.structs.replace(code, quality=quality)) for quality in range(30, 101)}
    for low, high in itertools.pairwise(files):
        assert (files[low] == files[high]) == (_grid.step(code, low) == _grid.step(code, high)), (low, high)


@pytest.mark.parametrize("format_name", LOSSY_FORMATS)
def test_the_grid_leaves_no_file_out(trials, format_name):
    tried = trials(format_name)
    steps = {_grid.step(tried.code, quality) for quality in range(30, 96)}
    for smallest in (True, False):
        grid = tried.grid(30, 95, smallest=smallest)
        assert grid == sorted(set(grid))
        assert {_grid.step(tried.code, quality) for quality in grid} == steps
    assert tried.grid(30, 95, smallest=True)[0] == 30
    assert tried.grid(30, 95, smallest=False)[-1] == 95
    assert tried.grid(50, 50, smallest=True) == [50]


def test_a_quality_is_encoded_once(trials):
    tried = trials("webp", "photo.tiff")
    assert not tried.tried(40)
    assert tried.bytes_of(40) == len(tried.file(40)[0])
    assert tried.log_bytes(40) == pytest.approx(math.log(tried.bytes_of(40)))
    assert tried.tried(40)
    assert 20 < tried.score(40) < 90
    assert tried.tally.encodes == 1
    assert tried.bytes_of(80) > tried.bytes_of(40)
    assert tried.tally.encodes == 2


@pytest.mark.parametrize("format_name", LOSSY_FORMATS)
@pytest.mark.parametrize("quality", [40, 60, 80])
def test_samples_are_near_the_size_and_are_no_encodes(trials, format_name, quality):
    tried = trials(format_name, "photo-444.jpg")
    estimate = tried.sampler().measure(quality)
    assert (tried.tally.samples, tried.tally.encodes) == (1, 0)
    assert estimate == pytest.approx(tried.log_bytes(quality), abs=0.35)


def test_small_pictures_and_animations_have_no_samples(trials, picture):
    corner = picture("photo.tiff").each(lambda page: page.crop(0, 0, 90, 90))
    assert Trials(corner, Encoding(format="jpeg"), lambda: None, Tally()).sampler() is None
    assert trials("webp", "animated.gif", frames=True).sampler() is None


def test_alpha_is_flattened_before_anything_is_judged(trials):
    assert trials("jpeg", "alpha.png").score(95) > 80
