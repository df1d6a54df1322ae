"""JPEG 2000 with fewer layers than it was coded in (ISO/IEC 15444-1, annexes A, B and I): the rest is left out.

Packets come layer by layer, and of each component in turn, so that a picture's first layers, or its luma, are some of
its packets. How long each is stands in a marker segment, which goes with what encoders say of themselves.
"""

import struct
from collections.abc import Iterator

from msgspec import Struct

_START, _END = b"\xff\x4f", b"\xff\xd9"
_SIZE, _COD, _COMMENT, _TILE, _LENGTHS, _DATA = 0xFF51, 0xFF52, 0xFF64, 0xFF90, 0xFF58, 0xFF93
_BOX = b"jp2c"
_COMPONENTS = 34
"""Where the size segment tells how many components there are, before what each of them is like, in three bytes."""

_MORE = 0x80
"""The bit of a byte after which a number goes on, seven bits at a time."""


class Layers(Struct, frozen=True):
    """A JP2 file taken apart.

    Attributes:
        boxes: What comes before the codestream's box, which is the last one.
        segments: The main header's, by kind.
        packets: In their order.
        components: How many there are.
        count: Of layers.
    """

    boxes: bytes
    segments: list[tuple[int, bytes]]
    packets: list[bytes]
    components: int
    count: int

    def file(self, layers: int) -> bytes:
        """Return a file of the first layers."""
        stream = self._stream(layers, self.components)
        return self.boxes + struct.pack(">I", 8 + len(stream)) + _BOX + stream

    def luma(self, layers: int) -> bytes:
        """Return a codestream of the first layers of the first component alone, which takes a third to decode."""
        return self._stream(layers, 1)

    def _stream(self, layers: int, components: int) -> bytes:
        header = bytearray(_START)
        for kind, body in self.segments:
            if kind == _SIZE:
                body = body[:_COMPONENTS] + struct.pack(">H", components) + body[36 : 36 + 3 * components]
            elif kind == _COD:
                turned = body[4] if components == self.components else 0
                body = body[:2] + struct.pack(">HB", layers, turned) + body[5:]
            header += struct.pack(">HH", kind, 2 + len(body)) + body
        kept = self.packets[: len(self.packets) // self.count * layers]
        data = b"".join(kept if components == self.components else kept[:: self.components])
        return bytes(header) + struct.pack(">HHHIBBH", _TILE, 10, 0, 14 + len(data), 0, 1, _DATA) + data + _END


def parted(data: bytes) -> Layers:
    """Take a JP2 file apart.

    Args:
        data: The file: its codestream comes last, and has one tile, in one part, layer by layer and without precincts
            (LRCP), and the lengths of its packets (PLT).
    """
    box = data.index(_BOX) - 4
    at = box + 8 + len(_START)
    segments, lengths, components, count = [], list[int](), 0, 0
    for kind, body in _segments(data, at):
        at += 4 + len(body)
        if kind == _LENGTHS:
            lengths += _numbers(body[1:])
        elif kind not in (_COMMENT, _TILE):
            segments.append((kind, body))
        if kind == _SIZE:
            components = struct.unpack_from(">H", body, _COMPONENTS)[0]
        elif kind == _COD:
            count = struct.unpack_from(">H", body, 2)[0]
    at += 2
    packets = []
    for length in lengths:
        packets.append(data[at : at + length])
        at += length
    return Layers(data[:box], segments, packets, components, count)


def _segments(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and the body of each marker segment, up to where the packets begin."""
    while (kind := int.from_bytes(data[at : at + 2], "big")) != _DATA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield kind, data[at + 4 : at + 2 + length]
        at += 2 + length


def _numbers(data: bytes) -> list[int]:
    found, value = [], 0
    for byte in data:
        value = value << 7 | byte & ~_MORE
        if not byte & _MORE:
            found.append(value)
            value = 0
    return found
