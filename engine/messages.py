"""What the engine and a worker say to each other over their private socket: length-prefixed MessagePack.

Typed, array-shaped messages; never pickles, so nothing a worker says can break the engine. Paths travel as bytes,
because not every file name is text.
"""

import struct
from typing import Any

import msgspec
from msgspec import Struct

from mediamill.engine.settings import Settings
from mediamill.protocol.results import Result

_HEADER = struct.Struct("<I")
MAX_BYTES = 1 << 30
"""No message is larger; a length above it is garbage."""


class Message(Struct, frozen=True, array_like=True, tag=True):
    """Anything that is said over the socket."""


class Setup(Message, frozen=True):
    """To a worker, first: the settings in force."""

    settings: Settings


class Run(Message, frozen=True):
    """To a worker: run this job. `job` is the typed job in MessagePack."""

    operation: str
    job: bytes
    threads: int


class Grant(Message, frozen=True):
    """To a worker: the memory it asked for is its own now, or never will be."""

    granted: bool


class Answer(Message, frozen=True):
    """To a worker: what the host answered."""

    value: Any


class Ready(Message, frozen=True):
    """From a worker: it has started."""


class Begun(Message, frozen=True):
    """From a worker: it has taken a job that asked for events."""


class Temporary(Message, frozen=True):
    """From a worker: it is about to make this file."""

    path: bytes


class ProgressMade(Message, frozen=True):
    """From a worker: how far the job is."""

    percent: float
    text: str | None
    stages: dict[str, float]


class Encoded(Message, frozen=True):
    """From a worker: an output is encoded."""

    path: str
    format: str
    width: int
    height: int
    size_bytes: int


class Need(Message, frozen=True):
    """From a worker: it waits for this much memory."""

    memory_bytes: int


class Ask(Message, frozen=True):
    """From a worker: it waits for the host's answer."""

    request_id: str
    question: str
    kind: str


class Commit(Message, frozen=True):
    """From a worker: all outputs are whole; the renames begin, and whoever is left finishes them."""

    moves: list[tuple[bytes, bytes, bool]]
    result: Result


class Done(Message, frozen=True):
    """From a worker: the job's result, None where `Commit` held it, and the worker's resident bytes."""

    result: Result | None
    resident_bytes: int


ToWorker = Setup | Run | Grant | Answer
FromWorker = Ready | Begun | Temporary | ProgressMade | Encoded | Need | Ask | Commit | Done

_encoder = msgspec.msgpack.Encoder()


def pack(message: Message) -> bytes:
    """Encode a message with its length in front."""
    body = _encoder.encode(message)
    return _HEADER.pack(len(body)) + body


class Unpacker:
    """Collects received bytes and gives whole messages.

    Args:
        kind: The union of messages that are expected; anything else raises msgspec.ValidationError.
    """

    def __init__(self, kind: Any) -> None:
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Take received bytes; return the messages they complete."""
        self._buffer += data
        messages = []
        start = 0
        while len(self._buffer) - start >= _HEADER.size:
            (size,) = _HEADER.unpack_from(self._buffer, start)
            if size > MAX_BYTES:
                raise msgspec.DecodeError(f"A message of {size} bytes is none.")
            end = start + _HEADER.size + size
            if len(self._buffer) < end:
                break
            messages.append(self._decoder.decode(memoryview(self._buffer)[start + _HEADER.size : end]))
            start = end
        if start:
            del self._buffer[:start]
        return messages
