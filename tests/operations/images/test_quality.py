import os

import pytest
import pyvips
from PIL import Image

from mediamill.operations.images import _colour, quality
from mediamill.operations.images._ssimulacra2 import Reference

SUFFIXES = {"jpeg": "jpg", "webp": "webp", "avif": "avif"}


@pytest.fixture
def sizes(done, sample, tmp_path):
    """Return a function that says what a sample takes at a quality, by plain conversion."""

    def size(name, format_name, number, **fields):
        path = tmp_path / f"plain.{SUFFIXES[format_name]}"
        return done("convert", input=sample(name), output=path, quality=number, **fields).outputs[0].size_bytes

    return size


def searched(result):
    found = result.metadata
    assert found["final_size"] == result.outputs[0].size_bytes == os.path.getsize(result.outputs[0].path)
    assert found["final_quality"] == result.outputs[0].quality
    if "target_size" in found:
        deviation = 100 * (found["final_size"] - found["target_size"]) / found["target_size"]
        assert found["deviation_percent"] == pytest.approx(deviation, abs=0.01)
    return found


@pytest.mark.parametrize(
    ("format_name", "width", "targets"),
    [("jpeg", 400, (9_000, 14_000, 30_000)), ("webp", 400, (6_000, 11_000)), ("avif", 160, (1_500, 2_500, 4_000))],
)
def test_it_is_what_trying_every_quality_finds(done, sample, sizes, tmp_path, format_name, width, targets):
    table = {number: sizes("photo.tiff", format_name, number, width=width) for number in range(30, 96)}
    for target in targets:
        result = done(
            "quality",
            input=sample("photo.tiff"),
            output=tmp_path / f"a.{SUFFIXES[format_name]}",
            target_size=target,
            width=width,
        )
        found = searched(result)
        assert found["final_quality"] == max(number for number, size in table.items() if size <= target)
        assert found["final_size"] == table[found["final_quality"]]
        assert found["verdict"] == "reached"
        assert 2 <= found["iterations"] <= 5
        assert found["converged"] == (found["deviation_percent"] >= -5)


@pytest.mark.parametrize("format_name", ["jpeg", "webp", "avif"])
def test_a_target_below_the_lowest_quality_is_exceeded_by_it_alone(done, sample, sizes, tmp_path, format_name):
    path = tmp_path / f"a.{SUFFIXES[format_name]}"
    found = searched(done("quality", input=sample("photo.tiff"), output=path, target_size=10))
    assert (found["verdict"], found["converged"], found["final_quality"]) == ("floor_hit", False, 30)
    assert found["final_size"] == sizes("photo.tiff", format_name, 30)
    assert found["iterations"] <= 2


def test_a_target_above_the_highest_quality_gets_it(done, sample, tmp_path):
    found = searched(done("quality", input=sample("photo.tiff"), output=tmp_path / "a.jpg", target_size=10_000_000))
    assert (found["verdict"], found["converged"], found["final_quality"]) == ("reached", False, 95)
    assert found["iterations"] == 1


def test_the_tolerance_says_what_counts_as_converged(done, sample, tmp_path):
    for tolerance, converged in ((0, False), (100, True)):
        found = done(
            "quality",
            input=sample("photo.tiff"),
            output=tmp_path / "a.jpg",
            target_size=14_000,
            tolerance_percent=tolerance,
        ).metadata
        assert found["converged"] == converged


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_limit_of_encodes_holds_and_the_target_too(done, sample, tmp_path, limit):
    for target in (7_500, 14_000, 40_000):
        found = searched(
            done(
                "quality",
                input=sample("photo.tiff"),
                output=tmp_path / "a.jpg",
                target_size=target,
                max_iterations=limit,
            )
        )
        assert found["iterations"] <= limit
        assert found["final_size"] <= target


