"""The closed table of error codes, and one exception for each of them.

Everything that can go wrong with a job is raised as one of these classes and turned into a result in one place. The
table is the contract: the reference page, the schema and the exit statuses are made from it.

    MediaError
      InvalidJson, LineTooLong, InvalidJob, UnknownOperation, DuplicateId      what was said
      InputNotFound, InputUnreadable, UnsupportedFormat, CorruptInput,
      LimitExceeded, PathDenied, PasswordRequired                              what was given
      OutputExists, OutputUnwritable, DiskFull, TargetUnreachable,
      DependencyMissing, EncodeFailed                                          what was to be made
      TimedOut, Cancelled, WorkerCrashed, OutOfMemory, Overloaded,
      ShuttingDown, Internal                                                   what happened meanwhile
"""

from typing import Any, ClassVar, NamedTuple


class CodeInfo(NamedTuple):
    """One row of the table.

    Attributes:
        retryable: Whether the same job may succeed when it is sent again unchanged.
        exit_status: What a one-shot command exits with.
        meaning: What happened, in one sentence.
        way_out: What to do about it, in one sentence.
    """

    retryable: bool
    exit_status: int
    meaning: str
    way_out: str


CODES: dict[str, CodeInfo] = {
    "invalid_json": CodeInfo(
        False,
        2,
        "The line is not one strict JSON object.",
        "Send UTF-8 JSON with one object per line, no duplicate keys, NaN or unpaired surrogates.",
    ),
    "line_too_long": CodeInfo(
        False,
        2,
        "The line is longer than the engine reads.",
        "Pass a path instead of inline data, or start the engine with a higher --max-line-bytes.",
    ),
    "invalid_job": CodeInfo(
        False,
        2,
        "A field is unknown, missing, of the wrong type or out of its range.",
        "Correct the field the error names; `mediamill schema OPERATION` prints what is allowed.",
    ),
    "unknown_operation": CodeInfo(
        False,
        2,
        "No operation has this name.",
        "Use one of the names `mediamill caps` lists.",
    ),
    "duplicate_id": CodeInfo(
        False,
        1,
        "A job with this id is still live; it goes on.",
        "Give every live job an id of its own.",
    ),
    "input_not_found": CodeInfo(
        False,
        1,
        "The input does not exist.",
        "Check the path; relative paths start at the engine's folder.",
    ),
    "input_unreadable": CodeInfo(
        False,
        1,
        "The input exists but cannot be read as a regular file.",
        "Check permissions; folders, pipes and devices are not read.",
    ),
    "unsupported_format": CodeInfo(
        False,
        1,
        "The input's bytes are of a kind this operation does not take.",
        "The error says what the bytes look like; convert the file or choose the operation for its kind.",
    ),
    "corrupt_input": CodeInfo(
        False,
        1,
        "The input is damaged or cut short.",
        "Fetch or export the file again.",
    ),
    "limit_exceeded": CodeInfo(
        False,
        1,
        "The input or the output asked for is above a limit of the engine.",
        "The error names the limit and the actual value; raise the limit if the file is trusted.",
    ),
    "path_denied": CodeInfo(
        False,
        1,
        "The path is outside the allowed roots, or is not a name the engine accepts.",
        "Use a path under one of the roots `mediamill doctor` prints.",
    ),
    "output_exists": CodeInfo(
        False,
        1,
        "An output exists and the job asked not to replace it, or the output is the input.",
        "Choose another output, or set overwrite to replace or skip.",
    ),
    "output_unwritable": CodeInfo(
        False,
        1,
        "The output cannot be written there.",
        "Check that the folder is writable and the name legal.",
    ),
    "disk_full": CodeInfo(
        True,
        1,
        "There is no room for the output.",
        "Free space on the output's disk and send the job again.",
    ),
    "password_required": CodeInfo(
        False,
        1,
        "The document is encrypted and no or a wrong password was given.",
        "Send the password with the job.",
    ),
    "target_unreachable": CodeInfo(
        False,
        1,
        "No output meets the target asked for.",
        "Relax the target or allow a smaller picture.",
    ),
    "dependency_missing": CodeInfo(
        False,
        1,
        "A library this job needs is not installed.",
        "Install the package the error names.",
    ),
    "encode_failed": CodeInfo(
        False,
        1,
        "The encoder refused the picture or stream.",
        "Try another format; the detail holds its message.",
    ),
    "timeout": CodeInfo(
        False,
        1,
        "The job took longer than its limit and was stopped.",
        "Raise timeout_ms or stall_ms.",
    ),
    "cancelled": CodeInfo(False, 1, "The job was cancelled.", "Nothing to do; only the outputs it lists exist."),
    "worker_crashed": CodeInfo(
        True,
        1,
        "The worker process died while it ran this job, more often than it is retried.",
        "Send the job again; when it happens again, the input is likely hostile or a codec has a bug.",
    ),
    "out_of_memory": CodeInfo(
        False,
        1,
        "The job needed more memory than a worker may use.",
        "Use a smaller input or raise --worker-memory.",
    ),
    "overloaded": CodeInfo(True, 1, "The engine cannot take the job now.", "Send it again later."),
    "shutting_down": CodeInfo(True, 1, "The engine is stopping and did not start the job.", "Send it to a new engine."),
    "internal": CodeInfo(
        False,
        70,
        "The engine has a bug.",
        "Report the detail together with the job line.",
    ),
}


