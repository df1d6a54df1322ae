"""Brightness, contrast, saturation, blur and sharpness of a picture, by declared formulas."""

import math
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from mediamill.operations.contract import Context
from mediamill.operations.images._light import Light, close_light, open_light, own_space
from mediamill.operations.images._picture import Picture
from mediamill.operations.images._resample import sharpen
from mediamill.operations.images._steps import Step
from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import pyvips

PIVOT_LIGHT = ((0.5 + 0.055) / 1.055) ** 2.4
"""The light of the coded value 0.5, which contrast leaves as it is."""

PIVOT_CODE = 0.5
_TAIL = 0.001
"""The share of its peak at which a Gaussian is cut off."""

_WIDE = 8.0
"""Sigma from which a picture is blurred at a smaller size; it is then at least half of this many pixels there."""

Amount = Annotated[float, Meta(ge=-1, le=1)]


class Adjust(Step, frozen=True, kw_only=True, tag="adjust", forbid_unknown_fields=True, omit_defaults=True):
    """An adjust job: five changes in this order, on numbers x from 0, black, to 1, white.

    The numbers are light, in the primaries of the picture's own profile, or the coded values of sRGB with linear_rgb
    false. Nothing is clipped between the changes. At 0 a change is left out, and with all of them out pixels stay what
    they are. Alpha is never changed, greys stay grey, sixteen bits stay sixteen.

    - brightness b: x (1 + b). -1 is black, 1 is twice the light.
    - contrast c: p (x / p)^(1 + c) in light, with p = 0.214, the light of the code 0.5; (x - 0.5)(1 + c) + 0.5 in
      coded values. -1 is flat grey.
    - saturation s: Y + (x - Y)(1 + s), with Y the luminance, in sRGB 0.2126 R + 0.7152 G + 0.0722 B. -1 is grey.
    - blur: a Gaussian of this sigma in pixels; the picture goes on at its edges as it ends there.
    - sharpen: an unsharp mask on CIELAB lightness, as in resize: radius 0.5 + a / 10, gain 3 a above a difference of 2.
    """

    brightness: Annotated[float, Meta(ge=-1, le=1, description="-1 black, 0 as it is, 1 twice the light.")] = 0.0
    contrast: Annotated[float, Meta(ge=-1, le=1, description="-1 flat grey, 0 as it is, 1 twice as steep.")] = 0.0
    saturation: Annotated[float, Meta(ge=-1, le=1, description="-1 grey, 0 as it is, 1 twice as colourful.")] = 0.0
    blur: Annotated[float, Meta(ge=0, le=50, description="Sigma of a Gaussian, in pixels; 0 none.")] = 0.0
    sharpen: Annotated[float, Meta(ge=0, le=10, description="Sharpening afterwards, 0 none, 1 usual.")] = 0.0
    linear_rgb: Annotated[bool, Meta(description="Calculate with light; false: with coded values.")] = True

    def apply(self, picture: Picture, ctx: Context, notes: dict[str, Any]) -> Picture:
        """Change every frame alike."""
        if not (self.brightness or self.contrast or self.saturation or self.blur or self.sharpen):
            return picture
        return picture.each(self._changed)

    def _changed(self, page: "pyvips.Image") -> "pyvips.Image":
        page = own_space(page)
        alpha = page[page.bands - 1] if page.hasalpha() else None
        colour = page if alpha is None else page.extract_band(0, n=page.bands - 1)
        top = 65_535 if page.format == "ushort" else 255
        share = None if alpha is None else alpha / top
        if self.brightness or self.contrast or self.saturation or self.blur:
            light = open_light(colour, linear=self.linear_rgb)
            changed = self._blurred(self._toned(light), share)
            colour = close_light(msgspec.structs.replace(light, image=changed))
        if self.sharpen:
            colour = _sharpened(colour, share, self.sharpen)
        return colour if alpha is None else colour.bandjoin(alpha).copy(interpretation=page.interpretation)

    def _toned(self, light: Light) -> "pyvips.Image":
        """Change brightness, contrast and saturation."""
        image = light.image
        if self.brightness:
            image = image * (1 + self.brightness)
        if self.contrast and light.coded:
            image = (image - PIVOT_CODE) * (1 + self.contrast) + PIVOT_CODE
        elif self.contrast == -1:
            image = image * 0 + PIVOT_LIGHT  # libvips has nothing to the power of nothing as nothing
        elif self.contrast:
            image = ((image > 0).ifthenelse(image, 0) / PIVOT_LIGHT) ** (1 + self.contrast) * PIVOT_LIGHT
        if self.saturation and image.bands == 3:
            keep, lose = 1 + self.saturation, -self.saturation
            rows = [
                [lose * weight + (keep if row == column else 0) for column, weight in enumerate(light.weights)]
                for row in range(3)
            ]
            image = image.recomb(vips().Image.new_from_array(rows))
        return image.cast("float")

    def _blurred(self, image: "pyvips.Image", share: "pyvips.Image | None") -> "pyvips.Image":
        """Blur colours by how much of them shows, so that hidden ones do not bleed."""
        if not self.blur:
            return image
        if share is None:
            return blurred(image, self.blur)
        return _weighted(image, share, self.blur)


def blurred(image: "pyvips.Image", sigma: float) -> "pyvips.Image":
    """Return a picture of floats convolved with a Gaussian.

    A wide one is taken of the picture made smaller: of what it leaves, nothing is lost there. The averaging over
    n x n pixels is itself a blur of variance (n^2 - 1) / 12, which is taken off.

    Args:
        image: In memory, or cheap to work out.
        sigma: In pixels, above 0.
    """
    factor = math.floor(2 * sigma / _WIDE)
    if factor < 2:
        return image.gaussblur(sigma, min_ampl=_TAIL, precision="float")
    width, height = image.width, image.height
    across, down = (-(-side // factor) * factor for side in (width, height))
    # What is beyond the edges has to be there before pixels are averaged, and as far out as the Gaussian reaches.
    margin = factor * math.ceil(4 * sigma / factor)
    padded = image.embed(margin, margin, across + 2 * margin, down + 2 * margin, extend="copy")
    small = padded.shrink(factor, factor)
    rest = math.sqrt(sigma * sigma - (factor * factor - 1) / 12) / factor
    small = small.gaussblur(rest, min_ampl=_TAIL, precision="float").copy_memory()
    return small.affine(
        [factor, 0, 0, factor],
        interpolate=vips().Interpolate.new("bicubic"),
        oarea=[margin, margin, width, height],
        odx=(factor - 1) / 2,
        ody=(factor - 1) / 2,
    )


def _weighted(image: "pyvips.Image", share: "pyvips.Image", sigma: float) -> "pyvips.Image":
    """Return the mean colour around each pixel, each counted by how opaque it is; where nothing is, the pixel's own."""
    total = blurred(share.cast("float"), sigma)
    mean = blurred((image * share).cast("float"), sigma) / (total > 0).ifthenelse(total, 1)
    return (total > 0).ifthenelse(mean, image)


def _sharpened(colour: "pyvips.Image", share: "pyvips.Image | None", amount: float) -> "pyvips.Image":
    """Sharpen, with what shows beside transparent pixels in the place of the colours hidden under them."""
    if share is None:
        return sharpen(colour, amount)
    around = _weighted(colour.cast("float"), share, 2.0)
    shown = colour * share + around * (1 - share)
    shown = shown.rint().cast(colour.format).copy(interpretation=colour.interpretation)
    sharp = sharpen(shown, amount)
    return (share > 0).ifthenelse(sharp, colour)
