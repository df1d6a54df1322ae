"""A job made of other jobs: each of them goes through the engine on its own, and one result tells of all."""

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from mediamill.engine.context import EVENT_INTERVAL
from mediamill.engine.funnel import to_media_error
from mediamill.engine.task import State, Task
from mediamill.protocol.decode import reject, to_job
from mediamill.protocol.errors import BY_CODE, InvalidJob, MediaError
from mediamill.protocol.events import Progress
from mediamill.protocol.results import Result, failed

if TYPE_CHECKING:
    from mediamill.engine.core import Engine


HANDED_DOWN = ("overwrite", "cache", "retries", "stall_ms", "priority")


class Composite:
    """Feeds the parts of a composite task to the engine and collects their results, in their order.

    Args:
        task: The composite's own task.
        engine: The engine that runs the parts.
    """

    def __init__(self, task: Task, engine: "Engine") -> None:
        assert task.operation.expand is not None
        self.task = task
        self._engine = engine
        self._parts = task.operation.expand(task.job)
        self._limit = self._parts.parallel or engine.settings.worker_count
        self._results: list[Result | None] = [None] * len(self._parts.jobs)
        self._next = 0
        self._live: dict[int, Task] = {}
        self._error: MediaError | None = None
        self._feeding = False
        self._told = 0.0

    def start(self) -> None:
        """Submit the first parts; a composite without parts is answered at once."""
        self.task.begin()
        self._feed()

    def abort(self, error: MediaError) -> None:
        """Stop all parts and answer the composite with `error`."""
        self._error = error
        self._next = len(self._parts.jobs)
        for part in list(self._live.values()):
            self._engine.cancel(part)
        self._feed()

    def refuse_pending(self, error: MediaError) -> None:
        """Answer the parts that were not submitted yet with `error`."""
        while self._next < len(self._parts.jobs):
            raw = self._parts.jobs[self._next]
            self._results[self._next] = reject(raw, error)
            self._next += 1
        self._feed()

    def _feed(self) -> None:
        """Keep as many parts under way as allowed; answer when none is left."""
        if self._feeding:
            return
        self._feeding = True
        while self._next < len(self._parts.jobs) and len(self._live) < self._limit:
            index = self._next
            self._next += 1
            self._submit(index, self._parts.jobs[index])
        self._feeding = False
        if not self._live and self._next == len(self._parts.jobs) and self.task.state is not State.DONE:
            self._engine.answer_composite(self.task, self._result())

    def _submit(self, index: int, raw: dict[str, Any]) -> None:
        try:
            job = to_job(self._handed_down() | raw, self._engine.registry)
            if self._engine.registry[str(job.__struct_config__.tag)].expand is not None:
                raise InvalidJob("A job inside a batch cannot be a batch itself.", field="operation")
        except MediaError as error:
            self._results[index] = reject(raw, error)
            return
        quiet: dict[str, Any] = {
            "progress": False,
            "dry_run": job.dry_run or self.task.job.dry_run,
        }
        part = self._engine.submit(msgspec.structs.replace(job, **quiet), partial(self._on_part, index))
        if part.state is not State.DONE:
            self._live[index] = part

    def _handed_down(self) -> dict[str, Any]:
        """Return what the parts take from the composite's own envelope, where they do not say otherwise."""
        given = msgspec.to_builtins(self.task.job)
        return {name: given[name] for name in HANDED_DOWN if name in given}

    def _on_part(self, index: int, _: Task, result: Result) -> None:
        self._live.pop(index, None)
        self._results[index] = result
        now = time.monotonic()
        if self.task.job.progress and now - self._told >= EVENT_INTERVAL:
            self._told = now
            done = sum(known is not None for known in self._results)
            self.task.emit(Progress(id=self.task.id, percent=round(100 * done / len(self._results), 1)))
        self._feed()

    def _result(self) -> Result:
        name = self.task.operation.name
        if self._error is not None:
            done = [output for result in self._results if result is not None for output in result.outputs]
            return failed(name, self._error, outputs=done)
        results = [result for result in self._results if result is not None]
        outputs = [output for result in results for output in result.outputs]
        collect = self.task.operation.collect
        assert collect is not None
        try:
            metadata = collect(self.task.job, results)
        except Exception as error:
            return failed(name, to_media_error(error))
        bad = [result for result in results if not result.success]
        if not bad:
            return Result(success=True, operation=name, outputs=outputs, metadata=metadata)
        info = bad[0].error_info
        kind = BY_CODE[info.code] if info is not UNSET else MediaError
        first = kind(f"{len(bad)} of {len(results)} jobs failed, the first with: {bad[0].error}", field="jobs")
        return failed(name, first, outputs=outputs, metadata=metadata)
