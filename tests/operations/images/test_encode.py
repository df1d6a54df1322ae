import itertools
import struct

import msgspec
import numpy as np
import pytest
from PIL import Image

from mediamill.operations.images import _encode, resize
from mediamill.operations.images._encode import SAME_LOOK, encoding, same_look
from mediamill.protocol.errors import InvalidJob

FORMATS = ["png", "jpeg", "webp", "avif", "gif", "ico", "tiff"]
PILLOW = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP", "avif": "AVIF", "gif": "GIF", "ico": "ICO", "tiff": "TIFF"}


def params(**fields):
    base = {"operation": "resize", "input": "a.png", "output_dir": "out", "widths": [10]}
    return msgspec.convert(base | fields, resize.Params)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", ["photo.png", "alpha.png", "photo-gray.jpg", "gray-alpha.png", "palette.png"])
def test_every_format_holds_every_kind_of_picture(done, sample, tmp_path, pixels, name, format_name):
    result = done("resize", input=sample(name), output_dir=tmp_path, widths=[120], format=format_name)
    with Image.open(result.outputs[0].path) as image:
        assert image.format == PILLOW[format_name]
        assert image.size == (result.outputs[0].width, result.outputs[0].height)
        opaque = image.convert("RGBA").getextrema()[3][0] == 255
    assert opaque == ("alpha" not in name or format_name == "jpeg")
    if format_name == "gif" and not opaque:
        return  # its pixels are there or not, nothing in between
    done("resize", input=sample(name), output=tmp_path / "plain.png", widths=[120])
    wanted, found = (pixels(path, mode="RGBA") for path in (tmp_path / "plain.png", result.outputs[0].path))
    if format_name == "jpeg":
        alpha = wanted[..., 3:] / 255
        wanted = np.dstack((wanted[..., :3] * alpha + 255 * (1 - alpha), np.full(wanted.shape[:2], 255.0)))
    seen = [picture[..., :3] * picture[..., 3:] / 255 for picture in (wanted, found)]
    assert np.abs(seen[0] - seen[1]).mean() < 7


@pytest.mark.parametrize("format_name", ["jpeg", "webp", "avif"])
def test_quality_costs_bytes(done, sample, tmp_path, format_name):
    found = []
    for quality in (20, 60, 95):
        result = done(
            "resize", input=sample("photo.jpg"), output_dir=tmp_path, widths=[300], format=format_name, quality=quality
        )
        assert result.outputs[0].quality == quality
        found.append(result.outputs[0].size_bytes)
    assert found == sorted(found)
    assert found[2] > 2 * found[0]


@pytest.mark.parametrize("format_name", ["jpeg", "png", "webp", "avif", "gif"])
def test_effort_saves_bytes(done, sample, tmp_path, format_name):
    found = [
        done(
            "resize",
            input=sample("photo.jpg"),
            output_dir=tmp_path,
            widths=[160],
            format=format_name,
            effort=effort,
            quality=75,
        )
        .outputs[0]
        .size_bytes
        for effort in (0, 9)
    ]
    assert found[1] < found[0]


@pytest.mark.parametrize("effort", range(10))
@pytest.mark.parametrize("format_name", FORMATS)
def test_every_effort_is_one_the_encoder_takes(done, sample, tmp_path, format_name, effort):
    done("resize", input=sample("tiny.png"), output_dir=tmp_path, widths=[1], format=format_name, effort=effort)


@pytest.mark.parametrize("format_name", ["webp", "avif", "png", "tiff"])
def test_lossless_is_without_loss(done, sample, tmp_path, pixels, distance, format_name):
    result = done(
        "convert", input=sample("palette.png"), output_dir=tmp_path, format=format_name, lossless=True, effort=1
    )
    assert distance(pixels(result.outputs[0].path), pixels(sample("palette.png"))) == 0


@pytest.mark.parametrize("format_name", ["webp", "avif"])
def test_lossless_keeps_even_hidden_colours(done, sample, tmp_path, format_name):
    done("convert", input=sample("alpha.png"), output=tmp_path / f"a.{format_name}", lossless=True, effort=1)
    with Image.open(tmp_path / f"a.{format_name}") as made, Image.open(sample("alpha.png")) as source:
        assert (np.asarray(made.convert("RGBA")) == np.asarray(source)).all()


def test_jpeg_cannot_be_lossless(job, sample, tmp_path):
    result = job("convert", input=sample("photo.png"), output=tmp_path / "a.jpg", lossless=True)
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == "lossless"


@pytest.mark.parametrize(("progressive", "marker"), [(None, b"\xff\xc0"), (False, b"\xff\xc0"), (True, b"\xff\xc2")])
def test_progressive(done, sample, tmp_path, progressive, marker):
    fields = {} if progressive is None else {"progressive": progressive}
    done("resize", input=sample("photo.png"), output=tmp_path / "a.jpg", widths=[200], **fields)
    assert marker in (tmp_path / "a.jpg").read_bytes()


@pytest.mark.parametrize(
    ("chroma", "quality", "factors"), [("auto", 80, 0x22), ("auto", 95, 0x11), ("4:4:4", 80, 0x11), ("4:2:0", 95, 0x22)]
)
def test_chroma_of_jpeg(done, sample, tmp_path, chroma, quality, factors):
    done(
        "resize",
        input=sample("photo.png"),
        output=tmp_path / "a.jpg",
        widths=[200],
        chroma_subsampling=chroma,
        quality=quality,
    )
    data = (tmp_path / "a.jpg").read_bytes()
    assert data[data.index(b"\xff\xc0") + 11] == factors


