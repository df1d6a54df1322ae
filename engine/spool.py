"""Lines waiting to be written: in memory up to a bound, on disk beyond it, always in order."""

import threading
from collections import deque
from typing import IO

MEMORY_BYTES = 4 << 20
WRITE_BYTES = 1 << 16


class Spool:
    """A queue of lines between the engine and its writer, so that a slow reader costs disk and no memory.

    Where the disk takes no more, lines wait in memory all the same: none is lost.

    Args:
        memory_bytes: How much is kept in memory.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self._limit = memory_bytes
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._file: IO[bytes] | None = None
        self._read_at = self._end = 0
        self._late: deque[bytes] = deque()
        """Lines that came after those on disk and found no room there."""
        self._closed = False
        self._changed = threading.Condition()

    def put(self, line: bytes) -> None:
        """Queue one line without its line feed."""
        line += b"\n"
        with self._changed:
            if self._late or ((self._on_disk or self._size > self._limit) and not self._to_disk(line)):
                self._late.append(line)
            elif not self._on_disk:
                self._lines.append(line)
                self._size += len(line)
            self._changed.notify()

    def close(self) -> None:
        """Say that no more lines come."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take(self) -> bytes:
        """Wait for lines and return some of them, whole where they come from memory; empty at the end."""
        with self._changed:
            while not (self._lines or self._on_disk or self._late or self._closed):
                self._changed.wait()
            if self._lines:
                return self._from_memory()
            if self._on_disk:
                return self._from_disk()
            if self._late:
                return self._late.popleft()
            if self._file is not None:
                self._file.close()
                self._file = None
            return b""

    @property
    def _on_disk(self) -> bool:
        return self._end > self._read_at

    def _from_memory(self) -> bytes:
        taken = [self._lines.popleft()]
        size = len(taken[0])
        while self._lines and size + len(self._lines[0]) <= WRITE_BYTES:
            taken.append(self._lines.popleft())
            size += len(taken[-1])
        self._size -= size
        return b"".join(taken)

    def _to_disk(self, line: bytes) -> bool:
        """Append a line to the file; return whether there was room for it."""
        try:
            if self._file is None:
                import tempfile

                self._file = tempfile.TemporaryFile(prefix="mediamill-", buffering=0)  # noqa: SIM115 - lives on
            self._file.seek(self._end)
            view = memoryview(line)
            while view:
                view = view[self._file.write(view) :]
        except OSError:
            return False
        self._end += len(line)
        return True

    def _from_disk(self) -> bytes:
        assert self._file is not None
        self._file.seek(self._read_at)
        data = self._file.read(min(WRITE_BYTES, self._end - self._read_at))
        self._read_at += len(data)
        if self._read_at == self._end:
            self._read_at = self._end = 0
            self._file.truncate(0)
        return data
