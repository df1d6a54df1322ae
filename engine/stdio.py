"""The process's own stdin and stdout, kept private, and the two threads that read and write them.

The real stdout goes to a descriptor only the writer knows, and fd 1 becomes stderr for every library, worker and child;
the real stdin likewise, and fd 0 becomes empty, so nothing but the reader can take a job line.
"""

import os
import queue
import threading
from collections.abc import Callable

from mediamill.engine.spool import Spool

READ_BYTES = 1 << 16


def protect() -> tuple[int, int]:
    """Move stdin and stdout away; return the private descriptors of both."""
    reads, writes = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return reads, writes


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
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._descriptor, view) :]
            except OSError:
                self.gone = True
                self._wake()
                return


def write_stderr(data: bytes) -> None:
    """Write to stderr what it takes at once, and drop the rest: nobody may be reading it."""
    import select

    if not hasattr(select, "poll"):
        os.write(2, data)
        return
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    try:
        for start in range(0, len(data), 4096):
            if not any(mask & select.POLLOUT for _, mask in poll.poll(0)):
                return
            os.write(2, data[start : start + 4096])
    except OSError:
        return
