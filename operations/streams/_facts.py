"""What a film is, by its headers and its first frame: what has to be known before anything is planned.

The first frame is decoded because only it says how the picture is turned, in every container alike, and how bright an
HDR master was. Colours are ITU-T H.273's numbers, 2 where the file says nothing.
"""

import re
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.contract import Limits, Stream
from mediamill.operations.streams._av import av, input_error
from mediamill.operations.streams._clock import Clock
from mediamill.operations.streams._matrix import Turn, read_matrix
from mediamill.operations.streams._open import demuxer, packets
from mediamill.protocol.errors import CorruptInput, LimitExceeded, MediaError

if TYPE_CHECKING:
    from av.container import InputContainer

RGB = 0
UNSPECIFIED = 2
PQ, HLG = 16, 18
"""Transfer characteristics of HDR."""

FULL_RANGE = 2
"""FFmpeg's number for samples that use all their values."""

_SIDE_DATA = ("DISPLAYMATRIX", "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
_ATTACHED_PICTURE = 0x400
_DURATION = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_PACKETS_TO_LOOK_AT = 2000
"""How far into a file its first picture may be."""


class Colour(Struct, frozen=True, kw_only=True):
    """How samples stand for light.

    Attributes:
        primaries, transfer, matrix: H.273's numbers.
        range: FFmpeg's: 1 limited, 2 full, 0 unknown.
        mastering: The mastering display (CTA-861): chromaticities of green, blue, red, white in 0.00002, then the most
            and least luminance in 0.0001 cd/m2.
        light: Most and frame-average light level of the content, in cd/m2.
    """

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    range: int = 0
    mastering: tuple[int, ...] | None = None
    light: tuple[int, int] | None = None

    @property
    def hdr(self) -> str | None:
        """`pq` or `hlg` where the light is coded for HDR."""
        return {PQ: "pq", HLG: "hlg"}.get(self.transfer)


class VideoFacts(Struct, frozen=True, kw_only=True):
    """A film's picture.

    Attributes:
        index: Of its stream in the container.
        codec: FFmpeg's name of the coding.
        width, height: Pixels as stored.
        pixel: Shape of a pixel, width to height, as stored.
        turn: What makes it upright.
        rate: Frames a second on average, 0 where unknown.
        tick: The stream's time base, in seconds.
        pixel_format: FFmpeg's name.
        depth: Bits a sample.
        alpha: Whether it has an alpha channel.
        colour: Its colours.
        interlaced: Whether frames hold two fields.
        frames: Number of frames where the container says it, else 0.
        duration: Seconds, 0 where unknown.
        start: When the first frame is shown, in seconds.
        bitrate: Bits a second, 0 where unknown.
        scrambled: Whether only decoding tells the order its pictures are shown in, so that packets cannot be copied.
    """

    index: int
    codec: str
    width: int
    height: int
    pixel: Fraction
    turn: Turn
    rate: Fraction
    tick: Fraction
    pixel_format: str
    depth: int
    alpha: bool
    colour: Colour
    interlaced: bool
    frames: int
    duration: float
    start: float
    bitrate: int
    scrambled: bool = False

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height in square pixels as it is meant to be seen, upright."""
        width, height = self.width, self.height
        if self.pixel > 1:
            width = max(1, round(width * self.pixel))
        elif self.pixel < 1:
            height = max(1, round(height / self.pixel))
        return (height, width) if self.turn.swaps else (width, height)


class AudioFacts(Struct, frozen=True, kw_only=True):
    """A sound track.

    Attributes:
        index: Of its stream in the container.
        codec: FFmpeg's name of the coding.
        sample_rate: Samples a second.
        channels: Their number.
        layout: FFmpeg's name of their arrangement.
        bitrate: Bits a second, 0 where unknown.
        duration: Seconds, 0 where unknown.
        start: When it starts, in seconds.
        language: An ISO 639 code; empty where the file says none.
        default: Whether the file calls it the one to play.
        samples: FFmpeg's name of the decoded samples' format.
    """

    index: int
    codec: str
    sample_rate: int
    channels: int
    layout: str
    bitrate: int
    duration: float
    start: float
    language: str
    default: bool
    samples: str = ""


class MediaFacts(Struct, frozen=True, kw_only=True):
    """A film or sound.

    Attributes:
        format: The container's name, as sniffed.
        size: Bytes.
        duration: Seconds, of the longest stream; 0 where unknown.
        start: When the earliest stream starts, in seconds.
        bitrate: Bits a second of the whole file.
        video: The picture; None where there is none.
        audio: The sound tracks in the file's order.
        subtitles: Indices of subtitle streams.
        covers: Indices of attached pictures.
        chapters: How many there are.
    """

    format: str
    size: int
    duration: float
    start: float
    bitrate: int
    video: VideoFacts | None
    audio: tuple[AudioFacts, ...]
    subtitles: tuple[int, ...]
    covers: tuple[int, ...]
    chapters: int

    @property
    def sound(self) -> AudioFacts | None:
        """The track a player takes: the first that says it is the default one, else the first."""
        return next((track for track in self.audio if track.default), self.audio[0] if self.audio else None)


def look(stream: Stream, limits: Limits, *, pictures: bool = True) -> MediaFacts:
    """Read a film's headers and first frame.

    Args:
        stream: The opened file.
        limits: What may be.
        pictures: Whether the picture matters; where not, it may be damaged and is not looked at.

    Raises:
        CorruptInput: Nothing in it can be decoded.
        LimitExceeded: Its pictures are larger than any may be.
    """
    with demuxer(stream) as container:
        return read_facts(container, stream, limits, pictures=pictures)


def read_facts(container: "InputContainer", stream: Stream, limits: Limits, *, pictures: bool = True) -> MediaFacts:
    """Do the same for a container that was just opened; it has to be opened anew to be read from its start."""
    library = av()
    films = [one for one in container.streams.video if pictures and not is_cover(one) and _known(one)]
    video = next((one for one in films if int(one.disposition) & 1), films[0] if films else None)
    sounds = [one for one in container.streams.audio if _known(one)]
    duration = (container.duration or 0) / library.time_base
    return MediaFacts(
        format=stream.kind.format,
        size=stream.size,
        duration=max([duration, *(_seconds(one, one.duration) for one in container.streams)]),
        start=(container.start_time or 0) / library.time_base,
        bitrate=container.bit_rate or 0,
        video=None if video is None else _video(container, video, limits),
        audio=tuple(_audio(one) for one in sounds),
        subtitles=tuple(one.index for one in container.streams.subtitles),
        covers=tuple(one.index for one in container.streams.video if is_cover(one)),
        chapters=len(container.chapters()),
    )


def look_at_cover(stream: Stream, facts: MediaFacts, limits: Limits) -> VideoFacts | None:
    """Return what the first picture attached to a film or sound is; None where there is none.

    Raises:
        CorruptInput: It cannot be decoded.
        LimitExceeded: It is larger than any may be.
    """
    if not facts.covers:
        return None
    with demuxer(stream) as container:
        return _video(container, container.streams[facts.covers[0]], limits)


def is_cover(stream: Any) -> bool:
    """Return whether a video stream is a picture attached to a sound or film."""
    return bool(int(stream.disposition) & _ATTACHED_PICTURE)


def _known(stream: Any) -> bool:
    return stream.codec_context is not None


def _video(container: "InputContainer", stream: Any, limits: Limits) -> VideoFacts:
    context = stream.codec_context
    _check_size(context.width, context.height, limits)
    frame = first_frame(container, stream)
    _check_size(frame.width, frame.height, limits)
    side = {name: bytes(item) for name in _SIDE_DATA if (item := frame.side_data.get(name)) is not None}
    pixel = stream.sample_aspect_ratio or context.sample_aspect_ratio or Fraction(1)
    component = frame.format.components[0]
    return VideoFacts(
        index=stream.index,
        codec=context.codec.canonical_name,
        width=frame.width,
        height=frame.height,
        pixel=pixel if pixel > 0 else Fraction(1),
        turn=read_matrix(side.get("DISPLAYMATRIX", b"")),
        rate=Fraction(stream.average_rate or stream.guessed_rate or 0),
        tick=Fraction(stream.time_base),
        pixel_format=frame.format.name,
        depth=component.bits,
        alpha=len(frame.format.components) in (2, 4),
        colour=_colour(context, frame, side),
        interlaced=bool(frame.interlaced_frame),
        frames=stream.frames or 0,
        duration=_seconds(stream, stream.duration),
        start=_seconds(stream, stream.start_time),
        bitrate=context.bit_rate or 0,
        scrambled=Clock(container.format.name, context.codec.canonical_name).guesses and bool(context.has_b_frames),
    )


def _audio(stream: Any) -> AudioFacts:
    context = stream.codec_context
    language = stream.language or ""
    return AudioFacts(
        index=stream.index,
        codec=context.codec.canonical_name,
        sample_rate=context.sample_rate,
        channels=context.layout.nb_channels,
        layout=_layout(context.layout),
        bitrate=context.bit_rate or 0,
        duration=_seconds(stream, stream.duration) or _tagged_seconds(stream),
        start=_seconds(stream, stream.start_time),
        language="" if language == "und" else language,
        default=bool(int(stream.disposition) & 1),
        samples=context.format.name if context.format is not None else "",
    )


def _layout(layout: Any) -> str:
    """Return the arrangement of channels; the usual one of as many where the file says none."""
    name: str = layout.name
    return _USUAL_LAYOUTS.get(layout.nb_channels, name) if name.endswith(" channels") else name


def first_frame(container: "InputContainer", stream: Any) -> Any:
    """Decode the first picture of a stream of a container that was just opened.

    Raises:
        CorruptInput: There is none.
    """
    context = stream.codec_context
    context.thread_type = "SLICE"  # threads over frames would read far ahead for one frame
    error: MediaError | None = None
    alone = True
    for packet in _packets(container, stream):
        try:
            frames = packet.decode()
            if not frames and alone and packet.is_keyframe and packet.size:
                alone = False
                frames = _drained(context, packet)
        except av().FFmpegError as failure:
            error = input_error(failure)
            continue
        if frames:
            return frames[0]
    raise error or CorruptInput("No picture in the film can be decoded.")


def _drained(context: Any, packet: Any) -> list[Any]:
    """Return the picture of a packet that a decoder was just given, without those that follow in the order of coding.

    Decoders hold a picture back until they know that none is shown before it. Where it needs others to be whole, as
    where key pictures are spread over several, nothing comes, and the decoder is as if it had the packet alone.
    """
    frames: list[Any] = context.decode(None)
    context.flush_buffers()
    return frames or context.decode(packet)


def _packets(container: "InputContainer", stream: Any) -> Iterator[Any]:
    found = packets(container, stream)
    for _ in range(_PACKETS_TO_LOOK_AT):
        try:
            yield next(found)
        except StopIteration:
            return
        except av().FFmpegError as error:
            raise input_error(error) from None


def _colour(context: Any, frame: Any, side: dict[str, bytes]) -> Colour:
    def either(name: str) -> int:
        found = int(getattr(frame, name) or 0)
        return found if found not in (0, UNSPECIFIED) else int(getattr(context, name) or UNSPECIFIED)

    return Colour(
        primaries=either("color_primaries"),
        transfer=either("color_trc"),
        matrix=either("colorspace") if int(frame.colorspace) else 0,
        range=int(frame.color_range or context.color_range or 0),
        mastering=_mastering(side.get("MASTERING_DISPLAY_METADATA", b"")),
        light=_light(side.get("CONTENT_LIGHT_LEVEL", b"")),
    )


def _mastering(data: bytes) -> tuple[int, ...] | None:
    """Read AVMasteringDisplayMetadata: ten rationals (red, green, blue, white; least, most), two flags."""
    if len(data) < 88:
        return None
    numbers = struct.unpack("=20i", data[:80])
    values = [Fraction(up, down) if down else Fraction(0) for up, down in zip(numbers[::2], numbers[1::2], strict=True)]
    red, green, blue, white = (values[at : at + 2] for at in (0, 2, 4, 6))
    points = [round(value * 50_000) for value in (*green, *blue, *red, *white)]
    return (*points, round(values[9] * 10_000), round(values[8] * 10_000))


def _light(data: bytes) -> tuple[int, int] | None:
    if len(data) < 8:
        return None
    most, average = struct.unpack("=2I", data[:8])
    return (most, average) if most or average else None


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise LimitExceeded(
            f"The film has pictures of {width}x{height} pixels, above max_pixels = {limits.max_pixels} or "
            f"max_side = {limits.max_side}.",
            received=width * height,
            expected=f"at most {limits.max_pixels} pixels, {limits.max_side} a side",
        )


def _seconds(stream: Any, ticks: int | None) -> float:
    return float(ticks * stream.time_base) if ticks and stream.time_base else 0.0


def _tagged_seconds(stream: Any) -> float:
    """Return the duration Matroska writes among a track's tags; its headers hold the longest track's alone."""
    match = _DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match is not None else 0.0
