import av
import numpy as np
import pytest

from fixtures.samples import reels, scenes
from mediamill.operations.video import video_resize


@pytest.fixture
def resized(done, sample, tmp_path):
    """Return a function that resizes a sample quickly, and returns the result and the file."""

    def run(name="silent.mp4", **fields):
        output = tmp_path / "out.mp4"
        fields = {"preset": "ultrafast", "skip_if_larger": False, "overwrite": "replace"} | fields
        return done("video_resize", input=sample(name), output=output, **fields), output

    return run


def test_the_example(done, sample, tmp_path, seen):
    fields = {key: value for key, value in video_resize.EXAMPLE.items() if key not in ("operation", "input")}
    done("video_resize", input=sample("film.mp4"), **fields | {"output": str(tmp_path / "film.mp4")})
    assert seen(tmp_path / "film.mp4").size == (320, 240)


@pytest.mark.parametrize(("fields", "size"), [
    ({"width": 80}, (80, 60)),
    ({"height": 60}, (80, 60)),
    ({"width": 320}, (320, 240)),
    ({"width": 81}, (80, 60)),
    ({"width": 80, "height": 80}, (80, 60)),
    ({"width": 320, "height": 320}, (320, 240)),
    ({"width": 320, "height": 320, "mode": "limit"}, (160, 120)),
    ({"width": 80, "height": 320, "mode": "limit"}, (80, 60)),
    ({"width": 80, "height": 80, "mode": "fill"}, (80, 80)),
    ({"width": 100, "height": 20, "mode": "fill"}, (100, 20)),
    ({"width": 80, "mode": "fill"}, (80, 60)),
    ({"width": 80, "height": 80, "mode": "scale"}, (80, 80)),
    ({"width": 80, "height": 80, "maintain_aspect": False}, (80, 80)),
    ({"width": 320, "height": 60, "mode": "limit", "maintain_aspect": False}, (160, 60)),
    ({"width": 2}, (2, 2)),
])  # fmt: skip
def test_sizes(resized, seen, fields, size):
    result, path = resized(**fields)
    assert seen(path).size == size == (result.outputs[0].width, result.outputs[0].height)


def test_fill_cuts_what_sticks_out_and_stretches_nothing(resized, seen, rgb, distance):
    _, path = resized(width=80, height=80, mode="fill", quality="high")
    found = rgb(seen(path).frames[0])[:70]
    rows, columns = np.arange(70) * 80 // 70, (np.arange(80) + 13.33) * 120 / 106.67
    wanted = scenes.upright()[rows][:, columns.astype(int)].astype(float)
    assert distance(found, wanted) < 12


