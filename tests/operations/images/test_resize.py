import base64
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from mediamill.operations.images import resize


def sizes(result):
    return [(output.width, output.height) for output in result.outputs]


def test_one_output_per_width_in_the_order_asked_for(done, sample, tmp_path, pixels):
    result = done("resize", input=sample("photo.jpg"), output_dir=tmp_path, widths=[320, 800, 640])
    assert [os.path.basename(output.path) for output in result.outputs] == [
        "photo-320.jpg",
        "photo-800.jpg",
        "photo-640.jpg",
    ]
    assert sizes(result) == [(320, 213), (800, 534), (640, 427)]
    for output in result.outputs:
        assert pixels(output.path).shape == (output.height, output.width, 3)
        assert os.path.getsize(output.path) == output.size_bytes
    assert result.metadata == {"source_width": 1600, "source_height": 1067, "source_format": "jpeg"}


def test_no_width_twice_and_capped_once(done, sample, tmp_path):
    result = done("resize", input=sample("photo.jpg"), output_dir=tmp_path, widths=[320, 5000, 320, 9000])
    assert sizes(result) == [(320, 213), (1600, 1067)]
    assert result.metadata["capped"] is True


def test_widths_that_max_height_makes_equal_are_one(done, sample, tmp_path):
    result = done("resize", input=sample("photo.jpg"), output_dir=tmp_path, widths=[1000, 800], max_height=100)
    assert sizes(result) == [(150, 100)]


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"scale_percent": 50}, (800, 534)),
        ({"width": 400}, (400, 267)),
        ({"height": 267}, (400, 267)),
        ({"width": 300, "height": 300}, (300, 200)),
        ({"width": 300, "height": 300, "fit": "cover"}, (300, 300)),
        ({"width": 300, "height": 300, "fit": "cover", "position": "entropy"}, (300, 300)),
        ({"width": 300, "height": 300, "fit": "cover", "position": "attention"}, (300, 300)),
        ({"width": 300, "height": 300, "fit": "contain"}, (300, 300)),
        ({"width": 300, "height": 300, "fit": "fill"}, (300, 300)),
        ({"width": 300, "height": 300, "fit": "outside"}, (450, 300)),
        ({"max_height": 100}, (150, 100)),
        ({"widths": [2000], "upscale": True}, (2000, 1334)),
    ],
)
def test_sizes(done, sample, tmp_path, fields, size):
    result = done("resize", input=sample("photo.jpg"), output=tmp_path / "a.jpg", **fields)
    assert sizes(result) == [size]
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.size == size


@pytest.mark.parametrize("kernel", ["lanczos3", "catmullrom", "cubic", "mitchell", "linear", "nearest"])
@pytest.mark.parametrize("width", [797, 400, 161])
def test_the_picture_stays_the_picture(done, sample, tmp_path, pixels, distance, kernel, width):
    source = sample("photo-odd.jpg")
    done("resize", input=source, output=tmp_path / "a.png", widths=[width], filter=kernel)
    with Image.open(source) as image:
        wanted = np.asarray(image.resize((width, round(533 * width / 801)), Image.Resampling.LANCZOS), float)
    assert distance(pixels(tmp_path / "a.png"), wanted) < (9 if kernel == "nearest" else 3.5)


def test_shrinking_while_decoding_does_not_move_the_picture(done, sample, tmp_path, pixels):
    """A decoder rounds 533 / 2 and 801 / 2 down; a factor taken from that would move edges by half a pixel."""
    source = sample("photo-odd.jpg")
    done("resize", input=source, output=tmp_path / "a.png", widths=[250])
    found = pixels(tmp_path / "a.png")
    with Image.open(source) as image:
        wanted = np.asarray(image.resize((250, 166), Image.Resampling.LANCZOS), float)
    here = np.abs(found - wanted).mean()
    for shift in (np.roll(wanted, 1, 1), np.roll(wanted, -1, 1)):
        assert here < np.abs(found - (wanted + shift) / 2)[:, 2:-2].mean()


