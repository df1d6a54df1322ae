"""One output film: its filters, which run where decoding does, and its encoders and container, which run behind."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from mediamill.operations.streams._av import av, output_error
from mediamill.operations.streams._clock import recounted, seconds
from mediamill.operations.streams._companions import Companions
from mediamill.operations.streams._cover import Cover
from mediamill.operations.streams._facts import AudioFacts, MediaFacts, VideoFacts
from mediamill.operations.streams._mux import carry_stream_tags, copied_stream
from mediamill.operations.streams._reader import Kind
from mediamill.operations.streams._sound import AudioCode, AudioFilter, add_audio
from mediamill.operations.video._cap import Cap
from mediamill.operations.video._chain import Chain
from mediamill.operations.video._codecs import (
    CODECS,
    VideoCode,
    followed_stream,
    mend_decoding_time,
    set_up_encoder,
    without_settings,
)
from mediamill.operations.video._graph import VideoFilter
from mediamill.operations.video._light import add_stream

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

_USUAL_RATE = Fraction(25)
"""What rate control counts with where a film does not say how fast it is."""


class Recipe(Struct, frozen=True, kw_only=True):
    """What one output is.

    Attributes:
        path: An empty file it is written to.
        format: Its container.
        video: How the picture is coded; None where there is none.
        chain: What the picture goes through.
        audio: How the sound is coded, `copy` to leave it as it is, None to leave it out.
        strip: Whether tags stay behind.
        watch: Is shown each frame that is coded and the second it is shown at; it may keep the frame, not change it.
        follows: The number of an earlier recipe whose coded picture this one may take, because it is to be coded
            alike but for its bitrate, which is higher there.
    """

    path: str
    format: str
    video: VideoCode | None
    chain: Chain
    audio: AudioCode | Literal["copy"] | None
    strip: bool = False
    watch: Callable[[Any, float], None] | None = None
    follows: int | None = None


class Sink:
    """An output that takes frames and packets.

    Args:
        recipe: What it is.
        container: Where it is written, empty.
        source: Where it comes from.
        facts: What the source is.
        audio: The source's sound track.
        covers: The source's covers.
        threads: How many a filter or encoder may use.
        leader: The output whose coded picture it takes, where there is one.
    """

    def __init__(
        self,
        recipe: Recipe,
        container: "OutputContainer",
        source: "InputContainer",
        facts: MediaFacts,
        audio: AudioFacts | None,
        covers: tuple[Cover, ...],
        threads: int,
        leader: "Sink | None" = None,
    ) -> None:
        self._container = container
        self._recipe = recipe
        self._last_time: int | None = None
        self._lengths: dict[int, int] = {}
        self._late = 0
        self._begun = False
        self.frames = 0
        self.ended = 0.0
        """Seconds, of the longest stream."""
        self.shown = 0.0
        """Seconds of picture."""
        self.picture_bytes = 0
        """Bytes of picture, without the container's."""
        self._video: Any = None
        self._video_filter: VideoFilter | None = None
        self._audio: Any = None
        self._copied: Any = None
        self._copied_index = -1
        self._followers: list[Sink] = []
        self._cap: Cap | None = None
        if recipe.video is not None and facts.video is not None:
            original = source.streams[facts.video.index]
            if leader is not None:
                self._follow(leader, recipe.video, original)
            else:
                self._add_video(recipe.video, original, facts.video, threads)
        if audio is not None and recipe.audio is not None:
            self._add_audio(recipe.audio, source.streams[audio.index])
        self.companions = Companions(source, container, facts, recipe.format, covers, strip=recipe.strip)

    @property
    def audio(self) -> AudioCode | Literal["copy"] | None:
        """How the sound is coded."""
        return self._recipe.audio

    @property
    def exceeded(self) -> bool:
        """Whether the picture it takes goes beyond its own bitrate, so that it has to be coded for itself."""
        return self._cap is not None and self._cap.exceeded

    @property
    def notes(self) -> dict[str, Any]:
        """What was done that the job did not ask for, and what had to stay behind."""
        found = dict(self._recipe.chain.notes)
        if self._video_filter is not None and self._video_filter.deinterlaced:
            found["deinterlaced"] = True
        if self._video_filter is not None and self._video_filter.changed:
            found["size_changed"] = True
        if self._late:
            found["late_frames"] = self._late
        if self.companions.dropped:
            found["dropped"] = self.companions.dropped
        return found

    def filtered(self, kind: Kind, item: Any) -> Iterator[Any]:
        """Send a frame through the output's filters; packets pass."""
        if kind == "video" and self._cap is None and self._video_filter is not None:
            yield from self._video_filter.send(item)
        elif kind == "audio" and self._audio is not None:
            yield from self._audio_filter.send(item)
        elif kind == "copy":
            yield item

    def flushed(self) -> Iterator[tuple[Kind, Any]]:
        """Yield what filters hold back at the end."""
        if self._cap is None and self._video_filter is not None:
            yield from (("video", frame) for frame in self._video_filter.flush())
        if self._audio is not None:
            yield from (("audio", frame) for frame in self._audio_filter.flush())

    def take(self, kind: Kind, item: Any) -> None:
        """Encode and write a filtered frame, or write a packet.

        Raises:
            MediaError: The encoder refuses or there is no room.
        """
        if kind == "copy":
            self._copy(item)
        elif kind == "video":
            self._take_picture(item)
        else:
            self._encode(self._audio, item)

    def finish(self) -> None:
        """Encode and write what encoders hold back."""
        for stream in (self._video if self._cap is None else None, self._audio):
            if stream is not None:
                self._encode(stream, None)

    def _add_video(self, code: VideoCode, original: Any, facts: VideoFacts, threads: int) -> None:
        tick = Fraction(1) / code.rate if code.rate else facts.tick
        rate = code.rate or facts.rate or _USUAL_RATE
        # The stream's time base and not one over its rate: a film's frames need not come evenly.
        stream: Any = add_stream(self._container, CODECS[code.codec].encoder, code, rate)
        set_up_encoder(stream, code, tick=tick, rate=rate, threads=threads)
        carry_stream_tags(original, stream, strip=self._recipe.strip)
        self._video = stream
        # Filters run beside encoders, which need the cores more: every thread that is waited for costs.
        self._video_filter = VideoFilter(self._recipe.chain.filters, facts, max(1, threads // 2))

    def _follow(self, leader: "Sink", code: VideoCode, original: Any) -> None:
        """Take the coded picture of another output, which is ready to be written."""
        try:
            leader._container.start_encoding()  # what is coded has its headers from then on
        except (av().FFmpegError, ValueError) as error:
            raise output_error(error, f"The {CODECS[code.codec].encoder} encoder") from None
        self._video = followed_stream(self._container, leader._video, code)
        carry_stream_tags(original, self._video, strip=self._recipe.strip)
        self._video_filter = leader._video_filter
        self._cap = Cap(code.bitrate)
        leader._followers.append(self)

    def _add_audio(self, code: AudioCode | Literal["copy"], original: Any) -> None:
        if code == "copy":
            self._copied = copied_stream(self._container, original, strip=self._recipe.strip)
            self._copied_index = original.index
            return
        self._audio = add_audio(self._container, code)
        carry_stream_tags(original, self._audio, strip=self._recipe.strip)
        self._audio_filter = AudioFilter(code, self._audio.codec_context)

    def _take_picture(self, frame: Any) -> None:
        frame.pict_type = 0  # the encoder decides what is a key frame, not the source's
        tick = self._video.codec_context.time_base
        at = recounted(frame.pts, frame.time_base, tick)
        if self._last_time is not None and at <= self._last_time:
            for sink in (self, *self._followers):
                sink._late += 1
            return
        self._last_time = at
        if frame.duration:  # encoders forget it, and with it how long the last picture stands
            self._lengths[at] = recounted(frame.duration, frame.time_base, tick)
        for sink in (self, *self._followers):
            sink.frames += 1
        if self._recipe.watch is not None:
            self._recipe.watch(frame, seconds(at, tick))
        self._encode(self._video, frame)

    def _copy(self, packet: Any) -> None:
        """Write a packet as it is, and leave its times as they were for other outputs."""
        origin, tick = packet.stream, packet.time_base
        times = packet.pts, packet.dts, packet.duration
        if origin.index == self._copied_index:
            packet.stream, made = self._copied, packet
        else:
            made = self.companions.packet(packet)
        if made is not None:
            self._write([made])
        packet.stream, packet.time_base = origin, tick
        packet.pts, packet.dts, packet.duration = times

    def _take_coded(self, packet: Any) -> None:
        """Write a packet of the picture that another output was coded for, as long as it may be this one's, too."""
        assert self._cap is not None
        self._cap.take(packet)
        if self.exceeded:
            return
        origin, tick = packet.stream, packet.time_base
        times = packet.pts, packet.dts, packet.duration
        packet.stream = self._video
        self._write([packet])
        packet.stream, packet.time_base = origin, tick
        packet.pts, packet.dts, packet.duration = times

    def _encode(self, stream: Any, frame: Any) -> None:
        try:
            packets = stream.encode(frame)
        except (av().FFmpegError, ValueError) as error:
            raise output_error(error, f"The {stream.codec_context.name} encoder") from None
        self._write(packets)

    def _write(self, packets: list[Any]) -> None:
        if not self._begun:
            self._begun = True
            self._write(self.companions.first)
        for packet in packets:
            if packet.stream is self._video:
                self.picture_bytes += packet.size
                mend_decoding_time(packet)
                packet.duration = self._lengths.pop(packet.pts, packet.duration)
                if self._recipe.strip and not self.shown:
                    packet = without_settings(packet)
                for follower in self._followers:
                    follower._take_coded(packet)
            if packet.pts is not None and packet.time_base:
                end = seconds(packet.pts + (packet.duration or 0), packet.time_base)
                self.ended = max(self.ended, end)
                if packet.stream is self._video:
                    self.shown = max(self.shown, end)
            try:
                self._container.mux(packet)
            except (av().FFmpegError, ValueError) as error:
                raise output_error(error, f"The {self._recipe.format.upper()} writer") from None
