import base64
import itertools
import os
import shutil
import subprocess
import sys

import pytest
from PIL import Image

from mediamill.operations.images import srcset

AWKWARD = "a, b (1)'\"&é漢 100%?#.jpg"


def names(result):
    return [os.path.basename(output.path) for output in result.outputs]


def sizes(result):
    return [(output.width, output.height) for output in result.outputs]


def test_one_file_per_width_density_and_format(done, sample, tmp_path, pixels):
    result = done(
        "srcset",
        input=sample("photo.jpg"),
        output_dir=tmp_path,
        widths=[300, 500],
        densities=[1, 1.5],
        formats=["jpg", "webp"],
    )
    assert names(result) == [
        f"photo-{end}.{suffix}"
        for suffix in ("webp", "jpg")
        for end in ("300w", "500w", "300w-1.5x", "500w-1.5x")
    ]  # fmt: skip
    assert sizes(result) == [(300, 200), (500, 333), (450, 300), (750, 500)] * 2
    for output in result.outputs:
        assert pixels(output.path).shape == (output.height, output.width, 3)
    metadata = result.metadata
    assert (metadata["source_width"], metadata["source_height"]) == (1600, 1067)
    assert metadata["srcset"] == {
        format_name: ", ".join(
            f"photo-{end}.{suffix} {width}w"
            for end, width in (("300w", 300), ("300w-1.5x", 450), ("500w", 500), ("500w-1.5x", 750))
        )
        for format_name, suffix in (("webp", "webp"), ("jpeg", "jpg"))
    }
    assert [(one["width"], one["density"], one["descriptor"]) for one in metadata["variants"][:4]] == [
        (300, 1, "300w"),
        (500, 1, "500w"),
        (450, 1.5, "450w"),
        (750, 1.5, "750w"),
    ]
    assert [one["url"] for one in metadata["variants"]] == names(result)


def test_no_width_in_pixels_is_made_twice(done, sample, tmp_path):
    result = done("srcset", input=sample("photo.jpg"), output_dir=tmp_path, widths=[200, 400, 200], densities=[2, 1, 2])
    assert names(result) == ["photo-200w.jpg", "photo-400w.jpg", "photo-400w-2x.jpg"]
    assert sizes(result) == [(200, 133), (400, 267), (800, 534)]


def test_what_the_source_is_too_small_for_is_the_source_once(done, sample, tmp_path):
    fields = {"input": sample("photo-odd.jpg"), "output_dir": tmp_path, "widths": [500, 900, 1200], "densities": [1, 2]}
    result = done("srcset", **fields)
    assert names(result) == ["photo-odd-500w.jpg", "photo-odd-801w.jpg"]
    assert sizes(result) == [(500, 333), (801, 533)]
    assert result.metadata["capped"] is True
    assert 'width="801" height="533"' in result.metadata["html_snippet"]


def test_drawings_are_drawn_at_any_width(done, sample, tmp_path):
    result = done("srcset", input=sample("drawing.svg"), output_dir=tmp_path, widths=[150, 900], densities=[1, 2])
    assert sizes(result) == [(150, 100), (900, 600), (300, 200), (1800, 1200)]
    assert {output.format for output in result.outputs} == {"png"}
    assert "capped" not in result.metadata


def test_one_width_alone_is_told_apart_by_density(done, sample, tmp_path, complaints):
    fields = {"input": sample("photo.jpg"), "output_dir": tmp_path, "widths": [600], "densities": [1, 2, 3]}
    metadata = done("srcset", **fields).metadata
    assert metadata["srcset"] == {"jpeg": "photo-600w.jpg 1x, photo-600w-2x.jpg 2x, photo-1600w.jpg 2.667x"}
    assert "sizes" not in metadata
    assert "sizes" not in metadata["html_snippet"]
    assert complaints(metadata["html_snippet"]) == []
    weighed = done("srcset", sizes="50vw", **fields).metadata
    assert weighed["srcset"]["jpeg"].endswith("1600w")
    assert weighed["sizes"] == "50vw"
    assert complaints(weighed["html_snippet"]) == []


def test_one_file_needs_no_choice(done, sample, tmp_path, complaints):
    html = done("srcset", input=sample("photo.jpg"), output_dir=tmp_path, widths=[64], alt="x").metadata["html_snippet"]
    assert html == ('<img src="photo-64w.jpg" width="64" height="43" alt="x" loading="lazy" decoding="async">')
    assert complaints(html) == []


