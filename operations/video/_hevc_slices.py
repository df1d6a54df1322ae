"""H.265's slice headers, read and written as far as it takes to begin a stream in the middle of another one.

An open group's key picture, a clean random access picture, may follow pictures of anything else as a broken link access
picture without leading pictures: the header's syntax is the same, and the pictures from there on count from it. What it
still names are the pictures its leading ones needed. Decoders have to make up stand-ins for those, and some show or
lose one, so its reference picture set is written empty (ITU-T H.265, 7.3.2.2, 7.3.2.3, 7.3.6 and 8.1.3).
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from mediamill.operations.video._bits import Bits, escaped, plain, stored

_SPS, _PPS = 33, 34
_KEYS = range(16, 24)
_WITHOUT_LEADING = 18
_REFRESHED = (19, 20)
_INTRA = 2
_HEADER = 4096
"""Bytes at a slice's beginning in which its header ends, wherever rows and tiles are not counted in thousands."""

_SEPARATE_PLANES = 3
_MOST_SETS, _MOST_PICTURES = 64, 16

References = tuple[tuple[int, ...], tuple[int, ...]]
"""A reference picture set: places before and after the picture, nearest first."""


class _Sequence(Struct, frozen=True, kw_only=True):
    """What slices' headers depend on of a sequence parameter set.

    Attributes:
        address_bits: Of a slice's place in the picture.
        separate: Whether colour planes are coded apart.
        chroma: Whether slices have chroma.
        order_bits: Of the picture order count.
        sets: The reference picture sets it lists.
        lasting: Number of long-term reference pictures it lists; None where there are none at all.
        offset: Whether samples are offset.
        temporal: Whether motion is predicted in time.
    """

    address_bits: int
    separate: bool
    chroma: bool
    order_bits: int
    sets: tuple[References, ...]
    lasting: int | None
    offset: bool
    temporal: bool


class _Picture(Struct, frozen=True, kw_only=True):
    """What slices' headers depend on of a picture parameter set.

    Attributes:
        sequence: The sequence parameter set it belongs to.
        dependent: Whether slices have segments that depend on the one before.
        shown: Whether slices say that their picture is shown.
        extra: Bits kept for later.
        chroma: Whether slices change chroma's quantisation.
        entries: Whether slices list where tiles or rows begin.
        across: Whether slices say if they are filtered across their borders.
        changed: Whether slices may change the deblocking filter.
        sharp: Whether that is off.
        extended: Whether headers may end with an extension.
        lists: Whether blocks may choose chroma's quantisation.
    """

    sequence: int
    dependent: bool
    shown: bool
    extra: int
    chroma: bool
    entries: bool
    across: bool
    changed: bool
    sharp: bool
    extended: bool
    lists: bool


