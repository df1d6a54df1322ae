"""Write one picture in another format."""

from typing import Annotated, Any

from msgspec import Meta

from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.images._geometry import Fit, fit
from mediamill.operations.images._job import Prepared, carry_out, prepare
from mediamill.operations.images._params import EXTENSIONS, ImageJob, Side, suffix_format
from mediamill.operations.images._resample import Look
from mediamill.operations.images._source import Facts
from mediamill.protocol.errors import InvalidJob

SUMMARY = "Convert a picture to another format."
EXAMPLE: dict[str, Any] = {
    "operation": "convert",
    "input": "photo.jpg",
    "output_dir": "out",
    "format": "avif",
}
NAME = "{name}.{ext}"


class Params(ImageJob, frozen=True, kw_only=True, tag="convert", forbid_unknown_fields=True, omit_defaults=True):
    """A convert job: a format, and a size only where another one is wanted."""

    width: Annotated[Side, Meta(description="Width to fit into, in pixels; a drawing is drawn at it.")] | None = None
    height: Annotated[Side, Meta(description="Height to fit into, in pixels; a drawing is drawn at it.")] | None = None

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        if self.format is None and (self.output is None or suffix_format(self.output) is None):
            raise InvalidJob(
                "The job does not say what to convert to: give format, or an output with a suffix.",
                field="format",
                expected="one of " + ", ".join([*EXTENSIONS, "auto"]),
            )


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Decode and encode.

    Raises:
        MediaError: One of the table's: the source cannot be read, is damaged or too large, or cannot be written so.
    """
    return carry_out(_prepare(params, ctx), ctx)


def _prepare(params: Params, ctx: Context) -> Prepared:
    def fits(facts: Facts) -> tuple[list[Fit], bool]:
        one, capped = fit(facts.size, params.width, params.height, upscale=facts.vector)
        return [one], capped

    return prepare(params, ctx, fits, Look(linear=params.linear_rgb), NAME)
