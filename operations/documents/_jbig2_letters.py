"""Letters of a scan that are nearly alike: sorted into classes, each with the one that most of its pixels agree on.

Noise makes no two letters of a scan the same. Told what a letter would look like without it, a coder still needs far
less for each. This is soft pattern matching (Howard, Text Image Compression Using Soft Pattern Matching, 1997), in
which the letters themselves stay exactly as they are.
"""

from typing import TYPE_CHECKING

from msgspec import Struct

from mediamill.operations.documents import _jbig2_generic, _jbig2_refined
from mediamill.operations.documents._jbig2_marks import Mark

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]
    Words = npt.NDArray[np.uint64]
    Numbers = npt.NDArray[np.int64]
    Lengths = npt.NDArray[np.float64]

_SIDE = 64
_LARGEST, _SMALLEST = 58, 12
"""Pixels of the side of a letter, and of its ink."""

_ALIKE = 0.25
"""Part of its ink in which a letter may differ from the first of its class."""

_FAR = 0.8
"""The same, before it is moved, above which no step would bring them together."""

_INK, _SIZE = 0.3, 4
"""Part of the ink, and pixels of a side, in which letters that are compared may differ."""

_STEPS = tuple((across, down) for down in (0, -1, 1) for across in (0, -1, 1))

_ASKED, _FEWEST_ALIKE = 64, 0.25
"""Of how many letters it is asked whether they are like another, and which part has to be."""

_SAMPLE = 2000
"""How many letters tell which classes there are."""

_NAMED = 12.0
"""Bits it takes to say which letter stands where."""

_SHAPE = 1.15
"""Bits that each edge of a shape takes."""


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
    """Marks on cards of 64 x 64 bits, their centres of mass in the middle, and what they measure.

    Attributes:
        words: Shape (64, count): the rows of all cards.
        corners: Top and left of each mark on its card.
        sizes: Height and width.
        ink: Falling.
    """

    words: "Words"
    corners: "Numbers"
    sizes: "Numbers"
    ink: "Numbers"

    def every(self, step: int) -> "_Cards":
        """Return one of so many."""
        return _Cards(self.words[:, ::step], self.corners[::step], self.sizes[::step], self.ink[::step])


class _Classes(Struct, frozen=True):
    """Which class each letter is in, -1 being none, and how far it is moved from that class's shape."""

    groups: "Numbers"
    steps: "Numbers"

    def keeping(self, kept: "npt.NDArray[np.bool_]") -> "_Classes":
        """Return the classes that are left with only some letters, numbered without gaps."""
        import numpy as np

        used = np.unique(self.groups[kept])
        return _Classes(np.where(kept, np.searchsorted(used, self.groups), -1), self.steps)

    def members(self, count: int) -> list["Numbers"]:
        """Return the letters of each of so many classes."""
        import numpy as np

        order = np.argsort(self.groups, kind="stable")
        return np.split(order, np.searchsorted(self.groups[order], np.arange(count + 1)))[1:-1]


