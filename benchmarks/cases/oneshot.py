"""One picture by one command, start to end, as a build step or a shell script does it."""

import json
from pathlib import Path

from benchmarks.harness import Bench, Usage, pairs, run
from benchmarks.peers import sharp
from benchmarks.report import Bound, Row

TITLE = "one resize, the whole process"
PER = "photo"
BOUND = Bound("<=", 0.6)
WIDTH, QUALITY = 720, 80
NOTE = (
    f"Whole processes: `mediamill process --job ...` against `node sharp.mjs`, the photo to {WIDTH} px, JPEG quality "
    f"{QUALITY}, files in the system's cache, bytecode made. It is the engine named above the table: give --mediamill "
    "the command of an installed wheel to leave a checkout's import hooks out."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    folder, missing = bench.folder("oneshot"), sharp.missing(bench)
    ours(bench, folder)
    if not missing:
        theirs(bench, folder)
    peer = None if missing else lambda: theirs(bench, folder)
    mine, others = pairs(f"{bench.where}oneshot", bench.rounds, lambda: ours(bench, folder), peer)
    work = f"process: photo -> {WIDTH} q{QUALITY}"
    wall = [one.wall * 1000 for one in mine], [other.wall * 1000 for other in others]
    cpu = [one.cpu * 1000 for one in mine], [other.cpu * 1000 for other in others]
    return [
        Row("oneshot", f"{work}, wall", "ms", *wall, "ratio", BOUND, missing, NOTE),
        Row("oneshot", f"{work}, CPU", "ms", *cpu, "ratio", BOUND, missing, NOTE),
    ]


def ours(bench: Bench, folder: Path) -> Usage:
    """Run our command once."""
    job = {
        "operation": "resize",
        "input": str(bench.photo),
        "output": str(folder / "ours.jpg"),
        "widths": [WIDTH],
        "quality": QUALITY,
    }
    return run([*bench.mediamill, "process", "--job", json.dumps(job)], bench.env, bench.work).usage


def theirs(bench: Bench, folder: Path) -> Usage:
    """Run sharp once."""
    output = folder / "sharp.jpg"
    return sharp.call(bench, "one", input=bench.photo, output=output, width=WIDTH, quality=QUALITY).usage
