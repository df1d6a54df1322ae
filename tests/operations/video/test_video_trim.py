import itertools
import subprocess
import sys

import av
import numpy as np
import pytest

from fixtures.samples import films, moving, reels
from fixtures.samples.reels import Film, Picture
from mediamill.operations.video import video_trim

TICK = 0.0015
"""Times of Matroska are whole milliseconds."""

_B_FRAMES = {"g": "10", "bf": "3", "preset": "veryfast", "crf": "18"}
_X264 = "threads=1:scenecut=0:b-adapt=0"
_X265 = "pools=none:frame-threads=1:log-level=error:keyint=10:min-keyint=10:scenecut=0:b-adapt=0"
_LIBVPX = {"g": "10", "auto-alt-ref": "1", "lag-in-frames": "10", "deadline": "realtime", "cpu-used": "8"}
_MPEG2 = {"g": "10", "bf": "3", "b": "2M", "qmin": "2", "qmax": "6", "sc_threshold": "1000000000"}
REELS = {
    "pyramid.mp4": ("mp4", Picture(options={**_B_FRAMES, "x264-params": f"{_X264}:b-pyramid=normal"})),
    "pyramid.mov": ("mov", Picture(options={**_B_FRAMES, "x264-params": _X264})),
    "pyramid.mkv": ("matroska", Picture(options={**_B_FRAMES, "x264-params": _X264})),
    "pyramid.ts": ("mpegts", Picture(options={**_B_FRAMES, "x264-params": _X264})),
    "open.mp4": ("mp4", Picture(options={**_B_FRAMES, "x264-params": f"{_X264}:open-gop=1"})),
    "baseline.mp4": ("mp4", Picture(options={"g": "10"})),
    "uneven.mp4": (
        "mp4",
        Picture(times=(*films.GAP[:-1], 1.92), options={**_B_FRAMES, "g": "5", "x264-params": _X264}),
    ),
    "deep.mp4": ("mp4", Picture(pixels="yuv420p10le", options={**_B_FRAMES, "x264-params": _X264})),
    "odd444.mp4": ("mp4", Picture(pixels="yuv444p", size=(161, 121), options={"g": "10", "bf": "2"})),
    "vp9.webm": ("webm", Picture(codec="libvpx-vp9", options=_LIBVPX)),
    "vp8.webm": ("webm", Picture(codec="libvpx", options=_LIBVPX)),
    "av1.mp4": ("mp4", Picture(codec="libsvtav1", options={"g": "10", "preset": "12", "crf": "20"})),
    "hevc.mp4": ("mp4", Picture(codec="libx265", options={"x265-params": f"{_X265}:bframes=3:open-gop=0"})),
    "hevc.mkv": ("matroska", Picture(codec="libx265", options={"x265-params": f"{_X265}:bframes=4:open-gop=0:radl=3"})),
    "hevc.ts": (
        "mpegts",
        Picture(codec="libx265", options={"x265-params": f"{_X265}:bframes=3:open-gop=0:repeat-headers=1"}),
    ),
    "hevc-open.mkv": ("matroska", Picture(codec="libx265", options={"x265-params": f"{_X265}:bframes=4"})),
    "hevc-open.mp4": (
        "mp4",
        Picture(codec="libx265", options={"x265-params": f"{_X265}:bframes=4:ref=4:b-pyramid=1:scaling-list=default"}),
    ),
    "hevc-open.ts": (
        "mpegts",
        Picture(codec="libx265", options={"x265-params": f"{_X265}:bframes=3:repeat-headers=1"}),
    ),
    "hevc-slices.mov": (
        "mov",
        Picture(
            codec="libx265",
            size=(208, 160),
            options={"x265-params": f"{_X265}:bframes=3:ctu=16:pools=1:wpp=1:slices=2:cbqpoffs=2:deblock=1,2:aud=1"},
        ),
    ),
    "mpeg2.mkv": ("matroska", Picture(codec="mpeg2video", options=_MPEG2)),
    "mpeg2.mp4": ("mp4", Picture(codec="mpeg2video", options=_MPEG2)),
    "mpeg2.ts": ("mpegts", Picture(codec="mpeg2video", options=_MPEG2)),
    "hevc-deep.mov": (
        "mov",
        Picture(codec="libx265", pixels="yuv420p10le", options={"x265-params": f"{_X265}:bframes=4:open-gop=0:aud=1"}),
    ),
}
"""Films of several groups of pictures, ten each, but for the uneven one's five."""

