"""The stream: job lines in, result lines out, for as long as the host keeps the pipe open.

One loop owns all state. Jobs without an id are answered in their order, jobs with one as they finish. Beyond the window
reading goes on only as far as a small look-ahead, in which controls for running jobs are still obeyed.
"""

import contextlib
import os
import selectors
import signal
import socket
import stat
import time
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Any

import msgspec
from msgspec import UNSET

from mediamill.engine import platform
from mediamill.engine.capabilities import formats
from mediamill.engine.core import Engine
from mediamill.engine.pipes import Reader, Writer
from mediamill.engine.registry import Registry
from mediamill.engine.settings import Settings
from mediamill.engine.spool import Spool
from mediamill.engine.stdio import write_stderr
from mediamill.engine.task import State, Task
from mediamill.protocol import version
from mediamill.protocol.controls import Cancel, Control, Drain, Hello, Input, Ping, Stats
from mediamill.protocol.decode import decode_line, parse, to_message
from mediamill.protocol.errors import DuplicateId, Internal, LineTooLong, MediaError, ShuttingDown
from mediamill.protocol.events import Event, HelloEvent, Log, Pong, StatsEvent
from mediamill.protocol.framing import LineSplitter, TooLong
from mediamill.protocol.job import Job
from mediamill.protocol.results import Result, encode, failed

EXIT_OK, EXIT_OUTPUT_LOST = 0, 74
LOOK_AHEAD_BYTES = 1 << 20
LAST_WORDS_SECONDS = 2.0


