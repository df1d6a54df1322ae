"""H.265's units, taken apart just far enough to join films.

Slices and parameter sets name each other with numbers, and x265 gives its own those that most encoders begin with, so
that two encoders' pictures cannot stand in one stream as they are. A picture parameter set's number is written in nine
bits from 15 to 30, and in one bit where it is 0: changed from 0, a slice grows by one byte at its beginning, and
nothing behind has to be understood or moved within its byte (ITU-T H.265, 7.3; ISO 14496-15, 8.3.3.1 for the record).
"""

from collections.abc import Sequence

from msgspec import Struct

from mediamill.operations.video._bits import escaped, plain
from mediamill.operations.video._hevc_slices import Headers
from mediamill.operations.video._units import split

_VPS, _SPS, _PPS = 32, 33, 34
_IDR = {19, 20}
_OPEN = {16, 17, 18, 21}
"""Key pictures others may be shown before that need what came before: broken links, and random access."""

_FIRST_UNKNOWN = 48
_HEADER = 23
_PROFILE_BITS, _LEVEL_BITS = 88, 8


class Numbers(Struct, frozen=True, kw_only=True):
    """What a stream's parameter sets are called."""

    video: int
    sequence: int
    picture: int


class Sets(Struct, frozen=True, kw_only=True):
    """H.265's parameter sets of a stream.

    Attributes:
        length_size: Bytes of the length before each unit; 0 for start codes.
        record: What a container's record says before its units; empty where there is none.
        units: Parameter sets, and messages that hold for all pictures.
        free: Numbers no set of them has.
    """

    length_size: int
    record: bytes
    units: tuple[bytes, ...]
    free: Numbers


def read_sets(extradata: bytes) -> Sets | None:
    """Return the parameter sets a container holds for a stream; None where they cannot be read, or more cannot be."""
    try:
        record, units = (extradata[: _HEADER - 1], _listed(extradata)) if extradata[:1] == b"\1" else (b"", None)
        units = tuple(split(extradata, 0)) if units is None else units
        if any(len(unit) < 4 or _layer(unit) for unit in units):
            return None
        free = _free(units)
    except (IndexError, ValueError):
        return None
    if free is None or not {_VPS, _SPS, _PPS} <= {kind(unit) for unit in units}:
        return None
    return Sets(length_size=(record[21] & 3) + 1 if record else 0, record=record, units=units, free=free)


def joined(sets: Sets, other: bytes) -> bytes:
    """Return a container's data for a stream with slices of two encoders.

    Args:
        sets: The parameter sets there are.
        other: Those of the second encoder, with start codes.

    Raises:
        ValueError: The second encoder's sets are not what they are taken for.
    """
    added = [renumbered(unit, sets.free) for unit in split(other, 0) if kind(unit) in (_VPS, _SPS, _PPS)]
    units = (*sets.units, *added)
    if not sets.record:
        return b"".join(b"\0\0\0\1" + unit for unit in units)
    record = bytearray(sets.record)
    for unit in added:
        if kind(unit) == _SPS:
            general = plain(unit)[3:15]
            record[1] |= general[0] & 0x20  # the higher tier
            record[2:12] = bytes(one & two for one, two in zip(record[2:12], general[1:11], strict=True))
            record[12] = max(record[12], general[11])
    kinds = sorted({kind(unit) for unit in units})
    record.append(len(kinds))
    for one in kinds:
        own = [unit for unit in units if kind(unit) == one]
        # Whether all of a kind are here: as hvc1 wants it of parameter sets.
        record += bytes(((0x80 if one in (_VPS, _SPS, _PPS) else 0) | one,)) + len(own).to_bytes(2, "big")
        for unit in own:
            record += len(unit).to_bytes(2, "big") + unit
    return bytes(record)


def framed(data: bytes, sets: Sets) -> bytes:
    """Return a picture of the second encoder, with start codes, as a stream frames and numbers it.

    Raises:
        ValueError: It is not numbered as it is taken to be.
    """
    units = [renumbered(unit, sets.free) for unit in split(data, 0) if kind(unit) not in (_VPS, _SPS, _PPS)]
    return _together(units, sets.length_size)


