"""Pictures as they go out: one scale of effort and of quality for all encoders, bytes in memory.

`quality` is each encoder's own number, JPEG's that of the standard's tables. Where a job gives none, it is 85 for JPEG
and, in the other formats, what scores the same by SSIMULACRA2; `auto` compares formats by the same table.
"""

import io
import itertools
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.images import _avif_timing, _colour, _effort, _embedded, _headers, _pillow
from mediamill.operations.images._params import Chroma, Format, ImageJob, Metadata, Rgba, parse_colour
from mediamill.operations.images._vips import (
    blob,
    has,
    is_out_of_memory,
    out_of_memory,
    set_integer,
    set_integers,
    vips,
)
from mediamill.operations.tags._tiff_graft import grafted
from mediamill.protocol.errors import EncodeFailed, InvalidJob, LimitExceeded

if TYPE_CHECKING:
    import pyvips

DEFAULT_QUALITY = 85
FULL_CHROMA_QUALITY = 90
"""Quality from which JPEGs keep all chroma."""

ANIMATED_FORMATS: tuple[Format, ...] = ("gif", "webp", "avif")
LOSSY_FORMATS: tuple[Format, ...] = ("jpeg", "webp", "avif")

MAX_SIDES: dict[Format, int] = {"jpeg": 65_535, "webp": 16_383, "avif": 16_384, "gif": 65_535, "ico": 256}
"""The largest side a format can say, in pixels."""

SAME_LOOK: tuple[tuple[int, int, int], ...] = (
    (1, 1, 1), (10, 1, 4), (15, 3, 9), (20, 10, 20), (30, 26, 32), (40, 40, 39), (50, 54, 44), (60, 64, 48),
    (70, 78, 54), (75, 81, 57), (80, 84, 62), (85, 88, 68), (89, 91, 75), (90, 100, 89), (95, 100, 93), (100, 100, 99),
)  # fmt: skip
"""Qualities of JPEG, WebP and AVIF with the same mean SSIMULACRA2; in between they are interpolated.

Measured on twelve photos of 400 pixels at the default efforts. From 90 up JPEG and AVIF have 4:4:4, and WebP, which has
not, cannot follow.
"""

_KEEP: dict[Metadata, str] = {"none": "none", "icc": "icc", "copyright": "exif|icc", "all": "all"}
_ICON_EFFORT = 5
"""Above, a PNG's colours would be reduced, and Windows wants those in icons whole."""

_OWNER = ("exif-ifd0-Copyright", "exif-ifd0-Artist")


class Encoding(Struct, frozen=True, kw_only=True):
    """How one output is coded.

    Attributes:
        format: What it is written as.
        quality: The encoder's own scale, 1..100.
        effort: 0..9.
        lossless: For WebP and AVIF.
        progressive: None is the format's best.
        chroma: For JPEG and AVIF; WebP takes 4:4:4 as its sharper way to 4:2:0.
        metadata: What is kept.
        background: Behind alpha where there is to be none.
        opaque: Whether there is to be none though the format can have it.
    """

    format: Format
    quality: int = DEFAULT_QUALITY
    effort: int = 4
    lossless: bool = False
    progressive: bool | None = None
    chroma: Chroma = "auto"
    metadata: Metadata = "icc"
    background: Rgba = (255, 255, 255, 255)
    opaque: bool = False

    @property
    def alpha(self) -> bool:
        """Whether the output can be transparent."""
        return self.format in _colour.ALPHA_FORMATS and not self.opaque

    @property
    def shown_quality(self) -> dict[str, int]:
        """The quality as a field of the result, where the format has one."""
        return {"quality": self.quality} if self.format in LOSSY_FORMATS and not self.lossless else {}


class Motion(Struct, frozen=True):
    """An animation's timing.

    Attributes:
        delays: Milliseconds each frame is shown.
        loop: How often it runs, 0 for ever.
    """

    delays: tuple[int, ...]
    loop: int = 0


