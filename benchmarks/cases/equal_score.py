"""JPEG, WebP and AVIF of the same look: how large they are and what they cost, against the peers' encoders."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import engine_client, scores
from benchmarks.harness import Bench, BenchmarkError, Usage, marginal, pairs
from benchmarks.peers import encoders, sharp
from benchmarks.report import Bound, Row

TITLE = "files of the same look"
PER = "photo"
SIDE, QUICK_SIDE = 512, 64
TARGETS, AT = (60.0, 70.0, 80.0), 70.0
"""The scores that are compared, and the one at which processor time is."""

Curve = list[tuple[float, float, int]]
"""Score, logarithm of the size in bytes and quality, by falling quality."""

NOTE = (
    f"The photo at {SIDE} pixels is encoded at several qualities by each side and scored by SSIMULACRA2; sizes are "
    f"interpolated at the scores {' '.join(f'{target:g}' for target in TARGETS)}, and their ratios' mean is told. "
    f"CPU ms a picture, decoding the PNG included, is of the qualities that give {AT:g}: one worker against sharp with "
    "one thread, start-up taken off both."
)


@dataclass(frozen=True)
class Match:
    """What is compared: our format and fields, and each peer's.

    Attributes:
        name: For people.
        format: What is written.
        qualities: What is tried.
        fields: Of our job.
        options: Of sharp's encoder.
        bound: Of the size against sharp's.
        program: Another program to compare sizes with; empty for none.
    """

    name: str
    format: str
    qualities: tuple[int, ...]
    fields: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    bound: Bound | None = None
    program: str = ""


HIGH, LOW = (40, 55, 68, 80, 89, 95), (25, 38, 50, 62, 74, 85)
MATCHES = (
    Match("JPEG, effort 7 / mozjpeg", "jpeg", HIGH, {"effort": 7}, {"mozjpeg": True}, Bound("<=", 0.95)),
    Match("WebP, defaults", "webp", HIGH, program="cwebp"),
    Match("AVIF, defaults", "avif", LOW, program="avifenc"),
    Match("AVIF, effort 4 / 4", "avif", LOW, {"effort": 4}, {"effort": 4}),
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    folder = bench.folder("equal")
    picture = folder / "picture.png"
    _shrink(bench.photo, picture, QUICK_SIDE if bench.quick else SIDE)
    return [row for match in MATCHES for row in compare(bench, match, picture, folder)]


def compare(bench: Bench, match: Match, picture: Path, folder: Path) -> list[Row]:
    """Compare one format."""
    if absent := scores.missing():
        return [Row("equal_score", f"{match.name}, {what}", "", missing=absent, note=NOTE) for what in _works(match)]
    missing = sharp.missing(bench)
    mine = curve(match, picture, folder, "ours", partial(ours, bench, match, picture))
    other = None if missing else curve(match, picture, folder, "sharp", partial(theirs, bench, match, picture))
    own = math.exp(at(mine, AT)[0]) / 1000
    size = [own], [] if other is None else [own / ratio(mine, other)]
    cpu = times(bench, match, picture, folder, mine, other)
    rows = [
        Row("equal_score", f"{match.name}, size", "kB", *size, "ratio", match.bound, missing, NOTE),
        Row("equal_score", f"{match.name}, CPU", "ms", *cpu, "ratio", None, missing, NOTE),
    ]
    if match.program:
        missing = encoders.missing(match.program)
        program = partial(encoders.call, bench, match.program, picture)
        third = None if missing else curve(match, picture, folder, match.program, program)
        peer = [] if third is None else [own / ratio(mine, third)]
        work = f"{match.name}, size vs {match.program}"
        rows.append(Row("equal_score", work, "kB", [own], peer, "ratio", None, missing, NOTE))
    return rows


def _works(match: Match) -> list[str]:
    return ["size", "CPU", *([f"size vs {match.program}"] if match.program else [])]


def curve(
    match: Match, picture: Path, folder: Path, side: str, encode: Callable[[Sequence[tuple[int, Path]]], Any]
) -> Curve:
    """Encode a picture at all qualities and score what comes out."""
    wanted = [(quality, folder / f"{side}-{match.format}-{quality}.{match.format}") for quality in match.qualities]
    encode(wanted)
    found = [(scores.compare(picture, path), math.log(path.stat().st_size), quality) for quality, path in wanted]
    return sorted(found, key=lambda one: -one[2])


def at(found: Curve, target: float) -> tuple[float, float]:
    """Return the logarithm of the size and the quality at a score, from the line through the two points around it.

    Beyond the ends it is the line through the last two points.
    """
    lines = list(itertools.pairwise(found))
    better, worse = next((line for line in lines if line[1][0] <= target), lines[-1])
    share = (target - worse[0]) / ((better[0] - worse[0]) or 1e-9)
    return worse[1] + share * (better[1] - worse[1]), worse[2] + share * (better[2] - worse[2])


def ratio(mine: Curve, other: Curve) -> float:
    """Return our size over the other's at the scores both reach; the one nearest to both where there is none."""
    low = max(min(score for score, _, _ in found) for found in (mine, other))
    high = min(max(score for score, _, _ in found) for found in (mine, other))
    if low > high:
        raise BenchmarkError(f"no score is reached by both: from {low:.1f} to {high:.1f}")
    within = [target for target in TARGETS if low <= target <= high] or [min(max(AT, low), high)]
    return math.exp(sum(at(mine, target)[0] - at(other, target)[0] for target in within) / len(within))


def times(
    bench: Bench, match: Match, picture: Path, folder: Path, mine: Curve, other: Curve | None
) -> tuple[list[float], list[float]]:
    """Measure both sides at the qualities that give the same score."""
    few, many = 1, bench.count(5 if match.format == "avif" else 25, 2)

    def repeated(encode: Callable[..., Usage], side: str, found: Curve, count: int) -> Usage:
        quality = min(100, max(1, round(at(found, AT)[1])))
        wanted = [(quality, folder / f"{side}-{one}.{match.format}") for one in range(count)]
        return encode(bench, match, picture, wanted)

    own = partial(marginal, partial(repeated, ours, "ours", mine), few, many)
    peer = None if other is None else partial(marginal, partial(repeated, theirs, "sharp", other), few, many)
    took, others = pairs(f"{bench.where}equal_score {match.name}", bench.rounds, own, peer)
    return [one.cpu * 1000 for one in took], [one.cpu * 1000 for one in others]


def ours(bench: Bench, match: Match, picture: Path, wanted: Sequence[tuple[int, Path]]) -> Usage:
    """Encode with the engine."""
    job = {"operation": "convert", "input": str(picture), "format": match.format, **match.fields}
    return engine_client.through(bench, [job | {"quality": quality, "output": str(path)} for quality, path in wanted])


def theirs(bench: Bench, match: Match, picture: Path, wanted: Sequence[tuple[int, Path]]) -> Usage:
    """Encode with sharp."""
    job = {"input": picture, "format": match.format}
    return sharp.through(
        bench, [job | {"output": path, "options": {"quality": quality, **match.options}} for quality, path in wanted]
    )


def _shrink(photo: Path, path: Path, side: int) -> None:
    import pyvips

    image = pyvips.Image.thumbnail(str(photo), side, size="down").colourspace("srgb")
    image.pngsave(str(path), compression=1, keep="none")
