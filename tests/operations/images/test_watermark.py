import base64
import glob
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageFont

from mediamill.operations.images import watermark

EMPTY = '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd"><fontconfig></fontconfig>'
JOINING = glob.glob("/usr/share/fonts/**/DejaVuSans.ttf", recursive=True)[:1]
"""A font with Arabic letters, where it is installed."""


def saved(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


def plain(width, height, colour):
    pixels = np.zeros((height, width, len(colour)), np.uint8)
    pixels[...] = colour
    return pixels


def box_of(result):
    return {name: result.metadata["watermark"][name] for name in ("x", "y", "width", "height")}


def inside(box):
    return slice(box["y"], box["y"] + box["height"]), slice(box["x"], box["x"] + box["width"])


@pytest.fixture
def base(tmp_path):
    return saved(tmp_path / "base.png", plain(200, 100, (10, 60, 200)))


@pytest.fixture
def mark(tmp_path):
    return saved(tmp_path / "mark.png", plain(20, 10, (250, 30, 40)))


@pytest.fixture
def font_file(tmp_path):
    (tmp_path / "font.ttf").write_bytes(ImageFont.load_default(20).font_bytes)
    return tmp_path / "font.ttf"


def test_text_is_set_where_the_result_says(done, base, tmp_path, pixels):
    result = done("watermark", input=base, output=tmp_path / "a.png", text="Hello", font_size=24, color="#ffee00")
    box = box_of(result)
    found = pixels(tmp_path / "a.png")
    touched = (found != [10, 60, 200]).any(axis=-1)
    rows, columns = np.nonzero(touched)
    assert (columns.min(), rows.min()) == (box["x"], box["y"])
    assert (columns.max() + 1, rows.max() + 1) == (box["x"] + box["width"], box["y"] + box["height"])
    assert box["x"] + box["width"] == 198, "a fortieth of 100 pixels from the edge"
    assert found[inside(box)].reshape(-1, 3).max(axis=0).tolist() == [255, 238, 200]
    assert result.metadata["watermark"]["font_size"] == 24
    assert 15 <= box["height"] <= 26


@pytest.mark.parametrize(("text", "least"), [("<b>x</b>", 5), ("&amp;", 3), ("a<b & c>d", 6), ("<span>", 4)])
def test_text_is_data_never_markup(done, base, tmp_path, text, least):
    widths = []
    for one in (text, "x"):
        result = done("watermark", input=base, output=tmp_path / "a.png", text=one, font_size=12)
        widths.append(result.metadata["watermark"]["width"])
    assert widths[0] > least * widths[1]


def test_space_around_the_text_is_left_out(done, base, tmp_path):
    boxes = [
        box_of(done("watermark", input=base, output=tmp_path / "a.png", text=text, font_size=12))
        for text in ("one\ntwo", "\n\n  one\r\ntwo \n\n")
    ]
    assert boxes[0] == boxes[1]


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (300, 1), (1, 300)])
@pytest.mark.parametrize("fields", [{}, {"scale": 0.01}, {"font_size": 2000, "tile": True}])
def test_a_picture_too_small_for_its_text_is_no_failure(done, tmp_path, size, fields):
    source = saved(tmp_path / "in.png", plain(*size, (9, 9, 9)))
    box = box_of(done("watermark", input=source, output=tmp_path / "a.png", text="hello\nworld", **fields))
    assert box["x"] + box["width"] <= size[0]
    assert box["y"] + box["height"] <= size[1]


def test_lines_are_lines(done, base, tmp_path):
    sizes = []
    for text in ("one", "one\ntwo\nthree"):
        sizes.append(done("watermark", input=base, output=tmp_path / "a.png", text=text, font_size=12).metadata)
    assert sizes[1]["watermark"]["height"] > 2.5 * sizes[0]["watermark"]["height"]


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b", "a\x00b", "a\x1bb", "\uffff", "x" * 1001])
def test_what_is_no_text_is_refused(job, base, tmp_path, text):
    result = job("watermark", input=base, output=tmp_path / "a.png", text=text)
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", "text")


@pytest.mark.parametrize(
    ("fields", "font"),
    [
        ({}, "sans"),
        ({"font": "serif"}, "serif"),
        ({"font": "monospace"}, "monospace"),
        ({"font": "Sans-Serif"}, "Sans-Serif"),
        ({"font": "serif Bold Italic"}, "serif Bold Italic"),
    ],
)
def test_generic_families_are_always_there(done, base, tmp_path, fields, font):
    result = done("watermark", input=base, output=tmp_path / "a.png", text="Hello", **fields)
    assert result.metadata["watermark"]["font"] in (font, "Aileron Regular")


