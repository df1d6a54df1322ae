"""What fonts say of codes that are not shown, left out: their widths, and the names of their glyphs.

The space is an exception, shown or not: readers tell words apart by its width.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _unicode_maps
from mediamill.operations.documents._glyph_names import Shown

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]

_SPACE = 32
_SPACES = ("space", "nbspace", "nonbreakingspace", "uni0020", "uni00A0")
_MOST_CODES = 256


def trim(pdf: "pikepdf.Pdf", kept: set[Key], uses: dict[Key, set[int]]) -> None:
    """Leave out what simple fonts with a program of their own say of codes that are not shown.

    Args:
        pdf: The document, changed in place.
        kept: Fonts that stay as they are.
        uses: The codes that fonts show.
    """
    import pikepdf

    simple = [font for font in pdf.objects if isinstance(font, pikepdf.Dictionary) and _is_simple(font)]
    for fonts in _sharing(simple, "/Widths"):
        if len({int(font.FirstChar) for font in fonts}) == 1 and _may_change(fonts, kept):
            _trim_widths(fonts, _shown(fonts, uses))
    for fonts in _sharing(simple, "/Encoding"):
        if _may_change(fonts, kept) and all(font.get("/Subtype") == pikepdf.Name.Type1 for font in fonts):
            _trim_names(fonts[0].Encoding, _shown(fonts, uses))


def _is_simple(font: Any) -> bool:
    kind, subtype = str(font.get("/Type", "/Font")), str(font.get("/Subtype"))
    return kind == "/Font" and subtype in ("/Type1", "/MMType1", "/TrueType", "/Type3")


def _has_program(font: Any) -> bool:
    """Return whether a font is the document's own.

    What takes the place of another font is fitted by all its widths, and how large letters are that are drawings, some
    readers guess from them.
    """
    descriptor = font.get("/FontDescriptor", {})
    drawn = str(font.get("/Subtype")) == "/Type3"
    return not drawn and any(f"/FontFile{kind}" in descriptor for kind in ("", 2, 3))


def _may_change(fonts: Iterable[Any], kept: set[Key]) -> bool:
    return all(font.objgen not in kept and _has_program(font) for font in fonts)


def _sharing(fonts: list[Any], key: str) -> list[list[Any]]:
    """Return the fonts that have a container under a key, those with the same together."""
    import pikepdf

    alone, together = list[list[Any]](), dict[Key, list[Any]]()
    for font in fonts:
        value = font.get(key)
        if isinstance(value, (pikepdf.Array, pikepdf.Dictionary)):
            if value.is_indirect:
                together.setdefault(value.objgen, []).append(font)
            else:
                alone.append([font])
    return [*alone, *together.values()]


def _shown(fonts: Iterable[Any], uses: dict[Key, set[int]]) -> set[int]:
    """Return the codes of which something has to be said: those that are shown, and those of a space."""
    found = {_SPACE}
    for font in fonts:
        spaces = _unicode_maps.spaces(font)
        found |= set(range(_MOST_CODES)) if spaces is None else spaces
        found |= uses.get(font.objgen, set())
        found |= {code for code, name in names(font.get("/Encoding")).items() if name in _SPACES}
    return found


def names(encoding: Any) -> dict[int, str]:
    """Return the names that a simple font's encoding gives to codes itself."""
    import pikepdf

    code, found = 0, dict[int, str]()
    if isinstance(encoding, pikepdf.Dictionary):
        for one in encoding.get("/Differences", []):
            if isinstance(one, pikepdf.Name):
                found[code] = str(one)[1:]
                code += 1
            else:
                code = int(one)
    return found


def called(fonts: Iterable[Any], uses: dict[Key, set[int]]) -> Shown:
    """Return what simple fonts show of their program: by codes, and by the names they give to some of them."""
    codes, named = set[int](), dict[str, set[int]]()
    for font in fonts:
        used = uses.get(font.objgen, set())
        given = {code: name for code, name in names(font.get("/Encoding")).items() if code in used}
        codes |= used - set(given)
        for code, name in given.items():
            named.setdefault(name, set()).add(code)
    return Shown(codes, named)


def _trim_widths(fonts: list[Any], shown: set[int]) -> None:
    import pikepdf

    array, first = fonts[0].Widths, int(fonts[0].FirstChar)
    widths = list(array)
    told = sorted(code for code in shown if 0 <= first <= code < min(first + len(widths), _MOST_CODES))
    if not told:
        return
    # The array is one of many things in an object stream, where runs of the same number take next to nothing.
    trimmed = [widths[code - first] if code in shown else 0 for code in range(told[0], told[-1] + 1)]
    shared = fonts[0].Widths.is_indirect
    if shared:
        del array[len(trimmed) :]
        for at, width in enumerate(trimmed):
            array[at] = width
    for font in fonts:
        font.FirstChar, font.LastChar = told[0], told[-1]
        if not shared:
            font.Widths = pikepdf.Array(trimmed)


def _trim_names(encoding: Any, shown: set[int]) -> None:
    import pikepdf

    told = {code: name for code, name in names(encoding).items() if code in shown}
    if not told:
        return
    found = list[Any]()
    for code, name in sorted(told.items()):
        if code - 1 not in told:
            found.append(code)
        found.append(pikepdf.Name(f"/{name}"))
    encoding.Differences = pikepdf.Array(found)
