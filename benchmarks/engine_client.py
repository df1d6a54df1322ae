"""A client of the stream that takes next to no processor time itself: lines go out whole, results are only counted."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from benchmarks.harness import Bench, BenchmarkError, Usage, reap

READ_BYTES = 1 << 16


@dataclass(frozen=True)
class Exchange:
    """What came back.

    Attributes:
        seconds: From the first job written to the last result read.
        arrivals: When results came: seconds since the start, and how many there were by then.
        lines: The results, in the order they came.
    """

    seconds: float
    arrivals: list[tuple[float, int]]
    lines: list[bytes]

    def succeeded(self) -> int:
        """Return how many jobs succeeded."""
        return sum(line.startswith(b'{"success":true') for line in self.lines)

    def require(self, successes: int) -> Self:
        """Check that this many jobs succeeded.

        Raises:
            BenchmarkError: Others did; the first failure is told.
        """
        if self.succeeded() != successes:
            bad = next((line for line in self.lines if not line.startswith(b'{"success":true')), b"")
            raise BenchmarkError(
                f"{self.succeeded()} of {len(self.lines)} jobs succeeded, {successes} should have: {bad[:500]!r}"
            )
        return self


class Stream:
    """An engine that serves this process, from `with` to its end.

    Args:
        bench: How the engine is started.
        flags: Its settings.
        env: Variables on top of the benchmark's.
    """

    def __init__(self, bench: Bench, flags: Sequence[str] = (), env: Mapping[str, str] | None = None) -> None:
        self._command = [*bench.mediamill, "stream", *flags]
        self._env = {**bench.env, **(env or {})}
        self._cwd = bench.work
        self.usage = Usage(0.0, 0.0)
        """What the engine and its workers took, known after the end."""

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._env, cwd=self._cwd, bufsize=0
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin.fileno(), self._process.stdout.fileno()
        self.control("hello")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        if kind is not None:
            self._process.kill()
        while os.read(self._stdout, READ_BYTES):
            pass
        self.usage = reap(self._process, self._began)
        self._process.stdout.close()
        if kind is None and self._process.returncode:
            raise BenchmarkError(f"the engine ended with {self._process.returncode}")

    @property
    def pid(self) -> int:
        """The engine's process id."""
        return self._process.pid

    def control(self, name: str) -> dict[str, Any]:
        """Send a control line while no job is under way; return the event that answers it."""
        answer: dict[str, Any] = json.loads(self._exchange(json_line({"control": name}), 1).lines[0])
        return answer

    def run(self, jobs: Iterable[Mapping[str, Any]]) -> Exchange:
        """Send jobs as fast as they are taken, and wait for their results."""
        lines = [json_line(job) for job in jobs]
        return self._exchange(b"".join(lines), len(lines))

    def _exchange(self, text: bytes, count: int) -> Exchange:
        writer = threading.Thread(target=self._write, args=(text,), daemon=True)
        arrivals: list[tuple[float, int]] = []
        chunks: list[bytes] = []
        seen = 0
        began = time.perf_counter()
        writer.start()
        while seen < count:
            chunk = os.read(self._stdout, READ_BYTES)
            if not chunk:
                raise BenchmarkError(f"the engine was gone after {seen} of {count} results")
            seen += chunk.count(b"\n")
            chunks.append(chunk)
            arrivals.append((time.perf_counter() - began, seen))
        writer.join()
        return Exchange(arrivals[-1][0], arrivals, b"".join(chunks).splitlines())

    def _write(self, text: bytes) -> None:
        view = memoryview(text)
        while view:
            try:
                view = view[os.write(self._stdin, view) :]
            except OSError:
                return


def through(bench: Bench, jobs: Sequence[Mapping[str, Any]], flags: Sequence[str] = ()) -> Usage:
    """Do jobs in an engine with one worker; return what the engine and its worker took.

    Raises:
        BenchmarkError: One of them failed.
    """
    with Stream(bench, ("--workers", "1", *flags)) as stream:
        stream.run(jobs).require(len(jobs))
    return stream.usage


def json_line(message: Mapping[str, Any]) -> bytes:
    """Encode one line of the protocol."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def steady_rate(arrivals: Sequence[tuple[float, int]], warm: int, tail: int) -> float:
    """Return results a second while everything runs: without the first `warm` results and the last `tail`.

    Args:
        arrivals: Times in seconds and how many results there were by then, in their order.
        warm: Results that come while things start.
        tail: Results that come while things run dry.
    """
    last = arrivals[-1][1] - tail
    start = next((moment, seen) for moment, seen in arrivals if seen >= warm)
    end = next((moment, seen) for moment, seen in arrivals if seen >= last)
    if end[1] <= start[1]:
        raise BenchmarkError("too few results to tell a rate from")
    return (end[1] - start[1]) / (end[0] - start[0])
