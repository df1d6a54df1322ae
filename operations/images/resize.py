"""Make one picture smaller, in one or several widths."""

from typing import Annotated, Any

from msgspec import Meta

from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.images._fields import Filter, Fitting, FocalX, FocalY, Height, Percent, Position, Width
from mediamill.operations.images._geometry import Fit, check_focal, fit, fit_share, kept
from mediamill.operations.images._job import Prepared, carry_out, prepare
from mediamill.operations.images._params import ImageJob, Side
from mediamill.operations.images._resample import Look
from mediamill.operations.images._source import Facts
from mediamill.operations.images._targets import has_fields
from mediamill.protocol.errors import InvalidJob

SUMMARY = "Resize a picture to one or several widths."
EXAMPLE: dict[str, Any] = {
    "operation": "resize",
    "input": "photo.jpg",
    "output_dir": "out",
    "widths": [640, 320],
    "format": "webp",
}
DEFAULT_NAME = "{name}-{width}.{ext}"


class Params(ImageJob, frozen=True, kw_only=True, tag="resize", forbid_unknown_fields=True, omit_defaults=True):
    """A resize job: widths, or scale_percent, or a box of width and height."""

    widths: (
        Annotated[list[Side], Meta(min_length=1, max_length=64, description="One output per width, in pixels.")] | None
    ) = None
    scale_percent: Percent | None = None
    width: Width | None = None
    height: Height | None = None
    max_height: Annotated[Side, Meta(description="The highest an output may be, in pixels.")] | None = None
    fit: Fitting = "inside"
    position: Position | None = None
    focal_x: FocalX | None = None
    focal_y: FocalY | None = None
    filter: Filter = "lanczos3"
    upscale: Annotated[bool, Meta(description="Let outputs be larger than the source.")] = False
    sharpen: Annotated[float, Meta(ge=0, le=10, description="Sharpening afterwards, 0 none, 1 usual.")] = 0.0
    name: Annotated[
        str, Meta(min_length=1, max_length=200, description="Names in output_dir: {name} {width} {height} {ext}.")
    ] = DEFAULT_NAME

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        box = self.width is not None or self.height is not None
        given = [
            name
            for name, there in (
                ("widths", self.widths is not None),
                ("scale_percent", self.scale_percent is not None),
                ("width/height", box),
            )
            if there
        ]
        if len(given) > 1 or not (given or self.max_height):
            raise InvalidJob(
                "A resize takes exactly one of widths, scale_percent, width/height, received "
                f"{' and '.join(given) or 'none'}.",
                field=given[1].partition("/")[0] if given else "widths",
                expected="one of widths, scale_percent, width and/or height",
            )
        check_focal(self.position, self.focal_x, self.focal_y)
        several = self.widths is not None and len(set(self.widths)) > 1
        if several and self.output is not None and not has_fields(self.output, "width", "height"):
            raise InvalidJob(
                "Several widths need an output each: give output_dir, or put {width} into output.",
                field="output",
                received=self.output,
                expected="output_dir, or an output with {width}",
            )


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Decode once, write every size.

    Raises:
        MediaError: One of the table's: the source cannot be read, is damaged or too large, or an output cannot be made.
    """
    return carry_out(_prepare(params, ctx), ctx)


def _prepare(params: Params, ctx: Context) -> Prepared:
    return prepare(params, ctx, lambda facts: _fits(params, facts), _look(params), params.name)


def _fits(params: Params, facts: Facts) -> tuple[list[Fit], bool]:
    """Work out each output once, in the order asked for; return whether any is smaller than asked for."""
    size, upscale = facts.size, params.upscale or facts.vector
    if params.scale_percent is not None:
        one, small = fit_share(size, params.scale_percent, max_height=params.max_height, upscale=upscale)
        return [one], small
    wanted: list[tuple[int | None, int | None]] = [(params.width, params.height)]
    if params.widths is not None:
        wanted = [(width, None) for width in params.widths]
    found = [
        fit(size, width, height, how=params.fit, max_height=params.max_height, upscale=upscale)
        for width, height in wanted
    ]
    return list(dict.fromkeys(one for one, _ in found)), any(capped for _, capped in found)


def _look(params: Params) -> Look:
    position, focal = kept(params.position, params.focal_x, params.focal_y)
    return Look(kernel=params.filter, linear=params.linear_rgb, sharpen=params.sharpen, position=position, focal=focal)
