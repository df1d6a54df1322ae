"""A worker process: takes one job at a time from its socket, runs it, answers.

It starts clean, in a session of its own, with nothing on stdin and stdout pointing at stderr. It dies with the engine:
by the kernel's parent-death signal, and by the end of its socket.
"""

import os
import signal
import socket
import sys
from typing import Any, NoReturn

import msgspec

from mediamill.engine import platform
from mediamill.engine.execute import execute
from mediamill.engine.funnel import to_media_error
from mediamill.engine.messages import (
    Answer,
    Ask,
    Begun,
    Commit,
    Done,
    Encoded,
    Grant,
    Message,
    Need,
    ProgressMade,
    Ready,
    Run,
    Setup,
    Temporary,
    ToWorker,
    Unpacker,
    pack,
)
from mediamill.engine.outputs import Move
from mediamill.engine.registry import Registry
from mediamill.engine.settings import Settings
from mediamill.protocol.errors import OutOfMemory
from mediamill.protocol.results import Output, Result, failed, text

FREE_MEMORY = 128 << 20
"""Jobs that need less than this many bytes start without asking."""


class Connection:
    """The worker's end of its socket, read and written in order by one thread."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._unpacker = Unpacker(ToWorker)
        self._inbox: list[Any] = []

    def send(self, *messages: Message) -> None:
        """Send messages; when the engine is gone, so is this process."""
        try:
            self._socket.sendall(b"".join(pack(message) for message in messages))
        except OSError:
            os._exit(0)

    def receive(self) -> Any:
        """Wait for the next message; when the engine is gone, so is this process."""
        while not self._inbox:
            try:
                data = self._socket.recv(1 << 18)
            except OSError:
                data = b""
            if not data:
                os._exit(0)
            self._inbox.extend(self._unpacker.feed(data))
        return self._inbox.pop(0)


class PoolChannel:
    """The channel of a job in a worker: everything goes to the engine, which also stops the job by killing it."""

    warm = True

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._requests = 0
        self.committed = False

    def announce(self, path: str) -> None:
        """Name a temporary file before it is made."""
        self._connection.send(Temporary(os.fsencode(path)))

    def progress(self, percent: float, message: str | None, stages: dict[str, float]) -> None:
        """Pass progress on."""
        self._connection.send(ProgressMade(percent, None if message is None else text(message), stages))

    def output(self, output: Output) -> None:
        """Say that an output is encoded."""
        self._connection.send(Encoded(output.path, output.format, output.width, output.height, output.size_bytes))

    def reserve(self, memory_bytes: int) -> None:
        """Wait until the engine grants the memory; small needs are not asked for."""
        if memory_bytes <= FREE_MEMORY:
            return
        self._connection.send(Need(memory_bytes))
        reply = self._connection.receive()
        if not (isinstance(reply, Grant) and reply.granted):
            raise OutOfMemory(
                f"The job needs about {memory_bytes >> 20} MiB, more than all jobs may use together.",
                expected="a smaller input, or a higher --memory",
            )

    def ask(self, question: str, kind: str) -> Any:
        """Ask the host and wait."""
        self._requests += 1
        self._connection.send(Ask(f"r{self._requests}", text(question), kind))
        reply = self._connection.receive()
        return reply.value if isinstance(reply, Answer) else None

    def check(self) -> None:
        """Nothing to check: the engine kills a worker whose job is to stop."""

    def commit(self, moves: list[Move], result: Result) -> None:
        """Hand the renames and the result over, so that they outlive this process."""
        self.committed = True
        named = [(os.fsencode(move.source), os.fsencode(move.target), move.keep) for move in moves]
        self._connection.send(Commit(named, result))


def serve(sock: socket.socket) -> NoReturn:
    """Run jobs until the engine closes the socket."""
    connection = Connection(sock)
    setup = connection.receive()
    assert isinstance(setup, Setup)
    settings = setup.settings
    registry = Registry(settings.operations_path)
    platform.limit_self(settings.worker_memory)
    connection.send(Ready())
    while True:
        message = connection.receive()
        if isinstance(message, Run):
            result = _run(message, registry, settings, connection)
            connection.send(Done(result, platform.resident_bytes()))


def _run(message: Run, registry: Registry, settings: Settings, connection: Connection) -> Result | None:
    """Run one job; return its result, or None where it went with the commit."""
    channel = PoolChannel(connection)
    try:
        operation = registry[message.operation]
        job = msgspec.msgpack.decode(message.job, type=operation.params)
        if job.progress:
            connection.send(Begun())
        result = execute(operation, job, settings, channel, message.threads)
        if channel.committed and result.success:
            return None
        msgspec.msgpack.encode(result)
    except Exception as error:
        return failed(message.operation, to_media_error(error))
    return result


def main() -> NoReturn:
    """Start a worker: `DESCRIPTOR PARENT_PID` are its arguments."""
    descriptor, parent_pid = int(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(descriptor, False)
    platform.die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(socket.socket(fileno=descriptor))