JOINED = ["pyramid.mp4", "pyramid.mov", "pyramid.mkv", "pyramid.ts", "baseline.mp4", "deep.mp4", "odd444.mp4"]
JOINED += ["vp9.webm", "vp8.webm", "av1.mp4", "hevc.mp4", "hevc.mkv", "hevc.ts", "hevc-deep.mov"]
OPEN = ["hevc-open.mkv", "hevc-open.mp4", "hevc-open.ts", "hevc-slices.mov"]
OPEN_MPEG2 = ["mpeg2.mkv", "mpeg2.mp4", "mpeg2.ts"]
JOINED += [*OPEN, *OPEN_MPEG2]
CUTS = [(0.5, 1.3), (0.47, 0.93), (0.85, 1.02), (0.44, 0.48), (0.9, None), (0.0, 0.7), (0.41, 0.415)]


@pytest.fixture(scope="session")
def reel(tmp_path_factory):
    """Return a function that makes one of the films above, once."""
    folder = tmp_path_factory.mktemp("reels")

    def made(name):
        path = folder / name
        if not path.exists():
            container, picture = REELS[name]
            sound = reels.stereo(codec="libopus" if container == "webm" else "aac", seconds=picture.seconds)
            path.write_bytes(reels.write(Film(format=container, picture=picture, sounds=[sound])))
        return path

    return made


@pytest.fixture
def trimmed(done, tmp_path):
    """Return a function that cuts a film, and returns the result and the file."""

    def run(source, suffix=None, **fields):
        output = tmp_path / f"out.{suffix or {'.ts': 'mp4', '.avi': 'mp4'}.get(source.suffix, source.suffix[1:])}"
        return done("video_trim", input=source, output=output, **fields), output

    return run


@pytest.fixture
def frames():
    """Return a function that decodes a film: times from the start of the file, and luma."""

    def read(path):
        with av.open(str(path)) as container:
            zero = (container.start_time or 0) / av.time_base
            found = [
                (float(frame.pts * frame.time_base), frame.to_ndarray(format="gray").astype(float))
                for frame in container.decode(video=0)
            ]
        return [(time - zero, luma) for time, luma in found]

    return read


def packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def units(packet):
    """Yield a packet's units, each after its length of four bytes."""
    at = 0
    while at < len(packet):
        size = int.from_bytes(packet[at : at + 4], "big")
        yield packet[at + 4 : at + 4 + size]
        at += 4 + size


@pytest.fixture
def complaints():
    """Return a function that decodes a film and returns what the decoder warned of."""

    def read(path):
        level = av.logging.get_level()
        av.logging.set_level(av.logging.WARNING)
        try:
            with av.logging.Capture() as said, av.open(str(path)) as container:
                for _ in container.decode(video=0):
                    pass
        finally:
            av.logging.set_level(level)
        return [text for importance, _, text in said if importance <= av.logging.WARNING]

    return read


def holds(before, after, count):
    """Return whether `count` packets in a row are the same in both."""
    runs = [before[at : at + count] for at in range(len(before) - count + 1)]
    return any(after[at : at + count] in runs for at in range(len(after) - count + 1))


def shown_between(source, start, end):
    """Return times and pictures that are seen for a millisecond or more, counted from the start."""
    end = end or 1e9
    found = []
    for (time, luma), after in zip(source, [*(time for time, _ in source[1:]), 1e9], strict=True):
        if min(after, end) - max(time, start) >= 0.001:
            found.append((max(time, start) - start, luma))
    return found


def check(made, wanted):
    """Hold a cut against what its source shows: number, times and pictures."""
    assert len(made) == len(wanted)
    first = made[0][0] - wanted[0][0]
    assert [time - first for time, _ in made] == pytest.approx([time for time, _ in wanted], abs=TICK)
    for (_, luma), (_, other) in zip(made, wanted, strict=True):
        assert np.abs(luma - other).mean() < 1.0  # neighbours are farther apart
    apart = [np.abs(one[1] - other[1]).mean() for one, other in itertools.pairwise(wanted)]
    nearer = [np.abs(one[1] - other[1]).mean() for one, other in zip(made, wanted, strict=True)]
    assert not apart or np.median(nearer) < np.median(apart)


