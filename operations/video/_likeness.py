"""How much a film looks like what went into its encoder: SSIMULACRA2 of some of its frames, 100 for the same.

Frames are kept on their way into the encoder, after all filters, so that what is judged is the coding alone: a film
made smaller is held against the smaller one without loss. HDR is brought down to SDR on both sides alike, with the
table that tone-maps films.
"""

import itertools
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.contract import Context, Stream
from mediamill.operations.images import _ssimulacra2
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._facts import VideoFacts, look
from mediamill.operations.streams._open import demuxer, written
from mediamill.operations.video._codecs import VideoCode
from mediamill.operations.video._shots import Shot, Shots
from mediamill.operations.video._still import StillCode, stills
from mediamill.protocol.errors import EncodeFailed

if TYPE_CHECKING:
    import pyvips

_KEPT_BYTES = 192 << 20
_FEWEST, _MOST = 12, 36
"""Frames that are kept of a film at the most: so many of large ones, so many of others."""

_LATE = 0.001
"""Seconds a frame may stand later in a file than it was given to the encoder: Matroska counts in milliseconds."""

_THREADS = 4
"""Frames judged at a time, at the most."""


class Likeness(Struct, frozen=True):
    """The scores of the frames that were held against each other."""

    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The film's score."""
        return statistics.fmean(self.scores)


class Kept:
    """Frames kept of a film that is being coded: evenly spread ones, however long it turns out to be.

    Of each run of frames the middle one is kept. Runs are powers of three long: encoders give more bits to every
    second, fourth or eighth frame, and those must not be the ones that are looked at.

    Args:
        most: How many are kept at the most, a third of it at the least.
        between: Seconds from the first frame on between which frames are kept.
    """

    def __init__(self, most: int, between: tuple[float, float] = (0.0, float("inf"))) -> None:
        self._most = most
        self._between = between
        self._run = 1
        self._count = 0
        self._frames: dict[int, tuple[float, Any]] = {}
        self.first: float | None = None
        """When the film's first frame is shown, in seconds."""

    def watch(self, frame: Any, seconds: float) -> None:
        """Look at the next frame."""
        if self.first is None:
            self.first = seconds
        if not self._between[0] <= seconds - self.first < self._between[1]:
            return
        if self._count % self._run == self._run // 2:
            self._frames[self._count] = seconds, frame
        self._count += 1
        while len(self._frames) > self._most:
            self._run *= 3
            self._frames = {n: kept for n, kept in self._frames.items() if n % self._run == self._run // 2}

    @property
    def frames(self) -> list[tuple[float, Any]]:
        """Seconds and frames."""
        return list(self._frames.values())


def most_kept(code: VideoCode) -> int:
    """Return how many frames of a film may be kept."""
    return min(max(_KEPT_BYTES // code.frame_bytes, _FEWEST), _MOST)


def memory_bytes(code: VideoCode, threads: int) -> int:
    """Return the most memory that keeping and judging frames take."""
    judged = _ssimulacra2.memory_bytes(code.size) + 8 * code.size[0] * code.size[1]
    return most_kept(code) * code.frame_bytes + min(threads, _THREADS) * judged


def likeness(ctx: Context, path: str, kept: Kept) -> Likeness:
    """Hold a film that was written against the frames that were kept when it was coded.

    Args:
        ctx: The engine.
        path: The film.
        kept: What was kept.

    Raises:
        EncodeFailed: The film does not give a frame that was coded into it.
    """
    frames = kept.frames
    with written(path) as stream:
        video = look(stream, ctx.limits).video
        if video is None or kept.first is None:
            raise EncodeFailed("What was written has no picture.")
        scores: list[float] = []
        with stills(video, StillCode(size=(video.width, video.height)), ctx.threads) as original, \
             stills(video, StillCode(size=(video.width, video.height)), ctx.threads) as made, \
             ThreadPoolExecutor(min(ctx.threads, _THREADS), "score") as pool:  # fmt: skip
            shots = _shots(ctx, stream, video, [seconds - kept.first for seconds, _ in frames])
            pairs = ((original.picture(Shot(0.0, frames[at][1])), made.picture(shot)) for at, shot in shots)
            for batch in _batches(pairs, min(ctx.threads, _THREADS)):
                ctx.check()
                scores += pool.map(_score, batch)
    if len(scores) != len(frames):
        raise EncodeFailed("What was written cannot be read in full.", detail=f"{len(scores)} of {len(frames)} frames")
    return Likeness(tuple(scores))


def _shots(ctx: Context, stream: Stream, video: VideoFacts, times: Sequence[float]) -> Iterator[tuple[int, Shot]]:
    """Yield the frames of a film at times that count from its first frame."""
    with demuxer(stream) as container:
        damage = Damage(strict=True)
        shots = Shots(container, video, 0.0, stream.kind.format, damage, ctx.threads, ctx.check)
        first = next(shots.every(), None)
        begun = first.time if first is not None else 0.0
        yield from shots.at([begun + time + _LATE for time in times])


def _batches(pairs: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while batch := list(itertools.islice(pairs, size)):
        yield batch


def _score(pair: tuple["pyvips.Image", "pyvips.Image"]) -> float:
    original, made = pair
    return _ssimulacra2.Reference(original).score(made)
