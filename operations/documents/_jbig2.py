"""JBIG2 without loss: a picture of black and white, ITU-T T.88, as PDF embeds it.

Letters that are repeated are coded once, and their repetitions by what differs; a generic region holds the rest.
"""

import struct
from typing import TYPE_CHECKING

from mediamill.operations.documents import _jbig2_generic, _jbig2_symbols, _mq

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]

FILTER = "/JBIG2Decode"

_PAGE_INFORMATION, _IMMEDIATE_REGION = 48, 39
_LOSSLESS_PAGE = 1
_REPEATED_ROWS = 0b1000


def encode(bits: "Bits") -> bytes:
    """Code a picture for a PDF stream with the filter JBIG2Decode.

    Args:
        bits: Shape (height, width), 0 white and 1 black, as JBIG2 means them.

    Returns:
        The embedded stream: a page and its regions, without file header.
    """
    height, width = bits.shape
    page = _segment(0, _PAGE_INFORMATION, struct.pack(">4IBH", width, height, 0, 0, _LOSSLESS_PAGE, 0))
    plan = _jbig2_generic.plan(bits)
    found = _jbig2_symbols.split(bits, plan)
    if found is not None:
        rest = _jbig2_generic.plan(found.rest)
        if found.dictionary.bits + found.text.bits + rest.bits < plan.bits:
            return page + _by_symbols(found, _jbig2_generic.tuned(found.rest, rest), width, height)
    return page + _segment(1, _IMMEDIATE_REGION, _region(_jbig2_generic.tuned(bits, plan), width, height))


def _by_symbols(found: _jbig2_symbols.Found, rest: _jbig2_generic.Plan, width: int, height: int) -> bytes:
    where = struct.pack(">4IB", width, height, 0, 0, 0)
    made = _segment(1, _jbig2_symbols.DICTIONARY, found.dictionary.coded())
    made += _segment(2, _jbig2_symbols.TEXT_REGION, where + found.text.coded(), refers=1)
    return made + (_segment(3, _IMMEDIATE_REGION, _region(rest, width, height)) if found.rest.any() else b"")


def _region(plan: _jbig2_generic.Plan, width: int, height: int) -> bytes:
    head = struct.pack(">4IBB", width, height, 0, 0, 0, _REPEATED_ROWS) + plan.head
    return head + _mq.encode(_jbig2_generic.CONTEXTS, plan.values.tolist(), plan.counts.tolist())


def _segment(number: int, kind: int, data: bytes, refers: int | None = None) -> bytes:
    count, to = (0, b"") if refers is None else (1 << 5, struct.pack("B", refers))
    return struct.pack(">IBB", number, kind, count) + to + struct.pack(">BI", 1, len(data)) + data
