"""How a lossy result is judged: by SSIMULACRA2 against the original, on parts of it where it is large."""

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

from mediamill.operations.images import _colour
from mediamill.operations.images._picture import Picture
from mediamill.operations.images._ssimulacra2 import Reference
from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import pyvips

SAMPLE_PIXELS = 1 << 20
"""Searches run on this many pixels at most."""

JUDGED_PIXELS = 1 << 22
"""Results are judged whole up to here, and above it on parts that make up as much."""

TILE = 256
"""Pixels a side of the parts a large picture is judged by; they begin where blocks of the encoders do."""

_JUDGED_FRAMES = 4

_TARGETS = (
    (1, 0.0), (10, 10.0), (20, 32.0), (30, 48.0), (40, 56.0), (50, 61.0), (60, 65.0), (70, 70.0), (75, 72.0),
    (80, 75.0), (85, 78.0), (90, 85.0), (95, 89.0), (100, 91.0),
)  # fmt: skip
"""The mean SSIMULACRA2 of seven photos of 800 pixels as JPEGs of a quality, by quality."""

AGGRESSIVE_LOSS = 10.0
"""How much lower `aggressive` aims, in points."""

_SPARE = 1.5
"""Points above the aim from which a whole picture is tried with less."""

TOLERANCE = 0.5
"""How far below its aim, never below a job's own `min_score`, a whole picture may come out when its sample did not."""


def target_score(quality: int) -> float:
    """Return the score pictures have, on average, as JPEGs of a quality, 1..100."""
    low, high = next((one, other) for one, other in itertools.pairwise(_TARGETS) if one[0] <= quality <= other[0])
    share = (quality - low[0]) / (high[0] - low[0])
    return low[1] + share * (high[1] - low[1])


def quality_of(score: float) -> int:
    """Return the largest quality whose `target_score` is at most a score; at least 1."""
    return max((quality for quality in range(1, 101) if target_score(quality) <= score), default=1)


def floor(target: float, min_score: float | None) -> float:
    """Return the least score a whole picture may come out with: about what is aimed at, and a job's own floor."""
    return target - TOLERANCE if min_score is None else max(target - TOLERANCE, min_score)


def sample(image: "pyvips.Image", pixels: int = SAMPLE_PIXELS) -> "pyvips.Image":
    """Return a picture small enough to be coded again and again: itself, or parts from all over it, side by side."""
    if image.width * image.height <= pixels:
        return image
    wide, high = min(TILE, image.width // 16 * 16 or image.width), min(TILE, image.height // 16 * 16 or image.height)
    count = max(1, pixels // (wide * high))
    across = max(1, min(count, image.width // wide, round((count * image.width * high / (image.height * wide)) ** 0.5)))
    down = max(1, min(image.height // high, count // across))
    tiles = [
        image.crop(x, y, wide, high)
        for y in _places(image.height, high, down)
        for x in _places(image.width, wide, across)
    ]
    return vips().Image.arrayjoin(tiles, across=across).copy_memory()


def judged(picture: Picture) -> "pyvips.Image":
    """Return what of a picture is judged: its first frame, and some more, below each other."""
    step = max(1, -(-len(picture.pages) // _JUDGED_FRAMES))
    pages = picture.pages[::step]
    return pages[0] if len(pages) == 1 else vips().Image.arrayjoin(list(pages), across=1).copy_memory()


def decoded(data: bytes) -> "pyvips.Image":
    """Decode what an encoder here has just written, a still, into memory."""
    return _colour.normalise(vips().Image.new_from_buffer(data, "")).copy_memory()


class Judge:
    """An original that results are held against, at most `JUDGED_PIXELS` of it."""

    def __init__(self, original: "pyvips.Image") -> None:
        self._original = original
        self._reference: Reference | None = None

    def score(self, other: "pyvips.Image") -> float:
        """Return the score of a picture of the same size."""
        if self._reference is None:
            self._reference = Reference(sample(self._original, JUDGED_PIXELS))
        return self._reference.score(sample(other, JUDGED_PIXELS))


def least(score: Callable[[int], float], target: float, low: int, high: int, first: int) -> int:
    """Return the smallest setting whose score reaches a target; `high` where none does.

    Scores rise with the setting, mostly. Guesses come from the line through the nearest scores on both sides.

    Args:
        score: Makes a candidate and judges it.
        target: The score to reach.
        low: The smallest setting there is.
        high: The largest.
        first: Where to begin.
    """
    below: tuple[int, float] | None = None
    above: tuple[int, float] | None = None
    at = min(max(first, low), high)
    stride = 2
    while True:
        found = score(at)
        if found >= target:
            above = (at, found)
        else:
            below = (at, found)
        under, over = below[0] if below else low - 1, above[0] if above else high + 1
        if over - under <= 1:
            return min(over, high)
        at = min(max(_guess(below, above, target, stride), under + 1), over - 1)
        stride *= 2


def settled(
    make: Callable[[int], tuple[bytes, float]], quality: int, target: float, lowest: float, highest: int
) -> tuple[int, bytes, float]:
    """Make a whole picture with its sample's quality; more where that comes out too low, less where far too high.

    Args:
        make: Returns the file of a quality, and its score.
        quality: The sample's.
        target: The score aimed at.
        lowest: The score that will do.
        highest: The largest quality there may be.

    Returns:
        The quality, the file and its score, which is below `lowest` only at the largest quality.
    """
    data, score = make(quality)
    if score > target + _SPARE and quality > 1:
        less = max(1, quality - max(1, round(score - target)))
        smaller, lower = make(less)
        return (less, smaller, lower) if lower >= lowest else (quality, data, score)
    while score < lowest and quality < highest:
        quality = min(highest, quality + max(1, round(target - score)))
        data, score = make(quality)
    return quality, data, score


def _guess(below: tuple[int, float] | None, above: tuple[int, float] | None, target: float, stride: int) -> int:
    if below and above:
        share = (target - below[1]) / max(above[1] - below[1], 1e-6)
        span = above[0] - below[0]
        return below[0] + round(span * min(max(share, 0.2), 0.8))
    if below:
        return below[0] + max(stride, round(1.5 * (target - below[1])))
    assert above is not None
    return above[0] + min(-stride, round(1.5 * (target - above[1])))


def _places(length: int, part: int, count: int) -> list[int]:
    """Return where parts of a length begin, spread evenly, each at a multiple of 16."""
    if count == 1:
        return [(length - part) // 2 // 16 * 16]
    return [round(index * (length - part) / (count - 1) / 16 - 0.5) * 16 if index else 0 for index in range(count)]
