"""Embedded fonts made smaller: those of Type 1 told as compact ones, TrueType and CFF cut down to what is used.

What a font is used for is read from the content streams. Only what can be told for certain is cut: a font that some
form, default resource or unreadable stream may reach stays whole.
"""

import copy
import io
import struct
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _cff, _compact, _content, _filters

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]

_MAX_FONT_BYTES = 64 << 20
_OPERATORS = "q Q Tf Tj TJ ' \" gs"
_SYMBOL_BASES = (0xF000, 0xF100, 0xF200)
_SHOWS = ("Tj", "TJ", "'", '"')
_DROPPED = ("GSUB", "GPOS", "GDEF", "BASE", "JSTF", "DSIG", "kern", "hdmx", "VDMX", "LTSH", "PCLT", "meta")
"""Tables PDF readers have no use for: layout is done by whoever wrote the page."""


class _Unsure(Exception):
    """It cannot be told what a font is used for."""


def subset(pdf: "pikepdf.Pdf", check: Callable[[], None]) -> int:
    """Cut fonts down, where that is safe.

    Args:
        pdf: The document, changed in place.
        check: Called between streams; raises where the job is to stop.

    Returns:
        Bytes saved.
    """
    import pikepdf

    saved = _compact.tell(pdf, _fonts_of_forms(pdf), check)
    fonts = _candidates(pdf)
    if not fonts:
        return saved
    uses = {key: set[int]() for key in fonts}
    try:
        for stream, resources in _contents(pdf):
            check()
            _read(pdf, stream, resources, uses)
    except (_Unsure, _content.Unreadable, pikepdf.PdfError, ValueError, TypeError, AttributeError, KeyError):
        return saved
    programs: dict[Key, list[Any]] = {}
    for font in fonts.values():
        programs.setdefault(_program(font).objgen, []).append(font)
    return saved + sum(_cut(group, uses) for group in programs.values())


def _fonts_of_forms(pdf: "pikepdf.Pdf") -> set[Key]:
    import pikepdf

    form = pdf.Root.get("/AcroForm")
    return _fonts_of(form.get("/DR")) if isinstance(form, pikepdf.Dictionary) else set()


def _cut(fonts: list[Any], uses: dict[Key, set[int]]) -> int:
    """Cut the one program of some fonts down to what they show; return the bytes saved."""
    glyphs, codes, names = set[int](), set[int](), set[str]()
    for font in fonts:
        used = uses[font.objgen]
        (glyphs if "/DescendantFonts" in font else codes).update(used)
        names |= {name for code, name in _differences(font).items() if code in used}
    descriptor = _descriptor(fonts[0])
    if "/FontFile3" not in descriptor:
        return _cut_truetype(descriptor.FontFile2, glyphs | {0}, codes)
    return _cut_compact([_descriptor(font) for font in fonts], glyphs, codes, names)


def _cut_compact(descriptors: list[Any], cids: set[int], codes: set[int], names: set[str]) -> int:
    import pikepdf

    program = descriptors[0].FontFile3
    data = _filters.decoded(program, _MAX_FONT_BYTES)
    if data is None:
        return 0
    try:
        smaller, kept = _cff.cut(data, cids=cids, codes=codes, names=names)
    except _cff.Unreadable:
        return 0  # a font that cannot be read is no font to be cut
    before, made = len(program.read_raw_bytes()), _filters.deflate(smaller)
    if len(made) >= before:
        return 0
    program.write(made, filter=pikepdf.Name.FlateDecode)
    for descriptor in descriptors:
        if "/CharSet" in descriptor:
            descriptor.CharSet = pikepdf.String("".join(f"/{name}" for name in kept))
    return before - len(made)


def _differences(font: Any) -> dict[int, str]:
    """Return the names that a simple font's encoding gives to codes itself."""
    import pikepdf

    encoding = font.get("/Encoding")
    code, found = 0, dict[int, str]()
    if isinstance(encoding, pikepdf.Dictionary):
        for one in encoding.get("/Differences", []):
            if isinstance(one, pikepdf.Name):
                found[code] = str(one)[1:]
                code += 1
            else:
                code = int(one)
    return found


def _descriptor(font: Any) -> Any:
    return (font.DescendantFonts[0] if "/DescendantFonts" in font else font).FontDescriptor


def _program(font: Any) -> Any:
    descriptor = _descriptor(font)
    return descriptor.FontFile2 if "/FontFile2" in descriptor else descriptor.FontFile3


