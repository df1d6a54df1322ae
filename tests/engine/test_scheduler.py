from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediamill.engine.registry import Operation
from mediamill.engine.scheduler import Scheduler
from mediamill.engine.task import State, Task
from mediamill.protocol.job import Job


class Params(Job, frozen=True, kw_only=True, tag="any"):
    pass


def task(lane: Any = "short", priority: int = 0) -> Task:
    operation = Operation(
        name="any", medium="general", params=Params, summary="", example={}, lane=lane, plan=None, run=None,
        expand=None, collect=None,
    )  # fmt: skip
    return Task(Params(priority=priority), operation, 0, lambda *_: None)


def start(scheduler: Scheduler) -> Task:
    """Pick a task and begin it, as the engine does."""
    assert scheduler.can_pick()
    picked = scheduler.pick()
    assert picked is not None
    picked.begin()
    return picked


def queue(scheduler: Scheduler, *tasks: Task) -> list[Task]:
    for one in tasks:
        scheduler.add(one)
    return list(tasks)


def test_an_empty_one_gives_nothing() -> None:
    scheduler = Scheduler(2)
    assert not scheduler.can_pick()
    assert scheduler.pick() is None
    assert (scheduler.queued, scheduler.running, scheduler.all_queued()) == (0, 0, [])


def test_equals_go_in_their_order() -> None:
    scheduler = Scheduler(9)
    tasks = queue(scheduler, *(task() for _ in range(5)))
    assert [start(scheduler) for _ in tasks] == tasks


def test_a_higher_priority_goes_first() -> None:
    scheduler = Scheduler(9)
    low, none, high, none_too = queue(scheduler, task(priority=-10), task(), task(priority=10), task())
    assert [start(scheduler) for _ in range(4)] == [high, none, none_too, low]


def test_priority_counts_across_the_lanes_and_age_decides_between_equals() -> None:
    scheduler = Scheduler(9)
    long, short, urgent = queue(scheduler, task("long"), task(), task("long", priority=1))
    assert [start(scheduler) for _ in range(3)] == [urgent, long, short]


def test_no_more_run_than_there_are_slots() -> None:
    scheduler = Scheduler(2)
    queue(scheduler, task(), task(), task())
    first = start(scheduler)
    start(scheduler)
    assert not scheduler.can_pick()
    assert (scheduler.running, scheduler.queued) == (2, 1)
    scheduler.done(first)
    assert scheduler.can_pick()


def test_where_all_slots_are_long_one_short_task_runs_beside_them() -> None:
    scheduler = Scheduler(2)
    queue(scheduler, task("long", 5), task("long", 5), task("long", 5))
    films = [start(scheduler), start(scheduler)]
    assert not scheduler.can_pick()
    thumbnail, other = queue(scheduler, task(priority=-10), task(priority=-10))
    assert start(scheduler) is thumbnail
    assert not scheduler.can_pick()
    scheduler.done(thumbnail)
    assert start(scheduler) is other
    scheduler.done(films[0])
    assert not scheduler.can_pick()
    scheduler.done(other)
    assert start(scheduler).operation.lane == "long"


def test_there_is_no_spare_slot_where_a_short_task_runs_already() -> None:
    scheduler = Scheduler(2)
    queue(scheduler, task("long"), task(), task())
    start(scheduler)
    start(scheduler)
    assert not scheduler.can_pick()


def test_a_dropped_task_is_passed_over() -> None:
    scheduler = Scheduler(9)
    first, second = queue(scheduler, task(), task())
    scheduler.drop(first)
    first.state = State.DONE
    assert (scheduler.queued, scheduler.all_queued()) == (1, [second])
    assert start(scheduler) is second
    assert not scheduler.can_pick()


def test_a_task_queued_again_goes_behind_its_equals() -> None:
    scheduler = Scheduler(1)
    first, second = queue(scheduler, task(), task())
    assert start(scheduler) is first
    scheduler.done(first)
    scheduler.add(first)
    assert first.state is State.QUEUED
    assert start(scheduler) is second


@pytest.mark.parametrize(
    ("slots", "tasks", "cores", "shares"),
    [
        (8, 1, 8, [8]),
        (8, 2, 8, [4, 4]),
        (8, 3, 8, [2, 2, 2]),
        (8, 200, 8, [1, 1, 1]),
        (2, 200, 8, [4, 4]),
        (8, 1, 1, [1]),
        (4, 3, 2, [1, 1, 1]),
    ],
)
def test_the_thread_share_follows_the_load(slots: int, tasks: int, cores: int, shares: list[int]) -> None:
    scheduler = Scheduler(slots)
    queue(scheduler, *(task() for _ in range(tasks)))
    found = []
    for _ in shares:
        start(scheduler)
        found.append(scheduler.threads(cores))
    assert found == shares


def test_without_load_a_task_would_get_all_cores() -> None:
    assert Scheduler(4).threads(8) == 8


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "pick", "done", "drop"]), st.sampled_from(["short", "long"]), st.integers(-10, 10)
    ),
    max_size=60,
)


@given(_STEPS, st.integers(1, 4))
@settings(deadline=None)
def test_whatever_comes_the_rules_hold(steps: list[tuple[str, str, int]], slots: int) -> None:
    scheduler = Scheduler(slots)
    queued: list[Task] = []
    running: list[Task] = []
    for step, lane, priority in steps:
        if step == "add":
            queued += queue(scheduler, task(lane, priority))
        elif step == "pick" and scheduler.can_pick():
            picked = start(scheduler)
            rivals = [one for one in queued if one.operation.lane == picked.operation.lane]
            assert picked is min(rivals, key=lambda one: -one.job.priority)
            queued.remove(picked)
            running.append(picked)
        elif step == "done" and running:
            ended = running.pop(0)
            scheduler.done(ended)
            ended.state = State.DONE
        elif step == "drop" and queued:
            gone = queued.pop()
            scheduler.drop(gone)
            gone.state = State.DONE
        assert (scheduler.queued, scheduler.running) == (len(queued), len(running))
        assert set(scheduler.all_queued()) == set(queued)
        assert sum(one.operation.lane == "long" for one in running) <= slots
        assert len(running) <= slots + 1
        if len(running) < slots:
            assert scheduler.can_pick() is bool(queued)
