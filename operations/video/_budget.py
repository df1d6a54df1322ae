"""A film of a size in bytes: at which bitrate its picture has to be coded.

An encoder's rate control is right on average over long films. Here the size is what counts, so the whole file is looked
at: what sound and container take is measured on it, not guessed, and the next encode is corrected by what the last one
took for the bits it was given, which is a straight line between logarithms near enough (the secant method).
"""

import itertools
import math
import re
from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct

from mediamill.operations.video._best import best_of
from mediamill.protocol.errors import InvalidJob

Verdict = Literal["reached", "below", "unreachable"]
"""Within the tolerance; smaller, as no setting comes closer; larger, as none is as small."""

TOLERANCE = 0.03
_AIM = 0.985
"""Where in the tolerance encodes aim: they miss to both sides, and must not come out above."""

_TRIES, _TRIES_OF_SHORT = 5, 8
_SHORT_SECONDS = 60.0
"""Below this the rate control of one pass is at its worst, and a try costs least."""

_MORE = 1.3
"""How many times the bits tell, by what they bring, whether a picture can take more."""

LEAST_BITRATE = 1_000
"""Bits a second below which no encoder is asked for a rate, but for the smallest film there is."""

_MOST_BITRATE = 1_000_000_000
_STEEPEST, _FLATTEST = 1.6, 0.4
"""How much larger a film gets where its bitrate is doubled, as powers: what is measured beyond is noise."""

_STEP = 1.01
"""How much more bitrate one of two tries on either side of the target may have had for a step to be seen there."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKmMgG]?)(i?)[bB]?")
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3}


class Made(Struct, frozen=True, kw_only=True):
    """A film that was made: the bytes of its picture's packets and of the whole file, and what else is known of it."""

    picture: int
    size: int
    told: Any


class Rate(Struct, frozen=True, kw_only=True):
    """How a try is coded: at a bitrate, or with none as small as can be; and in which part of the progress."""

    bitrate: int | None
    share: tuple[float, float]


class Fitted(Struct, frozen=True, kw_only=True):
    """How close a target was met, and by what."""

    target: int
    made: Made
    bitrate: int | None
    encodes: int
    verdict: Verdict
    reason: str = ""

    def report(self, given_back: int | None = None) -> dict[str, Any]:
        """Return what a result says of it.

        Args:
            given_back: Bytes of the source, where it stands in the place of what was made.
        """
        size = self.made.size if given_back is None else given_back
        verdict, reason = self.verdict, self.reason
        if given_back is not None:
            verdict = judged(size, self.target)
            reason = "" if verdict == "reached" else f"The source is given back, it has {size} bytes."
        found: dict[str, Any] = {
            "target_size": self.target,
            "deviation_percent": round((size / self.target - 1) * 100, 2),
            "encodes": self.encodes,
            "verdict": verdict,
            "converged": verdict == "reached",
        }
        return found | ({"reason": reason} if reason else {})


def judged(size: int, target: int) -> Verdict:
    """Return what a size is to a target."""
    return "unreachable" if size > target else "reached" if size >= target * (1 - TOLERANCE) else "below"


def parse_size(value: str | int | None, field: str = "target_size") -> int | None:
    """Return bytes; None for none.

    Args:
        value: A number, or text: `8M` are 8,000,000 bytes, `8MiB` 8,388,608.
        field: The field to blame.

    Raises:
        InvalidJob: It is no size, or none above 0.
    """
    if value is None:
        return None
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None:
        size = round(float(match[1]) * math.pow(1024 if match[3] else 1000, _UNITS[match[2].lower()]))
    else:
        size = value if isinstance(value, int) else 0
    if size < 1:
        raise InvalidJob(
            f'Invalid value for {field!r}: expected bytes such as 8000000, "8M" or "8MiB", received {value!r}.',
            field=field,
            received=value,
            expected="bytes, 1 or more",
        )
    return size


def fit(
    path: str,
    target: int,
    others: int,
    seconds: float,
    make: Callable[[Rate], Made],
    *,
    begin: float = 0.0,
    least: int = LEAST_BITRATE,
) -> Fitted:
    """Make a film of at most a number of bytes, as close to it as the tolerance.

    The first try is mostly the last one, two or three are made where an encoder's rate control is loose, five at the
    most, eight of a short film; further ones only to get below the target: a safe one, then the smallest there is.

    Args:
        path: The file tries are written to; it holds the best one in the end.
        target: Bytes.
        others: Bytes that sound and container will take, a guess.
        seconds: How long the film is, or a guess.
        make: Makes a try.
        begin: Percent of the progress that are over.
        least: Bits a second below which the encoder takes no bitrate.
    """
    search = _Search(target, others, seconds, least)
    shares = _shares(begin)
    with best_of(path) as best:
        for share in shares:
            bitrate = search.next_bitrate()
            made = make(Rate(bitrate=bitrate, share=share))
            search.add(bitrate, made)
            if search.is_over:
                break
            if search.best == (bitrate, made):
                best.keep()
        if search.best != (bitrate, made) and search.best is not None:
            best.restore()
    return search.result()


