"""What a sound carries besides itself: tags, language, chapters; moved where the sound is cut or made faster."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mediamill.operations.audio._formats import CONTAINERS, ContainerName
from mediamill.operations.audio._listen import Track
from mediamill.operations.streams._mux import carry_tags

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

GAINS = ("replaygain_", "r128_", "itunnorm")
"""Tags that say how loud a sound is, which no longer hold once it is made louder."""

_OWN_LANGUAGE = ("m4a", "mka")
"""Containers that have the language with the track."""

_MILLISECOND = Fraction(1, 1000)


def carry(
    source: "InputContainer",
    target: "OutputContainer",
    track: Track,
    container: ContainerName,
    *,
    strip: bool,
    moved: Callable[[float], float],
    stale: Sequence[str] = (),
) -> int:
    """Carry tags and chapters over, before the first packet.

    Args:
        source: Where they come from.
        target: Where they go.
        track: The sound.
        container: What the target is.
        strip: Whether tags stay behind; chapters and the language never do.
        moved: Where a moment of the track goes, both in seconds from their starts.
        stale: What names of tags that no longer hold begin with, in small letters.

    Returns:
        How many chapters were left out because the target has no place for them.
    """
    carry_tags(source, target, strip=strip)
    original = source.streams[track.sound.index]
    if track.facts.format == "ogg" and not strip:  # it has the file's tags with its track
        for name, value in original.metadata.items():
            if name.lower() not in ("encoder", "language"):
                target.metadata.setdefault(name, value)
    if track.sound.language and container not in _OWN_LANGUAGE:
        target.metadata["language"] = track.sound.language
    for name in [name for name in target.metadata if name.lower().startswith(tuple(stale))] if stale else ():
        del target.metadata[name]
    chapters = _chapters(source, track, moved)
    place = CONTAINERS[container].chapters
    target.set_chapters(chapters if place == "own" else [])
    if place == "tags":
        _tag_chapters(target, chapters)
    return len(chapters) if place == "none" else 0


def _chapters(source: "InputContainer", track: Track, moved: Callable[[float], float]) -> list[Any]:
    found = []
    for chapter in source.chapters():
        tick = chapter["time_base"] or _MILLISECOND
        start, end = (
            round(moved(max(0.0, float(chapter[edge] * tick) - track.facts.start)) / _MILLISECOND)
            for edge in ("start", "end")
        )
        if end > start:
            found.append({**chapter, "start": start, "end": end, "time_base": _MILLISECOND})
    return found


def _tag_chapters(target: "OutputContainer", chapters: Sequence[Any]) -> None:
    """Write chapters as comments, as players of Ogg and FLAC read them."""
    for number, chapter in enumerate(chapters):
        seconds, rest = divmod(chapter["start"], 1000)
        name = f"CHAPTER{number:03}"
        target.metadata[name] = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"
        title = (chapter.get("metadata") or {}).get("title")
        if title:
            target.metadata[f"{name}NAME"] = title
