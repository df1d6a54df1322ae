"""A batch: jobs as one job, with one result for all of them."""

import pytest
from harness import MAX_RESULT_BYTES, code


def film(n, seconds=0.6):
    return {"operation": "hang", "seconds": seconds, "n": n}


def lines(path):
    try:
        with open(path) as file:
            return [int(line) for line in file.read().split()]
    except FileNotFoundError:
        return []


def test_a_parallel_batch_answers_in_the_order_of_its_jobs(host):
    engine = host("--workers", 2)
    result = engine.ask({"operation": "batch", "jobs": [film(n, 0.4 if n == 0 else 0) for n in range(6)], "id": "b"})
    assert code(result) == "ok"
    assert result["metadata"]["jobs_total"] == result["metadata"]["jobs_succeeded"] == 6
    assert [part["metadata"]["n"] for part in result["metadata"]["results"]] == list(range(6))
    assert len(engine.finish()) == 1


@pytest.mark.parametrize("how", [{"parallel": False}, {"max_threads": 1}])
def test_a_sequential_batch_runs_one_after_the_other(host, tmp_path, how):
    engine = host("--workers", 3)
    mark = str(tmp_path / "mark")
    jobs = [film(n, 0.2 if n == 0 else 0) | {"mark": mark} for n in range(6)]
    engine.send({"operation": "batch", "jobs": jobs, "id": "b"} | how)
    assert code(engine.result("b")) == "ok"
    assert lines(mark) == list(range(6))
    assert len(engine.workers()) == 1


def test_a_mixed_batch_fails_and_keeps_what_went_well(host, tmp_path):
    engine = host("--workers", 2)
    jobs = [
        {"operation": "writer", "output": str(tmp_path / "a.bin")},
        {"operation": "writer", "input": str(tmp_path / "none"), "output": str(tmp_path / "b.bin")},
        {"operation": "nope", "id": "x", "meta": 5},
        {"operation": "crash", "retries": 0},
        {"operation": "noop", "wrong": 1},
        {"operation": "writer", "output": str(tmp_path / "c.bin"), "id": "c"},
    ]
    result = engine.ask({"operation": "batch", "jobs": jobs, "id": "b", "meta": {"m": 1}})
    assert code(result) == "input_not_found"
    assert "4 of 6" in result["error"]
    parts = result["metadata"]["results"]
    assert [code(part) for part in parts] == [
        "ok",
        "input_not_found",
        "unknown_operation",
        "worker_crashed",
        "invalid_job",
        "ok",
    ]
    assert (parts[2]["id"], parts[2]["meta"], parts[5]["id"]) == ("x", 5, "c")
    assert sorted(path.name for path in tmp_path.glob("*.bin")) == ["a.bin", "c.bin"]
    assert [output["path"] for output in result["outputs"]] == [str(tmp_path / "a.bin"), str(tmp_path / "c.bin")]
    assert result["meta"] == {"m": 1}
    assert len(engine.finish()) == 1


def test_a_cancelled_batch_stops_all_its_jobs(host, tmp_path):
    engine = host("--workers", 2)
    out = tmp_path / "out"
    writers = [
        {"operation": "writer", "output_dir": str(out), "seed": n, "outputs": 50, "between_ms": 50} for n in range(5)
    ]
    engine.send({"operation": "batch", "jobs": writers, "id": "b"})
    engine.until(lambda: engine.stats()["running"] == 2 and out.exists() and len(list(out.iterdir())) > 3)
    engine.send({"control": "cancel", "id": "b"})
    assert code(engine.result("b")) == "cancelled"
    assert not out.exists() or list(out.iterdir()) == []
    stats = engine.stats()
    assert (stats["queued"], stats["running"]) == (0, 0)
    assert code(engine.ask({"operation": "noop", "id": 1})) == "ok"
    assert len(engine.finish()) == 2


def test_a_batch_has_a_limit_of_its_own(host, lateness):
    engine = host("--workers", 2)
    jobs = [film(n, 600) for n in range(10)]
    result = engine.ask({"operation": "batch", "jobs": jobs, "timeout_ms": 700, "id": "b"})
    assert code(result) == "timeout"
    assert 700 <= result["elapsed_ms"] <= 700 + lateness.slack_ms()
    assert engine.stats()["running"] == 0


def test_limits_of_a_batchs_jobs_hold(host):
    engine = host("--workers", 2)
    result = engine.ask({"operation": "batch", "jobs": [film(0, 600) | {"timeout_ms": 300}, film(1, 0)], "id": "b"})
    assert code(result) == "timeout"
    assert [code(part) for part in result["metadata"]["results"]] == ["timeout", "ok"]


