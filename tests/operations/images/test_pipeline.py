import os
import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from msgspec import UNSET
from PIL import Image

from mediamill.operations.images import _resample, _source, pipeline
from mediamill.operations.images._vips import vips

RESIZE = {"operation": "resize", "width": 400}
CROP = {"operation": "crop", "rect": {"x": 50, "y": 20, "width": 200, "height": 100}}


@pytest.fixture
def told(job, sample, tmp_path):
    """Return a function that runs a pipeline that has to fail, and returns its error's code, field and suggestion."""

    def run(**fields):
        fields = {"input": sample("photo.png"), "output_dir": tmp_path, "outputs": [{"format": "png"}], **fields}
        result = job("pipeline", **fields)
        assert not result.success
        assert os.listdir(tmp_path) == []
        return result.error_info.code, result.error_info.field, result.error_info.suggestion or None

    return run


def sizes(result):
    return [(output.width, output.height) for output in result.outputs]


def steps_of(result):
    return [(step["operation"], step["width"], step["height"]) for step in result.metadata["steps"]]


def test_steps_are_taken_in_their_order(done, sample, tmp_path, pixels):
    steps = [CROP, {"operation": "rotate", "angle": 90}, {"operation": "rotate", "flip": "vertical"}]
    result = done("pipeline", input=sample("photo.png"), steps=steps, outputs=[{"output": str(tmp_path / "a.png")}])
    wanted = np.flip(np.rot90(pixels(sample("photo.png"))[20:120, 50:250], -1), 0)
    assert (pixels(tmp_path / "a.png") == wanted).all()
    assert steps_of(result) == [("crop", 200, 100), ("rotate", 100, 200), ("rotate", 100, 200)]
    assert result.metadata["steps"][0]["crop"] == CROP["rect"]
    assert result.metadata["source_width"] == 800


def test_it_is_what_single_jobs_make_one_after_the_other(done, sample, tmp_path, pixels, distance):
    steps = [
        {"operation": "crop", "gravity": "attention", "width": 500, "height": 400},
        {"operation": "adjust", "contrast": 0.2, "blur": 1.5},
        {"operation": "rotate", "angle_f": 10, "background": "black"},
        {"operation": "watermark", "text": "mediamill", "color": "gold", "font_size": 40},
    ]
    last, made = sample("photo.png"), []
    for number, step in enumerate(steps):
        fields = dict(step)
        made.append(done(fields.pop("operation"), input=last, output=tmp_path / f"{number}.png", **fields).metadata)
        last = tmp_path / f"{number}.png"
    result = done("pipeline", input=sample("photo.png"), steps=steps, outputs=[{"path": str(tmp_path / "all.png")}])
    assert (pixels(last) == pixels(tmp_path / "all.png")).all()
    assert result.metadata["steps"][0]["crop"] == made[0]["crop"]
    assert result.metadata["steps"][3]["watermark"] == made[3]["watermark"]


@pytest.mark.parametrize(
    ("step", "size"),
    [
        ({"width": 400}, (400, 267)),
        ({"height": 267}, (400, 267)),
        ({"scale_percent": 25}, (200, 134)),
        ({"width": 300, "height": 300}, (300, 200)),
        ({"width": 300, "height": 300, "fit": "cover", "position": "attention"}, (300, 300)),
        ({"width": 300, "height": 300, "fit": "cover", "focal_x": 0.0}, (300, 300)),
        ({"width": 300, "height": 300, "fit": "contain", "background": "#0a141e"}, (300, 300)),
        ({"width": 300, "height": 300, "fit": "fill"}, (300, 300)),
        ({"width": 300, "height": 300, "fit": "outside"}, (449, 300)),
        ({"width": 2000}, (800, 534)),
        ({"width": 1200, "upscale": True}, (1200, 801)),
        ({"width": 401, "filter": "nearest"}, (401, 268)),
        ({"width": 401, "sharpen": 1, "linear_rgb": True}, (401, 268)),
    ],
)
def test_resizing_is_that_of_resize(done, sample, tmp_path, pixels, distance, step, size):
    """As the first step it is the same to the last bit; later it is a resampling of the same pixels."""
    source = sample("photo.png")
    alone = done("resize", input=source, output=tmp_path / "a.png", **step)
    first = [{"operation": "resize", **step}]
    result = done("pipeline", input=source, steps=first, outputs=[{"output": str(tmp_path / "b.png")}])
    assert sizes(alone) == sizes(result) == [size]
    assert (pixels(tmp_path / "a.png", mode="RGB") == pixels(tmp_path / "b.png", mode="RGB")).all()
    later = [{"operation": "rotate"}, *first]
    done("pipeline", input=source, steps=later, outputs=[{"output": str(tmp_path / "c.png")}])
    assert distance(pixels(tmp_path / "a.png", mode="RGB"), pixels(tmp_path / "c.png", mode="RGB")) < 0.1


