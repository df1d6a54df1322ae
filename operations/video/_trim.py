"""A part of a film written into a film of its own: picture, sound tracks, subtitles, chapters, covers and tags."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.contract import Context, Stream
from mediamill.operations.streams._ahead import ahead
from mediamill.operations.streams._av import av, output_error
from mediamill.operations.streams._companions import Companions
from mediamill.operations.streams._cover import read_covers
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._dts import with_decoding_times
from mediamill.operations.streams._facts import AudioFacts, MediaFacts, VideoFacts
from mediamill.operations.streams._jumps import continuous
from mediamill.operations.streams._mux import carry_stream_tags, carry_tags, codings_held, copied_stream, muxer
from mediamill.operations.streams._open import demuxer, packets, seeks_well
from mediamill.operations.streams._reader import Reader, Span, Wanted
from mediamill.operations.video._chain import chain_for
from mediamill.operations.video._codecs import CODECS, Container, VideoCode, mend_decoding_time, set_up_encoder
from mediamill.operations.video._cut import Cut, early, to_key
from mediamill.operations.video._decide import recoded, usual_sound
from mediamill.operations.video._edges import USUAL_RATE, Joint
from mediamill.operations.video._light import add_stream, telling
from mediamill.operations.video._pieces import CodedPiece, CopiedPiece, coded_tail
from mediamill.operations.video._tone import tone_map
from mediamill.operations.video._tracks import CodedTrack, CopiedTrack, Track

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

_BEFORE_SOUND, _BEFORE_CAPTIONS = 2.0, 15.0
"""Seconds before the start to read from: sound is not always written where its picture is, subtitles last."""

_APART = 10.0
"""Seconds by which streams of a file may lie apart; what comes later than that is not waited for."""

_PACKETS_A_CHECK = 32


class Trimmed(Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        copied, coded: Number of pictures that stayed as they are, and of those coded anew.
        ended: Seconds, of the picture.
        notes: What was done that the job did not ask for, and what stayed behind.
    """

    copied: int
    coded: int
    ended: float
    notes: dict[str, Any]


class Order(Struct, frozen=True, kw_only=True):
    """What is to be made.

    Attributes:
        path: An empty file that is written.
        format: Its container.
        cut: The part.
        joint: How the cut's edges are coded; None where nothing has to be.
        code: How the whole picture is coded; None where it is copied.
        sounds: The tracks that go along.
        strip: Whether tags stay behind.
    """

    path: str
    format: Container
    cut: Cut
    joint: Joint | None
    code: VideoCode | None
    sounds: tuple[AudioFacts, ...]
    strip: bool


def trim(ctx: Context, stream: Stream, facts: MediaFacts, video: VideoFacts, order: Order, damage: Damage) -> Trimmed:
    """Write a part of a film.

    Args:
        ctx: The engine.
        stream: The opened source.
        facts: What it is.
        video: Its picture.
        order: What is to be made.
        damage: Counts what is wrong with the source.

    Raises:
        Changed: The picture cannot be joined after all.
        MediaError: The source cannot be read, or the container does not hold it or cannot be written.
    """
    if damage.strict:
        _check(ctx, stream, facts, video, order, damage)
    covers = read_covers(stream, facts)
    ctx.progress(0.0)  # to get to the cuts, whole groups of pictures may have to be decoded first
    tail = _tail(ctx, stream, video, order, damage)
    with demuxer(stream) as source, contextlib.ExitStack() as stack:
        table = stack.enter_context(tone_map(video, order.code)) if order.code is not None else None
        begin, end = order.cut.start * float(video.tick), order.cut.end * float(video.tick)
        target = stack.enter_context(muxer(order.path, order.format))
        carry_tags(source, target, strip=order.strip, shift=begin, end=end)
        picture = _picture(target, source, video, order, ctx.threads)
        piece = _piece(ctx, source, picture, video, order, tail, damage, table)
        tracks = {one.index: _track(source, target, order, one, begin, end, damage) for one in order.sounds}
        companions = Companions(source, target, facts, order.format, covers, strip=order.strip)
        reading = _Pass(source, facts, video, order.cut, piece, tracks, companions, damage)
        items: Iterator[Any] = reading.items()
        if order.code is not None:
            items = stack.enter_context(ahead(items))
        writer = _Writer(target, order, picture)
        writer.write(companions.first)
        for number, item in enumerate(items):
            writer.take(item)
            if number % _PACKETS_A_CHECK == 0:
                ctx.progress(100 * reading.done)
        writer.flush()
        damage.ended(reading.ended, reading.expected)
    return _made(piece, writer, companions)


