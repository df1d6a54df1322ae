"""Make the files of a responsive picture, and the HTML that offers them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from mediamill.operations.contract import Context, Metadata, Plan, Target
from mediamill.operations.images import _job, _targets
from mediamill.operations.images._encode import DEFAULT_QUALITY, Encoding, check_side, encoding, same_look
from mediamill.operations.images._html import BaseUrl, url_of
from mediamill.operations.images._params import Filter, Format, ImageJob, Quality, Side, long_name
from mediamill.operations.images._placeholder import KindName, stand_in
from mediamill.operations.images._resample import Look
from mediamill.operations.images._source import Source, open_source
from mediamill.operations.images._srcset import BEST_FIRST, Offer, markup, offer, srcset_of
from mediamill.operations.images._work import Variant
from mediamill.protocol.errors import InvalidJob

SUMMARY = "Make a picture in the widths, densities and formats a page offers, and the HTML that offers them."
EXAMPLE: dict[str, Any] = {
    "operation": "srcset",
    "input": "photo.jpg",
    "output_dir": "out",
    "widths": [320, 640],
    "formats": ["webp", "jpeg"],
    "sizes": "(max-width: 40rem) 100vw, 40rem",
    "alt": "A valley below mountains",
}
DEFAULT_NAME = "{name}-{width}w{density}.{ext}"
_MAX_FILES = 256

WebFormat = Literal["png", "jpeg", "jpg", "webp", "avif", "gif", "auto"]


class Qualities(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Qualities by format; one that is absent is the format's default."""

    jpeg: Quality | None = None
    jpg: Quality | None = None
    webp: Quality | None = None
    avif: Quality | None = None

    def of(self, name: Format) -> int | None:
        """Return a format's quality, None where none is given."""
        given: int | None = self.jpg if name == "jpeg" and self.jpeg is None else getattr(self, name, None)
        return given


class Params(ImageJob, frozen=True, kw_only=True, tag="srcset", forbid_unknown_fields=True, omit_defaults=True):
    """A srcset job: widths in CSS pixels, times densities, times formats.

    Combinations that come to the same width in pixels are one file. A width the source is too small for is the
    source's own, once, but a drawing is drawn at any. Moving pictures stay moving in GIF, WebP and AVIF and are stills
    elsewhere. Sources of formats no page shows become JPEG, or PNG where they have alpha.

    One width without sizes is a picture that has it on the page: browsers choose by density (`1x, 2x`). Otherwise they
    choose by width (`320w, 640w`) and sizes. Several formats make a `<picture>` that offers AVIF, WebP, JPEG, PNG, GIF
    in this order; the last of them is what every browser gets. Its width and height are those of the largest width.
    """

    quality: (
        Annotated[Quality | Qualities, Meta(description="One for all formats, or an object with one per format.")]
        | None
    ) = None  # type: ignore[assignment]  # the one place where an image job says more of it
    widths: Annotated[list[Side], Meta(min_length=1, max_length=64, description="In CSS pixels.")]
    densities: Annotated[
        tuple[Annotated[float, Meta(ge=0.1, le=10)], ...],
        Meta(min_length=1, max_length=8, description="Pixels a CSS pixel, each for every width."),
    ] = (1.0,)
    formats: (
        Annotated[list[WebFormat], Meta(min_length=1, max_length=6, description="Several make a <picture>.")] | None
    ) = None
    sizes: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=2000,
                description="How wide the page shows the picture; absent: as wide as the window, up to the largest "
                "width, or with one width alone always that.",
            ),
        ]
        | None
    ) = None
    alt: Annotated[str, Meta(max_length=2000, description="The picture in words; empty: it is decoration.")] = ""
    class_: Annotated[str, Meta(max_length=1000, description="The image's class.")] | None = msgspec.field(
        name="class", default=None
    )
    loading: Annotated[Literal["lazy", "eager"], Meta(description="eager: for what is seen first.")] = "lazy"
    placeholder: (
        Annotated[KindName, Meta(description="Return what stands in for it, as the operation placeholder does.")] | None
    ) = None
    generate_html: Annotated[bool, Meta(description="Return the HTML as metadata.html_snippet.")] = True
    base_url: BaseUrl = ""
    filter: Annotated[Filter, Meta(description="Kernel of the resampling.")] = "lanczos3"
    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            description="Names: {name} {width} {height} {ext} {format}, and {density}, which is nothing or like -2x.",
        ),
    ] = DEFAULT_NAME

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        if self.output is not None:
            raise InvalidJob(
                "A srcset is several files: give output_dir.",
                field="output",
                received=self.output,
                expected="output_dir, or inline",
            )
        super().__post_init__()
        if self.format is not None and self.formats is not None:
            raise InvalidJob(
                "A srcset takes format or formats, received both.",
                field="formats",
                received=self.formats,
                expected="one of format, formats",
            )
        if self.format in ("tiff", "ico"):
            raise InvalidJob(
                f"Browsers do not show {self.format} in a page.",
                field="format",
                received=self.format,
                expected="one of avif, webp, jpeg, png, gif, auto",
            )
        if isinstance(self.quality, Qualities) and "auto" in (self.format, *(self.formats or ())):
            raise InvalidJob(
                "The format auto compares formats at one quality.", field="quality", expected="a number, or no auto"
            )
        if len(self.widths) * len(self.densities) * len(self.formats or ("one",)) > _MAX_FILES:
            raise InvalidJob(
                f"A srcset is at most {_MAX_FILES} files.",
                field="widths",
                expected="fewer widths, densities or formats",
            )


