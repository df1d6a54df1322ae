"""Colours that stand for a picture: the one most of it is close to, those of its corners, the mean.

The mean of a red and a green half is a brown that is nowhere in the picture. So the densest place of the colours is
looked for, in OKLab (Björn Ottosson, https://bottosson.github.io/posts/oklab/), where distances are about what the eye
sees: the fullest cell of a coarse histogram first, then the mean of all colours near it, again and again until it
stays (mean shift; Fukunaga and Hostetler, 1975).
"""

from typing import TYPE_CHECKING

from mediamill.operations.images._params import Rgba

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Pixels = npt.NDArray[np.uint8]

_CELL = 0.05
"""Side of a cell of the histogram; lightness goes from 0 to 1."""

_CELLS = (21, 18, 18)
_LOWEST = (0.0, -0.45, -0.45)
_NEAR = 0.08
"""Radius within which colours count as the same."""

_ROUNDS = 20

_TO_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def dominant(rgba: "Pixels") -> Rgba | None:
    """Return the dominant colour of a picture, opaque; None where nothing of it can be seen.

    Args:
        rgba: Height x width x 4, sRGB not premultiplied. Pixels count as far as they are opaque.
    """
    import numpy as np

    pixels = rgba.reshape(-1, 4)
    pixels = pixels[pixels[:, 3] > 0]
    if not pixels.size:
        return None
    weights = pixels[:, 3] / 255
    colours = _to_oklab(pixels[:, :3])
    centre = _fullest(colours, weights)
    for _ in range(_ROUNDS):
        near = ((colours - centre) ** 2).sum(axis=1) <= _NEAR**2
        moved = np.average(colours[near], axis=0, weights=weights[near])
        if np.abs(moved - centre).max() < 1e-4:
            break
        centre = moved
    red, green, blue = _from_oklab(moved)
    return red, green, blue, 255


def corners(rgba: "Pixels") -> tuple[Rgba, Rgba, Rgba, Rgba]:
    """Return the mean colours of the four corners, a quarter of each side: upper left and right, lower left and right.

    Args:
        rgba: Height x width x 4, sRGB not premultiplied.
    """
    down, across = ((side + 3) // 4 for side in rgba.shape[:2])
    upper, lower = rgba[:down], rgba[-down:]
    return mean(upper[:, :across]), mean(upper[:, -across:]), mean(lower[:, :across]), mean(lower[:, -across:])


def mean(rgba: "Pixels") -> Rgba:
    """Return the mean colour of a picture, weighted with alpha, and its mean alpha."""
    pixels = rgba.reshape(-1, 4).astype(float)
    alpha = pixels[:, 3]
    total = float(alpha.sum())
    if not total:
        return 0, 0, 0, 0
    red, green, blue = ((pixels[:, :3] * alpha[:, None]).sum(axis=0) / total).round().astype(int).tolist()
    return red, green, blue, round(total / len(pixels))


def laid_on(rgba: "Pixels", colour: Rgba) -> "Pixels":
    """Return a picture laid on an opaque colour, height x width x 3."""
    import numpy as np

    alpha = rgba[..., 3:] / 255
    return (rgba[..., :3] * alpha + np.array(colour[:3]) * (1 - alpha)).round().astype(np.uint8)


def _fullest(colours: "Floats", weights: "Floats") -> "Floats":
    """Return the middle of the fullest cell, each counted with its neighbours, so that its borders do not matter."""
    import numpy as np

    cells = np.floor((colours - _LOWEST) / _CELL).astype(int).clip(0, np.array(_CELLS) - 1)
    flat = np.ravel_multi_index(tuple(cells.T), _CELLS)
    density = np.bincount(flat, weights, int(np.prod(_CELLS))).reshape(_CELLS)
    alone = density
    for axis in range(3):
        padded = np.pad(density, [(1, 1) if one == axis else (0, 0) for one in range(3)])
        before, same, after = (np.take(padded, range(start, start + _CELLS[axis]), axis) for start in range(3))
        density = before + same + after
    # A cell that holds colours itself goes before an empty one between two full ones.
    best = int(np.where(alone > 0, density, 0).argmax())
    inside = flat == best
    found: Floats = np.average(colours[inside], axis=0, weights=weights[inside])
    return found


def _to_oklab(rgb: "Pixels") -> "Floats":
    import numpy as np

    coded = rgb / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    found: Floats = np.cbrt(light @ np.array(_TO_CONES).T) @ np.array(_TO_LAB).T
    return found


def _from_oklab(lab: "Floats") -> tuple[int, int, int]:
    import numpy as np

    cones = np.linalg.solve(np.array(_TO_LAB), lab) ** 3
    light = np.linalg.solve(np.array(_TO_CONES), cones).clip(0, 1)
    coded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    red, green, blue = (coded * 255).round().astype(int).tolist()
    return red, green, blue
