"""Where a film is cut: which of its coded pictures stay as they are, and which few have to be coded anew.

From a key picture on, pictures can be taken as they are. At the end, too: pictures that come before the cut, in the
order they are coded in and in the order they are shown in alike, need nothing that comes after it. So what is coded
anew is what lies between the cut and the next key picture, and, where pictures are coded out of order, the few before
the end that only a later one completes.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.streams._av import av
from mediamill.operations.streams._dts import with_decoding_times
from mediamill.operations.streams._facts import MediaFacts, VideoFacts
from mediamill.operations.streams._open import packets, seeks_well

if TYPE_CHECKING:
    from av.container import InputContainer

_FIRST = -(1 << 40)
"""Microseconds, before anything there is."""

SLIVER = 0.001
"""Seconds a picture has to be in a cut for to count: the precision of the times jobs give."""

NEVER = 1 << 62
"""A tick no film reaches."""

_FURTHER = 2.0
"""Seconds to go back by, more each time, where a search finds no key picture."""


class Entry(Struct, frozen=True, kw_only=True):
    """A coded picture: when it is shown, by which it is told again, and decoded, in ticks; whether key, or hidden."""

    pts: int
    dts: int
    key: bool
    hidden: bool


class Cut(Struct, frozen=True, kw_only=True):
    """A part of a film.

    Attributes:
        start, end: In ticks of the picture's clock; `NEVER` for the end of the file.
        whole: Whether nothing before the start and after the end is left out.
        first: When the first picture to be read is shown: a key picture.
        head: Whether pictures from the start on have to be coded anew.
        last: When the picture is shown that is decoded last of those that stay as they are; None for the end of the
            file.
        tail: When the pictures are shown that have to be coded anew at the end.
        tail_first: When the first picture to be decoded for them is shown.
    """

    start: int
    end: int
    whole: bool
    first: int
    head: bool
    last: int | None = None
    tail: tuple[int, ...] = ()
    tail_first: int = 0


def find_cut(
    source: "InputContainer", facts: MediaFacts, video: VideoFacts, start: float, end: float | None, *, accurate: bool
) -> Cut | None:
    """Find out how a part of a film is taken; None where no picture is in it.

    Args:
        source: The film, opened.
        facts: What it is.
        video: Its picture.
        start: Seconds from its start.
        end: Likewise; None for its end.
        accurate: Whether pictures may be coded anew; else the part begins at the key picture before its start, and may
            end a few pictures early.
    """
    tick = float(video.tick)
    sliver = SLIVER / tick
    at = round((facts.start + start) / tick)
    begun = _begin(source, video, at, sliver, accurate=accurate)
    if begun is None:
        return None
    key, at, head = begun
    if end is None or (facts.duration and end >= facts.duration - SLIVER):
        return Cut(start=at, end=NEVER, whole=start <= 0, first=key, head=head)
    until = round((facts.start + end) / tick)
    found = _finish(source, video, until, sliver)
    if found is None:
        return None
    last, tail, tail_first = found
    if tail and not accurate:
        until, tail = min(tail), ()
    if until <= at:
        return None
    return Cut(start=at, end=until, whole=False, first=key, head=head, last=last, tail=tail, tail_first=tail_first)


def _begin(
    source: "InputContainer", video: VideoFacts, at: int, sliver: float, *, accurate: bool
) -> tuple[int, int, bool] | None:
    """Return when the key picture to begin at is shown, where the part begins, and whether that needs coding."""
    entries: list[Entry] = []
    for position in _positions(video, at):
        entries = _up_to_shown(_listing(source, video, position), at)
        if any(one.key and one.pts <= at + sliver for one in entries):
            break
    keys = [one for one in entries if one.key]
    if not keys:
        return None
    key = next((one for one in reversed(keys) if one.pts <= at + sliver), keys[0])
    shown = [one for one in entries if not one.hidden]
    before = max((one for one in shown if one.pts <= at), key=lambda one: one.pts, default=None)
    after = min((one for one in shown if one.pts > at), key=lambda one: one.pts, default=None)
    if not accurate:
        seen = [one.pts for one in shown if one.pts >= key.pts]
        return key.pts, min(seen, default=at) if key.pts <= at else at, False
    if after is not None and after.pts - at < sliver:
        before, at = after, after.pts
    first = before or after
    return key.pts, at, first is not None and first.pts != key.pts and key.pts <= at


def _finish(
    source: "InputContainer", video: VideoFacts, until: int, sliver: float
) -> tuple[int, tuple[int, ...], int] | None:
    """Return the last picture to be copied, those after it, and where to decode from, by when they are shown."""
    for position in _positions(video, until):
        entries = []
        for entry in _listing(source, video, position):
            if entry.dts >= until:
                break
            entries.append(entry)
        over = next((at for at, one in enumerate(entries) if one.pts >= until - sliver), len(entries))
        kept = entries[:over]
        rest = sorted(one.pts for one in entries[over:] if one.pts < until - sliver)
        while rest and kept and max(one.pts for one in kept) > rest[0]:
            rest = sorted([*rest, kept.pop().pts])
        keys = [one.pts for one in kept if one.key]
        if keys:
            return kept[-1].pts, tuple(rest), keys[-1]
    return None


def _positions(video: VideoFacts, at: int) -> Iterator[int | None]:
    """Yield ticks to look for key pictures from, further and further back; None at last, for the file's start."""
    tick = float(video.tick)
    first, back = round(video.start / tick), 0.0
    while at - back > first:
        yield round(at - back)
        back = back * 2 or _FURTHER / tick
    yield None


def _listing(source: "InputContainer", video: VideoFacts, position: int | None) -> Iterator[Entry]:
    """Yield coded pictures from the key picture at or before a position on."""
    stream: Any = source.streams[video.index]
    begun = False
    try:
        to_key(source, stream, position)
        for packet in with_decoding_times(packets(source, stream), video.index):
            if packet.dts is None:
                continue
            begun = begun or packet.is_keyframe
            if begun:
                yield entry_of(packet)
    except av().FFmpegError:  # it is counted when the film is read
        return


def early(video: VideoFacts, pts: int, seconds: float = _FURTHER) -> int | None:
    """Return a position to seek to for a picture: some seconds before, because not every container is exact."""
    position = round(pts - seconds / video.tick)
    return position if position > video.start / video.tick else None


def to_key(source: "InputContainer", stream: Any, position: int | None) -> None:
    """Go to the key picture at or before a position in a stream's ticks, or to the start of the file.

    Where that cannot be relied on, it is always the start: times after a seek may differ from those before any.
    """
    if not seeks_well(source):
        source.seek(0, backward=True)
        return
    if position is not None:
        source.seek(position, stream=stream, backward=True)
        return
    try:
        source.seek(_FIRST, backward=True)
    except av().FFmpegError:  # AVI knows no time before its first
        source.seek(stream.start_time or 0, stream=stream, backward=True)


def entry_of(packet: Any) -> Entry:
    """Return what a packet of the picture says."""
    return Entry(
        pts=packet.dts if packet.pts is None else packet.pts,
        dts=packet.dts,
        key=packet.is_keyframe,
        hidden=packet.is_discard,
    )


def _up_to_shown(entries: Iterator[Entry], at: int) -> list[Entry]:
    """Return pictures up to where none that comes can be the next one shown after a moment."""
    found: list[Entry] = []
    following: int | None = None
    for entry in entries:
        if following is not None and entry.dts >= following:
            break
        found.append(entry)
        if entry.pts > at and not entry.hidden:
            following = entry.pts if following is None else min(following, entry.pts)
    return found
