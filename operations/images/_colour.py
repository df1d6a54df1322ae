"""Colours: every picture comes out in sRGB, unless its own RGB profile is kept with it.

The rules, by `metadata`:

- `icc`, `copyright`, `all`: RGB and grey pictures keep their pixels and profile. A profile that is sRGB is left out:
  it says what viewers assume anyway.
- `none`: their pixels are converted to sRGB.
- CMYK and Lab become sRGB; CMYK with a profile stays what it is under `all` in JPEG and TIFF.
- GIF and ICO cannot hold a profile, so what goes there is converted.

Sixteen bits stay in PNG and TIFF, and are rounded to eight elsewhere.
"""

from typing import TYPE_CHECKING

from msgspec import Struct

from mediamill.operations.images._params import Format, Metadata, Rgba
from mediamill.operations.images._vips import blob, has, set_blob, vips

if TYPE_CHECKING:
    import pyvips

DEEP_FORMATS: tuple[Format, ...] = ("png", "tiff")
ALPHA_FORMATS: tuple[Format, ...] = ("png", "webp", "avif", "gif", "ico", "tiff")
_PROFILE_FORMATS: tuple[Format, ...] = ("jpeg", "png", "webp", "avif", "tiff")
_CMYK_FORMATS: tuple[Format, ...] = ("jpeg", "tiff")
_PROFILE = "icc-profile-data"
_SPACES = {"RGB ": ("srgb", "rgb16", "scrgb"), "GRAY": ("b-w", "grey16"), "CMYK": ("cmyk",)}
_PLAIN = ("srgb", "rgb16", "b-w", "grey16", "cmyk")

