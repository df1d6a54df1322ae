"""Generic regions of JBIG2, ITU-T T.88, 6.2: a picture coded pixel by pixel, each in the context of sixteen known ones.

Four of the sixteen may be moved. Where they stand is measured: letters of few pixels are better off without some, which
are then laid upon another; the dots of a halftone are foretold by those that stand a period away.
"""

import struct
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]
    Values = npt.NDArray[np.uint32]
    Counts = npt.NDArray[np.int64]

Place = tuple[int, int]

CONTEXTS = 1 << 16
_REPEATS = 0x9B25
"""The context in which it is said whether a row begins or ends to repeat the one above (6.2.5.7)."""

USUAL: tuple[Place, ...] = ((3, -1), (-3, -1), (2, -2), (-2, -2))
"""Where the four pixels that may be moved stand, as (across, down), as long as nothing else is measured."""

_FIXED = (
    (0, (-1, 0)), (1, (-2, 0)), (2, (-3, 0)), (3, (-4, 0)), (5, (2, -1)), (6, (1, -1)), (7, (0, -1)), (8, (-1, -1)),
    (9, (-2, -1)), (12, (1, -2)), (13, (0, -2)), (14, (-1, -2)),
)  # fmt: skip
"""Template 0 (figure 3): bits of a context, and where their pixels stand."""

_MOVED = (4, 10, 11, 15)
"""Bits of the four that may be moved."""

_UPON: Place = (-1, 0)
"""Where one is laid that only divides what is known into too many contexts."""

_BAND = 64
"""Rows worked on at a time."""

_BUSY = 0.15
"""Runs per pixel above which a picture may be a halftone."""

_REACH = 24
_SAMPLE_ROWS = 96
_TRIED = 20
"""Where the dots of a halftone are looked for, in how much of it, and how many places are tried of those that agree."""

_WORTH = 0.98
"""Part of the length that is to be left, so that the four are moved."""

_PRIOR = 0.4
"""Of how many decisions of either kind the coder behaves as if it had seen them in a new context."""


class Plan(Struct, frozen=True):
    """How a picture is coded.

    Attributes:
        places: Of the four pixels that may be moved.
        values: What is decided: twice the context, and 0 or 1.
        counts: How many times in a row.
        bits: About how long it comes out.
    """

    places: tuple[Place, ...]
    values: "Values"
    counts: "Counts"
    bits: float

    @property
    def is_halftone(self) -> bool:
        """Return whether pixels were moved to where the dots of a halftone are."""
        return not set(self.places) <= {*USUAL, _UPON}

    @property
    def head(self) -> bytes:
        """Return the places as segments have them."""
        return b"".join(struct.pack("2b", *place) for place in self.places)


def plan(bits: "Bits") -> Plan:
    """Work out how a picture is coded best, rows that repeat the one above being told as such.

    Args:
        bits: Shape (height, width), 1 black.
    """
    values, counts = _decided(bits, USUAL)
    found = _histogram(values, counts).reshape((2,) * 17)
    tried = {first: length(_without(found, _MOVED[first:])) for first in range(5)}
    first = min(tried, key=lambda one: tried[one])
    if len(values) > _BUSY * bits.size:
        places = _halftone(bits)
        moved, times = _decided(bits, places)
        taken = length(_histogram(moved, times))
        if taken < _WORTH * tried[first]:
            return Plan(places, _said(moved), times, taken)
    for bit in _MOVED[first:]:
        values = _laid_upon(values, bit)
    return Plan((*USUAL[:first], *(4 - first) * (_UPON,)), _said(values), counts, tried[first])


def costs(bits: "Bits", plan: Plan, boxes: list[tuple[int, int, int, int]]) -> "npt.NDArray[np.float64]":
    """Return how many bits boxes of a picture take, each given as its top, left, bottom and right."""
    import numpy as np

    table = bits_taken(_histogram(plan.values, plan.counts)).astype(np.float32)
    padded = np.pad(bits, _margins(plan.places))
    above = _margins(plan.places)[0][0]
    taken = np.empty(bits.shape, np.float32)
    for top in range(0, len(bits), _BAND):
        taken[top : top + _BAND] = table[_contexts(padded[top : top + _BAND + above], bits.shape[1], plan.places)]
    return np.array([taken[top:bottom, left:right].sum() for top, left, bottom, right in boxes], np.float64)


def decisions(bits: "Bits", places: tuple[Place, ...]) -> tuple["Values", "Counts"]:
    """Return the decisions that code a picture of which no row is said to be repeated, equal ones in a row as one."""
    import numpy as np

    return runs(_contexts(np.pad(bits, _margins(places)), bits.shape[1], places).ravel())


def length(counts: "npt.NDArray[np.int64]") -> float:
    """Return about how many bits decisions take, given how many of 0 and 1 there are in each context: shape (n, 2).

    It is the length of an adaptive code that begins as if it had seen some of either (Krichevsky and Trofimov, 1981).
    """
    import numpy as np

    seen = counts[counts.any(axis=1)].astype(np.float64)
    zeros, ones = seen[:, 0], seen[:, 1]
    nats = _log_gamma(zeros + ones + 2 * _PRIOR) - _log_gamma(zeros + _PRIOR) - _log_gamma(ones + _PRIOR)
    start = _log_gamma(np.array([2 * _PRIOR, _PRIOR]))
    return float((nats - (start[0] - 2 * start[1])).sum() / np.log(2))


def bits_taken(counts: "npt.NDArray[np.int64]") -> "npt.NDArray[np.float64]":
    """Return about how many bits each decision takes, given how many of 0 and 1 there are in each context.

    Args:
        counts: Shape (n, 2).

    Returns:
        Shape (2 * n,), by twice the context, and 0 or 1.
    """
    import numpy as np

    seen = counts + _PRIOR
    return np.asarray(np.log2(seen.sum(axis=1, keepdims=True) / seen).ravel())