def encoding(params: ImageJob, format_name: Format, quality: int | None = None) -> Encoding:
    """Return how a job wants a format coded.

    Args:
        params: The job.
        format_name: What is written.
        quality: In the place of the job's own.

    Raises:
        InvalidJob: Lossless was asked of a format that cannot be.
    """
    if params.lossless and format_name == "jpeg":
        raise InvalidJob(
            "JPEG cannot be lossless.", field="lossless", received=True, expected="webp, avif, png, tiff or gif"
        )
    chosen = params.quality if quality is None else quality
    return Encoding(
        format=format_name,
        quality=same_look(DEFAULT_QUALITY, format_name) if chosen is None else chosen,
        effort=_effort.EFFORTS[format_name] if params.effort is None else params.effort,
        lossless=params.lossless,
        progressive=params.progressive,
        chroma=params.chroma_subsampling,
        metadata=params.metadata,
        background=parse_colour(params.background),
    )


def same_look(jpeg_quality: int, format_name: Format) -> int:
    """Return the quality at which a format looks like a JPEG of a quality, both 1..100."""
    column = {"webp": 1, "avif": 2}.get(format_name)
    if column is None:
        return jpeg_quality
    for low, high in itertools.pairwise(SAME_LOOK):
        if jpeg_quality <= high[0]:
            share = (jpeg_quality - low[0]) / (high[0] - low[0])
            return round(low[column] + share * (high[column] - low[column]))
    return 100


def check_side(format_name: Format, size: tuple[int, int]) -> None:
    """Raise LimitExceeded where a format cannot hold a picture of a size."""
    limit = MAX_SIDES.get(format_name)
    if limit is not None and max(size) > limit:
        raise LimitExceeded(
            f"{format_name.upper()} holds at most {limit} pixels a side, the output would be {size[0]}x{size[1]}.",
            field="format",
            received=format_name,
            expected=f"at most {limit} pixels a side, or another format",
        )


def prepare(image: "pyvips.Image", code: Encoding) -> "pyvips.Image":
    """Return a finished picture in the colours, depth and bands its format can hold."""
    image = _colour.for_output(image, code.format, code.metadata, code.background)
    return image if code.alpha else _colour.flatten(image, code.background)


