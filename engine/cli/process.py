"""One job, one result line, in this very process."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from mediamill.engine import platform
from mediamill.engine.inprocess import run_typed, signals_cancel
from mediamill.engine.registry import Registry
from mediamill.engine.settings import Settings, load
from mediamill.engine.stdio import protect, write_all
from mediamill.protocol.controls import Control
from mediamill.protocol.decode import decode_line
from mediamill.protocol.errors import CODES, InvalidJob
from mediamill.protocol.framing import BOM
from mediamill.protocol.job import Job
from mediamill.protocol.results import Result, encode, failed

EXIT_OUTPUT_LOST = 74


def process(job: str, flags: dict[str, Any]) -> int:
    """Run the job and print its result; return 0, the exit status of its error's code, or 74 where stdout takes none.

    Args:
        job: The job as JSON, or `-` for stdin.
        flags: The settings the command line gave.
    """
    settings, _ = load(flags)
    registry = Registry(settings.operations_path)
    line = os.fsencode(job) if job != "-" else sys.stdin.buffer.read() if sys.stdin else b""
    try:
        _, writes = protect()
    except OSError:
        return EXIT_OUTPUT_LOST
    message = decode_line(line.removeprefix(BOM).strip(), registry)
    if isinstance(message, Control):
        message = failed("unknown", InvalidJob("process takes a job; controls belong to the stream.", field="control"))
    signalled: list[int] = []
    if isinstance(message, Job):
        message = _run(message, registry, settings, signalled, partial(_leave, writes))
    try:
        write_all(writes, encode(message) + b"\n")
    except OSError:
        return EXIT_OUTPUT_LOST
    if signalled:
        return 128 + signalled[0]
    return CODES[message.error_info.code].exit_status if message.error_info else 0


def _leave(writes: int, result: Result) -> NoReturn:
    """End the process with a result while its job hangs in a library."""
    with contextlib.suppress(OSError):
        write_all(writes, encode(result) + b"\n")
    os._exit(1)


def _run(
    job: Job, registry: Registry, settings: Settings, signalled: list[int], leave: Callable[[Result], NoReturn]
) -> Result:
    """Run the job here, or in a worker where it has limits only a kill can keep, or is made of jobs."""
    if registry[str(job.__struct_config__.tag)].expand is not None or job.timeout_ms or job.stall_ms:
        from mediamill.engine.pooled import run_pooled

        results: list[Result] = []
        try:
            return run_pooled([job], registry, settings, lambda _, result: results.append(result))[0]
        except (KeyboardInterrupt, SystemExit) as stopped:
            signalled.append(signal.SIGINT if isinstance(stopped, KeyboardInterrupt) else signal.SIGTERM)
            return results[0]

    platform.limit_self(settings.worker_memory)
    platform.stay_small()
    with signals_cancel() as came:
        result = run_typed(job, registry, settings, leave)
    signalled.extend(came)
    return result
