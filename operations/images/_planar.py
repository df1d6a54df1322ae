"""Which works go from JPEG through planes, and how: faster than through pixels, or better, or both.

What decides is measured (see `_planes`): several sizes of one picture always gain; one size gains as long as a decoder
cannot shrink the picture (where it can, see `_reduced`). Where nothing is gained, or a file cannot be proven whole, the
work goes through pixels.

Plain JPEGs are encoded from the planes. Other lossy outputs of the same work become pixels when they have their size:
their encoders make planes of them again. Five widths as JPEG and WebP take 0.85 of the way through pixels. Without a
plain JPEG among them there is nothing to gain: their encoders are all there is.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mediamill.operations.images._colour import says_nothing
from mediamill.operations.images._encode import (
    LOSSY_FORMATS,
    MOZJPEG_EFFORT,
    Encoding,
    encode,
    encode_error,
    prepare,
)
from mediamill.operations.images._geometry import Size
from mediamill.operations.images._jpeg_header import Header, eligible
from mediamill.operations.images._planes import Chroma, Kernel, Planes, encode_jpeg, ladder, to_pixels, upright
from mediamill.operations.images._vips import vips
from mediamill.operations.images._work import Made, Variant, Work, stored

if TYPE_CHECKING:
    import pyvips

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
    if not all(_is_bare(variant, bare) for variant in work.variants) or kernel(work) is None:
        return None
    if not any(_is_plain(variant.code) for variant in work.variants):
        return None
    header = eligible(work.source.data)
    if header is None or header.orientation != facts.orientation:
        return None
    return header


def kernel(work: Work) -> Kernel | None:
    """Return the kernel a work is made with, None where it gains nothing or a picture would grow."""
    facts, sizes = work.source.facts, _sizes(work)
    factor = min(min(facts.width / width, facts.height / height) for width, height in sizes)
    if factor < 1 or min(min(size) for size in sizes) < SMALLEST:
        return None
    if len(sizes) > 1:
        return "bicubic"
    return "lanczos" if factor < LANCZOS_BELOW else None


def render(work: Work, planes: Planes) -> Iterator[Made]:
    """Make the outputs of an accepted work from its decoded planes, the largest first.

    Raises:
        EncodeFailed: An encoder refuses.
        OutOfMemory: Memory is short.
    """
    chosen = kernel(work)
    assert chosen is not None
    orientation = work.source.facts.orientation
    order = sorted(range(len(work.variants)), key=lambda index: -_area(work.variants[index]))
    wanted = {index: (_chroma(work.variants[index].code), _size(work, index)) for index in order}
    made: dict[tuple[Chroma, Size], Planes] = {}
    for chroma in {chroma for chroma, _ in wanted.values()}:
        sizes = list(dict.fromkeys(size for other, size in wanted.values() if other == chroma))
        scaled = ladder(planes, sizes, chosen, chroma=chroma)
        made |= {(chroma, size): small for size, small in zip(sizes, scaled, strict=True)}
    for index in order:
        work.check()
        code, small = work.variants[index].code, upright(made[wanted[index]], orientation)
        data = encode_jpeg(small, code.quality) if _is_plain(code) else _encoded(small, code)
        yield Made(index, data, 1)


def _encoded(planes: Planes, code: Encoding) -> bytes:
    library = vips()
    try:
        return encode(prepare(_image(planes), code), code)
    except library.Error as error:
        raise encode_error(error, code) from None


def _image(planes: Planes) -> "pyvips.Image":
    pixels = to_pixels(planes)
    bands = 1 if pixels.ndim == 2 else 3
    image = vips().Image.new_from_memory(pixels.tobytes(), planes.width, planes.height, bands, "uchar")
    return image.copy(interpretation="b-w" if bands == 1 else "srgb")


def _is_bare(variant: Variant, bare: bool) -> bool:
    """Return whether an output is the picture with a loss and nothing besides: no metadata, no border."""
    code, fit = variant.code, variant.fit
    return (
        code.format in LOSSY_FORMATS
        and not code.lossless
        and (bare or code.metadata in ("none", "icc"))
        and fit.scaled == fit.size
    )


def _is_plain(code: Encoding) -> bool:
    return code.format == "jpeg" and not code.progressive and 0 < code.effort < MOZJPEG_EFFORT


def _chroma(code: Encoding) -> Chroma:
    """Return the sampling an output is coded in, as its encoder chooses it; WebP has no other than 4:2:0."""
    full = code.quality >= _FULL_CHROMA_QUALITY and code.format != "webp" if code.chroma == "auto" else False
    return "444" if full or code.chroma == "4:4:4" else "420"


def _sizes(work: Work) -> set[Size]:
    return {_size(work, index) for index in range(len(work.variants))}


def _size(work: Work, index: int) -> Size:
    """Return what a variant is resampled to, as stored."""
    return stored(work.variants[index].fit.scaled, work.source)


def _area(variant: Variant) -> int:
    return variant.fit.scaled[0] * variant.fit.scaled[1]
