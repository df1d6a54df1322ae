"""Tiny pictures that stand in for large ones: decoded small, coded in as few bytes as there can be, written as text."""

import base64
from typing import TYPE_CHECKING

import msgspec

from mediamill.operations.images import _colour, _resample
from mediamill.operations.images._encode import Encoding, encode, encode_error, encoding, prepare, same_look
from mediamill.operations.images._geometry import Fit, Size
from mediamill.operations.images._params import Format, ImageJob
from mediamill.operations.images._picture import blamed
from mediamill.operations.images._resample import Look
from mediamill.operations.images._source import Source
from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyvips

QUALITY = 70
"""JPEG's; the others' is what looks the same. Of eight photos at 20 pixels a WebP takes 178 bytes; at 50 it takes
152 and is off by a fifth more when it is blown up and blurred, at 80 it takes 209."""

_EFFORT = 9
"""So few pixels cost nothing."""

_TYPES: dict[Format, str] = {
    "png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "avif": "image/avif", "gif": "image/gif",
    "ico": "image/x-icon", "tiff": "image/tiff",
}  # fmt: skip


def shrunk(source: Source, size: Size, look: Look) -> "pyvips.Image":
    """Decode a picture, its first frame, at a size: upright, sRGB of 8 bits, red, green, blue and alpha, in memory.

    Raises:
        CorruptInput: It is damaged.
        OutOfMemory: It does not fit.
    """
    stored = (size[1], size[0]) if source.facts.orientation >= 5 else size
    with blamed(source):
        raster = _resample.resample(_resample.decode(source, stored, look), stored, look)
        image = _colour.to_srgb(_resample.finish(raster, Fit(size, size), source.facts, look)[0])
        if image.bands < 3:
            image = image.colourspace("srgb")
        return (image if image.hasalpha() else image.addalpha()).copy_memory()


def smaller(image: "pyvips.Image", size: Size) -> "pyvips.Image":
    """Resample what `shrunk` returned."""
    if (image.width, image.height) == size:
        return image
    image = image.premultiply().resize(size[0] / image.width, vscale=size[1] / image.height)
    return image.unpremultiply().rint().cast("uchar").copy(interpretation="srgb").copy_memory()


def array(image: "pyvips.Image") -> "npt.NDArray[np.uint8]":
    """Return a picture of 8 bits as height x width x bands."""
    import numpy as np

    return np.frombuffer(image.write_to_memory(), np.uint8).reshape(image.height, image.width, image.bands)


def coded(image: "pyvips.Image", params: ImageJob, format_name: Format | None) -> tuple[bytes, Encoding]:
    """Code what `shrunk` returned, without metadata, which would be most of it.

    Args:
        image: The picture.
        params: The job: quality, effort, background, ...
        format_name: The format; None for that of WebP, PNG and JPEG (which has no alpha) which takes the fewest bytes.

    Returns:
        The file and how it is coded.

    Raises:
        EncodeFailed: The encoder refuses.
    """
    opaque = image[3].min() == 255
    if opaque:
        image = image.extract_band(0, n=3)
    if format_name is not None:
        codes = [_code(params, format_name)]
    else:
        codes = [_code(params, name) for name in ("webp", "png")]
        codes.append(msgspec.structs.replace(codes[0], lossless=True))
        if opaque and not params.lossless:
            codes.append(_code(params, "jpeg"))
    return min(((_encoded(image, code), code) for code in codes), key=lambda one: len(one[0]))


def data_uri(data: bytes, format_name: Format) -> str:
    """Return a file as a data: URI."""
    return f"data:{_TYPES[format_name]};base64,{base64.b64encode(data).decode('ascii')}"


def _code(params: ImageJob, format_name: Format) -> Encoding:
    quality = same_look(QUALITY, format_name) if params.quality is None else params.quality
    effort = _EFFORT if params.effort is None else params.effort
    return msgspec.structs.replace(encoding(params, format_name, quality), metadata="none", effort=effort)


def _encoded(image: "pyvips.Image", code: Encoding) -> bytes:
    try:
        return encode(prepare(image, code), code)
    except vips().Error as error:
        raise encode_error(error, code) from None
