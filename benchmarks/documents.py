"""How alike documents look, and what is found over many of them, class by class."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.harness import Bench, Usage, say
from benchmarks.report import Bound, Row

DPI = (100, 200)
PAGES = 3
"""Pages that are looked at, from the first."""

NOTE = (
    f"A class is a folder of documents. Similarity is the mean structural similarity of the first {PAGES} pages' luma, "
    "as PDFium renders them. Ghostscript rounds pages to whole points, which moves pictures by parts of a pixel: its "
    "similarity is understated where pages are of other sizes."
)

Make = Callable[[Bench, Path, Path], Usage]


def found(folder: Path) -> dict[str, list[Path]]:
    """Return the documents in a folder by class: what lies in a folder of its own, under that folder's name."""
    classes: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*.pdf")):
        where = path.parent.relative_to(folder).as_posix()
        classes.setdefault("documents" if where == "." else where, []).append(path)
    return dict(sorted(classes.items()))


def rows(bench: Bench, ours: Make, peer: Make, missing: str, bounds: tuple[Bound, Bound, Bound]) -> list[Row]:
    """Make every document smaller by both sides, once each.

    Args:
        bench: Where, and the documents.
        ours: Our side.
        peer: The other one.
        missing: What is not installed; empty where nothing is missing.
        bounds: Of bytes, of CPU and of similarity.

    Returns:
        For each class rows of size, CPU and similarity, with a number for each document.
    """
    assert bench.documents is not None
    table = []
    for name, paths in found(bench.documents).items():
        sides: list[dict[str, list[float]]] = [{}, {}]
        for path in paths[: bench.count(len(paths), 2)]:
            say(f"pdf {name}: {path.stem}")
            for side, make in zip(sides, (ours,) if missing else (ours, peer), strict=False):
                for key, value in _measured(bench, path, make).items():
                    side.setdefault(key, []).append(value)
        names = tuple(path.stem for path in paths[: len(sides[0]["size"])])
        for key, unit, measure, bound in (
            ("size", "kB", "ratio", bounds[0]),
            ("CPU", "ms", "ratio", bounds[1]),
            *((f"similarity at {dpi} dpi", "", "difference", bounds[2]) for dpi in DPI),
        ):
            mine, theirs = (side.get(key, []) for side in sides)
            kind: Any = measure
            table.append(Row("pdf", f"medium, {name}: {key}", unit, mine, theirs, kind, bound, missing, NOTE, names))
    return table


def _measured(bench: Bench, source: Path, make: Make) -> dict[str, float]:
    output = bench.folder("pdf") / source.name
    used = make(bench, source, output)
    scores = {f"similarity at {dpi} dpi": similarity(source, output, dpi) for dpi in DPI}
    size = output.stat().st_size / 1000
    output.unlink()
    return {"size": size, "CPU": used.cpu * 1000, **scores}


def similarity(one: Path, other: Path, dpi: int) -> float:
    """Return the mean structural similarity of two documents' first pages.

    It is that of Wang et al. 2004, over blocks of 8x8 pixels of luma; what one page has beyond the other is left out.
    """
    import numpy as np
    import pypdfium2

    left, right = pypdfium2.PdfDocument(one), pypdfium2.PdfDocument(other)
    scores = []
    for number in range(min(len(left), PAGES)):
        pages = [_luma(document[number], dpi) for document in (left, right)]
        height, width = (min(page.shape[axis] for page in pages) // 8 * 8 for axis in (0, 1))
        scores.append(_alike(*(_blocks(page[:height, :width]) for page in pages)))
    left.close()
    right.close()
    return float(np.mean(scores))


def _luma(page: Any, dpi: int) -> Any:
    return page.render(scale=dpi / 72).to_numpy()[:, :, :3] @ [0.114, 0.587, 0.299]


def _blocks(pixels: Any) -> Any:
    height, width = pixels.shape
    return pixels.reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2).reshape(-1, 64)


def _alike(left: Any, right: Any) -> float:
    means = left.mean(axis=1), right.mean(axis=1)
    both = ((left - means[0][:, None]) * (right - means[1][:, None])).mean(axis=1)
    dark, flat = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    light = (2 * means[0] * means[1] + dark) / (means[0] ** 2 + means[1] ** 2 + dark)
    shape = (2 * both + flat) / (left.var(axis=1) + right.var(axis=1) + flat)
    return float((light * shape).mean())
