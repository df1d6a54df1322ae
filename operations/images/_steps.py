"""Steps: what an operation does to a picture in memory, declared once for the operation's job and for pipelines.

A step is a Struct with the operation's fields, in a helper of its own (`_crop.py` holds `Crop`). The operation's file
makes its `Params` of it with `job_of` and leaves the rest of the course to `carry_out`; a pipeline takes the steps as
they are.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from mediamill.operations.contract import Context, Plan, Target
from mediamill.operations.images import _targets
from mediamill.operations.images._auto import smallest
from mediamill.operations.images._encode import ANIMATED_FORMATS, Encoding, check_side, encoding
from mediamill.operations.images._geometry import Fit, Size
from mediamill.operations.images._job import about, check_outputs
from mediamill.operations.images._params import FORMATS, Format, ImageJob
from mediamill.operations.images._picture import Picture, decode, encoded, memory_blamed
from mediamill.operations.images._source import Source, open_source
from mediamill.protocol.errors import MediaError

NAME = "{name}.{ext}"
TAKEN_PERCENT = 50
"""How far a job is when its steps are taken; the rest is encoding."""

_WORKING_BYTES = 24
"""What a step, the next one and an encoder hold per pixel of eight bits, on the safe side."""

_COPIES = 2
"""As decoded, and turned upright."""

_BASE_BYTES = 48 << 20


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="operation"):
    """One change to a picture; derived types are tagged with their operation's name and check their own fields."""

    @property
    def as_stored(self) -> bool:
        """Whether the source is to be taken as it is stored, not upright; a matter of the first step alone."""
        return False

    def on_drawing(self) -> "Step":
        """Return the step as it is meant where it comes first and the source is a drawing."""
        return self

    def bound_for(self, format_name: Format) -> "Step":
        """Return the step as it is best taken where the one output is of a format."""
        return self

    def size(self, size: Size) -> Size:
        """Return the size a picture of a size comes out at; raises InvalidJob where the two do not go together."""
        return size

    def look(self, size: Size, ctx: Context) -> int:
        """Look at what else the step takes, before any pixel is decoded.

        Args:
            size: The picture's, when it gets here.
            ctx: The engine: further inputs, limits.

        Returns:
            The bytes of memory that takes.
        """
        return 0

    def begin(self, source: Source, ctx: Context, notes: dict[str, Any], *, frames: bool) -> Picture:
        """Decode a picture and make the change; for steps that can do with less than the whole of it."""
        return self.apply(decode(source, frames=frames), ctx, notes)

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


class Course(Struct, frozen=True):
    """Steps, set against the picture they are for.

    Attributes:
        source: The picture.
        steps: What is done to it.
        sizes: What it comes out at after each of them.
        memory_bytes: What they hold at once, at most.
        where: The field of the job the steps are in; empty where the job is the step.
    """

    source: Source
    steps: tuple[Step, ...]
    sizes: tuple[Size, ...]
    memory_bytes: int
    where: str = ""

    @property
    def size(self) -> Size:
        """What comes out."""
        return self.sizes[-1] if self.sizes else self.source.facts.size

    @property
    def pixels(self) -> int:
        """How many pixels are decoded, of all frames."""
        facts = self.source.facts
        return facts.width * facts.height * (facts.frames if facts.animated else 1)

    def take(self, ctx: Context, *, frames: bool) -> tuple[Picture, list[dict[str, Any]]]:
        """Decode the picture and take the steps.

        Args:
            ctx: The engine.
            frames: Whether an animation stays one.

        Returns:
            The picture, and what each step noted.
        """
        picture, notes = None, []
        for number, step in enumerate(self.steps):
            ctx.check()
            noted: dict[str, Any] = {}
            with _named(self.where, number), memory_blamed():
                if picture is None:
                    picture = step.begin(self.source, ctx, noted, frames=frames)
                else:
                    picture = step.apply(picture.settled(), ctx, noted)
            notes.append(noted)
            ctx.progress(TAKEN_PERCENT * (number + 1) / len(self.steps), f"{number + 1} of {len(self.steps)} steps")
        return picture or decode(self.source, frames=frames), notes


