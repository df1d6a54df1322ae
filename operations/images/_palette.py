"""Reducing a picture to few colours."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from mediamill.operations.contract import Context
from mediamill.operations.images import _colour, _quantize
from mediamill.operations.images._geometry import Size
from mediamill.operations.images._params import Format, Rgba
from mediamill.operations.images._picture import Picture
from mediamill.operations.images._steps import Step

if TYPE_CHECKING:
    import pyvips

FORMATS: tuple[Format, ...] = ("png", "gif", "webp", "tiff", "ico")
"""What keeps every colour as it is: PNG and GIF have a palette, the others are written without loss."""

_GIF_COLOURS = 255
"""One of a GIF's 256 stands for what does not change from frame to frame."""


_BYTES = 16
"""Per pixel; measured on 24 million pixels, where lossless WebP takes the most."""


class Palette(Step, frozen=True, kw_only=True, tag="palette", forbid_unknown_fields=True, omit_defaults=True):
    """A palette job: the picture in at most so many colours, chosen for what the eye sees, in sRGB.

    A picture that has no more colours than that keeps them exactly. Frames of an animation share one palette. PNG and
    GIF are written with it; WebP, TIFF and ICO without loss; JPEG and AVIF cannot hold so few colours and are refused.
    GIF takes at most 255 and is opaque or clear, nothing between. The result says the `color_count` and the `colors`,
    each with `hex`, `rgb`, its `share` of all pixels, 0..1, and its `alpha` where it is not opaque; the most used
    comes first.
    """

    max_colors: Annotated[int, Meta(ge=2, le=256, description="Colours at most, clear ones among them.")] = 256
    dithering: Annotated[
        float, Meta(ge=0, le=1, description="How far what a colour is off is spread to its neighbours, 0 none to 1.")
    ] = 1.0

    hard_alpha: ClassVar[bool] = False

    def bound_for(self, format_name: Format) -> Step:
        """Return the step with GIF's limits where that is what is written."""
        if format_name != "gif":
            return self
        return _ForGif(max_colors=min(self.max_colors, _GIF_COLOURS), dithering=self.dithering)

    def look(self, size: Size, ctx: Context) -> int:
        """Return what a second copy with alpha, its indices and an encoder without loss take beside the usual."""
        return size[0] * size[1] * _BYTES

    def apply(self, picture: Picture, ctx: Context, notes: dict[str, Any]) -> Picture:
        """Find one palette for all frames."""
        pages = [_hardened(page) for page in picture.pages] if self.hard_alpha else picture.pages
        found = _quantize.quantize_frames(pages, self.max_colors, dithering=self.dithering)
        assert found is not None, "no quality was asked for"
        ctx.check()
        colours = _quantize.shares(found)
        notes["color_count"] = len(colours)
        notes["colors"] = [_described(colour, share) for colour, share in colours]
        reduced = tuple(
            _with_metadata(page, _quantize.image_of(one)) for page, one in zip(picture.pages, found, strict=True)
        )
        return Picture(reduced, picture.motion, tuple(found))


class _ForGif(Palette, frozen=True, kw_only=True, tag="palette", forbid_unknown_fields=True, omit_defaults=True):
    hard_alpha: ClassVar[bool] = True


def _described(colour: Rgba, share: float) -> dict[str, Any]:
    opaque = colour[3] == 255
    found = {
        "hex": "#" + bytes(colour[:3] if opaque else colour).hex(),
        "rgb": list(colour[:3]),
        "share": round(share, 6),
    }
    return found if opaque else found | {"alpha": round(colour[3] / 255, 4)}


def _hardened(page: "pyvips.Image") -> "pyvips.Image":
    """Return a frame whose pixels are opaque or clear."""
    if not page.hasalpha():
        return page
    top = 65535 if page.format == "ushort" else 255
    alpha = (page[page.bands - 1] > top // 2).ifthenelse(top, 0).cast(page.format)
    return page.extract_band(0, n=page.bands - 1).bandjoin(alpha).copy(interpretation=page.interpretation)


def _with_metadata(page: "pyvips.Image", reduced: "pyvips.Image") -> "pyvips.Image":
    """Return a reduced frame with what is said about the original."""
    canvas = _colour.to_srgb(page)
    if canvas.bands < 3:
        canvas = canvas.colourspace("srgb")
    canvas = canvas.extract_band(0, n=3)
    if reduced.bands > 3:
        canvas = canvas.addalpha()
    return canvas.insert(reduced, 0, 0)
