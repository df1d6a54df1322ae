import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mediamill.operations.audio import audio_extract

FORMATS = {
    "mp3": "mp3",
    "m4a": "aac",
    "opus": "opus",
    "flac": "flac",
    "wav": "pcm_s16le",
    "aac": "aac",
    "mka": "pcm_s16le",
}
FILMS = ("film.mp4", "film.mov", "film.mkv", "film.webm", "film.avi", "film.ts")
AAC_DELAY = 1024 / 48_000


class TestFormats:
    @pytest.mark.parametrize("suffix", sorted(FORMATS))
    def test_the_suffix_says_what_is_written(
        self, suffix: str, done: Any, sample: Any, heard: Any, tmp_path: Path
    ) -> None:
        result = done("audio_extract", input=sample("glide.wav"), output=tmp_path / f"out.{suffix}")
        sound = heard(tmp_path / f"out.{suffix}")
        assert sound.codec == FORMATS[suffix]
        assert result.outputs[0].format == suffix
        # A raw AAC stream cannot say that its decoder begins with a frame too many.
        late = AAC_DELAY if suffix == "aac" else 0.0
        assert sound.seconds == pytest.approx(4 + late, abs=0.03 if suffix in ("aac", "mka") else 0.001)
        assert result.metadata["duration"] == pytest.approx(4, abs=0.001)
        for at in (0.5, 2.0, 3.5):
            assert sound.pitch(at + late) == pytest.approx(400 + 500 * at, abs=8)

    @pytest.mark.parametrize("film", FILMS)
    def test_a_film_gives_an_mp3(self, film: str, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
        result = done("audio_extract", input=sample(film), output_dir=tmp_path)
        sound = heard(tmp_path / f"{film.partition('.')[0]}.mp3")
        assert sound.streams == ["audio"]
        assert sound.codec == "mp3"
        assert sound.pitch(1.0, 0) == pytest.approx(440, abs=3)
        assert sound.pitch(1.0, 1) == pytest.approx(660, abs=3)
        source = result.metadata["source"]
        assert source["audio_codec"] == heard(sample(film)).codec
        assert source["duration"] == pytest.approx(2, abs=0.1)
        assert set(result.metadata) >= {"duration", "bitrate", "codec", "copied", "source"}

    @pytest.mark.parametrize(
        ("fields", "bitrate"),
        [({}, 192), ({"quality": "low"}, 128), ({"quality": "high"}, 320), ({"bitrate": "96k"}, 96)],
    )
    def test_quality_and_bitrate(
        self, fields: dict[str, Any], bitrate: int, done: Any, sample: Any, heard: Any, tmp_path: Path
    ) -> None:
        done("audio_extract", input=sample("tagged.flac"), output=tmp_path / "o.mp3", **fields)
        assert heard(tmp_path / "o.mp3").bitrate == bitrate * 1000

    @pytest.mark.parametrize(
        ("format_name", "suffix"), [("aac", "m4a"), ("m4a", "m4a"), ("alac", "m4a"), ("opus", "opus")]
    )
    def test_a_format_finds_its_container(
        self, format_name: str, suffix: str, done: Any, sample: Any, heard: Any, tmp_path: Path
    ) -> None:
        done("audio_extract", input=sample("glide.wav"), output_dir=tmp_path, format=format_name)
        assert heard(tmp_path / f"glide.{suffix}").codec == ("aac" if format_name == "m4a" else format_name)

    def test_wav_has_room_to_grow_beyond_4_gb(self, done: Any, sample: Any, tmp_path: Path) -> None:
        done("audio_extract", input=sample("tagged.mp3"), output=tmp_path / "o.wav")
        assert (tmp_path / "o.wav").read_bytes()[:16] == b"RIFF" + ((tmp_path / "o.wav").stat().st_size - 8).to_bytes(
            4, "little"
        ) + b"WAVEJUNK"

    @pytest.mark.parametrize("suffix", ["flac", "wav", "m4a"])
    def test_samples_keep_their_depth(self, suffix: str, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
        fields = {"format": "alac"} if suffix == "m4a" else {}
        done("audio_extract", input=sample("deep.wav"), output=tmp_path / f"o.{suffix}", **fields)
        sound = heard(tmp_path / f"o.{suffix}")
        assert sound.rate == 96_000
        assert (sound.samples == heard(sample("deep.wav")).samples).all()
        assert abs(sound.samples).max() > 0

    def test_floats_beyond_full_scale_stay_in_a_wav(self, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
        done("audio_transcode", input=sample("floating.wav"), output=tmp_path / "o.wav", sample_rate=96_000)
        sound = heard(tmp_path / "o.wav")
        assert sound.codec == "pcm_f32le"
        assert abs(sound.samples).max() == pytest.approx(1.5, abs=0.01)

    def test_other_byte_orders_are_turned(self, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
        done("audio_extract", input=sample("tone.aiff"), output=tmp_path / "o.wav")
        sound = heard(tmp_path / "o.wav")
        assert sound.codec == "pcm_s16le"
        assert (sound.samples == heard(sample("tone.aiff")).samples).all()


class TestCopies:
    @pytest.mark.parametrize("name", ["glide.mp3", "glide.m4a", "glide.opus", "glide.flac", "glide.wav"])
    def test_what_fits_is_copied_to_the_sample(
        self, name: str, done: Any, sample: Any, heard: Any, tmp_path: Path
    ) -> None:
        output = tmp_path / f"o{Path(name).suffix}"
        found = done("audio_extract", input=sample(name), output=output).metadata
        assert found["copied"] is True
        assert found["duration"] == pytest.approx(4, abs=0.01)
        assert np.array_equal(heard(output).samples, heard(sample(name)).samples)
        assert packets(output) == packets(sample(name))

    @pytest.mark.parametrize(
        ("name", "suffix"), [("film.mp4", "m4a"), ("film.webm", "opus"), ("film.avi", "mp3"), ("film.ts", "m4a")]
    )
    def test_a_films_sound_is_copied_by_name(
        self, name: str, suffix: str, done: Any, sample: Any, heard: Any, tmp_path: Path
    ) -> None:
        found = done("audio_extract", input=sample(name), output_dir=tmp_path, format="copy").metadata
        assert found["copied"]
        sound = heard(tmp_path / f"{name.partition('.')[0]}.{suffix}")
        assert sound.pitch(1.0) == pytest.approx(440, abs=3)

    @pytest.mark.parametrize("fields", [{"bitrate": "64k"}, {"quality": "low"}, {"speed": 1.5}])
    def test_what_changes_is_not(self, fields: dict[str, Any], done: Any, sample: Any, tmp_path: Path) -> None:
        source = tmp_path / "high.mp3"
        done("audio_extract", input=sample("glide.wav"), output=source, quality="high")
        assert not done("audio_extract", input=source, output=tmp_path / "o.mp3", **fields).metadata["copied"]

    def test_more_quality_than_there_is_copies(self, done: Any, sample: Any, tmp_path: Path) -> None:
        found = done("audio_extract", input=sample("tagged.mp3"), output=tmp_path / "o.mp3", quality="high").metadata
        assert found["copied"]

    def test_a_copy_goes_into_no_container_that_does_not_hold_it(self, code: Any, sample: Any, tmp_path: Path) -> None:
        fields = {"input": sample("film.webm"), "output": tmp_path / "o.mp3", "format": "copy"}
        assert code("audio_extract", **fields) == "invalid_job"

    def test_strict_copies_are_decoded_as_well(self, done: Any, code: Any, sample: Any, tmp_path: Path) -> None:
        fields = {"input": sample("rotten.mp4"), "output": tmp_path / "o.m4a"}
        assert done("audio_extract", **fields).metadata["copied"]
        assert code("audio_extract", strict=True, **fields) == "corrupt_input"


class TestSpeed:
    @pytest.mark.parametrize("speed", [0.5, 1.25, 2, 3, 4])
    def test_it_is_faster_and_keeps_its_pitch(
        self, speed: float, done: Any, sample: Any, heard: Any, tmp_path: Path
    ) -> None:
        found = done("audio_extract", input=sample("glide.wav"), output=tmp_path / "o.flac", speed=speed).metadata
        sound = heard(tmp_path / "o.flac")
        assert sound.seconds == pytest.approx(4 / speed, abs=0.03)
        assert found["speed"] == speed
        for at in (1.0, 2.0, 3.0):  # of the source, whose pitch tells where it is
            assert sound.pitch(at / speed, window=0.05) == pytest.approx(400 + 500 * at, abs=30)

    def test_chapters_move_along(self, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
        done("audio_extract", input=sample("book.mp3"), output=tmp_path / "o.mp3", speed=2)
        assert heard(tmp_path / "o.mp3").chapters == [(0.0, 0.5, "One"), (0.5, 1.5, "Two"), (1.5, 2.0, "Three")]


class TestTracksAndChannels:
    @pytest.mark.parametrize(("track", "pitch", "language"), [(None, 660, "fre"), (1, 440, "eng"), (3, 880, "ger")])
    @pytest.mark.parametrize("name", ["tracks.mkv", "tracks.mp4"])
    def test_the_default_track_or_the_one_asked_for(
        self,
        name: str,
        track: int | None,
        pitch: int,
        language: str,
        done: Any,
        sample: Any,
        heard: Any,
        tmp_path: Path,
    ) -> None:
        fields = {} if track is None else {"track": track}
        found = done("audio_extract", input=sample(name), output=tmp_path / "o.mp3", **fields).metadata
        sound = heard(tmp_path / "o.mp3")
        assert sound.pitch(1.0) == pytest.approx(pitch, abs=3)
        assert sound.tags["language"] == language
        assert found["source"]["tracks"] == 3

    @pytest.mark.parametrize("suffix", ["m4a", "opus", "flac", "wav"])
    @pytest.mark.parametrize("name", ["surround.flac", "side.flac", "eight.flac"])
    def test_every_channel_stays_where_it_was(
        self, name: str, suffix: str, done: Any, sample: Any, heard: Any, tmp_path: Path
    ) -> None:
        done("audio_extract", input=sample(name), output=tmp_path / f"o.{suffix}")
        sound = heard(tmp_path / f"o.{suffix}")
        source = heard(sample(name))
        assert sound.channels == source.channels
        assert not sound.layout.endswith("channels")
        for channel in range(sound.channels):
            if channel != 3:  # low frequencies are quiet in some codings
                assert sound.pitch(0.5, channel) == pytest.approx(source.pitch(0.5, channel), abs=5)

    def test_a_downmix_is_said(self, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
        found = done("audio_extract", input=sample("surround.mp4"), output=tmp_path / "o.mp3").metadata
        assert found["downmixed"] == "5.1 to stereo"
        left = heard(tmp_path / "o.mp3").pitches(1.0, 0)
        assert any(abs(pitch - 300) < 5 for pitch in left)
        assert "downmixed" not in done("audio_extract", input=sample("film.mp4"), output=tmp_path / "s.mp3").metadata


class TestWhatGoesAlong:
    @pytest.mark.parametrize("suffix", ["mp3", "m4a", "flac", "opus", "aac", "wav", "mka"])
    @pytest.mark.parametrize("name", ["tagged.mp3", "tagged.m4a", "tagged.flac", "tagged.opus"])
    def test_tags(self, name: str, suffix: str, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
        done("audio_extract", input=sample(name), output=tmp_path / f"o.{suffix}")
        tags = heard(tmp_path / f"o.{suffix}").tags
        assert (tags["title"], tags["artist"], tags["album"]) == ("Two tones", "The Makers", "Samples")
        assert tags["track"].startswith("3")
        assert tags["date"] == "2024"
        assert tags["genre"] == "Test"

    @pytest.mark.parametrize("suffix", ["mp3", "m4a", "flac", "opus", "ogg", "mka"])
    @pytest.mark.parametrize("name", ["tagged.mp3", "tagged.m4a", "cover.mp4"])
    def test_covers(self, name: str, suffix: str, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
        found = done("audio_extract", input=sample(name), output=tmp_path / f"o.{suffix}").metadata
        sound = heard(tmp_path / f"o.{suffix}")
        assert found["covers"] == len(sound.covers) == 1
        with av.open(str(sample(name))) as source:
            cover = next(one for one in source.streams.video if int(one.disposition) & 0x400)
            data = next(bytes(packet) for packet in source.demux(cover))
        assert sound.cover == data or suffix == "mka"

    def test_what_has_no_place_is_said(self, done: Any, sample: Any, tmp_path: Path) -> None:
        found = done("audio_extract", input=sample("book.mp3"), output=tmp_path / "o.wav").metadata
        assert found["chapters_dropped"] == 3
        assert found["covers_dropped"] == 1

    @pytest.mark.parametrize("suffix", ["mp3", "m4a", "flac", "opus", "mka", "aac"])
    def test_chapters(self, suffix: str, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
        done("audio_extract", input=sample("captions.mp4"), output=tmp_path / f"o.{suffix}")
        chapters = heard(tmp_path / f"o.{suffix}").chapters
        assert [(round(start, 2), title) for start, _, title in chapters] == [(0, "Opening"), (1, "The rest")]

    @pytest.mark.parametrize("suffix", ["mp3", "m4a", "opus"])
    def test_strip_metadata(self, suffix: str, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
        done("audio_extract", input=sample("tagged.mp3"), output=tmp_path / f"o.{suffix}", strip_metadata=True)
        sound = heard(tmp_path / f"o.{suffix}")
        assert not {"title", "artist", "album", "date", "genre", "track"} & set(sound.tags)
        assert not sound.covers
        assert b"Two tones" not in (tmp_path / f"o.{suffix}").read_bytes()


class TestTime:
    def test_a_hole_is_filled_with_silence(self, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
        found = done("audio_extract", input=sample("holed.mkv"), output=tmp_path / "o.wav").metadata
        sound = heard(tmp_path / "o.wav")
        assert found["filled_seconds"] == pytest.approx(1, abs=0.1)
        assert sound.seconds == pytest.approx(4, abs=0.001)
        assert sound.pitch(3.0) == pytest.approx(400 + 500 * 3, abs=8)
        assert sound.level(1.7, 2.3) < -80

    @pytest.mark.parametrize("name", ["wrapping.ts", "fragmented.mp4", "edited.mp4", "late-picture.mp4"])
    def test_odd_clocks(self, name: str, done: Any, sample: Any, heard: Any, tmp_path: Path) -> None:
        done("audio_extract", input=sample(name), output=tmp_path / "o.wav")
        sound, source = heard(tmp_path / "o.wav"), heard(sample(name))
        assert sound.seconds == pytest.approx(source.seconds, abs=0.025)
        assert sound.pitch(0.7) == pytest.approx(440, abs=3)
        assert sound.level(0.1, sound.seconds - 0.1) == pytest.approx(source.level(0.1, source.seconds - 0.1), abs=0.5)


class TestDamage:
    @pytest.mark.parametrize("name", ["cut.mp3", "cut.flac", "cut.wav", "cut.mp4", "cut.mkv"])
    def test_what_is_cut_short_is_said(self, name: str, done: Any, code: Any, sample: Any, tmp_path: Path) -> None:
        found = done("audio_extract", input=sample(name), output=tmp_path / "o.opus").metadata
        assert found["damaged"]["missing_seconds"] == pytest.approx(found["duration"] * 4 / 6, rel=0.4)
        assert code("audio_extract", input=sample(name), output=tmp_path / "s.opus", strict=True) == "corrupt_input"

    @pytest.mark.parametrize("name", ["rotten.mp3", "rotten.flac", "rotten.mp4"])
    def test_rot_is_counted_and_time_kept(
        self, name: str, done: Any, code: Any, sample: Any, heard: Any, tmp_path: Path
    ) -> None:
        found = done("audio_extract", input=sample(name), output=tmp_path / "o.wav").metadata
        assert found["damaged"]["decode_errors"] >= 1
        assert found["filled_seconds"] > 0
        whole = 2 if name.endswith("mp4") else 4
        assert heard(tmp_path / "o.wav").seconds == pytest.approx(whole, abs=0.05)
        assert code("audio_extract", input=sample(name), output=tmp_path / "s.wav", strict=True) == "corrupt_input"

    @pytest.mark.parametrize(
        ("name", "expected"),
        [("silent.mp4", "unsupported_format"), ("text.mp3", "unsupported_format"), ("list.mp3", "unsupported_format"),
         ("photo.jpg", "unsupported_format"), ("noise.mp3", "corrupt_input"), ("no-index.mp4", "corrupt_input"),
         ("no-streams.mp4", "corrupt_input"), ("empty.mp4", "unsupported_format")],
    )  # fmt: skip
    def test_what_has_no_sound(self, name: str, expected: str, code: Any, sample: Any, tmp_path: Path) -> None:
        assert code("audio_extract", input=sample(name), output=tmp_path / "o.mp3") == expected
        assert not list(tmp_path.iterdir())

    def test_a_playlist_opens_nothing(self, job: Any, sample: Any, tmp_path: Path) -> None:
        sample("tagged.mp3")
        result = job("audio_extract", input=sample("list.mp3"), output=tmp_path / "o.mp3")
        assert "playlist" in result.error

    @pytest.mark.parametrize("suffix", ["mp3", "wav", "m4a", "opus", "flac"])
    def test_a_full_disk(self, suffix: str, sample: Any, tmp_path: Path) -> None:
        job = {"operation": "audio_extract", "input": str(sample("glide.wav")), "output": str(tmp_path / f"o.{suffix}")}
        code = (
            "import resource, sys\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
            "from mediamill.engine.__main__ import run\n"
            f"sys.argv = ['mediamill', 'process', '--job', {json.dumps(json.dumps(job))}]\n"
            "run()\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert json.loads(done.stdout)["error_info"]["code"] == "disk_full", done.stdout
        assert not list(tmp_path.iterdir())

    def test_a_limit_of_time_leaves_nothing(self, code: Any, sample: Any, tmp_path: Path) -> None:
        assert code("audio_extract", input=sample("glide.wav"), output=tmp_path / "o.mp3", timeout_ms=1) == "timeout"
        assert not list(tmp_path.iterdir())


class TestFields:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"speed": 0}, "speed"),
            ({"speed": 0.49}, "speed"),
            ({"speed": 4.1}, "speed"),
            ({"bitrate": "x"}, "bitrate"),
            ({"bitrate": "321k"}, "bitrate"),
            ({"bitrate": 999}, "bitrate"),
            ({"bitrate": "96k", "quality": "low"}, "quality"),
            ({"quality": "best"}, "quality"),
            ({"format": "mp4"}, "format"),
            ({"format": "copy", "quality": "low"}, "quality"),
            ({"format": "copy", "speed": 2}, "speed"),
            ({"track": 9}, "track"),
            ({"track": 0}, "track"),
            ({"output": "o.mp5"}, "output"),
            ({"output_dir": "."}, "output"),
        ],
    )
    def test_bounds(self, fields: dict[str, Any], field: str, job: Any, sample: Any, tmp_path: Path) -> None:
        result = job("audio_extract", **({"input": sample("film.mp4"), "output": tmp_path / "o.mp3"} | fields))
        assert result.error_info.code == "invalid_job"
        assert result.error_info.field == field
        assert result.error_info.expected

    def test_no_output(self, code: Any, sample: Any) -> None:
        assert code("audio_extract", input=sample("film.mp4")) == "invalid_job"

    def test_the_suffix_meant_is_named(self, job: Any, sample: Any, tmp_path: Path) -> None:
        result = job("audio_extract", input=sample("film.mp4"), output=tmp_path / "o.falc")
        assert result.error_info.suggestion == "flac"

    def test_a_dry_run_writes_nothing(self, done: Any, sample: Any, tmp_path: Path) -> None:
        result = done("audio_extract", input=sample("film.mp4"), output=tmp_path / "o.mp3", dry_run=True)
        assert result.outputs[0].format == "mp3"
        assert not list(tmp_path.iterdir())

    def test_the_short_spelling(self, registry: Any, sample: Any, tmp_path: Path) -> None:
        from mediamill.engine.inprocess import run_job
        from mediamill.engine.settings import Settings

        fields = {"input": str(sample("film.mp4")), "output": str(tmp_path / "o.mp3")}
        assert run_job({"operation": "audio", "extract": fields}, registry, Settings(fsync=False)).success

    def test_the_same_job_gives_the_same_bytes(self, done: Any, sample: Any, tmp_path: Path) -> None:
        for suffix in ("mp3", "opus", "m4a"):
            for name in ("a", "b"):
                done("audio_extract", input=sample("tagged.flac"), output=tmp_path / f"{name}.{suffix}")
            assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes(), suffix

    def test_the_example_runs(self, done: Any, sample: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        fields = {**audio_extract.EXAMPLE, "input": sample("film.mp4")}
        done(fields.pop("operation"), **fields)
        assert (tmp_path / "out" / "film.mp3").is_file()


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]
