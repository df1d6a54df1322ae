"""Decoded sound as one line of samples without holes, and the parts of it that are kept.

Files lose packets, and recorders pause. A line counts samples: what is missing is silence, what comes twice is left
out, so that what is written lasts as long as what it was made of.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from mediamill.operations.streams._av import av
from mediamill.operations.streams._samples import empty, part

_TOLERANCE = 0.01
"""Seconds two frames may be apart or overlap: containers round times, the coarsest of them to milliseconds."""

_LONGEST_HOLE = 60.0
"""Seconds; a larger jump is a clock that was set, not sound that is missing."""

_UNTOUCHABLE_PLANES = 8
"""PyAV reads beyond the end of a frame's table of planes where it has this many."""

Segment = tuple[float, float | None]
"""A part that is kept, from and to in seconds; no end is the end of the sound."""


class Line:
    """Puts frames one behind the other.

    Attributes:
        filled: Seconds of silence that were put in for what is missing.
        rate: Samples a second of what came last; 0 before that.
    """

    def __init__(self) -> None:
        self.filled = 0.0
        self.rate = 0
        self._at = 0
        self._due: Fraction | None = None
        self._packed: Any = None

    def follow(self, frame: Any) -> Iterator[Any]:
        """Yield a frame, its time counted in samples, after the silence that is missing before it."""
        frame = self._touchable(frame)
        rate = frame.sample_rate
        time = Fraction(frame.pts) * frame.time_base
        if rate != self.rate:
            self._at = round(Fraction(self._at, self.rate or rate) * rate) if self.rate else round(time * rate)
            self.rate = rate
        gap = time - self._due if self._due is not None else Fraction(0)
        self._due = time + Fraction(frame.samples, rate)
        if gap > _TOLERANCE and gap <= _LONGEST_HOLE:
            yield from self._silence(round(gap * rate), frame)
        elif gap < -_TOLERANCE and -gap <= _LONGEST_HOLE:
            twice = round(-gap * rate)
            self._due = max(self._due, time - gap)
            if twice >= frame.samples:
                return
            frame = part(frame, twice, frame.samples)
        yield self._placed(frame)

    def _silence(self, count: int, like: Any) -> Iterator[Any]:
        self.filled += count / self.rate
        while count:
            samples = min(count, self.rate)
            count -= samples
            frame = empty(like, samples)
            for plane in frame.planes:
                plane.update((b"\x80" if like.format.name.startswith("u8") else b"\0") * plane.buffer_size)
            yield self._placed(frame)

    def _placed(self, frame: Any) -> Any:
        frame.pts, frame.time_base = self._at, Fraction(1, self.rate)
        self._at += frame.samples
        return frame

    def _touchable(self, frame: Any) -> Any:
        if not frame.format.is_planar or frame.layout.nb_channels < _UNTOUCHABLE_PLANES:
            return frame
        if self._packed is None or self._packed.rate != frame.sample_rate:
            self._packed = av().AudioResampler(frame.format.packed.name, frame.layout.name, frame.sample_rate)
        (packed,) = self._packed.resample(frame)
        return packed


class Cutter:
    """Keeps parts of a line.

    Args:
        segments: What is kept, in order and apart.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments
        self._past = 0
        self._kept = 0

    def cut(self, frame: Any) -> Iterator[Any]:
        """Yield what is kept of a frame, its time counted in the samples that were kept."""
        rate, begins, samples = frame.sample_rate, frame.pts, frame.samples
        for start, end in self._segments[self._past :]:
            first = max(0, round(start * rate) - begins)
            last = samples if end is None else min(samples, round(end * rate) - begins)
            if first >= samples:
                break
            if last < samples:
                self._past += 1
            if first < last:
                kept = part(frame, first, last)
                kept.pts, kept.time_base = self._kept, Fraction(1, rate)
                self._kept += last - first
                yield kept