class Stream:
    """Serves one host over a pair of descriptors.

    Args:
        settings: The settings in force.
        registry: The operations there are.
        reads: The descriptor job lines come from.
        writes: The descriptor result lines go to.
    """

    def __init__(self, settings: Settings, registry: Registry, reads: int, writes: int) -> None:
        self._settings = settings
        self._registry = registry
        self._engine = Engine(settings, registry, write_stderr)
        self._wake_in, self._wake_out = socket.socketpair()
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        self._engine.pool.selector.register(self._wake_out, selectors.EVENT_READ, self._on_wake)
        self._window = settings.window
        self._writes = writes
        self._parent = os.getppid()
        self._is_pipe = stat.S_ISFIFO(os.fstat(writes).st_mode) or stat.S_ISSOCK(os.fstat(writes).st_mode)
        self._spool = Spool()
        self._reader = Reader(reads, self._wake)
        self._writer = Writer(writes, self._spool, self._wake)
        self._splitter = LineSplitter(settings.max_line_bytes)
        self._held: deque[bytes | TooLong] = deque()
        self._held_bytes = 0
        self._cancels: dict[tuple[type, Any], list[bool]] = {}
        """For each id, the cancels among the held lines, and whether they have been obeyed before their turn."""
        self._ordered: deque[list[bytes | None]] = deque()
        self._submitted = 0
        self._blocked = 0
        self._live: dict[tuple[type, Any], Task] = {}
        self._ended = False
        self._draining = False
        self._signals: list[int] = []
        self._stop_at: float | None = None

    def serve(self) -> int:
        """Serve until the input ends, a signal comes or the host is gone; return the exit status."""
        with _signals(self._on_signal, self._wake_in.fileno()):
            self._reader.start()
            self._writer.start()
            while not self._done():
                self._engine.step(self._patience())
                self._take_input()
                if self._host_gone():
                    self._engine.stop()
                    return EXIT_OUTPUT_LOST
                self._heed_signals()
                self._admit()
            return self._finish()

    def _done(self) -> bool:
        over = self._stop_at is not None or self._draining or self._ended
        return over and not self._held and not self._engine.live

    def _finish(self) -> int:
        self._engine.stop()
        self._spool.close()
        while self._writer.is_alive() and not self._signals:
            self._writer.join(0.25)
        self._writer.join(LAST_WORDS_SECONDS)
        if self._writer.gone:
            return EXIT_OUTPUT_LOST
        return 128 + self._signals[0] if self._signals else EXIT_OK

    def _patience(self) -> float | None:
        """Return how long to wait at most: as long as nothing but the host's end can change."""
        if self._stop_at is not None:
            return max(0.0, min(0.25, self._stop_at - time.monotonic()))
        return 0.25 if self._engine.live else 1.0

    def _host_gone(self) -> bool:
        """Return whether nobody reads any more: the reader has closed, or the parent that held the pipe is gone."""
        orphaned = self._is_pipe and os.getppid() != self._parent
        return self._writer.gone or orphaned or platform.reader_gone(self._writes)

    def _take_input(self) -> None:
        for chunk in self._reader.take():
            lines = self._splitter.feed(chunk) if chunk else self._splitter.close()
            self._ended = self._ended or not chunk
            for line in lines:
                self._hear(line)

    def _hear(self, line: bytes | TooLong) -> None:
        """Queue a line, unless it is a control that need not wait for the jobs before it."""
        if isinstance(line, bytes) and b'"control"' in line and self._obey_early(line):
            return
        self._held.append(line)
        self._held_bytes += len(line) if isinstance(line, bytes) else 0

    def _obey_early(self, line: bytes) -> bool:
        try:
            control = to_message(parse(line), self._registry)
        except MediaError:
            return False
        if isinstance(control, Cancel) and _key(control.id) not in self._live:
            # Its job may be held itself, and is then cancelled as soon as it is admitted, however full the window is.
            self._cancels.setdefault(_key(control.id), []).append(False)
            return False
        if isinstance(control, (Cancel, Input, Ping, Hello, Stats)):
            self._obey(control)
            return True
        return False

    def _admit(self) -> None:
        """Take held lines for as long as the window has room, then open or close the reader's gate."""
        while self._held and (self._unanswered < self._window or self._refusing):
            line = self._held.popleft()
            self._held_bytes -= len(line) if isinstance(line, bytes) else 0
            self._handle(line)
        if self._held_bytes > LOOK_AHEAD_BYTES or len(self._held) > 10_000:
            self._reader.gate.clear()
        else:
            self._reader.gate.set()

    @property
    def _unanswered(self) -> int:
        """How many jobs run, wait, or are done and wait for an earlier one's result."""
        return self._submitted + self._blocked

    @property
    def _refusing(self) -> bool:
        return self._draining or self._stop_at is not None

    def _handle(self, line: bytes | TooLong) -> None:
        if isinstance(line, TooLong):
            error = LineTooLong(
                f"The line has {line.size} bytes, above max_line_bytes = {self._settings.max_line_bytes}.",
                received=line.size,
                expected=f"at most {self._settings.max_line_bytes} bytes",
            )
            self._answer_now(failed("unknown", error))
            return
        message = decode_line(line, self._registry)
        if isinstance(message, Result):
            self._answer_now(message)
        elif isinstance(message, Control):
            if not (isinstance(message, Cancel) and self._was_obeyed(message)):
                self._obey(message)
        else:
            self._submit(message)

    def _was_obeyed(self, cancel: Cancel) -> bool:
        """Take a held cancel off the books; return whether it reached its job before its turn."""
        key = _key(cancel.id)
        turns = self._cancels.pop(key, [False])
        if turns[1:]:
            self._cancels[key] = turns[1:]
        return turns[0]

    def _submit(self, job: Job) -> None:
        if self._refusing:
            error: MediaError = ShuttingDown("The engine is stopping and takes no more jobs.")
            self._answer_now(failed(_name(job), error, id=job.id, meta=job.meta))
        elif job.id is UNSET:
            slot: list[bytes | None] = [None]
            self._ordered.append(slot)
            self._submitted += 1
            self._engine.submit(job, lambda _, result: self._fill_submitted(slot, result), self._say)
        elif _key(job.id) in self._live:
            error = DuplicateId(f"A job with the id {job.id!r} is still live; it goes on.", field="id", received=job.id)
            self._answer_now(failed(_name(job), error, id=job.id, meta=job.meta))
        else:
            key = _key(job.id)
            self._submitted += 1
            task = self._engine.submit(job, lambda _, result: self._answer_live(key, result), self._say)
            if task.state is not State.DONE:
                self._live[key] = task
                if key in self._cancels:
                    self._cancels[key][0] = True
                    self._engine.cancel(task)

    def _answer_now(self, result: Result) -> None:
        """Answer a line that never became a job, in its place where it has no id."""
        if result.id is UNSET:
            self._ordered.append([None])
            self._fill(self._ordered[-1], result)
        else:
            self._spool.put(_line(result))

    def _answer_live(self, key: tuple[type, Any], result: Result) -> None:
        self._submitted -= 1
        self._live.pop(key, None)
        self._spool.put(_line(result))

    def _fill_submitted(self, slot: list[bytes | None], result: Result) -> None:
        self._submitted -= 1
        self._fill(slot, result)

    def _fill(self, slot: list[bytes | None], result: Result) -> None:
        """Answer a job without an id, and all after it that waited for it."""
        slot[0] = _line(result)
        self._blocked += 1
        while self._ordered and (line := self._ordered[0][0]) is not None:
            self._ordered.popleft()
            self._blocked -= 1
            self._spool.put(line)

    def _say(self, event: Event) -> None:
        self._spool.put(msgspec.json.encode(event))

    def _obey(self, control: Control) -> None:
        if isinstance(control, Hello):
            self._say(self._hello())
        elif isinstance(control, Ping):
            self._say(Pong(id=control.id))
        elif isinstance(control, Stats):
            self._say(self._stats())
        elif isinstance(control, Drain):
            self._draining = True
        elif isinstance(control, Cancel):
            task = self._live.get(_key(control.id))
            if task is not None:
                self._engine.cancel(task)
            else:
                self._say(Log(level="warning", message="No live job has this id.", id=control.id))
        elif isinstance(control, Input):
            task = self._live.get(_key(control.id))
            if task is None or not self._engine.answer(task, control.request_id, control.value):
                self._say(Log(level="warning", message="No job waits for this answer.", id=control.id))

    def _hello(self) -> HelloEvent:
        return HelloEvent(
            protocol=version.PROTOCOL,
            engine=version.ENGINE,
            operations=self._registry.names,
            formats=formats(),
            limits=msgspec.to_builtins(self._settings.limits)
            | {"max_line_bytes": self._settings.max_line_bytes, "window": self._settings.window},
        )

    def _stats(self) -> StatsEvent:
        engine = self._engine
        return StatsEvent(
            queued=engine.scheduler.queued,
            running=engine.scheduler.running,
            succeeded=engine.succeeded,
            failed=engine.failed,
            retried=engine.retried,
            merged=engine.merged,
            workers=len(engine.pool.workers),
            workers_started=engine.pool.started,
            workers_died=engine.pool.died,
            memory_bytes=platform.resident_bytes(),
            uptime=round(time.monotonic() - engine.began, 3),
        )

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self._signals.append(number)

    def _heed_signals(self) -> None:
        """At the first signal refuse what has not started and set the end; at the second, or that end, kill."""
        if not self._signals:
            return
        if self._stop_at is None:
            self._stop_at = time.monotonic() + self._settings.grace
            self._engine.refuse_queued()
            self._reader.gate.clear()
        if len(self._signals) > 1 or time.monotonic() >= self._stop_at:
            self._engine.stop()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._wake_in.send(b"w")

    def _on_wake(self, _: int) -> None:
        with contextlib.suppress(OSError):
            self._wake_out.recv(1 << 16)


@contextlib.contextmanager
def _signals(handler: Callable[[int, FrameType | None], None], wake: int) -> Any:
    """Have SIGTERM and SIGINT noted while the loop runs, and wake it."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, handler) for number in numbers]
    descriptor = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(descriptor)
        for number, old in zip(numbers, before, strict=True):
            signal.signal(number, old)


def _key(job_id: Any) -> tuple[type, Any]:
    return type(job_id), job_id


def _line(result: Result) -> bytes:
    """Encode a result; one that cannot be, because its metadata nests too deep, is a failed one."""
    try:
        return encode(result)
    except (RecursionError, TypeError, ValueError) as error:
        fault = Internal("The result cannot be written as JSON.", detail=str(error))
        return encode(failed(result.operation, fault, id=result.id, meta=result.meta, elapsed_ms=result.elapsed_ms))


def _name(job: Job) -> str:
    return str(job.__struct_config__.tag)
