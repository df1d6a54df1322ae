"""Turning and mirroring a picture: quarter turns move pixels, other angles resample them."""

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from mediamill.operations.contract import Context
from mediamill.operations.images import _colour
from mediamill.operations.images._geometry import Size
from mediamill.operations.images._params import Rgba, parse_colour
from mediamill.operations.images._picture import Picture
from mediamill.operations.images._resample import premultiplied, unpremultiplied
from mediamill.operations.images._steps import Step
from mediamill.operations.images._vips import vips
from mediamill.protocol.errors import InvalidJob

if TYPE_CHECKING:
    import pyvips

_QUARTER = 90
_EPSILON = 1e-3
"""What a side may be above a whole pixel, or an angle beside a quarter turn, without counting."""


class Rotate(Step, frozen=True, kw_only=True, tag="rotate", forbid_unknown_fields=True, omit_defaults=True):
    """A rotate job: turned clockwise by an angle, then mirrored.

    Quarter turns move pixels and change none. Any other angle is resampled (bicubic, colours premultiplied with alpha)
    about the centre, and the canvas grows to hold the whole picture: width |w cos a| + |h sin a|, height
    |w sin a| + |h cos a|, rounded up. The corners get the background; in a format without alpha a transparent one is
    white. With auto_orient false the EXIF orientation is ignored, not kept: what comes out is the picture as stored,
    turned.
    """

    angle: Annotated[Literal[0, 90, 180, 270], Meta(description="Degrees clockwise.")] = 0
    angle_f: Annotated[float, Meta(ge=-360, le=360, description="Any angle, in degrees clockwise.")] | None = None
    flip: (
        Annotated[
            Literal["horizontal", "vertical"],
            Meta(description="Mirror the turned picture; horizontal: left becomes right."),
        ]
        | None
    ) = None
    auto_orient: Annotated[
        bool, Meta(description="Turn the picture upright by its EXIF orientation first; false: take it as stored.")
    ] = True
    background: Annotated[
        str, Meta(min_length=1, max_length=64, description="#rrggbb or a CSS name, for the corners of the canvas.")
    ] = "transparent"
    linear_rgb: Annotated[bool, Meta(description="Resample in linear light; the result is in sRGB.")] = False

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        parse_colour(self.background)
        if self.angle and self.angle_f is not None:
            raise InvalidJob(
                "A rotate takes angle or angle_f, received both.",
                field="angle_f",
                received=self.angle_f,
                expected="one of angle, angle_f",
            )

    @property
    def as_stored(self) -> bool:
        """Whether the EXIF orientation is ignored."""
        return not self.auto_orient

    @property
    def degrees(self) -> float:
        """The angle, 0 to below 360; quarter turns are whole."""
        angle = (self.angle if self.angle_f is None else self.angle_f) % 360
        nearest = round(angle / _QUARTER) * _QUARTER
        return nearest % 360 if abs(angle - nearest) < _EPSILON else angle

    def size(self, size: Size) -> Size:
        """Return the canvas that holds the turned picture."""
        return canvas(size, self.degrees)

    def apply(self, picture: Picture, ctx: Context, notes: dict[str, Any]) -> Picture:
        """Turn and mirror every frame."""
        degrees = self.degrees
        if degrees % _QUARTER:
            picture = picture.each(lambda page: turned(page, degrees, parse_colour(self.background), self.linear_rgb))
        elif degrees:
            picture = picture.each(lambda page: getattr(page, f"rot{int(degrees)}")())
        if self.flip is not None:
            picture = picture.each(lambda page: page.fliphor() if self.flip == "horizontal" else page.flipver())
        return picture


def canvas(size: Size, degrees: float) -> Size:
    """Return the smallest canvas that holds a picture turned by an angle."""
    if degrees % 180 == 0:
        return size
    if degrees % _QUARTER == 0:
        return size[1], size[0]
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    width, height = size
    across, down = width * cosine + height * sine, width * sine + height * cosine
    return math.ceil(across - _EPSILON), math.ceil(down - _EPSILON)


def turned(image: "pyvips.Image", degrees: float, background: Rgba, linear: bool = False) -> "pyvips.Image":
    """Return a picture turned clockwise about its centre, on the canvas that holds it.

    Args:
        image: A normalised picture in memory.
        degrees: The angle.
        background: What shows beside it.
        linear: Whether light is averaged instead of coded values; the result is in sRGB.
    """
    if linear or image.interpretation == "cmyk":
        image = _colour.to_srgb(image, deep=True)
    image = _colour.coloured(image, background)
    if background[3] < 255 and not image.hasalpha():
        image = image.addalpha()
    mono, deep = image.interpretation in ("b-w", "grey16"), image.format == "ushort"
    share = background[3] / 255 if image.hasalpha() else 1.0
    around: list[float] = [band * share for band in _colour.fill(image, background)]
    if image.hasalpha():
        around[-1] = background[3] * (257 if deep else 1)
    if linear:
        around = _light(around, image)
        image = _colour.to_linear(image)
    alpha = bool(image.hasalpha())
    turn = _turn(premultiplied(image) if alpha else image, degrees, around)
    if alpha:
        turn = unpremultiplied(turn)
    return _colour.from_linear(turn, mono=mono, deep=deep) if linear else turn


def _light(around: list[float], image: "pyvips.Image") -> list[float]:
    """Return premultiplied coded values as linear light."""
    library = vips()
    pixel = (library.Image.black(1, 1, bands=image.bands) + around).cast(image.format)
    pixel = pixel.copy(interpretation=image.interpretation)
    plain = pixel.unpremultiply().rint().cast(image.format) if image.hasalpha() else pixel
    light = plain.colourspace("scrgb")
    found: list[float] = (light.premultiply() if light.hasalpha() else light)(0, 0)
    return found


def _turn(image: "pyvips.Image", degrees: float, around: list[float]) -> "pyvips.Image":
    """Resample so that the centre of the picture is the centre of the canvas."""
    library = vips()
    width, height = canvas((image.width, image.height), degrees)
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return image.affine(
        [cosine, -sine, sine, cosine],
        interpolate=library.Interpolate.new("bicubic"),
        oarea=[0, 0, width, height],
        idx=-(image.width - 1) / 2,
        idy=-(image.height - 1) / 2,
        odx=(width - 1) / 2,
        ody=(height - 1) / 2,
        background=around,
        extend="background",
        premultiplied=True,
    )
