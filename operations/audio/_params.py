"""What the audio operations declare alike: where a sound comes from, where it goes and how it is coded."""

from typing import Annotated

from msgspec import Meta, Struct

from mediamill.operations.audio._formats import (
    CONTAINERS,
    HOMES,
    MOST_BITS,
    CodecName,
    ContainerName,
    QualityName,
    suffix_container,
)
from mediamill.operations.streams._bitrate import Bitrate, parse_bitrate
from mediamill.protocol.errors import InvalidJob
from mediamill.protocol.job import Job, OutputPath, Source


class Wish(Struct, frozen=True, kw_only=True):
    """How a job wants its sound coded.

    Attributes:
        codec: The coding; None leaves it to the container, else to the source.
        container: The container; None leaves it to the coding.
        bitrate: Bits a second; None leaves it to `quality`, else to the source.
        quality: Stands for a bitrate.
        sample_rate, channels: None leaves them as they are.
        filters: What the sound goes through first.
        only_copy: Whether packets are to be copied, and nothing else will do.
        may_copy: Whether they may be, where the coding is the source's.
    """

    codec: CodecName | None = None
    container: ContainerName | None = None
    bitrate: int | None = None
    quality: QualityName | None = None
    sample_rate: int | None = None
    channels: int | None = None
    filters: tuple[str, ...] = ()
    only_copy: bool = False
    may_copy: bool = True


class AudioJob(Job, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The fields of every operation that reads one sound, of a film or alone, and writes one."""

    input: Annotated[Source, Meta(description="The source: a sound, or a film whose sound is taken.")]
    output: Annotated[OutputPath, Meta(description="The file to write; its suffix says what it is.")] | None = None
    output_dir: Annotated[OutputPath, Meta(description="The folder to write to; names are made.")] | None = None
    track: (
        Annotated[int, Meta(ge=1, le=100, description="Sound track, from 1; absent: the file's default one.")] | None
    ) = None
    bitrate: Bitrate | None = None
    quality: (
        Annotated[QualityName, Meta(description="128, 192 or 320 kb/s for two channels, more for more.")] | None
    ) = None
    strip_metadata: Annotated[bool, Meta(description="Leave tags and covers behind; chapters stay.")] = False
    strict: Annotated[bool, Meta(description="Fail on the first damage instead of counting it.")] = False

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        if (self.output is None) == (self.output_dir is None):
            raise InvalidJob(
                "A sound is written to a file: give output or output_dir, "
                f"received {'both' if self.output is not None else 'none'}.",
                field="output",
                expected="one of output, output_dir",
            )
        if self.bitrate is not None and self.quality is not None:
            raise InvalidJob(
                "A sound is coded by one of bitrate and quality, received both.",
                field="quality",
                expected="one of bitrate, quality",
            )
        bits = parse_bitrate(self.bitrate, "bitrate")
        codec = self.coding
        if bits is not None and codec is not None and bits > MOST_BITS.get(codec, bits):
            raise InvalidJob(
                f"{codec} has at most {MOST_BITS[codec] // 1000} kb/s, received {self.bitrate!r}.",
                field="bitrate",
                received=self.bitrate,
                expected=f"at most {MOST_BITS[codec] // 1000}k for {codec}",
            )

    @property
    def coding(self) -> CodecName | None:
        """The coding that is asked for, by name or by the output's suffix; None leaves it to the source."""
        named = self.container
        return CONTAINERS[named].usual if named is not None else None

    @property
    def container(self) -> ContainerName | None:
        """The container that the output's suffix stands for; None where it has none."""
        return suffix_container(self.output) if self.output is not None else None

    @property
    def wish(self) -> Wish:
        """How the sound is to be coded."""
        return Wish(container=self.container, bitrate=parse_bitrate(self.bitrate, "bitrate"), quality=self.quality)


def container_for(codec: CodecName, named: ContainerName | None) -> ContainerName:
    """Return the container of a coding: the named one where it holds it, else its usual one."""
    return named if named is not None and named in HOMES[codec] else HOMES[codec][0]
