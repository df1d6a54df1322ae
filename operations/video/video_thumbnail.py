"""Take still pictures out of a film: the most telling one, those at some times, or a sheet of many for players."""

from typing import Any

from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.streams._facts import look
from mediamill.operations.streams._open import open_input
from mediamill.operations.video._still_params import StillJob
from mediamill.operations.video._thumbnails import carry_out, prepare

SUMMARY = "Take pictures out of a film: the most telling one, some times, or a sheet with WebVTT."
EXAMPLE: dict[str, Any] = {
    "operation": "video_thumbnail",
    "input": "film.mp4",
    "output_dir": "out",
    "percentages": [25, 50, 75],
    "width": 320,
    "format": "webp",
}


class Params(
    StillJob, frozen=True, kw_only=True, tag="video_thumbnail", forbid_unknown_fields=True, omit_defaults=True
):
    """A thumbnail job: one of timestamp, timestamps, percentages, count and every says when; absent, it is auto."""


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header and first frame."""
    stream = open_input(ctx, params.input)
    return prepare(params, ctx, stream, look(stream, ctx.limits)).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Decode no more than needed, and write.

    Raises:
        MediaError: One of the table's: the source cannot be read or has no picture, or an output cannot be made.
    """
    return carry_out(params, ctx)
