"""One film coded anew with equal settings: a warm worker against a process of FFmpeg's for each."""

import os
import time
from functools import partial
from pathlib import Path

from benchmarks.engine_client import Stream
from benchmarks.harness import Bench, Usage, pairs
from benchmarks.peers import ffmpeg
from benchmarks.report import Bound, Row

TITLE = "one film coded anew, equal settings"
CPU, WALL, LARGER, SMALLER = Bound("<=", 1.0), Bound("<=", 1.1), Bound("<=", 1.005), Bound(">=", 0.995)
HEIGHT, CRF, PRESET, SOUND = 360, 23, "medium", "128k"
QUICK_HEIGHT, QUICK_PRESET = 60, "ultrafast"
NOTE = (
    f"The film to H.264 of {HEIGHT} lines, crf {CRF}, preset {PRESET}, AAC at {SOUND}, index in front. Ours is a job "
    "of a stream whose worker has done one before, files written and flushed; CPU is that of the engine's whole "
    "process tree meanwhile. FFmpeg's is a whole process. Both take all cores, which a stream shares out among jobs."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    folder, missing = bench.folder("transcode"), ffmpeg.missing(bench)
    with Stream(bench) as stream:
        ours(bench, stream, folder)
        mine, others = pairs(
            "transcode",
            bench.rounds,
            partial(ours, bench, stream, folder),
            None if missing else partial(theirs, bench, folder),
        )
    size = [float((folder / "ours.mp4").stat().st_size)]
    peer = [] if missing else [float((folder / "theirs.mp4").stat().st_size)]
    work = f"to {HEIGHT} lines"
    cpu = [one.cpu for one in mine], [one.cpu for one in others]
    wall = [one.wall for one in mine], [one.wall for one in others]
    return [
        Row("transcode", f"{work}, CPU", "s", *cpu, "ratio", CPU, missing, NOTE),
        Row("transcode", f"{work}, wall", "s", *wall, "ratio", WALL, missing, NOTE),
        Row("transcode", f"{work}, bytes: not more", "B", size, peer, "ratio", LARGER, missing, NOTE),
        Row("transcode", f"{work}, bytes: not less", "B", size, peer, "ratio", SMALLER, missing, NOTE),
    ]


def ours(bench: Bench, stream: Stream, folder: Path) -> Usage:
    """Run one job."""
    job = {
        "operation": "video_transcode",
        "input": str(bench.film),
        "output": str(folder / "ours.mp4"),
        "codec": "h264",
        "crf": CRF,
        "preset": QUICK_PRESET if bench.quick else PRESET,
        "max_height": QUICK_HEIGHT if bench.quick else HEIGHT,
        "audio_codec": "aac",
        "audio_bitrate": SOUND,
        "skip_if_larger": False,
        "overwrite": "replace",
    }
    before, began = tree_cpu(stream.pid), time.perf_counter()
    stream.run([job]).require(1)
    return Usage(max(1e-9, tree_cpu(stream.pid) - before), time.perf_counter() - began)


def theirs(bench: Bench, folder: Path) -> Usage:
    """Run FFmpeg once."""
    height, preset = (QUICK_HEIGHT, QUICK_PRESET) if bench.quick else (HEIGHT, PRESET)
    video = ["-vf", f"scale=-2:{height}", "-c:v", "libx264", "-crf", CRF, "-preset", preset, "-pix_fmt", "yuv420p"]
    sound = ["-c:a", "aac", "-b:a", SOUND]
    output = ["-movflags", "+faststart", folder / "theirs.mp4"]
    return ffmpeg.call(bench, ["-i", bench.film, *video, *sound, *output]).usage


def tree_cpu(pid: int) -> float:
    """Return the processor seconds that a process and those it started have taken until now (Linux)."""
    tick = os.sysconf("SC_CLK_TCK")
    found = 0.0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (entry.name == str(pid) or _parent(entry) == pid):
            fields = _fields(entry)
            found += sum(map(int, fields[11:15])) / tick if fields else 0.0
    return found


def _parent(entry: Path) -> int | None:
    fields = _fields(entry)
    return int(fields[1]) if fields else None


def _fields(entry: Path) -> list[str]:
    """Return what /proc says of a process from its state on; nothing where it has gone."""
    try:
        return (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
