"""Whether a coded picture stays within a bitrate: the buffer of a player that gets it at that rate never runs dry."""

from typing import Any

from mediamill.operations.video._codecs import BUFFER_SECONDS

_FULL_AT_START = 0.9
"""How full the buffer is when the first picture is taken out of it, as x264 has it."""


class Cap:
    """A player's buffer (ITU-T H.264, C.1.1): filled at a constant rate up to its size, emptied picture by picture.

    Args:
        bitrate: Bits a second; None for no cap.

    Attributes:
        exceeded: Whether a picture was larger than what was in the buffer.
    """

    def __init__(self, bitrate: int | None) -> None:
        self._rate = bitrate
        self._size = float(BUFFER_SECONDS * (bitrate or 0))
        self._held = self._size * _FULL_AT_START
        self._time: float | None = None
        self.exceeded = False

    def take(self, packet: Any) -> None:
        """Take the next coded picture out, at the time it is decoded."""
        if self._rate is None:
            return
        time = float(packet.dts * packet.time_base)
        if self._time is not None:
            self._held = min(self._size, self._held + self._rate * (time - self._time))
        self._time = time
        self._held -= 8 * packet.size
        self.exceeded = self.exceeded or self._held < 0
