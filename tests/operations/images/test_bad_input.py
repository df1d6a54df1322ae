"""Bad input, in every image operation there is: a code of the table that names the field, and never `internal`.

The cases are made from the operations' own declarations, so that an operation is tested as soon as it exists.
"""

import os
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from mediamill.engine.registry import Registry
from mediamill.operations.images._params import parse_colour
from mediamill.protocol.errors import InvalidJob
from mediamill.protocol.job import Job

OPERATIONS = {operation.name: operation for operation in Registry().all() if operation.medium == "images"}
ENVELOPE = {field.name for field in msgspec.structs.fields(Job)}
SOURCES = ("input", "inputs", "image")
READS_NO_PIXELS = {"exif"}
"""Operations that may make something of a file whose pixels are cut short."""

each_operation = pytest.mark.parametrize("name", OPERATIONS)


@pytest.fixture
def example(sample, tmp_path, monkeypatch):
    """Return a function that returns an operation's example, with the samples it names in the current folder."""
    monkeypatch.chdir(tmp_path)

    def found(name: str) -> dict[str, Any]:
        fields = dict(OPERATIONS[name].example)
        for source in SOURCES:
            named = fields.get(source, [])
            for file in named if isinstance(named, list) else [named]:
                if not os.path.lexists(file):
                    os.symlink(sample(file), tmp_path / file)
        return fields

    return found


def with_input(fields: dict[str, Any], path: Any) -> dict[str, Any]:
    """Return a job with another file in the place of its input, or of its first one."""
    if "inputs" in fields:
        return fields | {"inputs": [str(path), *fields["inputs"][1:]]}
    return fields | {"input": str(path)}


def declared(name: str) -> Iterator[tuple[str, list[inspect.Type]]]:
    """Yield the operation's own fields, each with the types it takes."""
    kind = inspect.type_info(OPERATIONS[name].params)
    assert isinstance(kind, inspect.StructType)
    for field in kind.fields:
        if field.encode_name not in ENVELOPE:
            yield field.encode_name, list(members(field.type))


def members(kind: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.UnionType):
        for one in kind.types:
            yield from members(one)
    elif isinstance(kind, inspect.Metadata):
        yield from members(kind.type)
    else:
        yield kind


def outside(kind: inspect.Type) -> list[Any]:
    """Return values just and far outside of what a type takes."""
    if isinstance(kind, inspect.IntType):
        low = [kind.ge - 1, -(10**9)] if kind.ge is not None else []
        return low + ([kind.le + 1, 2**31, 10**18] if kind.le is not None else [])
    if isinstance(kind, inspect.FloatType):
        lowest = kind.gt if kind.gt is not None else None if kind.ge is None else kind.ge - 0.001
        return ([] if lowest is None else [lowest, -1e300]) + ([] if kind.le is None else [kind.le + 0.001, 1e300])
    if isinstance(kind, inspect.ListType):
        inner = [value for one in members(kind.item_type) for value in outside(one)]
        empty: list[Any] = [[]] if kind.min_length else []
        return empty + [[value] for value in inner]
    if isinstance(kind, inspect.StrType):
        return ([""] if kind.min_length else []) + (["x" * (kind.max_length + 1)] if kind.max_length else [])
    return []


WRONG_TYPES: list[Any] = [{"no": "such"}, [[["nested"]]], True, "twelve", 1.5]


def accepts(kind: inspect.Type, value: Any) -> bool:
    """Return whether a type could take a value at all."""
    plain: dict[type, tuple[type, ...]] = {
        inspect.IntType: (int,),
        inspect.FloatType: (int, float),
        inspect.StrType: (str,),
        inspect.BoolType: (bool,),
        inspect.ListType: (list,),
        inspect.DictType: (dict,),
        inspect.StructType: (dict,),
        inspect.AnyType: (object,),
    }
    if isinstance(value, bool) and not isinstance(kind, (inspect.BoolType, inspect.AnyType)):
        return False
    return isinstance(value, plain.get(type(kind), ()))


def answer(job: Any, fields: dict[str, Any]) -> tuple[str | None, str | None, str | None, str]:
    """Run a job; return code, field, suggestion and message, all None where it succeeds."""
    fields = dict(fields)
    result = job(fields.pop("operation"), **fields)
    if result.success:
        return None, None, None, ""
    error = result.error_info
    assert error.code != "internal", f"{fields}: {error}"
    assert not result.outputs
    return error.code, error.field or None, error.suggestion or None, result.error


@each_operation
def test_the_example_is_a_good_one(job, example, name):
    assert answer(job, example(name))[0] is None


