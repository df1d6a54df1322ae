"""The JSON Schema of what is said, made from the declared types."""

from collections.abc import Sequence
from typing import Any

import msgspec

from mediamill.protocol import version
from mediamill.protocol.controls import CONTROLS
from mediamill.protocol.events import EVENTS
from mediamill.protocol.job import Job
from mediamill.protocol.results import Result

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{name}"


def protocol_schema(jobs: Sequence[type[Job]]) -> dict[str, Any]:
    """Return one schema with `job`, `control`, `result` and `event` among its definitions.

    Args:
        jobs: The declared job type of each operation.
    """
    kinds: list[type[msgspec.Struct]] = [*jobs, *CONTROLS.values(), Result, *EVENTS]
    refs, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    names = {ref["$ref"].rsplit("/", 1)[1]: _public(kind) for ref, kind in zip(refs, kinds, strict=True)}
    definitions = _rename({names.get(name, name): body for name, body in components.items()}, names)
    groups = {
        "job": [_public(kind) for kind in jobs],
        "control": [_public(kind) for kind in CONTROLS.values()],
        "event": [_public(kind) for kind in EVENTS],
    }
    for group, members in groups.items():
        definitions[group] = {"oneOf": [{"$ref": _REF.format(name=name)} for name in members]}
    found = {
        "$schema": DIALECT,
        "title": f"mediamill protocol {version.PROTOCOL}",
        "description": "A line in is a job or a control; a line out is a result or an event.",
        "oneOf": [{"$ref": _REF.format(name=name)} for name in ("job", "control", "result", "event")],
        "$defs": dict(sorted(definitions.items())),
    }
    return _plain(found)


def job_schema(kind: type[Job]) -> dict[str, Any]:
    """Return the schema of one operation's job."""
    schema = _plain(msgspec.json.schema(kind, ref_template=_REF))
    name = _public(kind)
    found = schema.pop("$ref").rsplit("/", 1)[1]
    definitions = _rename(
        {(name if key == found else key): body for key, body in schema["$defs"].items()}, {found: name}
    )
    return {"$schema": DIALECT, "$ref": _REF.format(name=name), "$defs": definitions}


def _public(kind: type[msgspec.Struct]) -> str:
    """Return the name a type has in the schema: job.resize, control.ping, event.pong, result."""
    if kind is Result:
        return "result"
    config = kind.__struct_config__
    group = "job" if config.tag_field == "operation" else config.tag_field
    return f"{group}.{config.tag}"


def _rename(value: Any, names: dict[str, str]) -> Any:
    """Point every reference at a definition's public name."""
    if isinstance(value, dict):
        return {
            key: _REF.format(name=names.get(item.rsplit("/", 1)[1], item.rsplit("/", 1)[1]))
            if key == "$ref"
            else _unindented(item)
            if key == "description" and isinstance(item, str)
            else _rename(item, names)
            for key, item in value.items()
        }
    return [_rename(item, names) for item in value] if isinstance(value, list) else value


def _unindented(text: str) -> str:
    """Return a docstring without its indentation, which Python keeps before 3.13 and drops from then on."""
    return "\n".join(line.strip() for line in text.splitlines())


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema as JSON has it, with defaults that are tuples as lists."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(schema))
    return plain
