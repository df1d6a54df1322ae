import base64
import io
import json
import os
import re
import subprocess
import sys

import blurhash
import numpy as np
import pytest
import thumbhash
from PIL import Image

from mediamill.operations.images import placeholder

EVERY = {"kind", "width", "height", "aspect_ratio"}
FIELDS = {
    "lqip": {"data_uri"},
    "dominant_color": {"color_hex", "color_rgb", "css"},
    "css_gradient": {"corners", "css"},
    "blurhash": {"blurhash"},
    "thumbhash": {"thumbhash"},
    "all": {"data_uri", "color_hex", "color_rgb", "corners", "css", "blurhash", "thumbhash"},
}
COLOUR = r"#[0-9a-f]{6}(?:[0-9a-f]{2})?"
CLOUD = rf"radial-gradient\(at (?:0|100%) (?:0|100%),{COLOUR},{COLOUR} 71%\)"


def picture_of(uri):
    """Return the type and the picture of a data URI."""
    head, data = uri.split(",")
    kind = re.fullmatch(r"data:(image/[a-z-]+);base64", head)[1]
    with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as opened:
        opened.load()
        return kind, opened


def colour_of(text):
    return tuple(bytes.fromhex(text[1:]))


def saved(path, image):
    image.save(path)
    return path


@pytest.mark.parametrize("kind", FIELDS)
def test_a_kind_says_what_belongs_to_it_and_no_more(done, sample, kind):
    result = done("placeholder", input=sample("photo.jpg"), kind=kind)
    assert set(result.metadata) == EVERY | FIELDS[kind]
    assert result.metadata["kind"] == kind
    assert (result.metadata["width"], result.metadata["height"]) == (1600, 1067)
    assert result.metadata["aspect_ratio"] == pytest.approx(1600 / 1067, abs=1e-6)
    assert not result.outputs


@pytest.mark.parametrize(("short", "long"), [("dominant", "dominant_color"), ("gradient", "css_gradient")])
def test_short_names(done, sample, short, long):
    one, other = (done("placeholder", input=sample("photo.jpg"), kind=kind).metadata for kind in (short, long))
    assert one == other


@pytest.mark.parametrize(("fields", "kind", "most"), [({}, "image/webp", 12), ({"format": "png"}, "image/png", 2)])
def test_a_tiny_picture_is_the_picture(done, sample, distance, fields, kind, most):
    uri = done("placeholder", input=sample("photo.jpg"), **fields).metadata["data_uri"]
    found, tiny = picture_of(uri)
    assert found == kind
    assert tiny.size == (20, 13)
    with Image.open(sample("photo.jpg")) as image:
        wanted = np.asarray(image.convert("RGB").resize((20, 13), Image.Resampling.LANCZOS), float)
    assert distance(np.asarray(tiny.convert("RGB"), float), wanted) < most


def test_a_tiny_picture_takes_few_bytes(done, sample):
    assert len(done("placeholder", input=sample("photo.jpg")).metadata["data_uri"]) < 320


@pytest.mark.parametrize(
    ("name", "fields", "size"),
    [
        ("photo.jpg", {"width": 32}, (32, 21)),
        ("photo.jpg", {"lqip_width": 32}, (32, 21)),
        ("photo.jpg", {"width": 32, "lqip_width": 32}, (32, 21)),
        ("photo.jpg", {"width": 1}, (1, 1)),
        ("photo.jpg", {"width": 512}, (512, 341)),
        ("photo.jpg", {"width": 300, "kind": "all"}, (300, 200)),
        ("orientation-6.jpg", {"width": 30}, (30, 20)),
        ("tiny.png", {}, (1, 1)),
        ("narrow.png", {}, (20, 1)),
        ("drawing.svg", {"width": 400}, (400, 267)),
    ],
)
def test_sizes_of_tiny_pictures(done, sample, name, fields, size):
    result = done("placeholder", input=sample(name), **fields)
    assert picture_of(result.metadata["data_uri"])[1].size == size


def test_a_tall_picture_is_no_higher_than_four_times_the_width(done, tmp_path):
    path = saved(tmp_path / "a.png", Image.new("RGB", (10, 3000), "red"))
    result = done("placeholder", input=path, kind="all")
    assert picture_of(result.metadata["data_uri"])[1].size == (1, 80)
    assert result.metadata["aspect_ratio"] == pytest.approx(10 / 3000, abs=1e-6)


