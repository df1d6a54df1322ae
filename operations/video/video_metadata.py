"""Say all there is to know of a film, from its headers and one picture."""

from typing import Annotated, Any

from msgspec import Meta

from mediamill.operations.contract import Context, Metadata, Plan
from mediamill.operations.streams._describe import describe, main
from mediamill.operations.streams._open import open_input
from mediamill.protocol.job import Job, Source
from mediamill.protocol.results import text

SUMMARY = "Say what a film is: duration, codecs, size, rotation, colours, sound tracks, chapters."
EXAMPLE: dict[str, Any] = {"operation": "video_metadata", "input": "film.mp4"}


class Params(Job, frozen=True, kw_only=True, tag="video_metadata", forbid_unknown_fields=True, omit_defaults=True):
    """A metadata job."""

    input: Annotated[Source, Meta(description="A film or sound.")]
    count_frames: Annotated[
        bool, Meta(description="Count the frames where the header does not say; reads the whole file.")
    ] = False


def plan(params: Params, ctx: Context) -> Plan:
    """Nothing is written and next to nothing is spent."""
    open_input(ctx, params.input)
    return Plan()


def run(params: Params, ctx: Context) -> Metadata:
    """Read a film's headers and first picture.

    Returns:
        `path`, `format`, `size_bytes`, `duration`, `bitrate`, `video`, `audio`, `streams`, `chapters` and `tags`.
        `video` and `audio` are the streams a player takes, null where there is none.

    Raises:
        UnsupportedFormat: It is no film and no sound.
        CorruptInput: Its container cannot be read.
    """
    stream = open_input(ctx, params.input)
    found = describe(stream, ctx.limits, count=params.count_frames, check=ctx.check)
    streams = found["streams"]
    return {
        "path": None if stream.path is None else text(stream.path),
        "format": stream.kind.format,
        "size_bytes": stream.size,
        **found,
        "video": main(streams, "video"),
        "audio": main(streams, "audio"),
    }
