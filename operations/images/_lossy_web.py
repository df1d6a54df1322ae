"""WebP and AVIF, from sources of their own format or of others: the least quality that looks as asked for."""

from mediamill.operations.images import _headers, _stripping
from mediamill.operations.images._candidate import Candidate, Task
from mediamill.operations.images._encode import MAX_SIDES, Encoding, same_look
from mediamill.operations.images._exact import same_pixels
from mediamill.operations.images._params import Format
from mediamill.operations.images._picture import Picture, encoded
from mediamill.operations.images._sampling import TOLERANCE, Judge, judged, least, sample
from mediamill.operations.images._source import Source
from mediamill.operations.images._stripping import Kept
from mediamill.protocol.errors import MediaError

TIGHT = 1.05
"""A source of at most this many times the bytes its own quality asked for takes is as good as it gets."""

_EFFORTS: dict[Format, tuple[int, int]] = {"webp": (6, 9), "avif": (2, 4)}
"""By format: for `lossy`, and for `aggressive`."""


def lossy_web(task: Task, picture: Picture, format_name: Format, target: float, kept: Kept) -> Candidate | None:
    """Return the smallest WebP or AVIF that reaches a score.

    Args:
        task: The file.
        picture: Its pixels.
        format_name: `webp` or `avif`.
        target: The score to aim at.
        kept: What stays of its metadata.

    Returns:
        The file; None where the format cannot hold the picture, or where the source is of the format already and coded
        as tightly as the quality asked for.
    """
    if max(picture.size) > MAX_SIDES[format_name]:
        return None
    usual = same_look(task.quality, format_name)
    if task.source.facts.format == format_name and task.min_score is None:
        cap = encoded(picture, _code(task, format_name, usual))[0]
        if len(task.data) <= TIGHT * len(cap):
            return None
    whole = judged(picture)
    part = sample(whole)
    judge = Judge(part)
    still = Picture((part,))

    def score(quality: int) -> float:
        task.check()
        data, _ = encoded(still, _code(task, format_name, quality))
        return judge.score(judged(_decoded(task, data)))

    limit = 100 if task.min_score is not None else usual
    quality = least(score, target, 1, limit, usual)
    full = Judge(whole)
    floor = target - TOLERANCE if task.min_score is None else target
    while True:
        task.check()
        data, _ = encoded(picture, _code(task, format_name, quality))
        found = full.score(judged(_decoded(task, data)))
        if found >= floor or quality >= limit:
            break
        quality = min(limit, quality + max(1, round(target - found)))
    method = f"{format_name.upper() if format_name == 'avif' else 'WebP'}, quality {quality}"
    return Candidate(_dressed(data, format_name, kept), method, found, quality)


def lossless_web(task: Task, picture: Picture, format_name: Format, kept: Kept) -> Candidate | None:
    """Return a WebP or AVIF with the very samples of the source; None where the format cannot hold them."""
    if max(picture.size) > MAX_SIDES[format_name] or task.source.facts.depth > 8 or picture.motion is not None:
        return None
    effort = 9 if format_name == "webp" else _EFFORTS["avif"][0]
    code = Encoding(format=format_name, lossless=True, effort=effort, metadata=task.metadata)
    data, _ = encoded(picture, code)
    made = _dressed(data, format_name, kept)
    try:
        exact = same_pixels(task.source, task.reopened(made))
    except MediaError:
        return None
    return Candidate(made, f"{'WebP' if format_name == 'webp' else 'AVIF'}, lossless") if exact else None


def _code(task: Task, format_name: Format, quality: int) -> Encoding:
    usual, best = _EFFORTS[format_name]
    effort = task.effort if task.effort is not None else best if task.level == "aggressive" else usual
    return Encoding(format=format_name, quality=quality, effort=effort, metadata=task.metadata, chroma=task.chroma)


def _decoded(task: Task, data: bytes) -> Picture:
    from mediamill.operations.images._picture import decode

    source: Source = task.reopened(data)
    return decode(source, frames=source.facts.animated)


def _dressed(data: bytes, format_name: Format, kept: Kept) -> bytes:
    if format_name == "webp" and kept.exif:
        return _stripping.webp_stripped(data, kept)
    return data


def frames_of(data: bytes, format_name: Format, given: int) -> int:
    """Return how many frames a made file has."""
    return _headers.webp_frames(data) if format_name == "webp" and given > 1 else given
