"""Films as a page plays them: their size, length, first picture, what a jump shows, and sound."""

import av
import numpy as np
import pytest

from fixtures.samples import scenes


def clock(picture):
    """Return how far the clock of a film's lowest eighth has come, 0..1."""
    return picture[-8:].mean() / 255


CODINGS = [("h264", "mp4"), ("av1", "mp4"), ("vp9", "mp4"), ("vp9", "webm"), ("vp8", "webm"), ("av1", "webm")]


@pytest.mark.parametrize(("codec", "suffix"), CODINGS)
def test_a_film_plays(done, sample, tmp_path, player, distance, codec, suffix):
    fields = {"codec": codec, "quality": "high", "preset": "veryfast", "skip_if_larger": False}
    done("video_transcode", input=sample("film.mp4"), output=tmp_path / f"a.{suffix}", **fields)
    one = player(f"a.{suffix}")
    assert one.size == (160, 120)
    assert one.duration == pytest.approx(2.0, abs=0.05)
    mark = scenes.upright()[np.arange(105) * 80 // 105][:, np.arange(160) * 120 // 160]
    assert distance(one.first[:105], mark) < 10
    assert clock(one.first) < 0.03
    for time in (1.51, 0.51, 1.01):
        assert clock(one.jump(time, 0.05)[1]) == pytest.approx(time / 2, abs=0.03)
    ended, frames, sound = one.play()
    assert ended == pytest.approx(one.duration, abs=0.05)
    assert frames >= 45
    assert sound > 1000
    assert one.page.errors == []


@pytest.mark.parametrize(("name", "size"), [
    ("turned-90.mp4", (120, 160)), ("turned-270-mirrored.mp4", (120, 160)), ("wide-pixels.mp4", (232, 120)),
    ("odd.webm", (160, 120)), ("uneven.mp4", (160, 120)), ("edited.mp4", (160, 120)), ("wrapping.ts", (160, 120)),
    ("fragmented.mp4", (160, 120)), ("captions.mkv", (160, 120)), ("cover.mp4", (160, 120)),
    ("surround.mp4", (160, 120)), ("late-picture.mp4", (160, 120)), ("one-frame.mp4", (160, 120)),
    ("film.mpg", (160, 120)), ("film.wmv", (160, 120)), ("film.ogv", (160, 120)), ("film.3gp", (176, 144)),
])  # fmt: skip
def test_hard_films_play(done, sample, tmp_path, player, name, size):
    result = done("video_transcode", input=sample(name), output=tmp_path / "a.mp4", skip_if_larger=False)
    one = player("a.mp4")
    assert one.size == size
    assert one.duration == pytest.approx(result.metadata["duration"], abs=0.1)
    assert one.page.errors == []


@pytest.mark.parametrize("name", ["bt601.mp4", "bt709.mp4", "full-range.mp4", "rgb.mp4", "ten-bit.mp4"])
def test_colours_look_as_painted(done, sample, tmp_path, player, distance, name):
    done("video_transcode", input=sample(name), output=tmp_path / "a.mp4", quality="high", skip_if_larger=False)
    first = player("a.mp4").first
    mark = scenes.upright()[np.arange(105) * 80 // 105][:, np.arange(160) * 120 // 160]
    assert distance(first[:105], mark) < 10


def nearest(picture, path):
    """Return which of a film's frames, decoded with FFmpeg's libraries, a picture is most like, and how far apart."""
    with av.open(str(path)) as container:
        frames = [one.to_ndarray(format="rgb24").astype(float) for one in container.decode(video=0)]
    apart = [np.abs(one - picture).mean() for one in frames]
    return int(np.argmin(apart)), min(apart), len(frames)


@pytest.mark.parametrize(("operation", "fields", "names", "size"), [
    ("video_profile", {"profiles": ["web-low", "web-high"]}, ["film-web-low.mp4", "film-web-high.mp4"], (160, 120)),
    ("video_resize", {"width": 80, "height": 100, "mode": "scale"}, ["film.mp4"], (80, 100)),
    ("video_resize", {"height": 90, "codec": "vp9", "format": "webm"}, ["film.webm"], (120, 90)),
    ("video_resize", {"width": 200, "codec": "av1", "preset": "veryfast"}, ["film.mp4"], (200, 150)),
], ids=["profiles", "scaled", "vp9", "av1"])  # fmt: skip
def test_films_of_other_sizes_play(done, sample, tmp_path, player, operation, fields, names, size):
    done(operation, input=sample("film.mp4"), output_dir=tmp_path, **fields)
    for name in names:
        one = player(name)
        assert (one.size, one.duration) == (size, pytest.approx(2.0, abs=0.05))
        for frame in (49, 24, 0):
            shown, picture = one.jump((frame + 0.5) * 0.04, 0.04)
            assert shown == pytest.approx(frame * 0.04, abs=0.002)
            assert nearest(picture, tmp_path / name) == (frame, pytest.approx(0, abs=3), 50)
        assert one.page.errors == []


def test_flashes_of_profiles_stay_in_time(done, sample, tmp_path, player):
    done("video_profile", input=sample("sync.mp4"), output_dir=tmp_path, profiles=["web-low"])
    one = player("sync-web-low.mp4")
    assert one.first.max() < 40
    shown, picture = one.jump(2.01, 0.041)
    assert picture.min() > 200
    loud = np.flatnonzero(np.abs(one.sound()) > 0.4)
    assert loud[loud > 72_000][0] / 48_000 == pytest.approx(shown, abs=0.04)


def test_a_filled_frame_plays(done, sample, tmp_path, player):
    done("video_resize", input=sample("film.webm"), output=tmp_path / "a.webm", width=80, height=80, mode="fill")
    one = player("a.webm")
    assert one.size == (80, 80)
    assert clock(one.jump(1.01, 0.041)[1]) == pytest.approx(0.5, abs=0.1)
