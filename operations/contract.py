"""What an operation is, and all it sees of the engine.

An operation is one file in a medium's folder, named as the operation. It holds

- `Params`, a frozen Struct derived from `Job` and tagged with the operation's name,
- `SUMMARY`, one line for help and reference,
- `EXAMPLE`, one job that runs on a sample,
- `plan(params, ctx) -> Plan`, what would be written and what it costs, from headers alone,
- `run(params, ctx) -> Metadata`, the work,
- and, where the default does not fit, `LANE`.

An operation made of other jobs has `expand` and `collect` in the place of `plan` and `run`.
"""

from typing import Any, Literal, Protocol

from msgspec import Struct

from mediamill.operations.sniff import Kind
from mediamill.protocol.job import Source

Metadata = dict[str, Any] | None
"""What a job says about its work, as plain JSON-able data."""

Lane = Literal["short", "long"]
"""Short jobs never wait behind long ones."""


class Limits(Struct, frozen=True, kw_only=True):
    """What an input or output may be at most, checked before any pixel is decoded."""

    max_input_bytes: int = 256 * 1024 * 1024
    max_pixels: int = 100_000_000
    max_side: int = 32_767
    max_frames: int = 1_000
    max_frame_pixels: int = 500_000_000
    max_scans: int = 100
    max_svg_bytes: int = 5 * 1024 * 1024
    max_stream_bytes: int = 64 * 1024 * 1024 * 1024


class Blob(Struct, frozen=True, kw_only=True):
    """An opened input: regular, within the limits, read into memory and looked at.

    Attributes:
        data: The whole file.
        name: The file's name without folders; `input` for inline data.
        path: The path the job gave, None for inline data.
        kind: What its first bytes say it is.
    """

    data: bytes
    name: str
    path: str | None
    kind: Kind


class Stream(Struct, frozen=True, kw_only=True):
    """An opened input that is too large to be read into memory: regular, and looked at.

    Attributes:
        descriptor: Open for reading for as long as the job runs; its position is shared by all who read from it.
        size: Bytes.
        name: The file's name without folders; `input` for inline data.
        path: The path the job gave, None for inline data.
        kind: What its first bytes say it is.
    """

    descriptor: int
    size: int
    name: str
    path: str | None
    kind: Kind


class Target(Struct, frozen=True, kw_only=True):
    """One output to be: where it goes, its format's long name and its size in pixels (0 where there is none).

    An empty path means that the bytes are only returned inline.
    """

    path: str
    format: str
    width: int = 0
    height: int = 0


class Plan(Struct, frozen=True, kw_only=True):
    """What a job would write and what it costs, known from headers.

    Attributes:
        targets: The outputs, in the order of the result.
        memory_bytes: The most memory the work holds at once, an estimate.
        pixels: Pixels decoded plus pixels encoded, the measure of the work.
        metadata: What else is known ahead, for the answer to a dry run.
    """

    targets: tuple[Target, ...] = ()
    memory_bytes: int = 0
    pixels: int = 0
    metadata: dict[str, Any] = {}


class Context(Protocol):
    """The engine as an operation sees it."""

    @property
    def threads(self) -> int:
        """How many threads this job may use."""

    @property
    def warm(self) -> bool:
        """Whether this process does more jobs after this one, so that loading a large library pays."""

    @property
    def limits(self) -> Limits:
        """The limits in force."""

    def read(self, source: Source, field: str = "input") -> Blob:
        """Open an input, check it and read it; raises an input error of the table that names `field`."""

    def open(self, source: Source, field: str = "input") -> Stream:
        """Open an input and check it, but leave its bytes where they are; raises as `read` does."""

    def reserve(self, memory_bytes: int) -> None:
        """Wait until the job may use this much memory in all; raises OutOfMemory where it never can."""

    def claim(self, plan: Plan) -> tuple[Target, ...]:
        """Check and prepare the places of the outputs, by the job's `overwrite`.

        Returns:
            The targets to make now: all of them, but for existing ones under `skip`.

        Raises:
            OutputExists: One exists under `error`, or is an input.
            PathDenied: One is outside the allowed roots or not a legal name.
            OutputUnwritable: Its folder cannot be made or written.
            InvalidJob: Two outputs have the same path.
        """

    def write(self, target: Target, data: bytes, **facts: Any) -> None:
        """Write a claimed output's bytes to a hidden temporary file in its folder.

        It appears under its path together with the job's other outputs, after `run` has returned.

        Args:
            target: One of the targets `claim` returned.
            data: The encoded file.
            facts: Further fields of the result's output: quality, frames, score, ...; format, width or height where
                they came out other than claimed.
        """

    def create(self, target: Target) -> str:
        """Make a claimed output's hidden temporary file, empty, for a library that writes files by name.

        Returns:
            Its path, in the folder of the output. Close what writes to it, then call `finish`.
        """

    def finish(self, target: Target, **facts: Any) -> None:
        """Flush an output that was written under the path `create` gave; the rest is as with `write`.

        Raises:
            OutputUnwritable: Nothing was written.
        """

    def progress(self, percent: float, message: str | None = None, **stages: float) -> None:
        """Say how far the work is, 0..100; named stages go along. Cheap: the engine thins it out."""

    def check(self) -> None:
        """Raise Cancelled or TimedOut where the job should stop. Call it between steps."""

    def ask(self, question: str, kind: str) -> Any:
        """Ask the host (kind: `password`, `choice`, ...) and wait; None where nobody can answer."""


class SubJobs(Struct, frozen=True, kw_only=True):
    """Jobs an operation is made of.

    Attributes:
        jobs: Raw jobs, each answered by a result of its own.
        parallel: How many may run at once; 0 leaves it to the engine.
    """

    jobs: list[dict[str, Any]]
    parallel: int = 0
