"""Which settings of each coding look like which of H.264's, and what they cost: bytes at equal VMAF."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.harness import Bench, BenchmarkError, Usage, run, say
from benchmarks.peers import ffmpeg
from benchmarks.report import Row

TITLE = "bytes of each coding at equal VMAF"

HEIGHT, SECONDS = 720, 3.2
"""How high films are made at the most, and how much of each is taken."""

LEVELS = {"low": 28, "medium": 23, "high": 19}
"""The constant rate factors of H.264 at its medium preset that the others are held against."""

_END, _LEAST_LACK = 100.5, 0.05
"""Where VMAF would end, and the least it is taken to lack: it is cut off at 100."""

BASE = ("h264", "medium")
GRID: dict[tuple[str, str], tuple[float, ...]] = {
    BASE: (17, 19, 23, 28, 32),
    ("h264", "veryfast"): (15, 19, 25, 32),
    ("h265", "medium"): (17, 22, 27, 34),
    ("h265", "fast"): (17, 22, 27, 34),
    ("vp9", "fast"): (14, 24, 34, 46),
    ("vp9", "medium"): (14, 24, 34, 46),
    ("av1", "fast"): (16, 26, 37, 50),
    ("av1", "slow"): (16, 26, 37, 50),
    ("vp8", "medium"): (7, 14, 26, 38, 50),
}
"""The constant rate factors each coding and preset is measured at."""

QUICK = {BASE: (19.0, 28.0), ("h265", "ultrafast"): (21.0, 30.0)}
SUFFIX = {"vp8": "webm", "vp9": "webm"}
NOTE = (
    f"Of each film the first {SECONDS:g} s, at most {HEIGHT} lines, kept without loss, are coded by whole processes "
    "`mediamill process`, at constant rate factors; bytes and factors between are interpolated (logarithm of bytes "
    "over that of what VMAF lacks to its end), at the score that H.264 medium has. One number a film. CPU is of the "
    "factor next to `medium`, start-up included. VMAF is FFmpeg's own (libvmaf, its default model), of all frames at "
    "their own size."
)


@dataclass(frozen=True)
class Point:
    """One film made: its factor, bytes, score and what it took."""

    crf: float
    size: int
    score: float
    usage: Usage


@dataclass(frozen=True)
class Match:
    """What a coding needs for one of the levels: its factor and bytes; not a number where it cannot be told."""

    crf: float
    size: float


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    missing = ffmpeg.missing(bench)
    grid = QUICK if bench.quick else GRID
    if missing:
        return [Row("video_quality", "bytes at equal VMAF", "", [], [], "ratio", None, missing, NOTE)]
    curves = {key: [curve(bench, film, key, factors) for film in bench.films] for key, factors in grid.items()}
    return [row for key in grid for row in rows(curves[key], curves[BASE], key)]


def curve(bench: Bench, film: Path, key: tuple[str, str], factors: Sequence[float]) -> list[Point]:
    """Measure one coding and preset on one film."""
    source = reference(bench, film)
    found = []
    for crf in factors:
        say(f"video_quality: {film.stem} {key[0]} {key[1]} {crf:g}")
        found.append(point(bench, source, key, crf))
    return found


def reference(bench: Bench, film: Path) -> Path:
    """Return the part of a film that is coded, without loss."""
    path = bench.work / f"reference-{film.stem}.mkv"
    if not path.exists():
        scale = f"scale=-2:'min({HEIGHT},ih)':flags=lanczos,setsar=1,fps=source_fps,format=yuv420p"
        ffmpeg.call(bench, ["-i", film, "-t", SECONDS, "-an", "-sn", "-vf", scale, "-c:v", "ffv1", path])
    return path


def point(bench: Bench, source: Path, key: tuple[str, str], crf: float) -> Point:
    """Make one film and score it."""
    codec, preset = key
    path = bench.work / f"made.{SUFFIX.get(codec, 'mp4')}"
    job = {
        "operation": "video_transcode",
        "input": str(source),
        "output": str(path),
        "codec": codec,
        "preset": preset,
        "crf": crf,
        "skip_if_larger": False,
        "overwrite": "replace",
    }
    usage = run([*bench.mediamill, "process", "--job", json.dumps(job)], bench.env, bench.work).usage
    return Point(crf, path.stat().st_size, vmaf(bench, path, source), usage)


def vmaf(bench: Bench, made: Path, source: Path) -> float:
    """Return how much a film looks like its source, 100 for the same.

    Raises:
        BenchmarkError: FFmpeg has no VMAF, or says none.
    """
    log = bench.work / "vmaf.json"
    log.unlink(missing_ok=True)
    graph = (
        f"[0:v]settb=AVTB,setpts=N[a];[1:v]settb=AVTB,setpts=N[b];[a][b]libvmaf=n_threads=2:log_fmt=json:log_path={log}"
    )
    ffmpeg.call(bench, ["-i", made, "-i", source, "-lavfi", graph, "-f", "null", "-"])
    if not log.exists():
        raise BenchmarkError("FFmpeg wrote no scores")
    return float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])


def nearness(score: float) -> float:
    """Return a score as it rises evenly with factors and with the logarithm of bytes; it is the lack that is halved.

    Interpolated over VMAF itself, bytes between factors that lie far apart come out up to a fifth too many.
    """
    return -math.log(max(_END - score, _LEAST_LACK))


def match(points: Sequence[Point], near: float) -> Match:
    """Return what a coding needs for a score's nearness; not a number where it lies outside what was measured."""
    ranked = sorted(points, key=lambda one: one.score)
    known = [nearness(one.score) for one in ranked]
    if not known[0] <= near <= known[-1]:
        return Match(math.nan, math.nan)
    size = np.exp(np.interp(near, known, [math.log(one.size) for one in ranked]))
    return Match(float(np.interp(near, known, [one.crf for one in ranked])), float(size))


def rows(curves: Sequence[Sequence[Point]], base: Sequence[Sequence[Point]], key: tuple[str, str]) -> list[Row]:
    """Return the rows of one coding and preset."""
    name = " ".join(key)
    found = []
    for level, crf in LEVELS.items():
        own, rival = [], []
        factors = []
        for points, others in zip(curves, base, strict=True):
            near = float(np.interp(crf, [one.crf for one in others], [nearness(one.score) for one in others]))
            needed, reached = match(points, near), match(others, near)
            if not math.isnan(needed.size):
                own.append(needed.size)
                rival.append(reached.size)
                factors.append(needed.crf)
        said = f"crf {statistics.median(factors):.1f}" if factors else "out of reach"
        found.append(Row("video_quality", f"{name}, {level} ({said})", "B", own, rival, "ratio", None, "", NOTE))
    middle = [_nearest(points).usage.cpu for points in curves], [_nearest(points).usage.cpu for points in base]
    found.append(Row("video_quality", f"{name}, CPU", "s", *middle, "ratio", None, "", NOTE))
    return found


def _nearest(points: Sequence[Point]) -> Point:
    """Return the point in the middle of what was measured."""
    return points[len(points) // 2]