@pytest.mark.parametrize("name", ["alpha.png", "p3.png", "rgb16.png", "gray16.png", "gray-alpha.png", "cmyk.jpg"])
def test_every_kind_of_picture_is_resized_in_memory(done, sample, tmp_path, pixels, distance, name):
    steps = [{"operation": "rotate"}, {"operation": "resize", "width": 100}]
    done("pipeline", input=sample(name), steps=steps, outputs=[{"output": str(tmp_path / "a.png")}])
    done("resize", input=sample(name), width=100, output=tmp_path / "b.png")
    assert distance(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")) < (2 if name == "cmyk.jpg" else 0.6)
    with Image.open(tmp_path / "a.png") as one, Image.open(tmp_path / "b.png") as other:
        assert (one.mode, one.info.get("icc_profile")) == (other.mode, other.info.get("icc_profile"))


def test_a_first_resize_decodes_no_more_than_it_needs(done, sample, tmp_path, monkeypatch):
    asked = []
    load = _source.Source.load
    monkeypatch.setattr(
        _source.Source, "load", lambda self, **options: (asked.append(options), load(self, **options))[1]
    )
    fields = {"input": sample("photo.jpg"), "outputs": [{"output": str(tmp_path / "a.png")}]}
    done("pipeline", steps=[{"operation": "resize", "width": 200}, {"operation": "adjust", "blur": 1}], **fields)
    done("pipeline", steps=[], **{**fields, "outputs": [{"output": str(tmp_path / "b.png"), "width": 200}]})
    done("pipeline", steps=[{"operation": "crop", "width": 200}], **fields)
    assert [options.get("shrink", 1) for options in asked] == [4, 4, 1]


def test_there_is_one_decode_and_no_file_between(done, sample, tmp_path, monkeypatch):
    decodes = []
    load = _source.Source.load
    monkeypatch.setattr(_source.Source, "load", lambda self, **options: (decodes.append(1), load(self, **options))[1])
    steps = [CROP, {"operation": "adjust", "brightness": 0.1}, {"operation": "resize", "width": 150}]
    outputs = [{"format": name, "width": width} for name in ("png", "webp", "jpeg") for width in (150, 60)]
    result = done("pipeline", input=sample("photo.png"), output_dir=tmp_path, steps=steps, outputs=outputs)
    assert len(decodes) == 1
    assert sorted(os.listdir(tmp_path)) == sorted(os.path.basename(output.path) for output in result.outputs)


def test_outputs_have_their_own_size_format_and_quality(done, sample, tmp_path, pixels, distance):
    outputs = [
        {"width": 300, "format": "webp", "quality": 40},
        {"format": "png"},
        {"height": 50, "format": "jpg", "background": "black"},
        {"width": 300, "height": 30, "format": "avif", "effort": 0},
    ]
    steps = [{"operation": "resize", "width": 600}]
    result = done("pipeline", input=sample("photo.jpg"), output_dir=tmp_path, steps=steps, outputs=outputs)
    assert sizes(result) == [(300, 200), (600, 400), (75, 50), (45, 30)]
    names = [os.path.basename(output.path) for output in result.outputs]
    assert names == ["photo-300.webp", "photo-600.png", "photo-75.jpg", "photo-45.avif"]
    assert result.outputs[0].quality == 40
    done("resize", input=sample("photo.jpg"), output=tmp_path / "x.png", width=300)
    assert distance(pixels(tmp_path / "photo-300.webp"), pixels(tmp_path / "x.png")) < 8
    for output in result.outputs:
        with Image.open(output.path) as image:
            assert image.size == (output.width, output.height)


def test_small_outputs_are_made_from_larger_ones_and_are_as_good(done, sample, tmp_path, pixels, distance):
    outputs = [{"width": width, "format": "png"} for width in (100, 700, 400, 200)]
    result = done(
        "pipeline", input=sample("photo.png"), output_dir=tmp_path, steps=[{"operation": "rotate"}], outputs=outputs
    )
    for output in result.outputs:
        done("resize", input=sample("photo.png"), output=tmp_path / "alone.png", widths=[output.width])
        assert distance(pixels(output.path), pixels(tmp_path / "alone.png")) < 2


def test_outputs_larger_than_the_result_are_capped_and_say_so(done, sample, tmp_path):
    result = done("pipeline", input=sample("photo.png"), output_dir=tmp_path, steps=[CROP], outputs=[{"width": 500}])
    assert sizes(result) == [(200, 100)]
    assert result.metadata["capped"] is True
    assert os.listdir(tmp_path) == ["photo.png"]


def test_the_smallest_format_is_chosen_per_output(done, sample, tmp_path):
    outputs = [{"format": "auto"}, {"format": "auto", "width": 50}, {"format": "png", "width": 40}]
    result = done(
        "pipeline", input=sample("flat.png"), output_dir=tmp_path, steps=[{"operation": "rotate"}], outputs=outputs
    )
    assert result.outputs[0].format in ("webp", "png")
    assert result.outputs[2].format == "png"


def test_a_palette_is_kept_where_it_is_the_last_word(done, sample, tmp_path):
    palette = {"operation": "palette", "max_colors": 8}
    outputs = [{"format": "png"}, {"format": "png", "width": 150}]
    fields = {"input": sample("photo.png"), "output_dir": tmp_path, "outputs": outputs}
    result = done("pipeline", steps=[RESIZE, palette], **fields)
    assert result.metadata["steps"][1]["color_count"] <= 8
    with Image.open(tmp_path / "photo-400.png") as image:
        assert image.mode == "P"
        assert len(image.convert("RGB").getcolors()) <= 8
    done("pipeline", steps=[RESIZE, palette, {"operation": "adjust", "blur": 1}], **fields)
    with Image.open(tmp_path / "photo-400.png") as image:
        assert image.mode == "RGB"
    done("pipeline", steps=[palette], **fields | {"outputs": [{"format": "gif"}], "input": sample("alpha.png")})
    with Image.open(tmp_path / "alpha.gif") as image:
        assert len(image.convert("RGBA").getcolors()) <= 8


def test_animations_go_through(done, sample, tmp_path):
    steps = [
        {"operation": "resize", "width": 120},
        {"operation": "rotate", "angle": 90},
        {"operation": "adjust", "blur": 0.5},
    ]
    outputs = [{"format": "webp"}, {"format": "gif", "width": 45}, {"format": "png"}]
    result = done("pipeline", input=sample("animated.gif"), output_dir=tmp_path, steps=steps, outputs=outputs)
    assert [output.frames if output.frames else 1 for output in result.outputs] == [12, 12, 1]
    assert result.metadata["frames_dropped"] == 11
    with Image.open(sample("animated.gif")) as source:
        wanted = []
        for index in range(12):
            source.seek(index)
            wanted.append(source.info["duration"])
    for output in result.outputs[:2]:
        with Image.open(output.path) as image:
            assert image.size == (output.width, output.height)
            found = []
            for index in range(12):
                image.seek(index)
                image.load()
                found.append(image.info["duration"])
            assert found == wanted


@pytest.mark.parametrize("number", range(1, 9))
def test_orientations_come_first(done, sample, tmp_path, pixels, distance, number):
    upright = pixels(sample("orientation-1.jpg"))
    source = sample(f"orientation-{number}.jpg")
    steps = [{"operation": "crop", "rect": {"x": 10, "y": 5, "width": 60, "height": 30}}]
    done("pipeline", input=source, steps=steps, outputs=[{"output": str(tmp_path / "a.png")}])
    assert distance(pixels(tmp_path / "a.png"), upright[5:35, 10:70]) < 3
    steps = [{"operation": "resize", "width": 60}, {"operation": "rotate", "angle": 90}]
    done("pipeline", input=source, steps=steps, outputs=[{"output": str(tmp_path / "b.png")}])
    small = np.asarray(Image.fromarray(upright.astype(np.uint8)).resize((60, 40), Image.Resampling.LANCZOS), float)
    assert distance(pixels(tmp_path / "b.png"), np.rot90(small, -1)) < 3


def test_the_first_step_may_take_what_is_stored(done, told, sample, tmp_path):
    steps = [{"operation": "rotate", "auto_orient": False}, {"operation": "crop", "width": 70}]
    fields = {"input": sample("orientation-6.jpg"), "outputs": [{"output": str(tmp_path / "a.png")}]}
    assert steps_of(done("pipeline", steps=steps, **fields)) == [("rotate", 80, 120), ("crop", 70, 120)]
    os.unlink(tmp_path / "a.png")
    assert told(steps=[CROP, steps[0]])[:2] == ("invalid_job", "steps[1].auto_orient")


def test_drawings_are_drawn_at_the_size_of_a_first_resize(done, sample, tmp_path, pixels, distance):
    done("resize", input=sample("drawing.svg"), output=tmp_path / "a.png", width=1200)
    for steps, output in (([{"operation": "resize", "width": 1200}], {}), ([], {"width": 1200})):
        outputs = [{"output": str(tmp_path / "b.png"), **output}]
        assert sizes(done("pipeline", input=sample("drawing.svg"), steps=steps, outputs=outputs)) == [(1200, 800)]
        assert distance(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")) < 0.3


def test_dry_runs_tell_every_size_and_write_nothing(done, sample, tmp_path):
    steps = [
        {"operation": "resize", "width": 500},
        {"operation": "rotate", "angle_f": 30},
        {"operation": "crop", "height": 90},
    ]
    fields = {
        "input": sample("photo.jpg"),
        "output_dir": tmp_path / "out",
        "steps": steps,
        "outputs": [{"width": 99}, {}],
    }
    planned = done("pipeline", dry_run=True, **fields)
    assert not (tmp_path / "out").exists()
    made = done("pipeline", **fields)
    assert steps_of(planned) == steps_of(made)
    assert sizes(planned) == sizes(made)
    assert [output.path for output in planned.outputs] == [output.path for output in made.outputs]
    assert planned.metadata["cost"]["pixels"] > 1600 * 1067


@pytest.mark.parametrize(
    ("steps", "field", "suggestion"),
    [
        ([RESIZE, CROP, {"operation": "resize", "width": 0}], "steps[2].width", None),
        ([RESIZE, {"operation": "resise", "width": 9}], "steps[1].operation", "resize"),
        ([RESIZE, {"operation": "optimize"}], "steps[1].operation", None),
        ([RESIZE, {"width": 9}], "steps[1].operation", None),
        ([RESIZE, {"operation": "crop", "hight": 9}], "steps[1].hight", "height"),
        ([RESIZE, {"operation": "crop", "width": 9, "input": "a"}], "steps[1].input", None),
        ([RESIZE, {"operation": "crop"}], "steps[1].rect", None),
        ([{"operation": "crop", "rect": {"x": 0, "y": 0, "width": 9}}], "steps[0].rect.height", None),
        ([RESIZE, {"operation": "crop", "rect": {"x": 0, "y": 0, "width": 401, "height": 9}}], "steps[1].rect", None),
        ([RESIZE, {"operation": "watermark", "text": "a", "opacity": 2}], "steps[1].opacity", None),
        ([RESIZE, {"operation": "watermark", "text": "a", "color": "rde"}], "steps[1].color", "red"),
        ([RESIZE, {"operation": "watermark", "text": "a", "offset_x": 900}], "steps[1].offset_x", None),
        ([RESIZE, {"operation": "watermark", "image": {}}], "steps[1].image", None),
        ([{"operation": "resize"}], "steps[0].width", None),
        ([{"operation": "resize", "width": 9, "scale_percent": 9}], "steps[0].scale_percent", None),
        ([{"operation": "resize", "width": 9, "position": "entropy", "focal_x": 0.1}], "steps[0].position", None),
        ([{"operation": "resize", "width": 9, "fit": "covre"}], "steps[0].fit", "cover"),
        ([CROP] * 65, "steps", None),
        (5, "steps", None),
        ([5], "steps[0]", None),
    ],
)
def test_errors_name_the_step(told, steps, field, suggestion):
    assert told(steps=steps) == ("invalid_job", field, suggestion)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"outputs": []}, "outputs"),
        ({"outputs": [{}, {"format": "bmp"}]}, "outputs[1].format"),
        ({"outputs": [{}, {"quality": 0}]}, "outputs[1].quality"),
        ({"outputs": [{"widht": 3}]}, "outputs[0].widht"),
        ({"outputs": [{"background": "rde"}]}, "outputs[0].background"),
        ({"outputs": [{"output": "a.png", "path": "a.png"}]}, "outputs[0].path"),
        ({"outputs": [{"output": "a.png", "output_dir": "a"}]}, "outputs[0].output_dir"),
        ({"outputs": [{}, {"output": "a.png", "format": "webp"}]}, "outputs[1].format"),
        ({"outputs": [{}, {"output": "a.bmp"}]}, "outputs[1].output"),
        ({"outputs": [{"format": "jpeg", "lossless": True}]}, "outputs[0].lossless"),
        ({"outputs": [{}, {"name": "{nme}.png"}]}, "outputs[1].name"),
        ({"output_dir": None, "outputs": [{"output": "a.png"}, {}]}, "outputs[1].output"),
    ],
)
def test_errors_name_the_output(told, fields, field):
    assert told(steps=[CROP], **fields)[:2] == ("invalid_job", field)


