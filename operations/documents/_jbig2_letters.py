"""Letters of a scan that are nearly alike: sorted into classes, each with the one that most of its pixels agree on.

Noise makes no two letters of a scan the same. Told what a letter would look like without it, a coder still needs far
less for each. This is soft pattern matching (Howard, Text Image Compression Using Soft Pattern Matching, 1997), in
which the letters themselves stay exactly as they are.
"""

from typing import TYPE_CHECKING

from msgspec import Struct

from mediamill.operations.documents._jbig2_marks import Mark

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]
    Words = npt.NDArray[np.uint64]
    Numbers = npt.NDArray[np.int64]

_SIDE = 64
_LARGEST, _SMALLEST = 58, 12
"""Pixels of the side of a letter, and of its ink."""

_ALIKE = 0.35
"""Part of its ink in which a letter may differ from the first of its class."""

_INK, _SIZE = 0.4, 4
"""Part of the ink, and pixels of a side, in which letters that are compared may differ."""

_STEPS = tuple((across, down) for down in (0, -1, 1) for across in (0, -1, 1))

_MANY = 64
"""Classes after which it is looked whether letters are alike at all."""

_NAMED = 12.0
"""Bits it takes to say which letter stands where."""

_SHAPE = 1.2
"""Bits that each edge of a shape takes."""

_DEAR = 1.1
"""How much more than its entropy the difference of a letter takes."""


class Letters(Struct, frozen=True):
    """Letters in classes.

    Attributes:
        shapes: Of each class, with a pixel of white around.
        places: Of each letter: its class, and the top and left of that class's shape when laid upon it.
        marks: The letters, in the same order.
    """

    shapes: list["Bits"]
    places: list[tuple[int, int, int]]
    marks: list[Mark]


class _Cards(Struct, frozen=True):
    """Marks on cards of 64 x 64 bits, their centres of mass in the middle, and what they measure."""

    words: "Words"
    corners: "Numbers"
    sizes: "Numbers"
    ink: "Numbers"


def sort(found: list[Mark], costs: "npt.NDArray[np.float64]", least: float) -> Letters | None:
    """Sort the marks of a scan into classes; None where they have too little in common.

    Args:
        found: Marks of a picture.
        costs: Bits that coding them pixel by pixel takes.
        least: Bits to be saved.
    """
    import numpy as np

    fits = np.array([max(mark.size) <= _LARGEST and mark.bits.count(1) >= _SMALLEST for mark in found], bool)
    fitting, costs = [mark for mark, one in zip(found, fits.tolist(), strict=True) if one], costs[fits]
    if len(fitting) < 2:
        return None
    cards = _cards(fitting)
    groups, steps = _grouped(cards)
    if not (groups >= 0).all():
        return None
    repeated = np.bincount(groups)[groups] > 1
    if not repeated.any():
        return None
    shapes = _agreed(cards, _numbered(np.where(repeated, groups, -1)), steps)
    for _ in range(2):
        groups, steps, apart = _assigned(cards, shapes)
        gains = costs - _NAMED - _DEAR * _entropy(apart, _edges(cards.words))
        groups = np.where(gains > 0, groups, -1)
        total = np.bincount(groups[groups >= 0], gains[groups >= 0], len(shapes))
        many = np.bincount(groups[groups >= 0], minlength=len(shapes)) > 1
        kept = many & (total > _SHAPE * _edges(shapes))
        if (total - _SHAPE * _edges(shapes))[kept].sum() < max(1.0, least):
            return None
        groups = _numbered(np.where((groups >= 0) & kept[groups], groups, -1))
        shapes = _agreed(cards, groups, steps)
    return _placed(fitting, cards, groups, steps, shapes)


def _numbered(groups: "Numbers") -> "Numbers":
    """Return classes numbered without gaps, -1 being none."""
    import numpy as np

    used = np.unique(groups[groups >= 0])
    return np.asarray(np.where(groups >= 0, np.searchsorted(used, groups), -1))


def _cards(found: list[Mark]) -> _Cards:
    import numpy as np

    words = np.zeros((len(found), _SIDE), np.uint64)
    corners = np.zeros((len(found), 2), np.int64)
    for at, mark in enumerate(found):
        height, width = mark.size
        pixels = np.frombuffer(mark.bits, np.uint8).reshape(mark.size)
        ink = mark.bits.count(1)
        top = _SIDE // 2 - round(int(pixels.sum(axis=1) @ np.arange(height)) / ink)
        left = _SIDE // 2 - round(int(pixels.sum(axis=0) @ np.arange(width)) / ink)
        top, left = min(max(2, top), _SIDE - 2 - height), min(max(2, left), _SIDE - 2 - width)
        row = np.zeros((height, _SIDE), np.uint8)
        row[:, left : left + width] = pixels
        words[at, top : top + height] = np.packbits(row, axis=1).view(">u8")[:, 0]
        corners[at] = top, left
    sizes = np.array([mark.size for mark in found], np.int64)
    return _Cards(words, corners, sizes, np.bitwise_count(words).sum(axis=1, dtype=np.int64))


def _moved(words: "Words", across: int, down: int) -> "Words":
    """Return cards with what is on them moved by a few pixels."""
    import numpy as np

    moved = words if not down else np.roll(words, down, axis=-1)
    return moved >> np.uint64(across) if across >= 0 else moved << np.uint64(-across)


