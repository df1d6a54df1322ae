"""Type 1 fonts made compact ones (CFF): the same glyphs, names and codes, without what is enciphered."""

import io
import re
import struct
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _cff_write, _filters
from mediamill.operations.documents._type1_charstrings import Number, Reader, Unreadable

if TYPE_CHECKING:
    import pikepdf

_MAX_FONT_BYTES = 16 << 20
_MOST_GLYPHS = 3000
_EEXEC, _CHARSTRING = 55665, 4330
_CLOSE = 0.02
"""Units of a glyph: what fractions of 16 bits may add up to."""

_WRONG = (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError, struct.error)
"""What fontTools raises for fonts that are not as they have to be."""

_PLAIN = b"0123456789abcdefABCDEF \t\r\n"
_ENTRY = re.compile(rb"/([^\s/\[\]{}()<>%]+)\s+(\d+)\s+([^\s/]+) ")
_SUBROUTINE = re.compile(rb"dup\s+(\d+)\s+(\d+)\s+([^\s/]+) ")
_CODE = re.compile(rb"dup\s+(\d+)\s*/([^\s/\[\]{}()<>%]+)\s+put\b")
_ARRAYS = ("BlueValues", "OtherBlues", "FamilyBlues", "FamilyOtherBlues", "StdHW", "StdVW", "StemSnapH", "StemSnapV")
_NUMBERS = ("BlueScale", "BlueShift", "BlueFuzz", "LanguageGroup", "ExpansionFactor")


def repack(pdf: "pikepdf.Pdf", check: Callable[[], None]) -> int:
    """Write Type 1 fonts as compact ones, where that is smaller and every glyph is drawn as before.

    Args:
        pdf: The document, changed in place.
        check: Called between fonts; raises where the job is to stop.

    Returns:
        Bytes saved.
    """
    saved = 0
    for program, descriptors in _programs(pdf):
        check()
        saved += _repack(program, descriptors)
    return saved


def _programs(pdf: "pikepdf.Pdf") -> list[tuple[Any, list[Any]]]:
    """Return font files with the descriptors that name them, of fonts all of which are plain Type 1."""
    import pikepdf

    found = dict[tuple[int, int], tuple[Any, dict[tuple[int, int], Any]]]()
    others = set[tuple[int, int]]()
    for font in pdf.objects:
        if not isinstance(font, pikepdf.Dictionary):
            continue
        if font.get("/Type") == pikepdf.Name.FontDescriptor or "/FontDescriptor" not in font:
            continue
        descriptor = font.FontDescriptor
        program = descriptor.get("/FontFile") if isinstance(descriptor, pikepdf.Dictionary) else None
        if not isinstance(program, pikepdf.Stream) or not descriptor.is_indirect:
            continue
        if font.get("/Subtype") != pikepdf.Name.Type1 or "/FontFile2" in descriptor or "/FontFile3" in descriptor:
            others.add(program.objgen)
        found.setdefault(program.objgen, (program, {}))[1][descriptor.objgen] = descriptor
    return [(program, list(named.values())) for key, (program, named) in found.items() if key not in others]


def _repack(program: "pikepdf.Stream", descriptors: list[Any]) -> int:
    import pikepdf

    data = _filters.decoded(program, _MAX_FONT_BYTES) if _filters.is_plain(_filters.chain(program)) else None
    if data is None:
        return 0
    try:
        compact = convert(data)
    except Unreadable:
        return 0  # a font that cannot be read stays as it is
    before, made = len(program.read_raw_bytes()), zlib.compress(compact, 9)
    if len(made) >= before:
        return 0
    program.write(made, filter=pikepdf.Name.FlateDecode)
    program.Subtype = pikepdf.Name.Type1C
    for key in ("/Length1", "/Length2", "/Length3"):
        if key in program:
            del program[key]
    for descriptor in descriptors:
        descriptor.FontFile3 = program
        del descriptor["/FontFile"]
    return before - len(made)


