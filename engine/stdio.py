"""The process's own stdin, stdout and stderr, kept from libraries, workers and children.

The real stdout goes to a descriptor only the writer knows, and fd 1 becomes stderr for every library, worker and child;
the real stdin likewise, and fd 0 becomes empty, so nothing but the reader can take a job line.
"""

import contextlib
import os
import select
import sys
from collections.abc import Iterator


def protect() -> tuple[int, int]:
    """Move stdin and stdout away; return the private descriptors of both.

    Where stdin or stderr is closed, as under some daemons, it is empty from now on.

    Raises:
        OSError: stdout is closed.
    """
    os.fstat(1)
    _open_closed()
    reads, writes = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return reads, writes


def _open_closed() -> None:
    """Have stdin and stderr open, so that no other file gets their descriptor."""
    for standard in (0, 2):
        try:
            os.fstat(standard)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != standard:
                os.dup2(null, standard)
                os.close(null)


@contextlib.contextmanager
def stdout_on_stderr() -> Iterator[None]:
    """Let stdout be stderr for a while: an operation from elsewhere may print when it is imported."""
    _open_closed()
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of the data, also where the host has made the descriptor non-blocking."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


def write_stderr(data: bytes) -> None:
    """Write to stderr what it takes at once, and drop the rest: nobody may be reading it."""
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
