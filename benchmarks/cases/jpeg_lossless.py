"""A photo made smaller without loss, as a command does it."""

import json
from pathlib import Path

from benchmarks.harness import Bench, Usage, pairs, run
from benchmarks.peers import squeezers
from benchmarks.report import Bound, Row

TITLE = "a photo made smaller without loss"
BOUND = Bound("<=", 1.0)
PEERS = ("jpegoptim", "jpegtran")
NOTE = (
    "Bytes of the same coefficients, all metadata left out, against jpegoptim --all-progressive and jpegtran "
    "-progressive -optimize. CPU is of whole processes; ours also decodes both files to prove them alike."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    folder = bench.folder("jpeg_lossless")
    ours(bench, folder)
    rows = []
    for name in PEERS:
        missing = squeezers.missing(name)
        output = folder / f"{name}.jpg"
        peer = None if missing else lambda name=name, output=output: squeezers.call(bench, name, bench.photo, output)
        mine, others = pairs(f"jpeg_lossless {name}", bench.rounds, lambda: ours(bench, folder), peer)
        own, other = [(folder / "ours.jpg").stat().st_size / 1000], [output.stat().st_size / 1000] if others else []
        cpu = [one.cpu * 1000 for one in mine], [one.cpu * 1000 for one in others]
        rows.append(Row("jpeg_lossless", f"photo vs {name}, size", "kB", own, other, "ratio", BOUND, missing, NOTE))
        rows.append(Row("jpeg_lossless", f"photo vs {name}, CPU", "ms", *cpu, "ratio", None, missing, NOTE))
    return rows


def ours(bench: Bench, folder: Path) -> Usage:
    """Run our command once."""
    job = {
        "operation": "optimize",
        "input": str(bench.photo),
        "output": str(folder / "ours.jpg"),
        "metadata": "none",
    }
    return run([*bench.mediamill, "process", "--job", json.dumps(job)], bench.env, bench.work).usage
