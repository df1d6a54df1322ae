"""The metadata of PNG files, chunk by chunk; what the picture is made of is copied as it is.

After the PNG specification, third edition, its extensions, and ImageMagick's raw profiles.
"""

import binascii
import re
import zlib
from collections.abc import Callable

from msgspec import Struct

from mediamill.operations.tags._editor import Editor
from mediamill.operations.tags._iptc import PHOTOSHOP
from mediamill.protocol.errors import CorruptInput

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT = 32 << 20
"""Bytes all compressed texts may have once they are not; more is a bomb."""

MAX_CHUNKS = 1_000_000
XMP = "XML:com.adobe.xmp"
_PICTURE = frozenset((
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI", b"mDCv",
    b"cLLi", b"sBIT", b"bKGD", b"hIST", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT", b"sTER", b"oFFs", b"pCAL", b"sCAL",
    b"gIFg", b"gmAP", b"CgBI", b"iDOT",
))  # fmt: skip
"""Chunks that say how the picture looks."""

_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_RAW = re.compile(rb"\n([^\n]*)\n\s*(\d+)\n([0-9a-fA-F\s]*)$", re.DOTALL)


class Text(Struct, frozen=True):
    """A text chunk.

    Attributes:
        kind: tEXt, zTXt or iTXt.
        keyword: What it is.
        head: Its bytes up to the text.
        packed: Whether the text is compressed.
        body: The text.
    """

    kind: bytes
    keyword: str
    head: bytes
    packed: bool
    body: bytes

    def written(self, body: bytes) -> bytes:
        """Return the chunk's body with another text."""
        return self.head + (zlib.compress(body, 9) if self.packed else body)


