"""Flags made from declared fields: one for each, with its type, bounds and description from the declaration."""

import argparse
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import UNSET, Struct, UnsetType


def add_flags(parser: argparse.ArgumentParser, kind: type[Struct], skip: Iterable[str] = ()) -> None:
    """Add a flag for each field of a declared type. What is not given stays out of the parsed values."""
    for field in msgspec.structs.fields(kind):
        if field.name in skip:
            continue
        _add(parser, field)


def given(arguments: argparse.Namespace, kind: type[Struct]) -> dict[str, Any]:
    """Return the values of the flags that were given, by field."""
    names = {field.name for field in msgspec.structs.fields(kind)}
    return {name: value for name, value in vars(arguments).items() if name in names}


def _add(parser: argparse.ArgumentParser, field: msgspec.structs.FieldInfo) -> None:
    flag = "--" + field.name.replace("_", "-")
    members = list(_members(field.type))
    common: dict[str, Any] = {"dest": field.name, "default": argparse.SUPPRESS, "help": _help(field, members)}
    if bool in members:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, **common)
    elif any(get_origin(member) in (list, tuple) for member in members):
        parser.add_argument(flag, type=_items, metavar="A,B", **common)
    else:
        parser.add_argument(flag, type=_scalar(members), metavar=_metavar(members), **common)


def _members(kind: Any) -> Iterable[Any]:
    """Yield the plain types of a declared type, without Annotated, unions, None and UNSET."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _members(get_args(kind)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(kind):
            yield from _members(member)
    elif kind not in (UnsetType, type(None)):
        yield kind


def _help(field: msgspec.structs.FieldInfo, members: list[Any]) -> str:
    text = " ".join(_descriptions(field.type)) or field.name.replace("_", " ")
    choices = [str(choice) for member in members if get_origin(member) is Literal for choice in get_args(member)]
    if choices:
        text += f" One of {', '.join(choices)}."
    if field.default not in (msgspec.NODEFAULT, None, UNSET, (), False):
        text += f" Default: {field.default}."
    return text.replace("%", "%%")


def _descriptions(kind: Any) -> Iterable[str]:
    if get_origin(kind) is Annotated:
        inner, *metas = get_args(kind)
        yield from (meta.description for meta in metas if isinstance(meta, msgspec.Meta) and meta.description)
        yield from _descriptions(inner)
    elif get_origin(kind) in (Union, types.UnionType):
        for member in get_args(kind):
            yield from _descriptions(member)


def _metavar(members: list[Any]) -> str:
    if any(get_origin(member) is Literal for member in members):
        return "NAME"
    names = {int: "N", float: "X", str: "TEXT"}
    return next((names[member] for member in members if member in names), "VALUE")


def _scalar(members: list[Any]) -> Any:
    """Return what parses one value: numbers where numbers are allowed, else text; bounds are checked with the job."""

    def parse(value: str) -> Any:
        for number in (int, float):
            if number in members or (number is int and float in members):
                try:
                    return number(value)
                except ValueError:
                    continue
        return value

    return parse


def _items(value: str) -> list[Any]:
    return [_number(item) for item in value.split(",") if item]


def _number(item: str) -> Any:
    for kind in (int, float):
        try:
            return kind(item)
        except ValueError:
            continue
    return item
