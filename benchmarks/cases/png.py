"""PNGs made smaller and written again: what it costs and how large they are."""

from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import engine_client
from benchmarks.harness import Bench, Usage, marginal, pairs
from benchmarks.peers import sharp
from benchmarks.report import Bound, Row

TITLE = "PNGs resized and encoded"
PER = "graphic"
CHEAPER = Bound("<=", 1.0)
NOTE = (
    "Graphics with and without alpha, PNG to PNG at each side's defaults: to half the width, and as they are. CPU ms a "
    "picture: one worker against sharp with one thread, start-up taken off both."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    import pyvips

    half = pyvips.Image.new_from_file(str(bench.photo)).width // 2
    return [*compare(bench, "to half the width", half), *compare(bench, "as it is", None)]


def compare(bench: Bench, work: str, width: int | None) -> list[Row]:
    """Compare one work."""
    missing, folder = sharp.missing(bench), bench.folder("png")
    few, many = bench.count(1, 1), bench.count(5 if bench.many else 21, 2)
    own = partial(marginal, partial(ours, bench, folder, width), few, many)
    peer = None if missing else partial(marginal, partial(theirs, bench, folder, width), few, many)
    mine, others = pairs(f"{bench.where}png {work}", bench.rounds, own, peer)
    cpu = [one.cpu * 1000 for one in mine], [one.cpu * 1000 for one in others]
    made = [folder / "0.png"], [] if missing else [folder / "sharp.png"]
    sizes = ([path.stat().st_size / 1000 for path in side] for side in made)
    return [
        Row("png", f"{work}, CPU", "ms", *cpu, "ratio", CHEAPER, missing, NOTE),
        Row("png", f"{work}, size", "kB", *sizes, "ratio", None, missing, NOTE),
    ]


def ours(bench: Bench, folder: Path, width: int | None, count: int) -> Usage:
    """Write a number of PNGs."""
    job: dict[str, Any] = {"operation": "convert", "input": str(bench.photo), "format": "png"}
    if width:
        job = {"operation": "resize", "input": str(bench.photo), "widths": [width]}
    return engine_client.through(bench, [job | {"output": f"{folder}/{number}.png"} for number in range(count)])


def theirs(bench: Bench, folder: Path, width: int | None, count: int) -> Usage:
    """Write them with sharp."""
    job = {"input": bench.photo, "output": folder / "sharp.png", "width": width, "format": "png"}
    return sharp.through(bench, [job] * count)