def test_a_batch_within_a_batch_is_refused(host):
    engine = host("--workers", 1)
    inner = {"operation": "batch", "jobs": [{"operation": "noop"}]}
    result = engine.ask({"operation": "batch", "jobs": [{"operation": "noop"}, inner], "id": "b"})
    assert code(result) == "invalid_job"
    assert [code(part) for part in result["metadata"]["results"]] == ["ok", "invalid_job"]


@pytest.mark.parametrize("jobs", [[], None, [1], "x", {}])
def test_what_is_no_batch_is_refused(host, jobs):
    assert code(host("--workers", 1).ask({"operation": "batch", "jobs": jobs, "id": "b"})) == "invalid_job"


def test_five_thousand_jobs_fit_one_result_line(host):
    engine = host("--workers", 2)
    jobs = [{"operation": "noop", "n": n, "id": f"job {n}"} for n in range(5000)]
    result = engine.ask({"operation": "batch", "jobs": jobs, "id": "b", "progress": True})
    assert code(result) == "ok"
    metadata = result["metadata"]
    assert metadata["jobs_total"] == metadata["jobs_succeeded"] == metadata["results_total"] == 5000
    assert 0 < len(metadata["results"]) < 5000
    assert [part["metadata"]["n"] for part in metadata["results"]] == list(range(len(metadata["results"])))
    line = next(line for _, line in engine.lines if b'"success"' in line)
    assert len(line) < MAX_RESULT_BYTES


def test_five_thousand_failures_fit_one_result_line(host):
    engine = host("--workers", 2)
    result = engine.ask({"operation": "batch", "jobs": [{"operation": f"nope {n}"} for n in range(5000)], "id": "b"})
    assert code(result) == "unknown_operation"
    assert result["metadata"]["jobs_succeeded"] == 0
    assert result["metadata"]["results_total"] == 5000


def test_a_batch_tells_its_progress_at_most_four_times_a_second(host):
    engine = host("--workers", 2)
    jobs = [{"operation": "noop", "n": n} for n in range(1500)]
    engine.ask({"operation": "batch", "jobs": jobs, "id": "b", "progress": True})
    told = [(moment, line) for moment, line in engine.lines if b'"progress"' in line]
    percents = [e["percent"] for e in engine.events if e["event"] == "progress"]
    assert percents == sorted(percents)
    assert all(0 <= percent <= 100 for percent in percents)
    span = engine.lines[-1][0] - engine.lines[0][0]
    assert len(told) <= 4 * span + 2


def test_a_batchs_priority_is_its_jobs(host, tmp_path):
    engine = host("--workers", 1)
    mark = str(tmp_path / "mark")
    engine.send(film(100, 1) | {"mark": mark})
    engine.until(lambda: lines(mark))
    engine.send({"operation": "hang", "seconds": 0, "n": 1, "mark": mark})
    urgent = {"operation": "hang", "seconds": 0, "n": 2, "mark": mark}
    engine.send({"operation": "batch", "priority": 5, "jobs": [urgent]})
    engine.finish()
    assert lines(mark) == [100, 2, 1]


def test_a_dry_run_of_a_batch_writes_nothing(host, tmp_path):
    engine = host("--workers", 1)
    jobs = [{"operation": "writer", "output": str(tmp_path / "new" / "a.bin")}]
    result = engine.ask({"operation": "batch", "jobs": jobs, "dry_run": True, "id": "b"})
    assert code(result) == "ok"
    assert result["metadata"]["results"][0]["metadata"]["dry_run"] is True
    assert list(tmp_path.iterdir()) == []


def test_a_batch_at_the_end_of_input_is_finished(host):
    engine = host("--workers", 2)
    engine.send({"operation": "batch", "jobs": [film(n, 0.2) for n in range(8)]})
    assert [code(r) for r in engine.finish()] == ["ok"]


def test_a_batch_at_a_signal_is_answered_once(host):
    import signal

    engine = host("--workers", 1, "--grace", 0.5)
    engine.send({"operation": "batch", "jobs": [film(n, 600) for n in range(8)], "id": "b"})
    engine.until(lambda: engine.stats()["running"] == 1)
    engine.signal(signal.SIGTERM)
    assert engine.wait() == 143
    assert [r["id"] for r in engine.results] == ["b"]
    assert not engine.results[0]["success"]