def test_several_formats_make_a_picture_with_the_best_first(done, sample, tmp_path, complaints):
    html = done(
        "srcset",
        input=sample("photo-odd.jpg"),
        output_dir=tmp_path,
        widths=[64, 32],
        formats=["jpeg", "avif", "webp"],
        loading="eager",
        **{"class": "hero wide"},
    ).metadata["html_snippet"]
    assert complaints(html) == []
    assert [line.strip().split(" srcset")[0] for line in html.splitlines()] == [
        "<picture>",
        '<source type="image/avif"',
        '<source type="image/webp"',
        '<img src="photo-odd-64w.jpg"',
        "</picture>",
    ]
    assert 'class="hero wide" loading="eager"' in html


@pytest.mark.parametrize(
    "fields",
    [
        {"alt": 'a "b" <c> & d &amp; \' é\n'},
        {"class": '"><script>'},
        {"alt": "\0"},
        {"sizes": '(min-width: 10px) calc(100vw - "2px"), 50vw'},
        {"base_url": 'https://cdn.example/a b/ü,?x=<1>&y="2"'},
        {"base_url": "/img/", "formats": ["webp", "jpeg"]},
        {"densities": [1, 1.25, 1.333333]},
        {"widths": [1]},
    ],
)
def test_html_is_valid_whatever_is_put_in(done, sample, tmp_path, complaints, fields):
    fields = {"widths": [40, 30], "output_dir": tmp_path} | fields
    assert complaints(done("srcset", input=sample("photo-odd.jpg"), **fields).metadata["html_snippet"]) == []


def test_names_are_escaped_in_urls(done, sample, tmp_path, complaints):
    shutil.copy(sample("orientation-1.jpg"), tmp_path / AWKWARD)
    result = done("srcset", input=tmp_path / AWKWARD, output_dir=tmp_path / "out", widths=[30, 60], base_url="/i,/")
    assert complaints(result.metadata["html_snippet"]) == []
    stem = "a%2C%20b%20%281%29%27%22%26%C3%A9%E6%BC%A2%20100%25%3F%23"
    assert result.metadata["srcset"]["jpeg"] == f"/i%2C/{stem}-30w.jpg 30w, /i%2C/{stem}-60w.jpg 60w"


def test_names_that_are_no_text_are_escaped_byte_by_byte(done, sample, tmp_path):
    raw = os.fsencode(tmp_path) + b"/\xff\xfe.jpg"
    shutil.copy(sample("orientation-1.jpg"), raw)
    source = {"path_b64": base64.b64encode(raw).decode()}
    metadata = done("srcset", input=source, output_dir=tmp_path / "out", widths=[30]).metadata
    assert metadata["variants"][0]["url"] == "%FF%FE-30w.jpg"


def test_html_only_where_it_is_wanted(done, sample, tmp_path):
    fields = {"input": sample("photo-odd.jpg"), "output_dir": tmp_path, "widths": [30], "generate_html": False}
    assert "html_snippet" not in done("srcset", **fields).metadata


@pytest.mark.parametrize(
    ("quality", "found"),
    [
        (None, {"avif": 69, "webp": 86, "jpeg": 85}),
        (40, {"avif": 40, "webp": 40, "jpeg": 40}),
        ({"webp": 30, "jpg": 50}, {"avif": 69, "webp": 30, "jpeg": 50}),
        ({"jpeg": 51}, {"avif": 69, "webp": 86, "jpeg": 51}),
    ],
)
def test_qualities(done, sample, tmp_path, quality, found):
    result = done(
        "srcset",
        input=sample("photo-odd.jpg"),
        output_dir=tmp_path,
        widths=[64],
        formats=["avif", "webp", "jpeg"],
        quality=quality,
    )
    assert {output.format: output.quality for output in result.outputs} == found


def test_moving_pictures_move_where_they_can(done, sample, tmp_path, complaints):
    result = done("srcset", input=sample("animated.gif"), output_dir=tmp_path, widths=[80, 40], formats=["webp", "png"])
    frames = []
    for output in result.outputs:
        with Image.open(output.path) as image:
            frames.append(image.n_frames)
    assert frames == [12, 12, 1, 1]
    assert result.metadata["frames_dropped"] == 11
    assert complaints(result.metadata["html_snippet"]) == []
    same = done("srcset", input=sample("animated.gif"), output_dir=tmp_path, widths=[80, 40])
    assert [(output.format, output.frames) for output in same.outputs] == [("gif", 12)] * 2


