"""Validation errors in one voice: the field's path, what was expected, what was received, the nearest name."""

import re
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Struct, UnsetType

from mediamill.protocol.errors import InvalidJob
from mediamill.protocol.names import nearest
from mediamill.protocol.results import text

_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]|\[\.\.\.\]")
_WORDS = {
    "int": "integer",
    "str": "string",
    "bool": "boolean",
    "float": "number",
    "array": "array",
    "null": "null",
}


def explain(error: msgspec.ValidationError, raw: dict[str, Any], kind: type[Struct]) -> InvalidJob:
    """Return the rejection that says what a validation error means.

    Args:
        error: What msgspec raised; its text ends with a path such as `$.widths[1]`.
        raw: The parsed message it was raised for.
        kind: The type the message was converted to.
    """
    cause = error.__cause__
    if isinstance(cause, InvalidJob):
        return _placed(cause, _join(_steps(str(error).removeprefix(str(cause)))))
    reason, _, where = str(error).partition(" - at `$")
    steps = _steps(where.rstrip("`"))
    field = _join(steps)
    if match := re.fullmatch(r"Object contains unknown field `(.*)`", reason, re.DOTALL):
        return _unknown_field(match[1], field, _names(_type_at(kind, steps, raw)))
    if match := re.fullmatch(r"Object missing required field `(.*)`", reason):
        missing = f"{field}.{match[1]}" if field else match[1]
        expected = describe(_type_at(kind, [*steps, match[1]], raw))
        return InvalidJob(f"Missing field {missing!r}.", field=missing, expected=expected)
    received = _value_at(raw, steps)
    declared = _type_at(kind, steps, raw)
    expected = describe(declared) or _plain(reason)
    suggestion = None
    choices = _choices(declared)
    if choices and isinstance(received, str):
        suggestion = nearest(received, choices)
    return InvalidJob(
        f"Invalid value for {field or 'the job'!r}: expected {expected}, received {_show(received)}."
        + (f" Did you mean {suggestion!r}?" if suggestion else ""),
        field=field or None,
        received=received,
        expected=expected,
        suggestion=suggestion,
    )


def _placed(error: InvalidJob, where: str) -> InvalidJob:
    """Return what a nested type's own check raised, with the field's path from the top."""
    if where:
        rest = error.field or ""
        error.field = f"{where}.{rest}" if rest and not rest.startswith("[") else where + rest
    return error


def _unknown_field(name: str, field: str, known: list[str]) -> InvalidJob:
    suggestion = nearest(name, known)
    full = f"{field}.{name}" if field else name
    return InvalidJob(
        f"Unknown field {text(full, 128)!r}." + (f" Did you mean {suggestion!r}?" if suggestion else ""),
        field=text(full, 128),
        expected="one of " + ", ".join(known) if known else None,
        suggestion=suggestion,
    )


def _steps(where: str) -> list[str | int]:
    return [int(index) if index else name for name, index in _STEP.findall(where) if name or index]


def _join(steps: list[str | int]) -> str:
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps]
    return "".join(parts).removeprefix(".")


def _value_at(raw: Any, steps: list[str | int]) -> Any:
    for step in steps:
        try:
            raw = raw[step]
        except (KeyError, IndexError, TypeError):
            return None
    return raw


def _members(kind: Any) -> list[Any]:
    """Return the plain types a declared type allows, without Annotated, unions and UNSET."""
    if get_origin(kind) is Annotated:
        inner = get_args(kind)[0]
        if get_origin(inner) in (Union, types.UnionType, Annotated):
            return _members(inner)
        return [kind]
    if get_origin(kind) in (Union, types.UnionType):
        return [member for part in get_args(kind) for member in _members(part)]
    return [] if kind is UnsetType else [kind]


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _structs(kind: Any) -> list[type[Struct]]:
    bare = [_bare(member) for member in _members(kind)]
    return [member for member in bare if isinstance(member, type) and issubclass(member, Struct)]


def _names(kind: Any) -> list[str]:
    return [field.encode_name for struct in _structs(kind) for field in msgspec.structs.fields(struct)]


