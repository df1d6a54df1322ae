"""What is said besides results: events, controls, questions; and what results carry along."""

import json
import time

import pytest
from harness import MAX_RESULT_BYTES, code


def test_progress_is_thinned_out_never_falls_and_ends_before_the_result(host):
    engine = host("--workers", 1)
    engine.ask({"operation": "noop", "id": "warm"})
    engine.send({"operation": "film", "seconds": 3, "step_ms": 5, "falling": True, "progress": True, "id": 1})
    result = engine.result(1)
    moments = [moment for moment, line in engine.lines if b'"event":"progress"' in line]
    events = [e for e in engine.events if e["event"] == "progress"]
    percents = [e["percent"] for e in events]
    assert percents == sorted(percents)
    assert all(0 <= percent <= 100 for percent in percents)
    assert 3 <= len(events) <= 4 * result["elapsed_ms"] / 1000 + 1
    for start in range(len(moments) - 5):
        assert moments[start + 5] - moments[start] > 1.0
    assert set(events[-1]["stages"]) == {"read", "write"}
    assert "\u2028" in events[-1]["message"]
    assert engine.messages[-1] == result
    kinds = [e["event"] for e in engine.events]
    assert kinds[0] == "started"
    assert set(kinds) == {"started", "progress"}


def test_without_progress_a_job_says_nothing_but_its_result(host):
    engine = host("--workers", 1)
    engine.ask({"operation": "film", "seconds": 0.6, "id": 1})
    engine.ask({"operation": "writer", "output_dir": "out", "outputs": 3, "id": 2})
    assert engine.events == []


def test_progress_needs_an_id(host):
    engine = host("--workers", 1)
    engine.send({"operation": "film", "progress": True})
    (result,) = engine.take(1)
    assert code(result) == "invalid_job"
    assert result["error_info"]["field"] == "progress"


def test_outputs_are_told_as_they_are_encoded(host, tmp_path):
    engine = host("--workers", 1)
    job = {"operation": "writer", "output_dir": str(tmp_path / "out"), "outputs": 3, "progress": True, "id": "o"}
    result = engine.ask(job)
    told = [e for e in engine.events if e["event"] == "output"]
    assert [(e["path"], e["size_bytes"], e["format"]) for e in told] == [
        (o["path"], o["size_bytes"], o["format"]) for o in result["outputs"]
    ]
    assert {e["id"] for e in told} == {"o"}


def test_hello(host):
    engine = host("--workers", 2)
    engine.send({"control": "hello"})
    hello = engine.event("hello")
    assert hello["protocol"] == 1
    assert {"batch", "noop", "writer"} <= set(hello["operations"])
    assert hello["limits"]["window"] == 8
    assert hello["limits"]["max_line_bytes"] == 16 << 20
    assert isinstance(hello["formats"], dict)
    assert isinstance(hello["engine"], str)
    assert engine.finish() == []


def test_ping_echoes_its_id(host):
    engine = host("--workers", 1)
    engine.send({"control": "ping", "id": "p"}, {"control": "ping", "id": 7}, {"control": "ping"})
    assert [engine.event("pong", nth=n).get("id") for n in range(3)] == ["p", 7, None]


def test_controls_are_obeyed_while_the_window_is_full(host):
    engine = host("--workers", 1)
    engine.send(*({"operation": "hang", "n": n, "id": n} for n in range(4)))
    for kind, event in (("ping", "pong"), ("hello", "hello"), ("stats", "stats")):
        engine.send({"control": kind})
        engine.event(event, patience=10)
    assert engine.results == []


def test_stats_count(host):
    engine = host("--workers", 2)
    engine.send(*({"operation": "noop", "n": n, "id": n} for n in range(5)))
    engine.send({"operation": "writer", "input": "none", "outputs": 0, "id": "fails"})
    engine.take(6)
    engine.send(*({"operation": "hang", "n": n, "id": f"h{n}"} for n in range(5)))
    stats = engine.until(lambda: (s := engine.stats()) and s["running"] == 2 and s)
    assert (stats["succeeded"], stats["failed"], stats["queued"], stats["running"]) == (5, 1, 3, 2)
    assert stats["workers"] == len(engine.workers()) == 2
    assert stats["uptime"] > 0
    assert stats["memory_bytes"] > 1 << 20


@pytest.mark.parametrize(
    ("control", "field"),
    [
        ({"control": "nope"}, "control"),
        ({"control": 5}, "control"),
        ({"control": None}, "control"),
        ({"control": "cancel"}, "id"),
        ({"control": "cancel", "id": 1.5}, "id"),
        ({"control": "cancel", "id": None}, "id"),
        ({"control": "input", "id": 1}, "request_id"),
        ({"control": "ping", "other": 1}, "other"),
        ({"control": "ping", "operation": "noop"}, "operation"),
    ],
)
def test_a_control_that_is_none_is_a_failed_result(host, control, field):
    engine = host("--workers", 1)
    engine.send(control)
    (result,) = engine.take(1)
    assert code(result) == "invalid_job"
    assert result["error_info"]["field"] == field


