"""A film of a few seconds coded by one command, start to end, where starting counts most."""

import json
from pathlib import Path

from benchmarks.harness import Bench, Usage, pairs, run
from benchmarks.peers import ffmpeg
from benchmarks.report import Row

TITLE = "a short film, the whole process"
SECONDS, HEIGHT, CRF, PRESET = 1, 120, 23, "veryfast"
NOTE = (
    f"Whole processes: `mediamill process --job ...` against FFmpeg, the film's first {SECONDS} s to {HEIGHT} lines, "
    f"H.264, crf {CRF}, preset {PRESET}, no sound, index in front. Starting Python is most of the difference."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    folder, missing = bench.folder("video-start"), ffmpeg.missing(bench)
    source = bench.film if missing else cut(bench, folder)
    ours(bench, source, folder)
    mine, others = pairs(
        "video_start",
        bench.rounds,
        lambda: ours(bench, source, folder),
        None if missing else lambda: theirs(bench, source, folder),
    )
    wall = [one.wall * 1000 for one in mine], [one.wall * 1000 for one in others]
    cpu = [one.cpu * 1000 for one in mine], [one.cpu * 1000 for one in others]
    work = f"to {HEIGHT} lines"
    return [
        Row("video_start", f"{work}, wall", "ms", *wall, "ratio", None, missing, NOTE),
        Row("video_start", f"{work}, CPU", "ms", *cpu, "ratio", None, missing, NOTE),
    ]


def cut(bench: Bench, folder: Path) -> Path:
    """Return the film's start as a film of its own."""
    path = folder / "short.mp4"
    ffmpeg.call(bench, ["-i", bench.film, "-t", SECONDS, "-an", "-c:v", "libx264", "-preset", PRESET, path])
    return path


def ours(bench: Bench, source: Path, folder: Path) -> Usage:
    """Run our command once."""
    job = {
        "operation": "video_transcode",
        "input": str(source),
        "output": str(folder / "ours.mp4"),
        "crf": CRF,
        "preset": PRESET,
        "max_height": HEIGHT,
        "strip_audio": True,
        "skip_if_larger": False,
        "overwrite": "replace",
    }
    return run([*bench.mediamill, "process", "--job", json.dumps(job)], bench.env, bench.work).usage


def theirs(bench: Bench, source: Path, folder: Path) -> Usage:
    """Run FFmpeg once."""
    video = ["-vf", f"scale=-2:{HEIGHT}", "-c:v", "libx264", "-crf", CRF, "-preset", PRESET, "-pix_fmt", "yuv420p"]
    output = ["-an", "-movflags", "+faststart", folder / "theirs.mp4"]
    return ffmpeg.call(bench, ["-i", source, *video, *output]).usage
