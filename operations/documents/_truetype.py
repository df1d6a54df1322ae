"""TrueType programs cut down to the glyphs that are used, and to the tables that readers of PDF look into.

Glyphs keep their numbers: those that are not used lose their outlines.
"""

import copy
import io
import struct
from typing import Any

from mediamill.operations.documents import _glyph_names

_VERSIONS = (b"\0\1\0\0", b"true")
_DROPPED = ("GSUB", "GPOS", "GDEF", "BASE", "JSTF", "DSIG", "kern", "hdmx", "VDMX", "LTSH", "PCLT", "meta")
"""Tables that need not be cut, because they are not kept."""

_NEEDED = (b"cvt ", b"fpgm", b"glyf", b"head", b"hhea", b"hmtx", b"loca", b"maxp", b"prep")
"""What ISO 32000-2, 9.9.1, has a font in a document consist of."""

_BY_CODE = (b"cmap", b"post")
"""Where glyphs are found in which are not found by their number: by code, and by name."""

_NAMELESS = b"\0\3\0\0"
"""The version of a table of glyph names that has none."""

_SYMBOL_BASES = (0xF000, 0xF100, 0xF200)
_ENCODINGS = ("cp1252", "mac_roman", "latin-1")
_ENTRY = struct.Struct(">4sLLL")
_HEADER = 12
_ADJUSTMENT, _MAGIC = slice(8, 12), 0xB1B0AFBA


class Unreadable(Exception):
    """A font is not one that can be cut."""


def bare(data: bytes, *, by_number: bool) -> bytes:
    """Return a font with those tables only that are looked into where it is embedded.

    What it says about itself, how its letters are laid out, its pictures of letters for small sizes and its variations
    are for others than readers of PDF.

    Args:
        data: A TrueType font.
        by_number: Whether its glyphs are found by number alone.

    Raises:
        Unreadable: It is not built as such a font has to be.
    """
    tables = _tables(data)
    wanted = set(_NEEDED if by_number else _NEEDED + _BY_CODE)
    if tables.get(b"post", b"")[:4] == _NAMELESS:
        wanted.discard(b"post")
    if not any(tables[b"hhea"][4:8]):  # some readers then take the height of lines from another table
        wanted.add(b"OS/2")
    return _assembled(data[:4], {tag: table for tag, table in tables.items() if tag in wanted})


def _tables(data: bytes) -> dict[bytes, bytes]:
    """Return a font's tables in the order in which they are stored."""
    if data[:4] not in _VERSIONS:
        raise Unreadable
    count = int.from_bytes(data[4:6], "big")
    if len(data) < _HEADER + count * _ENTRY.size:
        raise Unreadable
    entries = [_ENTRY.unpack_from(data, _HEADER + at * _ENTRY.size) for at in range(count)]
    found = {}
    for tag, _, start, length in sorted(entries, key=lambda entry: int(entry[2])):
        if start + length > len(data) or tag in found:
            raise Unreadable
        found[tag] = data[start : start + length]
    if not {b"glyf", b"head", b"hhea", b"hmtx", b"loca", b"maxp"} <= set(found) or len(found[b"head"]) < _HEADER:
        raise Unreadable
    return found


def _assembled(version: bytes, tables: dict[bytes, bytes]) -> bytes:
    """Return a font of some tables."""
    tables = dict(tables)
    head = bytearray(tables[b"head"])
    head[_ADJUSTMENT] = bytes(4)
    tables[b"head"] = bytes(head)
    body, entries = bytearray(), dict[bytes, bytes]()
    start = _HEADER + _ENTRY.size * len(tables)
    for tag, table in tables.items():
        entries[tag] = _ENTRY.pack(tag, _sum(table), start + len(body), len(table))
        if tag == b"head":
            place = start + len(body)
        body += table + bytes(-len(table) % 4)
    power = len(tables).bit_length() - 1
    header = struct.pack(">HHHH", len(tables), 16 << power, power, 16 * len(tables) - (16 << power))
    made = bytearray(version + header + b"".join(entries[tag] for tag in sorted(entries)) + body)
    adjustment = (_MAGIC - _sum(made)) & 0xFFFFFFFF
    made[place + _ADJUSTMENT.start : place + _ADJUSTMENT.stop] = adjustment.to_bytes(4, "big")
    return bytes(made)


def _sum(data: bytes | bytearray) -> int:
    padded = bytes(data) + bytes(-len(data) % 4)
    return int(sum(struct.unpack(f">{len(padded) // 4}L", padded))) & 0xFFFFFFFF


