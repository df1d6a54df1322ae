"""Placeholders of a picture decoded small: what is said of it, by kind."""

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from mediamill.operations.images import _blurhash, _dominant, _lqip, _thumbhash
from mediamill.operations.images._colour import over_white
from mediamill.operations.images._geometry import Size, fit
from mediamill.operations.images._params import ImageJob, Rgba, parse_colour
from mediamill.operations.images._resample import Look
from mediamill.operations.images._source import Source

if TYPE_CHECKING:
    import pyvips

    from mediamill.operations.images._dominant import Pixels

WIDTH = 20
TALLEST = 4
"""How many times its width a tiny picture may be high."""

Kind = Literal["lqip", "dominant_color", "css_gradient", "blurhash", "thumbhash", "all"]
KindName = Literal["lqip", "dominant_color", "dominant", "css_gradient", "gradient", "blurhash", "thumbhash", "all"]
_LONG: dict[str, Kind] = {"dominant": "dominant_color", "gradient": "css_gradient"}


class Told(Struct, frozen=True):
    """What a job says of placeholders.

    Attributes:
        background: What transparent parts are laid on.
        components: Frequencies of a BlurHash across and down; None: 4 along the longer side, 3 along the other.
    """

    background: Rgba
    components: tuple[int | None, int | None] = (None, None)


def long_kind(name: KindName) -> Kind:
    """Return a kind's long name."""
    return _LONG.get(name) or name  # type: ignore[return-value]


def tiny_size(source: Source, width: int = WIDTH) -> Size:
    """Return the size of a tiny picture of a width in pixels."""
    return fit(source.facts.size, width, None, max_height=TALLEST * width, upscale=source.facts.vector)[0].size


def probe_size(size: Size, *, upscale: bool = False) -> Size:
    """Return the size colours and hashes are worked out from."""
    return fit(size, _thumbhash.MAX_SIDE, _thumbhash.MAX_SIDE, upscale=upscale)[0].size


def decoded_size(source: Source, kind: Kind, tiny: Size | None) -> Size:
    """Return the size a picture is decoded to for a kind.

    Args:
        source: The picture.
        kind: What is said of it.
        tiny: The size of its tiny picture; None where there is none.
    """
    size = probe_size(source.facts.size, upscale=source.facts.vector)
    return tiny if tiny is not None and (kind == "lqip" or tiny[0] > size[0]) else size


def said(small: "pyvips.Image", kind: Kind, told: Told, check: Callable[[], None]) -> dict[str, Any]:
    """Return what a kind says of a picture that `_lqip.shrunk` decoded; nothing for lqip.

    Args:
        small: The picture.
        kind: The kind.
        told: What the job says.
        check: Is called in between, and raises where the job is to stop.
    """
    found: dict[str, Any] = {}
    if kind == "lqip":
        return found
    pixels = _lqip.array(_lqip.smaller(small, probe_size((small.width, small.height))))
    for name, say in _SAYERS.items():
        if kind in (name, "all"):
            check()
            found |= say(told, pixels)
    return found


def stand_in(params: ImageJob, source: Source, name: KindName, check: Callable[[], None]) -> dict[str, Any]:
    """Return all there is of a kind, for a job that makes other things of the picture.

    The tiny picture is of the format that takes the fewest bytes, and coarse, whatever the job says of quality. It is
    decoded by itself, as small as the decoder can.

    Raises:
        CorruptInput: The picture is damaged.
        OutOfMemory: It does not fit.
    """
    kind, look = long_kind(name), Look(linear=params.linear_rgb, residual=1.0)
    tiny = tiny_size(source) if kind in ("lqip", "all") else None
    small = _lqip.shrunk(source, decoded_size(source, kind, tiny), look)
    found: dict[str, Any] = {"kind": kind}
    if tiny is not None:
        plain = msgspec.structs.replace(params, quality=None, effort=None, lossless=False)
        data, code = _lqip.coded(_lqip.smaller(small, tiny), plain, None)
        found["data_uri"] = _lqip.data_uri(data, code.format)
    return found | said(small, kind, Told(parse_colour(params.background)), check)


def _dominant_color(told: Told, small: "Pixels") -> dict[str, Any]:
    colour = _dominant.dominant(small) or over_white(told.background)
    return {"color_hex": _hex(colour), "color_rgb": list(colour[:3]), "css": f"background-color:{_hex(colour)}"}


def _css_gradient(_told: Told, small: "Pixels") -> dict[str, Any]:
    """Lay a cloud of each corner's colour, gone where the next corners are, on the mean colour."""
    corners = _dominant.corners(small)
    places = ("0 0", "100% 0", "0 100%", "100% 100%")
    clouds = [
        f"radial-gradient(at {place},{_hex(colour)},{_hex((*colour[:3], 0))} 71%)"
        for place, colour in zip(places, corners, strict=True)
    ]
    css = f"background:{','.join(clouds)},{_hex(_dominant.mean(small))}"
    return {"corners": [_hex(colour) for colour in corners], "css": css}


def _blur_hash(told: Told, small: "Pixels") -> dict[str, Any]:
    flat = _dominant.laid_on(small, over_white(told.background))
    across, down = (3, 4) if small.shape[0] > small.shape[1] else (4, 3)
    return {"blurhash": _blurhash.encode(flat, told.components[0] or across, told.components[1] or down)}


def _thumb_hash(_told: Told, small: "Pixels") -> dict[str, Any]:
    return {"thumbhash": base64.b64encode(_thumbhash.encode(small)).decode("ascii")}


def _hex(colour: Rgba) -> str:
    return "#" + bytes(colour if colour[3] < 255 else colour[:3]).hex()


_SAYERS = {
    "dominant_color": _dominant_color,
    "css_gradient": _css_gradient,
    "blurhash": _blur_hash,
    "thumbhash": _thumb_hash,
}
