"""The most telling frame of a film, found among its key frames, which cost the least to get at.

A handful of them, evenly spread, is scored. Where there are hardly any, or none shows much, frames in between are
decoded, too, and where all is black so far the whole film is gone through, so that a frame with something on it is
found if there is one.
"""

from collections.abc import Iterator

from msgspec import Struct

from mediamill.operations.video._score import Score, placed, rate
from mediamill.operations.video._shots import Shot, Shots

_FEW, _MORE = 3, 10
"""How many key frames are looked at first, and where none of them is good."""

_GOOD = 0.35
"""Score that ends the search."""

_OPENING_SECONDS = 2.0
"""Key frames before it are left out where there are enough others."""

_SAMPLED_SECONDS, _SAMPLES = 4.0, 8


class Candidate(Struct, frozen=True):
    """A frame and what it is worth where it stands."""

    shot: Shot
    score: Score
    value: float


def most_telling(shots: Shots, duration: float) -> Candidate | None:
    """Return the most telling frame; None where nothing can be decoded.

    Args:
        shots: The film.
        duration: Its length in seconds, 0 where unknown.
    """
    found: list[Candidate] = []
    times = _key_times(shots, duration)
    for count in (_FEW, _MORE):
        seen = {one.shot.time for one in found}
        found += [
            _judged(shot, duration) for shot in _key_frames(shots, _thinned(times, count)) if shot.time not in seen
        ]
        best = _best(found)
        if best is not None and best.value >= _GOOD:
            return best
        if len(times) <= _FEW:
            break
    if best is None or best.score.blank or len(times) <= _FEW:
        found += [_judged(shot, duration) for shot in _samples(shots, duration)]
        best = _best(found)
    if best is None or best.score.blank:
        best = _best([*found, *_first_that_shows(shots, duration)])
    return best


def _best(found: list[Candidate]) -> Candidate | None:
    return max(found, key=lambda one: one.value, default=None)


def _judged(shot: Shot, duration: float) -> Candidate:
    score = rate(shot)
    return Candidate(shot, score, placed(score, shot.time, duration))


def _key_times(shots: Shots, duration: float) -> list[float]:
    """Return when key frames are, as far as the file says, else times spread over it."""
    times = shots.key_times() or [(number + 0.5) / _MORE * duration for number in range(_MORE if duration else 1)]
    later = [time for time in times if time >= _OPENING_SECONDS]
    return later if len(later) > 1 else times


def _thinned(times: list[float], count: int) -> list[float]:
    """Return some times, evenly spread."""
    if len(times) <= count:
        return times
    return [times[int((number + 0.5) / count * len(times))] for number in range(count)]


def _key_frames(shots: Shots, times: list[float]) -> Iterator[Shot]:
    """Yield the key frames at times, each once."""
    seen = set()
    for time in times:
        shot = shots.key_frame(time)
        if shot is not None and shot.time not in seen:
            seen.add(shot.time)
            yield shot


def _samples(shots: Shots, duration: float) -> Iterator[Shot]:
    """Yield frames that are no key frames, out of the first few seconds of decoding."""
    step = min(duration or _SAMPLED_SECONDS, _SAMPLED_SECONDS) / _SAMPLES
    due = step
    for shot in shots.every(end=_SAMPLED_SECONDS, references=True):
        if shot.time >= due:
            due += step
            yield shot


def _first_that_shows(shots: Shots, duration: float) -> list[Candidate]:
    """Return the first frame that is not blank, as one or none."""
    for shot in shots.every():
        score = rate(shot)
        if not score.blank:
            return [Candidate(shot, score, placed(score, shot.time, duration))]
    return []
