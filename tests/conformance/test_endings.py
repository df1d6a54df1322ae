"""How the engine ends: by the end of its input, by signals, by the loss of its host. No child, no half file stays."""

import os
import signal
import time

import pytest
from harness import all_dead, code, descendants, files_under

SLOW = {"operation": "hang", "seconds": 600, "progress": True}


def busy(engine, tmp_path, **more):
    """Have four workers run, one of them amid outputs; return the processes and the folder of the outputs."""
    out = tmp_path / "out"
    engine.send(*(SLOW | {"n": n, "id": f"slow {n}"} | more for n in range(3)))
    engine.send(
        {"operation": "writer", "output_dir": str(out), "outputs": 900, "between_ms": 60, "progress": True, "id": "w"}
    )
    for n in range(3):
        engine.event("started", f"slow {n}")
    engine.event("output", "w", nth=1)
    family = descendants(engine.pid)
    assert len(family) >= 4
    return family, out


def partial(out):
    return [name for name in files_under(out) if not name.endswith(".tmp")]


def test_the_end_of_input_finishes_everything(host):
    engine = host("--workers", 2)
    engine.send(*({"operation": "film", "seconds": 0.1, "n": n} for n in range(20)))
    assert [r["metadata"]["n"] for r in engine.finish()] == list(range(20))


def test_an_empty_input(host):
    assert host().finish() == []


def test_the_engine_starts_no_worker_before_a_job_comes(host):
    engine = host("--workers", 2)
    engine.sync()
    assert engine.workers() == []


def test_a_first_signal_lets_running_jobs_finish_and_refuses_the_rest(host):
    for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        engine = host("--workers", 1)
        engine.send({"operation": "hang", "seconds": 1.2, "progress": True, "id": "runs"})
        engine.send(*({"operation": "noop", "n": n, "id": n} for n in range(10)))
        engine.send({"operation": "noop", "n": 99})
        engine.event("started", "runs")
        engine.sync()
        family = descendants(engine.pid)
        engine.signal(number)
        assert engine.wait() == status
        results = {r.get("id"): code(r) for r in engine.results}
        assert results == {"runs": "ok", None: "shutting_down"} | dict.fromkeys(range(10), "shutting_down")
        assert len(engine.results) == 12
        assert all(r["error_info"]["retryable"] for r in engine.results if not r["success"])
        assert all_dead(family) == []


def test_the_grace_ends(host, tmp_path):
    engine = host("--workers", 4)
    family, out = busy(engine, tmp_path)
    began = time.monotonic()
    engine.signal(signal.SIGTERM)
    assert engine.wait() == 143
    assert 1.9 <= time.monotonic() - began < 2 + 3
    assert {r["id"]: code(r) for r in engine.results} == dict.fromkeys(["slow 0", "slow 1", "slow 2", "w"], "cancelled")
    assert all_dead(family) == []
    assert files_under(out) == {}


def test_a_second_signal_kills_now(host, tmp_path):
    engine = host("--workers", 4, "--grace", 600)
    family, out = busy(engine, tmp_path)
    engine.send({"operation": "noop", "id": "queued"})
    engine.sync()
    engine.signal(signal.SIGTERM)
    assert code(engine.result("queued")) == "shutting_down"
    assert len(engine.results) == 1
    began = time.monotonic()
    engine.signal(signal.SIGTERM)
    assert engine.wait() == 143
    assert time.monotonic() - began < 3
    assert sorted(code(r) for r in engine.results) == ["cancelled"] * 4 + ["shutting_down"]
    assert all_dead(family) == []
    assert files_under(out) == {}


def test_a_signal_to_an_idle_engine_ends_it(host):
    for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        engine = host("--workers", 1)
        engine.ask({"operation": "noop", "id": 1})
        engine.signal(number)
        assert engine.wait(10) == status


def test_a_signal_while_the_input_is_full(host):
    engine = host("--workers", 1, "--grace", 1)
    engine.send(*({"operation": "hang", "n": n, "id": n, "progress": n == 0} for n in range(500)))
    engine.event("started", 0)
    engine.sync()
    engine.signal(signal.SIGTERM)
    assert engine.wait() == 143
    results = {r["id"]: code(r) for r in engine.results}
    assert results.pop(0) == "cancelled"
    assert results == dict.fromkeys(range(1, 500), "shutting_down")


def test_merged_jobs_are_answered_at_a_signal(host):
    engine = host("--workers", 1, "--grace", 0.5)
    engine.send(*({"operation": "hang", "id": n} for n in range(4)))
    engine.sync()
    engine.signal(signal.SIGTERM)
    assert engine.wait(10) == 143
    assert sorted(r["id"] for r in engine.results) == [0, 1, 2, 3]
    assert {code(r) for r in engine.results} <= {"cancelled", "shutting_down"}


