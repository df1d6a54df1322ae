"""Decoding times: for packets whose container tells only when they are shown, as Matroska does, and in order."""

from collections.abc import Iterator
from typing import Any

_APART = 0.001
"""Seconds packets of sound are apart at least: less may come to nothing in another container's ticks."""


def with_decoding_times(packets: Iterator[Any], index: int) -> Iterator[Any]:
    """Yield a container's packets, those of one stream all with the time they are decoded at.

    Where pictures are coded out of order, FFmpeg can tell decoding times of Matroska only after it has seen some; the
    first few packets then have none. They get times that lead up to the first one that is known.

    Args:
        packets: Of all streams, from a start or a seek on; packets without data, which end streams, pass.
        index: Of the stream.
    """
    waiting: list[Any] = []
    for packet in packets:
        if packet.stream_index != index:
            yield packet
        elif packet.dts is not None:
            yield from _led_up(waiting, packet.dts)
            yield packet
            break
        elif packet.size:
            waiting.append(packet)
    else:
        yield from _led_up(waiting, min((one.pts for one in waiting if one.pts is not None), default=0))
        return
    yield from packets


def _led_up(waiting: list[Any], known: int) -> Iterator[Any]:
    step = max(1, *(one.duration or 0 for one in waiting)) if waiting else 1
    for number, packet in enumerate(waiting):
        packet.dts = known - (len(waiting) - number) * step
        yield packet


class DecodingOrder:
    """Sees to it that the packets of each stream are decoded one after the other, as containers demand."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}

    def keeps(self, packet: Any) -> bool:
        """Return whether a packet may be written, its times mended where they are not after those before it.

        Pictures need each other and always are; sound that does not go on stays behind.
        """
        if packet.stream.type not in ("video", "audio"):
            return True
        last = self._last.get(packet.stream_index)
        if last is not None and packet.stream.type == "audio" and (packet.dts - last) * packet.time_base < _APART:
            return False
        if last is not None and packet.dts <= last:
            packet.dts = last + 1
            if packet.pts is not None:
                packet.pts = max(packet.pts, packet.dts)
        self._last[packet.stream_index] = packet.dts
        return True
