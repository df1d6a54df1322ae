"""Films as a page plays them: their size, length, first picture, what a jump shows, and sound."""

import numpy as np
import pytest

from fixtures.samples import scenes

PLAYER = """
const film = document.createElement('video')
film.muted = true
document.body.append(film)
const next = (event) => new Promise((good, bad) => {
    film.addEventListener(event, good, {once: true})
    film.addEventListener('error', () => bad(new Error(film.error.message)), {once: true})
})
const picture = () => {
    const canvas = new OffscreenCanvas(film.videoWidth, film.videoHeight)
    const context = canvas.getContext('2d')
    context.drawImage(film, 0, 0)
    return Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data)
}
// A picture is only there to be drawn once it has been shown; one that comes late is not shown at the start.
const shown = () => Promise.race([
    new Promise((good) => film.requestVideoFrameCallback(good)), new Promise((good) => setTimeout(good, 5000)),
])
const load = async (url) => {
    const ready = Promise.all([next('loadeddata'), shown()])
    film.src = URL.createObjectURL(await (await fetch(url)).blob())
    await ready
    return [film.videoWidth, film.videoHeight, film.duration, picture()]
}
const jump = async (time) => {
    const there = Promise.all([next('seeked'), shown()])
    film.currentTime = time
    await there
    return picture()
}
const play = async () => {
    await film.play()
    await next('ended')
    return [film.currentTime, film.webkitDecodedFrameCount, film.webkitAudioDecodedByteCount]
}
"""


def pixels(values, width, height):
    return np.array(values, float).reshape(height, width, 4)[..., :3]


def clock(picture):
    """Return how far the clock of a film's lowest eighth has come, 0..1."""
    return picture[-8:].mean() / 255


@pytest.fixture
def player(site, page):
    """Return a function that opens a film in a page of its own, and returns the page and what it says of it."""

    def opened(name):
        one = page()
        one.open(site.page("player.html", f"<body><script>{PLAYER}</script></body>"))
        width, height, duration, first = one.evaluate(f"load({name!r})")
        return one, (width, height), duration, pixels(first, width, height)

    return opened


CODINGS = [("h264", "mp4"), ("av1", "mp4"), ("vp9", "mp4"), ("vp9", "webm"), ("vp8", "webm"), ("av1", "webm")]


@pytest.mark.parametrize(("codec", "suffix"), CODINGS)
def test_a_film_plays(done, sample, tmp_path, player, distance, codec, suffix):
    fields = {"codec": codec, "quality": "high", "preset": "veryfast", "skip_if_larger": False}
    done("video_transcode", input=sample("film.mp4"), output=tmp_path / f"a.{suffix}", **fields)
    one, size, duration, first = player(f"a.{suffix}")
    assert size == (160, 120)
    assert duration == pytest.approx(2.0, abs=0.05)
    mark = scenes.upright()[np.arange(105) * 80 // 105][:, np.arange(160) * 120 // 160]
    assert distance(first[:105], mark) < 10
    assert clock(first) < 0.03
    for time in (1.51, 0.51, 1.01):
        found = one.evaluate(f"jump({time})")
        assert clock(pixels(found, *size)) == pytest.approx(time / 2, abs=0.03)
    one.evaluate("jump(0)")
    ended, frames, sound = one.evaluate("play()")
    assert ended == pytest.approx(duration, abs=0.05)
    assert frames >= 45
    assert sound > 1000
    assert one.errors == []


@pytest.mark.parametrize(("name", "size"), [
    ("turned-90.mp4", (120, 160)), ("turned-270-mirrored.mp4", (120, 160)), ("wide-pixels.mp4", (232, 120)),
    ("odd.webm", (160, 120)), ("uneven.mp4", (160, 120)), ("edited.mp4", (160, 120)), ("wrapping.ts", (160, 120)),
    ("fragmented.mp4", (160, 120)), ("captions.mkv", (160, 120)), ("cover.mp4", (160, 120)),
    ("surround.mp4", (160, 120)), ("late-picture.mp4", (160, 120)), ("one-frame.mp4", (160, 120)),
])  # fmt: skip
def test_hard_films_play(done, sample, tmp_path, player, name, size):
    result = done("video_transcode", input=sample(name), output=tmp_path / "a.mp4", skip_if_larger=False)
    one, found, duration, _ = player("a.mp4")
    assert found == size
    assert duration == pytest.approx(result.metadata["duration"], abs=0.1)
    assert one.errors == []


@pytest.mark.parametrize("name", ["bt601.mp4", "bt709.mp4", "full-range.mp4", "rgb.mp4", "ten-bit.mp4"])
def test_colours_look_as_painted(done, sample, tmp_path, player, distance, name):
    done("video_transcode", input=sample(name), output=tmp_path / "a.mp4", quality="high", skip_if_larger=False)
    _, _, _, first = player("a.mp4")
    mark = scenes.upright()[np.arange(105) * 80 // 105][:, np.arange(160) * 120 // 160]
    assert distance(first[:105], mark) < 10


def test_profiles_play(done, sample, tmp_path, player):
    done("video_profile", input=sample("sync.mp4"), output_dir=tmp_path, profiles=["web-low", "web-high"])
    for name in ("sync-web-low.mp4", "sync-web-high.mp4"):
        one, size, duration, first = player(name)
        assert (size, duration) == ((160, 120), pytest.approx(3.0, abs=0.05))
        assert first.max() < 40
        assert pixels(one.evaluate("jump(2.01)"), *size).min() > 200


def test_a_resized_film_plays(done, sample, tmp_path, player):
    done("video_resize", input=sample("film.webm"), output=tmp_path / "a.webm", width=80, height=80, mode="fill")
    one, size, _, _ = player("a.webm")
    assert size == (80, 80)
    assert clock(pixels(one.evaluate("jump(1.01)"), *size)) == pytest.approx(0.5, abs=0.1)
