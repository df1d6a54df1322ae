"""Single frames out of a film: the one shown at a time, to the frame, or the key frame near it, for the least decoding.

Frames needed close together come from one decode, others by seeking, whichever costs less. On the way to a frame,
pictures nothing refers to are left out: packets tell beforehand which one will be on screen at the time.
"""

import bisect
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.streams._av import av
from mediamill.operations.streams._clock import Clock
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._facts import VideoFacts
from mediamill.operations.streams._open import packets, seeks_well

if TYPE_CHECKING:
    from av.container import InputContainer

EDGE = 0.0005
"""Seconds a frame may begin after the time asked for and still be the one meant: times are told in milliseconds."""

_AHEAD = 40
"""Packets looked at beyond the one that is decoded: more than any codec reorders."""

_SEEK_FRAMES = 10.0
"""Frames whose decoding costs as much as a seek, with its fresh start of the decoder."""

_SEEK_SECONDS = 1.0
"""Distance from which seeking is tried where a file has no index that says what it would save."""

_BEFORE = 10.0
"""Seconds before the start that are sought for it: a search by time may otherwise come out just behind."""

_USUAL_RATE = 25.0


class Shot(Struct, frozen=True):
    """A frame, and when it is shown.

    Attributes:
        time: Seconds from the start of the film.
        frame: PyAV's frame.
        around: The frames before and after it, where the film is interlaced and has them.
    """

    time: float
    frame: Any
    around: tuple[Any, Any] = (None, None)


