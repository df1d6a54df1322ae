import os

import numpy as np
import pytest
from PIL import Image

from mediamill.operations.images import adjust
from mediamill.operations.images._adjust import PIVOT_LIGHT, blurred
from mediamill.operations.images._vips import vips

WEIGHTS = np.array([0.2126, 0.7152, 0.0722])


def decoded(code):
    """Return the light of sRGB codes 0..1, after IEC 61966-2-1."""
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def coded(light):
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def expected(pixels, linear, brightness=0.0, contrast=0.0, saturation=0.0):
    """Return what the declared formulas make of pixels 0..255, in double precision."""
    x = decoded(pixels / 255) if linear else pixels / 255
    x = x * (1 + brightness)
    if linear:
        x = PIVOT_LIGHT * (x / PIVOT_LIGHT) ** (1 + contrast) if contrast else x
    else:
        x = (x - 0.5) * (1 + contrast) + 0.5
    luminance = (x @ WEIGHTS)[..., None]
    x = luminance + (x - luminance) * (1 + saturation)
    return 255 * (coded(x) if linear else np.clip(x, 0, 1))


def saved(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def colours(tmp_path):
    """Every kind of colour, once: a cube of 17 levels a side."""
    levels = np.linspace(0, 255, 17).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(17, 289, 3)
    return saved(tmp_path / "colours.png", cube)


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize(
    "fields",
    [
        {"brightness": 0.3},
        {"brightness": -0.6},
        {"brightness": 1.0},
        {"brightness": -1.0},
        {"contrast": 0.4},
        {"contrast": -0.5},
        {"contrast": 1.0},
        {"contrast": -1.0},
        {"saturation": 0.5},
        {"saturation": -0.5},
        {"saturation": 1.0},
        {"saturation": -1.0},
        {"brightness": 0.2, "contrast": -0.3, "saturation": 0.7},
    ],
)
def test_the_formulas_hold(done, tmp_path, pixels, colours, fields, linear):
    done("adjust", input=colours, output=tmp_path / "a.png", linear_rgb=linear, **fields)
    wanted = expected(pixels(colours), linear, **fields)
    assert np.abs(pixels(tmp_path / "a.png") - wanted).max() < 1.01


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize(
    "name", ["photo.png", "p3.png", "rgb16.png", "gray16.png", "alpha.png", "gray-alpha.png", "palette-alpha.png"]
)
def test_neutral_values_change_nothing(done, sample, tmp_path, name, linear):
    fields = {"brightness": 0, "contrast": 0.0, "saturation": 0, "blur": 0, "sharpen": 0, "linear_rgb": linear}
    done("adjust", input=sample(name), output=tmp_path / "a.png", **fields)
    done("convert", input=sample(name), output=tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("fields", [{"saturation": 0.9}, {"brightness": 0.3, "contrast": 0.3, "saturation": 0.4},
    {"contrast": -1.0}, {"sharpen": 5}, {"blur": 1.5}])  # fmt: skip
def test_greys_stay_grey(done, tmp_path, pixels, fields, linear):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)[..., None].repeat(3, 2)
    source = saved(tmp_path / "in.png", ramp)
    done("adjust", input=source, output=tmp_path / "a.png", linear_rgb=linear, **fields)
    assert np.ptp(pixels(tmp_path / "a.png"), axis=2).max() == 0


@pytest.mark.parametrize("name", ["photo-gray.jpg", "gray16.png", "gray-alpha.png"])
def test_a_grey_picture_has_no_colour_afterwards(done, sample, tmp_path, name):
    fields = {"brightness": 0.2, "saturation": 1.0, "blur": 1, "sharpen": 1}
    done("adjust", input=sample(name), output=tmp_path / "a.png", **fields)
    done("convert", input=sample(name), output=tmp_path / "b.png")
    with Image.open(tmp_path / "a.png") as after, Image.open(tmp_path / "b.png") as before:
        assert after.mode == before.mode


@pytest.mark.parametrize("name", ["alpha.png", "gray-alpha.png"])
@pytest.mark.parametrize("fields", [{"brightness": 0.5}, {"blur": 12}, {"sharpen": 4}, {"contrast": 0.5, "blur": 2}])
def test_alpha_is_untouched(done, sample, tmp_path, pixels, name, fields):
    done("adjust", input=sample(name), output=tmp_path / "a.png", **fields)
    assert (pixels(tmp_path / "a.png")[..., -1] == pixels(sample(name))[..., -1]).all()


@pytest.mark.parametrize("fields", [{"blur": 2}, {"blur": 20}, {"sharpen": 3}])
def test_hidden_colours_do_not_bleed(done, tmp_path, pixels, fields):
    """A green disc on magenta that does not show: nothing that shows may turn magenta, or darker."""
    rows, columns = np.mgrid[:100, :100]
    inside = np.hypot(rows - 50, columns - 50) < 30
    source = np.zeros((100, 100, 4), np.uint8)
    source[...] = [255, 0, 255, 0]
    source[inside] = [30, 160, 60, 255]
    done("adjust", input=saved(tmp_path / "in.png", source), output=tmp_path / "a.png", **fields)
    found = pixels(tmp_path / "a.png")
    assert np.abs(found[inside] - [30, 160, 60, 255]).max() <= 1


def test_sixteen_bits_stay_sixteen(done, sample, tmp_path):
    fields = {"brightness": 0.1, "contrast": 0.05, "saturation": 0.1, "blur": 0.8}
    done("adjust", input=sample("rgb16.png"), output=tmp_path / "a.png", **fields)
    done("adjust", input=sample("rgb16.png"), output=tmp_path / "b.png", sharpen=1)
    for name in ("a.png", "b.png"):
        assert (tmp_path / name).read_bytes()[24] == 16
        levels = vips().Image.new_from_file(str(tmp_path / name)).numpy()
        assert len(np.unique(levels % 257)) > 200, "more than eight bits are in use"


def test_sixteen_bits_follow_the_formula(done, tmp_path):
    ramp = np.arange(0, 65_536, 16, dtype=np.uint16).reshape(64, 64)
    vips().Image.new_from_array(ramp).cast("ushort").copy(interpretation="grey16").write_to_file(
        str(tmp_path / "in.png")
    )
    done("adjust", input=tmp_path / "in.png", output=tmp_path / "a.png", brightness=-0.5)
    found = vips().Image.new_from_file(str(tmp_path / "a.png")).numpy().reshape(64, 64)
    assert np.abs(found - 65_535 * coded(decoded(ramp / 65_535) * 0.5)).max() < 2


def test_wide_gamut_is_kept_and_adjusted_in_its_own_light(done, tmp_path):
    """P3 has sRGB's curve, so its own codes have to follow the formula; what sRGB cannot show must not be cut off."""
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    library = vips()
    image = library.Image.new_from_array(cube).copy(interpretation="srgb")
    profile = bytes(image.icc_export(output_profile="p3").get("icc-profile-data"))
    saved(tmp_path / "in.png", cube, icc_profile=profile)
    done("adjust", input=tmp_path / "in.png", output=tmp_path / "a.png", brightness=-0.4, contrast=0.2)
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["icc_profile"] == profile
        found = np.asarray(image, float)
    assert np.abs(found - expected(cube, True, brightness=-0.4, contrast=0.2)).max() < 1.6
    done("adjust", input=tmp_path / "in.png", output=tmp_path / "b.png", saturation=-1.0)
    with Image.open(tmp_path / "b.png") as image:
        assert np.ptp(np.asarray(image, float), axis=2).max() <= 1


@pytest.mark.parametrize("name", ["cmyk.jpg", "lab.tiff", "adobe-rgb-coded.jpg", "bad-icc.jpg"])
def test_other_spaces_come_out_right(done, sample, tmp_path, pixels, distance, name):
    done("adjust", input=sample(name), output=tmp_path / "a.png", brightness=0.001)
    done("convert", input=sample(name), output=tmp_path / "b.png")
    assert distance(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")) < 1


@pytest.mark.parametrize("sigma", [0.6, 3.0, 7.9, 8.0, 13.0, 50.0])
def test_a_blur_is_a_gaussian(done, sample, tmp_path, pixels, sigma):
    done("adjust", input=sample("photo.png"), output=tmp_path / "a.png", blur=sigma)
    light = decoded(pixels(sample("photo.png")) / 255)
    reach = int(np.ceil(4.5 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(light, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    size = [side + 2 * reach for side in light.shape[:2]]
    for axis in (0, 1):
        spectrum = np.fft.rfft(kernel, size[axis] + 2 * reach)
        shape = [1, 1, 1]
        shape[axis] = -1
        spread = np.fft.irfft(
            np.fft.rfft(padded, size[axis] + 2 * reach, axis) * spectrum.reshape(shape), size[axis] + 2 * reach, axis
        )
        padded = np.take(spread, range(2 * reach, size[axis]), axis)
    error = np.abs(pixels(tmp_path / "a.png") - 255 * coded(padded))
    assert error.mean() < 0.7
    assert error.max() < 5


def test_a_wide_blur_stays_in_its_place():
    image = vips().Image.black(301, 200).copy() + vips().Image.xyz(301, 200)[0]
    ramp = blurred(image.cast("float"), 20.0).numpy()[100, 120:180]
    assert np.abs(ramp.ravel() - np.arange(120, 180)).max() < 0.2


def test_in_linear_light_a_blur_keeps_the_light(done, tmp_path, pixels):
    checks = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    source = saved(tmp_path / "in.png", checks)
    for linear, level in ((True, 188), (False, 127.5)):
        done("adjust", input=source, output=tmp_path / "a.png", blur=10, linear_rgb=linear)
        assert abs(pixels(tmp_path / "a.png")[32, 32].mean() - level) < 1.5


def test_sharpening_sharpens(done, sample, tmp_path, pixels):
    done("adjust", input=sample("photo.png"), output=tmp_path / "a.png", sharpen=2)
    rough = [np.abs(np.diff(pixels(path), axis=1)).mean() for path in (sample("photo.png"), tmp_path / "a.png")]
    assert rough[1] > rough[0] * 1.2


def test_every_frame_is_changed(done, sample, tmp_path):
    done("adjust", input=sample("animated.gif"), output=tmp_path / "a.webp", brightness=-1.0, lossless=True)
    with Image.open(tmp_path / "a.webp") as image:
        for index in range(image.n_frames):
            image.seek(index)
            frame = np.asarray(image.convert("RGBA"))
            assert frame[frame[..., 3] > 0][:, :3].max() == 0


@pytest.mark.parametrize("number", [3, 6])
def test_orientations(done, sample, tmp_path, pixels, distance, number):
    done("adjust", input=sample(f"orientation-{number}.jpg"), output=tmp_path / "a.png", blur=0.3)
    assert distance(pixels(tmp_path / "a.png"), pixels(sample("orientation-1.jpg"))) < 4


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"brightness": 1.01}, "brightness"),
        ({"contrast": -1.5}, "contrast"),
        ({"saturation": 2}, "saturation"),
        ({"blur": 50.1}, "blur"),
        ({"blur": -1}, "blur"),
        ({"sharpen": 11}, "sharpen"),
        ({"sharpen": "1"}, "sharpen"),
        ({"saturaton": 0.1}, "saturaton"),
    ],
)
def test_bounds(job, sample, tmp_path, fields, field):
    result = job("adjust", input=sample("photo.png"), output=tmp_path / "a.png", **fields)
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", field)


@pytest.mark.parametrize(
    ("name", "found"),
    [("text.jpg", "unsupported_format"), ("half.jpg", "corrupt_input"), ("bomb-4gp.png", "limit_exceeded")],
)
def test_bad_inputs(code, sample, tmp_path, name, found):
    assert code("adjust", input=sample(name), output=tmp_path / "a.png", blur=1) == found


def test_the_same_job_gives_the_same_bytes(done, sample, tmp_path):
    for name in ("a.webp", "b.webp"):
        done("adjust", input=sample("photo-odd.jpg"), output=tmp_path / name, blur=9, contrast=0.2)
    assert (tmp_path / "a.webp").read_bytes() == (tmp_path / "b.webp").read_bytes()


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(sample("photo.jpg"), tmp_path / "photo.jpg")
    fields = dict(adjust.EXAMPLE)
    assert done(fields.pop("operation"), **fields).outputs
