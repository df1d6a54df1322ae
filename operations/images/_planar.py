"""Which works go from JPEG to JPEG through planes, and how: faster than through pixels, or better, or both.

What decides is measured (see `_planes`): several sizes of one picture always gain; one size gains as long as libvips
cannot shrink the picture while it decodes, and a little beyond, where the file is not so dense that decoding is all
there is. Where nothing is gained, or a file cannot be proven whole, the work goes through pixels.
"""

from collections.abc import Iterator

from mediamill.operations.images._effort import PROGRESSIVE_EFFORT
from mediamill.operations.images._encode import FULL_CHROMA_QUALITY
from mediamill.operations.images._jpeg_header import Header, eligible
from mediamill.operations.images._planes import Chroma, Kernel, Planes, encode_jpeg, ladder, scale, upright
from mediamill.operations.images._work import Made, Variant, Work, stored

LANCZOS_BELOW = 3.0
"""Factor up to which one size is made with the sharper kernel, which is still faster than pixels."""

PLANES_BELOW = 6.0
"""Factor from which libvips' own shrinking decoder is faster for one size."""

DENSE = 0.14
"""Bytes a pixel from which decoding dominates and the shrinking decoder is faster for one size."""

SMALLEST = 16
"""Pixels of a side below which chroma, at half of that, is too coarse to be sited; pixels cost nothing there."""


def accepts(work: Work) -> Header | None:
    """Return the header to decode by where a work gains from planes, else None."""
    facts, look = work.source.facts, work.look
    plain = look.kernel == "lanczos3" and not look.linear and not look.sharpen
    if not (plain and work.source.decoder == "jpeg" and facts.icc is None and facts.hdr is None):
        return None
    bare = not (facts.has_exif or facts.has_xmp or facts.has_iptc or facts.gain_map)
    if not all(_is_plain(variant, bare) for variant in work.variants) or kernel(work) is None:
        return None
    header = eligible(work.source.data)
    if header is None or header.icc is not None or header.orientation != facts.orientation:
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
    if factor < LANCZOS_BELOW:
        return "lanczos"
    dense = len(work.source.data) > DENSE * facts.width * facts.height
    return "bicubic" if factor < PLANES_BELOW and not dense else None


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
        and 0 < code.effort < PROGRESSIVE_EFFORT
        and (bare or code.metadata in ("none", "icc"))
        and fit.scaled == fit.size
    )


def _chroma(variant: Variant) -> Chroma:
    code = variant.code
    full = code.quality >= FULL_CHROMA_QUALITY if code.chroma == "auto" else code.chroma == "4:4:4"
    return "444" if full else "420"


def _area(variant: Variant) -> int:
    return variant.fit.scaled[0] * variant.fit.scaled[1]
