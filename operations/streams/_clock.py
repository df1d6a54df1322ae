"""When frames are shown, for containers that only say when they are decoded.

AVI counts frames in the order they are stored. For codings that store pictures in another order than they are shown
in, FFmpeg's libraries make up times that go back and forth; since decoders put frames into their right order, the
times of the packets, sorted, are those of the frames.
"""

import heapq
from typing import Any

_ORDERED = ("avi",)
"""Formats that tell the order of storage alone."""


class Clock:
    """Gives the frames of one stream their times.

    Args:
        format_name: The container's name, as sniffed.
    """

    def __init__(self, format_name: str) -> None:
        self._guesses = format_name in _ORDERED
        self._waiting: list[int] = []

    def fed(self, packet: Any) -> None:
        """Note a packet that goes to the decoder."""
        if self._guesses and packet.size and packet.dts is not None:
            heapq.heappush(self._waiting, packet.dts)

    def failed(self) -> None:
        """Note that a packet gave no frame and never will."""
        if self._waiting:
            heapq.heappop(self._waiting)

    def set(self, frame: Any) -> None:
        """Correct the time of a frame that came out of the decoder."""
        if self._guesses and self._waiting:
            frame.pts = heapq.heappop(self._waiting)
