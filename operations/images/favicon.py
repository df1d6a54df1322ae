"""Make the icons of a web site out of one picture."""

import os
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from mediamill.operations.contract import Context, Metadata, Plan, Target
from mediamill.operations.images import _icons
from mediamill.operations.images._encode import Encoding
from mediamill.operations.images._html import BaseUrl
from mediamill.operations.images._params import parse_colour
from mediamill.operations.images._render import render
from mediamill.operations.images._resample import Look
from mediamill.operations.images._source import Source as Picture
from mediamill.operations.images._source import open_source
from mediamill.operations.images._work import Variant, Work, memory_bytes, pixels
from mediamill.protocol.job import Job, OutputPath, Source

SUMMARY = "Make a site's icons: favicon.ico, PNGs, apple-touch-icon, the web app manifest and the HTML."
EXAMPLE: dict[str, Any] = {"operation": "favicon", "input": "drawing.svg", "output_dir": "out", "app_name": "Mill"}
_EFFORT = 9
"""The files are small and fetched by every visitor."""

Side = Annotated[int, Meta(ge=1, le=1024, description="Pixels.")]
IcoSide = Annotated[int, Meta(ge=1, le=256, description="Pixels; an icon file holds no more.")]


class Params(Job, frozen=True, kw_only=True, tag="favicon", forbid_unknown_fields=True, omit_defaults=True):
    """A favicon job.

    Icons are square: another picture is padded with nothing, or cropped. A small one is enlarged, and the result says
    to which sizes; a drawing is drawn at each size, and copied beside the others. Of a moving picture the first frame
    is taken. Colours become sRGB, metadata is dropped. The size 180 is apple-touch-icon, laid on the background.
    """

    input: Annotated[Source, Meta(description="The source picture, a drawing best.")]
    output_dir: Annotated[OutputPath, Meta(description="The folder to write to.")]
    sizes: Annotated[tuple[Side, ...], Meta(min_length=1, max_length=32, description="Sides of the PNGs.")] = (
        16, 32, 48, 180, 192, 512,
    )  # fmt: skip
    generate_ico: Annotated[bool, Meta(description="Write the icon file.")] = True
    ico_sizes: Annotated[tuple[IcoSide, ...], Meta(min_length=1, max_length=16, description="Pictures in it.")] = (
        16, 32, 48,
    )  # fmt: skip
    generate_manifest: Annotated[bool, Meta(description="Write the web app manifest, with sizes from 192 up.")] = True
    generate_html: Annotated[bool, Meta(description="Return the links as metadata.html_snippet.")] = True
    html_file: Annotated[bool, Meta(description="Write them to a file, too.")] = False
    maskable: Annotated[bool, Meta(description="Also an icon that platforms may cut into a shape of theirs.")] = False
    prefix: Annotated[
        str, Meta(max_length=64, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", description="How names begin.")
    ] = _icons.DEFAULT_PREFIX
    base_url: BaseUrl = "/"
    fit: Annotated[
        Literal["contain", "cover"], Meta(description="What makes it square: padding with nothing, or cropping.")
    ] = "contain"
    background: Annotated[
        str, Meta(min_length=1, max_length=64, description="#rrggbb or a CSS name, behind icons that must be opaque.")
    ] = "white"
    theme_color: Annotated[str, Meta(min_length=1, max_length=64, description="The colour of the site.")] | None = None
    app_name: Annotated[str, Meta(min_length=1, max_length=200, description="The manifest's name.")] | None = None

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        parse_colour(self.background)
        if self.theme_color is not None:
            parse_colour(self.theme_color, "theme_color")


class _Prepared(Struct, frozen=True):
    """A job whose source has been looked at.

    Attributes:
        picture: The source.
        variants: Every picture that is made, each with the name of the file it goes to; several may share one.
        plan: What will be written and what it costs.
    """

    picture: Picture
    variants: tuple[tuple[str, Variant], ...]
    plan: Plan


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Decode once, make every icon, refer to them.

    Raises:
        MediaError: One of the table's: the source cannot be read, is damaged or too large.
    """
    prepared = _prepare(params, ctx)
    ctx.reserve(prepared.plan.memory_bytes)
    claimed = {os.path.basename(target.path): target for target in ctx.claim(prepared.plan)}
    for name, data in _texts(params, prepared.picture).items():
        if name in claimed:
            ctx.write(claimed[name], data)
    made: dict[str, list[bytes]] = {}
    wanted = [(name, variant) for name, variant in prepared.variants if name in claimed]
    work = _work(prepared.picture, [variant for _, variant in wanted], ctx)
    for number, one in enumerate(render(work) if wanted else (), 1):
        made.setdefault(wanted[one.index][0], []).append(one.data)
        ctx.progress(100 * number / len(wanted), f"{number} of {len(wanted)} icons")
    for name, parts in made.items():
        ctx.write(claimed[name], _icons.merged(parts) if name == _names(params).ico else parts[0])
    return _metadata(params, prepared.picture)


def _prepare(params: Params, ctx: Context) -> _Prepared:
    opened = ctx.read(params.input)
    picture = open_source(opened, ctx.limits, ctx.threads)
    names, variants = _names(params), _variants(params, picture)
    sides = {name: max(variant.fit.size[0] for other, variant in variants if other == name) for name, _ in variants}
    targets = [
        Target(path=os.path.join(params.output_dir, name), format=name.rpartition(".")[2], width=side, height=side)
        for name, side in sides.items()
    ]
    for name in _texts(params, picture):
        known = {names.manifest: "json", names.svg: "svg", names.html: "html"}
        targets.append(Target(path=os.path.join(params.output_dir, name), format=known[name]))
    work = _work(picture, [variant for _, variant in variants], ctx)
    cost = Plan(targets=tuple(targets), memory_bytes=memory_bytes(work), pixels=pixels(work))
    return _Prepared(picture, variants, cost)


def _variants(params: Params, picture: Picture) -> tuple[tuple[str, Variant], ...]:
    names, size = _names(params), picture.facts.size
    plain = Encoding(format="png", effort=_EFFORT, metadata="none", background=(0, 0, 0, 0))
    solid = msgspec.structs.replace(plain, background=parse_colour(params.background), opaque=True)
    found = []
    for side in dict.fromkeys(params.sizes):
        code = solid if side == _icons.APPLE_SIDE else plain
        found.append((names.png(side), Variant(_icons.square(size, side, params.fit), code)))
    if params.maskable:
        found.append((names.maskable, Variant(_icons.maskable(size), solid)))
    if params.generate_ico:
        code = msgspec.structs.replace(plain, format="ico")
        for side in dict.fromkeys(params.ico_sizes):
            found.append((names.ico, Variant(_icons.square(size, side, params.fit), code)))
    return tuple(found)


def _texts(params: Params, picture: Picture) -> dict[str, bytes]:
    """Return the files that are no pictures of pixels, by name."""
    names, found = _names(params), dict[str, bytes]()
    if picture.facts.vector:
        found[names.svg] = picture.data
    if params.generate_manifest:
        found[names.manifest] = _icons.manifest_file(_manifest(params))
    if params.html_file:
        found[names.html] = (_markup(params, picture) + "\n").encode()
    return found


def _metadata(params: Params, picture: Picture) -> dict[str, Any]:
    facts = picture.facts
    width, height = facts.size
    found: dict[str, Any] = {"source_width": width, "source_height": height, "source_format": facts.format}
    if facts.frames > 1 and facts.format != "ico":
        found["frames_dropped"] = facts.frames - 1
    if not facts.vector:
        whole = max(width, height) if params.fit == "contain" else min(width, height)
        enlarged = [side for side in dict.fromkeys(params.sizes) if side > whole]
        found |= {"enlarged": enlarged} if enlarged else {}
    if params.generate_manifest:
        found["manifest"] = _manifest(params)
    if params.generate_html:
        found["html_snippet"] = _markup(params, picture)
    return found


def _manifest(params: Params) -> dict[str, Any]:
    told = {"name": params.app_name, "short_name": params.app_name, "theme_color": params.theme_color}
    given = {key: value for key, value in told.items() if value is not None}
    given["background_color"] = params.background
    return _icons.manifest(_names(params), tuple(dict.fromkeys(params.sizes)), masked=params.maskable, told=given)


def _markup(params: Params, picture: Picture) -> str:
    return _icons.markup(
        _names(params),
        params.base_url,
        sides=tuple(dict.fromkeys(params.sizes)),
        ico_sides=tuple(dict.fromkeys(params.ico_sizes)) if params.generate_ico else (),
        drawing=picture.facts.vector,
        with_manifest=params.generate_manifest,
        theme=params.theme_color,
    )


def _names(params: Params) -> _icons.Names:
    return _icons.Names(params.prefix)


def _work(picture: Picture, variants: list[Variant], ctx: Context) -> Work:
    return Work(source=picture, variants=tuple(variants), look=Look(), check=ctx.check, warm=ctx.warm)
