"""Memory: what one worker may take, what all may take together, and what the engine itself takes."""

import itertools

import pytest
from harness import code, descriptors, resident


@pytest.mark.parametrize("piece", [16 << 20, 200_000, 300])
def test_a_job_that_uses_up_the_memory_fails_alone(host, piece):
    engine = host("--workers", 1, "--worker-memory", "400M")
    result = engine.ask({"operation": "oom", "piece": piece, "id": 1}, patience=60)
    assert code(result) == "out_of_memory"
    assert result["error_info"]["retryable"] is False
    assert code(engine.ask({"operation": "noop", "id": 2})) == "ok"
    assert code(engine.ask({"operation": "oom", "piece": 1 << 20, "limit": 30 << 20, "id": 3})) == "ok"


def reserve(job_id, *amounts, **more):
    return {"operation": "reserver", "bytes": [amount << 20 for amount in amounts], "id": job_id, "n": job_id, **more}


def test_jobs_that_need_too_much_together_run_after_another(host):
    engine = host("--workers", 3, "--memory", "1G")
    engine.send(*(reserve(n, 600, seconds=0.4) for n in range(3)))
    spans = sorted((r["metadata"]["began"], r["metadata"]["ended"]) for r in (engine.result(n) for n in range(3)))
    assert all(before[1] <= after[0] + 0.05 for before, after in itertools.pairwise(spans))


def test_jobs_that_fit_together_run_together(host):
    engine = host("--workers", 2, "--memory", "1G")
    engine.send(*({"operation": "hang", "seconds": 0.3, "n": n, "id": f"warm {n}"} for n in range(2)))
    engine.take(2)
    engine.send(*(reserve(n, 400, seconds=1.5) for n in range(2)))
    (began, ended), (other_began, other_ended) = [
        (r["metadata"]["began"], r["metadata"]["ended"]) for r in (engine.result(n) for n in range(2))
    ]
    assert max(began, other_began) < min(ended, other_ended)


def test_a_job_above_all_there_is_fails_at_once(host):
    engine = host("--workers", 2, "--memory", "1G")
    result = engine.ask(reserve(1, 2000))
    assert code(result) == "out_of_memory"
    assert code(engine.ask(reserve(2, 900, seconds=0))) == "ok"


def test_a_job_that_asks_again_for_more_than_there_can_be_fails(host):
    engine = host("--workers", 1, "--memory", "1G")
    assert code(engine.ask(reserve(1, 600, 1200), patience=10)) == "out_of_memory"
    assert code(engine.ask(reserve(2, 400, 800, 600, seconds=0), patience=10)) == "ok"


def test_two_jobs_that_each_want_more_do_not_block_each_other_for_ever(host):
    engine = host("--workers", 2, "--memory", "1G")
    engine.send(*({"operation": "hang", "seconds": 0.3, "n": n, "id": f"warm {n}"} for n in range(2)))
    engine.take(2)
    engine.send(reserve(1, 500, 900, seconds=0.1), reserve(2, 500, 900, seconds=0.1))
    assert {code(engine.result(1, patience=10)), code(engine.result(2, patience=10))} <= {"ok", "out_of_memory"}


def test_a_killed_job_gives_its_memory_back(host):
    engine = host("--workers", 2, "--memory", "1G")
    engine.send(reserve(1, 800, seconds=600, progress=True))
    engine.event("started", 1)
    engine.send(reserve(2, 800, seconds=0))
    engine.sync()
    engine.send({"control": "cancel", "id": 1})
    assert code(engine.result(1)) == "cancelled"
    assert code(engine.result(2)) == "ok"


def test_waiting_for_memory_can_be_cancelled_and_holds_up_nobody(host):
    engine = host("--workers", 2, "--memory", "1G")
    engine.send(reserve(1, 800, seconds=2, progress=True))
    engine.event("started", 1)
    engine.send(reserve(2, 800, progress=True))
    engine.event("started", 2)
    engine.send({"control": "cancel", "id": 2})
    assert code(engine.result(2)) == "cancelled"
    assert code(engine.ask(reserve(3, 100, seconds=0))) == "ok"
    assert code(engine.result(1)) == "ok"


def test_the_engine_itself_does_not_grow(host):
    engine = host("--workers", 2)
    engine.send(*({"operation": "noop", "n": n, "id": n} for n in range(500)))
    engine.take(500)
    memory, opened = resident(engine.pid), descriptors(engine.pid)
    for start in range(500, 3500, 500):
        engine.send(
            *(
                {"operation": "noop", "n": n, "meta": {"n": n}} | ({"id": n} if n % 2 else {})
                for n in range(start, start + 500)
            )
        )
        engine.take(start + 500)
    assert resident(engine.pid) - memory < 10 << 20
    assert descriptors(engine.pid) == opened
    assert resident(engine.pid) < 60 << 20
    stats = engine.stats()
    assert stats["succeeded"] == 3500
    assert (stats["queued"], stats["running"], stats["failed"]) == (0, 0, 0)


def test_crashes_and_cancels_leak_no_descriptor(host):
    engine = host("--workers", 2)
    engine.send(*({"operation": "noop", "n": n, "id": f"warm {n}"} for n in range(10)))
    engine.take(10)
    opened = descriptors(engine.pid)
    for n in range(8):
        engine.send({"operation": "crash", "n": n, "retries": 0, "id": n})
        engine.send({"operation": "hang", "n": n, "id": 100 + n, "timeout_ms": 50})
    engine.take(26)
    engine.sync()
    assert descriptors(engine.pid) <= opened
    assert len(engine.workers()) <= 3


def test_workers_are_recycled(host):
    engine = host("--workers", 1, "--recycle-jobs", 5)
    engine.send(*({"operation": "noop", "n": n, "id": n} for n in range(23)))
    assert [code(engine.result(n)) for n in range(23)] == ["ok"] * 23
    stats = engine.stats()
    assert stats["workers_started"] == 5
    assert stats["workers_died"] == 0
    assert len(engine.workers()) == 1
