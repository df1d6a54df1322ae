"""Coded pictures taken apart just far enough to join films: the units of H.264, and which pictures films may join at.

H.264 packets hold units, each after its length (MP4, Matroska) or after a start code (transport streams, encoders).
Slices name the parameter sets they were coded by with numbers, so slices of two encoders may stand in one stream where
their numbers differ (ISO 14496-10, 7.4.1.2.1; 14496-15, 5.3.3.1 for the configuration record).
"""

import re
from collections.abc import Iterator

from msgspec import Struct

_START = re.compile(rb"\x00\x00\x01")
_IDR, _SPS, _PPS = 5, 7, 8
_HIGHEST = 31
_HIGH_PROFILES = (100, 110, 122, 144, 244)


class Parameters(Struct, frozen=True, kw_only=True):
    """H.264's parameter sets of a stream.

    Attributes:
        length_size: Bytes of the length before each unit; 0 for start codes.
        sequences: Sequence parameter sets.
        pictures: Picture parameter sets.
        extension: What high profiles' records end with.
    """

    length_size: int
    sequences: tuple[bytes, ...]
    pictures: tuple[bytes, ...]
    extension: bytes = b""

    @property
    def free(self) -> int:
        """The highest number no parameter set has; -1 where all are taken."""
        taken = {_number(one, 4) for one in self.sequences} | {_number(one, 1) for one in self.pictures}
        return next((one for one in range(_HIGHEST, -1, -1) if one not in taken), -1)

    @property
    def profile(self) -> int:
        """The highest profile of them."""
        return max(one[1] for one in self.sequences)


def read_parameters(extradata: bytes) -> Parameters | None:
    """Return the parameter sets a container holds for a stream; None where it has none to be read."""
    if extradata[:1] != b"\1":
        units = list(split(extradata, 0))
        sequences, pictures = _of(units, _SPS), _of(units, _PPS)
        return Parameters(length_size=0, sequences=sequences, pictures=pictures) if sequences and pictures else None
    try:
        sequences, at = _listed(extradata, 5, extradata[5] & 31)
        pictures, at = _listed(extradata, at, extradata[at])
    except IndexError:
        return None
    if not sequences or not pictures:
        return None
    return Parameters(
        length_size=(extradata[4] & 3) + 1, sequences=sequences, pictures=pictures, extension=extradata[at:]
    )


def joined(one: Parameters, other: bytes) -> bytes:
    """Return a container's data for a stream with slices of two encoders.

    Args:
        one: The parameter sets there are.
        other: Those of the second encoder, with start codes; their numbers differ.
    """
    units = list(split(other, 0))
    sequences, pictures = (*one.sequences, *_of(units, _SPS)), (*one.pictures, *_of(units, _PPS))
    if not one.length_size:
        return b"".join(b"\0\0\0\1" + unit for unit in (*sequences, *pictures))
    profile = max(unit[1] for unit in sequences)
    allowed = 0xFF
    for unit in sequences:
        allowed &= unit[2]
    level = max(unit[3] for unit in sequences)
    record = bytes((1, profile, allowed, level, 0xFC | (one.length_size - 1), 0xE0 | len(sequences)))
    record += b"".join(len(unit).to_bytes(2, "big") + unit for unit in sequences) + bytes((len(pictures),))
    record += b"".join(len(unit).to_bytes(2, "big") + unit for unit in pictures)
    return record + (one.extension if profile in _HIGH_PROFILES else b"")


def framed(data: bytes, length_size: int) -> bytes:
    """Return units with start codes as a stream frames them."""
    if not length_size:
        return data
    return b"".join(len(unit).to_bytes(length_size, "big") + unit for unit in split(data, 0))


def split(data: bytes, length_size: int) -> Iterator[bytes]:
    """Yield a packet's units; what is damaged ends it."""
    if length_size:
        at = 0
        while at + length_size < len(data):
            size = int.from_bytes(data[at : at + length_size], "big")
            at += length_size
            if size:
                yield data[at : at + size]
            at += size
        return
    starts = [match.end() for match in _START.finditer(data)]
    for number, begin in enumerate(starts, 1):
        end = starts[number] - 3 if number < len(starts) else len(data)
        unit = data[begin:end].rstrip(b"\0")
        if unit:
            yield unit


def may_join(codec: str, data: bytes, length_size: int) -> bool:
    """Return whether nothing from a key picture on refers to what was before it, so that anything may stand there.

    Args:
        codec: FFmpeg's name of the coding.
        data: The key picture's packet.
        length_size: How H.264 is framed.
    """
    if codec == "h264":
        return any(unit[0] & 31 == _IDR for unit in split(data, length_size))
    if codec == "av1":
        return _is_shown_key(data)
    return codec in ("vp8", "vp9")


def changes(data: bytes, parameters: Parameters) -> bool:
    """Return whether a packet brings sequence parameters that its stream has not named before."""
    return any(unit not in parameters.sequences for unit in _of(split(data, parameters.length_size), _SPS))


def _is_shown_key(data: bytes) -> bool:
    """Return whether AV1's first frame here is a key frame that is shown, with its sequence header (AV1, 5.9.2)."""
    at, sequence = 0, False
    while at < len(data):
        kind, extended, sized = data[at] >> 3 & 15, data[at] & 4, data[at] & 2
        at += 2 if extended else 1
        size = len(data) - at
        if sized:
            size = shift = 0
            while at < len(data):
                size |= (data[at] & 127) << shift
                shift += 7
                at += 1
                if not data[at - 1] & 128:
                    break
        if kind == 1:
            sequence = True
        if kind in (3, 6):  # show_existing_frame 0, frame_type 0, show_frame 1
            return sequence and at < len(data) and data[at] >> 4 == 1
        at += size
    return False


def _of(units: Iterator[bytes] | list[bytes], kind: int) -> tuple[bytes, ...]:
    return tuple(unit for unit in units if unit[0] & 31 == kind and len(unit) > 4 - 3 * (kind == _PPS))


def _listed(data: bytes, at: int, count: int) -> tuple[tuple[bytes, ...], int]:
    found = []
    at += 1
    for _ in range(count):
        size = int.from_bytes(data[at : at + 2], "big")
        found.append(data[at + 2 : at + 2 + size])
        if len(found[-1]) != size or size < 2:
            raise IndexError
        at += 2 + size
    return tuple(found), at


def _number(unit: bytes, at: int) -> int:
    """Read the number a parameter set begins with, an unsigned Exp-Golomb code."""
    bits = int.from_bytes(unit[at : at + 4].ljust(4, b"\0"), "big")
    zeros = 32 - bits.bit_length()
    return (bits >> (31 - 2 * zeros)) - 1 if zeros < 16 else -1