def test_ladders_are_as_good_as_single_outputs(done, sample, tmp_path, pixels, distance):
    widths = [1200, 800, 533, 300, 150]
    many = done("resize", input=sample("photo.jpg"), output_dir=tmp_path, widths=widths, format="png")
    for output in many.outputs:
        alone = tmp_path / "alone.png"
        done("resize", input=sample("photo.jpg"), output=alone, widths=[output.width])
        assert distance(pixels(output.path), pixels(alone)) < 2


@pytest.mark.parametrize("number", range(1, 9))
def test_orientations(done, sample, tmp_path, pixels, distance, number):
    upright = pixels(sample("orientation-1.jpg"))
    done("resize", input=sample(f"orientation-{number}.jpg"), output=tmp_path / "a.png", width=60)
    done("resize", input=sample(f"orientation-{number}.jpg"), output=tmp_path / "b.jpg", width=120, metadata="all")
    small = np.asarray(Image.fromarray(upright.astype(np.uint8)).resize((60, 40), Image.Resampling.LANCZOS), float)
    assert distance(pixels(tmp_path / "a.png"), small) < 3
    assert distance(pixels(tmp_path / "b.jpg"), upright) < 3
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.getexif().get(274, 1) == 1


@pytest.mark.parametrize("name", ["orientation-6.webp", "orientation-6.png", "orientation-6.tiff"])
def test_orientations_of_other_formats(done, sample, tmp_path, pixels, distance, name):
    done("resize", input=sample(name), output=tmp_path / "a.png", width=120, height=80, fit="cover")
    assert distance(pixels(tmp_path / "a.png"), pixels(sample("orientation-1.jpg"))) < 3


@pytest.mark.parametrize(("focal", "column"), [(0.0, 0), (0.5, 40), (1.0, 80)])
def test_cover_keeps_the_focal_point_upright(done, sample, tmp_path, pixels, distance, focal, column):
    whole = pixels(sample("orientation-1.jpg"))
    for number in (1, 3, 5, 8):
        done(
            "resize",
            input=sample(f"orientation-{number}.jpg"),
            output=tmp_path / "a.png",
            width=40,
            height=80,
            fit="cover",
            focal_x=focal,
        )
        assert distance(pixels(tmp_path / "a.png"), whole[:, column : column + 40]) < 4


def test_contain_pads_with_the_background(done, sample, tmp_path, pixels):
    done(
        "resize",
        input=sample("flat.png"),
        output=tmp_path / "a.png",
        width=60,
        height=100,
        fit="contain",
        background="#0a141e",
    )
    found = pixels(tmp_path / "a.png")
    assert found[0, 0].tolist() == [10, 20, 30]
    assert found[50, 30].tolist() == [208, 36, 72]
    assert [row for row in range(100) if found[row, 30].tolist() == [208, 36, 72]] == list(range(27, 72))


def test_contain_can_pad_with_nothing(done, sample, tmp_path, pixels):
    fields = {"input": sample("flat.png"), "width": 60, "height": 100, "fit": "contain", "background": "transparent"}
    done("resize", output=tmp_path / "a.webp", **fields)
    done("resize", output=tmp_path / "a.jpg", **fields)
    assert pixels(tmp_path / "a.webp")[0, 0, 3] == 0
    assert pixels(tmp_path / "a.jpg")[0, 0].min() > 250


def test_hidden_colours_do_not_bleed(done, sample, tmp_path, pixels):
    """The sample has magenta under its transparent pixels; laid on green, not a trace of it may show."""
    for width in (400, 333):
        done("resize", input=sample("alpha.png"), output=tmp_path / "a.png", widths=[width])
        found = pixels(tmp_path / "a.png")
        with Image.open(sample("alpha.png")) as image:
            wanted = image.convert("RGBa").resize((width, found.shape[0]), Image.Resampling.LANCZOS).convert("RGBA")
        wanted = np.asarray(wanted, float)
        alpha = wanted[..., 3:] / 255
        assert np.abs(found[..., :3] * found[..., 3:] / 255 - wanted[..., :3] * alpha).mean() < 1.5
        assert np.abs(found[..., 3] - wanted[..., 3]).mean() < 1.5


