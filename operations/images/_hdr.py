"""Pictures whose light is coded for HDR screens, brought to what an sRGB screen shows.

Taken for sRGB they would come out grey and flat, clipped they would lose their highlights. So code values become light,
light its sRGB primaries, and what is brighter than paper rolls off towards white. After ITU-R BT.2100 (curves), BT.2408
(paper white is 203 cd/m2) and BT.2087 (primaries).
"""

from typing import TYPE_CHECKING

from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import pyvips

PAPER_WHITE = 203
"""The light of SDR's white in an HDR picture, in cd/m2."""

KNEE = 0.6
"""Up to this share of white light stays what it is."""

_PEAK_PQ, _PEAK_HLG = 10_000, 1_000
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_OOTF = 1.2
_BT2020, _P3 = 9, 12
_TO_SRGB = {
    _BT2020: [1.6605, -0.5876, -0.0728, -0.1246, 1.1329, -0.0083, -0.0182, -0.1006, 1.1187],
    _P3: [1.2249, -0.2247, 0.0, -0.0420, 1.0419, 0.0, -0.0197, -0.0786, 1.0979],
}


def to_sdr(image: "pyvips.Image", transfer: str, primaries: int) -> "pyvips.Image":
    """Return an HDR picture as sRGB of the same depth.

    Args:
        image: RGB or grey, with or without alpha, of 8 or 16 bits.
        transfer: `pq` or `hlg`.
        primaries: Their number in ITU-T H.273.
    """
    alpha = image[image.bands - 1] if image.hasalpha() else None
    deep = image.format == "ushort"
    colour = image.extract_band(0, n=image.bands - (alpha is not None))
    codes = vips().Image.identity(ushort=deep) / (65535 if deep else 255)
    curve = _pq(codes) if transfer == "pq" else _hlg(codes)
    if colour.bands == 1:
        colour = colour.bandjoin([colour, colour])
    light = colour.maplut(curve.cast("float"))
    if primaries in _TO_SRGB:
        rows = _TO_SRGB[primaries]
        light = light.recomb(vips().Image.new_from_array([rows[at : at + 3] for at in (0, 3, 6)]))
    shown = _rolled_off(light).cast("float").copy(interpretation="scrgb").colourspace("rgb16" if deep else "srgb")
    return shown if alpha is None else shown.bandjoin(alpha).copy(interpretation=shown.interpretation)


def _pq(codes: "pyvips.Image") -> "pyvips.Image":
    """Return the light of PQ's codes 0..1, with paper as 1."""
    root = codes ** (1 / _M2)
    above = root - _C1
    above = (above > 0).ifthenelse(above, 0)
    return (above / (_C2 - root * _C3)) ** (1 / _M1) * (_PEAK_PQ / PAPER_WHITE)


def _hlg(codes: "pyvips.Image") -> "pyvips.Image":
    """Return the light of HLG's codes 0..1 on a screen of 1000 cd/m2, with paper as 1."""
    scene = (codes <= 0.5).ifthenelse(codes**2 / 3, (((codes - _C) / _A).exp() + _B) / 12)
    return scene**_OOTF * (_PEAK_HLG / PAPER_WHITE)


def _rolled_off(light: "pyvips.Image") -> "pyvips.Image":
    """Bend light above the knee towards 1, which it never reaches, so that the bend has no corner."""
    light = (light > 0).ifthenelse(light, 0)
    rest = 1 - KNEE
    above = (light - KNEE) / rest
    return (light > KNEE).ifthenelse(above / (above + 1) * rest + KNEE, light)
