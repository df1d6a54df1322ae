"""Pictures that say the same in other bytes: equal ones made one, one colour one pixel, masks of nothing left out.

Only what may be so is decoded: pictures that are described alike, and those packed as tightly as only one colour is.
"""

import hashlib
import io
import math
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _dedupe, _filters, _photo
from mediamill.operations.documents._colours import COMPONENTS
from mediamill.operations.documents._walk import malformed
from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pikepdf

    Pixels = npt.NDArray[np.uint8]

Key = tuple[int, int]

_COMPONENTS = COMPONENTS | {"/Lab": 3, "/Indexed": 1, "/Separation": 1}
_MODES = {1: "L", 3: "RGB"}
_CODING = ("/Filter", "/DecodeParms", "/Length", "/Metadata", "/Name", "/Type")
_TIGHT = 50
"""How many times smaller than its samples a picture is packed that may be of one colour."""

_OPAQUE = 255

_TOP = 16
"""Rows by which pictures are told apart before all of them is decoded: what a JPEG codes at a time."""

_SMALL = 1 << 16
"""Pixels of a picture up to which all of it is decoded sooner than a part of it."""


def simplify(pdf: "pikepdf.Pdf", gone: set[Key], max_pixels: int, check: Callable[[], None], *, exactly: bool) -> int:
    """Merge pictures of equal pixels, make those of one colour a pixel, and drop soft masks that hide nothing.

    Args:
        pdf: The document, changed in place.
        gone: Objects nothing refers to any more; what is merged is added.
        max_pixels: Of a picture, above which it is not decoded.
        check: Called between pictures; raises where the job is to stop.
        exactly: Whether every page has to render as it did: turned pictures do so only with their masks.

    Returns:
        How many pictures were found to be copies.
    """
    import pikepdf

    pictures = [one for one in pdf.objects if _is_picture(one, max_pixels) and one.objgen not in gone]
    masks = {one.SMask.objgen for one in pictures if isinstance(one.get("/SMask"), pikepdf.Stream)}
    alike = defaultdict[bytes, list[Any]](list)
    for picture in pictures:
        check()
        try:
            _simplify(picture, exactly=exactly, is_mask=picture.objgen in masks)
        except malformed():
            continue  # what is not built as a picture has to be stays as it is
        alike[_described(picture)].append(picture)
    same: dict[Key, Any] = {}
    for group in alike.values():
        same.update(_equal(group, check, exactly=exactly) if len(group) > 1 else {})
    _dedupe.merge(pdf, same, gone, check)
    return len(same)


def _simplify(picture: Any, *, exactly: bool, is_mask: bool) -> None:
    _drop_usual_decode(picture)
    mask = picture.get("/SMask")
    if not exactly and mask is not None and _is_opaque(mask):
        del picture.SMask
    if not is_mask:
        _make_tiny(picture)


def _is_picture(thing: Any, max_pixels: int) -> bool:
    import pikepdf

    if not isinstance(thing, pikepdf.Stream) or thing.get("/Subtype") != pikepdf.Name.Image or "/F" in thing:
        return False
    sides: list[Any] = [thing.get("/Width"), thing.get("/Height")]
    return all(isinstance(side, int) and side > 0 for side in sides) and math.prod(sides) <= max_pixels


def _described(picture: Any) -> bytes:
    """Return all that a picture says about itself but how it is coded."""
    entries = ((str(key), value) for key, value in picture.items() if key not in _CODING)
    return b" ".join(
        key.encode() + b" " + _dedupe.written(value) for key, value in sorted(entries, key=lambda one: one[0])
    )


def _equal(group: list[Any], check: Callable[[], None], *, exactly: bool) -> dict[Key, Any]:
    """Return those of pictures described alike that another one, which is smaller, can stand for.

    Readers' decoders of JPEG round otherwise than the one here does: exactly, only a JPEG can stand for a JPEG.
    """
    first: dict[tuple[bool, bytes], Any] = {}
    found: dict[Key, Any] = {}
    tops = [(_top(picture), picture) for picture in group]
    counts = Counter(top for top, _ in tops)
    doubtful = [picture for top, picture in tops if counts[top] > 1 or None in counts]
    for picture in sorted(doubtful, key=lambda one: len(one.read_raw_bytes())):
        check()
        if not _dedupe.may_merge(picture):
            continue
        samples = _samples(picture)
        if samples is None:
            continue
        rounded = exactly and any(name == _filters.DCT for name, _ in _filters.chain(picture))
        original = first.setdefault((rounded, hashlib.sha256(samples).digest()), picture)
        if original is not picture:
            found[picture.objgen] = original
    return found


