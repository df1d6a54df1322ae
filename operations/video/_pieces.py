"""A film's picture on its way into a cut: copied but for its edges, or coded anew where that cannot be trusted."""

from collections.abc import Iterator
from typing import Any

from mediamill.operations.streams._av import av
from mediamill.operations.streams._clock import Clock
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._dts import with_decoding_times
from mediamill.operations.streams._facts import VideoFacts
from mediamill.operations.streams._open import packets
from mediamill.operations.video import _mpeg2
from mediamill.operations.video._cut import SLIVER, Cut, early, to_key
from mediamill.operations.video._edges import Edge, Joint, Ranks
from mediamill.operations.video._graph import VideoFilter


class Changed(Exception):
    """The film changes on its way what its container says of it once, so nothing may be joined to it."""


def is_first(packet: Any, pts: int) -> bool:
    """Return whether a packet is the key picture shown at a time."""
    return bool(packet.is_keyframe) and pts == (packet.dts if packet.pts is None else packet.pts)


class Frames:
    """Decodes a part of a film: frames from a moment to another, the first one shown from that moment on.

    Args:
        source: The container.
        video: Its picture.
        start, end: Ticks of the picture's clock.
        damage: Counts what cannot be decoded.
        threads: How many the decoder may use.
    """

    def __init__(self, source: Any, video: VideoFacts, start: int, end: int, damage: Damage, threads: int) -> None:
        self._context = source.streams[video.index].codec_context
        self._context.flush_buffers()
        self._start, self._end = start, end
        self._tick = video.tick
        self._sliver = SLIVER / float(video.tick)
        self._damage = damage
        self._clock = Clock(source.format.name, video.codec)
        self._ranks = Ranks()
        self._before: tuple[Any, int] | None = None
        self.over = False
        if not self._context.is_open:
            self._context.thread_type, self._context.thread_count = "AUTO", threads

    def end_before(self, end: int) -> None:
        """End where a picture is shown that is not wanted any more."""
        self._end = min(self._end, end)

    def take(self, packet: Any) -> Iterator[tuple[Any, int]]:
        """Yield the frames a packet gives, each with the time it may be decoded at; None for the end."""
        if packet is not None and not packet.is_discard:
            self._ranks.read(packet.dts)
        if packet is not None:
            self._clock.fed(packet)
        try:
            frames = self._context.decode(packet)
        except av().FFmpegError as error:
            self._damage.note(error)
            self._clock.failed()
            frames = []
        for frame in frames:
            self._clock.set(frame)
            yield from self._shown(frame)
        if packet is None and self._before is not None:
            yield self._before
            self._before = None

    def _shown(self, frame: Any) -> Iterator[tuple[Any, int]]:
        dts = self._ranks.shown()
        if frame.pts is None:
            self._damage.note(ValueError("a frame without a time"))
            return
        frame.time_base = self._tick
        if self.over or frame.pts >= self._end - self._sliver:
            self.over = True
            if self._before is not None:
                yield self._before
                self._before = None
            return
        if frame.is_corrupt:
            self._damage.note(ValueError("a frame with holes"))
        if frame.pts <= self._start:
            if frame.duration:
                frame.duration = max(1, frame.duration - (self._start - frame.pts))
            frame.pts = self._start
            self._before = frame, dts
            return
        if self._before is not None and frame.pts - self._start >= self._sliver:
            yield self._before
        self._before = None
        yield frame, dts