def cut(data: bytes, *, glyphs: set[int], codes: set[int], names: set[str], by_number: bool) -> bytes:
    """Return a font with only the glyphs that are used.

    Args:
        data: A TrueType font.
        glyphs: Numbers of glyphs that composite fonts show.
        codes: Codes that simple fonts show, whose glyphs are kept however a reader finds them.
        names: Names of glyphs that simple fonts give to codes.
        by_number: Whether all its glyphs are found by number.

    Raises:
        Unreadable: It cannot be read, or would not be the same.
    """
    from fontTools.ttLib import TTFont, TTLibError

    if data[:4] not in _VERSIONS:
        raise Unreadable
    try:
        whole = TTFont(io.BytesIO(data), lazy=True)
        found = _found(whole, codes, names)
        kept = {glyph for glyph in glyphs | {0} if glyph < whole["maxp"].numGlyphs} | {
            whole.getGlyphID(name) for every in found for name in every if name is not None
        }
        smaller = _subset(data, kept)
        if not _same_glyphs(whole, TTFont(io.BytesIO(smaller), lazy=True), kept, codes, names):
            raise Unreadable
    except (TTLibError, KeyError, ValueError, AssertionError, AttributeError, IndexError, struct.error) as error:
        raise Unreadable from error
    return bare(smaller, by_number=by_number)


def _subset(data: bytes, glyphs: set[int]) -> bytes:
    from fontTools import subset as fonttools
    from fontTools.ttLib import TTFont

    options = fonttools.Options(
        retain_gids=True, notdef_outline=True, hinting=True, glyph_names=True, legacy_cmap=True, symbol_cmap=True,
        drop_tables=list(_DROPPED), layout_features=[], passthrough_tables=True, recalc_bounds=False,
        recalc_timestamp=False,
    )  # fmt: skip
    font = TTFont(io.BytesIO(data), lazy=True, recalcTimestamp=False, recalcBBoxes=False)
    cutter = fonttools.Subsetter(options)
    cutter.populate(gids=sorted(glyphs))
    maps = copy.deepcopy(font["cmap"]) if "cmap" in font else None
    names = {font.getGlyphName(glyph) for glyph in glyphs}
    cutter.subset(font)
    if maps is not None:  # fontTools leaves out the tables of old systems, which PDF readers look into
        for table in maps.tables:
            table.cmap = {code: name for code, name in table.cmap.items() if name in names}
        font["cmap"] = maps
    target = io.BytesIO()
    font.save(target, reorderTables=False)
    return target.getvalue()


def _found(font: Any, codes: set[int], names: set[str]) -> list[tuple[str | None, ...]]:
    """Return the glyphs each code or name may stand for: by every table a reader may look into, every usual encoding.

    Raises:
        Unreadable: A name stands for none.
    """
    tables = [table.cmap for table in font["cmap"].tables] if "cmap" in font else []
    known = set(font.getGlyphOrder())
    found = []
    for code in sorted(codes):
        letters = {bytes([code]).decode(encoding, "ignore") for encoding in _ENCODINGS} - {""}
        points = [code, *(base + code for base in _SYMBOL_BASES), *sorted(ord(letter) for letter in letters)]
        called = sorted(_glyph_names.of_code(code) & known if code < 256 else ())
        found.append((*(table.get(point) for table in tables for point in points), *called))
    for name in sorted(names - {".notdef"}):
        points = _points(name)
        mine = (*(table.get(point) for table in tables for point in points), name if name in known else None)
        if not any(mine):
            raise Unreadable
        found.append(mine)
    return found


def _points(name: str) -> list[int]:
    """Return the codes under which a name's glyph may be found: what it means, and its place in old encodings."""
    from fontTools.agl import toUnicode

    letters = toUnicode(name)
    old = [letters.encode(encoding, "ignore") for encoding in _ENCODINGS]
    found = {ord(letter) for letter in letters} | {code for one in old for code in one}
    return sorted(found | {base + code for base in _SYMBOL_BASES for code in found if code < 256})


def _same_glyphs(whole: Any, smaller: Any, kept: set[int], codes: set[int], names: set[str]) -> bool:
    """Return whether all that is used is found under the same numbers, with the same outlines and widths."""
    if whole["maxp"].numGlyphs < smaller["maxp"].numGlyphs:
        return False
    one, other = _found(whole, codes, names), _found(smaller, codes, names)
    numbers = [[None if name is None else font.getGlyphID(name) for found in every for name in found]
               for font, every in ((whole, one), (smaller, other))]  # fmt: skip
    if numbers[0] != numbers[1]:
        return False
    for glyph in kept:
        called = whole.getGlyphName(glyph), smaller.getGlyphName(glyph)
        if whole["hmtx"][called[0]] != smaller["hmtx"][called[1]]:
            return False
        outlines = whole["glyf"][called[0]], smaller["glyf"][called[1]]
        if outlines[0].getCoordinates(whole["glyf"]) != outlines[1].getCoordinates(smaller["glyf"]):
            return False
    return True
