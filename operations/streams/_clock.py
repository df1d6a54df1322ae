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

_FOREIGN = ("h264", "hevc")
"""Codings Windows Media was not made for: of its own ones it tells when pictures are shown."""


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
        codec: FFmpeg's name of the stream's coding.

    Attributes:
        guesses: Whether frames' own times are of no use.
    """

    def __init__(self, format_name: str, codec: str) -> None:
        self.guesses = format_name in _ORDERED or (format_name == "asf" and codec in _FOREIGN)
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


class Due:
    """Gives frames of sound that have no time the end of those before them, as decoders leave it with their last ones.

    Windows Media's holds some back until the stream ends, and then knows of no packet they came in.
    """

    def __init__(self) -> None:
        self._end: Fraction | None = None

    def set(self, frame: Any) -> None:
        """Give a frame its time where it has none."""
        if frame.pts is None and self._end is not None:
            frame.pts = round(self._end / frame.time_base)
        if frame.pts is not None:
            self._end = frame.pts * frame.time_base + Fraction(frame.samples, frame.sample_rate)