def test_alpha_is_flattened_on_the_background(done, sample, tmp_path, pixels, distance):
    done("resize", input=sample("alpha.png"), output=tmp_path / "a.jpg", widths=[400], background="#00ff00", quality=95)
    with Image.open(sample("alpha.png")) as image:
        small = image.convert("RGBa").resize((400, 300), Image.Resampling.LANCZOS).convert("RGBA")
        under = Image.new("RGBA", small.size, (0, 255, 0, 255))
        under.alpha_composite(small)
    assert distance(pixels(tmp_path / "a.jpg"), np.asarray(under.convert("RGB"), float)) < 3


def test_opaque_alpha_is_dropped(done, sample, tmp_path, pixels):
    done("resize", input=sample("alpha-opaque.png"), output=tmp_path / "a.png", widths=[100])
    assert pixels(tmp_path / "a.png").shape == (67, 100, 3)


@pytest.mark.parametrize("name", ["gray-alpha.png", "palette-alpha.png"])
def test_other_kinds_of_alpha(done, sample, tmp_path, pixels, distance, name):
    done("resize", input=sample(name), output=tmp_path / "a.webp", widths=[160], lossless=True)
    with Image.open(sample(name)) as image:
        wanted = image.convert("RGBA").convert("RGBa").resize((160, 120), Image.Resampling.LANCZOS).convert("RGBA")
    assert distance(pixels(tmp_path / "a.webp", mode="RGBA"), np.asarray(wanted, float)) < 4


def test_linear_light_makes_fine_patterns_brighter(done, tmp_path, pixels):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    fields = {"input": tmp_path / "stripes.png", "widths": [16], "format": "png"}
    done("resize", output=tmp_path / "coded.png", **fields)
    done("resize", output=tmp_path / "linear.png", linear_rgb=True, **fields)
    assert abs(pixels(tmp_path / "coded.png").mean() - 127.5) < 4
    assert abs(pixels(tmp_path / "linear.png").mean() - 188) < 4


@pytest.mark.parametrize("size", [(1600, 1068), (2000, 1335), (1600, 267), (400, 1068)])
def test_a_picture_that_grows_stays_in_its_place(done, sample, tmp_path, pixels, distance, size):
    fields = {"width": size[0], "height": size[1], "fit": "fill", "upscale": True, "filter": "cubic"}
    done("resize", input=sample("photo.png"), output=tmp_path / "a.png", **fields)
    with Image.open(sample("photo.png")) as image:
        wanted = np.asarray(image.resize(size, Image.Resampling.BICUBIC), float)
    assert distance(pixels(tmp_path / "a.png"), wanted) < 0.1


def test_linear_light_keeps_colours_beside_alpha(done, tmp_path, pixels):
    flat = np.zeros((40, 40, 4), np.uint8)
    flat[...] = [200, 100, 50, 128]
    flat[:20, ::2, :3] = 0
    Image.fromarray(flat).save(tmp_path / "in.png")
    done("resize", input=tmp_path / "in.png", output=tmp_path / "a.png", widths=[20], linear_rgb=True)
    found = pixels(tmp_path / "a.png")
    assert np.abs(found[14:] - [200, 100, 50, 128]).max() <= 1
    assert np.abs(found[4, 4] - [146, 71, 34, 128]).max() <= 3


def test_linear_light_with_alpha_and_several_widths(done, sample, tmp_path, pixels):
    result = done(
        "resize", input=sample("alpha.png"), output_dir=tmp_path, widths=[400, 200], format="webp", linear_rgb=True
    )
    for output in result.outputs:
        assert pixels(output.path).shape == (output.height, output.width, 4)


def test_sharpening_sharpens(done, sample, tmp_path, pixels):
    for amount, name in ((0, "a.png"), (2, "b.png")):
        done("resize", input=sample("photo.png"), output=tmp_path / name, widths=[200], sharpen=amount)
    rough = [np.abs(np.diff(pixels(tmp_path / name), axis=1)).mean() for name in ("a.png", "b.png")]
    assert rough[1] > rough[0] * 1.1


