"""Turn a picture, and mirror it."""

from typing import Any

from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.images import _steps
from mediamill.operations.images._params import ImageJob
from mediamill.operations.images._rotate import Rotate

SUMMARY = "Turn a picture by any angle, or mirror it."
EXAMPLE: dict[str, Any] = {
    "operation": "rotate",
    "input": "photo.jpg",
    "output": "out/tilted.png",
    "angle_f": 7.5,
}
Params = _steps.job_of(Rotate)


def plan(params: ImageJob, ctx: Context) -> Plan:
    """Say what would be written, from the source's header."""
    return _prepare(params, ctx).plan


def run(params: ImageJob, ctx: Context) -> Metadata:
    """Decode, turn, encode.

    Raises:
        MediaError: One of the table's: the source cannot be read, is damaged or too large, or comes out so.
    """
    return _steps.carry_out(_prepare(params, ctx), ctx)


def _prepare(params: ImageJob, ctx: Context) -> _steps.Prepared:
    return _steps.prepare(params, [_steps.step_of(params, Rotate)], ctx)
