"""Lines in: what is one, what is none, and what a bad one costs."""

import json
import time

import pytest
from harness import code

NOOP = b'{"operation":"noop"}'


def run(host, data, *flags):
    engine = host("--workers", 1, *flags)
    engine.send_raw(data)
    return [code(r) for r in engine.finish()]


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (b"", []),
        (b"\n\n  \n\t\n\r\n", []),
        (NOOP, ["ok"]),
        (NOOP + b"\n" + NOOP, ["ok", "ok"]),
        (NOOP + b"\r\n" + NOOP + b"\r\n", ["ok", "ok"]),
        (b"\xef\xbb\xbf" + NOOP + b"\n" + NOOP + b"\n", ["ok", "ok"]),
        (b"\xef\xbb\xbf\n" + NOOP + b"\n", ["ok"]),
        (b"\n\n" + NOOP + b"\n\n\n" + NOOP + b"\n\n", ["ok", "ok"]),
        (b"  " + NOOP + b"  \n", ["ok"]),
        (NOOP + b"\n\xef\xbb\xbf" + NOOP + b"\n", ["ok", "invalid_json"]),
        (NOOP + NOOP + b"\n", ["invalid_json"]),
        (NOOP + b"\r" + NOOP + b"\n", ["invalid_json"]),
        (b"\x00\n" + NOOP, ["invalid_json", "ok"]),
    ],
    ids=range(13),
)
def test_where_lines_end(host, data, codes):
    assert run(host, data) == codes


def test_separators_of_text_do_not_end_a_line(host):
    engine = host("--workers", 1)
    text = "a\u2028b\u2029c\u0085d\x7fe"
    engine.send_raw(json.dumps({"operation": "noop", "answer": text}, ensure_ascii=False).encode() + b"\n")
    engine.send_raw(b'{"operation":"noop","answer":"\\u000b\\f\\u001c\\r\\n"}\n')
    first, second = engine.finish()
    assert first["metadata"]["answer"] == text
    assert second["metadata"]["answer"] == "\x0b\f\x1c\r\n"


def test_lines_may_come_in_any_pieces(host):
    engine = host("--workers", 1)
    data = b"".join(b'{"operation":"noop","n":%d,"answer":"\xc3\xa9\xf0\x9f\x98\x80"}\r\n' % n for n in range(6))
    for start in range(0, len(data), 7):
        engine.send_raw(data[start : start + 7])
        time.sleep(0.002)
    assert [r["metadata"]["n"] for r in engine.finish()] == list(range(6))


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"}",
        b"null",
        b"true",
        b"12",
        b'"text"',
        b"[]",
        b'[{"operation":"noop"}]',
        b'{"operation":"noop",}',
        b"{'operation':'noop'}",
        b'{"operation":"noop","answer":NaN}',
        b'{"operation":"noop","answer":Infinity}',
        b'{"operation":"noop","answer":-Infinity}',
        b'{"operation":"noop","answer":1e999}',
        b'{"operation":"noop","answer":01}',
        b'{"operation":"noop","answer":+1}',
        b'{"operation":"noop","answer":.5}',
        b'{"operation":"noop","answer":0x1F}',
        b'{"operation":"noop","operation":"noop"}',
        b'{"operation":"noop","answer":{"a":1,"a":1}}',
        b'{"operation":"noop","meta":[{"a":1,"b":2,"a":3}]}',
        b'{"operation":"noop","n":1,"\\u006e":2}',
        b'{"operation":"noop","answer":"\\ud800"}',
        b'{"operation":"noop","answer":"\\udc00\\ud800"}',
        b'{"operation":"noop","\\udfff":1}',
        b'{"operation":"noop","answer":"\xff"}',
        b'{"operation":"noop","answer":"\xc0\x80"}',
        b'{"operation":"noop","answer":"\xed\xa0\x80"}',
        b'{"operation":"noop","answer":"\xf4\x90\x80\x80"}',
        b'{"operation":"noop","answer":"\xe2\x80"}',
        b'{"operation":"noop","answer":"a\tb"}',
        b'{"operation":"noop","answer":"\\x41"}',
        b'{"operation":"noop"} // a comment',
        b'{"operation":"noop"}\x00',
        b'{"operation":"noop","answer":' + b"[" * 65 + b"]" * 65 + b"}",
        b'{"operation":"noop","answer":' + b'{"a":' * 65 + b"1" + b"}" * 65 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"operation":"noop","answer":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"operation":"noop","answer":' + b"9" * 10_000 + b"}",
        NOOP.decode().encode("utf-16"),
        NOOP.decode().encode("utf-16-be"),
        NOOP.decode().encode("utf-32-le"),
    ],
    ids=lambda line: ascii(line[:40]),
)
def test_a_line_that_is_no_strict_json_costs_itself_alone(host, line):
    engine = host("--workers", 1)
    engine.send_raw(line + b"\n" + NOOP + b"\n")
    bad, good = engine.finish()
    assert code(bad) == "invalid_json"
    assert bad["operation"] == "unknown"
    assert code(good) == "ok"


