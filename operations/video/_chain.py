"""Which filters a film goes through, in the order that costs least: scaled, tone-mapped, upright."""

import re

from msgspec import Struct

from mediamill.operations.streams._facts import FULL_RANGE, RGB, Colour, VideoFacts
from mediamill.operations.video._codecs import VideoCode
from mediamill.operations.video._geometry import Size

_MATRICES = {1: "bt709", 4: "fcc", 5: "bt470", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}

_SHARP = "bicubic+accurate_rnd+full_chroma_int"


class Chain(Struct, frozen=True):
    """Filters in their order, as FFmpeg writes them, for frames as the facts tell them, and what they leave out."""

    filters: tuple[str, ...]
    notes: dict[str, object]


def chain_for(
    facts: VideoFacts, code: VideoCode, tone_map: str | None = None, *, cover: Size | None = None, fast: bool = False
) -> Chain:
    """Return the filters between a film's decoder and an encoder.

    Args:
        facts: The film.
        code: The encoder's side.
        tone_map: Path of a lookup table (.cube) that turns its HDR into SDR.
        cover: What it is scaled to, upright, before what sticks out of the encoder's size is cut off.
        fast: Whether speed matters more than sharpness.
    """
    filters: list[str] = []
    notes: dict[str, object] = {}
    upright = cover or code.size
    width, height = upright[::-1] if facts.turn.swaps else upright
    kernel = "fast_bilinear" if fast else _SHARP
    if tone_map is not None:
        filters += [
            _scale(width, height, kernel, facts.colour),
            "format=gbrp16le",
            f"lut3d=file={_escaped(tone_map)}:interp=tetrahedral",
        ]
        filters += [f"scale=out_color_matrix={_matrix(code.colour)}:out_range=limited:flags=bicubic+accurate_rnd"]
        notes["tone_mapped"] = facts.colour.hdr
    elif (width, height) != (facts.width, facts.height) or facts.pixel_format != code.pixel_format:
        filters.append(_scale(width, height, kernel, facts.colour, code.colour))
        if facts.colour.matrix == RGB:
            filters[-1] += f":out_color_matrix={_matrix(code.colour)}"
    if facts.alpha:
        notes["alpha_dropped"] = True
    filters.append(f"format={code.pixel_format}")
    filters += facts.turn.filters
    if cover is not None:
        filters.append(f"crop={code.size[0]}:{code.size[1]}")
    if facts.pixel != 1 or facts.turn.swaps or cover is not None:
        filters.append("setsar=1")
    if code.rate is not None:
        # A film shorter than half a frame would have none.
        rounding = ":round=up" if 0 < facts.duration * code.rate < 1 else ""
        filters.append(f"fps={code.rate}{rounding}")
    return Chain(tuple(filters), notes)


def _scale(width: int, height: int, kernel: str, colour: Colour, out: Colour | None = None) -> str:
    text = f"scale=w={width}:h={height}:flags={kernel}"
    if out is not None:
        text += f":in_range={_range(colour)}:out_range={_range(out)}"
    return text


def _escaped(path: str) -> str:
    """Return a path as a filter's option: what separates options stands behind a backslash."""
    return re.sub(r"([\\':])", r"\\\1", path)


def _range(colour: Colour) -> str:
    return "full" if colour.range == FULL_RANGE else "limited"


def _matrix(colour: Colour) -> str:
    return _MATRICES.get(colour.matrix, "bt709")