def course(source: Source, steps: Sequence[Step], ctx: Context, where: str = "") -> Course:
    """Work out what steps make of a picture, from its header.

    Raises:
        MediaError: One of the table's: a step does not go with the picture, its own inputs are no good, or a picture
            on the way would be too large.
    """
    if steps and steps[0].as_stored:
        source = msgspec.structs.replace(source, facts=msgspec.structs.replace(source.facts, orientation=1))
    if steps and source.facts.vector:
        steps = [steps[0].on_drawing(), *steps[1:]]
    size, facts, further = source.facts.size, source.facts, 0
    sizes = []
    for number, step in enumerate(steps):
        with _named(where, number):
            further += step.look(size, ctx)
            size = step.size(size)
            check_outputs([Fit(size, size)], ctx.limits)
        sizes.append(size)
    frames = facts.frames if facts.animated else 1
    sample = 2 if facts.depth > 8 else 1
    decoded = facts.width * facts.height * max(facts.bands, 3) * sample * _COPIES
    largest = max(width * height for width, height in sizes or [size])
    memory = _BASE_BYTES + further + frames * (decoded + largest * sample * _WORKING_BYTES)
    return Course(source, tuple(steps), tuple(sizes), memory, where)


@contextlib.contextmanager
def _named(where: str, number: int) -> Iterator[None]:
    """Have errors about a step's field name the step: `steps[2].width`."""
    try:
        yield
    except MediaError as error:
        if where and error.field and error.field != "input":
            error.field = f"{where}[{number}].{error.field}"
        raise


class Prepared(Struct):
    """A job of steps whose source has been looked at.

    Attributes:
        course: What is done to which picture.
        code: How it is coded.
        plan: What will be written and what it costs.
        made: The finished picture and what was noted, where working out the plan needed them already.
    """

    course: Course
    code: Encoding
    plan: Plan
    made: tuple[Picture, list[dict[str, Any]]] | None = None


def prepare(
    params: ImageJob, steps: Sequence[Step], ctx: Context, name: str = NAME, among: Sequence[Format] = FORMATS
) -> Prepared:
    """Look at a job's source and work out its one output.

    Args:
        params: The job.
        steps: What it does.
        ctx: The engine.
        name: The template of a name in a folder.
        among: The formats the output can be of; the first is taken where the job names none and the input's is none.

    Raises:
        MediaError: One of the table's: the input is no picture, damaged or too large, or the output cannot be.
    """
    opened = ctx.read(params.input)
    ahead = course(open_source(opened, ctx.limits, ctx.threads), steps, ctx)
    facts, size, made = ahead.source.facts, ahead.size, None
    chosen = _targets.output_format(params, facts, among)
    if chosen == "auto":
        ctx.reserve(ahead.memory_bytes)
        made = ahead.take(ctx, frames=facts.animated)
        code = smallest(params, made[0], ctx, among)
    else:
        code = encoding(params, chosen)
        ahead = msgspec.structs.replace(ahead, steps=tuple(step.bound_for(chosen) for step in ahead.steps))
    check_side(code.format, size)
    path = _targets.place(params, opened, name, code.format, {"width": size[0], "height": size[1]})
    target = Target(path=path, format=code.format, width=size[0], height=size[1])
    cost = Plan(
        targets=(target,),
        memory_bytes=ahead.memory_bytes,
        pixels=ahead.pixels + size[0] * size[1] * (facts.frames if facts.animated else 1),
    )
    return Prepared(ahead, code, cost, made)


def carry_out(prepared: Prepared, ctx: Context) -> dict[str, Any]:
    """Make a prepared job's output and return its metadata."""
    ctx.reserve(prepared.plan.memory_bytes)
    ahead = prepared.course
    moving = ahead.source.facts.animated and prepared.code.format in ANIMATED_FORMATS
    found = about(ahead.source.facts, still=not moving)
    for target in ctx.claim(prepared.plan):
        picture, notes = prepared.made or ahead.take(ctx, frames=moving)
        ctx.check()
        data, frames = encoded(picture, prepared.code)
        shown: dict[str, Any] = dict(prepared.code.shown_quality)
        if frames > 1:
            shown["frames"] = frames
        ctx.write(target, data, **shown)
        for noted in notes:
            found |= noted
    return found


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=field.default_factory)
    return field.default
