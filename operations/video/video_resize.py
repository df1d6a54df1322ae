"""Make a film smaller or larger."""

from typing import Annotated, Any

from msgspec import Meta

from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.video._course import Prepared, carry_out, copy_over, prepare
from mediamill.operations.video._decide import may_stay
from mediamill.operations.video._geometry import Mode, resized
from mediamill.operations.video._params import CodingJob, Side
from mediamill.protocol.errors import InvalidJob

SUMMARY = "Make a film smaller or larger: fitted into a frame, filling it, or stretched to it."
EXAMPLE: dict[str, Any] = {
    "operation": "video_resize",
    "input": "film.mp4",
    "output": "out/film.mp4",
    "height": 240,
}
LANE = "long"


class Params(CodingJob, frozen=True, kw_only=True, tag="video_resize", forbid_unknown_fields=True, omit_defaults=True):
    """A resize job: width, height or both."""

    width: Annotated[Side, Meta(description="Pixels; absent: what follows from the height.")] | None = None
    height: Annotated[Side, Meta(description="Pixels; absent: what follows from the width.")] | None = None
    mode: Annotated[
        Mode,
        Meta(
            description="fit into the frame; fill it, cutting off what sticks out; limit: fit, but never enlarge; "
            "scale to it exactly."
        ),
    ] = "fit"
    maintain_aspect: Annotated[bool, Meta(description="Keep the film's shape; false stretches it to the frame.")] = True
    fast: Annotated[bool, Meta(description="Speed before size and sharpness.")] = False

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        if self.width is None and self.height is None:
            raise InvalidJob(
                "A film is resized to a width, a height or both, received none.",
                field="width",
                expected="width or height",
            )


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header and first frame."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Decode, filter, encode and write; a film that is of that size already is copied, which costs it nothing.

    Raises:
        MediaError: One of the table's: the source cannot be read, or the output cannot be made.
    """
    prepared = _prepare(params, ctx)
    if may_stay(params, prepared.facts, prepared.video, prepared.code.size):
        return copy_over(params, prepared, ctx)
    return carry_out(params, prepared, ctx)


def _prepare(params: Params, ctx: Context) -> Prepared:
    return prepare(
        params,
        ctx,
        lambda facts: resized(facts.shown, params.width, params.height, params.mode, keep=params.maintain_aspect),
        fast=params.fast,
    )
