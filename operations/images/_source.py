"""Pictures as they come in: looked at by their headers, held against the limits, then decoded strictly.

A loader is chosen by our own sniff and gets bytes: libvips' choice by content knows too many formats, and a path would
be read for options and siblings. `fail_on="warning"` is what makes a file that is cut short an error, not grey pixels.
"""

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from mediamill.operations.contract import Blob, Limits
from mediamill.operations.images import _avif_timing, _embedded, _headers, _heif, _icc, _pillow, _psd, _svg, _xmp
from mediamill.operations.images._facts import Facts, check, check_budget
from mediamill.operations.images._vips import blob, has, integer, is_out_of_memory, out_of_memory, set_blob, vips
from mediamill.operations.sniff import decodable_images, sniff
from mediamill.protocol.errors import CorruptInput, LimitExceeded, MediaError, UnsupportedFormat
from mediamill.protocol.results import text

if TYPE_CHECKING:
    import pyvips

__all__ = ["Facts", "Source", "check_budget", "open_source"]

_LOADERS = {
    "jpeg": "jpegload_buffer", "png": "pngload_buffer", "webp": "webpload_buffer", "gif": "gifload_buffer",
    "tiff": "tiffload_buffer", "avif": "heifload_buffer", "svg": "svgload_buffer",
}  # fmt: skip
_DEPTHS = {"uchar": 8, "char": 8, "ushort": 16, "short": 16, "uint": 32, "int": 32, "float": 32, "double": 64}
_DECODERS = {"heic": _heif.decode, "psd": _psd.decode}
_PROFILES = {"bmp": _headers.bmp_profile, "jp2": _headers.jp2_profile}
_ANIMATED = ("gif", "webp")
_MOVED_BY_PILLOW = ("avif", "png")
_CODED_COLOURS = ("png", "avif", "heic", "bmp", "jp2")
_SHORT_CODES = ("avif", "heic")
_PROFILE, _XMP = "icc-profile-data", "xmp-data"
_GAIN_MAPS = (b"http://ns.adobe.com/hdr-gain-map/1.0/", b"urn:iso:std:iso:ts:21496:-1", b"aux:hdrgainmap")
MAX_EMBEDDED_PIXELS = 25_000_000
"""Pixels of all pictures inside a drawing: its decoder holds them all at once."""

_UNDECODABLE = ("unsupported codec", "no decoding plugin", "unsupported feature", "decoder plugin")


class Source(Struct, frozen=True):
    """A picture whose header has been read and found within the limits.

    Attributes:
        data: The bytes its decoder gets; for an icon those of its best picture, for a drawing plain XML.
        facts: What the header says.
        decoder: The format those bytes are in.
    """

    data: bytes
    facts: Facts
    decoder: str

    def load(self, *, shrink: int = 1, scale: float = 1.0, frames: bool = False) -> "pyvips.Image":
        """Decode, lazily: errors may surface where the pixels are used.

        Args:
            shrink: 1, 2, 4 or 8, for JPEG alone; sides are divided and rounded down.
            scale: Factor, for WebP (at most 1) and drawings alone; sides are rounded.
            frames: Whether all frames come, as one tall strip.

        Returns:
            An image to be read once, from top to bottom.
        """
        if self.decoder in _DECODERS:
            return self._coloured(_DECODERS[self.decoder](self.data))
        if self.decoder not in _LOADERS or (frames and self.decoder in _MOVED_BY_PILLOW):
            return self._coloured(self._load_by_pillow(frames))
        options: dict[str, Any] = {}
        if shrink != 1:
            options["shrink"] = shrink
        if scale != 1.0:
            options["scale"] = scale
        if frames:
            options["n"] = -1
        return self._coloured(_open(self.data, self.decoder, **options))

    def decode_error(self, error: Exception, *, frames: bool = False) -> MediaError | None:
        """Say what a failure somewhere behind `load` was, by decoding once more and nothing else.

        Args:
            error: What libvips raised.
            frames: Whether all frames were decoded.

        Returns:
            The error of the table where the input or memory is to blame, else None.
        """
        if is_out_of_memory(error):
            return out_of_memory(error)
        try:
            self.load(frames=frames).avg()
        except MediaError as found:
            return found
        except vips().Error as found:
            return out_of_memory(found) if is_out_of_memory(found) else _damaged(str(found), self.facts.format)
        return None

    def _load_by_pillow(self, frames: bool) -> "pyvips.Image":
        picture = _pillow.open_picture(self.data, self.decoder)
        if not frames:
            return _pillow.decode(picture)
        return vips().Image.arrayjoin(list(_pillow.frames(picture, self.facts.frames)), across=1)

    def _coloured(self, image: "pyvips.Image") -> "pyvips.Image":
        """Return a picture with the colours its header gave it, whatever the decoder made of that."""
        facts = self.facts
        if facts.gain_map and has(image, _XMP):
            # The map itself does not come along; who keeps it says so anew.
            image, plain = image.copy(), _xmp.without_gain_map(blob(image, _XMP) or b"")
            image.remove(_XMP)
            if plain is not None:
                set_blob(image, _XMP, plain)
        if facts.format == "tiff" and facts.has_exif:
            image = _embedded.embed(image, exif=_embedded.exif_of_tiff(self.data))
        if facts.format in _CODED_COLOURS and blob(image, _PROFILE) != facts.icc:
            image = image.copy()
            if facts.icc is None:
                image.remove(_PROFILE)
            else:
                set_blob(image, _PROFILE, facts.icc)
        if facts.format in _SHORT_CODES and 8 < facts.depth < 16 and image.format == "ushort":
            # Decoders move ten bits up by six, so that white is not quite white.
            top = 65_536 - (1 << 16 - facts.depth)
            image = (image * (65_535 / top)).rint().cast("ushort").copy(interpretation=image.interpretation)
        return image


