import time
from typing import Any

import pytest
from msgspec import UNSET

from mediamill.engine.registry import Operation
from mediamill.engine.task import State, Task
from mediamill.protocol.events import Event, Progress
from mediamill.protocol.job import Job
from mediamill.protocol.results import Result


class Params(Job, frozen=True, kw_only=True, tag="any"):
    pass


class Watched:
    """A task, and what it said."""

    def __init__(self, timeout_ms: int = 0, **fields: Any) -> None:
        self.results: list[Result] = []
        self.events: list[Event] = []
        operation = Operation(
            name="any", medium="general", params=Params, summary="", example={}, lane="short", plan=None, run=None,
            expand=None, collect=None,
        )  # fmt: skip
        self.task = Task(
            Params(**fields), operation, timeout_ms, lambda _, result: self.results.append(result), self.events.append
        )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Stop the clock; the one number in the list is the time."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("retries", "attempts", "retryable", "crashed", "again"),
    [
        (None, 1, True, True, True),
        (None, 2, True, True, False),
        (None, 1, True, False, False),
        (None, 1, False, True, False),
        (0, 1, True, True, False),
        (1, 1, True, False, True),
        (1, 2, True, False, False),
        (25, 25, True, True, True),
        (25, 26, True, True, False),
        (25, 1, False, False, False),
    ],
)
def test_a_retry_is_due_where_the_code_and_the_job_allow_it(
    retries: int | None, attempts: int, retryable: bool, crashed: bool, again: bool
) -> None:
    task = Watched(retries=retries).task
    for _ in range(attempts):
        task.begin()
    assert task.may_retry(retryable, crashed) is again


def test_without_limits_nothing_is_due() -> None:
    task = Watched().task
    assert task.due() is None
    task.begin()
    assert task.due() is None


def test_the_limit_counts_from_the_first_attempt(clock: list[float]) -> None:
    task = Watched(timeout_ms=5000).task
    assert task.due() is None
    task.begin()
    clock[0] = 103.0
    task.begin()
    assert task.due() == (105.0, "limit of 5000 ms")


def test_the_stall_limit_counts_from_the_last_sign_and_not_while_it_waits(clock: list[float]) -> None:
    task = Watched(stall_ms=1000).task
    task.begin()
    task.last_sign = 107.0
    assert task.due() == (108.0, "stall limit of 1000 ms")
    task.waiting = True
    assert task.due() is None
    task.begin()
    assert task.due() is not None


def test_of_two_limits_the_sooner_counts(clock: list[float]) -> None:
    task = Watched(timeout_ms=500, stall_ms=1000).task
    task.begin()
    assert task.due() == (100.5, "limit of 500 ms")


def test_a_task_is_answered_once_with_its_own_id_meta_and_time(clock: list[float]) -> None:
    watched = Watched(id="a", meta={"k": 1})
    watched.task.begin()
    clock[0] = 100.25
    watched.task.finish(Result(success=True, operation="any", id="another"))
    watched.task.finish(Result(success=False, operation="any"))
    (result,) = watched.results
    assert (result.success, result.id, result.meta, result.elapsed_ms) == (True, "a", {"k": 1}, 250)
    assert watched.task.state is State.DONE


def test_a_task_that_never_began_keeps_the_results_time() -> None:
    watched = Watched()
    watched.task.finish(Result(success=True, operation="any", elapsed_ms=7))
    assert (watched.results[0].elapsed_ms, watched.results[0].id) == (7, UNSET)


@pytest.mark.parametrize(("fields", "told"), [({"id": "a", "progress": True}, 1), ({"id": "a"}, 0), ({}, 0)])
def test_events_go_to_those_who_asked_and_end_with_the_result(fields: dict[str, Any], told: int) -> None:
    watched = Watched(**fields)
    watched.task.begin()
    watched.task.emit(Progress(id="a", percent=1.0))
    watched.task.finish(Result(success=True, operation="any"))
    watched.task.emit(Progress(id="a", percent=2.0))
    assert len(watched.events) == told
