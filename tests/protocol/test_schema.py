import json
from importlib import resources
from typing import Any

import jsonschema
import msgspec
import pytest

from mediamill.engine.capabilities import formats
from mediamill.engine.registry import Operation, Registry
from mediamill.protocol import events
from mediamill.protocol.controls import Cancel, Drain, Hello, Input, Ping, Stats
from mediamill.protocol.errors import BY_CODE, CODES
from mediamill.protocol.results import Output, Result, encode, failed
from mediamill.protocol.schema import job_schema, protocol_schema

OPERATIONS = Registry().all()


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return protocol_schema([operation.params for operation in OPERATIONS])


def validator(schema: dict[str, Any], group: str) -> jsonschema.Draft202012Validator:
    """Return what checks messages of one group: job, control, result or event."""
    return jsonschema.Draft202012Validator({**schema, "oneOf": [{"$ref": f"#/$defs/{group}"}]})


def test_the_schema_is_a_valid_one_of_its_dialect(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [ref for item in value.values() for ref in references(item)]
        return [ref for item in value for ref in references(item)] if isinstance(value, list) else []

    assert {ref.removeprefix("#/$defs/") for ref in references(schema)} == set(schema["$defs"])


def test_the_shipped_schema_is_the_generated_one(schema: dict[str, Any]) -> None:
    shipped = resources.files("mediamill.protocol") / "schema.json"
    if not shipped.is_file() or json.loads(shipped.read_text("utf-8")) != schema:
        pytest.fail("protocol/schema.json has drifted: run `mediamill schema > protocol/schema.json`")


def test_each_definition_has_a_name_people_can_read(schema: dict[str, Any]) -> None:
    assert {"job", "control", "result", "event", "control.ping", "event.progress"} <= set(schema["$defs"])
    assert {f"job.{operation.name}" for operation in OPERATIONS} <= set(schema["$defs"])
    assert not [name for name in schema["$defs"] if "__" in name or "mediamill" in name]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
class TestOperations:
    """Each operation's job, in the whole schema and in its own."""

    def test_the_example_is_valid(self, operation: Operation, schema: dict[str, Any]) -> None:
        validator(schema, "job").validate(operation.example)
        jsonschema.Draft202012Validator(schema).validate(operation.example)
        jsonschema.Draft202012Validator(job_schema(operation.params)).validate(operation.example)
        msgspec.convert(operation.example, operation.params)

    def test_its_own_schema_is_valid(self, operation: Operation, schema: dict[str, Any]) -> None:
        own = job_schema(operation.params)
        jsonschema.Draft202012Validator.check_schema(own)
        assert own["$ref"] == f"#/$defs/job.{operation.name}"
        assert own["$defs"][f"job.{operation.name}"] == schema["$defs"][f"job.{operation.name}"]

    @pytest.mark.parametrize(
        "wrong", [{"no_such_field": 1}, {"priority": 11}, {"id": 1.5}, {"overwrite": "x"}, {"operation": "nope"}]
    )
    def test_a_wrong_field_is_not(self, operation: Operation, schema: dict[str, Any], wrong: dict[str, Any]) -> None:
        assert not validator(schema, "job").is_valid(operation.example | wrong)

    def test_the_envelope_is(self, operation: Operation, schema: dict[str, Any]) -> None:
        envelope = {
            "id": "a", "priority": -10, "timeout_ms": 1, "stall_ms": 1, "progress": True, "overwrite": "skip",
            "cache": "use", "dry_run": True, "retries": 25, "meta": {"any": [None]},
        }  # fmt: skip
        validator(schema, "job").validate(operation.example | envelope)

    def test_each_field_of_its_own_says_what_it_is_or_has_a_telling_name(
        self, operation: Operation, schema: dict[str, Any]
    ) -> None:
        properties = schema["$defs"][f"job.{operation.name}"]["properties"]
        assert properties["operation"] == {"enum": [operation.name]}
        assert properties["id"]


@pytest.mark.parametrize(
    "control",
    [Hello(), Ping(), Ping(id=1), Stats(), Cancel(id="a"), Drain(), Input(id="a", request_id="r1", value=None)],
)
def test_controls_are_valid(schema: dict[str, Any], control: Any) -> None:
    validator(schema, "control").validate(json.loads(msgspec.json.encode(control)))


@pytest.mark.parametrize("control", [{"control": "png"}, {"control": "cancel"}, {"control": "hello", "x": 1}, {}])
def test_wrong_controls_are_not(schema: dict[str, Any], control: Any) -> None:
    assert not validator(schema, "control").is_valid(control)


OUTPUT = Output(path="a.png", format="png", width=1, height=1, size_bytes=1)
FULL = Output(
    path="?", path_b64="/w==", format="png", width=1, height=1, size_bytes=1, data_base64=b"abc", duration=1.5,
    frames=1, pages=1, timestamp=0.0, quality=80, score=70.5, sha256="00", cached=True, skipped=False,
)  # fmt: skip


@pytest.mark.parametrize(
    "result",
    [
        Result(success=True, operation="x", metadata=None),
        Result(success=True, operation="x", id=1, outputs=[OUTPUT, FULL], metadata={"a": 1}, meta=[1]),
        Result(success=True, operation="x", outputs=[OUTPUT] * 5000, metadata={"a": "x" * 50_000}),
        *(failed("x", BY_CODE[code]("Why.", field="f", received=[1], detail="d"), id="a") for code in CODES),
    ],
)
def test_results_are_valid(schema: dict[str, Any], result: Result) -> None:
    line = json.loads(encode(result))
    validator(schema, "result").validate(line)
    jsonschema.Draft202012Validator(schema).validate(line)


EVENTS = [
    events.Started(id="a", operation="x"),
    events.Progress(id=1, percent=1.0, message="m", stages={"s": events.Stage(percent=1.0)}),
    events.OutputMade(id="a", path="p", format="png", width=1, height=1, size_bytes=1),
    events.Retry(id="a", attempt=1, code="timeout", message="m"),
    events.InputNeeded(id="a", request_id="r", question="q", kind="password"),
    events.Log(level="warning", message="m"),
    events.HelloEvent(protocol=1, engine="0", operations=["x"], formats=formats(), limits={"max_side": 1}),
    events.Pong(),
    events.StatsEvent(**dict.fromkeys(events.StatsEvent.__struct_fields__, 0)),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event.__struct_config__.tag))
def test_events_are_valid(schema: dict[str, Any], event: events.Event) -> None:
    line = json.loads(msgspec.json.encode(event))
    validator(schema, "event").validate(line)
    jsonschema.Draft202012Validator(schema).validate(line)


def test_each_event_has_a_sample_here() -> None:
    assert {type(event) for event in EVENTS} == set(events.EVENTS)
