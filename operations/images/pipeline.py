"""Take a picture through several operations in memory: one decode, one encode per output, no files between."""

import contextlib
from collections.abc import Collection, Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from mediamill.operations.contract import Blob, Context, Metadata, Plan, Target
from mediamill.operations.images import _targets
from mediamill.operations.images._adjust import Adjust
from mediamill.operations.images._auto import smallest
from mediamill.operations.images._crop import Crop
from mediamill.operations.images._encode import ANIMATED_FORMATS, Encoding, check_side, encoding
from mediamill.operations.images._geometry import Fit, fit
from mediamill.operations.images._job import about, check_outputs
from mediamill.operations.images._palette import Palette
from mediamill.operations.images._params import ImageJob
from mediamill.operations.images._picture import Picture, encoded, memory_blamed, still
from mediamill.operations.images._rendition import Rendition
from mediamill.operations.images._resample import Look
from mediamill.operations.images._rotate import Rotate
from mediamill.operations.images._scale import Resize, decoded_at, rescaled
from mediamill.operations.images._source import open_source
from mediamill.operations.images._steps import TAKEN_PERCENT, Course, course
from mediamill.operations.images._watermark import Watermark
from mediamill.protocol.errors import InvalidJob, MediaError
from mediamill.protocol.job import Job, OutputPath, Source

SUMMARY = "Take a picture through several operations, with one decode and one encode per output."
EXAMPLE: dict[str, Any] = {
    "operation": "pipeline",
    "input": "photo.jpg",
    "steps": [
        {"operation": "crop", "gravity": "attention", "width": 1200, "height": 800},
        {"operation": "adjust", "contrast": 0.1},
        {"operation": "watermark", "text": "mediamill", "opacity": 0.6},
    ],
    "outputs": [{"width": 800, "format": "webp"}, {"width": 400, "format": "jpeg", "quality": 80}],
    "output_dir": "out",
}
NAME, NAMES = "{name}.{ext}", "{name}-{width}.{ext}"
_KEPT_BYTES = 8
"""What an output holds per pixel while smaller ones are made from it; its encoder is reckoned with the steps."""


Step = Adjust | Crop | Palette | Resize | Rotate | Watermark
"""The operations a pipeline is made of."""


class Params(Job, frozen=True, kw_only=True, tag="pipeline", forbid_unknown_fields=True, omit_defaults=True):
    """A pipeline job: steps in their order, and outputs of what they make.

    A step is an operation with its own fields, without input and output: `{"operation": "crop", "width": 100}`. A
    resize makes one size here, by width, height or scale_percent; where it comes first, no more is decoded than it
    needs. Outputs have the fields of every image job, and `width` and `height` to fit into; smaller ones are made from
    larger ones where that is as good. Files in a folder are named `{name}-{width}.{ext}`, a single one `{name}.{ext}`.
    The result says the size after every step, and what it chose, in `metadata.steps`; a dry run says the sizes too.
    Errors name the step: `steps[2].width`.
    """

    input: Annotated[Source, Meta(description="The source picture.")]
    steps: Annotated[list[Step], Meta(max_length=64, description="What is done, in this order.")]
    outputs: Annotated[list[Rendition], Meta(min_length=1, max_length=64, description="What is written.")]
    output_dir: (
        Annotated[OutputPath, Meta(description="The folder for outputs that do not say where they go.")] | None
    ) = None
    inline: Annotated[bool, Meta(description="Return the bytes in the result, too.")] = False

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        for number, step in enumerate(self.steps):
            if number and step.as_stored:
                raise InvalidJob(
                    "Only the first step can take the picture as it is stored.",
                    field=f"steps[{number}].auto_orient",
                    received=False,
                    expected="true, or this step first",
                )
        self.jobs()

    def jobs(self) -> list[ImageJob]:
        """Return each output as a job of its own."""
        found = []
        for number, one in enumerate(self.outputs):
            with _of_output(number):
                found.append(one.job(self.input, self.output_dir, inline=self.inline))
        return found


