import av
import numpy as np
import pytest

from mediamill.operations.video import video_profile

LIMITS = {"web-low": (854, 480, 1_000_000), "web-mid": (1280, 720, 2_500_000), "web-high": (1920, 1080, 5_000_000)}


@pytest.fixture(scope="module")
def hd(tmp_path_factory):
    """Return a function that writes a noisy film of a size, which no encoder gets small."""
    folder = tmp_path_factory.mktemp("hd")

    def made(width, height, frames=4, noise=0):
        path = folder / f"{width}x{height}-{noise}.mp4"
        if path.exists():
            return path
        rng = np.random.default_rng(1)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "10"})
            stream.width, stream.height = width, height
            for index in range(frames):
                grey = np.full((height * 3 // 2, width), 128, np.uint8)
                grey[:height] = np.linspace(16, 235, width, dtype=np.uint8)
                if noise:
                    grey[:height] = np.clip(grey[:height] + rng.integers(-noise, noise, (height, width)), 16, 235)
                frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
                frame.pts = index
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return made


def test_the_example(done, sample, tmp_path, seen):
    fields = {key: value for key, value in video_profile.EXAMPLE.items() if key not in ("operation", "input")}
    result = done("video_profile", input=sample("film.mp4"), **fields | {"output_dir": str(tmp_path)})
    assert [output.path.rpartition("/")[2] for output in result.outputs] == ["film-web-low.mp4", "film-web-mid.mp4"]
    for output in result.outputs:
        film = seen(output.path)
        assert (film.codec, film.size, len(film.frames), len(film.sounds)) == ("h264", (160, 120), 50, 1)


@pytest.mark.parametrize(("size", "made"), [
    ((1920, 1080), [(854, 480), (1280, 720), (1920, 1080)]),
    ((1080, 1920), [(480, 854), (720, 1280), (1080, 1920)]),
    ((1920, 800), [(854, 356), (1280, 534), (1920, 800)]),
    ((640, 360), [(640, 360)] * 3),
])  # fmt: skip
def test_sizes_are_those_of_the_profile_and_never_larger(done, hd, tmp_path, seen, size, made):
    result = done("video_profile", input=hd(*size), output_dir=tmp_path, profiles=list(LIMITS))
    assert [seen(output.path).size for output in result.outputs] == made
    assert [(output.width, output.height) for output in result.outputs] == made
    assert [one["profile"] for one in result.metadata["profiles"]] == list(LIMITS)


def test_the_bitrate_has_a_cap(done, hd, tmp_path):
    source = hd(256, 192, 75, 60)
    result = done("video_profile", input=source, output=tmp_path / "a.mp4", profile="web-low")
    assert source.stat().st_size * 8 / 3 > 3_000_000
    bits = (tmp_path / "a.mp4").stat().st_size * 8
    # The cap holds over two seconds' worth of buffer that is full at the start.
    assert bits <= 1_000_000 * (3 + 2) * 1.05
    (report,) = result.metadata["profiles"]
    assert report["max_bitrate"] == 1_000_000
    assert report["crf"] > 0


def coded(path):
    """Return what a film's picture is made of, and when each part is decoded and shown, in seconds."""
    with av.open(str(path)) as container:
        (stream,) = container.streams.video
        told = stream.codec_context.name, stream.average_rate, bytes(stream.codec_context.extradata or b"")
        packets = [packet for packet in container.demux(stream) if packet.size]
        return told, [(float(one.pts * one.time_base), one.is_keyframe, bytes(one)) for one in packets]


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mp4", "h264"), ("mp4", "h265"), ("mkv", "h264"), ("webm", "vp9"), ("webm", "vp8"), ("mov", "h265")],
)
def test_films_of_one_size_have_one_picture_where_it_is_within_each_cap(done, sample, tmp_path, seen, suffix, codec):
    fields = {"output_dir": tmp_path, "profiles": list(LIMITS), "codec": codec, "format": suffix}
    result = done("video_profile", input=sample("film.mp4"), **fields)
    low, middle, high = (coded(output.path) for output in result.outputs)
    assert low == middle == high
    assert {len(seen(output.path).sounds) for output in result.outputs} == {1}
    films = [seen(output.path) for output in result.outputs]
    assert {(film.codec, film.size, len(film.frames)) for film in films} == {(films[0].codec, (160, 120), 50)}
    reports = result.metadata["profiles"]
    assert [one["max_bitrate"] for one in reports] == [limit for _, _, limit in LIMITS.values()]
    assert {one["frames"] for one in reports} == {50}


def test_a_picture_beyond_a_cap_is_coded_for_itself(done, hd, tmp_path, seen):
    source = hd(256, 192, 75, 60)
    result = done("video_profile", input=source, output_dir=tmp_path, profiles=["web-low", "web-high"])
    low, high = (seen(output.path) for output in result.outputs)
    bits = [output.size_bytes * 8 for output in result.outputs]
    assert bits[0] <= 1_000_000 * (3 + 2) * 1.05
    assert bits[1] > bits[0] * 1.5
    assert len(low.frames) == len(high.frames) == 75
    assert [one["frames"] for one in result.metadata["profiles"]] == [75, 75]
    assert "damaged" not in result.metadata


def test_an_easy_film_stays_far_below_the_cap(done, sample, tmp_path):
    done("video_profile", input=sample("silent.mp4"), output=tmp_path / "a.mp4", profile="web-high")
    assert (tmp_path / "a.mp4").stat().st_size < 20_000


def test_the_index_comes_first(done, sample, tmp_path):
    done("video_profile", input=sample("film.mp4"), output=tmp_path / "a.mp4", profile="web-low")
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(("suffix", "codec", "sound"), [("mp4", "h264", "aac"), ("webm", "vp9", "opus")])
def test_containers(done, sample, tmp_path, seen, suffix, codec, sound):
    path = tmp_path / f"a.{suffix}"
    done("video_profile", input=sample("sync.mp4"), output=path, profile="web-low")
    film = seen(path)
    assert (film.codec, film.sounds[0].codec) == (codec, sound)


@pytest.mark.parametrize("name", ["turned-90.mp4", "wide-pixels.mp4", "uneven.mp4", "interlaced.mp4", "hdr10.mp4"])
def test_hard_films_come_out_right(done, sample, tmp_path, seen, name):
    result = done("video_profile", input=sample(name), output_dir=tmp_path, profiles=["web-low", "web-high"])
    sizes = {"turned-90.mp4": (120, 160), "wide-pixels.mp4": (232, 120)}
    for output, report in zip(result.outputs, result.metadata["profiles"], strict=True):
        film = seen(output.path)
        assert film.size == sizes.get(name, (160, 120))
        assert len(film.frames) == report["frames"]
        assert report.get("tone_mapped") == ("pq" if name == "hdr10.mp4" else None)
        assert report.get("deinterlaced", False) == (name == "interlaced.mp4")


def test_six_channels_stay_six(done, sample, tmp_path, seen):
    done("video_profile", input=sample("surround.mp4"), output=tmp_path / "a.mp4", profile="web-low")
    assert seen(tmp_path / "a.mp4").sounds[0].channels == 6


def test_a_film_that_is_there_already_is_left_alone(done, sample, tmp_path):
    (tmp_path / "film-web-low.mp4").write_bytes(b"mine")
    fields = {"output_dir": tmp_path, "profiles": ["web-low", "web-mid"], "overwrite": "skip"}
    result = done("video_profile", input=sample("film.mp4"), **fields)
    assert (tmp_path / "film-web-low.mp4").read_bytes() == b"mine"
    assert [output.skipped is True for output in result.outputs] == [True, False]
    assert [one["profile"] for one in result.metadata["profiles"]] == ["web-mid"]


@pytest.mark.parametrize(("fields", "field"), [
    ({"output": "a.mp4"}, "profile"),
    ({"output": "a.mp4", "profile": "web-low", "profiles": ["web-mid"]}, "profile"),
    ({"output": "a.mp4", "profiles": ["web-mid"]}, "output"),
    ({"output_dir": "a", "profiles": []}, "profiles"),
    ({"output_dir": "a", "profiles": ["web-mid", "web-mid"]}, "profiles"),
    ({"output_dir": "a", "profiles": ["web"]}, "profiles[0]"),
    ({"output": "a.mp4", "profile": "4k"}, "profile"),
    ({"output": "a.mp4", "profile": "web-low", "codec": "vp8"}, "codec"),
    ({"output": "a.mp4", "profile": "web-low", "crf": 20}, "crf"),
])  # fmt: skip
def test_contradictions_are_refused(job, sample, fields, field):
    result = job("video_profile", input=sample("film.mp4"), **fields)
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", field)


def test_damaged_inputs(job, sample, tmp_path):
    for name, code in (("no-index.mp4", "corrupt_input"), ("sound-only.mp4", "unsupported_format")):
        result = job("video_profile", input=sample(name), output_dir=tmp_path, profiles=["web-low"])
        assert result.error_info.code == code
    assert list(tmp_path.iterdir()) == []
    result = job("video_profile", input=sample("rotten.mp4"), output_dir=tmp_path, profiles=["web-low"])
    assert result.metadata["damaged"]["decode_errors"] > 0


@pytest.mark.parametrize(
    ("name", "suffix"), [("captions.mp4", "mp4"), ("captions.mkv", "mp4"), ("captions.mkv", "mkv")]
)
def test_every_film_gets_the_subtitles_and_the_same_sound(done, sample, tmp_path, seen, texts, heard, name, suffix):
    fields = {"output_dir": tmp_path, "profiles": ["web-low", "web-mid", "web-high"], "format": suffix}
    result = done("video_profile", input=sample(name), **fields)
    cues = [texts(output.path) for output in result.outputs]
    assert [text for _, _, text in cues[0]] == ["First line", "Second line\nin two rows"]
    assert cues[0] == cues[1] == cues[2]
    sounds = [heard(output.path) for output in result.outputs]
    assert len({one.samples.shape for one in sounds}) == 1
    assert len({one.start for one in sounds}) == 1
    assert [len(seen(output.path).frames) for output in result.outputs] == [50, 50, 50]


def test_copied_subtitles_reach_every_film_whatever_their_number(done, sample, tmp_path, texts):
    path = tmp_path / "a.mkv"
    with av.open(str(sample("captions.mkv"))) as source, av.open(str(path), "w") as target:
        streams = sorted(source.streams, key=lambda one: one.type != "subtitle")
        made = {one.index: target.add_stream_from_template(one, opaque=True) for one in streams}
        for packet in source.demux():
            if packet.size:
                packet.stream = made[packet.stream.index]
                target.mux(packet)
    fields = {"output_dir": tmp_path, "profiles": ["web-low", "web-high"], "format": "mkv"}
    result = done("video_profile", input=path, **fields)
    found = [[text for _, _, text in texts(output.path)] for output in result.outputs]
    assert found == [["First line", "Second line\nin two rows"]] * 2


def test_pictures_at_one_and_the_same_time_are_counted(done, tmp_path, sample, seen):
    path = tmp_path / "a.mkv"
    with av.open(str(sample("silent.mp4"))) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                packet.pts = packet.dts = packet.dts // 1024 * 1024  # two by two
                target.mux(packet)
    result = done("video_profile", input=path, output=tmp_path / "b.mp4", profile="web-low")
    (report,) = result.metadata["profiles"]
    assert report["frames"] + report["late_frames"] == 10
    assert len(seen(tmp_path / "b.mp4").frames) == report["frames"]