def renumbered(unit: bytes, numbers: Numbers) -> bytes:
    """Return a unit of the second encoder by other numbers than 0.

    Raises:
        ValueError: It has other numbers, or is a picture's second slice.
    """
    found = kind(unit)
    if found < _VPS:
        return _slice(unit, numbers.picture)
    if found not in (_VPS, _SPS, _PPS):
        return unit
    bits = _bits(plain(unit)[2:])
    if found == _VPS:
        bits = _expected(bits, f"{0:04b}", f"{numbers.video:04b}")
    elif found == _SPS:
        at = _sequence_at(bits)
        bits = _expected(bits[:at], f"{0:04b}", f"{numbers.video:04b}") + _expected(
            bits[at:], "1", _coded(numbers.sequence)
        )
    else:
        bits = _expected(bits, "11", _coded(numbers.picture) + _coded(numbers.sequence))
    bits = bits.rstrip("0")
    bits += "0" * (-len(bits) % 8)
    return unit[:2] + escaped(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def begun(data: bytes, sets: Sets) -> bytes | None:
    """Return a key picture as it may stand behind anything, without those shown before it; None where it may not.

    An open group's key picture names pictures that those shown before it need. As a broken link it still may follow
    others, where it names none any more.
    """
    units = list(split(data, sets.length_size))
    kinds = {kind(unit) for unit in units if kind(unit) < _VPS}
    if kinds and kinds <= _IDR:
        return data
    if not kinds or not kinds <= _OPEN:
        return None
    try:
        headers = Headers(unit for unit in sets.units if kind(unit) in (_SPS, _PPS))
        return _together([headers.spliced(unit) if kind(unit) in _OPEN else unit for unit in units], sets.length_size)
    except ValueError:
        return None


def changes(data: bytes, sets: Sets) -> bool:
    """Return whether a packet brings what its stream has not named before, or that only its own pictures may have.

    That is parameter sets, further layers, and units that are none of H.265's own, as Dolby Vision has them.
    """
    for unit in split(data, sets.length_size):
        one = kind(unit)
        if one >= _FIRST_UNKNOWN or (len(unit) > 1 and _layer(unit)):
            return True
        if one in (_VPS, _SPS, _PPS) and unit not in sets.units:
            return True
    return False


def kind(unit: bytes) -> int:
    """Return what a unit is (H.265, table 7-1)."""
    return unit[0] >> 1 & 63


def _slice(unit: bytes, number: int) -> bytes:
    """Return a picture's only slice by another number than 0.

    Neither of the bytes that are written is 0, so escapes behind them stay right.
    """
    before = 2 if kind(unit) in range(16, 24) else 1
    first = unit[2] if len(unit) > 2 else 0
    if not first & 0x80 or not first >> (7 - before) & 1:
        raise ValueError("a slice by another number than 0")
    left = first >> (8 - before)
    rest = first & ((1 << (7 - before)) - 1)
    value = (left << 9 | number + 1) << (7 - before) | rest
    return unit[:2] + value.to_bytes(2, "big") + unit[3:]


def _together(units: Sequence[bytes], length_size: int) -> bytes:
    if length_size:
        return b"".join(len(unit).to_bytes(length_size, "big") + unit for unit in units)
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def _listed(record: bytes) -> tuple[bytes, ...]:
    found: list[bytes] = []
    at = _HEADER
    for _ in range(record[_HEADER - 1]):
        count = int.from_bytes(record[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            size = int.from_bytes(record[at : at + 2], "big")
            found.append(record[at + 2 : at + 2 + size])
            if len(found[-1]) != size:
                raise IndexError
            at += 2 + size
    return tuple(found)


def _free(units: Sequence[bytes]) -> Numbers | None:
    taken: dict[int, set[int]] = {_VPS: set(), _SPS: set(), _PPS: set()}
    for unit in units:
        bits = _bits(plain(unit)[2:])
        if kind(unit) == _VPS:
            taken[_VPS].add(int(bits[:4], 2))
        elif kind(unit) == _SPS:
            taken[_SPS].add(_number(bits[_sequence_at(bits) :]))
        elif kind(unit) == _PPS:
            taken[_PPS].add(_number(bits))
    small = range(15, 0, -1)
    video = next((one for one in small if one not in taken[_VPS]), None)
    sequence = next((one for one in small if one not in taken[_SPS]), None)
    # Of nine bits, the last two not 0.
    picture = next((one for one in range(30, 14, -1) if (one + 1) & 3 and one not in taken[_PPS]), None)
    if video is None or sequence is None or picture is None:
        return None
    return Numbers(video=video, sequence=sequence, picture=picture)


def _sequence_at(bits: str) -> int:
    """Return where a sequence parameter set's number is: behind its profiles and levels (H.265, 7.3.3)."""
    further = int(bits[4:7], 2)
    at = 8 + _PROFILE_BITS + _LEVEL_BITS
    if not further:
        return at
    present = bits[at : at + 2 * further]
    return at + 16 + _PROFILE_BITS * present[::2].count("1") + _LEVEL_BITS * present[1::2].count("1")


def _layer(unit: bytes) -> int:
    return (unit[0] & 1) << 5 | unit[1] >> 3


def _bits(data: bytes) -> str:
    return f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}"


def _expected(bits: str, there: str, instead: str) -> str:
    if not bits.startswith(there):
        raise ValueError("a parameter set by another number than 0")
    return instead + bits[len(there) :]


def _coded(number: int) -> str:
    """Return an unsigned Exp-Golomb code."""
    digits = f"{number + 1:b}"
    return "0" * (len(digits) - 1) + digits


def _number(bits: str) -> int:
    zeros = bits.index("1")
    return int(bits[zeros : 2 * zeros + 1], 2) - 1
