"""The one door to FFmpeg's libraries: imported on first use, made quiet, and its failures put into our terms."""

import errno
import functools
import os
from typing import Any

from mediamill.protocol.errors import (
    CorruptInput,
    DependencyMissing,
    DiskFull,
    EncodeFailed,
    MediaError,
    OutOfMemory,
    OutputUnwritable,
)

DEMUXERS = {
    "mp4": "mov", "mov": "mov", "m4a": "mov", "matroska": "matroska", "avi": "avi", "mpegts": "mpegts", "flv": "flv",
    "mp3": "mp3", "wav": "wav", "flac": "flac", "ogg": "ogg", "aac": "aac", "aiff": "aiff",
    "mpegps": "mpeg", "asf": "asf", "wma": "asf", "ogv": "ogg", "ac3": "ac3", "eac3": "eac3", "amr": "amr",
}  # fmt: skip
"""FFmpeg's demuxer for each kind of file, as sniffed; no other one is ever tried."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@functools.cache
def av() -> Any:
    """Return the PyAV module, set up.

    Raises:
        DependencyMissing: It cannot be loaded.
    """
    os.environ.setdefault("SVT_LOG", "1")  # read when the encoder is first used; it would chat on stderr
    try:
        import av as module
        import av.logging
    except Exception as error:
        raise DependencyMissing(
            "The library av cannot be loaded; install av.", expected="av", detail=str(error)
        ) from None
    av.logging.set_level(None)
    return module


def input_error(error: BaseException) -> MediaError:
    """Return the error of the table for what reading or decoding raised.

    Damaged data can make FFmpeg return any number, such as that of a forbidden file, so only memory is told apart.
    """
    if isinstance(error, MediaError):
        return error
    if _is_memory(error):
        return OutOfMemory("The file needs more memory than this worker may use.", detail=str(error))
    return CorruptInput("The file is damaged or cut short.", detail=_detail(error))


def output_error(error: BaseException, what: str) -> MediaError:
    """Return the error of the table for what encoding or writing raised.

    Args:
        error: What was raised.
        what: The encoder or container, for people.
    """
    if isinstance(error, MediaError):
        return error
    number = getattr(error, "errno", None)
    if number in _FULL:
        return DiskFull(f"No room for the output ({os.strerror(number)}).", field="output")
    if _is_memory(error):
        return OutOfMemory("The output needs more memory than this worker may use.", detail=str(error))
    if number in (errno.EACCES, errno.EROFS, errno.EIO):
        return OutputUnwritable(f"Output cannot be written ({os.strerror(number)}).", field="output")
    return EncodeFailed(f"{what} refused.", detail=_detail(error))


def _is_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM


def _detail(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
