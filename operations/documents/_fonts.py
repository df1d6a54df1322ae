"""Embedded fonts made smaller: those of Type 1 told as compact ones, TrueType and CFF cut down to what is used.

What a font is used for is read from the content streams. Only what can be told for certain is cut: a font of a form
stays as it is, and one that some unreadable stream may reach keeps all its glyphs.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _cff, _compact, _filters, _font_arrays, _font_uses, _truetype, _unicode_maps

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]
Uses = dict[Key, set[int]]

_MAX_FONT_BYTES = 64 << 20
_CODES = 65536


def subset(pdf: "pikepdf.Pdf", check: Callable[[], None], *, archival: bool = False) -> int:
    """Make fonts smaller, where that is safe.

    Args:
        pdf: The document, changed in place.
        check: Called between streams; raises where the job is to stop.
        archival: Whether it says that it conforms to PDF/A, which wants fonts to list their glyphs.

    Returns:
        Bytes saved.
    """
    kept = _fonts_of_forms(pdf)
    uses: Uses | None
    try:
        uses = _font_uses.read(pdf, check)
    except _font_uses.Unsure:
        uses = None
    told = _compact.tell(pdf, kept, uses, check)
    saved = sum(one.saved for one in told.values())
    for one in told.values():
        for descriptor in map(_descriptor, one.fonts):
            _list_glyphs(descriptor, one.names, archival=archival)
    for fonts in _programs(pdf):
        check()
        if not any(font.objgen in kept for font in fonts) and _program(fonts[0]).objgen not in told:
            saved += _smaller(fonts, uses, archival=archival)
    if uses is not None:
        if not archival:
            _font_arrays.trim(pdf, kept, uses)
        saved += _pack_maps(pdf, kept, uses)
    saved += _unicode_maps.shorten(pdf, kept, uses, check)
    return saved


def _fonts_of_forms(pdf: "pikepdf.Pdf") -> set[Key]:
    import pikepdf

    form = pdf.Root.get("/AcroForm")
    resources = form.get("/DR") if isinstance(form, pikepdf.Dictionary) else None
    fonts: Any = resources.get("/Font", {}) if isinstance(resources, pikepdf.Dictionary) else {}
    return {font.objgen for font in fonts.values()}


def _programs(pdf: "pikepdf.Pdf") -> list[list[Any]]:
    """Return the fonts that have a program of TrueType or CFF, those of the same together."""
    import pikepdf

    found = dict[Key, list[Any]]()
    for font in pdf.objects:
        if not isinstance(font, pikepdf.Dictionary) or font.get("/Type") != pikepdf.Name.Font:
            continue
        if font.get("/Subtype") in (pikepdf.Name.CIDFontType2, pikepdf.Name.CIDFontType0):
            continue
        program = _program(font) if _descriptor(font) is not None else None
        if isinstance(program, pikepdf.Stream):
            found.setdefault(program.objgen, []).append(font)
    return list(found.values())


def _descriptor(font: Any) -> Any:
    """Return what describes a font's program, None where nothing does."""
    import pikepdf

    holder = _inner(font) if "/DescendantFonts" in font else font
    found = holder.get("/FontDescriptor") if holder is not None else None
    return found if isinstance(found, pikepdf.Dictionary) else None


def _inner(font: Any) -> Any:
    """Return the font that a composite one is made of, None where there is none."""
    import pikepdf

    inner = font.get("/DescendantFonts")
    found = inner[0] if isinstance(inner, pikepdf.Array) and len(inner) else None
    return found if isinstance(found, pikepdf.Dictionary) else None


def _program(font: Any) -> Any:
    descriptor = _descriptor(font)
    return descriptor.FontFile2 if "/FontFile2" in descriptor else descriptor.get("/FontFile3")


def _smaller(fonts: list[Any], uses: Uses | None, *, archival: bool) -> int:
    """Make the one program of some fonts smaller; return the bytes saved."""
    import pikepdf

    program = _program(fonts[0])
    data = _filters.decoded(program, _MAX_FONT_BYTES) if _filters.is_plain(_filters.chain(program)) else None
    if data is None:
        return 0
    listed = any("/CIDSet" in _descriptor(font) for font in fonts)
    made, names = None, None
    if uses is not None and all(map(_is_plain, fonts)) and not (listed and archival):
        made, names = _cut(fonts, data, uses)
    if made is None:
        made = _bare(fonts, data)
    before, packed = len(program.read_raw_bytes()), _filters.deflate(made) if made is not None else b""
    if made is None or len(packed) >= before:
        return 0
    program.write(packed, filter=pikepdf.Name.FlateDecode)
    if "/Length1" in program:
        program.Length1 = len(made)
    for descriptor in map(_descriptor, fonts):
        _list_glyphs(descriptor, names, archival=archival)
    return before - len(packed)


def _list_glyphs(descriptor: Any, names: list[str] | None, *, archival: bool) -> None:
    """Say which glyphs a font has, where that is asked for; nobody else reads it, and it is not so any more."""
    import pikepdf

    if not archival:
        for key in ("/CIDSet", "/CharSet"):
            if key in descriptor:
                del descriptor[key]
    elif names is not None and "/CharSet" in descriptor:
        descriptor.CharSet = pikepdf.String("".join(f"/{name}" for name in names))


