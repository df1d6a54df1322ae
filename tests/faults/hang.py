"""A job that does not end, in each of the ways that make a worker hard to stop."""

import ctypes
import re
import signal
import time
from typing import Annotated, Any, Literal

from msgspec import Meta

from mediamill.operations.contract import Context, Plan
from mediamill.protocol.job import Job

SUMMARY = "Hang."
EXAMPLE = {"operation": "hang", "seconds": 0.01}


class Params(Job, frozen=True, kw_only=True, tag="hang"):
    mode: Annotated[
        Literal["sleep", "gil_held", "gil_regex", "gil_free", "ignore_sigterm"],
        Meta(description="Asleep; in C with the interpreter's lock (a call, a regex) or without it; deaf to SIGTERM."),
    ] = "sleep"
    seconds: Annotated[float, Meta(ge=0, description="How long at most.")] = 600
    mark: Annotated[str, Meta(description="A file that is made when the job starts.")] = ""
    n: int = 0


def plan(params: Params, ctx: Context) -> Plan:
    return Plan()


def run(params: Params, ctx: Context) -> dict[str, Any]:
    if params.mark:
        with open(params.mark, "ab") as file:
            file.write(f"{params.n}\n".encode())
    if params.mode == "gil_held":
        ctypes.PyDLL(None).usleep(ctypes.c_uint(int(min(params.seconds, 600) * 1e6)))
    elif params.mode == "gil_regex":
        re.match(r"(a+)+$", "a" * 64 + "b")
    elif params.mode == "gil_free":
        ctypes.CDLL(None).usleep(ctypes.c_uint(int(min(params.seconds, 600) * 1e6)))
    else:
        if params.mode == "ignore_sigterm":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        time.sleep(params.seconds)
    return {"n": params.n}
