"""A job whose metadata is larger than a result line may be, or is no JSON."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from mediamill.operations.contract import Context, Plan
from mediamill.protocol.job import Job

SUMMARY = "Return odd metadata."
EXAMPLE = {"operation": "bulky", "kind": "list", "size": 10}


class Params(Job, frozen=True, kw_only=True, tag="bulky"):
    kind: Annotated[
        Literal[
            "list", "lists", "text", "keys", "deep", "surrogate", "nan", "null_key", "int_key", "object", "big_int"
        ],
        Meta(description="What the metadata holds."),
    ] = "list"
    size: Annotated[int, Meta(ge=0, description="How much of it.")] = 100_000
    n: int = 0


def plan(params: Params, ctx: Context) -> Plan:
    return Plan()


def run(params: Params, ctx: Context) -> dict[Any, Any]:
    return _METADATA[params.kind](params.size)


def _deep(size: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(size):
        value = {"in": value}
    return value


_METADATA: dict[str, Any] = {
    "list": lambda size: {"numbers": list(range(size))},
    "lists": lambda size: {"rows": [{"cells": list(range(100)), "row": row} for row in range(size)]},
    "text": lambda size: {"text": "\u0001\u2028x" * size},
    "keys": lambda size: {f"key {number}": number for number in range(size)},
    "deep": _deep,
    "surrogate": lambda size: {"text": "\ud800\udcff"},
    "nan": lambda size: {"numbers": [float("nan"), float("inf"), -float("inf"), 1e308]},
    "null_key": lambda size: {"inner": {None: 1, True: 2}},
    "int_key": lambda size: {1: 2},
    "object": lambda size: {"value": object()},
    "big_int": lambda size: {"value": 1 << 100},
}
