"""How bright a master was, as containers tell it: their boxes and elements read here byte by byte."""

import struct

import av
import numpy as np
import pytest

from fixtures.samples import bright, moving, reels
from fixtures.samples.reels import Film, Picture

DISPLAY = (8500, 39850, 6550, 2300, 35400, 14600, 15635, 16450, 10_000_000, 50)
"""Green, blue, red and white in 0.00002, most and least light in 0.0001 cd/m2."""

_PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_SEGMENT, _TRACKS, _TRACK, _VIDEO, _COLOUR, _DISPLAY = 0x18538067, 0x1654AE6B, 0xAE, 0xE0, 0x55B0, 0x55D0
_POINTS = (0x55D3, 0x55D4, 0x55D5, 0x55D6, 0x55D1, 0x55D2, 0x55D7, 0x55D8)
_MOST, _LEAST, _LIGHT, _AVERAGE = 0x55D9, 0x55DA, 0x55BC, 0x55BD


def boxes(data, at=0, end=None):
    """Yield the boxes of an MP4 file, those inside others too (ISO 14496-12): names and bodies."""
    end = len(data) if end is None else end
    while at + 8 <= end:
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        size = size or end - at
        yield kind, data[at + 8 : at + size]
        if kind in _PARENTS:
            yield from boxes(data, at + 8, at + size)
        elif kind == b"stsd":
            yield from boxes(data, at + 16, at + size)
        elif kind in (b"hvc1", b"hev1"):
            yield from boxes(data, at + 86, at + size)
        at += size


def number(data, at, *, marked):
    """Return an EBML number, with its length's mark or without, and where it ends (RFC 8794)."""
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + length], "big")
    return (value if marked else value & ((1 << 7 * length) - 1)), at + length


def elements(data):
    """Yield the elements of a Matroska file, those inside others too, up to its first picture."""
    at = 0
    while at < len(data):
        name, at = number(data, at, marked=True)
        size, at = number(data, at, marked=False)
        body = data[at : at + size]
        yield name, body
        if name in (_SEGMENT, _TRACKS, _TRACK, _VIDEO, _COLOUR, _DISPLAY):
            yield from elements(body)
        at += size


def told(path):
    """Return the mastering display and the light levels a container tells of, None where it does not."""
    data = path.read_bytes()
    if path.suffix in (".mp4", ".mov"):
        found = dict(boxes(data))
        display, light = found.get(b"mdcv"), found.get(b"clli")
        return display and struct.unpack(">8H2I", display), light and struct.unpack(">2H", light)
    found = dict(elements(data))
    if _DISPLAY not in found:
        return None, None
    points = [struct.unpack(">d" if len(found[one]) == 8 else ">f", found[one])[0] * 50_000 for one in _POINTS]
    lights = [struct.unpack(">d" if len(found[one]) == 8 else ">f", found[one])[0] * 10_000 for one in (_MOST, _LEAST)]
    levels = tuple(int.from_bytes(found[one], "big") for one in (_LIGHT, _AVERAGE))
    return tuple(round(one) for one in (*points, *lights)), levels


@pytest.fixture
def film(tmp_path):
    """A film in HDR with sound, whose container does not tell of its master; its pictures do."""
    said = f"hdr10=1:repeat-headers=1:master-display={bright.MASTERING}:max-cll={bright.LIGHT[0]},{bright.LIGHT[1]}"
    options = {"crf": "24", "x265-params": f"pools=none:frame-threads=1:log-level=error:keyint=5:{said}"}
    picture = Picture(
        codec="libx265", pixels="yuv420p10le", seconds=0.6, colour=(9, 16, 9, 1), options=options, paint=moving.picture
    )
    sound = reels.Sound(np.stack([moving.tone(440, 0.6)] * 2))
    path = tmp_path / "master.mp4"
    path.write_bytes(reels.write(Film(picture=picture, sounds=[sound])))
    assert told(path) == (None, None)
    return path