def open_source(opened: Blob, limits: Limits, threads: int | None = None, field: str = "input") -> Source:
    """Read a picture's header and hold it against the limits.

    Args:
        opened: The input.
        limits: The limits in force.
        threads: How many threads libvips may use from now on.
        field: The job's field to blame.

    Raises:
        UnsupportedFormat: It is no picture, or one nothing here decodes.
        CorruptInput: Its header makes no sense.
        LimitExceeded: It is too large to be decoded.
    """
    vips(threads)
    kind = opened.kind
    if kind.medium != "image" or kind.format == "jxl":
        raise UnsupportedFormat(
            f"Input is {kind.description}, not a picture this operation reads: {text(opened.name, 200)}",
            field=field,
            received=kind.format or None,
            expected="one of " + ", ".join(decodable_images()),
        )
    try:
        source = _READERS.get(kind.format, _read_raster)(opened.data, kind.format, limits)
        check_budget(source.facts, limits)
    except MediaError as error:
        error.field = error.field or field
        raise
    return source


def _read_raster(data: bytes, format_name: str, limits: Limits) -> Source:
    """Read the header of a picture libvips decodes."""
    screen = None
    if format_name == "gif":
        gif = _headers.gif(data, limits.max_frames)
        screen = (gif.width, gif.height)
        check_budget(Facts(format="gif", width=0, height=0, screen=screen, frames=gif.frames), limits)
    image = _open(data, format_name)
    facts = _facts(image, data, format_name, limits)
    return Source(data, facts if screen is None else msgspec.structs.replace(facts, screen=screen), format_name)


def _facts(image: "pyvips.Image", data: bytes, format_name: str, limits: Limits) -> Facts:
    frames, animated = integer(image, "n-pages", 1), False
    delays: tuple[int, ...] = ()
    loop = integer(image, "loop")
    if format_name == "png":
        film = _headers.png_film(data, limits.max_frames)
        frames, animated, delays, loop = len(film.delays), len(film.delays) > 1, film.delays, film.loop
    elif format_name == "avif":
        delays, loop = _avif_timing.delays(data, limits.max_frames), _avif_timing.loop(data)
        frames, animated = len(delays) or frames, len(delays) > 1
    elif format_name in _ANIMATED and frames > 1:
        animated, delays = True, tuple(image.get("delay")) if has(image, "delay") else ()
    codes = _headers.codes(data, format_name) if format_name in ("png", "avif") else (2, 2)
    hdr, icc = _icc.colours(blob(image, _PROFILE), codes, format_name)
    many_scans = format_name == "jpeg" and integer(image, "jpeg-multiscan")
    orientation = integer(image, "orientation", 1)
    return Facts(
        format=format_name,
        width=image.width,
        height=image.height,
        orientation=orientation if 1 <= orientation <= 8 else 1,
        bands=image.bands,
        alpha=bool(image.hasalpha()),
        interpretation=str(image.interpretation),
        depth=max(integer(image, "bits-per-sample"), 1) if has(image, "bits-per-sample") else _DEPTHS[image.format],
        frames=frames,
        animated=animated,
        delays=delays,
        loop=loop,
        icc=icc,
        density=float(image.xres) if image.xres > 1 else 0.0,
        scans=_headers.jpeg_scans(data) if many_scans else 1,
        hdr=hdr,
        gain_map=format_name == "jpeg" and any(name in data for name in _GAIN_MAPS),
        has_exif=_embedded.exif_of_tiff(data) is not None if format_name == "tiff" else has(image, "exif-data"),
        has_xmp=has(image, "xmp-data"),
        has_iptc=has(image, "iptc-data"),
    )


