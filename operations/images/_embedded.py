"""Profile, EXIF and XMP of pixels that libvips did not decode itself, put where it would have put them."""

import io
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
    if exif and len(exif) <= _LARGEST_EXIF:
        # Setting the block makes libvips parse it into fields, which is how parts of it can be left out.
        set_blob(image, "exif-data", _EXIF_HEAD + exif.removeprefix(_EXIF_HEAD))
    return image


def exif_of(image: "pyvips.Image") -> bytes | None:
    """Return the EXIF an image's encoder would write, without the head it has in a JPEG; None where there is none."""
    if image.get_typeof("exif-data") == 0:
        return None
    library = vips()
    carrier = library.Image.black(1, 1).copy()
    set_blob(carrier, "exif-data", blob(image, "exif-data") or b"")
    kept = set(image.get_fields())
    for field in carrier.get_fields():
        if field.startswith("exif-ifd") and field not in kept:
            carrier.remove(field)
    coded = library.Image.jpegload_buffer(carrier.jpegsave_buffer(keep="exif"))
    found = blob(coded, "exif-data")
    return None if found is None else found.removeprefix(_EXIF_HEAD)


def exif_of_tiff(data: bytes) -> bytes | None:
    """Return what a TIFF's first directory says that has nothing to do with how its picture is stored, as EXIF.

    Its orientation is among what is left out: decoders obey it. None where nothing is said, or it cannot be read.
    """
    from PIL import Image

    from mediamill.operations.tags import _tags as tags

    # Sizes have been checked; nothing is decoded here.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(io.BytesIO(data), formats=["TIFF"]) as picture:
            exif = picture.getexif()
            for tag in list(exif):
                if tags.is_structure(tag) or tag in (tags.ICC, tags.XMP, tags.IPTC, tags.PHOTOSHOP, tags.ORIENTATION):
                    del exif[tag]
            return exif.tobytes() if len(exif) else None
    except Exception:  # Pillow's parser raises what it comes upon; a picture with broken EXIF is still a picture
        return None