def test_depth_up_to_the_bound_is_fine(host):
    deep = b'{"operation":"noop","answer":' + b"[" * 60 + b"]" * 60 + b"}"
    many = b'{"operation":"noop","answer":[' + b",".join([b"[{}]"] * 500) + b'],"meta":"' + b"[{" * 500 + b'"}'
    assert run(host, deep + b"\n" + many + b"\n") == ["ok", "ok"]


@pytest.mark.parametrize(
    ("job", "field", "expected"),
    [
        ({}, "operation", "invalid_job"),
        ({"id": 1}, "operation", "invalid_job"),
        ({"operation": None}, "operation", "invalid_job"),
        ({"operation": 5}, "operation", "invalid_job"),
        ({"operation": ["noop"]}, "operation", "invalid_job"),
        ({"operation": ""}, "operation", "unknown_operation"),
        ({"operation": "Noop "}, "operation", "unknown_operation"),
        ({"operation": "../noop"}, "operation", "unknown_operation"),
        ({"operation": "_vips"}, "operation", "unknown_operation"),
        ({"operation": "noop", "extra": 1}, "extra", "invalid_job"),
        ({"operation": "noop", "n": "1"}, "n", "invalid_job"),
        ({"operation": "noop", "n": None}, "n", "invalid_job"),
        ({"operation": "noop", "n": 1.5}, "n", "invalid_job"),
        ({"operation": "noop", "n": True}, "n", "invalid_job"),
        ({"operation": "noop", "priority": 11}, "priority", "invalid_job"),
        ({"operation": "noop", "priority": -11}, "priority", "invalid_job"),
        ({"operation": "noop", "timeout_ms": 0}, "timeout_ms", "invalid_job"),
        ({"operation": "noop", "timeout_ms": -1}, "timeout_ms", "invalid_job"),
        ({"operation": "noop", "timeout_ms": 10**15}, "timeout_ms", "invalid_job"),
        ({"operation": "noop", "stall_ms": "5"}, "stall_ms", "invalid_job"),
        ({"operation": "noop", "retries": 26}, "retries", "invalid_job"),
        ({"operation": "noop", "retries": -1}, "retries", "invalid_job"),
        ({"operation": "noop", "overwrite": "maybe"}, "overwrite", "invalid_job"),
        ({"operation": "noop", "cache": True}, "cache", "invalid_job"),
        ({"operation": "noop", "dry_run": 1}, "dry_run", "invalid_job"),
        ({"operation": "noop", "progress": "yes"}, "progress", "invalid_job"),
        ({"operation": "noop", "success": True}, "success", "invalid_job"),
        ({"operation": "writer", "input": {}}, "input", "invalid_job"),
        ({"operation": "writer", "input": {"path": "a", "url": "b"}}, "input", "invalid_job"),
        ({"operation": "writer", "input": {"path": ""}}, "input.path", "invalid_job"),
        ({"operation": "writer", "input": {"nope": "x"}}, "input.nope", "invalid_job"),
        ({"operation": "writer", "input": ""}, "input", "invalid_job"),
        ({"operation": "writer", "input": 5}, "input", "invalid_job"),
        ({"operation": "writer", "input": {"data_base64": "?"}}, "input.data_base64", "invalid_job"),
    ],
    ids=lambda value: ascii(value)[:50] if isinstance(value, dict) else "",
)
def test_a_job_that_is_none_is_rejected_with_its_field(host, job, field, expected):
    engine = host("--workers", 1)
    engine.send(job)
    (result,) = engine.finish()
    assert code(result) == expected
    assert result["error_info"]["field"] == field
    assert result.get("id") == job.get("id")


