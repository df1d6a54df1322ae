"""Sounds without pictures as a page plays them: how long they are, where a jump ends, and what is heard."""

import numpy as np
import pytest

FORMATS = ["mp3", "aac", "m4a", "opus", "flac", "wav", "ogg"]


def pitch(samples):
    """Return the strongest frequency of a sound at 48 kHz, in hertz."""
    return np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * 48_000 / len(samples)


def check(one):
    assert one.duration == pytest.approx(2.0, abs=0.15)
    for time in (1.5, 0.5):
        assert one.skip(time) == pytest.approx(time, abs=0.05)
    ended, sound = one.play()
    assert ended == pytest.approx(one.duration, abs=0.15)
    assert sound > 1000
    assert pitch(one.sound()) == pytest.approx(440, abs=2)
    assert one.page.errors == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_films_sound_plays(done, sample, tmp_path, track, suffix):
    done("audio_extract", input=sample("film.mp4"), output=tmp_path / f"a.{suffix}")
    check(track(f"a.{suffix}"))


@pytest.mark.parametrize("name", ["tone.wma", "tone.ac3", "tone.eac3"])
def test_older_sounds_play(done, sample, tmp_path, track, name):
    done("audio_transcode", input=sample(name), output=tmp_path / "a.m4a")
    check(track("a.m4a"))


@pytest.mark.parametrize(("operation", "fields"), [
    ("audio_transcode", {}), ("audio_normalize", {"target_lufs": -20}), ("audio_trim", {"start": 0, "end": 2}),
])  # fmt: skip
def test_what_is_done_to_a_sound_plays(done, sample, tmp_path, track, operation, fields):
    done("audio_extract", input=sample("film.mp4"), output=tmp_path / "a.flac")
    done(operation, input=tmp_path / "a.flac", output=tmp_path / "b.mp3", **fields)
    check(track("b.mp3"))
