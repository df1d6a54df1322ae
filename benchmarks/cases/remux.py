"""Films put into another container, and parts cut out of them, with next to nothing coded anew."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from benchmarks import engine_client
from benchmarks.harness import Bench, Usage, marginal, pairs
from benchmarks.peers import ffmpeg
from benchmarks.report import Bound, Row

TITLE = "films copied and cut"
CHEAPER = Bound("<=", 0.75)
START, END = 0.3, 0.8
"""What part of the film is cut out."""

NOTE = (
    "CPU ms a job: one warm worker, start-up taken off, against one run of FFmpeg's program, which starts anew for each "
    "film. A film is copied from MP4 to Matroska, -c copy; a part of it is cut out to the frame, -ss, -to and x264 of "
    "the same preset, which codes all of it anew."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    seconds = _seconds(bench)
    start, end = round(START * seconds + 0.1, 3), round(END * seconds + 0.1, 3)
    part: list[object] = ["-ss", start, "-to", end, "-i", bench.film, "-c:v", "libx264", "-preset", "fast", "-crf", 20]
    copy: list[object] = ["-i", bench.film, "-map", 0, "-c", "copy", bench.work / "ffmpeg.mkv"]
    cut: dict[str, Any] = {"start": start, "end": end}
    return [
        _row(bench, "remux, MP4 to Matroska", "mkv", {"start": 0, "accurate": False}, copy, CHEAPER),
        _row(bench, "cut to the frame", "mp4", cut, [*part, "-c:a", "copy", bench.work / "ffmpeg.mp4"], CHEAPER),
    ]


def _row(
    bench: Bench, work: str, suffix: str, fields: dict[str, Any], arguments: Sequence[object], bound: Bound
) -> Row:
    missing = ffmpeg.missing(bench)
    own = partial(marginal, partial(ours, bench, suffix, fields), bench.count(2, 1), bench.count(10, 2))
    peer = None if missing else lambda: ffmpeg.call(bench, arguments).usage
    mine, others = pairs(f"remux, {work}", bench.rounds, own, peer)
    cpu = [one.cpu * 1000 for one in mine], [one.cpu * 1000 for one in others]
    return Row("remux", work, "ms", *cpu, "ratio", bound, missing, NOTE)


def ours(bench: Bench, suffix: str, fields: dict[str, Any], count: int) -> Usage:
    """Run a number of jobs, each with a name of its own, so that none is merged with another."""
    folder = bench.folder("remux")
    job = {"operation": "video_trim", "input": str(bench.film), **fields}
    return engine_client.through(bench, [job | {"output": f"{folder}/{at}.{suffix}"} for at in range(count)])


def _seconds(bench: Bench) -> float:
    import av

    with av.open(str(bench.film)) as container:
        return float((container.duration or 0) / av.time_base)
