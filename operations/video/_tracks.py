"""A sound track within a cut: its packets as they are, or, where the container does not hold them, coded anew."""

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mediamill.operations.streams._av import av, output_error
from mediamill.operations.streams._clock import Due
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._dts import Fitting
from mediamill.operations.streams._facts import AudioFacts
from mediamill.operations.streams._mux import carry_stream_tags
from mediamill.operations.streams._samples import part
from mediamill.operations.streams._sound import AudioCode, AudioFilter, add_audio
from mediamill.operations.video._cut import SLIVER

if TYPE_CHECKING:
    from av.container import OutputContainer

_HIDING = ("mp4", "mov")
"""Containers whose edit lists hide what a decoder of sound is fed to begin well."""

_RUN_UP = {"aac": 1, "mp3": 3, "opus": 4, "vorbis": 1}
"""Packets a decoder of each coding is fed before what it gives is right."""


class CopiedTrack:
    """A sound track's packets: those within the cut.

    Args:
        facts: What the track is.
        stream: The source's.
        made: The output's.
        begin, end: Of the cut, in seconds of the source's clock.
        whole: Whether nothing before the start is left out.
        format_name: The output's container.
    """

    def __init__(
        self, facts: AudioFacts, stream: Any, made: Any, begin: float, end: float, *, whole: bool, format_name: str
    ) -> None:
        self._made = made
        self._tick = float(stream.time_base)
        self._shift = round(begin / self._tick)
        self._from = -float("inf") if whole else begin / self._tick
        self._until = end / self._tick
        self._run_up = _RUN_UP.get(facts.codec, 0) if format_name in _HIDING else None
        self._fitting = Fitting()
        self.over = False

    def take(self, packet: Any) -> Iterator[Any]:
        """Yield a packet for the output, none where it is outside the cut or comes too late."""
        time = packet.dts if packet.pts is None else packet.pts
        if time >= self._until - SLIVER / self._tick:
            self.over = True
            return
        # With an edit list the first packet may begin before the cut; without, the sound begins with the next one.
        ahead = 0 if self._run_up is None else (1 + self._run_up) * packet.duration
        if time + ahead <= self._from and not (ahead == 0 and time >= self._from - SLIVER / self._tick):
            return
        packet.pts = time - self._shift
        packet.dts -= self._shift
        if not self._fitting.keeps(packet):
            return
        packet.stream = self._made
        yield packet

    def finish(self) -> Iterator[Any]:
        """Yield what is held back: nothing."""
        yield from ()


class CodedTrack:
    """A sound track decoded, cut to the sample, and coded anew.

    Args:
        target: Where it is written, before its first packet.
        code: How it is coded.
        stream: The source's.
        begin, end: Of the cut, in seconds of the source's clock.
        damage: Counts what cannot be decoded.
        strip: Whether its title stays behind.
    """

    def __init__(
        self, target: "OutputContainer", code: AudioCode, stream: Any, begin: float, end: float, damage: Damage,
        *, strip: bool,
    ) -> None:  # fmt: skip
        self._made = add_audio(target, code)
        carry_stream_tags(stream, self._made, strip=strip)
        self._filter = AudioFilter(code, self._made.codec_context)
        self._stream = stream
        self._begin, self._end = Fraction(begin), Fraction(end)
        self._damage = damage
        self._due = Due()
        self.over = False

    def take(self, packet: Any) -> Iterator[Any]:
        """Yield packets for the output."""
        yield from self._coded(self._decoded(packet))

    def finish(self) -> Iterator[Any]:
        """Yield what decoder, filters and encoder hold back."""
        if not self.over:
            yield from self._coded(self._decoded(None))
        for frame in (*self._filter.flush(), None):
            yield from self._encoded(frame)

    def _decoded(self, packet: Any) -> list[Any]:
        try:
            found: list[Any] = self._stream.codec_context.decode(packet)
        except av().FFmpegError as error:
            self._damage.note(error)
            return []
        return found

    def _coded(self, frames: list[Any]) -> Iterator[Any]:
        for frame in frames:
            self._due.set(frame)
            if frame.pts is None:
                self._damage.note(ValueError("a frame without a time"))
                continue
            rate = frame.sample_rate
            at = frame.pts * frame.time_base
            first = max(0, round((self._begin - at) * rate))
            last = min(frame.samples, round((self._end - at) * rate))
            self.over = self.over or last < frame.samples
            if first < last:
                kept = part(frame, first, last)
                kept.pts = round((at - self._begin) * rate) + first
                kept.time_base = Fraction(1, rate)
                for one in self._filter.send(kept):
                    yield from self._encoded(one)

    def _encoded(self, frame: Any) -> Iterator[Any]:
        try:
            yield from self._made.encode(frame)
        except (av().FFmpegError, ValueError) as error:
            raise output_error(error, f"The {self._made.codec_context.name} encoder") from None


Track = CopiedTrack | CodedTrack
