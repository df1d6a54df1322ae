"""What letters a font's codes mean, told in fewer bytes: only of codes that are shown, and by one map for many fonts.

Text is searched and copied by these maps, so what any shown code means has to stay. Maps that are not written in the
usual way stay as they are.
"""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.documents import _filters, _font_uses

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]
Meanings = dict[int, bytes]

_MAX_BYTES = 1 << 20
_CODES = 65536
_AT_ONCE = 100
"""Entries of one section, by Adobe's technical note 5014."""

_COMMENT = re.compile(rb"%[^\r\n]*")
_HEX = rb"\s*<([\s0-9A-Fa-f]*)>"
_SECTION = re.compile(rb"begin(codespacerange|bfchar|bfrange)\b(.*?)end\1\b", re.DOTALL)
_PAIR = re.compile(_HEX * 2)
_RANGE = re.compile(_HEX * 2 + rb"(?:" + _HEX + rb"|\s*\[([^\]]*)\])")
_ONE = re.compile(_HEX)
_SPACES = (b"\0\x20", b"\0\xa0")
"""Readers tell words apart by the width of a space, and look for its code here, shown or not."""

_OTHERS = (b"usecmap", b"cidchar", b"cidrange", b"notdef")

_HEAD = (
    "/CIDInit/ProcSet findresource begin 12 dict begin begincmap/CIDSystemInfo<</Registry(Adobe)/Ordering(UCS)"
    "/Supplement 0>>def/CMapName/Adobe-Identity-UCS def/CMapType 2 def\n1 begincodespacerange\n<{0}><{1}>\n"
    "endcodespacerange\n"
)
_TAIL = "endcmap CMapName currentdict/CMap defineresource pop end end"


class _Map(Struct):
    """What the codes of some fonts mean.

    Attributes:
        width: Bytes of a code.
        meanings: In UTF-16 by code.
        unknown: Codes that are shown and have none, which has to stay so; None where it is not known what is shown.
        fonts: Which it is of.
        streams: What it is read from.
    """

    width: int
    meanings: Meanings
    unknown: set[int] | None
    fonts: list[Any]
    streams: list[Any]


class _Unreadable(Exception):
    """A map is not written in the usual way."""


def shorten(pdf: "pikepdf.Pdf", kept: set[Key], uses: dict[Key, set[int]] | None, check: Callable[[], None]) -> int:
    """Write the maps of a document anew, where they are then shorter.

    Args:
        pdf: The document, changed in place.
        kept: Fonts that stay as they are.
        uses: The codes that fonts show, None where they are not known.
        check: Called between maps; raises where the job is to stop.

    Returns:
        Bytes saved.
    """
    maps, saved = list[_Map](), 0
    for fonts in _fonts_by_map(pdf):
        check()
        if not any(font.objgen in kept for font in fonts):
            try:
                maps.append(_restricted(fonts, uses))
            except _Unreadable:
                continue
    for one in _merged(maps):
        check()
        made = min(map(_filters.deflate, _written(one)), key=len)
        before = sum(len(stream.read_raw_bytes()) for stream in one.streams)
        if len(made) < before:
            saved += before - len(made)
            _put(pdf, one, made)
    return saved


def spaces(font: Any) -> set[int] | None:
    """Return the codes that mean a space by a font's map, if it has one; None where it cannot be read."""
    import pikepdf

    stream, width = font.get("/ToUnicode"), _font_uses.width(font)
    if not isinstance(stream, pikepdf.Stream):
        return set()
    data = _filters.decoded(stream, _MAX_BYTES)
    try:
        return None if data is None or width is None else _spaces(_read(data, width))
    except _Unreadable:
        return None


def _put(pdf: "pikepdf.Pdf", one: _Map, made: bytes) -> None:
    import pikepdf

    stream = pdf.make_indirect(pikepdf.Stream(pdf, made, Filter=pikepdf.Name.FlateDecode))
    for font in one.fonts:
        font.ToUnicode = stream


def _fonts_by_map(pdf: "pikepdf.Pdf") -> list[list[Any]]:
    import pikepdf

    found = dict[Key, list[Any]]()
    for font in pdf.objects:
        if isinstance(font, pikepdf.Dictionary) and font.get("/Type") == pikepdf.Name.Font:
            stream = font.get("/ToUnicode")
            if isinstance(stream, pikepdf.Stream):
                found.setdefault(stream.objgen, []).append(font)
    return list(found.values())


def _restricted(fonts: list[Any], uses: dict[Key, set[int]] | None) -> _Map:
    """Return the map of some fonts as far as they show its codes."""
    widths = {_font_uses.width(font) for font in fonts}
    width = widths.pop()
    stream = fonts[0].ToUnicode
    data = _filters.decoded(stream, _MAX_BYTES)
    if widths or width is None or data is None:
        raise _Unreadable
    meanings, unknown = _read(data, width), None
    if uses is not None:
        shown = set[int]().union(*(uses.get(font.objgen, set()) for font in fonts))
        unknown = shown - set(meanings)
        meanings = {code: one for code, one in meanings.items() if code in shown or one in _SPACES}
    if not meanings:
        raise _Unreadable
    return _Map(width, meanings, unknown, list(fonts), [stream])


