"""Programs that encode one format: cwebp and avifenc, each where it is installed."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Bench, run

INSTALL = {"cwebp": "cwebp: apt-get install webp", "avifenc": "avifenc: apt-get install libavif-bin"}


def missing(name: str) -> str:
    """Return what is to be installed first; empty where the program is there."""
    return "" if shutil.which(name) else INSTALL[name]


def call(bench: Bench, name: str, source: Path, wanted: Sequence[tuple[int, Path]]) -> None:
    """Encode a PNG at several qualities, on one thread, at the program's own defaults."""
    for quality, path in wanted:
        if name == "cwebp":
            command = ["cwebp", "-quiet", "-q", str(quality), str(source), "-o", str(path)]
        else:
            command = ["avifenc", *_quality(bench, quality), "-j", "1", str(source), str(path)]
        run(command, bench.env, bench.work)


def _quality(bench: Bench, quality: int) -> list[str]:
    """Return a quality as this avifenc takes it: from version 1.0 as a number up to 100, before as two quantisers."""
    if b"-q,--qcolor" in run(["avifenc", "--help"], bench.env, bench.work).output:
        return ["-q", str(quality)]
    quantiser = str(round((100 - quality) * 63 / 100))
    return ["--min", quantiser, "--max", quantiser]
