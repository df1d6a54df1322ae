"""A job that reserves memory, without using it, for a while."""

import time
from typing import Annotated, Any

from msgspec import Meta

from mediamill.operations.contract import Context, Plan
from mediamill.protocol.job import Job

SUMMARY = "Reserve memory."
EXAMPLE = {"operation": "reserver", "bytes": [1000], "seconds": 0.0}


class Params(Job, frozen=True, kw_only=True, tag="reserver"):
    bytes: Annotated[list[int], Meta(description="What is reserved, one after the other.")]
    seconds: Annotated[float, Meta(ge=0, description="How long it is held.")] = 0.2
    n: int = 0


def plan(params: Params, ctx: Context) -> Plan:
    return Plan(memory_bytes=sum(params.bytes))


def run(params: Params, ctx: Context) -> dict[str, Any]:
    for amount in params.bytes:
        ctx.reserve(amount)
    began = time.monotonic()
    time.sleep(params.seconds)
    return {"began": began, "ended": time.monotonic()}
