"""Put many small pictures into one, with the CSS that shows each of them."""

import os
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from mediamill.operations.contract import Context, Metadata, Plan, Target
from mediamill.operations.images import _sprite
from mediamill.operations.images._canvas import Canvas
from mediamill.operations.images._encode import DEFAULT_QUALITY, EFFORTS, Encoding, check_side, same_look
from mediamill.operations.images._geometry import Fit, Size, fit
from mediamill.operations.images._html import BaseUrl, url_of
from mediamill.operations.images._job import check_outputs
from mediamill.operations.images._lqip import shrunk
from mediamill.operations.images._params import (
    EXTENSIONS,
    Format,
    Quality,
    Side,
    long_name,
    parse_colour,
    suffix_format,
)
from mediamill.operations.images._resample import Look
from mediamill.operations.images._source import Source as Picture
from mediamill.operations.images._source import open_source
from mediamill.protocol.errors import InvalidJob, MediaError
from mediamill.protocol.job import Job, OutputPath, Source
from mediamill.protocol.results import text

SUMMARY = "Put many small pictures into one, with the CSS that shows each."
EXAMPLE: dict[str, Any] = {
    "operation": "sprite",
    "inputs": ["drawing.svg", "alpha.png", "photo.jpg"],
    "output": "out/icons.png",
    "cell_size": 64,
}
_WORKING_BYTES = 24
"""What decoding a picture, or encoding the sprite, holds per pixel, on the safe side."""

_BASE_BYTES = 48 << 20

SpriteFormat = Literal["png", "jpeg", "jpg", "webp", "avif", "gif"]


