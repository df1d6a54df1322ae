"""Writing films and sounds: the container, and what goes along with pictures and sound."""

import contextlib
import functools
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mediamill.operations.streams._av import av, output_error
from mediamill.operations.streams._facts import VideoFacts

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

MUXERS = {
    "mp4": "mp4", "mov": "mov", "mkv": "matroska", "webm": "webm", "m4a": "mp4", "mp3": "mp3", "opus": "ogg",
    "ogg": "ogg", "flac": "flac", "wav": "wav", "aac": "adts", "mka": "matroska", "null": "null",
}  # fmt: skip
"""FFmpeg's muxer for each format that is written; `null` writes nothing."""

_FAST_START = ("mp4", "mov", "m4a")
_OPTIONS: dict[str, dict[str, str]] = {
    "m4a": {"brand": "M4A "},  # the muxer of its own refuses covers
    "aac": {"write_id3v2": "1"},  # the only place there is for tags
    "wav": {"rf64": "auto"},  # a WAV counts its bytes in 32 bits
    "mp3": {"id3v2_version": "3"},  # Windows and many players read no later one
}

_ABOUT_THE_FILE = ("major_brand", "minor_version", "compatible_brands", "encoder")
"""What a container says of itself, which no longer holds of another one."""

_APPLE = "com.apple.quicktime."
_APPLE_NAMES = {"location.ISO6709": "location", "creationdate": "date"}
"""What FFmpeg calls Apple's tags that have another name elsewhere."""


@functools.cache
def codings_held(format_name: str) -> frozenset[str]:
    """Return FFmpeg's names of the codings that a format's muxer takes packets of."""
    with av().open(io.BytesIO(), "w", format=MUXERS[format_name]) as container:
        return frozenset(container.supported_codecs)


@contextlib.contextmanager
def muxer(path: str, format_name: str) -> Iterator["OutputContainer"]:
    """Open a file for writing; it is finished when the block ends well, with its index in front.

    Args:
        path: A file that exists; it is replaced.
        format_name: The format's long name.

    Raises:
        MediaError: It cannot be written.
    """
    library = av()
    # Without what only tells when and by which version a file was made, the same job gives the same bytes.
    options = {"fflags": "+bitexact"} | _OPTIONS.get(format_name, {})
    if format_name in _FAST_START:
        options["movflags"] = "+faststart"
    container = library.open(f"file:{path}", "w", format=MUXERS[format_name], options=options)
    try:
        yield container
    except BaseException:
        with contextlib.suppress(Exception):  # the file is thrown away whatever closing says
            container.close()
        raise
    try:
        container.close()
    except (library.FFmpegError, OSError, ValueError) as error:
        raise output_error(error, f"The {format_name.upper()} writer") from None


def carry_tags(
    source: "InputContainer", target: "OutputContainer", *, strip: bool, shift: float = 0.0, end: float | None = None
) -> None:
    """Carry a file's tags and chapters over.

    Args:
        source: Where they come from.
        target: Where they go, before its first packet.
        strip: Whether tags, and with them places, stay behind; chapters never do.
        shift: Seconds that the output starts later than the source.
        end: Seconds of the source it ends at; None for its end.
    """
    if not strip:
        for name, value in source.metadata.items():
            base, _, language = name.rpartition("-")  # "location-eng" says "location" once more
            if name.lower() not in _ABOUT_THE_FILE and not (len(language) == 3 and base in source.metadata):
                target.metadata[_tag_name(name)] = value
    chapters: list[Any] = []
    for chapter in source.chapters():
        back = round(shift / (chapter["time_base"] or 1))
        over = chapter["end"] if end is None else min(chapter["end"], round(end / (chapter["time_base"] or 1)))
        if over > max(back, chapter["start"]):
            chapters.append({**chapter, "start": max(0, chapter["start"] - back), "end": over - back})
    if chapters:
        target.set_chapters(chapters)


def _tag_name(name: str) -> str:
    short = name.removeprefix(_APPLE)
    return _APPLE_NAMES.get(short, short)


def copied_stream(target: "OutputContainer", stream: Any, *, strip: bool, picture: VideoFacts | None = None) -> Any:
    """Add a stream that takes another one's packets as they are, with its language and role.

    Args:
        target: Where it is added, before the first packet.
        stream: The other one.
        strip: Whether its title stays behind.
        picture: What it shows, where it is a film's picture: for containers opened without decoding any of it.
    """
    made: Any = target.add_stream_from_template(stream, opaque=True)
    if picture is not None and made.codec_context.pix_fmt is None:
        _tell_of(picture, made.codec_context)
    if made.type == "video" and made.codec_context.name == "hevc" and target.format.name in ("mp4", "mov"):
        made.codec_context.codec_tag = "hvc1"  # Apple's players take no other
    carry_stream_tags(stream, made, strip=strip)
    return made


def _tell_of(picture: VideoFacts, context: Any) -> None:
    """Complete a copied stream's context with what a decoder would have found out."""
    context.pix_fmt = picture.pixel_format
    context.sample_aspect_ratio = picture.pixel
    context.color_primaries = picture.colour.primaries
    context.color_trc = picture.colour.transfer
    context.colorspace = picture.colour.matrix
    context.color_range = picture.colour.range


def carry_stream_tags(stream: Any, made: Any, *, strip: bool) -> None:
    """Carry a stream's language, title and role over."""
    kept = ("language",) if strip else ("language", "title")
    for name, value in stream.metadata.items():
        if name in kept:
            made.metadata[name] = value
    made.disposition = stream.disposition
