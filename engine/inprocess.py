"""The executor of one-shot commands: the job runs in this very process, so nothing has to start."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from mediamill.engine.context import LocalChannel
from mediamill.engine.execute import execute
from mediamill.engine.registry import Registry
from mediamill.engine.settings import Settings
from mediamill.protocol.decode import reject, to_job
from mediamill.protocol.errors import Cancelled, InvalidJob, MediaError
from mediamill.protocol.job import Job
from mediamill.protocol.results import Result


def run_job(raw: dict[str, Any], registry: Registry | None = None, settings: Settings | None = None) -> Result:
    """Run one parsed job here and now; a job that is not valid comes back as a failed result."""
    registry, settings = registry or Registry(), settings or Settings()
    try:
        return run_typed(to_job(raw, registry), registry, settings)
    except MediaError as error:
        return reject(raw, error)


def run_typed(job: Job, registry: Registry, settings: Settings) -> Result:
    """Run one typed job here and now.

    Raises:
        InvalidJob: The operation is made of other jobs; those need an engine with workers.
    """
    operation = registry[str(job.__struct_config__.tag)]
    if operation.run is None:
        raise InvalidJob(f"{operation.name} runs other jobs and needs the stream.", field="operation")
    limit = job.timeout_ms or (settings.timeout_ms if operation.lane == "short" else settings.long_timeout_ms)
    return execute(operation, job, settings, LocalChannel(limit), settings.worker_count)


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