def test_the_example(done, sample, tmp_path, seen):
    fields = {key: value for key, value in video_trim.EXAMPLE.items() if key not in ("operation", "input")}
    result = done("video_trim", input=sample("film.mp4"), **fields | {"output": str(tmp_path / "part.mp4")})
    assert seen(tmp_path / "part.mp4").size == (160, 120)
    assert (result.metadata["start"], result.metadata["end"], result.metadata["duration"]) == (0.5, 1.5, 1.0)
    assert (result.outputs[0].width, result.outputs[0].height, result.outputs[0].format) == (160, 120, "mp4")


@pytest.mark.parametrize("name", JOINED)
def test_only_the_edges_are_coded_anew(trimmed, reel, frames, name):
    source, before = frames(reel(name)), packets(reel(name))
    for start, end in CUTS:
        fields = {"start": start} | ({"end": end} if end is not None else {})
        result, path = trimmed(reel(name), **fields)
        wanted = shown_between(source, start, end)
        check(frames(path), wanted)
        anew = result.metadata["frames_reencoded"]
        assert anew <= 12
        assert result.metadata["frames"] == result.outputs[0].frames == len(wanted)
        if not name.endswith(".ts") and name not in OPEN_MPEG2:  # start codes become lengths, places are counted anew
            # What leads to a key picture is coded anew and left out behind it, and the key picture is told otherwise.
            led = name == "hevc.mkv" or name in OPEN
            assert holds(before, packets(path), len(wanted) - anew - (led and anew < len(wanted)))
        same = sum(any(np.array_equal(luma, other) for _, other in source) for _, luma in frames(path))
        assert same >= len(wanted) - anew
        kind = "none" if not anew else "edges" if anew < len(wanted) else "all"
        assert result.metadata["reencoded"] == kind
        assert result.metadata["copied"] is (kind == "none")
        assert result.metadata["duration"] == pytest.approx(
            (end or source[-1][0] + 0.04) - start, abs=0.003 if start else 0.05
        )


@pytest.mark.parametrize("name", [name for name in JOINED if name not in ("hevc.mkv", *OPEN, *OPEN_MPEG2)])
def test_cuts_at_key_pictures_copy_everything(trimmed, reel, frames, name):
    with av.open(str(reel(name))) as container:
        zero = (container.start_time or 0) / av.time_base
        keys = [float(one.pts * one.time_base) - zero for one in container.demux(video=0) if one.is_keyframe]
    result, path = trimmed(reel(name), start=round(keys[1], 3), end=round(keys[3], 3))
    assert (result.metadata["reencoded"], result.metadata["frames_reencoded"]) == ("none", 0)
    assert result.metadata["frames"] == 20
    check(frames(path), shown_between(frames(reel(name)), round(keys[1], 3), round(keys[3], 3)))
    if not name.endswith(".ts"):
        before, after = packets(reel(name)), packets(path)
        assert after == before[before.index(after[0]) :][: len(after)]


def test_what_cannot_be_joined_is_coded_anew(trimmed, reel, frames, seen):
    result, path = trimmed(reel("open.mp4"), start=0.5, end=1.02)
    assert result.metadata["reencoded"] == "all"
    check(frames(path), shown_between(frames(reel("open.mp4")), 0.5, 1.02))
    film = seen(path)
    assert (film.codec, film.tag) == ("h264", "avc1")


def test_open_groups_of_h264_are_copied_from_the_next_picture_that_begins_anew(
    trimmed, reel, frames, complaints, tmp_path
):
    path = tmp_path / "twice.mkv"
    with av.open(str(path), "w", format="matroska") as target:
        copy = None
        for turn in range(2):
            with av.open(str(reel("open.mp4"))) as source:
                stream = source.streams.video[0]
                copy = copy or target.add_stream_from_template(stream)
                for packet in source.demux(stream):
                    if packet.size:
                        packet.pts += turn * round(2 / packet.time_base)
                        packet.dts += turn * round(2 / packet.time_base)
                        packet.stream = copy
                        target.mux(packet)
    source = frames(path)
    result, part = trimmed(path, start=1.5, end=3.7)
    assert result.metadata["reencoded"] == "edges"
    assert 13 <= result.metadata["frames_reencoded"] <= 16  # up to where the second film begins
    check(frames(part), shown_between(source, 1.5, 3.7))
    assert holds(packets(path), packets(part), 55 - result.metadata["frames_reencoded"])
    assert complaints(part) == []