def test_scale_stretches(resized, seen, rgb, distance):
    _, path = resized(width=80, height=120, mode="scale", quality="high")
    found = rgb(seen(path).frames[0])[:105]
    wanted = scenes.upright()[np.arange(105) * 80 // 105][:, np.arange(80) * 120 // 80].astype(float)
    assert distance(found, wanted) < 12


@pytest.mark.parametrize(("name", "size"), [
    ("turned-90.mp4", (60, 80)), ("turned-270-mirrored.mp4", (60, 80)), ("wide-pixels.mp4", (60, 30)),
    ("odd.mp4", (60, 46)), ("odd.webm", (60, 46)),
])  # fmt: skip
def test_the_shape_that_is_seen_counts(resized, seen, name, size):
    assert seen(resized(name, width=60)[1]).size == size


def test_fill_of_a_turned_film(resized, seen):
    film = seen(resized("turned-90.mp4", width=100, height=40, mode="fill")[1])
    assert film.size == (100, 40)
    assert film.sample in (None, 1)


def test_sound_times_and_tracks_go_along(resized, seen, sample, heard):
    _, path = resized("film.mp4", width=80)
    film = seen(path)
    assert film.times == pytest.approx(seen(sample("film.mp4")).times)
    assert np.array_equal(heard(path).samples, heard(sample("film.mp4")).samples)


def test_fast_is_fast_in_what_it_asks_for(resized):
    result, _path = resized("film.mp4", width=80, fast=True, preset=None)
    assert result.metadata["preset"] == "veryfast"
    assert resized("film.mp4", width=80, preset=None)[0].metadata["preset"] == "medium"


@pytest.mark.parametrize(("fields", "field"), [
    ({}, "width"), ({"width": 1}, "width"), ({"height": 0}, "height"), ({"width": 16_385}, "width"),
    ({"width": 80, "mode": "stretch"}, "mode"), ({"width": 80, "max_width": 80}, "max_width"),
    ({"width": 80, "crf": 60}, "crf"), ({"width": "half"}, "width"),
])  # fmt: skip
def test_contradictions_are_refused(job, sample, tmp_path, fields, field):
    result = job("video_resize", input=sample("film.mp4"), output=tmp_path / "a.mp4", **fields)
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", field)


@pytest.mark.parametrize(
    ("name", "code"),
    [("cut.mp4", None), ("no-index.mp4", "corrupt_input"), ("text.mp4", "unsupported_format")],
)
def test_damaged_inputs(job, sample, tmp_path, name, code):
    result = job("video_resize", input=sample(name), output=tmp_path / "a.mp4", width=80, preset="ultrafast")
    assert (result.error_info.code if not result.success else None) == code
    if code is None:
        assert result.metadata["damaged"]["missing_seconds"] > 0.5
        with av.open(str(tmp_path / "a.mp4")) as container:
            assert container.streams.video[0].width == 80
    else:
        assert list(tmp_path.iterdir()) == []


def test_a_larger_film_is_not_swapped_for_the_source(done, sample, tmp_path, seen):
    done("video_resize", input=sample("silent.mp4"), output=tmp_path / "a.mp4", width=320)
    assert seen(tmp_path / "a.mp4").size == (320, 240)


@pytest.mark.parametrize(("name", "suffix"), [("film.mp4", "mp4"), ("film.mkv", "mp4"), ("captions.mkv", "mkv")])
def test_a_film_of_that_size_is_copied(done, sample, tmp_path, seen, name, suffix):
    path = tmp_path / f"a.{suffix}"
    result = done("video_resize", input=sample(name), output=path, width=1920, height=1080, mode="limit")
    assert result.metadata["copied"] is True
    assert result.metadata.get("audio_copied") is (True if seen(path).sounds else None)
    with av.open(str(sample(name))) as before, av.open(str(path)) as after:
        pictures = [[frame.to_ndarray() for frame in one.decode(video=0)] for one in (before, after)]
    assert np.array_equal(*pictures)
    assert seen(path).captions == seen(sample(name)).captions


@pytest.mark.parametrize(("name", "fields"), [
    ("film.mp4", {"quality": "low"}), ("film.webm", {}), ("turned-180.mp4", {}), ("interlaced.mp4", {}),
    ("odd.webm", {}), ("wide-pixels.mp4", {}),
])  # fmt: skip
def test_what_is_not_as_asked_is_coded_anew(done, sample, tmp_path, name, fields):
    fields = {"mode": "limit", "width": 1920, "skip_if_larger": False, "format": "mov"} | fields
    result = done("video_resize", input=sample(name), output=tmp_path / "a.mov", **fields)
    assert result.metadata["copied"] is False


@pytest.mark.parametrize(("codec", "least"), [("h265", 16), ("av1", 4), ("h264", 2), ("vp9", 2)])
def test_the_smallest_film_each_codec_makes(resized, job, sample, tmp_path, seen, codec, least):
    assert seen(resized(width=least, height=least, mode="scale", codec=codec)[1]).size == (least, least)
    if least > 2:
        fields = {"width": least - 2, "height": least, "mode": "scale", "codec": codec}
        result = job("video_resize", input=sample("silent.mp4"), output=tmp_path / "b.mp4", **fields)
        assert result.error_info.code == "encode_failed"
        assert f"{least}x{least}" in result.error


@pytest.mark.parametrize("size", [(24, 96), (128, 16), (640, 30)])
def test_av1_is_not_given_thin_pictures(job, sample, tmp_path, size):
    """SVT-AV1 would never come to an end with them."""
    fields = {"width": size[0], "height": size[1], "mode": "scale", "codec": "av1", "skip_if_larger": False}
    result = job("video_resize", input=sample("silent.mp4"), output=tmp_path / "b.mp4", **fields)
    assert result.error_info.code == "encode_failed"
    assert f"{size[0]}x{size[1]}" in result.error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [(64, 16), (96, 32)])
def test_av1_codes_what_is_next_to_too_thin(resized, seen, size):
    path = resized(width=size[0], height=size[1], mode="scale", codec="av1", skip_if_larger=False)[1]
    assert seen(path).size == size


@pytest.mark.parametrize("field", ["bitrate", "target_size"])
@pytest.mark.parametrize("size", [(62, 64), (64, 62)])
def test_av1_has_no_bitrate_for_small_pictures(job, sample, tmp_path, field, size):
    source = tmp_path / "small.mp4"
    source.write_bytes(reels.write(reels.Film(picture=reels.Picture(size=size, seconds=0.4))))
    fields = {"input": source, "output": tmp_path / "b.mp4", "codec": "av1", "preset": "ultrafast"}
    result = job("video_transcode", **fields, **{field: "200k"}, skip_if_larger=False)
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", field)
    assert "64x64" in result.error
    assert f"{size[0]}x{size[1]}" in result.error
    assert "crf" in result.error
    assert job("video_transcode", **fields, crf=40, skip_if_larger=False).success


def test_av1_keeps_to_a_bitrate_from_64_pixels_on(done, tmp_path):
    source = tmp_path / "small.mp4"
    source.write_bytes(reels.write(reels.Film(picture=reels.Picture(size=(64, 64), seconds=0.4))))
    fields = {"codec": "av1", "preset": "ultrafast", "bitrate": "200k", "skip_if_larger": False}
    done("video_transcode", input=source, output=tmp_path / "b.mp4", **fields)


def test_pictures_stored_out_of_order_are_not_copied(done, sample, tmp_path, seen):
    result = done("video_resize", input=sample("reordered.avi"), output=tmp_path / "out.mp4", width=160)
    film = seen(tmp_path / "out.mp4")
    assert not result.metadata["copied"]
    assert film.times == sorted(film.times)
    assert len(film.frames) == 50
