import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Meta

from mediamill.protocol.controls import Control
from mediamill.protocol.decode import MAX_META_BYTES, decode_line, parse
from mediamill.protocol.errors import InvalidJson
from mediamill.protocol.job import Job, Source
from mediamill.protocol.results import Result, encode


class Resize(Job, frozen=True, kw_only=True, tag="resize"):
    input: Source
    widths: list[Annotated[int, Meta(ge=1, le=100)]] = []
    fit: Literal["inside", "cover"] = "inside"
    note: Any = None


class Transcode(Job, frozen=True, kw_only=True, tag="video_transcode"):
    input: Source
    crf: int = 23


class Vocabulary:
    """Two operations, one of them of a family."""

    kinds = {"resize": Resize, "video_transcode": Transcode}
    names = tuple(kinds)

    def params(self, name: str) -> type[Job]:
        return self.kinds[name]


def decode(line: bytes | str) -> Job | Control | Result:
    return decode_line(line.encode() if isinstance(line, str) else line, Vocabulary())


def refused(line: bytes | str) -> Result:
    result = decode(line)
    assert isinstance(result, Result), result
    assert not result.success
    assert json.loads(encode(result))["success"] is False
    return result


def nested(depth: int) -> bytes:
    """Return a job that nests to exactly this depth."""
    return b'{"operation":"resize","input":"a","note":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_a_job_is_typed() -> None:
    job = decode('{"operation":"resize","input":"a.png","widths":[1,100],"id":"x","meta":{"k":[1]}}')
    assert job == Resize(input="a.png", widths=[1, 100], id="x", meta={"k": [1]})


BAD_TEXT: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "truncated"),
    "cut off": (b'{"operation":"resize"', "truncated"),
    "an array": (b"[]", "received an array"),
    "a number": (b"1", "received a number"),
    "a string": (b'"resize"', "received a string"),
    "null": (b"null", "received null"),
    "a boolean": (b"true", "received a boolean"),
    "two objects": (b"{} {}", "trailing characters"),
    "a trailing comma": (b'{"a":1,}', "trailing comma"),
    "single quotes": (b"{'a':1}", "byte 1"),
    "a comment": (b"{} // c", "trailing characters"),
    "NaN": (b'{"a":NaN}', "byte 5"),
    "Infinity": (b'{"a":Infinity}', "byte 5"),
    "minus Infinity": (b'{"a":-Infinity}', "byte 6"),
    "a number out of range": (b'{"a":1e999}', "out of range."),
    "a negative number out of range": (b'{"a":{"b":[-1e999]}}', "out of range."),
    "a leading zero": (b'{"a":01}', "invalid number"),
    "a raw line feed in a string": (b'{"a":"x\ny"}', "byte 7"),
    "a raw tab in a string": (b'{"a":"x\ty"}', "byte 7"),
    "a NUL": (b"\0", "byte 0"),
    "a BOM that is not the stream's first": (b"\xef\xbb\xbf{}", "byte 0"),
    "UTF-16": ('{"a":1}'.encode("utf-16-le"), "byte 1"),
    "a high surrogate alone": (b'{"a":"\\ud800"}', "unpaired surrogate"),
    "a low surrogate alone": (b'{"a":"x\\udc00"}', "unpaired surrogate"),
    "surrogates in the wrong order": (b'{"a":"\\udc00\\ud800"}', "unpaired surrogate"),
    "a key twice": (b'{"a":1,"a":1}', "The key 'a' stands twice"),
    "a key twice inside": (b'{"a":[{"b":{"c":1,"d":2,"c":3}}]}', "The key 'c' stands twice"),
    "the operation twice": (b'{"operation":"resize","operation":"resize"}', "'operation' stands twice"),
    "a key twice by an escape": (b'{"a":1,"\\u0061":1}', "The key 'a' stands twice"),
    "an integer above 64 bits": (b'{"a":18446744073709551616}', "more than 64 bits"),
    "an integer below 64 bits": (b'{"a":[-9223372036854775809]}', "more than 64 bits"),
    "an integer of 5,000 digits": (b'{"a":' + b"9" * 5000 + b"}", "out of range"),
    "a nesting of 65": (nested(65), "deeper than 64"),
    "a nesting of 100,000": (nested(100_000), "deeper than 64"),
    "100,000 open brackets": (b"[" * 100_000, "deeper than 64"),
    "100,000 open objects": (b'{"a":' * 100_000, "deeper than 64"),
}


