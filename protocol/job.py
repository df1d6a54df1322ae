"""The job's envelope: the fields every operation takes, and the shapes an input can have."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from mediamill.protocol.errors import InvalidJob

JobId = Annotated[str, Meta(max_length=128)] | int
"""A string of up to 128 characters or an integer, echoed exactly."""

MAX_MILLISECONDS = 7 * 24 * 3600 * 1000


class InputSource(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An input that is more than a plain path: exactly one of its fields is given."""

    path: Annotated[str, Meta(min_length=1, description="A path.")] | UnsetType = UNSET
    path_b64: Annotated[bytes, Meta(min_length=1, description="The exact bytes of a path, base64.")] | UnsetType = UNSET
    data_base64: Annotated[bytes, Meta(description="The file itself, base64.")] | UnsetType = UNSET
    url: Annotated[str, Meta(min_length=1, description="http, https, s3, gs, ...")] | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse none and more than one."""
        given = [name for name in self.__struct_fields__ if getattr(self, name) is not UNSET]
        if len(given) != 1:
            raise InvalidJob(
                f"An input object takes exactly one of path, path_b64, data_base64 and url, received "
                f"{' and '.join(given) or 'none'}.",
                expected="exactly one of path, path_b64, data_base64, url",
            )


Source = Annotated[str, Meta(min_length=1, description="A path.")] | InputSource
"""Where an input comes from: a path, or an object."""

OutputPath = Annotated[str, Meta(min_length=1)]


class Job(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="operation", omit_defaults=True):
    """What every job may say besides its operation's own fields.

    Operations derive from it, so that a job is one flat object on the wire and one typed object inside.
    """

    id: Annotated[JobId, Meta(description="Echoed in the result; results then come as they finish.")] | UnsetType = (
        UNSET
    )
    priority: Annotated[int, Meta(ge=-10, le=10, description="Higher goes first.")] = 0
    timeout_ms: (
        Annotated[int, Meta(ge=1, le=MAX_MILLISECONDS, description="Limit of the job's run, in milliseconds.")] | None
    ) = None
    stall_ms: (
        Annotated[int, Meta(ge=1, le=MAX_MILLISECONDS, description="Limit without any progress, in milliseconds.")]
        | None
    ) = None
    progress: Annotated[bool, Meta(description="Send events for this job; needs an id.")] = False
    overwrite: Annotated[
        Literal["replace", "error", "skip"], Meta(description="What happens to an output that exists.")
    ] = "replace"
    cache: Annotated[Literal["use", "refresh", "off"], Meta(description="Reuse stored outputs of the same work.")] = (
        "off"
    )
    dry_run: Annotated[bool, Meta(description="Say what would be written and what it costs; write nothing.")] = False
    retries: (
        Annotated[
            int,
            Meta(ge=0, le=25, description="Retries for retryable codes; a crash is retried once by default."),
        ]
        | None
    ) = None
    meta: Annotated[Any, Meta(description="Any JSON up to 16 KiB, echoed in the result.")] | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        if self.progress and self.id is UNSET:
            raise InvalidJob(
                "progress needs an id, because events name their job by it.",
                field="progress",
                received=True,
                expected="an id beside it",
            )
