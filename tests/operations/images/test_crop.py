import os

import numpy as np
import pytest
from PIL import Image

from mediamill.operations.images import crop


def saved(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


def scene(width, height, subject, side=60):
    """Return a plain, softly shaded picture with one bright and busy square around a point."""
    rows, columns = np.mgrid[:height, :width]
    shade = (110 + 3 * np.sin(columns / 90) + 3 * np.cos(rows / 70)).astype(np.uint8)
    pixels = np.dstack([shade, shade, shade])
    x, y = subject
    noise = np.random.default_rng(7).integers(0, 255, (side // 2, side // 2, 3)).repeat(2, 0).repeat(2, 1)
    noise[..., 0] = 255 - noise[..., 0] // 8
    pixels[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2] = noise
    return pixels


def holds(box, point):
    return box["x"] <= point[0] < box["x"] + box["width"] and box["y"] <= point[1] < box["y"] + box["height"]


def test_a_rect_is_cut_pixel_by_pixel(done, sample, tmp_path, pixels):
    rect = {"x": 17, "y": 40, "width": 101, "height": 33}
    result = done("crop", input=sample("photo.png"), output=tmp_path / "a.png", rect=rect)
    assert (pixels(tmp_path / "a.png") == pixels(sample("photo.png"))[40:73, 17:118]).all()
    assert result.metadata["crop"] == rect
    assert (result.outputs[0].width, result.outputs[0].height) == (101, 33)


def test_a_rect_may_be_one_pixel_or_everything(done, sample, tmp_path, pixels):
    whole = pixels(sample("photo.png"))
    corner = {"x": 799, "y": 533, "width": 1, "height": 1}
    done("crop", input=sample("photo.png"), output=tmp_path / "a.png", rect=corner)
    assert (pixels(tmp_path / "a.png") == whole[533:, 799:]).all()
    done(
        "crop", input=sample("photo.png"), output=tmp_path / "b.png", rect={"x": 0, "y": 0, "width": 800, "height": 534}
    )
    assert (pixels(tmp_path / "b.png") == whole).all()


@pytest.mark.parametrize(
    "rect",
    [
        {"x": 700, "y": 0, "width": 101, "height": 10},
        {"x": 0, "y": 534, "width": 1, "height": 1},
        {"x": 65_535, "y": 0, "width": 1, "height": 1},
    ],
)
def test_a_rect_beyond_the_picture_is_refused(job, sample, tmp_path, rect):
    result = job("crop", input=sample("photo.png"), output=tmp_path / "a.png", rect=rect)
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", "rect")
    assert "800x534" in result.error


@pytest.mark.parametrize(
    ("fields", "box"),
    [
        ({"width": 200, "height": 100}, (300, 217, 200, 100)),
        ({"width": 200, "height": 100, "gravity": "center"}, (300, 217, 200, 100)),
        ({"width": 200}, (300, 0, 200, 534)),
        ({"height": 100}, (0, 217, 800, 100)),
        ({"width": 200, "height": 100, "focal_x": 0.0, "focal_y": 0.0}, (0, 0, 200, 100)),
        ({"width": 200, "height": 100, "gravity": "focal_point", "focal_x": 1.0, "focal_y": 1.0}, (600, 434, 200, 100)),
        ({"width": 200, "height": 100, "gravity": "focal_point", "focal_x": 0.25}, (100, 217, 200, 100)),
        ({"width": 5000, "height": 100}, (0, 217, 800, 100)),
        ({"width": 5000, "height": 5000, "gravity": "attention"}, (0, 0, 800, 534)),
    ],
)
def test_a_size_is_laid_around_what_matters(done, sample, tmp_path, pixels, fields, box):
    result = done("crop", input=sample("photo.png"), output=tmp_path / "a.png", **fields)
    assert tuple(result.metadata["crop"].values()) == box
    x, y, width, height = box
    assert (pixels(tmp_path / "a.png") == pixels(sample("photo.png"))[y : y + height, x : x + width]).all()


@pytest.mark.parametrize("gravity", ["attention", "entropy"])
@pytest.mark.parametrize("subject", [(90, 80), (520, 70), (300, 330), (550, 340)])
def test_the_subject_is_found(done, tmp_path, pixels, gravity, subject):
    source = saved(tmp_path / "in.png", scene(640, 400, subject))
    result = done("crop", input=source, output=tmp_path / "a.png", width=160, height=160, gravity=gravity)
    box = result.metadata["crop"]
    assert holds(box, subject)
    assert (pixels(tmp_path / "a.png") == pixels(source)[box["y"] : box["y"] + 160, box["x"] : box["x"] + 160]).all()


@pytest.mark.parametrize("gravity", ["attention", "entropy"])
def test_what_is_hidden_is_no_subject(done, tmp_path, gravity):
    """The brightest thing stands where nothing shows; what shows is elsewhere."""
    loud, seen = (500, 200), (120, 200)
    visible = scene(640, 400, seen)
    hidden = scene(640, 400, loud, side=120)
    pixels = np.dstack([visible, np.full((400, 640), 255, np.uint8)])
    pixels[100:300, 400:600, :3], pixels[100:300, 400:600, 3] = hidden[100:300, 400:600], 0
    source = saved(tmp_path / "in.png", pixels)
    result = done("crop", input=source, output=tmp_path / "a.png", width=160, height=160, gravity=gravity)
    assert holds(result.metadata["crop"], seen)


@pytest.mark.parametrize("gravity", ["attention", "entropy"])
@pytest.mark.parametrize("name", ["gray16.png", "rgb16.png", "photo-gray.jpg", "cmyk.jpg", "p3.png", "gray-alpha.png"])
def test_every_kind_of_picture_has_a_subject(done, sample, tmp_path, gravity, name):
    result = done("crop", input=sample(name), output=tmp_path / "a.png", width=50, height=40, gravity=gravity)
    assert (result.outputs[0].width, result.outputs[0].height) == (50, 40)


@pytest.mark.parametrize("number", range(1, 9))
def test_coordinates_are_those_of_the_upright_picture(done, sample, tmp_path, pixels, distance, number):
    upright = pixels(sample("orientation-1.jpg"))
    source = sample(f"orientation-{number}.jpg")
    done("crop", input=source, output=tmp_path / "a.png", rect={"x": 10, "y": 5, "width": 60, "height": 30})
    assert distance(pixels(tmp_path / "a.png"), upright[5:35, 10:70]) < 3
    done("crop", input=source, output=tmp_path / "b.jpg", width=40, height=80, focal_x=1.0, metadata="all", quality=95)
    assert distance(pixels(tmp_path / "b.jpg"), upright[:, 80:]) < 4
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.getexif().get(274, 1) == 1


@pytest.mark.parametrize("format_name", ["gif", "webp"])
def test_animations_are_cut_alike_in_every_frame(done, sample, tmp_path, format_name):
    output = tmp_path / f"a.{format_name}"
    result = done(
        "crop", input=sample("animated.gif"), output=output, rect={"x": 5, "y": 10, "width": 150, "height": 100}
    )
    assert result.outputs[0].frames == 12
    with Image.open(sample("animated.gif")) as wanted, Image.open(output) as found:
        assert (found.size, found.n_frames) == ((150, 100), 12)
        for index in range(12):
            wanted.seek(index)
            found.seek(index)
            found.load()
            assert found.info["duration"] == wanted.info["duration"]
            part = np.asarray(wanted.convert("RGBA").crop((5, 10, 155, 110)), float)
            frame = np.asarray(found.convert("RGBA"), float)
            seen = [one[..., :3] * (one[..., 3:] / 255) for one in (part, frame)]
            assert np.abs(seen[0] - seen[1]).mean() < 9


def test_a_still_of_an_animation_says_what_is_gone(done, sample, tmp_path):
    result = done("crop", input=sample("animated.gif"), output=tmp_path / "a.jpg", width=50, height=50)
    assert result.metadata["frames_dropped"] == 11


def test_wide_gamut_and_sixteen_bits_are_kept(done, sample, tmp_path):
    done("crop", input=sample("p3.png"), output=tmp_path / "a.png", width=50)
    done("crop", input=sample("rgb16.png"), output=tmp_path / "b.png", width=50)
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["icc_profile"]
    assert (tmp_path / "b.png").read_bytes()[24] == 16


def test_the_smallest_format_is_chosen_on_the_part(done, sample, tmp_path):
    result = done("crop", input=sample("photo.jpg"), output=tmp_path / "a.bin", width=90, height=90, format="auto")
    assert result.outputs[0].format in ("avif", "webp", "jpeg", "png")
    assert result.metadata["crop"]["width"] == 90


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "rect"),
        ({"rect": {"x": 0, "y": 0, "width": 1, "height": 1}, "width": 1}, "rect"),
        ({"rect": {"x": 0, "y": 0, "width": 1, "height": 1}, "gravity": "center"}, "gravity"),
        ({"rect": {"x": 0, "y": 0, "width": 1, "height": 1}, "focal_x": 0.5}, "focal_x"),
        ({"rect": {"x": 0, "y": 0, "width": 1}}, "rect.height"),
        ({"rect": {"x": -1, "y": 0, "width": 1, "height": 1}}, "rect.x"),
        ({"rect": {"x": 0, "y": 0, "width": 0, "height": 1}}, "rect.width"),
        ({"rect": {"x": 0, "y": 0, "w": 1, "height": 1}}, "rect.w"),
        ({"width": 0}, "width"),
        ({"height": 65_536}, "height"),
        ({"width": 10, "gravity": "centre"}, "gravity"),
        ({"width": 10, "focal_x": 1.01}, "focal_x"),
        ({"width": 10, "focal_y": -0.01}, "focal_y"),
        ({"width": 10, "gravity": "entropy", "focal_y": 0.5}, "gravity"),
    ],
)
def test_contradictions_and_bounds(job, sample, tmp_path, fields, field):
    result = job("crop", input=sample("photo.png"), output=tmp_path / "a.png", **fields)
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", field)


