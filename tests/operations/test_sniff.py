import gzip
import zlib
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediamill.operations.sniff import EMPTY, HEAD_BYTES, UNKNOWN, Kind, Medium, known_formats, sniff

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


def ftyp(*brands: bytes) -> bytes:
    body = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    return (len(body) + 4).to_bytes(4, "big") + body + bytes(100)


def bmp(header: int) -> bytes:
    return b"BM" + bytes(12) + header.to_bytes(4, "little") + bytes(40)


ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_STREAM = bytes.fromhex("4d5bcf11a8fd00805f5c442b")


def asf(*types: bytes, told: int = 0) -> bytes:
    body = b"".join(bytes(20) + kind + ASF_STREAM for kind in types)
    return ASF + (told or 24 + len(body)).to_bytes(8, "little") + body


def ogg(*pages: bytes) -> bytes:
    """Return the first pages of an Ogg file, then one that goes on."""
    made = b"".join(b"OggS\0\x02" + bytes(20) + bytes([1, len(page)]) + page for page in pages)
    return made + b"OggS\0\0" + bytes(20) + bytes([1, 7]) + b"\x80theora"


def ac3(rate: int, code: int, version: int, size: int) -> bytes:
    frame = b"\x0b\x77" + ((size // 2 - 1) if version > 10 else 0x5A5A).to_bytes(2, "big")
    frame += bytes([rate << 6 | code, version << 3])
    return frame.ljust(size, b"\0") + b"\x0b\x77"


KINDS: list[tuple[bytes, str]] = [
    (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "jpeg"),
    (b"\xff\xd8\xff\xdb", "jpeg"),
    (b"\x89PNG\r\n\x1a\n" + bytes(8), "png"),
    (b"GIF87a" + bytes(8), "gif"),
    (b"GIF89a" + bytes(8), "gif"),
    (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "webp"),
    (b"RIFF\x00\x00\x00\x00WAVEfmt ", "wav"),
    (b"RIFF\x00\x00\x00\x00AVI LIST", "avi"),
    (b"II*\x00" + bytes(8), "tiff"),
    (b"MM\x00*" + bytes(8), "tiff"),
    (b"II+\x00" + bytes(8), "tiff"),
    (b"MM\x00+" + bytes(8), "tiff"),
    (ftyp(b"avif", b"mif1", b"miaf"), "avif"),
    (ftyp(b"avis", b"avif"), "avif"),
    (ftyp(b"mif1", b"avif"), "avif"),
    (ftyp(b"mif1", b"heic"), "heic"),
    (ftyp(b"heic", b"mif1"), "heic"),
    (ftyp(b"heix"), "heic"),
    (ftyp(b"mif1"), "heic"),
    (ftyp(b"msf1", b"hevc"), "heic"),
    (ftyp(b"isom", b"mp42"), "mp4"),
    (ftyp(b"zzzz"), "mp4"),
    (ftyp(b"qt  "), "mov"),
    (ftyp(b"M4A ", b"isom"), "m4a"),
    (b"\x00\x00\x00\x08wide" + bytes(8), "mov"),
    (b"\x00\x00\x10\x00moov" + bytes(8), "mov"),
    (bmp(40), "bmp"),
    (bmp(12), "bmp"),
    (bmp(124), "bmp"),
    (b"\x00\x00\x01\x00\x01\x00", "ico"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"\xff\x0a", "jxl"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jxl"),
    (b"8BPS\x00\x01", "psd"),
    (b"\x1aE\xdf\xa3" + bytes(8), "matroska"),
    (b"FLV\x01", "flv"),
    (b"G" + bytes(187) + b"G" + bytes(187) + b"G", "mpegts"),
    (b"ID3\x04", "mp3"),
    (b"\xff\xfb\x90\x00", "mp3"),
    (b"\xff\xf1\x50\x80", "aac"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (ogg(b"OpusHead\1\2"), "ogg"),
    (ogg(b"fishead\0", b"\x80theora\3"), "ogv"),
    (ogg(b"\1vorbis", b"OVP80\1"), "ogv"),
    (b"\x00\x00\x01\xba\x21\x00\x01", "mpegps"),
    (b"\x00\x00\x01\xba\x44\x00\x04", "mpegps"),
    (asf(b"\x40\x9e\x69\xf8"), "wma"),
    (asf(b"\xc0\xef\x19\xbc"), "asf"),
    (asf(b"\x40\x9e\x69\xf8", b"\xc0\xef\x19\xbc"), "asf"),
    (asf(b"\x40\x9e\x69\xf8", told=9000), "asf"),
    (ac3(0, 20, 8, 768), "ac3"),
    (ac3(1, 20, 8, 834), "ac3"),
    (ac3(1, 21, 8, 836), "ac3"),
    (ac3(2, 20, 8, 1152), "ac3"),
    (ac3(0, 0x3F, 16, 512), "eac3"),
    (b"#!AMR\n<", "amr"),
    (b"#!AMR-WB\n", "amr"),
    (ftyp(b"3gp4", b"3gp4", b"isom"), "mp4"),
    (ftyp(b"3g2a"), "mp4"),
    (b"FORM\x00\x00\x00\x00AIFF", "aiff"),
    (b"FORM\x00\x00\x00\x00AIFC", "aiff"),
    (b"%PDF-1.7\n", "pdf"),
    (b"junk before\n" * 20 + b"%PDF-1.4\n", "pdf"),
    (b"junk before\n" * 200 + b"%PDF-1.4\n" + b"more" * 999 + b"startxref\n0\n%%EOF\n", "pdf"),
    (b"junk before\n" * 200 + b"%PDF-1.4 is where it begins\n", "text"),
    (b"junk before\n" * 400 + b"%PDF-1.4\nstartxref\n0\n%%EOF\n", "text"),
    (b"PK\x03\x04", "zip"),
    (b"\x08\xf2\xa6\xb6", "vips"),
    (gzip.compress(SVG), "svgz"),
    (gzip.compress(b"plain text"), "gzip"),
    (b"\x1f\x8b\x08broken", "gzip"),
    (SVG, "svg"),
    (b'<?xml version="1.0"?>\n<!-- c -->\n' + SVG, "svg"),
    (b"\xef\xbb\xbf  " + SVG, "svg"),
    (SVG.decode().encode("utf-16"), "svg"),
    (b"\xfe\xff" + SVG.decode().encode("utf-16-be"), "svg"),
    (b"<svg>", "svg"),
    (b"<!DOCTYPE HTML><body>", "html"),
    (b"<html><p>", "html"),
    (b"<HEAD>", "html"),
    (b'<?xml version="1.0"?><note/>', "xml"),
    (b"<svgfoo/>", "xml"),
    (b'{"a": 1}', "json"),
    (b"[1, 2]", "json"),
    (b" [[", "json"),
    (b"#EXTM3U\nhttp://x.example/a.ts", "playlist"),
    (b"ffconcat version 1.0\n", "playlist"),
    (b"v=0\r\no=- 0", "playlist"),
    (b"hello", "text"),
    ("grüße".encode(), "text"),
    (b"x" * (HEAD_BYTES - 1) + "é".encode(), "text"),
    (b"\xef\xbb\xbf", "text"),
]


@pytest.mark.parametrize(("data", "name"), KINDS, ids=[f"{name}-{at}" for at, (_, name) in enumerate(KINDS)])
def test_a_file_is_what_its_first_bytes_say(data: bytes, name: str) -> None:
    assert sniff(data).format == name


@pytest.mark.parametrize(
    "data",
    [
        b"\x00", b"\xff", b"\xff\xd8", b"\x89PNG", b"RIFF\x00\x00\x00\x00ACON", b"RIFF\x00\x00\x00\x00XXXX",
        b"FORM\x00\x00\x00\x00ILBM", b"\x80" * 100, b"text\x00more", b"\xe9t\xe9" + b"x" * 100, b"BM" + b"\xff" * 50,
        zlib.compress(SVG), b"\x00\x00\x01\xba", b"\x00\x00\x01\xba\xff", b"\x00\x00\x01\xb3\x0a", ASF[:15] + bytes(9),
        ac3(0, 20, 8, 770), ac3(3, 20, 8, 768), ac3(0, 38, 8, 768), ac3(0, 20, 17, 768),
    ],
)  # fmt: skip
def test_other_bytes_are_of_an_unknown_kind(data: bytes) -> None:
    assert sniff(data) == UNKNOWN


def test_nothing_is_an_empty_file() -> None:
    assert sniff(b"") == EMPTY


def test_each_format_has_a_sample_here() -> None:
    mediums = get_args(Medium)
    assert {name for _, name in KINDS} == {name for medium in mediums for name in known_formats(medium)}


@pytest.mark.parametrize(("data", "name"), KINDS, ids=[f"{name}-{at}" for at, (_, name) in enumerate(KINDS)])
def test_a_kind_is_described_as_a_person_would(data: bytes, name: str) -> None:
    assert sniff(data).description.split()[0] in ("a", "an", "gzip-compressed")


def test_a_bomb_of_compressed_spaces_is_not_unpacked_whole() -> None:
    assert sniff(gzip.compress(b" " * (64 << 20))).format == "gzip"


def test_only_the_head_counts() -> None:
    assert sniff(b" " * HEAD_BYTES + SVG).format == "text"
    assert sniff(b"text " * HEAD_BYTES + b"%PDF-1.7").format == "text"


_STARTS = st.sampled_from([data[:20] for data, _ in KINDS] + [b"<", b"{", b"\xff\xfe", b"\x1f\x8b\x08", b"G"])


@given(st.binary(max_size=600) | st.builds(bytes.__add__, _STARTS, st.binary(max_size=600)))
@settings(deadline=None, max_examples=300)
def test_no_bytes_raise(data: bytes) -> None:
    assert isinstance(sniff(data), Kind)


@given(st.text(min_size=1, max_size=60))
@settings(deadline=None)
def test_text_is_never_a_picture_but_a_drawing(value: str) -> None:
    kind = sniff(value.encode())
    if not value.startswith(("GIF8", "8BPS", "II*", "MM\0", "BM", "\0", "RIFF", "FORM")):
        assert kind.medium != "image" or kind.format == "svg" or value[4:8] == "ftyp"
