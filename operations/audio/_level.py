"""Bringing a sound to a loudness: gain, and a limiter where peaks would go too high, until the file itself is right.

What counts is the encoded file. Lossy codings raise peaks, and so does going back from the limiter's sample rate; a
limiter makes a sound less loud than its gain says. So each attempt is written, decoded and measured, and the next one
is corrected by what was found.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from mediamill.operations.audio._measure import Loudness
from mediamill.operations.streams._sound import AudioCode

NEAR = 0.2
"""LU the output may be away from its target."""

_AIM = 0.1
"""LU within which no further attempt is made: a little better than what is asked for."""

_ATTEMPTS = 8
_MOST_PUSH = 18.0
"""Decibels of gain beyond what a sound without peaks would need; more is noise and no longer loudness."""

_OVERSAMPLED = 176_400
_LIMITER = "alimiter=limit={limit:.6f}:attack=5:release=80:level=disabled:latency=1"
_LOWEST_CEILING = -24.0
"""What the limiter can go down to, in dBFS."""


class Attempt(Struct, frozen=True, kw_only=True):
    """One way to do it.

    Attributes:
        gain: Decibels.
        ceiling: What peaks are held under, in dBTP; None where they are not touched.
    """

    gain: float
    ceiling: float | None = None

    def filters(self, sample_rate: int) -> tuple[str, ...]:
        """Return the filters that do it, for a sound of this sample rate.

        Peaks between samples are seen at four times the rate, as BS.1770-4 says.
        """
        gain = f"volume={self.gain:.4f}dB:precision=double"
        if self.ceiling is None:
            return ("aformat=sample_fmts=dbl", gain)
        factor = 1
        while sample_rate * factor < _OVERSAMPLED:
            factor *= 2
        limit = 10 ** (max(self.ceiling, _LOWEST_CEILING) / 20)
        before = sample_rate // 20
        return (
            "aformat=sample_fmts=dbl",
            gain,
            f"adelay=delays={before}S:all=1",  # a sound that begins loud has a peak there only after silence
            f"aresample={sample_rate * factor}",
            _LIMITER.format(limit=limit),
            f"atrim=start_sample={before * factor}",
            "asetpts=N",
        )


class Goal(Struct, frozen=True, kw_only=True):
    """What is to be reached: integrated loudness in LUFS, and true peak in dBTP at most."""

    lufs: float
    peak: float

    def off(self, found: Loudness) -> float:
        """Return how far a sound is from its loudness, in LU; it is too quiet where this is positive."""
        return self.lufs - found.lufs if found.lufs is not None else float("inf")

    def over(self, found: Loudness) -> float:
        """Return how far a sound's peak is too high, in dB."""
        return found.peak - self.peak if found.peak is not None else float("-inf")

    def met(self, found: Loudness, near: float = NEAR) -> bool:
        """Return whether a sound is right."""
        return abs(self.off(found)) <= near and self.over(found) <= 0


class Settled(Struct, frozen=True, kw_only=True):
    """What came of it: the last attempt, what it was measured to be, and how many there were."""

    attempt: Attempt
    found: Loudness
    made: Any
    passes: int


def settle(goal: Goal, before: Loudness, make: Callable[[Attempt, int], tuple[Any, Loudness]]) -> Settled:
    """Make attempts until one meets the goal; else end with the best that is not above the peak.

    Args:
        goal: What is to be reached.
        before: What the sound is; it has a loudness.
        make: Writes an attempt, the first being number 1, and measures what was written. Returns what it made as well.
    """
    gain = goal.off(before)
    attempt = Attempt(gain=gain, ceiling=goal.peak - 0.1 if goal.over(before) + gain > 0 else None)
    tried: list[Settled] = []
    for number in range(1, _ATTEMPTS + 1):
        made, found = make(attempt, number)
        tried.append(Settled(attempt=attempt, found=found, made=made, passes=number))
        following = _corrected(goal, gain, tried)
        if goal.met(found, _AIM) or following is None:
            break
        attempt = following
    best = min(tried, key=lambda one: (goal.over(one.found) > 0, _distance(goal, one)))
    if best is tried[-1]:
        return best
    made, found = make(best.attempt, len(tried) + 1)
    return msgspec.structs.replace(best, made=made, found=found, passes=len(tried) + 1)


def with_filters(code: AudioCode, attempt: Attempt, sample_rate: int) -> AudioCode:
    """Return how a sound is coded after an attempt's filters."""
    return msgspec.structs.replace(code, filters=attempt.filters(sample_rate))


def _distance(goal: Goal, one: Settled) -> float:
    return max(goal.over(one.found), 0.0) * 100 + abs(goal.off(one.found))


def _corrected(goal: Goal, plain: float, tried: list[Settled]) -> Attempt | None:
    """Return the next attempt, None where it would be no other."""
    last = tried[-1]
    over, off = goal.over(last.found), goal.off(last.found)
    ceiling = last.attempt.ceiling
    if over > 0:
        ceiling = (goal.peak if ceiling is None else ceiling) - over - 0.05
    gain = last.attempt.gain
    if abs(off) > _AIM / 2:
        gain = min(gain + off / _slope(tried), plain + _MOST_PUSH)
    following = Attempt(gain=gain, ceiling=ceiling)
    same = abs(gain - last.attempt.gain) < 0.005 and ceiling == last.attempt.ceiling
    return None if same else following


def _slope(tried: list[Settled]) -> float:
    """Return how many LU a decibel of gain is worth: one without a limiter, less with it."""
    if len(tried) < 2:
        return 1.0
    (before, last) = tried[-2:]
    rise = last.attempt.gain - before.attempt.gain
    if abs(rise) < 0.05 or last.found.lufs is None or before.found.lufs is None:
        return 1.0
    return min(1.0, max(0.15, (last.found.lufs - before.found.lufs) / rise))