@pytest.mark.parametrize("format_name", ["jpeg", "webp", "avif"])
def test_the_same_look_is_a_quality_that_never_falls(format_name):
    found = [same_look(quality, format_name) for quality in range(1, 101)]
    assert found == sorted(found)
    assert found[0] >= 1
    assert found[-1] <= 100


def test_the_table_of_looks_rises():
    for low, high in itertools.pairwise(SAME_LOOK):
        assert low[0] < high[0]
        assert all(one <= other for one, other in zip(low, high, strict=True))


def test_defaults_look_alike():
    assert encoding(params(), "jpeg").quality == 85
    assert encoding(params(), "avif").quality == same_look(85, "avif")
    assert encoding(params(quality=70), "avif").quality == 70
    with pytest.raises(InvalidJob):
        encoding(params(lossless=True), "jpeg")


def test_icons(done, sample, tmp_path):
    done("resize", input=sample("alpha.png"), output=tmp_path / "a.ico", width=256, height=256, fit="cover")
    data = (tmp_path / "a.ico").read_bytes()
    assert struct.unpack("<HHHBBBBHHII", data[:22])[2:5] == (1, 0, 0)
    with Image.open(tmp_path / "a.ico") as image:
        assert image.size == (256, 256)
        assert image.convert("RGBA").getextrema()[3][0] == 0


@pytest.mark.parametrize(
    ("name", "formats"),
    [
        ("photo.jpg", {"avif"}),
        ("flat.png", {"png", "webp"}),
        ("alpha.png", {"avif", "webp"}),
        ("animated.gif", {"webp", "avif", "gif"}),
    ],
)
def test_auto_takes_the_smallest(done, sample, tmp_path, name, formats):
    result = done("resize", input=sample(name), output_dir=tmp_path, widths=[100], format="auto")
    best = result.outputs[0]
    assert best.format in formats
    assert best.path.endswith("." + best.format)
    if name == "photo.jpg":
        for other in ("jpeg", "webp", "png"):
            fields = {"quality": same_look(85, other)}
            plain = done("resize", input=sample(name), output_dir=tmp_path, widths=[100], format=other, **fields)
            assert plain.outputs[0].size_bytes > best.size_bytes


def test_auto_is_decided_before_anything_is_written(done, sample, tmp_path):
    fields = {"input": sample("photo.jpg"), "output_dir": tmp_path, "widths": [100, 50], "format": "auto"}
    told = done("resize", dry_run=True, **fields)
    made = done("resize", **fields)
    assert [one.path for one in told.outputs] == [one.path for one in made.outputs]
    assert {one.format for one in made.outputs} == {"avif"}


def test_an_encoder_that_refuses_is_not_the_inputs_fault(code, sample, tmp_path, monkeypatch):
    monkeypatch.setitem(_encode._SAVERS, "webp", ("webpsave_buffer", lambda _: {"nonsense": True}))
    assert code("convert", input=sample("photo.png"), output=tmp_path / "a.webp") == "encode_failed"
    assert not (tmp_path / "a.webp").exists()


@pytest.mark.parametrize("effort", [0, 2, 4, 6, 8])
def test_effort_does_not_change_the_look_of_jpegs(done, sample, tmp_path, pixels, distance, effort):
    """Better quantisation tables would at the same number; so each gets the number that looks the same."""
    done("resize", input=sample("photo.png"), output=tmp_path / "plain.png", widths=[300])
    wanted = pixels(tmp_path / "plain.png")
    errors = []
    for chosen in (1, effort):
        fields = {"output": tmp_path / "a.jpg", "widths": [300], "quality": 70, "effort": chosen}
        done("resize", input=sample("photo.png"), **fields)
        errors.append(distance(pixels(tmp_path / "a.jpg"), wanted))
    assert abs(errors[1] / errors[0] - 1) < 0.3


@pytest.mark.parametrize(("effort", "marker"), [(0, b"\xff\xc0"), (3, b"\xff\xc0"), (4, b"\xff\xc2"), (9, b"\xff\xc2")])
def test_effort_makes_jpegs_progressive_unless_told_otherwise(done, sample, tmp_path, effort, marker):
    fields = {"input": sample("photo.png"), "output": tmp_path / "a.jpg", "widths": [64], "effort": effort}
    done("resize", **fields)
    assert marker in (tmp_path / "a.jpg").read_bytes()
    done("resize", progressive=False, **fields)
    assert b"\xff\xc0" in (tmp_path / "a.jpg").read_bytes()


@pytest.mark.parametrize("name", ["alpha.png", "gray16.png", "palette.png", "onebit.png", "gray-alpha.png", "p3.png"])
@pytest.mark.parametrize("progressive", [False, True])
def test_oxipng_keeps_pixels_and_profile(done, sample, tmp_path, name, progressive):
    for effort in (0, 7):
        output = tmp_path / f"{effort}.png"
        done("convert", input=sample(name), output=output, effort=effort, progressive=progressive)
    with Image.open(tmp_path / "0.png") as plain, Image.open(tmp_path / "7.png") as small:
        assert small.info.get("icc_profile") == plain.info.get("icc_profile")
        assert bool(small.info.get("interlace")) == progressive
        mode = "I;16" if plain.mode == "I;16" else "RGBA"
        assert (np.asarray(small.convert(mode)) == np.asarray(plain.convert(mode))).all()
    assert (tmp_path / "7.png").stat().st_size < (tmp_path / "0.png").stat().st_size


def test_icons_keep_true_colours_at_every_effort(done, sample, tmp_path):
    done("resize", input=sample("flat.png"), output=tmp_path / "a.ico", width=64, effort=9)
    data = (tmp_path / "a.ico").read_bytes()
    assert data[22 + 25] in (2, 6)  # the colour type of the PNG inside
