"""Pixels: decoding no more than needed, resampling, turning upright, cropping and padding.

Two things differ from libvips' own thumbnailer. A JPEG decoder that shrinks rounds its sides down, so the factor is
taken from the true size, not from the decoded one, which otherwise moves the picture by up to half a pixel. And
premultiplied colours are rounded to the picture's own depth before they are resampled: floats are four times slower.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from mediamill.operations.images import _colour, _hdr
from mediamill.operations.images._geometry import (
    RESIDUAL,
    Fit,
    Position,
    Size,
    cascade_source,
    crop_offset,
    registered,
    shrink_on_load,
)
from mediamill.operations.images._params import Filter, Rgba
from mediamill.operations.images._source import Facts, Source
from mediamill.operations.images._vips import has, vips

if TYPE_CHECKING:
    import pyvips

_KERNELS: dict[Filter, str] = {
    "lanczos3": "lanczos3",
    "catmullrom": "cubic",
    "cubic": "cubic",
    "mitchell": "mitchell",
    "linear": "linear",
    "nearest": "nearest",
}
_WEBP_SCALE = 0.6
"""Above this a WebP decoder that scales takes longer than one that does not."""

_ORIENTATION = "orientation"
_STALE = ("jpeg-thumbnail-data", "exif-ifd0-Orientation", _ORIENTATION)


class Look(Struct, frozen=True, kw_only=True):
    """How a picture is resampled and cropped.

    Attributes:
        kernel: The filter.
        linear: Whether light is averaged instead of coded values; the result is in sRGB.
        sharpen: 0 for none; 1 is libvips' own amount.
        position: What a crop keeps.
        focal: The point `focal` keeps, each coordinate 0..1.
        residual: How many times larger than its result a picture stays when its decoder shrinks it, at least 1.
    """

    kernel: Filter = "lanczos3"
    linear: bool = False
    sharpen: float = 0.0
    position: Position = "center"
    focal: tuple[float, float] = (0.5, 0.5)
    residual: float = RESIDUAL


class Raster(Struct, frozen=True):
    """A decoded picture as stored, ready to be resampled.

    Attributes:
        pages: One image per frame.
        span: Width and height of the whole picture in these pixels; a decoder that shrinks drops the fraction.
        premultiplied: Whether colours are multiplied with alpha.
        linear: Whether the pixels are linear light, and of what: (grey, sixteen bits).
    """

    pages: tuple["pyvips.Image", ...]
    span: tuple[float, float]
    premultiplied: bool = False
    linear: tuple[bool, bool] | None = None


def decode(source: Source, largest: Size, look: Look, *, frames: bool = False, shared: bool = False) -> Raster:
    """Decode a picture for outputs of up to a size.

    Args:
        source: The picture.
        largest: The largest size it is resampled to, as stored.
        look: How it is resampled.
        frames: Whether all frames are needed.
        shared: Whether it is resampled more than once.

    Returns:
        The picture; its pages can be read once where neither it is shared nor has alpha.

    Raises:
        pyvips.Error: It is damaged, or memory is short.
    """
    facts = source.facts
    stored = (facts.width, facts.height)
    shrink, scale = _reduction(facts, source.decoder, largest, look, frames)
    image = _colour.normalise(source.load(shrink=shrink, scale=scale, frames=frames))
    if facts.hdr is not None and facts.icc is None:
        image = _hdr.to_sdr(image, *facts.hdr)
    span: tuple[float, float] = (stored[0] / shrink, stored[1] / shrink)
    if scale != 1.0:
        span = (float(image.width), float(image.height))
    count = facts.frames if frames else 1
    if shared or count > 1 or image.hasalpha():
        image = image.copy_memory()
    image, alpha = _without_opaque_alpha(image)
    linear = None
    if look.linear:
        linear = (image.interpretation in ("b-w", "grey16"), image.format == "ushort")
        image = _colour.to_linear(image)
    resampled = largest != stored or count > 1 or shared
    if alpha and resampled and look.kernel != "nearest":
        image = premultiplied(image)
    else:
        alpha = False
    if shared and (alpha or look.linear):
        image = image.copy_memory()
    height = image.height // count
    pages = (image,) if count == 1 else tuple(image.crop(0, height * n, image.width, height) for n in range(count))
    return Raster(pages, span, alpha, linear)


def resample(raster: Raster, size: Size, look: Look, *, shared: bool = False) -> Raster:
    """Resample a decoded picture.

    Args:
        raster: The picture.
        size: What it becomes, as stored.
        look: How.
        shared: Whether the result is used more than once.
    """
    pages = [_resized(page, raster.span, size, look.kernel) for page in raster.pages]
    if shared:
        pages = [page.copy_memory() for page in pages]
    return msgspec.structs.replace(raster, pages=tuple(pages), span=(float(size[0]), float(size[1])))


def nearest_source(base: Raster, made: Sequence[Raster], size: Size) -> Raster:
    """Return what a size is best made from: the smallest large enough picture made so far, else the decoded one."""
    if len(base.pages) > 1:
        return base
    index = cascade_source(size, [(int(raster.span[0]), int(raster.span[1])) for raster in made])
    return base if index is None else made[index]


def finish(raster: Raster, fit: Fit, facts: Facts, look: Look) -> list["pyvips.Image"]:
    """Return a resampled picture's frames upright, in coded values, and cropped; padding comes later.

    Args:
        raster: The picture, of the size `fit.scaled` as stored.
        fit: The geometry.
        facts: Of its source.
        look: How it is cropped.
    """
    pages = [upright(_plain(page, raster), facts.orientation) for page in raster.pages]
    width, height = min(fit.scaled[0], fit.size[0]), min(fit.scaled[1], fit.size[1])
    if (width, height) == fit.scaled:
        return pages
    if look.position in ("entropy", "attention"):
        pages[0] = pages[0].copy_memory()
        left, top = interesting(pages[0], (width, height), look.position)
    else:
        left, top = crop_offset(fit.scaled, (width, height), look.focal)
    return [page.crop(left, top, width, height) for page in pages]


def rasterised(pages: Sequence["pyvips.Image"], look: Look) -> Raster:
    """Return a picture in memory, upright and in coded values, ready to be resampled."""
    images = list(pages)
    first = images[0]
    alpha = bool(first.hasalpha())
    if alpha and all(page[page.bands - 1].min() == (65535 if page.format == "ushort" else 255) for page in images):
        images, alpha = [page.extract_band(0, n=page.bands - 1) for page in images], False
    linear = None
    if look.linear:
        linear = (first.interpretation in ("b-w", "grey16"), first.format == "ushort")
        images = [_colour.to_linear(page) for page in images]
    if alpha and look.kernel != "nearest":
        images = [premultiplied(page) for page in images]
    else:
        alpha = False
    return Raster(tuple(images), (float(first.width), float(first.height)), alpha, linear)


def premultiplied(image: "pyvips.Image") -> "pyvips.Image":
    """Multiply colours with alpha, in the picture's own depth."""
    return _in_depth(image.premultiply(), image)


