"""A job that writes files of known bytes, as slowly as asked, and fails where asked."""

import hashlib
import os
import time
from typing import Annotated, Any

from msgspec import Meta

from mediamill.operations.contract import Context, Plan, Target
from mediamill.protocol.errors import EncodeFailed
from mediamill.protocol.job import Job, OutputPath, Source

SUMMARY = "Write files of known bytes."
EXAMPLE = {"operation": "writer", "output_dir": "out", "size": 100}


class Params(Job, frozen=True, kw_only=True, tag="writer"):
    input: Annotated[Source | None, Meta(description="Read first where given.")] = None
    output: OutputPath | None = None
    output_dir: OutputPath | None = None
    outputs: Annotated[int, Meta(ge=0, le=1000, description="How many files in output_dir.")] = 1
    size: Annotated[int, Meta(ge=0, description="Bytes of each file.")] = 1000
    seed: int = 0
    name: Annotated[str, Meta(description="First part of the names in output_dir.")] = "w"
    before_ms: Annotated[int, Meta(ge=0, description="Delay between the claim and the first file.")] = 0
    between_ms: Annotated[int, Meta(ge=0, description="Delay after each file.")] = 0
    fail_after: Annotated[int, Meta(ge=-1, description="Fail after so many files, -1 for never.")] = -1
    mark: Annotated[str, Meta(description="A file that gets a line a run.")] = ""
    in_place: bool = False
    inline: bool = False


def content(seed: int, index: int, size: int) -> bytes:
    """Return the bytes of a file."""
    return hashlib.shake_128(f"{seed}:{index}".encode()).digest(size)


def plan(params: Params, ctx: Context) -> Plan:
    if params.output is not None:
        paths = [params.output]
    elif params.output_dir is not None:
        paths = [os.path.join(params.output_dir, f"{params.name}{params.seed}-{i}.bin") for i in range(params.outputs)]
    else:
        paths = ["" for _ in range(params.outputs)] if params.inline else []
    return Plan(targets=tuple(Target(path=path, format="bin", width=index) for index, path in enumerate(paths)))


def run(params: Params, ctx: Context) -> dict[str, Any]:
    read = None
    if params.input is not None:
        blob = ctx.read(params.input)
        read = {"bytes": len(blob.data), "sha256": hashlib.sha256(blob.data).hexdigest(), "name": len(blob.name)}
    if params.mark:
        with open(params.mark, "ab") as file:
            file.write(f"{params.seed}\n".encode())
    everything = plan(params, ctx)
    todo = ctx.claim(everything)
    time.sleep(params.before_ms / 1000)
    for done, target in enumerate(todo):
        if done == params.fail_after:
            raise EncodeFailed("The writer was asked to fail.")
        ctx.write(target, content(params.seed, target.width, params.size))
        ctx.progress(100 * (done + 1) / len(todo))
        time.sleep(params.between_ms / 1000)
    if params.fail_after == len(todo):
        raise EncodeFailed("The writer was asked to fail.")
    return {"written": len(todo), "read": read}
