"""The five widths a web page asks for, of one photo."""

from functools import partial
from pathlib import Path

from benchmarks import samples, scores
from benchmarks.engine_client import Stream
from benchmarks.harness import Bench, Usage, marginal, pairs
from benchmarks.peers import sharp
from benchmarks.report import Bound, Row

TITLE = "one photo in five widths"
PER = "photo"
CHEAPER, CLOSE = Bound("<=", 0.4), Bound(">=", -1.0)
WIDTHS, QUICK_WIDTHS, QUALITY = (1920, 1280, 960, 640, 320), (320, 160), 80
NOTE = (
    "CPU ms a ladder: one worker against clone() with sharp.concurrency(1), files written by both, ours flushed. "
    "Start-up is taken off both: the difference of a long and a short run. Scores are against libvips' lanczos3 of the "
    "whole photo. Photos narrower than the widest are left out."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    missing, widths = sharp.missing(bench), QUICK_WIDTHS if bench.quick else WIDTHS
    if samples.width(bench.photo) < widths[0]:
        return []
    mine, other = bench.folder("ours"), bench.folder("sharp")
    few, many = bench.count(2, 1), bench.count(7 if bench.many else 14, 2)
    own = partial(marginal, partial(ours, bench, mine, widths), few, many)
    peer = partial(marginal, partial(theirs, bench, other, widths), few, many)
    mine_took, other_took = pairs(f"{bench.where}ladder", bench.rounds, own, None if missing else peer)
    cpu = [one.cpu * 1000 for one in mine_took], [one.cpu * 1000 for one in other_took]
    work = f"{len(widths)} widths q{QUALITY}"
    rows = [Row("ladder", f"{work}, CPU", "ms", *cpu, "ratio", CHEAPER, missing, NOTE)]
    return rows + [quality(bench, mine, other, width, missing) for width in widths]


def ours(bench: Bench, folder: Path, widths: tuple[int, ...], count: int) -> Usage:
    """Make the ladder some times; each has names of its own, so none is merged with another."""
    jobs = (
        {
            "operation": "resize",
            "input": str(bench.photo),
            "output_dir": str(folder),
            "widths": list(widths),
            "quality": QUALITY,
            "name": f"{{width}}-{number}.{{ext}}",
        }
        for number in range(count)
    )
    with Stream(bench, ("--workers", "1")) as stream:
        stream.run(jobs).require(count)
    return stream.usage


def theirs(bench: Bench, folder: Path, widths: tuple[int, ...], count: int) -> Usage:
    """Make the ladder some times with sharp."""
    done = sharp.call(
        bench,
        "ladder",
        input=bench.photo,
        folder=folder,
        widths=widths,
        quality=QUALITY,
        count=count,
        concurrency=1,
    )
    return done.usage


def quality(bench: Bench, mine: Path, other: Path, width: int, missing: str) -> Row:
    """Score one width of each side."""
    absent = missing or scores.missing()
    own = [] if scores.missing() else [scores.score(bench.photo, mine / f"{width}-0.jpg", bench.work)]
    rival = [] if absent else [scores.score(bench.photo, other / f"{width}.jpg", bench.work)]
    return Row("ladder", f"{width} q{QUALITY}, SSIMULACRA2", "", own, rival, "difference", CLOSE, absent, NOTE)