class Shots:
    """Takes frames out of a container that was just opened, or read from where it can be sought.

    Args:
        container: The film.
        video: Its picture.
        start: What the film's clock shows at its start, in seconds.
        format_name: The container's name, as sniffed.
        damage: Counts what cannot be decoded.
        threads: How many the decoder may use.
        check: Is called between packets and raises where the job is to stop.
    """

    def __init__(
        self,
        container: "InputContainer",
        video: VideoFacts,
        start: float,
        format_name: str,
        damage: Damage,
        threads: int,
        check: Callable[[], None],
    ) -> None:
        self._container = container
        self._video = video
        self._stream: Any = container.streams[video.index]
        self._start = start
        self._first = min(video.start, start) if video.start else start
        self._damage = damage
        self._check = check
        self._format = format_name
        self._clock = Clock(format_name, video.codec)
        self._context: Any = self._stream.codec_context
        if not self._context.is_open:
            self._context.thread_type, self._context.thread_count = "AUTO", threads
        self._exact = not video.interlaced and not self._clock.guesses
        self._seekable = self._rewind()

    def at(self, times: Sequence[float]) -> Iterator[tuple[int, Shot]]:
        """Yield the frame shown at each time, with the time's index; the earliest first.

        Times before the first frame and beyond the last get that one; none comes where nothing can be decoded.

        Args:
            times: Seconds from the start of the film.
        """
        order = sorted(range(len(times)), key=times.__getitem__)
        for group in self._groups([times[index] for index in order]):
            indices, order = order[: len(group)], order[len(group) :]
            run = _Run([self._ticks(time) for time in group], exact=self._exact)
            for number, frame, around in self._run(run):
                yield indices[number], self._shot(frame, around)

    def key_frame(self, time: float) -> Shot | None:
        """Return the last key frame up to a time, or the first after it; None where there is none."""
        packets = self._from(self._ticks(time))
        self._context.skip_frame = "DEFAULT"
        for packet in packets:
            if packet.is_keyframe:
                frames = [*self._decoded(packet), *self._decoded(None)]
                if frames:
                    return self._shot(frames[0])
                self._context.flush_buffers()
        return None

    def key_times(self) -> list[float]:
        """Return when key frames are shown, in seconds, as far as the file has an index."""
        entries = self._stream.index_entries
        ticks = (entry.timestamp for entry in entries if entry.is_keyframe and not entry.is_discard)
        return sorted(float(tick * self._video.tick) - self._start for tick in ticks)

    def every(self, start: float = 0.0, end: float = math.inf, *, references: bool = False) -> Iterator[Shot]:
        """Yield all frames from the one shown at a time on.

        Args:
            start: Seconds from the start of the film.
            end: Where to stop.
            references: Whether frames nothing refers to may be left out.
        """
        first, last = self._ticks(start), self._ticks(end) if math.isfinite(end) else math.inf
        self._context.skip_frame = "NONREF" if references and self._exact else "DEFAULT"
        before = None
        for packet in self._and_end(self._from(first)):
            for frame in self._decoded(packet):
                if frame.pts > last:
                    return
                if before is not None and before.pts < first < frame.pts:
                    yield self._shot(before)
                before = frame
                if frame.pts >= first:
                    yield self._shot(frame)

    def _groups(self, times: Sequence[float]) -> list[list[float]]:
        """Split times, in their order, where seeking to the next one costs less than decoding on."""
        keys = self.key_times() if len(times) > 1 else []
        rate = float(self._video.rate) or _USUAL_RATE
        groups: list[list[float]] = []
        for time in times:
            if not groups:
                groups.append([time])
                continue
            before = groups[-1][-1]
            if keys:
                place = bisect.bisect_right(keys, time + EDGE)
                gain = (keys[place - 1] - before) * rate if place else 0.0
                far = gain > _SEEK_FRAMES
            else:
                far = time - before > _SEEK_SECONDS
            if far and self._seekable:
                groups.append([time])
            else:
                groups[-1].append(time)
        return groups

    def _run(self, run: "_Run") -> Iterator[tuple[int, Any, tuple[Any, Any]]]:
        packets = self._from(run.ticks[0])
        for packet in run.marked(packets):
            self._context.skip_frame = "DEFAULT" if run.needed else "NONREF"
            for frame in self._decoded(packet):
                yield from run.take(frame)
            if run.is_done and run.open_end is None:
                return
            if run.is_covered:
                break
        for frame in self._decoded(None):
            yield from run.take(frame)
        yield from run.rest()
        if run.open_end is not None:
            self._hold_against_end(run)

    def _hold_against_end(self, run: "_Run") -> None:
        """Note where the file ended before a time that its header says it lasts to."""
        frame = run.open_end
        ended = (frame.pts + (frame.duration or 0)) * self._video.tick
        self._damage.ended(float(ended) - self._start, float(run.ticks[-1] * self._video.tick) - self._start)

    def _from(self, tick: float) -> Iterator[Any]:
        """Return packets from the last key frame that is shown no later than a tick."""
        step = 1.0
        goal = tick
        while True:
            seconds = float(goal * self._video.tick)
            first_possible = seconds <= self._first
            if first_possible:
                self._rewind()
            else:
                self._seek(seconds)
            packets = self._packets()
            key = next((packet for packet in packets if packet.is_keyframe), None)
            late = key is None or (key.pts is not None and key.pts > tick)
            if late and not first_possible and self._seekable:
                behind = tick if key is None or key.pts is None else min(key.pts, goal)
                goal = math.floor(behind - step / self._video.tick)
                step *= 4
                continue
            if key is None:  # no packet says it is one: decoders find their own way in
                self._rewind()
                return self._packets()
            return _chained(key, packets)

    def _rewind(self) -> bool:
        if not seeks_well(self._container):
            return self._seek(0.0)
        return self._seek(self._first - _BEFORE) or self._seek(self._first)

    def _seek(self, seconds: float) -> bool:
        self._clock = Clock(self._format, self._video.codec)
        try:
            self._container.seek(math.floor(seconds * av().time_base + 1), backward=True)
        except av().FFmpegError:  # what cannot be sought is read on from where it is
            return False
        return True

    def _packets(self) -> Iterator[Any]:
        found = packets(self._container, self._stream)
        while True:
            self._check()
            try:
                packet = next(found)
            except StopIteration:
                return
            except av().FFmpegError as error:
                self._damage.note(error)
                return
            if packet.size:
                yield packet

    def _and_end(self, packets: Iterator[Any]) -> Iterator[Any]:
        yield from packets
        yield None

    def _decoded(self, packet: Any) -> list[Any]:
        if packet is not None:
            self._clock.fed(packet)
        try:
            frames = self._context.decode(packet)
        except av().FFmpegError as error:
            self._clock.failed()
            self._damage.note(error)
            return []
        for frame in frames:
            self._clock.set(frame)
        return [frame for frame in frames if frame.pts is not None]

    def _ticks(self, time: float) -> int:
        return math.floor((time + EDGE + self._start) / self._video.tick)

    def _shot(self, frame: Any, around: tuple[Any, Any] = (None, None)) -> Shot:
        return Shot(max(0.0, float(frame.pts * self._video.tick) - self._start), frame, around)


