"""Compact fonts (CFF, Technical Note 5176) written: also what fontTools does not write, a glyph under several codes."""

import itertools
from collections.abc import Sequence

from msgspec import Struct

from mediamill.operations.documents import _filters

Number = int | float

_PRIVATE = {
    "BlueValues": (6, True), "OtherBlues": (7, True), "FamilyBlues": (8, True), "FamilyOtherBlues": (9, True),
    "BlueScale": (0x0C09, False), "BlueShift": (0x0C0A, False), "BlueFuzz": (0x0C0B, False), "StdHW": (10, False),
    "StdVW": (11, False), "StemSnapH": (0x0C0C, True), "StemSnapV": (0x0C0D, True), "ForceBold": (0x0C0E, False),
    "LanguageGroup": (0x0C11, False), "ExpansionFactor": (0x0C12, False), "defaultWidthX": (20, False),
    "nominalWidthX": (21, False),
}  # fmt: skip
"""What a font says about hints and widths: the operator, and whether its values are written as differences."""

_USUAL = {
    "BlueScale": [0.039625], "BlueShift": [7], "BlueFuzz": [1], "ForceBold": [0], "LanguageGroup": [0],
    "ExpansionFactor": [0.06], "defaultWidthX": [0], "nominalWidthX": [0],
}  # fmt: skip
"""What it says where nothing is said."""

_NIBBLES = {".": "a", "e": "b", "E": "c", "-": "e"}

_STRINGS = 391
"""How many strings are known without being written."""

_LATIN = 229
"""How many glyphs are in the first of the lists that are known without being written."""

_MILLIMETRE = [0.001, 0, 0, 0.001, 0, 0]


class TooMuch(Exception):
    """A font has more than can be written."""


class Font(Struct, frozen=True):
    """A font to be written.

    Attributes:
        name: Its name.
        glyphs: The programs of its glyphs by name, `.notdef` among them.
        encoding: The names of the glyphs that codes stand for; None for the standard encoding.
        matrix: From its units to those of text.
        box: What all glyphs keep within.
        private: What it says about hints and widths.
    """

    name: str
    glyphs: dict[str, bytes]
    encoding: dict[int, str] | None
    matrix: Sequence[Number]
    box: Sequence[Number]
    private: dict[str, list[Number]]


def write(font: Font) -> bytes:
    """Return a font as a file.

    Raises:
        TooMuch: It has more codes than can be written.
    """
    # Glyphs without a code come last: before others, they would be given one.
    encoded = [name for code, name in sorted((font.encoding or {}).items()) if code and name in font.glyphs]
    orders = filter(set(encoded).__contains__, font.glyphs), encoded
    found = {_written(font, [*dict.fromkeys([".notdef", *order, *font.glyphs])]): None for order in orders}
    return min(found, key=lambda made: len(_filters.deflate(made))) if len(found) > 1 else next(iter(found))


def _written(font: Font, order: list[str]) -> bytes:
    strings = _Strings()
    charset = _charset([strings.number(name) for name in order[1:]])
    encoding = b"" if font.encoding is None else _encoding(order, font.encoding, strings)
    charstrings, private = _index([font.glyphs[name] for name in order]), _private(font.private)
    before = b"\1\0\4\2" + _index([font.name.encode("latin-1", "replace")])
    after = strings.index() + _index([])
    top, places = b"", [0, 0, 0, 0]
    while True:  # the longer the dictionary, the greater its offsets
        start = len(before) + len(_index([top])) + len(after)
        lengths = itertools.accumulate(map(len, (charset, encoding, charstrings)), initial=start)
        if places == (places := list(lengths)):
            return before + _index([top]) + after + charset + encoding + charstrings + private
        top = _top(font, places, len(private), standard=not charset)


def _top(font: Font, places: list[int], length: int, *, standard: bool) -> bytes:
    charset, encoding, charstrings, private = map(_number, places)
    found = b"".join(map(_number, font.box)) + b"\5" if any(font.box) else b""
    if list(font.matrix) != _MILLIMETRE:
        found += b"".join(map(_number, font.matrix)) + b"\x0c\7"
    if not standard:
        found += charset + b"\x0f"
    if font.encoding is not None:
        found += encoding + b"\x10"
    return found + _number(length) + private + b"\x12" + charstrings + b"\x11"


def _charset(numbers: list[int]) -> bytes:
    """Return which glyphs there are, one by one or in ranges; nothing where readers know them."""
    if numbers == list(range(1, len(numbers) + 1)) and len(numbers) < _LATIN:
        return b""
    single = b"\0" + b"".join(number.to_bytes(2, "big") for number in numbers)
    ranges = _ranges(numbers)
    size = 1 + any(count > 255 for _, count in ranges)
    ranged = bytes([size]) + b"".join(first.to_bytes(2, "big") + count.to_bytes(size, "big") for first, count in ranges)
    return min(single, ranged, key=len)


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    """Return the first of each run of consecutive numbers, and how many follow it."""
    found = list[tuple[int, int]]()
    for number in numbers:
        if found and number == sum(found[-1]) + 1:
            found[-1] = found[-1][0], found[-1][1] + 1
        else:
            found.append((number, 0))
    return found


def _number(value: Number) -> bytes:
    """Return a number as dictionaries write it."""
    whole = int(value)
    if whole != value:
        digits = "".join(_NIBBLES.get(one, one) for one in min(_spellings(value), key=len))
        return b"\x1e" + bytes.fromhex(digits + "f" * (2 - len(digits) % 2))
    if -107 <= whole <= 107:
        return bytes([whole + 139])
    if 108 <= abs(whole) <= 1131:
        rest = abs(whole) - 108
        return bytes([(247 if whole > 0 else 251) + rest // 256, rest % 256])
    if -32768 <= whole <= 32767:
        return b"\x1c" + whole.to_bytes(2, "big", signed=True)
    return b"\x1d" + whole.to_bytes(4, "big", signed=True)


def _spellings(value: float) -> tuple[str, str]:
    """Return a number with a point and with an exponent; in both `E` stands for `e-`."""
    digits, exponent = f"{abs(value):.8e}".split("e")
    significant = digits.replace(".", "").rstrip("0")
    power = int(exponent) - len(significant) + 1
    plain = f"{abs(value):.{max(0, -power)}f}".lstrip("0")
    sign = "-" * (value < 0)
    return sign + plain, f"{sign}{significant}{'E' if power < 0 else 'e'}{abs(power)}"


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
    places = b"".join(end.to_bytes(size, "big") for end in ends)
    return len(items).to_bytes(2, "big") + bytes([size]) + places + b"".join(items)


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
        raise TooMuch
    single, ranges = bytes([len(codes), *codes]), _ranges(codes)
    ranged = bytes([len(ranges), *itertools.chain.from_iterable(ranges)])
    if more:  # behind ranges, not all readers find them
        others = b"".join(bytes([code]) + strings.number(name).to_bytes(2, "big") for code, name in more)
        return b"\x80" + single + bytes([len(more)]) + others
    if ranges and len(ranged) <= len(single):  # where both are as long, the zeros of ranges pack better
        return b"\1" + ranged
    return b"\0" + single


def _private(values: dict[str, list[Number]]) -> bytes:
    found = b""
    for key, (operator, differences) in _PRIVATE.items():
        numbers = values.get(key, [])
        if numbers == _USUAL.get(key):
            continue
        if differences:
            numbers = [one - other for one, other in zip(numbers, [0, *numbers], strict=False)]
        if numbers:
            found += b"".join(map(_number, numbers)) + operator.to_bytes(1 + (operator > 255), "big")
    return found
