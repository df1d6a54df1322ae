"""Inputs: opened once, checked, read into memory, and looked at.

A picture or document is read whole before any library sees it: a file that is cut short while a library has it mapped
kills the process, and a library that opens by name may read options, links or siblings out of that name. A film is too
large for that: it is opened here, and libraries get the descriptor.
"""

import errno
import os
import stat
import tempfile
from collections.abc import Sequence

from mediamill.engine.paths import source_path, under_roots
from mediamill.operations.contract import Blob, Limits, Stream
from mediamill.operations.sniff import sniff
from mediamill.protocol.errors import InputNotFound, InputUnreadable, LimitExceeded, MediaError
from mediamill.protocol.job import InputSource, Source
from mediamill.protocol.results import text

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
SNIFFED_BYTES = 65_536
"""How much of an opened input is looked at to tell what it is."""

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Inputs:
    """Opens a job's inputs and remembers which files they are.

    Attributes:
        files: Device and inode of each opened file, to tell an output that is an input.
    """

    def __init__(self, limits: Limits, roots: Sequence[str]) -> None:
        self._limits = limits
        self._roots = roots
        self.files: set[tuple[int, int]] = set()
        self._descriptors: list[int] = []

    def read(self, source: Source, field: str) -> Blob:
        """Return an input's bytes; raises InputNotFound, InputUnreadable, LimitExceeded or PathDenied."""
        path = source_path(source, field)
        if path is None:
            assert isinstance(source, InputSource)
            assert isinstance(source.data_base64, bytes)
            _check_size(len(source.data_base64), field, "max_input_bytes", self._limits.max_input_bytes)
            return Blob(data=source.data_base64, name="input", path=None, kind=sniff(source.data_base64))
        data = self._read_file(path, field)
        return Blob(data=data, name=os.path.basename(path), path=path, kind=sniff(data))

    def open(self, source: Source, field: str) -> Stream:
        """Return an input opened for reading; raises what `read` does. `close` closes it."""
        path = source_path(source, field)
        limit = self._limits.max_stream_bytes
        if path is None:
            assert isinstance(source, InputSource)
            assert isinstance(source.data_base64, bytes)
            descriptor = _inline(source.data_base64)
            size = len(source.data_base64)
        else:
            descriptor, size = self._open_file(path, field, "max_stream_bytes", limit)
        self._descriptors.append(descriptor)
        head = os.pread(descriptor, SNIFFED_BYTES, 0) if hasattr(os, "pread") else _head(descriptor)
        name = "input" if path is None else os.path.basename(path)
        return Stream(descriptor=descriptor, size=size, name=name, path=path, kind=sniff(head))

    def close(self) -> None:
        """Close what was opened."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _read_file(self, path: str, field: str) -> bytes:
        descriptor, size = self._open_file(path, field, "max_input_bytes", self._limits.max_input_bytes)
        try:
            data = _read_all(descriptor, size)
        except OSError as error:
            raise _open_error(error, path, field) from None
        finally:
            os.close(descriptor)
        if len(data) != size:
            raise InputUnreadable(f"Input changed while it was read: {text(path, 200)}", field=field, received=path)
        return data

    def _open_file(self, path: str, field: str, name: str, limit: int) -> tuple[int, int]:
        """Open a regular file within a limit; return its descriptor and size."""
        real = under_roots(path, self._roots, field) if self._roots else path
        try:
            descriptor = os.open(real, _FLAGS | (getattr(os, "O_NOFOLLOW", 0) if self._roots else 0))
        except OSError as error:
            raise _open_error(error, path, field) from None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "not a regular file")
                raise InputUnreadable(f"Input is {kind}, not a file: {text(path, 200)}", field=field, received=path)
            _check_size(status.st_size, field, name, limit)
        except BaseException:
            os.close(descriptor)
            raise
        self.files.add((status.st_dev, status.st_ino))
        return descriptor, status.st_size


def _check_size(size: int, field: str, name: str, limit: int) -> None:
    if size > limit:
        raise LimitExceeded(
            f"Input has {size} bytes, above {name} = {limit}.",
            field=field,
            received=size,
            expected=f"at most {limit} bytes",
        )


def _inline(data: bytes) -> int:
    """Return a descriptor of an unnamed file with the bytes."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return os.dup(file.fileno())


def _head(descriptor: int) -> bytes:
    data = os.read(descriptor, SNIFFED_BYTES)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return data


def _read_all(descriptor: int, size: int) -> bytes:
    """Read up to one byte more than `size`, so that growth is noticed."""
    parts = []
    left = size + 1
    while left > 0 and (part := os.read(descriptor, min(left, 64 << 20))):
        parts.append(part)
        left -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _open_error(error: OSError, path: str, field: str) -> MediaError:
    shown = text(path, 200)
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
        return InputNotFound(f"Input file not found: {shown}", field=field, received=path)
    return InputUnreadable(
        f"Input cannot be read ({os.strerror(error.errno or 0)}): {shown}", field=field, received=path
    )
