"""Fonts of Type 1 put into the compact form (CFF): they are encrypted, which keeps them from being packed.

Where it is known which glyphs are shown, only those are.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.documents import _filters, _font_arrays, _type1, _type1_cff
from mediamill.operations.documents._glyph_names import Shown

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]

_MAX_FONT_BYTES = 64 << 20


class Told(Struct, frozen=True):
    """What became of a program.

    Attributes:
        fonts: Those that have it.
        names: Of its glyphs.
        saved: Bytes.
    """

    fonts: list[Any]
    names: list[str]
    saved: int


def tell(
    pdf: "pikepdf.Pdf", kept: set[Key], uses: dict[Key, set[int]] | None, check: Callable[[], None]
) -> dict[Key, Told]:
    """Put compact fonts in the place of those of Type 1.

    Args:
        pdf: The document, changed in place.
        kept: Fonts that stay what they are.
        uses: The codes that fonts show, None where they are not known.
        check: Called between fonts; raises where the job is to stop.

    Returns:
        The new programs.
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
    told = dict[Key, Told]()
    for number, fonts in users.items():
        check()
        if number not in others:
            told |= _told(pdf, fonts, None if uses is None else _font_arrays.called(fonts, uses))
    return told


def _told(pdf: "pikepdf.Pdf", fonts: list[Any], shown: Shown | None) -> dict[Key, Told]:
    """Put a compact font in the place of the one that some share, where it is smaller."""
    import pikepdf

    program = fonts[0].FontDescriptor.FontFile
    data = _filters.decoded(program, _MAX_FONT_BYTES) if _filters.is_plain(_filters.chain(program)) else None
    if data is None:
        return {}
    try:
        font, names = _type1_cff.convert(data, shown)
    except _type1.Unreadable:
        return {}  # a font that cannot be read stays what it is
    made, before = _filters.deflate(font), len(program.read_raw_bytes())
    if len(made) >= before:
        return {}
    compact = pdf.make_indirect(pikepdf.Stream(pdf, made, Subtype=pikepdf.Name.Type1C, Filter=pikepdf.Name.FlateDecode))
    for descriptor in (font.FontDescriptor for font in fonts):
        if "/FontFile" in descriptor:
            del descriptor.FontFile
        descriptor.FontFile3 = compact
    return {compact.objgen: Told(fonts, names, before - len(made))}
