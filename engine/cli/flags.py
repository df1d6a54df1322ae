"""Flags made from declared fields: one for each, with its type, bounds and description from the declaration."""

import argparse
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NoReturn, Union, get_args, get_origin

import msgspec
from msgspec import UNSET, Struct, UnsetType

from mediamill.protocol.names import nearest


class Parser(argparse.ArgumentParser):
    """A parser that says which flag an unknown one was probably meant to be."""

    def error(self, message: str) -> NoReturn:
        """Print the message, with the nearest flag to an unknown one, and where help is; exit with 2."""
        _, unknown, words = message.partition("unrecognized arguments: ")
        if unknown:
            flags = [flag for flag in self._option_string_actions if flag.startswith("--")]
            typed = next((word.partition("=")[0] for word in words.split() if word.startswith("--")), "")
            near = nearest(typed.lstrip("-"), [flag[2:].replace("-", "_") for flag in flags])
            message += f". Did you mean --{near.replace('_', '-')}?" if near else ""
        self.exit(2, f"{self.prog}: {message}\n  `{self.prog} --help` explains its flags.\n")


def add_flags(parser: argparse.ArgumentParser, kind: type[Struct], skip: Iterable[str] = ()) -> None:
    """Add a flag for each field of a declared type. What is not given stays out of the parsed values."""
    for field in msgspec.structs.fields(kind):
        if field.encode_name in skip:
            continue
        _add(parser, field)


def given(arguments: argparse.Namespace, kind: type[Struct]) -> dict[str, Any]:
    """Return the values of the flags that were given, by field."""
    names = {field.encode_name for field in msgspec.structs.fields(kind)}
    return {name: value for name, value in vars(arguments).items() if name in names}


def _add(parser: argparse.ArgumentParser, field: msgspec.structs.FieldInfo) -> None:
    flag = "--" + field.encode_name.replace("_", "-")
    members = list(_members(field.type))
    common: dict[str, Any] = {"dest": field.encode_name, "default": argparse.SUPPRESS, "help": _help(field, members)}
    if bool in members:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, **common)
    elif any(get_origin(member) in (list, tuple) for member in members):
        parser.add_argument(flag, type=_items(members), metavar="JSON" if _holds_objects(members) else "A,B", **common)
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
    text = " ".join(descriptions(field.type)) or field.name.replace("_", " ")
    choices = [str(choice) for member in members if get_origin(member) is Literal for choice in get_args(member)]
    if choices:
        text += f" One of {', '.join(choices)}."
    if field.default is not False and field.default not in (msgspec.NODEFAULT, None, UNSET, ()):
        text += f" Default: {field.default}."
    return text.replace("%", "%%")


def descriptions(kind: Any) -> Iterable[str]:
    """Yield what a declared type says of itself, the outer part first."""
    if get_origin(kind) is Annotated:
        inner, *metas = get_args(kind)
        yield from (meta.description for meta in metas if isinstance(meta, msgspec.Meta) and meta.description)
        yield from descriptions(inner)
    elif get_origin(kind) in (Union, types.UnionType):
        for member in get_args(kind):
            yield from descriptions(member)


def _metavar(members: list[Any]) -> str:
    if any(get_origin(member) is Literal for member in members):
        return "NAME"
    names = {int: "N", float: "X", str: "TEXT"}
    return next((names[member] for member in members if member in names), "VALUE")


def _scalar(members: list[Any]) -> Any:
    """Return what parses one value: numbers and JSON objects where allowed, else text; bounds are the job's matter."""
    kinds = {type(choice) for member in members if get_origin(member) is Literal for choice in get_args(member)}
    kinds.update(member for member in members if member in (int, float))
    has_objects = any(isinstance(member, type) and issubclass(member, (Struct, dict)) for member in members)

    def parse(value: str) -> Any:
        if has_objects and value.startswith("{"):
            try:
                return msgspec.json.decode(value)
            except msgspec.DecodeError:
                return value
        for number in (int, float):
            if number in kinds or (number is int and float in kinds):
                try:
                    return number(value)
                except ValueError:
                    continue
        return value

    return parse


def _items(members: list[Any]) -> Any:
    """Return what parses `a,b`: each item like a single value of the type the list holds; objects come as JSON."""
    parse = _scalar(_inner(members))

    def parse_all(value: str) -> Any:
        if _holds_objects(members) and value.lstrip().startswith(("[", "{")):
            try:
                found = msgspec.json.decode(value)
            except msgspec.DecodeError as error:
                raise argparse.ArgumentTypeError(f"not valid JSON: {error}") from None
            return found if isinstance(found, list) else [found]
        return [parse(item) for item in value.split(",") if item]

    return parse_all


def _inner(members: list[Any]) -> list[Any]:
    """Return the types of the items of those members that are lists."""
    lists = [member for member in members if get_origin(member) in (list, tuple)]
    return [inner for member in lists for inner in _members(get_args(member)[0])]


def _holds_objects(members: list[Any]) -> bool:
    """Return whether items are objects alone, which nobody could write between commas."""
    inner = _inner(members)
    return bool(inner) and all(isinstance(one, type) and issubclass(one, Struct) for one in inner)