class MediaError(Exception):
    """A failure with a code of the table.

    Args:
        message: One sentence for a person: what is wrong and, where it helps, what to do.
        field: The path of the job's field at fault, such as `widths[1]`.
        received: The value the job had there.
        expected: What is allowed there.
        suggestion: The nearest valid name.
        detail: More for a log: a library's own message, a signal, the end of a trace.
    """

    code: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        received: Any = None,
        expected: str | None = None,
        suggestion: str | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.received = received
        self.expected = expected
        self.suggestion = suggestion
        self.detail = detail

    @property
    def retryable(self) -> bool:
        """Whether the same job may succeed when it is sent again."""
        return CODES[self.code].retryable


class InvalidJson(MediaError):
    """The line is not one strict JSON object."""

    code = "invalid_json"


class LineTooLong(MediaError):
    """The line is longer than the engine reads."""

    code = "line_too_long"


# It is a ValueError so that msgspec, where a nested type's own check raises it, tells at which path that was.
class InvalidJob(MediaError, ValueError):
    """A field is unknown, missing, of the wrong type or out of range."""

    code = "invalid_job"


class UnknownOperation(MediaError):
    """No operation has this name."""

    code = "unknown_operation"


class DuplicateId(MediaError):
    """A job with this id is still live."""

    code = "duplicate_id"


class InputNotFound(MediaError):
    """The input does not exist."""

    code = "input_not_found"


class InputUnreadable(MediaError):
    """The input cannot be read as a regular file."""

    code = "input_unreadable"


class UnsupportedFormat(MediaError):
    """The input's bytes are of a kind the operation does not take."""

    code = "unsupported_format"


class CorruptInput(MediaError):
    """The input is damaged or cut short."""

    code = "corrupt_input"


class LimitExceeded(MediaError):
    """A limit of the engine is exceeded; the message names limit and actual value."""

    code = "limit_exceeded"


class PathDenied(MediaError):
    """The path is outside the allowed roots or not acceptable as a name."""

    code = "path_denied"


class OutputExists(MediaError):
    """An output exists and may not be replaced."""

    code = "output_exists"


class OutputUnwritable(MediaError):
    """The output cannot be written there."""

    code = "output_unwritable"


class DiskFull(MediaError):
    """No room for the output."""

    code = "disk_full"


class PasswordRequired(MediaError):
    """The document is encrypted and the password is missing or wrong."""

    code = "password_required"


class TargetUnreachable(MediaError):
    """No output meets the target."""

    code = "target_unreachable"


class DependencyMissing(MediaError):
    """A library the job needs is not installed."""

    code = "dependency_missing"


class EncodeFailed(MediaError):
    """The encoder refused its input."""

    code = "encode_failed"


class TimedOut(MediaError):
    """The job took longer than its limit."""

    code = "timeout"


class Cancelled(MediaError):
    """The job was cancelled."""

    code = "cancelled"


class WorkerCrashed(MediaError):
    """The worker process died while it ran the job."""

    code = "worker_crashed"


class OutOfMemory(MediaError):
    """The job needed more memory than a worker may use."""

    code = "out_of_memory"


class Overloaded(MediaError):
    """The engine cannot take the job now."""

    code = "overloaded"


class ShuttingDown(MediaError):
    """The engine is stopping and did not start the job."""

    code = "shutting_down"


class Internal(MediaError):
    """The engine has a bug."""

    code = "internal"


BY_CODE: dict[str, type[MediaError]] = {error.code: error for error in MediaError.__subclasses__()}
