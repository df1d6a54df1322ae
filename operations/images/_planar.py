"""Which works go from JPEG to JPEG through planes, and how: faster than through pixels, or better, or both.

What decides is measured (see `_planes`): several sizes of one picture always gain; one size gains as long as a decoder
cannot shrink the picture (where it can, see `_reduced`). Where nothing is gained, or a file cannot be proven whole, the
work goes through pixels.
"""

from collections.abc import Iterator

from mediamill.operations.images._colour import says_nothing
from mediamill.operations.images._encode import MOZJPEG_EFFORT
from mediamill.operations.images._jpeg_header import Header, eligible
from mediamill.operations.images._planes import Chroma, Kernel, Planes, encode_jpeg, ladder, scale, upright
from mediamill.operations.images._work import Made, Variant, Work, stored

LANCZOS_BELOW = 3.0
"""Factor up to which one size is made, and with the sharper kernel."""

SMALLEST = 16
"""Pixels of a side below which chroma, at half of that, is too coarse to be sited; pixels cost nothing there."""

_FULL_CHROMA_QUALITY = 90
"""Quality from which JPEGs keep all chroma, as through pixels."""


def accepts(work: Work) -> Header | None:
    """Return the header to decode by where a work gains from planes, else None."""
    facts, look = work.source.facts, work.look
    plain = look.kernel == "lanczos3" and not look.linear and not look.sharpen
    if not (
        plain and work.source.decoder == "jpeg" and facts.hdr is None and says_nothing(facts.icc, facts.interpretation)
    ):
        return None
    bare = not (facts.has_exif or facts.has_xmp or facts.has_iptc)
    if not all(_is_plain(variant, bare) for variant in work.variants) or kernel(work) is None:
        return None
    header = eligible(work.source.data)
    if header is None or header.orientation != facts.orientation:
        return None
    return header


def kernel(work: Work) -> Kernel | None:
    """Return the kernel a work is made with, None where it gains nothing or a picture would grow."""
    facts = work.source.facts
    sizes = [stored(variant.fit.scaled, work.source) for variant in work.variants]
    factor = min(min(facts.width / width, facts.height / height) for width, height in sizes)
    if factor < 1 or min(min(size) for size in sizes) < SMALLEST:
        return None
    if len(set(sizes)) > 1:
        return "bicubic"
    return "lanczos" if factor < LANCZOS_BELOW else None


def render(work: Work, planes: Planes) -> Iterator[Made]:
    """Make the outputs of an accepted work from its decoded planes, the largest first."""
    chosen = kernel(work)
    assert chosen is not None
    orientation = work.source.facts.orientation
    order = sorted(range(len(work.variants)), key=lambda index: -_area(work.variants[index]))
    sizes = [stored(work.variants[index].fit.scaled, work.source) for index in order]
    if len(set(sizes)) == 1 or any(_chroma(variant) == "444" for variant in work.variants):
        scaled: Iterator[Planes] = (
            scale(planes, *size, chosen, chroma=_chroma(work.variants[index]))
            for index, size in zip(order, sizes, strict=True)
        )
    else:
        scaled = iter(ladder(planes, sizes, chosen))
    for index, small in zip(order, scaled, strict=True):
        work.check()
        quality = work.variants[index].code.quality
        yield Made(index, encode_jpeg(upright(small, orientation), quality), 1)


def _is_plain(variant: Variant, bare: bool) -> bool:
    code, fit = variant.code, variant.fit
    return (
        code.format == "jpeg"
        and not code.progressive
        and 0 < code.effort < MOZJPEG_EFFORT
        and (bare or code.metadata in ("none", "icc"))
        and fit.scaled == fit.size
    )


def _chroma(variant: Variant) -> Chroma:
    code = variant.code
    full = code.quality >= _FULL_CHROMA_QUALITY if code.chroma == "auto" else code.chroma == "4:4:4"
    return "444" if full else "420"


def _area(variant: Variant) -> int:
    return variant.fit.scaled[0] * variant.fit.scaled[1]
