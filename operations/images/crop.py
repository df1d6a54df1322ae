"""Cut a part out of a picture."""

from typing import Any

from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.images import _steps
from mediamill.operations.images._crop import Crop
from mediamill.operations.images._params import ImageJob

SUMMARY = "Cut out a rectangle, or the best part of a size."
EXAMPLE: dict[str, Any] = {
    "operation": "crop",
    "input": "photo.jpg",
    "output": "out/square.webp",
    "gravity": "attention",
    "width": 200,
    "height": 200,
}
Params = _steps.job_of(Crop)


def plan(params: ImageJob, ctx: Context) -> Plan:
    """Say what would be written, from the source's header."""
    return _prepare(params, ctx).plan


def run(params: ImageJob, ctx: Context) -> Metadata:
    """Decode, cut, encode.

    Raises:
        MediaError: One of the table's: the source cannot be read, is damaged or too large, or the rect leaves it.
    """
    return _steps.carry_out(_prepare(params, ctx), ctx)


def _prepare(params: ImageJob, ctx: Context) -> _steps.Prepared:
    return _steps.prepare(params, [_steps.step_of(params, Crop)], ctx)