def _top(picture: Any) -> bytes | None:
    """Return the first rows of a JPEG, which tell nearly all pages of a scan apart; None where they are not had alone.

    Of a sequential JPEG no more than these is decoded. Another decoder than the one that tells in the end reads them:
    two pictures it sees differently in these rows are taken to differ.
    """
    filters, width, height = _filters.chain(picture), int(picture.Width), int(picture.Height)
    if len(filters) != 1 or filters[0][0] != _filters.DCT:
        return None
    data, library = picture.read_raw_bytes(), vips(1)
    if width * height <= _SMALL:
        pixels = _photo.decoded(data, (width, height))
        return None if pixels is None else pixels.tobytes()
    try:
        image = library.Image.jpegload_buffer(data, access="sequential", fail_on="error")
        return bytes(image.crop(0, 0, image.width, min(height, image.height, _TOP)).write_to_memory())
    except library.Error:
        return None


def _samples(picture: Any) -> bytes | None:
    """Return a picture's samples, as PDF packs them; None where they cannot be told."""
    filters, count = _filters.chain(picture), _components(picture)
    width, height = int(picture.Width), int(picture.Height)
    if filters and filters[-1][0] == _filters.DCT:
        data = _filters.unwrapped(picture.read_raw_bytes(), filters, 4 * width * height + (1 << 20))
        return None if data is None or filters[-1][1] else _jpeg(data, (width, height), count)
    bits = 1 if picture.get("/ImageMask", False) is True else picture.get("/BitsPerComponent", 8)
    if not count or bits not in (1, 2, 4, 8, 16):
        return None
    packed = (width * count * bits + 7) // 8 * height
    found = _filters.decoded(picture, packed + 4096)
    return found[:packed] if found is not None and len(found) >= packed else None


def _jpeg(data: bytes, size: tuple[int, int], components: int) -> bytes | None:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            return picture.tobytes() if picture.size == size and picture.mode == _MODES.get(components) else None
    except (OSError, ValueError, SyntaxError):
        return None


def _components(picture: Any) -> int:
    """Return how many samples a pixel has, 0 where that is not known."""
    import pikepdf

    if picture.get("/ImageMask", False) is True:
        return 1
    space = picture.get("/ColorSpace")
    kind = str(space[0] if isinstance(space, pikepdf.Array) and len(space) else space)
    if kind == "/ICCBased":
        count: Any = space[1].get("/N")
        return count if count in (1, 3, 4) else 0
    return _COMPONENTS.get(kind, 0)


def _is_tight(picture: Any) -> bool:
    bits = int(picture.get("/BitsPerComponent", 8)) * _components(picture)
    return _TIGHT * 8 * len(picture.read_raw_bytes()) < bits * int(picture.Width) * int(picture.Height)


def _is_opaque(mask: Any) -> bool:
    if mask.get("/BitsPerComponent") != 8 or "/Decode" in mask or not _is_tight(mask):
        return False
    samples = _samples(mask)
    return samples is not None and samples.count(_OPAQUE) == len(samples)


def _drop_usual_decode(picture: Any) -> None:
    """Leave unsaid that samples stand for what they do anyway."""
    import pikepdf

    space: Any = picture.get("/ColorSpace")
    kind = str(space[0] if isinstance(space, pikepdf.Array) and len(space) else space)
    highest = (1 << int(picture.get("/BitsPerComponent", 8))) - 1 if kind == "/Indexed" else 1
    count = 0 if kind == "/Lab" else _components(picture)
    if count and [float(edge) for edge in picture.get("/Decode", [])] == [0, highest] * count:
        del picture.Decode


def _make_tiny(picture: Any) -> None:
    """Make a picture of one colour a single pixel, where nothing depends on how many it has."""
    mask = picture.get("/SMask")
    tied = mask is not None and "/Matte" in mask
    bits: Any = picture.get("/BitsPerComponent", 8)
    if tied or bits != 8 or picture.get("/ImageMask", False) is True or not _is_tight(picture):
        return
    samples, count = _samples(picture), _components(picture)
    if samples is None or samples != samples[:count] * (len(samples) // count):
        return
    picture.Width = picture.Height = 1
    picture.write(samples[:count])
    for key in ("/Interpolate", "/Alternates", "/OPI"):
        if key in picture:
            del picture[key]
