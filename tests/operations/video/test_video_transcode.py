import hashlib
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from fixtures.samples import bright, films, scenes
from mediamill.operations.video import video_transcode

FRAME = 0.04
CODINGS = [("h264", "mp4"), ("h265", "mp4"), ("av1", "mp4"), ("vp9", "webm"), ("vp8", "webm")]
DECODED = {"h264": "h264", "h265": "hevc", "av1": "av1", "vp9": "vp9", "vp8": "vp8"}


@pytest.fixture
def transcoded(done, sample, tmp_path):
    """Return a function that codes a sample anew, quickly, and returns the result and the file."""

    def run(name, suffix="mp4", **fields):
        output = tmp_path / f"out.{suffix}"
        fields = {"preset": "ultrafast", "skip_if_larger": False, "overwrite": "replace"} | fields
        return done("video_transcode", input=sample(name), output=output, **fields), output

    return run


def upright(width, height):
    """Return the mark as it should be seen, without the film's clock."""
    mark = scenes.upright()
    rows = np.arange(height) * mark.shape[0] // height
    columns = np.arange(width) * mark.shape[1] // width
    return mark[rows][:, columns].astype(float)


def peak_times(sound, threshold=0.4):
    loud = np.flatnonzero(np.abs(sound.samples[0]) > threshold)
    firsts = loud[np.insert(np.diff(loud) > sound.rate // 10, 0, True)]
    return [sound.start + first / sound.rate for first in firsts]


def test_the_example(done, sample, tmp_path, seen):
    fields = {key: value for key, value in video_transcode.EXAMPLE.items() if key not in ("operation", "input")}
    result = done("video_transcode", input=sample("film.mp4"), **fields | {"output": str(tmp_path / "film.mp4")})
    output = result.outputs[0]
    assert (output.width, output.height, output.format) == (160, 120, "mp4")
    assert seen(tmp_path / "film.mp4").size == (160, 120)


@pytest.mark.parametrize(("codec", "suffix"), CODINGS)
def test_codings(transcoded, seen, rgb, distance, codec, suffix):
    result, path = transcoded("film.mp4", suffix, codec=codec, quality="high")
    film = seen(path)
    assert (film.codec, film.size, len(film.frames)) == (DECODED[codec], (160, 120), 50)
    assert film.times == pytest.approx([film.times[0] + index * FRAME for index in range(50)], abs=0.002)
    assert distance(rgb(film.frames[25])[:105], upright(160, 105)) < 8
    assert result.metadata["codec"] == codec
    assert (result.metadata["frames"], result.metadata["frame_rate"]) == (50, 25.0)
    assert result.metadata["duration"] == pytest.approx(2.0, abs=0.03)
    assert result.metadata["source"]["codec"] == "h264"


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.mkv", "film.ts", "film.avi", "film.webm"])
def test_containers(transcoded, seen, name, suffix):
    _, path = transcoded(name, suffix)
    film = seen(path)
    assert film.container == {"mp4": "mov", "mov": "mov", "mkv": "matroska"}[suffix]
    assert (film.codec, len(film.frames), len(film.sounds)) == ("h264", 50, 1)


def test_pictures_stored_out_of_order_are_shown_in_it(transcoded, seen, rgb):
    result, path = transcoded("reordered.avi")
    film = seen(path)
    assert film.times == pytest.approx([index * FRAME for index in range(50)], abs=0.001)
    for index, frame in enumerate(film.frames):
        assert rgb(frame)[-6:].mean() / 255 == pytest.approx(index / 50, abs=0.03)
    assert "damaged" not in result.metadata


@pytest.mark.parametrize("name", sorted(films.TURNS))
def test_every_turn_comes_out_upright(transcoded, seen, rgb, distance, name):
    _, path = transcoded(name, quality="high")
    film = seen(path)
    a, b, c, d = films.TURNS[name]
    stored = upright(160, 105)
    # The matrix takes a stored column and row, from the middle, to where they are seen.
    shown = stored if b == 0 else stored.transpose(1, 0, 2)
    if (a if b == 0 else c) < 0:
        shown = shown[:, ::-1]
    if (d if b == 0 else b) < 0:
        shown = shown[::-1]
    assert film.size == ((160, 120) if b == 0 else (120, 160))
    assert "DISPLAYMATRIX" not in film.side
    found = rgb(film.frames[0])
    # The clock is the lowest eighth as it is stored.
    parts = {
        (True, False): found[: shown.shape[0]], (True, True): found[-shown.shape[0] :],
        (False, False): found[:, : shown.shape[1]], (False, True): found[:, -shown.shape[1] :],
    }  # fmt: skip
    assert distance(parts[b == 0, (d if b == 0 else c) < 0], shown) < 8


@pytest.mark.parametrize("name", ["turned-90.mp4", "turned-270.mp4", "turned-0-mirrored.mp4"])
@pytest.mark.parametrize("suffix", ["mkv", "mov"])
def test_turns_in_other_containers(done, sample, tmp_path, seen, rgb, distance, transcoded, name, suffix):
    _, path = transcoded(name, quality="high")
    wanted = rgb(seen(path).frames[0])
    with av.open(str(sample(name))) as source, av.open(str(tmp_path / f"a.{suffix}"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    fields = {"quality": "high", "preset": "ultrafast", "skip_if_larger": False}
    done("video_transcode", input=tmp_path / f"a.{suffix}", output=tmp_path / "b.mp4", **fields)
    assert distance(rgb(seen(tmp_path / "b.mp4").frames[0]), wanted) < 1


def test_limits_hold_for_the_upright_film(transcoded, seen):
    _, path = transcoded("turned-90.mp4", max_width=60)
    assert seen(path).size == (60, 80)


@pytest.mark.parametrize(("name", "size"), [("wide-pixels.mp4", (232, 120)), ("tall-pixels.mp4", (160, 136))])
def test_pixels_come_out_square(transcoded, seen, name, size):
    _, path = transcoded(name)
    film = seen(path)
    assert film.size == size
    assert film.sample in (None, 1)


@pytest.mark.parametrize(("fields", "size"), [
    ({"max_width": 80}, (80, 60)), ({"max_height": 60}, (80, 60)), ({"max_width": 80, "max_height": 30}, (40, 30)),
    ({"max_width": 4000}, (160, 120)),
])  # fmt: skip
def test_limits(transcoded, seen, fields, size):
    result, path = transcoded("silent.mp4", **fields)
    assert seen(path).size == size == (result.outputs[0].width, result.outputs[0].height)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_uneven_times_are_kept(transcoded, seen, suffix):
    result, path = transcoded("uneven.mp4", suffix)
    assert seen(path).times == pytest.approx(films.GAP, abs=0.0011)
    assert result.metadata["frames"] == len(films.GAP)


def test_fps_makes_times_even(transcoded, seen):
    result, path = transcoded("uneven.mp4", fps=10)
    assert np.diff(seen(path).times) == pytest.approx(0.1)
    assert result.metadata["frame_rate"] == pytest.approx(10, abs=0.6)


@pytest.mark.parametrize("name", ["odd.mp4", "odd.webm"])
def test_odd_sides_become_even(transcoded, seen, name):
    _, path = transcoded(name)
    film = seen(path)
    assert film.size == (160, 120)
    assert film.pixels == "yuv420p"


@pytest.mark.parametrize("codec", ["h265", "av1"])
def test_ten_bits_stay(transcoded, seen, codec):
    _, path = transcoded("ten-bit.mp4", codec=codec)
    assert seen(path).pixels == "yuv420p10le"


@pytest.mark.parametrize("codec", ["h265", "av1"])
def test_hdr_stays(transcoded, seen, codec):
    result, path = transcoded("hdr10.mp4", codec=codec)
    film = seen(path)
    assert (film.pixels, film.colour) == ("yuv420p10le", (9, 16, 9, 1))
    display = struct.unpack("=20i", film.side["MASTERING_DISPLAY_METADATA"][:80])
    values = [up / down for up, down in zip(display[::2], display[1::2], strict=True)]
    assert values[:8] == pytest.approx([0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290], abs=0.0002)
    assert values[8:] == pytest.approx([0.005, 1000], rel=0.02)
    assert struct.unpack("=2I", film.side["CONTENT_LIGHT_LEVEL"][:8]) == bright.LIGHT
    assert "tone_mapped" not in result.metadata


@pytest.mark.parametrize("codec", ["h265", "av1"])
def test_hlg_stays(transcoded, seen, codec):
    _, path = transcoded("hlg.mp4", codec=codec)
    assert seen(path).colour == (9, 18, 9, 1)


@pytest.mark.parametrize("name", ["bt601.mp4", "bt709.mp4", "full-range.mp4", "rgb.mp4"])
@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
def test_colours_look_as_before(transcoded, seen, rgb, distance, name, codec):
    _result, path = transcoded(name, codec=codec, quality="high")
    film = seen(path)
    wanted = {"bt601.mp4": (6, 6, 6, 1), "full-range.mp4": (1, 1, 1, 2)}.get(name, (1, 1, 1, 1))
    assert film.colour == wanted
    assert distance(rgb(film.frames[3])[:105], upright(160, 105)) < 8


def test_hd_that_says_nothing_stays_bt709_when_it_becomes_small(transcoded, seen, tmp_path, done):
    path = tmp_path / "hd.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height = 1280, 720
        frame = av.VideoFrame.from_ndarray(np.full((1080, 1280), 128, np.uint8), format="yuv420p")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    done("video_transcode", input=path, output=tmp_path / "a.mp4", max_width=160, preset="ultrafast")
    assert seen(tmp_path / "a.mp4").colour[2] == 1


def test_fields_become_frames(transcoded, seen):
    result, path = transcoded("interlaced.mp4", quality="high")
    film = seen(path)
    assert result.metadata["deinterlaced"] is True
    assert len(film.frames) == 20
    for frame in film.frames[2:-2]:
        luma = frame.to_ndarray(format="gray").astype(float)
        assert not frame.interlaced_frame
        # Between fields, neighbouring rows of a moving post differ more than every other row does.
        assert np.abs(luma[:-2:2] - luma[1:-1:2]).mean() < 1.3 * np.abs(luma[:-2:2] - luma[2::2]).mean() + 1


@pytest.mark.parametrize("name", ["tracks.mkv", "tracks.mp4"])
@pytest.mark.parametrize(("fields", "language", "pitch"), [({}, "fre", 660), ({"track": 3}, "ger", 880)])
def test_the_track_that_is_meant(transcoded, seen, heard, name, fields, language, pitch):
    result, path = transcoded(name, **fields)
    (sound,) = seen(path).sounds
    samples = heard(path).samples[0][4800:52800]
    assert sound.language == language
    assert np.argmax(np.abs(np.fft.rfft(samples))) * 48_000 / len(samples) == pytest.approx(pitch, abs=2)
    assert {one["language"] for one in result.metadata["dropped"]} == {"eng", "fre", "ger"} - {language}


def test_a_track_that_is_not_there(job, sample, tmp_path):
    result = job("video_transcode", input=sample("tracks.mp4"), output=tmp_path / "a.mp4", track=4)
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", "track")


@pytest.mark.parametrize("fields", [{}, {"audio_codec": "opus", "audio_bitrate": "256k"}])
def test_six_channels_stay_six(transcoded, seen, heard, fields):
    _, path = transcoded("surround.mp4", **fields)
    assert seen(path).sounds[0].channels == 6
    pitches = []
    for channel in heard(path).samples:
        part = channel[9600:57600]
        pitches.append(np.argmax(np.abs(np.fft.rfft(part))) * 48_000 / len(part))
    assert sorted(pitches) == pytest.approx([60, 300, 400, 500, 700, 800], abs=3)


@pytest.mark.parametrize(("codec", "suffix"), CODINGS)
@pytest.mark.parametrize("audio", [None, "coded"])
def test_picture_and_sound_stay_together(transcoded, seen, heard, codec, suffix, audio):
    coded = {"audio_codec": "opus" if suffix == "webm" else "aac"} if audio else {}
    _, path = transcoded("sync.mp4", suffix, codec=codec, **coded)
    film = seen(path)
    luma = [frame.to_ndarray(format="gray").mean() for frame in film.frames]
    flashes = [film.times[index] for index, value in enumerate(luma) if value > 128]
    assert flashes == pytest.approx([1.0, 2.0], abs=0.03)
    assert peak_times(heard(path)) == pytest.approx(flashes, abs=FRAME / 2)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("name", ["late-picture.mp4", "late-sound.mp4"])
@pytest.mark.parametrize("fields", [{}, {"audio_codec": "aac"}])
def test_what_starts_late_starts_as_late(transcoded, seen, heard, sample, name, suffix, fields):
    def apart(path):
        return seen(path).times[0] - peak_times(heard(path), 0.1)[0]

    _, path = transcoded(name, suffix, **fields)
    assert apart(path) == pytest.approx(apart(sample(name)), abs=FRAME / 2)


@pytest.mark.parametrize(("name", "suffix", "fields", "audio"), [
    ("film.mp4", "mp4", {}, ("aac", True)), ("film.mp4", "mp4", {"audio_codec": "mp3"}, ("mp3", False)),
    ("film.mp4", "webm", {}, ("opus", False)), ("film.mp4", "mp4", {"strip_audio": True}, None),
    ("silent.mp4", "mp4", {}, None),
])  # fmt: skip
def test_what_is_copied_is_said(transcoded, name, suffix, fields, audio):
    told = transcoded(name, suffix, **fields)[0].metadata
    assert told["copied"] is False
    assert (told.get("audio_codec"), told.get("audio_copied")) == (audio or (None, None))


def test_a_source_that_is_given_back_is_copied(done, sample, tmp_path):
    told = done("video_transcode", input=sample("film.mp4"), output=tmp_path / "o.mp4", crf=0).metadata
    assert (told["skipped"], told["copied"], told["audio_codec"], told["audio_copied"]) == (True, True, "aac", True)
    assert (told["codec"], told["frame_rate"], told["compression_ratio"]) == ("h264", 25.0, 1.0)
    assert told["bitrate"] == pytest.approx(sample("film.mp4").stat().st_size * 8 / told["duration"], rel=0.01)


@pytest.mark.parametrize("name", ["film.mp4", "film.webm"])
def test_copied_sound_is_the_same_to_the_sample(transcoded, heard, sample, name):
    _, path = transcoded(name)
    before, after = heard(sample(name)).samples, heard(path).samples
    assert 0 <= after.shape[1] - before.shape[1] < 960
    # WebM's times are whole milliseconds, so that much may shift; not one sample of the first packet is lost.
    shift = min(range(-48, 49), key=lambda lag: np.abs(before[:, 48:9600] - after[:, 48 + lag : 9600 + lag]).max())
    assert np.array_equal(before[:, 48:90_000], after[:, 48 + shift : 90_000 + shift])
    assert shift == 0 or name == "film.webm"


def test_what_an_edit_list_hides_stays_hidden(transcoded, seen, rgb):
    _, path = transcoded("edited.mp4")
    film = seen(path)
    assert len(film.frames) == 38
    assert film.times[0] == 0
    # The film was painted from -0.48 s on; its clock then stood at the share of that time.
    assert rgb(film.frames[0])[-8:].mean() / 255 == pytest.approx(0.24, abs=0.03)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_clock_that_runs_over(transcoded, seen, heard, suffix):
    _, path = transcoded("wrapping.ts", suffix)
    film = seen(path)
    assert len(film.frames) == 50
    assert np.diff(film.times) == pytest.approx(FRAME, abs=0.0011)
    assert film.duration == pytest.approx(2.0, abs=0.06)


def test_a_film_that_changes_its_size(transcoded, seen, rgb, distance):
    result, path = transcoded("changing.ts", quality="high")
    film = seen(path)
    assert (film.size, len(film.frames)) == ((160, 120), 50)
    assert result.metadata["size_changed"] is True
    for index in (10, 40):
        assert distance(rgb(film.frames[index])[:105], upright(160, 105)) < 10


def test_a_film_that_changes_its_shape_gets_bars(transcoded, seen, rgb, sample, tmp_path, done):
    from fixtures.samples.reels import Film, Picture, write

    wide = Film(format="mpegts", picture=Picture(seconds=1.0, size=(320, 120), shift=1.0))
    (tmp_path / "a.ts").write_bytes(write(Film(format="mpegts", picture=Picture(seconds=1.0))) + write(wide))
    done("video_transcode", input=tmp_path / "a.ts", output=tmp_path / "a.mp4", preset="ultrafast", quality="high")
    last = rgb(seen(tmp_path / "a.mp4").frames[-10])
    assert last.shape == (120, 160, 3)
    assert last[:25].max() < 24
    assert last[-25:].max() < 24
    assert last[45:75].mean() > 40


def test_fragments(transcoded, seen, sample):
    _, path = transcoded("fragmented.mp4")
    film = seen(path)
    assert len(film.frames) == 50
    assert film.times == pytest.approx(seen(sample("fragmented.mp4")).times, abs=0.001)


def test_no_sound_and_one_frame(transcoded, seen):
    assert seen(transcoded("silent.mp4")[1]).sounds == []
    result, path = transcoded("one-frame.mp4")
    assert len(seen(path).frames) == result.metadata["frames"] == 1
    assert result.metadata["duration"] == pytest.approx(0.04)


def test_sound_alone_is_no_film(job, sample, tmp_path):
    result = job("video_transcode", input=sample("sound-only.mp4"), output=tmp_path / "a.mp4")
    assert result.error_info.code == "unsupported_format"
    assert "no picture" in result.error


def test_strip_audio(transcoded, seen):
    result, path = transcoded("film.mp4", strip_audio=True)
    assert seen(path).sounds == []
    assert "damaged" not in result.metadata


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_covers_are_kept(transcoded, seen, suffix):
    result, path = transcoded("cover.mp4", suffix)
    film = seen(path)
    assert (film.covers, len(film.frames)) == (1, 50)
    assert films.artwork() in path.read_bytes()
    assert "dropped" not in result.metadata


@pytest.mark.parametrize("suffix", ["mov", "webm"])
def test_a_cover_that_cannot_be_kept_is_said(transcoded, seen, suffix):
    result, path = transcoded("cover.mp4", suffix)
    assert seen(path).covers == 0
    assert [one["kind"] for one in result.metadata["dropped"]] == ["cover"]


@pytest.mark.parametrize("name", ["captions.mp4", "captions.mkv"])
@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "mov_text"), ("mkv", "subrip"), ("webm", "webvtt")])
def test_subtitles_and_chapters(transcoded, seen, texts, name, suffix, codec):
    _, path = transcoded(name, suffix)
    film = seen(path)
    assert film.captions == [codec]
    late = film.times[0]
    for found, wanted in zip(texts(path), films.CUES, strict=True):
        assert found == (
            pytest.approx(wanted[0] + late, abs=0.002),
            pytest.approx(wanted[1] + late, abs=0.002),
            wanted[2],
        )
    assert film.chapters == [(start, end, {"title": title}) for start, end, title in films.CHAPTERS]


def test_fonts_stay_with_their_subtitles(done, sample, tmp_path):
    font = bytes(range(256)) * 4
    with av.open(str(sample("film.mp4"))) as source, av.open(str(tmp_path / "a.mkv"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        target.add_attachment("a.ttf", "font/ttf", font)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    done("video_transcode", input=tmp_path / "a.mkv", output=tmp_path / "b.mkv", preset="ultrafast", crf=40)
    with av.open(str(tmp_path / "b.mkv")) as container:
        (attached,) = container.streams.attachments
        assert (attached.name, attached.mimetype, attached.data) == ("a.ttf", "font/ttf", font)


def test_tags_are_kept(transcoded, seen):
    for name in ("placed.mp4", "placed.mov"):
        _, path = transcoded(name)
        tags = seen(path).tags
        assert (tags["title"], tags["creation_time"][:10]) == ("A walk", "2024-05-06")
        assert tags["location"].startswith("+48.8577+002.2950")


@pytest.mark.parametrize("name", ["placed.mp4", "placed.mov"])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_stripped_films_say_nothing_of_their_maker(transcoded, seen, name, suffix, codec):
    _result, path = transcoded(name, suffix, codec=codec, strip_metadata=True)
    data = path.read_bytes()
    for trace in (b"48.8577", b"Maker", b"Model 5", b"A walk", b"2024-05", b"x264", b"x265", b"1.2.3"):
        assert trace not in data, trace
    assert not {"creation_time", "location", "title"} & set(seen(path).tags)
    assert len(seen(path).frames) == 50


def test_h265_is_tagged_as_apple_wants_it(transcoded, seen):
    for suffix in ("mp4", "mov"):
        assert seen(transcoded("silent.mp4", suffix, codec="h265")[1]).tag == "hvc1"


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_the_index_comes_first(transcoded, suffix):
    data = transcoded("film.mp4", suffix)[1].read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_the_same_job_gives_the_same_bytes(transcoded, suffix):
    digests = {hashlib.sha256(transcoded("film.mp4", suffix)[1].read_bytes()).digest() for _ in range(2)}
    assert len(digests) == 1


def test_frames_are_coded_whole_and_not_in_slices(transcoded):
    data = transcoded("film.mp4", "mkv")[1].read_bytes()
    settings = data[data.index(b"x264 - core") :][:1200]
    assert b"sliced_threads=0" in settings
    assert b"slices=" not in settings


@pytest.mark.parametrize(
    ("name", "fields"),
    [("placed.mp4", {}), ("placed.mp4", {"strip_metadata": True}), ("silent.mp4", {"strip_audio": True})],
)
def test_what_would_be_larger_is_the_source(transcoded, seen, sample, name, fields):
    result, path = transcoded(name, crf=0, skip_if_larger=True, **fields)
    film = seen(path)
    source = sample(name).read_bytes()
    assert result.metadata["skipped"] is True
    assert str(len(source)) in result.metadata["skip_reason"]
    assert fields or path.read_bytes() == source
    with av.open(str(path)) as after, av.open(str(sample(name))) as before:
        pictures = [[bytes(packet) for packet in one.demux(video=0)] for one in (before, after)]
    assert pictures[0] == pictures[1]
    assert len(film.sounds) == (0 if "strip_audio" in fields else 1)
    assert ("location" in film.tags) == (name == "placed.mp4" and not fields)


def test_a_source_in_another_container_is_never_given_back(transcoded, seen):
    result, path = transcoded("film.mkv", "mp4", crf=0, skip_if_larger=True)
    assert "skipped" not in result.metadata
    assert seen(path).container == "mov"


@pytest.mark.parametrize(("fields", "field"), [
    ({"crf": 20, "bitrate": "1M"}, "bitrate"), ({"crf": 52}, "crf"), ({"crf": -1}, "crf"), ({"fps": 0}, "fps"),
    ({"bitrate": "fast"}, "bitrate"), ({"bitrate": "2G"}, "bitrate"), ({"codec": "h263"}, "codec"),
    ({"max_width": 1}, "max_width"), ({"max_height": 20_000}, "max_height"), ({"track": 0}, "track"),
    ({"strip_audio": True, "audio_codec": "aac"}, "strip_audio"), ({"codec": "vp8"}, "codec"),
    ({"audio_codec": "vorbis"}, "audio_codec"), ({"colour": 1}, "colour"), ({"output_dir": "x"}, "output"),
])  # fmt: skip
def test_contradictions_are_refused(job, sample, tmp_path, fields, field):
    result = job("video_transcode", input=sample("film.mp4"), output=tmp_path / "a.mp4", **fields)
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", field)
    assert list(tmp_path.iterdir()) == []


def test_bitrates_are_met(transcoded, tmp_path, done, seen):
    result, path = transcoded("film.mp4", bitrate="40k", strip_audio=True, preset="medium")
    assert path.stat().st_size * 8 / 2 == pytest.approx(40_000, rel=0.6)
    assert "crf" not in result.metadata


def test_alpha_is_said_to_be_lost(done, tmp_path, seen):
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("prores_ks", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva444p10le"
        stream.time_base = Fraction(1, 25)
        frame = av.VideoFrame(64, 48, "rgba").reformat(format="yuva444p10le")
        frame.pts = 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    result = done("video_transcode", input=path, output=tmp_path / "a.mp4", preset="ultrafast")
    assert result.metadata["alpha_dropped"] is True
    assert seen(tmp_path / "a.mp4").pixels == "yuv420p"


@pytest.mark.parametrize("codec", ["aac", "opus"])
def test_holes_in_the_sound_become_silence(done, sample, tmp_path, seen, heard, codec):
    path = tmp_path / "a.mkv"
    with av.open(str(sample("sync.mp4"))) as source, av.open(str(path), "w") as target:
        made = [target.add_stream_from_template(stream, opaque=True) for stream in source.streams]
        for packet in source.demux():
            lost = packet.stream.type == "audio" and packet.size and 1.2 < packet.pts * packet.time_base < 1.7
            if packet.size and not lost:
                packet.stream = made[packet.stream.index]
                target.mux(packet)
    fields = {"audio_codec": codec, "preset": "ultrafast", "skip_if_larger": False}
    done("video_transcode", input=path, output=tmp_path / "a.mp4", **fields)
    film = seen(tmp_path / "a.mp4")
    flashes = [film.times[n] for n, frame in enumerate(film.frames) if frame.to_ndarray(format="gray").mean() > 128]
    # Samples are counted here, as by a player that trusts them more than times.
    assert peak_times(heard(tmp_path / "a.mp4")) == pytest.approx(flashes, abs=FRAME / 2)


def test_a_matroska_that_is_given_back_without_its_tags_keeps_every_picture(done, tmp_path):
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "veryfast", "x264-params": "bframes=3"})
        stream.width, stream.height = 64, 48
        noise = np.random.default_rng(4)
        for _ in range(30):
            frame = av.VideoFrame.from_ndarray(noise.integers(0, 255, (48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    result = done("video_transcode", input=source, output=tmp_path / "b.mkv", crf=0, strip_metadata=True)
    assert result.metadata["skipped"]
    with av.open(str(tmp_path / "b.mkv")) as made:
        frames = [frame.key_frame for frame in made.decode(video=0)]
    assert len(frames) == 30
    assert frames[0]


def test_a_film_shorter_than_a_frame_has_one(done, sample, tmp_path, seen):
    done("video_transcode", input=sample("film.mp4"), output=tmp_path / "out.mp4", fps=0.1, preset="ultrafast")
    assert len(seen(tmp_path / "out.mp4").frames) == 1
