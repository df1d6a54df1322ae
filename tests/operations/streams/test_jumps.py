"""Transport streams put one behind the other go on where the first one ends, whatever their clocks say."""

import itertools
from pathlib import Path
from typing import Any

import av
import pytest


@pytest.fixture
def twice(sample: Any, tmp_path: Path) -> Path:
    """Return a film of 2 s behind itself."""
    path = tmp_path / "twice.ts"
    path.write_bytes(sample("film.ts").read_bytes() * 2)
    return path


def _times(path: str, kind: str) -> list[float]:
    with av.open(path) as container:
        streams = {"video": container.streams.video, "audio": container.streams.audio}[kind]
        return [float(frame.pts * frame.time_base) for frame in container.decode(streams[0])]


@pytest.mark.parametrize(
    "fields",
    [
        {"operation": "video_transcode", "preset": "ultrafast"},
        {"operation": "video_transcode", "preset": "ultrafast", "audio_codec": "mp3"},
        {"operation": "video_resize", "width": 160},
        {"operation": "video_trim", "start": 0, "accurate": False},
    ],
    ids=["sound copied", "sound coded", "copied", "cut"],
)
def test_films_go_on(done: Any, twice: Path, tmp_path: Path, fields: dict[str, Any]) -> None:
    result = done(input=twice, output=tmp_path / "out.mp4", **fields)
    pictures, sounds = (_times(result.outputs[0].path, kind) for kind in ("video", "audio"))
    assert len(pictures) == 100
    assert all(0.039 <= later - before <= 0.1 for before, later in itertools.pairwise(pictures))
    assert abs(pictures[-1] - sounds[-1]) < 0.1
    assert result.outputs[0].duration == pytest.approx(4.03, abs=0.05)
    assert "damaged" not in result.metadata


@pytest.mark.parametrize("suffix", ["mp3", "m4a"])
def test_sounds_go_on(done: Any, twice: Path, tmp_path: Path, suffix: str) -> None:
    result = done("audio_extract", input=twice, output=tmp_path / f"out.{suffix}")
    assert result.metadata["copied"] == (suffix == "m4a")
    assert result.outputs[0].duration == pytest.approx(4.03, abs=0.05)
    assert _times(result.outputs[0].path, "audio")[-1] == pytest.approx(4.0, abs=0.06)


def test_one_wrong_time_is_no_jump(done: Any, sample: Any, tmp_path: Path) -> None:
    data = bytearray(sample("film.ts").read_bytes())
    begins = [
        at for at in range(0, len(data), 188) if data[at + 1] & 0x40 and data.find(b"\0\0\1\xe0", at, at + 188) > 0
    ]
    packet = data.find(b"\0\0\1\xe0", begins[25])
    assert data[packet + 7] & 0x80
    data[packet + 9] ^= 0x04  # some hours on
    if data[packet + 7] & 0x40:
        data[packet + 14] ^= 0x04
    path = tmp_path / "wrong.ts"
    path.write_bytes(data)
    result = done("video_transcode", input=path, output=tmp_path / "out.mp4", preset="ultrafast")
    times = _times(result.outputs[0].path, "video")
    assert len(times) >= 49
    assert times[-1] == pytest.approx(1.96, abs=0.05)


def test_sound_without_its_header_stays_behind(done: Any, sample: Any, tmp_path: Path) -> None:
    data = bytearray(sample("film.ts").read_bytes())
    with av.open(str(sample("film.ts"))) as container:
        headers = [bytes(packet)[:8] for packet in container.demux(audio=0) if packet.size]
    at = data.find(headers[40])
    data[at] = 0
    path = tmp_path / "in.ts"
    path.write_bytes(data)
    for name, fields in {"video_transcode": {"skip_if_larger": False}, "video_trim": {"start": 0}}.items():
        result = done(name, input=path, output=tmp_path / "out.mp4", **fields)
        assert 85 < len(_times(result.outputs[0].path, "audio")) < len(headers)


def test_a_frame_of_sound_far_from_all_others_is_left_out(done: Any, sample: Any, tmp_path: Path) -> None:
    path = tmp_path / "in.flv"
    with av.open(str(sample("film.mp4"))) as source, av.open(str(path), "w") as target:
        made = {one.index: target.add_stream_from_template(one) for one in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = made[packet.stream_index]
                target.mux(packet)
    data = bytearray(path.read_bytes())
    at, sounds = 13, []
    while at < len(data):  # a tag's kind, length and time, of which the highest byte comes last; then its length again
        if data[at] == 8:
            sounds.append(at)
        at += 15 + int.from_bytes(data[at + 1 : at + 4], "big")
    data[sounds[40] + 7] = 1  # hours away
    path.write_bytes(data)
    fields = {"input": path, "output": tmp_path / "out.mp4", "audio_codec": "mp3", "skip_if_larger": False}
    result = done("video_transcode", **fields)
    assert result.outputs[0].duration < 3
    assert result.metadata["damaged"]["decode_errors"] >= 1
