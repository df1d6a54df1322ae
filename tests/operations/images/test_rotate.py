import math
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mediamill.operations.images import rotate
from mediamill.operations.images._rotate import canvas


def saved(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("fields", "turns"),
    [
        ({}, 0),
        ({"angle": 90}, 1),
        ({"angle": 180}, 2),
        ({"angle": 270}, 3),
        ({"angle_f": 90.0}, 1),
        ({"angle_f": -90.0}, 3),
        ({"angle_f": 360.0}, 0),
        ({"angle_f": -180.00001}, 2),
    ],
)
@pytest.mark.parametrize("name", ["photo.png", "alpha.png", "rgb16.png", "gray16.png", "gray-alpha.png"])
def test_quarter_turns_are_exact(done, sample, tmp_path, name, fields, turns):
    result = done("rotate", input=sample(name), output=tmp_path / "a.png", **fields)
    with Image.open(sample(name)) as before, Image.open(tmp_path / "a.png") as after:
        wanted, found = np.asarray(before), np.asarray(after)
        assert before.mode == after.mode
    assert (np.rot90(wanted, -turns) == found).all()
    assert (result.outputs[0].height, result.outputs[0].width) == found.shape[:2]


@pytest.mark.parametrize(("flip", "axis"), [("horizontal", 1), ("vertical", 0)])
def test_it_is_turned_first_and_mirrored_then(done, sample, tmp_path, pixels, flip, axis):
    done("rotate", input=sample("photo.png"), output=tmp_path / "a.png", flip=flip)
    assert (pixels(tmp_path / "a.png") == np.flip(pixels(sample("photo.png")), axis)).all()
    done("rotate", input=sample("photo.png"), output=tmp_path / "b.png", flip=flip, angle=90)
    assert (pixels(tmp_path / "b.png") == np.flip(np.rot90(pixels(sample("photo.png")), -1), axis)).all()


@pytest.mark.parametrize("degrees", [0.5, 12, 45, 89.9, 133, -30, 200, 300.25])
def test_any_angle_is_what_pillow_makes_of_it(done, sample, tmp_path, pixels, degrees):
    """Both turn about the centre of the picture, onto the centre of the canvas."""
    result = done("rotate", input=sample("photo-odd.jpg"), output=tmp_path / "a.png", angle_f=degrees)
    found = pixels(tmp_path / "a.png", mode="RGBA")
    height, width = found.shape[:2]
    assert (width, height) == canvas((801, 533), degrees) == (result.outputs[0].width, result.outputs[0].height)
    with Image.open(sample("photo-odd.jpg")) as image:
        left, top = (width - 801) / 2, (height - 533) / 2
        sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
        across, down = width / 2, height / 2
        matrix = (
            cosine, sine, across - left - across * cosine - down * sine,
            -sine, cosine, down - top + across * sine - down * cosine,
        )  # fmt: skip
        turned = image.convert("RGBA").transform(
            (width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
        )
    wanted = np.asarray(turned, float)
    inside = np.minimum(wanted[..., 3], found[..., 3]) == 255
    assert inside.mean() > 0.3
    assert np.abs(wanted - found)[inside].mean() < 1.0
    assert np.abs(wanted[..., 3] - found[..., 3]).mean() < 0.7


@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(-360, 360))
def test_the_canvas_holds_every_corner_and_no_more(width, height, degrees):
    across, down = canvas((width, height), degrees)
    angle = math.radians(degrees)
    corners = [(x * width / 2, y * height / 2) for x in (-1, 1) for y in (-1, 1)]
    turned = [
        (x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)) for x, y in corners
    ]
    for index, side in ((0, across), (1, down)):
        reach = 2 * max(point[index] for point in turned)
        assert reach - 0.01 <= side < reach + 1.01


