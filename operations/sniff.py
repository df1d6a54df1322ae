"""What a file is by its first bytes; never by its name, never by a library's guess.

The signatures are those of the formats' own specifications.
"""

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

HEAD_BYTES = 4096
"""How much of a file `sniff` looks at."""

Medium = Literal["image", "video", "audio", "document", "other"]


class Kind(Struct, frozen=True):
    """A kind of file.

    Attributes:
        format: The format's long name, such as `jpeg`; empty where it is unknown.
        medium: What it holds.
        description: What a person calls it, with its article: `a JPEG image`.
    """

    format: str
    medium: Medium
    description: str


_KINDS = {
    kind.format: kind
    for kind in (
        Kind("jpeg", "image", "a JPEG image"),
        Kind("png", "image", "a PNG image"),
        Kind("gif", "image", "a GIF image"),
        Kind("webp", "image", "a WebP image"),
        Kind("tiff", "image", "a TIFF image"),
        Kind("avif", "image", "an AVIF image"),
        Kind("heic", "image", "a HEIC image"),
        Kind("bmp", "image", "a BMP image"),
        Kind("ico", "image", "an icon (ICO)"),
        Kind("jp2", "image", "a JPEG 2000 image"),
        Kind("jxl", "image", "a JPEG XL image"),
        Kind("psd", "image", "a Photoshop document"),
        Kind("svg", "image", "an SVG drawing"),
        Kind("svgz", "image", "a compressed SVG drawing"),
        Kind("mp4", "video", "an MP4 video"),
        Kind("mov", "video", "a QuickTime video"),
        Kind("matroska", "video", "a Matroska or WebM video"),
        Kind("avi", "video", "an AVI video"),
        Kind("mpegts", "video", "an MPEG transport stream"),
        Kind("mpegps", "video", "an MPEG program stream"),
        Kind("asf", "video", "a Windows Media file"),
        Kind("ogv", "video", "an Ogg video"),
        Kind("flv", "video", "a Flash video"),
        Kind("m4a", "audio", "an M4A audio file"),
        Kind("mp3", "audio", "an MP3 audio file"),
        Kind("wav", "audio", "a WAV audio file"),
        Kind("flac", "audio", "a FLAC audio file"),
        Kind("ogg", "audio", "an Ogg file"),
        Kind("aac", "audio", "an AAC audio stream"),
        Kind("aiff", "audio", "an AIFF audio file"),
        Kind("wma", "audio", "a Windows Media audio file"),
        Kind("ac3", "audio", "an AC-3 audio stream"),
        Kind("eac3", "audio", "an E-AC-3 audio stream"),
        Kind("amr", "audio", "an AMR voice recording"),
        Kind("pdf", "document", "a PDF document"),
        Kind("zip", "other", "a ZIP archive"),
        Kind("gzip", "other", "gzip-compressed data"),
        Kind("html", "other", "an HTML page"),
        Kind("xml", "other", "an XML text"),
        Kind("json", "other", "a JSON text"),
        Kind("playlist", "other", "a media playlist"),
        Kind("vips", "other", "a libvips native image"),
        Kind("text", "other", "a plain text"),
    )
}
EMPTY = Kind("", "other", "an empty file")
UNKNOWN = Kind("", "other", "data of an unknown kind")