def test_alpha_is_kept_in_a_tiny_picture(done, sample, pixels):
    tiny = picture_of(done("placeholder", input=sample("alpha.png"), width=40).metadata["data_uri"])[1]
    assert tiny.mode == "RGBA"
    with Image.open(sample("alpha.png")) as image:
        wanted = np.asarray(image.convert("RGBa").resize((40, 30), Image.Resampling.BOX).convert("RGBA"), float)
    found = np.asarray(tiny, float)
    assert np.abs(found[..., 3] - wanted[..., 3]).mean() < 4
    shown = wanted[..., 3] > 200
    assert np.abs(found[shown] - wanted[shown]).mean() < 12


def test_alpha_that_hides_nothing_takes_no_bytes(done, sample):
    assert picture_of(done("placeholder", input=sample("alpha-opaque.png")).metadata["data_uri"])[1].mode == "RGB"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("jpg", "image/jpeg"), ("png", "image/png"), ("webp", "image/webp"), ("avif", "image/avif"), ("gif", "image/gif")],
)
def test_a_format_is_kept_to(done, sample, name, kind):
    assert picture_of(done("placeholder", input=sample("photo.jpg"), format=name).metadata["data_uri"])[0] == kind


def test_no_format_takes_fewer_bytes_than_the_one_chosen(done, sample):
    for name in ("photo.jpg", "flat.png", "onebit.png", "photo-gray.jpg"):
        free = done("placeholder", input=sample(name), format="auto").metadata["data_uri"]
        fixed = [done("placeholder", input=sample(name), format=one).metadata["data_uri"] for one in ("png", "jpeg")]
        assert len(free) <= min(len(uri.split(",")[1]) for uri in fixed) + len(free.split(",")[0]) + 1


def test_an_output_is_the_tiny_picture(done, sample, tmp_path):
    result = done("placeholder", input=sample("photo.jpg"), output=tmp_path / "a.png", kind="all")
    assert [(output.path, output.width, output.height) for output in result.outputs] == [
        (str(tmp_path / "a.png"), 20, 13)
    ]
    assert result.metadata["data_uri"].endswith(base64.b64encode((tmp_path / "a.png").read_bytes()).decode())


def test_an_output_in_a_folder_is_of_the_format_that_is_smallest(done, sample, tmp_path):
    result = done("placeholder", input=sample("photo.jpg"), output_dir=tmp_path)
    assert os.listdir(tmp_path) == ["photo-placeholder.webp"]
    assert result.outputs[0].format == "webp"
    assert result.outputs[0].quality


def test_an_output_inline(done, sample):
    result = done("placeholder", input=sample("photo.jpg"), inline=True)
    assert base64.b64encode(result.outputs[0].data_base64).decode() == result.metadata["data_uri"].split(",")[1]


def test_an_output_that_exists_is_left_where_it_is_to_be_skipped(done, sample, tmp_path):
    (tmp_path / "a.webp").write_bytes(b"mine")
    result = done("placeholder", input=sample("photo.jpg"), output=tmp_path / "a.webp", overwrite="skip")
    assert (tmp_path / "a.webp").read_bytes() == b"mine"
    assert picture_of(result.metadata["data_uri"])[1].size == (20, 13)


def test_a_dry_run_says_the_size_and_writes_nothing(done, sample, tmp_path):
    result = done("placeholder", input=sample("photo.jpg"), output_dir=tmp_path, dry_run=True)
    assert (result.outputs[0].width, result.outputs[0].height) == (20, 13)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "colour"),
    [("flat.png", (208, 36, 72)), ("tiny.png", (208, 36, 72)), ("alpha.png", (240, 190, 20))],
)
def test_dominant_colours(done, sample, name, colour):
    found = done("placeholder", input=sample(name), kind="dominant").metadata
    assert np.abs(np.subtract(found["color_rgb"], colour)).max() <= 3
    assert colour_of(found["color_hex"]) == tuple(found["color_rgb"])
    assert found["css"] == f"background-color:{found['color_hex']}"


def test_the_dominant_colour_of_nothing_is_the_background(done, tmp_path):
    path = saved(tmp_path / "a.png", Image.new("RGBA", (9, 9), (255, 0, 255, 0)))
    found = done("placeholder", input=path, kind="all", background="#123456").metadata
    assert found["color_hex"] == "#123456"
    assert found["corners"] == ["#00000000"] * 4
    assert picture_of(found["data_uri"])[1].getextrema()[3] == (0, 0)