class _Search:
    """What is known of how bytes follow from bits."""

    def __init__(self, target: int, others: int, seconds: float, least: int) -> None:
        self._target = target
        self._least = least
        self._others = others
        self._seconds = max(seconds, 0.04)
        self._most = _TRIES_OF_SHORT if seconds < _SHORT_SECONDS else _TRIES
        self._tries: list[tuple[int | None, Made]] = []
        self.best: tuple[int | None, Made] | None = None
        """The largest that is not above the target."""

    def next_bitrate(self) -> int | None:
        """Return the bits a second to try; None for the smallest film there is."""
        wanted = self._target * _AIM - self._others
        if all(rate is None for rate, _ in self._tries):
            bitrate = wanted * 8 / self._seconds
        elif len(self._tries) > self._most or self._is_floor():
            return None
        else:
            if len(self._tries) == self._most:
                wanted = self._target * 0.85 - self._others  # the tries told little: be safe
            bitrate = self._corrected(wanted)
        return None if bitrate < self._least else min(round(bitrate), _MOST_BITRATE)

    def add(self, bitrate: int | None, made: Made) -> None:
        """Note what a try came to."""
        self._tries.append((bitrate, made))
        self._others = made.size - made.picture
        if made.size <= self._target and (self.best is None or made.size > self.best[1].size):
            self.best = bitrate, made

    @property
    def is_over(self) -> bool:
        """Whether no further try helps."""
        bitrate, made = self._tries[-1]
        if self._is_close(made) or (bitrate is None and self.best is None):
            return True
        if self.best is not None and (len(self._tries) >= self._most or self._is_step()):
            return True
        following = self.next_bitrate()
        return self._is_full() or (self.best is not None and following in (None, bitrate))

    def result(self) -> Fitted:
        """Return what came of it."""
        bitrate, made = self.best or self._tries[-1]
        verdict = judged(made.size, self._target)
        reason = ""
        if verdict == "unreachable":
            reason = (
                f"At its smallest the film has {made.size} bytes: {made.picture} of picture, "
                f"{made.size - made.picture} of sound and container."
            )
        elif verdict == "below":
            reason = "The picture takes no more bits." if self._is_full() else "No try came closer from below."
        return Fitted(
            target=self._target,
            made=made,
            bitrate=bitrate,
            encodes=len(self._tries),
            verdict=verdict,
            reason=reason,
        )

    def _is_close(self, made: Made) -> bool:
        return judged(made.size, self._target) == "reached"

    def _is_full(self) -> bool:
        """Return whether the last try was given more bits than the one before, and took no more."""
        if len(self._tries) < 2:
            return False
        (before, smaller), (now, larger) = self._tries[-2:]
        given = before is not None and now is not None and now > before * _MORE
        return given and larger.size <= self._target and larger.picture <= smaller.picture * 1.005

    def _is_floor(self) -> bool:
        """Return whether the last try was given fewer bits than the one before, and took no fewer."""
        if len(self._tries) < 2:
            return False
        (before, larger), (now, smaller) = self._tries[-2:]
        given = before is not None and now is not None and now * _MORE < before
        return given and smaller.size > self._target and smaller.picture >= larger.picture * 0.98

    def _is_step(self) -> bool:
        """Return whether the encoder goes across the target in a step: another bitrate brought the very same bytes."""
        known = self._known()
        if [picture for _, picture in known].count(self._tries[-1][1].picture) < 2:
            return False
        below = max((one for one in known if one[1] <= self._target - self._others), default=None)
        above = min((one for one in known if one[1] > self._target - self._others), default=None)
        return below is not None and above is not None and below[0] < above[0] <= below[0] * _STEP

    def _known(self) -> list[tuple[int, int]]:
        """Return the bitrates that were given, and what they brought."""
        return [(rate, made.picture) for rate, made in self._tries if rate is not None and made.picture > 0]

    def _corrected(self, wanted: float) -> float:
        """Return the bitrate at which the picture takes a number of bytes, by the tries that came closest to it."""
        if wanted <= 0:
            return 0.0
        known = self._known()
        below = max((one for one in known if one[1] <= wanted), default=None)
        above = min((one for one in known if one[1] > wanted), default=None)
        if below is not None and above is not None and below[0] < above[0]:
            share = math.log(wanted / below[1]) / math.log(above[1] / below[1])
            return below[0] * math.pow(above[0] / below[0], share)
        known.sort(key=lambda one: abs(math.log(one[1] / wanted)))
        bitrate, picture = known[0]
        power = 1.0
        if len(known) > 1 and known[1][0] != bitrate and known[1][1] != picture:
            measured = math.log(picture / known[1][1]) / math.log(bitrate / known[1][0])
            power = min(max(measured, _FLATTEST), _STEEPEST)
        return bitrate * math.pow(wanted / picture, 1 / power)


def _shares(begin: float) -> list[tuple[float, float]]:
    """Return the part of the progress of each try: the first is the longest, as it is often the only one."""
    rest = 100.0 - begin
    edges = [begin + rest * part for part in (0.0, 0.7, 0.85, 0.92, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 1.0)]
    return list(itertools.pairwise(edges))