def test_the_bounds_hold(done, sample, tmp_path):
    for target, expected in ((1_000, 60), (1_000_000, 70)):
        found = searched(
            done(
                "quality",
                input=sample("photo.tiff"),
                output=tmp_path / "a.jpg",
                target_size=target,
                min_quality=60,
                max_quality=70,
            )
        )
        assert found["final_quality"] == expected
    one = done(
        "quality",
        input=sample("photo.tiff"),
        output=tmp_path / "a.jpg",
        target_size=14_000,
        min_quality=40,
        max_quality=40,
    ).metadata
    assert (one["final_quality"], one["iterations"]) == (40, 1)


@pytest.mark.parametrize(("format_name", "target"), [("jpeg", 60), ("webp", 70.5), ("avif", 80)])
def test_the_score_is_reached_by_the_lowest_quality(done, sample, tmp_path, format_name, target):
    path = tmp_path / f"a.{SUFFIXES[format_name]}"
    found = searched(done("quality", input=sample("photo.tiff"), output=path, target_score=target))
    assert found["verdict"] == "reached"
    assert found["converged"]
    assert found["score"] >= target
    assert found["score"] == pytest.approx(score(sample("photo.tiff"), path), abs=0.01)
    lower = done("convert", input=sample("photo.tiff"), output=path, quality=found["final_quality"] - 1)
    assert score(sample("photo.tiff"), lower.outputs[0].path) < target
    assert found["iterations"] <= 6


def score(original, made):
    one, other = (_colour.normalise(pyvips.Image.new_from_file(str(path))).copy_memory() for path in (original, made))
    return Reference(one).score(other)


def test_a_score_out_of_reach_gets_the_highest_quality(done, sample, tmp_path):
    found = searched(
        done("quality", input=sample("photo.tiff"), output=tmp_path / "a.jpg", target_score=99, max_quality=80)
    )
    assert (found["verdict"], found["converged"], found["final_quality"]) == ("unreachable", False, 80)
    assert found["score"] < 99


def test_a_score_the_lowest_quality_has_gets_it(done, sample, tmp_path):
    found = searched(done("quality", input=sample("photo.tiff"), output=tmp_path / "a.jpg", target_score=0))
    assert (found["verdict"], found["converged"], found["final_quality"]) == ("reached", True, 30)


