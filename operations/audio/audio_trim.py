"""Cut a part out of a sound."""

from typing import Annotated, Any

from msgspec import Meta

from mediamill.operations.audio._course import Prepared, carry_out, prepare
from mediamill.operations.audio._formats import is_lossless
from mediamill.operations.audio._params import AudioJob, Wish
from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.streams._bitrate import parse_bitrate
from mediamill.operations.streams._times import Time, parse_seconds
from mediamill.protocol.errors import InvalidJob

SUMMARY = "Cut a part out of a sound, to the sample, or to the packet without coding anything anew."
EXAMPLE: dict[str, Any] = {
    "operation": "audio_trim",
    "input": "tagged.mp3",
    "output": "out/part.mp3",
    "start": 0.5,
    "end": "00:00:01.250",
}
LANE = "long"


class Params(AudioJob, frozen=True, kw_only=True, tag="audio_trim", forbid_unknown_fields=True, omit_defaults=True):
    """A trim job."""

    start: Time | None = None
    end: Time | None = None
    accurate: Annotated[
        bool, Meta(description="Cut to the sample and code anew; false: copy packets, cut where they begin.")
    ] = True

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        start, end = self.span
        if self.start is None and self.end is None:
            raise InvalidJob("A cut needs start, end or both.", field="start", expected="a time")
        if end is not None and end <= start:
            raise InvalidJob(
                f"The end has to be after the start, {start:g} s, received {self.end!r}.",
                field="end",
                received=self.end,
                expected=f"more than {start:g}",
            )
        given = [name for name in ("bitrate", "quality") if getattr(self, name) is not None]
        if given and not self.accurate:
            raise InvalidJob(
                f"What is copied stays as it is: leave out {given[0]}, or accurate.",
                field=given[0],
                expected="no bitrate or quality beside accurate: false",
            )

    @property
    def span(self) -> tuple[float, float | None]:
        """From and to, in seconds."""
        start = 0.0 if self.start is None else parse_seconds(self.start, "start")
        return start, None if self.end is None else parse_seconds(self.end, "end")


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Read the part, and write it.

    Raises:
        InvalidJob: It begins after the sound has ended.
        MediaError: One of the table's: the source cannot be read, or the output cannot be made.
    """
    prepared = _prepare(params, ctx)
    ctx.reserve(prepared.plan.memory_bytes)
    start, end = params.span
    copies = prepared.copies and not (params.accurate or _is_exact(prepared))
    return {"start": start, "end": end} | carry_out(params, prepared, ctx, segments=((start, end),), copies=copies)


def _is_exact(prepared: Prepared) -> bool:
    """Return whether coding anew loses nothing. FLAC numbers its packets, so those of a part fit no other file."""
    return prepared.container in ("flac", "wav") and is_lossless(prepared.track.sound)


def _prepare(params: Params, ctx: Context) -> Prepared:
    wish = Wish(
        container=params.container,
        bitrate=parse_bitrate(params.bitrate, "bitrate"),
        quality=params.quality,
        only_copy=not params.accurate,
    )
    prepared = prepare(params, ctx, wish)
    duration = prepared.track.facts.duration
    if duration and params.span[0] >= duration:
        raise InvalidJob(
            f"The sound lasts {duration:.3f} s and cannot be cut from {params.span[0]:g} s on.",
            field="start",
            received=params.start,
            expected=f"less than {duration:.3f}",
        )
    return prepared