def _track(
    source: "InputContainer",
    target: "OutputContainer",
    order: Order,
    sound: AudioFacts,
    begin: float,
    end: float,
    damage: Damage,
) -> Track:
    """Return what takes a sound track's packets: as they are, or coded anew where the container does not hold them."""
    original = source.streams[sound.index]
    if sound.codec in codings_held(order.format):
        made = _added(target, original, order)
        return CopiedTrack(sound, original, made, begin, end, whole=order.cut.whole, format_name=order.format)
    code = recoded(sound, usual_sound(order.format), None)
    return CodedTrack(target, code, original, begin, end, damage, strip=order.strip)


def _check(ctx: Context, stream: Stream, facts: MediaFacts, video: VideoFacts, order: Order, damage: Damage) -> None:
    """Decode what is copied, because a strict job copies no damage."""
    tick, cut = float(video.tick), order.cut
    start = facts.start if cut.whole else cut.first * tick
    span = Span(start=start, end=None if cut.last is None else cut.end * tick)
    indices = (*((video.index,) if order.code is None else ()), *(one.index for one in order.sounds))
    with demuxer(stream) as source:
        for _ in Reader(source, facts, span, Wanted(copied=indices, checked=True), damage, ctx.threads).units():
            ctx.check()


def _tail(ctx: Context, stream: Stream, video: VideoFacts, order: Order, damage: Damage) -> list[Any]:
    if order.joint is None or not order.cut.tail:
        return []
    with demuxer(stream) as source:
        return coded_tail(source, video, order.cut, order.joint, damage, ctx.threads, signed=not order.strip)


def _made(piece: CopiedPiece | CodedPiece, writer: "_Writer", companions: Companions) -> Trimmed:
    notes: dict[str, Any] = {"dropped": companions.dropped} if companions.dropped else {}
    if isinstance(piece, CopiedPiece):
        return Trimmed(copied=piece.copied, coded=piece.coded, ended=piece.ended, notes=notes)
    if piece.filter.deinterlaced:
        notes["deinterlaced"] = True
    if piece.filter.changed:
        notes["size_changed"] = True
    return Trimmed(copied=0, coded=writer.frames, ended=writer.ended, notes=notes)


def _piece(
    ctx: Context,
    source: Any,
    made: Any,
    video: VideoFacts,
    order: Order,
    tail: list[Any],
    damage: Damage,
    table: str | None,
) -> CopiedPiece | CodedPiece:
    if order.code is None:
        signed = not order.strip
        return CopiedPiece(source, made, video, order.cut, order.joint, tail, damage, ctx.threads, signed=signed)
    chain = chain_for(video, order.code, table)
    return CodedPiece(source, video, order.cut, chain.filters, damage, ctx.threads)


def _picture(target: "OutputContainer", source: "InputContainer", video: VideoFacts, order: Order, threads: int) -> Any:
    original = source.streams[video.index]
    if order.code is None:
        with telling(original, video) as told:
            made = _added(target, told, order, video)
        if told is not original:
            made.time_base, made.codec_context.extradata = original.time_base, original.codec_context.extradata
            made.metadata.clear()
            carry_stream_tags(original, made, strip=order.strip)
        if order.joint is not None and order.joint.extradata is not None:
            made.codec_context.extradata = order.joint.extradata
        return made
    rate = video.rate or USUAL_RATE
    made = add_stream(target, CODECS[order.code.codec].encoder, order.code, rate)
    set_up_encoder(made, order.code, tick=video.tick, rate=rate, threads=threads)
    carry_stream_tags(original, made, strip=order.strip)
    return made


def _added(target: "OutputContainer", original: Any, order: Order, picture: VideoFacts | None = None) -> Any:
    try:
        return copied_stream(target, original, strip=order.strip, picture=picture)
    except ValueError as error:
        raise output_error(error, f"The {order.format.upper()} writer") from None