def _apart(one: "Words", other: "Words") -> "Numbers":
    import numpy as np

    return np.asarray(np.bitwise_count(one ^ other).sum(axis=-1, dtype=np.int64))


def _edges(words: "Words") -> "Numbers":
    """Return how many neighbours of different colours there are on each card."""
    return _apart(words, _moved(words, 1, 0)) + _apart(words, _moved(words, 0, 1))


def _entropy(apart: "Numbers", edges: "Numbers") -> "npt.NDArray[np.float64]":
    """Return the bits it takes to say which of a letter's edges are others than foretold."""
    import numpy as np

    edges = np.maximum(edges, 2)
    share = np.clip(apart / edges, 0.5 / edges, 0.5)
    return np.asarray(-edges * (share * np.log2(share) + (1 - share) * np.log2(1 - share)))


def _near(cards: _Cards, among: "Numbers", ink: int, size: "Numbers") -> "Numbers":
    """Return those of some letters that are of about the same ink and size."""
    import numpy as np

    fits = np.abs(cards.ink[among] - ink) <= _INK * ink
    fits &= (np.abs(cards.sizes[among] - size) <= _SIZE).all(axis=1)
    return among[fits]


def _grouped(cards: _Cards) -> tuple["Numbers", "Numbers"]:
    """Sort letters by the first one they are like; return their classes, and how far each is moved from it.

    Where hardly any is like another, it stops, and those that are left are in class -1.
    """
    import numpy as np

    groups = np.full(len(cards.ink), -1)
    steps = np.zeros((len(cards.ink), 2), np.int64)
    count = 0
    for first in np.argsort(-cards.ink, kind="stable").tolist():
        if groups[first] >= 0:
            continue
        if count > _MANY and 2 * count > np.count_nonzero(groups >= 0):
            break
        near = _near(cards, np.flatnonzero(groups < 0), int(cards.ink[first]), cards.sizes[first])
        others = cards.words[near]
        distances = np.stack([_apart(others, _moved(cards.words[first], *step)) for step in _STEPS])
        like = distances.min(axis=0) <= _ALIKE * cards.ink[first]
        groups[near[like]] = count
        steps[near[like]] = np.array(_STEPS)[distances.argmin(axis=0)[like]]
        count += 1
    return groups, steps


def _agreed(cards: _Cards, groups: "Numbers", steps: "Numbers") -> "Words":
    """Return for each class what most of its letters have."""
    import numpy as np

    shapes = np.zeros((groups.max() + 1, _SIDE), np.uint64)
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(len(shapes) + 1))
    for group in range(len(shapes)):
        members = order[starts[group] : starts[group + 1]]
        laid = np.stack([_moved(cards.words[at], *(-steps[at]).tolist()) for at in members])
        votes = _pixels(laid).sum(axis=0, dtype=np.int64)
        shapes[group] = np.packbits(2 * votes > len(members), axis=1).view(">u8")[:, 0]
    return shapes


def _pixels(words: "Words") -> "Bits":
    """Return the pixels of cards: shape (..., 64, 64)."""
    import numpy as np

    return np.unpackbits(words.astype(">u8")[..., None].view(np.uint8), axis=-1)


def _assigned(cards: _Cards, shapes: "Words") -> tuple["Numbers", "Numbers", "Numbers"]:
    """Give each letter the class it is most like; return it, how far it is moved, and in how many pixels it differs."""
    import numpy as np

    count = len(cards.ink)
    best, groups = np.full(count, _SIDE * _SIDE), np.full(count, -1)
    steps = np.zeros((count, 2), np.int64)
    pixels = _pixels(shapes)
    sizes = np.stack([pixels.any(axis=2).sum(axis=1), pixels.any(axis=1).sum(axis=1)], axis=1)
    for group, ink in enumerate(np.bitwise_count(shapes).sum(axis=1, dtype=np.int64).tolist()):
        near = _near(cards, np.arange(count), ink, sizes[group])
        if not len(near) or not ink:
            continue
        others = cards.words[near]
        distances = np.stack([_apart(others, _moved(shapes[group], *step)) for step in _STEPS])
        nearest = distances.min(axis=0)
        closer = nearest < best[near]
        best[near[closer]], groups[near[closer]] = nearest[closer], group
        steps[near[closer]] = np.array(_STEPS)[distances.argmin(axis=0)[closer]]
    return groups, steps, best


def _placed(found: list[Mark], cards: _Cards, groups: "Numbers", steps: "Numbers", shapes: "Words") -> Letters:
    import numpy as np

    boxes, cut = [], []
    for pixels in _pixels(shapes):
        rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
        top, left = int(rows[0]) - 1, int(columns[0]) - 1
        boxes.append((top, left))
        cut.append(pixels[top : rows[-1] + 2, left : columns[-1] + 2])
    places, marks = [], []
    for at in np.flatnonzero(groups >= 0).tolist():
        mark, (top, left) = found[at], boxes[groups[at]]
        down = mark.top - int(cards.corners[at, 0]) + int(steps[at, 1]) + top
        across = mark.left - int(cards.corners[at, 1]) + int(steps[at, 0]) + left
        places.append((int(groups[at]), down, across))
        marks.append(mark)
    return Letters(cut, places, marks)
