"""What each step of effort costs and saves, for every format.

`python -m benchmarks.cases.effort --photos DIR docs/effort.md` measures and writes the page.
"""

import argparse
import functools
import math
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import scores
from benchmarks.harness import Bench, say
from benchmarks.report import Row

if TYPE_CHECKING:
    import pyvips

TITLE = "what each step of effort costs and saves"
FORMATS = ("jpeg", "png", "webp", "avif", "gif", "tiff")
LOSSY = ("jpeg", "webp", "avif")
SIDE, SLOW_SIDE, QUICK_SIDE = 960, 400, 48
"""Pixels of a picture's longer side."""

PHOTOS = 12
SLOW = {"avif": 4, "gif": 6}
"""How many photos the slow encoders get."""

SPREAD = (-10, 0, 6)
"""Qualities around the default one, between which bytes are interpolated at the default's score."""

NOTE = (
    "CPU ms a megapixel, one thread, encoder alone, from pixels in memory. Bytes are those of the format's default "
    "effort times the factor in brackets: at the same SSIMULACRA2 for JPEG, WebP and AVIF, as they come for the others."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    found = table(bench.photos + bench.graphics, bench.work, quick=bench.quick)
    return [
        Row("effort", f"{name} {effort} ({_factor(step[1])})", "ms/MP", [step[0]], missing=_missing(name), note=NOTE)
        for name, steps in found.items()
        for effort, step in steps.items()
    ]


def table(photos: Sequence[Path], work: Path, *, quick: bool) -> dict[str, dict[int, tuple[float, float | None]]]:
    """Return CPU in ms a megapixel and bytes relative to the default, by format and effort.

    Args:
        photos: Pictures; PNG, GIF and TIFF are measured on those that are PNGs, where there are any.
        work: A folder for files between.
        quick: Take one small picture and the ends of the scale.
    """
    efforts = (0, 9) if quick else tuple(range(10))
    found = {}
    for name in FORMATS:
        some = _chosen(photos, name, 1 if quick else SLOW.get(name, PHOTOS))
        side = QUICK_SIDE if quick else SLOW_SIDE if name in SLOW else SIDE
        pictures = [_picture(path, side, work) for path in some]
        found[name] = _steps(name, efforts, pictures, work)
    return found


def _chosen(photos: Sequence[Path], name: str, count: int) -> list[Path]:
    graphics = [path for path in photos if path.suffix == ".png"]
    plain = [path for path in photos if path.suffix != ".png"]
    pool = (plain or graphics) if name in LOSSY else (graphics or plain)
    step = max(1, len(pool) // count)
    return pool[::step][:count]


def _picture(path: Path, side: int, work: Path) -> tuple["pyvips.Image", Path]:
    """Return a picture in memory, and as the PNG scores are taken against."""
    import pyvips

    image = pyvips.Image.thumbnail(str(path), side, height=side, size="down").colourspace("srgb").copy_memory()
    reference = work / f"effort-{path.stem}-{side}.png"
    image.pngsave(str(reference), compression=1, keep="none")
    return image, reference


def _steps(
    name: str, efforts: Sequence[int], pictures: Sequence[tuple["pyvips.Image", Path]], work: Path
) -> dict[int, tuple[float, float | None]]:
    from mediamill.operations.images._effort import EFFORTS

    usual = EFFORTS[name]  # type: ignore[index]
    measured = {
        effort: [_point(name, effort, image, reference, work) for image, reference in pictures]
        for effort in sorted({*efforts, usual})
    }
    steps = {}
    for effort in efforts:
        cpu = statistics.mean(point[0] for point in measured[effort])
        pairs = list(zip(measured[effort], measured[usual], strict=True))
        ratios = [_ratio(one, other) for one, other in pairs]
        known = [math.log(ratio) for ratio in ratios if ratio is not None]
        steps[effort] = cpu, math.exp(statistics.mean(known)) if known else None
    return steps


Point = tuple[float, list[tuple[float, int]]]
"""CPU in ms a megapixel, and a curve of scores and bytes, by rising quality."""


def _point(name: str, effort: int, image: "pyvips.Image", reference: Path, work: Path) -> Point:
    say(f"effort: {name} {effort} {reference.stem}")
    from mediamill.operations.images._encode import Encoding, prepare, same_look

    curve, cpu = [], 0.0
    usual = same_look(85, name)  # type: ignore[arg-type]
    for change in SPREAD if name in LOSSY else (0,):
        code = Encoding(format=name, quality=usual + change, effort=effort, metadata="none")  # type: ignore[arg-type]
        data, took = _encoded(prepare(image, code), code)
        if change == 0:
            cpu = took * 1e9 / (image.width * image.height)
        curve.append((_score(data, reference, work) if name in LOSSY and not scores.missing() else 0.0, len(data)))
    return cpu, curve


def _encoded(image: "pyvips.Image", code: Any) -> tuple[bytes, float]:
    """Return a file and the CPU it took, the least of a few tries where it is quick."""
    from mediamill.operations.images._encode import encode
    from mediamill.operations.images._vips import vips

    vips(1)
    image, least = image.copy_memory(), math.inf
    for _ in range(3):
        began = time.process_time()
        data = encode(image, code)
        least = min(least, time.process_time() - began)
        if least > 0.2:
            break
    return data, least


@functools.cache
def _score(data: bytes, reference: Path, work: Path) -> float:
    import pyvips
    from ssimulacra2 import compute_ssimulacra2

    made = work / "effort-made.png"
    pyvips.Image.new_from_buffer(data, "").colourspace("srgb").pngsave(str(made), compression=1, keep="none")
    return float(compute_ssimulacra2(str(reference), str(made)))


def _ratio(one: Point, other: Point) -> float | None:
    """Return the bytes of a curve over those of the default, at the score the default has at its own quality."""
    if len(one[1]) == 1:
        return one[1][0][1] / other[1][0][1]
    if scores.missing():
        return None
    score, size = other[1][SPREAD.index(0)]
    curve = one[1]
    low, high = (curve[0], curve[1]) if score < curve[1][0] else (curve[1], curve[2])
    share = (score - low[0]) / ((high[0] - low[0]) or 1)
    return math.exp(math.log(low[1]) + share * (math.log(high[1]) - math.log(low[1]))) / size


def _factor(value: float | None) -> str:
    return "?" if value is None else f"x{value:.3f}"


def _missing(name: str) -> str:
    return scores.missing() if name in LOSSY else ""


def page(found: dict[str, dict[int, tuple[float, float | None]]], heading: str) -> str:
    """Return the measured table as a page of the documentation."""
    from mediamill.operations.images._effort import EFFORTS

    lines = [PREFACE.format(heading=heading.strip()), "| effort |" + "".join(f" {name} |" for name in found)]
    lines.append("|---|" + "---|" * len(found))
    for effort in next(iter(found.values())):
        cells = []
        for name, steps in found.items():
            cpu, factor = steps[effort]
            cell = f"{cpu:.3g} ms, {_factor(factor)}"
            cells.append(f" **{cell}** |" if EFFORTS[name] == effort else f" {cell} |")  # type: ignore[index]
        lines.append(f"| {effort} |" + "".join(cells))
    return "\n".join(lines) + "\n"


PREFACE = """# Effort

`effort` is one scale, 0..9, for all encoders: a step up takes more CPU, and no more bytes but for the noise of a
measurement. It does not change how a picture looks: a JPEG's `quality` means the same look with every step's tables.
Neighbours share a setting where an encoder has fewer than ten worth having.

| effort | JPEG | PNG, ICO | WebP | AVIF | GIF | TIFF |
|---|---|---|---|---|---|---|
| 0 | plain Huffman tables, standard quantisation | deflate 1 | method 0 | speed 9 | 1 | 1 |
| 1..3 | optimised Huffman, better quantisation tables | deflate 2, 3, 4 | 1, 2, 2 | 8, 7, 6 | 1, 5, 6 | 1, 2, 3 |
| 4 | and progressive | deflate 5 | 4 | 5 | 6 | 4 |
| 5, 6 | and the best order of scans | deflate 6, oxipng 0 | 4, 5 | 4, 3 | 7 | 5, 6 |
| 7, 8 | and trellis quantisation below quality 85 | oxipng 1, 2 | 5, 6 | 2, 1 | 8, 9 | 7, 8 |
| 9 | and deringing | oxipng 4 | 6 | 0 | 10 | 9 |

Icons go as far as deflate 6. JPEGs that are made of JPEGs are coded from planes at 1..3, with the standard's tables:
that saves more CPU than the better tables save bytes.

## What a step costs and saves

CPU ms a megapixel, one thread, the encoder alone; bytes relative to the default, which is set in bold: at the same
SSIMULACRA2 for JPEG, WebP and AVIF, as they come for the lossless ones and GIF. The defaults are the last step up to
which a doubling of CPU saves at least 10 % of the bytes; GIF's is the first with its better palettes.

JPEG is measured at quality 85. Trellis quantisation saves the more the lower the quality: 2 % of the bytes at a
SSIMULACRA2 of 80, 4 % at 70, 6 % at 50 (13 photos of 900 pixels).

{heading}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the page."""
    import tempfile

    from benchmarks import run

    parser = argparse.ArgumentParser(prog="effort", description=TITLE)
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="a folder of photos and graphics")
    parser.add_argument("output", type=Path, metavar="FILE", help="the page to write")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="mediamill-bench-") as folder:
        bench = run.prepare(run.parser().parse_args(["--photos", str(options.photos)]), Path(folder).resolve())
        facts = run.machine.describe(bench)
        versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
        count = len(bench.photos) + len(bench.graphics)
        heading = (
            f"Measured on {facts['processor']}, {facts['system']}, with {versions}; "
            f"up to {PHOTOS} of {count} photos and graphics for each format, made {SIDE} pixels large, "
            f"{SLOW_SIDE} for AVIF and GIF."
        )
        options.output.write_text(page(table(bench.photos + bench.graphics, bench.work, quick=False), heading), "utf-8")
    say("")
    return 0


if __name__ == "__main__":
    sys.exit(main())
