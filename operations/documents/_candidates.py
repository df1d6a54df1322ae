"""One picture's data in the smallest form: every way of coding it that fits is tried, the smallest wins.

Nothing here touches a document, so that pictures are worked on side by side.
"""

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from mediamill.operations.documents import _aim, _fax, _few, _filters, _jbig2, _photo, _wavelet
from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

_BEST = 9
_GREY_SPREAD = 4
"""How far apart the channels of a picture may be that is taken for grey: what JPEG makes of grey."""

_WORTH = 0.9
"""A picture is coded with loss only for this part of the size it has, or can have without."""

_CERTAIN, _HOPELESS = 0.5, 0.25
"""Parts of a picture's size that coding without loss does not get down to: of one with more pixels than are wanted,
and of any."""

_JPEG_CERTAIN, _FULL = 0.8, 0.5
"""The same of a JPEG of at least so many bits per pixel: of less, many are spent on saying that there is nothing."""

_FLAT = 0.12
"""Different colours per pixel, below which a picture may be a drawing."""

_COMPONENTS = (1, 3, 4)
"""How many there are in a picture that may be coded with loss: of greys, colours or inks."""

_FEW = 16
"""Values of one component a picture may have to be stored by fewer bits each."""

_ROWS = 24
"""How many rows tell how many colours there are."""

_STRIPS, _STRIP_ROWS = 12, 8
"""How many strips of a picture tell how well all of it packs, and how high they are."""

_DOUBT = 1.5
"""How much better than its strips a picture may pack."""


class Task(Struct, frozen=True, kw_only=True):
    """A picture to be coded anew.

    Attributes:
        data: Samples as PDF packs them, or a JPEG, or fax data.
        filter: Which it is: empty, `/DCTDecode` or `/CCITTFaxDecode`.
        parms: The filter's parameters.
        width: Pixels.
        height: Pixels.
        bits: Per sample.
        components: Per pixel, as stored.
        palette: What its samples stand for, where they are indices.
        depth: Bytes of each colour in the palette.
        stored: Bytes it takes now.
        size: What it is to be resampled to, None where it is not.
        spared: How many times as many pixels a side it may keep where fewer would show.
        quality: That of a plain JPEG it is to equal; 0 where nothing may be lost.
        may_be_grey: Whether three equal channels may become one.
        may_be_indexed: Whether a palette may stand for its colours.
        bilevel: Whether JBIG2 may code it, where it has two values.
        is_plain_grey: Whether its values are greys, evenly spread from black to white.
        may_be_wavelet: Whether JPEG 2000 may stand for it.
    """

    data: bytes
    filter: str
    parms: dict[str, Any]
    width: int
    height: int
    bits: int
    components: int
    palette: bytes | None = None
    depth: int = 3
    stored: int
    size: tuple[int, int] | None = None
    spared: float = 1.0
    quality: int = 0
    may_be_grey: bool = False
    may_be_indexed: bool = False
    bilevel: bool = False
    is_plain_grey: bool = False
    may_be_wavelet: bool = False


class Coded(Struct, frozen=True, kw_only=True):
    """A picture coded anew.

    Attributes:
        data: Its bytes.
        filter: Their filter.
        parms: Its parameters, by name without slash.
        size: Pixels.
        bits: Per sample.
        space: `grey`, `indexed`, `base` (a palette's colours themselves), or empty where the colour space stays.
        palette: Of an indexed one.
        colours: How many there are in it.
    """

    data: bytes
    filter: str
    parms: dict[str, Any]
    size: tuple[int, int]
    bits: int
    space: str = ""
    palette: bytes = b""
    colours: int = 0


