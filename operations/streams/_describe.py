"""What a film or sound is, as plain data for people and programs: its container, streams, chapters and tags.

Headers say most of it. One picture is decoded, because only that says how it is turned and, for HDR, how bright it was
mastered; where it cannot be, what the headers say stands alone.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mediamill.operations.contract import Limits, Stream
from mediamill.operations.streams._av import av
from mediamill.operations.streams._facts import Colour, MediaFacts, VideoFacts, is_cover, read_facts
from mediamill.operations.streams._open import demuxer, packets
from mediamill.protocol.errors import CorruptInput, LimitExceeded
from mediamill.protocol.results import text

if TYPE_CHECKING:
    from av.container import InputContainer

_PRIMARIES = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020", 10: "smpte428",
    11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
_TRANSFERS = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100", 10: "log316",
    11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084",
    17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip
_MATRICES = {
    0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc",
    10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc", 13: "chroma-derived-c", 14: "ictcp",
}  # fmt: skip
"""FFmpeg's names of ITU-T H.273's numbers."""

_RANGES = {1: "limited", 2: "full"}
_POINTS = ("green", "blue", "red", "white")

_DEFAULT, _FORCED = 0x1, 0x40
_MOST_STREAMS, _MOST_CHAPTERS, _MOST_TAGS, _LONGEST_TAG = 100, 500, 100, 500


def describe(
    stream: Stream, limits: Limits, *, count: bool = False, check: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Return what a film or sound is.

    Args:
        stream: The opened file.
        limits: Pictures beyond them are not decoded.
        count: Whether pictures are counted, by reading the whole file, where the header does not say how many.
        check: Is called between packets and raises where the job is to stop.

    Returns:
        `duration` in seconds, `bitrate` in bits a second, `streams`, `chapters`, `tags`, and of the picture `width` and
        `height` as it is seen and `frame_rate`; what a file does not say is left out.

    Raises:
        CorruptInput: The container cannot be read, or has nothing in it.
    """
    found: dict[str, Any] = {}
    with demuxer(stream, probed=True) as container:
        facts = None
        try:
            facts = read_facts(container, stream, limits)
        except LimitExceeded as error:
            found["exceeds"] = error.message
        except CorruptInput as error:
            found["undecodable"] = error.message
        streams = [_stream(one, facts) for one in list(container.streams)[:_MOST_STREAMS]]
        found |= _whole(container, facts)
        found["chapters"] = [_chapter(one) for one in container.chapters()[:_MOST_CHAPTERS]]
        found["tags"] = _tags(container.metadata)
    picture = main(streams, "video")
    if picture is not None and count and "frames" not in picture:
        picture["frames"] = _counted(stream, picture["index"], check)
    if picture is not None and "display_width" in picture:  # of an unknown coding nothing is known
        found |= {"width": picture["display_width"], "height": picture["display_height"]}
        found["frame_rate"] = picture["frame_rate"]
    return found | {"streams": streams}


def main(streams: list[dict[str, Any]], kind: str) -> dict[str, Any] | None:
    """Return the stream of a kind that players take: the default one, else the first; never a cover."""
    those = [one for one in streams if one["type"] == kind and not one.get("cover")]
    if kind == "video":
        return those[0] if those else None
    return next((one for one in those if one.get("default")), those[0] if those else None)


