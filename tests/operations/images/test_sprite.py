import base64
import os
import re

import numpy as np
import pytest
from PIL import Image

from mediamill.operations.images import _sprite, sprite

INPUTS = ["flat.png", "alpha.png", "gray-alpha.png", "photo-odd.jpg", "tiny.png"]
SIZES = [(400, 300), (800, 600), (320, 240), (801, 533), (1, 1)]


def made(done, sample, folder, names=INPUTS, **fields):
    inputs = [str(sample(name)) for name in names]
    return done("sprite", inputs=inputs, **({"output": folder / "s.png"} | fields))


def places(result):
    return [tuple(one[key] for key in ("x", "y", "width", "height")) for one in result.metadata["sprites"]]


def cut(image, place):
    left, top, width, height = place
    return image[top : top + height, left : left + width]


def rules(css):
    """Return the declarations of a style sheet by selector."""
    return {
        selector.strip(): dict(line.strip().rstrip(";").split(": ", 1) for line in body.strip().splitlines())
        for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", css)
    }


def test_every_picture_keeps_its_size_and_pixels(done, sample, tmp_path, pixels):
    result = made(done, sample, tmp_path)
    found = pixels(tmp_path / "s.png")
    assert places(result) == [
        (0, 0, *SIZES[0]),
        (803, 0, *SIZES[1]),
        (1605, 0, *SIZES[2]),
        (0, 602, *SIZES[3]),
        (803, 602, *SIZES[4]),
    ]
    assert found.shape == (1135, 1925, 4)
    metadata = result.metadata
    assert (metadata["width"], metadata["height"], metadata["columns"]) == (1925, 1135, 3)
    for name, place in zip(INPUTS, places(result), strict=True):
        wanted, there = pixels(sample(name), mode="RGBA"), cut(found, place)
        # A decoder may differ by a step, and so may colours nobody sees.
        assert np.abs((wanted - there) * (wanted[..., 3:] > 0)).max() <= (2 if name.endswith("jpg") else 0)
    between = found.copy()
    for place in places(result):
        cut(between, place)[:] = 0
    assert between.max() == 0


def test_names_files_and_metadata(done, sample, tmp_path):
    result = made(done, sample, tmp_path, output=None, output_dir=tmp_path / "out", name="icons", format="webp")
    assert [os.path.basename(one.path) for one in result.outputs] == ["icons.webp", "icons.css"]
    assert [(one.format, one.width, one.height) for one in result.outputs] == [("webp", 1925, 1135), ("css", 0, 0)]
    assert (tmp_path / "out" / "icons.css").read_text() == result.metadata["css"]
    assert [one["class"] for one in result.metadata["sprites"]] == [
        f"sprite-{name.partition('.')[0]}" for name in INPUTS
    ]
    assert [one["input"] for one in result.metadata["sprites"]] == INPUTS


def test_the_style_sheet_says_where_everything_is(done, sample, tmp_path):
    result = made(done, sample, tmp_path, class_name="icon", base_url="/img/")
    found = rules(result.metadata["css"])
    assert found.pop(".icon") == {"display": "inline-block", "background": 'url("/img/s.png") no-repeat'}
    assert len(found) == len(INPUTS)
    for one in result.metadata["sprites"]:
        assert found[f".{one['class']}"] == {
            "width": f"{one['width']}px",
            "height": f"{one['height']}px",
            "background-position": " ".join("0" if not one[key] else f"-{one[key]}px" for key in ("x", "y")),
        }


def test_scale_is_the_density_of_the_pictures(done, sample, tmp_path):
    found = rules(made(done, sample, tmp_path, scale=2).metadata["css"])
    assert found[".sprite"]["background-size"] == "962.5px 567.5px"
    assert found[".sprite-alpha"] == {"width": "400px", "height": "300px", "background-position": "-401.5px 0"}