@pytest.mark.parametrize("name", ["open.mp4", "hevc-open.mkv", "mpeg2.mkv"])
@pytest.mark.parametrize("cut", [(0.4, 0.44), (0.4, 0.48), (0.4, 0.84), (0.4, 1.0), (0.36, 0.44), (0.0, 0.36)])
def test_open_groups_show_no_broken_picture(trimmed, reel, frames, name, cut):
    _, path = trimmed(reel(name), start=cut[0], end=cut[1])
    check(frames(path), shown_between(frames(reel(name)), *cut))


def test_a_joined_picture_of_h265_is_a_broken_link_that_names_no_picture(trimmed, reel, complaints):
    for name in OPEN:
        for start, end in ((0.5, 1.3), (0.7, 1.25), (0.55, 0.9)):
            _, path = trimmed(reel(name), start=start, end=end)
            kinds = [[unit[0] >> 1 for unit in units(packet) if unit[0] >> 1 < 32] for packet in packets(path)]
            at = next(number for number, one in enumerate(kinds) if one[0] == 18)
            assert set(kinds[at]) == {18}
            assert not {6, 7, 8, 9} & set(kinds[at + 1])  # no leading picture behind it
            assert complaints(path) == []


@pytest.mark.parametrize("name", OPEN_MPEG2)
def test_groups_of_mpeg2_are_closed_and_counted_from_where_copying_begins(trimmed, reel, complaints, name):
    _, path = trimmed(reel(name), start=0.6, end=1.7)
    groups, places = [], []
    for packet in packets(path):
        at = packet.find(b"\0\0\1\xb8")
        if at >= 0:
            groups.append(packet[at + 7] & 0x60)
            places.append([])
        at = packet.index(b"\0\0\1\0") + 4
        places[-1].append(packet[at] << 2 | packet[at + 1] >> 6)
    # The part's head, the group it joins, the next one as it was, and the tail.
    assert groups[0] == groups[1] == groups[-1] == 0x40
    assert groups[2] == 0
    assert all(sorted(one) == list(range(len(one))) for one in places[:2])
    assert complaints(path) == []


