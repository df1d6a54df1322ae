"""One clock for files whose own is set anew on the way, as that of transport streams put one behind the other.

Each jump begins a stretch with an offset of its own. Streams do not jump at the same packet, because a packet ends
where the next one of its stream begins; so each takes the stretch its packet fits into, and a single wrong time ends
none.
"""

from collections.abc import Iterator
from typing import Any

from mediamill.operations.streams._damage import Damage

_JUMPING = ("mpegts", "mpegps")
"""Formats whose clocks may be set anew."""

_BACK, _FORWARD = 1.0, 10.0
"""Seconds a packet may be decoded before and after the one before it: less is damage, or a pause, and no jump."""

_FAR = 60.0
"""Seconds without sound after which a frame needs another one to be believed."""

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


class Lone:
    """Leaves out frames of sound that are far from all others: what is missing before them would be filled for hours.

    Args:
        damage: Counts them.
    """

    def __init__(self, damage: Damage) -> None:
        self._damage = damage
        self._end: float | None = None
        self._held: Any = None

    def sifted(self, frame: Any) -> tuple[Any, ...]:
        """Return the frames that may go on: one that is far from those before it waits for one that follows it."""
        held, self._held = self._held, None
        start, end = _span(frame)
        if held is not None:
            if abs(start - _span(held)[1]) <= _BACK:
                self._end = end
                return held, frame
            self._damage.note(ValueError("a frame far from all others"))
        if self._end is not None and start - self._end > _FAR:
            self._held = frame
            return ()
        self._end = end
        return (frame,)


def _span(frame: Any) -> tuple[float, float]:
    start = float(frame.pts * frame.time_base)
    return start, start + frame.samples / frame.sample_rate


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
        if packet.pts is not None and packet.dts is not None and abs(packet.pts - packet.dts) * tick > _FORWARD:
            packet.pts = packet.dts

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
