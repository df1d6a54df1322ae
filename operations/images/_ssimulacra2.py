"""SSIMULACRA2: how far an encoded picture looks like the original, as people judge it; 100 for the same.

90 is no difference seen at a glance, 70 good, 50 fair, 30 poor; strongly damaged pictures are below 0. The metric is
Jon Sneyers' (https://github.com/cloudinary/ssimulacra2, version 2.1): six scales, in each of them maps of structure,
of edges that came and of edges that went, for three opponent colours, and of each map the mean and the 4-norm, weighed
by what people said of 17,611 pictures. Borders are taken as by the Python package `ssimulacra2`: mirrored above and
below, empty on the left and right.

What makes it fast, at under a tenth of a point of difference:

- Maps whose weight is next to nothing are left out, and with them most of the colours at full size.
- The blurs are products with a band matrix, which BLAS does at its full speed, in strips that stay in the cache.
- Structure comes from the difference of the two pictures, so that what is known of the original is computed once.
"""

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.images import _colour

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyvips

    Floats = npt.NDArray[np.float32]

SMALLEST = 8
"""The least side that is judged, in pixels; smaller pictures are extended to it by mirroring."""

_SCALES = 6
_BACKDROPS = (26, 230)
"""Transparent pictures are laid on a dark and on a bright grey, a tenth and nine tenths of white."""

_C2 = 0.0009
_SIGMA, _REACH = 1.5, 5
_BLOCK, _COLUMNS, _ROWS = 32, 128, 64
"""Columns and rows of the products: small enough that BLAS takes them on one thread, and its operands stay cached."""

_NEGLIGIBLE = 0.003
"""Weights up to this are taken as 0. All of them together move a score of 90 by less than 0.05."""

_BIAS = 0.0037930732552754493
_ABSORBANCE = (
    (0.30, 0.622, 0.078),
    (0.23, 0.692, 0.078),
    (0.24342268924547819, 0.20476744424496821, 0.5518098665095536),
)
_WEIGHTS = (
    0.0, 0.0007376606707406586, 0.0, 0.0, 0.0007793481682867309, 0.0, 0.0, 0.0004371155730107379, 0.0,
    1.1041726426657346, 0.00066284834129271, 0.00015231632783718752, 0.0, 0.0016406437456599754, 0.0,
    1.8422455520539298, 11.441172603757666, 0.0, 0.0007989109436015163, 0.000176816438078653, 0.0,
    1.8787594979546387, 10.94906990605142, 0.0, 0.0007289346991508072, 0.9677937080626833, 0.0,
    0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053, 0.0004550992113792063, 0.0, 0.0,
    0.0013648766163243398, 0.0, 0.0, 0.0, 0.0, 0.0, 7.466890328078848, 0.0, 17.445833984131262,
    0.0006235601634041466, 0.0, 0.0, 6.683678146179332, 0.00037724407979611296, 1.027889937768264,
    225.20515300849274, 0.0, 0.0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985,
    176.39317598450694, 0.0, 0.0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408, 0.0, 0.0, 0.0,
    34.77906344483772, 44.835625328877896, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0008680556573291698, 0.0, 0.0,
    0.0, 0.0, 0.0, 0.0005313191874358747, 0.0, 0.00016533814161379112, 0.0, 0.0, 0.0, 0.0, 0.0,
    0.0004179171803251336, 0.0017290828234722833, 0.0, 0.0020827005846636437, 0.0, 0.0, 8.826982764996862,
    23.19243343998926, 0.0, 95.1080498811086, 0.9863978034400682, 0.9834382792465353, 0.0012286405048278493,
    171.2667255897307, 0.9807858872435379, 0.0, 0.0, 0.0, 0.0005130064588990679, 0.0, 0.00010854057858411537,
)  # fmt: skip
"""By colour, scale, norm and map. With fewer scales they move up, as they do in the original."""


class _Known(Struct, frozen=True):
    """What is computed of the original once, for one colour at one scale: planes of floats.

    Attributes:
        plane: The colour.
        mean: Blurred.
        spread: Its local variance, plus the constant that steadies the quotient; None where structure has no weight.
        edge: 1 plus the distance from the mean; None where edges have no weight.
    """

    plane: "Floats"
    mean: "Floats"
    spread: "Floats | None"
    edge: "Floats | None"


