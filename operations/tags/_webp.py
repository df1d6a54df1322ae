"""The metadata of WebP files, chunk by chunk; frames are copied as they are.

After RFC 9649.
"""

from mediamill.operations.tags._editor import Editor
from mediamill.protocol.errors import CorruptInput

_PICTURE = frozenset((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_ICC_FLAG, _EXIF_FLAG, _XMP_FLAG = 0x20, 0x08, 0x04
MAX_CHUNKS = 1_000_000


def walk(data: bytes, editor: Editor) -> bytes:
    """Show a file's metadata to an editor and return the file with its answers.

    Raises:
        CorruptInput: There is no picture in it, or the editor wants it whole.
    """
    chunks, whole = parse(data)
    size = _size(chunks)
    if size is None:
        raise CorruptInput("The WebP ends before its picture begins.", field="input")
    editor.header(*size, obeys_exif=True)
    if not whole:
        editor.damaged("the WebP is shorter than it says")
    out: list[tuple[bytes, bytes]] = []
    for kind, body in chunks:
        left = _answer(kind, body, editor)
        if left is not None:
            out.append((kind, left))
    end = 8 + int.from_bytes(data[4:8], "little")
    rest = data[end + end % 2 :]
    kept = rest if rest.strip(b"\0") and editor.other("Trailer", rest) else b""
    return written(out) + kept


def _answer(kind: bytes, body: bytes, editor: Editor) -> bytes | None:
    """Return what is to stand for a chunk."""
    if kind in _PICTURE:
        if kind == b"ICCP":
            editor.profile()
        return body
    if kind == b"EXIF":
        block = body[6:] if body.startswith(b"Exif\0\0") else body
        left = editor.exif(block)
        return body if left == block else left
    if kind == b"XMP ":
        return editor.xmp(body)
    return body if editor.other(kind.decode("latin-1").strip(), body) else None


def parse(data: bytes) -> tuple[list[tuple[bytes, bytes]], bool]:
    """Return type and body of the chunks, and whether the file is as long as it says."""
    chunks: list[tuple[bytes, bytes]] = []
    at, end = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= end and len(chunks) < MAX_CHUNKS:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        chunks.append((data[at : at + 4], data[at + 8 : min(end, at + 8 + size)]))
        if at + 8 + size > end:
            return chunks, False
        at += 8 + size + size % 2
    return chunks, end == 8 + int.from_bytes(data[4:8], "little")


def written(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Return a file of chunks, with the flags of its header as they have to be."""
    kinds = {kind for kind, _ in chunks}
    flags = {b"ICCP": _ICC_FLAG, b"EXIF": _EXIF_FLAG, b"XMP ": _XMP_FLAG}
    pieces = []
    for kind, body in chunks:
        if kind == b"VP8X" and body:
            told = body[0] & ~sum(flags.values())
            body = bytes([told | sum(flag for name, flag in flags.items() if name in kinds)]) + body[1:]
        pieces.append(kind + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2))
    whole = b"WEBP" + b"".join(pieces)
    return b"RIFF" + len(whole).to_bytes(4, "little") + whole


def _size(chunks: list[tuple[bytes, bytes]]) -> tuple[int, int] | None:
    """Return width and height in pixels."""
    for kind, body in chunks:
        if kind == b"VP8X" and len(body) >= 10:
            return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
        if kind == b"VP8L" and len(body) >= 5:
            bits = int.from_bytes(body[1:5], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        if kind == b"VP8 " and len(body) >= 10:
            return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None


def is_lossless(data: bytes) -> bool:
    """Return whether a still is coded without loss."""
    return any(kind == b"VP8L" for kind, _ in parse(data)[0])


def grafted(metadata: bytes, pixels: bytes) -> bytes:
    """Return a WebP with one file's metadata and the other's picture."""
    said = [(kind, body) for kind, body in parse(metadata)[0] if kind not in _PICTURE or kind == b"ICCP"]
    picture = [(kind, body) for kind, body in parse(pixels)[0] if kind in _PICTURE - {b"ICCP"}]
    if not said:
        return pixels
    if picture[0][0] != b"VP8X":
        width, height = _size(picture) or (1, 1)
        alpha = 0x10 if picture[0][0] == b"VP8L" and picture[0][1][4] & 0x10 else 0
        sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        picture.insert(0, (b"VP8X", bytes([alpha, 0, 0, 0]) + sides))
    profile = [one for one in said if one[0] == b"ICCP"]
    return written([picture[0], *profile, *picture[1:], *(one for one in said if one[0] != b"ICCP")])