def test_a_font_may_be_a_file(done, job, base, tmp_path, pixels, font_file):
    fields = {"input": base, "text": "Hamburg", "scale": 0.5}
    result = done("watermark", output=tmp_path / "a.png", font=font_file, **fields)
    assert result.metadata["watermark"]["font"] == "Aileron Regular"
    assert abs(result.metadata["watermark"]["width"] - 100) <= 3
    done("watermark", output=tmp_path / "b.png", font="Aileron", **fields)
    assert (pixels(tmp_path / "a.png") == pixels(tmp_path / "b.png")).all()


@pytest.mark.parametrize(
    ("font", "found"),
    [
        ("missing.ttf", "input_not_found"),
        ("/nowhere/missing", "input_not_found"),
        ("No Such Family", "input_not_found"),
        ("No Such Family Bold Italic", "input_not_found"),
        ("base.png", "input_not_found"),
        ("./base.png", "unsupported_format"),
        ("./", "input_unreadable"),
        ("", "invalid_job"),
    ],
)
def test_fonts_that_are_not_there(job, base, tmp_path, monkeypatch, font, found):
    monkeypatch.chdir(tmp_path)
    for dry_run in (False, True):
        result = job("watermark", input=base, output="a.png", text="Hello", font=font, dry_run=dry_run)
        assert (result.error_info.code, result.error_info.field) == (found, "font")


def test_letters_without_a_font_are_told(done, base, tmp_path):
    result = done("watermark", input=base, output=tmp_path / "a.png", text="ab \u0379\u0380\u0379")
    assert result.metadata["watermark"]["missing"] == "\u0379\u0380"
    result = done("watermark", input=base, output=tmp_path / "a.png", text="ab c")
    assert "missing" not in result.metadata["watermark"]


@pytest.mark.parametrize("font", JOINING)
def test_letters_are_shaped_and_come_from_other_fonts(done, base, tmp_path, font, font_file):
    fields = {"input": base, "output": tmp_path / "a.png", "font_size": 20}
    whole = done("watermark", text="مرحبا", font=font, **fields).metadata["watermark"]
    single = [done("watermark", text=letter, font=font, **fields).metadata["watermark"]["width"] for letter in "مرحبا"]
    assert whole["width"] < 0.9 * sum(single), "joined letters are narrower than single ones"
    assert "missing" not in done("watermark", text="مرحبا", font=font_file, **fields).metadata["watermark"]


def test_text_is_set_where_no_font_is_installed(base, tmp_path, pixels):
    (tmp_path / "fonts.conf").write_text(EMPTY)
    jobs = [
        {"operation": "watermark", "input": str(base), "output": str(tmp_path / f"{name}.png"), "text": name}
        for name in ("iiii", "WWWW")
    ]
    jobs.append(jobs[0] | {"font": "DejaVu Sans"})
    environ = os.environ | {"FONTCONFIG_FILE": str(tmp_path / "fonts.conf"), "HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-m", "mediamill.engine", "stream"],
        input="".join(json.dumps(job | {"id": number}) + "\n" for number, job in enumerate(jobs)),
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    results = {line["id"]: line for line in map(json.loads, ran.stdout.splitlines()) if "success" in line}
    marks = [results[number]["metadata"]["watermark"] for number in (0, 1)]
    assert marks[0]["font"] == marks[1]["font"] == "Aileron Regular"
    assert marks[1]["width"] > 2 * marks[0]["width"], "letters, not boxes"
    assert results[2]["error_info"]["code"] == "input_not_found"
    assert pixels(tmp_path / "WWWW.png").max() == 255


