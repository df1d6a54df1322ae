"""The course of a job that makes pictures from one picture: look, plan, claim, render, write, report."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from mediamill.operations.contract import Context, Limits, Plan, Target
from mediamill.operations.images import _targets
from mediamill.operations.images._auto import choose_format
from mediamill.operations.images._encode import Encoding, check_side, encoding
from mediamill.operations.images._geometry import Fit
from mediamill.operations.images._params import Format, ImageJob
from mediamill.operations.images._render import render
from mediamill.operations.images._resample import Look
from mediamill.operations.images._source import Facts, Source, open_source
from mediamill.operations.images._work import Variant, Work, memory_bytes, moves, pixels
from mediamill.protocol.errors import LimitExceeded

Fits = Callable[[Facts], tuple[list[Fit], bool]]
"""The geometry of each output, and whether one is smaller than asked for because the source is too small."""


class Prepared(Struct, frozen=True):
    """A job whose source has been looked at.

    Attributes:
        work: What is to be rendered; its variants stand in the order of the plan's targets.
        plan: What will be written and what it costs.
        capped: Whether an output is smaller than asked for.
    """

    work: Work
    plan: Plan
    capped: bool


def prepare(params: ImageJob, ctx: Context, fits: Fits, look: Look, name: str) -> Prepared:
    """Look at a job's source and work out its outputs.

    Args:
        params: The job.
        ctx: The engine.
        fits: Works out the geometry.
        look: How it is resampled.
        name: The template of names in a folder.

    Raises:
        MediaError: One of the table's: the input is no picture, damaged or too large, or an output cannot be.
    """
    opened = ctx.read(params.input)
    source = open_source(opened, ctx.limits, ctx.threads)
    wanted, capped = fits(source.facts)
    check_outputs(wanted, ctx.limits)
    code = code_of(params, _targets.output_format(params, source.facts), source, wanted, look, ctx)
    targets = []
    for one in wanted:
        width, height = one.size
        check_side(code.format, one.size)
        path = _targets.place(params, opened, name, code.format, {"width": width, "height": height})
        targets.append(Target(path=path, format=code.format, width=width, height=height))
    return assemble(source, [Variant(one, code) for one in wanted], targets, look, ctx, capped=capped)


def code_of(
    params: ImageJob,
    format_name: Format | Literal["auto"],
    source: Source,
    fits: Sequence[Fit],
    look: Look,
    ctx: Context,
) -> Encoding:
    """Return how a job wants a format coded; of `auto`, the format that makes the outputs smallest."""
    if format_name == "auto":
        return choose_format(params, source, fits, look, ctx)
    return encoding(params, format_name)


def assemble(
    source: Source, variants: Sequence[Variant], targets: Sequence[Target], look: Look, ctx: Context, *, capped: bool
) -> Prepared:
    """Return a prepared job of variants and the places they go to, in the same order."""
    work = Work(source=source, variants=tuple(variants), look=look, check=ctx.check, warm=ctx.warm)
    cost = Plan(targets=tuple(targets), memory_bytes=memory_bytes(work), pixels=pixels(work))
    return Prepared(work, cost, capped)


def carry_out(prepared: Prepared, ctx: Context) -> dict[str, Any]:
    """Make a prepared job's outputs and return its metadata."""
    ctx.reserve(prepared.plan.memory_bytes)
    claimed = ctx.claim(prepared.plan)
    _write(ctx, prepared, set(claimed))
    return _metadata(prepared)


def check_outputs(fits: Iterable[Fit], limits: Limits) -> None:
    """Raise LimitExceeded where an output would be larger than any picture may be."""
    for width, height in (size for one in fits for size in (one.scaled, one.size)):
        size = f"The output would have {width}x{height} pixels"
        if max(width, height) > limits.max_side:
            raise LimitExceeded(
                f"{size}, above max_side = {limits.max_side}.",
                received=max(width, height),
                expected=f"at most {limits.max_side} pixels a side (max_side)",
            )
        if width * height > limits.max_pixels:
            raise LimitExceeded(
                f"{size}, {width * height} in all, above max_pixels = {limits.max_pixels}.",
                received=width * height,
                expected=f"at most {limits.max_pixels} pixels (max_pixels)",
            )


def _write(ctx: Context, prepared: Prepared, claimed: Collection[Target]) -> None:
    targets = prepared.plan.targets
    wanted = [index for index, target in enumerate(targets) if target in claimed]
    if not wanted:
        return
    work = prepared.work
    work = msgspec.structs.replace(work, variants=tuple(work.variants[index] for index in wanted))
    for number, made in enumerate(render(work), 1):
        facts: dict[str, Any] = dict(work.variants[made.index].code.shown_quality)
        if made.frames > 1:
            facts["frames"] = made.frames
        ctx.write(targets[wanted[made.index]], made.data, **facts)
        ctx.progress(100 * number / len(wanted), f"{number} of {len(wanted)} outputs")


def about(facts: Facts, *, still: bool) -> dict[str, Any]:
    """Return what a job says of its source.

    Args:
        facts: The source's.
        still: Whether an output is a still.
    """
    width, height = facts.size
    found: dict[str, Any] = {"source_width": width, "source_height": height, "source_format": facts.format}
    if facts.hdr is not None and facts.icc is None:
        found["tone_mapped"] = facts.hdr[0]
    if facts.frames > 1 and facts.format != "ico" and still:
        found["frames_dropped"] = facts.frames - 1
    return found


def _metadata(prepared: Prepared) -> dict[str, Any]:
    work = prepared.work
    found = about(work.source.facts, still=not all(moves(work.source, variant.code) for variant in work.variants))
    return found | {"capped": True} if prepared.capped else found
