"""Cutting a part out of a picture: a rectangle, or the best place for a size."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from mediamill.operations.contract import Context
from mediamill.operations.images._geometry import Share, Size, crop_offset
from mediamill.operations.images._params import Side
from mediamill.operations.images._picture import Picture
from mediamill.operations.images._resample import interesting
from mediamill.operations.images._steps import Step
from mediamill.protocol.errors import InvalidJob

Gravity = Literal["center", "focal_point", "entropy", "attention"]
Offset = Annotated[int, Meta(ge=0, le=65_535, description="Pixels.")]


class Rect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a picture, in pixels from its upper left corner as it is meant to be seen."""

    x: Offset
    y: Offset
    width: Side
    height: Side


class Crop(Step, frozen=True, kw_only=True, tag="crop", forbid_unknown_fields=True, omit_defaults=True):
    """A crop job: a rect, or a size and what to keep.

    The part is said in the result as `metadata.crop`, so that it can be used elsewhere. A size above the picture's is
    capped to it; a rect that reaches beyond the picture is refused.
    """

    rect: Annotated[Rect, Meta(description="The part to keep: {x, y, width, height} in pixels.")] | None = None
    gravity: Annotated[Gravity, Meta(description="What a part of width x height is laid around.")] | None = None
    width: Annotated[Side, Meta(description="Width of the part, in pixels; absent: the picture's.")] | None = None
    height: Annotated[Side, Meta(description="Height of the part, in pixels; absent: the picture's.")] | None = None
    focal_x: Annotated[Share, Meta(description="The point focal_point keeps, 0 left to 1 right.")] | None = None
    focal_y: Annotated[Share, Meta(description="The point focal_point keeps, 0 top to 1 bottom.")] | None = None

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        sized = self.width is not None or self.height is not None
        if (self.rect is not None) == sized:
            raise InvalidJob(
                f"A crop takes a rect or a size, received {'both' if sized else 'none'}.",
                field="rect",
                expected="rect, or width and/or height",
            )
        focal = self.focal_x is not None or self.focal_y is not None
        if self.rect is not None and (self.gravity is not None or focal):
            raise InvalidJob(
                "A rect says where it is: gravity and a focal point go with width and height.",
                field="gravity" if self.gravity is not None else "focal_x",
                received=self.gravity,
                expected="rect alone",
            )
        if focal and self.gravity not in (None, "focal_point"):
            raise InvalidJob(
                f"gravity {self.gravity} and a focal point exclude each other.",
                field="gravity",
                received=self.gravity,
                expected="focal_point, or no focal_x and focal_y",
            )

    def size(self, size: Size) -> Size:
        """Return the size of the part."""
        if self.rect is None:
            return min(self.width or size[0], size[0]), min(self.height or size[1], size[1])
        rect = self.rect
        if rect.x + rect.width > size[0] or rect.y + rect.height > size[1]:
            raise InvalidJob(
                f"The rect {rect.width}x{rect.height} at {rect.x},{rect.y} reaches beyond the picture's "
                f"{size[0]}x{size[1]} pixels.",
                field="rect",
                received={"x": rect.x, "y": rect.y, "width": rect.width, "height": rect.height},
                expected=f"x + width <= {size[0]} and y + height <= {size[1]}",
            )
        return rect.width, rect.height

    def apply(self, picture: Picture, ctx: Context, notes: dict[str, Any]) -> Picture:
        """Cut every frame alike; what the first one shows decides."""
        size = self.size(picture.size)
        left, top = self._corner(picture, size)
        notes["crop"] = {"x": left, "y": top, "width": size[0], "height": size[1]}
        return picture.each(lambda page: page.crop(left, top, *size))

    def _corner(self, picture: Picture, size: Size) -> Size:
        if self.rect is not None:
            return self.rect.x, self.rect.y
        if self.gravity in ("entropy", "attention") and size != picture.size:
            return interesting(picture.pages[0], size, self.gravity)
        focal = (0.5 if self.focal_x is None else self.focal_x, 0.5 if self.focal_y is None else self.focal_y)
        return crop_offset(picture.size, size, focal)
