"""One picture over another: brought to its colours, put in its place, and mixed where it covers it."""

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from mediamill.operations.images import _colour
from mediamill.operations.images._geometry import Size
from mediamill.operations.images._light import close_light, open_light, own_space
from mediamill.operations.images._vips import blob, has, set_blob, vips

if TYPE_CHECKING:
    import pyvips

_BLOCK = 256
_MONO = ("b-w", "grey16")


class Box(Struct, frozen=True):
    """A part of a picture, in pixels."""

    x: int
    y: int
    width: int
    height: int


def clipped(corner: Size, size: Size, canvas: Size) -> Box | None:
    """Return the part of a canvas that something at a corner covers; None where it is wholly beside it."""
    left, top = max(corner[0], 0), max(corner[1], 0)
    right, bottom = min(corner[0] + size[0], canvas[0]), min(corner[1] + size[1], canvas[1])
    return Box(left, top, right - left, bottom - top) if right > left and bottom > top else None


def tiled(mark: "pyvips.Image", corner: Size, spacing: int, canvas: Size) -> "pyvips.Image":
    """Return a canvas full of a mark: one at the corner, the others around it at a spacing, those at the edges cut.

    Args:
        mark: With alpha, in memory.
        corner: Where one of them is.
        spacing: Pixels between two of them.
        canvas: The size.
    """
    width, height = mark.width + spacing, mark.height + spacing
    tile = mark.embed(0, 0, width, height)
    times = [max(1, _BLOCK // side) for side in (width, height)]
    if times != [1, 1]:  # tiny tiles are slow to be put together one by one
        tile = tile.replicate(*times).copy_memory()
        width, height = tile.width, tile.height
    left, top = -corner[0] % width, -corner[1] % height
    across, down = -(-(canvas[0] + left) // width), -(-(canvas[1] + top) // height)
    return tile.replicate(across, down).crop(left, top, *canvas)


def is_grey(mark: "pyvips.Image") -> bool:
    """Return whether no pixel of a mark that shows has a colour."""
    if mark.bands < 3:
        return True
    red, green, blue, alpha = (mark[band] for band in range(4))
    far = (red - green).abs() + (green - blue).abs()
    return bool((alpha > 0).ifthenelse(far, 0).max() == 0)


def ready(page: "pyvips.Image", *, grey: bool) -> "pyvips.Image":
    """Return a normalised picture in a space marks can be brought to; a grey one in colour, where the mark has some."""
    page = own_space(page)
    if page.interpretation in _MONO and not grey:
        return page.colourspace("rgb16" if page.interpretation == "grey16" else "srgb")
    return page


def matched(mark: "pyvips.Image", page: "pyvips.Image") -> "pyvips.Image":
    """Return a mark in the colours and depth of a picture.

    Args:
        mark: sRGB with alpha, of 8 bits.
        page: Of `ready`.
    """
    colour, alpha = mark.extract_band(0, n=mark.bands - 1), mark[mark.bands - 1]
    if page.format == "ushort":
        colour, alpha = (colour * 257).cast("ushort").copy(interpretation="rgb16"), (alpha * 257).cast("ushort")
    if page.interpretation in _MONO:
        colour = colour[1] if colour.bands > 1 else colour
    else:
        colour = _colour.from_srgb(colour, page)
    return colour.bandjoin(alpha).copy(interpretation=page.interpretation)


def laid_over(
    page: "pyvips.Image", mark: "pyvips.Image", corner: Size, box: Box, opacity: float, *, linear: bool = False
) -> "pyvips.Image":
    """Return a picture with a mark over it; outside the box no pixel is touched.

    Args:
        page: Of `ready`, in memory.
        mark: Of `matched`.
        corner: Where its upper left goes.
        box: The part of the picture it covers.
        opacity: What its alpha is multiplied with, 0..1.
        linear: Whether light is mixed instead of coded values.
    """
    part = mark.crop(box.x - corner[0], box.y - corner[1], box.width, box.height)
    under = page.crop(box.x, box.y, box.width, box.height)
    top = 65_535 if page.format == "ushort" else 255
    share = part[part.bands - 1] * (opacity / top)
    colour, ground = part.extract_band(0, n=part.bands - 1), under.extract_band(0, n=part.bands - 1)
    light = open_light(ground, linear=True) if linear else None
    if light is not None:
        colour, ground = open_light(_as(colour, page), linear=True).image, light.image
    alpha = None
    if page.hasalpha():
        below = under[under.bands - 1] * (1 / top) * (1 - share)
        total = share + below
        mixed = (colour * share + ground * below) / (total > 0).ifthenelse(total, 1)
        mixed, alpha = (total > 0).ifthenelse(mixed, ground), (total * top).rint().cast(page.format)
    else:
        mixed = ground + (colour - ground) * share
    if light is not None:
        mixed = close_light(msgspec.structs.replace(light, image=mixed.cast("float")))
    mixed = mixed.rint().cast(page.format)
    mixed = (mixed if alpha is None else mixed.bandjoin(alpha)).copy(interpretation=page.interpretation)
    return page.insert(mixed, box.x, box.y)


def _as(colour: "pyvips.Image", page: "pyvips.Image") -> "pyvips.Image":
    """Return colours of a picture's space with its name and profile."""
    colour = colour.copy(interpretation=page.interpretation)
    if has(page, "icc-profile-data"):
        set_blob(colour, "icc-profile-data", blob(page, "icc-profile-data") or b"")
    return colour


def with_alpha(image: "pyvips.Image") -> "pyvips.Image":
    """Return a normalised picture as a mark: sRGB with alpha, of 8 bits."""
    image = _colour.to_srgb(image)
    if image.interpretation == "b-w":
        image = image.colourspace("srgb")
    image = image if image.hasalpha() else image.bandjoin(255)
    return image.copy(interpretation=vips().Interpretation.SRGB)
