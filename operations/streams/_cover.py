"""Cover pictures: read out of one container, attached to another."""

import base64
import struct
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.contract import Stream
from mediamill.operations.streams._av import av, input_error
from mediamill.operations.streams._facts import MediaFacts
from mediamill.operations.streams._open import demuxer, packets

if TYPE_CHECKING:
    from av.container import OutputContainer

_SUFFIXES = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}
"""Name and media type of the codings every container can hold."""

_AS_STREAM = ("mp4", "m4a", "mp3", "flac")
_AS_ATTACHMENT = ("mkv", "mka")
_AS_TAG = ("opus", "ogg")
_TAG = "METADATA_BLOCK_PICTURE"
_FRONT_COVER = 3


class Cover(Struct, frozen=True, kw_only=True):
    """A picture that goes with a film or sound.

    Attributes:
        index: Of its stream.
        codec: FFmpeg's name of its coding.
        width, height: Pixels.
        data: The file.
        title: What the container calls it; empty where it does not.
    """

    index: int
    codec: str
    width: int
    height: int
    data: bytes
    title: str = ""


def read_covers(stream: Stream, facts: MediaFacts) -> tuple[Cover, ...]:
    """Return a file's cover pictures, in its order; those that cannot be read are left out."""
    if not facts.covers:
        return ()
    found: dict[int, Cover] = {}
    with demuxer(stream) as container:
        library = av()
        streams: list[Any] = [container.streams[index] for index in facts.covers]
        try:
            for packet in packets(container, *streams):
                one = packet.stream
                if packet.size and one.index not in found:
                    context: Any = one.codec_context
                    found[one.index] = Cover(
                        index=one.index,
                        codec=context.codec.canonical_name,
                        width=context.width,
                        height=context.height,
                        data=bytes(packet),
                        title=one.metadata.get("title", "") or one.metadata.get("comment", ""),
                    )
                if len(found) == len(streams):
                    break
        except library.FFmpegError as error:
            raise input_error(error) from None
    return tuple(found[index] for index in sorted(found))


def add_cover(target: "OutputContainer", cover: Cover, format_name: str) -> list[Any] | None:
    """Attach a cover to an output before its first packet.

    Returns:
        The packets to be written before all others; None where the container cannot hold it.
    """
    if cover.codec not in _SUFFIXES:
        return None
    suffix, media_type = _SUFFIXES[cover.codec]
    if format_name in _AS_ATTACHMENT:
        target.add_attachment(f"cover.{suffix}", media_type, cover.data)
        return []
    if format_name in _AS_TAG and _TAG not in target.metadata:
        target.metadata[_TAG] = base64.b64encode(_picture_block(cover, media_type)).decode()
        return []
    if format_name not in _AS_STREAM:
        return None
    stream: Any = target.add_mux_stream(cover.codec, width=cover.width, height=cover.height)
    stream.disposition = av().stream.Disposition.attached_pic
    if cover.title:
        stream.metadata["title"] = cover.title
    packet: Any = av().Packet(cover.data)
    packet.stream = stream
    packet.pts = packet.dts = 0
    packet.is_keyframe = True
    return [packet]


def _picture_block(cover: Cover, media_type: str) -> bytes:
    """Return a cover as FLAC's picture block, which Ogg holds as text (RFC 9639, 8.8; RFC 7845, 5.2)."""
    name, title = media_type.encode(), cover.title.encode()
    depth = 24
    return b"".join(
        (
            struct.pack(">2I", _FRONT_COVER, len(name)),
            name,
            struct.pack(">I", len(title)),
            title,
            struct.pack(">5I", cover.width, cover.height, depth, 0, len(cover.data)),
            cover.data,
        )
    )
