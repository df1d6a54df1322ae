"""Reading a span of a film or sound: decoded, its times counted from the span's start, its damage counted."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from mediamill.operations.streams._av import av
from mediamill.operations.streams._clock import Clock, Due, seconds
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._dts import Fitting, with_decoding_times
from mediamill.operations.streams._facts import MediaFacts
from mediamill.operations.streams._jumps import Lone, continuous
from mediamill.operations.streams._open import packets, seeks_well
from mediamill.operations.streams._samples import mend

if TYPE_CHECKING:
    from av.container import InputContainer

Kind = Literal["video", "audio", "copy"]
Unit = tuple[Kind, Any]
"""A decoded frame, or a packet to be copied."""

_EDGE = 1e-6
"""Seconds a frame may begin before the span and still count: times are whole ticks."""


_SUSPICIOUS = ("mpegts",)
"""Formats that call packets torn which are next to what is missing."""

_LAST = 1.0
"""Seconds a file's last packet may reach beyond the end its header tells."""


class Span(Struct, frozen=True, kw_only=True):
    """The part that is taken, in seconds of the source's own clock; no end is the end of the file."""

    start: float
    end: float | None = None


class Wanted(Struct, frozen=True, kw_only=True):
    """What is read: indices of streams.

    Attributes:
        video: Decoded.
        audio: Decoded.
        copied: Left as packets.
        checked: Whether those are decoded as well, to see that they can be.
    """

    video: int | None = None
    audio: int | None = None
    copied: tuple[int, ...] = ()
    checked: bool = False