def test_formats_that_cannot_hold_the_size_name_their_output(told):
    outputs = [{}, {"format": "ico"}]
    assert told(steps=[RESIZE], outputs=outputs)[:2] == ("limit_exceeded", "outputs[1].format")


@pytest.mark.parametrize(
    ("step", "code", "field"),
    [
        ({"operation": "watermark", "image": "missing.png"}, "input_not_found", "steps[1].image"),
        ({"operation": "watermark", "text": "a", "font": "missing.ttf"}, "input_not_found", "steps[1].font"),
    ],
)
def test_further_inputs_are_looked_at_before_anything_is_done(told, step, code, field):
    for dry_run in (False, True):
        assert told(steps=[RESIZE, step], dry_run=dry_run)[:2] == (code, field)


def test_pictures_on_the_way_have_limits(told):
    grow = {"operation": "resize", "scale_percent": 1000, "upscale": True}
    assert told(steps=[grow, grow, {"operation": "crop", "width": 1, "height": 1}])[0] == "limit_exceeded"
    thin = {"operation": "crop", "width": 800, "height": 1}
    wide = {"operation": "resize", "width": 300, "height": 300, "fit": "cover", "upscale": True}
    assert told(steps=[thin, wide])[0] == "limit_exceeded"


@pytest.mark.parametrize(("name", "found"), [("text.jpg", "unsupported_format"), ("half.jpg", "corrupt_input"),
    ("half.png", "corrupt_input"), ("bomb-4gp.png", "limit_exceeded")])  # fmt: skip
