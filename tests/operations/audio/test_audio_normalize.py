from pathlib import Path
from typing import Any

import pytest

from mediamill.operations.audio import audio_normalize

TARGETS = (-14.0, -23.0)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "m4a", "opus"])
@pytest.mark.parametrize("name", ["pink.wav", "spiky.wav", "quiet.wav"])
def test_it_comes_out_as_loud_as_asked_and_its_peak_below(
    name: str, suffix: str, done: Any, sample: Any, heard: Any, lufs: Any, true_peak: Any, tmp_path: Path
) -> None:
    output = tmp_path / f"out.{suffix}"
    found = done("audio_normalize", input=sample(name), output=output, target_lufs=-14).metadata
    sound = heard(output)
    assert found["converged"], found
    assert lufs(sound) == pytest.approx(-14, abs=0.2)
    assert found["output_lufs"] == pytest.approx(lufs(sound), abs=0.05)
    assert found["true_peak"] <= -1
    assert true_peak(sound) <= -1 + 0.1  # read at eight times the rate, a peak is a trace higher than at four
    assert sound.seconds == pytest.approx(4, abs=0.001)


def test_what_has_room_is_only_made_louder(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    found = done("audio_normalize", input=sample("pink.wav"), output=tmp_path / "o.flac", target_lufs=-23).metadata
    assert not found["limited"]
    assert found["passes"] == 1
    assert found["gain_db"] == pytest.approx(-23 - found["input_lufs"], abs=0.01)
    before, after = heard(sample("pink.wav")).samples, heard(tmp_path / "o.flac").samples
    assert abs(after - before * 10 ** (found["gain_db"] / 20)).max() < 2e-4


def test_the_default_target_is_minus_14(done: Any, sample: Any, tmp_path: Path) -> None:
    found = done("audio_normalize", input=sample("quiet.wav"), output=tmp_path / "o.wav").metadata
    assert found["target_lufs"] == -14
    assert found["output_lufs"] == pytest.approx(-14, abs=0.2)
    assert found["true_peak"] <= -1
    assert found["limited"]


def test_a_target_out_of_reach_is_said_and_the_peak_kept(
    done: Any, sample: Any, heard: Any, true_peak: Any, tmp_path: Path
) -> None:
    fields = {"target_lufs": -5, "true_peak_db": -18}
    found = done("audio_normalize", input=sample("pink.wav"), output=tmp_path / "o.wav", **fields).metadata
    assert not found["converged"]
    assert "-18" in found["reason"]
    assert found["true_peak"] <= -18
    assert true_peak(heard(tmp_path / "o.wav")) <= -17.8


def test_what_is_right_already_is_copied(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    once = done("audio_normalize", input=sample("pink.wav"), output=tmp_path / "once.mp3", target_lufs=-18)
    again = done("audio_normalize", input=tmp_path / "once.mp3", output=tmp_path / "again.mp3", target_lufs=-18)
    assert not once.metadata["copied"]
    assert again.metadata["copied"]
    assert again.metadata["converged"]
    assert again.metadata["gain_db"] == 0
    assert (heard(tmp_path / "once.mp3").samples == heard(tmp_path / "again.mp3").samples).all()


@pytest.mark.parametrize(("name", "reason"), [("nothing.wav", "loud enough"), ("short.wav", "0.4 seconds")])
def test_what_has_no_loudness_stays_as_it_is(
    name: str, reason: str, done: Any, sample: Any, heard: Any, tmp_path: Path
) -> None:
    found = done("audio_normalize", input=sample(name), output=tmp_path / "o.wav").metadata
    assert found["input_lufs"] is None
    assert not found["converged"]
    assert reason in found["reason"]
    assert (heard(tmp_path / "o.wav").samples == heard(sample(name)).samples).all()


def test_surround_is_normalized_as_surround(done: Any, sample: Any, heard: Any, lufs: Any, tmp_path: Path) -> None:
    done("audio_normalize", input=sample("surround.flac"), output=tmp_path / "o.flac", target_lufs=-20)
    sound = heard(tmp_path / "o.flac")
    assert sound.layout == "5.1"
    assert lufs(sound) == pytest.approx(-20, abs=0.2)


def test_tags_stay_but_for_those_that_say_how_loud_it_was(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    assert "replaygain_track_gain" in heard(sample("book.mp3")).tags
    done("audio_normalize", input=sample("book.mp3"), output=tmp_path / "o.m4a")
    sound = heard(tmp_path / "o.m4a")
    assert sound.cover
    assert sound.tags["title"] == "Two tones"
    assert not [name for name in sound.tags if name.startswith("replaygain")]
    assert [title for _, _, title in sound.chapters] == ["One", "Two", "Three"]
    assert sound.cover == heard(sample("book.mp3")).cover


def test_a_film_gives_its_sound(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    found = done("audio_normalize", input=sample("film.mp4"), output_dir=tmp_path).metadata
    sound = heard(tmp_path / "film.m4a")
    assert sound.streams == ["audio"]
    assert found["codec"] == "aac"


@pytest.mark.parametrize(
    "fields",
    [{"target_lufs": -4.9}, {"target_lufs": -51}, {"true_peak_db": 0.1}, {"true_peak_db": -21}, {"threshold_lufs": -71},
     {"threshold_lufs": -9}, {"target_lufs": "loud"}],
)  # fmt: skip
def test_bounds(fields: dict[str, Any], code: Any, sample: Any, tmp_path: Path) -> None:
    assert code("audio_normalize", input=sample("pink.wav"), output=tmp_path / "o.wav", **fields) == "invalid_job"


def test_damage_is_told_once(done: Any, code: Any, sample: Any, tmp_path: Path) -> None:
    found = done("audio_normalize", input=sample("rotten.flac"), output=tmp_path / "o.flac").metadata
    once = done("audio_extract", input=sample("rotten.flac"), output=tmp_path / "x.wav").metadata
    assert found["damaged"] == once["damaged"]
    fields = {"input": sample("rotten.flac"), "output": tmp_path / "s.flac", "strict": True}
    assert code("audio_normalize", **fields) == "corrupt_input"


def test_the_example_runs(done: Any, sample: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample("pink.wav")
    monkeypatch.chdir(tmp_path)
    fields = {**audio_normalize.EXAMPLE, "input": sample("pink.wav")}
    assert done(fields.pop("operation"), **fields).metadata["converged"]
