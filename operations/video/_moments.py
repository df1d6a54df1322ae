"""Which moments of a film are asked for: one, several, evenly spread, or every so often."""

import math
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from mediamill.operations.streams._times import Moment, parse_moment
from mediamill.protocol.errors import InvalidJob, LimitExceeded

MOST_PICTURES = 10_000
"""How many pictures one job may make."""

_ROUNDING = 0.001
"""Seconds beyond its end that still mean the end: durations are told in milliseconds."""


class Part(Struct, frozen=True):
    """A stretch of the film a picture stands for, and when the picture is taken; seconds from the film's start."""

    start: float
    end: float
    time: float


def checked(value: Any, field: str) -> list[Moment]:
    """Return the moments a list stands for.

    Raises:
        InvalidJob: One is no time, or stands there twice.
    """
    moments = [parse_moment(one, f"{field}[{index}]") for index, one in enumerate(value)]
    for index, moment in enumerate(moments):
        if moment in moments[:index]:
            raise InvalidJob(
                f"{field}[{index}] is the same moment as {field}[{moments.index(moment)}].",
                field=f"{field}[{index}]",
                received=value[index],
                expected="each moment once",
            )
    return moments


def resolved(moments: Sequence[Moment], duration: float, fields: Sequence[str]) -> list[float]:
    """Return moments as seconds.

    Args:
        moments: What is asked for.
        duration: Of the film, in seconds.
        fields: Where each stands in the job.

    Raises:
        InvalidJob: One is beyond the film's end.
    """
    times = [moment.at(duration) for moment in moments]
    for time, field in zip(times, fields, strict=True):
        if duration and time > duration + _ROUNDING:
            raise InvalidJob(
                f"The film lasts {duration:.3f} seconds, there is no picture at {time:g}.",
                field=field,
                received=time,
                expected=f"0..{duration:.3f} seconds",
            )
    return times


def evenly(count: int, duration: float) -> list[Part]:
    """Return equal parts of a film, each with its middle."""
    length = duration / count
    return [Part(number * length, (number + 1) * length, (number + 0.5) * length) for number in range(count)]


def regularly(seconds: float, duration: float) -> list[Part]:
    """Return parts of a length, the last one shorter, each with its start.

    Raises:
        LimitExceeded: There would be too many.
    """
    count = max(1, math.ceil(duration / seconds - 1e-9))
    if count > MOST_PICTURES:
        raise LimitExceeded(
            f"A picture every {seconds:g} seconds would make {count} of a film of {duration:.0f} seconds.",
            field="every",
            received=seconds,
            expected=f"at most {MOST_PICTURES} pictures: {duration / MOST_PICTURES:.3f} or more",
        )
    starts = [number * seconds for number in range(count)]
    return [
        Part(start, end, start) for start, end in zip(starts, [*starts[1:], max(duration, starts[-1])], strict=True)
    ]


def between(times: Sequence[float], duration: float) -> list[Part]:
    """Return the parts that single times, ascending, cut a film into; the first one begins with the film."""
    ends = [*times[1:], max(duration, times[-1])]
    starts = [0.0, *times[1:]]
    return [Part(start, end, time) for start, end, time in zip(starts, ends, times, strict=True)]
