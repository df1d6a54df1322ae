"""The `Context` operations run in, and the channel it reports over."""

import os
import tempfile
import time
from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import UNSET

from mediamill.engine.inputs import Inputs
from mediamill.engine.outputs import Move, Outputs
from mediamill.engine.settings import Settings
from mediamill.operations.contract import Blob, Limits, Plan, Stream, Target
from mediamill.protocol.errors import OutputUnwritable, TimedOut
from mediamill.protocol.job import Job, Source
from mediamill.protocol.results import Output, Result

EVENT_INTERVAL = 0.25
"""Seconds between two progress events of a job, at least."""


class Channel(Protocol):
    """What a running job says to whoever started it.

    Attributes:
        warm: Whether the process does more jobs after this one.
    """

    warm: bool

    def announce(self, path: str) -> None:
        """Name a temporary file before it is made."""

    def progress(self, percent: float, message: str | None, stages: dict[str, float]) -> None:
        """Pass progress on."""

    def output(self, output: Output) -> None:
        """Say that an output is encoded."""

    def reserve(self, memory_bytes: int) -> None:
        """Wait for memory."""

    def ask(self, question: str, kind: str) -> Any:
        """Ask the host; None where nobody answers."""

    def check(self) -> None:
        """Raise where the job is to stop."""

    def commit(self, moves: list[Move], result: Result) -> None:
        """Hand over the renames and the result, right before the renames begin."""


class LocalChannel:
    """A channel for a job that runs in the engine's own process: nobody listens, only the clock runs."""

    warm = False

    def __init__(self, timeout_ms: int = 0) -> None:
        self._timeout_ms = timeout_ms
        self.temporaries: list[str] = []
        self._started = time.monotonic()

    def announce(self, path: str) -> None:
        """Note what is made, for a watchdog that has to end the process."""
        self.temporaries.append(path)

    def progress(self, percent: float, message: str | None, stages: dict[str, float]) -> None:
        """Nobody listens."""

    def output(self, output: Output) -> None:
        """Nobody listens."""

    def reserve(self, memory_bytes: int) -> None:
        """There is nobody to share with."""

    def ask(self, question: str, kind: str) -> Any:
        """Nobody answers."""
        return None

    def check(self) -> None:
        """Raise TimedOut once the job's limit has passed."""
        if self._timeout_ms and (time.monotonic() - self._started) * 1000 > self._timeout_ms:
            raise TimedOut(f"The job ran longer than its limit of {self._timeout_ms} ms.")

    def commit(self, moves: list[Move], result: Result) -> None:
        """Nothing to hand over."""


class JobContext:
    """All an operation sees of the engine; implements `operations.contract.Context`."""

    def __init__(self, job: Job, settings: Settings, channel: Channel, threads: int) -> None:
        self._job = job
        self._channel = channel
        self._threads = threads
        self._limits = settings.limits
        self._inputs = Inputs(self._limits, settings.roots)
        self._blobs: dict[tuple[str, str], Blob | Stream] | None = None
        self._reserved = 0
        self._percent = 0.0
        self._last = 0.0
        self.outputs = Outputs(
            overwrite=job.overwrite,
            in_place=bool(getattr(job, "in_place", False)),
            inline=bool(getattr(job, "inline", False)),
            roots=settings.roots,
            fsync=settings.fsync,
            announce=channel.announce,
        )

    @property
    def threads(self) -> int:
        """How many threads this job may use."""
        return self._threads

    @property
    def warm(self) -> bool:
        """Whether this process does more jobs after this one."""
        return self._channel.warm

    @property
    def limits(self) -> Limits:
        """The limits in force."""
        return self._limits

    def read(self, source: Source, field: str = "input") -> Blob:
        """Open, check and read an input."""
        self._channel.check()
        if self._blobs is None:
            return self._inputs.read(source, field)
        key = (field, repr(source))
        known = self._blobs.get(key)
        if not isinstance(known, Blob):
            known = self._blobs[key] = self._inputs.read(source, field)
        return known

    def open(self, source: Source, field: str = "input") -> Stream:
        """Open and check an input."""
        self._channel.check()
        stream = self._inputs.open(source, field)
        if self._blobs is not None:
            self._blobs.setdefault((field, repr(source)), stream)
        return stream

    def close(self) -> None:
        """Close the inputs."""
        self._inputs.close()

    def remember(self) -> None:
        """Keep inputs once they are read, so that their digests tell what the job read."""
        self._blobs = {}

    def digests(self) -> list[str]:
        """Return the SHA-256 of each input read or opened since `remember`, in the order of reading."""
        return [_digest(opened) for opened in (self._blobs or {}).values()]

    def reserve(self, memory_bytes: int) -> None:
        """Wait until the job may use this much memory in all."""
        more = memory_bytes - self._reserved
        if more > 0:
            self._channel.reserve(more)
            self._reserved = memory_bytes

    def claim(self, plan: Plan) -> tuple[Target, ...]:
        """Check and prepare the places of the outputs."""
        return self.outputs.claim(plan, self._inputs.files)

    def look_at(self, plan: Plan) -> tuple[Target, ...]:
        """Check the places of the outputs as `claim` does, and touch nothing."""
        return self.outputs.claim(plan, self._inputs.files, make=False)

    def write(self, target: Target, data: bytes, **facts: Any) -> None:
        """Write a claimed output's bytes to its temporary file."""
        self._channel.check()
        output = self.outputs.write(target, data, facts)
        if self._job.progress:
            self._channel.output(output)

    def create(self, target: Target) -> str:
        """Make a claimed output's temporary file."""
        self._channel.check()
        return self.outputs.create(target)

    def scratch(self, names: Sequence[str]) -> str:
        """Make a private folder for the time the job runs; its files are removed with a dead worker's."""
        folder = os.path.join(tempfile.gettempdir(), f"mediamill-{os.urandom(8).hex()}")
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            self._channel.announce(path)
        try:
            os.mkdir(folder, 0o700)
        except OSError as error:
            raise OutputUnwritable(f"No temporary folder can be made: {error.strerror}", detail=folder) from None
        return folder

    def finish(self, target: Target, **facts: Any) -> None:
        """Flush an output that was written by name."""
        self._channel.check()
        output = self.outputs.finish(target, facts)
        if self._job.progress:
            self._channel.output(output)

    def progress(self, percent: float, message: str | None = None, **stages: float) -> None:
        """Pass progress on, never falling and at most four times a second."""
        self._channel.check()
        now = time.monotonic()
        if now - self._last < EVENT_INTERVAL:
            return
        self._last = now
        if percent > self._percent:
            self._percent = min(100.0, percent)
        self._channel.progress(self._percent, message, stages)

    def check(self) -> None:
        """Raise where the job should stop."""
        self._channel.check()

    def ask(self, question: str, kind: str) -> Any:
        """Ask the host, where it asked for events and so can answer."""
        if not self._job.progress or self._job.id is UNSET:
            return None
        return self._channel.ask(question, kind)


def _digest(opened: Blob | Stream) -> str:
    import hashlib

    if isinstance(opened, Blob):
        return hashlib.sha256(opened.data).hexdigest()
    with open(os.dup(opened.descriptor), "rb") as file:
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
    return digest
