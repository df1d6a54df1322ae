"""Fuzzing: whatever the bytes are, one result per line, and the next valid job runs."""

import json
import random

from harness import FAULTS, Host, code, resident
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediamill.engine.registry import Registry
from mediamill.protocol.controls import Control
from mediamill.protocol.decode import decode_line
from mediamill.protocol.framing import LineSplitter, TooLong
from mediamill.protocol.job import Job
from mediamill.protocol.results import Result, encode

LINES = 10_000
SEEDS = [
    b'{"operation":"noop"}',
    b'{"operation":"noop","id":"a1","n":5,"meta":{"k":[1,2.5,null,true]},"priority":-3,"timeout_ms":5000}',
    b'{"operation":"noop","id":17,"answer":"\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\\n\\u00e9","retries":2,"cache":"off"}',
    b'{"operation":"batch","jobs":[{"operation":"noop"},{"operation":"noop","n":2}],"parallel":true,"id":"b"}',
    b'{"operation":"writer","input":{"path":"none"},"outputs":0,"overwrite":"skip"}',
    b'{"operation":"writer","input":{"data_base64":"aGVsbG8="},"outputs":0,"id":3}',
    b'{"operation":"unpicklable","mode":"str","stall_ms":60000}',
    b'{"operation":"asker","needed":false,"question":"why?","dry_run":true}',
]
PIECES = [
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"NaN", b"1e999",
    b"-", b"\r", b"\n", b"\r\n", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"null", b"true", b"18446744073709551616", b"e",
    b"0", b'"id":', b'"meta":', b'"operation":', b'"n":1,', b" ", b"\t", b"\x0b", b"[" * 70, b"\\u0000", b"\x7f", b"/*",
]  # fmt: skip


def mutate(line: bytes, chance: random.Random) -> bytes:
    data = bytearray(line)
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(7)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at:at] = chance.choice(PIECES)
        elif kind == 2:
            del data[at : at + chance.randrange(1, 12)]
        elif kind == 3:
            data[at:at] = data[at : at + chance.randrange(1, 40)]
        elif kind == 4:
            del data[at:]
        elif kind == 5:
            other = chance.choice(SEEDS)
            data[at:] = other[chance.randrange(len(other)) :]
        else:
            data[at:at] = chance.randbytes(chance.randrange(1, 6))
    return bytes(data)


def is_blank(line: bytes) -> bool:
    return not line.strip(b" \t\r\n\x0b\x0c")


def test_ten_thousand_mutated_lines(host):
    chance = random.Random(20_260_814)
    engine = host("--workers", 2)
    engine.sync()
    before = resident(engine.pid)
    peak = sent = 0
    for _ in range(20):
        data = b"".join(mutate(chance.choice(SEEDS), chance) + b"\n" for _ in range(LINES // 20))
        # A control has no result; none of the mutations makes one.
        assert b'"control"' not in data
        sent += sum(not is_blank(line) for line in data.split(b"\n"))
        engine.send_raw(data)
        engine.take(sent)
        peak = max(peak, resident(engine.pid))
    engine.sync()
    assert len(engine.results) == sent >= LINES
    assert {"ok", "invalid_json", "invalid_job", "unknown_operation"} <= {code(r) for r in engine.results}
    assert peak - before < 32 << 20
    assert code(engine.ask({"operation": "noop", "id": "next"})) == "ok"
    assert len(engine.finish()) == sent + 1


def test_random_bytes(host):
    chance = random.Random(7)
    engine = host("--workers", 1, "--max-line-bytes", 2000)
    data = b"\n".join(chance.randbytes(chance.choice((0, 1, 3, 50, 4000))) for _ in range(2000)) + b"\n"
    expected = sum(not is_blank(line) for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"))
    engine.send_raw(data)
    engine.take(expected)
    assert code(engine.ask({"operation": "noop", "id": "next"})) == "ok"
    results = engine.finish()
    assert len(results) == expected + 1
    assert {code(r) for r in results[:-1]} <= {"invalid_json", "line_too_long"}


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def test_any_json_value_comes_back_as_it_went(tmp_path):
    """Through the line, the worker's socket and the result, as metadata and as meta."""
    with Host("--workers", 1, cwd=tmp_path) as engine:
        count = 0

        @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(VALUES)
        def check(value):
            nonlocal count
            count += 1
            result = engine.ask({"operation": "noop", "answer": value, "meta": value, "id": count})
            assert code(result) == "ok"
            assert result["meta"] == value
            assert result["metadata"]["answer"] == value
            assert json.dumps(result["meta"]) == json.dumps(value)

        check()


REGISTRY = Registry([FAULTS])
ENVELOPE = ["operation", "id", "meta", "priority", "timeout_ms", "retries", "overwrite", "progress"]
FIELDS = st.sampled_from([*ENVELOPE, "n", "input", "jobs", "control", "request_id", "value", "path"])
OBJECTS = st.dictionaries(
    FIELDS | TEXT,
    VALUES | st.sampled_from(["noop", "batch", "writer", "resize", "cancel", "video", "audio", "ping"]),
    max_size=6,
)


@settings(max_examples=800, deadline=None, database=None)
@given(OBJECTS)
def test_any_object_is_a_job_a_control_or_a_rejection(raw):
    line = json.dumps(raw).encode()
    message = decode_line(line, REGISTRY)
    assert isinstance(message, (Job, Control, Result))
    if isinstance(message, Result):
        assert not message.success
        assert len(encode(message)) <= 48 * 1024


@settings(max_examples=800, deadline=None, database=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_a_rejection_at_worst(line):
    message = decode_line(line, REGISTRY)
    assert isinstance(message, (Job, Control, Result))


@settings(max_examples=500, deadline=None, database=None)
@given(st.lists(st.binary(max_size=30), max_size=12), st.integers(1, 9))
def test_lines_do_not_depend_on_how_bytes_are_cut(lines, size):
    data = b"\n".join(lines)
    whole, pieces = LineSplitter(20), LineSplitter(20)
    one = [*whole.feed(data), *whole.close()]
    other = [line for at in range(0, len(data), size) for line in pieces.feed(data[at : at + size])] + pieces.close()
    assert [_plain(line) for line in one] == [_plain(line) for line in other]


def _plain(line):
    return line.size if isinstance(line, TooLong) else line
