"""One scale of effort, 0..9, for all encoders: each step costs more CPU than the one before and takes fewer bytes.

Where an encoder has fewer settings worth having than ten, neighbours share one. What every step costs and saves is
measured by the benchmark `effort`, its table is in `docs/effort.md`. From that come the defaults: the last step up to
which a doubling of CPU saves at least 10 % of the bytes; GIF's is the first with its better palettes.
"""

import itertools
import os
from typing import Any

from mediamill.operations.images._params import Format
from mediamill.operations.images._vips import vips

EFFORTS: dict[Format, int] = {"jpeg": 3, "png": 4, "webp": 3, "avif": 3, "gif": 3, "ico": 4, "tiff": 5}
"""Efforts where a job gives none."""

PROGRESSIVE_EFFORT = 4
"""From here on JPEGs are progressive, which makes them smaller."""

_SCANS_EFFORT = 5
_TRELLIS_EFFORT, _TRELLIS_BELOW = 7, 85
"""From this effort on JPEGs below this quality are trellis-quantised: it saves the more the lower the quality, and from
there on it takes more bytes than the better tables alone."""

_DERINGING_EFFORT = 9

_PNG = ((1, "sub"), (2, "sub"), (3, "sub"), (4, "sub"), (5, "sub"), (6, "sub"))
"""Deflate level and filter of the efforts that libpng serves; trying all filters is dearer than a higher level."""

_OXIPNG = {6: 0, 7: 1, 8: 2, 9: 4}
_WEBP = (0, 1, 2, 2, 4, 4, 5, 5, 6, 6)
_GIF = (1, 1, 5, 6, 6, 7, 7, 8, 9, 10)

_QUANT_TABLE = 5
"""mozjpeg's tables after Klein, Silverstein and Carney (1992): 10 to 15 % fewer bytes at the same score."""

_SAME_LOOK = (
    (1, 1, 1), (5, 3, 3), (10, 7, 8), (15, 11, 12), (20, 17, 18), (30, 24, 27), (40, 34, 38), (50, 44, 48),
    (60, 51, 56), (70, 64, 69), (75, 71, 75), (80, 77, 81), (85, 83, 85), (89, 88, 89), (90, 90, 91), (95, 96, 96),
    (100, 100, 100),
)  # fmt: skip
"""Qualities of the same mean SSIMULACRA2: with the standard's tables, with the better ones, and with trellis, too.

Measured on twelve photos of 400 pixels; in between they are interpolated.
"""


def jpeg(quality: int, effort: int, progressive: bool | None) -> dict[str, Any]:
    """Return libvips' options for a JPEG.

    Args:
        quality: 1..100 as the standard's tables have it. Better tables get the number that looks the same, so that
            effort changes bytes and not the look.
        effort: 0..9.
        progressive: None is the effort's choice.
    """
    if effort == 0:
        return {"Q": quality, "interlace": bool(progressive)}
    trellis = effort >= _TRELLIS_EFFORT and quality < _TRELLIS_BELOW
    scans = effort >= PROGRESSIVE_EFFORT if progressive is None else progressive
    return {
        "Q": _quality(quality, 2 if trellis else 1),
        "optimize_coding": True,
        "quant_table": _QUANT_TABLE,
        "interlace": scans,
        "optimize_scans": scans and effort >= _SCANS_EFFORT,
        "trellis_quant": trellis,
        "overshoot_deringing": effort >= _DERINGING_EFFORT,
    }


def png(effort: int) -> dict[str, Any]:
    """Return libvips' options for a PNG; from some effort on it is `smaller_png`'s raw material, made fast."""
    level, choice = (1, "none") if effort in _OXIPNG else _PNG[effort]
    return {"compression": level, "filter": choice}


def smaller_png(data: bytes, effort: int, *, interlaced: bool) -> bytes:
    """Return a PNG of the same pixels, remade by oxipng where the effort is high enough for that.

    Args:
        data: The file.
        effort: 0..9.
        interlaced: Whether it is to be interlaced.
    """
    if effort not in _OXIPNG:
        return data
    # Read once, when its threads start: they are this worker's share.
    os.environ.setdefault("RAYON_NUM_THREADS", str(vips().concurrency_get()))
    import oxipng

    interlacing = oxipng.Interlacing.Adam7 if interlaced else oxipng.Interlacing.Off
    smaller: bytes = oxipng.optimize_from_memory(data, level=_OXIPNG[effort], interlace=interlacing)
    return smaller


def webp(effort: int) -> int:
    """Return libwebp's method."""
    return _WEBP[effort]


def gif(effort: int) -> int:
    """Return libvips' effort for a GIF."""
    return _GIF[effort]


def _quality(quality: int, column: int) -> int:
    """Return the number at which better tables look like the standard's."""
    for low, high in itertools.pairwise(_SAME_LOOK):
        if quality <= high[0]:
            share = (quality - low[0]) / (high[0] - low[0])
            return round(low[column] + share * (high[column] - low[column]))
    return 100
