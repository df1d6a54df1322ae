"""A long job that tells its progress."""

import time
from typing import Annotated, Any

from msgspec import Meta

from mediamill.operations.contract import Context, Plan
from mediamill.protocol.job import Job

SUMMARY = "Take long, and say how far it is."
EXAMPLE = {"operation": "film", "seconds": 0.02}
LANE = "long"


class Params(Job, frozen=True, kw_only=True, tag="film"):
    seconds: Annotated[float, Meta(ge=0, description="How long it takes.")] = 1.0
    step_ms: Annotated[int, Meta(ge=1, description="Time between two reports of progress.")] = 10
    falling: Annotated[bool, Meta(description="Report numbers that go up and down, and are no numbers.")] = False
    mark: Annotated[str, Meta(description="A file that gets a line when the job starts.")] = ""
    n: int = 0


def plan(params: Params, ctx: Context) -> Plan:
    return Plan()


def run(params: Params, ctx: Context) -> dict[str, Any]:
    if params.mark:
        with open(params.mark, "ab") as file:
            file.write(f"{params.n}\n".encode())
    started = time.monotonic()
    steps = 0
    while (passed := time.monotonic() - started) < params.seconds:
        percent = 100 * passed / params.seconds
        if params.falling:
            percent = (percent, 100 - percent, -5.0, 250.0 * percent / 100, float("nan"))[steps % 4]
        ctx.progress(percent, "frame \u2028 \udcff", read=percent, write=percent / 2)
        ctx.check()
        steps += 1
        time.sleep(params.step_ms / 1000)
    return {"n": params.n, "steps": steps, "threads": ctx.threads}
