"""What resizing declares alike as an operation and as a step: the box, how it is filled and what is kept."""

from typing import Annotated

from msgspec import Meta

from mediamill.operations.images import _geometry, _params

Width = Annotated[_params.Side, Meta(description="Width of the box, in pixels.")]
Height = Annotated[_params.Side, Meta(description="Height of the box, in pixels.")]
Percent = Annotated[float, Meta(gt=0, le=1000, description="Size of the output in percent of the source's sides.")]
Fitting = Annotated[
    _geometry.Fitting,
    Meta(description="inside or outside the box, cover: cropped to it, contain: padded to it, fill: distorted to it."),
]
Position = Annotated[
    _geometry.Position, Meta(description="What cover keeps; absent: center, or the focal point if given.")
]
FocalX = Annotated[_geometry.Share, Meta(description="The point cover keeps, 0 left to 1 right.")]
FocalY = Annotated[_geometry.Share, Meta(description="The point cover keeps, 0 top to 1 bottom.")]
Filter = Annotated[_params.Filter, Meta(description="Kernel of the resampling.")]
