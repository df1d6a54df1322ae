"""Worker processes and their sockets: started, spoken to, listened to, killed, replaced.

One private socket pair a worker and no lock between them, so no worker can hold up or break another. What a worker was
doing when it died is known from what it had said until then.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from mediamill.engine import platform
from mediamill.engine.messages import Commit, Done, FromWorker, Message, Ready, Setup, Temporary, Unpacker, pack
from mediamill.engine.outputs import Move, publish
from mediamill.engine.settings import Settings
from mediamill.engine.task import Task

_START = "from mediamill.engine.worker import main; main()"
_KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(32 << 20)}
"""glibc keeps up to this many bytes of what a job gave back for the next one: fresh pages cost a fifth of a resize."""

TAIL_BYTES = 2000
READ_BYTES = 1 << 18
EXIT_PATIENCE = 0.2
"""Seconds a worker that has closed its socket may take to end by itself, so that its own cause of death is known."""


class Worker:
    """One worker process as the engine sees it.

    Attributes:
        task: The task it runs, None while it is idle.
        ready: Whether it has started.
        unread: Whether it died before it had read its task, which then costs no attempt.
        request: The request of its task the host has not answered yet.
        commit: The hand-over of its task's outputs, once it came.
        jobs: How many jobs it has done.
    """

    def __init__(self, settings: Settings) -> None:
        ours, theirs = socket.socketpair()
        errors, write_errors = os.pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-X", "faulthandler", "-c", _START, str(theirs.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=write_errors,
                stderr=write_errors,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env=_KEPT_MEMORY | os.environ | platform.QUIET_LIBRARIES,
            )
        except OSError:
            ours.close()
            os.close(errors)
            raise
        finally:
            theirs.close()
            os.close(write_errors)
        ours.setblocking(False)
        os.set_blocking(errors, False)
        self.socket = ours
        self.errors = errors
        self.unpacker = Unpacker(FromWorker)
        self.unsent = bytearray(pack(Setup(settings)))
        self.task: Task | None = None
        self.ready = False
        self.unread = False
        self.commit: Commit | None = None
        self.request: str | None = None
        self.temporaries: list[bytes] = []
        self.jobs = 0
        self.stopped_since: float | None = None
        self.tail = bytearray()

    @property
    def pid(self) -> int:
        """The process's id, which is its session's and group's too."""
        return self.process.pid

    def assign(self, task: Task) -> None:
        """Note that the worker is to run a task."""
        self.task, self.commit, self.request = task, None, None
        self.temporaries.clear()

    def release(self) -> None:
        """Note that the worker's task is over."""
        self.task, self.commit = None, None
        self.jobs += 1
        self.temporaries.clear()

    def last_words(self) -> str:
        """Return the end of what it wrote to stderr."""
        return self.tail.decode("utf-8", "replace").strip()


