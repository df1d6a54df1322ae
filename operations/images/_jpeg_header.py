"""Which JPEG files can be worked on as planes, found out from their first bytes.

A JPEG is three planes of samples. Decoding it to those planes, scaling them and encoding them again leaves
out two colour conversions, but the decoder that gives planes is one for video: it takes liberties with what is
rare and hides what is broken. So this scan, written after ITU T.81, JFIF 1.02, Exif 2.32 and ICC.1:2010 annex
B.4, lets through the plain files only (one baseline scan, one image, YCbCr or grey), and `_planes` decodes what
`_jpeg_proof` makes of them. libjpeg takes every coding, so `outline` lets through what has the same planes in other
orders. What is turned away goes the ordinary way, through libvips.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Literal

MAX_SEGMENTS = 512
"""Marker segments looked at before the first scan; cameras write fewer than 100."""

MAX_SIDE = 65_000
MAX_MCUS = 65_535
"""How many MCUs a restart interval can count (see `_jpeg_proof`): 16.7 megapixels at 4:2:0, 4.2 at 4:4:4."""

SOF0, _SOF1, _SOF2, DHT, SOS, DQT, DRI = 0xC0, 0xC1, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD
_APP0, _APP1, _APP2, _APP14, _COM = 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
_SAMPLINGS = {(1, 1), (2, 1), (1, 2), (2, 2)}


@dataclass(frozen=True, slots=True)
class HuffmanTable:
    """One Huffman table as its segment has it.

    Attributes:
        counts: How many codes have 1, 2, ... 16 bits.
        symbols: What they stand for, shortest code first.
    """

    counts: bytes
    symbols: bytes

    def code(self, symbol: int) -> str | None:
        """The bits of a symbol, such as `"1010"`, or None if the table has no code for it."""
        index = self.symbols.find(symbol)
        if index < 0:
            return None
        code = 0
        for bits, count in enumerate(self.counts, 1):
            if index < count:
                return format(code + index, f"0{bits}b")
            code = (code + count) << 1
            index -= count
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One plane of the picture.

    Attributes:
        horizontal: Blocks of it in an MCU, across: 1 or 2.
        vertical: Blocks of it in an MCU, down: 1 or 2.
        quantiser: The 64 divisors, in zigzag order, each 1..255.
        dc: The table of its first coefficients.
        ac: The table of the others.
    """

    horizontal: int
    vertical: int
    quantiser: bytes
    dc: HuffmanTable
    ac: HuffmanTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What a file's picture is, however it is coded.

    Attributes:
        width: Of the stored picture, before any turning, 1..65000 pixels.
        height: Likewise.
        samplings: Blocks of each plane in an MCU, across and down: of one (grey) or three (Y, Cb, Cr; both chroma
            planes with one block).
        orientation: The Exif orientation, 1..8; 1 where there is none, or none that can be read.
        icc: The embedded colour profile, whole; None where there is none.
        head: The segments a decoder needs, from the first to the first scan's own.
        entropy_start: Where the coded picture starts in the file, in bytes.
    """

    width: int
    height: int
    samplings: tuple[tuple[int, int], ...]
    orientation: int
    icc: bytes | None
    head: bytes
    entropy_start: int

    @property
    def mcu_size(self) -> tuple[int, int]:
        """Width and height of an MCU in pixels, each 8 or 16."""
        across, down = self.samplings[0]
        return 8 * across, 8 * down

    @property
    def mcus(self) -> tuple[int, int]:
        """How many MCUs the picture is across and down."""
        width, height = self.mcu_size
        return -(-self.width // width), -(-self.height // height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header(Outline):
    """What the planes of a plain file need.

    Attributes:
        components: Of each plane, in the order of `samplings`.
    """

    components: tuple[Component, ...]


class DamagedJpeg(ValueError):
    """The coded picture is not whole, or cannot be proven to be."""


class _UnfitError(Exception):
    """The file is one for libvips; says why."""


def eligible(data: bytes) -> Header | None:
    """Reads the header of a JPEG that can be worked on as planes.

    Costs some tens of microseconds whatever the file's size, looks at no coded data, and is safe on any bytes.

    Args:
        data: A whole file.

    Returns:
        The header, or None for every file that has to go another way: what `outline` turns away, and files that are
        progressive or have several scans, restart markers or more than 65,535 MCUs. `refusal` names the reason.
    """
    found = _inspect(data, _Scan.header)
    return found if isinstance(found, Header) else None


def outline(data: bytes) -> Outline | None:
    """Reads the header of a JPEG whose planes are Y, Cb and Cr, or grey, in whatever order they are coded.

    Args:
        data: A whole file.

    Returns:
        The outline, or None for every file that has to go through libvips: other formats, arithmetic coded, lossless,
        12-bit, CMYK or RGB pictures, unusual sampling, several images in one (MPF, gain maps), and headers libjpeg
        refuses or warns of.
    """
    found = _inspect(data, _Scan.outline)
    return found if isinstance(found, Outline) else None


def refusal(data: bytes) -> str | None:
    """Why `eligible` says no to a file, in a few words; None where it says yes."""
    found = _inspect(data, _Scan.header)
    return found if isinstance(found, str) else None


def _inspect(data: bytes, read: "Callable[[_Scan, bytes], Outline]") -> Outline | str:
    try:
        return read(_Scan(), data)
    except _UnfitError as reason:
        return str(reason)
    except (IndexError, ValueError):
        return "the header ends early"


class _Scan:
    """The state of one pass over the segments before the coded data."""

    def __init__(self) -> None:
        self.quantisers: dict[int, bytes] = {}
        self.tables: dict[int, HuffmanTable] = {}
        self.coding = 0
        self.frame = b""
        self.kept: list[bytes] = []
        self.restart_interval = 0
        self.jfif = False
        self.adobe: int | None = None
        self.exif: bytes | None = None
        self.icc: dict[int, bytes] = {}
        self.icc_total = 0

    def header(self, data: bytes) -> Header:
        found, scan = self._read(data)
        frame = self.frame
        _require(self.coding != _SOF2, "not a baseline JPEG")
        _require(scan[0] == len(found.samplings), "more than one scan")
        _require(scan[-3:] == b"\x00\x3f\x00", "not one sequential scan")
        planes = range(len(found.samplings))
        components = tuple(self._component(frame, scan, index, found.samplings[index]) for index in planes)
        across, down = found.mcus
        _require(across * down <= MAX_MCUS, "more than 65535 MCUs")
        _require(not 0 < self.restart_interval < across * down, "restart markers")
        return Header(components=components, **{field.name: getattr(found, field.name) for field in fields(found)})

    def outline(self, data: bytes) -> Outline:
        return self._read(data)[0]

    def _read(self, data: bytes) -> tuple[Outline, bytes]:
        """The outline and the contents of the first scan's segment."""
        start = 2
        for marker, body, end in _segments(data):
            if marker == SOS:
                self.kept.append(data[start:end])
                return self._outline(body, end), body
            if marker == DQT:
                self._read_quantisers(body)
            elif marker == DHT:
                self._read_tables(body)
            elif marker == DRI:
                _require(len(body) == 2, "a malformed restart interval")
                self.restart_interval = int.from_bytes(body)
            elif marker in (SOF0, _SOF1, _SOF2):
                _require(not self.frame, "two frames")
                self.coding, self.frame = marker, body
            elif 0xC0 <= marker <= 0xCF:
                raise _UnfitError("not a baseline JPEG")
            elif _APP0 <= marker <= _APP14 + 1:
                self._read_application(marker, body)
            else:
                _require(marker == _COM, "an unusual marker")
            if marker < _APP0:
                self.kept.append(data[start:end])
            start = end
        raise _UnfitError("no coded picture")

    def _read_application(self, marker: int, body: bytes) -> None:
        if marker == _APP0 and body[:5] == b"JFIF\0" and len(body) >= 14:
            _require(body[5] == 1, "an unknown JFIF version")
            self.jfif = True
        elif marker == _APP14 and body[:5] == b"Adobe" and len(body) >= 12:
            self.adobe = body[11]
        elif marker == _APP1 and body[:6] == b"Exif\0\0":
            _require(self.exif is None, "two Exif segments")
            self.exif = body[6:]
        elif marker == _APP1:
            _require(b"hdrgm" not in body and b"HDRGainMap" not in body, "a gain map")
        elif marker == _APP2 and body[:12] == b"ICC_PROFILE\0":
            self._read_profile(body)
        elif marker == _APP2:
            _require(body[:4] != b"MPF\0", "several images in one file")
            _require(not body.startswith(b"urn:iso:std:iso:ts:21496"), "a gain map")

    def _read_profile(self, body: bytes) -> None:
        number, total = body[12], body[13]
        known = self.icc_total in (0, total) and number not in self.icc
        _require(known and 1 <= number <= total, "a broken colour profile")
        self.icc_total = total
        self.icc[number] = body[14:]

    def _read_quantisers(self, body: bytes) -> None:
        while body:
            _require(body[0] < 4 and len(body) >= 65, "16-bit or malformed quantisers")
            _require(0 not in body[1:65], "a quantiser of zero")
            self.quantisers[body[0]] = body[1:65]
            body = body[65:]

    def _read_tables(self, body: bytes) -> None:
        while body:
            where, counts = body[0], body[1:17]
            size = sum(counts)
            symbols = body[17 : 17 + size]
            complete = where & 0xEF < 4 and 1 <= size <= 256 and len(symbols) == size
            _require(complete, "a malformed Huffman table")
            code = 0
            for bits, count in enumerate(counts, 1):
                code += count
                _require(count == 0 or code < 1 << bits, "an impossible Huffman table")
                code <<= 1
            _require(where & 0x10 != 0 or max(symbols) <= 11, "an impossible Huffman table")
            self.tables[where] = HuffmanTable(counts, symbols)
            body = body[17 + size :]

    def _outline(self, scan: bytes, entropy_start: int) -> Outline:
        frame = self.frame
        _require(bool(frame), "a scan before its frame")
        count = frame[5]
        _require(frame[0] == 8 and count in (1, 3) and len(frame) == 6 + 3 * count, "not 8-bit grey or YCbCr")
        _require(all(1 <= each >> 4 <= 4 and 1 <= each & 15 <= 4 for each in frame[7::3]), "unusual sampling")
        _require(1 <= scan[0] <= count and len(scan) == 4 + 2 * scan[0], "more than one scan")
        _require(len(self.icc) == self.icc_total, "a broken colour profile")
        found = Outline(
            height=int.from_bytes(frame[1:3]),
            width=int.from_bytes(frame[3:5]),
            samplings=((1, 1),) if count == 1 else tuple((each >> 4, each & 15) for each in frame[7::3]),
            orientation=_orientation(self.exif) if self.exif else 1,
            icc=b"".join(self.icc[number] for number in sorted(self.icc)) or None,
            head=b"".join((b"\xff\xd8", *self.kept)),
            entropy_start=entropy_start,
        )
        self._check(found, frame[6::3])
        return found

    def _component(self, frame: bytes, scan: bytes, index: int, sampling: tuple[int, int]) -> Component:
        identity, _, quantiser = frame[6 + 3 * index : 9 + 3 * index]
        _require(scan[1 + 2 * index] == identity, "planes in an unusual order")
        dc, ac = scan[2 + 2 * index] >> 4, scan[2 + 2 * index] & 15 | 0x10
        known = quantiser in self.quantisers and dc in self.tables and ac in self.tables
        _require(known, "a table that is not there")
        return Component(
            horizontal=sampling[0],
            vertical=sampling[1],
            quantiser=self.quantisers[quantiser],
            dc=self.tables[dc],
            ac=self.tables[ac],
        )

    def _check(self, found: Outline, identities: bytes) -> None:
        luma, *chroma = found.samplings
        _require(luma in _SAMPLINGS, "unusual sampling")
        _require(all(plane == (1, 1) for plane in chroma), "unusual sampling")
        if chroma:
            _require(len(set(identities)) == 3, "planes with one name")
            _require(self.adobe in (None, 1), "not YCbCr")
            _require(self.jfif or self.adobe == 1 or identities == b"\1\2\3", "not surely YCbCr")
        _require(1 <= found.width <= MAX_SIDE and 1 <= found.height <= MAX_SIDE, "impossible dimensions")


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """The marker, the contents and the end of each segment after the start of the image."""
    _require(data[:2] == b"\xff\xd8", "not a JPEG")
    position = 2
    for _ in range(MAX_SEGMENTS):
        _require(data[position] == 0xFF, "bytes between segments")
        marker = data[position + 1]
        size = int.from_bytes(data[position + 2 : position + 4])
        end = position + 2 + size
        _require(size >= 2 and end <= len(data), "the header ends early")
        yield marker, data[position + 4 : end], end
        position = end
    raise _UnfitError("too many segments")


def _orientation(tiff: bytes) -> int:
    """The orientation in an Exif segment: 1..8, and 1 for everything that cannot be read."""
    order: Literal["little", "big"]
    if tiff[:4] == b"II*\0":
        order = "little"
    elif tiff[:4] == b"MM\0*":
        order = "big"
    else:
        return 1
    start = int.from_bytes(tiff[4:8], order)
    entries = int.from_bytes(tiff[start : start + 2], order)
    for at in range(start + 2, min(start + 2 + 12 * entries, len(tiff) - 11), 12):
        if int.from_bytes(tiff[at : at + 2], order) == 0x0112:
            value = int.from_bytes(tiff[at + 8 : at + 10], order)
            short = int.from_bytes(tiff[at + 2 : at + 4], order) == 3
            return value if short and 1 <= value <= 8 else 1
    return 1


def segment(marker: int, body: bytes) -> bytes:
    """Return a marker segment."""
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise _UnfitError(reason)
