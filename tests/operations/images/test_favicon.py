import gzip
import io
import json
import os
import re

import numpy as np
import pytest
from PIL import Image

from mediamill.operations.images import favicon

FILES = [
    "favicon-16x16.png",
    "favicon-32x32.png",
    "favicon-48x48.png",
    "apple-touch-icon.png",
    "favicon-192x192.png",
    "favicon-512x512.png",
    "favicon.ico",
    "manifest.webmanifest",
]
SIDES = (16, 32, 48, 180, 192, 512)


def names(result):
    return [os.path.basename(output.path) for output in result.outputs]


def links(html):
    return dict(re.findall(r'<link rel="([a-z-]+)" href="([^"]*)"', html))


def entries(path):
    """Return the pictures of an icon file as they are stored, by side."""
    data = path.read_bytes()
    assert data[:4] == b"\0\0\1\0"
    found = {}
    for number in range(int.from_bytes(data[4:6], "little")):
        entry = data[6 + 16 * number : 22 + 16 * number]
        size, at = int.from_bytes(entry[8:12], "little"), int.from_bytes(entry[12:16], "little")
        assert entry[0] == entry[1]
        found[entry[0] or 256] = Image.open(io.BytesIO(data[at : at + size]))
    return found


def test_the_whole_set(done, sample, tmp_path, complaints):
    result = done("favicon", input=sample("photo.png"), output_dir=tmp_path, app_name="Mill", theme_color="#036")
    assert names(result) == FILES
    assert sorted(os.listdir(tmp_path)) == sorted(FILES)
    for name, side in zip(FILES, SIDES, strict=False):
        with Image.open(tmp_path / name) as image:
            assert (image.format, image.size) == ("PNG", (side, side))
    assert {side: image.size for side, image in entries(tmp_path / "favicon.ico").items()} == {
        side: (side, side) for side in (16, 32, 48)
    }
    metadata = result.metadata
    assert json.loads((tmp_path / "manifest.webmanifest").read_text("utf-8")) == metadata["manifest"]
    assert metadata["manifest"] == {
        "name": "Mill",
        "short_name": "Mill",
        "theme_color": "#036",
        "background_color": "white",
        "icons": [
            {"src": f"favicon-{side}x{side}.png", "sizes": f"{side}x{side}", "type": "image/png", "purpose": "any"}
            for side in (192, 512)
        ],
        "display": "standalone",
    }
    assert complaints(metadata["html_snippet"]) == []
    assert metadata["html_snippet"].splitlines() == [
        '<link rel="icon" href="/favicon.ico" sizes="16x16 32x32 48x48">',
        '<link rel="icon" href="/favicon-16x16.png" type="image/png" sizes="16x16">',
        '<link rel="icon" href="/favicon-32x32.png" type="image/png" sizes="32x32">',
        '<link rel="icon" href="/favicon-48x48.png" type="image/png" sizes="48x48">',
        '<link rel="apple-touch-icon" href="/apple-touch-icon.png" sizes="180x180">',
        '<link rel="manifest" href="/manifest.webmanifest">',
        '<meta name="theme-color" content="#036">',
    ]
    assert [(output.format, output.width) for output in result.outputs[-2:]] == [("ico", 48), ("json", 0)]


def test_the_pictures_in_the_icon_file_are_those_beside_it(done, sample, tmp_path, pixels):
    done("favicon", input=sample("alpha.png"), output_dir=tmp_path)
    for side, image in entries(tmp_path / "favicon.ico").items():
        assert image.mode == "RGBA"
        assert np.array_equal(np.asarray(image, float), pixels(tmp_path / f"favicon-{side}x{side}.png", mode="RGBA"))


def test_grey_pictures_are_coloured_in_the_icon_file(done, sample, tmp_path):
    done("favicon", input=sample("photo-gray.jpg"), output_dir=tmp_path, sizes=[16], ico_sizes=[256, 24], fit="cover")
    found = entries(tmp_path / "favicon.ico")
    assert list(found) == [24, 256]
    assert {image.mode for image in found.values()} <= {"RGB", "RGBA"}


def test_what_is_not_square_is_padded_with_nothing(done, sample, tmp_path, pixels):
    done("favicon", input=sample("flat.png"), output_dir=tmp_path, sizes=[64, 180], background="#00ff00")
    found = pixels(tmp_path / "favicon-64x64.png")
    assert found[:7, :, 3].max() == 0
    assert found[-7:, :, 3].max() == 0
    assert found[32, 32].tolist() == [208, 36, 72, 255]
    apple = pixels(tmp_path / "apple-touch-icon.png")
    assert apple.shape == (180, 180, 3)
    assert apple[2, 90].tolist() == [0, 255, 0]
    assert apple[90, 90].tolist() == [208, 36, 72]


