"""Sound on its way into a film or file: copied as it is, or decoded, filtered and encoded."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal

from msgspec import Struct

from mediamill.operations.streams._av import av, output_error
from mediamill.operations.streams._graph import FrameFilter
from mediamill.protocol.errors import CorruptInput

AudioCodecName = Literal["aac", "mp3", "opus", "vorbis", "flac", "alac", "wav"]

ENCODERS: dict[AudioCodecName, str] = {
    "aac": "aac", "mp3": "libmp3lame", "opus": "libopus", "vorbis": "vorbis", "flac": "flac", "alac": "alac",
    "wav": "pcm_s16le",
}  # fmt: skip
DECODERS = {
    "aac": "aac", "mp3": "mp3", "opus": "opus", "vorbis": "vorbis", "flac": "flac", "alac": "alac", "wav": "pcm_s16le",
}  # fmt: skip
"""FFmpeg's name of each coding, by which streams are told."""

LOSSLESS: tuple[AudioCodecName, ...] = ("flac", "alac", "wav")

Samples = Literal["u8", "s16", "s24", "s32", "flt", "dbl"]
"""How a lossless coding keeps each sample: whole numbers of so many bits, or floats."""

_PCM: dict[Samples, str] = {
    "u8": "pcm_u8", "s16": "pcm_s16le", "s24": "pcm_s24le", "s32": "pcm_s32le", "flt": "pcm_f32le", "dbl": "pcm_f64le",
}  # fmt: skip
_WHOLE: dict[AudioCodecName, tuple[str, str]] = {"flac": ("s16", "s32"), "alac": ("s16p", "s32p")}
"""FFmpeg's sample formats for 16 bits and for 24, the most these codings have."""

_MOST_CHANNELS = {"mp3": 2, "vorbis": 2, "aac": 8, "opus": 8, "flac": 8, "alac": 8, "wav": 64}
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_ONLY_THESE: dict[str, dict[int, tuple[str, ...]]] = {
    "opus": {1: ("mono",), 2: ("stereo",), 3: ("3.0",), 4: ("quad",), 5: ("5.0",), 6: ("5.1",), 7: ("6.1",),
             8: ("7.1",)},
    "aac": {1: ("mono",), 2: ("stereo",), 3: ("3.0", "2.1"), 4: ("4.0", "quad"), 5: ("5.0",), 6: ("5.1",),
            8: ("7.1",)},
    "alac": {1: ("mono",), 2: ("stereo",), 3: ("3.0",), 4: ("4.0",), 5: ("5.0",), 6: ("5.1",)},
}  # fmt: skip
"""Arrangements by their number of channels; AAC has others, whose map of channels most players do not read."""

RATES: dict[str, tuple[int, ...]] = {
    "opus": (48_000,),
    "mp3": (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000),
    "aac": (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350),
}


_RATES_THERE_ARE = 1_000, 3_000_000
"""Samples a second, from the coarsest telemetry to the one-bit sound of discs."""


class AudioCode(Struct, frozen=True, kw_only=True):
    """How a sound track is coded.

    Attributes:
        codec: The coding.
        bitrate: Bits a second; None for codings without loss.
        sample_rate: Samples a second.
        layout: FFmpeg's name of the channels' arrangement.
        filters: What it goes through first, each as FFmpeg writes it.
        samples: What a lossless coding keeps.
    """

    codec: AudioCodecName
    bitrate: int | None
    sample_rate: int
    layout: str
    filters: tuple[str, ...] = ()
    samples: Samples = "s16"

    @property
    def encoder(self) -> str:
        """FFmpeg's name of the encoder."""
        return _PCM[self.samples] if self.codec == "wav" else ENCODERS[self.codec]


