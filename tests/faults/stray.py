"""A job that leaves a child process behind, which holds on to all it inherited, and may die itself."""

import os
import signal
import subprocess
import time
from typing import Annotated, Any, Literal

from msgspec import Meta

from mediamill.operations.contract import Context, Plan
from mediamill.protocol.job import Job

SUMMARY = "Leave a child process behind."
EXAMPLE = {"operation": "stray", "seconds": 0.01}


class Params(Job, frozen=True, kw_only=True, tag="stray"):
    how: Annotated[
        Literal["spawn", "fork"], Meta(description="A new program with all descriptors open, or a copy of the worker.")
    ] = "spawn"
    seconds: Annotated[float, Meta(ge=0, description="How long the child lives.")] = 600
    die: Annotated[bool, Meta(description="Whether the worker dies then.")] = False
    n: int = 0


def plan(params: Params, ctx: Context) -> Plan:
    return Plan()


def run(params: Params, ctx: Context) -> dict[str, Any]:
    if params.how == "fork":
        pid = os.fork()
        if pid == 0:
            time.sleep(params.seconds)
            os._exit(0)
    else:
        pid = subprocess.Popen(["sleep", str(params.seconds)], close_fds=False).pid
    if params.die:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"pid": pid}
