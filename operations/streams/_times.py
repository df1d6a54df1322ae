"""Moments of a film or sound as jobs write them: seconds, clock times, and percentages of the whole."""

import math
import re
from typing import Annotated, Any

from msgspec import Meta, Struct

from mediamill.protocol.errors import InvalidJob

Time = Annotated[float | str, Meta(description='Seconds, or "HH:MM:SS.mmm".')]
"""A point in time, to be read by `parse_seconds`."""

MomentText = Annotated[float | str, Meta(description='Seconds, "HH:MM:SS.mmm", or "25%" of the duration.')]
"""A point in time, to be read by `parse_moment`."""

MOST_SECONDS = 1e8
"""More than three years: beyond any film, and far within what clocks of media can count."""

_CLOCK = re.compile(r"(?:(?:(\d{1,5}):)?([0-5]?\d):(?=[0-5]?\d(?:\.|$)))?(\d+(?:\.\d*)?)", re.ASCII)
_PERCENT = re.compile(r"(\d+(?:\.\d*)?)\s*%", re.ASCII)


class Moment(Struct, frozen=True):
    """A point in time.

    Attributes:
        seconds: From the start.
        share: In its place, a part of the whole duration, 0..1.
    """

    seconds: float = 0.0
    share: float | None = None

    def at(self, duration: float) -> float:
        """Return seconds from the start of something that lasts `duration` seconds."""
        return self.seconds if self.share is None else self.share * duration


def parse_seconds(value: Any, field: str) -> float:
    """Return the seconds a job's time stands for.

    Args:
        value: A number of seconds, or text: `12.5`, `MM:SS`, `HH:MM:SS.mmm`.
        field: The field to blame.

    Raises:
        InvalidJob: It is no time, or before the start.
    """
    seconds = _seconds(value)
    if seconds is None:
        raise _refused(value, field, 'seconds from 0 or "HH:MM:SS.mmm"')
    return seconds


def parse_moment(value: Any, field: str) -> Moment:
    """Return the moment a job's time stands for, which may also be a percentage such as `25%`.

    Raises:
        InvalidJob: It is neither, before the start, or more than 100%.
    """
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None and float(match[1]) <= 100:
        return Moment(share=float(match[1]) / 100)
    seconds = _seconds(value)
    if seconds is None:
        raise _refused(value, field, 'seconds from 0, "HH:MM:SS.mmm" or "0%" to "100%"')
    return Moment(seconds)


def _seconds(value: Any) -> float | None:
    if isinstance(value, str):
        match = _CLOCK.fullmatch(value.strip())
        if match is None:
            return None
        hours, minutes, rest = match.groups()
        value = int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest)
    return float(value) if math.isfinite(value) and 0 <= value <= MOST_SECONDS else None


def _refused(value: Any, field: str, expected: str) -> InvalidJob:
    return InvalidJob(
        f"Invalid value for {field!r}: expected {expected}, received {value!r}.",
        field=field,
        received=value if isinstance(value, str) or math.isfinite(value) else str(value),
        expected=expected,
    )
