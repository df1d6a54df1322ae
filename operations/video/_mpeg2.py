"""MPEG-2's headers, taken apart just far enough to join films.

Pictures depend on the sequence header before them alone: where that is the source's own before coded pictures too, a
film stays one sequence from its first picture to its last, and decoders have nothing to begin anew. What its header
says of quantisation, which encoders here do not follow, is said otherwise for their pictures (ISO 13818-2, 6.2 and
6.3).
"""

import re

from msgspec import Struct

_START = re.compile(rb"\x00\x00\x01(?=.)", re.DOTALL)
_PICTURE, _SLICES, _SEQUENCE, _EXTENSION, _GROUP = 0x00, range(0x01, 0xB0), 0xB3, 0xB5, 0xB8
_OF_SEQUENCE, _OF_DISPLAY, _OF_QUANTISATION, _OF_PICTURE = 1, 2, 3, 8
_CLOSED, _BROKEN = 0x40, 0x20
_ORDERS = 1 << 10

_INTRA = (
    8, 16, 16, 19, 16, 19, 22, 22, 22, 22, 22, 22, 26, 24, 26, 27, 27, 27, 26, 26, 26, 26, 27, 27, 27, 29, 29, 29, 34,
    34, 34, 29, 29, 29, 27, 27, 29, 29, 32, 32, 34, 34, 37, 38, 37, 35, 35, 34, 35, 38, 38, 40, 40, 40, 48, 48, 46, 46,
    56, 56, 58, 69, 69, 83,
)  # fmt: skip
"""How coarse coefficients of blocks that refer to nothing are where no header says so, in the order they are coded."""

_OTHERS = (16,) * 64


class Sequence(Struct, frozen=True, kw_only=True):
    """A film's sequence header with its extensions.

    Attributes:
        header: As it stands before key pictures.
        own: Whether it has quantisation of its own.
    """

    header: bytes
    own: bool

    @property
    def shape(self) -> bytes:
        """What may not change within a sequence, but for what only buffers go by."""
        return _shape(_parts(self.header))


def read_sequence(data: bytes, height: int, *, fields: bool) -> Sequence | None:
    """Return the sequence header in some data; None where there is none that pictures coded here fit.

    Args:
        data: A packet, or what a container holds for the stream.
        height: Of the film: where a sequence may have fields, blocks come in twos above each other.
        fields: Whether pictures are coded as two fields.
    """
    parts = _parts(data)
    at = next((number for number, part in enumerate(parts) if part[3] == _SEQUENCE), len(parts))
    end = next((number for number in range(at, len(parts)) if parts[number][3] in (_GROUP, _PICTURE)), len(parts))
    if not any(_is(part, _OF_SEQUENCE) for part in parts[at:end]) or len(parts[at]) < 12:
        return None
    progressive = next(part for part in parts[at:end] if _is(part, _OF_SEQUENCE))[5] & 0x08
    if progressive if fields else not progressive and (height + 15) // 16 % 2:
        return None
    return Sequence(header=b"".join(parts[at:end]), own=bool(parts[at][11] & 3) or len(parts[at]) > 64)


def framed(data: bytes, sequence: Sequence) -> bytes:
    """Return an encoder's picture as one of another sequence."""
    found: list[bytes] = []
    for part in _parts(data):
        if part[3] == _SEQUENCE:
            found.append(sequence.header)
        elif not _is(part, _OF_SEQUENCE) and not _is(part, _OF_DISPLAY):
            found.append(_closed(part))
            if sequence.own and _is(part, _OF_PICTURE):
                found.append(_usual())
    return b"".join(found)


def begun(data: bytes, sequence: Sequence) -> bytes:
    """Return a key picture, without those that are shown before it, as it may stand behind anything."""
    parts = [_closed(part) for part in _parts(data)]
    if parts and parts[0][3] != _SEQUENCE:
        parts.insert(0, sequence.header)
    return b"".join(parts)


def has_group(data: bytes) -> bool:
    """Return whether a packet begins a group of pictures, which are counted from there on."""
    return any(part[3] == _GROUP for part in _parts(data))


def counted(data: bytes, fewer: int) -> bytes:
    """Return a picture with its place in its group moved forward, where those shown first have been left out."""
    made = bytearray(data)
    for match in _START.finditer(data):
        at = match.end()
        if data[at] == _PICTURE and at + 2 < len(data):
            order = (data[at + 1] << 2 | data[at + 2] >> 6) - fewer & _ORDERS - 1
            made[at + 1 : at + 3] = order >> 2, (order & 3) << 6 | data[at + 2] & 0x3F
    return bytes(made)


def changes(data: bytes, sequence: Sequence) -> bool:
    """Return whether a key picture is of another sequence."""
    parts = _parts(data)
    if not parts or parts[0][3] != _SEQUENCE:
        return False
    return not any(_is(part, _OF_SEQUENCE) for part in parts) or _shape(parts) != sequence.shape


def _parts(data: bytes) -> list[bytes]:
    """Return headers with the start codes before them, and all slices in one."""
    starts = []
    for match in _START.finditer(data):
        starts.append(match.start())
        if data[match.end()] in _SLICES:
            break
    return [data[begin:end] for begin, end in zip(starts, [*starts[1:], len(data)], strict=True)]


def _shape(parts: list[bytes]) -> bytes:
    return parts[0][4:8] + next(part for part in parts if _is(part, _OF_SEQUENCE))[:8]


def _is(part: bytes, kind: int) -> bool:
    return part[3] == _EXTENSION and len(part) > 7 and part[4] >> 4 == kind


def _closed(part: bytes) -> bytes:
    """Return a group's header that says nothing before it is needed; other parts as they are."""
    if part[3] != _GROUP or len(part) < 8:
        return part
    return part[:7] + bytes((part[7] & ~_BROKEN | _CLOSED,)) + part[8:]


def _usual() -> bytes:
    """Return an extension that makes quantisation the usual one."""
    bits = f"{_OF_QUANTISATION:04b}" + "".join(
        "1" + "".join(f"{one:08b}" for one in each) for each in (_INTRA, _OTHERS)
    )
    bits += "00"
    bits += "0" * (-len(bits) % 8)
    return b"\0\0\1" + bytes((_EXTENSION,)) + int(bits, 2).to_bytes(len(bits) // 8, "big")