def unpremultiplied(image: "pyvips.Image") -> "pyvips.Image":
    """Undo `premultiplied`."""
    return _in_depth(image.unpremultiply(), image)


def upright(image: "pyvips.Image", orientation: int) -> "pyvips.Image":
    """Turn a picture as its EXIF orientation says, and drop the tag and what else no longer holds."""
    stale = [field for field in _STALE if has(image, field)]
    if orientation == 1 and not stale:
        return image
    image = image.copy()
    for field in stale:
        image.remove(field)
    if orientation == 1:
        return image
    image = image.copy_memory()  # turned rows are columns, which a stream cannot give
    if orientation in (5, 7):
        image = image.rot90().fliphor() if orientation == 5 else image.rot270().fliphor()
    elif orientation in (6, 8):
        image = image.rot90() if orientation == 6 else image.rot270()
    elif orientation == 3:
        image = image.rot180()
    else:
        image = image.fliphor() if orientation == 2 else image.flipver()
    return image


def sharpen(image: "pyvips.Image", amount: float) -> "pyvips.Image":
    """Sharpen a picture's lightness; 0 returns it as it is."""
    return image.sharpen(sigma=0.5 + amount / 10, m2=3 * amount) if amount else image


def pad(image: "pyvips.Image", size: Size, background: Rgba, *, alpha: bool) -> "pyvips.Image":
    """Set a picture in the middle of a canvas.

    Args:
        image: The picture, no larger than the canvas on either side.
        size: Of the canvas.
        background: Its colour.
        alpha: Whether the output can be transparent.
    """
    if (image.width, image.height) == size:
        return image
    if not alpha:
        background = _colour.over_white(background)
    elif background[3] < 255 and not image.hasalpha() and image.interpretation != "cmyk":
        image = image.addalpha()
    image = _colour.coloured(image, background)
    left, top = (size[0] - image.width) // 2, (size[1] - image.height) // 2
    return image.embed(left, top, *size, extend="background", background=_colour.fill(image, background))