def _candidates(pdf: "pikepdf.Pdf") -> dict[Key, Any]:
    """Return the simple fonts whose codes are understood, and the composite ones whose codes are glyph numbers or CIDs.

    All others choose glyphs in ways that cannot be followed here, and a program that one of them shares stays whole.
    """
    import pikepdf

    found, others = dict[Key, Any](), set[Key]()
    kept = _fonts_of_forms(pdf)
    for font in pdf.objects:
        if not isinstance(font, pikepdf.Dictionary) or font.get("/Type") != pikepdf.Name.Font:
            continue
        if font.get("/Subtype") in (pikepdf.Name.CIDFontType2, pikepdf.Name.CIDFontType0):
            continue
        descriptor = _descriptor(font) if "/DescendantFonts" in font or "/FontDescriptor" in font else None
        if descriptor is None or not ("/FontFile2" in descriptor or "/FontFile3" in descriptor):
            continue
        if _is_plain(font) and "/CIDSet" not in descriptor and font.objgen not in kept:
            found[font.objgen] = font
        else:
            others.add(_program(font).objgen)
    return {key: font for key, font in found.items() if _program(font).objgen not in others}


def _is_plain(font: Any) -> bool:
    import pikepdf

    encoding, compact = font.get("/Encoding"), _descriptor(font).get("/FontFile3")
    kind = str(font.get("/Subtype")), "" if compact is None else str(compact.get("/Subtype"))
    if "/DescendantFonts" not in font:
        named = encoding is None or isinstance(encoding, pikepdf.Name)
        return kind == ("/Type1", "/Type1C") or (kind == ("/TrueType", "") and named)
    inner, identity = font.DescendantFonts[0], pikepdf.Name.Identity
    kind = str(inner.get("/Subtype")), kind[1]
    numbered = compact is None and bool(inner.get("/CIDToGIDMap", identity) == identity)
    return str(encoding) in ("/Identity-H", "/Identity-V") and (numbered or kind == ("/CIDFontType0", "/CIDFontType0C"))


def _fonts_of(resources: Any) -> set[Key]:
    import pikepdf

    if not isinstance(resources, pikepdf.Dictionary):
        return set()
    fonts: Any = resources.get("/Font", {})
    return {font.objgen for font in fonts.values()}


def _contents(pdf: "pikepdf.Pdf") -> Iterable[tuple[Any, Any]]:
    """Yield every content stream with its resources: pages', and those of all objects that have some."""
    import pikepdf

    for page in pdf.pages:
        contents = page.obj.get("/Contents")
        if contents is not None:
            yield contents, page.obj.get("/Resources")
    for thing in pdf.objects:
        if isinstance(thing, pikepdf.Stream) and (
            thing.get("/Subtype") == pikepdf.Name.Form or thing.get("/PatternType") == 1
        ):
            # A form without resources of its own takes the page's, whichever page that is.
            if "/Resources" not in thing:
                raise _Unsure
            yield thing, thing.Resources
        elif isinstance(thing, pikepdf.Dictionary) and thing.get("/Subtype") == pikepdf.Name.Type3:
            _check_drawn(thing)


def _check_drawn(font: Any) -> None:
    """Raise where letters that are drawings may be written in other fonts."""
    if "/Resources" not in font or "/Font" in font.Resources:
        raise _Unsure


def _read(pdf: "pikepdf.Pdf", content: Any, resources: Any, uses: dict[Key, set[int]]) -> None:
    """Note which codes a content stream shows in which font."""
    fonts: Any = resources.get("/Font", {}) if resources is not None else {}
    states: Any = resources.get("/ExtGState", {}) if resources is not None else {}
    composite = {font.objgen for font in fonts.values() if "/DescendantFonts" in font}
    current: Key | None = None
    stack: list[Key | None] = []
    for instruction in _content.instructions(pdf, _content.joined(content), _OPERATORS):
        operator, operands = str(instruction.operator), list(instruction.operands)
        if operator == "q":
            stack.append(current)
        elif operator == "Q":
            current = stack.pop() if stack else None
        elif operator == "Tf":
            font = fonts.get(str(operands[0]))
            current = font.objgen if font is not None else None
        elif operator == "gs" and "/Font" in states.get(str(operands[0]), {}):
            raise _Unsure
        elif operator in _SHOWS and current in uses and current is not None:
            uses[current].update(_codes(operands[-1], 2 if current in composite else 1))


def _codes(shown: Any, width: int) -> set[int]:
    import pikepdf

    found = set[int]()
    for piece in shown if isinstance(shown, pikepdf.Array) else [shown]:
        if isinstance(piece, pikepdf.String):
            data = bytes(piece)
            found.update(int.from_bytes(data[at : at + width], "big") for at in range(0, len(data), width))
    return found