class CopiedPiece:
    """Copies packets, and codes the pictures anew that are shown before the first and after the last of them.

    Args:
        source: The container, opened.
        made: The output's stream.
        video: Its picture.
        cut: What is taken.
        joint: How edges are coded; None where nothing has to be.
        tail: What `coded_tail` gave.
        damage: Counts what is wrong with the source.
        threads: How many a decoder and an encoder may use.
        signed: Whether the encoder may write its settings into the film.

    Attributes:
        copied: Number of pictures that stay as they are.
        coded: Number of those coded anew.
        ended: Seconds from the cut's start, of what is there.
    """

    def __init__(
        self,
        source: Any,
        made: Any,
        video: VideoFacts,
        cut: Cut,
        joint: Joint | None,
        tail: list[Any],
        damage: Damage,
        threads: int,
        *,
        signed: bool,
    ) -> None:
        self._made = made
        self._cut = cut
        self._video = video
        self._joint = joint
        self._tick = float(video.tick)
        self._end = cut.end - SLIVER / self._tick
        self._begun = False
        self._from: int | None = None
        self._clock: int | None = None
        self._tail = tail
        self._head: tuple[Frames, Edge] | None = None
        self._key: Any = None
        self._key_data = b""
        self._key_fed = False
        self._left_out = 0
        self.over = False
        self.copied = self.coded = 0
        self.ended = 0.0
        if joint is not None and cut.head:
            frames = Frames(source, video, cut.start, cut.end, damage, threads)
            self._head = frames, Edge(video, joint, threads, signed=signed)

    def take(self, packet: Any) -> Iterator[Any]:
        """Yield packets for the output, timed from the cut's start."""
        if not self._begun and not is_first(packet, self._cut.first):
            return
        self._begun = True
        if self._key is not None:
            if packet.pts is not None and packet.pts < self._key.pts:
                yield from self._led(packet)
                return
            yield from self._joined()
        elif self._head is not None:
            if self._joins(packet):
                self._key = packet
            else:
                yield from self._coded(packet)
            return
        yield from self._copied(packet)

    def finish(self) -> Iterator[Any]:
        """Yield what is left at the file's end."""
        if self._key is not None:
            yield from self._joined()
        if self._head is not None:
            yield from self._coded(None)
        elif not self.over:
            yield from self._ended()

    def _joins(self, packet: Any) -> bool:
        """Return whether copying begins here."""
        if not packet.is_keyframe or packet.pts is None or packet.pts <= self._cut.start:
            return False
        assert self._joint is not None
        data = bytes(packet)
        begun = self._joint.begun(data)
        self._key_data = begun if begun is not None and begun != data else b""
        return begun is not None

    def _led(self, packet: Any) -> Iterator[Any]:
        """Code a picture anew that is decoded after the key picture copying begins at, and shown before it."""
        if self._head is not None:
            if not self._key_fed:
                self._key_fed = True
                self._head[0].end_before(self._key.pts)
                yield from self._coded(self._key)
            if self._head is not None:
                yield from self._coded(packet)
        self._key.dts = packet.dts
        self._left_out += 1
        if packet.pts == self._cut.last:
            yield from self._joined()
            if not self.over:
                yield from self._ended()

    def _joined(self) -> Iterator[Any]:
        """Yield what is left of the head, and the key picture behind it."""
        key = self._key
        if self._head is not None:
            yield from self._coded(None)
        self._key = None
        self.over = self.over or key.pts >= self._end
        if not self.over:
            yield from self._copied(_changed(key, self._key_data) if self._key_data else key)

    def _coded(self, packet: Any) -> Iterator[Any]:
        """Yield the head's packets; it ends with the cut or where copying begins."""
        assert self._head is not None
        frames, edge = self._head
        for frame, dts in frames.take(packet):
            self.coded += 1
            yield from self._timed(edge.encode(frame, dts))
        if packet is None or frames.over:
            self._head = None
            yield from self._timed(edge.flush())
            self.over = frames.over and self._key is None

    def _copied(self, packet: Any) -> Iterator[Any]:
        cut = self._cut
        if self.over or packet.dts >= cut.end:
            self.over = True
            return
        if packet.pts is None:
            packet.pts = packet.dts
        last = packet.pts == cut.last
        if self._from is None:
            self._from = packet.pts
        if packet.pts < self._from:  # shown before the first picture, and of use to none after it
            if last:
                yield from self._ended()
            return
        if packet.is_keyframe and self._joint is not None and self._joint.is_broken_by(bytes(packet)):
            raise Changed
        packet = self._counted(packet)
        if not packet.is_discard:
            self.copied += 1
            if packet.pts < cut.start:  # the first one may be shown since before the cut
                packet.duration = max(0, packet.duration - (cut.start - packet.pts))
                packet.pts = cut.start
        yield from self._timed(iter([packet]))
        if last:
            yield from self._ended()

    def _counted(self, packet: Any) -> Any:
        """Return a picture counted as if those had never been that were shown first in its group and are left out."""
        sequence = self._joint.sequence if self._joint is not None else None
        if sequence is None or not self._left_out:
            return packet
        data = bytes(packet)
        if packet.pts != self._from and _mpeg2.has_group(data):
            self._left_out = 0
            return packet
        return _changed(packet, _mpeg2.counted(data, self._left_out))

    def _ended(self) -> Iterator[Any]:
        self.over = True
        self.coded += len(self._tail)
        yield from self._timed(iter(self._tail))

    def _timed(self, packets: Iterator[Any]) -> Iterator[Any]:
        cut = self._cut
        for packet in packets:
            if cut.last is not None and packet.pts + packet.duration > cut.end:
                packet.duration = cut.end - packet.pts
            # Decoders leave out pictures that need some from before the film, and with them their places.
            self._clock = packet.dts if self._clock is None else max(packet.dts, self._clock + 1)
            packet.pts -= cut.start
            packet.dts = self._clock - cut.start
            packet.pts = max(packet.pts, packet.dts)  # where a damaged file's clock went back
            packet.stream = self._made
            self.ended = max(self.ended, (packet.pts + packet.duration) * self._tick)
            yield packet