def best(task: Task) -> Coded | None:
    """Return the smallest way found to code a picture, None where there is nothing better than what it is."""
    if task.bits == 1 and task.components == 1 and task.palette is None:
        return _bilevel(task)
    few = _few_values(task)
    lossy = _resampled(task) if task.quality else None
    if lossy is not None and len(lossy.data) > _WORTH * task.stored:
        lossy = None
    if few is None and (lossy is None or len(lossy.data) >= _attainable(task) * len(task.data)):
        few = _same(task)  # which would else cost more than all of this, for nothing
    if few is not None and lossy is not None and len(lossy.data) > _WORTH * (len(few.data) + len(few.palette)):
        return few
    return _smaller(few, lossy)


def _attainable(task: Task) -> float:
    """Return the part of its size that a picture does not get down to without loss."""
    if task.filter == _filters.DCT and 8 * len(task.data) > _FULL * task.width * task.height:
        return _JPEG_CERTAIN
    return _HOPELESS if task.size is None else _CERTAIN


def _bilevel(task: Task) -> Coded | None:
    if not task.bilevel:
        return None
    bits = _fax.samples(task.data, task.parms, task.width, task.height) if task.filter else _unpacked(task)[:, :, 0]
    if bits is None:
        return None
    size = (task.width, task.height)
    return Coded(data=_jbig2.encode(1 - bits), filter=_jbig2.FILTER, parms={}, size=size, bits=1)


def _unpacked(task: Task) -> "Pixels":
    """Return samples as PDF packs them, one byte each: shape (height, width, components)."""
    import numpy as np

    row = (task.width * task.components * task.bits + 7) // 8
    packed = np.frombuffer(task.data, np.uint8, row * task.height).reshape(task.height, row)
    if task.bits == 8:
        return packed.reshape(task.height, task.width, task.components)
    samples = np.unpackbits(packed, axis=1).reshape(task.height, -1, task.bits)
    weights = (1 << np.arange(task.bits)[::-1]).astype(np.uint8)
    values: Pixels = (samples * weights).sum(axis=2, dtype=np.uint8)
    return values[:, : task.width * task.components].reshape(task.height, task.width, task.components)


def _same(task: Task) -> Coded | None:
    """Code a picture without any loss."""
    size = (task.width, task.height)
    if task.filter == _filters.DCT:
        import mozjpeg_lossless_optimization as mozjpeg

        if "/ColorTransform" in task.parms:
            return None
        try:
            data = mozjpeg.optimize(task.data)
        except ValueError:  # what it raises where libjpeg refuses
            return None
        return Coded(data=data, filter=_filters.DCT, parms=task.parms, size=size, bits=8)
    if task.filter or task.bits != 8:
        return None
    pixels = _unpacked(task)
    if task.palette is not None or pixels.shape[2] not in (1, 3, 4):
        return None
    return _smaller(_predicted(pixels, ""), _indexed(pixels, 1 if task.quality else 2) if task.may_be_indexed else None)


def _smaller(*found: Coded | None) -> Coded | None:
    return min((one for one in found if one), key=lambda one: len(one.data) + len(one.palette), default=None)


