"""A job that takes memory until there is none."""

from typing import Annotated, Any

from msgspec import Meta

from mediamill.operations.contract import Context, Plan
from mediamill.protocol.job import Job

SUMMARY = "Use up the memory."
EXAMPLE = {"operation": "oom", "limit": 1 << 20}


class Params(Job, frozen=True, kw_only=True, tag="oom"):
    piece: Annotated[int, Meta(ge=1, description="Bytes of one allocation.")] = 16 << 20
    limit: Annotated[int, Meta(ge=0, description="Bytes after which it stops, 0 for never.")] = 0
    n: int = 0


def plan(params: Params, ctx: Context) -> Plan:
    return Plan()


def run(params: Params, ctx: Context) -> dict[str, Any]:
    held = []
    while not params.limit or len(held) * params.piece < params.limit:
        held.append(bytearray(params.piece))
    return {"bytes": len(held) * params.piece}