def _changed(packet: Any, data: bytes) -> Any:
    made: Any = av().Packet(data)
    made.pts, made.dts, made.duration, made.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    made.is_keyframe = packet.is_keyframe
    return made


def coded_tail(
    source: Any, video: VideoFacts, cut: Cut, joint: Joint, damage: Damage, threads: int, *, signed: bool
) -> list[Any]:
    """Return packets of the pictures at a cut's end that have to be coded anew, timed as the source is.

    The source has to be opened anew after it: what was sought once does not begin again with all its streams.
    """
    frames = Frames(source, video, cut.tail[0], cut.end, damage, threads)
    edge = Edge(video, joint, threads, signed=signed)
    found: list[Any] = []
    stream = source.streams[video.index]
    to_key(source, stream, early(video, cut.tail_first))
    begun = False
    for packet in with_decoding_times(packets(source, stream), video.index):
        begun = begun or is_first(packet, cut.tail_first)
        if not begun or packet.dts is None:
            continue
        for frame, dts in frames.take(packet):
            found += edge.encode(frame, dts)
        if frames.over:
            break
    for frame, dts in frames.take(None):
        found += edge.encode(frame, dts)
    return [*found, *edge.flush()]


class CodedPiece:
    """Decodes and filters the whole cut; its frames are timed from the cut's start.

    Args:
        source: The container.
        video: Its picture.
        cut: What is taken.
        chain: What frames go through.
        damage: Counts what cannot be decoded.
        threads: How many the decoder and the filters may use.
    """

    def __init__(
        self, source: Any, video: VideoFacts, cut: Cut, chain: tuple[str, ...], damage: Damage, threads: int
    ) -> None:
        self._cut = cut
        self._frames = Frames(source, video, cut.start, cut.end, damage, threads)
        self._begun = False
        self.filter = VideoFilter(chain, video, threads)
        self.over = False

    def take(self, packet: Any) -> Iterator[Any]:
        """Yield frames for the encoder."""
        if not self._begun and not is_first(packet, self._cut.first):
            return
        self._begun = True
        for frame, _ in self._frames.take(packet):
            yield from self._filtered(frame)
        if self._frames.over:
            yield from self.finish()

    def finish(self) -> Iterator[Any]:
        """Yield what is left at the file's end."""
        for frame, _ in self._frames.take(None):
            yield from self._filtered(frame)
        yield from self.filter.flush()
        self.over = True

    def _filtered(self, frame: Any) -> Iterator[Any]:
        if self._cut.last is not None and frame.duration:
            frame.duration = min(frame.duration, self._cut.end - frame.pts)
        frame.pts -= self._cut.start
        yield from self.filter.send(frame)
