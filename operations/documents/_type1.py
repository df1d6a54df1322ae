"""Type 1 fonts read: Adobe Type 1 Font Format, 1990, as far as fonts are in that form which all programs write.

Nothing in them is run: what is not where it always is makes a font unreadable.
"""

import re
from typing import Any

from msgspec import Struct

_EEXEC, _CHARSTRING = 55665, 4330
_PER_BYTE = 52845, 22719
_SKIPPED = 4
_MOST_GLYPHS = 65535

_PRIVATE = (
    "BlueValues", "OtherBlues", "FamilyBlues", "FamilyOtherBlues", "StdHW", "StdVW", "StemSnapH", "StemSnapV",
    "BlueScale", "BlueShift", "BlueFuzz", "ForceBold", "LanguageGroup", "ExpansionFactor",
)  # fmt: skip
"""What readers fit letters to pixels by; a compact font has the same."""

_ENTRY = rb"/%s\s*([\[{][^\]}]*[\]}]|[-+.\dEe]+|true|false)"
_RD = re.compile(rb"\s(\d+)\s+(?:RD|-\||[^\s\d/\[\]{}()]+) ")


class Unreadable(Exception):
    """A font is not in the usual form."""


class Type1(Struct, frozen=True):
    """A Type 1 font.

    Attributes:
        name: Its own.
        matrix: From glyph units to text space.
        box: Around all glyphs.
        encoding: Names of glyphs by code; None for Adobe's standard one.
        private: What readers fit letters to pixels by.
        subroutines: Decrypted charstrings that others call.
        glyphs: Charstrings by name, as they are stored.
        skipped: How many bytes each of those begins with that say nothing.
    """

    name: str
    matrix: list[float]
    box: list[float]
    encoding: list[str] | None
    private: dict[str, Any]
    subroutines: list[bytes]
    glyphs: dict[str, bytes]
    skipped: int

    def charstring(self, name: str) -> bytes:
        """Return a glyph's decrypted charstring."""
        return _decrypted(self.glyphs[name], _CHARSTRING)[self.skipped :]


def read(data: bytes) -> Type1:
    """Return what a font holds.

    Args:
        data: A font as PDF embeds it: plain text, an encrypted part, and zeros.

    Raises:
        Unreadable: It is not in the usual form.
    """
    head, mark, rest = data.partition(b"eexec")
    if not mark or b"/FontType 1" not in head or re.search(rb"/PaintType\s+[^0\s]|/WeightVector", head):
        raise Unreadable
    secret = _decrypted_at_once(_binary(rest), _EEXEC)[_SKIPPED:]
    skipped = int(_number(secret, b"lenIV", 4))
    start = secret.find(b"/CharStrings")
    if skipped < 0 or start < 0:
        raise Unreadable
    private = {key: value for key in _PRIVATE if (value := _value(secret[:start], key.encode())) is not None}
    glyphs = dict(_glyphs(secret, start))
    subroutines = [_decrypted(one, _CHARSTRING)[skipped:] for one in _subroutines(secret[:start])]
    name = re.search(rb"/FontName\s*/([^\s/\[\]{}()<>]+)", head)
    if ".notdef" not in glyphs or name is None:
        raise Unreadable
    matrix, box = _value(head, b"FontMatrix"), _value(head, b"FontBBox")
    if not (isinstance(matrix, list) and len(matrix) == 6 and isinstance(box, list) and len(box) == 4):
        raise Unreadable
    return Type1(name[1].decode("latin-1"), matrix, box, _encoding(head), private, subroutines, glyphs, skipped)


def _binary(rest: bytes) -> bytes:
    """Return the encrypted part, which may be written in hexadecimal digits."""
    rest = rest[1:] if rest[:1] in b" \n\t" else rest[2 if rest[:2] == b"\r\n" else 1 :]
    if re.match(rb"[\s\da-fA-F]{8}", rest):
        digits = re.sub(rb"[^\da-fA-F]", b"", rest)
        return bytes.fromhex(digits[: len(digits) & ~1].decode())
    return rest


