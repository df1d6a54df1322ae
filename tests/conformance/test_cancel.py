"""Cancelling: before, during and after the run, and while the window is full."""

import os

from harness import all_dead, children, code, descendants


def hang(job_id, **more):
    return {"operation": "hang", "id": job_id, "n": hash(job_id) % 10_000, **more}


def test_cancel_of_a_queued_job(host):
    engine = host("--workers", 1)
    engine.send(hang("runs", seconds=2), hang("waits"))
    engine.sync()
    engine.send({"control": "cancel", "id": "waits"})
    assert code(engine.result("waits")) == "cancelled"
    assert engine.result("waits")["elapsed_ms"] == 0
    assert code(engine.result("runs")) == "ok"
    assert len(engine.finish()) == 2


def test_cancel_of_a_running_job_kills_its_worker_and_leaves_no_file(host, tmp_path):
    engine = host("--workers", 1)
    out = tmp_path / "new" / "folder"
    engine.send(
        {"operation": "writer", "id": 1, "output_dir": str(out), "outputs": 50, "between_ms": 100, "progress": True}
    )
    engine.event("output", 1, nth=2)
    assert [name for name in os.listdir(out) if name.endswith(".tmp")]
    engine.send({"control": "cancel", "id": 1})
    result = engine.result(1)
    assert code(result) == "cancelled"
    assert result["outputs"] == []
    assert not out.exists() or os.listdir(out) == []
    assert code(engine.ask({"operation": "noop", "id": 2})) == "ok"
    assert len(engine.finish()) == 2


def test_cancel_after_the_end_and_of_an_unknown_id_only_logs(host):
    engine = host("--workers", 1)
    engine.ask({"operation": "noop", "id": 1})
    engine.send({"control": "cancel", "id": 1}, {"control": "cancel", "id": "never"}, {"control": "cancel", "id": "1"})
    logs = [engine.event("log", nth=n) for n in range(3)]
    assert [log["id"] for log in logs] == [1, "never", "1"]
    assert len(engine.finish()) == 1


def test_cancel_twice_gives_one_result(host):
    engine = host("--workers", 1)
    engine.send(hang(1, progress=True))
    engine.event("started", 1)
    engine.send({"control": "cancel", "id": 1}, {"control": "cancel", "id": 1})
    assert code(engine.result(1)) == "cancelled"
    engine.event("log", 1)
    assert len(engine.finish()) == 1


def test_cancel_right_behind_its_job(host):
    engine = host("--workers", 1)
    for n in range(20):
        engine.send_raw(b'{"operation":"hang","id":%d,"n":%d}\n{"control":"cancel","id":%d}\n' % (n, n, n))
    assert [code(engine.result(n)) for n in range(20)] == ["cancelled"] * 20
    assert len(engine.finish()) == 20


def test_cancel_when_the_window_is_just_full(host):
    """Exactly as many jobs as are admitted, and nothing else on the line."""
    engine = host("--workers", 1)
    engine.send(*(hang(n) for n in range(4)))
    engine.sync()
    engine.send({"control": "cancel", "id": 0})
    assert code(engine.result(0)) == "cancelled"
    for n in (3, 2, 1):
        engine.send({"control": "cancel", "id": n})
        assert code(engine.result(n)) == "cancelled"
    assert len(engine.finish()) == 4


def test_cancel_when_the_window_is_full_and_lines_wait(host):
    engine = host("--workers", 1)
    engine.send(*(hang(n) for n in range(10)))
    engine.sync()
    for n in range(10):
        engine.send({"control": "cancel", "id": n})
        assert code(engine.result(n)) == "cancelled"
    assert len(engine.finish()) == 10


def test_jobs_and_their_cancels_in_one_write(host):
    """The cancels are read before the last of the jobs is admitted, and still reach it."""
    engine = host("--workers", 1)
    jobs = b"".join(b'{"operation":"hang","id":%d,"n":%d}\n' % (n, n) for n in range(12))
    cancels = b"".join(b'{"control":"cancel","id":%d}\n' % n for n in range(12))
    engine.send_raw(jobs + cancels)
    assert [code(engine.result(n)) for n in range(12)] == ["cancelled"] * 12
    assert len(engine.finish()) == 12


def test_cancel_of_a_line_that_waits_beyond_the_window(host):
    engine = host("--workers", 1)
    engine.send(*(hang(n) for n in range(6)))
    engine.sync()
    engine.send({"control": "cancel", "id": 5})
    engine.sync()
    for n in range(5):
        engine.send({"control": "cancel", "id": n})
        assert code(engine.result(n)) == "cancelled"
    assert code(engine.result(5)) == "cancelled"
    assert len(engine.finish()) == 6


def test_a_cancel_does_not_reach_a_later_job_of_the_same_id(host):
    engine = host("--workers", 1)
    engine.send(*(hang(n, seconds=0.3) for n in range(4)))
    engine.send({"control": "cancel", "id": "later"}, {"operation": "noop", "id": "later"})
    assert code(engine.result("later")) == "ok"
    assert len(engine.finish()) == 5


def test_cancel_kills_what_the_job_had_started(host):
    engine = host("--workers", 1)
    engine.send({"operation": "polluter", "id": 0})
    engine.result(0)
    engine.send({"operation": "stray", "id": 1, "seconds": 600})
    assert code(engine.result(1)) == "ok"
    engine.send(hang(2, progress=True))
    engine.event("started", 2)
    family = descendants(engine.pid)
    assert len(family) == 2
    engine.send({"control": "cancel", "id": 2})
    assert code(engine.result(2)) == "cancelled"
    assert all_dead(family) == []
    assert children(engine.pid) == []


def test_cancel_of_a_merged_job_leaves_the_others(host):
    engine = host("--workers", 1)
    same = {"operation": "hang", "seconds": 1, "n": 7}
    engine.send(same | {"id": "a"}, same | {"id": "b"}, same | {"id": "c"})
    engine.sync()
    engine.send({"control": "cancel", "id": "a"}, {"control": "cancel", "id": "b"})
    assert [code(engine.result(name)) for name in "abc"] == ["cancelled", "cancelled", "ok"]
    assert len(engine.finish()) == 3


def test_cancel_of_a_merged_job_whose_work_was_asked_for_again_more_urgently(host):
    engine = host("--workers", 1)
    engine.send(hang("first", seconds=0.5))
    same = {"operation": "hang", "seconds": 0.2, "n": 7}
    engine.send(same | {"id": "a"}, same | {"id": "b"})
    engine.sync()
    engine.send(same | {"id": "urgent", "priority": 5})
    engine.send({"control": "cancel", "id": "b"})
    engine.sync()
    engine.send(hang("last", seconds=0.5))
    results = engine.finish()
    assert {r["id"]: code(r) for r in results} == {
        "first": "ok",
        "a": "ok",
        "b": "cancelled",
        "urgent": "ok",
        "last": "ok",
    }