class _Prepared(Struct, frozen=True):
    """The job, and the pages' side of it.

    Attributes:
        job: What is to be rendered.
        offered: The sizes.
        names: Each format's files, in the order of the sizes; formats are in the order browsers are to try them.
    """

    job: _job.Prepared
    offered: Offer
    names: dict[Format, list[str]]


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header."""
    return _prepare(params, ctx).job.plan


def run(params: Params, ctx: Context) -> Metadata:
    """Decode once, write every size in every format.

    Raises:
        MediaError: One of the table's: the source cannot be read, is damaged or too large, or an output cannot be made.
    """
    prepared = _prepare(params, ctx)
    found = _job.carry_out(prepared.job, ctx) | _page(params, prepared)
    if params.placeholder is not None:
        found["placeholder"] = stand_in(params, prepared.job.work.source, params.placeholder, ctx.check)
    return found


def _prepare(params: Params, ctx: Context) -> _Prepared:
    opened = ctx.read(params.input)
    source = open_source(opened, ctx.limits, ctx.threads)
    facts = source.facts
    fluid = params.sizes is not None
    offered = offer(facts.size, params.widths, params.densities, vector=facts.vector, fluid=fluid)
    fits = [candidate.fit for candidate in offered.candidates]
    _job.check_outputs(fits, ctx.limits)
    look = Look(kernel=params.filter, linear=params.linear_rgb)
    variants, targets = [], []
    names: dict[Format, list[str]] = {}
    for code in _codes(params, source, offered, look, ctx):
        for candidate in offered.candidates:
            width, height = candidate.fit.size
            check_side(code.format, candidate.fit.size)
            told = {"width": candidate.width, "height": height, "density": candidate.suffix}
            name = _targets.file_name(params.name, _targets.name_fields(opened, code.format, told))
            names.setdefault(code.format, []).append(name)
            variants.append(Variant(candidate.fit, code))
            path = _targets.in_folder(params.output_dir, name)
            targets.append(Target(path=path, format=code.format, width=width, height=height))
    job = _job.assemble(source, variants, targets, look, ctx, capped=offered.capped)
    return _Prepared(job, offered, names)


def _codes(params: Params, source: Source, offered: Offer, look: Look, ctx: Context) -> list[Encoding]:
    """Return how each format is coded, in the order browsers are to try them."""
    found: dict[Format, Encoding] = {}
    for asked in params.formats or (params.format,):
        name = _targets.output_format(params, source.facts) if asked is None else long_name(asked)
        if name in ("tiff", "ico"):  # the source's own, which no page shows
            name = "png" if source.facts.alpha else "jpeg"
        if name == "auto":
            fits = [candidate.fit for candidate in offered.candidates]
            code = _job.code_of(params, name, source, fits, look, ctx)
        else:
            code = encoding(params, name, _quality(params, name))
        found.setdefault(code.format, code)
    return sorted(found.values(), key=lambda code: BEST_FIRST.index(code.format))


def _quality(params: Params, name: Format) -> int:
    given = params.quality.of(name) if isinstance(params.quality, Qualities) else params.quality
    return same_look(DEFAULT_QUALITY, name) if given is None else given


def _page(params: Params, prepared: _Prepared) -> dict[str, Any]:
    """Return what a page needs to know."""
    offered = prepared.offered
    urls = {name: [url_of(params.base_url, file) for file in files] for name, files in prepared.names.items()}
    srcsets = {name: srcset_of(offered, found) for name, found in urls.items()}
    sizes = params.sizes or offered.sizes
    found: dict[str, Any] = {"srcset": srcsets, "variants": _variants(prepared, urls)}
    if not offered.fixed:
        found["sizes"] = sizes
    if params.generate_html:
        src = urls[list(urls)[-1]][offered.candidates.index(offered.default)]
        attributes = {"alt": params.alt, "class": params.class_, "loading": params.loading, "decoding": "async"}
        found["html_snippet"] = markup(offered, srcsets, src, sizes, attributes)
    return found


def _variants(prepared: _Prepared, urls: dict[Format, list[str]]) -> list[dict[str, Any]]:
    return [
        {
            "url": url,
            "format": name,
            "width": candidate.fit.size[0],
            "height": candidate.fit.size[1],
            "density": candidate.density,
            "descriptor": prepared.offered.descriptor(candidate),
        }
        for name, found in urls.items()
        for candidate, url in zip(prepared.offered.candidates, found, strict=True)
    ]
