"""Code a sound anew."""

from typing import Annotated, Any

from msgspec import Meta

from mediamill.operations.audio._course import Prepared, carry_out, prepare
from mediamill.operations.audio._formats import CONTAINERS, CodecName
from mediamill.operations.audio._params import AudioJob, Wish, container_for
from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.streams._bitrate import parse_bitrate
from mediamill.operations.streams._sound import RATES
from mediamill.protocol.errors import InvalidJob

SUMMARY = "Code a sound anew: another coding, bitrate, sample rate or number of channels."
EXAMPLE: dict[str, Any] = {
    "operation": "audio_transcode",
    "input": "tagged.flac",
    "output": "out/tagged.opus",
    "bitrate": "96k",
}
LANE = "long"


class Params(
    AudioJob, frozen=True, kw_only=True, tag="audio_transcode", forbid_unknown_fields=True, omit_defaults=True
):
    """A transcode job."""

    codec: (
        Annotated[CodecName, Meta(description="The coding; absent: by the output's suffix, else the source's.")] | None
    ) = None
    sample_rate: (
        Annotated[int, Meta(ge=8_000, le=384_000, description="Samples a second; absent: as they are.")] | None
    ) = None
    channels: (
        Annotated[
            int, Meta(ge=1, le=8, description="1 is mono, 2 stereo, 6 is 5.1, 8 is 7.1; absent: as many as there are.")
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        coding, named = self.coding, self.container
        if self.codec is not None and named is not None and container_for(self.codec, named) != named:
            raise InvalidJob(
                f".{named} does not hold {self.codec}.",
                field="codec",
                received=self.codec,
                expected=f"a coding for .{named}, such as {CONTAINERS[named].usual}",
            )
        rates = RATES.get(coding or "")
        if rates is not None and self.sample_rate is not None and self.sample_rate not in rates:
            raise InvalidJob(
                f"{coding} has no sample rate of {self.sample_rate}.",
                field="sample_rate",
                received=self.sample_rate,
                expected="one of " + ", ".join(map(str, rates)),
            )
        if coding == "mp3" and (self.channels or 0) > 2:
            raise InvalidJob(
                f"mp3 has at most 2 channels, received {self.channels}.",
                field="channels",
                received=self.channels,
                expected="1 or 2",
            )

    @property
    def coding(self) -> CodecName | None:
        """The coding that is asked for; None leaves it to the source."""
        return self.codec if self.codec is not None else super().coding

    @property
    def wish(self) -> Wish:
        """How the sound is to be coded."""
        return Wish(
            codec=self.codec,
            container=self.container,
            bitrate=parse_bitrate(self.bitrate, "bitrate"),
            quality=self.quality,
            sample_rate=self.sample_rate,
            channels=self.channels,
        )


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Decode, encode and write; or copy packets where nothing changes.

    Raises:
        MediaError: One of the table's: the source cannot be read, or the output cannot be made.
    """
    prepared = _prepare(params, ctx)
    ctx.reserve(prepared.plan.memory_bytes)
    return carry_out(params, prepared, ctx, copies=prepared.copies)


def _prepare(params: Params, ctx: Context) -> Prepared:
    return prepare(params, ctx, params.wish)
