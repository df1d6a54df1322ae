"""One photo made smaller, picture by picture: what it costs, how good and how large it is."""

from functools import partial
from pathlib import Path

from benchmarks import engine_client, scores
from benchmarks.harness import Bench, Usage, marginal, pairs
from benchmarks.peers import sharp
from benchmarks.report import Bound, Row

TITLE = "one photo made smaller"
PER = "photo"
CHEAPER, AS_GOOD = Bound("<=", 0.8), Bound(">=", 0.0)
WIDTH, QUICK_WIDTH, QUALITY = 720, 100, 80
NOTE = (
    "CPU ms a photo: one worker against sharp with one thread and one picture at a time, files written by both, ours "
    "flushed. Start-up is taken off both. Scores are against libvips' lanczos3 of the whole photo. 0.8 of the CPU is "
    "1.25 times the photos a second where nothing waits."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    width = QUICK_WIDTH if bench.quick else WIDTH
    missing, folder = sharp.missing(bench), bench.folder("resize")
    few, many = bench.count(2, 1), bench.count(14 if bench.many else 62, 2)
    own = partial(marginal, partial(ours, bench, folder, width), few, many)
    peer = None if missing else partial(marginal, partial(theirs, bench, folder, width), few, many)
    mine, others = pairs(f"{bench.where}resize", bench.rounds, own, peer)
    cpu = [one.cpu * 1000 for one in mine], [one.cpu * 1000 for one in others]
    made = [folder / "0.jpg"], [] if missing else [folder / "sharp.jpg"]
    sizes = ([path.stat().st_size / 1000 for path in side] for side in made)
    absent = missing or scores.missing()
    seen = ([], []) if scores.missing() else made
    judged = ([scores.score(bench.photo, path, bench.work) for path in side] for side in seen)
    work = f"photo -> {width} q{QUALITY}"
    return [
        Row("resize", f"{work}, CPU", "ms", *cpu, "ratio", CHEAPER, missing, NOTE),
        Row("resize", f"{work}, SSIMULACRA2", "", *judged, "difference", AS_GOOD, absent, NOTE),
        Row("resize", f"{work}, size", "kB", *sizes, "ratio", None, missing, NOTE),
    ]


def ours(bench: Bench, folder: Path, width: int, count: int) -> Usage:
    """Make a number of small pictures, each with a name of its own, so that none is merged with another."""
    job = {"operation": "resize", "input": str(bench.photo), "widths": [width], "quality": QUALITY}
    return engine_client.through(bench, [job | {"output": f"{folder}/{number}.jpg"} for number in range(count)])


def theirs(bench: Bench, folder: Path, width: int, count: int) -> Usage:
    """Make them with sharp."""
    job = {"input": bench.photo, "output": folder / "sharp.jpg", "width": width, "format": "jpeg"}
    return sharp.through(bench, [job | {"options": {"quality": QUALITY}}] * count)