def test_corners_are_where_they_are_upright(done, tmp_path):
    colours = [(250, 10, 10), (10, 250, 10), (10, 10, 250), (240, 240, 10)]
    image = Image.new("RGB", (80, 60))
    for colour, place in zip(colours, [(0, 0), (40, 0), (0, 30), (40, 30)], strict=True):
        image.paste(colour, (*place, place[0] + 40, place[1] + 30))
    exif = Image.Exif()
    exif[274] = 6
    image.rotate(90, expand=True).save(tmp_path / "a.png", exif=exif)
    found = done("placeholder", input=tmp_path / "a.png", kind="gradient").metadata
    assert (found["width"], found["height"]) == (80, 60)
    for text, colour in zip(found["corners"], colours, strict=True):
        assert np.abs(np.subtract(colour_of(text), colour)).max() <= 3
    assert re.fullmatch(rf"background:(?:{CLOUD},){{4}}{COLOUR}", found["css"])
    assert [found["css"].count(corner) for corner in found["corners"]] == [2] * 4


@pytest.mark.parametrize("name", ["alpha.png", "gray-alpha.png"])
def test_gradients_have_alpha(done, sample, name):
    found = done("placeholder", input=sample(name), kind="gradient").metadata
    assert re.fullmatch(rf"background:(?:{CLOUD},){{4}}{COLOUR}", found["css"])
    assert any(len(corner) == 9 for corner in found["corners"])


def test_a_blurhash_decodes_to_the_picture(done, sample):
    found = done("placeholder", input=sample("photo.jpg"), kind="blurhash").metadata["blurhash"]
    assert blurhash.components(found) == (4, 3)
    decoded = np.array(blurhash.decode(found, 30, 20), float)
    with Image.open(sample("photo.jpg")) as image:
        wanted = np.asarray(image.convert("RGB").resize((30, 20), Image.Resampling.BOX), float)
    assert np.abs(decoded - wanted).mean() < 25


def test_components_follow_the_longer_side(done, sample, tmp_path):
    def components(path, **fields):
        return blurhash.components(done("placeholder", input=path, kind="blurhash", **fields).metadata["blurhash"])

    tall = saved(tmp_path / "a.png", Image.new("RGB", (60, 80), "red"))
    assert components(tall) == (3, 4)
    assert components(tall, components_x=7) == (7, 4)
    assert components(sample("photo.jpg"), components_x=1, components_y=9) == (1, 9)


def test_a_blurhash_lies_on_the_background(done, tmp_path):
    path = saved(tmp_path / "a.png", Image.new("RGBA", (20, 20), (255, 255, 255, 0)))
    found = done("placeholder", input=path, kind="blurhash", background="navy", components_x=1, components_y=1)
    assert blurhash.decode(found.metadata["blurhash"], 1, 1)[0][0] == [0, 0, 128]


def test_a_thumbhash_knows_proportions_colour_and_alpha(done, sample):
    for name, ratio, alpha in (("photo.jpg", 1.5, False), ("alpha.png", 4 / 3, True)):
        found = base64.b64decode(done("placeholder", input=sample(name), kind="thumbhash").metadata["thumbhash"])
        assert bool(found[2] & 0x80) is alpha
        assert thumbhash.thumb_hash_to_approximate_aspect_ratio(found) == pytest.approx(ratio, rel=0.15)


@pytest.mark.parametrize(
    "name", ["cmyk.jpg", "rgb16.png", "photo.bmp", "p3.jpg", "p3.png", "photo.gif", "photo.tiff", "adobe-rgb-coded.jpg"]
)
def test_sources_of_every_space_and_depth_come_out_in_srgb(done, sample, pixels, name):
    whole = pixels(sample(name), mode="RGB")
    found = done("placeholder", input=sample(name), kind="all", format="png").metadata
    wanted = np.asarray(Image.fromarray(whole.astype(np.uint8)).resize((20, 13), Image.Resampling.LANCZOS), float)
    assert np.abs(np.asarray(picture_of(found["data_uri"])[1].convert("RGB"), float) - wanted).mean() < 4
    down, across = whole.shape[0] // 4, whole.shape[1] // 4
    for text, part in zip(found["corners"][1:3], [whole[:down, -across:], whole[-down:, :across]], strict=True):
        assert np.abs(np.subtract(colour_of(text), part.mean(axis=(0, 1)))).max() <= 6


@pytest.mark.parametrize("name", ["photo-gray.jpg", "gray16.png", "gray-alpha.png"])
def test_grey_stays_grey(done, sample, name):
    found = done("placeholder", input=sample(name), kind="all").metadata
    assert len(set(found["color_rgb"])) == 1
    assert all(len(set(colour_of(corner)[:3])) == 1 for corner in found["corners"])


