"""What each font of a document shows, read from its content streams.

A page's content, forms, patterns, appearances of annotations and letters that are drawings are all read. Where some
text may be shown in a font that cannot be told, nothing is: it could be any of them.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _content, _font_text
from mediamill.operations.documents._content_tokens import Unclear

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]

_OPERATORS = "q Q Tf Tj TJ ' \" gs"
_SHOWS = ("Tj", "TJ", "'", '"')
_IDENTITY = ("/Identity-H", "/Identity-V")

_Noted = tuple[set[int], int]
_UNKNOWN: _Noted = (set(), 0)
"""A font that cannot be told: no text may be shown in it."""


class Unsure(Exception):
    """It cannot be told what fonts are used for."""


def read(pdf: "pikepdf.Pdf", check: Callable[[], None]) -> dict[Key, set[int]]:
    """Return the codes that fonts show, by font; those that nothing refers to are not in it.

    Fonts of codes of a varying length, or of a length that their encodings would have to be read for, are not either.

    Args:
        pdf: The document.
        check: Called between streams; raises where the job is to stop.

    Raises:
        Unsure: It cannot be told.
    """
    import pikepdf

    uses = dict[Key, set[int]]()
    try:
        for content, resources, is_page in _contents(pdf):
            check()
            _read(content, resources, uses, is_page=is_page)
    except (_content.Unreadable, pikepdf.PdfError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise Unsure from error
    return uses


def width(font: Any) -> int | None:
    """Return how many bytes a font's codes have; None where its encoding would have to be read for that."""
    import pikepdf

    if font.get("/Subtype") != pikepdf.Name.Type0:
        return 1
    return 2 if str(font.get("/Encoding")) in _IDENTITY else None


def _contents(pdf: "pikepdf.Pdf") -> Iterator[tuple[Any, Any, bool]]:
    """Yield all content with its resources, and whether it is a page's, which inherits nothing."""
    import pikepdf

    for page in pdf.pages:
        contents = page.obj.get("/Contents")
        if contents is not None:
            yield contents, page.obj.get("/Resources"), True
    for thing in pdf.objects:
        if isinstance(thing, pikepdf.Stream):
            # Appearances of annotations do not always say that they are forms.
            form = thing.get("/Subtype") == pikepdf.Name.Form or ("/BBox" in thing and "/Subtype" not in thing)
            if form or thing.get("/PatternType") == 1:
                yield thing, thing.get("/Resources"), False
        elif isinstance(thing, pikepdf.Dictionary) and thing.get("/Subtype") == pikepdf.Name.Type3:
            for glyph in list[Any](thing.get("/CharProcs", {}).values()):
                yield glyph, thing.get("/Resources"), False


def _read(content: Any, resources: Any, uses: dict[Key, set[int]], *, is_page: bool) -> None:
    """Note which codes a content stream shows in which font."""
    data = _content.joined(content)
    if not any(operator.encode() in data for operator in _SHOWS):
        return
    named: Any = resources if resources is not None else {}
    states, unknown = named.get("/ExtGState", {}), None if is_page else _UNKNOWN
    fonts = {str(name).encode(): _noted(font, uses) for name, font in named.get("/Font", {}).items()}
    # Forms begin with the font of where they are painted, and find there what they do not have themselves.
    current, stack = unknown, list[_Noted | None]()
    shown = dict[int, tuple[_Noted, list[bytes]]]()
    for operator, operand in _steps(data):
        if operator == b"Tj":
            if current is not None:
                shown.setdefault(id(current[0]), (current, []))[1].append(operand)
        elif operator == b"Tf":
            current = fonts.get(operand, unknown)
        elif operator == b"q":
            stack.append(current)
        elif operator == b"Q":
            current = stack.pop() if stack else current
        else:
            state = states.get(operand.decode())
            if (state is None and not is_page) or (state is not None and "/Font" in state):
                raise Unsure
    for noted, texts in shown.values():
        codes = _font_text.codes(texts, noted[1] or 1)
        if codes and noted is _UNKNOWN:
            raise Unsure
        noted[0].update(codes)


def _steps(data: bytes) -> list[_font_text.Step]:
    """Return what a content stream does with fonts; where it is not written in the usual way, a parser says it."""
    try:
        return _font_text.steps(data)
    except Unclear:
        return [_step(instruction) for instruction in _content.instructions(data, _OPERATORS)]


def _step(instruction: Any) -> _font_text.Step:
    import pikepdf

    operator, operands = str(instruction.operator).encode(), instruction.operands
    if operator in (b"q", b"Q"):
        return operator, b""
    if operator in (b"Tf", b"gs"):
        return operator, str(operands[0]).encode()
    shown = operands[-1] if len(operands) else []
    strings = [
        one for one in (shown if isinstance(shown, pikepdf.Array) else [shown]) if isinstance(one, pikepdf.String)
    ]
    return b"Tj", b" ".join(b"<%b>" % bytes(string).hex().encode() for string in strings)


def _noted(font: Any, uses: dict[Key, set[int]]) -> "_Noted | None":
    """Return where a font's codes are noted, and how many bytes each has; None where they need not be known.

    What a font written out where it is used shares with others cannot be told by its number.
    """
    if not font.is_indirect:
        return _UNKNOWN if any(value.is_indirect for value in font.values() if _is_object(value)) else None
    bytes_each = width(font)
    return None if bytes_each is None else (uses.setdefault(font.objgen, set()), bytes_each)


def _is_object(value: Any) -> bool:
    import pikepdf

    return isinstance(value, pikepdf.Object)
