"""FFmpeg's command line, the newest static build there is: the one the package `imageio-ffmpeg` brings."""

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Bench, BenchmarkError, Finished, run

HERE = Path(__file__).resolve().parent
DEFAULT = HERE.parent.parent / "build" / "peers"
PACKAGE = "imageio_ffmpeg"
INSTALL = "ffmpeg: pip install --target build/peers imageio-ffmpeg, or --ffmpeg with a program"
QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error", "-y")


def find(given: Path | None) -> str | None:
    """Return the program: the one that is given, else that of the package, in build/peers or installed."""
    if given is not None:
        return str(given.resolve()) if given.is_file() else None
    spec = importlib.util.find_spec(PACKAGE)
    places = [DEFAULT / PACKAGE, *(Path(place) for place in (spec and spec.submodule_search_locations) or ())]
    return next((str(path) for place in places for path in sorted((place / "binaries").glob("ffmpeg-*"))), None)


def missing(bench: Bench) -> str:
    """Return what is to be installed first; empty where it is there."""
    return "" if bench.ffmpeg is not None else INSTALL


def version(bench: Bench) -> str:
    """Return which FFmpeg this is, for people."""
    if bench.ffmpeg is None:
        return "not installed"
    said = run([bench.ffmpeg, "-version"], bench.env, bench.work).output.decode("utf-8", "replace")
    found = re.match(r"ffmpeg version (\S+)", said)
    return found[1] if found else said[:40]


def call(bench: Bench, arguments: Sequence[object]) -> Finished:
    """Run the program once, without a word but errors; files that exist are replaced.

    Args:
        bench: Where it is.
        arguments: What follows the program's name: inputs, options, outputs.

    Raises:
        BenchmarkError: It failed, or is not installed.
    """
    if bench.ffmpeg is None:
        raise BenchmarkError(INSTALL)
    return run([bench.ffmpeg, *QUIET, *map(str, arguments)], bench.env, bench.work)
