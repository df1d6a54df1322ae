"""`format: auto`: the format that makes a picture smallest at the same look."""

from collections.abc import Callable, Sequence

import msgspec

from mediamill.operations.contract import Context
from mediamill.operations.images._encode import DEFAULT_QUALITY, MAX_SIDES, Encoding, encoding, same_look
from mediamill.operations.images._geometry import Fit, Size
from mediamill.operations.images._params import Format, ImageJob
from mediamill.operations.images._picture import Picture, encoded
from mediamill.operations.images._render import render
from mediamill.operations.images._resample import Look
from mediamill.operations.images._source import Source
from mediamill.operations.images._work import Variant, Work, memory_bytes

SAMPLE_SIDE = 1024
"""Candidates are compared on the largest output, made no larger than this many pixels a side."""

_FLAT = 3
"""WebP without loss is tried where PNG takes less than this many times the bytes of the best lossy candidate."""

_STILLS: tuple[Format, ...] = ("avif", "webp", "jpeg", "png")
_MOVING: tuple[Format, ...] = ("avif", "webp", "gif")
_ALL: tuple[Format, ...] = (*_STILLS, "gif")


def choose_format(params: ImageJob, source: Source, fits: Sequence[Fit], look: Look, ctx: Context) -> Encoding:
    """Encode a picture as each candidate, and return the one with the fewest bytes.

    Candidates are AVIF, WebP and JPEG at qualities of the same look, where `quality` counts as JPEG's; PNG, and WebP
    without loss, which win where a picture is flat; JPEG only without alpha. Animations are AVIF, WebP or GIF.

    Args:
        params: The job.
        source: The picture.
        fits: The outputs, which all get this format.
        look: How they are resampled.
        ctx: Where the work stops.
    """
    sample = _sample(max(fits, key=lambda one: one.scaled))
    side = max(side for one in fits for side in one.size)

    def bytes_of(codes: Sequence[Encoding]) -> dict[Encoding, int]:
        variants = tuple(Variant(sample, code) for code in codes)
        work = Work(source=source, variants=variants, look=look, check=ctx.check, warm=ctx.warm)
        ctx.reserve(memory_bytes(work))
        return {codes[made.index]: len(made.data) for made in render(work)}

    facts = source.facts
    return _fewest(params, bytes_of, alpha=facts.alpha, moving=facts.animated, side=side)


def smallest(params: ImageJob, picture: Picture, ctx: Context, among: Sequence[Format] = _ALL) -> Encoding:
    """Do the same for a picture in memory, which is compared as it is where it is indexed: resampled, it is another.

    Args:
        params: The job.
        picture: The picture.
        ctx: Where the work stops.
        among: The formats that come into question.
    """
    ratio = SAMPLE_SIDE / max(picture.size)
    sample = picture if ratio >= 1 or picture.indexed else picture.each(lambda page: page.resize(ratio))

    def bytes_of(codes: Sequence[Encoding]) -> dict[Encoding, int]:
        found = {}
        for code in codes:
            ctx.check()
            found[code] = len(encoded(sample, code)[0])
        return found

    alpha, moving = bool(picture.pages[0].hasalpha()), picture.motion is not None
    return _fewest(params, bytes_of, alpha=alpha, moving=moving, side=max(picture.size), among=among)


def _fewest(
    params: ImageJob,
    bytes_of: Callable[[Sequence[Encoding]], dict[Encoding, int]],
    *,
    alpha: bool,
    moving: bool,
    side: int,
    among: Sequence[Format] = _ALL,
) -> Encoding:
    quality = DEFAULT_QUALITY if params.quality is None else params.quality
    no_jpeg = alpha or params.lossless
    names = _MOVING if moving else tuple(name for name in _STILLS if name != "jpeg" or not no_jpeg)
    fitting = [name for name in names if name in among and side <= MAX_SIDES.get(name, side)]
    codes = [encoding(params, name, same_look(quality, name)) for name in fitting]
    found = bytes_of(codes)
    flat = [size for code, size in found.items() if code.format == "png" and size < _FLAT * min(found.values())]
    if flat and not params.lossless and side <= MAX_SIDES["webp"]:
        found |= bytes_of([msgspec.structs.replace(encoding(params, "webp"), lossless=True)])
    return min(found, key=lambda code: found[code])


def _sample(largest: Fit) -> Fit:
    """Return a geometry made small enough to try formats on."""
    ratio = min(1.0, SAMPLE_SIDE / max(*largest.scaled, *largest.size))

    def smaller(size: Size) -> Size:
        return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))

    return Fit(smaller(largest.scaled), smaller(largest.size))
