"""One clock for files whose own is set anew on the way, as that of transport streams put one behind the other.

Each jump begins a stretch with an offset of its own. Streams do not jump at the same packet, because a packet ends
where the next one of its stream begins; so each takes the stretch its packet fits into, and a single wrong time ends
none.
"""

from collections.abc import Iterator
from typing import Any

_JUMPING = ("mpegts",)
"""Formats whose clocks may be set anew."""

_BACK, _FORWARD = 0.1, 10.0
"""Seconds a packet may be decoded before and after the one before it without being called a jump."""

_MOST = 8
"""Stretches remembered: packets of one stream are not far behind those of another."""


def continuous(packets: Iterator[Any], format_name: str) -> Iterator[Any]:
    """Yield a container's packets in its order, with times that go on where the container's clock was set anew.

    Args:
        packets: Of all streams.
        format_name: The container's name, as sniffed.
    """
    if format_name not in _JUMPING:
        yield from packets
        return
    clock = _Clock()
    for packet in packets:
        if packet.size and packet.time_base:
            clock.place(packet)
        yield packet


class _Clock:
    def __init__(self) -> None:
        self._offsets = [0.0]
        self._current = 0.0
        self._last: dict[int, float] = {}
        self._due: dict[int, float] = {}

    def place(self, packet: Any) -> None:
        """Move a packet to where it belongs."""
        tick = float(packet.time_base)
        if packet.dts is not None and packet.stream.type in ("video", "audio"):
            index, time = packet.stream_index, packet.dts * tick
            self._current = offset = self._offset(index, time)
            self._last[index] = time + offset
            self._due[index] = time + offset + (packet.duration or 0) * tick
        if self._current:
            ticks = round(self._current / tick)
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks

    def _offset(self, index: int, time: float) -> float:
        last = self._last.get(index)
        if last is None:
            return self._current
        offset = min(self._offsets, key=lambda one: abs(time + one - last))
        if -_BACK <= time + offset - last <= _FORWARD:
            return offset
        offset = max(self._due.values()) - time
        self._offsets = [*self._offsets[-_MOST:], offset]
        return offset
