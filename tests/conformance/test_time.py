"""Limits of time: each kind of hang is stopped within half a second of its limit, and nothing else stalls."""

import threading
import time

import pytest
from harness import code

MODES = ["sleep", "gil_held", "gil_regex", "gil_free", "ignore_sigterm"]


@pytest.mark.parametrize("mode", MODES)
def test_a_hanging_job_is_stopped_at_its_limit_and_others_go_on(host, lateness, mode):
    engine = host("--workers", 2)
    engine.send(*({"operation": "hang", "seconds": 0.2, "n": n, "id": f"warm {n}"} for n in range(2)))
    engine.take(2)
    gaps = _GapWatch(engine)
    engine.send({"operation": "hang", "mode": mode, "timeout_ms": 1000, "id": "stuck", "progress": True})
    engine.event("started", "stuck")
    began = time.monotonic()
    gaps.start()
    result = engine.result("stuck")
    passed = time.monotonic() - began
    gaps.stop()
    slack = lateness.slack_ms()
    assert code(result) == "timeout"
    assert 1000 <= result["elapsed_ms"] <= 1000 + slack
    assert passed <= (1000 + slack) / 1000
    assert gaps.worst <= 2 * slack / 1000, "Other jobs stalled."
    assert code(engine.ask({"operation": "noop", "id": "next"})) == "ok"


class _GapWatch(threading.Thread):
    """Sends one small job after the other and notes the longest wait for a result."""

    def __init__(self, engine):
        super().__init__(daemon=True)
        self.engine, self.worst, self.ends = engine, 0.0, False

    def run(self):
        count = 0
        while not self.ends:
            count += 1
            began = time.monotonic()
            self.engine.ask({"operation": "noop", "id": f"gap {count}", "n": count})
            self.worst = max(self.worst, time.monotonic() - began)

    def stop(self):
        self.ends = True
        self.join(30)


def test_many_limits_at_once(host, lateness):
    engine = host("--workers", 2)
    engine.send(
        *({"operation": "hang", "mode": MODES[n % 5], "n": n, "timeout_ms": 300, "id": n} for n in range(10)),
    )
    results = [engine.result(n) for n in range(10)]
    assert [code(r) for r in results] == ["timeout"] * 10
    slack = lateness.slack_ms()
    assert all(300 <= r["elapsed_ms"] <= 300 + slack for r in results), (slack, [r["elapsed_ms"] for r in results])
    assert len(engine.finish()) == 10


def test_the_engines_own_limit_holds_where_the_job_sets_none(host, lateness):
    engine = host("--workers", 2, "--timeout-ms", 400, "--long-timeout-ms", 600)
    engine.send({"operation": "hang", "id": "short"}, {"operation": "film", "seconds": 60, "id": "long"})
    short, long = engine.result("short"), engine.result("long")
    assert (code(short), code(long)) == ("timeout", "timeout")
    slack = lateness.slack_ms()
    assert 400 <= short["elapsed_ms"] <= 400 + slack
    assert 600 <= long["elapsed_ms"] <= 600 + slack


def test_a_limit_counts_the_run_and_not_the_wait(host):
    engine = host("--workers", 1)
    engine.send({"operation": "hang", "seconds": 1.5, "id": 0, "n": 0})
    engine.send({"operation": "hang", "seconds": 0.1, "timeout_ms": 1000, "id": 1, "n": 1})
    assert code(engine.result(1)) == "ok"


def test_a_limit_spans_retries(host, lateness):
    engine = host("--workers", 1)
    result = engine.ask({"operation": "crash", "retries": 25, "timeout_ms": 900, "words": "x", "id": 1})
    assert code(result) in ("timeout", "worker_crashed")
    assert result["elapsed_ms"] <= 900 + lateness.slack_ms()


def test_a_stalled_job_is_stopped_and_one_that_moves_is_not(host, lateness):
    engine = host("--workers", 2)
    engine.send(*({"operation": "hang", "seconds": 0.2, "n": n, "id": f"warm {n}"} for n in range(2)))
    engine.take(2)
    engine.send({"operation": "hang", "stall_ms": 500, "id": "stalled"})
    engine.send({"operation": "film", "seconds": 2.5, "stall_ms": 900, "id": "moves"})
    stalled = engine.result("stalled")
    assert code(stalled) == "timeout"
    assert "stall" in stalled["error"]
    assert 500 <= stalled["elapsed_ms"] <= 500 + lateness.slack_ms()
    assert code(engine.result("moves")) == "ok"


def test_waiting_for_the_host_is_no_stall(host):
    engine = host("--workers", 1)
    engine.ask({"operation": "noop", "id": "warm"})
    engine.send({"operation": "asker", "stall_ms": 800, "progress": True, "id": 1})
    asked = engine.event("input_needed", 1)
    time.sleep(1.2)
    engine.send({"control": "input", "id": 1, "request_id": asked["request_id"], "value": "open"})
    assert code(engine.result(1)) == "ok"


def test_a_stopped_multi_output_job_leaves_nothing(host, tmp_path):
    engine = host("--workers", 1)
    out = tmp_path / "out"
    job = {"operation": "writer", "output_dir": str(out), "outputs": 100, "between_ms": 50, "timeout_ms": 600, "id": 1}
    assert code(engine.ask(job)) == "timeout"
    assert not out.exists() or list(out.iterdir()) == []
