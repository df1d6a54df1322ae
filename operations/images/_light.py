"""Light: coded pictures as numbers proportional to light, in the primaries of their own profile, and back.

`_colour.to_linear` goes to sRGB's primaries, which cuts off what a wider space holds. Here a picture keeps its profile
and every colour it can say. Transfer curve after IEC 61966-2-1; profiles are followed by lcms to XYZ and from there
by the matrix of their own primaries.
"""

from typing import TYPE_CHECKING

from msgspec import Struct

from mediamill.operations.images import _colour
from mediamill.operations.images._vips import blob, has, set_blob, vips

if TYPE_CHECKING:
    import pyvips

REC_709 = (0.2126, 0.7152, 0.0722)
"""How much of an sRGB picture's luminance is red, green and blue."""

_PROFILE = "icc-profile-data"
_STEPS = 65_536

Rows = tuple[tuple[float, float, float], ...]


class Light(Struct, frozen=True):
    """A picture's colours, without alpha, as floats: 0 black, 1 white.

    Attributes:
        image: One band or three.
        weights: The share of each of three bands in luminance; they sum to 1.
        coded: Whether the numbers are coded values, not light.
        top: The coded white, 255 or 65535.
        like: What it was made from: interpretation, profile and other metadata.
        matrix: From its primaries to XYZ, where a profile has some.
    """

    image: "pyvips.Image"
    weights: tuple[float, float, float]
    coded: bool
    top: int
    like: "pyvips.Image"
    matrix: Rows | None = None


def own_space(image: "pyvips.Image") -> "pyvips.Image":
    """Return a normalised picture in a space `open_light` takes: RGB with or without a matrix profile, or plain grey.

    CMYK, and pictures whose profile is of tables, become sRGB; grey ones with a profile become plain grey.
    """
    profile = _colour.read_profile(blob(image, _PROFILE) if has(image, _PROFILE) else None, image.interpretation)
    if profile is None and image.interpretation != "cmyk":
        return image
    if profile is not None and profile.space == "RGB " and _to_xyz(image) is not None:
        return image
    mono = image.interpretation in ("b-w", "grey16")
    image = _colour.to_srgb(image, deep=True)
    if mono and image.bands >= 3:
        alpha = [image[3]] if image.hasalpha() else []
        image = image[1].bandjoin(alpha) if alpha else image[1]
        return image.copy(interpretation="grey16" if image.format == "ushort" else "b-w")
    return image


def open_light(image: "pyvips.Image", *, linear: bool) -> Light:
    """Return a picture's colours as numbers to calculate with.

    Args:
        image: Of `own_space`, without alpha.
        linear: Whether light is wanted; else coded values, 0..1.
    """
    top = _STEPS - 1 if image.format == "ushort" else 255
    if not linear:
        return Light(image / top, REC_709, True, top, image)
    matrix = _to_xyz(image)
    if matrix is None:
        codes = vips().Image.identity(ushort=top > 255) / top
        return Light(image.maplut(_decoded(codes).cast("float")), REC_709, False, top, image)
    xyz = image.icc_import(embedded=True, pcs="xyz", intent="relative")
    light = xyz.recomb(_matrix_image(_inverse(matrix)))
    red, green, blue = (value / sum(matrix[1]) for value in matrix[1])
    return Light(light, (red, green, blue), False, top, image, matrix)


def close_light(light: Light) -> "pyvips.Image":
    """Return the coded picture of changed light, in its former space and depth; what is out of range is clipped."""
    like, deep = light.like, light.top > 255
    if light.matrix is not None:
        xyz = light.image.recomb(_matrix_image(light.matrix)).cast("float").copy(interpretation="xyz")
        set_blob(xyz, _PROFILE, blob(like, _PROFILE) or b"")
        coded = xyz.icc_export(depth=16 if deep else 8, intent="relative")
        return coded.copy(interpretation=like.interpretation)
    if light.coded:
        coded = light.image * light.top
    elif deep:
        image = (light.image > 0).ifthenelse(light.image, 0)
        coded = _coded(image) * light.top
    else:
        # An index of sixteen bits is a twentieth of a step of eight where the curve is steepest.
        table = _coded(vips().Image.identity(ushort=True) / (_STEPS - 1)) * light.top
        coded = (light.image * (_STEPS - 1)).rint().cast("ushort").maplut(table.cast("float"))
    return coded.rint().cast(like.format).copy(interpretation=like.interpretation)


def _decoded(code: "pyvips.Image") -> "pyvips.Image":
    return (code <= 0.04045).ifthenelse(code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def _coded(light: "pyvips.Image") -> "pyvips.Image":
    return (light <= 0.0031308).ifthenelse(light * 12.92, light ** (1 / 2.4) * 1.055 - 0.055)


def _to_xyz(image: "pyvips.Image") -> Rows | None:
    """Return the matrix from a picture's own light to XYZ, where its profile has one.

    It is what lcms and libvips make of the primaries, so that coming back undoes all they do, white point and all.
    """
    if not has(image, _PROFILE) or not _colour.has_primaries(blob(image, _PROFILE)):
        return None
    library = vips()
    top = _STEPS - 1 if image.format == "ushort" else 255
    primaries = library.Image.new_from_array([[top, 0, 0], [0, top, 0], [0, 0, top]]).cast(image.format)
    primaries = primaries.bandfold().copy(interpretation=image.interpretation)
    set_blob(primaries, _PROFILE, blob(image, _PROFILE) or b"")
    try:
        xyz = primaries.icc_import(embedded=True, pcs="xyz", intent="relative").copy_memory()
    except library.Error:
        return None  # lcms cannot follow the profile
    columns = [xyz(0, row) for row in range(3)]
    return tuple((columns[0][row], columns[1][row], columns[2][row]) for row in range(3))


def _matrix_image(rows: Rows) -> "pyvips.Image":
    return vips().Image.new_from_array([list(row) for row in rows])


def _inverse(matrix: Rows) -> Rows:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    rows = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    determinant = a * rows[0][0] + b * rows[1][0] + c * rows[2][0]
    return tuple((x / determinant, y / determinant, z / determinant) for x, y, z in rows)
