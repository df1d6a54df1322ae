from typing import Any

import msgspec
import pytest

from mediamill.protocol.controls import CONTROLS, Cancel, Control, Drain, Hello, Input, Ping, Stats
from mediamill.protocol.decode import decode_line
from mediamill.protocol.results import Result


class Nothing:
    """A vocabulary without operations."""

    names = ()

    def params(self, name: str) -> Any:
        raise KeyError(name)


def decode(line: str) -> Any:
    return decode_line(line.encode(), Nothing())


def test_the_controls_are_those_of_the_protocol() -> None:
    assert set(CONTROLS) == {"hello", "cancel", "ping", "stats", "drain", "input"}


@pytest.mark.parametrize(
    ("line", "control"),
    [
        ('{"control":"hello"}', Hello()),
        ('{"control":"stats"}', Stats()),
        ('{"control":"drain"}', Drain()),
        ('{"control":"ping"}', Ping()),
        ('{"control":"ping","id":7}', Ping(id=7)),
        ('{"id":"a","control":"cancel"}', Cancel(id="a")),
        ('{"control":"input","id":"a","request_id":"r1","value":"s"}', Input(id="a", request_id="r1", value="s")),
        ('{"control":"input","id":"a","request_id":"r1"}', Input(id="a", request_id="r1", value=None)),
        ('{"control":"input","id":1,"request_id":"r","value":{"x":1}}', Input(id=1, request_id="r", value={"x": 1})),
    ],
)  # fmt: skip
def test_a_control_line_is_typed(line: str, control: Control) -> None:
    assert decode(line) == control
    assert msgspec.json.decode(msgspec.json.encode(control), type=type(control)) == control


@pytest.mark.parametrize(
    ("line", "field", "suggestion"),
    [
        ('{"control":"png"}', "control", "ping"),
        ('{"control":"Hello"}', "control", "hello"),
        ('{"control":"zzzzzz"}', "control", None),
        ('{"control":1}', "control", None),
        ('{"control":null}', "control", None),
        ('{"control":{"ping":1}}', "control", None),
        ('{"control":"cancel"}', "id", None),
        ('{"control":"cancel","id":null}', "id", None),
        ('{"control":"cancel","id":1.5}', "id", None),
        ('{"control":"cancel","id":"' + "x" * 129 + '"}', "id", None),
        ('{"control":"cancel","ids":1}', "ids", "id"),
        ('{"control":"hello","id":1}', "id", None),
        ('{"control":"ping","operation":"resize"}', "operation", None),
        ('{"control":"input","id":1}', "request_id", None),
        ('{"control":"input","id":1,"request_id":2}', "request_id", None),
    ],
)
def test_a_wrong_control_is_refused_with_what_to_say(line: str, field: str, suggestion: str | None) -> None:
    result = decode(line)
    assert isinstance(result, Result)
    assert result.error_info
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", field)
    assert (result.error_info.suggestion or None) == suggestion


def test_a_refused_control_echoes_its_id() -> None:
    result = decode('{"control":"cancle","id":"a"}')
    assert (result.success, result.operation, result.id) == (False, "cancle", "a")
