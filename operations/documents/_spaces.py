"""The colour spaces of pictures, as far as these can be coded anew in them."""

from typing import Any

from msgspec import Struct

from mediamill.operations.documents import _filters
from mediamill.operations.documents._colours import COMPONENTS

_LAST_INDEX = 255


class Space(Struct, frozen=True):
    """What the samples of a picture stand for.

    Attributes:
        components: Of a colour: of each pixel, or of each entry of the palette.
        palette: The colours, one behind the other, where samples are indices.
        plain_rgb: Whether it is DeviceRGB.
        ink: Whether it is the amount of a spot colour.
    """

    components: int
    palette: bytes | None = None
    plain_rgb: bool = False
    ink: bool = False


def space_of(value: Any) -> Space | None:
    """Return what a colour space is made of, None where that is not known here."""
    import pikepdf

    if isinstance(value, pikepdf.Name):
        known = COMPONENTS.get(str(value))
        return Space(known, plain_rgb=value == pikepdf.Name.DeviceRGB) if known else None
    if not isinstance(value, pikepdf.Array) or not len(value):
        return None
    kind = str(value[0])
    if kind == "/ICCBased":
        components: Any = value[1].get("/N")
        return Space(components) if components in (1, 3, 4) else None
    if kind == "/Indexed":
        return _indexed(value)
    if kind == "/Separation":
        return Space(1, ink=True)
    return Space(COMPONENTS[kind]) if kind in COMPONENTS else None


def _indexed(value: Any) -> Space | None:
    import pikepdf

    inner, highest, table = value[1], value[2], value[3]
    nested = isinstance(inner, pikepdf.Array) and len(inner) and inner[0] == pikepdf.Name.Indexed
    base = None if nested else space_of(inner)  # which a palette cannot be; it might be this one
    if base is None or not isinstance(highest, int) or not 0 <= highest <= _LAST_INDEX:
        return None
    length = base.components * (highest + 1)
    colours = _filters.decoded(table, 4096) if isinstance(table, pikepdf.Stream) else bytes(table)
    return Space(base.components, colours[:length], ink=base.ink) if colours and len(colours) >= length else None


def is_grey(space: Any) -> bool:
    """Return whether a colour space is one of greys by its name."""
    import pikepdf

    first = space[0] if isinstance(space, pikepdf.Array) and len(space) else space
    return str(first) in ("/DeviceGray", "/G", "/CalGray")
