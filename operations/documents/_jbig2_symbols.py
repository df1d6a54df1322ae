"""JBIG2 by symbols, without loss: marks that come again are coded once, ITU-T T.88, 6.4 and 6.5.

Text set by a program repeats its letters to the pixel. Those of a scan are never the same twice: each is then coded as
what differs from the symbol it is like (6.3). What comes but once is left to a generic region, which is laid over.
"""

import struct
from typing import TYPE_CHECKING

from msgspec import Struct

from mediamill.operations.documents import _jbig2_generic, _jbig2_letters, _jbig2_refined, _mq
from mediamill.operations.documents._jbig2_marks import Mark, marks

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]

DICTIONARY, TEXT_REGION = 0, 6
"""Types of segments."""

_FEWEST_MARKS = 24
_LARGEST = 400
"""Pixels of a side above which a mark is no letter."""

_DENSE, _FEW_RUNS = 0.05, 10_000
"""Runs of ink per pixel above which a picture is no text, and how many there are in any that is too small to tell."""

_LEAST = 0.02
"""Part of a scan's length that letters have to save, as far as it is told beforehand."""

_REPEATED = 0.5
"""Part of the marks that has to be repeated to the pixel, so that the rest may be left out of account."""

_NUMBERS = 512
"""Contexts of a procedure that codes integers."""

_RANGES = ((4, 0, 2), (20, 4, 4), (84, 20, 6), (340, 84, 8), (4436, 340, 12), (1 << 32, 4436, 32))
"""Table A.1: values below which a range is used, what is taken from them, and how many bits they have."""

_STRIP = 3
"""Rows in which the letters of a scan stand on the same line, as a power of two."""

_REFINED, _BY_POWER = 1 << 1, 2
"""Flags of a text region (7.4.3.1.1)."""


class Part(Struct, frozen=True):
    """The data of a segment, not coded yet.

    Attributes:
        head: What comes before coded data.
        contexts: How many there are.
        values: What is decided: twice the context, and 0 or 1.
        counts: How many times in a row.
    """

    head: bytes
    contexts: int
    values: list[int]
    counts: list[int]

    @property
    def bits(self) -> float:
        """Return about how long it comes out."""
        import numpy as np

        found = np.bincount(self.values, weights=self.counts, minlength=2 * self.contexts)
        return 8 * len(self.head) + _jbig2_generic.length(found.reshape(-1, 2))

    def coded(self) -> bytes:
        """Return the data."""
        return self.head + _mq.encode(self.contexts, self.values, self.counts)


class Found(Struct, frozen=True):
    """What symbols make of a picture.

    Attributes:
        dictionary: Of the segment with the symbols.
        text: Of the segment that places them, without its region's position.
        rest: What is left of the picture.
    """

    dictionary: Part
    text: Part
    rest: "Bits"


class _Placed(Struct, frozen=True):
    """A symbol, where it stands, and what the picture has there, None where that is the symbol."""

    number: int
    bottom: int
    left: int
    width: int
    refined: tuple[list[int], list[int]] | None = None


class _Coder:
    """Decisions on their way to the coder, by procedure: each has contexts of its own."""

    def __init__(self) -> None:
        self.values = list[int]()
        self.counts = list[int]()

    def one(self, context: int, decision: int) -> None:
        self.values.append(context << 1 | decision)
        self.counts.append(1)

    def many(self, first: int, values: list[int], counts: list[int]) -> None:
        """Code decisions in the contexts from one on, each some times in a row."""
        self.values += [2 * first + value for value in values]
        self.counts += counts

    def integer(self, procedure: int, value: int | None) -> None:
        """Code an integer, None being out of band (annex A.2)."""
        size = abs(value or 0)
        decisions = [int(value is None or value < 0)]
        for number, (below, less, bits) in enumerate(_RANGES):
            if size < below:
                decisions += [1] * number + [0] * (number < len(_RANGES) - 1)
                decisions += [(size - less) >> bit & 1 for bit in reversed(range(bits))]
                break
        before = 1
        for decision in decisions:
            self.one(procedure * _NUMBERS + before, decision)
            longer = before << 1 | decision
            before = longer if before < 256 else (longer & 511) | 256

    def name(self, first: int, number: int, width: int) -> None:
        """Code a symbol's number (annex A.3)."""
        before = 1
        for bit in reversed(range(width)):
            self.one(first + before, number >> bit & 1)
            before = before << 1 | (number >> bit & 1)


