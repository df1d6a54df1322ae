"""Compact fonts (CFF) cut down to the glyphs that are used: how each is found stays what it was.

Glyphs are found by their names, by their CIDs, or, in fonts without CIDs that a composite font uses, by their numbers;
those that are found by number stay where they are and lose their outlines.
"""

import io
import re
import struct
from types import SimpleNamespace
from typing import Any

from mediamill.operations.documents import _filters
from mediamill.operations.documents._glyph_names import Shown

NOTDEF = ".notdef"

_SAID = (
    "version", "Notice", "Copyright", "FullName", "FamilyName", "Weight", "isFixedPitch", "ItalicAngle",
    "UnderlinePosition", "UnderlineThickness", "UniqueID", "XUID", "PostScript", "BaseFontName", "CIDFontVersion",
    "CIDFontRevision", "UIDBase",
)  # fmt: skip
"""What a font says about itself: to those who install it, or keep it between jobs."""

_TAG = re.compile(r"[A-Z]{6}\+(?=.)")
"""What a subset's name begins with; a document says so itself."""


class Unreadable(Exception):
    """A font is not one that can be cut."""


def cut(data: bytes, *, cids: set[int], codes: set[int], names: dict[str, set[int]]) -> tuple[bytes, list[str]]:
    """Return a font with only the glyphs that are used, and their names.

    Args:
        data: A CFF font.
        cids: Character identifiers that a composite font shows.
        codes: Codes that simple fonts show, whose glyphs are kept, by whichever usual encoding they are found.
        names: Names of glyphs that simple fonts give to other codes they show; where there is no glyph of that name,
            it may be found by the code.

    Raises:
        Unreadable: It cannot be read, or would not be the same.
    """
    try:
        whole = opened(data)
        shown = Shown(codes, names)
        codes = shown.every_code(whole.CharStrings)
        kept = _kept(whole, cids, shown, codes)
        numbered = bool(cids) and not hasattr(whole, "ROS")
        flat = _subset(data, kept, by_number=numbered, flat=True)
        smaller = _subset(data, kept, by_number=numbered, flat=False) if _has_subroutines(whole) else flat
        smaller = min(flat, smaller, key=lambda made: len(_filters.deflate(made)))
        if not _is_same(whole, opened(smaller), kept, codes):
            raise Unreadable
    except Exception as error:  # fontTools raises whatever comes of numbers that are not what they have to be
        raise Unreadable from error
    return smaller, sorted(kept - {NOTDEF})


def bare(data: bytes) -> bytes:
    """Return a font with all its glyphs, but without what it says about itself.

    Raises:
        Unreadable: It cannot be read, or would not be the same.
    """
    try:
        whole, table = opened(data), _table(data)
        made = _compiled(table)
        smaller = opened(made)
        if whole.charset != smaller.charset or not _is_same(whole, smaller, set(whole.charset), set(range(256))):
            raise Unreadable
    except Exception as error:  # as above
        raise Unreadable from error
    return made


def untagged(name: str) -> str:
    """Return a font's name without the letters that say it is a subset."""
    return _TAG.sub("", name, count=1) if _TAG.match(name) else name


def damage() -> tuple[type[Exception], ...]:
    """Return what is raised for fonts that are not as they have to be."""
    from fontTools.ttLib import TTLibError

    return TTLibError, KeyError, ValueError, AssertionError, AttributeError, IndexError, TypeError, struct.error


def _table(data: bytes) -> Any:
    from fontTools.ttLib import TTFont, newTable

    font = TTFont(sfntVersion="OTTO", recalcBBoxes=False, recalcTimestamp=False)
    table: Any = newTable("CFF ")
    table.decompile(data, font)
    font["CFF "] = table
    return table


def opened(data: bytes) -> Any:
    """Return the one font there is in CFF data.

    Raises:
        Unreadable: There are none or several.
    """
    table = _table(data)
    if len(table.cff.fontNames) != 1 or table.cff.major != 1:
        raise Unreadable
    return table.cff[0]


def _has_subroutines(font: Any) -> bool:
    parts = font.FDArray if hasattr(font, "ROS") else [font]
    return bool(len(font.GlobalSubrs)) or any(hasattr(part.Private, "Subrs") for part in parts)


def _kept(font: Any, cids: set[int], shown: Shown, codes: set[int]) -> set[str]:
    order = font.charset
    if hasattr(font, "ROS"):
        wanted = {f"cid{cid:05d}" for cid in cids}.intersection(order)
        if codes:
            raise Unreadable
    else:
        own = getattr(font, "Encoding", None)
        if 0 in codes and isinstance(own, list) and own[0] == NOTDEF:
            raise Unreadable  # fontTools passes over code 0, whatever it stands for
        wanted = {order[cid] for cid in cids if cid < len(order)}
        wanted |= shown.of(order, own if isinstance(own, list) else None)
    return {NOTDEF, *wanted}


def _subset(data: bytes, kept: set[str], *, by_number: bool, flat: bool) -> bytes:
    """Return a font with some glyphs; flat, without subroutines, it often packs better."""
    from fontTools import subset

    table = _table(data)
    font = table.cff[0]
    order = list(font.charset)
    options = subset.Options(retain_gids=by_number, hinting=True, desubroutinize=flat, notdef_outline=True)
    plan = SimpleNamespace(glyphs=set(kept), glyphs_emptied=set(), options=options, orig_glyph_order=order)
    table.closure_glyphs(plan)
    kept |= plan.glyphs
    if by_number:
        plan.glyphs_emptied = set(order) - plan.glyphs
    own = getattr(font, "Encoding", None)
    table.subset_glyphs(plan)
    if isinstance(own, list):
        font.Encoding = [name if name in kept else NOTDEF for name in own]
    table.prune_post_subset(None, options)
    return _compiled(table)


def _compiled(table: Any) -> bytes:
    """Return a font as a file, without what it says about itself."""
    font = table.cff[0]
    for part in [font, *getattr(font, "FDArray", [])]:
        for key in _SAID:
            part.rawDict.pop(key, None)
            part.__dict__.pop(key, None)
    table.cff.fontNames = [untagged(name) for name in table.cff.fontNames]
    target = io.BytesIO()
    table.cff.compile(target, SimpleNamespace(recalcBBoxes=False), isCFF2=False)
    return target.getvalue()


def _is_same(whole: Any, smaller: Any, kept: set[str], codes: set[int]) -> bool:
    """Return whether all that is used is found in the same ways, with the same outlines and widths."""
    keys = ("ROS", "FontMatrix", "CharstringType", "FontBBox")
    if any(getattr(whole, key, None) != getattr(smaller, key, None) for key in keys):
        return False
    own, other = getattr(whole, "Encoding", None), getattr(smaller, "Encoding", None)
    if isinstance(own, list) and isinstance(other, list):
        if any(own[code] != other[code] for code in codes if own[code] in kept):
            return False
    elif own != other:
        return False
    if not hasattr(whole, "ROS") and len(whole.charset) == len(smaller.charset) and whole.charset != smaller.charset:
        return False
    return all(_drawn(whole, name) == _drawn(smaller, name) for name in kept)


def _drawn(font: Any, name: str) -> Any:
    from fontTools.pens.recordingPen import RecordingPen

    pen, glyph = RecordingPen(), font.CharStrings[name]
    glyph.draw(pen)
    return pen.value, glyph.width
