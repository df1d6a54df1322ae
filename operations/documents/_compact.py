"""Fonts of Type 1 put into the compact form (CFF): they are encrypted, which keeps them from being packed.

All glyphs stay, so that it need not be known which are used.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _filters, _type1, _type1_cff

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]

_MAX_FONT_BYTES = 64 << 20


def tell(pdf: "pikepdf.Pdf", kept: set[Key], check: Callable[[], None]) -> int:
    """Put compact fonts in the place of those of Type 1.

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
        descriptor = font.get("/FontDescriptor") if isinstance(font, pikepdf.Dictionary) else None
        program = descriptor.get("/FontFile") if isinstance(descriptor, pikepdf.Dictionary) else None
        if not isinstance(program, pikepdf.Stream):
            continue
        usual = font.get("/Subtype") == pikepdf.Name.Type1 and "/FontFile3" not in font.FontDescriptor
        if usual and font.objgen not in kept:
            users.setdefault(program.objgen, []).append(font)
        else:
            others.add(program.objgen)
    saved = 0
    for number, fonts in users.items():
        check()
        if number not in others:
            saved += _told(pdf, fonts)
    return saved


def _told(pdf: "pikepdf.Pdf", fonts: list[Any]) -> int:
    """Put a compact font in the place of the one that some share; return the bytes saved."""
    import pikepdf

    program = fonts[0].FontDescriptor.FontFile
    data = _filters.decoded(program, _MAX_FONT_BYTES) if _filters.is_plain(_filters.chain(program)) else None
    if data is None:
        return 0
    try:
        made = _filters.deflate(_type1_cff.convert(data))
    except _type1.Unreadable:
        return 0  # a font that cannot be read stays what it is
    before = len(program.read_raw_bytes())
    if len(made) >= before:
        return 0
    compact = pdf.make_indirect(pikepdf.Stream(pdf, made, Subtype=pikepdf.Name.Type1C, Filter=pikepdf.Name.FlateDecode))
    for font in fonts:
        if "/FontFile" in font.FontDescriptor:
            del font.FontDescriptor.FontFile
        font.FontDescriptor.FontFile3 = compact
    return before - len(made)
