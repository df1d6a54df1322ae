"""PNGs of few colours: as small as can be at the look pngquant gives them."""

import json
from pathlib import Path

from benchmarks import samples, scores
from benchmarks.harness import Bench, Usage, pairs, run
from benchmarks.peers import squeezers
from benchmarks.report import Bound, Row

TITLE = "PNGs of few colours, at the score of pngquant's"
SMALLER, CLOSE = Bound("<=", 0.93), Bound(">=", -1.0)
LEEWAY = 0.5
SIDE, QUICK_SIDE = 800, 64
DRAWN = ("alpha.png", "gradient.png")
NOTE = (
    "Bytes of `optimize` with min_score set to half a point below what pngquant, at its defaults, gives the same "
    "picture, by the package ssimulacra2; whole processes. Without pngquant or the metric ours aims at quality 80. "
    "Pictures with alpha are judged on grey."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    folder = bench.folder("png_lossy")
    return [row for picture in pictures(bench, folder) for row in compare(bench, picture, folder)]


def pictures(bench: Bench, folder: Path) -> list[Path]:
    """Make the pictures: the photo as a PNG, and drawn ones."""
    import pyvips

    photo = folder / "photo.png"
    pyvips.Image.thumbnail(str(bench.photo), QUICK_SIDE if bench.quick else SIDE).pngsave(str(photo), keep="none")
    return [photo] if bench.quick else [photo, *(samples.make(name, folder) for name in DRAWN)]


def compare(bench: Bench, picture: Path, folder: Path) -> list[Row]:
    """Make one picture smaller with both."""
    missing = squeezers.missing("pngquant")
    output, other = folder / f"ours-{picture.name}", folder / f"pngquant-{picture.name}"
    floor = None
    if not missing:
        squeezers.call(bench, "pngquant", picture, other)
        floor = None if scores.missing() else judge(picture, other)
    mine, others = pairs(
        f"png_lossy {picture.stem}",
        bench.rounds,
        lambda: ours(bench, picture, output, floor),
        None if missing else lambda: squeezers.call(bench, "pngquant", picture, other),
    )
    sizes = [output.stat().st_size / 1000], [] if missing else [other.stat().st_size / 1000]
    absent = missing or scores.missing()
    found = [] if scores.missing() else [judge(picture, output)], [] if floor is None else [floor]
    cpu = [one.cpu * 1000 for one in mine], [one.cpu * 1000 for one in others]
    name = picture.stem
    return [
        Row("png_lossy", f"{name}, size", "kB", *sizes, "ratio", SMALLER, missing, NOTE),
        Row("png_lossy", f"{name}, SSIMULACRA2", "", *found, "difference", CLOSE, absent, NOTE),
        Row("png_lossy", f"{name}, CPU", "ms", *cpu, "ratio", None, missing, NOTE),
    ]


def ours(bench: Bench, picture: Path, output: Path, floor: float | None) -> Usage:
    """Run our command once."""
    job = {
        "operation": "optimize",
        "input": str(picture),
        "output": str(output),
        "level": "lossy",
        **({} if floor is None else {"quality": 1, "min_score": min(100.0, max(0.0, floor - LEEWAY))}),
    }
    return run([*bench.mediamill, "process", "--job", json.dumps(job)], bench.env, bench.work).usage


def judge(picture: Path, made: Path) -> float:
    """Return the score of a picture against its original of the same size, both on grey where there is alpha."""
    from ssimulacra2 import compute_ssimulacra2

    return float(compute_ssimulacra2(str(opaque(picture)), str(opaque(made))))


def opaque(path: Path) -> Path:
    """Return a PNG without alpha that looks the same on grey."""
    import pyvips

    flat = path.with_name(f"opaque-{path.name}")
    image = pyvips.Image.new_from_file(str(path)).colourspace("srgb")
    if image.hasalpha():
        image = image.flatten(background=[128, 128, 128])
    image.pngsave(str(flat), compression=1, keep="none")
    return flat
