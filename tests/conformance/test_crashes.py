"""A worker may die in any way at any time: its job is retried or answered, and nobody else notices."""

import contextlib
import os
import signal
import time

import pytest
from harness import all_dead, code, descendants, files_under

CAUSES = {"segfault": "SIGSEGV", "abort": "SIGABRT", "kill": "SIGKILL", "exit": "exit code 7"}


@pytest.mark.parametrize("mode", list(CAUSES))
def test_a_crash_costs_only_its_job_and_names_its_cause(host, mode):
    engine = host("--workers", 2)
    engine.send(*({"operation": "noop", "n": n, "id": f"before {n}"} for n in range(10)))
    engine.send({"operation": "crash", "mode": mode, "words": "last words", "progress": True, "id": "crash"})
    engine.send(*({"operation": "noop", "n": n, "id": f"after {n}"} for n in range(10)))
    results = {r["id"]: r for r in engine.finish()}
    crash = results.pop("crash")
    assert {code(r) for r in results.values()} == {"ok"}
    assert code(crash) == "worker_crashed"
    assert crash["error_info"]["retryable"] is True
    assert CAUSES[mode] in crash["error"]
    assert "last words" in crash["error_info"]["detail"]
    assert crash["outputs"] == []
    assert [e.get("attempt", 1) for e in engine.events if e["event"] == "started"] == [1, 2]
    retry = engine.event("retry", "crash")
    assert retry["code"] == "worker_crashed"


def test_an_operation_that_wants_to_exit_is_answered_and_its_worker_stays(host):
    engine = host("--workers", 1)
    assert code(engine.ask({"operation": "crash", "mode": "sysexit", "id": 1})) == "internal"
    assert code(engine.ask({"operation": "noop", "id": 2})) == "ok"
    assert engine.stats()["workers_started"] == 1


def test_a_job_that_crashes_once_is_retried_and_fine(host, tmp_path):
    engine = host("--workers", 1)
    state = str(tmp_path / "state")
    result = engine.ask(
        {"operation": "crash", "mode": "segfault", "times": 1, "state": state, "progress": True, "id": 1}
    )
    assert code(result) == "ok"
    assert result["metadata"] == {"runs": 2}
    assert len([e for e in engine.events if e["event"] == "retry"]) == 1
    assert engine.stats()["retried"] == 1


@pytest.mark.parametrize(("retries", "runs"), [(0, 1), (1, 2), (3, 4)])
def test_retries_are_the_jobs_to_choose(host, tmp_path, retries, runs):
    engine = host("--workers", 1)
    state = tmp_path / "state"
    job = {"operation": "crash", "state": str(state), "retries": retries, "progress": True, "id": 1}
    assert code(engine.ask(job)) == "worker_crashed"
    assert state.stat().st_size == runs
    assert len([e for e in engine.events if e["event"] == "retry"]) == runs - 1


def test_a_failure_that_may_not_be_retried_is_not(host, tmp_path):
    engine = host("--workers", 1)
    mark = tmp_path / "mark"
    job = {"operation": "writer", "retries": 5, "fail_after": 0, "output_dir": "out", "mark": str(mark), "id": 1}
    assert code(engine.ask(job)) == "encode_failed"
    assert len(mark.read_text().split()) == 1


def test_progress_does_not_fall_over_a_retry(host, tmp_path):
    engine = host("--workers", 1)
    job = {"operation": "crash", "times": 1, "state": str(tmp_path / "s"), "percent": 80, "progress": True, "id": 1}
    assert code(engine.ask(job)) == "ok"
    told = [e["percent"] for e in engine.events if e["event"] == "progress"]
    assert told == sorted(told)


@pytest.mark.parametrize("mode", ["init", "str", "group"])
def test_an_exception_that_cannot_be_pickled(host, mode):
    engine = host("--workers", 1)
    result = engine.ask({"operation": "unpicklable", "mode": mode, "id": 1})
    assert code(result) == "internal"
    assert "unpicklable.py" in result["error_info"]["detail"]
    assert code(engine.ask({"operation": "noop", "id": 2})) == "ok"
    assert engine.stats()["workers_died"] == 0


def test_an_idle_worker_may_be_killed(host):
    engine = host("--workers", 2)
    for n in range(10):
        assert code(engine.ask({"operation": "noop", "n": n, "id": n})) == "ok"
        for pid in engine.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert len(engine.finish()) == 10


def test_a_worker_killed_right_when_a_job_comes_costs_no_attempt(host):
    """The job goes to another worker, also where it may not be retried."""
    engine = host("--workers", 1)
    engine.ask({"operation": "noop", "id": "first"})
    for n in range(12):
        for pid in engine.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        engine.send({"operation": "noop", "n": n, "retries": 1, "id": n})
        assert code(engine.result(n)) == "ok"


def test_a_stopped_worker_is_replaced(host):
    engine = host("--workers", 1)
    engine.send({"operation": "hang", "seconds": 1, "progress": True, "id": 1})
    engine.event("started", 1)
    for pid in engine.workers():
        os.kill(pid, signal.SIGSTOP)
    assert code(engine.result(1)) == "ok"
    for pid in engine.workers():
        os.kill(pid, signal.SIGSTOP)
    assert code(engine.ask({"operation": "noop", "id": 2})) == "ok"


@pytest.mark.parametrize("how", ["spawn", "fork"])
def test_a_child_that_outlives_its_worker_hides_no_death(host, how):
    """The child holds all the worker had open, but the worker's end is noticed, and the child ends with it."""
    engine = host("--workers", 1)
    engine.send({"operation": "stray", "how": how, "die": True, "retries": 0, "id": 1})
    assert code(engine.result(1, patience=10)) == "worker_crashed"
    assert all_dead(descendants(engine.pid)) == []
    assert code(engine.ask({"operation": "noop", "id": 2})) == "ok"


def test_a_child_left_behind_ends_with_its_worker(host):
    engine = host("--workers", 1, "--recycle-jobs", 2)
    pid = engine.ask({"operation": "stray", "id": 1})["metadata"]["pid"]
    family = [process for process in descendants(engine.pid) if process[0] == pid]
    assert family
    engine.ask({"operation": "noop", "id": 2})
    engine.ask({"operation": "noop", "id": 3})
    assert all_dead(family) == []


def test_many_workers_dying_at_once(host):
    engine = host("--workers", 4)
    engine.send(*({"operation": "crash", "mode": "abort", "words": "x" * 3000, "n": n, "id": n} for n in range(24)))
    assert [code(engine.result(n)) for n in range(24)] == ["worker_crashed"] * 24
    assert len(engine.finish()) == 24


def test_a_crash_amid_outputs_leaves_no_file(host, tmp_path):
    engine = host("--workers", 1)
    out = tmp_path / "out"
    job = {"operation": "writer", "output_dir": str(out), "outputs": 40, "between_ms": 50, "progress": True, "id": 1}
    engine.send(job | {"retries": 0})
    engine.event("output", 1, nth=3)
    for pid in engine.workers():
        os.kill(pid, signal.SIGKILL)
    assert code(engine.result(1)) == "worker_crashed"
    assert files_under(out) == {}
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        assert files_under(out) == {}
        time.sleep(0.1)
