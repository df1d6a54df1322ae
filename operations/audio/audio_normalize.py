"""Bring a sound to a loudness, with its true peak under a limit."""

from typing import Annotated, Any

from msgspec import Meta

from mediamill.operations.audio._course import Prepared, carry_out, outcome, prepare, recipe_for, source_of
from mediamill.operations.audio._level import Attempt, Goal, Settled, settle, with_filters
from mediamill.operations.audio._make import Made, make_sound
from mediamill.operations.audio._measure import Loudness, measure, reopened
from mediamill.operations.audio._params import AudioJob
from mediamill.operations.audio._tags import GAINS
from mediamill.operations.contract import Context, Metadata, Plan, Target
from mediamill.operations.streams._damage import Damage

SUMMARY = "Bring a sound to a loudness (EBU R 128), its true peak under a limit, measured on the file that comes out."
EXAMPLE: dict[str, Any] = {
    "operation": "audio_normalize",
    "input": "pink.wav",
    "output": "out/pink.mp3",
    "target_lufs": -16,
}
LANE = "long"

_AS_GOOD = 0.1
"""LU within which a sound is left as it is."""


class Params(
    AudioJob, frozen=True, kw_only=True, tag="audio_normalize", forbid_unknown_fields=True, omit_defaults=True
):
    """A normalize job."""

    target_lufs: Annotated[float, Meta(ge=-50, le=-5, description="Integrated loudness, in LUFS.")] = -14.0
    true_peak_db: Annotated[float, Meta(ge=-20, le=0, description="The highest true peak, in dBTP.")] = -1.0
    threshold_lufs: Annotated[float, Meta(ge=-70, le=-10, description="Quieter parts do not count, in LUFS.")] = -70.0


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Measure, then write and measure what was written until it is right.

    Raises:
        MediaError: One of the table's: the source cannot be read, or the output cannot be made.
    """
    prepared = _prepare(params, ctx)
    ctx.reserve(prepared.plan.memory_bytes)
    damage = Damage(strict=params.strict)
    before = measure(ctx, prepared.track, gate=params.threshold_lufs, share=(0.0, 20.0), damage=damage)
    goal = Goal(lufs=params.target_lufs, peak=params.true_peak_db)
    told: dict[str, Any] = {
        "target_lufs": goal.lufs,
        "input_lufs": _rounded(before.lufs),
        "input_true_peak": _rounded(before.peak),
    }
    if before.lufs is None or (goal.met(before, _AS_GOOD) and prepared.copies):
        return told | _left(params, prepared, before, ctx) | damage.told()
    told["source"] = source_of(prepared)
    if prepared.code.layout != prepared.track.sound.layout:  # channels that are mixed are as loud as their mix
        before = measure(
            ctx, prepared.track, gate=params.threshold_lufs, layout=prepared.code.layout, share=(20.0, 25.0)
        )
    for target in ctx.claim(prepared.plan):
        settled = _settled(params, prepared, target, before, goal, ctx)
        recipe, made = settled.made
        told |= outcome(prepared, recipe, made) | damage.told() | _told(settled, goal)
        ctx.finish(target, duration=round(made.seconds, 3))
    return told


def _settled(params: Params, prepared: Prepared, target: Target, before: Loudness, goal: Goal, ctx: Context) -> Settled:
    recipe = recipe_for(params, prepared, ctx.create(target), stale=GAINS)
    rate = prepared.track.sound.sample_rate
    covered = 25.0
    gate = params.threshold_lufs + goal.off(before)  # what did not count before does not once it is raised

    def make(attempt: Attempt, number: int) -> tuple[tuple[Any, Made], Loudness]:
        nonlocal covered
        code = with_filters(prepared.code, attempt, rate)
        step = (100.0 - covered) / (2 if number < 3 else 4)
        one = recipe.coded(code)
        made = make_sound(ctx, prepared.track, one, Damage(), (covered, covered + step / 2))
        with reopened(ctx, recipe.path) as track:
            found = measure(ctx, track, gate=gate, share=(covered + step / 2, covered + step))
        covered += step
        return (one, made), found

    return settle(goal, before, make)


def _left(params: Params, prepared: Prepared, before: Loudness, ctx: Context) -> dict[str, Any]:
    """Leave a sound as loud as it is: it is right already, or has no loudness to go by."""
    found = carry_out(params, prepared, ctx, copies=prepared.copies, share=(25.0, 100.0))
    reached = before.lufs is not None
    found |= {
        "output_lufs": _rounded(before.lufs),
        "true_peak": _rounded(before.peak),
        "gain_db": 0.0,
        "limited": False,
        "passes": 0,
        "converged": reached,
    }
    if not reached:
        short = before.seconds < 0.4
        found["reason"] = "Shorter than 0.4 seconds." if short else "Nothing in it is loud enough to count."
    return found


def _told(settled: Settled, goal: Goal) -> dict[str, Any]:
    found, attempt = settled.found, settled.attempt
    converged = goal.met(found)
    told: dict[str, Any] = {
        "output_lufs": _rounded(found.lufs),
        "true_peak": _rounded(found.peak),
        "gain_db": round(attempt.gain, 2),
        "limited": attempt.ceiling is not None,
        "passes": settled.passes,
        "converged": converged,
    }
    if not converged:
        told["reason"] = (
            f"No more loudness fits under a true peak of {goal.peak:g} dBTP."
            if goal.off(found) > 0 or goal.over(found) > 0
            else f"It came out {-goal.off(found):.2f} LU too loud."
        )
    return told


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _prepare(params: Params, ctx: Context) -> Prepared:
    return prepare(params, ctx, params.wish)
