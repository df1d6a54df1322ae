"""The JPEG quality at which a picture keeps enough of what it was, found on a sample of it.

The same setting of an encoder shows on one picture and is wasted on another. So a quality is an aim here: a picture
is to be no less like its original than if it had been reduced by a plain bilinear filter, and written by a plain
encoder at that quality. Lanczos and trellis quantisation keep more, so that fewer bytes do. Both are looked at as pages
are: a third smaller than the pixels kept, and a third larger.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from mediamill.operations.documents import _photo
from mediamill.operations.documents._likeness import Likeness, luma_of, luma_of_jpeg

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

_TILE, _TILES, _TURN = 40, 34, 21
"""Side of what is looked at of a large picture, in pixels kept, how many of these there are, and how many of them each
one is further to the right than the one above, counted round: a Fibonacci lattice, which repeats nothing that pictures
do."""

_UNTOLD = 1.016
"""How many times as much the whole of a picture loses, of what it may, as is told by these: the mean of 51 pictures."""

_WHOLE = 1 << 16
"""Pixels kept up to which a picture is looked at whole."""

_LEAST = 48
"""Side below which a picture has too few blocks to be judged by."""

_FLOOR, _LOWER, _HIGHER = 43, 20, 10
"""The quality below which none is chosen that was not asked for, as blocks show then, whatever a mean says; and how far
from the one asked for another may be."""

_COARSE, _FINE = 2 / 3, 4 / 3
_FIRST, _SLOPE, _STEEP, _TRIES, _NEAR = 12, -0.018, -0.036, 3, 2
"""How much less is tried first, how the logarithm of what is lost falls with quality, usually and at most, how often,
and how near to what was tried the line is trusted."""

_SHARP = 0.5
"""Part of what a plain JPEG loses, which a smaller one may lose before it is coded."""

_BILINEAR = 2
"""Pillow's number of the filter that reduces plainly, and that pages are looked at by."""

_UNSEEN = 0.002
"""What nobody sees the loss of."""

Size = tuple[int, int]


class Aim:
    """What is to be kept of one picture."""

    def __init__(self, original: "Pixels", size: Size, quality: int) -> None:
        """Look at a picture.

        Args:
            original: Grey or RGB, of shape (height, width, 1 or 3).
            size: What it is to be reduced to, or its own.
            quality: Of the plain JPEG that is to be equalled.
        """
        self._quality, self._whole = quality, (original.shape[1], original.shape[0])
        self._source, self._size = _sample(original, size)
        source = (self._source.shape[2], self._source.shape[1])
        scales = (_COARSE, 1.0 if self._size == source else min(_FINE, source[0] / self._size[0]))
        self._views = [_scaled(self._size, (scale, scale)) for scale in scales]
        self._likeness = [Likeness(_stacked(_resized(self._source, view))) for view in self._views]
        self._allowed = self._lost(_written(_resized(self._source, self._size), quality))

    def jpeg_quality(self) -> int:
        """Return the least quality, of the encoder used here, that keeps what is to be kept."""
        from PIL import Image

        tiles = _resized(self._source, self._size, Image.Resampling.LANCZOS)
        pixels = _stacked(tiles)[:, :, None]

        def excess(quality: int) -> float:
            return self._excess(luma_of_jpeg(_photo.encoded(pixels, quality)).reshape(tiles.shape))

        return _least(
            excess,
            max(self._quality - _LOWER, min(self._quality, _FLOOR)),
            min(100, self._quality + _HIGHER),
            self._quality - _FIRST,
        )

    def stands(self, size: Size) -> bool:
        """Return whether a smaller size would keep nearly all that a plain JPEG of the picture's own does."""
        from PIL import Image

        source = (self._source.shape[2], self._source.shape[1])
        smaller = _scaled(source, (size[0] / self._whole[0], size[1] / self._whole[1]))
        return self._excess(_resized(self._source, smaller, Image.Resampling.LANCZOS)) < _SHARP

    def _excess(self, tiles: "Pixels") -> float:
        """Return what is lost, as part of what may be."""
        part = max(one / max(most, _UNSEEN) for one, most in zip(self._lost(tiles), self._allowed, strict=True))
        return part if len(tiles) == 1 else part * _UNTOLD

    def _lost(self, tiles: "Pixels") -> list[float]:
        seen = (_stacked(_resized(tiles, view)) for view in self._views)
        return [one.lost(luma)[0] for one, luma in zip(self._likeness, seen, strict=True)]