@pytest.mark.parametrize(("cell", "size"), [(64, (64, 64)), ({"width": 80, "height": 50}, (80, 50))])
def test_cells(done, sample, tmp_path, pixels, cell, size):
    names = ["flat.png", "drawing.svg", "tiny.png"]
    result = made(done, sample, tmp_path, names, cell_size=cell, columns=3, padding=0)
    assert places(result) == [(size[0] * column, 0, *size) for column in range(3)]
    flat, drawing, tiny = (cut(pixels(tmp_path / "s.png"), place) for place in places(result))
    solid = [208, 36, 72, 255]
    fitting = min(size[0] / 400, size[1] / 300)
    assert (flat == solid).all(axis=-1).sum() == round(400 * fitting) * round(300 * fitting)
    assert flat[size[1] // 2, size[0] // 2].tolist() == solid
    assert (drawing[..., 3] > 0).any(axis=0 if size == (64, 64) else 1).all()
    # A picture of one pixel is not enlarged, and stands in the middle.
    assert np.argwhere(tiny[..., 3] > 0).tolist() == [[(size[1] - 1) // 2, (size[0] - 1) // 2]]


def test_drawings_without_cells_have_their_own_size(done, sample, tmp_path):
    assert places(made(done, sample, tmp_path, ["drawing.svg"])) == [(0, 0, 300, 200)]


@pytest.mark.parametrize(
    ("count", "columns", "padding", "size", "grid"),
    [
        (1, None, 5, (10, 10), 1),
        (4, None, 0, (20, 20), 2),
        (5, None, 3, (36, 23), 3),
        (5, 1, 3, (10, 62), 1),
        (5, 9, 3, (62, 10), 5),
    ],
)
def test_tables(count, columns, padding, size, grid):
    layout = _sprite.table([(10, 10)] * count, columns, padding)
    assert (layout.size, layout.columns) == (size, grid)


def test_no_two_places_overlap():
    rng = np.random.default_rng(3)
    for count in range(1, 40):
        sizes = [tuple(int(side) for side in rng.integers(1, 50, 2)) for _ in range(count)]
        layout = _sprite.table(sizes, None, count % 3)
        taken = np.zeros(layout.size[::-1], int)
        for place, size in zip(layout.places, sizes, strict=True):
            assert place[2:] == size
            region = cut(taken, place)
            assert region.shape == size[::-1]
            region += 1
        assert taken.max() == 1


def test_classes_are_safe_and_unique():
    stems = ["home", "Home", "home!", "a b/c.d", "café", "漢字", "", "-x-", "home-2", "1up", "漢"]
    assert _sprite.class_names("i", stems) == [
        "i-home",
        "i-Home-2",
        "i-home-3",
        "i-a-b-c-d",
        "i-cafe",
        "i-6",
        "i-7",
        "i-x",
        "i-home-2-2",
        "i-1up",
        "i-11",
    ]


def test_the_same_file_twice_has_two_classes(done, sample, tmp_path):
    result = made(done, sample, tmp_path, ["tiny.png", "tiny.png"])
    assert [one["class"] for one in result.metadata["sprites"]] == ["sprite-tiny", "sprite-tiny-2"]


@pytest.mark.parametrize("format_name", ["png", "webp", "avif", "gif", "jpg"])
def test_formats(done, sample, tmp_path, pixels, distance, format_name):
    path = tmp_path / f"s.{format_name}"
    result = made(done, sample, tmp_path, output=path, background="#102030", cell_size=100, quality=90)
    with Image.open(path) as image:
        assert image.size == (304, 202)
    found = pixels(path, mode="RGB")
    assert distance(found[10, 30], np.array([16.0, 32, 48])) < 6
    assert distance(cut(found, places(result)[0])[50, 50], np.array([208.0, 36, 72])) < 12


def test_a_background_is_seen_through_pictures(done, sample, tmp_path, pixels):
    made(done, sample, tmp_path, ["alpha.png"], background="lime")
    with Image.open(sample("alpha.png")) as image:
        under = Image.new("RGBA", image.size, (0, 255, 0, 255))
        under.alpha_composite(image)
    assert np.abs(pixels(tmp_path / "s.png", mode="RGB") - np.asarray(under.convert("RGB"), float)).max() <= 1


def test_lossless_webp_is(done, sample, tmp_path, pixels):
    made(done, sample, tmp_path, ["photo.png"], output=tmp_path / "s.webp", lossless=True)
    assert np.array_equal(pixels(tmp_path / "s.webp", mode="RGB"), pixels(sample("photo.png"), mode="RGB"))


def test_other_colours_become_srgb(done, sample, tmp_path, pixels, distance):
    names = ["p3.jpg", "cmyk.jpg", "rgb16.png", "palette.png", "gray-alpha.png"]
    result = made(done, sample, tmp_path, names)
    found = pixels(tmp_path / "s.png")
    for name, place in zip(names, places(result), strict=True):
        alone = tmp_path / "alone.png"
        done("convert", input=sample(name), output=alone, metadata="none")
        wanted = pixels(alone, mode="RGBA")
        assert distance(cut(found, place) * (wanted[..., 3:] > 0), wanted * (wanted[..., 3:] > 0)) < 1


def test_pictures_are_upright(done, sample, tmp_path, pixels, distance):
    names = [f"orientation-{number}.jpg" for number in range(1, 9)]
    for fields in ({}, {"cell_size": 60}):
        result = made(done, sample, tmp_path, names, **fields)
        found = pixels(tmp_path / "s.png")
        first, *others = (cut(found, place) for place in places(result))
        assert all(distance(first, other) < 4 for other in others)


def test_moving_pictures_give_their_first_frame(done, sample, tmp_path, pixels):
    result = made(done, sample, tmp_path, ["animated.gif", "tiny.png"])
    assert [one.get("frames_dropped") for one in result.metadata["sprites"]] == [11, None]
    with Image.open(sample("animated.gif")) as image:
        wanted = np.asarray(image.convert("RGBA"), float)
    there = cut(pixels(tmp_path / "s.png"), places(result)[0])
    assert np.array_equal(there[..., 3], wanted[..., 3])


def test_inline_data_and_results(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = {"data_base64": base64.b64encode(sample("tiny.png").read_bytes()).decode()}
    result = done("sprite", inputs=[data, data], inline=True)
    assert [one.path for one in result.outputs] == ["", ""]
    assert result.outputs[0].data_base64[:4] == b"\x89PNG"
    assert result.outputs[1].data_base64.decode() == result.metadata["css"]
    assert [one["class"] for one in result.metadata["sprites"]] == ["sprite-input", "sprite-input-2"]
    assert 'url("sprite.png")' in result.metadata["css"]
    assert os.listdir(tmp_path) == []


def test_without_css(done, sample, tmp_path):
    result = made(done, sample, tmp_path, generate_css=False)
    assert [one.format for one in result.outputs] == ["png"]
    assert "css" not in result.metadata
    assert os.listdir(tmp_path) == ["s.png"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"inputs": []}, "inputs"),
        ({"inputs": None}, "inputs"),
        ({"inputs": ["a.png", ""]}, "inputs[1]"),
        ({"inputs": ["a.png"] * 1001}, "inputs"),
        ({"cell_size": 0}, "cell_size"),
        ({"cell_size": -4}, "cell_size"),
        ({"cell_size": 70_000}, "cell_size"),
        ({"cell_size": {"width": 10}}, "cell_size.height"),
        ({"cell_size": {"width": 10, "height": 0}}, "cell_size.height"),
        ({"columns": 0}, "columns"),
        ({"columns": 1001}, "columns"),
        ({"padding": -1}, "padding"),
        ({"padding": 1025}, "padding"),
        ({"scale": 0.5}, "scale"),
        ({"scale": 9}, "scale"),
        ({"class_name": "1a"}, "class_name"),
        ({"class_name": "a b"}, "class_name"),
        ({"class_name": "a{}"}, "class_name"),
        ({"class_name": ""}, "class_name"),
        ({"name": "../a"}, "name"),
        ({"background": "gren"}, "background"),
        ({"format": "tiff"}, "format"),
        ({"format": "webp"}, "format"),
        ({"output": "s.tiff"}, "output"),
        ({"output": "s.ico"}, "output"),
        ({"output": "s.mp4"}, "output"),
        ({"output": None}, "output"),
        ({"output_dir": "."}, "output_dir"),
        ({"output": "s.jpg", "lossless": True}, "lossless"),
        ({"input": "a.png"}, "input"),
    ],
)
def test_bad_fields_are_named(job, sample, tmp_path, fields, field):
    result = job("sprite", **{"inputs": [str(sample("tiny.png"))], "output": tmp_path / "s.png"} | fields)
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == field
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("half.jpg", "corrupt_input"),
        ("bad-crc.png", "corrupt_input"),
        ("bomb-4gp.png", "limit_exceeded"),
        ("text.txt", "unsupported_format"),
        ("gone.png", "input_not_found"),
    ],
)
def test_one_bad_input_is_named_and_leaves_nothing(job, sample, tmp_path, name, found):
    bad = tmp_path / name
    if name == "text.txt":
        bad.write_text("No picture.")
    elif name != "gone.png":
        bad = sample(name)
    inputs = [str(sample("tiny.png")), str(sample("flat.png")), str(bad), str(sample("alpha.png"))]
    result = job("sprite", inputs=inputs, output=tmp_path / "out" / "s.png")
    assert (result.error_info.code, result.error_info.field) == (found, "inputs[2]")
    assert not (tmp_path / "out").exists()


