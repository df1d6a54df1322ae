"""Samples that are no numbers become silence, and are said."""

import struct

import av
import numpy as np
import pytest

RATE = 48_000
HOLES = {10_000: np.nan, 20_000: np.inf, 20_001: -np.inf, 30_000: 3e38}


@pytest.fixture
def holed(tmp_path):
    """Return a function that makes a second of a tone in floats of 4 or 8 bytes, with samples that are no numbers."""

    def make(size):
        samples = (0.25 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(f"<f{size}")
        for at, value in HOLES.items():
            samples[at] = value
        data = samples.tobytes()
        form = struct.pack("<IHHIIHH", 16, 3, 1, RATE, RATE * size, size, 8 * size)
        body = b"WAVEfmt " + form + b"data" + struct.pack("<I", len(data)) + data
        path = tmp_path / f"floats-{size}.wav"
        path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
        return path

    return make


@pytest.mark.parametrize("suffix", ["m4a", "mp3", "opus", "flac"])
@pytest.mark.parametrize("size", [4, 8])
def test_what_is_no_number_is_silence(done, holed, tmp_path, suffix, size):
    result = done("audio_transcode", input=holed(size), output=tmp_path / f"a.{suffix}")
    assert result.metadata["damaged"]["decode_errors"] >= 3
    with av.open(str(tmp_path / f"a.{suffix}")) as container:
        resampler = av.AudioResampler("flt", "mono", RATE)
        frames = [one for frame in container.decode(audio=0) for one in resampler.resample(frame)]
    heard = np.concatenate([one.to_ndarray().reshape(-1) for one in frames])
    assert len(heard) == pytest.approx(RATE, abs=4000)
    assert np.isfinite(heard).all()
    assert 0.2 < np.abs(heard).max() < 0.4


def test_loudness_is_that_of_the_rest(done, holed, tmp_path):
    result = done("audio_normalize", input=holed(4), output=tmp_path / "a.m4a")
    assert result.metadata["damaged"]["decode_errors"] >= 3


def test_a_strict_job_fails(job, holed, tmp_path):
    result = job("audio_transcode", input=holed(4), output=tmp_path / "a.m4a", strict=True)
    assert result.error_info.code == "corrupt_input"
    assert "no numbers" in result.error_info.detail
    assert not (tmp_path / "a.m4a").exists()