@pytest.mark.parametrize(
    ("size", "target", "verdict"),
    [(60_000, 60, "reached"), (9_000, 90, "unreachable"), (9_000, 99, "unreachable"), (100, 60, "floor_hit")],
)
def test_both_targets(done, sample, tmp_path, size, target, verdict):
    fields = {"input": sample("photo.tiff"), "output": tmp_path / "a.jpg"}
    found = searched(done("quality", target_size=size, target_score=target, **fields))
    assert found["verdict"] == verdict
    assert found["converged"] == (verdict == "reached")
    assert (found["score"] >= target) == (verdict == "reached")
    assert (found["final_size"] <= size) == (verdict != "floor_hit")
    alone = {"reached": {"target_score": target}, "unreachable": {"target_size": size}, "floor_hit": {"target_size": 1}}
    assert done("quality", **alone[verdict], **fields).metadata["final_quality"] == found["final_quality"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_both_targets_within_few_encodes(done, sample, tmp_path, limit):
    found = searched(
        done(
            "quality",
            input=sample("photo.tiff"),
            output=tmp_path / "a.jpg",
            target_size=12_000,
            target_score=50,
            max_iterations=limit,
        )
    )
    assert found["iterations"] <= limit
    assert found["final_size"] <= 12_000
    assert (found["verdict"] == "reached") == (found["score"] >= 50)


def test_auto_takes_the_best_score_within_a_size(done, sample, tmp_path):
    result = done("quality", input=sample("photo.tiff"), output_dir=tmp_path, format="auto", target_size=9_000)
    found = searched(result)
    assert [one["format"] for one in found["candidates"]] == ["avif", "webp", "jpeg"]
    assert all(one["size"] <= 9_000 for one in found["candidates"])
    winner = max(found["candidates"], key=lambda one: one["score"])
    assert result.outputs[0].format == winner["format"]
    assert (found["final_size"], found["score"]) == (winner["size"], winner["score"])
    assert found["iterations"] == sum(one["iterations"] for one in found["candidates"])
    assert result.outputs[0].path.endswith(SUFFIXES[winner["format"]])


def test_auto_takes_the_fewest_bytes_with_a_score(done, sample, tmp_path):
    found = searched(
        done("quality", input=sample("photo.tiff"), output_dir=tmp_path, format="auto", target_score=70, max_quality=90)
    )
    reached = [one for one in found["candidates"] if one["verdict"] == "reached"]
    assert found["final_size"] == min(one["size"] for one in reached)


def test_auto_keeps_alpha(done, sample, tmp_path):
    result = done(
        "quality", input=sample("alpha.png"), output_dir=tmp_path, format="auto", target_size=9_000, width=200
    )
    assert [one["format"] for one in result.metadata["candidates"]] == ["avif", "webp"]
    with Image.open(result.outputs[0].path) as image:
        assert image.convert("RGBA").getextrema()[3][0] == 0


def test_auto_leaves_formats_out_that_cannot_be_so_large(done, job, tmp_path):
    for colour, name in (([200, 100, 50], "a.png"), ([200, 100, 50, 128], "b.png")):
        image = pyvips.Image.black(16_400, 2).new_from_image(colour).copy(interpretation="srgb")
        image.pngsave(str(tmp_path / name))
    fields = {"output_dir": tmp_path, "format": "auto", "target_size": 5_000}
    assert done("quality", input=tmp_path / "a.png", **fields).outputs[0].format == "jpeg"
    assert job("quality", input=tmp_path / "b.png", **fields).error_info.code == "limit_exceeded"


def test_dimensions_shrink_where_that_is_allowed(done, sample, tmp_path):
    fields = {"input": sample("photo.tiff"), "output": tmp_path / "a.jpg", "target_size": 3_000}
    assert done("quality", **fields).metadata["verdict"] == "floor_hit"
    result = done("quality", allow_downscale=True, **fields)
    found = searched(result)
    width, height = result.outputs[0].width, result.outputs[0].height
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.size == (width, height)
    assert width / height == pytest.approx(400 / 267, rel=0.02)
    assert found["downscaled_from"] == {"width": 400, "height": 267}
    assert 2_500 < found["final_size"] <= 3_000
    assert found["verdict"] == "reached"
    assert found["iterations"] <= 10


def test_dimensions_stay_where_nothing_helps_or_nothing_is_needed(done, sample, tmp_path):
    fields = {"input": sample("photo.tiff"), "output": tmp_path / "a.jpg", "allow_downscale": True}
    for target, verdict in ((10, "floor_hit"), (14_000, "reached")):
        result = done("quality", target_size=target, **fields)
        assert (result.outputs[0].width, result.outputs[0].height) == (400, 267)
        assert "downscaled_from" not in result.metadata
        assert result.metadata["verdict"] == verdict


def test_a_smaller_picture_is_scored_at_the_size_it_was_to_have(done, sample, tmp_path):
    fields = {"input": sample("photo.tiff"), "output": tmp_path / "a.jpg", "target_size": 3_000, "target_score": 60}
    found = searched(done("quality", allow_downscale=True, **fields))
    assert found["verdict"] == "unreachable"
    assert not found["converged"]
    enlarged = pyvips.Image.new_from_file(str(tmp_path / "a.jpg"))
    original = pyvips.Image.new_from_file(str(sample("photo.tiff"))).copy(interpretation="srgb")
    enlarged = enlarged.resize(400 / enlarged.width, vscale=267 / enlarged.height)
    assert found["score"] == pytest.approx(Reference(original).score(enlarged), abs=0.5)


def test_it_resizes_first(done, sample, tmp_path):
    result = done("quality", input=sample("photo.jpg"), output=tmp_path / "a.webp", width=300, target_size=6_000)
    assert (result.outputs[0].width, result.outputs[0].height) == (300, 200)
    assert searched(result)["final_size"] <= 6_000
    result = done("quality", input=sample("photo.tiff"), output=tmp_path / "a.webp", width=900, target_size=6_000)
    assert result.outputs[0].width == 400
    assert result.metadata["capped"]


@pytest.mark.parametrize("name", ["orientation-6.jpg", "photo-gray.jpg", "cmyk-noicc.jpg", "rgb16.png", "drawing.svg"])
def test_all_kinds_of_pictures(done, sample, tmp_path, pixels, distance, name):
    searched(done("quality", input=sample(name), output=tmp_path / "a.webp", target_size=8_000, width=160))
    done("convert", input=sample(name), output=tmp_path / "b.png", width=160)
    found, wanted = (pixels(tmp_path / path, mode="RGB") for path in ("a.webp", "b.png"))
    assert distance(found, wanted) < 8


@pytest.mark.parametrize("suffix", ["webp", "avif"])
@pytest.mark.parametrize("target", [{"target_size": 20_000}, {"target_score": 60}])
def test_animations_stay_animated(done, sample, tmp_path, suffix, target):
    path = tmp_path / f"a.{suffix}"
    result = done("quality", input=sample("animated.gif"), output=path, effort=1, **target)
    assert searched(result)["verdict"] == "reached"
    with Image.open(path) as image:
        assert image.n_frames == result.outputs[0].frames > 1


def test_animations_become_stills_where_the_format_has_none(done, sample, tmp_path):
    result = done("quality", input=sample("animated.gif"), output=tmp_path / "a.jpg", target_score=70)
    assert result.metadata["frames_dropped"] > 0
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.format == "JPEG"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "target_size"),
        ({"target_size": 0}, "target_size"),
        ({"target_size": -5}, "target_size"),
        ({"target_size": "50kb"}, "target_size"),
        ({"target_score": 101}, "target_score"),
        ({"target_score": -1}, "target_score"),
        ({"target_size": 1, "tolerance_percent": -1}, "tolerance_percent"),
        ({"target_size": 1, "max_iterations": 0}, "max_iterations"),
        ({"target_size": 1, "min_quality": 0}, "min_quality"),
        ({"target_size": 1, "max_quality": 101}, "max_quality"),
        ({"target_size": 1, "min_quality": 80, "max_quality": 70}, "min_quality"),
        ({"target_size": 1, "quality": 80}, "quality"),
        ({"target_size": 1, "lossless": True}, "lossless"),
        ({"target_size": 1, "format": "png"}, "format"),
        ({"target_size": 1, "format": "webp"}, "format"),
        ({"target_size": 1, "width": 0}, "width"),
        ({"target_score": 80, "allow_downscale": True}, "allow_downscale"),
        ({"target_size": 1, "target": 5}, "target"),
    ],
)
def test_contradictions_are_refused(job, sample, fields, field):
    result = job("quality", input=sample("photo.tiff"), output="a.jpg", **fields)
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == field


