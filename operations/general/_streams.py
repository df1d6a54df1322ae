"""Videos and sounds, by their headers.

FFmpeg follows what a file names: a playlist opens further files, and a path is a URL to it. So it gets bytes, the one
demuxer our own sniff chose, and no protocol.
"""

import io
import math
from typing import Any

from mediamill.operations.contract import Blob
from mediamill.operations.images._headers import boxes
from mediamill.protocol.errors import CorruptInput
from mediamill.protocol.results import text

_DEMUXERS = {
    "mp4": "mov", "mov": "mov", "m4a": "mov", "matroska": "matroska", "avi": "avi", "mpegts": "mpegts", "flv": "flv",
    "mp3": "mp3", "wav": "wav", "flac": "flac", "ogg": "ogg", "aac": "aac", "aiff": "aiff",
}  # fmt: skip
_TRACKS = frozenset((b"moov", b"trak"))


def describe_streams(opened: Blob) -> dict[str, Any]:
    """Return what the headers of a video or sound say: duration in seconds, rates per second, sizes in pixels.

    Raises:
        CorruptInput: The container cannot be read, or has nothing in it.
    """
    import av

    options = {"format_whitelist": _DEMUXERS[opened.kind.format], "protocol_whitelist": "none"}
    # PyAV before 19 fails on names that are no UTF-8 unless it is told not to; since then it has no such option.
    lenient = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
    try:
        file = io.BytesIO(opened.data)
        opener: Any = av.open
        container: Any = opener(file, format=_DEMUXERS[opened.kind.format], options=options, **lenient)
    except (av.FFmpegError, ValueError) as error:
        raise CorruptInput("The file is damaged or cut short.", detail=str(error)) from None
    with container:
        if not container.streams:
            raise CorruptInput("The file has no video and no sound in it.")
        rotations = track_rotations(opened.data) if _DEMUXERS[opened.kind.format] == "mov" else {}
        streams = [_stream(stream, rotations) for stream in container.streams]
        found: dict[str, Any] = {}
        if container.duration:
            found["duration"] = round(container.duration / av.time_base, 3)
        if container.bit_rate:
            found["bitrate"] = container.bit_rate
        picture = next((one for one in streams if one["type"] == "video" and not one.get("cover")), None)
        if picture is not None:
            turned = picture.get("rotation", 0) % 180 == 90
            sides = (picture["width"], picture["height"])
            found["width"], found["height"] = sides[::-1] if turned else sides
            found["frame_rate"] = picture.get("frame_rate", 0.0)
        found["streams"] = streams
        return found


def track_rotations(data: bytes) -> dict[int, int]:
    """Return by how many degrees each track of an MP4 is turned clockwise when it is shown, where it is."""
    found = {}
    for kind, body in boxes(data, _TRACKS):
        if kind != b"tkhd":
            continue
        start = 52 if body[:1] == b"\1" else 40
        numbers = [int.from_bytes(body[at : at + 4], "big", signed=True) for at in (start, start + 4)]
        track = int.from_bytes(body[20:24] if body[:1] == b"\1" else body[12:16], "big")
        angle = round(math.degrees(math.atan2(numbers[1], numbers[0]))) % 360
        if angle:
            found[track] = angle
    return found


def _stream(stream: Any, rotations: dict[int, int]) -> dict[str, Any]:
    context = stream.codec_context
    found: dict[str, Any] = {"type": stream.type, "codec": context.name if context is not None else "unknown"}
    if stream.type == "video":
        found |= {"width": context.width, "height": context.height, "pixel_format": context.pix_fmt or "unknown"}
        if stream.average_rate:
            found["frame_rate"] = round(float(stream.average_rate), 3)
        if stream.frames:
            found["frames"] = stream.frames
        if stream.id in rotations:
            found["rotation"] = rotations[stream.id]
        if "attached_pic" in str(stream.disposition).lower():
            found["cover"] = True
    elif stream.type == "audio":
        found |= {"sample_rate": context.sample_rate, "channels": context.channels, "layout": context.layout.name}
    if context is not None and stream.type in ("video", "audio") and context.bit_rate:
        found["bitrate"] = context.bit_rate
    if stream.duration and stream.time_base:
        found["duration"] = round(float(stream.duration * stream.time_base), 3)
    if stream.language and stream.language != "und":
        found["language"] = text(stream.language, 16)
    return found
