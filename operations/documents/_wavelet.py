"""Photos as JPEG 2000: no less like the original than a JPEG of them, where that takes far fewer bytes.

Wavelets spend next to nothing on smooth areas, where each 8x8 block of a JPEG costs its bits: photos with much sky,
skin or blur take two thirds, those full of leaves the same. How few bytes do is found by search, in the measure that
documents are verified by.
"""

import io
import math
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents._likeness import BLOCK, Likeness, luma_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

WORTH = 0.9
"""The part of a JPEG's bytes that is to be saved for: readers take longer to decode JPEG 2000."""

_SMALLEST = 1 << 15
"""Pixels below which headers weigh too much."""

_DENSE = 0.6
"""Bits per pixel from which a JPEG is so full of detail that nothing is to be gained."""

_START, _LEAST, _TRIES = 0.72, 0.65, 3
"""Parts of the JPEG's bytes; with less, faint detail goes that no mean over the picture tells of."""

_SLOPE = -0.6
"""How the logarithm of what is lost falls with that of the bytes, before two tries have told."""

_NEAR = 0.04


def smaller(pixels: "Pixels", jpeg: bytes) -> bytes | None:
    """Return a picture as a JP2 file that is no less like it than a JPEG is, None where that saves too little.

    Args:
        pixels: Shape (height, width, 1 or 3), grey or RGB.
        jpeg: The JPEG, which has colours at half its resolution.
    """
    from PIL import Image

    height, width, components = pixels.shape
    if width * height < _SMALLEST or min(width, height) < BLOCK or 8 * len(jpeg) > _DENSE * width * height:
        return None
    picture = Image.fromarray(pixels if components == 3 else pixels[:, :, 0])
    likeness = Likeness(luma_of(picture))
    with Image.open(io.BytesIO(jpeg)) as coded:
        allowed = likeness.lost(luma_of(coded))
    source = _with_soft_colours(picture) if components == 3 else picture
    return _search(source, likeness, allowed, len(jpeg)) if min(allowed) > 0 else None


def _search(source: Any, likeness: Likeness, allowed: tuple[float, float], jpeg_bytes: int) -> bytes | None:
    """Return the smallest file found that loses no more than is allowed, in either measure."""
    found: bytes | None = None
    tried: list[tuple[float, float]] = []
    smallest, size, largest = (part * jpeg_bytes for part in (_LEAST, _START, WORTH))
    for _ in range(_TRIES):
        data = _encoded(source, size)
        lost = max(one / most for one, most in zip(likeness.lost(luma_of(_opened(data))), allowed, strict=True))
        if lost <= 1 and (found is None or len(data) < len(found)):
            found = data
        near = tried and 1 - _NEAR <= lost <= 1  # the first try may lie where nothing is lost with many fewer bytes
        if near or lost <= 0 or (found is None and size >= largest) or (lost <= 1 and size <= smallest):
            break
        tried.append((math.log(len(data)), math.log(lost)))
        size = math.exp(_next(tried, math.log(1 - _NEAR * 0.6)))
        size = max(smallest, min(largest, size))
    return found if found is not None and len(found) <= largest else None


def _next(tried: list[tuple[float, float]], wanted: float) -> float:
    """Return where a straight line loses what is wanted, in logarithms: through the tries on both sides of it."""
    near = min(tried, key=lambda one: abs(one[1] - wanted))
    over = [one for one in tried if (one[1] > wanted) != (near[1] > wanted)] or [one for one in tried if one != near]
    slope = _SLOPE
    if over:
        other = min(over, key=lambda one: abs(one[1] - wanted))
        slope = min(-0.1, (near[1] - other[1]) / (near[0] - other[0])) if near[0] != other[0] else _SLOPE
    return near[0] + max(-1.0, min(1.0, (wanted - near[1]) / slope))


def _encoded(picture: Any, size: float) -> bytes:
    raw = picture.width * picture.height * len(picture.getbands())
    target = io.BytesIO()
    picture.save(
        target, "JPEG2000", quality_mode="rates", quality_layers=[max(1.0, raw / size)], irreversible=True,
        mct=int(len(picture.getbands()) == 3),
    )  # fmt: skip
    return target.getvalue()


def _opened(data: bytes) -> Any:
    from PIL import Image

    return Image.open(io.BytesIO(data), formats=["JPEG2000"])


def _with_soft_colours(picture: Any) -> Any:
    """Return a picture whose colours have half the resolution, as in a JPEG: what is not there costs nothing."""
    from PIL import Image

    luma, *colours = picture.convert("YCbCr").split()
    soft = [plane.reduce(2).resize(picture.size, Image.Resampling.BICUBIC) for plane in colours]
    return Image.merge("YCbCr", (luma, *soft)).convert("RGB")
