"""Still pictures out of a film: one at a time, the most telling one, and many."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from benchmarks import engine_client
from benchmarks.harness import Bench, Usage, marginal, pairs
from benchmarks.peers import ffmpeg
from benchmarks.report import Bound, Row

TITLE = "still pictures out of a film"
ONE, AUTO = Bound("<=", 0.6), Bound("<=", 0.2)
WIDTH, COUNT = 320, 10
SCALE = f"scale={WIDTH}:-2"
NOTE = (
    f"CPU ms a job, JPEGs {WIDTH} px wide: one warm worker, start-up taken off, against one run of FFmpeg's program, "
    "which starts anew for each film. One picture is the frame on screen in the middle of the film, -ss before -i. The "
    f"most telling one is held against -vf thumbnail, which looks at the first 100 frames. {COUNT} pictures are the "
    f"middles of equal parts, against {COUNT} runs; the sheet has the same {COUNT} frames, against -vf fps,tile."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    seconds = _seconds(bench)
    middle, step = seconds / 2, seconds / COUNT
    times = [(number + 0.5) * step for number in range(COUNT)]
    tile = f"fps=1/{step:.6f},{SCALE},tile={COUNT}x1"
    rows = [
        ("one picture", {"timestamp": middle}, [_at(bench, middle)], ONE),
        ("the most telling one", {"timestamp": "auto"}, [_through(bench, f"thumbnail,{SCALE}")], AUTO),
        (f"{COUNT} pictures", {"count": COUNT}, [_at(bench, time) for time in times], None),
        (f"sheet of {COUNT}", {"count": COUNT, "sheet": True, "columns": COUNT}, [_through(bench, tile)], None),
    ]
    return [_row(bench, *row) for row in rows]


def _row(bench: Bench, work: str, fields: dict[str, Any], runs: Sequence[Sequence[object]], bound: Bound | None) -> Row:
    missing = ffmpeg.missing(bench)
    many = bench.count(2 if "count" in fields else 6, 2)
    own = partial(marginal, partial(ours, bench, fields), 1, many)
    peer = None if missing else partial(theirs, bench, runs)
    mine, others = pairs(f"thumbnails, {work}", bench.rounds, own, peer)
    cpu = [one.cpu * 1000 for one in mine], [one.cpu * 1000 for one in others]
    return Row("thumbnails", work, "ms", *cpu, "ratio", bound, missing, NOTE)


def ours(bench: Bench, fields: dict[str, Any], count: int) -> Usage:
    """Run a number of jobs, each with names of its own, so that none is merged with another."""
    folder = bench.folder("thumbnails")
    job = {"operation": "video_thumbnail", "input": str(bench.film), "width": WIDTH, **fields}
    return engine_client.through(bench, [job | {"output": f"{folder}/{at}-{{index}}.jpg"} for at in range(count)])


def theirs(bench: Bench, runs: Sequence[Sequence[object]]) -> Usage:
    """Run FFmpeg's program, once or more often."""
    taken = [ffmpeg.call(bench, arguments).usage for arguments in runs]
    return Usage(sum(one.cpu for one in taken), sum(one.wall for one in taken))


def _at(bench: Bench, time: float) -> list[object]:
    return ["-ss", f"{time:.3f}", "-i", bench.film, "-an", "-frames:v", 1, "-vf", SCALE, bench.work / "ffmpeg.jpg"]


def _through(bench: Bench, filters: str) -> list[object]:
    return ["-i", bench.film, "-an", "-vf", filters, "-frames:v", 1, bench.work / "ffmpeg.jpg"]


def _seconds(bench: Bench) -> float:
    import av

    with av.open(str(bench.film)) as container:
        return float((container.duration or 0) / av.time_base)