def test_formats_no_page_shows_become_ones_it_does(done, sample, tmp_path):
    Image.open(sample("alpha.png")).resize((40, 30)).save(tmp_path / "a.tiff")
    Image.open(sample("alpha.png")).resize((40, 30)).save(tmp_path / "a.ico")
    for source, found in ((sample("lab.tiff"), "jpeg"), (tmp_path / "a.tiff", "png"), (tmp_path / "a.ico", "png")):
        result = done("srcset", input=source, output_dir=tmp_path / "out", widths=[20])
        assert [output.format for output in result.outputs] == [found]


def test_auto_is_the_smallest_format(done, sample, tmp_path):
    result = done("srcset", input=sample("flat.png"), output_dir=tmp_path, widths=[40, 20], format="auto")
    assert len({output.format for output in result.outputs}) == 1


@pytest.mark.parametrize("number", [1, 6, 8])
def test_sizes_are_those_of_the_upright_picture(done, sample, tmp_path, number):
    result = done("srcset", input=sample(f"orientation-{number}.jpg"), output_dir=tmp_path, widths=[60])
    assert sizes(result) == [(60, 40)]
    assert 'width="60" height="40"' in result.metadata["html_snippet"]


def test_inline_alone_has_urls_too(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = done("srcset", input=sample("photo-odd.jpg"), widths=[30, 60], inline=True)
    assert [output.path for output in result.outputs] == ["", ""]
    assert result.metadata["srcset"]["jpeg"] == "photo-odd-30w.jpg 30w, photo-odd-60w.jpg 60w"
    assert os.listdir(tmp_path) == []


def test_templates(done, job, sample, tmp_path):
    fields = {"input": sample("photo-odd.jpg"), "output_dir": tmp_path, "widths": [30], "densities": [1, 2]}
    result = done("srcset", name="{format}_{width}x{height}{density}.{ext}", **fields)
    assert names(result) == ["jpeg_30x20.jpg", "jpeg_30x40-2x.jpg"]
    assert job("srcset", name="{nmae}.{ext}", **fields).error_info.suggestion == "name"
    assert job("srcset", name="{name}.{ext}", **fields).error_info.code == "invalid_job"
    assert job("srcset", name="a/{width}{density}.{ext}", **fields).error_info.field == "name"


@pytest.mark.parametrize("kind", ["lqip", "dominant", "css_gradient", "blurhash", "thumbhash", "all"])
@pytest.mark.parametrize("name", ["photo.jpg", "alpha.png", "drawing.svg", "orientation-6.jpg"])
def test_placeholders_are_those_of_the_operation(done, sample, tmp_path, kind, name):
    fields = {"input": sample(name), "placeholder": kind, "quality": {"jpeg": 3}, "output_dir": tmp_path}
    found = done("srcset", widths=[20], **fields).metadata["placeholder"]
    alone = done("placeholder", input=sample(name), kind=kind).metadata
    assert found == {key: value for key, value in alone.items() if key not in ("width", "height", "aspect_ratio")}


def test_there_is_no_placeholder_unless_it_is_asked_for(done, sample, tmp_path):
    assert "placeholder" not in done("srcset", input=sample("tiny.png"), output_dir=tmp_path, widths=[1]).metadata


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"placeholder": "blur"}, "placeholder"),
        ({"widths": []}, "widths"),
        ({"widths": [0]}, "widths[0]"),
        ({"widths": [10, -5]}, "widths[1]"),
        ({"widths": [65_536]}, "widths[0]"),
        ({"widths": ["wide"]}, "widths[0]"),
        ({"widths": None}, "widths"),
        ({"densities": []}, "densities"),
        ({"densities": [0]}, "densities[0]"),
        ({"densities": [1, -2]}, "densities[1]"),
        ({"densities": [11]}, "densities[0]"),
        ({"formats": []}, "formats"),
        ({"formats": ["jpeg", "webm"]}, "formats[1]"),
        ({"formats": ["tiff"]}, "formats[0]"),
        ({"format": "tiff"}, "format"),
        ({"format": "ico"}, "format"),
        ({"format": "webp", "formats": ["webp"]}, "formats"),
        ({"format": "auto", "quality": {"webp": 40}}, "quality"),
        ({"quality": {"webp": 0}}, "quality.webp"),
        ({"quality": {"wepb": 40}}, "quality.wepb"),
        ({"quality": 101}, "quality"),
        ({"sizes": ""}, "sizes"),
        ({"loading": "late"}, "loading"),
        ({"lossless": True, "format": "jpeg"}, "lossless"),
        ({"output": "a.jpg", "output_dir": None}, "output"),
        ({"output_dir": None}, "output"),
        ({"widths": list(range(1, 65)), "densities": [1, 2, 3], "formats": ["webp", "jpeg"]}, "widths"),
    ],
)
def test_bad_fields_are_named(job, sample, tmp_path, fields, field):
    result = job("srcset", **{"input": sample("tiny.png"), "output_dir": tmp_path, "widths": [10]} | fields)
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == field


