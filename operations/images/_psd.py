"""Photoshop documents: the flattened picture that stands behind their layers, of one, eight or sixteen bits.

After Adobe's Photoshop File Formats Specification (2019), for .psd and .psb. What a document does not have flattened
cannot be shown here: blending its layers would take Photoshop.
"""

import struct
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.images import _embedded
from mediamill.operations.images._vips import vips
from mediamill.protocol.errors import CorruptInput, UnsupportedFormat

if TYPE_CHECKING:
    import pyvips

_BITMAP, _GREY, _INDEXED, _RGB, _CMYK, _MULTICHANNEL, _DUOTONE, _LAB = 0, 1, 2, 3, 4, 7, 8, 9
_COLOURS = {_BITMAP: 1, _GREY: 1, _INDEXED: 1, _RGB: 3, _CMYK: 4, _MULTICHANNEL: 1, _DUOTONE: 1, _LAB: 3}
_ICC, _VERSION, _TRANSPARENT_INDEX, _XMP, _EXIF = 1039, 1057, 1047, 1060, 1058
_RAW, _PACKED = 0, 1


class Header(Struct, frozen=True, kw_only=True):
    """What a document says of itself.

    Attributes:
        width: Pixels.
        height: Likewise.
        channels: Stored planes, further ones than the colours' among them.
        depth: Bits per sample.
        mode: Adobe's number of the colour mode.
        alpha: Whether the plane behind the colours is alpha.
        palette: Of an indexed document: 256 reds, greens and blues.
        icc: Its profile.
        exif, xmp: Its metadata.
        start: Where the flattened picture begins.
        large: Whether it is a .psb, whose counts are wider.
    """

    width: int
    height: int
    channels: int
    depth: int
    mode: int
    alpha: bool
    palette: bytes
    icc: bytes | None
    exif: bytes | None
    xmp: bytes | None
    start: int
    large: bool

    @property
    def bands(self) -> int:
        """Channels as decoded."""
        return (3 if self.mode == _INDEXED else _COLOURS[self.mode]) + self.alpha

    @property
    def interpretation(self) -> str:
        """Libvips' name of the colour space."""
        if self.mode in (_CMYK, _LAB):
            return "cmyk" if self.mode == _CMYK else "lab"
        deep, mono = self.depth == 16, self.bands < 3
        return ("grey16" if deep else "b-w") if mono else "rgb16" if deep else "srgb"


def read_header(data: bytes) -> Header:
    """Read a document without its pixels.

    Raises:
        CorruptInput: It is cut short or makes no sense.
        UnsupportedFormat: It is of a kind without a picture here: 32 bits, or nothing flattened.
    """
    try:
        version, channels, height, width, depth, mode = struct.unpack_from(">H6xHIIHH", data, 4)
        large = version == 2
        size, at = _counted(data, 26, wide=False)
        palette, at = data[at : at + size], at + size
        size, at = _counted(data, at, wide=False)
        resources, at = _resources(data[at : at + size]), at + size
        size, at = _counted(data, at, wide=large)
        transparent = _has_transparency(data[at : at + size], large)
        start = at + size
        struct.unpack_from(">H", data, start)
    except struct.error:
        raise CorruptInput("The Photoshop document is cut short.") from None
    if version not in (1, 2) or mode not in _COLOURS or channels < _COLOURS[mode] or not width or not height:
        raise CorruptInput("The header of the Photoshop document makes no sense.")
    if depth not in (1, 8, 16) or (depth == 1) != (mode == _BITMAP):
        raise UnsupportedFormat(
            f"Photoshop documents of {depth} bits are not read here.", received="psd", expected="1, 8 or 16 bits"
        )
    if resources.get(_VERSION, b"\0\0\0\1\1")[4:5] == b"\0":
        raise UnsupportedFormat("The Photoshop document was saved without a flattened picture.", received="psd")
    return Header(
        width=width,
        height=height,
        channels=channels,
        depth=depth,
        mode=mode,
        alpha=transparent and mode in (_GREY, _RGB) and channels > _COLOURS[mode],
        palette=palette,
        icc=resources.get(_ICC) or None,
        exif=resources.get(_EXIF),
        xmp=resources.get(_XMP),
        start=start,
        large=large,
    )


