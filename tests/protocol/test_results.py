import base64
import json
import math
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediamill.protocol.errors import CorruptInput, InvalidJob, WorkerCrashed
from mediamill.protocol.results import MAX_RESULT_BYTES, Output, Result, encode, failed, path_fields, text


def said(result: Result) -> dict[str, Any]:
    """Return what a result's line holds, after a look at its length."""
    line = encode(result)
    assert b"\n" not in line
    assert len(line) <= MAX_RESULT_BYTES
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def output(path: str = "out/a.png", **facts: Any) -> Output:
    return Output(**path_fields(path), format="png", width=3, height=2, size_bytes=9, **facts)


def test_a_success_has_its_fields_in_the_protocols_order() -> None:
    result = Result(success=True, operation="resize", id="a1", outputs=[output()], elapsed_ms=74, metadata=None)
    assert encode(result).decode() == (
        '{"success":true,"operation":"resize","id":"a1",'
        '"outputs":[{"path":"out/a.png","format":"png","width":3,"height":2,"size_bytes":9}],'
        '"elapsed_ms":74,"metadata":null}'
    )


def test_a_failure_has_its_fields_in_the_protocols_order() -> None:
    error = InvalidJob("No.", field="f", received=1, expected="2", suggestion="s", detail="d")
    result = failed("resize", error, id=2, elapsed_ms=1, meta={"k": 1})
    assert encode(result).decode() == (
        '{"success":false,"operation":"resize","id":2,"outputs":[],"elapsed_ms":1,"error":"No.",'
        '"error_info":{"code":"invalid_job","retryable":false,"field":"f","received":1,"expected":"2",'
        '"suggestion":"s","detail":"d"},"meta":{"k":1}}'
    )


def test_what_is_always_there_is_there_and_nothing_else() -> None:
    assert list(said(failed("x", WorkerCrashed("It died.")))) == [
        "success", "operation", "outputs", "elapsed_ms", "error", "error_info",
    ]  # fmt: skip
    assert list(said(failed("x", WorkerCrashed("It died.")))["error_info"]) == ["code", "retryable"]
    assert said(failed("x", WorkerCrashed("It died.")))["error_info"]["retryable"] is True


def test_an_outputs_further_fields_stand_where_they_apply() -> None:
    facts = {"duration": 1.5, "frames": 2, "pages": 3, "timestamp": 0.5, "quality": 80, "score": 71.5, "sha256": "ab"}
    found = said(Result(success=True, operation="x", outputs=[output(**facts, cached=True, skipped=True)]))
    assert found["outputs"][0] == {
        "path": "out/a.png", "format": "png", "width": 3, "height": 2, "size_bytes": 9, **facts, "cached": True,
        "skipped": True,
    }  # fmt: skip


def test_numbers_are_finite() -> None:
    metadata = {"a": math.nan, "b": [math.inf, -math.inf], "c": {"d": 1e308}}
    assert said(Result(success=True, operation="x", metadata=metadata))["metadata"] == {
        "a": None, "b": [None, None], "c": {"d": 1e308},
    }  # fmt: skip


@pytest.mark.parametrize("raw", [b"caf\xe9.png", b"\xff", b"a/\xf0\x9f", "grüße.png".encode() + b"\x80"])
def test_a_path_that_is_not_utf8_comes_with_its_exact_bytes(raw: bytes) -> None:
    found = said(Result(success=True, operation="x", outputs=[output(os.fsdecode(raw))]))["outputs"][0]
    assert base64.b64decode(found["path_b64"]) == raw
    assert found["path"] == raw.decode("utf-8", "replace")


def test_a_path_that_is_utf8_needs_no_bytes() -> None:
    assert path_fields("grüße/日本.png") == {"path": "grüße/日本.png"}


@pytest.mark.parametrize(
    ("value", "limit", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        (os.fsdecode(b"caf\xe9"), 9, "caf\ufffd"),
        ("\ud800x", 9, "?x"),
        ("\ud800\udcff", 9, "??"),
        ("\U0001f600", 9, "\U0001f600"),
    ],
)
def test_text_is_cut_and_made_valid(value: str, limit: int, expected: str) -> None:
    assert text(value, limit) == expected


