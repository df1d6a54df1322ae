"""stdout carries protocol lines and nothing else, and stdin is read by the engine alone."""

from harness import code


def test_prints_go_to_stderr_and_never_to_stdout(host):
    engine = host("--workers", 2)
    engine.send(*({"operation": "polluter", "n": n} for n in range(6)))
    results = engine.finish()
    assert len(engine.messages) == len(engine.lines) == len(results) == 6
    assert [r["metadata"]["n"] for r in results] == list(range(6))
    for words in (b"on import", b"descriptor 1", b"puts", b"printed", b"original stdout"):
        assert words in engine.errors


def test_a_child_process_cannot_eat_job_lines(host):
    engine = host("--workers", 1)
    engine.send({"operation": "polluter", "child": True, "n": 0})
    engine.send(*({"operation": "noop", "n": n} for n in range(1, 40)))
    results = engine.finish()
    assert [code(r) for r in results] == ["ok"] * 40
    assert results[0]["metadata"]["eaten"] == 0


def test_an_operation_that_fails_on_import_costs_its_jobs_alone(host, tmp_path):
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "lacking.py").write_text("import a_library_that_is_not_there\n")
    (tmp_path / "ops" / "broken.py").write_text("def (:\n")
    engine = host("--workers", 1, folders=[str(tmp_path / "ops")])
    assert code(engine.ask({"operation": "lacking", "id": 1})) == "dependency_missing"
    assert code(engine.ask({"operation": "broken", "id": 2})) == "internal"
    assert code(engine.ask({"operation": "noop", "id": 3})) == "ok"
    assert len(engine.finish()) == 3
