"""JBIG2 by symbols, without loss: marks that come again are coded once, ITU-T T.88, 6.4 and 6.5.

Only marks that are equal to the pixel are one symbol. What comes but once is left to a generic region, which is laid
over. Text set by a program repeats its letters exactly; scanned letters never do, so scans are told from it early.
"""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.documents import _mq

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]
    Run = tuple[int, int, int]
    Decision = tuple[int, int, int]

DICTIONARY, TEXT_REGION = 0, 6
"""Types of segments."""

_MOST_MARKS = 60_000
_FEWEST_MARKS = 24
_LARGEST = 400
"""Pixels of a side above which a mark is no letter."""

_REPEATED = 0.5
"""Part of the marks that has to be repeated, so that it may pay."""

_NUMBERS = 512
"""Contexts of a procedure that codes integers."""

_RANGES = ((4, 0, 2), (20, 4, 4), (84, 20, 6), (340, 84, 8), (4436, 340, 12), (1 << 32, 4436, 32))
"""Table A.1: values below which a range is used, what is taken from them, and how many bits they have."""


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


class Found(Struct, frozen=True):
    """What symbols make of a picture.

    Attributes:
        dictionary: Data of the segment with the symbols.
        text: Data of the segment that places them, without its region's position.
        rest: What is left of the picture.
    """

    dictionary: bytes
    text: bytes
    rest: "Bits"


