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

_TELLING = ("mov",)
"""Demuxers of containers whose headers tell all there is to know of coded pictures but their format."""


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
def demuxer(stream: Stream, *, probed: bool = False) -> Iterator["InputContainer"]:
    """Open an input's container from its start; one at a time, because they share the descriptor's position.

    FFmpeg decodes the first pictures of every stream to learn what headers may leave open, which costs more than all
    else that is done to open a file. Where the container tells all that is needed to plan and to copy, it does not:
    the codec context of H.264 then lacks its pixel format, and what only the stream says of shape and colour, until
    something of it is decoded. The order of pictures needs no decoding there, because the container tells both times.

    Args:
        stream: The opened input.
        probed: Whether codec contexts have to be complete before anything is decoded.

    Raises:
        CorruptInput: The container cannot be read, or has nothing in it.
    """
    descriptor = os.dup(stream.descriptor)
    try:
        container = _opened(stream, descriptor, probed=probed)
        with container:
            if not container.streams:
                raise CorruptInput("The file has no video and no sound in it.")
            yield container
    finally:
        os.close(descriptor)


def packets(container: "InputContainer", *streams: Any) -> Iterator[Any]:
    """Yield an opened container's packets, of some streams or all; last comes an empty one of each.

    PyAV means to end streams, too, that only appeared on the way, as they may in transport streams, and fails at it.
    """
    with contextlib.suppress(IndexError):
        yield from container.demux(*streams)


def seeks_well(container: "InputContainer") -> bool:
    """Return whether seeking leads to what was asked for or before it.

    FFmpeg's demuxer of ASF goes beyond it where key pictures are rare or there is no index, and before the first
    packet's time it finds anything but the start.
    """
    return container.format.name != "asf"


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


def _opened(stream: Stream, descriptor: int, *, probed: bool) -> "InputContainer":
    library = av()
    name = DEMUXERS[stream.kind.format]
    options = {"fd": str(descriptor), "protocol_whitelist": "fd", "format_whitelist": name}
    quick = name in _TELLING and not probed
    if quick:
        options["skip_frame"] = "all"  # while probing; the contexts that streams are decoded with do not know of it
    # PyAV before 19 fails on names that are no UTF-8 unless it is told not to; since then it has no such option.
    lenient: dict[str, Any] = {"metadata_errors": "replace"} if int(library.__version__.partition(".")[0]) < 19 else {}
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        container: InputContainer = library.open("fd:", format=name, options=options, **lenient)
    except library.MemoryError as error:  # FFmpeg's libraries refuse what no honest header asks for
        raise CorruptInput("The file's header asks for more memory than there is.", detail=str(error)) from None
    except (library.FFmpegError, ValueError) as error:
        raise input_error(error) from None
    if quick and any(_is_untold(one) for one in container.streams.video):
        container.close()
        return _opened(stream, descriptor, probed=True)
    return container


def _is_untold(stream: Any) -> bool:
    """Return whether no header tells how far a stream's pictures are out of order: decoders would lose some for it.

    FFmpeg finds it out from the index of H.264, which is empty in a fragmented file; other codings tell themselves.
    """
    context = stream.codec_context
    return context is not None and context.name == "h264" and not stream.frames
