"""Say what stands in for a picture until it has loaded: a tiny picture, a colour, a gradient, a hash."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from mediamill.operations.contract import Context, Metadata, Plan, Target
from mediamill.operations.images import _lqip, _targets
from mediamill.operations.images._encode import Encoding, check_side
from mediamill.operations.images._geometry import Fit, Size
from mediamill.operations.images._params import Format, ImageJob, parse_colour, suffix_format
from mediamill.operations.images._placeholder import (
    WIDTH,
    Kind,
    KindName,
    Told,
    decoded_size,
    long_kind,
    said,
    tiny_size,
)
from mediamill.operations.images._resample import Look
from mediamill.operations.images._source import Source, open_source
from mediamill.operations.images._work import Variant, Work, memory_bytes, pixels
from mediamill.protocol.errors import InvalidJob

if TYPE_CHECKING:
    import pyvips

SUMMARY = "Make placeholders: a tiny picture, the dominant colour, a CSS gradient, BlurHash, ThumbHash."
EXAMPLE: dict[str, Any] = {
    "operation": "placeholder",
    "input": "photo.jpg",
    "kind": "all",
}
NAME = "{name}-placeholder.{ext}"
TinyWidth = Annotated[int, Meta(ge=1, le=512, description="Width of the tiny picture, in pixels; absent: 20.")]
Components = Annotated[
    int,
    Meta(ge=1, le=9, description="Frequencies of the BlurHash; absent: 4 along the longer side, 3 along the other."),
]


class Params(ImageJob, frozen=True, kw_only=True, tag="placeholder", forbid_unknown_fields=True, omit_defaults=True):
    """A placeholder job. What it makes is in the metadata; a file is written only where an output is given.

    Every kind gives the picture's `width`, `height` and `aspect_ratio`, upright. Beside them:

    - lqip: `data_uri`, a tiny picture; it is also what an output is. Without a format it is of the one of WebP, PNG and
      JPEG that takes the fewest bytes, and without a quality it is coarse. It holds no metadata.
    - dominant_color: `color_hex` and `color_rgb`, the colour most of the visible picture is close to (the background's
      where nothing is visible), and `css` that sets it.
    - css_gradient: `corners`, the mean colours of upper left, upper right, lower left and lower right, #rrggbb or
      #rrggbbaa, and `css`, a declaration for a style that sets a gradient between them.
    - blurhash: `blurhash`, of the picture on the background, as BlurHash knows no alpha.
    - thumbhash: `thumbhash`, in base64, with alpha.
    - all: all of these; `css` is the gradient.

    Of animations the first frame counts.
    """

    needs_output: ClassVar[bool] = False

    kind: Annotated[KindName, Meta(description="What is made; dominant and gradient are short names.")] = "lqip"
    width: TinyWidth | None = None
    lqip_width: Annotated[TinyWidth, Meta(description="The same as width.")] | None = None
    components_x: Components | None = None
    components_y: Components | None = None

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        if self.width is not None and self.lqip_width is not None and self.width != self.lqip_width:
            raise InvalidJob(
                "width and lqip_width are the same and differ.",
                field="lqip_width",
                received=self.lqip_width,
                expected=f"{self.width}, or one of them alone",
            )
        kind = self.long_kind
        for field in ("components_x", "components_y"):
            if getattr(self, field) is not None and kind not in ("blurhash", "all"):
                raise InvalidJob(
                    f"{field} is about a BlurHash, the kind is {kind}.",
                    field=field,
                    received=getattr(self, field),
                    expected="kind blurhash or all",
                )
        for field in ("output", "output_dir", "inline"):
            if getattr(self, field) and kind not in ("lqip", "all"):
                raise InvalidJob(
                    f"Kind {kind} is no picture that could be written: it is in the metadata.",
                    field=field,
                    received=getattr(self, field),
                    expected="kind lqip or all, or no output",
                )

    @property
    def long_kind(self) -> Kind:
        """The kind's long name."""
        return long_kind(self.kind)


class _Made(Struct):
    """A decoded picture, `small`, and the tiny one's file and coding, where there is one."""

    small: "pyvips.Image"
    data: bytes = b""
    code: Encoding | None = None


class _Prepared(Struct):
    """A job whose source has been looked at.

    Attributes:
        source: The picture.
        size: What it is decoded to.
        tiny: Size of the tiny picture; None where there is none.
        format: Of the tiny picture; None for the one that takes the fewest bytes.
        plan: What will be written and what it costs.
        made: What working out the plan needed already.
    """

    source: Source
    size: Size
    tiny: Size | None
    format: Format | None
    plan: Plan
    made: _Made | None = None


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header; where the format is to be found, by making it."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Decode as small as the decoder can, and work everything out from that.

    Raises:
        MediaError: One of the table's: the source cannot be read, is damaged or too large.
    """
    prepared = _prepare(params, ctx)
    ctx.reserve(prepared.plan.memory_bytes)
    claimed = ctx.claim(prepared.plan)
    made = prepared.made or _make(params, prepared, ctx)
    width, height = prepared.source.facts.size
    kind = params.long_kind
    found: dict[str, Any] = {"kind": kind, "width": width, "height": height, "aspect_ratio": round(width / height, 6)}
    if made.code is not None:
        found["data_uri"] = _lqip.data_uri(made.data, made.code.format)
        for target in claimed:
            ctx.write(target, made.data, **made.code.shown_quality)
    told = Told(parse_colour(params.background), (params.components_x, params.components_y))
    return found | said(made.small, kind, told, ctx.check)


def _prepare(params: Params, ctx: Context) -> _Prepared:
    opened = ctx.read(params.input)
    source = open_source(opened, ctx.limits, ctx.threads)
    width = params.width or params.lqip_width or WIDTH
    tiny = tiny_size(source, width) if params.long_kind in ("lqip", "all") else None
    size = decoded_size(source, params.long_kind, tiny)
    prepared = _Prepared(source, size, tiny, _format(params, source), _cost(params, source, size, ctx))
    if tiny is None or not (params.output or params.output_dir or params.inline):
        return prepared
    chosen = prepared.format
    if chosen is None:
        ctx.reserve(prepared.plan.memory_bytes)
        prepared.made = _make(params, prepared, ctx)
        assert prepared.made.code is not None
        chosen = prepared.made.code.format
    check_side(chosen, tiny)
    path = _targets.place(params, opened, NAME, chosen, {"width": tiny[0], "height": tiny[1]})
    target = Target(path=path, format=chosen, width=tiny[0], height=tiny[1])
    prepared.plan = msgspec.structs.replace(prepared.plan, targets=(target,))
    return prepared


def _format(params: Params, source: Source) -> Format | None:
    if params.format is None and (params.output is None or suffix_format(params.output) is None):
        return None
    found = _targets.output_format(params, source.facts)
    return None if found == "auto" else found


def _cost(params: Params, source: Source, size: Size, ctx: Context) -> Plan:
    variant = Variant(Fit(size, size), Encoding(format="png"))
    work = Work(source=source, variants=(variant,), look=_look(params), check=ctx.check)
    return Plan(memory_bytes=memory_bytes(work), pixels=pixels(work))


def _make(params: Params, prepared: _Prepared, ctx: Context) -> _Made:
    small = _lqip.shrunk(prepared.source, prepared.size, _look(params))
    ctx.check()
    if prepared.tiny is None:
        return _Made(small)
    return _Made(small, *_lqip.coded(_lqip.smaller(small, prepared.tiny), params, prepared.format))


def _look(params: Params) -> Look:
    return Look(linear=params.linear_rgb, residual=1.0)
