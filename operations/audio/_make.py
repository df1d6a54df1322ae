"""From a track to a file: decoded, cut, filtered and encoded, or packet by packet as it is."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from mediamill.operations.audio._formats import ContainerName
from mediamill.operations.audio._line import Segment
from mediamill.operations.audio._listen import WHOLE, Listener, Track
from mediamill.operations.audio._tags import carry
from mediamill.operations.contract import Context
from mediamill.operations.streams._ahead import ahead
from mediamill.operations.streams._av import av, output_error
from mediamill.operations.streams._cover import Cover, add_cover
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._mux import carry_stream_tags, copied_stream, muxer
from mediamill.operations.streams._open import demuxer
from mediamill.operations.streams._reader import Reader, Span, Wanted, within
from mediamill.operations.streams._sound import AudioCode, AudioFilter, add_audio
from mediamill.protocol.errors import CorruptInput, InvalidJob

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

Segments = tuple[Segment, ...]
Share = tuple[float, float]
"""The part of a job's progress a run is, in percent from and to."""

_LEAD = 0.1
"""Seconds copied before a part that is copied, and hidden: what the decoder has to be fed to begin well."""

_EDITED = ("mp4", "mov", "m4a", "aac", "matroska", "mpegts")
"""Sources whose packets have the times of what is heard."""

_ESTIMATED = ("mpegts", "mpegps")
"""Sources without a header that tells how long they last: what FFmpeg works out may leave out the last frames."""

_FRONT = "Cover (front)"
"""What ID3 and FLAC call the picture players show."""


class Recipe(Struct, frozen=True, kw_only=True):
    """What an output is.

    Attributes:
        path: An empty file it is written to.
        container: What it is.
        code: How the sound is coded; None to copy its packets.
        segments: What is kept of the track, in seconds from its start.
        speed: How many times faster it becomes; the code's filters see to it.
        covers: The pictures that go along.
        strip: Whether tags and covers stay behind.
        checked: Whether packets that are copied are decoded as well, to see that they can be.
        stale: What names of tags that no longer hold begin with.
    """

    path: str
    container: ContainerName
    code: AudioCode | None
    segments: Segments = WHOLE
    speed: float = 1.0
    covers: tuple[Cover, ...] = ()
    strip: bool = False
    checked: bool = False
    stale: tuple[str, ...] = ()

    def coded(self, code: AudioCode) -> "Recipe":
        """Return the same output, coded in another way."""
        return msgspec.structs.replace(self, code=code)

    def moved(self, moment: float) -> float:
        """Return where a moment of the track goes, in seconds."""
        kept = sum(max(0.0, min(moment, moment if end is None else end) - start) for start, end in self.segments)
        return kept / self.speed


