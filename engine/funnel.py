"""The one place where exceptions become errors of the table."""

import errno

from mediamill.engine import platform
from mediamill.protocol.errors import DependencyMissing, DiskFull, Internal, MediaError, OutOfMemory

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def to_media_error(error: BaseException) -> MediaError:
    """Return the error of the table an exception stands for.

    What an operation did not foresee is `internal`, with the end of the trace for a bug report.
    """
    if isinstance(error, MediaError):
        return error
    # CPython 3.13 may lose a MemoryError on its way and raise SystemError in its place.
    if isinstance(error, MemoryError) or (isinstance(error, SystemError) and platform.memory_ran_short()):
        # What the failed frames hold is what filled the memory, and the answer needs some of it.
        error.__traceback__ = error.__context__ = None
        return OutOfMemory("The job needed more memory than a worker may use.", detail=str(error) or None)
    if isinstance(error, OSError) and error.errno in _FULL:
        return DiskFull(f"No room for the output: {error}.")
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("mediamill"):
        return DependencyMissing(f"The library {error.name} is not installed.", expected=error.name)
    import traceback

    trace = "".join(traceback.format_exception(error))
    return Internal(f"Unexpected {type(error).__name__} in the engine.", detail=trace[-1500:])
