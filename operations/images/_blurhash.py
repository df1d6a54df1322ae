"""BlurHash: a picture as twenty-odd characters, decoded to a blur by libraries in every language.

The algorithm is that of woltapp/blurhash (https://github.com/woltapp/blurhash, Algorithm.md and C/encode.c): a cosine
transform in linear light of which the lowest frequencies are kept. Both of its sums over pixels are matrix products
here.
"""

import functools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
MAX_COMPONENTS = 9


def encode(rgb: "npt.NDArray[np.uint8]", components_x: int, components_y: int) -> str:
    """Return the BlurHash of a picture; a small one of some 100 pixels a side says all there is to say.

    Args:
        rgb: Height x width x 3, sRGB 0..255.
        components_x: Frequencies across, 1..9.
        components_y: Frequencies down, 1..9.

    Returns:
        4 + 2 * components_x * components_y characters.
    """
    import numpy as np

    height, width, _ = rgb.shape
    light = _linear()[rgb]
    across, down = _basis(width, components_x), _basis(height, components_y)
    rows = (down @ light.reshape(height, -1)).reshape(components_y, width, 3)
    factors = (across @ rows).reshape(-1, 3) / (width * height)
    factors[1:] *= 2
    average, details = factors[0].tolist(), factors[1:]
    strongest, scale = 0, 1.0
    if details.size:
        strongest = int(max(0, min(82, math.floor(float(np.abs(details).max()) * 166 - 0.5))))
        scale = (strongest + 1) / 166
    ratios = details / scale
    steps = np.floor(np.copysign(np.sqrt(np.abs(ratios)), ratios) * 9 + 9.5).clip(0, 18).astype(int)
    red, green, blue = (_coded(value) for value in average)
    return (
        _base83(components_x - 1 + (components_y - 1) * MAX_COMPONENTS, 1)
        + _base83(strongest, 1)
        + _base83(red << 16 | green << 8 | blue, 4)
        + "".join(_base83(value, 2) for value in (steps @ np.array((19 * 19, 19, 1))).tolist())
    )


@functools.cache
def _linear() -> "npt.NDArray[np.float64]":
    """Return the linear light 0..1 of each coded value."""
    import numpy as np

    coded = [value / 255 for value in range(256)]
    return np.array([v / 12.92 if v <= 0.04045 else math.pow((v + 0.055) / 1.055, 2.4) for v in coded])


@functools.lru_cache(64)
def _basis(length: int, components: int) -> "npt.NDArray[np.float64]":
    """Return the cosines of one direction, components x length."""
    import numpy as np

    return np.cos(np.pi * np.arange(components)[:, None] * np.arange(length) / length)


def _coded(light: float) -> int:
    light = max(0.0, min(1.0, light))
    value = light * 12.92 if light <= 0.0031308 else 1.055 * math.pow(light, 1 / 2.4) - 0.055
    return int(value * 255 + 0.5)


def _base83(value: int, length: int) -> str:
    return "".join(_DIGITS[value // 83 ** (length - 1 - place) % 83] for place in range(length))
