"""How bright a master was, told by the container too, where players look before they decode anything.

FFmpeg's muxers write it from what they know of a stream before its first frame, and encoders here have no field for
that; streams made after one that was read do. So they are made after a file without pictures that says nothing else.
"""

import contextlib
import io
import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mediamill.operations.streams._av import av
from mediamill.operations.streams._facts import Colour, VideoFacts
from mediamill.operations.streams._mux import copied_stream
from mediamill.operations.video._codecs import VideoCode

if TYPE_CHECKING:
    from av.container import OutputContainer

_IDENTITY = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_TO_ENTRIES = ((b"moov", 8), (b"trak", 8), (b"mdia", 8), (b"minf", 8), (b"stbl", 8), (b"stsd", 16))
"""Boxes inside each other down to a track's sample entries, and where in each of them others begin."""

_ENTRY = 86
"""Bytes of a sample entry before its boxes."""

_SIDE = 64
_DOT = 72 << 16
"""Dots an inch, which every sample entry says."""


def add_stream(container: "OutputContainer", encoder: str, code: VideoCode, rate: Any) -> Any:
    """Add a stream to be encoded, whose container says how bright its master was where that is known.

    AV1 is left as it is: it says so in its own headers, and its decoder here goes by another name than its encoder.

    Args:
        container: Where it goes.
        encoder: FFmpeg's name.
        code: How it is coded.
        rate: Frames a second on average.
    """
    if code.codec != "h265" or not (code.colour.mastering or code.colour.light):
        return container.add_stream(encoder, rate=rate)
    library = av()
    with library.open(io.BytesIO(_told(code.colour)), format="mp4") as said:
        made: Any = container.add_stream_from_template(said.streams.video[0], opaque=False)
    if made.codec_context.codec.name != encoder:  # a build with another encoder in front
        raise RuntimeError(f"{made.codec_context.codec.name} instead of {encoder}")
    made.codec_context.flags |= library.codec.context.Flags.global_header
    return made


@contextlib.contextmanager
def telling(original: Any, video: VideoFacts) -> Iterator[Any]:
    """Yield a stream to copy a film's picture after: one that says how bright its master was where only it itself did.

    Args:
        original: The film's stream.
        video: What is known of it, from its first picture too.
    """
    known = [_box(kind, struct.pack(form, *values)) for kind, form, values in _known(video.colour)]
    if video.codec != "hevc" or not known:
        yield original
        return
    library = av()
    written = io.BytesIO()
    # Written before there is any picture, with all a stream may say of itself.
    options = {"fflags": "+bitexact", "movflags": "+empty_moov", "strict": "unofficial"}
    with library.open(written, "w", format="mp4", options=options) as container:
        copied_stream(container, original, strip=False, picture=video)
        container.start_encoding()
    with library.open(io.BytesIO(_completed(written.getvalue(), known)), format="mp4") as said:
        yield said.streams.video[0]


def _completed(data: bytes, boxes: Sequence[bytes]) -> bytes:
    """Return an MP4 file of one track whose sample entry has some boxes, which are added where they are missing."""
    begin, end, grown = 0, len(data), []
    for kind, inside in _TO_ENTRIES:
        at = next(at for at, one in _inside(data, begin, end) if one == kind)
        grown.append(at)
        begin, end = at + inside, at + int.from_bytes(data[at : at + 4], "big")
    grown.append(begin)
    end = begin + int.from_bytes(data[begin : begin + 4], "big")
    there = {kind for _, kind in _inside(data, begin + _ENTRY, end)}
    added = b"".join(box for box in boxes if box[4:8] not in there)
    made = bytearray(data[:end] + added + data[end:])
    for at in grown:
        made[at : at + 4] = (int.from_bytes(made[at : at + 4], "big") + len(added)).to_bytes(4, "big")
    return bytes(made)


def _inside(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield where boxes begin, and what they are."""
    while at + 8 <= end:
        yield at, data[at + 4 : at + 8]
        at += max(8, int.from_bytes(data[at : at + 4], "big"))


def _told(colour: Colour) -> bytes:
    """Return an MP4 file without pictures that says how bright a master was (ISO 14496-12, 12.1.5 and 12.1.6)."""
    light = [_box(kind, struct.pack(form, *values)) for kind, form, values in _known(colour)]
    size = struct.pack(">2H2I4xH", _SIDE, _SIDE, _DOT, _DOT, 1)
    entry = _box(b"hvc1", struct.pack(">6xH16x", 1), size, struct.pack(">32xHh", 24, -1), *light)
    tables = (_full(name, bytes(size)) for name, size in ((b"stts", 4), (b"stsc", 4), (b"stsz", 8), (b"stco", 4)))
    table = _box(b"stbl", _full(b"stsd", struct.pack(">I", 1), entry), *tables)
    clock = struct.pack(">8xI4x", 1000)
    media = _box(
        b"mdia",
        _full(b"mdhd", clock, bytes(4)),
        _full(b"hdlr", struct.pack(">4x4s13x", b"vide")),
        _box(b"minf", _full(b"vmhd", bytes(8)), table),
    )
    header = _full(b"tkhd", struct.pack(">8xI24x", 1), _IDENTITY, struct.pack(">2I", _SIDE << 16, _SIDE << 16))
    film = _full(b"mvhd", clock, struct.pack(">IH10x", 1 << 16, 1 << 8), _IDENTITY, struct.pack(">24xI", 2))
    return _box(b"ftyp", b"isom", bytes(4), b"isom") + _box(b"moov", film, _box(b"trak", header, media))


def _known(colour: Colour) -> Iterator[tuple[bytes, str, tuple[int, ...]]]:
    """Yield the boxes there are, how they are laid out and what they hold; numbers they have no room for are none."""
    display, light = colour.mastering, colour.light
    if display is not None and min(display) >= 0 and max(display[:8]) < 1 << 16 and max(display[8:]) < 1 << 32:
        yield b"mdcv", ">8H2I", display
    if light is not None and max(light) < 1 << 16:
        yield b"clli", ">2H", light


def _full(kind: bytes, *parts: bytes) -> bytes:
    return _box(kind, bytes(4), *parts)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body
