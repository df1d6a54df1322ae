"""Films and sounds from before MP4: MPEG program streams, Windows Media, Ogg, telephones' and discs' own."""

import itertools

import av
import numpy as np
import pytest

FILMS = {"film.mpg": "mpegps", "film.vob": "mpegps", "wrapping.mpg": "mpegps", "film.wmv": "asf", "film.ogv": "ogv",
         "film.3gp": "mp4", "film.3g2": "mp4"}  # fmt: skip
COPIED = ("film.mpg", "film.vob", "wrapping.mpg", "film.ogv")
SOUNDS = {"tone.wma": "wma", "tone.ac3": "ac3", "tone.eac3": "eac3", "voice.amr": "amr"}
TOLERANCE = 0.09
"""Seconds: program streams tell the time of every few frames alone, Windows Media begins with two frames of silence."""


def read(path, kind="video"):
    """Return the times and the pictures or samples of a film's first stream of a kind."""
    with av.open(str(path)) as container:
        (stream,) = [one for one in container.streams if one.type == kind][:1]
        frames = list(container.decode(stream))
        times = [float(frame.pts * frame.time_base) for frame in frames]
        return times, [frame.to_ndarray(format="gray") if kind == "video" else frame.to_ndarray() for frame in frames]


def clock(picture):
    """Return how far the clock of a picture's lowest eighth has come, 0..1."""
    return picture[-picture.shape[0] // 8 :].mean() / 255


def whole(pictures):
    """Check that all 50 pictures are there, each once."""
    assert len(pictures) == 50
    for number, picture in enumerate(pictures):
        assert clock(picture) == pytest.approx(number / 50, abs=0.06)


@pytest.mark.parametrize("name", FILMS)
def test_told(done, sample, name):
    told = done("video_metadata", input=sample(name)).metadata
    assert told["format"] == FILMS[name]
    assert (told["width"], told["height"]) == ((176, 144) if "3g" in name else (160, 120))
    assert told["duration"] == pytest.approx(2.0, abs=TOLERANCE)


@pytest.mark.parametrize("name", FILMS)
def test_coded_anew(done, sample, tmp_path, name):
    fields = {"preset": "ultrafast", "skip_if_larger": False, "strict": True}
    result = done("video_transcode", input=sample(name), output=tmp_path / "a.mp4", **fields)
    times, pictures = read(tmp_path / "a.mp4")
    whole(pictures)
    assert all(later - before == pytest.approx(0.04, abs=0.002) for before, later in itertools.pairwise(times))
    assert result.metadata["duration"] == pytest.approx(2.0, abs=TOLERANCE)
    heard, samples = read(tmp_path / "a.mp4", "audio")
    assert heard[-1] + samples[-1].shape[1] / (8000 if "3g" in name else 48_000) == pytest.approx(2.0, abs=0.15)
    assert np.abs(np.concatenate(samples, 1)).max() > 0.2


@pytest.mark.parametrize("name", FILMS)
def test_cut_to_the_frame(done, sample, tmp_path, name):
    cut = {"start": 0.5, "end": 1.5, "strict": True}
    result = done("video_trim", input=sample(name), output=tmp_path / "a.mkv", **cut)
    times, pictures = read(tmp_path / "a.mkv")
    assert 24 <= len(pictures) <= 26
    assert result.metadata["start"] == pytest.approx(0.5, abs=0.045)
    for time, picture in zip(times, pictures, strict=True):
        assert clock(picture) == pytest.approx((0.5 + time) / 2, abs=0.06)
    heard, samples = read(tmp_path / "a.mkv", "audio")
    assert heard[0] < 0.05
    assert np.abs(samples[len(samples) // 2]).max() > 0.15
    assert result.metadata["audio_copied"] == (name in COPIED)
    assert heard[-1] == pytest.approx(0.95, abs=0.09)


@pytest.mark.parametrize("name", FILMS)
def test_cut_without_coding(done, code, sample, tmp_path, name):
    cut = {"input": sample(name), "output": tmp_path / "a.mkv", "start": 0.7, "accurate": False}
    if name not in COPIED:
        assert code("video_trim", **cut) == "invalid_job"
        assert not (tmp_path / "a.mkv").exists()
        return
    assert done("video_trim", **cut).metadata["copied"]
    times, pictures = read(tmp_path / "a.mkv")
    first = 2 - len(pictures) * 0.04
    assert first <= 0.72
    for time, picture in zip(times, pictures, strict=True):
        assert clock(picture) == pytest.approx((first + time) / 2, abs=0.06)


@pytest.mark.parametrize("name", COPIED)
def test_sound_is_copied_where_the_container_takes_it(done, sample, tmp_path, name):
    fields = {"audio_codec": "copy", "preset": "ultrafast", "skip_if_larger": False}
    done("video_transcode", input=sample(name), output=tmp_path / "a.mkv", **fields)
    with av.open(str(sample(name))) as source, av.open(str(tmp_path / "a.mkv")) as made:
        names = [one.streams.audio[0].codec_context.codec.canonical_name for one in (source, made)]
        assert names[0] == names[1]
        kept = [sum(bool(packet.size) for packet in one.demux(audio=0)) for one in (source, made)]
        assert kept[0] == kept[1]


@pytest.mark.parametrize("name", ["film.wmv", "film.3gp"])
def test_sound_no_container_takes_is_not_copied(job, sample, tmp_path, name):
    film = job("video_transcode", input=sample(name), output=tmp_path / "a.mkv", audio_codec="copy")
    sound = job("audio_extract", input=sample(name), output_dir=tmp_path, format="copy")
    assert [one.error_info.code for one in (film, sound)] == ["invalid_job", "invalid_job"]
    assert "name a format" in sound.error
    assert list(tmp_path.iterdir()) == []


def test_a_film_that_fits_is_copied_whole(done, sample, tmp_path):
    result = done("video_resize", input=sample("film.ogv"), output=tmp_path / "a.webm", width=160, strict=True)
    assert result.metadata["copied"]
    whole(read(tmp_path / "a.webm")[1])


@pytest.mark.parametrize("name", FILMS)
def test_pictures_at_times(done, sample, pixels, tmp_path, name):
    fields = {"timestamps": [1.5, 0.5, 0], "name": "{index}.png", "format": "png", "output_dir": tmp_path}
    result = done("video_thumbnail", input=sample(name), **fields)
    for time, one in zip((1.5, 0.5, 0), result.metadata["thumbnails"], strict=True):
        assert one["timestamp"] == pytest.approx(time, abs=0.045)
    for number, time in ((1, 1.5), (2, 0.5), (3, 0)):
        assert clock(pixels(tmp_path / f"{number}.png")[..., 1]) == pytest.approx(time / 2, abs=0.06)


@pytest.mark.parametrize("name", [*FILMS, *SOUNDS])
def test_sound_taken_out(done, sample, tmp_path, name):
    result = done("audio_extract", input=sample(name), output=tmp_path / "a.wav", strict=True)
    _, samples = read(tmp_path / "a.wav", "audio")
    rate = 8000 if name.startswith("voice") or "3g" in name else 48_000
    heard = np.concatenate(samples, 1).reshape(-1, 1 if rate == 8000 else 2)[:, 0].astype(float)
    assert len(heard) / rate == pytest.approx(2.0, abs=0.1)
    assert result.metadata["duration"] == pytest.approx(len(heard) / rate, abs=0.001)
    middle = heard[rate // 2 : rate // 2 + rate]
    peak = np.abs(np.fft.rfft(middle * np.hanning(rate))).argmax()
    assert peak == 440
    if name in SOUNDS:
        assert result.metadata["source"]["format"] == SOUNDS[name]


@pytest.mark.parametrize("name", COPIED)
def test_the_length_of_copied_sound_is_that_of_its_packets(done, sample, tmp_path, name):
    result = done("audio_extract", input=sample(name), output_dir=tmp_path, format="copy")
    with av.open(result.outputs[0].path) as container:
        last = max(
            (packet.pts + packet.duration) * packet.time_base for packet in container.demux(audio=0) if packet.size
        )
    assert result.outputs[0].duration == pytest.approx(float(last), abs=0.03)


@pytest.mark.parametrize("name", ["film.mpg", "film.wmv", "film.ogv", "film.vob"])
@pytest.mark.parametrize("share", [0.6, 0.001])
def test_cut_short(job, sample, tmp_path, name, share):
    data = sample(name).read_bytes()
    path = tmp_path / name
    path.write_bytes(data[: round(len(data) * share)])
    result = job("video_transcode", input=path, output=tmp_path / "a.mp4", preset="ultrafast", skip_if_larger=False)
    if share < 0.1:  # not one picture
        assert result.error_info.code == "corrupt_input"
        assert not (tmp_path / "a.mp4").exists()
    else:
        assert 20 < len(read(tmp_path / "a.mp4")[0]) < 48


@pytest.mark.parametrize("name", ["film.mpg", "film.wmv", "film.ogv", "film.vob"])
def test_damaged(job, done, sample, tmp_path, name):
    data = bytearray(sample(name).read_bytes())
    rng = np.random.default_rng(3)
    spots = 3 if name == "film.ogv" else 40  # Ogg's pages are long, and one that is damaged is lost
    for at in rng.integers(len(data) // 4, len(data) - 100, spots):
        data[at : at + 60] = rng.bytes(60)
    path = tmp_path / name
    path.write_bytes(data)
    fields = {"input": path, "output": tmp_path / "a.mp4", "preset": "ultrafast", "skip_if_larger": False}
    result = done("video_transcode", **fields)
    assert len(read(tmp_path / "a.mp4")[0]) > 20
    if name in ("film.mpg", "film.vob"):  # the others' decoders conceal what they cannot read and say nothing
        assert result.metadata["damaged"]
        assert job("video_transcode", **fields, strict=True).error_info.code == "corrupt_input"


def test_program_streams_one_behind_the_other_go_on(done, sample, tmp_path):
    path = tmp_path / "twice.vob"
    path.write_bytes(sample("film.vob").read_bytes() * 2)
    done("video_transcode", input=path, output=tmp_path / "a.mp4", preset="ultrafast", skip_if_larger=False)
    times, pictures = read(tmp_path / "a.mp4")
    assert len(pictures) == 100
    assert all(0.03 < later - before < 0.15 for before, later in itertools.pairwise(times))


def test_progress_of_a_program_stream_ends_at_its_end(registry, sample, tmp_path):
    from mediamill.engine.inprocess import run_job
    from mediamill.engine.settings import Settings

    raw = {"operation": "video_transcode", "input": str(sample("wrapping.mpg")), "output": str(tmp_path / "a.mp4")}
    assert run_job(raw, registry, Settings(fsync=False)).metadata["source"]["duration"] == pytest.approx(2.0, abs=0.09)
