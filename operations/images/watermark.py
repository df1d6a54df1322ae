"""Lay a text or another picture over a picture."""

from typing import Any

from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.images import _steps
from mediamill.operations.images._params import ImageJob
from mediamill.operations.images._watermark import Watermark

SUMMARY = "Lay a text or another picture over a picture."
EXAMPLE: dict[str, Any] = {
    "operation": "watermark",
    "input": "photo.jpg",
    "output": "out/marked.jpg",
    "text": "\u00a9 mediamill",
    "position": "bottom-right",
    "opacity": 0.7,
}
Params = _steps.job_of(Watermark)


def plan(params: ImageJob, ctx: Context) -> Plan:
    """Say what would be written, from the source's header."""
    return _prepare(params, ctx).plan


def run(params: ImageJob, ctx: Context) -> Metadata:
    """Decode, lay the mark over it, encode.

    Raises:
        MediaError: One of the table's: the source cannot be read, or the mark cannot be read, or is damaged.
    """
    return _steps.carry_out(_prepare(params, ctx), ctx)


def _prepare(params: ImageJob, ctx: Context) -> _steps.Prepared:
    return _steps.prepare(params, [_steps.step_of(params, Watermark)], ctx)
