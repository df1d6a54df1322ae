"""The syntax elements of coded pictures' headers, and the bytes that keep start codes from being seen in them.

Numbers stand in so many bits, or in Exp-Golomb codes, which tell by the zeros in front how long they are (ITU-T H.264,
7.2 and 9.1; H.265, 7.2 and 9.2).
"""

import re

_ESCAPE = re.compile(rb"\0\0(?=[\0-\3])")


class Bits:
    """Reads a unit's syntax elements.

    Args:
        data: Without the bytes that keep start codes from being seen.
    """

    def __init__(self, data: bytes) -> None:
        self.text = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}" if data else ""
        self.at = 0

    def fixed(self, count: int) -> int:
        """Return an unsigned number of some bits.

        Raises:
            ValueError: There is none.
        """
        found = self.text[self.at : self.at + count]
        if len(found) != count:
            raise ValueError("a unit ends early")
        self.at += count
        return int(found, 2) if count else 0

    def flag(self) -> bool:
        """Return one bit."""
        return self.fixed(1) == 1

    def number(self) -> int:
        """Return an unsigned Exp-Golomb code; signed ones are as long.

        Raises:
            ValueError: There is none.
        """
        zeros = self.text.find("1", self.at) - self.at
        if not 0 <= zeros <= 32:
            raise ValueError("a unit holds no number")
        self.at += zeros
        return self.fixed(zeros + 1) - 1

    def skip(self, count: int) -> None:
        """Pass some Exp-Golomb codes."""
        for _ in range(count):
            self.number()


def escaped(data: bytes) -> bytes:
    """Return a unit's content so that no start code is seen in it."""
    return _ESCAPE.sub(b"\0\0\3", data)


def plain(data: bytes) -> bytes:
    """Return a unit's content without the bytes that keep start codes from being seen."""
    return data.replace(b"\0\0\3", b"\0\0")


def stored(data: bytes, count: int) -> int:
    """Return how many bytes of a unit hold so many without those that keep start codes from being seen."""
    zeros = at = 0
    while count:
        if zeros >= 2 and data[at] == 3:
            zeros = 0
        else:
            zeros = zeros + 1 if not data[at] else 0
            count -= 1
        at += 1
    return at