@pytest.mark.parametrize("name", ["animated.gif", "animated.webp", "animated.avif"])
def test_the_first_frame_counts(done, sample, tmp_path, name):
    found = done("placeholder", input=sample(name), kind="thumbhash").metadata
    with Image.open(sample(name)) as image:
        path = saved(tmp_path / "first.png", image.convert("RGBA"))
    wanted = done("placeholder", input=path, kind="thumbhash").metadata
    assert (found["width"], found["height"]) == (160, 120)
    if name != "animated.avif":  # its frames are lossy
        assert found["thumbhash"] == wanted["thumbhash"]
    assert found["thumbhash"][:2] == wanted["thumbhash"][:2]


def test_shrinking_while_decoding_changes_little(done, sample, tmp_path):
    """The JPEG is decoded at an eighth, the same pixels as PNG in full."""
    with Image.open(sample("photo.jpg")) as image:
        path = saved(tmp_path / "a.png", image)
    one, other = (
        done("placeholder", input=source, kind="all", format="png").metadata for source in (sample("photo.jpg"), path)
    )
    pictures = [np.asarray(picture_of(facts["data_uri"])[1].convert("RGB"), float) for facts in (one, other)]
    assert np.abs(pictures[0] - pictures[1]).mean() < 2
    for text, expected in zip(one["corners"], other["corners"], strict=True):
        assert np.abs(np.subtract(colour_of(text), colour_of(expected))).max() <= 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "blur"}, "kind"),
        ({"kind": ""}, "kind"),
        ({"width": 0}, "width"),
        ({"width": -1}, "width"),
        ({"width": 513}, "width"),
        ({"width": 10**12}, "width"),
        ({"width": 20.5}, "width"),
        ({"lqip_width": 0}, "lqip_width"),
        ({"width": 20, "lqip_width": 30}, "lqip_width"),
        ({"kind": "blurhash", "components_x": 0}, "components_x"),
        ({"kind": "blurhash", "components_y": 10}, "components_y"),
        ({"kind": "thumbhash", "components_x": 4}, "components_x"),
        ({"kind": "blurhash", "output": "a.png"}, "output"),
        ({"kind": "dominant", "output_dir": "out"}, "output_dir"),
        ({"kind": "gradient", "inline": True}, "inline"),
        ({"background": "bleu"}, "background"),
        ({"output": "a.bmp"}, "output"),
        ({"output": "a.png", "format": "webp"}, "format"),
        ({"format": "jpeg", "lossless": True}, "lossless"),
        ({"colors": 3}, "colors"),
    ],
)
def test_contradictions_are_refused(job, sample, fields, field):
    result = job("placeholder", input=sample("photo.tiff"), **fields)
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == field


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("text.jpg", "unsupported_format"),
        ("half.png", "corrupt_input"),
        ("half.jpg", "corrupt_input"),
        ("bomb-4gp.png", "limit_exceeded"),
        ("missing.png", "input_not_found"),
    ],
)
@pytest.mark.parametrize("kind", ["lqip", "all"])
def test_bad_inputs(code, sample, tmp_path, name, found, kind):
    source = tmp_path / name if name == "missing.png" else sample(name)
    assert code("placeholder", input=source, kind=kind) == found


def test_an_icon_holds_no_large_picture(code, sample, tmp_path):
    assert code("placeholder", input=sample("photo.jpg"), output=tmp_path / "a.ico", width=300) == "limit_exceeded"


def test_a_huge_drawing_is_drawn_small(done, sample):
    assert done("placeholder", input=sample("huge.svg"), kind="all").metadata["width"] == 40000


def test_the_same_job_says_the_same(done, sample):
    one, other = (done("placeholder", input=sample("photo.jpg"), kind="all").metadata for _ in range(2))
    assert one == other


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(sample("photo.jpg"), tmp_path / "photo.jpg")
    fields = dict(placeholder.EXAMPLE)
    assert set(done(fields.pop("operation"), **fields).metadata) == EVERY | FIELDS["all"]


def test_the_command_line_prints_and_writes_nothing(sample, tmp_path):
    """Both inputs would have one name as files."""
    for folder in ("a", "b"):
        os.mkdir(tmp_path / folder)
        os.symlink(sample("photo.tiff"), tmp_path / folder / "photo.tiff")
    command = [sys.executable, "-m", "mediamill.engine", "placeholder", "a/photo.tiff", "b/photo.tiff", "--json"]
    ran = subprocess.run([*command, "--kind", "all"], cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [set(line["metadata"]) for line in lines] == [EVERY | FIELDS["all"]] * 2
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]