@given(st.text(st.characters(), max_size=30) | st.binary(max_size=30).map(os.fsdecode), st.integers(1, 40))
@settings(deadline=None)
def test_any_text_can_be_written(value: str, limit: int) -> None:
    found = text(value, limit)
    found.encode()
    if "\ud800" <= max(value, default="") <= "\udfff":
        return
    assert len(found) <= limit


@pytest.mark.parametrize(
    ("received", "shown"),
    [
        (0, 0),
        (False, False),
        (1.5, 1.5),
        ("a", "a"),
        ("x" * 300, "x" * 199 + "…"),
        (os.fsdecode(b"\xff"), "\ufffd"),
        ([1, 2], [1, 2]),
        ({"a": 1}, {"a": 1}),
        (["x" * 400], '["' + "x" * 197 + "…"),
        (object(), "'object'"),
        ({"a": "\ud800"}, "'dict'"),
    ],
)
def test_a_received_value_is_echoed_small(received: Any, shown: Any) -> None:
    assert said(failed("x", InvalidJob("No.", received=received)))["error_info"]["received"] == shown


def test_texts_of_a_failure_are_cut() -> None:
    long = "\0" * 9000
    info = said(failed("x", CorruptInput(long, field="f", detail=long)))["error_info"]
    assert len(info["detail"]) == 2000


def test_a_long_list_is_cut_and_its_length_told() -> None:
    outputs = [output(f"out/{number}.png") for number in range(5000)]
    found = said(Result(success=True, operation="x", id="a", outputs=outputs, meta={"k": list(range(100))}))
    assert found["outputs_total"] == 5000
    assert found["outputs"] == [
        {"path": f"out/{number}.png", "format": "png", "width": 3, "height": 2, "size_bytes": 9}
        for number in range(len(found["outputs"]))
    ]
    assert len(found["outputs"]) >= 256
    assert found["meta"] == {"k": list(range(100))}


def test_lists_inside_lists_are_cut_too() -> None:
    rows = [{"row": row, "cells": list(range(3000))} for row in range(9)]
    found = said(Result(success=True, operation="x", metadata={"rows": rows, "short": [1, 2]}))["metadata"]
    assert [row["row"] for row in found["rows"]] == list(range(9))
    assert {row["cells_total"] for row in found["rows"]} == {3000}
    assert "rows_total" not in found
    assert found["short"] == [1, 2]
    assert "short_total" not in found


@pytest.mark.parametrize(
    "metadata", [{"text": "x" * 90_000}, {f"key{n}": n for n in range(9000)}, {"a": {"b": "x" * 60_000}}]
)
def test_metadata_that_cannot_be_cut_is_left_out(metadata: dict[str, Any]) -> None:
    found = said(Result(success=True, operation="x", id=1, metadata=metadata))
    assert list(found["metadata"]) == ["cut"]
    assert (found["success"], found["id"]) == (True, 1)


def test_a_result_of_exactly_the_bound_is_left_alone() -> None:
    empty = len(encode(Result(success=True, operation="x", metadata={"t": ""})))
    found = said(Result(success=True, operation="x", metadata={"t": "x" * (MAX_RESULT_BYTES - empty)}))
    assert list(found["metadata"]) == ["t"]
    found = said(Result(success=True, operation="x", metadata={"t": "x" * (MAX_RESULT_BYTES - empty + 1)}))
    assert list(found["metadata"]) == ["cut"]


def test_inline_data_is_never_cut() -> None:
    data = os.urandom(100_000)
    result = Result(success=True, operation="x", outputs=[output(data_base64=data)], metadata={"n": list(range(9000))})
    found = json.loads(encode(result))
    assert base64.b64decode(found["outputs"][0]["data_base64"]) == data
    assert len(found["metadata"]["n"]) == 9000


_TREES = st.recursive(
    st.integers(0, 9) | st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=12,
)


def _grown(value: Any, times: int) -> Any:
    """Return the value with each of its lists repeated."""
    if isinstance(value, dict):
        return {key: _grown(item, times) for key, item in value.items()}
    return [_grown(item, times) for item in value] * times if isinstance(value, list) else value


@given(_TREES, st.integers(1, 25))
@settings(deadline=None, max_examples=60)
def test_any_metadata_fits_in_a_line(tree: Any, times: int) -> None:
    metadata = {"value": _grown([tree], times)}
    found = said(Result(success=True, operation="x", id="a", outputs=[output()], metadata=metadata, meta=[1]))
    assert (found["id"], found["meta"]) == ("a", [1])