def _cut_truetype(program: Any, glyphs: set[int], codes: set[int]) -> int:
    """Put a font with only some glyphs in the place of a whole one; return the bytes saved.

    Args:
        program: The font file's stream.
        glyphs: Numbers of glyphs to be kept.
        codes: Codes whose glyphs are to be kept, however a reader finds them.
    """
    import pikepdf
    from fontTools.ttLib import TTFont, TTLibError

    data = _filters.decoded(program, _MAX_FONT_BYTES) if _filters.is_plain(_filters.chain(program)) else None
    if data is None or data[:4] not in (b"\0\1\0\0", b"true"):
        return 0
    try:
        whole = TTFont(io.BytesIO(data), lazy=True)
        names = {name for found in _found(whole, codes) for name in found if name is not None}
        kept = {glyph for glyph in glyphs if glyph < whole["maxp"].numGlyphs} | {
            whole.getGlyphID(name) for name in names
        }
        smaller = _subset(data, kept)
        if not _same_glyphs(whole, TTFont(io.BytesIO(smaller), lazy=True), kept, codes):
            return 0
    except (TTLibError, KeyError, ValueError, AssertionError, AttributeError, IndexError, struct.error):
        return 0  # a font that cannot be read is no font to be cut
    before, made = len(program.read_raw_bytes()), _filters.deflate(smaller)
    if len(made) >= before:
        return 0
    program.write(made, filter=pikepdf.Name.FlateDecode)
    program.Length1 = len(smaller)
    return before - len(made)


def _subset(data: bytes, glyphs: set[int]) -> bytes:
    from fontTools import subset as fonttools
    from fontTools.ttLib import TTFont

    options = fonttools.Options(
        retain_gids=True, notdef_outline=True, hinting=True, glyph_names=True, legacy_cmap=True, symbol_cmap=True,
        drop_tables=list(_DROPPED), layout_features=[], passthrough_tables=True, recalc_bounds=False,
        recalc_timestamp=False,
    )  # fmt: skip
    font = TTFont(io.BytesIO(data), lazy=True, recalcTimestamp=False, recalcBBoxes=False)
    cutter = fonttools.Subsetter(options)
    cutter.populate(gids=sorted(glyphs))
    maps = copy.deepcopy(font["cmap"]) if "cmap" in font else None
    names = {font.getGlyphName(glyph) for glyph in glyphs}
    cutter.subset(font)
    if maps is not None:  # fontTools leaves out the tables of old systems, which PDF readers look into
        for table in maps.tables:
            table.cmap = {code: name for code, name in table.cmap.items() if name in names}
        font["cmap"] = maps
    target = io.BytesIO()
    font.save(target, reorderTables=False)
    return target.getvalue()


def _found(font: Any, codes: set[int]) -> list[tuple[str | None, ...]]:
    """Return the glyphs each code may stand for: by every table a reader may look into, under every usual encoding."""
    tables = [table.cmap for table in font["cmap"].tables] if "cmap" in font else []
    names = set(font.getGlyphOrder())
    found = []
    for code in sorted(codes):
        letters = {bytes([code]).decode(encoding, "ignore") for encoding in ("cp1252", "mac_roman", "latin-1")} - {""}
        points = [code, *(base + code for base in _SYMBOL_BASES), *sorted(ord(letter) for letter in letters)]
        called = sorted(name for name in (_glyph_name(letter) for letter in letters) if name in names)
        found.append((*(table.get(point) for table in tables for point in points), *called))
    return found


def _glyph_name(letter: str) -> str:
    from fontTools.agl import UV2AGL

    return str(UV2AGL.get(ord(letter), ""))


def _same_glyphs(whole: Any, smaller: Any, kept: set[int], codes: set[int]) -> bool:
    """Return whether all that is used is found under the same numbers, with the same outlines and widths."""
    if whole["maxp"].numGlyphs < smaller["maxp"].numGlyphs:
        return False
    one, other = _found(whole, codes), _found(smaller, codes)
    numbers = [[None if name is None else font.getGlyphID(name) for found in every for name in found]
               for font, every in ((whole, one), (smaller, other))]  # fmt: skip
    if numbers[0] != numbers[1]:
        return False
    for glyph in kept:
        names = whole.getGlyphName(glyph), smaller.getGlyphName(glyph)
        if whole["hmtx"][names[0]] != smaller["hmtx"][names[1]]:
            return False
        outlines = whole["glyf"][names[0]], smaller["glyf"][names[1]]
        if outlines[0].getCoordinates(whole["glyf"]) != outlines[1].getCoordinates(smaller["glyf"]):
            return False
    return True
