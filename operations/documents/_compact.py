"""Fonts put into the compact form (CFF) that packs best: those of Type 1, and those wrapped up as OpenType.

All glyphs stay, so that it need not be known which are used.
"""

import io
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _cff, _filters, _type1, _type1_cff

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]

_MAX_FONT_BYTES = 64 << 20
_KINDS = {"/Type1": "/Type1C", "/CIDFontType0": "/CIDFontType0C"}
"""What a compact font is called, by the kind of font whose program it is."""


def tell(pdf: "pikepdf.Pdf", kept: set[Key], check: Callable[[], None]) -> int:
    """Put compact fonts in the place of others.

    A Type 1 font is encrypted, which keeps it from being packed; an OpenType one has tables no reader of a PDF needs.

    Args:
        pdf: The document, changed in place.
        kept: Fonts that stay what they are.
        check: Called between fonts; raises where the job is to stop.

    Returns:
        Bytes saved.
    """
    import pikepdf

    users, others = dict[Key, list[Any]](), set[Key]()
    for font in pdf.objects:
        if not isinstance(font, pikepdf.Dictionary) or "/FontDescriptor" not in font:
            continue
        descriptor = font.FontDescriptor
        key = _key(descriptor)
        if key not in descriptor or not isinstance(descriptor[key], pikepdf.Stream):
            continue
        program = descriptor[key]
        usual = str(font.get("/Subtype")) in (_KINDS if key == "/FontFile3" else ("/Type1",))
        if usual and font.objgen not in kept and not {"/FontFile", "/FontFile3"} <= set(descriptor.keys()):
            users.setdefault(program.objgen, []).append(font)
        else:
            others.add(program.objgen)
    saved = 0
    for number, fonts in users.items():
        check()
        if number not in others and len({str(font.Subtype) for font in fonts}) == 1:
            saved += _told(pdf, fonts)
    return saved


def _key(descriptor: Any) -> str:
    return "/FontFile" if "/FontFile" in descriptor else "/FontFile3"


def _told(pdf: "pikepdf.Pdf", fonts: list[Any]) -> int:
    """Put a compact font in the place of the one that some share; return the bytes saved."""
    import pikepdf

    key = _key(fonts[0].FontDescriptor)
    program = fonts[0].FontDescriptor[key]
    if key == "/FontFile3" and program.get("/Subtype") != pikepdf.Name.OpenType:
        return 0
    data = _filters.decoded(program, _MAX_FONT_BYTES) if _filters.is_plain(_filters.chain(program)) else None
    if data is None:
        return 0
    try:
        made = zlib.compress(_type1_cff.convert(data) if key == "/FontFile" else _unwrapped(data), 9)
    except (_type1.Unreadable, _cff.Unreadable):
        return 0  # a font that cannot be read stays what it is
    before = len(program.read_raw_bytes())
    if len(made) >= before:
        return 0
    kind = pikepdf.Name(_KINDS[str(fonts[0].Subtype)])
    compact = pdf.make_indirect(pikepdf.Stream(pdf, made, Subtype=kind, Filter=pikepdf.Name.FlateDecode))
    for font in fonts:
        if key in font.FontDescriptor:
            del font.FontDescriptor[key]
        font.FontDescriptor.FontFile3 = compact
    return before - len(made)


def _unwrapped(data: bytes) -> bytes:
    """Return the compact font an OpenType one wraps, where both measure alike."""
    from fontTools.ttLib import TTFont

    try:
        whole = TTFont(io.BytesIO(data), lazy=True)
        found: bytes = whole.getTableData("CFF ")
        matrix = _cff.opened(found).FontMatrix
        if abs(matrix[0] * whole["head"].unitsPerEm - 1) > 1e-6:
            raise _cff.Unreadable
    except _cff.damage() as error:
        raise _cff.Unreadable from error
    return found