def convert(data: bytes) -> bytes:
    """Return a Type 1 font as a compact one.

    Args:
        data: The font program, as PDFs embed it or as a file of segments.

    Raises:
        Unreadable: It is damaged, or has what cannot be written or proven the same.
    """
    clear, private = _halves(data)
    subroutines, programs, values = _private(private)
    by_code = _standard()

    def find(code: int) -> bytes:
        if by_code.get(code, "") not in programs:
            raise Unreadable(f"there is no glyph of code {code}")
        return programs[by_code[code]]

    reader = Reader(subroutines, find)
    glyphs = {name: reader.read(code) for name, code in programs.items()}
    font = _cff_write.Font(
        _name(clear), glyphs, _encoding(clear), _list(clear, rb"FontMatrix", 6), _list(clear, rb"FontBBox", 4), values,
        *_painted(clear),
    )  # fmt: skip
    compact = _cff_write.write(font)
    try:
        _prove(compact, font, subroutines, programs)
    except _WRONG as error:
        raise Unreadable(str(error)) from error
    return compact


def _halves(data: bytes) -> tuple[bytes, bytes]:
    """Return a font's clear part and its private one, deciphered."""
    if data[:1] == b"\x80":
        data = _joined(data)
    at = data.find(b"eexec")
    if at < 0:
        raise Unreadable("it has no private part")
    at += 5
    while data[at : at + 1] in (b" ", b"\t", b"\r", b"\n") and at < len(data):
        at += 1
    private = data[at:]
    if all(one in _PLAIN for one in private[:8]):
        digits = re.sub(rb"\s", b"", private)
        digits = digits[: re.match(rb"[0-9a-fA-F]*", digits).end() & ~1]  # type: ignore[union-attr]
        private = bytes.fromhex(digits.decode())
    return data[:at], _deciphered(private, _EEXEC)[4:]


def _joined(data: bytes) -> bytes:
    """Return what stands in the segments of a file."""
    at, parts = 0, []
    while data[at : at + 1] == b"\x80" and data[at + 1 : at + 2] in (b"\1", b"\2"):
        length = int.from_bytes(data[at + 2 : at + 6], "little")
        parts.append(data[at + 6 : at + 6 + length])
        at += 6 + length
    return b"".join(parts)


def _deciphered(data: bytes, key: int) -> bytes:
    """Return deciphered text: the key of each byte is a sum over the bytes before, whose factors can be inverted."""
    if len(data) < 400:
        plain = bytearray()
        for one in data:
            plain.append(one ^ key >> 8)
            key = (one + key) * 52845 + 22719 & 0xFFFF
        return bytes(plain)
    import numpy as np

    cipher = np.frombuffer(data, np.uint8).astype(np.uint16)
    factor, inverse = np.uint16(52845), np.uint16(pow(52845, -1, 1 << 16))
    powers = np.cumprod(np.full(len(cipher) + 1, factor, np.uint16), dtype=np.uint16)
    inverses = np.cumprod(np.full(len(cipher), inverse, np.uint16), dtype=np.uint16)
    sums = np.cumsum((cipher * factor + np.uint16(22719)) * inverses, dtype=np.uint16)
    keys = np.empty(len(cipher), np.uint16)
    keys[0] = key
    keys[1:] = powers[:-2] * (sums[:-1] + np.uint16(key))
    return bytes((cipher ^ (keys >> 8)).astype(np.uint8))


def _private(text: bytes) -> tuple[dict[int, bytes], dict[str, bytes], dict[str, list[Number]]]:
    """Return a private part's subroutines, glyphs and what it says about hints."""
    start = text.find(b"/CharStrings")
    if start < 0:
        raise Unreadable("it has no glyphs")
    found = re.search(rb"/lenIV\s+(-?\d+)", text)
    extra = int(found[1]) if found else 4
    end = text.find(b"/Subrs")
    subroutines = dict[int, bytes]()
    at = end if 0 <= end < start else start
    while (match := _SUBROUTINE.search(text, at, at + 200)) and match.start() < start:
        length, at = int(match[2]), match.end()
        subroutines[int(match[1])] = _opened(text[at : at + length], extra)
        at += length
    start = text.find(b"/CharStrings", at)
    programs = dict[str, bytes]()
    at = start + 12
    while match := _ENTRY.search(text, at, at + 400):
        length, at = int(match[2]), match.end()
        programs.setdefault(match[1].decode("latin-1"), _opened(text[at : at + length], extra))
        at += length
    if start < 0 or ".notdef" not in programs or len(programs) > _MOST_GLYPHS:
        raise Unreadable("it has no glyphs, or too many")
    head = text[: end if 0 <= end < start else start]
    values = {key: _list(head, key.encode()) for key in _ARRAYS}
    values |= {key: _list(head, key.encode(), one=True) for key in _NUMBERS}
    values["ForceBold"] = [1] if re.search(rb"/ForceBold\s+true", head) else []
    return subroutines, programs, values


