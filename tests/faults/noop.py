"""A job that does nothing, for the engine's own overhead."""

from typing import Any

from mediamill.operations.contract import Context, Plan
from mediamill.protocol.job import Job

SUMMARY = "Do nothing."
EXAMPLE = {"operation": "noop"}


class Params(Job, frozen=True, kw_only=True, tag="noop"):
    n: int = 0
    answer: Any = None


def plan(params: Params, ctx: Context) -> Plan:
    return Plan()


def run(params: Params, ctx: Context) -> dict[str, Any]:
    return {"n": params.n, "answer": params.answer}