def split(bits: "Bits", plan: _jbig2_generic.Plan) -> Found | None:
    """Code the marks of a picture that are repeated, or nearly so; None where too few are.

    Args:
        bits: Shape (height, width), 1 black.
        plan: How it is coded pixel by pixel.
    """
    import numpy as np

    runs = np.count_nonzero(bits[:, 1:] > bits[:, :-1])
    dense = runs > max(_FEW_RUNS, _DENSE * bits.size)
    found = None if dense else marks(bits)
    if found is None or len(found) < _FEWEST_MARKS:
        return None
    return _same(bits, found) if _repeats(found) >= _REPEATED else _alike(bits, found, plan)


def _repeats(found: list[Mark]) -> float:
    return 1 - len({(mark.size, mark.bits) for mark in found}) / max(1, len(found))


def _same(bits: "Bits", found: list[Mark]) -> Found | None:
    """Code marks that are the same to the pixel."""
    import numpy as np

    counts: dict[tuple[tuple[int, int], bytes], int] = {}
    for mark in found:
        counts[mark.size, mark.bits] = counts.get((mark.size, mark.bits), 0) + 1
    symbols = sorted(key for key, count in counts.items() if count > 1 and max(key[0]) <= _LARGEST)
    if not symbols:
        return None
    numbers = {key: number for number, key in enumerate(symbols)}
    placed, rest = [], bits.copy()
    for mark in found:
        if (mark.size, mark.bits) in numbers:
            _take(rest, mark)
            bottom = mark.top + mark.size[0] - 1
            placed.append(_Placed(numbers[mark.size, mark.bits], bottom, mark.left, mark.size[1]))
    shapes = [np.frombuffer(pixels, np.uint8).reshape(size) for size, pixels in symbols]
    return Found(_dictionary(shapes), _text(placed, len(shapes), 0), rest)


def _take(rest: "Bits", mark: Mark) -> None:
    import numpy as np

    pixels = np.frombuffer(mark.bits, np.uint8).reshape(mark.size)
    rest[mark.top : mark.top + mark.size[0], mark.left : mark.left + mark.size[1]] &= 1 - pixels


def _alike(bits: "Bits", found: list[Mark], plan: _jbig2_generic.Plan) -> Found | None:
    """Code marks that are nearly the same, each by what differs."""
    boxes = [(one.top, one.left, one.top + one.size[0] + 1, one.left + one.size[1] + 1) for one in found]
    letters = _jbig2_letters.sort(found, _jbig2_generic.costs(bits, plan, boxes), _LEAST * plan.bits)
    if letters is None:
        return None
    order = sorted(range(len(letters.shapes)), key=lambda at: letters.shapes[at].shape)
    shapes = [letters.shapes[at] for at in order]
    numbers = {at: number for number, at in enumerate(order)}
    height, width = bits.shape
    inside, rest = [], bits.copy()
    for (group, top, left), mark in zip(letters.places, letters.marks, strict=True):
        rows, columns = letters.shapes[group].shape
        if top >= 0 and left >= 0 and top + rows <= height and left + columns <= width:
            inside.append((numbers[group], top, left, mark))
            _take(rest, mark)
    placed = [
        _Placed(number, top + len(shapes[number]) - 1, left, shapes[number].shape[1], refined)
        for (number, top, left, _), refined in zip(inside, _refinements(inside, rest, shapes), strict=True)
    ]
    return Found(_dictionary(shapes), _text(placed, len(shapes), _STRIP), rest)