def test_huge_drawings_are_refused(job, sample, tmp_path):
    result = job("srcset", input=sample("drawing.svg"), output_dir=tmp_path, widths=[65_535])
    assert result.error_info.code == "limit_exceeded"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("half.jpg", "corrupt_input"),
        ("bad-crc.png", "corrupt_input"),
        ("bomb-4gp.png", "limit_exceeded"),
        ("text.txt", "unsupported_format"),
        ("gone.jpg", "input_not_found"),
    ],
)
def test_bad_inputs_leave_nothing(code, sample, tmp_path, name, found):
    source = tmp_path / name
    if name == "text.txt":
        source.write_text("No picture.")
    elif name != "gone.jpg":
        source = sample(name)
    out = tmp_path / "out"
    assert code("srcset", input=source, output_dir=out, widths=[30, 60], formats=["webp", "jpeg"]) == found
    assert not out.exists()


def test_dry_runs_tell_what_is_made(done, sample, tmp_path):
    fields = {"input": sample("photo.jpg"), "output_dir": tmp_path, "widths": [64, 32], "formats": ["webp", "jpeg"]}
    told = done("srcset", dry_run=True, **fields)
    assert os.listdir(tmp_path) == []
    made = done("srcset", **fields)
    assert [(one.path, one.width, one.height, one.format) for one in told.outputs] == [
        (one.path, one.width, one.height, one.format) for one in made.outputs
    ]


def test_the_same_job_gives_the_same_bytes(done, sample, tmp_path):
    fields = {"input": sample("photo.jpg"), "widths": [64, 32], "formats": ["avif", "webp", "jpeg"]}
    for folder in ("a", "b"):
        done("srcset", output_dir=tmp_path / folder, **fields)
    for name in os.listdir(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_command_line_knows_its_fields(sample, tmp_path):
    made = subprocess.run(
        [sys.executable, "-m", "mediamill.engine", "srcset", str(sample("photo-odd.jpg")),
         "--output-dir", str(tmp_path), "--widths", "30,60", "--densities", "1,1.5", "--formats", "webp,jpg",
         "--class", "a b", "--quality", '{"webp": 40}', "--json"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert 'class=\\"a b\\"' in made.stdout
    assert len(os.listdir(tmp_path)) == 8


def test_the_example_runs_and_its_html_is_valid(done, sample, tmp_path, monkeypatch, complaints):
    monkeypatch.chdir(tmp_path)
    os.symlink(sample("photo.jpg"), tmp_path / "photo.jpg")
    fields = dict(srcset.EXAMPLE)
    result = done(fields.pop("operation"), **fields)
    assert len(result.outputs) == 4
    assert complaints(result.metadata["html_snippet"]) == []


def test_all_formats_and_densities_together_are_valid(done, sample, tmp_path, complaints):
    formats = ["png", "jpeg", "webp", "avif"]
    for number, (count, fluid) in enumerate(itertools.product((1, 2, 4), (None, "50vw"))):
        fields = {"formats": formats[:count], "densities": [1, 2], "effort": 0} | ({"sizes": fluid} if fluid else {})
        result = done("srcset", input=sample("alpha.png"), output_dir=tmp_path / str(number), widths=[40], **fields)
        assert complaints(result.metadata["html_snippet"]) == []
