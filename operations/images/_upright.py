"""Pictures turned upright in their pixels: exactly where their format is without loss, else as nearly as can be.

No library here turns the coefficients of a JPEG. It is decoded and coded again with its own quantisation tables, turned
as the picture is, so that most of the coefficients come out as they were. Where its blocks cannot stay the same, the
tables are twice as fine, which costs bytes and keeps the loss out of sight.
"""

import io
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.contract import Blob, Context
from mediamill.operations.images._headers import png_frames
from mediamill.operations.images._pillow import decode_error
from mediamill.operations.images._resample import upright
from mediamill.operations.images._source import Source, open_source
from mediamill.operations.images._vips import vips
from mediamill.operations.tags import _jpeg as jpeg
from mediamill.operations.tags import _png as png
from mediamill.operations.tags import _tiff_graft as tiff
from mediamill.operations.tags import _webp as webp
from mediamill.protocol.errors import UnsupportedFormat

if TYPE_CHECKING:
    from PIL import Image

_WEBP_QUALITY = 95
_BASE_BYTES, _PIXEL_BYTES = 32 << 20, 24
_COMPRESSIONS = {1: "none", 5: "lzw", 8: "deflate", 32946: "deflate", 50000: "zstd", 32773: "packbits"}


class Turned(Struct, frozen=True):
    """A picture turned upright.

    Attributes:
        data: The file, with the metadata it was given.
        reencoded: Whether its pixels went through a lossy encoder once more.
    """

    data: bytes
    reencoded: bool


def turned(opened: Blob, metadata: bytes, orientation: int, ctx: Context) -> Turned:
    """Turn a picture.

    Args:
        opened: The file.
        metadata: The same file with the metadata the new one is to have.
        orientation: EXIF's, 2..8.
        ctx: The engine.

    Raises:
        CorruptInput: It is damaged.
        LimitExceeded: It has too many pixels.
        UnsupportedFormat: It moves or has several pages, which cannot be turned together.
    """
    source = open_source(opened, ctx.limits, ctx.threads)
    _check_single(source)
    width, height = source.facts.width, source.facts.height
    ctx.reserve(_BASE_BYTES + _PIXEL_BYTES * width * height + 3 * len(opened.data))
    ctx.check()
    name = source.facts.format
    if name == "jpeg":
        return Turned(jpeg.grafted(metadata, _jpeg(opened.data, orientation)), True)
    if name == "png":
        deep = source.facts.depth == 16
        pixels = _deep_png(source, orientation) if deep else _by_pillow(opened.data, "PNG", orientation)
        return Turned(png.grafted(metadata, pixels), False)
    if name == "webp":
        exact = webp.is_lossless(opened.data)
        options = {"lossless": True, "exact": True} if exact else {"quality": _WEBP_QUALITY, "method": 4}
        pixels = _by_pillow(opened.data, "WEBP", orientation, **options)
        return Turned(webp.grafted(metadata, pixels), not exact)
    return Turned(tiff.grafted(metadata, _tiff(source, orientation)), False)


def _check_single(source: Source) -> None:
    moving = source.facts.format == "png" and png_frames(source.data) > 1
    if source.facts.frames > 1 or moving:
        raise UnsupportedFormat(
            f"The picture has {source.facts.frames} frames or pages, which cannot be turned together.",
            field="input",
            received=source.facts.format,
            expected="a picture of one frame",
        )


def _transposed(data: bytes, name: str, orientation: int) -> tuple["Image.Image", "Image.Image"]:
    """Return a picture as stored, and turned upright."""
    from PIL import Image

    ways = Image.Transpose
    how = {2: ways.FLIP_LEFT_RIGHT, 3: ways.ROTATE_180, 4: ways.FLIP_TOP_BOTTOM, 5: ways.TRANSPOSE, 6: ways.ROTATE_270,
           7: ways.TRANSVERSE, 8: ways.ROTATE_90}  # fmt: skip
    Image.MAX_IMAGE_PIXELS = None
    try:
        picture = Image.open(io.BytesIO(data), formats=[name])
        return picture, picture.transpose(how[orientation])
    except Exception as error:  # plugins raise OSError, SyntaxError, struct.error and more
        raise decode_error(error) from None


def _by_pillow(data: bytes, name: str, orientation: int, **options: Any) -> bytes:
    _, picture = _transposed(data, name, orientation)
    target = io.BytesIO()
    for said in ("exif", "xmp", "icc_profile"):
        picture.info.pop(said, None)
    picture.save(target, name, **options)
    return target.getvalue()


def _jpeg(data: bytes, orientation: int) -> bytes:
    """Return a JPEG turned upright, coded with its own tables and sampling."""
    from PIL import JpegImagePlugin

    stored, picture = _transposed(data, "JPEG", orientation)
    plugin: Any = stored
    tables = [list(plugin.quantization[layer[3]]) for layer in plugin.layer]
    sampling = JpegImagePlugin.get_sampling(stored)
    if not _keeps_blocks(stored.size, orientation, 16 if sampling else 8):
        tables = [[max(1, step // 2) for step in table] for table in tables]
    if orientation >= 5:
        tables = [[table[8 * (at % 8) + at // 8] for at in range(64)] for table in tables]
        sampling = 0 if sampling == 1 else sampling  # 4:2:2 on its side is 4:4:0, which cannot be asked for
    target = io.BytesIO()
    options: dict[str, Any] = {"qtables": tables, "subsampling": max(sampling, 0), "optimize": True}
    if stored.mode == "RGB" and stored.info.get("adobe_transform") == 0:
        options["keep_rgb"] = True
    picture.save(target, "JPEG", progressive="progressive" in stored.info, **options)
    return target.getvalue()


def _keeps_blocks(size: tuple[int, int], orientation: int, block: int) -> bool:
    """Return whether a turned picture's blocks are the blocks it was coded in, so that they code as they did.

    They are not where a side that is no whole number of blocks becomes the one that counting begins from.
    """
    width, height = size
    reversed_across, reversed_down = orientation in (2, 3, 7, 8), orientation in (3, 4, 6, 7)
    return not (reversed_across and width % block) and not (reversed_down and height % block)


def _deep_png(source: Source, orientation: int) -> bytes:
    library = vips()
    try:
        picture = upright(source.load().copy_memory(), orientation)
        data: bytes = picture.pngsave_buffer(keep="none", bitdepth=16)
    except library.Error as error:
        raise source.decode_error(error) or error from None
    return data


def _tiff(source: Source, orientation: int) -> bytes:
    library = vips()
    name = _COMPRESSIONS.get(tiff.compression(source.data), "deflate")
    options: dict[str, Any] = {"compression": name, "keep": "none"}
    if name in ("lzw", "deflate", "zstd"):
        options["predictor"] = "float" if source.facts.depth >= 32 else "horizontal"
    try:
        picture = upright(source.load().copy_memory(), orientation)
        if source.facts.depth == 1:
            options |= {"bitdepth": 1, "predictor": "none"}
        data: bytes = picture.tiffsave_buffer(**options)
    except library.Error as error:
        raise source.decode_error(error) or error from None
    return data
