"""Compact fonts (CFF) cut down to the glyphs that are used: how each is found stays what it was.

Glyphs are found by their names, by their CIDs, or, in fonts without CIDs that a composite font uses, by their numbers;
those that are found by number stay where they are and lose their outlines.
"""

import io
import re
import struct
from types import SimpleNamespace
from typing import Any

from mediamill.operations.documents import _cff_write, _filters
from mediamill.operations.documents._glyph_names import Shown

NOTDEF = ".notdef"

_SAID = (
    "version", "Notice", "Copyright", "FullName", "FamilyName", "Weight", "isFixedPitch", "ItalicAngle",
    "UnderlinePosition", "UnderlineThickness", "UniqueID", "XUID", "PostScript", "BaseFontName", "CIDFontVersion",
    "CIDFontRevision", "UIDBase",
)  # fmt: skip
"""What a font says about itself: to those who install it, or keep it between jobs."""

_WRITTEN = frozenset(("FontMatrix", "FontBBox", "charset", "Encoding", "CharStrings", "Private"))
"""What else there is in fonts that are written without fontTools."""

_COMPOSED = re.compile(rb"(?:[\x20-\xf6]|[\xf7-\xfe].|\x1c..|\xff....){4}\x0e\Z", re.DOTALL)
"""How a glyph ends that may be composed of two others."""

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
        table = _table(data)
        whole, name = _only(table), table.cff.fontNames[0]
        shown = Shown(codes, names)
        codes = shown.every_code(whole.CharStrings)
        kept = _kept(whole, cids, shown, codes)
        numbered = bool(cids) and not hasattr(whole, "ROS")
        plain = None if cids or _has_subroutines(whole) else _copied(name, whole, kept)
        smaller = _smaller(data, whole, kept, by_number=numbered) if plain is None else plain
        if not _is_same(whole, opened(smaller), kept, codes, copied=plain is not None):
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
    return _only(_table(data))


def _only(table: Any) -> Any:
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


def _copied(name: str, font: Any, kept: set[str]) -> bytes | None:
    """Return a font with some glyphs byte for byte; None where there is more in it than can be written.

    Args:
        name: The font's.
        font: One in which glyphs are found by name or code, without subroutines.
        kept: The names of the glyphs; those they are composed of are added.
    """
    own = getattr(font, "Encoding", "StandardEncoding")
    if not set(font.rawDict) <= _WRITTEN.union(_SAID) or (isinstance(own, str) and own != "StandardEncoding"):
        return None
    glyphs, left = dict[str, bytes](), set(kept)
    while left:
        glyphs |= {name: font.CharStrings[name].bytecode for name in left}
        left = {part for name in left for part in _parts(glyphs[name])} - set(glyphs)
    kept |= set(glyphs)
    shown = set(glyphs) - {NOTDEF}
    codes = None if isinstance(own, str) else {code: name for code, name in enumerate(own) if name in shown}
    made = _cff_write.Font(
        name=untagged(name),
        glyphs={name: glyphs[name] for name in font.charset if name in glyphs},
        encoding=codes,
        matrix=font.FontMatrix,
        box=font.FontBBox,
        private={key: value if isinstance(value, list) else [value] for key, value in font.Private.rawDict.items()},
    )
    return _cff_write.write(made)


def _parts(code: bytes) -> list[str]:
    """Return the names of the glyphs that a glyph is composed of, if it is."""
    from fontTools.encodings.StandardEncoding import StandardEncoding
    from fontTools.misc.psCharStrings import T2CharString

    if _COMPOSED.search(code) is None:
        return []
    glyph = T2CharString(code)
    glyph.decompile()
    *values, operator = glyph.program[-5:]
    composed = operator == "endchar" and len(values) == 4 and all(isinstance(value, int | float) for value in values)
    return [StandardEncoding[int(code)] for code in values[-2:]] if composed else []


def _smaller(data: bytes, font: Any, kept: set[str], *, by_number: bool) -> bytes:
    """Return a font with some glyphs, with subroutines or without, whichever packs better."""
    flat = _subset(data, kept, by_number=by_number, flat=True)
    if not _has_subroutines(font):
        return flat
    return min(flat, _subset(data, kept, by_number=by_number, flat=False), key=lambda made: len(_filters.deflate(made)))


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


def _is_same(whole: Any, smaller: Any, kept: set[str], codes: set[int], *, copied: bool = False) -> bool:
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
    if copied:
        return _is_copy(whole, smaller, kept)
    if not hasattr(whole, "ROS") and len(whole.charset) == len(smaller.charset) and whole.charset != smaller.charset:
        return False
    return all(_drawn(whole, name) == _drawn(smaller, name) for name in kept)


def _is_copy(whole: Any, smaller: Any, kept: set[str]) -> bool:
    """Return whether glyphs are the same byte for byte, and there is nothing else that their outlines depend on."""
    if any(hasattr(font, "ROS") or _has_subroutines(font) for font in (whole, smaller)):
        return False
    keys = {*whole.Private.rawDict, *smaller.Private.rawDict}
    if any(getattr(whole.Private, key, None) != getattr(smaller.Private, key, None) for key in keys):
        return False
    return all(whole.CharStrings[name].bytecode == smaller.CharStrings[name].bytecode for name in kept)


def _drawn(font: Any, name: str) -> Any:
    from fontTools.pens.recordingPen import RecordingPen

    pen, glyph = RecordingPen(), font.CharStrings[name]
    glyph.draw(pen)
    return pen.value, glyph.width