def encode(image: "pyvips.Image", code: Encoding, motion: Motion | None = None) -> bytes:
    """Encode a prepared picture.

    Args:
        image: The picture, or the frames of an animation as a tall strip.
        code: How.
        motion: The animation's timing, as many delays as frames.

    Raises:
        pyvips.Error: A picture that is decoded on the way is damaged, or the encoder refuses.
        EncodeFailed: Pillow's encoder refuses.
    """
    image = _kept(image, code)
    if code.format == "ico":
        return _icon(image, code)
    if motion is not None and code.format == "avif":
        return _moving_avif(image, code, motion)
    if motion is not None:
        set_integer(image, "page-height", image.height // len(motion.delays))
        set_integers(image, "delay", list(motion.delays))
        set_integer(image, "loop", motion.loop)
    save, options = _SAVERS[code.format]
    data: bytes = getattr(image, save)(keep=_KEEP[code.metadata], **options(code))
    if motion is not None and code.format == "webp":
        return _headers.with_webp_delays(data, motion.delays)
    if code.format == "tiff" and code.metadata in ("copyright", "all"):
        exif = _embedded.exif_of(image)
        return data if exif is None else grafted(exif, data)
    if code.format == "png":
        return _effort.smaller_png(data, code.effort, interlaced=bool(code.progressive))
    return data


def frames_in(data: bytes, format_name: Format, given: int) -> int:
    """Return how many frames an encoder made of those it was given: frames that are alike become one longer one."""
    if given == 1 or format_name not in ("gif", "webp"):
        return given
    return _headers.gif(data, given).frames if format_name == "gif" else _headers.webp_frames(data)


def encode_error(error: Exception, code: Encoding) -> Exception:
    """Return the error of the table for what an encoder raised on a sound picture."""
    if is_out_of_memory(error):
        return out_of_memory(error)
    return EncodeFailed(f"The {code.format.upper()} encoder refused the picture.", detail=str(error).strip())


def _kept(image: "pyvips.Image", code: Encoding) -> "pyvips.Image":
    """Return a copy with the metadata that is to be written, whatever the encoder would keep by itself."""
    image = image.copy()
    for field in ("page-height", "delay", "loop", "n-pages"):
        if has(image, field):
            image.remove(field)
    if code.metadata == "copyright":
        for field in image.get_fields():
            if field.startswith("exif-ifd") and field not in _OWNER:
                image.remove(field)
        if not any(has(image, field) for field in _OWNER) and has(image, "exif-data"):
            image.remove("exif-data")
    return image


def _jpeg(code: Encoding) -> dict[str, Any]:
    chroma = {"auto": "off" if code.quality >= FULL_CHROMA_QUALITY else "on", "4:2:0": "on", "4:4:4": "off"}
    return _effort.jpeg(code.quality, code.effort, code.progressive) | {"subsample_mode": chroma[code.chroma]}


def _png(code: Encoding) -> dict[str, Any]:
    return _effort.png(code.effort) | {"interlace": bool(code.progressive)}


def _webp(code: Encoding) -> dict[str, Any]:
    return {
        "Q": code.quality,
        "lossless": code.lossless,
        "exact": code.lossless,
        "effort": _effort.webp(code.effort),
        "smart_subsample": code.chroma == "4:4:4",
    }


def _avif(code: Encoding) -> dict[str, Any]:
    return {
        "compression": "av1",
        "Q": code.quality,
        "lossless": code.lossless,
        "effort": code.effort,
        "bitdepth": 8,
        "subsample_mode": {"auto": "auto", "4:2:0": "on", "4:4:4": "off"}[code.chroma],
    }


def _gif(code: Encoding) -> dict[str, Any]:
    # Frames that differ a little from the palette at hand would be shown with it, and slow fades become jumps.
    return {"effort": _effort.gif(code.effort), "interlace": bool(code.progressive), "interpalette_maxerror": 0}


def _tiff(code: Encoding) -> dict[str, Any]:
    return {"compression": "deflate", "predictor": "horizontal", "level": max(1, code.effort)}


_SAVERS = {
    "jpeg": ("jpegsave_buffer", _jpeg),
    "png": ("pngsave_buffer", _png),
    "webp": ("webpsave_buffer", _webp),
    "avif": ("heifsave_buffer", _avif),
    "gif": ("gifsave_buffer", _gif),
    "tiff": ("tiffsave_buffer", _tiff),
}


def _icon(image: "pyvips.Image", code: Encoding) -> bytes:
    """Return an icon file of one picture, stored as PNG, which every reader since Windows Vista takes."""
    if image.bands < 3:
        image = image.colourspace("srgb")
    picture: bytes = image.pngsave_buffer(keep="none", **_effort.png(min(code.effort, _ICON_EFFORT)))
    sides = bytes((image.width % 256, image.height % 256))
    entry: bytes = sides + b"\0\0" + (1).to_bytes(2, "little") + (8 * image.bands).to_bytes(2, "little")
    return b"\0\0\1\0\1\0" + entry + len(picture).to_bytes(4, "little") + (22).to_bytes(4, "little") + picture


def _moving_avif(strip: "pyvips.Image", code: Encoding, motion: Motion) -> bytes:
    """Encode an animation with Pillow: libvips writes AVIF as a folder of stills, which no viewer plays."""
    if code.lossless:
        raise InvalidJob(
            "A moving AVIF cannot be lossless.", field="lossless", received=True, expected="webp, or false"
        )
    profile = blob(strip, "icc-profile-data") if code.metadata != "none" and has(strip, "icc-profile-data") else None
    if strip.bands < 3:
        strip = strip.colourspace("srgb")
    height = strip.height // len(motion.delays)
    strip = strip.copy_memory()
    frames = [
        _pillow.to_pillow(strip.crop(0, height * index, strip.width, height)) for index in range(len(motion.delays))
    ]
    file = io.BytesIO()
    try:
        frames[0].save(
            file,
            "AVIF",
            save_all=True,
            append_images=frames[1:],
            duration=[max(1, delay) for delay in motion.delays],
            quality=code.quality,
            subsampling="4:4:4" if code.chroma == "4:4:4" else "4:2:0",
            icc_profile=profile,
            speed=9 - code.effort,
            max_threads=vips().concurrency_get(),
        )
    except Exception as error:  # the plugin raises ValueError, OSError and RuntimeError
        raise encode_error(error, code) from None
    return _avif_timing.with_loop(file.getvalue(), motion.loop)
