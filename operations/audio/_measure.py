"""What a sound is like to the ear: how loud, how high its peaks reach, where it is silent. Nothing is kept in memory.

Loudness is that of ITU-R BS.1770-4 and EBU R 128: FFmpeg's `ebur128` gives the loudness of every 400 ms, a block each
100 ms, and the gates are put over them here, so that they may be others than the standard's.
"""

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from mediamill.operations.audio._listen import Listener, Track, track_of
from mediamill.operations.audio._make import Share
from mediamill.operations.contract import Context
from mediamill.operations.streams._ahead import ahead
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._facts import look
from mediamill.operations.streams._open import demuxer, written
from mediamill.operations.streams._sound import SoundFilter
from mediamill.protocol.errors import CorruptInput

ABSOLUTE_GATE = -70.0
"""LUFS below which a block never counts."""

_RELATIVE_GATE = -10.0
_BLOCK, _STEP = 0.4, 0.1
_BOOST = 60.0
"""Decibels everything is raised by while it is measured: the filter tells peaks with three digits after the point."""

_SLACK = 5e-4
"""Half a unit of that last digit, which is added, so that a peak is never told too low."""


class Loudness(Struct, frozen=True, kw_only=True):
    """How loud a sound is.

    Attributes:
        lufs: Integrated loudness; None where no block is above the gates, as in silence and below 0.4 seconds.
        peak: True peak, in dBTP; None in digital silence.
        seconds: How long it is.
    """

    lufs: float | None
    peak: float | None
    seconds: float


def measure(
    ctx: Context,
    track: Track,
    *,
    gate: float = ABSOLUTE_GATE,
    layout: str = "",
    share: Share = (0.0, 100.0),
    damage: Damage | None = None,
) -> Loudness:
    """Measure a track's loudness and true peak.

    Args:
        ctx: The engine.
        track: The track.
        gate: LUFS below which a block does not count.
        layout: The arrangement of channels it is brought to first; empty leaves it as it is.
        share: How progress is told.
        damage: Counts what is wrong with the file; None where that is known.

    Raises:
        MediaError: It cannot be decoded.
    """
    blocks: list[tuple[float, float]] = []
    peak = samples = 0.0
    # A sound that begins or ends loud has a peak there, which shows between it and silence.
    filters = (
        f"adelay=delays={round(_STEP * 1000)}:all=1",
        "apad=pad_dur=0.2",
        *((f"aformat=channel_layouts={layout}",) if layout else ()),
        "aformat=sample_fmts=dbl",
        f"volume={_BOOST}dB:precision=double",
        "ebur128=peak=true:metadata=1",
    )
    for kind, item in _told(ctx, track, filters, share, damage or Damage()):
        if kind == "length":
            samples = item
            continue
        told = item.metadata
        peak = max(peak, *(float(value) for name, value in told.items() if "true_peaks_ch" in name), 0.0)
        blocks.append((float(item.pts * item.time_base), float(told.get("lavfi.r128.M", "nan")) - _BOOST))
    whole = [block for end, block in blocks if _BLOCK - _STEP / 2 < end <= samples + 1e-6]
    return Loudness(
        lufs=integrated(whole, gate),
        peak=20 * math.log10(peak + _SLACK) - _BOOST if peak else None,
        seconds=samples,
    )


def integrated(blocks: Sequence[float], gate: float = ABSOLUTE_GATE) -> float | None:
    """Return the loudness of blocks of 400 ms, by the two gates of BS.1770-4; None where none is above them.

    Args:
        blocks: The loudness of each, in LUFS.
        gate: The absolute gate.
    """
    loud = [block for block in blocks if block >= max(gate, ABSOLUTE_GATE)]
    if not loud:
        return None
    relative = _mean(loud) + _RELATIVE_GATE
    return _mean([block for block in loud if block >= relative])


def silences(
    ctx: Context, track: Track, *, threshold: float, least: float, share: Share, damage: Damage
) -> tuple[list[tuple[float, float]], float]:
    """Find where a track is silent.

    Args:
        ctx: The engine.
        track: The track.
        threshold: In dB of full scale; what stays below in all channels is silent.
        least: Seconds it has to stay there.
        share: How progress is told.
        damage: Counts what is wrong with the file.

    Returns:
        From and to of each silence, and how long the whole is, in seconds.
    """
    found: list[tuple[float, float]] = []
    began: float | None = None
    seconds = 0.0
    # Each frame tells of one silence at most, so none may be long enough for two.
    size = max(16, int(track.sound.sample_rate * min(least, 0.5) * 0.9))
    filters = (f"asetnsamples=n={size}:p=0", f"silencedetect=noise={threshold}dB:duration={least}")
    for kind, item in _told(ctx, track, filters, share, damage):
        if kind == "length":
            seconds = item
            continue
        told = item.metadata
        start, end = (told.get(f"lavfi.silence_{edge}") for edge in ("start", "end"))
        if end is not None and began is not None:
            found.append((began, float(end)))
            began = None
        if start is not None:
            began = max(0.0, float(start))
            if end is not None and float(end) > began:
                found.append((began, float(end)))
                began = None
    if began is not None:
        found.append((began, seconds))
    return found, seconds


@contextlib.contextmanager
def reopened(ctx: Context, path: str) -> Iterator[Track]:
    """Open a file that was just written, to hold it to what it should be."""
    with written(path) as stream:
        facts = look(stream, ctx.limits, pictures=False)
        yield track_of(stream, facts, facts.audio[0])


def _told(
    ctx: Context,
    track: Track,
    filters: Sequence[str],
    share: Share,
    damage: Damage,
) -> Iterator[tuple[str, Any]]:
    """Yield the frames that come out of filters, and last the length of what went in, in seconds."""
    seconds = 0.0
    with demuxer(track.stream) as source:
        listener = Listener(source, track, damage)
        chain = SoundFilter(filters)
        with ahead(listener.frames()) as frames:
            for frame in frames:
                seconds += frame.samples / frame.sample_rate
                yield from (("frame", out) for out in chain.send(frame))
                ctx.progress(share[0] + (share[1] - share[0]) * listener.share, listener.told)
        yield from (("frame", out) for out in chain.flush())
    if not seconds:
        raise CorruptInput("No sound of the file can be decoded.", detail=damage.first or None)
    yield "length", seconds


def _mean(blocks: Sequence[float]) -> float:
    return 10 * math.log10(sum(10 ** (block / 10) for block in blocks) / len(blocks))