class _Run:
    """The frames of one decode that are wanted: those on screen at some ticks of the stream's clock.

    Args:
        ticks: Ascending.
        exact: Whether frames are given as soon as they are there; else with the ones around them.
    """

    def __init__(self, ticks: list[int], *, exact: bool) -> None:
        self.ticks = ticks
        self.needed = True
        """Whether the packet just given has to be decoded for its own picture."""
        self.open_end: Any = None
        """The frame given because none follows it, once it is."""
        self._exact = exact
        self._given = 0
        self._covered = 0
        self._known: list[int] = []
        self._until: dict[int, float] = {}
        self._before: Any = None
        self._last: Any = None

    @property
    def is_done(self) -> bool:
        """Whether all have been given."""
        return self._given == len(self.ticks)

    @property
    def is_covered(self) -> bool:
        """Whether no further packet is needed."""
        return self._exact and self._covered >= len(self.ticks)

    def marked(self, packets: Iterator[Any]) -> Iterator[Any]:
        """Pass packets on, a few behind, and set `needed` for each."""
        waiting: deque[Any] = deque()
        for packet in packets:
            waiting.append(packet)
            if packet.pts is not None:
                bisect.insort(self._known, packet.pts)
            if len(waiting) > _AHEAD:
                yield self._mark(waiting.popleft())
                del self._known[: -4 * _AHEAD]
        while waiting:
            yield self._mark(waiting.popleft())

    def take(self, frame: Any) -> Iterator[tuple[int, Any, tuple[Any, Any]]]:
        """Take a decoded frame; yield those now known to be shown at ticks, with their numbers."""
        while not self.is_done and self._last is not None and frame.pts > self.ticks[self._given]:
            yield self._give(self._last, (self._before, frame))
        until = self._until.get(frame.pts)
        if self._exact and until is not None:
            self.open_end = frame if until == math.inf else None
            while not self.is_done and self.ticks[self._given] < until:
                yield self._give(frame)
        self._before, self._last = self._last, frame

    def rest(self) -> Iterator[tuple[int, Any, tuple[Any, Any]]]:
        """Yield the last frame for the ticks that are left: the file ends there, or what should follow is damaged."""
        while not self.is_done and self._last is not None:
            self.open_end = self._last
            yield self._give(self._last, (self._before, None))

    def _give(self, frame: Any, around: tuple[Any, Any] = (None, None)) -> tuple[int, Any, tuple[Any, Any]]:
        self._given += 1
        return self._given - 1, frame, around if not self._exact else (None, None)

    def _mark(self, packet: Any) -> Any:
        self.needed = True
        if packet.pts is None or not self._exact:
            return packet
        place = bisect.bisect_right(self._known, packet.pts)
        until = self._known[place] if place < len(self._known) else math.inf
        earliest = packet.pts if place > 1 else -math.inf  # before the first frame of all, that one stands
        shown = sum(earliest <= tick < until for tick in self.ticks)
        self.needed = bool(shown)
        if shown:
            self._covered += shown
            self._until[packet.pts] = until
        return packet


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest
