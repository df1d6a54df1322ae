"""Inputs: opened once, checked, read into memory, and looked at.

A picture or document is read whole before any library sees it: a file that is cut short while a library has it mapped
kills the process, and a library that opens by name may read options, links or siblings out of that name.
"""

import errno
import os
import stat
from collections.abc import Sequence

from mediamill.engine.paths import source_path, under_roots
from mediamill.operations.contract import Blob, Limits
from mediamill.operations.sniff import sniff
from mediamill.protocol.errors import InputNotFound, InputUnreadable, LimitExceeded, MediaError
from mediamill.protocol.job import InputSource, Source
from mediamill.protocol.results import text

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
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

    def read(self, source: Source, field: str) -> Blob:
        """Return an input's bytes; raises InputNotFound, InputUnreadable, LimitExceeded or PathDenied."""
        path = source_path(source, field)
        if path is None:
            assert isinstance(source, InputSource)
            assert isinstance(source.data_base64, bytes)
            self._check_size(len(source.data_base64), field)
            return Blob(data=source.data_base64, name="input", path=None, kind=sniff(source.data_base64))
        data = self._read_file(path, field)
        return Blob(data=data, name=os.path.basename(path), path=path, kind=sniff(data))

    def _read_file(self, path: str, field: str) -> bytes:
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
            self._check_size(status.st_size, field)
            self.files.add((status.st_dev, status.st_ino))
            data = _read_all(descriptor, status.st_size)
        except OSError as error:
            raise _open_error(error, path, field) from None
        finally:
            os.close(descriptor)
        if len(data) != status.st_size:
            raise InputUnreadable(f"Input changed while it was read: {text(path, 200)}", field=field, received=path)
        return data

    def _check_size(self, size: int, field: str) -> None:
        limit = self._limits.max_input_bytes
        if size > limit:
            raise LimitExceeded(
                f"Input has {size} bytes, above max_input_bytes = {limit}.",
                field=field,
                received=size,
                expected=f"at most {limit} bytes",
            )


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
