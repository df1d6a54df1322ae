"""Films of a score: the smallest film that looks as much like its source as is asked.

Which rate factor that takes is looked for on short parts, spread over the film, and then on the film itself, whose
score is measured on what was written. Films of a few seconds are their own sample.
"""

import shutil
import statistics
from collections.abc import Iterator
from typing import Any

from msgspec import Struct, structs

from mediamill.operations.contract import Stream
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._facts import MediaFacts
from mediamill.operations.streams._open import demuxer
from mediamill.operations.streams._reader import Span
from mediamill.operations.video._aim import Bounds, Search, Verdict, factors, usual
from mediamill.operations.video._best import best_of
from mediamill.operations.video._film import Original, Share, make_films
from mediamill.operations.video._likeness import Kept, Likeness, likeness, most_kept
from mediamill.operations.video._sink import Recipe, Sink
from mediamill.protocol.errors import CorruptInput

_LONG_SECONDS = 32.0
"""From here on parts of a film are tried first."""

_PART_SECONDS, _JUDGED = 4.0, (1.0, 3.0)
"""What is coded of a part, and what is judged: it begins with a key picture, which lifts those behind it, and encoders
look ahead, and code the end of what they know coarser."""

_PARTS, _SECONDS_A_PART = (4, 10), 30.0
"""Least and most parts, and how much film each stands for."""

_KEPT_OF_A_PART = 6
_KEY_SECONDS = 5.0
"""How far a part is moved back so that it begins with a key picture, before which nothing has to be decoded."""

_OF_PARTS = Bounds(tolerance=0.5, limit=4)
_OF_SHORT = Bounds(tolerance=0.5, limit=6)
_OF_LONG = Bounds(tolerance=1.0, limit=2)
_SAMPLING = 30.0
"""Percent of the progress."""

_CODING = 0.85
"""Share of a try's progress that is coding; the rest is judging."""


class Met(Struct, frozen=True, kw_only=True):
    """How a score was met, and by what.

    Attributes:
        target: The least score.
        found: The film's.
        crf: The rate factor it was coded at.
        encodes: How often the film was coded.
        samples: How often its parts were.
        verdict: Whether it has the score.
    """

    target: float
    found: Likeness
    crf: float
    encodes: int
    samples: int
    verdict: Verdict

    def report(self, given_back: int | None = None) -> dict[str, Any]:
        """Return what a result says of it.

        Args:
            given_back: Bytes of the source, where it stands in the place of what was made; it looks like itself.
        """
        verdict: Verdict = self.verdict if given_back is None else "reached"
        found: dict[str, Any] = {
            "target_score": self.target,
            "score": round(self.found.mean, 2) if given_back is None else 100.0,
            "encodes": self.encodes,
            "samples": self.samples,
            "verdict": verdict,
            "converged": verdict == "reached",
        }
        if given_back is None:
            found |= {"lowest_score": round(min(self.found.scores), 2), "frames_scored": len(self.found.scores)}
        if verdict == "unreachable":
            found["reason"] = f"At its finest, crf {self.crf:g}, the film scores {self.found.mean:.2f}."
        return found


class Matched(Struct, frozen=True):
    """A film that was made to a score, and how that went."""

    sink: Sink
    met: Met


class _Job(Struct, frozen=True, kw_only=True):
    original: Original
    recipe: Recipe
    damage: Damage

    def coded(self, crf: float, **changes: Any) -> Recipe:
        code = self.recipe.video
        assert code is not None
        return structs.replace(self.recipe, video=structs.replace(code, crf=crf), **changes)


def make_matched(original: Original, recipe: Recipe, target: float, damage: Damage) -> Matched:
    """Make the smallest film found whose score is at least the target, or the finest one where none has it.

    Args:
        original: The source.
        recipe: The output; its picture has neither a constant rate factor nor a bitrate yet.
        target: SSIMULACRA2, the mean of the frames that are judged.
        damage: Counts what is wrong with the source, once for all tries.

    Raises:
        MediaError: The source cannot be decoded, or an output cannot be written.
    """
    code = recipe.video
    assert code is not None
    job = _Job(original=original, recipe=recipe, damage=damage)
    grid, curve = factors(code.codec), usual(code.codec)
    samples = 0
    begin = 0.0
    spans = _spans(original.stream, original.facts)
    if spans:
        sampled = Search(target, grid, curve, _OF_PARTS)
        _sample(job, sampled, spans)
        curve, samples, begin = sampled.bent, len(sampled.known), _SAMPLING
    search = Search(target, grid, curve, _OF_LONG if spans else _OF_SHORT)
    sink, crf, found = _settle(job, search, begin)
    met = Met(
        target=target,
        found=found,
        crf=crf,
        encodes=len(search.known),
        samples=samples,
        verdict="reached" if found.mean >= target else "unreachable",
    )
    return Matched(sink, met)


