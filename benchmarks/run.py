#!/usr/bin/env python3
"""Measure mediamill side by side with its peers.

Every case is a file in `cases/`, found by being there, that holds `TITLE` and `measure(bench) -> list[Row]`. One that
holds `PER = "photo"` or `PER = "graphic"` is run for each picture there is, as `bench.photo`, and its rows are merged.
A case whose peer is not installed measures our side alone and says how to install the peer.
"""

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

# The folder is found as a package both when this file is run and when a test loads it by its path.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import machine, samples
from benchmarks.harness import Bench, BenchmarkError, environment, say
from benchmarks.peers import ffmpeg, sharp
from benchmarks.report import Row, merged, table

CASES = Path(__file__).resolve().parent / "cases"
DEFAULT_ROUNDS, ROUNDS_OF_MANY = 8, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command; return 0, or 1 where a case could not be measured. A bound that is not met is no failure."""
    options = parser().parse_args(arguments)
    if options.list:
        sys.stdout.writelines(f"{name:<16}{case(name).TITLE}\n" for name in names())
        return 0
    if unknown := sorted(set(options.cases) - set(names())):
        parser().error(f"no case is called {unknown[0]!r}; there are {', '.join(names())}")
    with tempfile.TemporaryDirectory(prefix="mediamill-bench-") as folder:
        try:
            bench = prepare(options, Path(folder).resolve())
        except BenchmarkError as error:
            parser().error(str(error))
        facts = machine.describe(bench) | {"rounds": bench.rounds, "quick": bench.quick}
        sys.stdout.write(machine.heading(facts) + "\n")
        sys.stdout.flush()
        rows, failures = measure(bench, options.cases or names())
    facts["load_after"] = machine.load()
    sys.stdout.write(table(rows, judge=not bench.quick))
    sys.stdout.writelines(f"- FAILED {name}: {why}\n" for name, why in failures.items())
    sys.stdout.write(f"\nload before {facts['load']}, after {facts['load_after']}\n")
    if options.json:
        options.json.write_text(json.dumps(_report(facts, rows, failures), indent=2) + "\n")
    return 1 if failures else 0


def names() -> list[str]:
    """Return the names of all cases."""
    return sorted(path.stem for path in CASES.glob("*.py") if not path.stem.startswith("_"))


def case(name: str) -> ModuleType:
    """Load a case."""
    return importlib.import_module(f"benchmarks.cases.{name}")


def prepare(options: argparse.Namespace, work: Path) -> Bench:
    """Put together what the cases are given."""
    node, folder = sharp.find(options.sharp)
    engine = (str(options.mediamill.resolve()),) if options.mediamill else (sys.executable, "-m", "mediamill.engine")
    photos, graphics = samples.pictures(options.photo, options.photos, work)
    if options.quick:
        photos, graphics = photos[:2], graphics[:2]
    rounds = ROUNDS_OF_MANY if len(photos) > 1 else DEFAULT_ROUNDS
    return Bench(
        photo=photos[0],
        photos=photos,
        graphics=graphics,
        films=tuple(film.resolve() for film in options.film) or (samples.default_film(work, quick=options.quick),),
        work=work,
        mediamill=engine,
        sharp=folder,
        node=node,
        ffmpeg=ffmpeg.find(options.ffmpeg),
        rounds=options.rounds or (1 if options.quick else rounds),
        quick=options.quick,
        env=environment(work),
        documents=_folder_of_documents(options.documents),
    )


def _folder_of_documents(folder: Path | None) -> Path | None:
    if folder is not None and next(folder.rglob("*.pdf"), None) is None:
        raise BenchmarkError(f"there are no PDFs in {folder}")
    return folder.resolve() if folder else None


def measure(bench: Bench, chosen: Sequence[str]) -> tuple[list[Row], dict[str, str]]:
    """Run cases one after the other; return their rows, and what went wrong by case."""
    rows: list[Row] = []
    failures: dict[str, str] = {}
    for name in chosen:
        try:
            rows += over_pictures(case(name), bench)
        except BenchmarkError as error:
            failures[name] = str(error)
    say("")
    return rows, failures


def over_pictures(module: ModuleType, bench: Bench) -> list[Row]:
    """Run a case once, or for each of many pictures."""
    pictures = {"photo": bench.photos, "graphic": bench.graphics}.get(getattr(module, "PER", ""), (bench.photo,))
    found = []
    for number, picture in enumerate(pictures, 1):
        here = replace(bench, photo=picture, where=f"{number} of {len(pictures)}: " if len(pictures) > 1 else "")
        found.append((picture.stem, module.measure(here)))
    return merged(found) if len(pictures) > 1 else found[0][1]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="run.py", description="Measure mediamill side by side with its peers.")
    made.add_argument("cases", nargs="*", metavar="CASE", help="which cases (all if none is named)")
    made.add_argument("--list", action="store_true", help="say which cases there are, and measure nothing")
    pictures = made.add_mutually_exclusive_group()
    pictures.add_argument("--photo", type=Path, metavar="FILE", help="a JPEG photo of your own; default: a made one")
    pictures.add_argument("--photos", type=Path, metavar="DIR", help="a folder of them, and of PNG graphics")
    made.add_argument(
        "--film",
        type=Path,
        metavar="FILE",
        action="append",
        default=[],
        help="a film of your own, or several for video_quality; default: a made one",
    )
    made.add_argument(
        "--documents", type=Path, metavar="DIR", help="a folder of PDFs for the case pdf, in folders by class"
    )
    made.add_argument(
        "--rounds",
        type=int,
        metavar="N",
        help=f"pairs a comparison; default: {DEFAULT_ROUNDS}, with many photos {ROUNDS_OF_MANY} for each",
    )
    made.add_argument(
        "--sharp", type=Path, metavar="DIR", help="a folder that has node_modules/sharp; default: build/peers"
    )
    made.add_argument(
        "--ffmpeg", type=Path, metavar="FILE", help="FFmpeg's program; default: the one of the package imageio-ffmpeg"
    )
    made.add_argument("--mediamill", type=Path, metavar="PATH", help="an installed mediamill command to measure")
    made.add_argument("--quick", action="store_true", help="do next to nothing, to see that it works; judges nothing")
    made.add_argument("--json", type=Path, metavar="OUT", help="also write everything to a file, as JSON")
    return made


def _report(facts: dict[str, Any], rows: Sequence[Row], failures: dict[str, str]) -> dict[str, Any]:
    return {"machine": facts, "rows": [row.facts(judge=not facts["quick"]) for row in rows], "failures": failures}


if __name__ == "__main__":
    sys.exit(main())
