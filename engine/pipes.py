"""The two threads of a stream: one that reads, one that writes, so that neither waits for the other."""

import os
import queue
import select
import threading
from collections.abc import Callable

from mediamill.engine.spool import Spool
from mediamill.engine.stdio import write_all

READ_BYTES = 1 << 16


class Reader(threading.Thread):
    """Reads a descriptor in chunks, for as long as the gate is open.

    Args:
        descriptor: What to read.
        wake: Is called whenever there is something to take.
    """

    def __init__(self, descriptor: int, wake: Callable[[], None]) -> None:
        super().__init__(name="reader", daemon=True)
        self._descriptor = descriptor
        self._wake = wake
        self._chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.gate = threading.Event()
        self.gate.set()

    def take(self) -> list[bytes]:
        """Return the chunks that have come; an empty one stands for the end."""
        chunks = []
        while not self._chunks.empty():
            chunks.append(self._chunks.get())
        return chunks

    def run(self) -> None:
        """Read until the end; an error is an end too."""
        while True:
            self.gate.wait()
            try:
                chunk = os.read(self._descriptor, READ_BYTES)
            except BlockingIOError:
                select.select([self._descriptor], [], [])
                continue
            except OSError:
                chunk = b""
            self._chunks.put(chunk)
            self._wake()
            if not chunk:
                return


class Writer(threading.Thread):
    """Writes what the spool holds; stops where nobody reads any more.

    Attributes:
        gone: Whether a write failed because the reader is gone or the output is lost.

    Args:
        descriptor: Where to write.
        spool: Where lines come from.
        wake: Is called once when a write fails.
    """

    def __init__(self, descriptor: int, spool: Spool, wake: Callable[[], None]) -> None:
        super().__init__(name="writer", daemon=True)
        self._descriptor = descriptor
        self._spool = spool
        self._wake = wake
        self.gone = False

    def run(self) -> None:
        """Write until the spool is closed and empty."""
        while data := self._spool.take():
            try:
                write_all(self._descriptor, data)
            except OSError:
                self.gone = True
                self._wake()
                return
