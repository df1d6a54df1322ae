"""A job on its way: what the engine knows about it from admission to its result."""

import enum
import time
from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from mediamill.engine.registry import Operation
from mediamill.protocol.events import Event
from mediamill.protocol.job import Job
from mediamill.protocol.results import Result

DEFAULT_CRASH_RETRIES = 1


class State(enum.Enum):
    """Where a task stands."""

    QUEUED = enum.auto()
    RUNNING = enum.auto()
    DONE = enum.auto()


class Task:
    """One admitted job.

    Args:
        job: The typed job.
        operation: What it asks for.
        timeout_ms: Its limit, 0 for none.
        on_done: Is called once, with the task and its result.
        on_event: Is called for each event of a job that asked for them.
    """

    def __init__(
        self,
        job: Job,
        operation: Operation,
        timeout_ms: int,
        on_done: Callable[["Task", Result], None],
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self.job = job
        self.operation = operation
        self.timeout_ms = timeout_ms
        self.on_done = on_done
        self.on_event = on_event
        self.state = State.QUEUED
        self.started: float | None = None
        self.last_sign = 0.0
        self.waiting = False
        """Waits for memory or for the host, so it is not stalled."""
        self.attempts = 0
        self.lost_starts = 0
        """Workers that died before they had taken the job."""
        self.key: bytes | None = None
        self.followers: list[Task] = []
        """Identical jobs that get this one's result."""
        self.leader: Task | None = None
        """The job this one follows."""
        self.percent = 0.0

    @property
    def retries(self) -> int | None:
        """How often the job asked to be retried; None where it did not say."""
        return self.job.retries

    @property
    def id(self) -> Any:
        """The job's id, UNSET where it has none."""
        return self.job.id

    def may_retry(self, code_retryable: bool, crashed: bool) -> bool:
        """Return whether one more attempt is due after one that failed."""
        if not code_retryable:
            return False
        allowed = self.retries if self.retries is not None else (DEFAULT_CRASH_RETRIES if crashed else 0)
        return self.attempts <= allowed

    def begin(self) -> None:
        """Note the start of an attempt."""
        now = time.monotonic()
        self.state = State.RUNNING
        self.attempts += 1
        self.waiting = False
        self.last_sign = now
        if self.started is None:
            self.started = now

    def due(self) -> tuple[float, str] | None:
        """Return when the running task is to be stopped and why, the sooner of its two limits."""
        limits = []
        if self.timeout_ms and self.started is not None:
            limits.append((self.started + self.timeout_ms / 1000, f"limit of {self.timeout_ms} ms"))
        if self.job.stall_ms and not self.waiting:
            limits.append((self.last_sign + self.job.stall_ms / 1000, f"stall limit of {self.job.stall_ms} ms"))
        return min(limits) if limits else None

    def emit(self, event: Event) -> None:
        """Send an event, where the job asked for events and is not answered yet."""
        if self.job.progress and self.id is not UNSET and self.state is not State.DONE:
            self.on_event(event)

    def finish(self, result: Result) -> None:
        """Answer the job and all that wait for the same work; once."""
        if self.state is State.DONE:
            return
        self.state = State.DONE
        if self.started is not None:
            result.elapsed_ms = round((time.monotonic() - self.started) * 1000)
        result.id, result.meta = self.job.id, self.job.meta
        self.on_done(self, result)
