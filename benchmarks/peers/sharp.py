"""sharp, the library of pictures for Node.js, driven by the small program next to this file."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import Bench, BenchmarkError, Finished, Usage, run

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "sharp.mjs"
DEFAULT = HERE.parent.parent / "build" / "peers"
INSTALL = "sharp: npm install --prefix build/peers sharp, or --sharp with a folder that has node_modules/sharp"
INSTALL_NODE = "Node.js: from https://nodejs.org, then npm install --prefix build/peers sharp"
UV_THREADS = "UV_THREADPOOL_SIZE"
UV_DEFAULT = 4


def find(given: Path | None) -> tuple[str | None, Path | None]:
    """Return the Node.js program and the folder that has sharp, each None where it is not installed."""
    folder = given.resolve() if given is not None else DEFAULT
    return shutil.which("node"), folder if (folder / "node_modules" / "sharp" / "package.json").is_file() else None


def missing(bench: Bench) -> str:
    """Return what is to be installed first; empty where all is there."""
    if bench.node is None:
        return INSTALL_NODE
    return INSTALL if bench.sharp is None else ""


def versions(bench: Bench) -> str:
    """Return which sharp this is, for people."""
    if missing(bench):
        return "not installed"
    found = json.loads(call(bench, "version").output)
    return f"{found['sharp']} (libvips {found['vips']}, Node.js {found['node']})"


def through(bench: Bench, jobs: Sequence[Mapping[str, Any]]) -> Usage:
    """Make pictures one after the other, on one thread; return what the process took.

    Args:
        bench: Where Node.js and sharp are.
        jobs: `input`, `output`, `format`, `options` of the encoder and, where it is resized, `width` of each.
    """
    path = bench.folder("jobs") / "jobs.json"
    path.write_text(json.dumps(jobs, default=str))
    return call(bench, "list", list=path, concurrency=1).usage


def call(bench: Bench, mode: str, *, threads: int = UV_DEFAULT, **fields: Any) -> Finished:
    """Run the program once.

    Args:
        bench: Where Node.js and sharp are.
        mode: What it does.
        threads: Threads of Node.js.
        fields: What the mode takes.

    Raises:
        BenchmarkError: It failed, or is not installed.
    """
    if bench.node is None or bench.sharp is None:
        raise BenchmarkError(missing(bench))
    job = {"sharp": str(bench.sharp), "mode": mode, **fields}
    env = {**bench.env, UV_THREADS: str(threads)}
    return run([bench.node, str(PROGRAM), json.dumps(job, default=str)], env, bench.work)