_SRGB_PRIMARIES = {
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
"""IEC 61966-2-1, adapted to D50 as profiles have it."""

_UNIT_WHITE = 0.02
"""How far from 1 the luminance of a profile's white may be for its primaries to be believed."""

_LEAST_VOLUME = 1e-3
"""What three primaries span at least: below, they lie in one plane."""


class Profile(Struct, frozen=True):
    """An embedded ICC profile.

    Attributes:
        space: `RGB `, `GRAY` or `CMYK`.
        name: Its description, where it can be read.
        is_srgb: Whether it says what is assumed without it.
    """

    space: str
    name: str
    is_srgb: bool


def read_profile(data: bytes | None, interpretation: str) -> Profile | None:
    """Read a profile's header; None where there is none, it is broken or is for another kind of picture."""
    if data is None or len(data) < 132 or data[36:40] != b"acsp" or int.from_bytes(data[:4], "big") > len(data):
        return None
    space = data[16:20].decode("latin-1")
    if interpretation not in _SPACES.get(space, ()):
        return None
    tags = _tags(data)
    name = _description(tags.get(b"desc", b""))
    return Profile(space, name, "srgb" in name.lower().replace(" ", "") and _has_srgb_primaries(tags))


def has_primaries(data: bytes | None) -> bool:
    """Return whether an RGB profile is one of curves and three primaries that can be told apart, not of tables."""
    tags = _tags(data or b"")
    columns = [tags.get(name, b"") for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    if any(len(tag) < 20 for tag in columns) or b"A2B0" in tags:
        return False
    (a, b, c), (d, e, f), (g, h, i) = (
        [int.from_bytes(tag[at : at + 4], "big", signed=True) / 65536 for at in (8, 12, 16)] for tag in columns
    )
    volume = a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g)
    return abs(b + e + h - 1) < _UNIT_WHITE and abs(volume) > _LEAST_VOLUME


def says_nothing(data: bytes | None, interpretation: str) -> bool:
    """Return whether a picture's profile, if it has one, is left out: it is of no use, or says what is assumed."""
    profile = read_profile(data, interpretation)
    return profile is None or profile.is_srgb


def normalise(image: "pyvips.Image") -> "pyvips.Image":
    """Bring a decoded picture into a space that can be resampled and coded, and drop a profile that is of no use."""
    if image.interpretation == "multiband":
        image = _named(image)
    deep = image.format not in ("uchar", "char")
    if image.interpretation not in _PLAIN:
        image = image.colourspace("rgb16" if deep else "srgb")
    elif image.interpretation == "cmyk" and deep:
        image = (image >> 8).cast("uchar").copy(interpretation="cmyk")
    elif image.format not in ("uchar", "ushort"):
        image = image.cast("ushort" if image.interpretation in ("rgb16", "grey16") else "uchar")
    if has(image, _PROFILE) and says_nothing(blob(image, _PROFILE), image.interpretation):
        image = without_profile(image)
    return image


def for_output(image: "pyvips.Image", format_name: Format, metadata: Metadata, background: Rgba) -> "pyvips.Image":
    """Return a normalised picture in the colours and depth of its output.

    Args:
        image: The picture.
        format_name: What it is written as.
        metadata: What is kept.
        background: What it may be laid on; a coloured one makes grey pictures coloured.
    """
    profile = read_profile(blob(image, _PROFILE), image.interpretation)
    deep = format_name in DEEP_FORMATS
    if profile is None or not _keeps(profile, format_name, metadata):
        return to_srgb(image, deep=deep)
    if profile.space == "GRAY" and len(set(background[:3])) > 1:
        return to_srgb(image, deep=deep)
    return _to_depth(image, deep)


def to_srgb(image: "pyvips.Image", *, deep: bool = False) -> "pyvips.Image":
    """Convert a normalised picture to sRGB or, where it is grey and has no profile, leave it grey.

    Args:
        image: The picture.
        deep: Whether sixteen bits may stay.
    """
    profile = read_profile(blob(image, _PROFILE), image.interpretation)
    if profile is None and image.interpretation != "cmyk":
        return _to_depth(image, deep)
    depth = 16 if deep and image.format == "ushort" else 8
    options = {"input_profile": "cmyk"} if image.interpretation == "cmyk" else {}
    library = vips()
    try:
        converted = image.icc_transform(
            "srgb", embedded=profile is not None, intent="perceptual", depth=depth, **options
        )
    except library.Error:
        converted = _to_depth(image, deep)
    return without_profile(converted)


def to_linear(image: "pyvips.Image") -> "pyvips.Image":
    """Convert a normalised picture to linear light with sRGB's primaries, in floats."""
    return to_srgb(image, deep=True).colourspace("scrgb")


def from_linear(image: "pyvips.Image", *, mono: bool, deep: bool) -> "pyvips.Image":
    """Undo `to_linear`."""
    if mono:
        return image.colourspace("grey16" if deep else "b-w")
    return image.colourspace("rgb16" if deep else "srgb")


def fill(image: "pyvips.Image", colour: Rgba) -> list[int]:
    """Return a colour of sRGB as a picture's own bands have it."""
    unit = 257 if image.format == "ushort" else 1
    colours = image.bands - bool(image.hasalpha())
    bands = [colour[0]] if colours == 1 else list(colour[:3])
    if image.interpretation == "cmyk":
        bands = [255 - band for band in colour[:3]] + [0]
    bands = [band * unit for band in bands]
    if colours == 3 and has(image, _PROFILE) and len(set(colour[:3])) > 1:
        pixel = (vips().Image.black(1, 1, bands=3) + bands).cast(image.format).copy(interpretation=image.interpretation)
        bands = [round(band) for band in from_srgb(pixel, image)(0, 0)]
    return [*bands, colour[3] * unit] if image.hasalpha() else bands


def from_srgb(image: "pyvips.Image", like: "pyvips.Image") -> "pyvips.Image":
    """Convert an sRGB picture without alpha to the RGB profile a normalised picture has, where it has one."""
    profile = read_profile(blob(like, _PROFILE), like.interpretation)
    if profile is None or profile.space != "RGB ":
        return image
    library = vips()
    depth = 16 if image.format == "ushort" else 8
    try:
        light = image.icc_import(input_profile="srgb", intent="relative").copy()
        set_blob(light, _PROFILE, blob(like, _PROFILE) or b"")
        return light.icc_export(depth=depth, intent="relative").copy_memory()
    except library.Error:
        return image  # a profile that cannot be converted to says nothing viewers could follow


def flatten(image: "pyvips.Image", colour: Rgba) -> "pyvips.Image":
    """Lay a picture on a colour; one without alpha is returned as it is."""
    if not image.hasalpha():
        return image
    solid = over_white(colour)
    image = coloured(image, solid)
    return image.flatten(background=fill(image, solid)[:-1])


def coloured(image: "pyvips.Image", colour: Rgba) -> "pyvips.Image":
    """Return a grey picture in colour where it is to meet a colour that is not grey."""
    if image.interpretation in ("b-w", "grey16") and len(set(colour[:3])) > 1:
        return image.colourspace("rgb16" if image.interpretation == "grey16" else "srgb")
    return image


def over_white(colour: Rgba) -> Rgba:
    """Return a colour without transparency, as it looks on white."""
    red, green, blue, alpha = colour
    mixed = [round((band * alpha + 255 * (255 - alpha)) / 255) for band in (red, green, blue)]
    return mixed[0], mixed[1], mixed[2], 255


def without_profile(image: "pyvips.Image") -> "pyvips.Image":
    """Return a picture without its profile."""
    if not has(image, _PROFILE):
        return image
    image = image.copy()
    image.remove(_PROFILE)
    return image


def _keeps(profile: Profile, format_name: Format, metadata: Metadata) -> bool:
    if metadata == "none" or format_name not in _PROFILE_FORMATS:
        return False
    return profile.space != "CMYK" or (metadata == "all" and format_name in _CMYK_FORMATS)


def _to_depth(image: "pyvips.Image", deep: bool) -> "pyvips.Image":
    if image.format != "ushort" or deep:
        return image
    return image.colourspace("b-w" if image.interpretation == "grey16" else "srgb")


def _named(image: "pyvips.Image") -> "pyvips.Image":
    """Give bands without a meaning the one their number suggests; further ones are dropped."""
    deep = image.format not in ("uchar", "char")
    mono = image.bands < 3
    if image.bands > 4:
        image = image.extract_band(0, n=3)
    return image.copy(interpretation=("grey16" if deep else "b-w") if mono else "rgb16" if deep else "srgb")


def _tags(data: bytes) -> dict[bytes, bytes]:
    count = min(int.from_bytes(data[128:132], "big"), 100)
    tags = {}
    for at in range(132, 132 + 12 * count, 12):
        start, size = int.from_bytes(data[at + 4 : at + 8], "big"), int.from_bytes(data[at + 8 : at + 12], "big")
        tags[data[at : at + 4]] = data[start : start + size]
    return tags


def _description(tag: bytes) -> str:
    if tag[:4] == b"desc":
        return tag[12 : 12 + int.from_bytes(tag[8:12], "big")].rstrip(b"\0").decode("latin-1")
    if tag[:4] == b"mluc":
        size, start = int.from_bytes(tag[20:24], "big"), int.from_bytes(tag[24:28], "big")
        return tag[start : start + size].decode("utf-16-be", "replace").rstrip("\0")
    return ""


def _has_srgb_primaries(tags: dict[bytes, bytes]) -> bool:
    for name, expected in _SRGB_PRIMARIES.items():
        tag = tags.get(name, b"")
        found = [int.from_bytes(tag[at : at + 4], "big", signed=True) / 65536 for at in (8, 12, 16)]
        if len(tag) < 20 or any(abs(one - other) > 0.003 for one, other in zip(found, expected, strict=True)):
            return False
    return True
