"""A job whose exception cannot be pickled, and whose message is not even text."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from mediamill.operations.contract import Context, Plan
from mediamill.protocol.job import Job

SUMMARY = "Raise what does not travel between processes."
EXAMPLE = {"operation": "unpicklable"}


class Params(Job, frozen=True, kw_only=True, tag="unpicklable"):
    mode: Annotated[
        Literal["init", "str", "group"],
        Meta(description="A class with its own __init__, one whose text fails, or a group of exceptions."),
    ] = "init"
    n: int = 0


class WithArguments(Exception):
    def __init__(self, first: str, second: Any) -> None:
        super().__init__("only one argument is kept \udcff")
        self.first, self.second = first, second


class WithoutText(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


def plan(params: Params, ctx: Context) -> Plan:
    return Plan()


def run(params: Params, ctx: Context) -> dict[str, Any]:
    if params.mode == "str":
        raise WithoutText
    if params.mode == "group":
        raise ExceptionGroup("several", [WithArguments("a", lambda: None), KeyError("x")])
    raise WithArguments("a", lambda: None)