def _type_at(kind: Any, steps: list[str | int], raw: Any = None) -> Any:
    """Return the declared type at a path; where types are told apart by a tag, the message's own tag decides."""
    for step in steps:
        kind, raw = _type_below(kind, step, raw), _value_at(raw, [step])
        if kind is None:
            return None
    return _tagged(kind, raw)


def _type_below(kind: Any, step: str | int, raw: Any) -> Any:
    if isinstance(step, int):
        items = [get_args(_bare(member)) for member in _members(kind)]
        return next((args[0] for args in items if args), None)
    structs = _structs(_tagged(kind, raw))
    tags = tuple(struct.__struct_config__.tag for struct in structs if struct.__struct_config__.tag_field == step)
    if tags:
        return Literal[tags]
    fields = [field for struct in structs for field in msgspec.structs.fields(struct)]
    return next((field.type for field in fields if field.encode_name == step), None)


def _tagged(kind: Any, raw: Any) -> Any:
    """Return the one of several tagged types that a value's tag names, else the declared type as it is."""
    for struct in _structs(kind):
        config = struct.__struct_config__
        if config.tag_field and isinstance(raw, dict) and raw.get(config.tag_field) == config.tag:
            return struct
    return kind


def _choices(kind: Any) -> list[str]:
    return [
        choice
        for member in _members(kind)
        if get_origin(_bare(member)) is Literal
        for choice in get_args(_bare(member))
        if isinstance(choice, str)
    ]


def describe(kind: Any) -> str | None:
    """Describe a declared type in words: `integer 1..100 or null`, `one of a, b`."""
    if kind is None:
        return None
    return " or ".join(dict.fromkeys(_describe(member) for member in _members(kind))) or None


def _describe(member: Any) -> str:
    bare, bounds = _bare(member), ""
    if get_origin(member) is Annotated:
        unit = "characters" if bare is str else "bytes" if bare is bytes else "items"
        for meta in get_args(member)[1:]:
            if isinstance(meta, msgspec.Meta):
                bounds += _bounds(meta, unit)
    origin = get_origin(bare)
    if origin is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(bare))
    if origin in (list, tuple):
        return f"array of {describe(get_args(bare)[0])}{bounds}"
    if bare is type(None):
        return "null"
    if origin is dict or bare is dict:
        values = get_args(bare)[1:] or (Any,)
        return "an object" + ("" if values[0] is Any else f" of {describe(values[0])}")
    if isinstance(bare, type) and issubclass(bare, Struct):
        config = bare.__struct_config__
        if config.tag_field and config.tag:
            return f'{{"{config.tag_field}": "{config.tag}", ...}}'
        return "an object with " + ", ".join(_names(bare))
    if bare is bytes:
        return "base64 text" + bounds
    return _WORDS.get(getattr(bare, "__name__", ""), "any value") + bounds


def _bounds(meta: msgspec.Meta, unit: str) -> str:
    low, high = meta.ge if meta.ge is not None else meta.gt, meta.le if meta.le is not None else meta.lt
    if low is not None and high is not None:
        return f" {'above ' if meta.ge is None else ''}{low}..{high}"
    if low is not None:
        return f" {'>=' if meta.gt is None else '>'} {low}"
    if high is not None:
        return f" {'<=' if meta.lt is None else '<'} {high}"
    if meta.min_length is not None and meta.max_length is not None:
        return f" of {meta.min_length} to {meta.max_length} {unit}"
    if meta.max_length is not None:
        return f" of at most {meta.max_length} {unit}"
    if meta.min_length is not None:
        return " that is not empty" if meta.min_length == 1 else f" of at least {meta.min_length} {unit}"
    return f" matching {meta.pattern}" if meta.pattern else ""


def _plain(reason: str) -> str:
    return text(reason.removeprefix("Expected ").partition(", got")[0].replace("`", ""), 200)


def _show(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"string {text(value, 80)!r}"
    if isinstance(value, (int, float)):
        return f"{'integer' if isinstance(value, int) else 'number'} {text(str(value), 40)}"
    return "an object" if isinstance(value, dict) else "an array"
