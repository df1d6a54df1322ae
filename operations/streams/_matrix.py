"""Display matrices: how a stored picture is to be turned and mirrored to be seen upright.

Containers hold nine numbers per track (ISO 14496-12, 8.3.2), of which four say how the axes go. Phones use the four
quarter turns, and front cameras and screen recorders their mirrored versions: eight cases in all.
"""

import math
import struct

from msgspec import Struct


class Turn(Struct, frozen=True):
    """What makes a stored picture upright: first mirrored left to right, then turned.

    Attributes:
        degrees: Clockwise: 0, 90, 180 or 270.
        mirrored: Whether it is mirrored first.
    """

    degrees: int = 0
    mirrored: bool = False

    @property
    def swaps(self) -> bool:
        """Whether width and height change places."""
        return self.degrees in (90, 270)

    @property
    def filters(self) -> tuple[str, ...]:
        """FFmpeg's filters that do it."""
        return _FILTERS[self.degrees, self.mirrored]


_FILTERS: dict[tuple[int, bool], tuple[str, ...]] = {
    (0, False): (),
    (90, False): ("transpose=clock",),
    (180, False): ("hflip", "vflip"),
    (270, False): ("transpose=cclock",),
    (0, True): ("hflip",),
    (90, True): ("transpose=clock_flip",),
    (180, True): ("vflip",),
    (270, True): ("transpose=cclock_flip",),
}


def read_matrix(data: bytes) -> Turn:
    """Return the nearest of the eight turns a display matrix stands for; no turn where it is degenerate.

    Args:
        data: Nine native 32-bit integers, row by row, as FFmpeg's side data holds them.
    """
    if len(data) < 36:
        return Turn()
    a, b, _, c, d = struct.unpack("=5i", data[:20])
    determinant = a * d - b * c
    if determinant == 0:
        return Turn()
    # Points go to (a*x + c*y, b*x + d*y) on a screen whose y axis points down, so a positive b turns clockwise. A
    # mirror before the turn negates the first column.
    mirrored = determinant < 0
    angle = math.degrees(math.atan2(-b, -a) if mirrored else math.atan2(b, a))
    return Turn(round(angle / 90) % 4 * 90, mirrored)
