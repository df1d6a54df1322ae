"""One file to be made smaller, and what was tried to that end."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from mediamill.operations.contract import Blob, Limits
from mediamill.operations.images._params import Chroma, Metadata
from mediamill.operations.images._source import Source, open_source
from mediamill.operations.sniff import sniff

Level = Literal["lossless", "lossy", "aggressive"]

IDENTICAL = 100.0
"""The score of a picture whose pixels are the original's."""

_SMALL, _LARGE = 500_000, 4_000_000
"""Pixels up to which a PNG gets the most, and from which it gets the least of an encoder's time."""


class Candidate(Struct, frozen=True):
    """A file that may take the place of the original.

    Attributes:
        data: The file.
        method: How it was made, in a few words.
        score: SSIMULACRA2 against the original.
        quality: The encoder's own, where it has one.
    """

    data: bytes
    method: str
    score: float = IDENTICAL
    quality: int | None = None


class Task(Struct, frozen=True, kw_only=True):
    """One file to be made smaller, and what the job says about it.

    Attributes:
        data: The file.
        source: The same, its header read.
        limits: The limits in force.
        level: What may be lost.
        quality: 1..100, how lossy results look; see `_target`.
        min_score: The least score of a lossy result; None where there is none of its own.
        effort: 0..9; None for what suits the file's size.
        metadata: What is kept.
        progressive: For JPEG; None for what is smallest.
        chroma: For JPEG and AVIF.
        check: Is called between candidates and raises where the job is to stop.
    """

    data: bytes
    source: Source
    limits: Limits
    level: Level = "lossless"
    quality: int = 80
    min_score: float | None = None
    effort: int | None = None
    metadata: Metadata = "icc"
    progressive: bool | None = None
    chroma: Chroma = "auto"
    check: Callable[[], None] = lambda: None

    def reopened(self, data: bytes) -> Source:
        """Return a made file as a source; raises where it is not one."""
        return open_source(Blob(data=data, name="output", path=None, kind=sniff(data)), self.limits)

    def png_effort(self, pixels: int) -> int:
        """Return the effort spent on a PNG of that many pixels."""
        if self.effort is not None:
            return self.effort
        usual = 7 if pixels <= _SMALL else 6 if pixels <= _LARGE else 4
        return min(9, usual + 2) if self.level == "aggressive" else usual
