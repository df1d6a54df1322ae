"""Lines out of bytes: split on LF alone, with a bound on how long a line can get."""

BOM = b"\xef\xbb\xbf"
MAX_LINE_BYTES = 16 * 1024 * 1024


class TooLong:
    """Stands in the place of a line that was longer than the bound; its bytes are gone."""

    def __init__(self, size: int) -> None:
        self.size = size


class LineSplitter:
    """Collects chunks and gives whole lines.

    A CR before the LF and a BOM at the very start are dropped, blank lines are skipped. A line above `limit` bytes is
    thrown away while it is read, so memory stays bounded, and comes out as `TooLong`.
    """

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._first = True

    def feed(self, chunk: bytes) -> list[bytes | TooLong]:
        """Take a chunk; return the lines it completes."""
        *ends, rest = chunk.split(b"\n")
        lines: list[bytes | TooLong] = []
        for end in ends:
            self._keep(end)
            lines.extend(self._take())
        self._keep(rest)
        return lines

    def close(self) -> list[bytes | TooLong]:
        """Return the last line where the input ended without a line feed."""
        return self._take()

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit + len(BOM) + 1:
            self._parts.clear()
        elif part:
            self._parts.append(part)

    def _take(self) -> list[bytes | TooLong]:
        line, size = b"".join(self._parts), self._size
        self._parts.clear()
        self._size = 0
        if self._first and (line or size):
            self._first = False
            if line.startswith(BOM):
                line = line[len(BOM) :]
                size -= len(BOM)
        if line.endswith(b"\r"):
            line = line[:-1]
            size -= 1
        if size > self._limit:
            return [TooLong(size)]
        return [line] if line.strip() else []
