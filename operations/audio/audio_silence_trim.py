"""Take silence out of a sound."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta

from mediamill.operations.audio._course import Prepared, carry_out, prepare
from mediamill.operations.audio._line import Segment
from mediamill.operations.audio._listen import WHOLE
from mediamill.operations.audio._measure import silences
from mediamill.operations.audio._params import AudioJob
from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.streams._damage import Damage

SUMMARY = "Take silence out of a sound, at its ends or everywhere."
EXAMPLE: dict[str, Any] = {
    "operation": "audio_silence_trim",
    "input": "pauses.wav",
    "output": "out/pauses.wav",
    "where": "ends",
}
LANE = "long"

Where = Literal["ends", "all"]

_AT_THE_EDGE = 0.02
"""Seconds a silence may be away from the sound's start or end and still be the one there: codings ring."""


class Params(
    AudioJob, frozen=True, kw_only=True, tag="audio_silence_trim", forbid_unknown_fields=True, omit_defaults=True
):
    """A silence trim job. A sound that is silent throughout stays as it is, and `metadata.silent` says so."""

    threshold_db: Annotated[
        float, Meta(ge=-120, le=-1, description="What stays below in all channels is silent, in dB of full scale.")
    ] = -40.0
    min_duration: Annotated[float, Meta(ge=0.01, le=3600, description="Seconds it has to stay there.")] = 0.5
    where: Annotated[Where, Meta(description="At the start and end, or in the middle as well.")] = "ends"
    padding: Annotated[float, Meta(ge=0, le=60, description="Seconds of each silence that stay beside the sound.")] = (
        0.0
    )


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Find the silences in one pass, and write what is between them in another.

    Raises:
        MediaError: One of the table's: the source cannot be read, or the output cannot be made.
    """
    prepared = _prepare(params, ctx)
    ctx.reserve(prepared.plan.memory_bytes)
    damage = Damage(strict=params.strict)
    found, seconds = silences(
        ctx,
        prepared.track,
        threshold=params.threshold_db,
        least=params.min_duration,
        share=(0.0, 40.0),
        damage=damage,
    )
    removed = _removed(found, seconds, params)
    kept = _between(removed, seconds)
    told: dict[str, Any] = {
        "removed_seconds": round(sum(end - start for start, end in removed), 3) if kept else 0.0,
        "segments": [{"start": round(start, 6), "end": round(end or seconds, 6)} for start, end in kept or WHOLE],
    }
    segments, copies = (kept, False) if kept and removed else (WHOLE, prepared.copies)
    told |= carry_out(params, prepared, ctx, segments=segments, copies=copies, share=(40.0, 100.0))
    told |= damage.told()
    return told if kept else told | {"silent": True}


def _removed(found: Sequence[tuple[float, float]], seconds: float, params: Params) -> list[tuple[float, float]]:
    """Return the parts that are taken out."""
    removed = []
    for start, end in found:
        first, last = start <= _AT_THE_EDGE, end >= seconds - _AT_THE_EDGE
        if params.where == "ends" and not (first or last):
            continue
        start = 0.0 if first else start + params.padding
        end = seconds if last else end - params.padding
        if end > start:
            removed.append((start, end))
    return removed


def _between(removed: Sequence[tuple[float, float]], seconds: float) -> tuple[Segment, ...]:
    """Return the parts that are left."""
    kept: list[Segment] = []
    at = 0.0
    for start, end in removed:
        if start > at:
            kept.append((at, start))
        at = end
    if at < seconds:
        kept.append((at, None))
    return tuple(kept)


def _prepare(params: Params, ctx: Context) -> Prepared:
    return prepare(params, ctx, params.wish)