def test_a_question_is_asked_and_answered(host):
    engine = host("--workers", 1)
    engine.send({"operation": "asker", "times": 2, "progress": True, "id": "q"})
    answers = ["secret \u2028", {"choice": [1, 2]}]
    for nth, answer in enumerate(answers):
        asked = engine.event("input_needed", "q", nth=nth)
        assert (asked["question"], asked["kind"]) == ("The password of the document?", "password")
        engine.send({"control": "input", "id": "q", "request_id": asked["request_id"], "value": answer})
    assert engine.result("q")["metadata"] == {"answers": answers}


@pytest.mark.parametrize("more", [{}, {"value": None}])
def test_a_declined_question(host, more):
    engine = host("--workers", 1)
    engine.send({"operation": "asker", "progress": True, "id": "q"})
    asked = engine.event("input_needed", "q")
    engine.send({"control": "input", "id": "q", "request_id": asked["request_id"], **more})
    assert code(engine.result("q")) == "password_required"


def test_an_answer_to_another_question_changes_nothing(host):
    engine = host("--workers", 1)
    engine.send({"operation": "asker", "progress": True, "id": "q"})
    asked = engine.event("input_needed", "q")
    engine.send({"control": "input", "id": "q", "request_id": "other", "value": "wrong"})
    assert engine.event("log", "q")["level"] == "warning"
    engine.send({"control": "input", "id": "r", "request_id": asked["request_id"], "value": "wrong"})
    engine.event("log", "r")
    engine.send({"control": "input", "id": "q", "request_id": asked["request_id"], "value": "right"})
    assert engine.result("q")["metadata"] == {"answers": ["right"]}
    engine.send({"control": "input", "id": "q", "request_id": asked["request_id"], "value": "late"})
    engine.event("log", "q", nth=1)


def test_a_question_nobody_can_answer_is_declined_at_once(host):
    engine = host("--workers", 1)
    assert code(engine.ask({"operation": "asker", "id": "q"})) == "password_required"
    assert engine.events == []


def test_a_question_can_be_cancelled_and_has_a_limit(host):
    engine = host("--workers", 2)
    engine.send({"operation": "asker", "progress": True, "id": 1})
    engine.event("input_needed", 1)
    engine.send({"operation": "asker", "progress": True, "timeout_ms": 900, "id": 2})
    assert code(engine.result(2)) == "timeout"
    engine.send({"control": "cancel", "id": 1})
    assert code(engine.result(1)) == "cancelled"


METAS = [None, 0, -1.5, "", "x\u2028y\u0000z\U0001f600", [], {}, [1, [2, [None, True]]], {"a": {"b": [1e-9, 1e300]}}]


def test_meta_comes_back_as_it_went(host):
    engine = host("--workers", 2)
    engine.send(*({"operation": "noop", "n": n, "id": n, "meta": meta} for n, meta in enumerate(METAS)))
    engine.send(*({"operation": "nope", "id": 100 + n, "meta": meta} for n, meta in enumerate(METAS)))
    engine.send({"operation": "noop", "n": 50, "id": "none"})
    for n, meta in enumerate(METAS):
        assert engine.result(n)["meta"] == meta
        assert engine.result(100 + n)["meta"] == meta
    assert "meta" not in engine.result("none")


def test_meta_too_large_is_refused(host):
    engine = host("--workers", 1)
    fits = engine.ask({"operation": "noop", "id": 1, "meta": "x" * (16 * 1024 - 2)})
    assert code(fits) == "ok"
    assert len(fits["meta"]) == 16 * 1024 - 2
    refused = engine.ask({"operation": "noop", "id": 2, "meta": "x" * (16 * 1024 - 1)})
    assert code(refused) == "invalid_job"
    assert refused["error_info"]["field"] == "meta"
    assert "meta" not in refused


IDS = [0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, "", "1", "0", "x" * 128, "é\u2028\u0000\U0001f600", "null"]


def test_ids_come_back_exactly_and_types_differ(host):
    engine = host("--workers", 2)
    engine.send(*({"operation": "noop", "n": n, "id": job_id} for n, job_id in enumerate(IDS)))
    for n, job_id in enumerate(IDS):
        result = engine.result(job_id)
        assert result["metadata"]["n"] == n
        assert type(result["id"]) is type(job_id)
    assert len(engine.finish()) == len(IDS)


@pytest.mark.parametrize("job_id", [None, True, 1.5, [], {}, "x" * 129])
def test_an_id_that_is_none_is_refused(host, job_id):
    engine = host("--workers", 1)
    engine.send({"operation": "noop", "id": job_id}, {"operation": "noop", "n": 1})
    first, second = engine.take(2)
    assert code(first) == "invalid_job"
    assert first["error_info"]["field"] == "id"
    assert "id" not in first
    assert code(second) == "ok"