def _whole(container: "InputContainer", facts: MediaFacts | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    duration = container.duration / av().time_base if container.duration else facts.duration if facts else 0.0
    if duration > 0:
        found["duration"] = round(duration, 3)
    if container.start_time:
        found["start"] = round(container.start_time / av().time_base, 3)
    if container.bit_rate:
        found["bitrate"] = container.bit_rate
    return found


def _stream(stream: Any, facts: MediaFacts | None) -> dict[str, Any]:
    context = stream.codec_context
    found: dict[str, Any] = {"index": stream.index, "type": stream.type, "codec": "unknown"}
    if context is not None:
        found["codec"] = context.codec.canonical_name
        if context.profile:
            found["profile"] = context.profile
    if stream.type == "video" and context is not None:
        looked_at = facts.video if facts is not None else None
        found |= _video(stream, looked_at if looked_at is not None and looked_at.index == stream.index else None)
    elif stream.type == "audio" and context is not None:
        layout = context.layout
        found |= {"sample_rate": context.sample_rate, "channels": layout.nb_channels, "layout": layout.name}
    if context is not None and stream.type in ("video", "audio") and context.bit_rate:
        found["bitrate"] = context.bit_rate
    if stream.duration and stream.time_base:
        found["duration"] = round(float(stream.duration * stream.time_base), 3)
    if stream.start_time and stream.time_base:
        found["start"] = round(float(stream.start_time * stream.time_base), 3)
    return found | _role(stream)


def _role(stream: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if stream.language and stream.language != "und":
        found["language"] = text(stream.language, 16)
    if stream.metadata.get("title"):
        found["title"] = text(stream.metadata["title"], _LONGEST_TAG)
    flags = int(stream.disposition)
    found |= {name: True for name, flag in (("default", _DEFAULT), ("forced", _FORCED)) if flags & flag}
    return found


def _video(stream: Any, facts: VideoFacts | None) -> dict[str, Any]:
    context = stream.codec_context
    pixel = facts.pixel if facts is not None else stream.sample_aspect_ratio or Fraction(1)
    rate = Fraction(stream.average_rate or 0)
    found: dict[str, Any] = {
        "width": context.width,
        "height": context.height,
        "display_width": facts.shown[0] if facts is not None else context.width,
        "display_height": facts.shown[1] if facts is not None else context.height,
        "rotation": facts.turn.degrees if facts is not None else 0,
        "pixel_aspect_ratio": f"{pixel.numerator}:{pixel.denominator}",
        "frame_rate": round(float(rate), 3),
        "frame_rate_ratio": f"{rate.numerator}/{rate.denominator}",
        "pixel_format": context.pix_fmt or "unknown",
        "color": _colours(facts.colour if facts is not None else _header_colour(context)),
    }
    if stream.frames:
        found["frames"] = stream.frames
    if is_cover(stream):
        found["cover"] = True
    if facts is None:
        return found
    found |= {"bit_depth": facts.depth, "interlaced": facts.interlaced, "alpha": facts.alpha}
    found["hdr"] = facts.colour.hdr
    if facts.turn.mirrored:
        found["mirrored"] = True
    return found | _light(facts.colour)


def _header_colour(context: Any) -> Colour:
    return Colour(
        primaries=int(context.color_primaries),
        transfer=int(context.color_trc),
        matrix=int(context.colorspace),
        range=int(context.color_range),
    )


def _colours(colour: Colour) -> dict[str, str | None]:
    return {
        "primaries": _PRIMARIES.get(colour.primaries),
        "transfer": _TRANSFERS.get(colour.transfer),
        "matrix": _MATRICES.get(colour.matrix),
        "range": _RANGES.get(colour.range),
    }


def _light(colour: Colour) -> dict[str, Any]:
    """Return the mastering display and light levels of HDR, in xy chromaticities and cd/m2."""
    found: dict[str, Any] = {}
    if colour.mastering is not None:
        points = {
            name: [colour.mastering[2 * at] / 50_000, colour.mastering[2 * at + 1] / 50_000]
            for at, name in enumerate(_POINTS)
        }
        most, least = (value / 10_000 for value in colour.mastering[8:10])
        found["mastering_display"] = points | {"max_luminance": most, "min_luminance": least}
    if colour.light is not None:
        found["content_light"] = {"max": colour.light[0], "average": colour.light[1]}
    return found


def _chapter(chapter: Any) -> dict[str, Any]:
    unit = chapter["time_base"] or 0
    return {
        "start": round(float(chapter["start"] * unit), 3),
        "end": round(float(chapter["end"] * unit), 3),
        "title": text(chapter["metadata"].get("title", ""), _LONGEST_TAG),
    }


def _tags(metadata: Any) -> dict[str, str]:
    return {text(name, 100): text(value, _LONGEST_TAG) for name, value in list(metadata.items())[:_MOST_TAGS]}


def _counted(stream: Stream, index: int, check: Callable[[], None]) -> int:
    """Return how many pictures a stream holds: its packets."""
    count = 0
    with demuxer(stream) as container:
        found = packets(container, container.streams[index])
        while True:
            check()
            try:
                packet = next(found)
            except (StopIteration, av().FFmpegError):  # the file ends here, well or not
                return count
            count += packet.size > 0