def test_rejections_name_the_nearest(host):
    engine = host("--workers", 1)
    engine.send({"operation": "nop"}, {"operation": "noop", "prioritty": 1}, {"control": "pong"})
    assert [r["error_info"]["suggestion"] for r in engine.finish()] == ["noop", "priority", "ping"]


def test_a_line_that_is_too_long_costs_itself_alone(host):
    engine = host("--workers", 1)
    engine.send_raw(b'{"operation":"noop","answer":"' + b"x" * (17 << 20) + b'"}\n')
    engine.send_raw(b'{"operation":"noop","n":1}\n')
    long, good = engine.finish()
    assert code(long) == "line_too_long"
    assert long["error_info"]["received"] > 17 << 20
    assert good["metadata"]["n"] == 1


def test_a_line_may_be_as_long_as_the_flag_says_and_no_longer(host):
    frame = len(b'{"operation":"noop","answer":""}')

    def line(size):
        return b'{"operation":"noop","answer":"' + b"x" * (size - frame) + b'"}'

    limit = 5000
    flag = ("--max-line-bytes", limit)
    assert run(host, line(limit) + b"\n", *flag) == ["ok"]
    assert run(host, line(limit) + b"\r\n", *flag) == ["ok"]
    assert run(host, b"\xef\xbb\xbf" + line(limit) + b"\r\n", *flag) == ["ok"]
    assert run(host, line(limit), *flag) == ["ok"]
    assert run(host, line(limit + 1) + b"\n" + NOOP, *flag) == ["line_too_long", "ok"]
    assert run(host, line(limit + 1), *flag) == ["line_too_long"]


def test_a_line_without_end_takes_no_memory(host):
    from harness import resident

    engine = host("--workers", 1)
    engine.sync()
    before = resident(engine.pid)
    for _ in range(100):
        engine.send_raw(b"x" * (1 << 20))
    assert resident(engine.pid) - before < 32 << 20
    engine.send_raw(b"\n")
    assert code(engine.take(1)[0]) == "line_too_long"
    assert code(engine.ask({"operation": "noop", "id": 1})) == "ok"


MANY = 400_000
HEAVY = {
    "a repeated key after many": b'{"operation":"noop","answer":{'
    + b",".join(b'"k%d":1' % n for n in range(MANY))
    + b',"k%d":2}}' % (MANY - 1),
    "a long operation": b'{"operation":"' + b"noop" * (2 << 20) + b'"}',
    "a long field": b'{"operation":"noop","' + b"ab" * (4 << 20) + b'":1}',
    "many fields": b'{"operation":"noop",' + b",".join(b'"f%d":1' % n for n in range(MANY)) + b"}",
    "many fields and no operation": b"{" + b",".join(b'"operatio%d":1' % n for n in range(MANY)) + b"}",
    "a long number": b'{"operation":"noop","n":' + b"7" * (8 << 20) + b"}",
    "a long fraction": b'{"operation":"noop","answer":0.' + b"7" * (8 << 20) + b"}",
    "a long id": b'{"operation":"noop","id":"' + b"i" * (8 << 20) + b'"}',
    "a long control": b'{"control":"' + b"cancel" * (1 << 20) + b'"}',
    "a large meta": b'{"operation":"nope","meta":[' + b"1," * (4 << 20) + b"1]}",
    "long base64": b'{"operation":"writer","input":{"data_base64":"' + b"AAA" * (4 << 20) + b'?"}}',
    "only brackets": b"[{" * (4 << 20),
    "only surrogates": b'{"operation":"noop","answer":"' + b"\\ud800" * (1 << 20) + b'"}',
    "a batch of many": b'{"operation":"batch","jobs":[' + b",".join([b"{}"] * 100_001) + b"]}",
}


@pytest.mark.parametrize("name", list(HEAVY))
def test_a_heavy_line_holds_the_engine_up_only_briefly(host, name):
    engine = host("--workers", 1)
    began = time.monotonic()
    engine.send_raw(HEAVY[name] + b"\n")
    (result,) = engine.take(1)
    assert result["success"] == (name == "a long fraction")
    assert time.monotonic() - began < 20
    assert code(engine.ask({"operation": "noop", "id": "next"})) == "ok"
