"""Gain maps of JPEGs: a second, smaller JPEG behind the first, by which HDR screens show the picture brighter.

After Adobe's Gain Map 1.0 and ISO 21496-1, in the container of CIPA DC-007 (MPF). A map is kept where `metadata` is
`all`, the output is a JPEG and the whole picture is: it is turned and scaled with it, and what it says of itself stays
as it is. Everywhere else it is dropped, with all that mentions it: half a gain map is worse than none.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from mediamill.operations.images import _headers, _resample
from mediamill.operations.images._encode import Encoding
from mediamill.operations.images._geometry import Fit
from mediamill.operations.images._source import Source
from mediamill.operations.images._vips import blob, set_blob, vips
from mediamill.operations.images._xmp import with_gain_map

if TYPE_CHECKING:
    import pyvips

_QUALITY = 90
_MOST_SCANS = 20
_APP2, _SCAN = 0xE2, 0xDA
_MPF = b"MPF\0"
_ISO = b"urn:iso:std:iso:ts:21496:-1\0"
_ABOUT_MAPS = (b"http://ns.adobe.com/xap/1.0/\0", _ISO, b"ICC_PROFILE\0")
_ENTRIES = 0xB002
_PRIMARY = 0x030000
_MPF_BYTES = 90
"""An MPF segment of two pictures, from its marker to its end."""


class GainMap(Struct, frozen=True):
    """A gain map as it goes into an output.

    Attributes:
        data: The JPEG it is.
        marks: What the picture's own header has to say of it, whole segments.
    """

    data: bytes
    marks: bytes

    def announced(self, image: "pyvips.Image") -> "pyvips.Image":
        """Return the picture with the XMP that says where its gain map is."""
        image = image.copy()
        set_blob(image, "xmp-data", with_gain_map(blob(image, "xmp-data"), len(self.data)))
        return image

    def joined(self, picture: bytes) -> bytes:
        """Return the encoded picture with its gain map behind it."""
        at = next(start for marker, start, _ in _segments(picture) if not 0xE0 <= marker <= 0xEF)
        head = picture[:at] + self.marks
        whole = len(picture) + len(self.marks) + _MPF_BYTES
        index = _index(whole, len(self.data), whole - len(head) - 8)
        return head + index + picture[at:] + self.data


def keeps(source: Source, code: Encoding, fit: Fit) -> bool:
    """Return whether an output keeps the source's gain map."""
    if not (source.facts.gain_map and source.decoder == "jpeg"):
        return False
    return code.format == "jpeg" and code.metadata == "all" and fit.scaled == fit.size and _second(source.data) != b""


def scaled(source: Source, fit: Fit) -> GainMap | None:
    """Return a source's gain map for an output of a geometry; None where the map itself cannot be read.

    Nor is one that is larger than its picture, or has more scans than any encoder writes: limits hold for it, too.
    """
    facts, data = source.facts, _second(source.data)
    width, height = facts.size
    library = vips()
    with contextlib.suppress(library.Error):
        image = library.Image.jpegload_buffer(data, fail_on="warning")
        if image.width * image.height > width * height or _headers.jpeg_scans(data) > _MOST_SCANS:
            return None
        image = image.copy_memory()
        image = _resample.upright(image, facts.orientation)
        across, down = (min(1.0, side / of) for side, of in zip(fit.size, (width, height), strict=True))
        size = max(1, round(image.width * across)), max(1, round(image.height * down))
        if size != (image.width, image.height):
            image = image.resize(size[0] / image.width, vscale=size[1] / image.height, kernel="linear")
        coded: bytes = image.jpegsave_buffer(Q=_QUALITY, keep="none", subsample_mode="off", optimize_coding=True)
        return GainMap(coded[:2] + _marks(data, _ABOUT_MAPS) + coded[2:], _marks(source.data, (_ISO,)))
    return None


def _marks(data: bytes, names: tuple[bytes, ...]) -> bytes:
    """Return the segments of a JPEG's header that begin with one of the names."""
    return b"".join(data[start:end] for _, start, end in _segments(data) if data.startswith(names, start + 4))


def _second(data: bytes) -> bytes:
    """Return the second picture of a file, by its index; empty where there is none."""
    for marker, start, end in _segments(data):
        if marker == _APP2 and data[start + 4 : start + 8] == _MPF:
            base, index = start + 8, data[start + 8 : end]
            for size, offset in _pictures(index)[1:]:
                picture = data[base + offset : base + offset + size]
                if offset and len(picture) == size and picture.startswith(b"\xff\xd8"):
                    return picture
    return b""


def _pictures(index: bytes) -> list[tuple[int, int]]:
    """Return sizes and offsets of the pictures an MPF index lists."""
    order = "little" if index[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(index[at : at + size], order)  # type: ignore[arg-type]

    at = number(4, 4)
    for entry in range(at + 2, at + 2 + 12 * min(number(at, 2), 32), 12):
        if number(entry, 2) == _ENTRIES:
            count, where = number(entry + 4, 4) // 16, number(entry + 8, 4)
            return [
                (number(place + 4, 4), number(place + 8, 4)) for place in range(where, where + 16 * min(count, 16), 16)
            ]
    return []


def _index(primary: int, second: int, offset: int) -> bytes:
    """Return an MPF segment of two pictures."""

    def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
        return tag.to_bytes(2, "big") + kind.to_bytes(2, "big") + count.to_bytes(4, "big") + value

    def picture(what: int, size: int, at: int) -> bytes:
        return what.to_bytes(4, "big") + size.to_bytes(4, "big") + at.to_bytes(4, "big") + bytes(4)

    tags = entry(0xB000, 7, 4, b"0100") + entry(0xB001, 4, 1, (2).to_bytes(4, "big"))
    tags += entry(_ENTRIES, 7, 32, (50).to_bytes(4, "big"))
    body = b"MM\0*" + (8).to_bytes(4, "big") + (3).to_bytes(2, "big") + tags + bytes(4)
    body += picture(_PRIMARY, primary, 0) + picture(0, second, offset)
    return b"\xff\xe2" + (len(body) + 6).to_bytes(2, "big") + _MPF + body


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment up to the first scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, at, end
        if marker == _SCAN:
            return
        at = end