def _decrypted(data: bytes, key: int) -> bytes:
    out = bytearray(len(data))
    factor, summand = _PER_BYTE
    for at, byte in enumerate(data):
        out[at] = byte ^ (key >> 8)
        key = ((byte + key) * factor + summand) & 0xFFFF
    return bytes(out)


def _decrypted_at_once(data: bytes, key: int) -> bytes:
    """Decrypt many bytes: each key is the one before, plus the byte, times a factor, plus a summand, modulo 65536.

    Divided by as many factors as have come, keys are a mere sum.
    """
    import numpy as np

    (factor, summand), encrypted = _PER_BYTE, np.frombuffer(data, np.uint8)
    factors = np.full(len(data) + 1, factor, np.uint16)
    divisors = np.full(len(data) + 1, pow(factor, -1, 1 << 16), np.uint16)
    for powers in (factors, divisors):
        powers[0] = 1
        np.cumprod(powers, dtype=np.uint16, out=powers)
    added = (encrypted * np.uint16(factor) + np.uint16(summand)) * divisors[1:]
    keys = (factors[:-1] * (np.cumsum(added, dtype=np.uint16) - added + np.uint16(key))).astype(np.uint16)
    return bytes(encrypted ^ (keys >> 8).astype(np.uint8))


def _value(text: bytes, key: bytes) -> Any:
    found = re.search(_ENTRY % key, text)
    if found is None:
        return None
    if found[1] in (b"true", b"false"):
        return int(found[1] == b"true")
    try:
        numbers = [float(part) for part in found[1].strip(b"[]{}").split()]
    except ValueError as error:
        raise Unreadable from error
    plain = [int(one) if one.is_integer() else one for one in numbers]
    return plain if found[1][:1] in b"[{" else plain[0]


def _number(text: bytes, key: bytes, usual: float) -> float:
    value = _value(text, key)
    return float(value) if isinstance(value, (int, float)) else usual


def _encoding(head: bytes) -> list[str] | None:
    if re.search(rb"/Encoding\s+StandardEncoding\s+def", head):
        return None
    start = re.search(rb"/Encoding\s+256\s+array", head)
    if start is None:
        raise Unreadable
    names = [".notdef"] * 256
    for code, name in re.findall(rb"dup\s+(\d+)\s*/(\S+)\s+put", head[start.end() :]):
        if int(code) > 255:
            raise Unreadable
        names[int(code)] = name.decode("latin-1")
    return names


def _glyphs(secret: bytes, start: int) -> list[tuple[str, bytes]]:
    at, found = secret.index(b"begin", start) + 5, list[tuple[str, bytes]]()
    name = re.compile(rb"\s*/([^\s/\[\]{}()<>]+)")
    while (called := name.match(secret, at)) is not None:
        length = _RD.match(secret, called.end())
        if length is None or len(found) > _MOST_GLYPHS:
            raise Unreadable
        at = length.end() + int(length[1])
        found.append((called[1].decode("latin-1"), secret[length.end() : at]))
        ended = re.compile(rb"\s*(?:ND|\|-|noaccess\s+def|def|[^\s/]+)").match(secret, at)
        if ended is None:
            raise Unreadable
        at = ended.end()
    return found


def _subroutines(text: bytes) -> list[bytes]:
    start = re.search(rb"/Subrs\s+(\d+)\s+array", text)
    if start is None:
        return []
    count, at = int(start[1]), start.end()
    if count > _MOST_GLYPHS:
        raise Unreadable
    found, entry = [b""] * count, re.compile(rb"[^/]{0,24}?dup\s+(\d+)")
    while (called := entry.match(text, at)) is not None:
        length = _RD.match(text, called.end())
        if length is None or int(called[1]) >= count:
            raise Unreadable
        at = length.end() + int(length[1])
        found[int(called[1])] = text[length.end() : at]
    return found