@pytest.mark.parametrize("steps", [[], [CROP], [{"operation": "resize", "width": 10}]])
def test_bad_inputs_are_not_blamed_on_a_step(told, sample, name, found, steps):
    assert told(input=sample(name), steps=steps)[:2] in ((found, "input"), (found, UNSET))


@pytest.mark.parametrize("where", ["resample", "rasterised"])
def test_memory_that_is_short_is_told(told, monkeypatch, where):
    def short(*arguments, **options):
        raise vips().Error("unable to call resize", "out of memory --- size == 12MB")

    monkeypatch.setattr(_resample, where, short)
    steps = [CROP, {"operation": "resize", "width": 50}] if where == "resample" else [CROP]
    assert told(steps=steps, outputs=[{"width": 20}])[0] == "out_of_memory"


def test_two_outputs_of_one_name_are_refused(told):
    assert told(steps=[CROP], outputs=[{"format": "png"}, {"format": "png"}])[0] == "invalid_job"


def test_outputs_appear_together_or_not_at_all(told, monkeypatch):
    from mediamill.protocol.errors import EncodeFailed

    real = pipeline.encoded

    def encoded(picture, code):
        if code.format == "webp":
            raise EncodeFailed("The WEBP encoder refused the picture.")
        return real(picture, code)

    monkeypatch.setattr(pipeline, "encoded", encoded)
    assert told(steps=[CROP], outputs=[{"format": "png"}, {"format": "webp"}])[0] == "encode_failed"