class Cell(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The size of every place, in pixels."""

    width: Side
    height: Side


class Params(Job, frozen=True, kw_only=True, tag="sprite", forbid_unknown_fields=True, omit_defaults=True):
    """A sprite job.

    Without cell_size every picture keeps its size. With it, each is made to fit into a cell and set in its middle; only
    drawings grow. They go into a table row by row, its columns as wide and its rows as high as they have to be.
    Classes are made of the names of the files. Of a moving picture the first frame is taken. Colours become sRGB.
    """

    inputs: Annotated[list[Source], Meta(min_length=1, max_length=1000, description="The pictures, in their order.")]
    output: Annotated[OutputPath, Meta(description="The file to write; the CSS goes beside it.")] | None = None
    output_dir: Annotated[OutputPath, Meta(description="The folder to write to; names are made.")] | None = None
    inline: Annotated[bool, Meta(description="Return the bytes in the result, too.")] = False
    name: Annotated[
        str, Meta(max_length=64, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", description="How the files are called.")
    ] = "sprite"
    format: (
        Annotated[SpriteFormat, Meta(description="Absent: the output's suffix, else png; jpeg has no transparency.")]
        | None
    ) = None
    quality: Quality | None = None
    lossless: Annotated[bool, Meta(description="Code WebP and AVIF without loss.")] = False
    cell_size: (
        Annotated[
            Side | Cell, Meta(description="One size for all places, in pixels: a number, or an object {width, height}.")
        ]
        | None
    ) = None
    columns: (
        Annotated[int, Meta(ge=1, le=1000, description="Pictures in a row; absent: about as many as rows.")] | None
    ) = None
    padding: Annotated[
        int, Meta(ge=0, le=1024, description="Pixels between neighbours, which show at their edges in zoomed pages.")
    ] = 2
    scale: Annotated[
        float, Meta(ge=1, le=8, description="Pixels a CSS pixel: 2 shows pictures at half their size, sharp.")
    ] = 1.0
    background: Annotated[
        str, Meta(min_length=1, max_length=64, description="#rrggbb or a CSS name, between and behind the pictures.")
    ] = "transparent"
    generate_css: Annotated[bool, Meta(description="Write the CSS, and return it as metadata.css.")] = True
    class_name: Annotated[
        str,
        Meta(
            max_length=64, pattern=r"^-?[A-Za-z_][A-Za-z0-9_-]*$", description="The class of all, and how others begin."
        ),
    ] = "sprite"
    base_url: BaseUrl = ""

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        parse_colour(self.background)
        if self.output is not None and self.output_dir is not None:
            raise InvalidJob(
                "A job takes output or output_dir, received both.",
                field="output_dir",
                received=self.output_dir,
                expected="one of output, output_dir",
            )
        if self.output is None and self.output_dir is None and not self.inline:
            raise InvalidJob(
                "The job does not say where its output goes: give output, output_dir or inline.",
                field="output",
                expected="one of output, output_dir, inline",
            )
        chosen = _format(self)
        if self.lossless and chosen not in ("webp", "avif", "png"):
            raise InvalidJob(
                f"{chosen.upper()} cannot be lossless.", field="lossless", received=True, expected="webp, avif or png"
            )


class _Prepared(Struct, frozen=True):
    """A job whose sources have been looked at.

    Attributes:
        pictures: The sources.
        fits: What each is resampled to, and the cell around it.
        layout: Where the cells are.
        classes: Of the pictures.
        names: The files' own names, for people.
        plan: What will be written and what it costs.
    """

    pictures: list[Picture]
    fits: list[Fit]
    layout: _sprite.Layout
    classes: list[str]
    names: list[str]
    plan: Plan


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the sources' headers."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Decode every picture, put each in its place, encode the whole.

    Raises:
        MediaError: One of the table's: a source cannot be read, is damaged or too large; `field` names it, `inputs[3]`.
    """
    prepared = _prepare(params, ctx)
    ctx.reserve(prepared.plan.memory_bytes)
    css = _css(params, prepared)
    for target in ctx.claim(prepared.plan):
        if target.format == "css":
            ctx.write(target, css.encode())
        else:
            code = _code(params)
            ctx.write(target, _encoded(prepared, code, ctx), **code.shown_quality)
    return _metadata(params, prepared, css)


def _prepare(params: Params, ctx: Context) -> _Prepared:
    pictures, fits, names = [], [], []
    held = 0
    for number, source in enumerate(params.inputs):
        field = f"inputs[{number}]"
        opened = ctx.read(source, field)
        picture = open_source(opened, ctx.limits, ctx.threads, field)
        held += len(opened.data)
        pictures.append(picture)
        fits.append(_fit(params, picture))
        names.append(opened.name)
    layout = _sprite.table([one.size for one in fits], params.columns, params.padding)
    check_outputs([*fits, Fit(layout.size, layout.size)], ctx.limits)
    format_name = _format(params)
    check_side(format_name, layout.size)
    path, beside = _paths(params)
    targets = [Target(path=path, format=format_name, width=layout.size[0], height=layout.size[1])]
    if params.generate_css:
        targets.append(Target(path=beside, format="css"))
    decoded = [_area((one.facts.width, one.facts.height)) for one in pictures if not one.facts.vector]
    largest = max([_area(layout.size), *decoded])
    cost = Plan(
        targets=tuple(targets),
        memory_bytes=_BASE_BYTES + held + _area(layout.size) * 4 + largest * _WORKING_BYTES,
        pixels=sum(decoded) + _area(layout.size),
    )
    classes = _sprite.class_names(params.class_name, [os.path.splitext(name)[0] for name in names])
    return _Prepared(pictures, fits, layout, classes, [text(name, 255) for name in names], cost)


def _fit(params: Params, picture: Picture) -> Fit:
    facts, cell = picture.facts, params.cell_size
    if cell is None:
        return Fit(facts.size, facts.size)
    width, height = (cell, cell) if isinstance(cell, int) else (cell.width, cell.height)
    return fit(facts.size, width, height, how="contain", upscale=facts.vector)[0]


def _encoded(prepared: _Prepared, code: Encoding, ctx: Context) -> bytes:
    canvas = Canvas(prepared.layout.size, code.background)
    for number, (picture, one, place) in enumerate(
        zip(prepared.pictures, prepared.fits, prepared.layout.places, strict=True)
    ):
        ctx.check()
        try:
            image = shrunk(picture, one.scaled, Look())
        except MediaError as error:
            error.field = error.field or f"inputs[{number}]"
            raise
        left, top = ((whole - part) // 2 for whole, part in zip(one.size, one.scaled, strict=True))
        canvas.put(image, place[0] + left, place[1] + top)
        ctx.progress(90 * (number + 1) / len(prepared.fits), f"{number + 1} of {len(prepared.fits)} pictures")
    return canvas.encoded(code)


def _metadata(params: Params, prepared: _Prepared, css: str) -> dict[str, Any]:
    layout, sprites = prepared.layout, []
    for picture, name, class_name, place in zip(
        prepared.pictures, prepared.names, prepared.classes, layout.places, strict=True
    ):
        one: dict[str, Any] = {"input": name, "class": class_name}
        one |= dict(zip(("x", "y", "width", "height"), place, strict=True))
        if picture.facts.frames > 1 and picture.facts.format != "ico":
            one["frames_dropped"] = picture.facts.frames - 1
        sprites.append(one)
    found: dict[str, Any] = {
        "width": layout.size[0],
        "height": layout.size[1],
        "columns": layout.columns,
        "sprites": sprites,
    }
    return found | ({"css": css} if params.generate_css else {})


def _css(params: Params, prepared: _Prepared) -> str:
    path, _ = _paths(params)
    url = url_of(params.base_url, os.path.basename(path) or f"{params.name}.{EXTENSIONS[_format(params)]}")
    return _sprite.style_sheet(params.class_name, url, prepared.layout, prepared.classes, params.scale)


def _paths(params: Params) -> tuple[str, str]:
    """Return where the picture and the CSS go; empty where they are only returned inline."""
    if params.output is not None:
        return params.output, os.path.splitext(params.output)[0] + ".css"
    if params.output_dir is None:
        return "", ""
    base = os.path.join(params.output_dir, params.name)
    return f"{base}.{EXTENSIONS[_format(params)]}", f"{base}.css"


def _format(params: Params) -> Format:
    """Return what is written; raises InvalidJob where the output's suffix says something else, or is of no page."""
    named = suffix_format(params.output) if params.output is not None else None
    asked = long_name(params.format) if params.format is not None else named or "png"
    if asked == "auto" or asked in ("ico", "tiff") or (named is not None and asked != named):
        raise InvalidJob(
            f"A sprite cannot be written as {asked} to this output.",
            field="output" if params.format is None else "format",
            received=params.output if params.format is None else params.format,
            expected="one of png, webp, avif, jpeg, gif, as the output's suffix says",
        )
    return asked


def _code(params: Params) -> Encoding:
    name = _format(params)
    return Encoding(
        format=name,
        quality=same_look(DEFAULT_QUALITY, name) if params.quality is None else params.quality,
        effort=EFFORTS[name],
        lossless=params.lossless and name != "png",
        metadata="none",
        background=parse_colour(params.background),
    )


def _area(size: Size) -> int:
    return size[0] * size[1]
