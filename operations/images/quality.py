"""Find the quality that meets a size or a score."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from mediamill.operations.contract import Context, Metadata, Plan, Target
from mediamill.operations.images import _scaled, _targets
from mediamill.operations.images._aim import Aim, Result, best, search
from mediamill.operations.images._criteria import Criteria
from mediamill.operations.images._encode import ANIMATED_FORMATS, LOSSY_FORMATS, MAX_SIDES, check_side, encoding
from mediamill.operations.images._geometry import Fit, fit
from mediamill.operations.images._job import check_outputs
from mediamill.operations.images._params import Format, ImageJob, Side
from mediamill.operations.images._source import Source, open_source
from mediamill.operations.images._trials import Tally
from mediamill.protocol.errors import InvalidJob

SUMMARY = "Find the encoder quality that meets a file size or a perceptual score."
EXAMPLE: dict[str, Any] = {
    "operation": "quality",
    "input": "photo.jpg",
    "output": "out/photo.webp",
    "target_size": 60_000,
}
NAME = "{name}.{ext}"
_USUAL_ENCODES = 3

Bound = Annotated[int, Meta(ge=1, le=100)]


class Params(ImageJob, frozen=True, kw_only=True, tag="quality", forbid_unknown_fields=True, omit_defaults=True):
    """A search for a quality: the highest within target_size, or the lowest with target_score, or both.

    Sizes are never exceeded, unless min_quality alone does. With both targets the file is the smallest with the score
    and, where that is too large, the best within the size. `verdict` says how it ended: reached, unreachable, or
    floor_hit where even min_quality is larger than the size. Animations are scored by their first frame.
    """

    format: (
        Annotated[
            Literal["jpeg", "jpg", "webp", "avif", "auto"],
            Meta(
                description="Absent: the output's suffix, else the input's. auto: what scores best within the size, "
                "or is smallest with the score."
            ),
        ]
        | None
    ) = None
    quality: (
        Annotated[
            int,
            Meta(ge=1, le=100, description="What is searched for; min_quality and max_quality bound it."),
        ]
        | None
    ) = None
    lossless: Annotated[bool, Meta(description="Not with a search: without loss there is no quality.")] = False
    target_size: Annotated[int, Meta(ge=1, description="The most bytes the file may have.")] | None = None
    target_score: (
        Annotated[float, Meta(ge=0, le=100, description="The least SSIMULACRA2 score: 90 is visually lossless.")] | None
    ) = None
    tolerance_percent: Annotated[
        float, Meta(ge=0, le=100, description="How far below target_size a file may be and still count as converged.")
    ] = 5.0
    max_iterations: Annotated[int, Meta(ge=1, le=100, description="The most encodes made, of each format.")] = 10
    min_quality: Annotated[Bound, Meta(description="The lowest quality taken.")] = 30
    max_quality: Annotated[Bound, Meta(description="The highest quality taken.")] = 95
    allow_downscale: Annotated[
        bool, Meta(description="Make the picture smaller where min_quality alone does not meet target_size.")
    ] = False
    width: Annotated[Side, Meta(description="Width to fit into first, in pixels.")] | None = None
    height: Annotated[Side, Meta(description="Height to fit into first, in pixels.")] | None = None

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        if self.target_size is None and self.target_score is None:
            raise InvalidJob(
                "A search needs a target: give target_size, target_score or both.",
                field="target_size",
                expected="target_size and/or target_score",
            )
        if self.min_quality > self.max_quality:
            raise InvalidJob(
                f"min_quality {self.min_quality} is above max_quality {self.max_quality}.",
                field="min_quality",
                received=self.min_quality,
                expected=f"at most max_quality, {self.max_quality}",
            )
        if self.quality is not None or self.lossless:
            name = "lossless" if self.lossless else "quality"
            raise InvalidJob(
                f"The quality is what is searched for: {name} cannot be given, min_quality and max_quality can.",
                field=name,
                received=self.lossless or self.quality,
                expected="min_quality, max_quality",
            )
        if self.allow_downscale and self.target_size is None:
            raise InvalidJob(
                "allow_downscale makes files smaller, so it goes with target_size.",
                field="allow_downscale",
                received=True,
                expected="target_size",
            )


class Prepared(Struct):
    """A job whose source has been looked at.

    Attributes:
        source: The picture.
        fit: Its geometry.
        capped: Whether it is smaller than asked for.
        names: The formats to be tried.
        plan: What will be written and what it costs.
        found: What was found, where working out the plan needed it already.
    """

    source: Source
    fit: Fit
    capped: bool
    names: tuple[Format, ...]
    plan: Plan
    found: Result | None = None


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header; `auto` has to search for it."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Decode once, encode until the quality is found, write that file.

    Raises:
        MediaError: One of the table's: the source cannot be read, is damaged or too large, or cannot be written so.
    """
    prepared = _prepare(params, ctx)
    ctx.reserve(prepared.plan.memory_bytes)
    metadata = _source_metadata(prepared)
    for target in ctx.claim(prepared.plan):
        found = prepared.found or _find(params, prepared, ctx)
        data, frames = found.trials.file(found.quality)
        width, height = found.trials.size
        facts: dict[str, Any] = {"quality": found.quality, "width": width, "height": height}
        if frames > 1:
            facts["frames"] = frames
        ctx.write(target, data, **facts)
        metadata |= _metadata(params, found)
    return metadata