def test_existing_outputs_are_skipped(done, sample, tmp_path):
    fields = {"input": sample("photo.png"), "output_dir": tmp_path, "steps": [CROP], "overwrite": "skip"}
    done("pipeline", outputs=[{"width": 100}, {"width": 50}], **fields)
    os.unlink(tmp_path / "photo-50.png")
    result = done("pipeline", outputs=[{"width": 100}, {"width": 50}], **fields)
    assert [output.skipped is True for output in result.outputs] == [True, False]


def test_bytes_come_inline(done, sample):
    result = done(
        "pipeline", input=sample("photo.png"), inline=True, steps=[CROP], outputs=[{"format": "png", "width": 50}]
    )
    with Image.open(BytesIO(result.outputs[0].data_base64)) as image:
        assert image.size == (50, 25)


def test_people_type_steps_as_json(sample, tmp_path):
    def typed(*arguments):
        command = [sys.executable, "-m", "mediamill.engine", "pipeline", str(sample("photo.png")), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    steps = '[{"operation": "crop", "width": 100, "height": 50}, {"operation": "rotate", "angle": 90}]'
    ran = typed("--steps", steps, "--outputs", '{"format": "webp"}')
    assert ran.returncode == 0, ran.stderr
    with Image.open(tmp_path / "photo.webp") as image:
        assert image.size == (50, 100)
    ran = typed("--steps", steps[:-5], "--outputs", '{"format": "webp"}')
    assert ran.returncode == 2
    assert "--steps: not valid JSON" in ran.stderr
    ran = typed("--steps", steps.replace("crop", "corp"), "--outputs", '{"format": "webp"}')
    assert ran.returncode == 2
    assert "Did you mean 'crop'?" in ran.stderr


def test_the_same_job_gives_the_same_bytes(done, sample, tmp_path):
    for name in ("a.webp", "b.webp"):
        steps = [RESIZE, {"operation": "rotate", "angle_f": 3}, {"operation": "adjust", "saturation": 0.3}]
        done("pipeline", input=sample("photo.jpg"), steps=steps, outputs=[{"output": str(tmp_path / name)}])
    assert (tmp_path / "a.webp").read_bytes() == (tmp_path / "b.webp").read_bytes()


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(sample("photo.jpg"), tmp_path / "photo.jpg")
    fields = dict(pipeline.EXAMPLE)
    assert len(done(fields.pop("operation"), **fields).outputs) == 2