def _read_heic(data: bytes, _format: str, limits: Limits) -> Source:
    if _heif.is_av1(data):
        return _read_raster(data, "avif", limits)
    header = _heif.read_header(data)
    hdr, icc = _icc.colours(header.icc, header.codes, "heic")
    names = ("b-w", "srgb") if header.depth <= 8 else ("grey16", "rgb16")
    facts = Facts(
        format="heic",
        width=header.width,
        height=header.height,
        bands=header.bands,
        alpha=header.alpha,
        interpretation=names[header.bands > 2],
        depth=header.depth,
        frames=header.pictures,
        icc=icc,
        hdr=hdr,
        gain_map=header.gain_map,
        has_exif=header.has_exif,
        has_xmp=header.has_xmp,
    )
    check_budget(facts, limits)
    check_budget(msgspec.structs.replace(facts, screen=header.coded), limits)
    return Source(data, facts, "heic")


def _read_drawing(data: bytes, format_name: str, limits: Limits) -> Source:
    if format_name == "svgz":
        data = _svg.inflate(data, limits.max_svg_bytes)
    _svg.check_size(data, limits.max_svg_bytes)
    _check_embedded(_svg.check_drawing(data), limits)
    image = _open(data, "svg")
    facts = Facts(format="svg", width=image.width, height=image.height, bands=image.bands, alpha=True)
    return Source(data, facts, "svg")


def _check_embedded(pictures: list[bytes], limits: Limits) -> None:
    """Raise LimitExceeded where the pictures inside a drawing are too large, each and together."""
    pixels = 0
    for data in pictures:
        name = sniff(data).format
        if name in ("svg", "svgz"):
            raise LimitExceeded("The drawing has a drawing embedded.", expected="embedded pictures of pixels only")
        if name in _LOADERS:
            facts = _read_raster(data, name, limits).facts
            check_budget(facts, limits)
            pixels += facts.width * facts.height
    check("max_embedded_pixels", pixels, MAX_EMBEDDED_PIXELS, "The pixels embedded in the drawing number")


def _read_icon(data: bytes, _format: str, limits: Limits) -> Source:
    icon = _headers.icon(data)
    if icon.is_png:
        inner = _read_raster(icon.data, "png", limits)
        return Source(icon.data, msgspec.structs.replace(inner.facts, format="ico", frames=icon.pictures), "png")
    check_budget(Facts(format="ico", width=icon.width, height=icon.height), limits)
    return _read_by_pillow(icon.data, "ico", limits)


def _read_psd(data: bytes, _format: str, _limits: Limits) -> Source:
    header = _psd.read_header(data)
    facts = Facts(
        format="psd",
        width=header.width,
        height=header.height,
        bands=header.bands,
        alpha=header.alpha,
        interpretation=header.interpretation,
        depth=header.depth,
        icc=header.icc,
        has_exif=header.exif is not None,
        has_xmp=header.xmp is not None,
    )
    return Source(data, facts, "psd")


def _read_by_pillow(data: bytes, format_name: str, _limits: Limits) -> Source:
    picture = _pillow.open_picture(data, format_name)
    bands = picture.getbands()
    spaces = {"L": "b-w", "1": "b-w", "C": "cmyk", "I": "grey16"}
    alpha = bands[-1] == "A" or "transparency" in picture.info
    find = _PROFILES.get(format_name)
    facts = Facts(
        format=format_name,
        width=picture.width,
        height=picture.height,
        bands=3 + alpha if bands[0] == "P" else len(bands),
        alpha=alpha,
        interpretation=spaces.get(bands[0], "srgb"),
        depth=_pillow.depth(picture),
        icc=find(data) if find else None,
        has_exif="exif" in picture.info,
        has_xmp="xmp" in picture.info,
    )
    return Source(data, facts, format_name)


_READERS = {
    "svg": _read_drawing,
    "svgz": _read_drawing,
    "ico": _read_icon,
    "heic": _read_heic,
    "bmp": _read_by_pillow,
    "jp2": _read_by_pillow,
    "psd": _read_psd,
}


def _open(data: bytes, decoder: str, **options: Any) -> "pyvips.Image":
    library = vips()
    try:
        return getattr(library.Image, _LOADERS[decoder])(data, access="sequential", fail_on="warning", **options)
    except library.Error as error:
        if is_out_of_memory(error):
            raise out_of_memory(error) from None
        raise _damaged(str(error), decoder) from None


def _damaged(detail: str, format_name: str) -> MediaError:
    detail = detail.strip()
    if any(phrase in detail.lower() for phrase in _UNDECODABLE):
        return UnsupportedFormat(
            f"This {format_name.upper()} picture is coded in a way no decoder here reads.",
            received=format_name,
            detail=detail,
        )
    return CorruptInput("The picture is damaged or cut short.", detail=detail)