def _opened(code: bytes, extra: int) -> bytes:
    return code if extra < 0 else _deciphered(code, _CHARSTRING)[extra:]


def _list(text: bytes, key: bytes, count: int = 0, *, one: bool = False) -> list[Number]:
    """Return the numbers that follow a name, none where it is not there.

    Raises:
        Unreadable: They are no numbers, or not as many as there have to be.
    """
    pattern = rb"\s+([-+.\deE]+)" if one else rb"\s*[\[{]([^\]}]*)[\]}]"
    match = re.search(rb"/" + key + pattern, text)
    try:
        numbers = [float(part) for part in match[1].split()] if match else []
    except ValueError as error:
        raise Unreadable(str(error)) from error
    if count and len(numbers) != count:
        raise Unreadable(f"it has no {key.decode()}")
    return [int(number) if number == int(number) else number for number in numbers]


def _painted(clear: bytes) -> tuple[int, Number]:
    paint, stroke = _list(clear, rb"PaintType", one=True) or [0], _list(clear, rb"StrokeWidth", one=True) or [0]
    return int(paint[0]), stroke[0]


def _name(clear: bytes) -> str:
    match = re.search(rb"/FontName\s*/([^\s/\[\]{}()<>%]+)", clear)
    return match[1].decode("latin-1")[:127] if match else "Font"


def _encoding(clear: bytes) -> dict[int, str] | None:
    if re.search(rb"/Encoding\s+StandardEncoding\s+def", clear):
        return None
    start = clear.find(b"/Encoding")
    found = {int(code): name.decode("latin-1") for code, name in _CODE.findall(clear, max(start, 0))}
    if start < 0 or any(code > 255 for code in found):
        raise Unreadable("its encoding is not understood")
    return {code: name for code, name in found.items() if name != ".notdef"}


def _standard() -> dict[int, str]:
    from fontTools.encodings.StandardEncoding import StandardEncoding

    return {code: name for code, name in enumerate(StandardEncoding) if name != ".notdef"}


def _prove(compact: bytes, font: _cff_write.Font, subroutines: dict[int, bytes], programs: dict[str, bytes]) -> None:
    """Raise where another reader does not find what the font it was made from has: glyphs, widths, codes."""
    from fontTools.cffLib import CFFFontSet
    from fontTools.misc.psCharStrings import T1CharString

    made_of = CFFFontSet()
    made_of.decompile(io.BytesIO(compact), None)
    made = made_of[0]
    routines = [T1CharString(subroutines.get(number, b"\x0b")) for number in range(max(subroutines, default=-1) + 1)]
    glyphs = {name: T1CharString(code, subrs=routines) for name, code in programs.items()}
    if set(made.charset) != set(glyphs):
        raise Unreadable("it has other glyphs")
    if font.encoding is not None:
        codes = {code: name for code, name in font.encoding.items() if name in glyphs}
        if codes != {code: name for code, name in enumerate(made.Encoding) if name != ".notdef"}:
            raise Unreadable("codes stand for other glyphs")
    for name in glyphs:
        if not _alike(_drawn(glyphs, name), _drawn(made.CharStrings, name)):
            raise Unreadable(f"a glyph is drawn otherwise: {name}")


def _drawn(glyphs: Any, name: str) -> list[tuple[str, list[float]]]:
    """Return what a glyph draws, and its width; where lines are closed need not be said of what is filled."""
    from fontTools.pens.recordingPen import DecomposingRecordingPen

    pen = DecomposingRecordingPen(glyphs)
    glyphs[name].draw(pen)
    found = [(kind, [float(part) for point in points for part in point])
             for kind, points in pen.value if kind not in ("closePath", "endPath")]  # fmt: skip
    drawn = [one for one, after in zip(found, [*found[1:], ("moveTo", [])], strict=False)
             if not one[0] == after[0] == "moveTo"]  # fmt: skip
    return [*drawn, ("width", [float(glyphs[name].width)])]


def _alike(one: list[tuple[str, list[float]]], other: list[tuple[str, list[float]]]) -> bool:
    if [kind for kind, _ in one] != [kind for kind, _ in other]:
        return False
    return all(abs(a - b) < _CLOSE for (_, left), (_, right) in zip(one, other, strict=True)
               for a, b in zip(left, right, strict=True))  # fmt: skip