def _refinements(
    inside: list[tuple[int, int, int, Mark]], rest: "Bits", shapes: list["Bits"]
) -> list[tuple[list[int], list[int]] | None]:
    """Return the decisions that code letters given their symbols, equal ones in a row as one; None of equal ones."""
    import numpy as np

    members: dict[int, list[int]] = {}
    laid = []
    for at, (number, top, left, mark) in enumerate(inside):
        members.setdefault(number, []).append(at)
        laid.append(_laid(rest, mark, top, left, shapes[number].shape))
    found: list[tuple[list[int], list[int]] | None] = [None] * len(inside)
    for number, some in members.items():
        shape = shapes[number]
        for at, values in zip(some, _jbig2_refined.decisions(np.stack([laid[at] for at in some]), shape), strict=True):
            if not np.array_equal(laid[at], shape):
                runs, counts = _jbig2_generic.runs(values)
                found[at] = runs.tolist(), counts.tolist()
    return found


def _laid(rest: "Bits", mark: Mark, top: int, left: int, size: tuple[int, ...]) -> "Bits":
    """Return what a letter has where its symbol is laid, and the dirt around it, which then is not left any more.

    What of the letter reaches out goes back to what is left.
    """
    import numpy as np

    box = rest[top : top + size[0], left : left + size[1]]
    pixels = box.copy()
    box[:] = 0
    whole = np.frombuffer(mark.bits, np.uint8).reshape(mark.size)
    rest[mark.top : mark.top + mark.size[0], mark.left : mark.left + mark.size[1]] |= whole
    pixels |= box
    box[:] = 0
    return pixels


def _dictionary(shapes: list["Bits"]) -> Part:
    """Return the data of a symbol dictionary (6.5.5): classes of equal height, each ended out of band."""
    heights, widths, exports, pixels = 0, 1, 2, 3 * _NUMBERS
    coder, height, width = _Coder(), 0, 0
    for at, shape in enumerate(shapes):
        rows, columns = shape.shape
        if rows != height:
            if at:
                coder.integer(widths, None)
            coder.integer(heights, rows - height)
            height, width = rows, 0
        coder.integer(widths, columns - width)
        width = columns
        values, counts = _jbig2_generic.decisions(shape, _jbig2_generic.USUAL)
        coder.many(pixels, values.tolist(), counts.tolist())
    coder.integer(widths, None)
    coder.integer(exports, 0)
    coder.integer(exports, len(shapes))
    head = b"".join(struct.pack("2b", *place) for place in _jbig2_generic.USUAL)
    head = struct.pack(">H", 0) + head + struct.pack(">II", len(shapes), len(shapes))
    return Part(head, pixels + _jbig2_generic.CONTEXTS, coder.values, coder.counts)


def _text(placed: list[_Placed], symbols: int, power: int) -> Part:
    """Return the data of a text region (6.4.5): strips of symbols by their lower left corners, from left to right."""
    strips, firsts, steps, rows, refined, sizes = 0, 1, 2, 3, 4, (5, 6, 7, 8)
    width = (symbols - 1).bit_length()  # a single symbol needs no name
    names = 9 * _NUMBERS
    pixels = names + (1 << width)
    refining = any(one.refined is not None for one in placed)
    coder, strip, first, here = _Coder(), 0, 0, 0
    coder.integer(strips, 0)
    for at, one in enumerate(sorted(placed, key=lambda one: (one.bottom >> power, one.left))):
        if not at or one.bottom >> power != strip:
            if at:
                coder.integer(steps, None)
            coder.integer(strips, (one.bottom >> power) - strip)
            coder.integer(firsts, one.left - first)
            strip, first = one.bottom >> power, one.left
        else:
            coder.integer(steps, one.left - here)
        if power:
            coder.integer(rows, one.bottom - (strip << power))
        coder.name(names, one.number, width)
        if refining:
            coder.integer(refined, int(one.refined is not None))
        if one.refined is not None:
            for size in sizes:
                coder.integer(size, 0)
            coder.many(pixels, *one.refined)
        here = one.left + one.width - 1
    coder.integer(steps, None)
    flags = _REFINED * refining | power << _BY_POWER
    head = struct.pack(">H", flags) + (struct.pack("4b", *_jbig2_refined.MOVED) if refining else b"")
    head += struct.pack(">I", len(placed))
    return Part(head, pixels + _jbig2_refined.CONTEXTS, coder.values, coder.counts)
