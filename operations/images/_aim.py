"""One picture, one format, one search; and which of several formats met the criteria best."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from mediamill.operations.images import _ssimulacra2
from mediamill.operations.images._criteria import Criteria, Verdict, meet
from mediamill.operations.images._encode import Encoding
from mediamill.operations.images._geometry import Size
from mediamill.operations.images._scaled import Scaled
from mediamill.operations.images._shrink import shrink
from mediamill.operations.images._trials import Tally, Trials


class Aim(Struct, frozen=True):
    """What is searched: a picture, how it is coded but for the quality, and what is asked of the file.

    Attributes:
        scene: The picture.
        code: How it is coded, but for the quality.
        criteria: What is asked.
        scored: Whether the file's score is told.
        check: Is called before each encode and raises where the job is to stop.
        tally: Counts what is done.
    """

    scene: Scaled
    code: Encoding
    criteria: Criteria
    scored: bool
    check: Callable[[], None]
    tally: Tally

    def trials(self, size: Size | None = None) -> Trials:
        """Return the picture ready to be coded, at its full size or a smaller one."""
        picture = self.scene.full if size is None else self.scene.at(size)
        return Trials(picture, self.code, self.check, self.tally)


class Result(Struct, frozen=True, kw_only=True):
    """What a search found.

    Attributes:
        aim: What was searched.
        trials: The files.
        quality: The one that was chosen.
        verdict: How it ended.
        downscaled_from: The size the picture was to have, where it had to become smaller.
        score: Of the chosen file, where one was asked for or decided.
        tally: What all of it took, every format and size.
        candidates: What each format came to, where there were several.
    """

    aim: Aim
    trials: Trials
    quality: int
    verdict: Verdict
    downscaled_from: Size | None = None
    score: float | None = None
    tally: Tally
    candidates: list[dict[str, Any]] = msgspec.field(default_factory=list)

    @property
    def bytes(self) -> int:
        """The size of the chosen file."""
        return self.trials.bytes_of(self.quality)


def search(aim: Aim) -> Result:
    """Find the quality of one format that meets the criteria."""
    trials = aim.trials()
    met = meet(trials, aim.criteria)
    score = trials.score(met.quality) if aim.scored else None
    trials.end_scoring()
    return Result(aim=aim, trials=trials, quality=met.quality, verdict=met.verdict, score=score, tally=aim.tally)


def best(results: Sequence[Result], criteria: Criteria, *, shrinks: bool) -> Result:
    """Return the best of several formats' results.

    Among those that met all that was asked, the smallest file wins where a score was asked for, and the best score
    where only a size was. Where none did, it is the best score that is small enough and, where nothing is, the smallest
    file.

    Args:
        results: One for each format, scored where there are several.
        criteria: What was asked for.
        shrinks: Whether dimensions may shrink where nothing is small enough.
    """
    chosen = min(results, key=lambda one: _rank(one, criteria))
    if chosen.verdict == "floor_hit" and shrinks:
        chosen = _shrunk(chosen)
    if len(results) == 1:
        return chosen
    tally = Tally(sum(one.aim.tally.encodes for one in results), sum(one.aim.tally.samples for one in results))
    return msgspec.structs.replace(chosen, tally=tally, candidates=[_candidate(one) for one in results])


def _rank(result: Result, criteria: Criteria) -> tuple[int, float]:
    if result.verdict == "floor_hit":
        return 2, result.bytes
    if result.verdict == "reached" and criteria.score is not None:
        return 0, result.bytes
    return (0 if result.verdict == "reached" else 1), -(result.score or 0.0)


def _candidate(result: Result) -> dict[str, Any]:
    return {
        "format": result.aim.code.format,
        "quality": result.quality,
        "size": result.bytes,
        "score": round(result.score or 0.0, 4),
        "verdict": result.verdict,
        "iterations": result.aim.tally.encodes,
    }


def _shrunk(result: Result) -> Result:
    """Return what a smaller picture makes of a size its lowest quality does not meet; the same where nothing does."""
    aim, criteria, full = result.aim, result.aim.criteria, result.trials
    assert criteria.size is not None
    trials = shrink(aim.trials, full, criteria.low, criteria.size, criteria.limit - aim.tally.encodes)
    if trials is None:
        return result
    quality = criteria.low
    if aim.tally.encodes < criteria.limit:
        quality = meet(trials, msgspec.structs.replace(criteria, score=None)).quality
    score = None if result.score is None else _score_enlarged(full, trials, quality)
    return msgspec.structs.replace(
        result,
        trials=trials,
        quality=quality,
        verdict="unreachable" if (score or 0.0) < (criteria.score or 0.0) else "reached",
        downscaled_from=full.size,
        score=score,
    )


def _score_enlarged(full: Trials, trials: Trials, quality: int) -> float:
    """Return how a smaller picture's file looks at the size the picture was to have."""
    made = trials.decoded(quality)
    made = made.resize(full.size[0] / made.width, vscale=full.size[1] / made.height, kernel="lanczos3")
    return _ssimulacra2.Reference(full.page).score(made.embed(0, 0, *full.size, extend="copy"))
