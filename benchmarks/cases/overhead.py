"""What the engine adds to a job: a small picture through the stream, minus the same work in a plain loop."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import samples
from benchmarks.engine_client import Stream
from benchmarks.harness import Bench, Usage, marginal, pairs, run
from benchmarks.report import Bound, Row

TITLE = "processor time the engine adds to a job"
BOUND = Bound("<=", 1.5)
SOURCE_WIDTH, WIDTH, QUALITY = 400, 200, 80
BARE = Path(__file__).resolve().parent.parent / "bare.py"
NOTE = (
    f"CPU ms a job of {SOURCE_WIDTH} -> {WIDTH} px JPEG resizes, the client's own not counted. Ours: engine and worker "
    "together, one worker. Taken off: the same operation called in a loop by one process that only reads and writes "
    "the files (bare operation), or read, libvips thumbnail, encode, write (bare libvips). Start-up is taken off both: "
    "each is the difference of a long and a short run. What stays is protocol, scheduling, messages, checks of paths, "
    "temporary files, renames and flushes."
)
VARIANTS: tuple[tuple[str, str, tuple[str, ...], Bound | None], ...] = (
    ("stream - bare operation", "operation", (), BOUND),
    ("stream --no-fsync - bare operation", "operation", ("--no-fsync",), None),
    ("stream - bare libvips", "vips", (), None),
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    picture = samples.small(bench.photo, bench.work, SOURCE_WIDTH)
    few, many = bench.count(50, 2), bench.count(650, 12)
    rows = []
    for work, way, flags, bound in VARIANTS:
        ours = _milliseconds(partial(through_stream, bench, picture, flags), few, many)
        peer = _milliseconds(partial(bare, bench, picture, way), few, many)
        costs = pairs(f"overhead, {work}", bench.rounds, ours, peer)
        rows.append(Row("overhead", work, "ms", *costs, "difference", bound, note=NOTE))
    return rows


def through_stream(bench: Bench, picture: Path, flags: Sequence[str], count: int) -> Usage:
    """Resize in an engine with one worker."""
    folder = bench.folder("stream")
    jobs = (
        {
            "operation": "resize",
            "input": str(picture),
            "output": f"{folder}/{number}.jpg",
            "widths": [WIDTH],
            "quality": QUALITY,
        }
        for number in range(count)
    )
    with Stream(bench, ("--workers", "1", *flags)) as stream:
        stream.run(jobs).require(count)
    return stream.usage


def bare(bench: Bench, picture: Path, way: str, count: int) -> Usage:
    """Resize in a plain loop."""
    command = [sys.executable, str(BARE), way, str(count), str(picture), str(bench.folder("bare")), str(WIDTH)]
    return run(command, bench.env, bench.work).usage


def _milliseconds(work: Callable[[int], Usage], few: int, many: int) -> Callable[[], float]:
    return lambda: marginal(work, few, many).cpu * 1000
