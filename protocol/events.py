"""Events: what is said while a job runs, and as the answer to a control line."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from mediamill.protocol.job import JobId


class Event(Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True):
    """A line with `event` in it. Clients may skip it."""


class Stage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One named part of a job's progress, in percent."""

    percent: float
    message: str | UnsetType = UNSET


class Started(Event, frozen=True, tag="started"):
    """The job runs; `attempt` counts from 1."""

    id: JobId
    operation: str
    attempt: int = 1


class Progress(Event, frozen=True, tag="progress"):
    """How far the job is. `percent` is 0..100 and never falls within a job."""

    id: JobId
    percent: float
    message: str | UnsetType = UNSET
    stages: dict[str, Stage] | UnsetType = UNSET


class OutputMade(Event, frozen=True, tag="output"):
    """One output is encoded; it appears under its path with the result."""

    id: JobId
    path: str
    format: str
    width: int
    height: int
    size_bytes: int


class Retry(Event, frozen=True, tag="retry"):
    """The attempt failed with a retryable code and the job runs again."""

    id: JobId
    attempt: int
    code: str
    message: str


class InputNeeded(Event, frozen=True, tag="input_needed"):
    """The job waits for an `input` control line that names this request."""

    id: JobId
    request_id: str
    question: str
    kind: str


class Log(Event, frozen=True, tag="log"):
    """Something a person may want to know."""

    level: str
    message: str
    id: JobId | UnsetType = UNSET


class HelloEvent(Event, frozen=True, tag="hello"):
    """Who the engine is and what it can do."""

    protocol: int
    engine: str
    operations: list[str]
    formats: dict[str, Any]
    limits: dict[str, Any]


class Pong(Event, frozen=True, tag="pong"):
    """The engine reads and writes."""

    id: JobId | UnsetType = UNSET


class StatsEvent(Event, frozen=True, tag="stats"):
    """The engine's counters since it started; memory in bytes, time in seconds."""

    queued: int
    running: int
    succeeded: int
    failed: int
    retried: int
    merged: int
    workers: int
    workers_started: int
    workers_died: int
    memory_bytes: int
    uptime: float


EVENTS: tuple[type[Event], ...] = tuple(Event.__subclasses__())