@pytest.mark.parametrize("format_name", ["gif", "webp", "avif"])
@pytest.mark.parametrize("name", ["animated.gif", "animated.webp", "animated.avif"])
def test_animations_stay_animated(done, sample, tmp_path, pixels, name, format_name):
    output = tmp_path / f"a.{format_name}"
    result = done("resize", input=sample(name), output=output, widths=[80])
    assert result.outputs[0].frames == 12
    assert "frames_dropped" not in result.metadata
    with Image.open(sample("animated.gif")) as wanted, Image.open(output) as found:
        assert found.size == (80, 60)
        assert found.n_frames == 12
        for index in range(12):
            wanted.seek(index)
            found.seek(index)
            found.load()
            assert found.info["duration"] == wanted.info["duration"]
            small = np.asarray(wanted.convert("RGBA").convert("RGBa").resize((80, 60)).convert("RGBA"), float)
            frame = np.asarray(found.convert("RGBA"), float)
            seen = [one[..., :3] * (one[..., 3:] / 255) for one in (small, frame)]
            assert np.abs(seen[0] - seen[1]).mean() < 9


def test_animations_loop_as_often(done, sample, tmp_path):
    done("resize", input=sample("animated.gif"), output=tmp_path / "a.gif", widths=[80])
    with Image.open(sample("animated.gif")) as before, Image.open(tmp_path / "a.gif") as after:
        assert before.info["loop"] == after.info["loop"]


@pytest.mark.parametrize("format_name", ["gif", "webp", "avif"])
def test_frames_that_are_alike_may_become_one_but_last_as_long(done, tmp_path, format_name):
    frames = [Image.new("L", (20, 20), level) for level in (250, 251, 9, 10, 250)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:], duration=[100, 150, 300, 50, 70])
    output = tmp_path / f"a.{format_name}"
    result = done("resize", input=tmp_path / "in.gif", output=output, widths=[10])
    found = done("probe", input=output).metadata
    assert result.outputs[0].frames == found["frames"]
    assert found["duration"] == 0.67


def test_animations_fit_boxes(done, sample, tmp_path):
    for how, size in (("cover", (50, 50)), ("contain", (50, 50)), ("inside", (50, 38))):
        done("resize", input=sample("animated.gif"), output=tmp_path / "a.webp", width=50, height=50, fit=how)
        with Image.open(tmp_path / "a.webp") as image:
            assert (image.size, image.n_frames) == (size, 12)


@pytest.mark.parametrize("name", ["animated.gif", "animated-apng.png", "multipage.tiff"])
def test_stills_are_the_first_frame_and_say_so(done, sample, tmp_path, name):
    result = done("resize", input=sample(name), output=tmp_path / "a.jpg", widths=[80])
    assert result.metadata["frames_dropped"] == {"multipage.tiff": 2}.get(name, 11)


def test_drawings_are_drawn_at_each_width(done, sample, tmp_path, pixels):
    result = done("resize", input=sample("drawing.svg"), output_dir=tmp_path, widths=[900, 75], format="png")
    assert sizes(result) == [(900, 600), (75, 50)]
    assert "capped" not in result.metadata
    large = pixels(tmp_path / "drawing-900.png", mode="L")
    done("resize", input=sample("drawing.svg"), output=tmp_path / "small.png", widths=[300])
    with Image.open(tmp_path / "small.png") as image:
        blurred = np.asarray(image.convert("L").resize((900, 600), Image.Resampling.LANCZOS), float)
    assert np.abs(np.diff(large)).max() > np.abs(np.diff(blurred)).max() * 1.2


def test_drawings_read_nothing_else(done, sample, tmp_path, pixels):
    done("resize", input=sample("drawing-external.svg"), output=tmp_path / "a.png", widths=[300])
    found = pixels(tmp_path / "a.png")
    assert not (np.abs(found[..., :3] - [208, 36, 72]).sum(axis=-1) < 30).any()