class Made(Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        seconds: How long the output lasts.
        notes: What the result's metadata says of what was left out or put in.
    """

    seconds: float
    notes: dict[str, Any]


def make_sound(ctx: Context, track: Track, recipe: Recipe, damage: Damage, share: Share = (0.0, 100.0)) -> Made:
    """Write a track to a file.

    Args:
        ctx: The engine.
        track: The track.
        recipe: What is made of it.
        damage: Counts what is wrong with the source.
        share: How progress is told.

    Raises:
        MediaError: The source cannot be decoded, or the output cannot be written.
    """
    with demuxer(track.stream) as source, muxer(recipe.path, recipe.container) as target:
        lost = carry(
            source, target, track, recipe.container, strip=recipe.strip, moved=recipe.moved, stale=recipe.stale
        )
        writer = _Writer(recipe, target)
        if recipe.code is None:
            stream = copied_stream(target, source.streams[track.sound.index], strip=recipe.strip)
            notes = writer.add_covers(stream)
            notes |= _copy(ctx, source, track, recipe, stream, writer, damage, share)
            told = 0.0 if track.facts.format in _ESTIMATED else track.facts.duration
            seconds = within(writer.ended, told)
            if not seconds:
                raise CorruptInput("No sound of the file can be read.", detail=damage.first or None)
        else:
            stream = add_audio(target, recipe.code)
            carry_stream_tags(source.streams[track.sound.index], stream, strip=recipe.strip)
            notes = writer.add_covers(stream)
            encoder = _Encoder(stream, recipe.code, writer)
            listener = Listener(source, track, damage, recipe.segments)
            _encode(ctx, listener, encoder, damage, share)
            seconds = encoder.seconds
            notes |= {"filled_seconds": round(listener.filled, 3)} if listener.filled else {}
    return Made(seconds=seconds, notes=notes | ({"chapters_dropped": lost} if lost else {}))


class _Writer:
    """Writes packets to an output, the covers before them."""

    def __init__(self, recipe: Recipe, target: "OutputContainer") -> None:
        self._recipe = recipe
        self._target = target
        self._first: list[Any] = []
        self.ended = 0.0
        """Seconds of what was written."""

    def add_covers(self, stream: Any) -> dict[str, Any]:
        """Attach the covers, after the output's one sound track; return what is to be said of them."""
        stream.disposition = av().stream.Disposition.default
        if self._recipe.strip or not self._recipe.covers:
            return {}
        dropped = 0
        for cover in self._recipe.covers:
            packets = add_cover(self._target, cover, self._recipe.container)
            dropped += packets is None
            for packet in packets or ():
                packet.stream.metadata.setdefault("comment", _FRONT)
                self._first.append(packet)
        return {"covers": len(self._recipe.covers) - dropped} | ({"covers_dropped": dropped} if dropped else {})

    def write(self, packets: list[Any]) -> None:
        """Write packets.

        Raises:
            MediaError: There is no room, or the container does not take them.
        """
        first, self._first = self._first, []
        for packet in (*first, *packets):
            if packet.pts is not None and packet.time_base:
                self.ended = max(self.ended, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            try:
                self._target.mux(packet)
            except (av().FFmpegError, ValueError) as error:
                raise output_error(error, f"The {self._recipe.container.upper()} writer") from None


class _Encoder:
    """Encodes frames of any length; runs where packets are written."""

    def __init__(self, stream: Any, code: AudioCode, writer: _Writer) -> None:
        self._stream = stream
        self._writer = writer
        self._context = stream.codec_context
        # Filters built anew in the middle give a short frame there, which encoders take for the last one.
        self._fifo = av().AudioFifo() if self._context.frame_size else None
        self._samples = 0
        self.filter = AudioFilter(code, self._context, chunked=False)

    @property
    def seconds(self) -> float:
        """How much has been encoded."""
        return float(self._samples / self._context.sample_rate)

    def take(self, frame: Any) -> None:
        """Encode and write a frame that came out of the filter."""
        if self._fifo is None:
            self._encode(frame)
            return
        frame.pts = None
        self._fifo.write(frame)
        while (chunk := self._fifo.read(self._context.frame_size)) is not None:
            self._encode(chunk)

    def finish(self) -> None:
        """Encode and write what is left."""
        last = self._fifo.read(0, partial=True) if self._fifo is not None else None
        if last is not None:
            self._encode(last)
        self._encode(None)

    def _encode(self, frame: Any) -> None:
        if frame is not None:
            frame.pts, frame.time_base = self._samples, self._context.time_base
            self._samples += frame.samples
        try:
            packets = self._stream.encode(frame)
        except (av().FFmpegError, ValueError) as error:
            raise output_error(error, f"The {self._context.name} encoder") from None
        self._writer.write(packets)


def _encode(ctx: Context, listener: Listener, encoder: _Encoder, damage: Damage, share: Share) -> None:
    def filtered() -> Iterator[Any]:
        for frame in listener.frames():
            yield from encoder.filter.send(frame)
        yield from encoder.filter.flush()

    with ahead(filtered()) as frames:
        for frame in frames:
            encoder.take(frame)
            ctx.progress(share[0] + (share[1] - share[0]) * listener.share, listener.told)
    encoder.finish()
    if not encoder.seconds and listener.ended and not damage.errors:
        raise InvalidJob("There is no sample in this part of the sound.", field="end", expected="a longer part")
    if not encoder.seconds:
        raise CorruptInput("No sound of the file can be decoded.", detail=damage.first or None)


def _copy(
    ctx: Context,
    source: "InputContainer",
    track: Track,
    recipe: Recipe,
    stream: Any,
    writer: _Writer,
    damage: Damage,
    share: Share,
) -> dict[str, Any]:
    """Copy the packets of the recipe's one part; return what is to be said of it.

    Packets are whole, but M4A can say that a player leaves out the first of what it decodes.
    """
    (start, end), facts = recipe.segments[0], track.facts
    lead = min(start, _LEAD) if facts.format in _EDITED and recipe.container == "m4a" else 0.0
    span = Span(start=facts.start + start - lead, end=None if end is None else facts.start + end)
    index = track.sound.index
    wanted = Wanted(copied=(index,), checked=recipe.checked)
    reader = Reader(source, facts, span, wanted, damage, 1)
    shift: int | None = None
    notes: dict[str, Any] = {}
    for _, packet in reader.units():
        if shift is None:
            shift = round(lead / packet.time_base) if lead else packet.pts if start else 0
            if start and not lead:
                notes["starts_at"] = round(start + float(packet.pts * packet.time_base), 3)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = stream
        writer.write([packet])
        done = min(1.0, reader.ended / reader.expected) if reader.expected else 0.0
        ctx.progress(share[0] + (share[1] - share[0]) * done, f"{reader.ended:.1f} of {reader.expected:.1f} s")
    return notes