class Prepared(Struct):
    """A pipeline whose source has been looked at.

    Attributes:
        course: The steps and the source.
        fits: What each output's size is made from the result.
        codes: How each output is coded.
        plan: What will be written and what it costs.
        capped: Whether an output is smaller than asked for.
        made: The result and what its steps noted, where working out the plan needed them already.
    """

    course: Course
    fits: list[Fit]
    codes: list[Encoding]
    plan: Plan
    capped: bool
    made: tuple[Picture, list[dict[str, Any]]] | None = None


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written and the sizes on the way, from the source's header."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Decode once, take the steps, encode each output.

    Raises:
        MediaError: One of the table's: an input cannot be read, or is damaged or too large; a step does not go with
            what comes before it; an output cannot be made.
    """
    prepared = _prepare(params, ctx)
    ctx.reserve(prepared.plan.memory_bytes)
    claimed = ctx.claim(prepared.plan)
    facts = prepared.course.source.facts
    found = about(facts, still=any(not _moves(prepared.course, code) for code in prepared.codes))
    if prepared.capped:
        found["capped"] = True
    notes = _write(prepared, ctx, set(claimed)) if claimed else [{} for _ in params.steps]
    return found | {"steps": _told(params, prepared.course, notes)}


def _prepare(params: Params, ctx: Context) -> Prepared:
    opened = ctx.read(params.input)
    ahead = course(open_source(opened, ctx.limits, ctx.threads), params.steps, ctx, "steps")
    grows = ahead.source.facts.vector and not params.steps
    wanted = [fit(ahead.size, one.width, one.height, upscale=grows) for one in params.outputs]
    fits = [one for one, _ in wanted]
    check_outputs(fits, ctx.limits)
    prepared = Prepared(ahead, fits, [], Plan(), any(capped for _, capped in wanted))
    targets = []
    for number, job in enumerate(params.jobs()):
        with _of_output(number):
            code = _code(prepared, job, ctx)
            check_side(code.format, fits[number].size)
            targets.append(_target(params, number, job, opened, code, fits[number]))
        prepared.codes.append(code)
    first = prepared.codes[0].format
    if all(code.format == first for code in prepared.codes):
        bound = tuple(step.bound_for(first) for step in ahead.steps)
        prepared.course = ahead = msgspec.structs.replace(ahead, steps=bound)
    frames = ahead.source.facts.frames if ahead.source.facts.animated else 1
    encoded_pixels = frames * sum(one.size[0] * one.size[1] for one in fits)
    prepared.plan = Plan(
        targets=tuple(targets),
        memory_bytes=ahead.memory_bytes + _KEPT_BYTES * encoded_pixels,
        pixels=ahead.pixels + encoded_pixels,
        metadata={"steps": _told(params, ahead, [{} for _ in params.steps])},
    )
    return prepared


def _code(prepared: Prepared, job: ImageJob, ctx: Context) -> Encoding:
    """Return how an output is coded; the smallest format is found by trying, on the finished picture."""
    facts = prepared.course.source.facts
    chosen = _targets.output_format(job, facts)
    if chosen != "auto":
        return encoding(job, chosen)
    if prepared.made is None:
        ctx.reserve(prepared.course.memory_bytes)
        prepared.made = _result(prepared, ctx, frames=facts.animated)
    return smallest(job, prepared.made[0], ctx)


def _target(params: Params, number: int, job: ImageJob, opened: Blob, code: Encoding, one: Fit) -> Target:
    width, height = one.size
    name = params.outputs[number].name or (NAME if len(params.outputs) == 1 else NAMES)
    path = _targets.place(job, opened, name, code.format, {"width": width, "height": height})
    return Target(path=path, format=code.format, width=width, height=height)


def _result(prepared: Prepared, ctx: Context, *, frames: bool) -> tuple[Picture, list[dict[str, Any]]]:
    """Take the steps; without any, decode no more than the largest output needs."""
    if not prepared.course.steps:
        largest = max(prepared.fits, key=lambda one: one.scaled)
        return decoded_at(prepared.course.source, largest, Look(), frames=frames), []
    picture, notes = prepared.course.take(ctx, frames=frames)
    return picture.settled(), notes


def _write(prepared: Prepared, ctx: Context, claimed: Collection[Target]) -> list[dict[str, Any]]:
    """Make the claimed outputs; return what the steps noted."""
    targets = prepared.plan.targets
    left = [number for number, target in enumerate(targets) if target in claimed]
    moving = any(_moves(prepared.course, prepared.codes[number]) for number in left)
    picture, notes = prepared.made or _result(prepared, ctx, frames=moving)
    by_fit: dict[Fit, list[int]] = {}
    for number in left:
        by_fit.setdefault(prepared.fits[number], []).append(number)
    done = 0
    with memory_blamed():
        for index, scaled in rescaled(picture, list(by_fit), Look()):
            for number in by_fit[list(by_fit)[index]]:
                ctx.check()
                _write_one(prepared, number, scaled, ctx)
                done += 1
                percent = TAKEN_PERCENT + (100 - TAKEN_PERCENT) * done / len(left)
                ctx.progress(percent, f"{done} of {len(left)} outputs")
    return notes


def _write_one(prepared: Prepared, number: int, picture: Picture, ctx: Context) -> None:
    code = prepared.codes[number]
    data, frames = encoded(picture if _moves(prepared.course, code) else still(picture), code)
    shown: dict[str, Any] = dict(code.shown_quality)
    if frames > 1:
        shown["frames"] = frames
    ctx.write(prepared.plan.targets[number], data, **shown)


def _moves(ahead: Course, code: Encoding) -> bool:
    return ahead.source.facts.animated and code.format in ANIMATED_FORMATS


def _told(params: Params, ahead: Course, notes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each step's name, the size after it, and what it noted."""
    return [
        {"operation": str(step.__struct_config__.tag), "width": width, "height": height, **noted}
        for step, (width, height), noted in zip(params.steps, ahead.sizes, notes, strict=True)
    ]


@contextlib.contextmanager
def _of_output(number: int) -> Iterator[None]:
    """Have errors about an output's field name the output: `outputs[1].format`."""
    try:
        yield
    except MediaError as error:
        if error.field and error.field != "input":
            error.field = f"outputs[{number}].{error.field}"
        raise
