"""Opening films and sounds: by descriptor, with the one demuxer our own look at the bytes chose, and nothing else.

FFmpeg follows what a file names: a playlist opens further files, and a path is a URL to it. It gets a descriptor that
is open already, may use no other protocol than reading from it, and no other demuxer.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mediamill.operations.contract import Context, Stream
from mediamill.operations.sniff import HEAD_BYTES, known_formats, sniff
from mediamill.operations.streams._av import DEMUXERS, av, input_error
from mediamill.protocol.errors import CorruptInput, UnsupportedFormat
from mediamill.protocol.job import Source
from mediamill.protocol.results import text

if TYPE_CHECKING:
    from av.container import InputContainer


def open_input(ctx: Context, source: Source, field: str = "input") -> Stream:
    """Open an input and check that it is a film or a sound.

    Raises:
        UnsupportedFormat: It is something else, whatever its name says.
        MediaError: It cannot be opened.
    """
    stream = ctx.open(source, field)
    if stream.kind.format not in DEMUXERS:
        raise UnsupportedFormat(
            f"Input is {stream.kind.description}, not a film or a sound: {text(stream.name, 200)}",
            field=field,
            received=stream.kind.format or None,
            expected="one of " + ", ".join((*known_formats("video"), *known_formats("audio"))),
        )
    return stream


@contextlib.contextmanager
def demuxer(stream: Stream, **options: str) -> Iterator["InputContainer"]:
    """Open an input's container from its start; one at a time, because they share the descriptor's position.

    Args:
        stream: The opened input.
        options: Further options of the demuxer.

    Raises:
        CorruptInput: The container cannot be read, or has nothing in it.
    """
    library = av()
    name = DEMUXERS[stream.kind.format]
    guarded = {"protocol_whitelist": "fd", "format_whitelist": name, **options}
    # PyAV before 19 fails on names that are no UTF-8 unless it is told not to; since then it has no such option.
    lenient: dict[str, Any] = {"metadata_errors": "replace"} if int(library.__version__.partition(".")[0]) < 19 else {}
    descriptor = os.dup(stream.descriptor)
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            container = library.open("fd:", format=name, options={"fd": str(descriptor), **guarded}, **lenient)
        except (library.FFmpegError, ValueError) as error:
            raise input_error(error) from None
        with container:
            if not container.streams:
                raise CorruptInput("The file has no video and no sound in it.")
            yield container
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def written(path: str) -> Iterator[Stream]:
    """Open a file that was just written, to hold it to what it should be."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    try:
        kind = sniff(os.read(descriptor, HEAD_BYTES))
        size = os.fstat(descriptor).st_size
        yield Stream(descriptor=descriptor, size=size, name="output", path=path, kind=kind)
    finally:
        os.close(descriptor)
