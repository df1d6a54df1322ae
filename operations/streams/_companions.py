"""What goes with picture and sound into another container: subtitles and covers; and what had to stay behind."""

from typing import TYPE_CHECKING, Any

from mediamill.operations.streams._captions import Captions, add_captions, converted
from mediamill.operations.streams._cover import Cover, add_cover
from mediamill.operations.streams._facts import MediaFacts

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer


class Companions:
    """The companions of one output.

    Args:
        source: Where they come from.
        target: Where they go, before its first packet.
        facts: What the source is.
        format_name: The target's container.
        covers: The source's covers.
        strip: Whether covers and titles stay behind: a cover is a file with tags of its own.

    Attributes:
        first: Packets to be written before all others.
        dropped: What stays behind and why, as the result's metadata says it.
    """

    def __init__(
        self,
        source: "InputContainer",
        target: "OutputContainer",
        facts: MediaFacts,
        format_name: str,
        covers: tuple[Cover, ...],
        *,
        strip: bool,
    ) -> None:
        self.first: list[Any] = []
        self.dropped: list[dict[str, Any]] = []
        self._captions: dict[int, Captions] = {}
        for index in facts.subtitles:
            made = add_captions(source, target, index, format_name, strip=strip)
            if made is None:
                self._drop("subtitles", source.streams[index], f"{format_name} does not hold them.")
            else:
                self._captions[index] = made
        for cover in covers:
            packets = None if strip else add_cover(target, cover, format_name)
            if packets is None:
                reason = "Metadata was to be left behind." if strip else f"{format_name} does not hold it."
                self._drop("cover", source.streams[cover.index], reason)
            else:
                self.first += packets

        if format_name == "mkv" and not strip:
            for stream in source.streams.attachments:  # fonts of the subtitles
                target.add_attachment(stream.name or "attachment", stream.mimetype or "", stream.data)

    @property
    def kept(self) -> int:
        """How many subtitle streams go along."""
        return len(self._captions)

    def packet(self, packet: Any) -> Any:
        """Return a subtitle packet for this output, None where it is none of them or says nothing."""
        captions = self._captions.get(packet.stream.index)
        return converted(captions, packet) if captions is not None else None

    def _drop(self, kind: str, stream: Any, reason: str) -> None:
        context = stream.codec_context
        found = {"kind": kind, "reason": reason}
        if context is not None:
            found["codec"] = context.codec.canonical_name
        if stream.language and stream.language != "und":
            found["language"] = stream.language
        self.dropped.append(found)