def _predicted(pixels: "Pixels", space: str) -> Coded:
    """Code samples by Flate with PNG's predictors: the data of a PNG file are just that."""
    height, width, components = pixels.shape
    image = _image(pixels)
    best_file = b""
    for filter_name in ("none", "sub", "paeth") if width * height < 1 << 18 else ("paeth",):
        png = image.pngsave_buffer(compression=_BEST, filter=filter_name, keep="none")
        data = b"".join(body for kind, body in _chunks(png) if kind == b"IDAT")
        if not best_file or len(data) < len(best_file):
            best_file = data
    parms = {"Predictor": 15, "Colors": components, "Columns": width, "BitsPerComponent": 8}
    return Coded(data=best_file, filter=_filters.FLATE, parms=parms, size=(width, height), bits=8, space=space)


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    at, found = 8, []
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _few_values(task: Task) -> Coded | None:
    """Code samples of so few values that fewer bits do, exactly; None for all others."""
    if task.filter or (task.components != 1 and (task.components, task.bits) != (3, 8)):
        return None
    pixels = _unpacked(task)
    found = _few.found(pixels, _FEW if pixels.shape[2] == 1 else 2)
    if found is None:
        return None
    size = (task.width, task.height)
    greys = _few.as_greys(found.values, (1 << task.bits) - 1) if task.is_plain_grey else None
    if greys is not None:
        bits, values = greys
        data, filter_name = _few.packed(values[:, 0][found.indices], bits, bilevel=task.bilevel)
        return Coded(data=data, filter=filter_name, parms={}, size=size, bits=bits)
    bits = _few.bits_for(found.values, 1 if task.quality or task.bits == 1 else 2)
    known = task.palette is None or task.depth * int(found.values.max()) < len(task.palette)
    fewer = bits < task.bits * pixels.shape[2] or (bits == 1 and task.bilevel)
    if not (known and fewer and task.may_be_indexed):
        return None
    data, filter_name = _few.packed(found.indices, bits, bilevel=task.bilevel)
    palette = found.values.tobytes()
    if task.palette is not None:
        palette = b"".join(task.palette[task.depth * one : task.depth * (one + 1)] for one in palette)
    return Coded(
        data=data, filter=filter_name, parms={}, size=size, bits=bits,
        space="indexed", palette=palette, colours=len(found.values),
    )  # fmt: skip


def _indexed(pixels: "Pixels", least: int = 1) -> Coded | None:
    """Code a picture of at most 256 colours by a palette, exactly."""
    found = _few.found(pixels) if pixels.shape[2] == 3 else None
    if found is None:
        return None
    bits, size = _few.bits_for(found.values, least), (pixels.shape[1], pixels.shape[0])
    data, filter_name = _few.packed(found.indices, bits, bilevel=False)
    palette = found.values.tobytes()
    return Coded(
        data=data, filter=filter_name, parms={}, size=size, bits=bits,
        space="indexed", palette=palette, colours=len(found.values),
    )  # fmt: skip


def _resampled(task: Task) -> Coded | None:
    """Code a picture with loss: at the size it is needed, grey where it is, as a drawing or a photo."""
    pixels = _decoded(task)
    if pixels is None:
        return None
    space = "base" if task.palette is not None else ""
    if task.may_be_grey and pixels.shape[2] == 3 and _is_grey(pixels):
        pixels, space = pixels[:, :, 1:2].copy(), "grey"
    size, quality = _aimed(pixels, task)
    if size != (pixels.shape[1], pixels.shape[0]):
        pixels = _photo.reduced(pixels, size)
    photo = _jpeg(pixels, quality, space)
    found = _smaller(photo, _drawing(pixels, space, len(photo.data), indexed=task.may_be_indexed))
    if found is photo and size == (task.width, task.height) and len(photo.data) > _WORTH * task.stored:
        return None
    if found is photo and task.may_be_wavelet and pixels.shape[2] < 4:
        data = _wavelet.smaller(pixels, photo.data)
        if data is not None:
            return msgspec.structs.replace(photo, data=data, filter=_filters.JPX)
    return msgspec.structs.replace(photo, data=_photo.in_best_scans(photo.data, *size)) if found is photo else found


def _aimed(pixels: "Pixels", task: Task) -> tuple[tuple[int, int], int]:
    """Return the size and the JPEG quality at which a picture looks as it is asked to."""
    whole = (pixels.shape[1], pixels.shape[0])
    size = task.size or whole
    if size == whole or not _aim.applies(pixels, size):
        return size, task.quality
    near = size[0] * task.spared >= task.width and size[1] * task.spared >= task.height
    if near and not _aim.Aim(pixels, whole, task.quality).stands(size):
        return whole, task.quality
    return size, _aim.Aim(pixels, size, task.quality).jpeg_quality()


