"""Reduce a picture to few colours."""

from typing import Any

import msgspec

from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.images import _steps
from mediamill.operations.images._palette import FORMATS, Palette
from mediamill.operations.images._params import ImageJob

SUMMARY = "Reduce a picture to at most 256 colours and say which."
EXAMPLE: dict[str, Any] = {
    "operation": "palette",
    "input": "photo.jpg",
    "output": "out/few.png",
    "max_colors": 16,
    "dithering": 0.5,
}
Params = _steps.job_of(Palette)


def plan(params: ImageJob, ctx: Context) -> Plan:
    """Say what would be written, from the source's header."""
    return _prepare(params, ctx).plan


def run(params: ImageJob, ctx: Context) -> Metadata:
    """Decode, reduce, encode.

    Raises:
        MediaError: One of the table's: the source cannot be read, is damaged or too large, or the format loses colours.
    """
    return _steps.carry_out(_prepare(params, ctx), ctx)


def _prepare(params: ImageJob, ctx: Context) -> _steps.Prepared:
    exact = msgspec.structs.replace(params, lossless=True)
    return _steps.prepare(exact, [_steps.step_of(params, Palette)], ctx, among=FORMATS)
