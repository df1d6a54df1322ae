"""A job that asks the host."""

from typing import Annotated, Any

from msgspec import Meta

from mediamill.operations.contract import Context, Plan
from mediamill.protocol.errors import PasswordRequired
from mediamill.protocol.job import Job

SUMMARY = "Ask the host for something."
EXAMPLE = {"operation": "asker", "needed": False}


class Params(Job, frozen=True, kw_only=True, tag="asker"):
    question: str = "The password of the document?"
    kind: str = "password"
    times: Annotated[int, Meta(ge=1, description="How often it asks.")] = 1
    needed: Annotated[bool, Meta(description="Whether no answer is a failure.")] = True


def plan(params: Params, ctx: Context) -> Plan:
    return Plan()


def run(params: Params, ctx: Context) -> dict[str, Any]:
    answers = [ctx.ask(params.question, params.kind) for _ in range(params.times)]
    if params.needed and None in answers:
        raise PasswordRequired("Nobody answered.")
    return {"answers": answers}