_PREFIXES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"\x00\x00\x01\x00", "ico"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"\xff\x0a", "jxl"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jxl"),
    (b"8BPS", "psd"),
    (b"\x1aE\xdf\xa3", "matroska"),
    (b"FLV\x01", "flv"),
    (b"ID3", "mp3"),
    (b"fLaC", "flac"),
    (b"#!AMR\n", "amr"),
    (b"#!AMR-WB\n", "amr"),
    (b"PK\x03\x04", "zip"),
    (b"#EXTM3U", "playlist"),
    (b"v=0\r\n", "playlist"),
    (b"v=0\n", "playlist"),
    (b"ffconcat version", "playlist"),
    (b"\x08\xf2\xa6\xb6", "vips"),
    (b"\xb6\xa6\xf2\x08", "vips"),
)
_RIFF = {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi"}
_BRANDS = {
    b"avif": "avif", b"avis": "avif", b"heic": "heic", b"heix": "heic", b"heim": "heic", b"heis": "heic",
    b"hevc": "heic", b"hevx": "heic", b"qt  ": "mov", b"M4A ": "m4a", b"M4B ": "m4a",
}  # fmt: skip
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PICTURE = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
_ASF_SOUND = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
"""Identifiers of the header object and of two types of streams (ASF specification, 10.1 and 10.4)."""

_OGG_PICTURES = (b"\x80theora", b"OVP80")
_PROGRAM_PACK = b"\x00\x00\x01\xba"
_AC3_KILOBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_AC3_SYNC = b"\x0b\x77"
_SVG = re.compile(rb"<svg[\s>]")
_JSON = re.compile(rb'[{\[]\s*["{}\[\]\d]')
_GZIP = b"\x1f\x8b\x08"
_PDF, _PDF_END = re.compile(rb"%PDF-[12]\.\d"), 2048
"""Readers look for its header within a kilobyte; many find it behind more, such as a mail's or a server's headers."""


def sniff(data: bytes) -> Kind:
    """Return what the bytes look like.

    Args:
        data: The file, or at least its first 4096 bytes.
    """
    if not data:
        return EMPTY
    head = data[:HEAD_BYTES]
    name = _prefix(head) or _container(head) or _stream(data) or _text(head)
    return _KINDS[name] if name else UNKNOWN


UNDECODABLE = ("jxl",)
"""Pictures that are told apart but have no decoder here."""


def decodable_images() -> tuple[str, ...]:
    """Return the names of the picture formats that can be read."""
    return tuple(name for name in known_formats("image") if name not in UNDECODABLE)


def known_formats(medium: Medium) -> tuple[str, ...]:
    """Return the names of the formats of a medium that can be told apart."""
    return tuple(kind.format for kind in _KINDS.values() if kind.medium == medium)


def _prefix(head: bytes) -> str | None:
    return next((name for prefix, name in _PREFIXES if head.startswith(prefix)), None)


def _container(head: bytes) -> str | None:
    if head[:4] in (b"RIFF", b"RIFX", b"RF64"):
        return _RIFF.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] == b"ftyp":
        return _brand(head)
    if head[4:8] in (b"moov", b"mdat", b"free", b"wide", b"skip") and len(head) >= 12:
        return "mov"
    if head.startswith(_PROGRAM_PACK) and len(head) > 4 and (head[4] & 0xF1 == 0x21 or head[4] & 0xC4 == 0x44):
        return "mpegps"
    if head.startswith(_ASF):
        return _asf(head)
    if head.startswith(b"OggS"):
        return "ogv" if any(page.startswith(_OGG_PICTURES) for page in _first_pages(head)) else "ogg"
    if head[:2] == b"BM" and len(head) >= 18 and head[14] in (12, 40, 52, 56, 64, 108, 124):
        return "bmp"
    return None


def _brand(head: bytes) -> str:
    """Return the format an ISO base media file names in its brands, the major one first."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))]
    named = next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    if named is None and brands[0] in (b"mif1", b"msf1"):
        return "heic"
    return named or "mp4"


def _asf(head: bytes) -> str:
    """Return `wma` where the whole header is there and names sound alone."""
    is_whole = int.from_bytes(head[16:24], "little") <= len(head)
    return "wma" if is_whole and _ASF_SOUND in head and _ASF_PICTURE not in head else "asf"


def _first_pages(head: bytes) -> Iterator[bytes]:
    """Yield what the pages say that begin an Ogg file's streams, which come before all others (RFC 3533, 6)."""
    at = 0
    while head[at : at + 4] == b"OggS" and len(head) > at + 26 and head[at + 5] & 2:
        start = at + 27 + head[at + 26]
        end = start + sum(head[at + 27 : start])
        yield head[start:end]
        at = end


def _ac3(head: bytes) -> str | None:
    """Return which of the two AC-3 codings frames are of, where a second one follows the first (ETSI TS 102 366)."""
    if not head.startswith(_AC3_SYNC) or len(head) < 6:
        return None
    rate, code, version = head[4] >> 6, head[4] & 0x3F, head[5] >> 3
    if version > 16:
        return None
    if version > 10:
        size = 2 * (int.from_bytes(head[2:4], "big") % 2048 + 1)
    elif rate == 3 or code >= 2 * len(_AC3_KILOBITS):
        return None
    else:
        kilobits = _AC3_KILOBITS[code >> 1]
        size = 2 * (kilobits * 2, kilobits * 320 // 147 + (code & 1), kilobits * 3)[rate]
    follows = head[size : size + 2]
    return ("eac3" if version > 10 else "ac3") if _AC3_SYNC.startswith(follows) else None


def _stream(data: bytes) -> str | None:
    if b"%PDF-" in data[:1024] or (_PDF.search(data[:HEAD_BYTES]) and b"startxref" in data[-_PDF_END:]):
        return "pdf"
    if data.startswith(_GZIP):
        return "svgz" if _is_svgz(data[: 64 * 1024]) else "gzip"
    if len(data) > 376 and data[0] == data[188] == data[376] == 0x47:
        return "mpegts"
    if (found := _ac3(data[:HEAD_BYTES])) is not None:
        return found
    if data[0] == 0xFF and len(data) > 3:
        if data[1] & 0xF6 == 0xF0:
            return "aac"
        if data[1] & 0xE0 == 0xE0 and data[1] & 0x06 in (2, 4) and data[2] & 0xF0 != 0xF0:
            return "mp3"
    return None


def _is_svgz(data: bytes) -> bool:
    import zlib

    try:
        return _text(zlib.decompressobj(31).decompress(data, HEAD_BYTES)) == "svg"
    except zlib.error:
        return False


def _text(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "ignore").encode()
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return None
    if b"\x00" in head:
        return None
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        if _SVG.search(head):
            return "svg"
        return "html" if re.match(rb"<(!doctype\s+html|html|head|body)", start, re.IGNORECASE) else "xml"
    return "json" if _JSON.match(start) else "text"
