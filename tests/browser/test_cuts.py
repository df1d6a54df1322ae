"""Cut films as a page plays them: through the seams, sought on either side of them, and with their sound in step.

What has to be shown is decoded from the source with FFmpeg's libraries, and compared frame by frame.
"""

import av
import numpy as np
import pytest

from fixtures.samples import moving, reels
from fixtures.samples.reels import Film, Picture

FRAME = 0.04
_LIBVPX = {"g": "10", "deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "10"}
_X264 = {"g": "10", "bf": "3", "preset": "veryfast", "crf": "18", "x264-params": "threads=1:scenecut=0:b-adapt=0"}
CODINGS = {
    "h264.mp4": ("mp4", Picture(options=_X264)),
    "h264.mov": ("mov", Picture(options=_X264)),
    "vp9.webm": ("webm", Picture(codec="libvpx-vp9", options=_LIBVPX)),
    "vp9.mp4": ("mp4", Picture(codec="libvpx-vp9", options=_LIBVPX)),
    "vp8.webm": ("webm", Picture(codec="libvpx", options=_LIBVPX)),
    "av1.mp4": ("mp4", Picture(codec="libsvtav1", options={"g": "10", "preset": "12", "crf": "20"})),
    "av1.webm": ("webm", Picture(codec="libsvtav1", options={"g": "10", "preset": "12", "crf": "20"})),
}
"""Two seconds each, a key picture every ten frames."""


@pytest.fixture
def film(tmp_path):
    """Return a function that makes one of the films above, with a tone from 1 s on."""

    def made(name):
        container, picture = CODINGS[name]
        tone = moving.beeps(2.0, (1.0,), length=0.5)
        sound = reels.Sound(np.stack([tone, tone]), codec="libopus" if container == "webm" else "aac")
        path = tmp_path / f"source-{name}"
        path.write_bytes(reels.write(Film(format=container, picture=picture, sounds=[sound])))
        return path

    return made


@pytest.fixture
def decoded():
    """Return a function that decodes a film into R'G'B' pictures, shape (frames, height, width, 3)."""

    def read(path):
        with av.open(str(path)) as container:
            return np.stack([one.to_ndarray(format="rgb24").astype(float) for one in container.decode(video=0)])

    return read


def nearest(picture, pictures):
    """Return which of the pictures one is most like, and how far they are apart."""
    apart = np.abs(pictures - picture).mean((1, 2, 3))
    return int(apart.argmin()), float(apart.min())


@pytest.mark.parametrize("name", CODINGS)
@pytest.mark.parametrize(
    ("cut", "kind"),
    [({"start": 0.52, "end": 1.4}, "edges"), ({"start": 0.4, "end": 1.6}, "none"),
     ({"start": 0.6, "end": 1.6, "accurate": False}, "none")],
    ids=["edges", "at-key-pictures", "copied"],
)  # fmt: skip
def test_cuts_play(done, film, decoded, tmp_path, player, name, cut, kind):
    source = film(name)
    result = done("video_trim", input=source, output=tmp_path / name, **cut)
    assert result.metadata["reencoded"] == kind
    start, end = (round(result.metadata[side] / FRAME) for side in ("start", "end"))
    wanted = decoded(source)
    one = player(name)
    assert one.size == (160, 120)
    assert one.duration == pytest.approx((end - start) * FRAME, abs=0.03)
    assert nearest(one.first, wanted) == (start, pytest.approx(0, abs=3))
    # From the end back, so that every jump needs a seek: the last frame, both seams' sides, the first frame.
    for at in (end - 1, 31, 30, 29, 20, 19, start + 1, start):
        if start <= at < end:
            shown, picture = one.jump((at - start + 0.5) * FRAME, FRAME)
            assert shown == pytest.approx((at - start) * FRAME, abs=0.002)
            assert nearest(picture, wanted) == (at, pytest.approx(0, abs=3))
    ended, frames, _ = one.play()
    assert ended == pytest.approx(one.duration, abs=0.05)
    assert frames >= (end - start) * 0.9
    assert one.page.errors == []


@pytest.mark.parametrize("name", CODINGS)
@pytest.mark.parametrize("start", [0.52, 0.4])
def test_picture_and_sound_stay_together(done, film, decoded, tmp_path, player, name, start):
    source = film(name)
    done("video_trim", input=source, output=tmp_path / name, start=start, end=1.56)
    one = player(name)
    begins = np.flatnonzero(np.abs(one.sound()) > 0.4)[0] / 48_000
    shown, picture = one.jump(1.02 - start, FRAME)
    assert nearest(picture, decoded(source))[0] == 25  # the frame of the tone
    assert begins == pytest.approx(shown, abs=FRAME)
