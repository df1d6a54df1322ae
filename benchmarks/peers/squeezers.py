"""Programs that make one file smaller: pngquant, jpegoptim and jpegtran, each where it is installed."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Bench, Usage, run

INSTALL = {
    "pngquant": "pngquant: apt-get install pngquant",
    "jpegoptim": "jpegoptim: apt-get install jpegoptim",
    "jpegtran": "jpegtran: apt-get install libjpeg-turbo-progs",
}


def missing(name: str) -> str:
    """Return what is to be installed first; empty where the program is there."""
    return "" if shutil.which(name) else INSTALL[name]


def call(bench: Bench, name: str, source: Path, output: Path) -> Usage:
    """Make a file smaller, the way its users do it who want the smallest."""
    commands: dict[str, Sequence[str]] = {
        "pngquant": ["pngquant", "--force", "--output", str(output), "256", str(source)],
        "jpegoptim": ["jpegoptim", "--quiet", "--force", "--all-progressive", "--strip-all", str(output)],
        "jpegtran": ["jpegtran", "-copy", "none", "-optimize", "-progressive", "-outfile", str(output), str(source)],
    }
    if name == "jpegoptim":  # it works in place
        shutil.copyfile(source, output)
    return run(commands[name], bench.env, bench.work).usage
