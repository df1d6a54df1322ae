"""The size an HEVC decoder will find in a HEIC, whatever its container announces (ITU-T H.265, 7.3.2.2; 14496-15)."""

from mediamill.operations.images._headers import boxes

_INTO = frozenset((b"iprp", b"ipco"))
_SEQUENCE = 33
_GENERAL_PROFILE_BITS = 96


def coded_size(meta: bytes) -> tuple[int, int]:
    """Return the largest width and height that any coded picture of a HEIC has, (0, 0) where none is told.

    Args:
        meta: The boxes inside the file's `meta` box.
    """
    width = height = 0
    for kind, body in boxes(meta, _INTO):
        if kind == b"hvcC":
            for unit in _units(body):
                across, down = _size(unit)
                width, height = max(width, across), max(height, down)
    return width, height


def _units(configuration: bytes) -> list[bytes]:
    """Return the sequence parameter sets of a decoder configuration."""
    found, at = [], 23
    for _ in range(configuration[22] if len(configuration) > 22 else 0):
        kind, count = configuration[at] & 63 if at < len(configuration) else 0, _u16(configuration, at + 1)
        at += 3
        for _ in range(count):
            size = _u16(configuration, at)
            if kind == _SEQUENCE:
                found.append(configuration[at + 2 : at + 2 + size])
            at += 2 + size
            if at >= len(configuration):
                break
    return found


def _size(unit: bytes) -> tuple[int, int]:
    bits = _Bits(unit[2:].replace(b"\0\0\3", b"\0\0"))
    bits.read(4)
    layers = bits.read(3)
    bits.read(1 + _GENERAL_PROFILE_BITS)
    if layers:
        flags = [(bits.read(1), bits.read(1)) for _ in range(layers)]
        bits.read(2 * (8 - layers))
        for profile, level in flags:
            bits.read(88 * profile + 8 * level)
    bits.golomb()
    if bits.golomb() == 3:
        bits.read(1)
    return bits.golomb(), bits.golomb()


class _Bits:
    """Reads bits, the most significant first; behind the end there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            return 0
        return self._value >> self._left & ((1 << count) - 1)

    def golomb(self) -> int:
        """Return an unsigned Exp-Golomb number."""
        zeros = 0
        while self._left > 0 and not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")