class Reference:
    """An original, ready to be compared with any number of pictures of its size."""

    def __init__(self, image: "pyvips.Image") -> None:
        """Prepare an original.

        Args:
            image: A normalised picture (see `_colour.normalise`), alpha included.
        """
        self.size = (image.width, image.height)
        self._image = _in_rgb(image)
        self._sides: dict[int | None, _Side] = {}

    def score(self, image: "pyvips.Image") -> float:
        """Return the score of a normalised picture of the same size: 100 for the same, less for worse, down below 0.

        Where either picture has alpha, the two are compared on a dark and on a bright backdrop, and the worse counts.
        """
        if (image.width, image.height) != self.size:
            raise ValueError(f"a picture of {image.width}x{image.height} cannot be compared with one of {self.size}")
        other = _in_rgb(image)
        alpha = self._image.hasalpha() or other.hasalpha()
        return min(
            self._side(backdrop).score(_pixels(other, backdrop)) for backdrop in (_BACKDROPS if alpha else (None,))
        )

    def _side(self, backdrop: int | None) -> "_Side":
        if backdrop not in self._sides:
            self._sides[backdrop] = _Side(_pixels(self._image, backdrop))
        return self._sides[backdrop]


def memory_bytes(size: tuple[int, int], *, alpha: bool = False) -> int:
    """Return the most memory a reference and one comparison hold, in bytes."""
    return (16 << 20) + size[0] * size[1] * (100 if alpha else 60)


class _Side:
    """An original on one backdrop."""

    def __init__(self, pixels: "npt.NDArray[np.uint8]") -> None:
        self._weights = _weights(_scales(pixels.shape[0], pixels.shape[1]))
        self._known = [
            {colour: _known(plane, self._weights[colour, scale]) for colour, plane in planes.items()}
            for scale, planes in enumerate(_pyramid(pixels, self._weights))
        ]

    def score(self, pixels: "npt.NDArray[np.uint8]") -> float:
        total = 0.0
        for scale, planes in enumerate(_pyramid(pixels, self._weights)):
            for colour, plane in planes.items():
                total += _loss(self._known[scale][colour], plane, self._weights[colour, scale])
        total *= 0.9562382616834844
        total = (6.248496625763138e-05 * total - 0.020884521182843837) * total**2 + 2.326765642916932 * total
        return 100.0 - 10.0 * total**0.6276336467831387 if total > 0 else 100.0


def _in_rgb(image: "pyvips.Image") -> "pyvips.Image":
    image = _colour.to_srgb(image)
    return image.colourspace("srgb") if image.bands < 3 else image


def _pixels(image: "pyvips.Image", backdrop: int | None) -> "npt.NDArray[np.uint8]":
    """Return rows of opaque RGB, at least 8 each way."""
    import numpy as np

    if image.hasalpha():
        image = image.flatten(background=[backdrop or 0] * 3)
    width, height = max(image.width, SMALLEST), max(image.height, SMALLEST)
    if (width, height) != (image.width, image.height):
        image = image.embed(0, 0, width, height, extend="mirror")
    found: npt.NDArray[np.uint8] = np.asarray(image.numpy()).reshape(height, width, 3)
    return found


def _scales(height: int, width: int) -> int:
    side, count = min(height, width), 0
    while side >= SMALLEST and count < _SCALES:
        side, count = (side + 1) // 2, count + 1
    return count


@functools.cache
def _weights(scales: int) -> "npt.NDArray[np.float64]":
    """Return weights by colour, scale, norm (mean, 4-norm) and map (structure, came, went)."""
    import numpy as np

    found = np.array(_WEIGHTS[: 18 * scales]).reshape(3, scales, 2, 3)
    return np.where(found > _NEGLIGIBLE, found, 0.0)


@functools.cache
def _linear_light() -> "Floats":
    import numpy as np

    coded = np.arange(256) / 255.0
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4).astype(np.float32)