class _Budget:
    """How much may still be inflated."""

    def __init__(self) -> None:
        self._left = MAX_TEXT

    def inflate(self, data: bytes) -> bytes | None:
        """Return the bytes behind compressed ones; None where they are damaged or too many."""
        if self._left <= 0:
            return None
        unpacker = zlib.decompressobj()
        try:
            found = unpacker.decompress(data, self._left)
        except zlib.error:
            return None
        self._left -= len(found)
        return found if unpacker.eof else None


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk's bytes."""
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def walk(data: bytes, editor: Editor) -> bytes:
    """Show a file's metadata to an editor and return the file with its answers.

    Raises:
        CorruptInput: There is no picture in it, or the editor wants it whole.
    """
    if data[12:16] != b"IHDR" or len(data) < 33:
        raise CorruptInput("The PNG does not begin with its header.", field="input")
    editor.header(int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"), obeys_exif=True)
    out, budget = [SIGNATURE], _Budget()
    at, count = len(SIGNATURE), 0
    while at + 12 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + size
        count += 1
        if end > len(data) or count > MAX_CHUNKS:
            break
        whole = data[at:end]
        out.append(_answer(kind, data[at + 8 : end - 4], whole, editor, budget))
        at = end
        if kind == b"IEND":
            if data[at:].strip(b"\0") and editor.other("Trailer", data[at:]):
                out.append(data[at:])
            return b"".join(out)
    editor.damaged("the PNG has no end chunk")
    return b"".join(out)


def _answer(kind: bytes, body: bytes, whole: bytes, editor: Editor, budget: _Budget) -> bytes:
    """Return what is to stand for a chunk."""
    if kind in _PICTURE:
        if kind == b"iCCP":
            editor.profile()
        return whole
    if kind == b"eXIf":
        left = editor.exif(body.removeprefix(b"Exif\0\0"))
        return whole if left == body else b"" if left is None else chunk(kind, left)
    if kind in _TEXTS:
        return _text(kind, body, whole, editor, budget)
    if kind == b"tIME":
        return whole if editor.text("ModifyDate", body) else b""
    name = kind.decode("latin-1")
    return whole if editor.other({"caBX": "JUMBF"}.get(name, name), body) else b""


def _text(kind: bytes, body: bytes, whole: bytes, editor: Editor, budget: _Budget) -> bytes:
    parsed = parse_text(kind, body, budget)
    if parsed is None:
        editor.problem(f"PNG: a {kind.decode()} chunk is damaged or too large")
        return whole if editor.other(kind.decode(), body) else b""
    if parsed.keyword == XMP:
        return _put(parsed, editor.xmp(parsed.body), whole)
    raw = re.fullmatch(r"Raw profile type (exif|APP1|xmp|iptc|8bim|icc|icm)", parsed.keyword)
    if raw is None:
        return whole if editor.text(parsed.keyword, parsed.body) else b""
    if raw[1] in ("icc", "icm"):
        editor.profile()
        return whole
    profile = unpack_raw(parsed.body)
    if profile is None:
        editor.problem(f"PNG: the {parsed.keyword} is damaged")
        return whole if editor.other(parsed.keyword, parsed.body) else b""
    head, edit = _raw_editor(raw[1], profile, editor)
    left = edit(profile[len(head) :])
    if left == profile[len(head) :]:
        return whole
    return _put(parsed, None if left is None else pack_raw(raw[1], head + left), whole)


def _raw_editor(name: str, profile: bytes, editor: Editor) -> tuple[bytes, Callable[[bytes], bytes | None]]:
    """Return what a raw profile begins with and what answers for the rest."""
    if profile.startswith(b"Exif\0"):
        return profile[:6], editor.exif
    if profile.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
        return profile[: profile.index(b"\0") + 1], editor.xmp
    if name == "xmp" or (name == "APP1" and profile[:2] not in (b"II", b"MM")):
        return b"", editor.xmp
    if name in ("iptc", "8bim"):
        if profile.startswith(PHOTOSHOP):
            return PHOTOSHOP, editor.photoshop
        return b"", editor.photoshop if profile.startswith(b"8BIM") else editor.iptc
    return b"", editor.exif


def _put(parsed: Text, left: bytes | None, whole: bytes) -> bytes:
    if left == parsed.body:
        return whole
    return b"" if left is None else chunk(parsed.kind, parsed.written(left))


def parse_text(kind: bytes, body: bytes, budget: _Budget) -> Text | None:
    """Return a text chunk taken apart; None where it is damaged or a bomb."""
    keyword, zero, rest = body.partition(b"\0")
    if not zero:
        return None
    at, packed = len(keyword) + 1, kind == b"zTXt"
    if kind == b"zTXt":
        at += 1
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        parts = rest[2:].split(b"\0", 2)
        if len(parts) < 3:
            return None
        at += 2 + len(parts[0]) + len(parts[1]) + 2
    text = body[at:]
    if packed:
        unpacked = budget.inflate(text)
        if unpacked is None:
            return None
        text = unpacked
    return Text(kind, keyword.decode("latin-1")[:79], body[:at], packed, text)


def unpack_raw(text: bytes) -> bytes | None:
    """Return the bytes of a raw profile, which stand there as hexadecimal digits behind a name and a length."""
    match = _RAW.search(text.rstrip(b"\0"))
    if match is None:
        return None
    digits = b"".join(match[3].split())
    try:
        found = binascii.unhexlify(digits)
    except binascii.Error:
        return None
    return found if len(match[2]) < 10 and len(found) >= int(match[2]) else None


def pack_raw(name: str, profile: bytes) -> bytes:
    """Return a raw profile's text."""
    digits = profile.hex().encode()
    lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return b"\n%s\n%8d\n%s\n" % (name.encode(), len(profile), lines)


def grafted(metadata: bytes, pixels: bytes) -> bytes:
    """Return a PNG with one file's ancillary chunks and the other's picture."""
    own = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"bKGD", b"hIST", b"iDOT")
    said = [(kind, whole) for kind, whole in _chunks(metadata) if kind not in own]
    picture = [(kind, whole) for kind, whole in _chunks(pixels) if kind in own[:5]]
    first = [whole for kind, whole in said if kind not in (*_TEXTS, b"eXIf")]
    last = [whole for kind, whole in said if kind in (*_TEXTS, b"eXIf")]
    data = [whole for kind, whole in picture if kind not in (b"IHDR", b"IEND")]
    return b"".join([SIGNATURE, picture[0][1], *first, *last, *data, chunk(b"IEND", b"")])


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at:end]))
        at = end
    return found
