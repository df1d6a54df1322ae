"""Code a film anew."""

from typing import Annotated, Any

from msgspec import Meta

from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.video._budget import parse_size
from mediamill.operations.video._course import Prepared, carry_out, prepare
from mediamill.operations.video._geometry import limited
from mediamill.operations.video._params import CodingJob, Side

SUMMARY = "Code a film anew: H.264, H.265, VP9 or AV1, smaller, and playable everywhere."
EXAMPLE: dict[str, Any] = {
    "operation": "video_transcode",
    "input": "film.mp4",
    "output": "out/film.mp4",
    "quality": "medium",
    "max_width": 640,
}
LANE = "long"


class Params(
    CodingJob, frozen=True, kw_only=True, tag="video_transcode", forbid_unknown_fields=True, omit_defaults=True
):
    """A transcode job: one of crf, bitrate, quality, target_size and target_score says how many bits are spent."""

    max_width: Annotated[Side, Meta(description="The widest the film may be, in pixels.")] | None = None
    max_height: Annotated[Side, Meta(description="The highest the film may be, in pixels.")] | None = None
    target_size: (
        Annotated[
            str | int,
            Meta(
                description=(
                    'Bytes of the whole file: 8000000, "8M", "8MiB". Met within 3 % from below, in two passes for '
                    "h264 and h265; the result's verdict says whether."
                )
            ),
        ]
        | None
    ) = None
    target_score: (
        Annotated[
            float,
            Meta(
                ge=0,
                le=100,
                description="The least SSIMULACRA2 score, 90 is visually lossless: the smallest film found that has "
                "it, measured on what was written; the result's verdict says whether.",
            ),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        parse_size(self.target_size)

    @property
    def rates(self) -> tuple[str, ...]:
        """The fields of which one says how many bits are spent."""
        return ("crf", "bitrate", "quality", "target_size", "target_score")

    @property
    def target_bytes(self) -> int | None:
        """The size the film has to have; None where bits are spent by another field."""
        return parse_size(self.target_size)

    @property
    def least_score(self) -> float | None:
        """The score the film has to have; None where bits are spent by another field."""
        return self.target_score


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header and first frame."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Decode, filter, encode and write.

    Raises:
        MediaError: One of the table's: the source cannot be read, or the output cannot be made.
    """
    return carry_out(params, _prepare(params, ctx), ctx)


def _prepare(params: Params, ctx: Context) -> Prepared:
    return prepare(params, ctx, lambda facts: limited(facts.shown, params.max_width, params.max_height))
