"""How many encodes a search for a file size takes, and whether it finds what trying every quality finds."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.engine_client import Stream
from benchmarks.harness import SMALLEST, Bench, say
from benchmarks.report import Bound, Row

TITLE = "encodes of a search for a size"
FEW, MOST, SAME = Bound("<=", 2.8), Bound("<=", 4), Bound(">=", 1.0)
FORMATS = {"jpeg": "jpg", "webp": "webp", "avif": "avif"}
QUALITIES = range(30, 96)
SIDE, QUICK_SIDE = 640, 96
NOTE = (
    "Photos made 640 pixels large, sizes spread evenly between what quality 30 and quality 95 take. The same answer is "
    "the highest of all 66 qualities whose file is small enough. CPU is that of whole jobs over that of jobs that "
    "encode once, at the quality found: it holds the decoding of the photo, and the samples a search aims with."
)

Sizes = dict[int, int]
"""Bytes by quality."""


def measure(bench: Bench) -> list[Row]:
    """Run the case; give many photos, one tells little."""
    folder = bench.folder("search")
    photos = [shrunk(photo, folder, QUICK_SIDE if bench.quick else SIDE) for photo in bench.photos]
    rows, encodes = [], list[int]()
    for format_name in FORMATS:
        say(f"search: {format_name}")
        found, answers, cpu = searches(bench, folder, photos, format_name, bench.count(8, 2))
        encodes += found
        what = f"{format_name}, {len(found)} searches in {len(photos)} photos"
        rows += [
            Row("search", f"{what}: encodes, mean", "", [fmean(found)], bound=FEW, note=NOTE),
            Row("search", f"{what}: encodes, most", "", [max(found)], bound=MOST, note=NOTE),
            Row("search", f"{what}: same answer, share", "", [fmean(answers)], bound=SAME, note=NOTE),
            Row("search", f"{what}: CPU in encodes", "", [cpu], note=NOTE),
        ]
    rows.append(Row("search", "all formats: encodes, mean", "", [fmean(encodes)], bound=FEW, note=NOTE))
    return rows


def searches(
    bench: Bench, folder: Path, photos: Sequence[Path], format_name: str, count: int
) -> tuple[list[int], list[bool], float]:
    """Search each photo for some sizes.

    Returns:
        The encodes of each search, whether each found the same as trying everything, and the CPU of them all over that
        of as many jobs that encode once.
    """
    with Stream(bench) as stream:
        tables = [exhaustive(stream, folder, photo, format_name) for photo in photos]
    jobs = list(wanted(folder, photos, tables, format_name, count))
    with Stream(bench) as stream:
        results = answered(stream, jobs)
    once = [
        conversion(folder, Path(job["input"]), format_name, result["metadata"]["final_quality"])
        | {"output": f"{folder}/once-{number}.{FORMATS[format_name]}"}
        for number, (job, result) in enumerate(zip(jobs, results, strict=True))
    ]
    with Stream(bench) as single:
        answered(single, once)
    with Stream(bench) as idle:
        answered(idle, once[:1])
    found = [result["metadata"] for result in results]
    best = [
        max(quality for quality, size in tables[number // count].items() if size <= job["target_size"])
        for number, job in enumerate(jobs)
    ]
    same = [one["final_quality"] == quality for one, quality in zip(found, best, strict=True)]
    cpu = (stream.usage.cpu - idle.usage.cpu) / max(SMALLEST, single.usage.cpu - idle.usage.cpu)
    return [one["iterations"] for one in found], same, max(SMALLEST, cpu)


def wanted(
    folder: Path, photos: Sequence[Path], tables: Sequence[Sizes], format_name: str, count: int
) -> Iterator[dict[str, Any]]:
    """Yield searches for sizes evenly spread, by ratio, between what the lowest and the highest quality take."""
    for photo, table in zip(photos, tables, strict=True):
        low, high = table[QUALITIES[0]], table[QUALITIES[-1]]
        for number in range(count):
            yield {
                "operation": "quality",
                "input": str(photo),
                "output": f"{folder}/{photo.stem}-{number}.{FORMATS[format_name]}",
                "target_size": round(low * (high / low) ** ((number + 0.5) / count)),
            }


def exhaustive(stream: Stream, folder: Path, photo: Path, format_name: str) -> Sizes:
    """Encode a photo at every quality."""
    results = answered(stream, [conversion(folder, photo, format_name, quality) for quality in QUALITIES])
    return {
        quality: int(result["outputs"][0]["size_bytes"]) for quality, result in zip(QUALITIES, results, strict=True)
    }


def conversion(folder: Path, photo: Path, format_name: str, quality: int) -> dict[str, Any]:
    """Return a job that encodes a photo once."""
    output = f"{folder}/{photo.stem}-q{quality}.{FORMATS[format_name]}"
    return {"operation": "convert", "input": str(photo), "output": output, "quality": quality}


def answered(stream: Stream, jobs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run jobs that all have to succeed; return their results in the jobs' order."""
    done = stream.run(job | {"id": str(number)} for number, job in enumerate(jobs)).require(len(jobs))
    results = {result["id"]: result for result in map(json.loads, done.lines)}
    return [results[str(number)] for number in range(len(jobs))]


def shrunk(photo: Path, folder: Path, side: int) -> Path:
    """Make a small PNG of a photo, so that both ways to encode it start from the same pixels."""
    import pyvips

    path = folder / f"{photo.stem}.png"
    image = pyvips.Image.thumbnail(str(photo), side, height=side, size="down", export_profile="srgb")
    if image.hasalpha():
        image = image.flatten(background=[255, 255, 255])
    image.pngsave(str(path), compression=1, keep="none")
    return path