def test_formats_without_a_quality_are_refused(job, sample, tmp_path):
    result = job("quality", input=sample("photo.tiff"), output=tmp_path / "a.png", target_size=1_000)
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == "output"
    result = job("quality", input=sample("photo.png"), output_dir=tmp_path, target_size=1_000)
    assert result.error_info.field == "format"


@pytest.mark.parametrize(
    ("name", "found"),
    [("half.jpg", "corrupt_input"), ("text.jpg", "unsupported_format"), ("bomb-4gp.png", "limit_exceeded")],
)
def test_bad_inputs(code, sample, tmp_path, name, found):
    assert code("quality", input=sample(name), output=tmp_path / "a.webp", target_size=1_000) == found


def test_a_dry_run_encodes_nothing_and_writes_nothing(done, sample, tmp_path):
    result = done("quality", input=sample("photo.jpg"), output=tmp_path / "a.webp", target_size=9_000, dry_run=True)
    assert not (tmp_path / "a.webp").exists()
    assert "iterations" not in (result.metadata or {})


def test_the_same_job_gives_the_same_bytes(done, sample, tmp_path):
    for name in ("a.avif", "b.avif"):
        done("quality", input=sample("photo.tiff"), output=tmp_path / name, target_size=8_000)
    assert (tmp_path / "a.avif").read_bytes() == (tmp_path / "b.avif").read_bytes()


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(sample("photo.jpg"), tmp_path / "photo.jpg")
    fields = dict(quality.EXAMPLE)
    assert done(fields.pop("operation"), **fields).metadata["converged"]
