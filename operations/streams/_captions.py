"""Subtitles on their way into another container: copied where it holds them, else put into the coding it has.

Text survives every way; what only one coding can say (fonts, places on the screen) does not. Subtitles that are
pictures go along only where they are held as they are.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.streams._av import av
from mediamill.operations.streams._mux import carry_stream_tags, copied_stream

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

Convert = Callable[[bytes], bytes]

_TEXT = {"mp4": "mov_text", "mov": "mov_text", "mkv": "subrip", "webm": "webvtt"}
"""The coding of text each container has."""

_HELD: dict[str, tuple[str, ...]] = {
    "mp4": ("mov_text",),
    "mov": ("mov_text",),
    "mkv": ("subrip", "ass", "webvtt", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"),
    "webm": ("webvtt",),
}
"""What stays as it is in each container."""

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|\{\\[^{}]*\}")
_PLAIN_TAG = re.compile(r"</?[ibu]>")
_ASS_FIELDS = 8
"""Fields before the text of an event of Advanced SubStation Alpha."""


class Captions(Struct, frozen=True):
    """An output's subtitle stream, and what makes its packets of the source's; None where they stay as they are."""

    stream: Any
    convert: Convert | None


def add_captions(
    source: "InputContainer", target: "OutputContainer", index: int, format_name: str, *, strip: bool
) -> Captions | None:
    """Add a stream for a source's subtitles; None where the container cannot hold them.

    Args:
        source: Where they come from.
        target: Where they go, before its first packet.
        index: Of their stream.
        format_name: The target's container.
        strip: Whether titles stay behind.
    """
    original: Any = source.streams[index]
    if original.codec_context is None:
        return None
    codec = original.codec_context.codec.canonical_name
    if codec in _HELD.get(format_name, ()):
        copied = copied_stream(target, original, strip=strip)
        return Captions(copied, _without_pauses if codec == "mov_text" else None)
    wanted = _TEXT.get(format_name)
    read = _READERS.get(codec)
    if wanted is None or read is None:
        return None
    write = _WRITERS[wanted]
    stream: Any = target.add_stream(wanted) if wanted == "mov_text" else target.add_mux_stream(wanted)
    if wanted == "mov_text":
        stream.codec_context.subtitle_header = _STYLE
        stream.codec_context.time_base = original.time_base
    else:
        stream.time_base = original.time_base
    carry_stream_tags(original, stream, strip=strip)
    return Captions(stream, lambda data: write(read(data)))


def converted(captions: Captions, packet: Any) -> Any:
    """Return a packet for the output's stream; None where it says nothing."""
    if captions.convert is None:
        packet.stream = captions.stream
        return packet
    data = captions.convert(bytes(packet))
    if not data:
        return None
    made = av().Packet(data)
    made.pts, made.dts, made.duration, made.time_base = packet.pts, packet.pts, packet.duration, packet.time_base
    made.is_keyframe = True
    made.stream = captions.stream
    return made


def _without_pauses(data: bytes) -> bytes:
    """Return nothing for a sample without text: those fill pauses, and muxers put in their own."""
    return b"" if data[:2] == b"\0\0" else data


def _from_timed_text(data: bytes) -> str:
    """Read a sample of 3GPP timed text (TS 26.245): a length, the text, then styles."""
    body = data[2 : 2 + int.from_bytes(data[:2], "big")]
    if body[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return body.decode("utf-16", "replace")
    return _escaped(body.decode("utf-8", "replace"))


def _from_ass(data: bytes) -> str:
    fields = data.decode("utf-8", "replace").split(",", _ASS_FIELDS)
    text = fields[-1].replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    return _escaped(_TAG.sub("", text))


def _from_subrip(data: bytes) -> str:
    """Read SubRip's text, whose only marks everybody knows are italics, bold and underlining."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    parts = re.split(f"({_PLAIN_TAG.pattern})", _TAG.sub(_keep_plain, text))
    return "".join(part if _PLAIN_TAG.fullmatch(part) else _escaped(part) for part in parts)


def _from_webvtt(data: bytes) -> str:
    return _TAG.sub(_keep_plain, data.decode("utf-8", "replace"))


def _keep_plain(match: re.Match[str]) -> str:
    return match[0].lower() if _PLAIN_TAG.fullmatch(match[0].lower()) else ""


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _unescaped(text: str) -> str:
    for name, sign in (("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", "\u00a0"), ("&lrm;", ""), ("&rlm;", "")):
        text = text.replace(name, sign)
    return text.replace("&amp;", "&")


def _to_timed_text(text: str) -> bytes:
    body = _unescaped(_PLAIN_TAG.sub("", text)).strip("\n").encode()[:0xFFFF]
    return len(body).to_bytes(2, "big") + body if body else b""


def _to_subrip(text: str) -> bytes:
    return _unescaped(text).strip("\n").encode()


def _to_webvtt(text: str) -> bytes:
    return re.sub(r"\n{2,}", "\n", text).strip("\n").encode()


_READERS: dict[str, Callable[[bytes], str]] = {
    "mov_text": _from_timed_text, "subrip": _from_subrip, "text": _from_subrip, "webvtt": _from_webvtt,
    "ass": _from_ass,
}  # fmt: skip
"""What turns each coding into text as WebVTT writes it."""

_WRITERS: dict[str, Callable[[str], bytes]] = {
    "mov_text": _to_timed_text, "subrip": _to_subrip, "webvtt": _to_webvtt,
}  # fmt: skip

_STYLE = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
"""The usual look, which the encoder of timed text writes into the container."""