def test_quantisation_of_its_own_is_kept_for_what_is_copied_alone(trimmed, reel, frames, complaints, tmp_path):
    path = tmp_path / "own.mkv"
    matrices = bytes(8 + number // 2 for number in range(64)), bytes(20 + number // 4 for number in range(64))
    with av.open(str(reel("mpeg2.mkv"))) as source, av.open(str(path), "w", format="matroska") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        header = with_matrices(stream.codec_context.extradata, *matrices)
        copy.codec_context.extradata = header
        for packet in source.demux(stream):
            if packet.size:
                made = av.Packet(with_matrices(bytes(packet), *matrices))
                made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
                made.duration, made.is_keyframe, made.stream = packet.duration, packet.is_keyframe, copy
                target.mux(made)
    for start, end in ((0.6, 1.3), (1.1, None)):
        result, part = trimmed(path, start=start, **({"end": end} if end else {}))
        assert result.metadata["reencoded"] == "edges"
        check(frames(part), shown_between(frames(path), start, end))
        assert complaints(part) == []


def with_matrices(data, intra, other):
    """Return MPEG-2 with a sequence header that has quantisation matrices of its own."""
    at = data.find(b"\0\0\1\xb3")
    if at < 0:
        return data
    bits = int.from_bytes(data[at + 8 : at + 12], "big") >> 2
    whole = bits << 1 | 1
    for byte in intra:
        whole = whole << 8 | byte
    whole = whole << 1 | 1
    for byte in other:
        whole = whole << 8 | byte
    return data[: at + 8] + whole.to_bytes(132, "big") + data[at + 12 :]


@pytest.mark.parametrize("cut", [(0.0, 0.04), (0.44, 0.48), (0.45, 0.46), (0.44, 0.52), (0.44, 0.56)])
def test_the_shortest_films_of_h265(trimmed, reel, frames, cut):
    _, path = trimmed(reel("hevc.mp4"), start=cut[0], end=cut[1])
    check(frames(path), shown_between(frames(reel("hevc.mp4")), *cut))


@pytest.mark.parametrize("cut", [(0.1, 0.5), (0.3, 1.0), (0.6, 1.7), (1.0, None), (0.46, 0.49)])
def test_uneven_times_are_kept(trimmed, reel, frames, cut):
    _, path = trimmed(reel("uneven.mp4"), start=cut[0], **({"end": cut[1]} if cut[1] else {}))
    check(frames(path), shown_between(frames(reel("uneven.mp4")), *cut))


@pytest.mark.parametrize(
    "name", ["pyramid.mp4", "pyramid.mkv", "pyramid.ts", "vp9.webm", "hevc.mp4", "av1.mp4", "open.mp4", "hevc-open.mkv"]
)
def test_copying_begins_at_the_key_picture_before(trimmed, reel, frames, name):
    result, path = trimmed(reel(name), start=0.5, end=1.02, accurate=False)
    start, end = result.metadata["start"], result.metadata["end"]
    assert start == pytest.approx(0.4, abs=0.03)
    assert 0.9 < end <= 1.02
    assert result.metadata["reencoded"] == "none"
    check(frames(path), shown_between(frames(reel(name)), start, end))
    if not name.endswith(".ts"):
        assert set(packets(path)) <= set(packets(reel(name)))


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("name", ["pyramid.mp4", "pyramid.mov", "pyramid.mkv", "pyramid.ts"])
def test_containers(trimmed, reel, frames, heard, suffix, name):
    _, path = trimmed(reel(name), suffix, start=0.5, end=1.5)
    check(frames(path), shown_between(frames(reel(name)), 0.5, 1.5))
    sound = heard(path)
    assert sound.start == pytest.approx(0, abs=0.045)
    assert sound.start + sound.samples.shape[1] / sound.rate == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.mkv", "film.ts", "film.avi", "film.webm"])
@pytest.mark.parametrize("accurate", [True, False])
def test_a_whole_film_is_only_put_into_another_container(trimmed, sample, frames, heard, name, accurate):
    suffix = "webm" if name == "film.webm" else "mp4"
    result, path = trimmed(sample(name), suffix, start=0, accurate=accurate)
    assert result.metadata["reencoded"] == "none"
    before, after = frames(sample(name)), frames(path)
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=TICK)
    assert all(np.array_equal(one[1], other[1]) for one, other in zip(before, after, strict=True))
    sound, original = heard(path), heard(sample(name))
    assert sound.samples.shape[1] == pytest.approx(original.samples.shape[1], abs=1152)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("start", [0.5, 0.977, 0.2])
def test_picture_and_sound_stay_together(trimmed, sample, seen, heard, suffix, start):
    _, path = trimmed(sample("sync.mp4"), suffix, start=start, end=2.6)
    film, sound = seen(path), heard(path)
    luma = [frame.to_ndarray(format="gray").mean() for frame in film.frames]
    flashes = [film.times[index] for index, value in enumerate(luma) if value > 128]
    loud = np.flatnonzero(np.abs(sound.samples[0]) > 0.4)
    firsts = loud[np.insert(np.diff(loud) > sound.rate // 10, 0, True)]
    assert flashes == pytest.approx([1.0 - start, 2.0 - start], abs=0.021)
    assert [sound.start + first / sound.rate for first in firsts] == pytest.approx(flashes, abs=0.02)


def test_sound_is_right_from_its_first_sample_on(trimmed, sample, heard):
    _, path = trimmed(sample("film.mp4"), start=0.5, end=1.5)
    before, after = heard(sample("film.mp4")), heard(path)
    assert after.start == 0
    at = round(0.5 * before.rate)
    assert np.abs(after.samples[:, :40_000] - before.samples[:, at : at + 40_000]).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "start"), [("late-picture.mp4", 0.3), ("late-sound.mp4", 0.2), ("late-picture.mp4", 0)]
)
def test_what_starts_late_starts_as_late(trimmed, sample, seen, heard, name, start):
    def apart(path):
        sound = heard(path)
        return seen(path).times[-1] - (sound.start + sound.samples.shape[1] / sound.rate)

    _, path = trimmed(sample(name), start=start)
    assert apart(path) == pytest.approx(apart(sample(name)), abs=0.03)
    assert heard(path).samples.shape[1] == pytest.approx(
        heard(sample(name)).samples.shape[1], abs=start * 48_000 + 1100
    )


