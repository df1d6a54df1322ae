"""Films over the real stream: workers that die, disks that fill up, hosts that lose patience."""

import importlib
import os
import resource
import signal
import sys
import time
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from harness import ROOT, code, files_under

sys.path.append(ROOT)

RATE = 25


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Return a function that makes a film of so many seconds, by repeating ten of them."""
    folder = tmp_path_factory.mktemp("long")
    reels = importlib.import_module("fixtures.samples.reels")
    part = folder / "part.mp4"
    part.write_bytes(reels.write(reels.Film(picture=reels.Picture(seconds=10.0, options={"bf": "0"}))))

    def made(seconds):
        path = folder / f"{seconds}.mp4"
        if path.exists():
            return path
        with av.open(str(part)) as source, av.open(str(path), "w") as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            packets = [(bytes(one), one.is_keyframe) for one in source.demux(video=0) if one.size]
            for turn in range(seconds // 10):
                for index, (data, key) in enumerate(packets):
                    packet = av.Packet(data)
                    packet.stream, packet.is_keyframe = stream, key
                    packet.time_base = Fraction(1, RATE)
                    packet.pts = packet.dts = turn * len(packets) + index
                    packet.duration = 1
                    target.mux(packet)
        return path

    return made


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """Return a function that makes an uncompressed sound of so many seconds: what does most work for least bytes."""
    folder = tmp_path_factory.mktemp("heard")

    def made(seconds):
        path = folder / f"{seconds}.wav"
        if not path.exists():
            noise = np.random.default_rng(7).integers(-3000, 3000, 48_000 * 2, np.int16).tobytes()
            with wave.open(str(path), "wb") as sound:
                sound.setnchannels(2)
                sound.setsampwidth(2)
                sound.setframerate(48_000)
                for _ in range(seconds):
                    sound.writeframesraw(noise)
        return path

    return made


def transcode(source, **fields):
    return {
        "operation": "video_transcode", "input": str(source), "output": "out/film.mp4", "progress": True,
        "preset": "ultrafast", "skip_if_larger": False,
    } | fields  # fmt: skip


@pytest.fixture
def scratch(tmp_path):
    """Return a folder for an engine's temporary files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def past(engine, job_id, percent):
    """Wait until a job has come so far, and return the events that said so."""
    return engine.until(
        lambda: [e for e in engine.events if e["event"] == "progress" and e["id"] == job_id and e["percent"] >= percent]
    )


def test_a_worker_killed_half_way_is_replaced_and_the_film_whole(host, tmp_path, long):
    engine = host("--workers", 1)
    engine.send(transcode(long(600), id=1))
    past(engine, 1, 50)
    (worker,) = engine.workers()
    os.kill(worker, signal.SIGKILL)
    assert engine.event("retry", 1)["code"] == "worker_crashed"
    result = engine.result(1)
    assert code(result) == "ok"
    assert list(files_under(tmp_path / "out")) == ["film.mp4"]
    assert frames(tmp_path / "out" / "film.mp4") == result["metadata"]["frames"] == 600 * RATE
    assert code(engine.ask(transcode(long(10), id=2, output="out/next.mp4"))) == "ok"


def test_a_worker_killed_twice_leaves_nothing(host, tmp_path, long):
    engine = host("--workers", 1)
    engine.send(transcode(long(600), id=1))
    past(engine, 1, 20)
    assert any(name.endswith(".tmp") for name in files_under(tmp_path / "out"))
    os.kill(engine.workers()[0], signal.SIGKILL)
    engine.event("retry", 1)
    engine.event("started", 1, nth=1)
    os.kill(engine.workers()[0], signal.SIGKILL)
    result = engine.result(1)
    assert code(result) == "worker_crashed"
    assert result["outputs"] == []
    assert not (tmp_path / "out").exists() or files_under(tmp_path / "out") == {}
    assert code(engine.ask(transcode(long(10), id=2))) == "ok"