PLACES = {
    "top-left": (0, 0), "top": (1, 0), "top-right": (2, 0), "left": (0, 1), "center": (1, 1), "right": (2, 1),
    "bottom-left": (0, 2), "bottom": (1, 2), "bottom-right": (2, 2), "nw": (0, 0), "n": (1, 0), "ne": (2, 0),
    "w": (0, 1), "e": (2, 1), "sw": (0, 2), "s": (1, 2), "se": (2, 2), "north-west": (0, 0), "north": (1, 0),
    "north-east": (2, 0), "west": (0, 1), "east": (2, 1), "south-west": (0, 2), "south": (1, 2), "south-east": (2, 2),
    "northwest": (0, 0), "northeast": (2, 0), "southwest": (0, 2), "southeast": (2, 2), "centre": (1, 1),
    "middle": (1, 1), "top-center": (1, 0), "center-left": (0, 1), "bottom-center": (1, 2), "center-right": (2, 1),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_places(done, base, mark, tmp_path, pixels, place):
    column, row = PLACES[place]
    for offsets, margin in (({}, (2, 2)), ({"offset_x": 7, "offset_y": 5}, (7, 5))):
        result = done("watermark", input=base, output=tmp_path / "a.png", image=mark, position=place, **offsets)
        middle = [90 + (margin[0] if offsets else 0), 45 + (margin[1] if offsets else 0)]
        wanted = ((margin[0], middle[0], 180 - margin[0])[column], (margin[1], middle[1], 90 - margin[1])[row])
        box = box_of(result)
        assert box == {"x": wanted[0], "y": wanted[1], "width": 20, "height": 10}
        found = pixels(tmp_path / "a.png")
        assert (found[inside(box)] == [250, 30, 40]).all()
        assert ((found == [250, 30, 40]).all(axis=-1)).sum() == 200


def test_every_declared_place_is_tested():
    import typing

    from mediamill.operations.images._watermark import Place

    assert set(typing.get_args(Place)) == set(PLACES)


def test_a_mark_over_the_edge_is_cut_and_off_the_picture_refused(done, job, base, mark, tmp_path, pixels):
    fields = {"input": base, "output": tmp_path / "a.png", "image": mark, "position": "top-left"}
    result = done("watermark", offset_x=-15, offset_y=-4, **fields)
    assert box_of(result) == {"x": 0, "y": 0, "width": 5, "height": 6}
    assert ((pixels(tmp_path / "a.png") == [250, 30, 40]).all(axis=-1)).sum() == 30
    for offsets, field in (({"offset_x": -20}, "offset_x"), ({"offset_y": 100}, "offset_y")):
        result = job("watermark", **offsets, **fields)
        assert (result.error_info.code, result.error_info.field) == ("invalid_job", field)


@pytest.mark.parametrize(("opacity", "colour"), [(0, [10, 60, 200]), (0.5, [130, 45, 120]), (1, [250, 30, 40])])
def test_opacity(done, base, mark, tmp_path, pixels, opacity, colour):
    done("watermark", input=base, output=tmp_path / "a.png", image=mark, position="center", opacity=opacity)
    assert pixels(tmp_path / "a.png")[50, 100].tolist() == colour


@pytest.mark.parametrize("name", ["photo.png", "p3.png", "rgb16.png"])
def test_light_is_mixed_in_linear_light(done, sample, tmp_path, pixels, name):
    """Half white over black is the code of half the light; over white it stays white, in every space."""
    saved(tmp_path / "mark.png", plain(20, 10, (255, 255, 255)))
    fields = {"input": sample(name), "output": tmp_path / "a.png", "image": tmp_path / "mark.png", "position": "center"}
    with Image.open(sample(name)) as image:
        before = np.asarray(image.convert("RGBA"), float)
    for linear in (False, True):
        part = inside(box_of(done("watermark", opacity=0.5, linear_rgb=linear, **fields)))
        with Image.open(tmp_path / "a.png") as image:
            found = np.asarray(image.convert("RGBA"), float)
        opaque = before[part][..., 3] == 255
        code = before[part][opaque][:, :3] / 255
        light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4) / 2 + 0.5
        wanted = 255 * (1.055 * light ** (1 / 2.4) - 0.055) if linear else 127.5 + 127.5 * code
        assert np.abs(found[part][opaque][:, :3] - wanted).max() < 1.6
        assert (np.delete(found, np.r_[part[0]], 0) == np.delete(before, np.r_[part[0]], 0)).all()


def test_an_image_keeps_its_alpha(done, base, tmp_path, pixels):
    mark = plain(20, 10, (255, 0, 255, 0))
    mark[:, 10:] = (200, 100, 0, 128)
    saved(tmp_path / "mark.png", mark)
    result = done("watermark", input=base, output=tmp_path / "a.png", image=tmp_path / "mark.png", position="center")
    found = pixels(tmp_path / "a.png")[inside(box_of(result))]
    share = 128 / 255
    assert (found[:, :10] == [10, 60, 200]).all()
    wanted = [round(200 * share + 10 * (1 - share)), round(100 * share + 60 * (1 - share)), round(200 * (1 - share))]
    assert (found[:, 10:] == wanted).all()


