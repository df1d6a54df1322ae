"""Decoding times: for packets whose container tells only when they are shown, and one after the other for all."""

from collections.abc import Iterator
from typing import Any

_ADTS_BYTES, _ADTS_RATES = 7, 13
"""Length of AAC's header, and how many sample rates it can name."""

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


class Fitting:
    """Sees to it that packets that are copied can be written: containers refuse a film for one that cannot."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self._streams: dict[int, tuple[str, bool, float]] = {}

    def keeps(self, packet: Any) -> bool:
        """Return whether a packet may be written, its times mended where they are not after those before it.

        Pictures need each other and always are; sound that does not go on, or has lost its header, stays behind.
        """
        index = packet.stream_index
        kind, headed, apart = self._streams.get(index) or self._look(packet)
        if kind not in ("video", "audio"):
            return True
        last = self._last.get(index)
        if kind == "audio":
            if headed and _lacks_header(packet):
                return False
            if last is not None and packet.dts - last < apart:
                return False
        if last is not None and packet.dts <= last:
            packet.dts = last + 1
            if packet.pts is not None:
                packet.pts = max(packet.pts, packet.dts)
        self._last[index] = packet.dts
        return True

    def _look(self, packet: Any) -> tuple[str, bool, float]:
        """Return a stream's kind, whether its packets have headers, and how many ticks they are apart at least.

        AAC of transport streams has a header in each packet (ISO 13818-7, 6.2).
        """
        stream = packet.stream
        context = stream.codec_context
        headed = context is not None and context.name == "aac" and not context.extradata
        found = stream.type, headed, _APART / float(packet.time_base)
        self._streams[packet.stream_index] = found
        return found


def _lacks_header(packet: Any) -> bool:
    """Return whether a packet's header is lost."""
    if packet.size < _ADTS_BYTES:
        return True
    header = int.from_bytes(memoryview(packet)[:_ADTS_BYTES], "big")
    begins, rate, length = header >> 44 == 0xFFF, header >> 34 & 0xF, header >> 13 & 0x1FFF
    return not (begins and rate < _ADTS_RATES and length >= _ADTS_BYTES)