@pytest.fixture
def made(done, film, tmp_path):
    """Return a function that makes an output of it, and returns its path."""

    def run(operation, suffix, source=film, **fields):
        path = tmp_path / f"{source.stem}-{operation}.{suffix}"
        done(operation, input=source, output=path, **fields)
        return path

    return run


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize(("operation", "fields"), [
    ("video_transcode", {"skip_if_larger": False}), ("video_resize", {"width": 80, "skip_if_larger": False}),
    ("video_transcode", {"target_size": "12kB", "skip_if_larger": False}),
], ids=["transcode", "resize", "two-passes"])  # fmt: skip
def test_what_is_coded_tells_how_bright_it_is(made, seen, operation, fields, suffix):
    path = made(operation, suffix, **fields, codec="h265")
    assert told(path) == (DISPLAY, bright.LIGHT)
    found = seen(path)
    assert (found.codec, found.pixels, found.colour) == ("hevc", "yuv420p10le", (9, 16, 9, 1))
    assert found.side.keys() >= {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"}
    assert found.sounds[0].codec == "aac"
    assert len(found.frames) == 15


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize(("start", "count"), [(0, 13), (0.1, 11)])
def test_cuts_tell_it_where_only_the_pictures_did(made, seen, film, suffix, start, count):
    first = made("video_transcode", "mp4", codec="h265", skip_if_larger=False)
    for source in (film, first):
        path = made("video_trim", suffix, source, start=start, end=0.5)
        assert told(path) == (DISPLAY, bright.LIGHT)
        found = seen(path)
        assert (found.size, found.pixels, found.colour) == ((160, 120), "yuv420p10le", (9, 16, 9, 1))
        assert len(found.frames) == count
        assert found.side.keys() >= {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"}


def test_cuts_of_streams_without_a_container_of_boxes_tell_it(made, seen, film, tmp_path):
    path = tmp_path / "stream.ts"
    with av.open(str(film)) as source, av.open(str(path), "w", format="mpegts") as target:
        copy = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    for start, count in ((0, 15), (0.1, 13)):
        cut = made("video_trim", "mp4", path, start=start)
        assert told(cut) == (DISPLAY, bright.LIGHT)
        assert len(seen(cut).frames) == count


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_cuts_that_tell_it_stay_turned(made, seen, film, tmp_path, suffix):
    path = tmp_path / "turned.mp4"
    with av.open(str(film)) as source, av.open(str(path), "w", format="mp4") as target:
        copy = target.add_stream_from_template(source.streams.video[0])
        copy.set_display_rotation(90)
        copy.metadata["language"] = "ita"
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    cut = made("video_trim", suffix, path, start=0.1)
    assert told(cut) == (DISPLAY, bright.LIGHT)
    assert seen(cut).side["DISPLAYMATRIX"] == seen(path).side["DISPLAYMATRIX"]
    with av.open(str(cut)) as container:
        assert container.streams.video[0].metadata["language"] == "ita"


@pytest.mark.parametrize("via", ["mp4", "mkv"])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_copies_keep_what_is_told(made, via, suffix):
    first = made("video_transcode", via, codec="h265", skip_if_larger=False)
    assert told(made("video_trim", suffix, first, start=0)) == (DISPLAY, bright.LIGHT)
    assert told(made("video_transcode", suffix, first, codec="h265", quality="high")) == (DISPLAY, bright.LIGHT)


@pytest.mark.parametrize("fields", [{"codec": "h264"}, {"codec": "vp9", "format": "mp4"}])
def test_what_is_no_longer_hdr_tells_nothing(made, fields):
    assert told(made("video_transcode", "mp4", skip_if_larger=False, **fields)) == (None, None)


def test_what_was_never_hdr_tells_nothing(done, sample, tmp_path):
    done("video_transcode", input=sample("film.mp4"), output=tmp_path / "a.mp4", codec="h265", skip_if_larger=False)
    assert told(tmp_path / "a.mp4") == (None, None)