def test_a_signal_ends_an_engine_whose_host_has_stopped_reading(host):
    """All is done, but nobody takes the results: waiting for that would be for ever."""
    engine = host("--workers", 1, read=False)
    engine.send(*({"operation": "noop", "n": n, "answer": "x" * 10_000} for n in range(40)))
    engine.close_stdin()
    time.sleep(1)
    assert engine.process.poll() is None
    engine.signal(signal.SIGTERM)
    assert engine.wait(10) == 143


def test_sigkill_leaves_no_child(host, tmp_path):
    engine = host("--workers", 4)
    family, out = busy(engine, tmp_path)
    engine.signal(signal.SIGKILL)
    engine.process.wait()
    assert all_dead(family) == []
    assert partial(out) == []


@pytest.mark.parametrize("mode", ["gil_held", "ignore_sigterm"])
def test_sigkill_leaves_no_child_however_it_hangs(host, tmp_path, mode):
    engine = host("--workers", 4)
    family, out = busy(engine, tmp_path, mode=mode)
    engine.signal(signal.SIGKILL)
    engine.process.wait()
    assert all_dead(family) == []
    assert partial(out) == []


@pytest.mark.parametrize("sockets", [False, True])
def test_a_host_that_no_longer_reads_ends_the_engine(host, tmp_path, sockets):
    engine = host("--workers", 2, read=False, sockets=sockets)
    marks = [str(tmp_path / f"mark {n}") for n in range(2)]
    engine.send(*(SLOW | {"mark": mark, "n": n, "id": n} for n, mark in enumerate(marks)))
    deadline = time.monotonic() + 30
    while not all(os.path.exists(mark) for mark in marks) and time.monotonic() < deadline:
        time.sleep(0.02)
    family = descendants(engine.pid)
    assert len(family) == 2
    engine.close_stdout()
    assert engine.wait(5) == 74
    assert all_dead(family) == []


def test_an_idle_engine_notices_a_lost_stdout_at_the_next_result(host):
    engine = host("--workers", 1, read=False)
    engine.close_stdout()
    engine.send({"operation": "noop"})
    assert engine.wait(10) == 74


@pytest.mark.parametrize("sockets", [False, True])
def test_a_dead_host_ends_the_engine(host, tmp_path, sockets):
    """Both ends close at once, as when the host is killed amid a film; there is no result to fail on for long."""
    engine = host("--workers", 1, read=False, sockets=sockets)
    mark = str(tmp_path / "mark")
    engine.send({"operation": "film", "seconds": 600, "mark": mark, "id": 1})
    deadline = time.monotonic() + 30
    while not os.path.exists(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    family = descendants(engine.pid)
    engine.close_stdin()
    engine.close_stdout()
    assert engine.wait(5) == 74
    assert all_dead(family) == []


def test_a_full_output_is_a_lost_output(host):
    """A result that cannot be written must not look like success."""
    import subprocess

    from harness import command, environment

    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command("--workers", 1),
            input=b'{"operation":"noop"}\n',
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=30,
            check=False,
        )
    assert done.returncode == 74, done.stderr


def test_drain_finishes_what_was_admitted_and_refuses_the_rest(host):
    engine = host("--workers", 1)
    engine.send(*({"operation": "film", "seconds": 0.3, "n": n, "id": n} for n in range(3)))
    engine.send({"control": "drain"}, {"operation": "noop", "id": "late"}, {"operation": "noop"})
    assert engine.wait() == 0
    assert {r.get("id"): code(r) for r in engine.results} == {
        0: "ok",
        1: "ok",
        2: "ok",
        "late": "shutting_down",
        None: "shutting_down",
    }


def test_an_output_is_whole_or_absent_wherever_the_engine_is_killed(host, tmp_path):
    """SIGKILL at twelve moments of a job with two large outputs."""
    import hashlib

    for moment in range(12):
        out = tmp_path / f"out {moment}"
        engine = host("--workers", 1, checked=False)
        engine.ask({"operation": "noop", "id": "warm"})
        engine.send({"operation": "writer", "output_dir": str(out), "outputs": 2, "size": 3_000_000, "id": 1})
        time.sleep(moment * 0.008)
        engine.signal(signal.SIGKILL)
        engine.process.wait()
        assert all_dead(descendants(engine.pid)) == []
        for name, data in files_under(out).items():
            if not name.endswith(".tmp"):
                index = int(name.removesuffix(".bin").rpartition("-")[2])
                assert data == hashlib.shake_128(f"0:{index}".encode()).digest(3_000_000)
