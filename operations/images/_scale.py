"""Another size for a picture in memory, or on its way there: the geometry of resize as a step."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mediamill.operations.contract import Context
from mediamill.operations.images import _resample
from mediamill.operations.images._fields import Filter, Fitting, FocalX, FocalY, Height, Percent, Position, Width
from mediamill.operations.images._geometry import (
    Fit,
    Size,
    check_focal,
    fit,
    fit_share,
    kept,
)
from mediamill.operations.images._job import check_outputs
from mediamill.operations.images._params import parse_colour
from mediamill.operations.images._picture import Picture, blamed, motion_of
from mediamill.operations.images._resample import Look
from mediamill.operations.images._source import Facts, Source
from mediamill.operations.images._steps import Step
from mediamill.operations.images._work import stored
from mediamill.protocol.errors import InvalidJob

_UPRIGHT = Facts(format="pixels", width=0, height=0)


class Resize(Step, frozen=True, kw_only=True, tag="resize", forbid_unknown_fields=True, omit_defaults=True):
    """A resize step: a box of width and height, or a share of the sides. Where it comes first, less is decoded."""

    width: Width | None = None
    height: Height | None = None
    scale_percent: Percent | None = None
    fit: Fitting = "inside"
    position: Position | None = None
    focal_x: FocalX | None = None
    focal_y: FocalY | None = None
    filter: Filter = "lanczos3"
    upscale: Annotated[bool, Meta(description="Let the picture grow.")] = False
    sharpen: Annotated[float, Meta(ge=0, le=10, description="Sharpening afterwards, 0 none, 1 usual.")] = 0.0
    background: Annotated[
        str, Meta(min_length=1, max_length=64, description="#rrggbb or a CSS name, what contain pads with.")
    ] = "white"
    linear_rgb: Annotated[bool, Meta(description="Resample in linear light; the result is in sRGB.")] = False

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        parse_colour(self.background)
        box = self.width is not None or self.height is not None
        if box == (self.scale_percent is not None):
            raise InvalidJob(
                f"A resize step takes scale_percent or width/height, received {'both' if box else 'none'}.",
                field="scale_percent" if box else "width",
                expected="one of scale_percent, width and/or height",
            )
        check_focal(self.position, self.focal_x, self.focal_y)

    def on_drawing(self) -> Step:
        """Return the step without its cap: a drawing is sharp at any size."""
        return msgspec.structs.replace(self, upscale=True)

    def size(self, size: Size) -> Size:
        """Return the size that comes out."""
        return self._fit(size).size

    def look(self, size: Size, ctx: Context) -> int:
        """Hold what is resampled before it is cropped against the limits."""
        check_outputs([self._fit(size)], ctx.limits)
        return 0

    def begin(self, source: Source, ctx: Context, notes: dict[str, Any], *, frames: bool) -> Picture:
        """Decode no more than the size needs."""
        one = self._fit(source.facts.size)
        return self._finished(decoded_at(source, one, self._look(), frames=frames), one)

    def apply(self, picture: Picture, ctx: Context, notes: dict[str, Any]) -> Picture:
        """Resample every frame alike."""
        one = self._fit(picture.size)
        return self._finished(next(rescaled(picture, [one], self._look()))[1], one)

    def _finished(self, picture: Picture, one: Fit) -> Picture:
        background = parse_colour(self.background)
        picture = picture.each(lambda page: _resample.sharpen(page, self.sharpen))
        return picture.each(lambda page: _resample.pad(page, one.size, background, alpha=True))

    def _fit(self, size: Size) -> Fit:
        if self.scale_percent is not None:
            return fit_share(size, self.scale_percent, upscale=self.upscale)[0]
        return fit(size, self.width, self.height, how=self.fit, upscale=self.upscale)[0]

    def _look(self) -> Look:
        position, focal = kept(self.position, self.focal_x, self.focal_y)
        return Look(kernel=self.filter, linear=self.linear_rgb, position=position, focal=focal)


def decoded_at(source: Source, one: Fit, look: Look, *, frames: bool = False) -> Picture:
    """Decode a picture at a size, with whatever of the shrinking its decoder can do itself; padding is left out.

    Args:
        source: The picture.
        one: The geometry, upright.
        look: How it is resampled.
        frames: Whether all frames come; else the first one alone.

    Raises:
        CorruptInput: It is damaged.
        OutOfMemory: It does not fit.
    """
    size = stored(one.scaled, source)
    with blamed(source, frames=frames):
        raster = _resample.decode(source, size, look, frames=frames)
        raster = _resample.resample(raster, size, look)
        pages = [page.copy_memory() for page in _resample.finish(raster, one, source.facts, look)]
    return Picture(tuple(pages), motion_of(source) if len(pages) > 1 else None)


def rescaled(picture: Picture, fits: Sequence[Fit], look: Look) -> Iterator[tuple[int, Picture]]:
    """Resample a picture to several sizes, the largest first, the smaller ones from larger ones where that is as good.

    Args:
        picture: In memory.
        fits: The geometries; one that changes nothing gives the picture itself.
        look: How they are resampled.

    Yields:
        The index of a geometry, and the picture it makes; padding is left out.
    """
    base: _resample.Raster | None = None
    made: list[_resample.Raster] = []
    order = sorted(range(len(fits)), key=lambda index: -fits[index].scaled[0] * fits[index].scaled[1])
    for index in order:
        one = fits[index]
        if one == Fit(picture.size, picture.size):
            yield index, picture
            continue
        base = base or _in_memory(_resample.rasterised(picture.pages, look))
        origin = _resample.nearest_source(base, made, one.scaled)
        raster = _resample.resample(origin, one.scaled, look, shared=True)
        made.append(raster)
        pages = _resample.finish(raster, one, _UPRIGHT, look)
        yield index, Picture(tuple(pages), picture.motion)


def _in_memory(raster: _resample.Raster) -> _resample.Raster:
    return msgspec.structs.replace(raster, pages=tuple(page.copy_memory() for page in raster.pages))