def test_or_cropped(done, sample, tmp_path, pixels):
    done("favicon", input=sample("flat.png"), output_dir=tmp_path, sizes=[64], fit="cover")
    assert (pixels(tmp_path / "favicon-64x64.png", mode="RGB") == [208, 36, 72]).all()


def test_home_screens_get_no_transparency(done, sample, tmp_path, pixels):
    done("favicon", input=sample("alpha.png"), output_dir=tmp_path, background="navy", maskable=True)
    for name in ("apple-touch-icon.png", "favicon-maskable-512x512.png"):
        found = pixels(tmp_path / name)
        assert found.shape[2] == 3
        assert found[1, 1].tolist() == [0, 0, 128]


def test_maskable_icons_keep_the_picture_in_the_circle_that_is_seen(done, sample, tmp_path, pixels):
    result = done("favicon", input=sample("flat.png"), output_dir=tmp_path, maskable=True, background="#ffffff")
    found = pixels(tmp_path / "favicon-maskable-512x512.png", mode="RGB")
    rows, columns = np.nonzero(np.abs(found - 255).sum(axis=-1) > 30)
    reach = np.hypot(rows - 255.5, columns - 255.5).max()
    assert 0.8 * 256 - 3 < reach <= 0.8 * 256 + 1
    assert result.metadata["manifest"]["icons"][-1] == {
        "src": "favicon-maskable-512x512.png",
        "sizes": "512x512",
        "type": "image/png",
        "purpose": "maskable",
    }


def test_drawings_are_drawn_at_each_size_and_copied(done, sample, tmp_path, pixels):
    result = done("favicon", input=sample("drawing.svg"), output_dir=tmp_path)
    assert (tmp_path / "favicon.svg").read_bytes() == sample("drawing.svg").read_bytes()
    assert '<link rel="icon" href="/favicon.svg" type="image/svg+xml" sizes="any">' in result.metadata["html_snippet"]
    assert "enlarged" not in result.metadata
    large = pixels(tmp_path / "favicon-512x512.png", mode="L")
    with Image.open(tmp_path / "favicon-192x192.png") as image:
        blurred = np.asarray(image.convert("L").resize((512, 512), Image.Resampling.LANCZOS), float)
    inside = slice(100, 400)
    assert np.abs(np.diff(large[inside])).max() > np.abs(np.diff(blurred[inside])).max() * 1.2


def test_compressed_drawings_are_copied_plain(done, sample, tmp_path):
    source = tmp_path / "a.svgz"
    source.write_bytes(gzip.compress(sample("drawing.svg").read_bytes()))
    done("favicon", input=source, output_dir=tmp_path / "out", sizes=[16])
    assert (tmp_path / "out" / "favicon.svg").read_bytes() == sample("drawing.svg").read_bytes()


def test_small_pictures_are_enlarged_and_that_is_said(done, sample, tmp_path, pixels):
    result = done("favicon", input=sample("tiny.png"), output_dir=tmp_path, sizes=[1, 16, 192])
    assert result.metadata["enlarged"] == [16, 192]
    assert (pixels(tmp_path / "favicon-192x192.png") == [208, 36, 72]).all()


def test_moving_pictures_give_their_first_frame(done, sample, tmp_path):
    assert done("favicon", input=sample("animated.gif"), output_dir=tmp_path).metadata["frames_dropped"] == 11
    with Image.open(tmp_path / "favicon-48x48.png") as image:
        assert getattr(image, "n_frames", 1) == 1


def test_pictures_are_upright(done, sample, tmp_path, pixels, distance):
    for number in (1, 6):
        done("favicon", input=sample(f"orientation-{number}.jpg"), output_dir=tmp_path / str(number), sizes=[48])
    found = [pixels(tmp_path / number / "favicon-48x48.png") for number in ("1", "6")]
    assert distance(*found) < 4


def test_only_what_is_wanted(done, sample, tmp_path):
    result = done(
        "favicon",
        input=sample("flat.png"),
        output_dir=tmp_path,
        sizes=[32, 32, 192],
        generate_ico=False,
        generate_manifest=False,
        generate_html=False,
    )
    assert names(result) == ["favicon-32x32.png", "favicon-192x192.png"]
    assert result.metadata.keys() == {"source_width", "source_height", "source_format"}