def decode(data: bytes) -> "pyvips.Image":
    """Decode a document's flattened picture.

    Raises:
        CorruptInput: It is cut short.
        UnsupportedFormat: It is packed in a way the specification has for layers alone.
    """
    import numpy as np

    header = read_header(data)
    count = _COLOURS[header.mode] + header.alpha
    planes = np.stack(_planes(data, header, count), axis=-1)
    if header.mode == _CMYK:
        planes = np.iinfo(planes.dtype).max - planes
    elif header.mode == _INDEXED:
        colours = np.frombuffer(header.palette.ljust(768, b"\0")[:768], np.uint8).reshape(3, 256).T
        planes = colours[planes[..., 0]]
    elif header.mode == _LAB:
        planes = _lab(planes)
    elif header.alpha:
        planes = _without_paper(planes)
    kind = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}[planes.dtype.name]
    image = vips().Image.new_from_memory(
        np.ascontiguousarray(planes).tobytes(), header.width, header.height, planes.shape[-1], kind
    )
    image = image.copy(interpretation=header.interpretation)
    return _embedded.embed(image, icc=header.icc, exif=header.exif, xmp=header.xmp)


def _planes(data: bytes, header: Header, count: int) -> list[Any]:
    import numpy as np
    from PIL import Image

    row = (header.width * header.depth + 7) // 8
    packing, at, found = int.from_bytes(data[header.start : header.start + 2], "big"), header.start + 2, []
    if packing not in (_RAW, _PACKED):
        raise UnsupportedFormat("The Photoshop document is packed in an unknown way.", received="psd")
    sizes = np.full(header.channels, row * header.height)
    if packing == _PACKED:
        kind = np.dtype(">u4" if header.large else ">u2")
        counts = np.frombuffer(data[at : at + header.channels * header.height * kind.itemsize], kind)
        if counts.size < header.channels * header.height:
            raise CorruptInput("The Photoshop document is cut short.")
        at += counts.nbytes
        sizes = counts.reshape(header.channels, -1).sum(axis=1, dtype=np.int64)
    for size in sizes[:count].tolist():
        body = data[at : at + size]
        at += size
        if len(body) < size:
            raise CorruptInput("The Photoshop document is cut short.")
        if packing == _PACKED:
            try:
                body = Image.frombytes("L", (row, header.height), body, "packbits", "L").tobytes()
            except ValueError as error:
                raise CorruptInput("The Photoshop document is damaged.", detail=str(error)) from None
        rows = np.frombuffer(body, ">u2" if header.depth == 16 else np.uint8).reshape(header.height, -1)
        if header.depth == 1:
            rows = 255 - 255 * np.unpackbits(rows, axis=1)[:, : header.width]
        found.append(rows.astype(np.uint16 if header.depth == 16 else np.uint8))
    return found


def _lab(planes: Any) -> Any:
    """Return CIE Lab as libvips has it: 0..100 and two signed numbers."""
    import numpy as np

    deep = planes.dtype == np.uint16
    light = planes[..., :1] * np.float32(100 / (65535 if deep else 255))
    other = planes[..., 1:] / np.float32(256 if deep else 1) - 128
    return np.concatenate((light, other), axis=-1).astype(np.float32)


def _without_paper(planes: Any) -> Any:
    """Take the white out that Photoshop lays behind what is transparent."""
    import numpy as np

    top = np.iinfo(planes.dtype).max
    alpha = np.maximum(planes[..., -1:], 1) / np.float32(top)
    colours = np.clip(np.rint(top - (top - planes[..., :-1]) / alpha), 0, top)
    return np.concatenate((colours.astype(planes.dtype), planes[..., -1:]), axis=-1)


def _counted(data: bytes, at: int, *, wide: bool) -> tuple[int, int]:
    """Return a section's length and where it begins."""
    (size,) = struct.unpack_from(">Q" if wide else ">I", data, at)
    return size, at + (8 if wide else 4)


def _resources(data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 12 <= len(data) and data[at : at + 4] == b"8BIM":
        number, name = struct.unpack_from(">HB", data, at + 4)
        at += 6 + (name + 2) // 2 * 2
        size = int.from_bytes(data[at : at + 4], "big")
        found[number] = data[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
    return found


def _has_transparency(layers: bytes, large: bool) -> bool:
    """Return whether the number of layers is negative, which says that the flattened picture has alpha."""
    at, wide = (8, 8) if large else (4, 4)
    if int.from_bytes(layers[:wide], "big") == 0:
        at = layers.find(b"8BIMLr16") + 8 + wide
        if at < 8 + wide:
            return False
    return int.from_bytes(layers[at : at + 2], "big", signed=True) < 0
