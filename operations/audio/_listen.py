"""One pass over a sound track: decoded, without holes, and only the parts that are wanted."""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from mediamill.operations.audio._line import Cutter, Line, Segment
from mediamill.operations.contract import Stream
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._facts import AudioFacts, MediaFacts
from mediamill.operations.streams._reader import Reader, Span, Wanted
from mediamill.operations.streams._samples import part

if TYPE_CHECKING:
    from av.container import InputContainer

WHOLE: tuple[Segment, ...] = ((0.0, None),)

_LEAD = 0.5
"""Seconds decoded before a part that is kept: MP3 borrows bits from frames before, Opus takes 80 ms to settle."""

_TIMED = ("mp4", "mov", "m4a")
"""Containers that say to the sample when a track ends, which their last frame goes beyond."""


class Track(Struct, frozen=True, kw_only=True):
    """A sound track of an opened input.

    Attributes:
        stream: The input.
        facts: What it is; its start and duration are the track's.
        sound: What the track is.
    """

    stream: Stream
    facts: MediaFacts
    sound: AudioFacts


def track_of(stream: Stream, facts: MediaFacts, sound: AudioFacts) -> Track:
    """Return a track whose times count from its own start."""
    duration = sound.duration or facts.duration
    if facts.format == "wav" and sound.bitrate:
        duration += _missing_bytes(stream) * 8 / sound.bitrate
    own = msgspec.structs.replace(facts, start=sound.start, duration=duration)
    return Track(stream=stream, facts=own, sound=sound)


def _missing_bytes(stream: Stream) -> int:
    """Return by how much a WAV is shorter than its header says, which FFmpeg passes over."""
    os.lseek(stream.descriptor, 0, os.SEEK_SET)
    head = os.read(stream.descriptor, 8)
    size = int.from_bytes(head[4:8], "little")
    is_told = head[:4] == b"RIFF" and size not in (0, 0xFFFFFFFF)  # what is written to a pipe does not know its size
    return max(0, size + len(head) - stream.size) if is_told else 0


class Listener:
    """Reads a track once.

    Args:
        source: Its container, just opened.
        track: The track.
        damage: Counts what cannot be decoded.
        segments: What is kept, in seconds from the track's start.
    """

    def __init__(
        self, source: "InputContainer", track: Track, damage: Damage, segments: Sequence[Segment] = WHOLE
    ) -> None:
        start = track.facts.start
        lead = segments[0][0] - _LEAD
        self._skipped = max(0.0, lead)
        end = segments[-1][1]
        span = Span(start=start + self._skipped, end=None if end is None else start + end)
        self._track = track
        self._segments = segments
        self._line = Line()
        wanted = Wanted(audio=track.sound.index)
        self._reader = Reader(source, track.facts, span, wanted, damage, 1)
        if track.sound.codec == "flac":  # its checksums are not looked at otherwise
            source.streams[track.sound.index].codec_context.options = {"err_detect": "crccheck+explode"}

    @property
    def share(self) -> float:
        """How much has been read, 0..1."""
        return min(1.0, self._reader.ended / self._reader.expected) if self._reader.expected else 0.0

    @property
    def ended(self) -> float:
        """Seconds that have been read."""
        return self._reader.ended

    @property
    def told(self) -> str:
        """How far it is, for a person."""
        return f"{self._reader.ended:.1f} of {self._reader.expected:.1f} s"

    @property
    def filled(self) -> float:
        """Seconds of silence put in for what is missing."""
        return self._line.filled

    def frames(self) -> Iterator[Any]:
        """Yield what is kept, frame by frame, times counted in samples from its start.

        Raises:
            CorruptInput: The file is damaged and the job strict.
        """
        moved = [(start - self._skipped, None if end is None else end - self._skipped) for start, end in self._segments]
        cutter = Cutter(moved)
        for frame in self._timed(self._placed()):
            yield from cutter.cut(frame)

    def _placed(self) -> Iterator[Any]:
        for _, frame in self._reader.units():
            yield from self._line.follow(frame)

    def _timed(self, frames: Iterator[Any]) -> Iterator[Any]:
        """Leave out what the last frame has beyond the track's end."""
        facts = self._track.facts
        if facts.format not in _TIMED or not self._track.sound.duration:
            yield from frames
            return
        held: Any = None
        for frame in frames:
            if held is not None:
                yield held
                held = None
            end = round((facts.duration - self._skipped) * frame.sample_rate)
            if frame.pts < end < frame.pts + frame.samples:
                held = frame
            else:
                yield frame
        if held is not None:
            last = part(held, 0, round((facts.duration - self._skipped) * held.sample_rate) - held.pts)
            last.pts, last.time_base = held.pts, held.time_base
            yield last
