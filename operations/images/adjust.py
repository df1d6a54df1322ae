"""Change a picture's brightness, contrast, saturation and sharpness."""

from typing import Any

from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.images import _steps
from mediamill.operations.images._adjust import Adjust
from mediamill.operations.images._params import ImageJob

SUMMARY = "Change brightness, contrast, saturation, or blur and sharpen."
EXAMPLE: dict[str, Any] = {
    "operation": "adjust",
    "input": "photo.jpg",
    "output": "out/vivid.jpg",
    "brightness": 0.1,
    "saturation": 0.3,
}
Params = _steps.job_of(Adjust)


def plan(params: ImageJob, ctx: Context) -> Plan:
    """Say what would be written, from the source's header."""
    return _prepare(params, ctx).plan


def run(params: ImageJob, ctx: Context) -> Metadata:
    """Decode, change, encode.

    Raises:
        MediaError: One of the table's: the source cannot be read, is damaged or too large.
    """
    return _steps.carry_out(_prepare(params, ctx), ctx)


def _prepare(params: ImageJob, ctx: Context) -> _steps.Prepared:
    return _steps.prepare(params, [_steps.step_of(params, Adjust)], ctx)
