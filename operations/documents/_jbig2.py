"""JBIG2 without loss: a picture of black and white as a generic region, ITU-T T.88, 6.2, as PDF embeds it.

Where letters are repeated exactly, they are coded once, and the generic region holds the rest.

Each pixel is coded in the context of sixteen around it that the decoder knows already. Contexts are worked out for the
whole picture at once; rows that repeat the one above cost a single decision.
"""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _jbig2_symbols, _mq

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]

_CONTEXTS = 1 << 16
_REPEATS = 0x9B25
"""The context in which it is said whether a row begins or ends to repeat the one above (6.2.5.7)."""

_ADAPTIVE = ((3, -1), (-3, -1), (2, -2), (-2, -2))
"""Where the four pixels of the template stand that may be moved, as (across, down)."""

_TEMPLATE = (
    (-1, 0), (-2, 0), (-3, 0), (-4, 0), _ADAPTIVE[0], (2, -1), (1, -1), (0, -1), (-1, -1), (-2, -1), _ADAPTIVE[1],
    _ADAPTIVE[2], (1, -2), (0, -2), (-1, -2), _ADAPTIVE[3],
)  # fmt: skip
"""Template 0 (figure 3): the pixels of a context, from its lowest bit up."""

_MARGIN = 4
_PAGE_INFORMATION, _IMMEDIATE_REGION = 48, 39
_LOSSLESS_PAGE = 1


def encode(bits: "Bits") -> bytes:
    """Code a picture for a PDF stream with the filter JBIG2Decode.

    Args:
        bits: Shape (height, width), 0 white and 1 black, as JBIG2 means them.

    Returns:
        The embedded stream: a page and its regions, without file header.
    """
    height, width = bits.shape
    page = _segment(0, _PAGE_INFORMATION, struct.pack(">4IBH", width, height, 0, 0, _LOSSLESS_PAGE, 0))
    whole = page + _segment(1, _IMMEDIATE_REGION, _region(bits))
    found = _jbig2_symbols.split(bits, _plain, _places())
    if found is None:
        return whole
    where = struct.pack(">4IB", width, height, 0, 0, 0)
    by_symbols = page + _segment(1, _jbig2_symbols.DICTIONARY, found.dictionary)
    by_symbols += _segment(2, _jbig2_symbols.TEXT_REGION, where + found.text, refers=1)
    if found.rest.any():
        by_symbols += _segment(3, _IMMEDIATE_REGION, _region(found.rest))
    return min(whole, by_symbols, key=len)


def _region(bits: "Bits") -> bytes:
    height, width = bits.shape
    return struct.pack(">4IBB", width, height, 0, 0, 0, 0b1000) + _places() + _mq.encode(_CONTEXTS, _runs(bits))


def _places() -> bytes:
    return b"".join(struct.pack("2b", *place) for place in _ADAPTIVE)


def _segment(number: int, kind: int, data: bytes, refers: int | None = None) -> bytes:
    count, to = (0, b"") if refers is None else (1 << 5, struct.pack("B", refers))
    return struct.pack(">IBB", number, kind, count) + to + struct.pack(">BI", 1, len(data)) + data


def _plain(bits: "Bits", first: int) -> Iterator[tuple[int, int, int]]:
    """Yield the decisions that code a picture of which no row is said to be repeated, contexts counted from `first`."""
    import numpy as np

    height, width = bits.shape
    padded = np.zeros((height + 2, width + 2 * _MARGIN), np.uint16)
    padded[2:, _MARGIN:-_MARGIN] = bits
    for row in range(height):
        for context, decision, count in _row(padded[row : row + 3], width):
            yield first + context, decision, count


def _runs(bits: "Bits") -> Iterator[tuple[int, int, int]]:
    """Yield the decisions that code a picture, equal ones in a row as one."""
    import numpy as np

    height, width = bits.shape
    padded = np.zeros((height + 2, width + 2 * _MARGIN), np.uint16)
    padded[2:, _MARGIN:-_MARGIN] = bits
    repeats = (padded[2:] == padded[1:-1]).all(axis=1)
    flips = np.diff(repeats, prepend=False)
    for row in range(height):
        yield _REPEATS, int(flips[row]), 1
        if not repeats[row]:
            yield from _row(padded[row : row + 3], width)


def _row(rows: Any, width: int) -> Iterator[tuple[int, int, int]]:
    """Yield the decisions of a row, the last of three."""
    import numpy as np

    contexts = np.zeros(width, np.uint16)
    for bit, (across, down) in enumerate(_TEMPLATE):
        contexts |= rows[2 + down, _MARGIN + across : _MARGIN + across + width] << bit
    decisions = rows[2, _MARGIN : _MARGIN + width]
    both = contexts.astype(np.uint32) << 1 | decisions
    starts = np.flatnonzero(np.diff(both, prepend=both[0] ^ 1))
    counts = np.diff(starts, append=width)
    values = both[starts]
    yield from zip((values >> 1).tolist(), (values & 1).tolist(), counts.tolist(), strict=True)