@pytest.mark.parametrize("linear", [False, True])
def test_over_a_transparent_picture_it_stays_visible(done, tmp_path, pixels, linear):
    source = plain(40, 40, (0, 255, 0, 0))
    source[20:] = (0, 0, 100, 255)
    saved(tmp_path / "in.png", source)
    saved(tmp_path / "mark.png", plain(40, 40, (200, 100, 0, 128)))
    done(
        "watermark",
        input=tmp_path / "in.png",
        output=tmp_path / "a.png",
        image=tmp_path / "mark.png",
        opacity=0.5,
        linear_rgb=linear,
    )
    found = pixels(tmp_path / "a.png")
    assert found[5, 5].tolist() == [200, 100, 0, 64]
    assert np.abs(found[30, 5] - ([106, 51, 87, 255] if linear else [50, 25, 75, 255])).max() <= 1


def test_hidden_colours_of_a_mark_do_not_bleed_when_it_is_scaled(done, sample, base, tmp_path, pixels):
    """The sample has magenta under its transparent pixels."""
    done("watermark", input=base, output=tmp_path / "a.png", image=sample("alpha.png"), scale=0.25, position="center")
    with Image.open(sample("alpha.png")) as image:
        small = image.convert("RGBa").resize((50, 38), Image.Resampling.LANCZOS).convert("RGBA")
    under = Image.new("RGBA", (50, 38), (10, 60, 200, 255))
    under.alpha_composite(small)
    found = pixels(tmp_path / "a.png")[31:69, 75:125]
    assert np.abs(found - np.asarray(under.convert("RGB"), float)).mean() < 2


