"""Control lines: what a host can say besides jobs."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from mediamill.protocol.job import JobId


class Control(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="control",
    tag=str.lower,
    omit_defaults=True,
):
    """A line with `control` in it."""


class Hello(Control, frozen=True):
    """Ask who the engine is; answered by a `hello` event."""


class Ping(Control, frozen=True):
    """Ask for a sign of life; answered by a `pong` event that echoes the id."""

    id: JobId | UnsetType = UNSET


class Stats(Control, frozen=True):
    """Ask for the engine's counters; answered by a `stats` event."""


class Cancel(Control, frozen=True):
    """Stop the live job with this id; its result is the answer."""

    id: Annotated[JobId, Meta(description="The id of a live job.")]


class Drain(Control, frozen=True):
    """Take no more jobs, finish the admitted ones, then exit."""


class Input(Control, frozen=True):
    """A paused job's answer to `input_needed`."""

    id: JobId
    request_id: str
    value: Annotated[Any, Meta(description="The answer: a password, a choice. null declines.")] = None


CONTROLS: dict[str, type[Control]] = {kind.__name__.lower(): kind for kind in Control.__subclasses__()}