@pytest.mark.parametrize("name", BAD_TEXT)
def test_a_line_that_is_no_strict_json_object_is_refused_with_the_reason(name: str) -> None:
    line, reason = BAD_TEXT[name]
    result = refused(line)
    assert result.error_info
    assert (result.operation, result.error_info.code, result.error_info.retryable) == ("unknown", "invalid_json", False)
    assert reason in str(result.error)
    assert str(result.error).endswith(".")
    assert "`$" not in str(result.error)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (b"\xff", 0),
        (b'{"a":"\xff"}', 6),
        (b'{"a":"ok\xc3"}', 8),
        (b'{"\xe9":1}', 2),
        ('{"é":"'.encode() + b'\xed\xa0\x80"}', 7),
    ],
)
def test_bytes_that_are_not_utf8_are_told_by_their_place_in_the_line(line: bytes, place: int) -> None:
    assert f"byte {place} is not UTF-8" in str(refused(line).error)


@pytest.mark.parametrize(
    "line",
    [
        nested(64),
        b'{"operation":"resize","input":"a","note":"' + b"[{" * 100_000 + b'"}',
        b'{"operation":"resize","input":"a","note":{"a":{"b":1},"c":{"b":1}}}',
        b'{"operation":"resize","input":"a","note":[18446744073709551615,-9223372036854775808]}',
        b'{"operation":"resize","input":"\\ud83d\\ude00 \xf0\x9f\x98\x80"}',
        '{"operation":"resize","input":"a\u2028b"}'.encode(),
        b' {"operation" : "resize", "input":"a" } ',
    ],
)
def test_what_is_only_near_a_limit_is_a_job(line: bytes) -> None:
    assert isinstance(decode(line), Resize)


BAD_JOBS: list[tuple[str, str, str | None, str | None]] = [
    ("{}", "invalid_job", "operation", None),
    ('{"operation":null}', "invalid_job", "operation", None),
    ('{"operation":5}', "invalid_job", "operation", None),
    ('{"operation":["resize"]}', "invalid_job", "operation", None),
    ('{"operatoin":"resize"}', "invalid_job", "operation", "operation instead of operatoin"),
    ('{"operation":"reszie"}', "unknown_operation", "operation", "resize"),
    ('{"operation":"Resize"}', "unknown_operation", "operation", "resize"),
    ('{"operation":"video-transcode"}', "unknown_operation", "operation", "video_transcode"),
    ('{"operation":""}', "unknown_operation", "operation", None),
    ('{"operation":"resize"}', "invalid_job", "input", None),
    ('{"operation":"resize","input":"a","widht":1}', "invalid_job", "widht", "widths"),
    ('{"operation":"resize","input":"a","":1}', "invalid_job", "", None),
    ('{"operation":"resize","input":""}', "invalid_job", "input", None),
    ('{"operation":"resize","input":{}}', "invalid_job", "input", None),
    ('{"operation":"resize","input":{"path":"a","url":"b"}}', "invalid_job", "input", None),
    ('{"operation":"resize","input":{"pth":"a"}}', "invalid_job", "input.pth", "path"),
    ('{"operation":"resize","input":{"data_base64":"?"}}', "invalid_job", "input.data_base64", None),
    ('{"operation":"resize","input":"a","widths":[1,0]}', "invalid_job", "widths[1]", None),
    ('{"operation":"resize","input":"a","widths":[101]}', "invalid_job", "widths[0]", None),
    ('{"operation":"resize","input":"a","widths":["1"]}', "invalid_job", "widths[0]", None),
    ('{"operation":"resize","input":"a","widths":[1.0]}', "invalid_job", "widths[0]", None),
    ('{"operation":"resize","input":"a","widths":null}', "invalid_job", "widths", None),
    ('{"operation":"resize","input":"a","fit":"covr"}', "invalid_job", "fit", "cover"),
    ('{"operation":"resize","input":"a","priority":11}', "invalid_job", "priority", None),
    ('{"operation":"resize","input":"a","priority":-11}', "invalid_job", "priority", None),
    ('{"operation":"resize","input":"a","timeout_ms":0}', "invalid_job", "timeout_ms", None),
    ('{"operation":"resize","input":"a","timeout_ms":604800001}', "invalid_job", "timeout_ms", None),
    ('{"operation":"resize","input":"a","stall_ms":0}', "invalid_job", "stall_ms", None),
    ('{"operation":"resize","input":"a","retries":26}', "invalid_job", "retries", None),
    ('{"operation":"resize","input":"a","overwrite":"replaec"}', "invalid_job", "overwrite", "replace"),
    ('{"operation":"resize","input":"a","cache":true}', "invalid_job", "cache", None),
    ('{"operation":"resize","input":"a","dry_run":1}', "invalid_job", "dry_run", None),
    ('{"operation":"resize","input":"a","progress":true}', "invalid_job", "progress", None),
]