def test_turning_there_and_back_keeps_the_picture(done, sample, tmp_path, pixels, distance):
    done("rotate", input=sample("photo.png"), output=tmp_path / "a.png", angle_f=10)
    done("rotate", input=tmp_path / "a.png", output=tmp_path / "b.png", angle_f=-10)
    found, wanted = pixels(tmp_path / "b.png"), pixels(sample("photo.png"))
    top, left = ((found.shape[side] - wanted.shape[side]) // 2 for side in (0, 1))
    part = found[top : top + 534, left : left + 800]
    assert (part[40:-40, 40:-40, 3] == 255).all()
    assert distance(part[40:-40, 40:-40, :3], wanted[40:-40, 40:-40]) < 4


def test_corners_are_transparent_and_white_in_jpeg(done, sample, tmp_path, pixels):
    for name in ("a.png", "a.webp", "a.jpg"):
        done("rotate", input=sample("photo.jpg"), output=tmp_path / name, angle_f=20)
    assert pixels(tmp_path / "a.png")[0, 0].tolist() == [0, 0, 0, 0]
    assert pixels(tmp_path / "a.webp")[0, 0, 3] == 0
    assert pixels(tmp_path / "a.jpg")[0, 0].min() > 250
    found = pixels(tmp_path / "a.png")
    edge = (found[..., 3] > 0) & (found[..., 3] < 255)
    assert 0 < edge.mean() < 0.02, "edges are soft, and edges alone"


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize(("background", "colour"), [("#0a141e", [10, 20, 30]), ("gold", [255, 215, 0])])
def test_corners_have_the_background(done, sample, tmp_path, pixels, suffix, background, colour):
    output = tmp_path / f"a.{suffix}"
    for name in ("photo.png", "photo-gray.jpg"):
        done("rotate", input=sample(name), output=output, angle_f=20, background=background, quality=95)
        found = pixels(output)
        assert found.shape[2] == 3
        assert np.abs(found[0, 0] - colour).max() <= 4


def test_a_grey_picture_stays_grey(done, sample, tmp_path):
    done("rotate", input=sample("photo-gray.jpg"), output=tmp_path / "a.jpg", angle_f=20)
    done("rotate", input=sample("photo-gray.jpg"), output=tmp_path / "a.png", angle_f=20)
    with Image.open(tmp_path / "a.jpg") as jpeg, Image.open(tmp_path / "a.png") as png:
        assert (jpeg.mode, png.mode) == ("L", "LA")


def test_a_background_shines_through_where_it_is_half_there(done, sample, tmp_path, pixels):
    done("rotate", input=sample("photo.png"), output=tmp_path / "a.png", angle_f=20, background="#ff000080")
    assert pixels(tmp_path / "a.png")[0, 0].tolist() == [255, 0, 0, 128]


@pytest.mark.parametrize("linear", [False, True])
def test_hidden_colours_do_not_bleed(done, sample, tmp_path, pixels, linear):
    """The sample has magenta under its transparent pixels; laid on green, not a trace of it may show."""
    done("rotate", input=sample("alpha.png"), output=tmp_path / "a.png", angle_f=15, linear_rgb=linear)
    found = pixels(tmp_path / "a.png")
    with Image.open(sample("alpha.png")) as image:
        wanted = image.convert("RGBa").rotate(-15, Image.Resampling.BICUBIC, expand=True).convert("RGBA")
        wanted = wanted.crop((0, 0, found.shape[1], found.shape[0]))
    wanted = np.asarray(wanted, float)
    flat = [one[..., :3] * one[..., 3:] / 255 for one in (found, wanted)]
    assert np.abs(flat[0] - flat[1]).mean() < 3
    assert found[found[..., 3] > 200][:, :3].mean(axis=0).tolist() == pytest.approx(
        wanted[wanted[..., 3] > 200][:, :3].mean(axis=0).tolist(), abs=2
    )


def test_in_linear_light_fine_patterns_are_brighter(done, tmp_path, pixels):
    stripes = np.zeros((200, 200, 3), np.uint8)
    stripes[:, ::2] = 255
    source = saved(tmp_path / "in.png", stripes)
    means = []
    for linear in (False, True):
        done("rotate", input=source, output=tmp_path / "a.png", angle_f=45, linear_rgb=linear, background="#0b0c0d")
        found = pixels(tmp_path / "a.png")
        assert found[0, 0].tolist() == [11, 12, 13]
        means.append(found[120:160, 120:160].mean())
    assert means[1] > means[0] + 20


def test_wide_gamut_is_kept_and_backgrounds_are_brought_to_it(done, sample, tmp_path, pixels):
    done("rotate", input=sample("p3.png"), output=tmp_path / "a.png", angle_f=20, background="#c82814")
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["icc_profile"]
        assert image.getpixel((0, 0)) != (200, 40, 20)
    assert np.abs(pixels(tmp_path / "a.png")[0, 0] - [200, 40, 20]).max() <= 2


def test_other_spaces(done, sample, tmp_path):
    done("rotate", input=sample("cmyk.jpg"), output=tmp_path / "a.jpg", angle_f=20)
    done("rotate", input=sample("rgb16.png"), output=tmp_path / "a.png", angle_f=20)
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.mode == "RGB"
    assert (tmp_path / "a.png").read_bytes()[24] == 16


@pytest.mark.parametrize("number", range(1, 9))
def test_orientations_come_first(done, sample, tmp_path, pixels, distance, number):
    upright = pixels(sample("orientation-1.jpg"))
    source = sample(f"orientation-{number}.jpg")
    done("rotate", input=source, output=tmp_path / "a.png", angle=90)
    assert distance(pixels(tmp_path / "a.png"), np.rot90(upright, -1)) < 3
    done("rotate", input=source, output=tmp_path / "b.jpg", metadata="all", quality=95)
    assert distance(pixels(tmp_path / "b.jpg"), upright) < 3


@pytest.mark.parametrize("number", range(1, 9))
def test_without_auto_orient_the_picture_is_what_is_stored(done, sample, tmp_path, distance, number):
    source = sample(f"orientation-{number}.jpg")
    with Image.open(source) as image:
        stored = np.asarray(image, float)
    for metadata in ("icc", "all"):
        result = done(
            "rotate", input=source, output=tmp_path / "a.png", angle=180, auto_orient=False, metadata=metadata
        )
        with Image.open(tmp_path / "a.png") as image:
            assert image.getexif().get(274, 1) == 1
            assert distance(np.asarray(image, float), np.rot90(stored, 2)) < 1
        assert (result.metadata["source_height"], result.metadata["source_width"]) == stored.shape[:2]


@pytest.mark.parametrize("fields", [{"angle": 90}, {"angle_f": 10.0}])
@pytest.mark.parametrize("format_name", ["gif", "webp", "avif"])
def test_every_frame_is_turned(done, sample, tmp_path, format_name, fields):
    output = tmp_path / f"a.{format_name}"
    result = done("rotate", input=sample("animated.gif"), output=output, background="white", **fields)
    assert result.outputs[0].frames == 12
    size = canvas((160, 120), fields.get("angle", 0) or fields["angle_f"])
    with Image.open(sample("animated.gif")) as wanted, Image.open(output) as found:
        assert (found.size, found.n_frames) == (size, 12)
        for index in (0, 5, 11):
            wanted.seek(index)
            found.seek(index)
            found.load()
            assert found.info["duration"] == wanted.info["duration"]
            if "angle" in fields:
                turned = np.asarray(wanted.convert("RGBA").rotate(-90, expand=True), float)
                frame = np.asarray(found.convert("RGBA"), float)
                seen = [one[..., :3] * (one[..., 3:] / 255) for one in (turned, frame)]
                assert np.abs(seen[0] - seen[1]).mean() < 9


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"angle": 45}, "angle"),
        ({"angle": 360}, "angle"),
        ({"angle": -90}, "angle"),
        ({"angle_f": 361}, "angle_f"),
        ({"angle_f": -360.5}, "angle_f"),
        ({"angle": 90, "angle_f": 1.5}, "angle_f"),
        ({"flip": "horizontl"}, "flip"),
        ({"background": "transparnt"}, "background"),
        ({"background": ""}, "background"),
        ({"degrees": 5}, "degrees"),
    ],
)
def test_bounds(job, sample, tmp_path, fields, field):
    result = job("rotate", input=sample("photo.png"), output=tmp_path / "a.png", **fields)
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", field)