def _log_gamma(values: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float64]":
    """Return ln gamma by Stirling's series, six above."""
    import numpy as np

    above = values + 6
    series = (above - 0.5) * np.log(above) - above + 0.5 * np.log(2 * np.pi) + 1 / (12 * above) - 1 / (360 * above**3)
    product = values * (values + 1) * (values + 2) * (values + 3) * (values + 4) * (values + 5)
    return np.asarray(series - np.log(product))


def _histogram(values: "Values", counts: "Counts") -> "npt.NDArray[np.int64]":
    import numpy as np

    found = np.bincount(values, weights=counts, minlength=2 * CONTEXTS + 2)[: 2 * CONTEXTS]
    return found.astype(np.int64).reshape(-1, 2)


def _without(found: "npt.NDArray[np.int64]", bits: tuple[int, ...]) -> "npt.NDArray[np.int64]":
    return found.sum(axis=tuple(15 - bit for bit in bits)).reshape(-1, 2) if bits else found.reshape(-1, 2)


def _laid_upon(values: "Values", bit: int) -> "Values":
    """Return decisions whose context has in a bit what it has in its lowest."""
    import numpy as np

    one, upper = np.uint32(1), np.uint32(bit + 1)
    return (values & ~(one << upper)) | (values >> one & one) << upper


def _said(values: "Values") -> "Values":
    """Give the decisions about rows the context they share with a pixel's."""
    import numpy as np

    rows = values >> np.uint32(1) >= CONTEXTS
    return np.where(rows, np.uint32(2 * _REPEATS) | values & np.uint32(1), values)


def _margins(places: tuple[Place, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
    return (max(2, *(-down for _, down in places)), 0), 2 * (max(4, *(abs(across) for across, _ in places)),)


def _contexts(padded: "Bits", width: int, places: tuple[Place, ...]) -> "Values":
    """Return for each pixel twice its context, and what it is, given rows with what is around them."""
    import numpy as np

    above, side = _margins(places)[0][0], _margins(places)[1][0]
    height = len(padded) - above
    found = np.zeros((height, width), np.uint16)
    for bit, (across, down) in (*_FIXED, *zip(_MOVED, places, strict=True)):
        there = padded[above + down : above + down + height, side + across : side + across + width]
        found |= there.astype(np.uint16) << np.uint16(bit)
    return found.astype(np.uint32) << np.uint32(1) | padded[above:, side : side + width]


def _decided(bits: "Bits", places: tuple[Place, ...]) -> tuple["Values", "Counts"]:
    """Return the decisions that code a picture; those about rows are in a context of their own."""
    import numpy as np

    height, width = bits.shape
    above = _margins(places)[0][0]
    padded = np.pad(bits, _margins(places))
    repeats = (padded[above:] == padded[above - 1 : -1]).all(axis=1)
    flips = np.diff(repeats, prepend=False)
    values, counts = [], []
    for top in range(0, height, _BAND):
        rows = slice(top, min(height, top + _BAND))
        found = np.empty((rows.stop - top, width + 1), np.uint32)
        found[:, 0] = 2 * CONTEXTS + flips[rows]
        if not repeats[rows].all():
            found[:, 1:] = _contexts(padded[top : rows.stop + above], width, places)
        kept = np.ones(found.shape, bool)
        kept[repeats[rows], 1:] = False
        some = runs(found[kept])
        values.append(some[0])
        counts.append(some[1])
    return np.concatenate(values), np.concatenate(counts)


def runs(values: "npt.NDArray[np.integer[npt.NBitBase]]") -> tuple["Values", "Counts"]:
    """Return decisions, equal ones in a row as one, and how many times in a row each comes."""
    import numpy as np

    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    return values[starts], np.diff(starts, append=len(values))


def _halftone(bits: "Bits") -> tuple[Place, ...]:
    """Return the four places that foretell the pixels of a halftone best, chosen one after the other."""
    import numpy as np

    middle = max(0, (len(bits) - _SAMPLE_ROWS) // 2)
    sample = bits[max(0, middle - _REACH) : middle + _SAMPLE_ROWS]
    far = [(across, down) for down in range(-_REACH, 0) for across in range(-_REACH, _REACH + 1)]
    far = [
        *((across, 0) for across in range(-_REACH, -4)),
        *(place for place in far if place not in dict(_FIXED).values()),
    ]
    edges = ((_REACH, 0), (_REACH, _REACH))
    padded, (height, width) = np.pad(sample, edges), sample.shape

    def there(place: Place) -> "Bits":
        left, top = _REACH + place[0], _REACH + place[1]
        return padded[top : top + height, left : left + width]

    agree = {place: abs(0.5 - float(np.count_nonzero(there(place) != sample)) / sample.size) for place in far}
    tried = [*USUAL, *sorted(agree, key=lambda place: -agree[place])[:_TRIED]]
    known = _contexts(np.pad(sample, _margins(USUAL)), width, USUAL)
    for bit in _MOVED:
        known &= ~np.uint32(1 << bit + 1)
    chosen: list[Place] = []
    for bit in _MOVED:
        best = {}
        for place in dict.fromkeys(tried):
            values = known | there(place).astype(np.uint32) << np.uint32(bit + 1)
            best[place] = length(np.bincount(values.ravel(), minlength=2 * CONTEXTS).reshape(-1, 2))
        chosen.append(min(best, key=lambda place: best[place]))
        known |= there(chosen[-1]).astype(np.uint32) << np.uint32(bit + 1)
    return tuple(chosen)