def test_inline_alone_writes_nothing(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = done("resize", input=sample("photo.jpg"), widths=[64], inline=True, format="webp")
    assert result.outputs[0].path == ""
    assert result.outputs[0].data_base64[:4] == b"RIFF"
    assert os.listdir(tmp_path) == []


def test_inline_data_comes_in(done, sample, tmp_path):
    data = base64.b64encode(sample("photo.png").read_bytes()).decode()
    result = done("resize", input={"data_base64": data}, output_dir=tmp_path, widths=[64])
    assert os.path.basename(result.outputs[0].path) == "input-64.png"


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"name": "{name}_{width}x{height}.{ext}"}, ["photo_64x43.jpg", "photo_32x21.jpg"]),
        ({"name": "{width}/x.{ext}"}, None),
        ({"name": "{nam}.{ext}"}, None),
        ({"name": "same.{ext}"}, None),
    ],
)
def test_templates(job, sample, tmp_path, fields, names):
    result = job("resize", input=sample("photo.jpg"), output_dir=tmp_path, widths=[64, 32], **fields)
    if names is None:
        assert result.error_info.code == "invalid_job"
    else:
        assert [os.path.basename(output.path) for output in result.outputs] == names


def test_several_widths_in_one_output(job, sample, tmp_path):
    fields = {"input": sample("photo.jpg"), "widths": [64, 32]}
    assert job("resize", output=tmp_path / "a.webp", **fields).error_info.field == "output"
    result = job("resize", output=tmp_path / "a-{width}.webp", **fields)
    assert [os.path.basename(output.path) for output in result.outputs] == ["a-64.webp", "a-32.webp"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"widths": [10], "width": 10},
        {"scale_percent": 10, "height": 10},
        {"width": 10, "height": 10, "fit": "cover", "position": "entropy", "focal_x": 0.1},
    ],
)
def test_contradictions_are_refused(code, sample, tmp_path, fields):
    assert code("resize", input=sample("tiny.png"), output_dir=tmp_path, **fields) == "invalid_job"


@pytest.mark.parametrize(
    ("fields", "field"), [({"widths": [65535], "upscale": True}, None), ({"widths": [300], "format": "ico"}, "format")]
)
def test_outputs_have_limits(job, sample, tmp_path, fields, field):
    result = job("resize", input=sample("photo.jpg"), output_dir=tmp_path, **fields)
    assert result.error_info.code == "limit_exceeded"
    assert result.error_info.field == field or field is None


def test_dry_runs_tell_sizes_and_write_nothing(done, sample, tmp_path):
    fields = {"input": sample("photo.jpg"), "output_dir": tmp_path / "out", "widths": [640, 320]}
    told = done("resize", dry_run=True, **fields)
    assert not (tmp_path / "out").exists()
    made = done("resize", **fields)
    assert sizes(told) == sizes(made)
    assert [output.path for output in told.outputs] == [output.path for output in made.outputs]
    assert told.metadata["cost"]["pixels"] > 1600 * 1067


def test_existing_outputs_are_skipped(done, sample, tmp_path):
    fields = {"input": sample("photo.jpg"), "output_dir": tmp_path, "overwrite": "skip"}
    done("resize", widths=[320], **fields)
    before = os.stat(tmp_path / "photo-320.jpg").st_mtime_ns
    result = done("resize", widths=[640, 320], **fields)
    assert [output.skipped is True for output in result.outputs] == [False, True]
    assert os.stat(tmp_path / "photo-320.jpg").st_mtime_ns == before


def test_the_same_job_gives_the_same_bytes(done, sample, tmp_path):
    for name in ("a.jpg", "b.jpg"):
        done("resize", input=sample("photo.jpg"), output=tmp_path / name, widths=[333])
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()


def test_the_file_is_imported_without_the_heavy_libraries():
    script = (
        "import sys, mediamill.operations.images.resize, mediamill.operations.images.convert,"
        "mediamill.operations.general.probe;"
        "print([name for name in ('pyvips', 'PIL', 'numpy', 'av', 'pikepdf') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(sample("photo.jpg"), tmp_path / "photo.jpg")
    fields = dict(resize.EXAMPLE)
    assert done(fields.pop("operation"), **fields).outputs
