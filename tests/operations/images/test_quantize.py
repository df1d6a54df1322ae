import io

import numpy as np
import pytest
from PIL import Image

from mediamill.operations.images import _quantize
from mediamill.operations.images._vips import vips
from mediamill.protocol.errors import EncodeFailed


def image(array):
    """Return an array as libvips has it."""
    made = vips().Image.new_from_array(np.ascontiguousarray(array))
    return made.copy(interpretation="srgb" if made.bands > 2 else "b-w")


def noise(width=40, height=30, bands=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, bands)).astype(np.uint8)


def shown(indexed):
    """Return an indexed picture's pixels, by its palette."""
    flat = np.array(indexed.palette, np.uint8)[np.frombuffer(indexed.indices, np.uint8)]
    return flat.reshape(indexed.height, indexed.width, 4)


def read(data):
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()
        return opened


def with_colours(count, width=37, height=20):
    """Return a picture of so many colours, in no order."""
    numbers = np.random.default_rng(count).permutation(np.arange(width * height) % count).reshape(height, width)
    return np.stack([numbers * 3 % 256, 255 - numbers, numbers // 2, np.full_like(numbers, 255)], -1).astype(np.uint8)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 16, 17, 255, 256])
def test_few_colours_stay_exactly_and_are_written_with_the_fewest_bits(count):
    pixels = with_colours(count)
    indexed = _quantize.quantize(image(pixels), 256, dithering=1)
    assert len(indexed.palette) == count
    assert np.array_equal(shown(indexed), pixels)
    data = _quantize.png(indexed)
    assert data[24] == (1 if count <= 2 else 2 if count <= 4 else 4 if count <= 16 else 8)
    assert b"tRNS" not in data
    assert data[data.index(b"PLTE") - 4 : data.index(b"PLTE")] == (3 * count).to_bytes(4, "big")
    assert np.array_equal(np.asarray(read(data).convert("RGBA")), pixels)


@pytest.mark.parametrize("width", range(1, 18))
@pytest.mark.parametrize("count", [2, 4, 16])
def test_rows_that_do_not_end_on_a_byte(width, count):
    pixels = with_colours(count, width, 9)
    data = _quantize.png(_quantize.quantize(image(pixels)))
    assert np.array_equal(np.asarray(read(data).convert("RGBA")), pixels)


@pytest.mark.parametrize("colours", [2, 3, 16, 100, 256])
@pytest.mark.parametrize("dithering", [0, 0.5, 1])
def test_many_colours_become_few(colours, dithering):
    indexed = _quantize.quantize(image(noise()), colours, dithering=dithering)
    assert 2 <= len(indexed.palette) <= colours
    assert set(np.frombuffer(indexed.indices, np.uint8)) == set(range(len(indexed.palette)))
    assert len(set(indexed.palette)) == len(indexed.palette)


def test_more_colours_are_closer():
    pixels = noise()
    apart = [
        np.abs(shown(_quantize.quantize(image(pixels), count, dithering=0))[..., :3] - pixels.astype(float)).mean()
        for count in (4, 32, 256)
    ]
    assert apart[0] > apart[1] > apart[2]


def test_dithering_keeps_the_mean_where_none_shows_bands():
    slope = np.tile(np.linspace(0, 255, 256).astype(np.uint8), (32, 1))[..., None].repeat(3, -1)
    plain, dithered = (shown(_quantize.quantize(image(slope), 4, dithering=d))[..., 0].astype(float) for d in (0, 1))

    def smooth(pixels):
        return pixels.reshape(4, 8, 32, 8).mean(axis=(1, 3))

    wanted = smooth(slope[..., 0].astype(float))
    assert np.abs(smooth(dithered) - wanted).mean() < 0.5 * np.abs(smooth(plain) - wanted).mean()


@pytest.mark.parametrize("colours", [2, 4, 16, 64])
def test_what_is_clear_stays_clear(colours):
    pixels = noise(60, 60, 4)
    pixels[10:30, 10:50, 3] = 0
    indexed = _quantize.quantize(image(pixels), colours)
    found = shown(indexed)
    assert (found[pixels[..., 3] == 0] == 0).all()
    assert indexed.palette[0] == (0, 0, 0, 0)


def test_transparency_is_written_as_far_as_it_goes():
    pixels = with_colours(40)
    pixels[:, :10, 3] = 0
    pixels[:, 10:20, 3] = 100
    indexed = _quantize.quantize(image(pixels))
    soft = sum(colour[3] < 255 for colour in indexed.palette)
    data = _quantize.png(indexed)
    assert data[data.index(b"tRNS") - 4 : data.index(b"tRNS")] == soft.to_bytes(4, "big")
    found, expected = np.asarray(read(data).convert("RGBA")), np.where(pixels[..., 3:] == 0, 0, pixels)
    assert np.array_equal(found, expected)


def test_what_is_hidden_takes_no_colours():
    pixels = noise(40, 40, 4)
    pixels[..., 3] = 0
    pixels[:5] = (9, 8, 7, 255)
    assert _quantize.quantize(image(pixels)).palette == ((0, 0, 0, 0), (9, 8, 7, 255))


def test_frames_share_a_palette():
    frames = _quantize.quantize_frames([image(noise(seed=seed)) for seed in range(3)], 32)
    assert frames[0].palette == frames[1].palette == frames[2].palette
    assert len(frames[0].palette) <= 32
    assert len({frame.indices for frame in frames}) == 3


def test_shares_are_of_all_pixels_the_largest_first():
    pixels = np.zeros((10, 10, 3), np.uint8)
    pixels[:3] = 200
    pixels[9:] = (1, 2, 3)
    found = _quantize.shares(_quantize.quantize_frames([image(pixels), image(np.zeros_like(pixels))]))
    assert found == [((0, 0, 0, 255), 0.8), ((200, 200, 200, 255), 0.15), ((1, 2, 3, 255), 0.05)]


def test_too_few_colours_for_a_quality():
    assert _quantize.quantize(image(noise()), 2, min_quality=80) is None
    slope = np.tile(np.arange(256, dtype=np.uint8), (32, 1))[..., None].repeat(3, -1)
    assert _quantize.quantize(image(slope), 128, min_quality=80) is not None


def test_less_quality_takes_fewer_colours():
    slope = np.stack(np.meshgrid(np.arange(256), np.arange(64) * 4, [90]), -1)[:, :, 0].astype(np.uint8)
    low, high = (_quantize.quantize(image(slope), 256, max_quality=quality) for quality in (30, 100))
    assert len(low.palette) < len(high.palette)


@pytest.mark.parametrize("wrong", [{"colours": 1}, {"colours": 257}, {"dithering": 2.0}, {"speed": 0}])
def test_what_the_library_refuses_is_an_error(wrong):
    with pytest.raises(EncodeFailed):
        _quantize.quantize(image(noise(60, 60)), **wrong)


def test_pixels_come_back():
    pixels = with_colours(9)
    indexed = _quantize.quantize(image(pixels))
    made = _quantize.image_of(indexed)
    assert (made.width, made.height, made.bands) == (37, 20, 3)
    assert made.write_to_memory() == pixels[..., :3].tobytes()


def test_extra_chunks_come_before_the_palette():
    chunk = _quantize._chunk(b"tEXt", b"Comment\0hello")
    data = _quantize.png(_quantize.quantize(image(with_colours(3))), extra=chunk)
    assert data.index(b"tEXt") < data.index(b"PLTE")
    assert read(data).info["Comment"] == "hello"


def test_the_same_picture_gives_the_same_palette():
    one, other = (_quantize.quantize(image(noise()), 20) for _ in range(2))
    assert one == other