@functools.cache
def _band() -> "Floats":
    """Return the matrix that blurs a block: 32 rows, each with the Gaussian's 11 taps one further on."""
    import numpy as np

    taps = np.exp(-0.5 * (np.arange(-_REACH, _REACH + 1) / _SIGMA) ** 2)
    band = np.zeros((_BLOCK, _BLOCK + 2 * _REACH), np.float32)
    for row in range(_BLOCK):
        band[row, row : row + len(taps)] = taps / taps.sum()
    return band


def _pyramid(pixels: "npt.NDArray[np.uint8]", weights: "npt.NDArray[np.float64]") -> Iterator[dict[int, "Floats"]]:
    """Yield for each scale the colours (0 red-green, 1 lightness, 2 blue-yellow) that have weight there."""
    import numpy as np

    height, width = pixels.shape[:2]
    linear: Any = None
    for scale in range(weights.shape[1]):
        planes = {colour: np.empty((height, width), np.float32) for colour in range(3) if weights[colour, scale].any()}
        half = np.empty((3, (height + 1) // 2, (width + 1) // 2), np.float32)
        for top in range(0, height, _ROWS):
            rows = slice(top, min(top + _ROWS, height))
            light = linear[:, rows] if scale else [_linear_light().take(pixels[rows, :, band]) for band in range(3)]
            _opponents(light, {colour: plane[rows] for colour, plane in planes.items()})
            for band in range(3):
                half[band, top // 2 : (rows.stop + 1) // 2] = _halved(light[band])
        yield planes
        linear, (height, width) = half, half.shape[1:]


def _opponents(light: Any, planes: dict[int, "Floats"]) -> None:
    """Fill planes with the opponent colours of rows of linear light, shifted to be positive."""
    import numpy as np

    def response(cone: int) -> "Floats":
        red, green, blue = (np.float32(share) for share in _ABSORBANCE[cone])
        mixed: Floats = light[0] * red
        mixed += light[1] * green
        mixed += light[2] * blue
        mixed += np.float32(_BIAS)
        np.cbrt(mixed, out=mixed)
        return mixed

    long, middle, root = response(0), response(1), np.float32(np.cbrt(_BIAS))
    lightness = (long + middle) * np.float32(0.5)
    if 0 in planes:
        planes[0][:] = (long - middle) * np.float32(7) + np.float32(0.42)
    if 1 in planes:
        planes[1][:] = lightness - (root - np.float32(0.01))
    if 2 in planes:
        planes[2][:] = response(2) - lightness + np.float32(0.55)


def _halved(rows: "Floats") -> "Floats":
    """Return the means of squares of four; a last odd row or column counts twice."""
    import numpy as np

    if rows.shape[0] % 2:
        rows = np.concatenate((rows, rows[-1:]))
    rows = rows[::2] + rows[1::2]
    if rows.shape[1] % 2:
        rows = np.concatenate((rows, rows[:, -1:]), axis=1)
    found: Floats = (rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25)
    return found


class _Strip:
    """A strip of a picture with what the blur reaches on all sides, and the blur."""

    def __init__(self, width: int) -> None:
        import numpy as np

        self._width = width
        self._blocks = -(-width // _BLOCK)
        across = -(-(self._blocks * _BLOCK + 2 * _REACH) // _COLUMNS) * _COLUMNS
        self.full = np.zeros((_ROWS + 2 * _REACH, across), np.float32)
        self._down = np.zeros((_ROWS, across), np.float32)

    def rows(self, height: int, top: int) -> tuple[slice, "Floats"]:
        """Return the rows of a picture that the strip from `top` needs, and where in the strip they go."""
        low, high = max(top - _REACH, 0), min(top + _ROWS + _REACH, height)
        start = low - top + _REACH
        return slice(low, high), self.full[start : start + high - low, _REACH : _REACH + self._width]

    def mirror(self, height: int, top: int) -> None:
        """Fill what is above and below the picture."""
        if top < _REACH:
            first = _REACH - top
            self.full[first - 1 :: -1] = self.full[first : 2 * first]
        end = height - top + _REACH
        beyond = min(_REACH, len(self.full) - end)
        if beyond > 0:
            self.full[end : end + beyond] = self.full[end - 1 : end - 1 - beyond : -1]

    def blurred(self, rows: int) -> "Floats":
        """Return the first rows of the strip blurred."""
        import numpy as np
        from numpy.lib.stride_tricks import as_strided

        band, reach = _band(), _BLOCK + 2 * _REACH
        across, unit = self.full.shape[1], self.full.itemsize
        line = across * unit
        shape = (_ROWS // _BLOCK, across // _COLUMNS)
        steps = (_BLOCK * line, _COLUMNS * unit, line, unit)
        np.matmul(
            band,
            as_strided(self.full, (*shape, reach, _COLUMNS), steps),
            out=as_strided(self._down, (*shape, _BLOCK, _COLUMNS), steps),
        )
        found = np.empty((_ROWS, self._blocks * _BLOCK), np.float32)
        np.matmul(
            as_strided(self._down, (self._blocks, _ROWS, reach), (_BLOCK * unit, line, unit)),
            band.T,
            out=as_strided(found, (self._blocks, _ROWS, _BLOCK), (_BLOCK * unit, self._blocks * _BLOCK * unit, unit)),
        )
        return found[:rows, : self._width]


def _known(plane: "Floats", weights: "npt.NDArray[np.float64]") -> _Known:
    """Compute what the original contributes."""
    import numpy as np

    height, width = plane.shape
    mean = np.empty_like(plane)
    spread = np.empty_like(plane) if weights[:, 0].any() else None
    edge = np.empty_like(plane) if weights[:, 1:].any() else None
    strip = _Strip(width)
    for top in range(0, height, _ROWS):
        inside = slice(top, min(top + _ROWS, height))
        needed, place = strip.rows(height, top)
        place[:] = plane[needed]
        strip.mirror(height, top)
        mean[inside] = strip.blurred(inside.stop - top)
        if spread is not None:
            np.square(strip.full, out=strip.full)
            spread[inside] = strip.blurred(inside.stop - top) - np.square(mean[inside]) + np.float32(_C2)
        if edge is not None:
            edge[inside] = 1 + np.abs(plane[inside] - mean[inside])
    return _Known(plane, mean, spread, edge)


def _loss(known: _Known, plane: "Floats", weights: "npt.NDArray[np.float64]") -> float:
    """Return what the differences of one colour at one scale weigh."""
    import numpy as np

    height, width = plane.shape
    strip, sums = _Strip(width), np.zeros((2, 3))
    for top in range(0, height, _ROWS):
        inside = slice(top, min(top + _ROWS, height))
        count = inside.stop - top
        needed, place = strip.rows(height, top)
        np.subtract(known.plane[needed], plane[needed], out=place)
        strip.mirror(height, top)
        shift = strip.blurred(count)
        mean = known.mean[inside] - shift
        if known.spread is not None:
            np.square(strip.full, out=strip.full)
            change = strip.blurred(count) - np.square(shift, out=shift)
            place[:] = plane[needed]
            strip.mirror(height, top)
            np.square(strip.full, out=strip.full)
            spread = strip.blurred(count)
            spread += known.spread[inside]
            spread -= mean * mean
            change /= spread
            # 1 - (1 - shift) * (1 - change), the loss of lightness and of structure in one
            structure = change + shift * (1 - change)
            _add(sums[:, 0], np.maximum(structure, 0, out=structure), weights[:, 0])
        if known.edge is not None:
            ratio = np.abs(plane[inside] - mean)
            ratio += 1
            ratio /= known.edge[inside]
            ratio -= 1
            if weights[:, 1].any():
                _add(sums[:, 1], np.maximum(ratio, 0), weights[:, 1])
            if weights[:, 2].any():
                _add(sums[:, 2], np.minimum(ratio, 0), weights[:, 2])
    means = np.abs(sums) / (height * width)
    return float((weights * np.stack((means[0], means[1] ** 0.25))).sum())


def _add(sums: Any, errors: "Floats", weights: Any) -> None:
    """Add the errors of a strip to their sum, and their fourth powers to theirs, as far as they have weight."""
    import numpy as np

    if weights[0]:
        sums[0] += float(errors.sum())
    if weights[1]:
        squares = np.square(errors).ravel()
        sums[1] += float(np.dot(squares, squares))
