"""The engine: takes jobs, has workers run them, and answers each exactly once.

It owns no streams: whoever uses it submits jobs, calls `step` in a loop, and is called back with results and events.
"""

import contextlib
import os
import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from mediamill.engine import platform
from mediamill.engine.composite import Composite
from mediamill.engine.memory import Memory
from mediamill.engine.messages import Answer, Ask, Begun, Commit, Done, Encoded, Need, ProgressMade, Run
from mediamill.engine.paths import input_paths
from mediamill.engine.pool import Pool, Worker
from mediamill.engine.registry import Registry
from mediamill.engine.scheduler import Scheduler
from mediamill.engine.settings import Settings
from mediamill.engine.task import State, Task
from mediamill.protocol.errors import (
    BY_CODE,
    Cancelled,
    Internal,
    MediaError,
    ShuttingDown,
    TimedOut,
    WorkerCrashed,
)
from mediamill.protocol.events import Event, InputNeeded, OutputMade, Progress, Retry, Stage, Started
from mediamill.protocol.job import Job
from mediamill.protocol.results import Result, failed

TICK = 0.25
STOPPED_PATIENCE = 0.5
MAX_LOST_STARTS = 50
MAX_BAD_STARTS = 3


class Engine:
    """Runs jobs in worker processes.

    Args:
        settings: The settings in force.
        registry: The operations there are.
        on_stderr: Is called with what workers write to stderr.
    """

    def __init__(
        self, settings: Settings, registry: Registry, on_stderr: Callable[[bytes], None] = lambda _: None
    ) -> None:
        self.settings = settings
        self.registry = registry
        self.scheduler = Scheduler(settings.worker_count)
        self.pool = Pool(settings, self._on_message, self._on_death, on_stderr)
        self.memory: Memory[Worker] = Memory(settings.memory_budget)
        self._cores = settings.worker_count
        self._most_workers = self._cores + max(1, self._cores // 2)
        """More than can compute at once, as some wait for the disk."""
        self._by_key: dict[bytes, Task] = {}
        self._composites: dict[Task, Composite] = {}
        self._live = 0
        self._bad_starts = 0
        self._stopping = False
        self._next_tick = 0.0
        self.began = time.monotonic()
        self.succeeded = self.failed = self.retried = self.merged = 0

    @property
    def live(self) -> int:
        """How many submitted jobs are not answered yet."""
        return self._live

    def submit(
        self, job: Job, on_done: Callable[[Task, Result], None], on_event: Callable[[Event], None] = lambda _: None
    ) -> Task:
        """Take a job. `on_done` is called exactly once, from within `step`, `cancel` or `stop`."""
        operation = self.registry[str(job.__struct_config__.tag)]
        default = self.settings.timeout_ms if operation.lane == "short" else self.settings.long_timeout_ms
        if operation.expand is not None:
            default = 0
        task = Task(job, operation, default if job.timeout_ms is None else job.timeout_ms, on_done, on_event)
        self._live += 1
        if operation.expand is not None:
            composite = self._composites[task] = Composite(task, self)
            composite.start()
        elif not self._merge(task):
            self.scheduler.add(task)
            self._dispatch()
        return task

    def step(self, timeout: float | None = None) -> None:
        """Wait for something to happen, at most `timeout` seconds, and deal with it."""
        self._dispatch()
        events = self.pool.selector.select(self._patience(timeout))
        with platform.SignalsHeld():  # an exception between a message and its note would lose what it said
            for key, mask in events:
                key.data(mask)
        now = time.monotonic()
        self._stop_overdue(now)
        if now >= self._next_tick:
            self._next_tick = now + TICK
            self.pool.wake_stopped(STOPPED_PATIENCE)
        self._dispatch()

    def cancel(self, task: Task, error: MediaError | None = None) -> None:
        """Stop a task wherever it is; its result is failed with `error`, by default `cancelled`."""
        error = error or Cancelled("The job was cancelled.")
        if task in self._composites:
            self._composites[task].abort(error)
        elif task.state is State.QUEUED:
            if task.leader is not None:
                task.leader.followers.remove(task)
            else:
                self.scheduler.drop(task)
            self._finish_alone(task, failed(task.operation.name, error))
        elif task.state is State.RUNNING:
            worker = next(worker for worker in self.pool.workers if worker.task is task)
            self._kill(worker, error)

    def answer(self, task: Task, request_id: str, value: Any) -> bool:
        """Pass a host's answer to a task that waits for it; return whether it did."""
        for worker in self.pool.workers:
            if worker.task is task and worker.request == request_id:
                worker.request = None
                task.waiting = False
                task.last_sign = time.monotonic()
                self.pool.send(worker, Answer(value))
                return True
        return False

    def refuse_queued(self) -> None:
        """Answer every job that has not started with `shutting_down`."""
        self._stopping = True
        error = _shutting_down()
        for composite in list(self._composites.values()):
            composite.refuse_pending(error)
        for task in self.scheduler.all_queued():
            for waiting in [task, *task.followers]:
                if waiting.state is State.QUEUED:
                    self.cancel(waiting, error)

    def stop(self) -> None:
        """Kill all that runs; every unanswered job is answered."""
        self.refuse_queued()
        for worker in list(self.pool.workers):
            if worker.task is not None:
                self._kill(worker, Cancelled("The job was stopped because the engine is shutting down."))
        self.pool.close()

    def _merge(self, task: Task) -> bool:
        """Let an identical job that is under way answer this one too."""
        job = task.job
        if job.progress or job.overwrite == "error":
            return False
        blank: dict[str, Any] = {"id": UNSET, "meta": UNSET, "priority": 0}
        task.key = msgspec.msgpack.encode((_state_of_inputs(job), msgspec.structs.replace(job, **blank)))
        leader = self._by_key.get(task.key)
        if leader is None or leader.state is State.DONE or leader.job.priority < job.priority:
            self._by_key[task.key] = task
            return False
        leader.followers.append(task)
        task.leader = leader
        self.merged += 1
        return True

    def _dispatch(self) -> None:
        """Give picked tasks to idle workers, and start workers where there are too few."""
        while self.scheduler.can_pick():
            worker = self.pool.idle()
            if worker is None:
                if len(self.pool.workers) >= self._most_workers:
                    return
                try:
                    worker = self.pool.start()
                except OSError as error:
                    if self.pool.workers:
                        return
                    self._fail_queued(Internal("No worker process can be started.", detail=str(error)))
                    return
            task = self.scheduler.pick()
            assert task is not None
            threads = self.scheduler.threads(self._cores)
            worker.assign(task)
            task.begin()
            self.pool.send(worker, Run(task.operation.name, msgspec.msgpack.encode(task.job), threads))

    def _on_message(self, worker: Worker, message: Any) -> None:
        task = worker.task
        if task is None:
            return
        task.last_sign = time.monotonic()
        if isinstance(message, Done):
            self._on_result(worker, task, message)
        elif isinstance(message, Commit):
            if self._cores > 1:  # what is left waits for the disk; whoever asks for one worker gets one
                self.scheduler.done(task)
        elif isinstance(message, Begun):
            task.emit(Started(id=task.id, operation=task.operation.name, attempt=task.attempts))
        elif isinstance(message, ProgressMade):
            stages = {name: Stage(percent=percent) for name, percent in message.stages.items()} or UNSET
            text = UNSET if message.text is None else message.text
            task.percent = max(task.percent, message.percent)
            task.emit(Progress(id=task.id, percent=task.percent, message=text, stages=stages))
        elif isinstance(message, Encoded):
            fields = {name: getattr(message, name) for name in message.__struct_fields__}
            task.emit(OutputMade(id=task.id, **fields))
        elif isinstance(message, Need):
            task.waiting = True
            self._settle(self.memory.ask(worker, message.memory_bytes))
        elif isinstance(message, Ask):
            task.waiting = True
            worker.request = message.request_id
            task.emit(
                InputNeeded(id=task.id, request_id=message.request_id, question=message.question, kind=message.kind)
            )

    def _on_result(self, worker: Worker, task: Task, done: Done) -> None:
        result = done.result if done.result is not None else worker.commit.result if worker.commit else None
        worker.release()
        self._bad_starts = 0
        self._free(worker)
        self.scheduler.done(task)
        if worker.jobs >= self.settings.recycle_jobs or done.resident_bytes > self.settings.recycle_memory:
            self.pool.retire(worker)
        if result is None:
            result = failed(task.operation.name, Internal("A worker finished a job without its result."))
        if not result.success and result.error_info is not UNSET:
            error = BY_CODE[result.error_info.code]
            if task.may_retry(result.error_info.retryable, crashed=False):
                self._retry(task, error.code, str(result.error))
                return
        self._finish(task, result)

    def _on_death(self, worker: Worker) -> None:
        """Deal with the task of a worker that died by itself: retry it, or answer for it."""
        task, commit = worker.task, worker.commit
        self._free(worker)
        if not worker.ready and (worker.process.returncode or 0) > 0:
            self._bad_starts += 1
        if task is None:
            return
        worker.task = None
        self.scheduler.done(task)
        if commit is not None:
            self._finish(task, commit.result)
            return
        if self._bad_starts >= MAX_BAD_STARTS:
            self._bad_starts = 0
            error: MediaError = Internal("Worker processes cannot start.", detail=worker.last_words() or None)
            self._finish(task, failed(task.operation.name, error))
            return
        if worker.unread and task.lost_starts < MAX_LOST_STARTS:
            task.lost_starts += 1
            task.attempts -= 1
            self.scheduler.add(task)
            return
        error = WorkerCrashed(
            f"The worker process died ({_cause(worker)}) while it ran the job.", detail=worker.last_words() or None
        )
        if task.may_retry(True, crashed=True):
            self._retry(task, error.code, error.message)
        else:
            self._finish(task, failed(task.operation.name, error))

    def _retry(self, task: Task, code: str, message: str) -> None:
        self.retried += 1
        if task.job.progress:
            task.emit(Retry(id=task.id, attempt=task.attempts, code=code, message=message))
        self.scheduler.add(task)

    def _kill(self, worker: Worker, error: MediaError) -> None:
        """Kill a worker on purpose; its task is answered with `error`, or with its result where that was due."""
        task = worker.task
        assert task is not None
        worker.task = None
        self.pool.kill(worker)
        self._free(worker)
        self.scheduler.done(task)
        done = worker.commit.result if worker.commit is not None else None
        self._finish(task, done or failed(task.operation.name, error))

    def _stop_overdue(self, now: float) -> None:
        for worker in list(self.pool.workers):
            due = worker.task.due() if worker.task is not None else None
            if due is not None and due[0] <= now:
                self._kill(worker, TimedOut(f"The job was stopped at its {due[1]}."))
        for composite in list(self._composites.values()):
            due = composite.task.due()
            if due is not None and due[0] <= now:
                composite.abort(TimedOut(f"The job was stopped at its {due[1]}."))

    def _patience(self, timeout: float | None) -> float | None:
        """Return how long `select` may wait: until the next limit, or the next look at stopped workers."""
        tasks = [worker.task for worker in self.pool.workers if worker.task is not None]
        dues = [due[0] for task in [*tasks, *self._composites] if (due := task.due()) is not None]
        waits = [max(0.0, min(dues) - time.monotonic())] if dues else []
        if tasks:
            waits.append(TICK)
        if timeout is not None:
            waits.append(timeout)
        return min(waits) if waits else None

    def _finish(self, task: Task, result: Result) -> None:
        """Answer a task and its followers; those of a cancelled one take its place."""
        if result.error_info is not UNSET and result.error_info.code == "cancelled":
            self._finish_alone(task, result)
            return
        followers, task.followers = task.followers, []
        self._forget_key(task)
        for follower in followers:
            self._answer(follower, msgspec.structs.replace(result))
        self._answer(task, result)

    def _finish_alone(self, task: Task, result: Result) -> None:
        followers, task.followers = task.followers, []
        self._forget_key(task)
        if followers and self._stopping:
            for follower in followers:
                self._answer(follower, failed(follower.operation.name, _shutting_down()))
        elif followers:
            leader, *rest = followers
            leader.followers, leader.leader = rest, None
            for follower in rest:
                follower.leader = leader
            if leader.key:
                self._by_key[leader.key] = leader
            self.scheduler.add(leader)
        self._answer(task, result)

    def _answer(self, task: Task, result: Result) -> None:
        self._composites.pop(task, None)
        if result.success:
            self.succeeded += 1
        else:
            self.failed += 1
        self._live -= 1
        task.finish(result)

    def answer_composite(self, task: Task, result: Result) -> None:
        """Answer a job that was made of others."""
        self._answer(task, result)

    def _fail_queued(self, error: MediaError) -> None:
        for task in self.scheduler.all_queued():
            self.scheduler.drop(task)
            task.state = State.RUNNING
            self._finish(task, failed(task.operation.name, error))

    def _forget_key(self, task: Task) -> None:
        if task.key is not None and self._by_key.get(task.key) is task:
            del self._by_key[task.key]

    def _free(self, worker: Worker) -> None:
        self._settle(self.memory.release(worker))

    def _settle(self, replies: list[tuple[Worker, Any]]) -> None:
        """Tell workers what became of the memory they asked for."""
        for worker, grant in replies:
            if worker.task is not None:
                worker.task.waiting = False
                worker.task.last_sign = time.monotonic()
                with contextlib.suppress(KeyError):
                    self.pool.send(worker, grant)


def _shutting_down() -> ShuttingDown:
    return ShuttingDown("The engine is stopping and did not start the job.")


def _state_of_inputs(job: Job) -> list[Any]:
    """Return what tells a changed input: a job is identical only while its inputs are."""
    states: list[Any] = []
    for path in input_paths(job):
        try:
            status = os.stat(path)
            states.append((status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))
        except (OSError, ValueError):
            states.append(None)
    return states


def _cause(worker: Worker) -> str:
    code = worker.process.returncode or 0
    if code < 0:
        import signal

        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
        return f"signal {-code}"
    return f"exit code {code}"