class Reader:
    """Reads the wanted streams of an opened container, once.

    Args:
        source: The container.
        facts: What it is.
        span: What part is taken.
        wanted: Which streams.
        damage: Counts what cannot be decoded.
        threads: How many a decoder may use.
    """

    def __init__(
        self, source: "InputContainer", facts: MediaFacts, span: Span, wanted: Wanted, damage: Damage, threads: int
    ) -> None:
        self._source = source
        self._facts = facts
        self._span = span
        self._wanted = wanted
        self._damage = damage
        self._threads = threads
        self._clock = Clock(facts.format, facts.video.codec if facts.video is not None else "")
        self._fitting = Fitting()
        self._lone = Lone(damage)
        self._due = Due()
        self._packets_of_picture = 0
        self._frames_of_picture = 0
        self._whole = span.start <= facts.start + _EDGE
        self.ended = 0.0
        """Seconds of the span that have been read, of any stream."""

    @property
    def expected(self) -> float:
        """How many seconds the span should last, by the file's header."""
        whole = self._facts.start + self._facts.duration
        end = whole if self._span.end is None else min(self._span.end, whole)
        return max(0.0, end - self._span.start)

    def units(self) -> Iterator[Unit]:
        """Yield frames and packets in the order of the file, their times counted from the start of the span.

        Raises:
            CorruptInput: The file is damaged and the job strict.
        """
        wanted = self._wanted
        indices = {index for index in (wanted.video, wanted.audio, *wanted.copied) if index is not None}
        if wanted.video is not None:
            context = self._source.streams[wanted.video].codec_context
            context.thread_type, context.thread_count = "AUTO", self._threads
        self._seek()
        going = set(indices)
        expected = self.expected
        for packet in self._packets():
            index = packet.stream.index  # the packets that end a stream bear no number of it
            if packet.pts is not None and packet.time_base:
                end = seconds(packet.pts + (packet.duration or 0), packet.time_base)
                self.ended = max(self.ended, within(end - self._span.start, expected))
            if index not in going:
                continue
            units, over = self._read(packet)
            yield from units
            if over:
                going.discard(index)
                if not going:
                    break
        self._damage.gave(self._frames_of_picture, self._packets_of_picture)
        self._damage.ended(self.ended, self.expected)

    def _seek(self) -> None:
        if self._whole or not seeks_well(self._source):
            return
        try:
            self._source.seek(int(self._span.start * av().time_base), backward=True)
        except av().FFmpegError:  # what cannot be sought is read from its start
            return

    def _packets(self) -> Iterator[Any]:
        picture = self._facts.video.index if self._facts.video is not None else -1
        going_on = continuous(self._demuxed(), self._facts.format)
        return with_decoding_times(going_on, picture) if picture in self._wanted.copied else going_on

    def _demuxed(self) -> Iterator[Any]:
        found = packets(self._source)  # of all streams: where the last one ends is where the file does
        while True:
            try:
                yield next(found)
            except StopIteration:
                return
            except av().FFmpegError as error:
                self._damage.note(error)
                return

    def _read(self, packet: Any) -> tuple[list[Unit], bool]:
        """Return what a packet gives, and whether its stream has left the span."""
        index, wanted = packet.stream.index, self._wanted
        units: list[Unit] = []
        over = False
        if index in wanted.copied and packet.dts is not None:
            time = seconds(packet.pts if packet.pts is not None else packet.dts, packet.time_base)
            over = self._is_over(time)
            # What comes before a whole file's start is what its sound's decoder has to be fed to begin well.
            if not over and (self._whole or time >= self._span.start - _EDGE):
                units += self._copied(packet)
        if index not in (wanted.video, wanted.audio):
            return units, over
        kind: Kind = "video" if index == wanted.video else "audio"
        frames = self._decoded(packet, kind)
        if kind == "video":
            self._packets_of_picture += bool(packet.size and not packet.is_discard)
            self._frames_of_picture += len(frames)
        for frame in frames:
            if frame.pts is None:
                self._damage.note(ValueError("a frame without a time"))
                continue
            time = seconds(frame.pts, frame.time_base)
            if self._is_over(time):
                return units, True
            if time < self._span.start - _EDGE:
                continue
            if frame.is_corrupt:
                self._damage.note(ValueError("a frame with holes"))
            if self._span.start:
                frame.pts -= round(self._span.start / frame.time_base)
            units += ((kind, one) for one in (self._lone.sifted(frame) if kind == "audio" else (frame,)))
        return units, over

    def _copied(self, packet: Any) -> Iterator[Unit]:
        kind = packet.stream.type
        if self._wanted.checked and kind in ("video", "audio"):
            self._check(packet)
        self._shift(packet)
        if packet.is_corrupt and self._facts.format not in _SUSPICIOUS:
            self._damage.note(ValueError("a packet with holes"))
            if kind == "audio":
                return
        if self._fitting.keeps(packet):
            yield "copy", packet
        else:
            self._damage.note(ValueError("a packet that does not fit"))

    def _check(self, packet: Any) -> None:
        try:
            frames = packet.decode()
        except av().FFmpegError as error:
            self._damage.note(error)
            return
        if any(frame.is_corrupt for frame in frames):
            self._damage.note(ValueError("a frame with holes"))

    def _decoded(self, packet: Any, kind: Kind) -> list[Any]:
        if kind == "video":
            self._clock.fed(packet)
        try:
            frames: list[Any] = packet.decode()
        except av().FFmpegError as error:
            if kind == "video":
                self._clock.failed()
            self._damage.note(error)
            return []
        for frame in frames:
            if kind == "video":
                self._clock.set(frame)
            else:
                self._due.set(frame)
                if mend(frame):
                    self._damage.note(ValueError("samples that are no numbers"))
        return frames

    def _is_over(self, time: float) -> bool:
        return self._span.end is not None and time >= self._span.end - _EDGE

    def _shift(self, packet: Any) -> None:
        ticks = round(self._span.start / packet.time_base)
        if packet.pts is not None:
            packet.pts -= ticks
        packet.dts -= ticks


def within(seconds: float, expected: float) -> float:
    """Return how long something lasts of which the last packet may reach beyond the end that is told, 0 for none."""
    return expected if expected and expected < seconds < expected + _LAST else seconds
