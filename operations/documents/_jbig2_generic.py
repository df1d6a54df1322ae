"""Generic regions of JBIG2, ITU-T T.88, 6.2: a picture coded pixel by pixel, each in the context of sixteen known ones.

Four of the sixteen may be moved. Where they stand is measured: letters of few pixels are better off without some, which
are then laid upon another; the dots of a halftone are foretold by those that stand a period away.
"""

import struct
from collections.abc import Iterable
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

_SAMPLE_ROWS, _SAMPLE, _ASKED = 160, 150_000, 4_000
"""In how many rows, and at how many pixels that are not quite certain, it is measured where the four are to stand, and
at how many which pixels far away agree with them."""

_TIMES = 4
"""How many times each pixel of the sample counts: of the whole picture there are more, which teach contexts faster."""

_RING = tuple((across, down) for down in (0, -8, -16) for across in (-16, -8, 0, 8, 16) if down or across < 0)
"""Where there are dots around a pixel of a light halftone, or gaps in a dark one."""

_FEWEST, _MUCH = 4_000, 24_000
"""Pixels that are not quite certain, and bits, below which it would take more to learn than is gained."""

_NEAR, _REACH = (6, 4), 24
"""How far to the side and up each place is tried, and how far the dots of a halftone are looked for."""

_PERIODIC = 0.5
"""How much more often than by chance pixels far away agree, or do not, in a halftone."""

_TRIED = 24
"""How many of the places far away are tried, and how many of all after the first one is chosen."""

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
    def head(self) -> bytes:
        """Return the places as segments have them."""
        return b"".join(struct.pack("2b", *place) for place in self.places)


def plan(bits: "Bits") -> Plan:
    """Work out how a picture is coded best, rows that repeat the one above being told as such.

    Args:
        bits: Shape (height, width), 1 black.
    """
    sample = _Sample(bits)
    return _planned(bits, sample.best_places() if sample.is_periodic else USUAL)


def tuned(bits: "Bits", plan: Plan) -> Plan:
    """Work out whether a picture is coded still better with the four elsewhere."""
    if plan.bits < _MUCH:
        return plan
    sample = _Sample(bits)
    return plan if sample.is_periodic else min(plan, _planned(bits, sample.best_places()), key=lambda one: one.bits)


def _planned(bits: "Bits", places: tuple[Place, ...]) -> Plan:
    values, counts = _decided(bits, places)
    found = _histogram(values, counts).reshape((2,) * 17)
    tried = {first: length(_without(found, _MOVED[first:])) for first in range(5)}
    first = min(tried, key=lambda one: tried[one])
    for bit in _MOVED[first:]:
        values = _laid_upon(values, bit)
    return Plan((*places[:first], *(4 - first) * (_UPON,)), _said(values), counts, tried[first])


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


def runs(values: "npt.NDArray[np.uint16] | Values") -> tuple["Values", "Counts"]:
    """Return decisions, equal ones in a row as one, and how many times in a row each comes."""
    import numpy as np

    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    return values[starts].astype(np.uint32), np.diff(starts, append=len(values))


class _Sample:
    """Pixels of a picture that are not quite certain: neither amid white nor amid black."""

    def __init__(self, bits: "Bits") -> None:
        import numpy as np

        rows = np.flatnonzero((bits != np.roll(bits, 1, axis=0)).any(axis=1))
        rows = rows[:: -(-len(rows) // _SAMPLE_ROWS) or 1]
        padded = np.pad(bits, ((_REACH, 0), (_REACH, _REACH)))
        self._pixels, self._pitch = padded.ravel(), padded.shape[1]
        at = ((rows + _REACH)[:, None] * self._pitch + np.arange(_REACH, _REACH + bits.shape[1])).ravel()
        self._at = self._uncertain(at, [place for _, place in _FIXED])
        self._far = self._agreeing()
        if self.is_periodic:
            self._at = self._uncertain(at, _RING)

    def _uncertain(self, at: "npt.NDArray[np.intp]", places: Iterable[Place]) -> "npt.NDArray[np.intp]":
        """Return some of those pixels around which not all are the same."""
        import numpy as np

        around = [self._there(at, place) for place in places]
        some = np.flatnonzero(np.bitwise_or.reduce(around) != np.bitwise_and.reduce(around))
        return at[some[:: -(-len(some) // _SAMPLE) or 1]]

    def _there(self, at: "npt.NDArray[np.intp]", place: Place) -> "Bits":
        found: Bits = self._pixels[at + place[1] * self._pitch + place[0]]
        return found

    def _agreeing(self) -> dict[Place, float]:
        """Return places far away, and how much more often than by chance they agree, or do not."""
        import numpy as np

        if len(self._at) < _FEWEST:
            return {}
        at = self._at[:: -(-len(self._at) // _ASKED)]
        pixels = self._there(at, (0, 0))
        places = ((across, down) for down in range(-_REACH, 1) for across in range(-_REACH, _REACH + 1))
        far = (one for one in places if max(abs(one[0]), -one[1]) > _NEAR[1] and (one[1] < 0 or one[0] < 0))
        return {place: abs(2 * np.count_nonzero(self._there(at, place) == pixels) / len(at) - 1) for place in far}

    @property
    def is_periodic(self) -> bool:
        """Return whether it is a halftone, whose dots come again."""
        return max(self._far.values(), default=0.0) > _PERIODIC

    def best_places(self) -> tuple[Place, ...]:
        """Return the four places that foretell the pixels best, chosen one after the other."""
        import numpy as np

        if not self._far:
            return USUAL
        known = self._there(self._at, (0, 0)).astype(np.uint32)
        for bit, place in _FIXED:
            known |= self._there(self._at, place).astype(np.uint32) << np.uint32(bit + 1)
        tried = {place: self._there(self._at, place).astype(np.uint32) for place in self._tried()}
        chosen: list[Place] = []
        for bit in _MOVED:
            lengths = {
                place: length(
                    _TIMES * np.bincount(known | pixels << np.uint32(bit + 1), minlength=2 * CONTEXTS).reshape(-1, 2)
                )
                for place, pixels in tried.items()
            }
            order = sorted(lengths, key=lambda place: lengths[place])
            chosen.append(order[0])
            known |= tried[order[0]] << np.uint32(bit + 1)
            tried = {place: tried[place] for place in order[:_TRIED]}
        return tuple(chosen)

    def _tried(self) -> list[Place]:
        fixed = {place for _, place in _FIXED}
        near = [(across, down) for down in range(-_NEAR[1], 0) for across in range(-_NEAR[0], _NEAR[0] + 1)]
        far = sorted(self._far, key=lambda place: -self._far[place])[:_TRIED]
        return [place for place in dict.fromkeys([*USUAL, *near, (-5, 0), (-6, 0), *far]) if place not in fixed]
