import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mediamill.operations.audio import audio_silence_trim


def test_the_ends_are_taken_off(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    found = done("audio_silence_trim", input=sample("pauses.wav"), output=tmp_path / "o.wav").metadata
    whole, part = heard(sample("pauses.wav")), heard(tmp_path / "o.wav")
    assert found["removed_seconds"] == pytest.approx(2, abs=0.001)
    assert part.seconds == pytest.approx(4, abs=0.001)
    first = round(found["segments"][0]["start"] * 16_000)
    assert np.array_equal(part.samples, whole.samples[:, first : first + part.samples.shape[1]])
    assert part.level(1.1, 2.9) < -80


def test_all_of_it_is(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    found = done("audio_silence_trim", input=sample("pauses.wav"), output=tmp_path / "o.wav", where="all").metadata
    part = heard(tmp_path / "o.wav")
    assert found["removed_seconds"] == pytest.approx(4, abs=0.002)
    assert [round(one["start"]) for one in found["segments"]] == [1, 4]
    assert part.seconds == pytest.approx(2, abs=0.002)
    assert part.level(0.02, 1.98) > -20
    assert min(part.level(at, at + 0.05) for at in np.arange(0, 1.9, 0.05)) > -25


@pytest.mark.parametrize("suffix", ["mp3", "m4a", "opus", "flac"])
def test_every_coding(suffix: str, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    source = tmp_path / f"in.{suffix}"
    done("audio_extract", input=sample("pauses.wav"), output=source)
    found = done("audio_silence_trim", input=source, output=tmp_path / f"o.{suffix}", where="all").metadata
    part = heard(tmp_path / f"o.{suffix}")
    assert found["removed_seconds"] == pytest.approx(4, abs=0.1)
    assert part.seconds + found["removed_seconds"] == pytest.approx(heard(source).seconds, abs=0.002)
    assert part.pitch(0.5) == pytest.approx(440, abs=3)


def test_padding_stays(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    fields = {"where": "all", "padding": 0.25}
    done("audio_silence_trim", input=sample("pauses.wav"), output=tmp_path / "o.wav", **fields)
    # A quarter at the start and end, and one at each side of the pause.
    assert heard(tmp_path / "o.wav").seconds == pytest.approx(2 + 4 * 0.25, abs=0.002)


def test_shorter_pauses_stay(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    fields = {"where": "all", "min_duration": 1.5}
    found = done("audio_silence_trim", input=sample("pauses.wav"), output=tmp_path / "o.wav", **fields).metadata
    assert found["removed_seconds"] == pytest.approx(2, abs=0.001)
    assert heard(tmp_path / "o.wav").level(0.1, 0.9) < -80


def test_the_threshold_decides(done: Any, sample: Any, tmp_path: Path) -> None:
    loud = done("audio_silence_trim", input=sample("uneven.wav"), output=tmp_path / "a.wav", threshold_db=-80).metadata
    assert loud["removed_seconds"] == 0
    assert loud["copied"]
    # Its second half lies at -46 dB, with peaks some 12 dB above.
    soft = done("audio_silence_trim", input=sample("uneven.wav"), output=tmp_path / "b.wav", threshold_db=-30).metadata
    assert soft["removed_seconds"] == pytest.approx(4, abs=0.05)


def test_many_short_pauses_are_found(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    source = tmp_path / "beeps.wav"
    write_beeps(source, beeps=30, sounding=0.05, silent=0.05)
    fields = {"where": "all", "min_duration": 0.03}
    found = done("audio_silence_trim", input=source, output=tmp_path / "o.wav", **fields).metadata
    assert found["removed_seconds"] == pytest.approx(30 * 0.05, abs=0.03)
    assert len(found["segments"]) == 30
    assert heard(tmp_path / "o.wav").seconds == pytest.approx(1.5, abs=0.03)


def test_silence_throughout_stays_and_is_said(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    for where in ("ends", "all"):
        found = done("audio_silence_trim", input=sample("nothing.wav"), output=tmp_path / "o.wav", where=where).metadata
        assert found["silent"]
        assert found["removed_seconds"] == 0
        assert heard(tmp_path / "o.wav").seconds == 2


def test_chapters_move_along(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    source = tmp_path / "late.mp3"
    done("audio_extract", input=sample("book.mp3"), output=source, speed=1)
    found = done("audio_silence_trim", input=source, output=tmp_path / "o.mp3").metadata
    assert found["copied"]
    assert heard(tmp_path / "o.mp3").chapters == heard(sample("book.mp3")).chapters


def test_a_long_sound_is_never_held(tmp_path: Path) -> None:
    short, long = tmp_path / "short.wav", tmp_path / "long.wav"
    write_beeps(short, beeps=4, sounding=0.5, silent=0.5)
    write_beeps(long, beeps=900, sounding=0.5, silent=0.5)
    extra = memory_of(long, tmp_path / "l.wav") - memory_of(short, tmp_path / "s.wav")
    assert extra < long.stat().st_size / 2, extra


@pytest.mark.parametrize(
    "fields",
    [{"threshold_db": 0}, {"threshold_db": -121}, {"min_duration": 0}, {"min_duration": 3601}, {"where": "middle"},
     {"padding": -1}, {"padding": 61}],
)  # fmt: skip
def test_bounds(fields: dict[str, Any], code: Any, sample: Any, tmp_path: Path) -> None:
    assert code("audio_silence_trim", input=sample("pauses.wav"), output=tmp_path / "o.wav", **fields) == "invalid_job"


def test_damage(done: Any, code: Any, sample: Any, tmp_path: Path) -> None:
    fields = {"input": sample("cut.flac"), "output": tmp_path / "o.flac"}
    assert done("audio_silence_trim", **fields).metadata["damaged"]["missing_seconds"] > 1
    assert code("audio_silence_trim", strict=True, **fields) == "corrupt_input"
    assert code("audio_silence_trim", input=sample("silent.mp4"), output=tmp_path / "o.mp3") == "unsupported_format"


@pytest.mark.parametrize(
    ("operation", "fields"),
    [("audio_silence_trim", {}), ("audio_normalize", {"target_lufs": -16})],
)
def test_damage_that_is_heard_is_told_of_what_is_copied(
    operation: str, fields: dict[str, Any], done: Any, sample: Any, tmp_path: Path
) -> None:
    output = tmp_path / "o.flac"
    if fields:  # at its loudness already, so that it is copied
        done(operation, input=sample("glide.flac"), output=tmp_path / "in.flac", **fields)
    else:
        (tmp_path / "in.flac").write_bytes(sample("glide.flac").read_bytes())
    data = bytearray((tmp_path / "in.flac").read_bytes())
    at = len(data) - 300  # what is lost there is too short to change its loudness
    data[at : at + 8] = bytes(byte ^ 0xFF for byte in data[at : at + 8])
    (tmp_path / "in.flac").write_bytes(data)
    metadata = done(operation, input=tmp_path / "in.flac", output=output, **fields).metadata
    assert metadata["copied"]
    assert metadata["damaged"]["decode_errors"] >= 1


def test_nothing_that_can_be_decoded_is_not_silence(code: Any, sample: Any, tmp_path: Path) -> None:
    data = bytearray(sample("glide.flac").read_bytes())
    with av.open(str(sample("glide.flac"))) as container:
        places = [(one.pos, one.size) for one in container.demux(audio=0) if one.size]
    for at, size in places:
        data[at + size // 2] ^= 0xFF
    (tmp_path / "in.flac").write_bytes(data)
    assert code("audio_silence_trim", input=tmp_path / "in.flac", output=tmp_path / "o.flac") == "corrupt_input"


def test_the_example_runs(done: Any, sample: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fields = {**audio_silence_trim.EXAMPLE, "input": sample("pauses.wav")}
    assert done(fields.pop("operation"), **fields).metadata["removed_seconds"] == pytest.approx(2, abs=0.001)


def memory_of(source: Path, output: Path) -> int:
    """Return the most memory a process has held that trims a sound, in bytes."""
    fields = {"operation": "audio_silence_trim", "input": str(source), "output": str(output), "where": "all"}
    code = (
        "import resource, sys\n"
        "from mediamill.engine.inprocess import run_job\n"
        "from mediamill.engine.registry import Registry\n"
        "from mediamill.engine.settings import Settings\n"
        f"result = run_job({fields | {'min_duration': 0.3}!r}, Registry(), Settings(fsync=False))\n"
        "assert result.success and result.metadata['removed_seconds'] > 1, result\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return int(done.stdout)


def write_beeps(path: Path, *, beeps: int, sounding: float, silent: float) -> None:
    import wave

    rate = 16_000
    tone = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(round(sounding * rate)) / rate + 0.5)
    one = np.concatenate([tone, np.zeros(round(silent * rate))])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.tile(one, beeps) * 32767).astype("<i2").tobytes())
