"""HEIC by way of pillow-heif: its decoder is libheif's with libde265, which libvips' own build leaves out.

The primary picture counts. Its thumbnails, depth maps, gain maps and further pictures are not decoded. libheif turns
and mirrors as the file's own properties say; ISO/IEC 23008-12 has readers ignore the orientation in EXIF, so that
nothing is turned twice.
"""

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.images import _embedded, _headers, _hevc
from mediamill.operations.images._vips import is_out_of_memory, out_of_memory, vips
from mediamill.protocol.errors import CorruptInput, MediaError, UnsupportedFormat

if TYPE_CHECKING:
    import pyvips

_GAIN_MAPS = ("urn:com:apple:photo:2020:aux:hdrgainmap", "urn:iso:std:iso:ts:21496:-1")
_BANDS = {"L": 1, "I": 1, "LA": 2, "La": 2, "RGB": 3, "RGBA": 4, "RGBa": 4}


class Header(Struct, frozen=True, kw_only=True):
    """What a HEIC says of its primary picture.

    Attributes:
        width: Pixels, as the picture is meant to be seen.
        height: Likewise.
        coded: The largest size a coded picture inside announces; tiles and auxiliary pictures are among them.
        bands: Channels as decoded.
        depth: Bits per sample.
        alpha: Whether the last channel is alpha.
        pictures: How many pictures there are.
        icc: Its profile.
        codes: Its primaries and transfer curve by ITU-T H.273, (2, 2) where it does not say.
        gain_map: Whether there is a gain map.
        has_exif, has_xmp: Whether there is such metadata.
    """

    width: int
    height: int
    coded: tuple[int, int]
    bands: int
    depth: int
    alpha: bool
    pictures: int
    icc: bytes | None
    codes: tuple[int, int]
    gain_map: bool
    has_exif: bool
    has_xmp: bool


def is_av1(data: bytes) -> bool:
    """Return whether a HEIF file's pictures are AV1's, whatever its brand: then it is an AVIF."""
    kinds = {kind for kind, _ in _headers.boxes(_meta(data), frozenset((b"iprp", b"ipco")))}
    return b"av1C" in kinds and b"hvcC" not in kinds


def read_header(data: bytes) -> Header:
    """Read a HEIC without decoding it.

    Raises:
        CorruptInput: Its header makes no sense, or it is cut short.
        UnsupportedFormat: It is coded in a way nothing here decodes, or holds a film alone.
    """
    if not _meta(data):
        if any(kind == b"moov" for kind, _ in _headers.boxes(data, frozenset())):
            raise UnsupportedFormat("This HEIC holds a film and no picture.", received="heic")
        raise CorruptInput("The picture is damaged or cut short.", detail="no meta box")
    pictures, primary = _open(data)
    info = primary.info
    nclx = info.get("nclx_profile") or {}
    codes = int(nclx.get("color_primaries", 2)), int(nclx.get("transfer_characteristics", 2))
    kind = primary.mode.split(";")[0]
    return Header(
        width=primary.size[0],
        height=primary.size[1],
        coded=_hevc.coded_size(_meta(data)),
        bands=_BANDS[kind],
        depth=int(info["bit_depth"]),
        alpha=kind[-1] in "Aa",
        pictures=pictures,
        icc=info.get("icc_profile") or None,
        codes=codes,
        gain_map=any(name in _GAIN_MAPS for name in info.get("aux", ())) or b"tmap" in _meta(data)[:65_536],
        has_exif=bool(info.get("exif")),
        has_xmp=bool(info.get("xmp")),
    )


def decode(data: bytes) -> "pyvips.Image":
    """Decode the primary picture, upright, with its metadata.

    Raises:
        CorruptInput: It is damaged or cut short.
        UnsupportedFormat: Nothing here decodes it.
        OutOfMemory: It does not fit.
    """
    _, primary = _open(data)
    try:
        pixels = primary.data
    except Exception as error:  # the library raises ValueError, EOFError, SyntaxError, RuntimeError and OSError
        raise _error(error) from None
    kind, _, deep = primary.mode.partition(";")
    bands = _BANDS[kind]
    image = vips().Image.new_from_memory(bytes(pixels), *primary.size, bands, "ushort" if deep else "uchar")
    names = ("grey16", "rgb16") if deep else ("b-w", "srgb")
    image = image.copy(interpretation=names[bands > 2])
    if primary.premultiplied_alpha:
        image = image.unpremultiply().rint().cast(image.format)
    info = primary.info
    return _embedded.embed(image, icc=info.get("icc_profile"), exif=info.get("exif"), xmp=info.get("xmp"))


def _open(data: bytes) -> tuple[int, Any]:
    """Return how many pictures a file has, and its primary one, not decoded yet."""
    import pillow_heif

    options = pillow_heif.options
    options.THUMBNAILS = options.DEPTH_IMAGES = False
    options.DECODE_THREADS = vips().concurrency_get()
    try:
        file = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
        return len(file), file[file.primary_index]
    except Exception as error:  # as above
        raise _error(error) from None


def _error(error: Exception) -> MediaError:
    if is_out_of_memory(error) or isinstance(error, OSError):
        return out_of_memory(error)
    said = f"{type(error).__name__}: {error}".strip()
    if "plugin" in said or "nsupported" in said:
        return UnsupportedFormat(
            "This HEIC picture is coded in a way no decoder here reads.", received="heic", detail=said
        )
    return CorruptInput("The picture is damaged or cut short.", detail=said)


def _meta(data: bytes) -> bytes:
    """Return the boxes that describe a file's pictures."""
    return next((body[4:] for kind, body in _headers.boxes(data, frozenset()) if kind == b"meta"), b"")
