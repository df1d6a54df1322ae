"""What sounds are written as: the codings, the containers that hold them, and what each has a place for."""

from typing import Literal

from msgspec import Struct

from mediamill.operations.streams._facts import AudioFacts
from mediamill.operations.streams._mux import codings_held
from mediamill.operations.streams._outputs import named_by_suffix
from mediamill.operations.streams._sound import LOSSLESS, AudioCodecName, Samples

CodecName = Literal["mp3", "aac", "opus", "flac", "alac", "wav"]
"""The codings that are encoded."""

ContainerName = Literal["mp3", "m4a", "aac", "opus", "ogg", "flac", "wav", "mka"]
QualityName = Literal["low", "medium", "high"]

QUALITIES: dict[QualityName, int] = {"low": 128_000, "medium": 192_000, "high": 320_000}
"""Bits a second of a stereo track."""

MOST_BITS: dict[CodecName, int] = {"mp3": 320_000, "aac": 4_608_000, "opus": 2_048_000}
"""The highest bitrate of each coding, whatever its rate and channels."""


class Container(Struct, frozen=True, kw_only=True):
    """A file format.

    Attributes:
        codecs: FFmpeg's names of what it holds, by which streams are told; empty where it is whatever its
            writer takes.
        usual: The coding that is encoded into it where the job names none.
        chapters: Whether it has a place for chapters, and whether FFmpeg writes them: `tags` where it does not.
    """

    codecs: tuple[str, ...]
    usual: CodecName
    chapters: Literal["own", "tags", "none"] = "own"


CONTAINERS: dict[ContainerName, Container] = {
    "mp3": Container(codecs=("mp3",), usual="mp3"),
    "m4a": Container(codecs=("aac", "alac"), usual="aac"),
    "aac": Container(codecs=("aac",), usual="aac"),
    "opus": Container(codecs=("opus",), usual="opus"),
    "ogg": Container(codecs=("opus", "vorbis", "flac"), usual="opus"),
    "flac": Container(codecs=("flac",), usual="flac", chapters="tags"),
    "wav": Container(
        codecs=("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw"),
        usual="wav",
        chapters="none",
    ),
    "mka": Container(codecs=(), usual="opus"),
}

SUFFIXES: dict[str, ContainerName] = {
    "mp3": "mp3", "m4a": "m4a", "m4b": "m4a", "mp4": "m4a", "aac": "aac", "opus": "opus", "ogg": "ogg", "oga": "ogg",
    "flac": "flac", "wav": "wav", "mka": "mka",
}  # fmt: skip
"""The container each file suffix stands for."""

HOMES: dict[CodecName, tuple[ContainerName, ...]] = {
    "mp3": ("mp3", "mka"),
    "aac": ("m4a", "aac", "mka"),
    "opus": ("opus", "ogg", "mka"),
    "flac": ("flac", "ogg", "mka"),
    "alac": ("m4a", "mka"),
    "wav": ("wav", "mka"),
}
"""The containers each coding may be written into, its usual one first."""


def suffix_container(path: str, field: str = "output") -> ContainerName | None:
    """Return the container a path's suffix stands for, None where it has no suffix.

    Raises:
        InvalidJob: The suffix is of no sound that can be written.
    """
    return named_by_suffix(path, SUFFIXES, "Sounds", field)


def coding_of(track: AudioFacts) -> CodecName | None:
    """Return the coding a track has, where it is one that can be encoded; any PCM is `wav`."""
    if track.codec.startswith("pcm_"):
        return "wav"
    found: dict[str, CodecName] = {"mp3": "mp3", "aac": "aac", "opus": "opus", "flac": "flac", "alac": "alac"}
    return found.get(track.codec)


def home_of(track: AudioFacts) -> ContainerName:
    """Return the container a track's packets go into as they are, where nobody names one."""
    first: tuple[ContainerName, ...] = ("mp3", "m4a", "opus", "flac", "ogg", "wav")
    return next((name for name in first if holds(name, track)), "mka")


def holds(container: ContainerName, track: AudioFacts) -> bool:
    """Return whether a container takes a track's packets as they are."""
    return track.codec in (CONTAINERS[container].codecs or codings_held(container))


def samples_of(track: AudioFacts) -> Samples:
    """Return how a track's samples are kept where they are coded without loss: as they were.

    What was coded with loss has no depth of its own and becomes 16 bits, as everywhere.
    """
    if not is_lossless(track):
        return "s16"
    name = track.samples.removesuffix("p")
    if name == "s32":
        return "s32" if "s32" in track.codec else "s24"
    found: dict[str, Samples] = {"u8": "u8", "s16": "s16", "flt": "flt", "dbl": "dbl"}
    return found.get(name, "s24")


def is_lossless(track: AudioFacts) -> bool:
    """Return whether a track's samples are what was recorded; telephone codings are not."""
    if track.codec.startswith("pcm_"):
        return track.codec not in ("pcm_alaw", "pcm_mulaw")
    return track.codec in (*LOSSLESS, "wavpack", "tta", "ape", "mlp", "truehd")


def most_bits(codec: AudioCodecName, rate: int, channels: int) -> int | None:
    """Return the highest bitrate a coding has at a sample rate and number of channels; None without a bound.

    MP3 by ISO 11172-3 and 13818-3, AAC by ISO 14496-3 (6144 bits a channel and frame), Opus as its library takes it.
    """
    if codec == "mp3":
        return 320_000 if rate >= 32_000 else 160_000 if rate >= 16_000 else 64_000
    if codec == "aac":
        return 6144 * rate * channels // 1024
    if codec == "opus":
        return 256_000 * channels
    return None
