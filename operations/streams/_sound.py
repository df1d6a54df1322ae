"""Sound on its way into a film or file: copied as it is, or decoded, filtered and encoded."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Literal

from msgspec import Struct

from mediamill.operations.streams._av import av

AudioCodecName = Literal["aac", "mp3", "opus", "vorbis", "flac", "wav"]

ENCODERS: dict[AudioCodecName, str] = {
    "aac": "aac", "mp3": "libmp3lame", "opus": "libopus", "vorbis": "vorbis", "flac": "flac", "wav": "pcm_s16le",
}  # fmt: skip
DECODERS = {"aac": "aac", "mp3": "mp3", "opus": "opus", "vorbis": "vorbis", "flac": "flac", "wav": "pcm_s16le"}
"""FFmpeg's name of each coding, by which streams are told."""

_MOST_CHANNELS = {"mp3": 2, "vorbis": 2, "aac": 8, "opus": 8, "flac": 8, "wav": 8}
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_RATES: dict[str, tuple[int, ...]] = {
    "opus": (48_000,),
    "mp3": (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000),
    "aac": (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350),
}


class AudioCode(Struct, frozen=True, kw_only=True):
    """How a sound track is coded.

    Attributes:
        codec: The coding.
        bitrate: Bits a second; None for codings without loss.
        sample_rate: Samples a second.
        layout: FFmpeg's name of the channels' arrangement.
        filters: What it goes through first, each as FFmpeg writes it.
    """

    codec: AudioCodecName
    bitrate: int | None
    sample_rate: int
    layout: str
    filters: tuple[str, ...] = ()


def code_for(
    codec: AudioCodecName,
    bitrate: int | None,
    *,
    sample_rate: int,
    layout: str,
    channels: int,
    filters: Sequence[str] = (),
) -> AudioCode:
    """Return how a track is coded, with a sample rate and as many of its channels as the coding can hold.

    Args:
        codec: The coding.
        bitrate: Bits a second of all channels; None is 64 kb/s a channel for lossy codings.
        sample_rate: The track's.
        layout: The track's, or the one asked for.
        channels: Of that layout.
        filters: What it goes through first.
    """
    most = _MOST_CHANNELS[codec]
    if channels > most:
        channels, layout = most, _LAYOUTS[most]
    elif codec == "opus" and layout not in _LAYOUTS.values():
        layout = _LAYOUTS[channels]
    rates = _RATES.get(codec)
    rate = sample_rate if rates is None else min(rates, key=lambda one: (one < sample_rate, abs(one - sample_rate)))
    lossless = codec in ("flac", "wav")
    return AudioCode(
        codec=codec,
        bitrate=None if lossless else bitrate or 64_000 * channels,
        sample_rate=rate,
        layout=layout,
        filters=tuple(filters),
    )


def add_audio(container: Any, code: AudioCode) -> Any:
    """Add a stream that encodes, opened, so that it says how many samples a frame has to have."""
    stream = container.add_stream(ENCODERS[code.codec], rate=code.sample_rate)
    context = stream.codec_context
    context.layout = code.layout  # stereo otherwise, which mixes 5.1 down in silence
    context.time_base = Fraction(1, code.sample_rate)
    if code.bitrate is not None:
        context.bit_rate = code.bitrate
    if code.codec == "vorbis":
        context.options = {"strict": "experimental"}
    context.open(strict=False)
    return stream


class AudioFilter:
    """A chain of filters that decoded sound is sent through, ending in what an encoder takes.

    Args:
        code: The encoder's side.
        encoder: PyAV's codec context, opened.
    """

    def __init__(self, code: AudioCode, encoder: Any) -> None:
        self._code = code
        self._encoder = encoder
        self._key: tuple[object, ...] = ()
        self._graph: Any = None
        self._source: Any = None
        self._sink: Any = None

    def send(self, frame: Any) -> Iterator[Any]:
        """Send one frame through; yield what comes out."""
        key = (frame.sample_rate, frame.format.name, frame.layout.name)
        if key != self._key:
            yield from self.flush()
            self._build(frame)
            self._key = key
        self._source.push(frame)
        yield from self._pulled()

    def flush(self) -> Iterator[Any]:
        """Yield what filters hold back; more frames may follow."""
        if self._source is None:
            return
        self._source.push(None)
        yield from self._pulled()
        self._source, self._key = None, ()

    def _build(self, frame: Any) -> None:
        graph = av().filter.Graph()
        graph.threads = 1
        tick = frame.time_base or Fraction(1, frame.sample_rate)
        node = self._source = graph.add_abuffer(
            sample_rate=frame.sample_rate, format=frame.format.name, layout=frame.layout.name, time_base=tick
        )
        out = self._encoder
        ending = (
            f"aformat=sample_fmts={out.format.name}:sample_rates={out.sample_rate}:channel_layouts={out.layout.name}"
        )
        for step in (*self._code.filters, "aresample", ending):
            name, _, options = step.partition("=")
            following = graph.add(name, options or None)
            node.link_to(following)
            node = following
        self._sink = graph.add("abuffersink")
        node.link_to(self._sink)
        graph.configure()
        if out.frame_size:
            graph.set_audio_frame_size(out.frame_size)
        self._graph = graph

    def _pulled(self) -> Iterator[Any]:
        library = av()
        while True:
            try:
                yield self._sink.pull()
            except (library.error.BlockingIOError, library.error.EOFError):
                return
