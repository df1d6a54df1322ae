"""When frames are shown: ticks as seconds, and times for containers that only say when frames are decoded.

AVI counts frames in the order they are stored. For codings that store pictures in another order than they are shown
in, FFmpeg's libraries make up times that go back and forth; since decoders put frames into their right order, the
times of the packets, sorted, are those of the frames.
"""

import heapq
from fractions import Fraction
from typing import Any

_ORDERED = ("avi",)
"""Formats that tell the order of storage alone."""


def seconds(ticks: int, tick: Fraction) -> float:
    """Return ticks as seconds: what multiplying by the fraction gives, for a tenth of the time, packet by packet."""
    return ticks * tick.numerator / tick.denominator


def recounted(ticks: int, tick: Fraction, other: Fraction) -> int:
    """Return ticks counted in another tick, rounded; where it is the same one they stay as they are."""
    return ticks if tick == other else round(ticks * tick / other)


class Clock:
    """Gives the frames of one stream their times.

    Args:
        format_name: The container's name, as sniffed.

    Attributes:
        guesses: Whether frames' own times are of no use.
    """

    def __init__(self, format_name: str) -> None:
        self.guesses = format_name in _ORDERED
        self._waiting: list[int] = []

    def fed(self, packet: Any) -> None:
        """Note a packet that goes to the decoder."""
        if self.guesses and packet.size and packet.dts is not None:
            heapq.heappush(self._waiting, packet.dts)

    def failed(self) -> None:
        """Note that a packet gave no frame and never will."""
        if self._waiting:
            heapq.heappop(self._waiting)

    def set(self, frame: Any) -> None:
        """Correct the time of a frame that came out of the decoder."""
        if self.guesses and self._waiting:
            frame.pts = heapq.heappop(self._waiting)
