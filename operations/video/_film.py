"""From one film to others: one decode, a chain of filters and an encoder per output.

Decoding and filtering run in a thread ahead of encoding and writing. Times count from the start of the span that is
taken, for picture and sound alike, so that both keep the distance they had.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from msgspec import Struct, structs

from mediamill.operations.contract import Context, Stream
from mediamill.operations.streams._ahead import DEPTH, ahead
from mediamill.operations.streams._cover import read_covers
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._facts import AudioFacts, MediaFacts
from mediamill.operations.streams._mux import carry_tags, muxer
from mediamill.operations.streams._open import demuxer
from mediamill.operations.streams._reader import Kind, Reader, Span, Wanted
from mediamill.operations.video._sink import Recipe, Sink
from mediamill.protocol.errors import CorruptInput

_WAITING_BYTES = 64 << 20
"""What frames that wait for encoders may take, so that large films have fewer of them."""

Share = tuple[float, float]
"""The part of a job's progress a run is, in percent from and to."""


class Original(Struct, frozen=True, kw_only=True):
    """What films are made of.

    Attributes:
        ctx: The engine.
        stream: The opened source.
        facts: What it is.
        sound: The sound track that goes along; None for none.
    """

    ctx: Context
    stream: Stream
    facts: MediaFacts
    sound: AudioFacts | None = None


def make_films(
    original: Original,
    recipes: Sequence[Recipe],
    damage: Damage,
    *,
    span: Span | None = None,
    share: Share = (0.0, 100.0),
    stage: str = "",
) -> list[Sink]:
    """Make films of a film.

    An output that follows another one takes its picture; where that is beyond its own bitrate, it is made once more.

    Args:
        original: The source.
        recipes: The outputs.
        damage: Counts what is wrong with the source.
        span: What part of it is taken; None for all.
        share: How progress is told.
        stage: What progress is said to be of.

    Returns:
        What was written, recipe by recipe.

    Raises:
        MediaError: The source cannot be decoded, or an output cannot be written.
    """
    ctx, stream, facts, sound = original.ctx, original.stream, original.facts, original.sound
    span, covers = span or Span(start=facts.start), read_covers(stream, facts)
    with demuxer(stream) as source, contextlib.ExitStack() as stack:
        sinks: list[Sink] = []
        for recipe in recipes:
            container = stack.enter_context(muxer(recipe.path, recipe.format))
            carry_tags(source, container, strip=recipe.strip, shift=span.start)
            leader = None if recipe.follows is None else sinks[recipe.follows]
            sinks.append(Sink(recipe, container, source, facts, sound, covers, ctx.threads, leader))
        reader = Reader(source, facts, span, _wanted(recipes, facts, sound, damage), damage, ctx.threads)
        tell = partial(_tell, ctx, reader, sinks, share, stage)
        tell()
        items = stack.enter_context(ahead(_items(reader, sinks), _depth(recipes)))
        _take(sinks, items, tell)
        _finish(sinks, recipes, damage)
    if late := [recipe for recipe, sink in zip(recipes, sinks, strict=True) if sink.exceeded]:
        alone = [structs.replace(recipe, follows=None) for recipe in late]
        again, rest = Damage(strict=damage.strict), (_middle(share), share[1])
        made = iter(make_films(original, alone, again, span=span, share=rest, stage=stage))
        sinks = [next(made) if sink.exceeded else sink for sink in sinks]
    return sinks


def _take(sinks: Sequence[Sink], items: Iterator[tuple[int, Kind, Any]], tell: Callable[[], None]) -> None:
    for index, kind, item in items:
        sinks[index].take(kind, item)
        tell()


def _tell(ctx: Context, reader: Reader, sinks: Sequence[Sink], share: Share, stage: str) -> None:
    done = min(1.0, reader.ended / reader.expected) if reader.expected else 0.0
    end = _middle(share) if any(sink.exceeded for sink in sinks) else share[1]
    prefix = f"{stage}: " if stage else ""
    ctx.progress(share[0] + (end - share[0]) * done, f"{prefix}{reader.ended:.1f} of {reader.expected:.1f} s")


def _depth(recipes: Sequence[Recipe]) -> int:
    """Return how many frames may wait for the encoders."""
    largest = max((recipe.video.frame_bytes for recipe in recipes if recipe.video is not None), default=1)
    return max(2, min(DEPTH, _WAITING_BYTES // largest))


def _finish(sinks: Sequence[Sink], recipes: Sequence[Recipe], damage: Damage) -> None:
    for sink, recipe in zip(sinks, recipes, strict=True):
        if recipe.video is not None and not sink.frames:
            raise CorruptInput("No picture of the film can be decoded.", detail=damage.first or None)
        sink.finish()


def _middle(share: Share) -> float:
    return (share[0] + share[1]) / 2


def _items(reader: Reader, sinks: Sequence[Sink]) -> Iterator[tuple[int, Kind, Any]]:
    for kind, unit in reader.units():
        for index, sink in enumerate(sinks):
            for item in sink.filtered(kind, unit):
                yield index, kind, item
    for index, sink in enumerate(sinks):
        for kind, item in sink.flushed():
            yield index, kind, item


def _wanted(recipes: Sequence[Recipe], facts: MediaFacts, sound: AudioFacts | None, damage: Damage) -> Wanted:
    pictures = any(recipe.video is not None for recipe in recipes)
    sounds = sound is not None and any(recipe.audio not in (None, "copy") for recipe in recipes)
    copies = sound is not None and any(recipe.audio == "copy" for recipe in recipes)
    index = sound.index if sound is not None else None
    return Wanted(
        video=facts.video.index if facts.video is not None and pictures else None,
        audio=index if sounds else None,
        copied=(*((index,) if copies and index is not None else ()), *facts.subtitles),
        checked=damage.strict and not sounds,
    )
