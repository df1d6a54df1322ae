"""HDR brought down to SDR: a lookup table in three dimensions, made for a film and handed to FFmpeg's filter.

FFmpeg's own tone mapping wants filters for linear light that its wheel does not have. A table does the whole way at
once: the transfer function undone (BT.2100), highlights rolled off as BT.2390 does it, BT.2020's primaries brought into
BT.709's with what leaves them drawn towards grey, and BT.1886 for the screen.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mediamill.operations.streams._facts import Colour, VideoFacts
from mediamill.operations.video._codecs import VideoCode
from mediamill.operations.video._decide import is_tone_mapped

if TYPE_CHECKING:
    import numpy as np

SIDE = 33
"""Points of the table along each axis."""

PAPER_WHITE = 203.0
"""Light of diffuse white in cd/m2 (BT.2408)."""

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_HLG = (0.17883277, 0.28466892, 0.55991073)
_HLG_PEAK = 1000.0
_BT2020_LUMA = (0.2627, 0.6780, 0.0593)
_TO_BT709 = ((1.660491, -0.587641, -0.072850), (-0.124550, 1.132900, -0.008349), (-0.018151, -0.100579, 1.118730))
_BT709_LUMA = (0.2126, 0.7152, 0.0722)
_DEFAULT_PEAK = 1000.0


@contextlib.contextmanager
def tone_map(facts: VideoFacts, code: VideoCode) -> Iterator[str | None]:
    """Give the path of a table for as long as it is needed; None where nothing is to be brought down."""
    if not is_tone_mapped(facts, code):
        yield None
        return
    with table(facts.colour) as path:
        yield path


@contextlib.contextmanager
def table(colour: Colour) -> Iterator[str]:
    """Give the path of the table that brings HDR of some colours down, for as long as it is needed."""
    descriptor, path = tempfile.mkstemp(prefix="mediamill-", suffix=".cube")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(cube(colour))
        yield path
    finally:
        os.unlink(path)


def cube(colour: Colour) -> str:
    """Return the table as a .cube file: the red axis runs fastest, values 0..1 in and out."""
    import numpy as np

    axis = np.linspace(0.0, 1.0, SIDE)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    values = to_sdr(np.stack([red, green, blue], axis=-1).reshape(-1, 3), colour)
    rows = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in values)
    return f"LUT_3D_SIZE {SIDE}\n{rows}\n"


def to_sdr(codes: "np.ndarray[Any, Any]", colour: Colour) -> "np.ndarray[Any, Any]":
    """Return what HDR code values look like in SDR.

    Args:
        codes: RGB, shape (n, 3), 0..1.
        colour: What they mean.

    Returns:
        BT.709 code values, shape (n, 3), 0..1.
    """
    import numpy as np

    light = _from_hlg(codes) if colour.hdr == "hlg" else _from_pq(codes)
    peak = _HLG_PEAK if colour.hdr == "hlg" else _peak(colour)
    # Rolled off by the brightest channel, so that hues stay; then as much towards grey as the highlights were bent.
    most = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    rolled = _rolled(most, peak)
    light = light * (rolled / most)
    light = light @ np.array(_TO_BT709).T if colour.primaries in (2, 9) else light
    light = _into_gamut(light)
    return np.asarray(np.clip(light, 0.0, 1.0) ** (1 / 2.4))


def _peak(colour: Colour) -> float:
    """Return the brightest light of the film, in cd/m2."""
    if colour.light is not None and colour.light[0]:
        return float(min(max(colour.light[0], 400), 10_000))
    if colour.mastering is not None and colour.mastering[8]:
        return float(min(max(colour.mastering[8] / 10_000, 400), 10_000))
    return _DEFAULT_PEAK


def _from_pq(codes: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Return light in cd/m2 (SMPTE ST 2084)."""
    import numpy as np

    root = np.clip(codes, 0, 1) ** (1 / _M2)
    return np.asarray((np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1) * 10_000)


def _to_pq(light: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    power = (light / 10_000) ** _M1
    found: np.ndarray[Any, Any] = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return found


def _from_hlg(codes: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Return light in cd/m2 on a screen of 1000 cd/m2 (BT.2100, system gamma 1.2)."""
    import numpy as np

    a, b, c = _HLG
    scene = np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - c) / a) + b) / 12)
    luma = scene @ np.array(_BT2020_LUMA)
    return np.asarray(scene * np.maximum(luma, 1e-6)[:, None] ** 0.2 * _HLG_PEAK)


def _rolled(light: "np.ndarray[Any, Any]", peak: float) -> "np.ndarray[Any, Any]":
    """Return light in cd/m2 as a share of SDR's white, highlights bent as in BT.2390, 5.4."""
    import numpy as np

    top = float(_to_pq(np.array(max(peak, PAPER_WHITE))))
    white = float(_to_pq(np.array(PAPER_WHITE))) / top
    code = np.minimum(_to_pq(light) / top, 1.0)
    knee = 1.5 * white - 0.5
    share = np.clip((code - knee) / max(1 - knee, 1e-6), 0, 1)
    spline = (
        (2 * share**3 - 3 * share**2 + 1) * knee
        + (share**3 - 2 * share**2 + share) * (1 - knee)
        + (-2 * share**3 + 3 * share**2) * white
    )
    bent = np.where(code < knee, code, spline)
    return np.asarray(_from_pq(bent * top) / PAPER_WHITE)


def _into_gamut(light: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Draw colours outside BT.709 towards the grey of their own luminance, just as far as it takes."""
    import numpy as np

    luma = np.clip(light @ np.array(_BT709_LUMA), 0, 1)[:, None]
    away = light - luma
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.where(away < 0, luma / -away, np.inf)
        above = np.where(away > 0, (1 - luma) / away, np.inf)
    keep = np.clip(np.minimum(below, above).min(axis=-1, keepdims=True), 0, 1)
    return np.asarray(luma + away * keep)