@pytest.mark.parametrize(("line", "code", "field", "suggestion"), BAD_JOBS)
def test_a_wrong_job_is_refused_with_code_field_and_suggestion(
    line: str, code: str, field: str, suggestion: str | None
) -> None:
    result = refused(line)
    assert result.error_info
    assert (result.error_info.code, result.error_info.field) == (code, field)
    assert (result.error_info.suggestion or None) == suggestion
    if suggestion and code != "invalid_job":
        assert repr(suggestion) in str(result.error)


@pytest.mark.parametrize("job_id", ["a", "", "x" * 128, 0, -1, 2**53, 2**64 - 1, -(2**63)])
def test_an_id_is_echoed_exactly_also_by_a_refusal(job_id: str | int) -> None:
    good = decode(json.dumps({"operation": "resize", "input": "a", "id": job_id}))
    bad = refused(json.dumps({"operation": "resize", "input": 1, "id": job_id, "meta": [job_id]}))
    assert isinstance(good, Resize)
    assert good.id == bad.id == job_id
    assert type(bad.id) is type(job_id)
    assert bad.meta == [job_id]
    assert json.loads(encode(bad))["id"] == job_id


@pytest.mark.parametrize("job_id", [None, 1.5, 1.0, True, [], {}, ["a"], "x" * 129])
def test_an_id_of_another_type_is_refused_and_not_echoed(job_id: Any) -> None:
    result = refused(json.dumps({"operation": "resize", "input": "a", "id": job_id}))
    assert result.error_info
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", "id")
    assert result.error_info.expected == "string of at most 128 characters or integer"
    assert result.id is UNSET


@pytest.mark.parametrize("line", ['{"id":"k"}', '{"id":"k","operation":"nope"}', '{"id":"k","operation":7}'])
def test_the_id_is_saved_where_no_operation_is_known(line: str) -> None:
    assert refused(line).id == "k"


def test_the_operation_of_a_refusal_is_what_was_typed_or_unknown() -> None:
    assert refused('{"operation":"nope"}').operation == "nope"
    assert refused('{"operation":7}').operation == "unknown"
    assert len(refused(json.dumps({"operation": "n" * 5000})).operation) == 128