def test_an_integer_beyond_64_bits_is_refused_and_never_rounded(host):
    engine = host("--workers", 1)
    engine.send_raw(b'{"operation":"noop","id":18446744073709551616}\n{"operation":"noop","id":-9223372036854775809}\n')
    assert {code(r) for r in engine.take(2)} <= {"invalid_json", "invalid_job"}
    assert not any("id" in r for r in engine.results)


def test_one_and_the_text_one_may_live_together(host):
    engine = host("--workers", 2)
    engine.send(
        {"operation": "hang", "seconds": 0.5, "id": 1}, {"operation": "hang", "seconds": 0.5, "n": 1, "id": "1"}
    )
    assert code(engine.result(1)) == code(engine.result("1")) == "ok"
    assert len(engine.finish()) == 2


def test_a_live_id_is_refused_and_the_first_job_goes_on(host):
    engine = host("--workers", 1)
    engine.send({"operation": "hang", "seconds": 0.8, "id": "d", "n": 5})
    engine.send({"operation": "noop", "id": "d", "meta": "second"})
    second, first = engine.take(2)
    assert code(second) == "duplicate_id"
    assert (second["id"], second["meta"], second["operation"]) == ("d", "second", "noop")
    assert code(first) == "ok"
    assert first["metadata"] == {"n": 5}
    assert code(engine.ask({"operation": "noop", "id": "d"})) == "ok"


@pytest.mark.parametrize("kind", ["list", "lists", "text", "keys"])
def test_a_result_line_stays_small(host, kind):
    engine = host("--workers", 1)
    result = engine.ask({"operation": "bulky", "kind": kind, "size": 50_000, "id": 1, "meta": "m" * 16_000})
    assert code(result) == "ok"
    assert len(result["meta"]) == 16_000
    assert all(len(line) <= MAX_RESULT_BYTES for _, line in engine.lines)
    if kind == "list":
        assert result["metadata"]["numbers_total"] == 50_000
        assert result["metadata"]["numbers"][:3] == [0, 1, 2]
    if kind == "lists":
        assert result["metadata"]["rows_total"] == 50_000


def test_long_lists_of_outputs_are_cut_with_a_count(host, tmp_path):
    engine = host("--workers", 1)
    folder = tmp_path / ("d" * 200)
    result = engine.ask({"operation": "writer", "output_dir": str(folder), "outputs": 900, "size": 1, "id": 1})
    assert code(result) == "ok"
    assert result["outputs_total"] == 900
    assert 0 < len(result["outputs"]) < 900
    assert len(list(folder.iterdir())) == 900


def test_inline_data_is_exempt_from_the_bound(host):
    import base64
    import hashlib

    engine = host("--workers", 1)
    result = engine.ask({"operation": "writer", "inline": True, "size": 300_000, "id": 1})
    data = base64.b64decode(result["outputs"][0]["data_base64"])
    assert data == hashlib.shake_128(b"0:0").digest(300_000)


@pytest.mark.parametrize("words", ["\u0001" * 5000, "\u2028" * 5000, '"\\' * 5000, "\U0001f600" * 5000])
def test_an_error_stays_small_whatever_was_received(host, words):
    engine = host("--workers", 1)
    jobs = [
        {"operation": words},
        {"operation": "noop", words: words},
        {"operation": "noop", "n": words, "meta": "m" * 16_000},
        {"operation": "writer", "input": words, "output": words},
        {"operation": "crash", "words": words, "retries": 0, "meta": "\u0001" * 2600},
        {"control": words},
    ]
    engine.send(*jobs)
    results = engine.take(6)
    assert not any(r["success"] for r in results)


@pytest.mark.parametrize("kind", ["surrogate", "nan", "null_key", "int_key", "object", "big_int", "deep"])
def test_metadata_that_is_no_json_costs_its_job_at_most(host, kind):
    engine = host("--workers", 1)
    result = engine.ask({"operation": "bulky", "kind": kind, "size": 5000, "id": 1})
    assert code(result) in ("ok", "internal")
    assert code(engine.ask({"operation": "noop", "id": 2})) == "ok"
    assert engine.stats()["workers_died"] == 0


def test_metadata_as_deep_as_encoders_go(host):
    engine = host("--workers", 1)
    engine.send(*({"operation": "bulky", "kind": "deep", "size": n, "id": n} for n in range(880, 1000, 7)))
    assert {code(engine.result(n)) for n in range(880, 1000, 7)} <= {"ok", "internal", "worker_crashed"}
    assert code(engine.ask({"operation": "noop", "id": 2})) == "ok"


def test_every_line_is_flushed(host):
    engine = host("--workers", 1)
    for n in range(20):
        began = time.monotonic()
        engine.send({"control": "ping", "id": n})
        engine.event("pong", nth=n, patience=5)
        assert time.monotonic() - began < 5


def test_results_are_compact_lines_of_utf_8(host):
    engine = host("--workers", 1)
    engine.send({"operation": "noop", "answer": "é\u2028\n\U0001f600"})
    engine.finish()
    (line,) = [line for _, line in engine.lines]
    assert json.loads(line)["metadata"]["answer"] == "é\u2028\n\U0001f600"
    assert "é".encode() in line