def _cut(fonts: list[Any], data: bytes, uses: Uses) -> tuple[bytes | None, list[str] | None]:
    """Return a program with only what some fonts show, and the names of its glyphs; none where it cannot be cut."""
    composite = [font for font in fonts if "/DescendantFonts" in font]
    shown = _font_arrays.called((font for font in fonts if "/DescendantFonts" not in font), uses)
    try:
        glyphs = set[int]().union(*(_glyphs(font, uses.get(font.objgen, set())) for font in composite))
        if "/FontFile2" in _descriptor(fonts[0]):
            # Names that are given to codes of a TrueType font are passed over by some readers.
            return _truetype.cut(
                data,
                glyphs=glyphs,
                codes=shown.codes.union(*shown.names.values()),
                names=set(shown.names),
                by_number=all(map(_is_numbered, fonts)),
            ), None
        return _cff.cut(data, cids=glyphs, codes=shown.codes, names=shown.names)
    except (_truetype.Unreadable, _cff.Unreadable):
        return None, None  # a font that cannot be read is no font to be cut


def _bare(fonts: list[Any], data: bytes) -> bytes | None:
    """Return a program with all its glyphs, but without what is not read; None where it cannot be told what that is."""
    try:
        if "/FontFile2" in _descriptor(fonts[0]):
            return _truetype.bare(data, by_number=all(map(_is_numbered, fonts)))
        kind = str(_program(fonts[0]).get("/Subtype"))
        return _cff.bare(data) if kind in ("/Type1C", "/CIDFontType0C") else None
    except (_truetype.Unreadable, _cff.Unreadable):
        return None


def _is_numbered(font: Any) -> bool:
    """Return whether a font's glyphs are found in its program by number: codes are CIDs, and those are mapped."""
    return "/DescendantFonts" in font and _font_uses.width(font) == 2


def _is_plain(font: Any) -> bool:
    """Return whether it is understood how a font's codes become glyphs."""
    import pikepdf

    compact = _descriptor(font).get("/FontFile3")
    kind = str(font.get("/Subtype")), "" if compact is None else str(compact.get("/Subtype"))
    if "/DescendantFonts" not in font:
        return kind in (("/Type1", "/Type1C"), ("/TrueType", ""))
    inner = _inner(font)
    if not _is_numbered(font):
        return False
    if compact is None:
        mapped = inner.get("/CIDToGIDMap", pikepdf.Name.Identity)
        return mapped == pikepdf.Name.Identity or isinstance(mapped, pikepdf.Stream)
    return (str(inner.get("/Subtype")), kind[1]) == ("/CIDFontType0", "/CIDFontType0C")


def _glyphs(font: Any, used: set[int]) -> set[int]:
    """Return the numbers of glyphs that codes stand for in a composite font which maps them; else the codes."""
    import pikepdf

    mapped = _inner(font).get("/CIDToGIDMap") if "/DescendantFonts" in font else None
    if not isinstance(mapped, pikepdf.Stream):
        return used
    data = _filters.decoded(mapped, 2 * _CODES)
    if data is None:
        raise _truetype.Unreadable
    return {int.from_bytes(data[2 * code : 2 * code + 2], "big") for code in used}


def _pack_maps(pdf: "pikepdf.Pdf", kept: set[Key], uses: Uses) -> int:
    """Leave only what is used in the maps from CIDs to glyphs; return the bytes saved."""
    import pikepdf

    found = dict[Key, list[Any]]()
    for font in pdf.objects:
        if isinstance(font, pikepdf.Dictionary) and "/DescendantFonts" in font and _inner(font) is not None:
            mapped = _inner(font).get("/CIDToGIDMap")
            if isinstance(mapped, pikepdf.Stream):
                found.setdefault(mapped.objgen, []).append(font)
    saved = 0
    for fonts in found.values():
        if all(_is_numbered(font) and font.objgen not in kept for font in fonts):
            saved += _pack_map(fonts, set[int]().union(*(uses.get(font.objgen, set()) for font in fonts)))
    return saved


def _pack_map(fonts: list[Any], used: set[int]) -> int:
    import pikepdf

    mapped = _inner(fonts[0]).CIDToGIDMap
    data = _filters.decoded(mapped, 2 * _CODES)
    if data is None or not used:
        return 0
    numbers = {code: data[2 * code : 2 * code + 2].ljust(2, b"\0") for code in used}
    before = len(mapped.read_raw_bytes())
    if all(int.from_bytes(number, "big") == code for code, number in numbers.items()):
        for font in fonts:
            _inner(font).CIDToGIDMap = pikepdf.Name.Identity
        return before
    packed = _filters.deflate(b"".join(numbers.get(code, bytes(2)) for code in range(max(used) + 1)))
    if len(packed) >= before:
        return 0
    mapped.write(packed, filter=pikepdf.Name.FlateDecode)
    return before - len(packed)