def test_a_canvas_above_the_limits_is_refused(code, sample, tmp_path):
    limits = {"max_pixels": 800 * 534}
    fields = {"input": sample("photo.png"), "output": tmp_path / "a.png", "settings": limits}
    assert code("rotate", angle_f=45, **fields) == "limit_exceeded"


def test_dry_runs_tell_the_canvas(done, sample, tmp_path):
    fields = {"input": sample("photo.png"), "output": tmp_path / "a.png", "angle_f": 33.3}
    told, made = done("rotate", dry_run=True, **fields), done("rotate", **fields)
    assert (told.outputs[0].width, told.outputs[0].height) == (made.outputs[0].width, made.outputs[0].height)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (told.outputs[0].width, told.outputs[0].height)


@pytest.mark.parametrize(
    ("name", "found"),
    [("text.jpg", "unsupported_format"), ("half.jpg", "corrupt_input"), ("bomb-4gp.png", "limit_exceeded")],
)
def test_bad_inputs(code, sample, tmp_path, name, found):
    assert code("rotate", input=sample(name), output=tmp_path / "a.png", angle_f=3) == found


def test_the_same_job_gives_the_same_bytes(done, sample, tmp_path):
    for name in ("a.webp", "b.webp"):
        done("rotate", input=sample("photo-odd.jpg"), output=tmp_path / name, angle_f=7)
    assert (tmp_path / "a.webp").read_bytes() == (tmp_path / "b.webp").read_bytes()


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(sample("photo.jpg"), tmp_path / "photo.jpg")
    fields = dict(rotate.EXAMPLE)
    assert done(fields.pop("operation"), **fields).outputs
