"""The MQ coder: adaptive binary arithmetic coding, ITU-T T.88 (JBIG2), annex E.

It codes one decision after the other and cannot be vectorised. But most decisions are the likely one of a context that
is used many times in a row, and as long as the interval does not get too small, all of these are one addition: a run
costs what one decision does.
"""

from collections.abc import Iterable

_PROBABILITIES = (
    (0x5601, 1, 1, 1), (0x3401, 2, 6, 0), (0x1801, 3, 9, 0), (0x0AC1, 4, 12, 0), (0x0521, 5, 29, 0),
    (0x0221, 38, 33, 0), (0x5601, 7, 6, 1), (0x5401, 8, 14, 0), (0x4801, 9, 14, 0), (0x3801, 10, 14, 0),
    (0x3001, 11, 17, 0),
    (0x2401, 12, 18, 0), (0x1C01, 13, 20, 0), (0x1601, 29, 21, 0), (0x5601, 15, 14, 1), (0x5401, 16, 14, 0),
    (0x5101, 17, 15, 0), (0x4801, 18, 16, 0), (0x3801, 19, 17, 0), (0x3401, 20, 18, 0), (0x3001, 21, 19, 0),
    (0x2801, 22, 19, 0), (0x2401, 23, 20, 0), (0x2201, 24, 21, 0), (0x1C01, 25, 22, 0), (0x1801, 26, 23, 0),
    (0x1601, 27, 24, 0), (0x1401, 28, 25, 0), (0x1201, 29, 26, 0), (0x1101, 30, 27, 0), (0x0AC1, 31, 28, 0),
    (0x09C1, 32, 29, 0), (0x08A1, 33, 30, 0), (0x0521, 34, 31, 0), (0x0441, 35, 32, 0), (0x02A1, 36, 33, 0),
    (0x0221, 37, 34, 0), (0x0141, 38, 35, 0), (0x0111, 39, 36, 0), (0x0085, 40, 37, 0), (0x0049, 41, 38, 0),
    (0x0025, 42, 39, 0), (0x0015, 43, 40, 0), (0x0009, 44, 41, 0), (0x0005, 45, 42, 0), (0x0001, 45, 43, 0),
    (0x5601, 46, 46, 0),
)  # fmt: skip
"""Table E.1: the unlikely decision's share of the interval, the rows after a likely and an unlikely one, and whether
the two change places."""

_SHARES = [row[0] for row in _PROBABILITIES for _ in (0, 1)]
_AFTER = [state for row in _PROBABILITIES for state in (2 * row[1], 2 * row[2] + 1 - row[3])]
"""The same by state: twice the row, plus 1 where the decision is not the likely one."""


def encode(contexts: int, decisions: Iterable[int], counts: Iterable[int]) -> bytes:
    """Code decisions.

    Args:
        contexts: How many contexts there are, each of which adapts on its own.
        decisions: Twice the context, and 0 or 1.
        counts: How many times in a row each comes.

    Returns:
        The coded data, ended by the marker FF AC.
    """
    states = [0] * contexts
    shares, after = _SHARES, _AFTER
    out = bytearray(1)  # the byte before the first one, which a carry never reaches
    interval, code, shifts = 0x8000, 0, 12
    for value, count in zip(decisions, counts, strict=True):
        context, decision = value >> 1, value & 1
        state = states[context] ^ decision
        while True:
            share = shares[state]
            if state & 1:
                count -= 1
                interval -= share
                code, interval = (code + share, interval) if interval < share else (code, share)
            else:
                free = (interval - 0x8000) // share if count > 1 else interval - share >= 0x8000
                if free >= count:
                    interval -= count * share
                    code += count * share
                    break
                count -= free + 1
                interval -= (free + 1) * share
                code += free * share
                code, interval = (code, share) if interval < share else (code + share, interval)
            state = after[state]
            step = 16 - interval.bit_length()
            interval <<= step
            while step >= shifts:
                step -= shifts
                code, shifts = _byte_out(out, code << shifts)
            code <<= step
            shifts -= step
            if not count:
                break
        states[context] = state ^ decision
    return _flushed(out, interval, code, shifts)


def _byte_out(out: bytearray, code: int) -> tuple[int, int]:
    """Move a byte out of the code register; return the register, and how many shifts it takes until the next one."""
    if out[-1] != 0xFF and code >= 0x8000000:
        out[-1] += 1
        code &= 0x7FFFFFF
    if out[-1] == 0xFF:
        out.append(code >> 20 & 0xFF)
        return code & 0xFFFFF, 7
    out.append(code >> 19 & 0xFF)
    return code & 0x7FFFF, 8


def _flushed(out: bytearray, interval: int, code: int, shifts: int) -> bytes:
    top = code + interval
    code |= 0xFFFF
    if code >= top:
        code -= 0x8000
    for _ in range(2):
        code, shifts = _byte_out(out, code << shifts)
    if out[-1] != 0xFF:
        out.append(0xFF)
    out.append(0xAC)
    return bytes(out[1:])
