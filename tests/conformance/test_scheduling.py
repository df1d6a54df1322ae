"""Which job goes first, which wait for nobody, and which run only once."""

import os

from harness import code


def runs(path):
    try:
        with open(path) as file:
            return [int(line) for line in file.read().split()]
    except FileNotFoundError:
        return []


def test_a_short_job_does_not_wait_behind_a_film(host):
    engine = host("--workers", 1)
    engine.send(*({"operation": "film", "seconds": 3, "n": n, "id": f"film {n}"} for n in range(2)))
    for n in range(5):
        assert code(engine.ask({"operation": "noop", "n": n, "id": n})) == "ok"
    assert not [r for r in engine.results if isinstance(r["id"], str)]
    assert code(engine.result("film 1")) == "ok"
    assert len(engine.workers()) <= 2


def test_films_run_no_more_at_once_than_there_are_workers(host, tmp_path):
    engine = host("--workers", 2)
    mark = str(tmp_path / "mark")
    engine.send(*({"operation": "film", "seconds": 2, "mark": mark, "n": n, "id": n} for n in range(4)))
    engine.until(lambda: len(runs(mark)) >= 2)
    assert engine.stats()["running"] == 2
    assert len(runs(mark)) == 2
    assert len(engine.finish()) == 4


def test_higher_priority_goes_first_and_equals_by_age(host, tmp_path):
    engine = host("--workers", 1)
    mark = str(tmp_path / "mark")
    engine.send({"operation": "hang", "seconds": 1, "mark": mark, "n": 100})
    engine.until(lambda: runs(mark))
    hang = {"operation": "hang", "seconds": 0, "mark": mark}
    engine.send(hang | {"n": 1, "priority": -10}, hang | {"n": 2}, hang | {"n": 3, "priority": 10})
    engine.finish()
    assert runs(mark) == [100, 3, 2, 1]


def test_equals_run_in_their_order(host, tmp_path):
    engine = host("--workers", 1)
    mark = str(tmp_path / "mark")
    engine.send(*({"operation": "hang", "seconds": 0, "mark": mark, "n": n, "id": n} for n in range(40)))
    engine.finish()
    assert runs(mark) == list(range(40))


def test_identical_jobs_run_once(host, tmp_path):
    engine = host("--workers", 2)
    (tmp_path / "in").write_bytes(b"the input")
    mark = str(tmp_path / "mark")
    job = {
        "operation": "writer",
        "input": str(tmp_path / "in"),
        "output": str(tmp_path / "out.bin"),
        "mark": mark,
        "before_ms": 800,
    }
    engine.send(*(job | {"id": n, "meta": n} for n in range(5)), job)
    results = [engine.result(n) for n in range(5)]
    assert all(r["success"] and r["meta"] == r["id"] for r in results)
    assert len({str(r["outputs"]) for r in results}) == 1
    stats = engine.stats()
    assert stats["merged"] == 5
    assert runs(mark) == [0]
    assert len(engine.finish()) == 6


def test_a_changed_input_is_another_job(host, tmp_path):
    engine = host("--workers", 2)
    source = tmp_path / "in"
    source.write_bytes(b"the input")
    mark = str(tmp_path / "mark")
    job = {"operation": "writer", "input": str(source), "outputs": 0, "mark": mark, "before_ms": 1000}
    engine.send(job | {"id": 1})
    engine.until(lambda: runs(mark))
    source.write_bytes(b"the input, longer")
    engine.send(job | {"id": 2})
    assert engine.result(1)["metadata"]["read"]["bytes"] == 9
    assert engine.result(2)["metadata"]["read"]["bytes"] == 17
    assert engine.stats()["merged"] == 0


def test_a_job_after_the_first_has_ended_runs_again(host, tmp_path):
    engine = host("--workers", 1)
    mark = str(tmp_path / "mark")
    for n in range(3):
        engine.ask({"operation": "hang", "seconds": 0, "mark": mark, "id": n})
    assert runs(mark) == [0, 0, 0]
    assert engine.stats()["merged"] == 0


def test_an_identical_job_that_may_not_replace_is_refused(host, tmp_path):
    engine = host("--workers", 2)
    job = {"operation": "writer", "output": str(tmp_path / "out.bin"), "overwrite": "error", "before_ms": 300}
    engine.send(job | {"id": 1}, job | {"id": 2})
    assert sorted(code(engine.result(n)) for n in (1, 2)) == ["ok", "output_exists"]
    assert os.listdir(tmp_path) == ["out.bin"]


def test_identical_jobs_share_a_failure_but_not_a_timeout(host, tmp_path):
    engine = host("--workers", 2)
    job = {"operation": "writer", "input": str(tmp_path / "none"), "outputs": 0}
    engine.send(*(job | {"id": n} for n in range(3)))
    assert [code(engine.result(n)) for n in range(3)] == ["input_not_found"] * 3


def test_two_different_jobs_to_one_output_leave_one_whole_file(host, tmp_path):
    import hashlib

    engine = host("--workers", 2)
    out = str(tmp_path / "out.bin")
    engine.send(*({"operation": "writer", "output": out, "size": 300_000, "seed": n, "id": n} for n in range(20)))
    assert [code(engine.result(n)) for n in range(20)] == ["ok"] * 20
    with open(out, "rb") as file:
        data = file.read()
    assert data in [hashlib.shake_128(f"{n}:0".encode()).digest(300_000) for n in range(20)]
    assert os.listdir(tmp_path) == ["out.bin"]
