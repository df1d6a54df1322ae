from pathlib import Path
from typing import Any

import pytest

from mediamill.operations.audio import audio_transcode


@pytest.mark.parametrize(
    ("codec", "suffix", "expected"),
    [("mp3", "mp3", "mp3"), ("aac", "m4a", "aac"), ("aac", "aac", "aac"), ("opus", "ogg", "opus"),
     ("flac", "ogg", "flac"), ("alac", "m4a", "alac"), ("wav", "wav", "pcm_s16le"), ("opus", "mka", "opus")],
)  # fmt: skip
def test_codecs_and_containers(
    codec: str, suffix: str, expected: str, done: Any, sample: Any, heard: Any, tmp_path: Path
) -> None:
    done("audio_transcode", input=sample("tagged.flac"), output=tmp_path / f"o.{suffix}", codec=codec)
    sound = heard(tmp_path / f"o.{suffix}")
    assert sound.codec == expected
    assert sound.pitch(1.0, 0) == pytest.approx(440, abs=3)
    assert sound.pitch(1.0, 1) == pytest.approx(660, abs=3)
    assert sound.seconds == pytest.approx(2, abs=0.05 if suffix in ("aac", "mka") else 0.001)


@pytest.mark.parametrize(("bitrate", "suffix"), [("64k", "mp3"), (96_000, "m4a"), ("48k", "opus")])
def test_bitrates(bitrate: Any, suffix: str, done: Any, sample: Any, tmp_path: Path) -> None:
    source = tmp_path / "noise.flac"
    done("audio_transcode", input=sample("uneven.wav"), output=source)
    found = done("audio_transcode", input=source, output=tmp_path / f"o.{suffix}", bitrate=bitrate).metadata
    asked = int(str(bitrate).replace("k", "000"))
    assert found["bitrate"] == pytest.approx(asked, rel=0.25)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
@pytest.mark.parametrize("suffix", ["mp3", "m4a", "flac", "wav"])
def test_sample_rates(rate: int, suffix: str, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    done("audio_transcode", input=sample("glide.wav"), output=tmp_path / f"o.{suffix}", sample_rate=rate)
    sound = heard(tmp_path / f"o.{suffix}")
    assert sound.rate == rate
    assert sound.seconds == pytest.approx(4, abs=0.001)
    assert sound.pitch(2.0) == pytest.approx(1400, abs=8)


def test_channels_down_and_up(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    found = done("audio_transcode", input=sample("tagged.flac"), output=tmp_path / "m.flac", channels=1).metadata
    mono = heard(tmp_path / "m.flac")
    assert mono.layout == "mono"
    assert found["downmixed"] == "stereo to mono"
    assert {round(pitch / 10) for pitch in mono.pitches(1.0)[:2]} == {44, 66}
    done("audio_transcode", input=sample("glide.wav"), output=tmp_path / "s.flac", channels=2)
    stereo = heard(tmp_path / "s.flac")
    assert stereo.channels == 2
    assert abs(stereo.samples[0] - stereo.samples[1]).max() < 1e-4
    done("audio_transcode", input=sample("surround.flac"), output=tmp_path / "d.m4a", channels=2)
    assert heard(tmp_path / "d.m4a").layout == "stereo"


def test_without_a_wish_the_coding_stays_and_nothing_is_lost(
    done: Any, sample: Any, heard: Any, tmp_path: Path
) -> None:
    found = done("audio_transcode", input=sample("glide.mp3"), output_dir=tmp_path).metadata
    assert found["copied"]
    assert (heard(tmp_path / "glide.mp3").samples == heard(sample("glide.mp3")).samples).all()


def test_opus_of_44100_goes_to_48000(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    done("audio_transcode", input=sample("tone.aiff"), output=tmp_path / "o.opus")
    sound = heard(tmp_path / "o.opus")
    assert sound.rate == 48_000
    assert sound.seconds == pytest.approx(1, abs=0.001)
    assert sound.pitch(0.5) == pytest.approx(440, abs=3)


def test_a_film_gives_its_sound(done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
    done("audio_transcode", input=sample("tracks.mkv"), output=tmp_path / "o.opus", track=3)
    sound = heard(tmp_path / "o.opus")
    assert sound.pitch(1.0) == pytest.approx(880, abs=3)
    assert sound.tags["language"] == "ger"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"codec": "vorbis"}, "codec"),
        ({"codec": "opus"}, "codec"),
        ({"sample_rate": 7999}, "sample_rate"),
        ({"sample_rate": 96_000}, "sample_rate"),
        ({"channels": 0}, "channels"),
        ({"channels": 9}, "channels"),
        ({"channels": 6}, "channels"),
        ({"bitrate": "400k"}, "bitrate"),
        ({"bitrate": "fast"}, "bitrate"),
        ({"quality": "best"}, "quality"),
        ({"track": 2}, "track"),
    ],
)
def test_bounds(fields: dict[str, Any], field: str, job: Any, sample: Any, tmp_path: Path) -> None:
    result = job("audio_transcode", input=sample("pink.wav"), output=tmp_path / "o.mp3", **fields)
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == field


def test_damage(done: Any, code: Any, sample: Any, tmp_path: Path) -> None:
    fields = {"input": sample("rotten.flac"), "output": tmp_path / "o.mp3"}
    assert done("audio_transcode", **fields).metadata["damaged"]["decode_errors"] >= 1
    assert code("audio_transcode", strict=True, **fields) == "corrupt_input"
    assert code("audio_transcode", input=sample("text.mp3"), output=tmp_path / "t.mp3") == "unsupported_format"


@pytest.mark.parametrize("rate", [1, 7, 0x7FFFFFFF])
def test_a_sample_rate_that_no_sound_has(rate: int, code: Any, sample: Any, tmp_path: Path) -> None:
    data = bytearray(sample("short.wav").read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    (tmp_path / "in.wav").write_bytes(data)
    assert code("audio_transcode", input=tmp_path / "in.wav", output=tmp_path / "o.mp3") == "corrupt_input"


def test_the_example_runs(done: Any, sample: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fields = {**audio_transcode.EXAMPLE, "input": sample("tagged.flac")}
    done(fields.pop("operation"), **fields)
    assert (tmp_path / "out" / "tagged.opus").is_file()
