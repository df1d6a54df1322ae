"""Films put into another container, and parts cut out of them, with next to nothing coded anew."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import engine_client
from benchmarks.harness import Bench, Usage, marginal, pairs
from benchmarks.peers import ffmpeg
from benchmarks.report import Bound, Row

TITLE = "films copied and cut"
CHEAPER = Bound("<=", 0.75)
WHOLE: dict[str, Any] = {"start": 0, "accurate": False}
SECONDS = 20
START, END = 0.3, 0.8
"""What part of the film is cut out."""

NOTE = (
    "CPU ms a job: one warm worker, start-up taken off, against one run of FFmpeg's program, which starts anew each "
    "time. A film is copied from MP4 to Matroska, -c copy. A part of another one, with a key picture every second, is "
    "cut out to the frame, against -ss, -to and x264 of the same preset, which codes all of it anew."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    film, seconds = _film(bench), bench.count(SECONDS, 2)
    start, end = round(START * seconds + 0.1, 3), round(END * seconds + 0.1, 3)
    part: list[object] = ["-ss", start, "-to", end, "-i", film, "-c:v", "libx264", "-preset", "fast", "-crf", 20]
    copy: list[object] = ["-i", bench.film, "-map", 0, "-c", "copy", bench.work / "ffmpeg.mkv"]
    cut: dict[str, Any] = {"input": str(film), "start": start, "end": end}
    return [
        _row(bench, "remux, MP4 to Matroska", "mkv", {"input": str(bench.film), **WHOLE}, copy, CHEAPER),
        _row(bench, "cut to the frame", "mp4", cut, [*part, "-c:a", "copy", bench.work / "ffmpeg.mp4"], CHEAPER),
    ]


def _row(
    bench: Bench, work: str, suffix: str, fields: dict[str, Any], arguments: Sequence[object], bound: Bound
) -> Row:
    missing = ffmpeg.missing(bench)
    own = partial(marginal, partial(ours, bench, suffix, fields), 1, bench.count(5, 2))
    peer = None if missing else lambda: ffmpeg.call(bench, arguments).usage
    mine, others = pairs(f"remux, {work}", bench.rounds, own, peer)
    cpu = [one.cpu * 1000 for one in mine], [one.cpu * 1000 for one in others]
    return Row("remux", work, "ms", *cpu, "ratio", bound, missing, NOTE)


def ours(bench: Bench, suffix: str, fields: dict[str, Any], count: int) -> Usage:
    """Run a number of jobs, each with a name of its own, so that none is merged with another."""
    folder = bench.folder("remux")
    job = {"operation": "video_trim", **fields}
    return engine_client.through(bench, [job | {"output": f"{folder}/{at}.{suffix}"} for at in range(count)])


def _film(bench: Bench) -> Path:
    from fixtures.samples import reels

    seconds = bench.count(SECONDS, 2)
    options = {"g": "25", "bf": "3", "preset": "veryfast"}
    picture = reels.Picture(size=(640, 360), seconds=seconds, options=options)
    path = bench.folder("film") / "film.mp4"
    path.write_bytes(reels.write(reels.Film(picture=picture, sounds=[reels.stereo(seconds=seconds)])))
    return path
