"""Take the sound out of a film, or make another kind of file of a sound."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from mediamill.operations.audio._course import Prepared, carry_out, prepare
from mediamill.operations.audio._formats import CONTAINERS, CodecName
from mediamill.operations.audio._params import AudioJob, Wish
from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.streams._bitrate import parse_bitrate
from mediamill.protocol.errors import InvalidJob

SUMMARY = "Take the sound out of a film: MP3, AAC, Opus, FLAC or WAV, with its tags, cover and chapters."
EXAMPLE: dict[str, Any] = {
    "operation": "audio_extract",
    "input": "film.mp4",
    "output": "out/film.mp3",
    "quality": "medium",
}
LANE = "long"

Format = Literal["mp3", "aac", "m4a", "opus", "flac", "alac", "wav", "copy"]

_STEP = 2.0
"""The most one filter changes the tempo by; beyond, it leaves samples out instead of blending them."""


class Params(AudioJob, frozen=True, kw_only=True, tag="audio_extract", forbid_unknown_fields=True, omit_defaults=True):
    """An extract job."""

    format: (
        Annotated[
            Format, Meta(description="What is written; absent: by the output's suffix, else mp3. copy: as it is.")
        ]
        | None
    ) = None
    speed: Annotated[float, Meta(ge=0.5, le=4, description="How many times faster; voices keep their pitch.")] = 1.0

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        given = [name for name in ("bitrate", "quality") if getattr(self, name) is not None]
        if self.speed != 1:
            given.append("speed")
        if self.format == "copy" and given:
            raise InvalidJob(
                f"What is copied stays as it is: leave out {given[0]}, or name another format.",
                field=given[0],
                expected="no bitrate, quality or speed beside copy",
            )

    @property
    def coding(self) -> CodecName | None:
        """The coding that is asked for; None where it is the source's."""
        if self.format == "copy":
            return None
        if self.format is not None:
            return "aac" if self.format == "m4a" else self.format
        return CONTAINERS[self.container].usual if self.container is not None else "mp3"

    @property
    def wish(self) -> Wish:
        """How the sound is to be coded."""
        by_suffix = self.format is None and self.container is not None
        return Wish(
            codec=None if by_suffix else self.coding,
            container=self.container,
            bitrate=parse_bitrate(self.bitrate, "bitrate"),
            quality=self.quality,
            filters=tempo(self.speed),
            only_copy=self.format == "copy",
        )


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Decode, filter, encode and write; or copy packets where nothing changes.

    Raises:
        MediaError: One of the table's: the source cannot be read, or the output cannot be made.
    """
    prepared = _prepare(params, ctx)
    ctx.reserve(prepared.plan.memory_bytes)
    found = carry_out(params, prepared, ctx, speed=params.speed, copies=prepared.copies)
    return found | ({"speed": params.speed} if params.speed != 1 else {})


def tempo(speed: float) -> tuple[str, ...]:
    """Return the filters that make a sound faster and keep its pitch."""
    steps = []
    while speed > _STEP:
        steps.append(_STEP)
        speed /= _STEP
    return tuple(f"atempo={step!r}" for step in (*steps, speed) if step != 1)


def _prepare(params: Params, ctx: Context) -> Prepared:
    return prepare(params, ctx, params.wish)
