from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mediamill.operations.audio import audio_trim


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize(
    ("fields", "start", "end"),
    [
        ({"start": 0.5, "end": 1.25}, 0.5, 1.25),
        ({"start": "00:00:01.001", "end": "0:03"}, 1.001, 3.0),
        ({"end": 0.01}, 0.0, 0.01),
        ({"start": 3.99}, 3.99, 4.0),
        ({"start": 2, "end": 60}, 2.0, 4.0),
    ],
)
def test_it_is_cut_to_the_sample(
    fields: dict[str, Any], start: float, end: float, suffix: str, done: Any, sample: Any, heard: Any, tmp_path: Path
) -> None:
    result = done("audio_trim", input=sample(f"glide.{suffix}"), output=tmp_path / f"o.{suffix}", **fields)
    whole, part = heard(sample(f"glide.{suffix}")), heard(tmp_path / f"o.{suffix}")
    assert np.array_equal(part.samples, whole.samples[:, round(start * 48_000) : round(end * 48_000)])
    assert result.metadata["duration"] == pytest.approx(end - start, abs=0.001)
    assert result.outputs[0].duration == pytest.approx(end - start, abs=0.001)


@pytest.mark.parametrize("suffix", ["mp3", "m4a", "opus"])
def test_lossy_sounds_are_as_well(suffix: str, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    done("audio_trim", input=sample(f"glide.{suffix}"), output=tmp_path / f"o.{suffix}", start=1.3, end=2.9)
    whole, part = heard(sample(f"glide.{suffix}")), heard(tmp_path / f"o.{suffix}")
    assert part.seconds == pytest.approx(1.6, abs=0.0005)
    assert part.codec == whole.codec
    assert abs(lag(whole.samples[0, 62_400:139_200], part.samples[0])) <= 1


@pytest.mark.parametrize("suffix", ["mp3", "m4a", "opus"])
def test_packets_are_copied_where_asked(suffix: str, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    fields = {"start": 1.3, "end": 2.9, "accurate": False}
    found = done("audio_trim", input=sample(f"glide.{suffix}"), output=tmp_path / f"o.{suffix}", **fields).metadata
    whole, part = heard(sample(f"glide.{suffix}")), heard(tmp_path / f"o.{suffix}")
    assert found["copied"]
    assert part.seconds == pytest.approx(1.6, abs=0.07)
    begins = found.get("starts_at", 1.3)
    assert begins == pytest.approx(1.3, abs=0.03)
    middle = part.samples[0, 24_000:48_000]
    at = round((begins + 0.5) * 48_000)
    assert abs(lag(whole.samples[0, at : at + 24_000], middle)) <= {"m4a": 1}.get(suffix, 1500)


def test_copies_without_loss_are_exact_all_the_same(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    for suffix in ("wav", "flac"):
        fields = {"start": 1.0, "end": 1.5, "accurate": False}
        done("audio_trim", input=sample(f"glide.{suffix}"), output=tmp_path / f"o.{suffix}", **fields)
        part = heard(tmp_path / f"o.{suffix}")
        assert np.array_equal(part.samples, heard(sample("glide.wav")).samples[:, 48_000:72_000])
        assert part.said == pytest.approx(0.5, abs=0.001)


def test_seeking_finds_the_place_in_a_film(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    for name in ("sync.mp4", "film.mkv", "film.ts"):
        whole = heard(sample(name))
        done("audio_trim", input=sample(name), output=tmp_path / "o.wav", start=1.2, end=1.8)
        part = heard(tmp_path / "o.wav")
        assert part.seconds == pytest.approx(0.6, abs=0.0005)
        reference = whole.samples[0, round(1.2 * whole.rate) : round(1.8 * whole.rate)]
        assert np.abs(part.samples[0] - reference).max() < 0.01


def test_tags_covers_and_chapters_go_along(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    done("audio_trim", input=sample("book.mp3"), output=tmp_path / "o.mp3", start=0.5, end=2)
    part = heard(tmp_path / "o.mp3")
    assert part.tags["artist"] == "The Makers"
    assert part.cover == heard(sample("book.mp3")).cover != b""
    assert part.chapters == [(0.0, 0.5, "One"), (0.5, 1.5, "Two")]


def test_the_bitrate_is_the_sources(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    done("audio_trim", input=sample("tagged.mp3"), output=tmp_path / "o.mp3", start=0.5)
    assert heard(tmp_path / "o.mp3").bitrate == heard(sample("tagged.mp3")).bitrate == 128_000


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "start"),
        ({"start": 2, "end": 2}, "end"),
        ({"start": 2, "end": 1}, "end"),
        ({"start": -1}, "start"),
        ({"start": "soon"}, "start"),
        ({"end": "1:75"}, "end"),
        ({"start": 4}, "start"),
        ({"start": "1:00:00"}, "start"),
        ({"end": 1, "accurate": False, "bitrate": "64k"}, "bitrate"),
    ],
)
def test_bounds(fields: dict[str, Any], field: str, job: Any, sample: Any, tmp_path: Path) -> None:
    result = job("audio_trim", input=sample("glide.wav"), output=tmp_path / "o.mp3", **fields)
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == field
    assert result.error_info.expected


def test_damage(done: Any, code: Any, sample: Any, tmp_path: Path) -> None:
    fields = {"input": sample("cut.mp3"), "output": tmp_path / "o.wav", "start": 1.0, "end": 3.5}
    found = done("audio_trim", **fields).metadata
    assert found["damaged"]["missing_seconds"] == pytest.approx(1.1, abs=0.1)
    assert code("audio_trim", strict=True, **fields) == "corrupt_input"
    assert code("audio_trim", input=sample("cut.mp3"), output=tmp_path / "p.wav", start=3) == "corrupt_input"


def test_the_example_runs(done: Any, sample: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fields = {**audio_trim.EXAMPLE, "input": sample("tagged.mp3")}
    assert done(fields.pop("operation"), **fields).metadata["duration"] == pytest.approx(0.75, abs=0.001)


def lag(one: Any, other: Any) -> int:
    """Return by how many samples the second sound is late, by where the two are most alike."""
    size = 1 << (len(one) + len(other)).bit_length()
    alike = np.fft.irfft(np.conj(np.fft.rfft(one, size)) * np.fft.rfft(other, size))
    best = int(alike.argmax())
    return best if best < size // 2 else best - size


@pytest.mark.parametrize("span", [{"start": 3.9999999}, {"end": 1e-9}])
def test_a_part_without_a_sample(span: dict[str, float], code: Any, sample: Any, tmp_path: Path) -> None:
    assert code("audio_trim", input=sample("pink.wav"), output=tmp_path / "o.mp3", **span) == "invalid_job"
