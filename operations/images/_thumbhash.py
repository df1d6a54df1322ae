"""ThumbHash: a picture as some 25 bytes, with its proportions and alpha.

The algorithm is that of evanw/thumbhash (https://github.com/evanw/thumbhash, js/thumbhash.js), down to the order in
which pixels are added up and to halves being rounded up, so that the bytes are the same. Frequencies in which a picture
has nothing at all, as one of a single colour, hold what rounding leaves over; their scale in the hash is 0.
"""

import functools
import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

MAX_SIDE = 100
"""Pixels a picture may have a side: more say nothing more."""

_COLOUR = 3
_ALPHA = 5


class _Channel(NamedTuple):
    """A transformed channel: its mean, its frequencies as shares 0..1 of their scale, and the scale."""

    mean: float
    details: list[float]
    scale: float


def encode(rgba: "npt.NDArray[np.uint8]") -> bytes:
    """Return the ThumbHash of a picture.

    Args:
        rgba: Height x width x 4, sRGB not premultiplied, at most 100 pixels a side.
    """
    import numpy as np

    height, width, _ = rgba.shape
    pixels = rgba.reshape(-1, 4).astype(np.float64)
    alpha = pixels[:, 3] / 255
    weighted = (alpha / 255)[:, None] * pixels[:, :3]
    total = float(np.cumsum(alpha)[-1])
    average = np.cumsum(weighted, axis=0)[-1] / (total or 1.0)
    transparent = total < width * height
    red, green, blue = (average * (1 - alpha)[:, None] + weighted).T
    longer, most = max(width, height), 5 if transparent else 7
    across, down = (max(1, _rounded(most * side / longer)) for side in (width, height))
    size = (height, width)
    light = _transformed([(red + green + blue) / 3], size, max(3, across), max(3, down))
    colour = _transformed([(red + green) / 2 - blue, red - green], size, _COLOUR, _COLOUR)
    opacity = _transformed([alpha], size, _ALPHA, _ALPHA) if transparent else []
    shorter = down if width > height else across
    return _packed([*light, *colour, *opacity], shorter, landscape=width > height)


def _packed(channels: "Sequence[_Channel]", shorter: int, *, landscape: bool) -> bytes:
    light, yellow, red = channels[:3]
    transparent = len(channels) > 3
    first = (
        _rounded(63 * light.mean)
        | _rounded(31.5 + 31.5 * yellow.mean) << 6
        | _rounded(31.5 + 31.5 * red.mean) << 12
        | _rounded(31 * light.scale) << 18
        | transparent << 23
    )
    second = shorter | _rounded(63 * yellow.scale) << 3 | _rounded(63 * red.scale) << 9 | landscape << 15
    head = first.to_bytes(3, "little") + second.to_bytes(2, "little")
    if transparent:
        head += bytes((_rounded(15 * channels[3].mean) | _rounded(15 * channels[3].scale) << 4,))
    halves = [_rounded(15 * detail) for channel in channels for detail in channel.details]
    halves += [0] * (len(halves) % 2)
    return head + bytes(low | high << 4 for low, high in zip(halves[::2], halves[1::2], strict=True))


def _transformed(channels: "Sequence[Floats]", size: tuple[int, int], across: int, down: int) -> list[_Channel]:
    """Transform channels; of the frequencies the triangle of the lowest is kept."""
    import numpy as np

    height, width = size
    kept = [(x, y) for y in range(down) for x in range(across) if x * down < across * (down - y)]
    columns, rows = (list(one) for one in zip(*kept, strict=True))
    horizontal, vertical = _cosines(width)[:, columns], _cosines(height)[:, rows]
    found = []
    for channel in channels:
        terms = np.multiply(channel.reshape(height, width, 1), horizontal, order="C")
        terms *= vertical[:, None]
        # Along the first axis of rows that lie one after the other numpy adds row by row, as the reference does.
        mean, *details = (np.add.reduce(terms.reshape(-1, len(kept)), axis=0) / (width * height)).tolist()
        scale = max(map(abs, details))
        if scale:
            details = [0.5 + 0.5 / scale * detail for detail in details]
        found.append(_Channel(mean, details, scale))
    return found


@functools.lru_cache(MAX_SIDE)
def _cosines(length: int) -> "Floats":
    """Return the cosines of one direction, length x 7, by the C library: numpy's own may differ in the last bit."""
    import numpy as np

    return np.array([[math.cos(math.pi / length * n * (at + 0.5)) for n in range(7)] for at in range(length)])


def _rounded(value: float) -> int:
    """Round halves up, as JavaScript does."""
    low = math.floor(value)
    return low + (value - low >= 0.5)
