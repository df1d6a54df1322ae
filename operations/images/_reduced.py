"""JPEG to much smaller JPEGs without colours in between: the decoder shrinks, libvips resamples, libjpeg encodes.

A decoder that shrinks transforms a quarter of the samples or fewer, and of 4:2:0 it gives as many of chroma as of
luma. It is libjpeg-turbo's own (in simplejpeg's wheel), which takes three quarters of the time of the one in libvips,
and it is told that the planes are red, green and blue, so that it converts nothing. libvips scales the three bands
like any others. Pillow hands them to libjpeg as what they are.

Measured on 2725x2225 to 720 pixels, quality 80, against libvips all the way: 0.75 of the processor time at the same
score. Damage is an error as it is for libvips: in six thousand damaged files of every coding there was none that
libvips refused and this way let pass.
"""

import io
from collections.abc import Iterator
from typing import Any

from mediamill.operations.images import _resample
from mediamill.operations.images._colour import says_nothing
from mediamill.operations.images._encode import MOZJPEG_EFFORT
from mediamill.operations.images._geometry import Fit, shrink_on_load
from mediamill.operations.images._jpeg_header import DamagedJpeg, Outline, outline
from mediamill.operations.images._resample import Raster
from mediamill.operations.images._vips import vips
from mediamill.operations.images._work import Made, Variant, Work, stored

_AS_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
"""Adobe's marker with transform 0: the planes are what is to be shown."""

_FULL_CHROMA_QUALITY = 90
"""Quality from which JPEGs keep all chroma, as libvips does."""

_SPARSE = 1 / 8
"""Bytes a pixel below which tables made for the picture save more than a fiftieth; above, they cost more than that."""


def accepts(work: Work) -> Outline | None:
    """Return what to decode by where a work gains from this way, else None."""
    facts, look = work.source.facts, work.look
    plain = not look.linear and not look.sharpen and look.kernel != "nearest"
    assumed = facts.hdr is None and says_nothing(facts.icc, facts.interpretation)
    if not (plain and assumed and work.source.decoder == "jpeg" and look.position in ("center", "focal")):
        return None
    bare = not (facts.has_exif or facts.has_xmp or facts.has_iptc)
    if not all(_is_plain(variant, bare) for variant in work.variants) or _shrink(work) == 1:
        return None
    found = outline(work.source.data)
    return None if found is None or found.orientation != facts.orientation else found


def decode(work: Work, found: Outline) -> Raster:
    """Decode the picture of an accepted work as small as its outputs allow.

    Args:
        work: The work.
        found: What `accepts` returned for it.

    Returns:
        Y, Cb and Cr as three bands of the same size, or grey.

    Raises:
        DamagedJpeg: The coded picture is not whole.
    """
    import numpy as np
    import simplejpeg

    shrink, grey = _shrink(work), len(found.samplings) == 1
    data = work.source.data
    if not grey:
        data = b"".join((found.head[:2], _AS_RGB, found.head[2:], memoryview(data)[found.entropy_start :]))
    width, height = -(-found.width // shrink), -(-found.height // shrink)
    try:
        samples = simplejpeg.decode_jpeg(
            data, "GRAY" if grey else "RGB", min_factor=shrink, min_width=width, min_height=height
        )
    except ValueError as error:
        raise DamagedJpeg(str(error)) from error
    if samples.shape[:2] != (height, width):
        raise DamagedJpeg(f"the decoder shrank to {samples.shape[1]}x{samples.shape[0]}, not to {width}x{height}")
    image: Any = vips().Image.new_from_memory(
        np.ascontiguousarray(samples).data, width, height, samples.shape[2], "uchar"
    )
    return Raster((image,), (found.width / shrink, found.height / shrink))


def render(work: Work, base: Raster) -> Iterator[Made]:
    """Make the outputs of an accepted work from its decoded picture, the largest first."""
    fits: dict[Fit, list[int]] = {}
    for index in sorted(range(len(work.variants)), key=lambda index: -_area(work.variants[index].fit.scaled)):
        fits.setdefault(work.variants[index].fit, []).append(index)
    made: list[Raster] = []
    for fit, users in fits.items():
        size = stored(fit.scaled, work.source)
        origin = _resample.nearest_source(base, made, size)
        raster = _resample.resample(origin, size, work.look, shared=len(fits) > 1)
        made.append(raster)
        image = _resample.finish(raster, fit, work.source.facts, work.look)[0]
        pixels = image.write_to_memory()
        for index in users:
            work.check()
            code = work.variants[index].code
            full = code.quality >= _FULL_CHROMA_QUALITY if code.chroma == "auto" else code.chroma == "4:4:4"
            yield Made(index, _encoded(pixels, (image.width, image.height), image.bands, code.quality, full), 1)


def _encoded(pixels: bytes, size: tuple[int, int], bands: int, quality: int, full_chroma: bool) -> bytes:
    from PIL import Image

    mode = "L" if bands == 1 else "YCbCr"
    image = Image.new(mode, size, None)
    image.frombytes(pixels)
    options: dict[str, Any] = {"quality": quality, "subsampling": 0 if full_chroma else 2}
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    if file.tell() < _SPARSE * _area(size):
        file = io.BytesIO()
        image.save(file, "JPEG", optimize=True, **options)
    return file.getvalue()


def _shrink(work: Work) -> int:
    facts, sizes = work.source.facts, [stored(variant.fit.scaled, work.source) for variant in work.variants]
    largest = max(width for width, _ in sizes), max(height for _, height in sizes)
    return shrink_on_load((facts.width, facts.height), largest)


def _is_plain(variant: Variant, bare: bool) -> bool:
    code, fit = variant.code, variant.fit
    return (
        code.format == "jpeg"
        and not code.progressive
        and 0 < code.effort < MOZJPEG_EFFORT
        and (bare or code.metadata in ("none", "icc"))
        and fit.size[0] <= fit.scaled[0]
        and fit.size[1] <= fit.scaled[1]
    )


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