def test_without_a_manifest_the_page_lists_the_large_ones(done, sample, tmp_path, complaints):
    fields = {"input": sample("flat.png"), "output_dir": tmp_path, "generate_manifest": False, "sizes": [512]}
    html = done("favicon", **fields).metadata["html_snippet"]
    assert complaints(html) == []
    assert 'href="/favicon-512x512.png"' in html
    assert "manifest" not in html


def test_names_and_places(done, sample, tmp_path, complaints):
    fields = {"prefix": "brand", "base_url": "https://cdn.example/i", "html_file": True, "maskable": True}
    result = done("favicon", input=sample("drawing.svg"), output_dir=tmp_path, **fields)
    assert all(name.startswith("brand") for name in os.listdir(tmp_path))
    html = (tmp_path / "brand.html").read_text("utf-8")
    assert html == result.metadata["html_snippet"] + "\n"
    assert complaints(html) == []
    hrefs = re.findall(r'href="([^"]*)"', html)
    assert all(href.startswith("https://cdn.example/i/brand") for href in hrefs)
    linked = {href.rpartition("/")[2] for href in hrefs} | {
        icon["src"] for icon in result.metadata["manifest"]["icons"]
    }
    assert linked | {"brand.html"} == set(os.listdir(tmp_path))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sizes": []}, "sizes"),
        ({"sizes": [0]}, "sizes[0]"),
        ({"sizes": [16, -1]}, "sizes[1]"),
        ({"sizes": [1025]}, "sizes[0]"),
        ({"ico_sizes": [16, 257]}, "ico_sizes[1]"),
        ({"ico_sizes": []}, "ico_sizes"),
        ({"prefix": "../x"}, "prefix"),
        ({"prefix": ""}, "prefix"),
        ({"background": "whit"}, "background"),
        ({"theme_color": "#12"}, "theme_color"),
        ({"fit": "fill"}, "fit"),
        ({"app_name": ""}, "app_name"),
        ({"output_dir": None}, "output_dir"),
        ({"format": "png"}, "format"),
    ],
)
def test_bad_fields_are_named(job, sample, tmp_path, fields, field):
    result = job("favicon", **{"input": sample("tiny.png"), "output_dir": tmp_path} | fields)
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == field
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("half.jpg", "corrupt_input"),
        ("bad-crc.png", "corrupt_input"),
        ("bomb.svg", "limit_exceeded"),
        ("bomb-4gp.png", "limit_exceeded"),
        ("text.txt", "unsupported_format"),
        ("gone.png", "input_not_found"),
    ],
)
def test_bad_inputs_leave_nothing(code, sample, tmp_path, name, found):
    source = tmp_path / name
    if name == "text.txt":
        source.write_text("No picture.")
    elif name != "gone.png":
        source = sample(name)
    assert code("favicon", input=source, output_dir=tmp_path / "out") == found
    assert not (tmp_path / "out").exists()


def test_existing_files_are_skipped(done, sample, tmp_path):
    fields = {"input": sample("flat.png"), "output_dir": tmp_path, "overwrite": "skip"}
    (tmp_path / "favicon.ico").write_bytes(b"mine")
    (tmp_path / "manifest.webmanifest").write_bytes(b"mine too")
    result = done("favicon", **fields)
    assert [os.path.basename(one.path) for one in result.outputs if one.skipped is True] == FILES[-2:]
    assert (tmp_path / "favicon.ico").read_bytes() == b"mine"
    again = done("favicon", **fields)
    assert all(one.skipped is True for one in again.outputs)


def test_dry_runs_tell_what_is_made(done, sample, tmp_path):
    fields = {"input": sample("drawing.svg"), "output_dir": tmp_path / "out", "html_file": True}
    told = done("favicon", dry_run=True, **fields)
    assert not (tmp_path / "out").exists()
    made = done("favicon", **fields)
    assert [(one.path, one.format, one.width) for one in told.outputs] == [
        (one.path, one.format, one.width) for one in made.outputs
    ]


def test_the_same_job_gives_the_same_bytes(done, sample, tmp_path):
    for folder in ("a", "b"):
        done("favicon", input=sample("alpha.png"), output_dir=tmp_path / folder)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(sample("drawing.svg"), tmp_path / "drawing.svg")
    fields = dict(favicon.EXAMPLE)
    assert done(fields.pop("operation"), **fields).outputs