@pytest.mark.parametrize("accurate", [True, False])
def test_what_an_edit_list_hides_stays_hidden(trimmed, sample, frames, accurate):
    result, path = trimmed(sample("edited.mp4"), start=0.2, accurate=accurate)
    assert result.metadata["start"] == (0.2 if accurate else 0)
    check(frames(path), shown_between(frames(sample("edited.mp4")), result.metadata["start"], None))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_pictures_stored_out_of_order_are_cut_where_they_are_shown(done, sample, tmp_path, seen, rgb, suffix):
    output = tmp_path / f"cut.{suffix}"
    result = done("video_trim", input=sample("reordered.avi"), output=output, start=0.5, end=1.6)
    film = seen(output)
    assert result.metadata["reencoded"] == "all"
    assert len(film.frames) == 28  # the one on screen at 0.5 is shown since 0.48
    for number, frame in enumerate(film.frames):
        assert rgb(frame)[-6:].mean() / 255 == pytest.approx((12 + number) / 50, abs=0.03)


@pytest.mark.parametrize("fields", [{"end": 1.6}, {"start": 0, "accurate": False}])
def test_pictures_stored_out_of_order_are_never_copied(done, sample, tmp_path, seen, fields):
    result = done("video_trim", input=sample("reordered.avi"), output=tmp_path / "cut.mp4", **fields)
    film = seen(tmp_path / "cut.mp4")
    assert result.metadata["reencoded"] == "all"
    assert film.times == sorted(film.times)
    assert len(film.frames) == round(25 * fields.get("end", 2.0))


def test_a_clock_that_runs_over(trimmed, sample, frames):
    _, path = trimmed(sample("wrapping.ts"), start=0.5, end=1.5)
    check(frames(path), shown_between(frames(sample("wrapping.ts")), 0.5, 1.5))


def test_a_film_that_changes_its_size(trimmed, sample, seen):
    result, path = trimmed(sample("changing.ts"), start=0.52, end=1.52)
    film = seen(path)
    assert (film.size, len(film.frames)) == ((160, 120), 25)
    assert (result.metadata["size_changed"], result.metadata["reencoded"]) == (True, "all")


def test_fragments_and_one_frame(trimmed, sample, frames):
    _, path = trimmed(sample("fragmented.mp4"), start=0.5, end=1.5)
    check(frames(path), shown_between(frames(sample("fragmented.mp4")), 0.5, 1.5))
    result, path = trimmed(sample("one-frame.mp4"), start=0, end=0.04)
    assert (len(frames(path)), result.metadata["reencoded"]) == (1, "none")


@pytest.mark.parametrize("name", sorted(films.TURNS))
def test_turns_are_kept(trimmed, sample, seen, name):
    _, path = trimmed(sample(name), start=0.1, end=0.3)
    film, source = seen(path), seen(sample(name))
    assert (film.size, film.side.get("DISPLAYMATRIX")) == (source.size, source.side.get("DISPLAYMATRIX"))


@pytest.mark.parametrize("name", ["wide-pixels.mp4", "bt601.mp4", "bt709.mp4", "full-range.mp4"])
def test_shapes_and_colours_are_kept(trimmed, sample, seen, rgb, distance, name):
    _, path = trimmed(sample(name), start=0.1, end=0.3)
    film, source = seen(path), seen(sample(name))
    assert (film.size, film.sample, film.colour, film.pixels) == (
        source.size, source.sample, source.colour, source.pixels,
    )  # fmt: skip
    at = round(0.1 * 25 + 0.49)
    assert distance(rgb(film.frames[1]), rgb(source.frames[at])) < 2