def test_meta_is_any_json_up_to_its_limit() -> None:
    fits = "x" * (MAX_META_BYTES - 2)
    job = decode(json.dumps({"operation": "resize", "input": "a", "meta": fits}))
    assert isinstance(job, Resize)
    result = refused(json.dumps({"operation": "resize", "input": "a", "id": 4, "meta": fits + "x"}))
    assert result.error_info
    assert (result.error_info.code, result.error_info.field, result.id) == ("invalid_job", "meta", 4)
    assert result.meta is UNSET


@pytest.mark.parametrize("meta", [None, False, 0, "", [], {}])
def test_an_empty_meta_is_echoed_too(meta: Any) -> None:
    result = refused(json.dumps({"operation": "nope", "meta": meta}))
    assert json.loads(encode(result))["meta"] == meta


class TestFamilies:
    """`{"operation": "video", "transcode": {...}}` is `video_transcode`."""

    def test_the_fields_move_up(self) -> None:
        job = decode('{"operation":"video","transcode":{"input":"a.mp4","crf":30},"id":"v","priority":3}')
        assert job == Transcode(input="a.mp4", crf=30, id="v", priority=3)

    def test_fields_may_stand_outside(self) -> None:
        assert decode('{"operation":"video","input":"a.mp4","transcode":{}}') == Transcode(input="a.mp4")

    @pytest.mark.parametrize(
        ("line", "code", "field"),
        [
            ('{"operation":"video","input":"a","transcode":{"input":"b"}}', "invalid_job", "transcode.input"),
            ('{"operation":"video","transcode":{"operation":"resize"}}', "invalid_job", "transcode.operation"),
            ('{"operation":"video","transcode":{"input":"a","crf":"x"}}', "invalid_job", "crf"),
            ('{"operation":"video","transcode":{"input":"a"},"more":1}', "invalid_job", "more"),
            ('{"operation":"video","transcode":[]}', "unknown_operation", "operation"),
            ('{"operation":"video","trim":{}}', "unknown_operation", "operation"),
            ('{"operation":"audio","transcode":{}}', "unknown_operation", "operation"),
            ('{"operation":"video"}', "unknown_operation", "operation"),
        ],
    )
    def test_what_is_wrong_in_one_is_refused(self, line: str, code: str, field: str) -> None:
        info = refused(line).error_info
        assert info
        assert (info.code, info.field) == (code, field)


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_no_bytes_raise(line: bytes) -> None:
    assert isinstance(decode(line), (Job, Control, Result))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    ["operation", "input", "widths", "fit", "note", "id", "priority", "meta", "control", "transcode", "overwrite", "x"]
)
_NAMES = st.sampled_from(["resize", "video_transcode", "video", "audio", "ping", "cancel", "input"])


@given(st.dictionaries(_FIELDS, _VALUES | _NAMES, max_size=6))
@settings(deadline=None)
def test_any_object_is_a_job_a_control_or_a_refusal_that_can_be_written(raw: dict[str, Any]) -> None:
    message = decode(json.dumps(raw))
    if isinstance(message, Result):
        assert message.error
        assert message.error_info
        assert message.error_info.code in ("invalid_json", "invalid_job", "unknown_operation")
        json.loads(encode(message))
    else:
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=type(message)) == message


@given(st.dictionaries(st.text(max_size=8), _VALUES, max_size=4))
@settings(deadline=None)
def test_whatever_json_says_is_parsed_to_the_same(raw: dict[str, Any]) -> None:
    try:
        found = parse(json.dumps(raw).encode())
    except InvalidJson:
        assert not _fits(raw)
    else:
        assert found == raw


def _fits(value: Any) -> bool:
    """Return whether all integers have at most 64 bits and all texts are Unicode."""
    if isinstance(value, dict):
        return all(_fits(key) and _fits(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_fits, value))
    if isinstance(value, str):
        return not any("\ud800" <= char <= "\udfff" for char in value)
    return not isinstance(value, int) or -(2**63) <= value < 2**64
