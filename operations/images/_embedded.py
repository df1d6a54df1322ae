"""Profile, EXIF and XMP of pixels that libvips did not decode itself, put where it would have put them."""

from typing import TYPE_CHECKING

from mediamill.operations.images._vips import blob, set_blob, vips

if TYPE_CHECKING:
    import pyvips

_EXIF_HEAD = b"Exif\0\0"
_LARGEST_EXIF = 65_533 - len(_EXIF_HEAD)
"""What one segment of a JPEG holds; more is written by no encoder here."""


def embed(
    image: "pyvips.Image", *, icc: bytes | None = None, exif: bytes | None = None, xmp: bytes | None = None
) -> "pyvips.Image":
    """Return a picture with its metadata.

    Args:
        image: The pixels.
        icc: Its colour profile.
        exif: Its EXIF, with or without the head it has in a JPEG. What libvips cannot read is left out.
        xmp: Its XMP.
    """
    image = image.copy()
    if icc:
        set_blob(image, "icc-profile-data", icc)
    if xmp:
        set_blob(image, "xmp-data", xmp)
    if exif:
        _embed_exif(image, exif.removeprefix(_EXIF_HEAD))
    return image


def _embed_exif(image: "pyvips.Image", exif: bytes) -> None:
    """Put EXIF into an image as a block and as fields, which is how parts of it can be left out."""
    if len(exif) > _LARGEST_EXIF:
        return
    carrier = _carrier(_EXIF_HEAD + exif)
    block = blob(carrier, "exif-data") if carrier.get_typeof("exif-data") else None
    if block is None:
        return
    set_blob(image, "exif-data", block)
    for field in carrier.get_fields():
        if field.startswith("exif-ifd"):
            image.set_type(vips().GValue.gstr_type, field, carrier.get(field))


def _carrier(body: bytes) -> "pyvips.Image":
    """Return the header of a JPEG of one pixel with an EXIF segment: libvips parses EXIF nowhere but in its loaders."""
    library = vips()
    pixel: bytes = library.Image.black(1, 1).jpegsave_buffer(keep="none")
    segment = b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
    return library.Image.jpegload_buffer(pixel[:2] + segment + pixel[2:])
