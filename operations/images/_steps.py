"""Steps: what an operation does to a picture in memory, declared once for the operation's job and for pipelines.

A step is a Struct with the operation's fields, in a helper of its own (`_crop.py` holds `Crop`). The operation's file
makes its `Params` of it with `job_of` and leaves the rest of the course to `carry_out`; a pipeline takes the steps as
they are.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from mediamill.operations.contract import Context, Plan, Target
from mediamill.operations.images import _targets
from mediamill.operations.images._auto import smallest
from mediamill.operations.images._encode import ANIMATED_FORMATS, Encoding, check_side, encoding
from mediamill.operations.images._geometry import Fit, Size
from mediamill.operations.images._job import check_outputs
from mediamill.operations.images._params import ImageJob
from mediamill.operations.images._picture import Picture, decode, encoded
from mediamill.operations.images._source import Source, open_source

NAME = "{name}.{ext}"
_WORKING_BYTES = 24
"""What decoding, a few steps and an encoder hold per pixel, on the safe side."""

_BASE_BYTES = 48 << 20


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="operation"):
    """One change to a picture; derived types are tagged with their operation's name and check their own fields."""

    def size(self, size: Size) -> Size:
        """Return the size a picture of a size comes out at; raises InvalidJob where the two do not go together."""
        return size

    def apply(self, picture: Picture, ctx: Context, notes: dict[str, Any]) -> Picture:
        """Return the changed picture.

        Args:
            picture: The picture, upright, whole in memory.
            ctx: The engine: further inputs, cancel.
            notes: The job's metadata, to be added to.
        """
        raise NotImplementedError


S = TypeVar("S", bound=Step)


def job_of(step: type[Step], **overrides: tuple[Any, Any]) -> type[ImageJob]:
    """Return the job type of an operation that is one step: the shared image fields and the step's own.

    Args:
        step: The declared step; its docstring and tag are the job's.
        overrides: Further fields, each with its type and default.
    """

    def check(self: Any) -> None:
        ImageJob.__post_init__(self)
        step_of(self, step)

    fields: list[Any] = [
        (field.name, field.type) if field.required else (field.name, field.type, _default(field))
        for field in msgspec.structs.fields(step)
    ]
    fields += [(name, *declared) for name, declared in overrides.items()]
    made: type[Any] = msgspec.defstruct(
        "Params",
        fields,
        bases=(ImageJob,),
        namespace={"__post_init__": check, "__doc__": step.__doc__},
        module=step.__module__,
        frozen=True,
        kw_only=True,
        tag=step.__struct_config__.tag,
        forbid_unknown_fields=True,
        omit_defaults=True,
    )
    return made


def step_of(params: ImageJob, step: type[S]) -> S:
    """Return the step a job of `job_of` asks for."""
    return step(**{name: getattr(params, name) for name in step.__struct_fields__})


class Prepared(Struct):
    """A job of steps whose source has been looked at.

    Attributes:
        source: The picture.
        steps: What is done to it.
        code: How it is coded.
        plan: What will be written and what it costs.
        made: The finished picture and what was noted, where working out the plan needed them already.
    """

    source: Source
    steps: Sequence[Step]
    code: Encoding
    plan: Plan
    made: tuple[Picture, dict[str, Any]] | None = None


def prepare(params: ImageJob, steps: Sequence[Step], ctx: Context, name: str = NAME) -> Prepared:
    """Look at a job's source and work out its one output.

    Raises:
        MediaError: One of the table's: the input is no picture, damaged or too large, or the output cannot be.
    """
    opened = ctx.read(params.input)
    source = open_source(opened, ctx.limits, ctx.threads)
    sizes = [source.facts.size]
    for step in steps:
        sizes.append(step.size(sizes[-1]))
    check_outputs([Fit(size, size) for size in sizes[1:]], ctx.limits)
    size, frames = sizes[-1], source.facts.frames if source.facts.animated else 1
    pixels = [width * height * frames for width, height in sizes]
    cost = Plan(memory_bytes=_BASE_BYTES + _WORKING_BYTES * max(pixels), pixels=pixels[0] + pixels[-1])
    made = None
    chosen = _targets.output_format(params, source.facts)
    if chosen == "auto":
        ctx.reserve(cost.memory_bytes)
        made = apply(source, steps, ctx, frames=source.facts.animated)
        code = smallest(params, made[0], ctx)
    else:
        code = encoding(params, chosen)
    check_side(code.format, size)
    path = _targets.place(params, opened, name, code.format, {"width": size[0], "height": size[1]})
    target = Target(path=path, format=code.format, width=size[0], height=size[1])
    return Prepared(source, steps, code, msgspec.structs.replace(cost, targets=(target,)), made)


def apply(source: Source, steps: Sequence[Step], ctx: Context, *, frames: bool) -> tuple[Picture, dict[str, Any]]:
    """Decode a picture and take the steps; return it and what they noted."""
    picture, notes = decode(source, frames=frames), dict[str, Any]()
    for step in steps:
        ctx.check()
        picture = step.apply(picture, ctx, notes)
    return picture, notes


def carry_out(prepared: Prepared, ctx: Context) -> dict[str, Any]:
    """Make a prepared job's output and return its metadata."""
    ctx.reserve(prepared.plan.memory_bytes)
    facts = prepared.source.facts
    width, height = facts.size
    found: dict[str, Any] = {"source_width": width, "source_height": height, "source_format": facts.format}
    if facts.gain_map:
        found["gain_map"] = "dropped"
    moving = facts.animated and prepared.code.format in ANIMATED_FORMATS
    if facts.frames > 1 and facts.format != "ico" and not moving:
        found["frames_dropped"] = facts.frames - 1
    for target in ctx.claim(prepared.plan):
        picture, notes = prepared.made or apply(prepared.source, prepared.steps, ctx, frames=moving)
        ctx.check()
        data, frames = encoded(picture, prepared.code)
        shown: dict[str, Any] = dict(prepared.code.shown_quality)
        if frames > 1:
            shown["frames"] = frames
        ctx.write(target, data, **shown)
        found |= notes
    return found


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=field.default_factory)
    return field.default
