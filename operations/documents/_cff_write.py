"""Compact fonts (CFF) written: glyphs by Technical Note 5177, all else by Technical Note 5176."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from mediamill.operations.documents._type1_charstrings import Glyph, Number, Part, Stem, Unreadable

_STACK, _MOST_STEMS = 48, 96
_OPERATORS = {
    "hstem": 1, "vstem": 3, "vmoveto": 4, "rlineto": 5, "hlineto": 6, "vlineto": 7, "rrcurveto": 8, "endchar": 14,
    "hstemhm": 18, "hintmask": 19, "rmoveto": 21, "hmoveto": 22, "vstemhm": 23, "rcurveline": 24, "rlinecurve": 25,
    "vvcurveto": 26, "hhcurveto": 27, "vhcurveto": 30, "hvcurveto": 31,
}  # fmt: skip
_PRIVATE = {
    "BlueValues": (6, True), "OtherBlues": (7, True), "FamilyBlues": (8, True), "FamilyOtherBlues": (9, True),
    "BlueScale": (0x0C09, False), "BlueShift": (0x0C0A, False), "BlueFuzz": (0x0C0B, False), "StdHW": (10, False),
    "StdVW": (11, False), "StemSnapH": (0x0C0C, True), "StemSnapV": (0x0C0D, True), "ForceBold": (0x0C0E, False),
    "LanguageGroup": (0x0C11, False), "ExpansionFactor": (0x0C12, False),
}  # fmt: skip
"""What a font says about its hints: the operator, and whether its values are written as differences."""

_STRINGS = 391
"""How many strings are known without being written."""


class Font(Struct, frozen=True):
    """A font to be written.

    Attributes:
        name: Its name.
        glyphs: Its glyphs by name, `.notdef` among them.
        encoding: The names of the glyphs that codes stand for; None for the standard encoding.
        matrix: From its units to those of text.
        box: What all glyphs keep within.
        private: What it says about its hints.
        paint: 0 where outlines are filled, 2 where they are drawn.
        stroke: Width of the lines then.
    """

    name: str
    glyphs: dict[str, Glyph]
    encoding: dict[int, str] | None
    matrix: list[Number]
    box: list[Number]
    private: dict[str, list[Number]]
    paint: int = 0
    stroke: Number = 0


def write(font: Font) -> bytes:
    """Return a font as a file.

    Raises:
        Unreadable: It has more than can be written.
    """
    encoded = [name for code, name in sorted((font.encoding or {}).items()) if code and name in font.glyphs]
    order = list(dict.fromkeys([".notdef", *encoded, *font.glyphs]))
    strings = _Strings()
    charset = b"\0" + b"".join(strings.number(name).to_bytes(2, "big") for name in order[1:])
    encoding = b"" if font.encoding is None else _encoding(order, font.encoding, strings)
    usual, nominal = _widths([glyph.width for glyph in font.glyphs.values()])
    charstrings = _index([charstring(font.glyphs[name], usual, nominal) for name in order])
    private = _private(font.private, usual, nominal)
    before = b"\1\0\4\2" + _index([font.name.encode("latin-1", "replace")])
    after = strings.index() + _index([])
    top = b""
    for _ in range(2):  # offsets are written in as many bytes wherever they point to
        start = len(before) + len(_index([top or bytes(_top_bytes(font))])) + len(after)
        offsets = [start, start + len(charset), start + len(charset) + len(encoding)]
        top = _top(font, offsets[0], offsets[1], offsets[2], offsets[2] + len(charstrings), len(private))
    return before + _index([top]) + after + charset + encoding + charstrings + private


def _top_bytes(font: Font) -> int:
    return len(_top(font, 0, 0, 0, 0, 0))


def _top(font: Font, charset: int, encoding: int, charstrings: int, private: int, length: int) -> bytes:
    found = b"".join(map(_number, font.box)) + b"\5"
    if font.matrix != [0.001, 0, 0, 0.001, 0, 0]:
        found += b"".join(map(_number, font.matrix)) + b"\x0c\7"
    if font.paint:
        found += _number(font.paint) + b"\x0c\5" + _number(font.stroke) + b"\x0c\x08"
    if font.encoding is not None:
        found += _offset(encoding) + b"\x10"
    return (
        found
        + _offset(charset)
        + b"\x0f"
        + _offset(charstrings)
        + b"\x11"
        + _offset(length)
        + _offset(private)
        + b"\x12"
    )


def _offset(value: int) -> bytes:
    return b"\x1d" + value.to_bytes(4, "big")


def _number(value: Number) -> bytes:
    """Return a number as dictionaries write it."""
    whole = int(value)
    if whole != value:
        text = f"{value:.9g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
        digits = "".join({".": "a", "-": "e"}.get(one, one) for one in text.replace("e-", "c").replace("e", "b"))
        digits += "f" * (2 - len(digits) % 2)
        return b"\x1e" + bytes.fromhex(digits)
    if -107 <= whole <= 107:
        return bytes([whole + 139])
    if 108 <= abs(whole) <= 1131:
        rest = abs(whole) - 108
        return bytes([(247 if whole > 0 else 251) + rest // 256, rest % 256])
    if -32768 <= whole <= 32767:
        return b"\x1c" + whole.to_bytes(2, "big", signed=True)
    return b"\x1d" + whole.to_bytes(4, "big", signed=True)


class _Strings:
    def __init__(self) -> None:
        from fontTools.cffLib import cffStandardStrings

        self._known = {name: number for number, name in enumerate(cffStandardStrings)}
        self._own: list[str] = []

    def number(self, name: str) -> int:
        if name not in self._known:
            self._known[name] = _STRINGS + len(self._own)
            self._own.append(name)
        return self._known[name]

    def index(self) -> bytes:
        return _index([name.encode("latin-1", "replace") for name in self._own])


def _index(items: Sequence[bytes]) -> bytes:
    if not items:
        return b"\0\0"
    ends = [1]
    for item in items:
        ends.append(ends[-1] + len(item))
    size = (ends[-1].bit_length() + 7) // 8
    return (
        len(items).to_bytes(2, "big")
        + bytes([size])
        + b"".join(end.to_bytes(size, "big") for end in ends)
        + b"".join(items)
    )


def _encoding(order: list[str], encoding: dict[int, str], strings: _Strings) -> bytes:
    """Return which codes stand for which glyphs: one for each in their order, and then those that have others, too.

    Code 0 is among the latter, because some readers take it for none in the former.
    """
    first: dict[str, int] = {}
    more: list[tuple[int, str]] = []
    for code, name in sorted(encoding.items()):
        if name not in order[1:]:
            continue
        if not code or first.setdefault(name, code) != code:
            more.append((code, name))
    codes = [first[name] for name in order[1:] if name in first]
    if len(codes) > 255 or len(more) > 255:
        raise Unreadable("more codes than can be written")
    found = bytes([0x80 if more else 0, len(codes), *codes])
    if more:
        found += bytes([len(more)])
        found += b"".join(bytes([code]) + strings.number(name).to_bytes(2, "big") for code, name in more)
    return found


def _widths(widths: list[Number]) -> tuple[Number, Number]:
    """Return the width that need not be written, and the one others are written as differences from."""
    usual = Counter(widths).most_common(1)[0][0]
    others = sorted(width for width in widths if width != usual)
    return usual, round(others[len(others) // 2]) if others else 0


def _private(values: dict[str, list[Number]], usual: Number, nominal: Number) -> bytes:
    found = b""
    for key, (operator, differences) in _PRIVATE.items():
        numbers = values.get(key, [])
        if differences:
            numbers = [one - other for one, other in zip(numbers, [0, *numbers], strict=False)]
        if numbers:
            found += b"".join(map(_number, numbers)) + operator.to_bytes(1 + (operator > 255), "big")
    return found + (_number(usual) + b"\x14" if usual else b"") + (_number(nominal) + b"\x15" if nominal else b"")


def charstring(glyph: Glyph, usual: Number, nominal: Number) -> bytes:
    """Return the program that draws a glyph.

    Args:
        glyph: What it draws.
        usual: The width that need not be written.
        nominal: The width others are written as differences from.

    Raises:
        Unreadable: It has more stems than can be told apart.
    """
    rows = sorted({_upright(stem) for part in glyph.parts for stem in part.rows}, key=_edges)
    columns = sorted({_upright(stem) for part in glyph.parts for stem in part.columns}, key=_edges)
    if len(rows) + len(columns) > _MOST_STEMS:
        raise Unreadable("more stems than can be told apart")
    masked = len(glyph.parts) > 1
    width = b"" if glyph.width == usual else _written(glyph.width - nominal)
    found = width
    for stems, name in ((rows, "hstem"), (columns, "vstem")):
        found += _stems(stems, name + ("hm" if masked else ""), len(width) > 0 and found == width)
    for part in glyph.parts:
        if masked and (rows or columns):
            found += bytes([_OPERATORS["hintmask"]]) + _mask(part, rows, columns)
        found += _commands(part.commands)
    return found + bytes([_OPERATORS["endchar"]])


def _upright(stem: Stem) -> Stem:
    """Return a stem from its lower end; ghosts, which have but one edge, say so by their length."""
    start, length = stem
    return (start + length, -length) if length < 0 and length not in (-20, -21) else stem


def _edges(stem: Stem) -> tuple[Number, Number]:
    return min(stem[0], stem[0] + stem[1]), max(stem[0], stem[0] + stem[1])


def _stems(stems: list[Stem], name: str, has_width: bool) -> bytes:
    found, count = b"", int(has_width)
    end: Number = 0
    for number, (start, length) in enumerate(stems):
        found += _written(start - end) + _written(length)
        end, count = start + length, count + 2
        if count + 2 > _STACK or number == len(stems) - 1:
            found += bytes([_OPERATORS[name]])
            count = 0
    return found


def _mask(part: Part, rows: list[Stem], columns: list[Stem]) -> bytes:
    held = {_upright(stem) for stem in part.rows}, {_upright(stem) for stem in part.columns}
    bits = [stem in held[0] for stem in rows] + [stem in held[1] for stem in columns]
    bits += [False] * (-len(bits) % 8)
    return bytes(sum(bit << 7 - place for place, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))


def _commands(commands: list[tuple[str, list[Number]]]) -> bytes:
    from fontTools.cffLib.specializer import specializeCommands

    given: Any = [(name, list(arguments)) for name, arguments in commands]
    shorter = specializeCommands(given, generalizeFirst=False, preserveTopology=True, maxstack=_STACK - 1)
    return b"".join(_all_written(arguments) + bytes([_OPERATORS[name]]) for name, arguments in shorter)


def _all_written(numbers: Iterable[Number]) -> bytes:
    return b"".join(map(_written, numbers))


def _written(value: Number) -> bytes:
    """Return a number as programs of glyphs write it: of four bytes one has a fraction of 16 bits."""
    whole = int(value)
    if whole == value and -32768 <= whole <= 32767:
        return _number(whole)
    fixed = round(value * 65536)
    if not -(1 << 31) <= fixed < 1 << 31:
        raise Unreadable("a number is too large")
    return b"\xff" + fixed.to_bytes(4, "big", signed=True)