class _Pass:
    """One reading of the film from shortly before the cut to its end."""

    def __init__(
        self,
        source: "InputContainer",
        facts: MediaFacts,
        video: VideoFacts,
        cut: Cut,
        piece: CopiedPiece | CodedPiece,
        tracks: dict[int, Track],
        companions: Companions,
        damage: Damage,
    ) -> None:
        self._source, self._facts, self._video, self._cut = source, facts, video, cut
        self._piece, self._tracks, self._companions, self._damage = piece, tracks, companions, damage
        self._tick = float(video.tick)
        self._begin = cut.start * self._tick
        self._ticks = {one.index: float(one.time_base) for one in source.streams if one.time_base}
        self.ended = 0.0
        """Seconds of the cut that have been read."""
        whole = facts.start + facts.duration - cut.start * self._tick
        self.expected = max(0.0, whole if cut.last is None else min(whole, (cut.end - cut.start) * self._tick))

    @property
    def done(self) -> float:
        """How much has been read, 0..1."""
        return min(1.0, self.ended / self.expected) if self.expected else 0.0

    def items(self) -> Iterator[Any]:
        """Yield packets for the output's streams, and frames for its encoder."""
        self._seek()
        piece, tracks, index = self._piece, self._tracks, self._video.index
        limit = self._begin + self.expected + _APART if self._cut.last is not None else float("inf")
        for packet in self._packets():
            if packet.dts is None:
                continue
            at = packet.stream_index
            if at == index:
                if not piece.over:
                    self._read_to(packet, at)
                    yield from self._pictures(packet)
            elif at in tracks:
                if not tracks[at].over:
                    self._read_to(packet, at)
                    yield from tracks[at].take(packet)
            else:
                made = self._caption(packet)
                if made is not None:
                    yield made
            if piece.over and (all(one.over for one in tracks.values()) or packet.dts * packet.time_base > limit):
                break
        if not piece.over:
            yield from self._pictures(None)
        for track in tracks.values():
            yield from track.finish()

    def _read_to(self, packet: Any, index: int) -> None:
        time = packet.dts if packet.pts is None else packet.pts
        end = (time + packet.duration) * self._ticks[index] - self._begin
        if end > self.ended:
            self.ended = min(end, self.expected) if self.expected else end

    def _pictures(self, packet: Any) -> Iterator[Any]:
        yield from self._piece.take(packet) if packet is not None else self._piece.finish()

    def _caption(self, packet: Any) -> Any:
        if packet.pts is None or packet.stream_index not in self._facts.subtitles:
            return None
        tick = float(packet.time_base)
        begin, end = round(self._cut.start * self._tick / tick), round(self._cut.end * self._tick / tick)
        first, last = max(packet.pts, begin), min(packet.pts + packet.duration, end)
        if last <= first:
            return None
        packet.pts = packet.dts = first - begin
        packet.duration = last - first
        return self._companions.packet(packet)

    def _seek(self) -> None:
        stream = self._source.streams[self._video.index]
        seconds = _BEFORE_CAPTIONS if self._facts.subtitles else _BEFORE_SOUND
        position = early(self._video, min(self._cut.first, self._cut.start), seconds)
        # Else it is read from where it was opened, sound from before the picture included.
        if position is not None or not seeks_well(self._source):
            to_key(self._source, stream, position)

    def _packets(self) -> Iterator[Any]:
        try:
            going_on = continuous(packets(self._source), self._facts.format)
            yield from with_decoding_times(going_on, self._video.index)
        except av().FFmpegError as error:
            self._damage.note(error)


class _Writer:
    """What packets, and frames to be coded, are written with."""

    def __init__(self, target: "OutputContainer", order: Order, picture: Any) -> None:
        self._target, self._picture = target, picture
        self._coded = order.code is not None
        self._what = f"The {order.format.upper()} writer"
        self._lengths: dict[int, int] = {}  # encoders forget how long a picture stands
        self.frames = 0
        self.ended = 0.0
        """Seconds, of the picture."""

    def take(self, item: Any) -> None:
        """Write a packet, or code a frame."""
        library = av()
        if self._coded and isinstance(item, library.VideoFrame):
            item.pict_type = 0
            self.frames += 1
            if item.duration:
                self._lengths[item.pts] = item.duration
            self.write(self._encoded(item))
            return
        self.write((item,))

    def flush(self) -> None:
        """Write what the encoder holds back."""
        if self._coded:
            self.write(self._encoded(None))

    def write(self, packets: Sequence[Any]) -> None:
        """Write packets."""
        for packet in packets:
            try:
                self._target.mux(packet)
            except (av().FFmpegError, ValueError) as error:
                raise output_error(error, self._what) from None

    def _encoded(self, frame: Any) -> list[Any]:
        try:
            found: list[Any] = self._picture.encode(frame)
        except (av().FFmpegError, ValueError) as error:
            raise output_error(error, f"The {self._picture.codec_context.name} encoder") from None
        for packet in found:
            mend_decoding_time(packet)
            packet.duration = self._lengths.pop(packet.pts, packet.duration)
            self.ended = max(self.ended, float((packet.pts + packet.duration) * packet.time_base))
        return found