def _decoded(task: Task) -> "Pixels | None":
    """Return a picture's colours, shape (height, width, 1, 3 or 4), with a half of its sides or less if that does."""
    if task.filter == _filters.DCT:
        if _is_told_otherwise(task):
            return None
        shrink = 1
        while task.size and shrink < 8 and task.width >= 4 * shrink * task.size[0]:
            shrink *= 2
        found = _photo.decoded(task.data, (task.width, task.height), shrink)
        return found if found is not None and found.shape[2] == task.components in _COMPONENTS else None
    if task.filter:
        return None
    found = _looked_up(task)
    return found if found.shape[2] in _COMPONENTS else None


def _is_told_otherwise(task: Task) -> bool:
    """Return whether a JPEG's document says how its colours were turned, and decoders, who do not know, guess wrong."""
    usual = 1 if task.components == 3 else 0
    marked = any(mark in task.data[: task.data.find(b"\xff\xda")] for mark in (b"Adobe", b"JFIF"))
    return task.parms.get("/ColorTransform", usual) != usual and not marked


def _looked_up(task: Task) -> "Pixels":
    """Return the colours that samples of at most 8 bits, or those of a palette, stand for."""
    import numpy as np

    pixels = _unpacked(task)
    if task.palette is not None:
        table = np.frombuffer(task.palette, np.uint8).reshape(-1, task.depth)
        return table[np.minimum(pixels[:, :, 0], len(table) - 1)]
    if task.bits == 8:
        return pixels
    return (pixels.astype(np.uint16) * 255 // ((1 << task.bits) - 1)).astype(np.uint8)


def _is_grey(pixels: "Pixels") -> bool:
    import numpy as np

    if pixels.size > 1 << 16 and not _is_grey(pixels[::8, ::8]):
        return False
    bands = [pixels[:, :, band] for band in range(3)]
    spread = np.maximum(np.maximum(*bands[:2]), bands[2]) - np.minimum(np.minimum(*bands[:2]), bands[2])
    return bool(spread.max() <= _GREY_SPREAD)


def _jpeg(pixels: "Pixels", quality: int, space: str) -> Coded:
    data = _photo.encoded(pixels, quality)
    size = (pixels.shape[1], pixels.shape[0])
    return Coded(data=data, filter=_filters.DCT, parms={}, size=size, bits=8, space=space)


def _drawing(pixels: "Pixels", space: str, limit: int, *, indexed: bool) -> Coded | None:
    """Code a picture of few colours or flat areas without loss, where that may come out below a number of bytes."""
    if _colours(pixels) > max(256, _FLAT * _ROWS * pixels.shape[1]) or _packed_bytes(pixels) > _DOUBT * limit:
        return None
    return _smaller(_predicted(pixels, space), _indexed(pixels) if indexed else None)


def _colours(pixels: "Pixels") -> int:
    """Return how many colours there are in some rows."""
    import numpy as np

    return len(np.unique(_few.as_numbers(pixels[:: max(1, len(pixels) // _ROWS)])))


def _packed_bytes(pixels: "Pixels") -> float:
    """Return about how long a picture is without loss, told by some strips of it, as they are or by differences."""
    import numpy as np

    height, most = len(pixels), _STRIPS * _STRIP_ROWS
    if height > most:
        tops = [(height - _STRIP_ROWS) * index // (_STRIPS - 1) for index in range(_STRIPS)]
        pixels = np.vstack([pixels[top : top + _STRIP_ROWS] for top in tops])
    differences = np.diff(pixels, axis=1, prepend=np.uint8(0))
    packed = min(_filters.packs_to(samples.tobytes()) for samples in (pixels, differences))
    return packed * max(1.0, height / most)


def _image(pixels: "Pixels") -> Any:
    """Return pixels as libvips takes them, to be packed without loss."""
    import numpy as np

    spaces = {1: "b-w", 3: "srgb", 4: "srgb"}  # four inks are written as if the last one were transparency
    return vips().Image.new_from_array(np.ascontiguousarray(pixels), interpretation=spaces[pixels.shape[2]])