def _reduction(facts: Facts, decoder: str, largest: Size, look: Look, frames: bool) -> tuple[int, float]:
    """Return what the decoder itself may do: a JPEG's shrink, a WebP's or drawing's scale."""
    stored = (facts.width, facts.height)
    if facts.vector:
        return 1, max(largest[0] / stored[0], largest[1] / stored[1])
    if look.kernel == "nearest" or frames:
        return 1, 1.0
    if decoder == "jpeg":
        return shrink_on_load(stored, largest, look.residual), 1.0
    if decoder == "webp":
        scale = look.residual * max(largest[0] / stored[0], largest[1] / stored[1])
        return 1, scale if scale < _WEBP_SCALE else 1.0
    return 1, 1.0


def _without_opaque_alpha(image: "pyvips.Image") -> tuple["pyvips.Image", bool]:
    """Drop alpha that hides nothing; return whether there is any left."""
    if not image.hasalpha():
        return image, False
    top = 65535 if image.format == "ushort" else 255
    if image[image.bands - 1].min() < top:
        return image, True
    return image.extract_band(0, n=image.bands - 1), False


def _plain(image: "pyvips.Image", raster: Raster) -> "pyvips.Image":
    """Undo what was done for resampling."""
    if raster.premultiplied:
        image = unpremultiplied(image)
    if raster.linear is not None:
        mono, deep = raster.linear
        image = _colour.from_linear(image, mono=mono, deep=deep)
    return image


def _in_depth(image: "pyvips.Image", like: "pyvips.Image") -> "pyvips.Image":
    return image if like.format in ("float", "double") else image.rint().cast(like.format)


def _resized(image: "pyvips.Image", span: tuple[float, float], size: Size, kernel: Filter) -> "pyvips.Image":
    have = image.width, image.height
    if have == size and span == (float(size[0]), float(size[1])):
        return image
    if kernel != "nearest" and (size[0] > have[0] or size[1] > have[1]):
        # No decoder shrinks a picture that is then enlarged, so its span is what there is.
        image = _resized(image, span, (min(size[0], have[0]), min(size[1], have[1])), kernel)
        return _enlarged(image, (size[0] / image.width, size[1] / image.height), size, kernel)
    (across, width), (down, height) = (
        (there, wanted) if there == true else registered(true / wanted, wanted)
        for there, true, wanted in zip(have, span, size, strict=True)
    )
    if across > image.width or down > image.height:
        image = image.embed(0, 0, max(across, image.width), max(down, image.height), extend="copy")
    if (image.width, image.height) != (across, down):
        image = image.crop(0, 0, across, down)
    image = image.resize(width / across, vscale=height / down, kernel=_KERNELS[kernel])
    return image if (image.width, image.height) == size else image.crop(0, 0, *size)


def _enlarged(image: "pyvips.Image", grow: tuple[float, float], size: Size, kernel: Filter) -> "pyvips.Image":
    """Enlarge a picture so that its middle stays in the middle: libvips' own resize moves it by half a pixel."""
    width, height = min(round(image.width * grow[0]), size[0]), min(round(image.height * grow[1]), size[1])
    return image.affine(
        [grow[0], 0, 0, grow[1]],
        interpolate=vips().Interpolate.new("bilinear" if kernel == "linear" else "bicubic"),
        oarea=[0, 0, width, height],
        odx=(grow[0] - 1) / 2,
        ody=(grow[1] - 1) / 2,
        extend="copy",
        premultiplied=True,
    )


def interesting(image: "pyvips.Image", size: Size, what: str) -> Size:
    """Return left and top of the most interesting part of a picture in memory, by `entropy` or `attention`."""
    part = image.smartcrop(*size, interesting=what)
    return -int(part.xoffset), -int(part.yoffset)