def applies(pixels: "Pixels", size: Size) -> bool:
    """Return whether a picture can be judged: grey or RGB, and not too small."""
    return pixels.shape[2] in (1, 3) and min(size) >= _LEAST


def _least(excess: Callable[[int], float], least: int, most: int, first: int) -> int:
    """Return about the least quality that loses no more than may be, along a line through what was tried."""
    tried: list[tuple[int, float]] = []
    quality = max(least, min(most, first))
    for _ in range(_TRIES):
        tried.append((quality, math.log(max(excess(quality), 1e-3))))
        near, known = min(tried, key=lambda one: abs(one[1]))
        quality = max(least, min(most, math.ceil(near - known / _slope(tried))))
        if any(abs(quality - one) <= _NEAR for one, _ in tried):
            break
    return quality


def _slope(tried: list[tuple[int, float]]) -> float:
    """Return how loss falls with quality, between the two tries that came nearest."""
    if len(tried) == 1:
        return _SLOPE if tried[0][1] > 0 else _STEEP
    (one, lost), (other, less) = sorted(tried, key=lambda one: abs(one[1]))[:2]
    return min(_SLOPE / 4, (less - lost) / (other - one))


def _sample(original: "Pixels", size: Size) -> "tuple[Pixels, Size]":
    """Return a picture's luma as one tile, or some tiles of it, and the size a tile is reduced to."""
    import numpy as np
    from PIL import Image

    height, width, components = original.shape
    if size[0] * size[1] > _WHOLE:
        across, down = round(_TILE * width / size[0]), round(_TILE * height / size[1])
        places = [
            (_place(number, height - down), _place(number * _TURN % _TILES, width - across)) for number in range(_TILES)
        ]
        original = np.vstack([original[top : top + down, left : left + across] for top, left in places])
        height, width, size = down, across, (_TILE, _TILE)
    picture = Image.fromarray(original[:, :, 0] if components == 1 else original)
    return luma_of(picture).reshape(-1, height, width), size


def _place(number: int, room: int) -> int:
    """Return one of as many places as there are tiles, evenly spread."""
    return room * (2 * number + 1) // (2 * _TILES)


def _scaled(size: Size, scales: tuple[float, float]) -> Size:
    across, down = (max(1, round(side * scale)) for side, scale in zip(size, scales, strict=True))
    return across, down


def _stacked(tiles: "Pixels") -> "Pixels":
    """Return tiles below each other as one picture."""
    return tiles.reshape(-1, tiles.shape[2])


def _resized(tiles: "Pixels", size: Size, kernel: int = _BILINEAR) -> "Pixels":
    """Return tiles in another size, each by itself: all rows of all of them across, and then all columns."""
    import numpy as np
    from PIL import Image

    if tiles.shape[1:] == size[::-1]:
        return tiles
    for side in size:
        count, rows, _ = tiles.shape
        across = Image.fromarray(_stacked(tiles)).resize((side, count * rows), Image.Resampling(kernel))
        tiles = np.ascontiguousarray(np.asarray(across).reshape(count, rows, side).swapaxes(1, 2))
    return tiles


def _written(tiles: "Pixels", quality: int) -> "Pixels":
    """Return what a plain encoder makes of tiles, whose sides are whole blocks where there is more than one."""
    import simplejpeg

    data = simplejpeg.encode_jpeg(_stacked(tiles)[:, :, None], quality, "GRAY", fastdct=False)
    return luma_of_jpeg(data).reshape(tiles.shape)
