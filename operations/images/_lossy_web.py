"""WebP and AVIF, from sources of their own format or of others: the least quality that looks as asked for."""

from mediamill.operations.images import _stripping
from mediamill.operations.images._candidate import Candidate, Task
from mediamill.operations.images._encode import MAX_SIDES, Encoding, encode, prepare, same_look
from mediamill.operations.images._exact import same_samples
from mediamill.operations.images._params import Format
from mediamill.operations.images._picture import Picture, decode, encoded
from mediamill.operations.images._sampling import Judge, decoded, floor, judged, least, quality_of, sample, settled
from mediamill.operations.images._stripping import Kept

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
    usual = same_look(quality_of(target), format_name)
    demanding = task.min_score is not None and task.min_score >= target
    if task.source.facts.format == format_name and not demanding:
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

    limit = 100 if demanding else usual
    quality = least(score, target, 1, limit, usual)
    full = Judge(whole)

    def make(tried: int) -> tuple[bytes, float]:
        task.check()
        made, _ = encoded(picture, _code(task, format_name, tried))
        return made, full.score(judged(_decoded(task, made)))

    quality, data, found = settled(make, quality, target, floor(target, task.min_score), limit)
    method = f"{'WebP' if format_name == 'webp' else 'AVIF'}, quality {quality}"
    return Candidate(_dressed(data, format_name, kept), method, found, quality)


def lossless_web(task: Task, picture: Picture, format_name: Format, kept: Kept) -> Candidate | None:
    """Return a WebP or AVIF of the very same samples; None where the format, or its encoder, cannot hold them."""
    if max(picture.size) > MAX_SIDES[format_name] or task.source.facts.depth > 8 or picture.motion is not None:
        return None
    code = Encoding(format=format_name, lossless=True, effort=_EFFORTS["avif"][0], metadata=task.metadata)
    image = prepare(picture.pages[0], code)
    if format_name == "webp":
        keep = "all" if kept.everything else "icc" if kept.icc else "none"
        data = image.webpsave_buffer(lossless=True, exact=True, effort=6, Q=100, keep=keep)
    else:
        data = encode(image, code)
    if not same_samples(image, decoded(data)):
        return None
    name = "WebP" if format_name == "webp" else "AVIF"
    return Candidate(_dressed(data, format_name, kept), f"{name}, lossless")


def _code(task: Task, format_name: Format, quality: int) -> Encoding:
    usual, best = _EFFORTS[format_name]
    effort = task.effort if task.effort is not None else best if task.level == "aggressive" else usual
    return Encoding(format=format_name, quality=quality, effort=effort, metadata=task.metadata, chroma=task.chroma)


def _decoded(task: Task, data: bytes) -> Picture:
    source = task.reopened(data)
    return decode(source, frames=source.facts.animated)


def _dressed(data: bytes, format_name: Format, kept: Kept) -> bytes:
    if format_name == "webp" and kept.exif:
        return _stripping.webp_stripped(data, kept)
    return data
