"""The marks of a picture of black and white: pixels that touch, at corners too, are one."""

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]
    Numbers = npt.NDArray[np.int64]

MOST_MARKS = 60_000


class Mark(Struct, frozen=True):
    """A connected mark.

    Attributes:
        top: Row of its first pixel.
        left: Column of its first pixel.
        size: Height and width.
        bits: Its rows, one byte to a pixel.
    """

    top: int
    left: int
    size: tuple[int, int]
    bits: bytes


def marks(bits: "Bits") -> list[Mark] | None:
    """Return the marks of a picture; None where there are too many.

    Args:
        bits: Shape (height, width), 1 black.
    """
    import numpy as np

    rows, edges = np.nonzero(np.diff(np.pad(bits, ((0, 0), (1, 1))).astype(np.int8), axis=1))
    if len(rows) > 40 * MOST_MARKS:
        return None
    if not len(rows):
        return []
    rows, begins, ends = rows[::2], edges[::2], edges[1::2]
    labels = _labels(rows, begins, ends, bits.shape[1])
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    if len(starts) > MOST_MARKS:
        return None
    runs = list(zip(rows[order].tolist(), begins[order].tolist(), ends[order].tolist(), strict=True))
    stops = [*starts[1:].tolist(), len(runs)]
    return [_mark(runs[start:stop]) for start, stop in zip(starts.tolist(), stops, strict=True)]


def _labels(rows: "Numbers", begins: "Numbers", ends: "Numbers", width: int) -> "Numbers":
    """Return for each run of black the first run it hangs together with: unions by minimum, until none is left."""
    import numpy as np

    pitch = width + 2
    above = (rows - 1) * pitch
    first = np.searchsorted(rows * pitch + ends, above + begins)
    count = np.maximum(0, np.searchsorted(rows * pitch + begins, above + ends, "right") - first)
    lower = np.repeat(np.arange(len(rows)), count)
    upper = np.arange(len(lower)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    labels = np.arange(len(rows))
    while len(lower):
        one, other = labels[lower], labels[upper]
        apart = one != other
        lower, upper, one, other = lower[apart], upper[apart], one[apart], other[apart]
        np.minimum.at(labels, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(shorter := labels[labels], labels):
            labels = shorter
    return labels


def _mark(runs: list[tuple[int, int, int]]) -> Mark:
    top, left = runs[0][0], min(run[1] for run in runs)
    height, width = runs[-1][0] - top + 1, max(run[2] for run in runs) - left
    pixels = bytearray(height * width)
    for row, begin, end in runs:
        at = (row - top) * width - left
        pixels[at + begin : at + end] = b"\1" * (end - begin)
    return Mark(top, left, (height, width), bytes(pixels))
