"""A film or sound put into another container, or the same one, without coding anything anew."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.contract import Context, Stream
from mediamill.operations.streams._av import av, output_error
from mediamill.operations.streams._companions import Companions
from mediamill.operations.streams._cover import read_covers
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._facts import MediaFacts
from mediamill.operations.streams._mux import carry_tags, copied_stream, muxer
from mediamill.operations.streams._open import demuxer
from mediamill.operations.streams._reader import Reader, Span, Wanted

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer


class Remuxed(Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        ended: Seconds.
        dropped: What stayed behind and why, as the result's metadata says it.
    """

    ended: float
    dropped: list[dict[str, Any]]


def remux(
    ctx: Context,
    stream: Stream,
    facts: MediaFacts,
    path: str,
    format_name: str,
    damage: Damage,
    *,
    strip: bool = False,
    sound: bool = True,
) -> Remuxed:
    """Copy a file's picture, sound tracks, subtitles, covers and chapters into a new container.

    Args:
        ctx: The engine.
        stream: The opened source.
        facts: What it is.
        path: An empty file that is written.
        format_name: Its format's long name.
        damage: Counts what is wrong with the source.
        strip: Whether tags, and with them places and covers, stay behind.
        sound: Whether that goes along.

    Raises:
        MediaError: The source cannot be read, or the container does not hold it or cannot be written.
    """
    library = av()
    span = Span(start=facts.start)
    covers = read_covers(stream, facts)
    indices = [facts.video.index] if facts.video is not None else []
    indices += [one.index for one in facts.audio] if sound else []
    with demuxer(stream) as source, muxer(path, format_name) as target:
        carry_tags(source, target, strip=strip, shift=span.start)
        try:
            copies = {index: _copied(source, target, facts, index, strip=strip) for index in indices}
        except ValueError as error:
            raise output_error(error, f"The {format_name.upper()} writer") from None
        companions = Companions(source, target, facts, format_name, covers, strip=strip)
        wanted = Wanted(copied=(*indices, *facts.subtitles), checked=damage.strict)
        reader = Reader(source, facts, span, wanted, damage, 1)
        try:
            target.mux(companions.first)
            for packet in _packets(reader, copies, companions):
                target.mux(packet)
                ctx.progress(min(100.0, 100 * reader.ended / reader.expected) if reader.expected else 0.0)
        except (library.FFmpegError, ValueError) as error:
            raise output_error(error, f"The {format_name.upper()} writer") from None
    return Remuxed(ended=reader.ended, dropped=companions.dropped)


def _copied(source: "InputContainer", target: "OutputContainer", facts: MediaFacts, index: int, *, strip: bool) -> Any:
    video = facts.video
    picture = video if video is not None and video.index == index else None
    return copied_stream(target, source.streams[index], strip=strip, picture=picture)


def _packets(reader: Reader, copies: Mapping[int, Any], companions: Companions) -> Iterator[Any]:
    """Yield packets that belong to the output's streams."""
    for _, packet in reader.units():
        index = packet.stream.index
        if index in copies:
            packet.stream = copies[index]
            yield packet
        elif (made := companions.packet(packet)) is not None:
            yield made