def _settle(job: _Job, search: Search, begin: float) -> tuple[Sink, float, Likeness]:
    """Make the film until its score is right; return what is left in its file."""
    code, path = job.recipe.video, job.recipe.path
    assert code is not None
    tries: dict[float, tuple[Sink, Likeness]] = {}
    shares = _shares(begin, 100.0)
    with best_of(path) as best:
        while (crf := search.following) is not None:
            kept = Kept(most_kept(code))
            start, end = next(shares)
            middle = start + (end - start) * _CODING
            damage = job.damage if not tries else Damage(strict=job.damage.strict)
            recipe = job.coded(crf, watch=kept.watch)
            stage = f"Film at crf {crf:g}"
            (sink,) = make_films(job.original, [recipe], damage, share=(start, middle), stage=stage)
            found = likeness(job.original.ctx, path, kept)
            tries[crf] = sink, found
            search.add(crf, found.mean)
            if search.best == crf and search.following is not None:
                best.keep()
        chosen = min(tries) if search.best is None else search.best
        if chosen != next(reversed(tries)):
            best.restore()
    sink, found = tries[chosen]
    return sink, chosen, found


def _sample(job: _Job, search: Search, spans: list[Span]) -> None:
    """Code parts of the film at one factor after the other, until it is plain which one has the score."""
    folder = job.original.ctx.scratch(("part.mkv",))
    path = f"{folder}/part.mkv"
    shares = _shares(0.0, _SAMPLING)
    try:
        while (crf := search.following) is not None:
            scores = _scores(job, crf, path, spans, next(shares))
            if not scores:
                return
            search.add(crf, statistics.fmean(scores))
    finally:
        shutil.rmtree(folder)


def _scores(job: _Job, crf: float, path: str, spans: list[Span], share: Share) -> list[float]:
    """Return the scores of frames of each part, coded at a factor."""
    recipe = job.coded(crf, path=path, format="mkv", audio=None)
    scores: list[float] = []
    facts = structs.replace(job.original.facts, subtitles=(), covers=())
    silent = structs.replace(job.original, facts=facts, sound=None)
    step = (share[1] - share[0]) / len(spans)
    for number, span in enumerate(spans):
        kept = Kept(_KEPT_OF_A_PART, _JUDGED)
        part = share[0] + step * number, share[0] + step * (number + 1)
        watched = structs.replace(recipe, watch=kept.watch)
        damage = Damage(strict=job.damage.strict)
        stage = f"Part {number + 1} of {len(spans)} at crf {crf:g}"
        with open(recipe.path, "wb"):
            pass
        try:
            make_films(silent, [watched], damage, span=span, share=part, stage=stage)
        except CorruptInput:
            if job.damage.strict:
                raise
            continue  # of a damaged part nothing can be told; the film itself will be judged
        scores += likeness(job.original.ctx, recipe.path, kept).scores
    return scores


def _spans(stream: Stream, facts: MediaFacts) -> list[Span]:
    """Return parts spread over a film, from key pictures on where the file tells of them; none of a short film."""
    if facts.duration < _LONG_SECONDS or facts.video is None:
        return []
    count = round(min(max(facts.duration / _SECONDS_A_PART, _PARTS[0]), _PARTS[1]))
    with demuxer(stream) as container:
        entries = container.streams[facts.video.index].index_entries
        keys = sorted(float(one.timestamp * facts.video.tick) for one in entries if one.is_keyframe)
    spans = []
    for number in range(count):
        start = facts.start + (number + 0.5) / count * facts.duration - _PART_SECONDS / 2
        before = [key for key in keys if start - _KEY_SECONDS < key <= start]
        start = before[-1] if before else start
        spans.append(Span(start=start, end=start + _PART_SECONDS))
    return spans


def _shares(begin: float, end: float) -> Iterator[Share]:
    """Yield the part of the progress of each try, each the larger part of what is left."""
    while True:
        middle = begin + (end - begin) * 0.7
        yield begin, middle
        begin = middle