def code_for(
    codec: AudioCodecName,
    bitrate: int | None,
    *,
    sample_rate: int,
    layout: str,
    channels: int,
    filters: Sequence[str] = (),
    samples: Samples = "s16",
) -> AudioCode:
    """Return how a track is coded, with a sample rate and as many of its channels as the coding can hold.

    Args:
        codec: The coding.
        bitrate: Bits a second of all channels; None is 64 kb/s a channel for lossy codings.
        sample_rate: The track's.
        layout: The track's, or the one asked for.
        channels: Of that layout.
        filters: What it goes through first.
        samples: How the track keeps its samples, for lossless codings.

    Raises:
        CorruptInput: The track says of itself what no sound is; made into one, a small file would last for days.
    """
    if not _RATES_THERE_ARE[0] <= sample_rate <= _RATES_THERE_ARE[1]:
        raise CorruptInput(f"The sound says that it has {sample_rate} samples a second.")
    most = _MOST_CHANNELS[codec]
    if channels > most:
        channels, layout = most, _LAYOUTS[most]
    if codec in _ONLY_THESE:
        fitting = _ONLY_THESE[codec].get(channels, ("5.1",))
        layout = layout if layout in fitting else fitting[0]
    rates = RATES.get(codec)
    rate = sample_rate if rates is None else min(rates, key=lambda one: (one < sample_rate, abs(one - sample_rate)))
    lossless = codec in LOSSLESS
    return AudioCode(
        codec=codec,
        bitrate=None if lossless else bitrate or 64_000 * channels,
        sample_rate=rate,
        layout=layout,
        filters=tuple(filters),
        samples=samples,
    )


def add_audio(container: Any, code: AudioCode) -> Any:
    """Add a stream that encodes, opened, so that it says how many samples a frame has to have."""
    stream = container.add_stream(code.encoder, rate=code.sample_rate)
    context = stream.codec_context
    if code.codec in _WHOLE:
        context.format = _WHOLE[code.codec][code.samples not in ("u8", "s16")]
    context.layout = code.layout  # stereo otherwise, which mixes 5.1 down in silence
    context.time_base = Fraction(1, code.sample_rate)
    if code.bitrate is not None:
        context.bit_rate = code.bitrate
    if code.codec == "vorbis":
        context.options = {"strict": "experimental"}
    try:
        context.open(strict=False)
    except (av().FFmpegError, ValueError) as error:
        raise output_error(error, f"The {code.codec} encoder") from None
    return stream


class SoundFilter(FrameFilter):
    """A chain of filters that decoded sound is sent through.

    Args:
        filters: Each as FFmpeg writes it.
        frame_size: Samples each frame that comes out has, but for the last; 0 leaves it to the filters.
    """

    def __init__(self, filters: Sequence[str], frame_size: int = 0) -> None:
        super().__init__(threads=1)
        self._filters = filters
        self._frame_size = frame_size

    def _form(self, frame: Any) -> tuple[object, ...]:
        return frame.sample_rate, frame.format.name, frame.layout.name

    def _enter(self, graph: Any, frame: Any) -> Any:
        tick = frame.time_base or Fraction(1, frame.sample_rate)
        return graph.add_abuffer(
            sample_rate=frame.sample_rate, format=frame.format.name, layout=frame.layout.name, time_base=tick
        )

    def _steps(self, frame: Any) -> Sequence[str]:
        return self._filters

    def _leave(self, graph: Any) -> Any:
        return graph.add("abuffersink")

    def _build(self, frame: Any) -> None:
        super()._build(frame)
        if self._frame_size:
            self._graph.set_audio_frame_size(self._frame_size)


class AudioFilter(SoundFilter):
    """A chain that ends in what an encoder takes.

    Args:
        code: The encoder's side.
        encoder: PyAV's codec context, opened.
        chunked: Whether frames come in the encoder's size.
    """

    def __init__(self, code: AudioCode, encoder: Any, *, chunked: bool = True) -> None:
        ending = (
            f"aformat=sample_fmts={encoder.format.name}:sample_rates={encoder.sample_rate}:"
            f"channel_layouts={encoder.layout.name}"
        )
        super().__init__((*code.filters, "aresample", ending), encoder.frame_size if chunked else 0)
