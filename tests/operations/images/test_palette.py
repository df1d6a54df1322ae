import os
import struct

import numpy as np
import pytest
from PIL import Image, ImageSequence

from mediamill.operations.images import palette


def chunks(data):
    """Yield the names and bodies of a PNG's chunks."""
    at = 8
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += 12 + size


def colours(path):
    """Return the colours of a file's first frame, what is clear as one, with how many pixels each has."""
    with Image.open(path) as opened:
        rgba = np.asarray(opened.convert("RGBA"))
    rgba = np.where(rgba[..., 3:] == 0, 0, rgba).reshape(-1, 4)
    found, counts = np.unique(rgba, axis=0, return_counts=True)
    return {tuple(colour.tolist()): int(count) for colour, count in zip(found, counts, strict=True)}


def said(metadata):
    """Return the colours a result says, with their shares."""
    return {
        (*one["rgb"], round(255 * one.get("alpha", 1))): pytest.approx(one["share"], abs=1e-6)
        for one in metadata["colors"]
    }


def many_colours(folder, count):
    """Return a picture of so many colours that are far apart."""
    numbers = np.arange(1600).reshape(40, 40) % count
    Image.fromarray(np.stack([numbers % 8 * 36, numbers // 8 % 8 * 36, numbers // 64 * 36], -1).astype(np.uint8)).save(
        folder / "many.png"
    )
    return folder / "many.png"


@pytest.mark.parametrize(("most", "depth"), [(2, 1), (3, 2), (4, 2), (5, 4), (16, 4), (17, 8), (256, 8)])
def test_a_png_has_a_palette_of_what_is_said(done, sample, tmp_path, most, depth):
    result = done("palette", input=sample("photo.tiff"), output=tmp_path / "a.png", max_colors=most)
    parts = dict(chunks((tmp_path / "a.png").read_bytes()))
    assert parts[b"IHDR"][8:10] == bytes((depth, 3))
    assert len(parts[b"PLTE"]) == 3 * result.metadata["color_count"]
    assert 2 <= result.metadata["color_count"] <= most
    assert b"tRNS" not in parts
    found = colours(tmp_path / "a.png")
    total = sum(found.values())
    assert {colour: count / total for colour, count in found.items()} == said(result.metadata)


def test_colours_are_said_the_most_used_first(done, sample, tmp_path):
    found = done("palette", input=sample("flat.png"), output=tmp_path / "a.png").metadata
    assert found["colors"] == [{"hex": "#d02448", "rgb": [208, 36, 72], "share": 1.0}]
    found = done("palette", input=sample("photo.tiff"), output=tmp_path / "a.png", max_colors=20).metadata
    shares = [one["share"] for one in found["colors"]]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-4)
    assert all(one["hex"] == "#" + bytes(one["rgb"]).hex() for one in found["colors"])


@pytest.mark.parametrize("name", ["palette.png", "palette-alpha.png", "onebit.png", "flat.png", "tiny.png"])
def test_few_colours_stay_as_they_are(done, sample, tmp_path, pixels, name):
    done("palette", input=sample(name), output=tmp_path / "a.png", max_colors=64)
    found, wanted = pixels(tmp_path / "a.png", mode="RGBA"), pixels(sample(name), mode="RGBA")
    assert np.array_equal(found, np.where(wanted[..., 3:] == 0, 0, wanted))


@pytest.mark.parametrize(
    "name", ["photo.tiff", "rgb16.png", "cmyk.jpg", "p3.jpg", "photo.bmp", "adobe-rgb-coded.jpg", "orientation-6.jpg"]
)
def test_the_picture_stays_the_picture(done, sample, tmp_path, pixels, distance, name):
    done("palette", input=sample(name), output=tmp_path / "a.png", dithering=0)
    assert distance(pixels(tmp_path / "a.png", mode="RGB"), pixels(sample(name), mode="RGB")) < 5


@pytest.mark.parametrize("name", ["photo-gray.jpg", "gray16.png"])
def test_grey_stays_grey(done, sample, tmp_path, name):
    found = done("palette", input=sample(name), output=tmp_path / "a.png", max_colors=9).metadata
    assert found["color_count"] == 9
    assert all(len(set(one["rgb"])) == 1 for one in found["colors"])


@pytest.mark.parametrize("name", ["alpha.png", "gray-alpha.png"])
@pytest.mark.parametrize(("most", "apart"), [(3, 60), (12, 25), (256, 8)])
def test_alpha_is_among_the_colours(done, sample, tmp_path, pixels, name, most, apart):
    result = done("palette", input=sample(name), output=tmp_path / "a.png", max_colors=most)
    wanted, found = pixels(sample(name), mode="RGBA"), pixels(tmp_path / "a.png", mode="RGBA")
    assert (found[wanted[..., 3] == 0] == 0).all()
    assert np.abs(found[..., 3] - wanted[..., 3]).mean() < apart
    parts = dict(chunks((tmp_path / "a.png").read_bytes()))
    assert len(parts[b"tRNS"]) <= sum("alpha" in one for one in result.metadata["colors"])


@pytest.mark.parametrize("suffix", ["gif", "webp", "tiff", "ico"])
def test_formats_that_keep_every_colour(done, sample, tmp_path, suffix):
    source = sample("alpha.png") if suffix != "ico" else sample("orientation-1.jpg")
    path = tmp_path / f"a.{suffix}"
    result = done("palette", input=source, output=path, max_colors=30)
    assert set(colours(path)) == set(said(result.metadata))


@pytest.mark.parametrize(("count", "kept"), [(254, True), (255, True), (256, False), (400, False)])
def test_a_gif_takes_one_colour_less(done, tmp_path, count, kept):
    result = done("palette", input=many_colours(tmp_path, count), output=tmp_path / "a.gif")
    assert 240 < result.metadata["color_count"] <= 255
    assert set(colours(tmp_path / "a.gif")) == set(said(result.metadata))
    assert (colours(tmp_path / "a.gif") == colours(tmp_path / "many.png")) is kept


def test_a_gif_spends_no_colours_on_what_it_cannot_show(done, sample, tmp_path):
    result = done("palette", input=sample("alpha.png"), output=tmp_path / "a.gif", max_colors=16)
    assert {one.get("alpha", 1) for one in result.metadata["colors"]} == {0, 1}
    assert result.metadata["color_count"] == 4


@pytest.mark.parametrize("name", ["animated.gif", "animated.webp", "animated.avif"])
@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_frames_share_a_palette(done, sample, tmp_path, name, suffix):
    path = tmp_path / f"a.{suffix}"
    result = done("palette", input=sample(name), output=path, max_colors=6)
    assert result.metadata["color_count"] <= 6
    with Image.open(path) as moving, Image.open(sample(name)) as source:
        assert moving.n_frames == source.n_frames == result.outputs[0].frames
        seen = set()
        for frame in ImageSequence.Iterator(moving):
            rgba = np.asarray(frame.convert("RGBA")).reshape(-1, 4)
            seen |= {tuple(colour) if colour[3] else (0, 0, 0, 0) for colour in np.unique(rgba, axis=0).tolist()}
    assert seen == set(said(result.metadata))


def test_an_animation_as_png_is_its_first_frame(done, sample, tmp_path):
    result = done("palette", input=sample("animated.gif"), output=tmp_path / "a.png", max_colors=4)
    assert result.metadata["frames_dropped"] == 11
    assert set(colours(tmp_path / "a.png")) == set(said(result.metadata))


@pytest.mark.parametrize(
    ("name", "written"),
    [("photo.jpg", "png"), ("photo.webp", "webp"), ("photo.gif", "gif"), ("photo.tiff", "tiff"), ("photo.bmp", "png")],
)
def test_what_is_written_where_nothing_is_said(done, sample, tmp_path, name, written):
    result = done("palette", input=sample(name), output_dir=tmp_path, max_colors=2)
    assert result.outputs[0].format == written


def test_auto_is_the_smallest_that_keeps_the_colours(done, sample, tmp_path):
    source = sample("palette.png")
    result = done("palette", input=source, output_dir=tmp_path, format="auto", max_colors=8)
    sizes = [
        done("palette", input=source, output=tmp_path / f"b.{one}", max_colors=8).outputs[0].size_bytes
        for one in ("png", "webp")
    ]
    assert result.outputs[0].size_bytes == min(sizes)
    assert set(colours(result.outputs[0].path)) == set(said(result.metadata))


def test_more_effort_gives_the_same_picture_in_fewer_bytes(done, sample, tmp_path):
    sizes = []
    for effort in (0, 6, 8):
        path = tmp_path / f"{effort}.png"
        done("palette", input=sample("photo.tiff"), output=path, effort=effort, max_colors=32)
        sizes.append(os.path.getsize(path))
    assert max(sizes[1:]) < sizes[0]
    assert colours(tmp_path / "0.png") == colours(tmp_path / "8.png")


@pytest.mark.parametrize("effort", [0, 6])
def test_a_progressive_png_is_interlaced(done, sample, tmp_path, effort):
    for name, wanted in (("a.png", True), ("b.png", False)):
        fields = {"progressive": wanted, "effort": effort, "max_colors": 5}
        done("palette", input=sample("photo.tiff"), output=tmp_path / name, **fields)
        assert dict(chunks((tmp_path / name).read_bytes()))[b"IHDR"][12] == wanted
    assert colours(tmp_path / "a.png") == colours(tmp_path / "b.png")


@pytest.mark.parametrize(("metadata", "kept"), [("all", True), ("icc", False), ("none", False)])
def test_metadata_is_kept_as_asked(done, sample, tmp_path, metadata, kept):
    path = tmp_path / "a.png"
    done("palette", input=sample("photo-exif.jpg"), output=path, metadata=metadata, max_colors=4)
    with Image.open(path) as image:
        assert image.mode == "P"
        assert (0x010F in image.getexif()) is kept
    assert (b"eXIf" in dict(chunks(path.read_bytes()))) is kept


def test_a_profile_is_used_up(done, sample, tmp_path):
    done("palette", input=sample("p3.png"), output=tmp_path / "a.png")
    assert b"iCCP" not in dict(chunks((tmp_path / "a.png").read_bytes()))


def test_dithering_is_finer_than_bands(done, sample, tmp_path, pixels):
    wanted, found = pixels(sample("gradient.png")), {}
    for dithering in (0, 1):
        path = tmp_path / f"{dithering}.png"
        done("palette", input=sample("gradient.png"), output=path, max_colors=8, dithering=dithering)
        found[dithering] = pixels(path, mode="RGB")

    def smooth(picture):
        return picture.reshape(40, 10, 64, 10, 3).mean(axis=(1, 3))

    bands, dots = (np.abs(smooth(found[one]) - smooth(wanted)).mean() for one in (0, 1))
    assert dots < 0.6 * bands


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"max_colors": 1}, "max_colors"),
        ({"max_colors": 0}, "max_colors"),
        ({"max_colors": -4}, "max_colors"),
        ({"max_colors": 257}, "max_colors"),
        ({"max_colors": 10**15}, "max_colors"),
        ({"max_colors": "16"}, "max_colors"),
        ({"dithering": 2}, "dithering"),
        ({"dithering": -0.1}, "dithering"),
        ({"output": "a.jpg"}, "output"),
        ({"output": "a.avif"}, "output"),
        ({"output": "a", "format": "jpeg"}, "format"),
        ({"output": "a.bmp"}, "output"),
        ({"output": "a.png", "format": "gif"}, "format"),
        ({"output": None}, "output"),
        ({"colors": 9}, "colors"),
        ({"width": 100}, "width"),
    ],
)
def test_contradictions_are_refused(job, sample, tmp_path, monkeypatch, fields, field):
    monkeypatch.chdir(tmp_path)
    fields = {name: value for name, value in ({"output": "a.png"} | fields).items() if value is not None}
    result = job("palette", input=sample("photo.tiff"), **fields)
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == field
    assert not os.listdir(tmp_path)


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
def test_bad_inputs(code, sample, tmp_path, name, found):
    source = tmp_path / name if name == "missing.png" else sample(name)
    assert code("palette", input=source, output=tmp_path / "a.png") == found


def test_an_icon_holds_no_large_picture(code, sample, tmp_path):
    assert code("palette", input=sample("photo.tiff"), output=tmp_path / "a.ico") == "limit_exceeded"


def test_a_dry_run_writes_nothing(done, sample, tmp_path):
    result = done("palette", input=sample("photo.jpg"), output_dir=tmp_path, dry_run=True)
    assert result.outputs[0].format == "png"
    assert not os.listdir(tmp_path)


def test_the_same_job_gives_the_same_bytes(done, sample, tmp_path):
    for name in ("a.png", "b.png"):
        done("palette", input=sample("photo.tiff"), output=tmp_path / name, max_colors=50)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(sample("photo.jpg"), tmp_path / "photo.jpg")
    fields = dict(palette.EXAMPLE)
    assert done(fields.pop("operation"), **fields).metadata["color_count"] == 16
