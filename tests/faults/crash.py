"""A job whose worker process dies, by default each time it runs."""

import ctypes
import os
import signal
import sys
from typing import Annotated, Any, Literal

from msgspec import Meta

from mediamill.operations.contract import Context, Plan
from mediamill.protocol.job import Job

SUMMARY = "Kill the worker process."
EXAMPLE = {"operation": "crash", "mode": "kill"}


class Params(Job, frozen=True, kw_only=True, tag="crash"):
    mode: Annotated[
        Literal["segfault", "abort", "exit", "sysexit", "kill"],
        Meta(description="How it dies: by a bad pointer, abort(), _exit(), an uncaught SystemExit, or SIGKILL."),
    ] = "kill"
    status: Annotated[int, Meta(ge=0, le=255, description="Exit status of the modes that exit.")] = 7
    times: Annotated[int, Meta(ge=0, description="Only the first so many runs die; 0: all.")] = 0
    state: Annotated[str, Meta(description="A file that counts the runs, needed with times.")] = ""
    words: Annotated[str, Meta(description="Written to stderr before it dies.")] = ""
    percent: Annotated[float, Meta(description="Progress told before it dies, 0 for none.")] = 0
    n: int = 0


def plan(params: Params, ctx: Context) -> Plan:
    return Plan()


def run(params: Params, ctx: Context) -> dict[str, Any]:
    runs = _count(params.state) if params.state else 1
    if params.times and runs > params.times:
        ctx.progress(params.percent / 2)
        return {"runs": runs}
    if params.percent:
        ctx.progress(params.percent)
    if params.words:
        os.write(2, params.words.encode())
    _die(params)
    return {"runs": runs, "survived": True}


def _count(path: str) -> int:
    """Note one more run; return how many there were."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        os.write(descriptor, b".")
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def _die(params: Params) -> None:
    if params.mode == "segfault":
        ctypes.string_at(1)
    elif params.mode == "abort":
        os.abort()
    elif params.mode == "exit":
        os._exit(params.status)
    elif params.mode == "sysexit":
        sys.exit(params.status)
    else:
        os.kill(os.getpid(), signal.SIGKILL)