@each_operation
@pytest.mark.parametrize(
    ("file", "codes"),
    [
        ("missing.jpg", {"input_not_found"}),
        ("text.jpg", {"unsupported_format"}),
        ("header-only.jpg", {"corrupt_input"}),
        ("half.jpg", {"corrupt_input"}),
        ("half.png", {"corrupt_input"}),
        ("half.webp", {"corrupt_input"}),
        ("half.gif", {"corrupt_input"}),
        ("bomb-4gp.png", {"limit_exceeded"}),
        ("bomb-frames.gif", {"limit_exceeded"}),
        ("empty.jpg", {"unsupported_format", "corrupt_input"}),
        ("folder", {"input_unreadable"}),
        ("a\0b", {"path_denied", "invalid_job"}),
    ],
)
def test_inputs_that_are_no_pictures(job, example, sample, tmp_path, name, file, codes):
    fields = example(name)
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder").mkdir()
    own = file in ("missing.jpg", "empty.jpg", "folder") or "\0" in file
    code, field, _, message = answer(job, with_input(fields, file if own else sample(file)))
    if code is None:
        assert name in READS_NO_PIXELS
        assert codes & {"corrupt_input", "limit_exceeded"}
        return
    assert code in codes, message
    assert field is None or field.partition("[")[0] in ("input", "inputs"), field


@each_operation
def test_numbers_and_names_out_of_range(job, example, name):
    fields = example(name)
    for field, kinds in declared(name):
        if field in SOURCES:
            continue
        values = [value for kind in kinds for value in outside(kind)]
        for value in values:
            if any(accepts(kind, value) and value not in outside(kind) for kind in kinds):
                continue
            code, blamed, _, message = answer(job, fields | {field: value})
            assert code == "invalid_job", f"{field}: {str(value)[:40]}: {message}"
            assert blamed is not None, message
            assert blamed.partition("[")[0].partition(".")[0] == field, f"{field}: {str(value)[:40]}: {message}"


@each_operation
def test_values_of_wrong_types(job, example, name):
    fields = example(name)
    for field, kinds in declared(name):
        for value in WRONG_TYPES:
            if any(accepts(kind, value) for kind in kinds):
                continue
            code, blamed, _, message = answer(job, fields | {field: value})
            assert code == "invalid_job", f"{field}: {value}: {message}"
            assert blamed is not None, message
            assert blamed.partition("[")[0].partition(".")[0] == field


@each_operation
def test_mistyped_names_are_told(job, example, name):
    fields = example(name)
    for field, kinds in declared(name):
        choices = [one for kind in kinds if isinstance(kind, inspect.LiteralType) for one in kind.values]
        for choice in [one for one in choices if isinstance(one, str) and len(one) > 4]:
            if any(accepts(kind, choice) for kind in kinds):
                continue
            code, blamed, suggestion, _ = answer(job, fields | {field: choice[:-2] + choice[-1] + choice[-2] + "q"})
            assert (code, blamed) == ("invalid_job", field)
            assert suggestion in choices
        code, blamed, suggestion, _ = answer(job, fields | {field + "q": 1})
        assert (code, blamed) == ("invalid_job", field + "q")
        assert suggestion is not None


@each_operation
def test_unknown_colours(job, example, name):
    fields = example(name)
    for field in [field.name for field in msgspec.structs.fields(OPERATIONS[name].params) if is_colour(field)]:
        for colour in ("rde", "#12345", "#gggggg", "rgb(1, 2, 3)", "transparentt", "\u0000"):
            code, blamed, _, message = answer(job, fields | {field: colour})
            assert (code, blamed) == ("invalid_job", field), message
        assert answer(job, fields | {field: "darkslategrey q"})[2] == "darkslategrey"


def is_colour(field: msgspec.structs.FieldInfo) -> bool:
    """Return whether a field's default is a colour."""
    try:
        return isinstance(field.default, str) and bool(parse_colour(field.default))
    except InvalidJob:
        return False


@each_operation
def test_the_largest_sides_are_planned_or_refused(job, example, name):
    """What the declaration allows is made, capped or refused with a code; nothing is made here to find out."""
    fields = example(name)
    for field, kinds in declared(name):
        for kind in kinds:
            if isinstance(kind, inspect.IntType) and kind.le is not None and kind.le > 1000:
                code, *_ = answer(job, fields | {field: kind.le, "dry_run": True})
                assert code in (None, "invalid_job", "limit_exceeded"), field


def test_every_image_operation_is_there():
    assert {"adjust", "convert", "crop", "pipeline", "resize", "rotate", "watermark"} <= set(OPERATIONS)