def sort(found: list[Mark], costs: "Lengths", least: float) -> Letters | None:
    """Sort the marks of a scan into classes; None where they have too little in common.

    Args:
        found: Marks of a picture.
        costs: Bits that coding them pixel by pixel takes.
        least: Bits to be saved.
    """
    import numpy as np

    ink = np.array([mark.bits.count(1) for mark in found])
    fits = (ink >= _SMALLEST) & (costs > 2 * _NAMED) & np.array([max(mark.size) <= _LARGEST for mark in found])
    order = np.argsort(-ink, kind="stable")
    order = order[fits[order]]
    if len(order) < 2 or costs[order].sum() < least:
        return None
    fitting, costs = [found[at] for at in order.tolist()], costs[order]
    cards = _cards(fitting)
    step = -(-len(fitting) // _SAMPLE)
    sample = cards.every(step)
    if not _has_alike(sample):
        return None
    shapes = _agreed(sample, _grouped(sample))
    for some, times in ((sample, step), (cards, 1)):
        classes, saved = _worth(some, costs[::times], shapes, times)
        if saved < max(1.0, least):
            return None
        shapes = _agreed(some, classes)
    return _placed(fitting, cards, classes, shapes)


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
    words = np.ascontiguousarray(words.T)
    return _Cards(words, corners, sizes, np.bitwise_count(words).sum(axis=0, dtype=np.int64))


def _moved(words: "Words", across: int, down: int) -> "Words":
    """Return cards with what is on them moved by a few pixels."""
    import numpy as np

    moved = np.roll(words, down, axis=0) if down else words
    return moved >> np.uint64(across) if across >= 0 else moved << np.uint64(-across)


def _edges(words: "Words") -> "Numbers":
    """Return how many neighbours of different colours there are on each card."""
    import numpy as np

    apart = (words ^ _moved(words, *step) for step in ((1, 0), (0, 1)))
    return np.asarray(sum(np.bitwise_count(one).sum(axis=0, dtype=np.int64) for one in apart))


def _nearest(cards: _Cards, among: "Numbers", shape: "Words", ink: int) -> tuple["Numbers", "Numbers", "Numbers"]:
    """Return those of some letters that a shape may be like, in how many pixels they differ, and the steps it takes."""
    import numpy as np

    rows = np.flatnonzero(shape)
    size = rows[-1] + 1 - rows[0]
    among = among[np.abs(cards.sizes[among, 0] - size) <= _SIZE]
    part = slice(max(0, int(rows[0]) - _SIZE - 1), int(rows[-1]) + _SIZE + 2)  # all rows that either has ink in
    others = cards.words[part, among]
    close = np.bitwise_count(others ^ shape[part, None]).sum(axis=0, dtype=np.int64) <= _FAR * ink
    among, others = among[close], others[:, close]
    moved = np.stack([_moved(shape, *step)[part] for step in _STEPS])
    distances = np.bitwise_count(others ^ moved[:, :, None]).sum(axis=1, dtype=np.int64)
    return among, distances.min(axis=0), np.array(_STEPS)[distances.argmin(axis=0)]


def _near(cards: _Cards, among: "Numbers", ink: int, part: float) -> "Numbers":
    """Return those of some letters, in the order of their ink, that have about as much."""
    import numpy as np

    first, last = np.searchsorted(-cards.ink[among], [-(1 + part) * ink, -(1 - part) * ink], "right")
    return among[first:last]


def _has_alike(cards: _Cards) -> bool:
    """Return whether enough of some letters are like another."""
    import numpy as np

    everything, alike = np.arange(len(cards.ink)), 0
    asked = everything[:: max(1, len(everything) // _ASKED)].tolist()
    for one in asked:
        ink = int(cards.ink[one])
        _, distances, _ = _nearest(cards, _near(cards, everything, ink, _ALIKE), cards.words[:, one], ink)
        alike += int(np.count_nonzero(distances <= _ALIKE * ink) > 1)  # itself is one
    return alike >= _FEWEST_ALIKE * len(asked)


def _grouped(cards: _Cards) -> _Classes:
    """Sort letters by the first one they are like; those that are like no other are in no class."""
    import numpy as np

    groups = np.full(len(cards.ink), -1)
    steps = np.zeros((len(cards.ink), 2), np.int64)
    left = np.arange(len(groups))
    while len(left):
        first = int(left[0])
        ink = int(cards.ink[first])
        near, distances, moves = _nearest(cards, _near(cards, left, ink, _ALIKE), cards.words[:, first], ink)
        like = distances <= _ALIKE * ink
        groups[near[like]] = first
        steps[near[like]] = moves[like]
        left = left[groups[left] < 0]
    many = np.bincount(groups) > 1
    return _Classes(groups, steps).keeping(many[groups])


def _agreed(cards: _Cards, classes: _Classes) -> "Words":
    """Return for each class what most of its letters have."""
    import numpy as np

    members = classes.members(int(classes.groups.max()) + 1)
    shapes = np.zeros((_SIDE, len(members)), np.uint64)
    for group, some in enumerate(members):
        votes = _pixels(_laid(cards, classes, some)).sum(axis=0, dtype=np.int64)
        enough = min(len(some) // 2 + 1, votes.max())
        shapes[:, group] = np.packbits(votes >= enough, axis=1).view(">u8")[:, 0]
    return shapes


def _laid(cards: _Cards, classes: _Classes, members: "Numbers") -> "Words":
    """Return letters of a class, moved to where its shape is."""
    import numpy as np

    across, down = classes.steps[members].T
    words: Words = np.take_along_axis(cards.words[:, members], (np.arange(_SIDE)[:, None] + down) % _SIDE, axis=0)
    words <<= np.maximum(across, 0).astype(np.uint64)
    words >>= np.maximum(-across, 0).astype(np.uint64)
    return words


def _pixels(words: "Words") -> "Bits":
    """Return the pixels of cards: shape (count, rows, 64)."""
    import numpy as np

    return np.unpackbits(np.ascontiguousarray(words.T).astype(">u8")[..., None].view(np.uint8), axis=-1)


def _worth(cards: _Cards, costs: "Lengths", shapes: "Words", times: int) -> tuple[_Classes, float]:
    """Give each letter the class it is most like where that makes it shorter; return that, and the bits it saves.

    Args:
        cards: Some letters.
        costs: Bits each takes without.
        shapes: Of the classes.
        times: How many there are for each of them.
    """
    import numpy as np

    classes = _assigned(cards, shapes)
    gains = costs - _NAMED - _refined(cards, classes, shapes)
    inside = (classes.groups >= 0) & (gains > 0)
    groups = classes.groups[inside]
    saved = times * np.bincount(groups, gains[inside], shapes.shape[1]) - _SHAPE * _edges(shapes)
    kept = (np.bincount(groups, minlength=shapes.shape[1]) > 1) & (saved > 0)
    return classes.keeping(inside & kept[classes.groups]), float(saved[kept].sum())


def _assigned(cards: _Cards, shapes: "Words") -> _Classes:
    """Give each letter the class it is most like."""
    import numpy as np

    count = len(cards.ink)
    best, groups = np.full(count, _SIDE * _SIDE), np.full(count, -1)
    steps, everything = np.zeros((count, 2), np.int64), np.arange(count)
    for group, ink in enumerate(np.bitwise_count(shapes).sum(axis=0, dtype=np.int64).tolist()):
        near, distances, moves = _nearest(cards, _near(cards, everything, ink, _INK), shapes[:, group], ink)
        closer = distances < best[near]
        near = near[closer]
        best[near], groups[near], steps[near] = distances[closer], group, moves[closer]
    return _Classes(groups, steps)


def _boxes(shapes: "Words") -> list[tuple[int, int, int, int]]:
    """Return top, bottom, left and right of each shape, with a pixel of white around."""
    import numpy as np

    found = []
    for pixels in _pixels(shapes):
        rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
        found.append((int(rows[0]) - 1, int(rows[-1]) + 2, int(columns[0]) - 1, int(columns[-1]) + 2))
    return found


def _refined(cards: _Cards, classes: _Classes, shapes: "Words") -> "Lengths":
    """Return about how many bits each letter takes given the shape of its class."""
    import numpy as np

    coded, seen = [], np.zeros(2 * _jbig2_refined.CONTEXTS, np.int64)
    members, pixels = classes.members(shapes.shape[1]), _pixels(shapes)
    for some, (top, bottom, left, right), shape in zip(members, _boxes(shapes), pixels, strict=True):
        letters = _pixels(_laid(cards, classes, some)[top:bottom])[:, :, left:right]
        values = _jbig2_refined.decisions(letters, shape[top:bottom, left:right])
        seen += np.bincount(values.ravel(), minlength=len(seen))
        coded.append(values)
    table, lengths = _jbig2_generic.bits_taken(seen.reshape(-1, 2)), np.zeros(len(cards.ink))
    for some, values in zip(members, coded, strict=True):
        lengths[some] = table[values].sum(axis=1)
    return lengths


def _placed(found: list[Mark], cards: _Cards, classes: _Classes, shapes: "Words") -> Letters:
    import numpy as np

    boxes = _boxes(shapes)
    cut = [pixels[box[0] : box[1], box[2] : box[3]] for pixels, box in zip(_pixels(shapes), boxes, strict=True)]
    places, marks = [], []
    for at in np.flatnonzero(classes.groups >= 0).tolist():
        mark, group = found[at], int(classes.groups[at])
        top, _, left, _ = boxes[group]
        down = mark.top - int(cards.corners[at, 0]) + int(classes.steps[at, 1]) + top
        across = mark.left - int(cards.corners[at, 1]) + int(classes.steps[at, 0]) + left
        places.append((group, down, across))
        marks.append(mark)
    return Letters(cut, places, marks)