@pytest.mark.parametrize("start", [0, 0.1])
def test_hdr_is_kept(trimmed, sample, seen, start):
    result, path = trimmed(sample("hdr10.mp4"), start=start, end=0.2)
    film, source = seen(path), seen(sample("hdr10.mp4"))
    assert result.metadata["reencoded"] == ("all" if start else "none")
    assert (film.pixels, film.colour, film.tag) == ("yuv420p10le", (9, 16, 9, 1), "hvc1")
    assert film.side.keys() >= {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"}
    assert film.side["CONTENT_LIGHT_LEVEL"][:8] == source.side["CONTENT_LIGHT_LEVEL"][:8]


def test_fields_are_copied_or_made_frames(trimmed, sample, seen):
    result, path = trimmed(sample("interlaced.mp4"), start=0, end=0.4)
    assert result.metadata["reencoded"] == "none"
    assert seen(path).frames[0].interlaced_frame
    result, path = trimmed(sample("interlaced.mp4"), start=0.2)
    assert (result.metadata["reencoded"], result.metadata["deinterlaced"]) == ("all", True)


def test_fields_of_mpeg2_stay_fields(trimmed, frames, seen, complaints, tmp_path):
    def fields(width, height, share):
        return moving.field_pair(width, height, round(share * 40) * 2)

    path = tmp_path / "fields.mkv"
    options = {**_MPEG2, "flags": "+ildct+ilme"}
    picture = Picture(codec="mpeg2video", size=(160, 112), seconds=1.6, paint=fields, options=options)
    path.write_bytes(reels.write(Film(format="matroska", picture=picture)))
    result, part = trimmed(path, start=0.6, end=1.5)
    assert result.metadata["reencoded"] == "edges"
    assert "deinterlaced" not in result.metadata
    assert all(frame.interlaced_frame for frame in seen(part).frames)
    check(frames(part), shown_between(frames(path), 0.6, 1.5))
    assert complaints(part) == []


def test_all_tracks_go_along_or_one(trimmed, sample, seen):
    for name in ("tracks.mp4", "tracks.mkv"):
        result, path = trimmed(sample(name), start=0.5, end=1.5)
        assert [one.language for one in seen(path).sounds] == ["eng", "fre", "ger"]
        assert [one.default for one in seen(path).sounds][1] is True
        result, path = trimmed(sample(name), start=0.5, end=1.5, track=3)
        assert [one.language for one in seen(path).sounds] == ["ger"]
        assert [one["language"] for one in result.metadata["dropped"]] == ["eng", "fre"]


@pytest.mark.parametrize("name", ["captions.mp4", "captions.mkv"])
@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "mov_text"), ("mkv", "subrip")])
def test_subtitles_and_chapters_are_cut(trimmed, sample, seen, texts, name, suffix, codec):
    _, path = trimmed(sample(name), suffix, start=0.5, end=1.4)
    film = seen(path)
    assert film.captions == [codec]
    late = film.times[0]
    assert [(round(begin - late, 2), round(end - late, 2), text) for begin, end, text in texts(path)] == [
        (0.0, 0.3, films.CUES[0][2]), (0.5, 0.9, films.CUES[1][2]),
    ]  # fmt: skip
    assert [(begin, end, one["title"]) for begin, end, one in film.chapters] == [
        (0, 0.5, "Opening"), (0.5, 0.9, "The rest"),
    ]  # fmt: skip


def test_covers_and_tags_go_along_or_stay(trimmed, sample, seen):
    assert seen(trimmed(sample("cover.mp4"), start=0.5)[1]).covers == 1
    assert seen(trimmed(sample("placed.mp4"), start=0.5)[1]).tags["title"] == "A walk"
    for name in ("placed.mp4", "placed.mov"):
        for start in (0, 0.5):
            _, path = trimmed(sample(name), start=start, strip_metadata=True)
            data = path.read_bytes()
            assert not [trace for trace in (b"48.8577", b"Maker", b"A walk", b"2024-05") if trace in data]


def test_the_index_comes_first(trimmed, reel):
    for suffix in ("mp4", "mov"):
        data = trimmed(reel("pyramid.mp4"), suffix, start=0.5)[1].read_bytes()
        assert data.index(b"moov") < data.index(b"mdat")


