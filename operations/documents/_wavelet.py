"""Photos as JPEG 2000: no less like the original than a JPEG of them, where that takes far fewer bytes.

Wavelets spend next to nothing on smooth areas, where each 8x8 block of a JPEG costs its bits: photos with much sky,
skin or blur take two thirds, those full of leaves the same. How few bytes do is found by search, in the measure that
documents are verified by.
"""

import io
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _layers
from mediamill.operations.documents._likeness import BLOCK, Likeness, luma_of, luma_of_jpeg

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

WORTH = 0.9
"""The part of a JPEG's bytes that is to be saved for: readers take longer to decode JPEG 2000."""

_SMALLEST = 1 << 15
"""Pixels below which headers weigh too much."""

_PROMISING, _ROWS = 0.4, 64
"""Bits per pixel of a JPEG, times the root of how far on average a pixel is off the line through the two before it,
over the entropy of the steps between pixels, up to which something may be gained; and how many rows tell. Soft shades
have many steps, and bend little, where drawings have few, and leaves bend. Of two halves of 237 pictures, the one that
was looked at and the other, this finds 79 and 89 % of the bytes that can be saved, in 30 and 41 % of the time it takes
to try all; up to 0.6 bits per pixel there are 73 and 85 % of them, in 33 and 43 %."""

_LEAST, _COUNT, _START, _TRIES = 0.65, 8, 3, 3
"""The least part of the JPEG's bytes, as with less faint detail goes that no mean over the picture tells of; how many
sizes there are from that to the largest, where the search begins, and how many are looked at."""

_STEP = (WORTH / _LEAST) ** (1 / (_COUNT - 1))
_SLOPE = -0.6
"""How the logarithm of what is lost falls with that of the bytes, before two tries have told."""


def smaller(pixels: "Pixels", jpeg: bytes) -> bytes | None:
    """Return a picture as a JP2 file that is no less like it than a JPEG is, None where that saves too little.

    Args:
        pixels: Shape (height, width, 1 or 3), grey or RGB.
        jpeg: The JPEG, which has colours at half its resolution.
    """
    from PIL import Image

    height, width, components = pixels.shape
    if width * height < _SMALLEST or min(width, height) < BLOCK:
        return None
    if not _is_promising(pixels, 8 * len(jpeg) / (width * height)):
        return None
    picture = Image.fromarray(pixels if components == 3 else pixels[:, :, 0])
    likeness = Likeness(luma_of(picture))
    allowed = likeness.lost(luma_of_jpeg(jpeg))
    if min(allowed) <= 0:
        return None
    coded_in = _layers.parted(_encoded(picture, len(jpeg)))

    def excess(layers: int) -> float:
        lost = likeness.lost(luma_of(_opened(coded_in.luma(layers))))
        return max(one / most for one, most in zip(lost, allowed, strict=True))

    layers = _least(excess)
    found = coded_in.file(layers) if layers else None
    return found if found is not None and len(found) <= WORTH * len(jpeg) else None


def _is_promising(pixels: "Pixels", bits: float) -> bool:
    """Return whether a picture is one that takes a JPEG more bits than it should."""
    import numpy as np
    from PIL import Image

    rows = np.ascontiguousarray(pixels[:: max(1, len(pixels) // _ROWS)])
    luma = luma_of(Image.fromarray(rows if rows.shape[2] == 3 else rows[:, :, 0]))
    steps = np.diff(luma.astype(np.int16), axis=1)
    counts = np.bincount(np.abs(steps).ravel())
    parts = counts[counts > 0] / steps.size
    entropy = -(parts * np.log2(parts)).sum()
    bend = np.abs(np.diff(steps, axis=1)).mean()
    return bool(bits * math.sqrt(bend) <= _PROMISING * entropy)


def _least(excess: Callable[[int], float]) -> int:
    """Return how many layers lose no more than may be, the fewest found; 0 where even all of them do."""
    below, above = 0, _COUNT + 1
    layers = _START
    tried: list[tuple[int, float]] = []
    for _ in range(_TRIES):
        tried.append((layers, math.log(max(excess(layers), 1e-6))))
        if tried[-1][1] <= 0:
            above = layers
        else:
            below = layers
        if above - below <= 1:
            break
        layers = max(below + 1, min(above - 1, math.ceil(layers - tried[-1][1] / _slope(tried))))
    return above if above <= _COUNT else 0


def _slope(tried: list[tuple[int, float]]) -> float:
    """Return how the logarithm of what is lost falls with each layer."""
    if len(tried) == 1:
        return _SLOPE * math.log(_STEP)
    (one, lost), (other, less) = tried[-2:]
    return min(-0.01, (less - lost) / (other - one))


def _encoded(picture: Any, jpeg_bytes: int) -> bytes:
    """Code a picture in layers, each of which brings it to a size: coding takes as long as for one of them."""
    raw = picture.width * picture.height * len(picture.getbands())
    sizes = [_LEAST * jpeg_bytes * _STEP**layer for layer in range(_COUNT)]
    target = io.BytesIO()
    target.name = "picture.jp2"  # so that Pillow loads this format alone, not all it knows
    picture.save(
        target, quality_mode="rates", quality_layers=[max(1.0, raw / size) for size in sizes], irreversible=True,
        mct=int(len(picture.getbands()) == 3), progression="LRCP", plt=True,
    )  # fmt: skip
    return target.getvalue()


def _opened(data: bytes) -> Any:
    from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

    return Jpeg2KImageFile(io.BytesIO(data))