@pytest.mark.parametrize(("scale", "width"), [(0.1, 20), (0.5, 100), (1.0, 200), (0.001, 1)])
def test_scale_is_a_share_of_the_pictures_width(done, base, mark, tmp_path, scale, width):
    result = done("watermark", input=base, output=tmp_path / "a.png", image=mark, scale=scale)
    assert (box_of(result)["width"], box_of(result)["height"]) == (width, max(1, width // 2))
    text = done("watermark", input=base, output=tmp_path / "a.png", text="Hello there", scale=max(scale, 0.3))
    assert abs(box_of(text)["width"] - 200 * max(scale, 0.3)) <= 4


@pytest.mark.parametrize("fields", [{}, {"scale": 1.0}])
def test_a_mark_that_is_too_large_is_made_to_fit(done, base, tmp_path, pixels, fields):
    saved(tmp_path / "mark.png", plain(900, 900, (250, 30, 40)))
    result = done("watermark", input=base, output=tmp_path / "a.png", image=tmp_path / "mark.png", **fields)
    assert box_of(result) == {"x": 98, "y": 0, "width": 100, "height": 100}
    text = done("watermark", input=base, output=tmp_path / "a.png", text="wide " * 40, font_size=2000)
    assert 150 <= box_of(text)["width"] <= 200
    assert text.metadata["watermark"]["font_size"] < 10


def test_a_drawing_is_drawn_at_its_size(done, sample, tmp_path, pixels, distance):
    base = saved(tmp_path / "in.png", plain(1200, 900, (255, 255, 255)))
    done("watermark", input=base, output=tmp_path / "a.png", image=sample("drawing.svg"), scale=0.75, position="center")
    done("convert", input=sample("drawing.svg"), output=tmp_path / "b.png", width=900)
    assert distance(pixels(tmp_path / "a.png")[150:750, 150:1050], pixels(tmp_path / "b.png", mode="RGB")) < 0.6


def test_a_mark_is_upright(done, sample, tmp_path, pixels, distance):
    base = saved(tmp_path / "in.png", plain(300, 300, (0, 0, 0)))
    for number in (1, 6):
        image = sample(f"orientation-{number}.jpg")
        result = done("watermark", input=base, output=tmp_path / f"{number}.png", image=image, position="center")
        assert box_of(result) == {"x": 90, "y": 110, "width": 120, "height": 80}
    assert distance(pixels(tmp_path / "1.png"), pixels(tmp_path / "6.png")) < 2


@pytest.mark.parametrize(("spacing", "step"), [({}, (30, 20)), ({"spacing": 0}, (20, 10)), ({"spacing": 13}, (33, 23))])
def test_tiles_cover_the_picture(done, base, mark, tmp_path, pixels, spacing, step):
    result = done("watermark", input=base, output=tmp_path / "a.png", image=mark, tile=True, position="nw", **spacing)
    rows, columns = np.mgrid[:100, :200]
    wanted = (columns % step[0] < 20) & (rows % step[1] < 10)
    assert ((pixels(tmp_path / "a.png") == [250, 30, 40]).all(axis=-1) == wanted).all()
    assert box_of(result) == {"x": 0, "y": 0, "width": 200, "height": 100}
    assert result.metadata["watermark"]["tile"] == {"width": 20, "height": 10, "spacing": step[0] - 20}


def test_tiles_may_be_further_apart_than_the_picture_is_wide(done, base, mark, tmp_path, pixels):
    done("watermark", input=base, output=tmp_path / "a.png", image=mark, tile=True, spacing=65_535, position="center")
    marked = (pixels(tmp_path / "a.png") == [250, 30, 40]).all(axis=-1)
    assert marked.sum() == 200
    assert marked[45:55, 90:110].all()


def test_tiles_go_through_the_place_of_the_first(done, base, mark, tmp_path, pixels):
    fields = {"input": base, "image": mark, "tile": True, "spacing": 7}
    for position, corner in (("center", (90, 45)), ("bottom-right", (180, 90))):
        done("watermark", output=tmp_path / "a.png", position=position, **fields)
        marked = (pixels(tmp_path / "a.png") == [250, 30, 40]).all(axis=-1)
        rows, columns = np.mgrid[:100, :200]
        assert (marked == (((columns - corner[0]) % 27 < 20) & ((rows - corner[1]) % 17 < 10))).all()
    done("watermark", output=tmp_path / "a.png", position="nw", offset_x=3, offset_y=-2, **fields)
    marked = (pixels(tmp_path / "a.png") == [250, 30, 40]).all(axis=-1)
    assert (marked == (((columns - 3) % 27 < 20) & ((rows + 2) % 17 < 10))).all()


def test_marks_are_brought_to_a_wide_gamut(done, sample, mark, tmp_path, pixels):
    result = done("watermark", input=sample("p3.png"), output=tmp_path / "a.png", image=mark, position="center")
    with Image.open(tmp_path / "a.png") as image, Image.open(sample("p3.png")) as source:
        assert image.info["icc_profile"] == source.info["icc_profile"]
        stored, before = np.asarray(image), np.asarray(source)
    part = inside(box_of(result))
    assert np.abs(pixels(tmp_path / "a.png")[part] - [250, 30, 40]).max() <= 2
    outside = np.ones(stored.shape[:2], bool)
    outside[part] = False
    assert (stored[outside] == before[outside]).all()


def test_sixteen_bits_stay(done, sample, mark, tmp_path):
    from mediamill.operations.images._vips import vips

    result = done("watermark", input=sample("rgb16.png"), output=tmp_path / "a.png", image=mark, position="nw")
    before, after = (
        vips().Image.new_from_file(str(path)).numpy() for path in (sample("rgb16.png"), tmp_path / "a.png")
    )
    part = inside(box_of(result))
    assert (after[part] == np.array([250, 30, 40]) * 257).all()
    before[part] = after[part]
    assert (before == after).all()


@pytest.mark.parametrize(
    ("name", "color", "mode"),
    [
        ("photo-gray.jpg", "white", "L"),
        ("photo-gray.jpg", "red", "RGB"),
        ("gray-alpha.png", "#808080", "LA"),
        ("gray-alpha.png", "gold", "RGBA"),
        ("cmyk.jpg", "gold", "RGB"),
    ],
)
def test_grey_pictures_take_colour_only_from_coloured_marks(done, sample, tmp_path, pixels, name, color, mode):
    done("watermark", input=sample(name), output=tmp_path / "a.png", text="Hello", color=color)
    done("convert", input=sample(name), output=tmp_path / "b.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == mode
    same = np.abs(pixels(tmp_path / "a.png", mode="RGB") - pixels(tmp_path / "b.png", mode="RGB")).max(axis=-1) <= 1
    assert same.mean() > 0.9


@pytest.mark.parametrize("format_name", ["gif", "webp", "avif"])
def test_every_frame_is_marked(done, sample, mark, tmp_path, format_name):
    output = tmp_path / f"a.{format_name}"
    fields = {"image": mark, "position": "nw", "offset_x": 0, "offset_y": 0}
    result = done("watermark", input=sample("animated.gif"), output=output, quality=95, **fields)
    assert result.outputs[0].frames == 12
    with Image.open(output) as image:
        for index in range(12):
            image.seek(index)
            frame = np.asarray(image.convert("RGBA"), float)
            assert np.abs(frame[2:8, 2:18].mean(axis=(0, 1)) - [250, 30, 40, 255]).max() < 25


def test_a_mark_may_come_inline(done, base, mark, tmp_path):
    data = {"data_base64": base64.b64encode(mark.read_bytes()).decode()}
    assert box_of(done("watermark", input=base, output=tmp_path / "a.png", image=data))["width"] == 20


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("missing.png", "input_not_found"),
        ("text.jpg", "unsupported_format"),
        ("half.png", "corrupt_input"),
        ("half.jpg", "corrupt_input"),
        ("bomb-4gp.png", "limit_exceeded"),
        ("bomb.svg", "limit_exceeded"),
    ],
)
def test_bad_marks(job, sample, base, tmp_path, name, found):
    image = tmp_path / name if name == "missing.png" else sample(name)
    result = job("watermark", input=base, output=tmp_path / "a.png", image=image)
    assert (result.error_info.code, result.error_info.field) == (found, "image")


def test_marks_and_fonts_are_read_within_the_roots(job, base, tmp_path, font_file, sample):
    (tmp_path / "in").mkdir()
    os.rename(base, tmp_path / "in" / "base.png")
    fields = {"input": tmp_path / "in" / "base.png", "output": tmp_path / "in" / "a.png"}
    for more, field in (({"image": sample("tiny.png")}, "image"), ({"text": "a", "font": font_file}, "font")):
        result = job("watermark", settings={"roots": (str(tmp_path / "in"),)}, **fields, **more)
        assert (result.error_info.code, result.error_info.field) == ("path_denied", field)


def test_a_mark_is_never_overwritten(code, base, mark, tmp_path):
    before = mark.read_bytes()
    assert code("watermark", input=base, output=mark, image=mark) == "output_exists"
    assert mark.read_bytes() == before


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "text"),
        ({"text": "a", "image": "b"}, "text"),
        ({"text": "a", "opacity": 2}, "opacity"),
        ({"text": "a", "opacity": -0.1}, "opacity"),
        ({"text": "a", "position": "botom-right"}, "position"),
        ({"text": "a", "font_size": 3}, "font_size"),
        ({"text": "a", "font_size": 2001}, "font_size"),
        ({"text": "a", "color": "redd"}, "color"),
        ({"text": "a", "font_size": 20, "scale": 0.5}, "scale"),
        ({"text": "a", "scale": 0}, "scale"),
        ({"text": "a", "scale": 1.1}, "scale"),
        ({"text": "a", "spacing": 4}, "spacing"),
        ({"text": "a", "tile": True, "spacing": -1}, "spacing"),
        ({"text": "a", "offset_x": 65_536}, "offset_x"),
        ({"text": "a", "font": "DejaVu Sans\0x"}, "font"),
        ({"image": "b", "font": "sans"}, "font"),
        ({"image": "b", "font_size": 20}, "font_size"),
        ({"image": {}}, "image"),
        ({"image": ""}, "image"),
        ({"txt": "a"}, "txt"),
    ],
)
def test_contradictions_and_bounds(job, base, tmp_path, fields, field):
    result = job("watermark", input=base, output=tmp_path / "a.png", **fields)
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", field)


@pytest.mark.parametrize("position", ["botom-right", "bottom_right", "Bottom-Right"])
def test_the_nearest_place_is_told(job, base, tmp_path, position):
    result = job("watermark", input=base, output=tmp_path / "a.png", text="a", position=position)
    assert result.error_info.suggestion == "bottom-right"


@pytest.mark.parametrize(("name", "found"), [("text.jpg", "unsupported_format"), ("half.jpg", "corrupt_input")])
def test_bad_inputs(code, sample, tmp_path, name, found):
    assert code("watermark", input=sample(name), output=tmp_path / "a.png", text="a") == found


def test_the_same_job_gives_the_same_bytes(done, sample, tmp_path):
    for name in ("a.webp", "b.webp"):
        done("watermark", input=sample("photo-odd.jpg"), output=tmp_path / name, text="mediamill", tile=True)
    assert (tmp_path / "a.webp").read_bytes() == (tmp_path / "b.webp").read_bytes()


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(sample("photo.jpg"), tmp_path / "photo.jpg")
    fields = dict(watermark.EXAMPLE)
    assert done(fields.pop("operation"), **fields).outputs
