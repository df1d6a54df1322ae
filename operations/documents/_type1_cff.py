"""Type 1 fonts told as compact ones (CFF), which take two thirds of the bytes: glyph by glyph, hints kept.

Outlines and widths are read back by another interpreter than the one that told them, and have to be the same.
"""

from collections import Counter
from collections.abc import Collection
from typing import Any

from mediamill.operations.documents import _cff, _cff_write, _type1, _type1_shapes
from mediamill.operations.documents._glyph_names import Shown
from mediamill.operations.documents._type1 import Type1, Unreadable

_CLOSE = 0.02
"""Units in which points may differ: what a fraction loses as a fixed-point number."""


def convert(data: bytes, shown: Shown | None = None) -> tuple[bytes, list[str]]:
    """Return a compact font with the widths, hints and encoding of a Type 1 one, and the names of its glyphs.

    Args:
        data: A Type 1 font.
        shown: What is shown of it; None where all glyphs stay.

    Raises:
        Unreadable: It cannot be read, or would not be the same.
    """
    wrong: tuple[type[Exception], ...] = (*_cff.damage(), _cff_write.TooMuch, ArithmeticError, RecursionError)
    try:
        font = _type1.read(data)
        told = _told(font, set(font.glyphs) if shown is None else shown.of(font.glyphs, font.encoding))
        made = _compact(font, told)
        if not _is_same(font, list(told), _cff.opened(made)):
            raise Unreadable
    except _cff.Unreadable as error:
        raise Unreadable from error
    except wrong as error:
        raise Unreadable from error
    return made, sorted(set(told) - {_cff.NOTDEF})


def _told(font: Type1, names: set[str]) -> dict[str, _type1_shapes.Teller]:
    """Return what some glyphs are, and those they are composed of, in the order of the font."""
    told, left = dict[str, _type1_shapes.Teller](), names | {_cff.NOTDEF}
    while left:
        for name in left:
            told[name] = _type1_shapes.Teller(font)
            told[name].follow(font.charstring(name))
        left = {part for one in told.values() for part in one.parts()} - set(told)
    return {name: told[name] for name in font.glyphs if name in told}


def _compact(font: Type1, told: dict[str, _type1_shapes.Teller]) -> bytes:
    from fontTools.misc.psCharStrings import T2CharString

    widths = Counter(one.width for one in told.values())
    usual = widths.most_common(1)[0][0]
    nominal = round(sum(widths.elements()) / len(told))
    strings = {}
    for name, one in told.items():
        width = [] if one.width == usual else [_type1_shapes.plain(one.width - nominal)]
        string = T2CharString(program=[*width, *_type1_shapes.program(one)])
        string.compile()
        strings[name] = string.bytecode
    private = {key: value if isinstance(value, list) else [value] for key, value in font.private.items()}
    private |= {"defaultWidthX": [_type1_shapes.plain(usual)], "nominalWidthX": [nominal]}
    codes = None if font.encoding is None else {
        code: name for code, name in enumerate(_encoding(font, told)) if name != _cff.NOTDEF
    }  # fmt: skip
    return _cff_write.write(_cff_write.Font(_cff.untagged(font.name), strings, codes, font.matrix, font.box, private))


def _encoding(font: Type1, names: Collection[str]) -> list[str]:
    return [name if name in names else _cff.NOTDEF for name in font.encoding or []]


def _is_same(font: Type1, names: list[str], made: Any) -> bool:
    """Return whether glyphs have the same outlines and widths, and are found by the same names and codes."""
    from fontTools.misc.psCharStrings import T1CharString

    if set(made.charset) != set(names) or list(made.FontMatrix) != list(font.matrix):
        return False
    if made.Encoding != ("StandardEncoding" if font.encoding is None else _encoding(font, names)):
        return False
    subroutines: list[Any] = []
    subroutines += [T1CharString(code, subrs=subroutines) for code in font.subroutines]
    for name in names:
        one, other = T1CharString(font.charstring(name), subrs=subroutines), made.CharStrings[name]
        before, after = _points(one), _points(other)
        if abs(one.width - other.width) > _CLOSE or [kind for kind, _ in before] != [kind for kind, _ in after]:
            return False
        pairs = zip(before, after, strict=True)
        if any(abs(x - y) > _CLOSE for (_, a), (_, b) in pairs for x, y in zip(a, b, strict=True)):
            return False
    return True


def _points(glyph: Any) -> list[tuple[str, list[float]]]:
    """Return the steps of an outline that leave something on the page, and their coordinates."""
    from fontTools.pens.recordingPen import RecordingPen

    pen = RecordingPen()
    glyph.draw(pen)
    found = list[tuple[str, list[float]]]()
    for kind, values in pen.value:
        if kind == "addComponent":
            found.append((f"{kind} {values[0]}", list(values[1])))
        elif kind in ("moveTo", "lineTo", "curveTo"):
            if kind == "moveTo" and found and found[-1][0] == kind:
                found.pop()
            found.append((kind, [value for point in values for value in point]))
    if found and found[-1][0] == "moveTo":
        found.pop()
    return found