def split(bits: "Bits", generic: Any, places: bytes) -> Found | None:
    """Code the marks of a picture that are repeated; None where too few are.

    Args:
        bits: Shape (height, width), 1 black.
        generic: Yields the decisions that code a picture by a generic region without repeated rows, given the picture
            and the number of its first context.
        places: Of the pixels of a generic region's template that may be moved.
    """
    import numpy as np

    height = bits.shape[0]
    middle = marks(bits[height // 3 : height // 2])
    if middle is None or (len(middle) >= _FEWEST_MARKS and _repeats(middle) < _REPEATED / 3):
        return None
    found = marks(bits)
    if found is None or len(found) < _FEWEST_MARKS or _repeats(found) < _REPEATED:
        return None
    counts: dict[tuple[tuple[int, int], bytes], int] = {}
    for mark in found:
        counts[mark.size, mark.bits] = counts.get((mark.size, mark.bits), 0) + 1
    symbols = sorted(key for key, count in counts.items() if count > 1 and max(key[0]) <= _LARGEST)
    if not symbols:
        return None
    numbers = {key: number for number, key in enumerate(symbols)}
    placed = [mark for mark in found if (mark.size, mark.bits) in numbers]
    rest = bits.copy()
    for mark in placed:
        pixels = np.frombuffer(mark.bits, np.uint8).reshape(mark.size)
        rest[mark.top : mark.top + mark.size[0], mark.left : mark.left + mark.size[1]] &= 1 - pixels
    head = struct.pack(">H", 0) + places + struct.pack(">II", len(symbols), len(symbols))
    dictionary = head + _mq.encode(3 * _NUMBERS + (1 << 16), _dictionary(symbols, generic))
    width = (len(symbols) - 1).bit_length()  # a single symbol needs no name
    text = struct.pack(">HI", 0, len(placed))  # one row to a strip, symbols by their lower left corners, laid over
    text += _mq.encode(3 * _NUMBERS + (2 << width), _text(placed, numbers, width))
    return Found(dictionary, text, rest)


def _repeats(found: list[Mark]) -> float:
    return 1 - len({(mark.size, mark.bits) for mark in found}) / max(1, len(found))


def marks(bits: "Bits") -> list[Mark] | None:
    """Return the marks of a picture, pixels that touch at corners being one; None where there are too many."""
    import numpy as np

    parents, runs = list[int](), list["Run"]()

    def root(run: int) -> int:
        while parents[run] != run:
            parents[run] = parents[parents[run]]
            run = parents[run]
        return run

    padded = np.pad(bits, ((0, 0), (1, 1))).astype(np.int8)
    rows, edges = np.nonzero(np.diff(padded, axis=1))
    starts, first = np.searchsorted(rows, np.arange(len(bits) + 1)).tolist(), edges.tolist()
    if len(first) > 40 * _MOST_MARKS:
        return None
    above = range(0)
    for row in range(len(bits)):
        begin, at = len(runs), above.start
        for place in range(starts[row], starts[row + 1], 2):
            left, right, run = first[place], first[place + 1], len(runs)
            runs.append((row, left, right))
            parents.append(run)
            while at < above.stop and runs[at][2] < left:
                at += 1
            touching = at
            while touching < above.stop and runs[touching][1] <= right:
                one, other = root(touching), root(run)
                parents[max(one, other)] = min(one, other)
                touching += 1
        above = range(begin, len(runs))
    groups: dict[int, list[Run]] = {}
    for run, where in enumerate(runs):
        groups.setdefault(root(run), []).append(where)
    return None if len(groups) > _MOST_MARKS else [_mark(group) for group in groups.values()]


def _mark(runs: "list[Run]") -> Mark:
    top, left = runs[0][0], min(run[1] for run in runs)
    height, width = runs[-1][0] - top + 1, max(run[2] for run in runs) - left
    pixels = bytearray(height * width)
    for row, begin, end in runs:
        at = (row - top) * width - left
        pixels[at + begin : at + end] = b"\1" * (end - begin)
    return Mark(top, left, (height, width), bytes(pixels))


def _dictionary(symbols: list[Any], generic: Any) -> "Iterator[Decision]":
    """Yield the decisions of a symbol dictionary (6.5.5): classes of equal height, each ended out of band."""
    import numpy as np

    heights, widths, exports = 0, _NUMBERS, 2 * _NUMBERS
    height = width = 0
    for at, ((rows, columns), bits) in enumerate(symbols):
        if rows != height:
            if at:
                yield from _integer(widths, None)
            yield from _integer(heights, rows - height)
            height, width = rows, 0
        yield from _integer(widths, columns - width)
        width = columns
        yield from generic(np.frombuffer(bits, np.uint8).reshape(rows, columns), 3 * _NUMBERS)
    yield from _integer(widths, None)
    yield from _integer(exports, 0)
    yield from _integer(exports, len(symbols))


def _text(placed: list[Mark], numbers: dict[Any, int], width: int) -> "Iterator[Decision]":
    """Yield the decisions of a text region (6.4.5): strips of marks that stand on the same row, from left to right."""
    strips, firsts, steps, names = 0, _NUMBERS, 2 * _NUMBERS, 3 * _NUMBERS
    ordered = sorted(placed, key=lambda mark: (mark.top + mark.size[0] - 1, mark.left))
    row, first, here = 0, 0, 0
    yield from _integer(strips, 0)
    for at, mark in enumerate(ordered):
        bottom = mark.top + mark.size[0] - 1
        if not at or bottom != row:
            if at:
                yield from _integer(steps, None)
            yield from _integer(strips, bottom - row)
            yield from _integer(firsts, mark.left - first)
            row, first = bottom, mark.left
        else:
            yield from _integer(steps, mark.left - here)
        here = mark.left + mark.size[1] - 1
        yield from _name(names, numbers[mark.size, mark.bits], width)
    yield from _integer(steps, None)


def _integer(base: int, value: int | None) -> "Iterator[Decision]":
    """Yield the decisions of an integer, None being out of band (annex A.2)."""
    size = abs(value or 0)
    decisions = [int(value is None or value < 0)]
    for number, (below, less, bits) in enumerate(_RANGES):
        if size < below:
            decisions += [1] * number + [0] * (number < len(_RANGES) - 1)
            decisions += [(size - less) >> bit & 1 for bit in reversed(range(bits))]
            break
    before = 1
    for decision in decisions:
        yield base + before, decision, 1
        longer = before << 1 | decision
        before = longer if before < 256 else (longer & 511) | 256


def _name(base: int, number: int, width: int) -> "Iterator[Decision]":
    """Yield the decisions of a symbol's number (annex A.3)."""
    before = 1
    for bit in reversed(range(width)):
        decision = number >> bit & 1
        yield base + before, decision, 1
        before = before << 1 | decision
