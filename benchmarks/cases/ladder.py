"""The five widths a web page asks for, of one photo: as JPEG, as JPEG and WebP, and of a source that is no JPEG."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import samples, scores
from benchmarks.engine_client import Stream
from benchmarks.harness import Bench, Usage, marginal, pairs
from benchmarks.peers import sharp
from benchmarks.report import Bound, Row

TITLE = "one photo in five widths"
PER = "photo"
CLOSE = Bound(">=", -1.0)
WIDTHS, QUICK_WIDTHS, QUALITY = (1920, 1280, 960, 640, 320), (320, 160), 80
NOTE = (
    "CPU ms a ladder: one worker against clone() with sharp.concurrency(1), files written by both, ours flushed. "
    "Start-up is taken off both: the difference of a long and a short run. Each has its own default effort. Scores are "
    "against libvips' lanczos3 of the whole photo. Photos narrower than the widest are left out."
)


@dataclass(frozen=True)
class Ladder:
    """One way up.

    Attributes:
        work: What it is, in a few words.
        formats: What every width is made in.
        scored: The one of them that is scored.
        bound: Of our time over the peer's.
        source: Makes the source of a photo.
    """

    work: str
    formats: tuple[str, ...]
    scored: str
    bound: float
    source: Callable[[Path, Path], Path] = lambda photo, _: photo


LADDERS = (
    Ladder("JPEG", ("jpeg",), "jpg", 0.4),
    Ladder("JPEG and WebP", ("jpeg", "webp"), "webp", 0.65),
    Ladder("JPEG of a PNG", ("jpeg",), "jpg", 0.62, samples.as_png),
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    return [row for ladder in LADDERS for row in climb(bench, ladder)]


def climb(bench: Bench, ladder: Ladder) -> list[Row]:
    """Measure one ladder."""
    missing, widths = sharp.missing(bench), QUICK_WIDTHS if bench.quick else WIDTHS
    if samples.width(bench.photo) < widths[0]:
        return []
    mine, other = bench.folder("ours"), bench.folder("sharp")
    source = ladder.source(bench.photo, bench.folder("source"))
    few, many = bench.count(2, 1), bench.count(7 if bench.many else 14, 2)
    own = partial(marginal, partial(ours, bench, ladder, source, mine, widths), few, many)
    peer = partial(marginal, partial(theirs, bench, ladder, source, other, widths), few, many)
    mine_took, other_took = pairs(f"{bench.where}ladder, {ladder.work}", bench.rounds, own, None if missing else peer)
    cpu = [one.cpu * 1000 for one in mine_took], [one.cpu * 1000 for one in other_took]
    work = f"{ladder.work}, {len(widths)} widths q{QUALITY}, CPU"
    rows = [Row("ladder", work, "ms", *cpu, "ratio", Bound("<=", ladder.bound), missing, NOTE)]
    return rows + [quality(bench, ladder, mine, other, width, missing) for width in widths]


def ours(bench: Bench, ladder: Ladder, source: Path, folder: Path, widths: tuple[int, ...], count: int) -> Usage:
    """Make the ladder some times; each has names of its own, so none is merged with another."""
    jobs = (
        {
            "operation": "srcset",
            "input": str(source),
            "output_dir": str(folder),
            "widths": list(widths),
            "formats": list(ladder.formats),
            "quality": QUALITY,
            "name": f"{{width}}-{number}.{{ext}}",
        }
        for number in range(count)
    )
    with Stream(bench, ("--workers", "1")) as stream:
        stream.run(jobs).require(count)
    return stream.usage


def theirs(bench: Bench, ladder: Ladder, source: Path, folder: Path, widths: tuple[int, ...], count: int) -> Usage:
    """Make the ladder some times with sharp."""
    done = sharp.call(
        bench,
        "ladder",
        input=source,
        folder=folder,
        widths=widths,
        formats=ladder.formats,
        quality=QUALITY,
        count=count,
        concurrency=1,
    )
    return done.usage


def quality(bench: Bench, ladder: Ladder, mine: Path, other: Path, width: int, missing: str) -> Row:
    """Score one width of each side."""
    absent = missing or scores.missing()
    name = f"{width}.{ladder.scored}"
    own_name = f"{width}-0.{ladder.scored}"
    own = [] if scores.missing() else [scores.score(bench.photo, mine / own_name, bench.work)]
    rival = [] if absent else [scores.score(bench.photo, other / name, bench.work)]
    work = f"{ladder.work}, {name} q{QUALITY}, SSIMULACRA2"
    return Row("ladder", work, "", own, rival, "difference", CLOSE, absent, NOTE)
