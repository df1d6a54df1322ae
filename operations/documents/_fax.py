"""Fax data, ITU-T T.4 and T.6, read row by row: of one or two dimensions, with or without ends of lines.

It is strict: what is not as the Recommendations have it is damaged, of which every reader makes something else.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

_WINDOW = 13
"""Bits of the longest code."""

_WHITE = (
    "00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101 101010 "
    "101011 0100111 0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100 0011000 00000010 "
    "00000011 00011010 00011011 00010010 00010011 00010100 00010101 00010110 00010111 00101000 00101001 00101010 "
    "00101011 00101100 00101101 00000100 00000101 00001010 00001011 01010010 01010011 01010100 01010101 00100100 "
    "00100101 01011000 01011001 01011010 01011011 01001010 01001011 00110010 00110011 00110100"
)
_BLACK = (
    "0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111 000011000 "
    "0000010111 0000011000 0000001000 00001100111 00001101000 00001101100 00000110111 00000101000 00000010111 "
    "00000011000 000011001010 000011001011 000011001100 000011001101 000001101000 000001101001 000001101010 "
    "000001101011 000011010010 000011010011 000011010100 000011010101 000011010110 000011010111 000001101100 "
    "000001101101 000011011010 000011011011 000001010100 000001010101 000001010110 000001010111 000001100100 "
    "000001100101 000001010010 000001010011 000000100100 000000110111 000000111000 000000100111 000000101000 "
    "000001011000 000001011001 000000101011 000000101100 000001011010 000001100110 000001100111"
)
"""Table 2/T.4: runs of 0 to 63."""

_LONG_WHITE = (
    "11011 10010 010111 0110111 00110110 00110111 01100100 01100101 01101000 01100111 011001100 011001101 011010010 "
    "011010011 011010100 011010101 011010110 011010111 011011000 011011001 011011010 011011011 010011000 010011001 "
    "010011010 011000 010011011"
)
_LONG_BLACK = (
    "0000001111 000011001000 000011001001 000001011011 000000110011 000000110100 000000110101 0000001101100 "
    "0000001101101 0000001001010 0000001001011 0000001001100 0000001001101 0000001110010 0000001110011 0000001110100 "
    "0000001110101 0000001110110 0000001110111 0000001010010 0000001010011 0000001010100 0000001010101 0000001011010 "
    "0000001011011 0000001100100 0000001100101"
)
_LONGER = (
    "00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110 000000010111 "
    "000000011100 000000011101 000000011110 000000011111"
)
"""Tables 3a and 3b/T.4: runs of 64, 128 and so on to 1728, and on to 2560."""

_MODES = "0000010 000010 010 1 011 000011 0000011 001 0001"
"""Table 1/T.6: vertical by -3 to 3, horizontal, and pass."""

_HORIZONTAL, _PASS = 4, 5

Table = list[tuple[int, int]]


class _DamagedError(Exception):
    """Data that are not as the Recommendations have them."""


def samples(data: bytes, parms: dict[str, Any], width: int, height: int) -> "Pixels | None":
    """Return the samples that fax data stand for; None where they are damaged, or not all there.

    Args:
        data: As a stream has them.
        parms: Of the filter CCITTFaxDecode.
        width: Pixels.
        height: Pixels.

    Returns:
        Shape (height, width), 0 and 1 as PDF means them.
    """
    import numpy as np

    if parms.get("/Columns", 1728) != width or 0 < parms.get("/Rows", 0) < height:
        return None
    rows = _Rows(data, width, int(parms.get("/K", 0)), aligned=bool(parms.get("/EncodedByteAlign", False)))
    changes: list[list[int]] = []
    try:
        for _ in range(height):
            changes.append(rows.next(changes[-1] if changes else []))
    except _DamagedError:
        return None
    flips = np.zeros((height, width), np.uint8)
    counts = [len(row) for row in changes]
    flips[np.repeat(np.arange(height), counts), np.array([at for row in changes for at in row], np.intp)] = 1
    if not parms.get("/BlackIs1", False):
        flips[:, 0] ^= 1
    return np.asarray(np.bitwise_xor.accumulate(flips, axis=1))


def _table(codes: list[tuple[str, int]]) -> Table:
    """Return for each window of bits what it begins with, and the length of its code, which is 0 where it is none."""
    found = [(0, 0)] * (1 << _WINDOW)
    for code, value in codes:
        rest = _WINDOW - len(code)
        begin = int(code, 2) << rest
        found[begin : begin + (1 << rest)] = [(value, len(code))] * (1 << rest)
    return found


def _runs(short: str, long: str) -> Table:
    both = [*enumerate(short.split())] + [
        (64 * at, code) for at, code in enumerate([*long.split(), *_LONGER.split()], 1)
    ]
    return _table([(code, run) for run, code in both])


class _Rows:
    """Rows on their way out of the data."""

    def __init__(self, data: bytes, width: int, k: int, *, aligned: bool) -> None:
        import numpy as np

        padded = np.frombuffer(data + bytes(8), np.uint8).astype(np.uint32)
        three = padded[:-2] << np.uint32(16) | padded[1:-1] << np.uint32(8) | padded[2:]
        shifts = np.arange(24 - _WINDOW, 16 - _WINDOW, -1, dtype=np.uint32)
        windows = three[:, None] >> shifts & np.uint32((1 << _WINDOW) - 1)
        self._windows = memoryview(windows.astype(np.uint16).tobytes()).cast("H")
        self._at, self._end, self._width, self._k, self._aligned = 0, 8 * len(data), width, k, aligned
        self._runs = _runs(_WHITE, _LONG_WHITE), _runs(_BLACK, _LONG_BLACK)
        values = (*range(-3, 4), _HORIZONTAL, _PASS)
        self._modes = _table(list(zip(_MODES.split(), values, strict=True)))

    def next(self, above: list[int]) -> list[int]:
        """Return where the next row changes its colour, of which the one above is known."""
        if self._aligned:  # below zero, k says that all rows have two dimensions; above, each says which
            self._at = -(-self._at // 8) * 8
        self._skip_end_of_line()
        flat = self._k == 0
        if self._k > 0:
            flat = bool(self._window() >> _WINDOW - 1)
            self._at += 1
        return self._flat() if flat else self._relative(above)

    def _window(self) -> int:
        if self._at >= self._end:
            raise _DamagedError
        return self._windows[self._at]

    def _skip_end_of_line(self) -> None:
        at = self._at
        while at < self._end and not self._windows[at] >> 1:
            at += 1
        if at < self._end and self._windows[at] >> 1 == 1:
            self._at = at + _WINDOW - 1

    def _run(self, colour: int) -> int:
        table, total = self._runs[colour], 0
        while True:
            run, size = table[self._window()]
            if not size:
                raise _DamagedError
            self._at += size
            total += run
            if run < 64:
                return total

    def _put(self, changes: list[int], at: int) -> None:
        """Note a change; one at the same place as the one before undoes that."""
        if at > self._width:
            raise _DamagedError
        if changes and changes[-1] == at:
            changes.pop()
        elif at < self._width:
            changes.append(at)

    def _flat(self) -> list[int]:
        changes: list[int] = []
        at = colour = 0
        while at < self._width:
            at += self._run(colour)
            self._put(changes, at)
            colour = 1 - colour
        return changes

    def _relative(self, above: list[int]) -> list[int]:
        """Read a row whose changes are told by those of the row above (T.6, 2.2)."""
        width = self._width
        above = [*above, width, width, width]
        changes: list[int] = []
        at, colour, other = -1, 0, 0
        while at < width:
            while above[other] <= at and above[other] < width:
                other += 2
            mode, size = self._modes[self._window()]
            if not size:
                raise _DamagedError
            self._at += size
            if mode == _PASS:
                at = above[other + 1]
            elif mode == _HORIZONTAL:
                first = max(at, 0) + self._run(colour)
                self._put(changes, first)
                at = first + self._run(1 - colour)
                self._put(changes, at)
            else:
                if above[other] + mode < max(at, 0):
                    raise _DamagedError
                at = above[other] + mode
                self._put(changes, at)
                colour, other = 1 - colour, other - 1 if other else 1
        return changes
