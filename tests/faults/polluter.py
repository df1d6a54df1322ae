"""A job that writes to stdout in every way a library can, floods stderr, and starts a child that reads stdin."""

import ctypes
import os
import subprocess
import sys
from typing import Annotated, Any

from msgspec import Meta

from mediamill.operations.contract import Context, Plan
from mediamill.protocol.job import Job

SUMMARY = "Write where only protocol lines may stand."
EXAMPLE = {"operation": "polluter"}

print("polluter: printed on import", flush=True)  # noqa: T201 - what it is for
os.write(1, b"polluter: written to descriptor 1 on import\n")


class Params(Job, frozen=True, kw_only=True, tag="polluter"):
    stderr_mb: Annotated[int, Meta(ge=0, le=64, description="Megabytes written to stderr.")] = 0
    child: Annotated[bool, Meta(description="Start `cat`, which copies its stdin to its stdout.")] = False
    n: int = 0


def plan(params: Params, ctx: Context) -> Plan:
    return Plan()


def run(params: Params, ctx: Context) -> dict[str, Any]:
    print('{"success": true, "operation": "polluter: printed"}', flush=True)  # noqa: T201
    print("polluter: on the original stdout", file=sys.__stdout__, flush=True)
    os.write(1, b"polluter: descriptor 1\n")
    library = ctypes.CDLL(None)
    library.puts(b"polluter: puts")
    library.fflush(None)
    for _ in range(params.stderr_mb):
        os.write(2, b"polluter: flood\n" * (1 << 16))
    eaten = subprocess.run(["cat"], capture_output=True, timeout=20, check=True).stdout if params.child else b""
    if params.child:
        subprocess.run(["cat"], timeout=20, check=True)
    return {"n": params.n, "eaten": len(eaten)}
