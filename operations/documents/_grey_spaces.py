"""Colour spaces, as far as it matters to whoever takes the colour out: which are grey, and what each begins with."""

from typing import Any, Literal

from msgspec import Struct

Kind = Literal["grey", "colour", "pattern", "unknown"]

_DEEPEST = 4
_COMPONENTS = {"/DeviceRGB": 3, "/DeviceCMYK": 4, "/CalRGB": 3, "/Lab": 3, "/Separation": 1, "/Indexed": 1}
_LONG = {"/G": "/DeviceGray", "/RGB": "/DeviceRGB", "/CMYK": "/DeviceCMYK", "/I": "/Indexed"}
_DEFAULTS = {"/DeviceRGB": "/DefaultRGB", "/DeviceCMYK": "/DefaultCMYK"}


class Space(Struct, frozen=True):
    """A colour space.

    Attributes:
        kind: Whether it is grey (or paints nothing), has colours, is for patterns, or cannot be told.
        value: Its name or array, where it has colours.
        components: Of a colour.
        initial: The colour it begins with.
        base: Of a pattern's space: the one of the colours that come with patterns without any of their own.
    """

    kind: Kind
    value: Any = None
    components: int = 1
    initial: tuple[float, ...] = ()
    base: "Space | None" = None


GREY = Space("grey")
UNKNOWN = Space("unknown")


def resolve(value: Any, resources: Any, depth: int = 0) -> Space:
    """Return what a colour space is.

    Args:
        value: A name or an array.
        resources: Where names are looked up, and where it may be said what devices' colours mean; or None.
        depth: How many names led here.
    """
    import pikepdf

    if depth > _DEEPEST or value is None:
        return UNKNOWN
    named: Any = resources.get("/ColorSpace", {}) if isinstance(resources, pikepdf.Dictionary) else {}
    if isinstance(value, pikepdf.Name):
        name = _LONG.get(str(value), str(value))
        if name in ("/DeviceGray", "/CalGray"):
            return GREY
        if name == "/Pattern":
            return Space("pattern")
        if name in _DEFAULTS:
            return _device(name, named, resources, depth)
        return resolve(named.get(name), resources, depth + 1)
    return _array(value, resources, depth) if isinstance(value, pikepdf.Array) and len(value) else UNKNOWN


def _device(name: str, named: Any, resources: Any, depth: int) -> Space:
    import pikepdf

    meant = named.get(_DEFAULTS[name])
    if isinstance(meant, pikepdf.Array):
        return resolve(meant, resources, depth + 1)
    initial = (0.0, 0.0, 0.0) if name == "/DeviceRGB" else (0.0, 0.0, 0.0, 1.0)
    return Space("colour", pikepdf.Name(name), len(initial), initial)


def _array(value: Any, resources: Any, depth: int) -> Space:
    """Return what a space with parameters is; devices' colours in an array of one name are the devices'."""
    import pikepdf

    kind = _LONG.get(str(value[0]), str(value[0]))
    if len(value) == 1:
        return resolve(value[0], resources, depth + 1)
    if kind == "/CalGray":
        return GREY
    if kind == "/Pattern":
        return Space("pattern", base=resolve(value[1], resources, depth + 1))
    if kind == "/Separation" and value[1] == pikepdf.Name("/None"):
        return GREY
    if kind == "/ICCBased":
        count: Any = value[1].get("/N")
        if count == 1:
            return GREY
        if count not in (3, 4):
            return UNKNOWN
        return Space("colour", value, count, (0.0,) * (count - 1) + (float(count == 4),))
    if kind == "/DeviceN":
        return Space("colour", value, len(value[1]), (1.0,) * len(value[1]))
    if kind == "/Indexed":
        base = resolve(value[1], resources, depth + 1)
        return base if base.kind != "colour" else Space("colour", value, 1, (0.0,))
    if kind in _COMPONENTS:
        count = _COMPONENTS[kind]
        return Space("colour", value, count, (float(kind == "/Separation"),) * count)
    return UNKNOWN