def _read(data: bytes, width: int) -> Meanings:
    """Return what a map says; an unusual one raises."""
    text = _COMMENT.sub(b"", data)
    found = Meanings()
    if any(other in text for other in _OTHERS):
        raise _Unreadable
    for section in _SECTION.finditer(text):
        for first, last, meanings in _entries(section[1], section[2]):
            low, high = _code(first, width), _code(last, width)
            if section[1] != b"codespacerange":
                for code, meaning in _numbered(low, high, meanings):
                    if found.setdefault(code, meaning) != meaning:
                        raise _Unreadable
    return found


def _entries(kind: bytes, text: bytes) -> Iterator[tuple[bytes, bytes, list[bytes]]]:
    """Yield the first and last code of each entry, and what they mean: one after the other, or counted from one."""
    pattern, at = _RANGE if kind == b"bfrange" else _PAIR, 0
    text = text.rstrip()
    while at < len(text):
        entry = pattern.match(text, at)
        if entry is None:
            raise _Unreadable
        at = entry.end()
        if kind == b"bfrange":
            yield entry[1], entry[2], [entry[3]] if entry[3] is not None else _ONE.findall(entry[4])
        else:
            yield entry[1], entry[2] if kind == b"codespacerange" else entry[1], [entry[2]]


def _code(digits: bytes, width: int) -> int:
    if len(digits) != 2 * width:
        raise _Unreadable
    return int(digits, 16)


def _numbered(low: int, high: int, meanings: list[bytes]) -> Iterator[tuple[int, bytes]]:
    listed = [_letters(one) for one in meanings]
    if len(listed) == 1:
        start, last = listed[0][:-1], listed[0][-1]
        if not low <= high <= low + 255 - last:
            raise _Unreadable
        listed = [start + bytes([last + at]) for at in range(high - low + 1)]
    if len(listed) != high - low + 1:
        raise _Unreadable
    yield from enumerate(listed, low)


def _letters(digits: bytes) -> bytes:
    packed = b"".join(digits.split())
    if not packed or len(packed) % 4:
        raise _Unreadable
    return bytes.fromhex(packed.decode())


def _merged(maps: list[_Map]) -> list[_Map]:
    """Return as few maps as say the same: two become one where no code shown by the one means something else then."""
    found = list[_Map]()
    for one in sorted(maps, key=lambda each: -len(each.meanings)):
        other = next((each for each in found if _agree(each, one)), None)
        if other is None:
            found.append(one)
            continue
        other.meanings |= one.meanings
        other.unknown = (other.unknown or set()) | (one.unknown or set())
        other.fonts += one.fonts
        other.streams += one.streams
    return found


def _agree(one: _Map, other: _Map) -> bool:
    if (
        one.width != other.width
        or one.unknown is None
        or other.unknown is None
        or _spaces(one.meanings) != _spaces(other.meanings)
    ):
        return False
    if not one.unknown.isdisjoint(other.meanings) or not other.unknown.isdisjoint(one.meanings):
        return False
    return all(one.meanings.get(code, meaning) == meaning for code, meaning in other.meanings.items())


def _spaces(meanings: Meanings) -> set[int]:
    return {code for code, meaning in meanings.items() if meaning in _SPACES}


def _written(one: _Map) -> Iterator[bytes]:
    """Yield a map with its codes one by one, and with ranges of them; after packing, either may be shorter."""
    digits = 2 * one.width
    head = _HEAD.format("0" * digits, "F" * digits)
    for least in (_CODES, 3):
        single, ranges = list[str](), list[str]()
        for run in _runs(one.meanings):
            if len(run) < least:
                single += [f"<{code:0{digits}X}><{one.meanings[code].hex().upper()}>\n" for code in run]
            else:
                meaning = one.meanings[run[0]].hex().upper()
                ranges.append(f"<{run[0]:0{digits}X}><{run[-1]:0{digits}X}><{meaning}>\n")
        body = _sections("bfchar", single) + _sections("bfrange", ranges)
        yield (head + body + _TAIL).encode()


def _sections(kind: str, entries: list[str]) -> str:
    parts = [entries[at : at + _AT_ONCE] for at in range(0, len(entries), _AT_ONCE)]
    return "".join(f"{len(part)} begin{kind}\n{''.join(part)}end{kind}\n" for part in parts)


def _runs(meanings: Meanings) -> Iterator[list[int]]:
    """Yield the codes in order, those together that mean consecutive letters, as far as a range may say it."""
    run = list[int]()
    for code in sorted(meanings):
        if run and not _follows(run[-1], code, meanings):
            yield run
            run = []
        run.append(code)
    if run:
        yield run


def _follows(before: int, code: int, meanings: Meanings) -> bool:
    one, other = meanings[before], meanings[code]
    return (
        code == before + 1
        and code % 256 > 0
        and len(one) == len(other) == 2
        and one[0] == other[0]
        and other[1] == one[1] + 1
    )
