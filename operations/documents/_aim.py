"""The JPEG quality at which a picture keeps enough of what it was, found on a sample of it.

The same setting of an encoder shows on one picture and is wasted on another. So a quality is an aim here: a picture
is to be no less like its original than if it had been reduced by a plain bilinear filter, and written by a plain
encoder at that quality. Lanczos and trellis quantisation keep more, so that fewer bytes do. Both are looked at as pages
are: a third smaller than the pixels kept, and a third larger.
"""

import math
from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _photo
from mediamill.operations.documents._likeness import Likeness, luma_of, luma_of_jpeg
from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import pyvips

_TILE, _TILES = 64, 16
"""Side of what is looked at of a large picture, in pixels kept, and how much of it."""

_WHOLE = 75_000
"""Pixels kept up to which a picture is looked at whole."""

_LEAST = 48
"""Side below which a picture has too few blocks to be judged by."""

_FLOOR, _LOWER, _HIGHER = 43, 20, 10
"""The quality below which none is chosen that was not asked for, as blocks show then, whatever a mean says; and how far
from the one asked for another may be."""

_COARSE, _FINE = 2 / 3, 4 / 3
_FIRST, _SLOPE, _TRIES, _NEAR = 12, -0.018, 3, 2
"""How much less is tried first, how the logarithm of what is lost falls with quality, how often, and how near to what
was tried the line is trusted."""

_SHARP = 0.5
"""Part of what a plain JPEG loses, which a smaller one may lose before it is coded."""

_BILINEAR = 2
"""Pillow's number of the filter that reduces plainly, and that pages are looked at by."""

_UNSEEN = 0.002
"""What nobody sees the loss of."""

Size = tuple[int, int]


class Aim:
    """What is to be kept of one picture."""

    def __init__(self, original: "pyvips.Image", size: Size, quality: int) -> None:
        """Look at a picture.

        Args:
            original: Grey or RGB.
            size: What it is to be reduced to, or its own.
            quality: Of the plain JPEG that is to be equalled.
        """
        self._quality, self._whole = quality, (original.width, original.height)
        self._source, self._size, self._grid = _sample(original, size)
        reduced = self._size != self._source.size
        scales = (_COARSE, min(_FINE, self._source.width / self._size[0]) if reduced else 1.0)
        self._views = [self._scaled(self._size, (scale, scale)) for scale in scales]
        self._likeness = [Likeness(luma_of(self._resized(self._source, view))) for view in self._views]
        self._allowed = self._lost(_written(self._resized(self._source, self._size), quality))

    def jpeg_quality(self) -> int:
        """Return the least quality, of the encoder used here, that keeps what is to be kept."""
        from PIL import Image

        picture = self._resized(self._source, self._size, Image.Resampling.LANCZOS)
        pixels = vips().Image.new_from_array(luma_of(picture), interpretation="b-w")

        def excess(quality: int) -> float:
            return self._excess(_opened(pixels.jpegsave_buffer(Q=quality, **_photo.OPTIONS | {"interlace": False})))

        return _least(
            excess,
            max(self._quality - _LOWER, min(self._quality, _FLOOR)),
            min(100, self._quality + _HIGHER),
            self._quality - _FIRST,
        )

    def stands(self, size: Size) -> bool:
        """Return whether a smaller size would keep nearly all that a plain JPEG of the picture's own does."""
        from PIL import Image

        smaller = self._scaled(self._source.size, (size[0] / self._whole[0], size[1] / self._whole[1]))
        return self._excess(self._resized(self._source, smaller, Image.Resampling.LANCZOS)) < _SHARP

    def _excess(self, picture: Any) -> float:
        """Return what is lost, as part of what may be."""
        return max(one / max(most, _UNSEEN) for one, most in zip(self._lost(picture), self._allowed, strict=True))

    def _lost(self, picture: Any) -> list[float]:
        seen = (luma_of(self._resized(picture, view)) for view in self._views)
        return [one.lost(luma)[0] for one, luma in zip(self._likeness, seen, strict=True)]

    def _scaled(self, size: Size, scales: tuple[float, float]) -> Size:
        """Return about a part of a size, of which each tile has whole pixels."""
        across, down = (
            tiles * max(1, round(side / tiles * scale))
            for tiles, side, scale in zip(self._grid, size, scales, strict=True)
        )
        return across, down

    def _resized(self, picture: Any, size: Size, kernel: int = _BILINEAR) -> Any:
        """Return a picture in another size, tile by tile: between them are edges that are not its own."""
        from PIL import Image

        if picture.size == size:
            return picture
        columns, rows = self._grid
        width, height = picture.width // columns, picture.height // rows
        tile = size[0] // columns, size[1] // rows
        made = Image.new("L", size)
        for column, row in product(range(columns), range(rows)):
            left, top = column * width, row * height
            part = picture.crop((left, top, left + width, top + height))
            made.paste(part.resize(tile, Image.Resampling(kernel)), (column * tile[0], row * tile[1]))
        return made


def applies(image: "pyvips.Image", size: Size) -> bool:
    """Return whether a picture can be judged: grey or RGB, and not too small."""
    return image.bands in (1, 3) and min(size) >= _LEAST


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
        return _SLOPE
    (one, lost), (other, less) = sorted(tried, key=lambda one: abs(one[1]))[:2]
    return min(_SLOPE / 4, (less - lost) / (other - one))


def _sample(original: "pyvips.Image", size: Size) -> tuple[Any, Size, Size]:
    """Return a picture's luma, or some of its tiles side by side; the size it is reduced to; columns and rows."""
    import numpy as np
    from PIL import Image

    across, down = original.width / size[0], original.height / size[1]
    columns = min(math.isqrt(_TILES), size[0] // _TILE)
    rows = min(_TILES // columns, size[1] // _TILE) if columns else 0
    grid = (1, 1)
    if size[0] * size[1] > _WHOLE and rows:
        width, height = round(_TILE * across), round(_TILE * down)
        region = vips().Region.new(original)
        strips = [
            np.hstack(
                [
                    np.frombuffer(region.fetch(left, top, width, height), np.uint8).reshape(height, width, -1)
                    for left in _spread(original.width - width, columns)
                ]
            )
            for top in _spread(original.height - height, rows)
        ]
        pixels = np.vstack(strips)
        grid, size = (columns, rows), (columns * _TILE, rows * _TILE)
    else:
        pixels = original.numpy().reshape(original.height, original.width, -1)
    picture = Image.fromarray(pixels[:, :, 0] if original.bands == 1 else pixels).convert("L")
    return picture, size, grid


def _spread(room: int, count: int) -> list[int]:
    """Return places evenly spread."""
    return [room * (2 * index + 1) // (2 * count) for index in range(count)]


def _written(picture: Any, quality: int) -> Any:
    """Return what a plain encoder makes of a picture."""
    import simplejpeg

    return _opened(simplejpeg.encode_jpeg(luma_of(picture)[:, :, None], quality, "GRAY", fastdct=False))


def _opened(data: bytes) -> Any:
    from PIL import Image

    return Image.fromarray(luma_of_jpeg(data))
