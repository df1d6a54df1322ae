"""What the video operations declare alike: where a film comes from, where it goes and how it is coded."""

from typing import Annotated, Literal

from msgspec import Meta

from mediamill.operations.streams._bitrate import Bitrate, parse_bitrate
from mediamill.operations.streams._outputs import named_by_suffix
from mediamill.operations.video._codecs import CODECS, CodecName, Container, Preset, QualityName
from mediamill.protocol.errors import InvalidJob
from mediamill.protocol.job import Job, OutputPath, Source

SUFFIXES: dict[str, Container] = {"mp4": "mp4", "m4v": "mp4", "webm": "webm", "mkv": "mkv", "mov": "mov"}
"""The container each file suffix stands for."""

Side = Annotated[int, Meta(ge=2, le=16_384, description="Pixels.")]
AudioCodec = Literal["aac", "mp3", "opus", "vorbis", "copy"]


class VideoJob(Job, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The fields of every operation that reads one film and writes films."""

    input: Annotated[Source, Meta(description="The source film.")]
    output: Annotated[OutputPath, Meta(description="The file to write; its suffix is the container.")] | None = None
    output_dir: Annotated[OutputPath, Meta(description="The folder to write to; names are made.")] | None = None
    format: (
        Annotated[Container, Meta(description="Container; absent: the output's suffix, else mp4, or webm for vp8.")]
        | None
    ) = None
    track: (
        Annotated[int, Meta(ge=1, le=100, description="Sound track, from 1; absent: the file's default one.")] | None
    ) = None
    strip_metadata: Annotated[bool, Meta(description="Leave tags behind, and with them where it was recorded.")] = False
    strict: Annotated[bool, Meta(description="Fail on the first damage instead of counting it.")] = False

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        if (self.output is None) == (self.output_dir is None):
            raise InvalidJob(
                "A film is written to a file: give output or output_dir, "
                f"received {'both' if self.output is not None else 'none'}.",
                field="output",
                expected="one of output, output_dir",
            )


class CodingJob(VideoJob, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The fields of every operation that encodes films as the job says."""

    codec: Annotated[CodecName, Meta(description="Coding of the picture; absent: h264, or vp9 in WebM.")] | None = None
    crf: (
        Annotated[float, Meta(ge=0, le=63, description="Constant rate factor, the codec's own scale: less is better.")]
        | None
    ) = None
    bitrate: Bitrate | None = None
    quality: Annotated[QualityName, Meta(description="Looks alike in every codec; the default is medium.")] | None = (
        None
    )
    preset: Annotated[Preset, Meta(description="Speed against size; absent: the codec's best value.")] | None = None
    fps: Annotated[float, Meta(ge=0.001, le=240, description="Frames a second, even; absent: as they come.")] | None = (
        None
    )
    audio_codec: (
        Annotated[
            AudioCodec, Meta(description="Coding of the sound; absent: copied where it fits, else the usual one.")
        ]
        | None
    ) = None
    audio_bitrate: Bitrate | None = None
    strip_audio: Annotated[bool, Meta(description="Leave the sound out.")] = False
    skip_if_larger: Annotated[bool, Meta(description="Give the source back where the output would not be smaller.")] = (
        True
    )

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        given = [name for name in self.rates if getattr(self, name) is not None]
        if len(given) > 1:
            raise InvalidJob(
                f"A film is coded by one of {', '.join(self.rates)}, received {' and '.join(given)}.",
                field=given[1],
                expected="one of " + ", ".join(self.rates),
            )
        for name in ("bitrate", "audio_bitrate"):
            parse_bitrate(getattr(self, name), name)
        container = self.container
        if container not in CODECS[self.coding].containers:
            raise InvalidJob(
                f"{container} does not hold {self.coding}.",
                field="codec" if self.codec is not None else "format",
                received=self.coding,
                expected=f"one of {', '.join(CODECS[self.coding].containers)} for {self.coding}",
            )
        low, high = CODECS[self.coding].crf_range
        if self.crf is not None and not low <= self.crf <= high:
            raise InvalidJob(
                f"The crf of {self.coding} is {low} to {high}, received {self.crf:g}.",
                field="crf",
                received=self.crf,
                expected=f"{low}..{high}",
            )
        if self.strip_audio and (self.audio_codec is not None or self.audio_bitrate is not None):
            raise InvalidJob(
                "strip_audio leaves no sound to code.", field="strip_audio", received=True, expected="no audio_codec"
            )

    @property
    def rates(self) -> tuple[str, ...]:
        """The fields of which one says how many bits are spent."""
        return ("crf", "bitrate", "quality")

    @property
    def target_bytes(self) -> int | None:
        """The size the film has to have; None where bits are spent by another field."""
        return None

    @property
    def least_score(self) -> float | None:
        """The score the film has to have; None where bits are spent by another field."""
        return None

    @property
    def container(self) -> Container:
        """The container that is written."""
        if self.format is not None:
            return self.format
        named = suffix_container(self.output) if self.output is not None else None
        if named is not None:
            return named
        return "webm" if self.codec == "vp8" else "mp4"

    @property
    def coding(self) -> CodecName:
        """The coding of the picture."""
        return self.codec or ("vp9" if self.container == "webm" else "h264")


def suffix_container(path: str, field: str = "output") -> Container | None:
    """Return the container a path's suffix stands for, None where it has no suffix.

    Raises:
        InvalidJob: The suffix is of no container that can be written.
    """
    return named_by_suffix(path, SUFFIXES, "Films", field)
