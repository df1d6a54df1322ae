import os

import pytest
from PIL import Image

from mediamill.operations.images import convert


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "webp", "avif", "gif", "tif", "tiff"])
def test_the_suffix_is_the_format(done, sample, tmp_path, suffix):
    result = done("convert", input=sample("photo.tiff"), output=tmp_path / f"a.{suffix}")
    with Image.open(tmp_path / f"a.{suffix}") as image:
        assert image.format.lower() == result.outputs[0].format
        assert image.size == (400, 267)


def test_the_format_wins_over_the_suffix(done, sample, tmp_path):
    result = done("convert", input=sample("photo.tiff"), output=tmp_path / "a.bin", format="jpg")
    assert result.outputs[0].format == "jpeg"


def test_names_in_a_folder(done, sample, tmp_path):
    result = done("convert", input=sample("photo.tiff"), output_dir=tmp_path, format="jpg")
    assert os.path.basename(result.outputs[0].path) == "photo.jpg"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"output_dir": "out"}, "format"),
        ({"output": "a"}, "format"),
        ({"output": "a.bmp"}, "output"),
        ({"format": "png"}, "output"),
        ({"output": "a.png", "height": 0}, "height"),
        ({"output": "a.png", "widths": [1]}, "widths"),
    ],
)
def test_contradictions_are_refused(job, sample, fields, field):
    result = job("convert", input=sample("photo.tiff"), **fields)
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == field


@pytest.mark.parametrize(
    ("fields", "size", "capped"),
    [({"width": 200}, (200, 134), False), ({"height": 100}, (150, 100), False), ({"width": 900}, (400, 267), True)],
)
def test_sizes(done, sample, tmp_path, fields, size, capped):
    result = done("convert", input=sample("photo.tiff"), output=tmp_path / "a.png", **fields)
    assert (result.outputs[0].width, result.outputs[0].height) == size
    assert result.metadata.get("capped", False) == capped


@pytest.mark.parametrize("name", ["drawing.svg", "drawing-viewbox.svg", "drawing-no-size.svg"])
def test_drawings_are_drawn_at_the_size_asked_for(done, sample, tmp_path, pixels, distance, name):
    result = done("convert", input=sample(name), output=tmp_path / "a.png", width=1500)
    assert (result.outputs[0].width, result.outputs[0].height) == (1500, 1000)
    if name != "drawing-no-size.svg":
        done("convert", input=sample("drawing.svg"), output=tmp_path / "b.png", width=1500)
        assert distance(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")) < 0.5


def test_drawings_keep_their_holes(done, tmp_path, pixels):
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="5" height="5" fill="red"/></svg>'
    )
    (tmp_path / "a.svg").write_text(drawing)
    done("convert", input=tmp_path / "a.svg", output=tmp_path / "a.png", width=40)
    found = pixels(tmp_path / "a.png")
    assert found[5, 5].tolist() == [255, 0, 0, 255]
    assert found[15, 35, 3] == 0


def test_a_huge_drawing_is_drawn_small_but_not_large(code, done, sample, tmp_path):
    assert code("convert", input=sample("huge.svg"), output=tmp_path / "a.png") == "limit_exceeded"
    done("convert", input=sample("huge.svg"), output=tmp_path / "a.png", width=100)


def test_an_output_is_never_the_input(code, sample, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(sample("photo-444.jpg").read_bytes())
    assert code("convert", input=path, output=path) == "output_exists"
    assert path.read_bytes() == sample("photo-444.jpg").read_bytes()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("text.jpg", "unsupported_format"),
        ("half.png", "corrupt_input"),
        ("bomb-4gp.png", "limit_exceeded"),
        ("missing.png", "input_not_found"),
    ],
)
def test_bad_inputs(code, sample, tmp_path, name, found):
    source = tmp_path / name if name == "missing.png" else sample(name)
    assert code("convert", input=source, output=tmp_path / "a.webp") == found


def test_a_video_is_no_picture(job, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\2\0isommp41" + bytes(100))
    result = job("convert", input=tmp_path / "a.mp4", output=tmp_path / "a.png")
    assert result.error_info.code == "unsupported_format"
    assert "an MP4 video" in result.error
    assert "a.mp4" in result.error


def test_the_same_job_gives_the_same_bytes(done, sample, tmp_path):
    for name in ("a.avif", "b.avif"):
        done("convert", input=sample("photo.tiff"), output=tmp_path / name)
    assert (tmp_path / "a.avif").read_bytes() == (tmp_path / "b.avif").read_bytes()


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(sample("photo.jpg"), tmp_path / "photo.jpg")
    fields = dict(convert.EXAMPLE)
    assert done(fields.pop("operation"), **fields).outputs