class Headers:
    """The parameter sets of a stream, and what they say of slices.

    Args:
        units: Parameter sets.

    Raises:
        ValueError: One cannot be read.
    """

    def __init__(self, units: Iterable[bytes]) -> None:
        self._sequences: dict[int, _Sequence] = {}
        self._pictures: dict[int, _Picture] = {}
        for unit in units:
            bits = Bits(plain(unit[2:]))
            if unit[0] >> 1 == _SPS:
                number, sequence = _sequence(bits)
                self._sequences[number] = sequence
            elif unit[0] >> 1 == _PPS:
                number, picture = _picture(bits)
                self._pictures[number] = picture

    def spliced(self, unit: bytes) -> bytes:
        """Return a slice of an open group's key picture as one of a broken link that refers to nothing.

        Raises:
            ValueError: It is not what it is taken for.
        """
        kind = unit[0] >> 1
        if kind not in _KEYS or kind in _REFRESHED:
            raise ValueError("a slice of no such picture")
        bits = Bits(plain(unit[2:_HEADER]))
        begin, end, instead = self._passed(bits)
        # What was decoded before is shown, whatever the slice says of it.
        header = f"{bits.text[0]}0{bits.text[2:begin]}{instead}{bits.text[end : bits.at]}"
        padding = bits.text[bits.at : -(-(bits.at + 1) // 8) * 8]
        if padding.rstrip("0") != "1":
            raise ValueError("a slice's header ends elsewhere")
        header += "1" + "0" * (-(len(header) + 1) % 8)
        kept = stored(unit[2:], (bits.at + len(padding)) // 8)
        name = bytes((unit[0] & 0x81 | _WITHOUT_LEADING << 1, unit[1]))
        return name + escaped(int(header, 2).to_bytes(len(header) // 8, "big")) + unit[2 + kept :]

    def _passed(self, bits: Bits) -> tuple[int, int, str]:
        """Read a header to its end; return where its references are, and what names none."""
        first = bits.flag()
        bits.flag()
        picture = self._pictures.get(bits.number())
        sequence = self._sequences.get(picture.sequence) if picture is not None else None
        if picture is None or sequence is None:
            raise ValueError("a slice without parameter sets")
        begin, end, instead = bits.at, bits.at, ""
        dependent = False
        if not first:
            dependent = picture.dependent and bits.flag()
            bits.fixed(sequence.address_bits)
        if not dependent:
            bits.fixed(picture.extra)
            if bits.number() != _INTRA:
                raise ValueError("a key picture that refers to others")
            bits.fixed(picture.shown + 2 * sequence.separate + sequence.order_bits)
            begin = bits.at
            instead = _references(bits, sequence)
            end = bits.at
            _pass_filters(bits, sequence, picture)
        if picture.entries:
            count = bits.number()
            if count:
                size = bits.number() + 1
                bits.fixed(count * size)
        if picture.extended:
            bits.fixed(8 * bits.number())
        return begin, end, instead


def _references(bits: Bits, sequence: _Sequence) -> str:
    """Pass the pictures a slice names; return what names none."""
    count = len(sequence.sets)
    if not bits.flag():
        _set(bits, sequence.sets, explicit=True)
    elif count > 1:
        bits.fixed((count - 1).bit_length())
    instead = "0" + "0" * bool(count) + "11"
    if sequence.lasting is None:
        return instead
    listed = bits.number() if sequence.lasting else 0
    for number in range(listed + bits.number()):
        if number < listed:
            bits.fixed((sequence.lasting - 1).bit_length())
        else:
            bits.fixed(sequence.order_bits + 1)
        if bits.flag():
            bits.number()
    return instead + "1" * bool(sequence.lasting) + "1"


def _pass_filters(bits: Bits, sequence: _Sequence, picture: _Picture) -> None:
    """Pass what an intra slice's header says between its references and its entry points."""
    bits.fixed(sequence.temporal)
    offset = False
    if sequence.offset:
        offset = bits.flag()
        if sequence.chroma:
            offset = bits.flag() or offset
    bits.skip(1 + 2 * picture.chroma)
    bits.fixed(picture.lists)
    sharp = picture.sharp
    if picture.changed and bits.flag():
        sharp = bits.flag()
        if not sharp:
            bits.skip(2)
    if picture.across and (offset or not sharp):
        bits.flag()


def _sequence(bits: Bits) -> tuple[int, _Sequence]:
    bits.fixed(4)
    further = bits.fixed(3)
    bits.flag()
    _pass_profiles(bits, further)
    number = bits.number()
    form = bits.number()
    separate = form == _SEPARATE_PLANES and bits.flag()
    width, height = bits.number(), bits.number()
    if bits.flag():
        bits.skip(4)
    bits.skip(2)
    order_bits = bits.number() + 4
    bits.skip(3 * (further + 1 if bits.flag() else 1))
    size = bits.number() + 3
    size += bits.number()
    bits.skip(4)
    if bits.flag() and bits.flag():
        _pass_scaling(bits)
    bits.flag()
    offset = bits.flag()
    if bits.flag():
        bits.fixed(8)
        bits.skip(2)
        bits.flag()
    count = bits.number()
    if count > _MOST_SETS or not 3 <= size <= 6:
        raise ValueError("a sequence parameter set that is none")
    sets: list[References] = []
    for _ in range(count):
        sets.append(_set(bits, sets))
    lasting = None
    if bits.flag():
        lasting = bits.number()
        bits.fixed(lasting * (order_bits + 1))
    blocks = -(-width // (1 << size)) * -(-height // (1 << size))
    return number, _Sequence(
        address_bits=(blocks - 1).bit_length() if blocks else 0,
        separate=separate,
        chroma=form > 0 and not separate,
        order_bits=order_bits,
        sets=tuple(sets),
        lasting=lasting,
        offset=offset,
        temporal=bits.flag(),
    )


def _picture(bits: Bits) -> tuple[int, _Picture]:
    number, sequence = bits.number(), bits.number()
    dependent, shown, extra = bits.flag(), bits.flag(), bits.fixed(3)
    bits.fixed(2)
    bits.skip(3)
    bits.flag()
    skipped = bits.flag()
    if bits.flag():
        bits.number()
    bits.skip(2)
    chroma = bits.flag()
    bits.fixed(3)
    tiles, rows = bits.flag(), bits.flag()
    if tiles:
        columns, lines = bits.number(), bits.number()
        if not bits.flag():
            bits.skip(columns + lines)
        bits.flag()
    across = bits.flag()
    changed = sharp = False
    if bits.flag():
        changed, sharp = bits.flag(), bits.flag()
        if not sharp:
            bits.skip(2)
    if bits.flag():
        _pass_scaling(bits)
    bits.flag()
    bits.number()
    extended = bits.flag()
    lists = bits.flag() and _lists(bits, skipped=skipped)
    return number, _Picture(
        sequence=sequence,
        dependent=dependent,
        shown=shown,
        extra=extra,
        chroma=chroma,
        entries=tiles or rows,
        across=across,
        changed=changed,
        sharp=sharp,
        extended=extended,
        lists=lists,
    )


def _lists(bits: Bits, *, skipped: bool) -> bool:
    """Return whether a picture parameter set's range extension lets blocks choose chroma's quantisation."""
    ranges = bits.flag()
    if bits.fixed(7):
        raise ValueError("a picture parameter set with unknown extensions")
    if not ranges:
        return False
    if skipped:
        bits.number()
    bits.flag()
    return bits.flag()


def _pass_profiles(bits: Bits, further: int) -> None:
    bits.fixed(96)
    if not further:
        return
    present = [(bits.flag(), bits.flag()) for _ in range(8)][:further]
    for profile, level in present:
        bits.fixed(88 * profile + 8 * level)


def _pass_scaling(bits: Bits) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if bits.flag():
                bits.skip((size > 1) + min(64, 16 << (2 * size)))
            else:
                bits.number()


def _set(bits: Bits, before: Sequence[References], *, explicit: bool = False) -> References:
    """Read a reference picture set, which may be told by how it differs from one before (H.265, 7.3.7 and 7.4.8)."""
    if not before or not bits.flag():
        counts = bits.number(), bits.number()
        if max(counts) > _MOST_PICTURES:
            raise ValueError("a set of too many pictures")
        return _places(bits, counts[0], -1), _places(bits, counts[1], 1)
    back = bits.number() + 1 if explicit else 1
    if back > len(before):
        raise ValueError("a set that differs from none")
    earlier, later = before[-back]
    less = bits.flag()
    apart = (bits.number() + 1) * (-1 if less else 1)
    known = [*earlier, *later, 0]
    used = [place + apart for place in known if bits.flag() or bits.flag()]
    return (
        tuple(sorted((one for one in used if one < 0), reverse=True)),
        tuple(sorted(one for one in used if one > 0)),
    )


def _places(bits: Bits, count: int, way: int) -> tuple[int, ...]:
    found, place = [], 0
    for _ in range(count):
        place += way * (bits.number() + 1)
        bits.flag()
        found.append(place)
    return tuple(found)