def test_an_end_beyond_the_film_is_the_films(trimmed, reel):
    result, _ = trimmed(reel("pyramid.mp4"), start="00:00:01.2", end=99)
    assert result.metadata["end_capped"] is True
    assert (result.metadata["end"], result.metadata["frames"]) == (2.0, 20)
    assert "end_capped" not in trimmed(reel("pyramid.mp4"), start=1.2, end=2)[0].metadata


@pytest.mark.parametrize(("fields", "field"), [
    ({}, "start"), ({"start": 1, "end": 1}, "end"), ({"start": 2, "end": 1}, "end"), ({"start": -1}, "start"),
    ({"start": 5}, "start"), ({"start": 2}, "start"), ({"end": "late"}, "end"), ({"end": 0}, "end"),
    ({"start": 1, "format": "webm"}, "format"), ({"start": 1, "track": 2}, "track"), ({"start": 1, "crf": 20}, "crf"),
    ({"start": 1, "output_dir": "x"}, "output"), ({"start": True}, "start"), ({"start": 1, "accurate": 1}, "accurate"),
    ({"end": 0.0004}, "end"),
])  # fmt: skip
def test_bad_jobs_are_refused(job, sample, tmp_path, fields, field):
    result = job("video_trim", input=sample("film.mp4"), **{"output": tmp_path / "a.mp4"} | fields)
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", field)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "code"), [
    ("no-index.mp4", "corrupt_input"), ("no-streams.mp4", "corrupt_input"), ("empty.mp4", "corrupt_input"),
    ("text.mp4", "unsupported_format"), ("list.mp4", "unsupported_format"), ("sound-only.mp4", "unsupported_format"),
])  # fmt: skip
def test_what_is_no_film(job, sample, tmp_path, name, code):
    result = job("video_trim", input=sample(name), output=tmp_path / "a.mp4", start=0.1)
    assert not result.success
    assert result.error_info.code in {code, "unsupported_format" if name == "empty.mp4" else code}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv", "rotten.mp4"])
@pytest.mark.parametrize("accurate", [True, False])
def test_damage_is_said_or_fatal(job, sample, tmp_path, name, accurate):
    fields = {"input": sample(name), "output": tmp_path / f"a{sample(name).suffix}", "start": 0.2, "accurate": accurate}
    result = job("video_trim", **fields)
    assert result.success, result.error
    if name != "rotten.mp4":
        assert result.metadata["damaged"]["missing_seconds"] > 0.5
    elif accurate:
        assert result.metadata["damaged"]["decode_errors"]
    if name != "rotten.mp4" or accurate:
        fields["output"] = tmp_path / f"b{sample(name).suffix}"
        assert job("video_trim", **fields, strict=True).error_info.code == "corrupt_input"
        assert not fields["output"].exists()


def test_no_room(sample, tmp_path):
    script = (
        "import resource, sys\n"
        "from mediamill.engine.inprocess import run_job\n"
        "from mediamill.engine.registry import Registry\n"
        "from mediamill.engine.settings import Settings\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "job = {'operation': 'video_trim', 'input': sys.argv[1], 'output': sys.argv[2], 'start': 0.5}\n"
        "result = run_job(job, Registry(), Settings(fsync=False))\n"
        "sys.exit(0 if not result.success and result.error_info.code == 'disk_full' else result.error or 'made')\n"
    )
    made = tmp_path / "out"
    made.mkdir()
    command = [sys.executable, "-c", script, str(sample("film.mp4")), str(made / "a.mp4")]
    subprocess.run(command, check=True)
    assert list(made.iterdir()) == []


def test_a_dry_run_writes_nothing(done, reel, tmp_path):
    result = done("video_trim", input=reel("pyramid.mp4"), output=tmp_path / "a.mp4", start=0.5, dry_run=True)
    assert result.success
    assert list(tmp_path.iterdir()) == []


def test_the_same_job_gives_the_same_bytes(trimmed, reel):
    made = [trimmed(reel("pyramid.mp4"), start=0.5, end=1.3)[1].read_bytes() for _ in range(2)]
    assert made[0] == made[1]
