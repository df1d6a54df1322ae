"""The executor of one-shot commands: the job runs in this very process, so nothing has to start."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from mediamill.engine.context import LocalChannel
from mediamill.engine.execute import execute
from mediamill.engine.registry import Registry
from mediamill.engine.settings import Settings
from mediamill.protocol.decode import reject, to_job
from mediamill.protocol.errors import Cancelled, InvalidJob, MediaError, TimedOut
from mediamill.protocol.job import Job
from mediamill.protocol.results import Result, failed

GRACE_SECONDS = 0.25
"""How long after its limit a job may still stop by itself, at its next check."""


def run_job(raw: dict[str, Any], registry: Registry | None = None, settings: Settings | None = None) -> Result:
    """Run one parsed job here and now; a job that is not valid comes back as a failed result."""
    registry, settings = registry or Registry(), settings or Settings()
    try:
        return run_typed(to_job(raw, registry), registry, settings)
    except MediaError as error:
        return reject(raw, error)


def run_typed(
    job: Job, registry: Registry, settings: Settings, leave: Callable[[Result], NoReturn] | None = None
) -> Result:
    """Run one typed job here and now.

    Args:
        job: What to do.
        registry: The operations there are.
        settings: The settings in force.
        leave: Ends the process with a result where the job has passed its limit within a library that cannot be
            interrupted. Without it such a job runs on to its next check.

    Raises:
        InvalidJob: The operation is made of other jobs; those need an engine with workers.
    """
    operation = registry[str(job.__struct_config__.tag)]
    if operation.run is None:
        raise InvalidJob(f"{operation.name} runs other jobs and needs the stream.", field="operation")
    limit = job.timeout_ms or (settings.timeout_ms if operation.lane == "short" else settings.long_timeout_ms)
    channel = LocalChannel(limit)
    if leave is None or not limit:
        return execute(operation, job, settings, channel, settings.worker_count)

    ended = threading.Lock()

    def end() -> None:
        if not ended.acquire(blocking=False):
            return
        for path in reversed(channel.temporaries):
            with contextlib.suppress(OSError):
                if os.path.isdir(path):
                    os.rmdir(path)
                else:
                    os.unlink(path)
        error = TimedOut(f"The job was stopped at its limit of {limit} ms.")
        leave(failed(operation.name, error, id=job.id, meta=job.meta, elapsed_ms=limit))

    watchdog = threading.Timer(limit / 1000 + GRACE_SECONDS, end)
    watchdog.daemon = True
    watchdog.start()
    try:
        return execute(operation, job, settings, channel, settings.worker_count)
    finally:
        watchdog.cancel()
        ended.acquire()  # a watchdog that has begun holds it until the process ends


@contextmanager
def signals_cancel() -> Iterator[list[int]]:
    """Have SIGTERM and SIGINT cancel the job that runs in this process; yields the signals that came."""
    came: list[int] = []

    def stop(number: int, _: object) -> NoReturn:
        came.append(number)
        raise Cancelled("The job was stopped by a signal.")

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield came
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
