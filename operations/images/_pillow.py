"""Pictures libvips cannot read or write here, by way of Pillow: BMP, ICO, JPEG 2000, moving AVIF and PNG."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mediamill.operations.images import _embedded
from mediamill.operations.images._vips import is_out_of_memory, out_of_memory, vips
from mediamill.protocol.errors import CorruptInput, MediaError

if TYPE_CHECKING:
    import pyvips
    from PIL import Image

_PLUGINS = {"bmp": "BMP", "ico": "ICO", "jp2": "JPEG2000", "avif": "AVIF", "png": "PNG"}
_DEEP = {"I;16": 16, "I;16B": 16, "I;16L": 16, "I": 32, "F": 32}
_PLAIN = {"L": "b-w", "LA": "b-w", "RGB": "srgb", "RGBA": "srgb", "CMYK": "cmyk"}

FORMATS = tuple(_PLUGINS)
"""What is opened here, by its long name."""


def open_picture(data: bytes, format_name: str) -> "Image.Image":
    """Open a picture without decoding it.

    Args:
        data: The file.
        format_name: Its long name, as sniffed; no other decoder is tried.

    Raises:
        CorruptInput: Its header makes no sense.
    """
    from PIL import Image

    # Sizes are checked against the engine's own limits, before anything is decoded.
    Image.MAX_IMAGE_PIXELS = None
    try:
        return Image.open(io.BytesIO(data), formats=[_PLUGINS[format_name]])
    except Exception as error:  # plugins raise struct.error, SyntaxError, ValueError and more
        raise decode_error(error) from None


def depth(picture: "Image.Image") -> int:
    """Return a picture's bits per sample."""
    return _DEEP.get(picture.mode, 8)


def decode(picture: "Image.Image") -> "pyvips.Image":
    """Decode an opened picture, its current frame, with its profile.

    Raises:
        CorruptInput: It is damaged.
        OutOfMemory: It does not fit.
    """
    try:
        image = _to_vips(picture)
    except Exception as error:
        raise decode_error(error) from None
    info = picture.info
    return _embedded.embed(image, icc=info.get("icc_profile"), exif=info.get("exif"), xmp=info.get("xmp"))


def frames(picture: "Image.Image", count: int) -> Iterator["pyvips.Image"]:
    """Yield the frames of an animation, whole as they are shown.

    Raises:
        CorruptInput: One is damaged or missing.
    """
    # A PNG may have a picture for readers that cannot play it; Pillow counts it as a frame.
    first = int(bool(getattr(picture, "default_image", False)))
    for index in range(first, first + count):
        try:
            picture.seek(index)
        except Exception as error:
            raise decode_error(error) from None
        yield decode(picture)


def to_pillow(image: "pyvips.Image") -> "Image.Image":
    """Return an image of one to four bands of eight bits as Pillow's."""
    from PIL import Image

    mode = ("L", "LA", "RGB", "RGBA")[image.bands - 1]
    return Image.frombytes(mode, (image.width, image.height), bytes(image.write_to_memory()))


def decode_error(error: Exception) -> MediaError:
    """Return the error of the table for what a plugin raised."""
    if isinstance(error, MediaError):
        return error
    if is_out_of_memory(error):
        return out_of_memory(error)
    return CorruptInput("The picture is damaged or cut short.", detail=f"{type(error).__name__}: {error}")


def _to_vips(picture: "Image.Image") -> "pyvips.Image":
    mode = picture.mode
    if mode in _DEEP:
        return _deep_to_vips(picture)
    if mode not in _PLAIN:
        transparent = mode in ("PA", "La", "RGBa") or "transparency" in picture.info
        picture = picture.convert("RGBA" if transparent else "L" if mode == "1" else "RGB")
        mode = picture.mode
    pixels: Any = picture.tobytes()
    image = vips().Image.new_from_memory(pixels, *picture.size, len(picture.getbands()), "uchar")
    return image.copy(interpretation=_PLAIN[mode])


def _deep_to_vips(picture: "Image.Image") -> "pyvips.Image":
    library = vips()
    if picture.mode.startswith("I;16"):
        picture = picture.convert("I")
    kind = "float" if picture.mode == "F" else "int"
    image = library.Image.new_from_memory(picture.tobytes(), *picture.size, 1, kind)
    return image.cast("ushort").copy(interpretation="grey16")