def test_an_hour_says_how_far_it_is_from_the_start_and_can_be_cancelled(host, tmp_path, long):
    engine = host("--workers", 1)
    engine.send(transcode(long(3600), id=1))
    first = engine.event("progress", 1)
    assert first["percent"] < 20
    assert "of 3600.0 s" in first["message"]
    past(engine, 1, 0.001)
    engine.send({"control": "cancel", "id": 1})
    assert code(engine.result(1)) == "cancelled"
    assert not (tmp_path / "out").exists() or files_under(tmp_path / "out") == {}
    assert code(engine.ask(transcode(long(10), id=2))) == "ok"


LONG = {
    "video_transcode": {"preset": "ultrafast", "skip_if_larger": False},
    "video_transcode to a score": {"preset": "ultrafast", "skip_if_larger": False, "target_score": 80},
    "video_transcode to a size": {"preset": "ultrafast", "skip_if_larger": False, "target_size": "20M"},
    "video_resize": {"width": 320},
    "video_trim": {"start": 1.0, "end": 3500.0},
    "audio_transcode": {"codec": "opus"},
    "audio_normalize": {"target_lufs": -20},
    "audio_silence_trim": {"where": "all"},
    "audio_extract": {"speed": 1.5},
}


@pytest.mark.parametrize("name", LONG)
def test_what_runs_long_can_be_cancelled_at_once(host, tmp_path, scratch, long, heard, lateness, name):
    operation = name.partition(" ")[0]
    film = operation.startswith("video")
    engine = host("--workers", 1, env={"TMPDIR": str(scratch)})
    job = {"operation": operation, "input": str(long(3600) if film else heard(1200)), "progress": True,
           "output": f"out/made.{'mp4' if film else 'mka'}"}  # fmt: skip
    engine.send(job | LONG[name] | {"id": 1})
    first = engine.event("progress", 1)
    assert first["percent"] < 50, "It is told from the start how far the work is."
    past(engine, 1, 0.001)
    began = time.monotonic()
    engine.send({"control": "cancel", "id": 1})
    result = engine.result(1)
    passed = time.monotonic() - began
    assert code(result) == "cancelled"
    assert result["outputs"] == []
    assert passed <= lateness.slack_ms() / 1000
    assert not (tmp_path / "out").exists() or files_under(tmp_path / "out") == {}
    assert files_under(scratch) == {}
    assert code(engine.ask({"operation": "noop", "id": 2})) == "ok"


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("video_transcode", {"output": "out/film.mp4", "target_score": 80}),
        ("video_profile", {"output_dir": "out", "profiles": ["web-low", "web-mid"]}),
        ("video_trim", {"output": "out/film.mp4", "start": 9.8, "end": 19.8}),
        ("video_thumbnail", {"output_dir": "out", "count": 3}),
        ("video_thumbnail", {"output_dir": "out", "sheet": True, "columns": 2, "rows": 2}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(list(value)[1:2]),
)
def test_progress_begins_before_what_takes_long_to_get_to(host, long, operation, fields):
    engine = host("--workers", 1)
    engine.send({"operation": operation, "input": str(long(20)), "progress": True, "id": 1} | fields)
    assert engine.event("progress", 1)["percent"] == 0
    assert code(engine.result(1)) == "ok"


def test_progress_rises_to_its_end(host, long):
    engine = host("--workers", 1)
    engine.send(transcode(long(600), id=1))
    assert code(engine.result(1)) == "ok"
    told = [e["percent"] for e in engine.events if e["event"] == "progress"]
    assert told == sorted(told)
    assert len(told) > 2


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("operation", ["video_transcode", "video_resize", "video_profile"])
def test_a_disk_that_fills_up_at_the_end(host, tmp_path, long, operation, suffix):
    def little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))

    fields = {"video_transcode": {}, "video_resize": {"width": 160}, "video_profile": {"profile": "web-low"}}[operation]
    engine = host("--workers", 1, preexec_fn=little_room)
    job = {"operation": operation, "input": str(long(120)), "output": f"out/film.{suffix}", "id": 1} | fields
    result = engine.ask(job)
    assert code(result) == "disk_full"
    assert result["outputs"] == []
    assert not (tmp_path / "out").exists() or files_under(tmp_path / "out") == {}
    small = job | {"input": str(long(10)), "id": 2}
    assert code(engine.ask(small)) == "ok"