class Pool:
    """The workers, and the selector all of the engine waits on.

    Args:
        settings: What workers are started with.
        on_message: Is called with a worker and each of its messages that is not the pool's own business.
        on_death: Is called with a worker that died, after its last messages and its clean-up.
        on_stderr: Is called with what workers write to stderr.
    """

    def __init__(
        self,
        settings: Settings,
        on_message: Callable[[Worker, Any], None],
        on_death: Callable[[Worker], None],
        on_stderr: Callable[[bytes], None],
    ) -> None:
        self._settings = settings
        self._on_message = on_message
        self._on_death = on_death
        self._on_stderr = on_stderr
        self.selector = selectors.DefaultSelector()
        self.workers: list[Worker] = []
        self.started = 0
        self.died = 0

    def start(self) -> Worker:
        """Start one more worker; raises OSError where the system has no room for it."""
        worker = Worker(self._settings)
        self.workers.append(worker)
        self.started += 1
        self.selector.register(worker.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self._serve(worker))
        self.selector.register(worker.errors, selectors.EVENT_READ, self._listen(worker))
        return worker

    def idle(self) -> Worker | None:
        """Return a worker without a task, a started one before one that still starts."""
        free = [worker for worker in self.workers if worker.task is None]
        return next((worker for worker in free if worker.ready), free[0] if free else None)

    def send(self, worker: Worker, message: Message) -> None:
        """Send a message, at once as far as the socket takes it."""
        worker.unsent += pack(message)
        self._write(worker)

    def kill(self, worker: Worker) -> None:
        """Kill a worker now, take its last messages, and report its death."""
        if worker not in self.workers:
            return
        _end(worker)
        self._read(worker, drain=True)
        self._bury(worker)

    def retire(self, worker: Worker) -> None:
        """End an idle worker; its death is no event."""
        self._forget(worker)
        _end(worker)

    def close(self) -> None:
        """Kill every worker."""
        for worker in list(self.workers):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(worker.pid, signal.SIGKILL)
        for worker in list(self.workers):
            self.retire(worker)

    def wake_stopped(self, patience: float) -> None:
        """Kill workers that a signal has stopped for `patience` seconds, as they would never answer.

        A dead one is buried here too where its socket does not tell, because a child it left behind holds the other
        end.
        """
        now = time.monotonic()
        for worker in list(self.workers):
            if platform.has_ended(worker.pid):
                self.kill(worker)
            elif not platform.is_stopped(worker.pid):
                worker.stopped_since = None
            elif worker.stopped_since is None:
                worker.stopped_since = now
            elif now - worker.stopped_since >= patience:
                self.kill(worker)

    def _serve(self, worker: Worker) -> Callable[[int], None]:
        def on_ready(mask: int) -> None:
            if worker not in self.workers:  # it was buried by an event of the same batch
                return
            if mask & selectors.EVENT_WRITE:
                self._write(worker)
            if mask & selectors.EVENT_READ and not self._read(worker):
                platform.has_ended(worker.pid, EXIT_PATIENCE)
                self.kill(worker)

        return on_ready

    def _listen(self, worker: Worker) -> Callable[[int], None]:
        def on_ready(_: int) -> None:
            if worker in self.workers:
                self._read_errors(worker)

        return on_ready

    def _write(self, worker: Worker) -> None:
        if worker.unsent:
            try:
                sent = worker.socket.send(worker.unsent)
                del worker.unsent[:sent]
            except BlockingIOError:
                pass
            except OSError:
                worker.unsent.clear()
                worker.unread = True
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.unsent else 0)
        key = self.selector.get_key(worker.socket)
        if key.events != wanted:
            self.selector.modify(worker.socket, wanted, key.data)

    def _read(self, worker: Worker, *, drain: bool = False) -> bool:
        """Take what has come, or with `drain` all of it; return whether the worker still lives and speaks sense."""
        data = b""
        while drain or len(data) in (0, READ_BYTES):
            try:
                data = worker.socket.recv(READ_BYTES)
            except BlockingIOError:
                return True
            except ConnectionResetError:
                # Linux resets a socket pair whose other end was closed with bytes unread in it.
                worker.unread = True
                return False
            except OSError:
                return False
            if not data:
                return False
            try:
                messages = worker.unpacker.feed(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return False
            for message in messages:
                self._take(worker, message)
            if worker not in self.workers:
                return True
        return True

    def _take(self, worker: Worker, message: Any) -> None:
        if isinstance(message, Ready):
            worker.ready = True
            if worker.task is not None:
                worker.task.last_sign = time.monotonic()
        elif isinstance(message, Temporary):
            worker.temporaries.append(message.path)
        elif isinstance(message, Commit):
            worker.commit = message
            self._on_message(worker, message)
        else:
            if isinstance(message, Done) and message.result is not None:
                worker.commit = None
            self._on_message(worker, message)

    def _read_errors(self, worker: Worker) -> None:
        try:
            data = os.read(worker.errors, 1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            worker.tail += data
            del worker.tail[:-TAIL_BYTES]
            self._on_stderr(data)
        else:
            self.selector.unregister(worker.errors)

    def _bury(self, worker: Worker) -> None:
        """Clean up after a dead worker: finish a commit that had begun, else remove its temporary files."""
        self.died += 1
        if worker.errors in self.selector.get_map():
            self._read_errors(worker)
        self._forget(worker)
        if worker.commit is not None and not self._finish(worker.commit):
            worker.commit = None
        for path in reversed(worker.temporaries):
            with contextlib.suppress(OSError):
                if os.path.isdir(path):
                    os.rmdir(path)  # a folder made for the outputs; one that is in use stays
                else:
                    os.unlink(path)
        self._on_death(worker)

    def _finish(self, commit: Commit) -> bool:
        moves = [Move(os.fsdecode(source), os.fsdecode(target), keep) for source, target, keep in commit.moves]
        try:
            publish(moves, fsync=self._settings.fsync, resume=True)
        except OSError:
            return False
        return True

    def _forget(self, worker: Worker) -> None:
        self.workers.remove(worker)
        self.selector.unregister(worker.socket)
        if worker.errors in self.selector.get_map():
            self.selector.unregister(worker.errors)
        worker.socket.close()
        os.close(worker.errors)


def _end(worker: Worker) -> None:
    """Kill a worker and what it has started, and wait for its end."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.process.kill()
    worker.process.wait()