def _prepare(params: Params, ctx: Context) -> Prepared:
    opened = ctx.read(params.input)
    source = open_source(opened, ctx.limits, ctx.threads)
    facts = source.facts
    one, capped = fit(facts.size, params.width, params.height, upscale=facts.vector)
    check_outputs([one], ctx.limits)
    names = _formats(params, source, one)
    cost = Plan(
        memory_bytes=_scaled.memory_bytes(source, one, scored=params.target_score is not None or len(names) > 1),
        pixels=facts.width * facts.height + _USUAL_ENCODES * len(names) * one.size[0] * one.size[1],
    )
    prepared = Prepared(source, one, capped, names, cost)
    if len(names) > 1:
        ctx.reserve(cost.memory_bytes)
        prepared.found = _find(params, prepared, ctx)
    name = names[0] if prepared.found is None else prepared.found.trials.code.format
    width, height = one.size if prepared.found is None else prepared.found.trials.size
    path = _targets.place(params, opened, NAME, name, {"width": width, "height": height})
    target = Target(path=path, format=name, width=width, height=height)
    prepared.plan = msgspec.structs.replace(cost, targets=(target,))
    return prepared


def _formats(params: Params, source: Source, one: Fit) -> tuple[Format, ...]:
    """Return the formats to be tried."""
    chosen = _targets.output_format(params, source.facts)
    if chosen == "auto":
        without_jpeg = source.facts.alpha or source.facts.animated
        names: tuple[Format, ...] = ("avif", "webp") if without_jpeg else ("avif", "webp", "jpeg")
        fitting = tuple(name for name in names if max(one.size) <= MAX_SIDES[name])
        if not fitting:
            check_side(names[0], one.size)
        return fitting
    if chosen not in LOSSY_FORMATS:
        raise InvalidJob(
            f"{chosen.upper()} has no quality to search for; give format, or an output with another suffix.",
            field="output" if params.output is not None else "format",
            received=chosen,
            expected="jpeg, webp, avif or auto",
        )
    check_side(chosen, one.size)
    return (chosen,)


def _find(params: Params, prepared: Prepared, ctx: Context) -> Result:
    """Search each format, and return the best of what was found."""
    moving = prepared.source.facts.animated and prepared.names[0] in ANIMATED_FORMATS
    scene = _scaled.Scaled(
        prepared.source, prepared.fit, linear=params.linear_rgb, frames=moving, again=params.allow_downscale
    )
    criteria = Criteria(
        size=params.target_size,
        score=params.target_score,
        low=params.min_quality,
        high=params.max_quality,
        limit=params.max_iterations,
    )
    made = 0

    def check() -> None:
        nonlocal made
        ctx.check()
        # How many there will be is not known: each takes a third of what is left.
        ctx.progress(100 * (1 - 0.67 ** (made / len(prepared.names))), f"encode {made + 1}")
        made += 1

    codes = [encoding(params, name, params.max_quality) for name in prepared.names]
    scored = params.target_score is not None or len(codes) > 1
    results = [search(Aim(scene, code, criteria, scored, check, Tally())) for code in codes]
    return best(results, criteria, shrinks=params.allow_downscale)


def _source_metadata(prepared: Prepared) -> dict[str, Any]:
    facts = prepared.source.facts
    width, height = facts.size
    found: dict[str, Any] = {"source_width": width, "source_height": height, "source_format": facts.format}
    if prepared.capped:
        found["capped"] = True
    if facts.frames > 1 and facts.format != "ico" and not (facts.animated and prepared.names[0] in ANIMATED_FORMATS):
        found["frames_dropped"] = facts.frames - 1
    return found


def _metadata(params: Params, found: Result) -> dict[str, Any]:
    """Return what a search says about itself."""
    size = found.trials.bytes_of(found.quality)
    told: dict[str, Any] = {
        "final_quality": found.quality,
        "final_size": size,
        "iterations": found.tally.encodes,
        "samples": found.tally.samples,
        "verdict": found.verdict,
        "converged": found.verdict == "reached",
    }
    if params.target_size is not None:
        deviation = 100 * (size - params.target_size) / params.target_size
        told |= {"target_size": params.target_size, "deviation_percent": round(deviation, 2)}
        if params.target_score is None:
            told["converged"] = -params.tolerance_percent <= deviation <= 0
    if params.target_score is not None:
        told["target_score"] = params.target_score
    if found.score is not None:
        told["score"] = round(found.score, 4)
    if found.downscaled_from is not None:
        told["downscaled_from"] = dict(zip(("width", "height"), found.downscaled_from, strict=True))
    if found.candidates:
        told["candidates"] = found.candidates
    return told