def test_huge_sprites_are_refused(job, sample, tmp_path):
    inputs = [str(sample("tiny.png"))] * 9
    result = job("sprite", inputs=inputs, output=tmp_path / "s.png", cell_size=12_000)
    assert result.error_info.code == "limit_exceeded"
    result = job("sprite", inputs=inputs, output=tmp_path / "s.webp", cell_size={"width": 2000, "height": 1}, columns=9)
    assert result.error_info.code == "limit_exceeded"
    assert result.error_info.field == "format"


def test_an_output_may_not_be_an_input(job, sample, tmp_path):
    Image.open(sample("tiny.png")).save(tmp_path / "s.png")
    inputs = [str(sample("flat.png")), str(tmp_path / "s.png")]
    assert job("sprite", inputs=inputs, output=tmp_path / "s.png").error_info.code == "output_exists"


def test_existing_files_are_skipped(done, sample, tmp_path):
    (tmp_path / "s.css").write_text("mine")
    result = made(done, sample, tmp_path, ["tiny.png"], overwrite="skip")
    assert [one.skipped is True for one in result.outputs] == [False, True]
    assert (tmp_path / "s.css").read_text() == "mine"


def test_dry_runs_tell_what_is_made(done, sample, tmp_path):
    told = made(done, sample, tmp_path, dry_run=True)
    assert os.listdir(tmp_path) == []
    assert [(one.path, one.width, one.height) for one in told.outputs] == [
        (one.path, one.width, one.height) for one in made(done, sample, tmp_path).outputs
    ]


def test_the_same_job_gives_the_same_bytes(done, sample, tmp_path):
    for name in ("a.png", "b.png"):
        made(done, sample, tmp_path, output=tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in sprite.EXAMPLE["inputs"]:
        os.symlink(sample(name), tmp_path / name)
    fields = dict(sprite.EXAMPLE)
    assert len(done(fields.pop("operation"), **fields).outputs) == 2