def test_the_nearest_gravity_is_told(job, sample, tmp_path):
    result = job("crop", input=sample("photo.png"), output=tmp_path / "a.png", width=9, gravity="atention")
    assert result.error_info.suggestion == "attention"


def test_dry_runs_tell_the_size_and_refuse_what_a_run_would(done, code, sample, tmp_path):
    result = done("crop", input=sample("photo.png"), output=tmp_path / "a.png", width=5000, height=30, dry_run=True)
    assert (result.outputs[0].width, result.outputs[0].height) == (800, 30)
    assert not (tmp_path / "a.png").exists()
    rect = {"x": 800, "y": 0, "width": 1, "height": 1}
    assert code("crop", input=sample("photo.png"), output=tmp_path / "a.png", rect=rect, dry_run=True) == "invalid_job"


@pytest.mark.parametrize(
    ("name", "found"),
    [("text.jpg", "unsupported_format"), ("half.jpg", "corrupt_input"), ("bomb-4gp.png", "limit_exceeded")],
)
def test_bad_inputs(code, sample, tmp_path, name, found):
    assert code("crop", input=sample(name), output=tmp_path / "a.png", width=1, height=1) == found


def test_the_same_job_gives_the_same_bytes(done, sample, tmp_path):
    for name in ("a.webp", "b.webp"):
        done("crop", input=sample("photo.jpg"), output=tmp_path / name, width=99, height=99, gravity="attention")
    assert (tmp_path / "a.webp").read_bytes() == (tmp_path / "b.webp").read_bytes()


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(sample("photo.jpg"), tmp_path / "photo.jpg")
    fields = dict(crop.EXAMPLE)
    assert done(fields.pop("operation"), **fields).outputs
