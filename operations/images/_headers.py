"""What headers say that the libraries do not, or say differently: read by hand, never a pixel.

After GIF89a, ITU T.81, the PNG specification (third edition), ISO/IEC 14496-12 and the ICO layout of Windows.
"""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from mediamill.protocol.errors import CorruptInput, LimitExceeded

MAX_GIF_BLOCKS = 4_000_000
"""Data blocks of a GIF that are walked; the largest input cut into whole blocks has a quarter of them."""

MAX_BOXES = 10_000
"""Boxes of an ISO base media file that are looked at."""

_PROPERTIES = frozenset((b"iprp", b"ipco"))
_HASTE, _CALM = 10, 100
"""Milliseconds up to which libvips, as browsers, takes a delay for none, and what it makes of it."""

_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""A marker that ends a scan's data: neither a stuffed byte, nor a restart, nor filling."""

_MARKERS_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))


class Gif(Struct, frozen=True):
    """A GIF's sizes as both of its parsers see them.

    Attributes:
        width: Of the logical screen or the furthest reaching frame, whichever is larger.
        height: Likewise.
        frames: How many images it has; counting stops one above the limit.
    """

    width: int
    height: int
    frames: int


class Film(Struct, frozen=True):
    """How an animated PNG moves.

    Attributes:
        delays: Milliseconds each frame is shown.
        loop: How often it runs, 0 for ever.
    """

    delays: tuple[int, ...]
    loop: int


class Icon(Struct, frozen=True):
    """The best picture of an icon file.

    Attributes:
        data: A PNG, or an icon file of that one picture.
        is_png: Which of the two.
        pictures: How many the file has.
        width: In pixels, by the picture's own header, which is what decoders go by; 0 for a PNG.
        height: Likewise.
    """

    data: bytes
    is_png: bool
    pictures: int
    width: int = 0
    height: int = 0


def jpeg_scans(data: bytes) -> int:
    """Return how many scans a JPEG has, not counting those of thumbnails."""
    at, scans = 2, 0
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _END_OF_IMAGE:
        marker = data[at + 1]
        if marker == 0xFF or marker in _MARKERS_WITHOUT_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _START_OF_SCAN:
            scans += 1
            found = _AFTER_SCAN.search(data, at)
            at = found.start() if found else len(data)
    return scans


def png_chunks(data: bytes, *, all_of_them: bool = False) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and body of each chunk before the first pixels, or of each there is."""
    at = 8
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"IEND" or (kind == b"IDAT" and not all_of_them):
            return
        yield kind, data[at + 8 : at + 8 + size]
        at += size + 12


def png_frames(data: bytes) -> int:
    """Return how many frames a PNG says it has, 1 where it is not animated."""
    return next((int.from_bytes(body[:4], "big") or 1 for kind, body in png_chunks(data) if kind == b"acTL"), 1)


def png_film(data: bytes, max_frames: int) -> Film:
    """Read how a PNG moves; one that does not has one frame.

    Args:
        data: The file.
        max_frames: Where counting may stop, one above.
    """
    control = next((body for kind, body in png_chunks(data) if kind == b"acTL" and len(body) >= 8), None)
    if control is None:
        return Film((0,), 0)
    delays: list[int] = []
    for kind, body in png_chunks(data, all_of_them=True):
        if kind == b"fcTL" and len(body) >= 24:
            numerator, denominator = int.from_bytes(body[20:22], "big"), int.from_bytes(body[22:24], "big")
            delays.append(round(1000 * numerator / (denominator or 100)))
            if len(delays) > max_frames:
                break
    told = int.from_bytes(control[:4], "big")
    return Film(tuple(delays[:told]) or (0,), int.from_bytes(control[4:8], "big"))


def codes(data: bytes, format_name: str) -> tuple[int, int]:
    """Return a PNG's or AVIF's primaries and transfer curve by ITU-T H.273, 2 where it says nothing."""
    if format_name == "png":
        found = next((body for kind, body in png_chunks(data) if kind == b"cICP" and len(body) >= 4), None)
        return (2, 2) if found is None else (found[0], found[1])
    meta = next((body[4:] for kind, body in boxes(data, frozenset()) if kind == b"meta"), b"")
    for kind, body in boxes(meta, _PROPERTIES):
        if kind == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
            return int.from_bytes(body[4:6], "big"), int.from_bytes(body[6:8], "big")
    return 2, 2


def bmp_profile(data: bytes) -> bytes | None:
    """Return the profile embedded in a BMP of version 5."""
    if _u32(data, 14) < 124 or data[70:74] != b"DEBM":
        return None
    start, size = 14 + _u32(data, 126), _u32(data, 130)
    return data[start : start + size] or None


def jp2_profile(data: bytes) -> bytes | None:
    """Return the profile embedded in a JPEG 2000 (ISO/IEC 15444-1, I.5.3.3)."""
    for kind, body in boxes(data, frozenset((b"jp2h",))):
        if kind == b"colr" and body[:1] in (b"\2", b"\3"):
            return body[3:] or None
    return None


def boxes(data: bytes, into: frozenset[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and body of the boxes of an ISO base media file, in their order.

    Args:
        data: The file.
        into: The types of boxes that are gone through instead of being yielded whole.
    """
    spans = [(0, len(data))]
    for _ in range(MAX_BOXES):
        if not spans:
            return
        at, end = spans.pop()
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        size = size or end - at
        if size < head or at + size > end:
            continue
        if at + size + 8 <= end:
            spans.append((at + size, end))
        if kind in into:
            spans.append((at + head, at + size))
        else:
            yield kind, data[at + head : at + size]


def gif(data: bytes, max_frames: int) -> Gif:
    """Read a GIF's blocks.

    Args:
        data: The file.
        max_frames: Where counting may stop.

    Raises:
        CorruptInput: It ends before its first image or within one.
        LimitExceeded: It is cut into absurdly many blocks.
    """
    width, height, frames, blocks = _u16(data, 6), _u16(data, 8), 0, 0
    at = 13 + _table_bytes(data, 10)
    while at < len(data) and frames <= max_frames:
        introducer = data[at]
        if introducer == 0x21:
            at += 2
        elif introducer == 0x2C:
            frames += 1
            width = max(width, _u16(data, at + 1) + _u16(data, at + 5))
            height = max(height, _u16(data, at + 3) + _u16(data, at + 7))
            at += 11 + _table_bytes(data, at + 9)
        elif introducer == 0:
            at += 1
            continue
        else:
            break
        while at < len(data) and data[at]:
            at += data[at] + 1
            blocks += 1
            if blocks > MAX_GIF_BLOCKS:
                raise LimitExceeded(
                    f"The GIF is cut into more than {MAX_GIF_BLOCKS} blocks.", expected=f"at most {MAX_GIF_BLOCKS}"
                )
        if introducer == 0x2C and at >= len(data):
            raise CorruptInput("The GIF is cut short within an image.")
        at += 1
    if not frames:
        raise CorruptInput("The GIF ends before its first image.")
    return Gif(width, height, frames)


def webp_frames(data: bytes) -> int:
    """Return how many frames a sound WebP has."""
    at, frames = 12, 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        frames += data[at : at + 4] == b"ANMF"
        at += 8 + size + size % 2
    return max(frames, 1)


def with_webp_delays(data: bytes, delays: Sequence[int]) -> bytes:
    """Return a moving WebP that keeps each frame's delay: libvips writes 100 ms for those of up to 10.

    Players may do so, too, but what a file says should outlive a conversion. Frames that were merged add up.

    Args:
        data: The file as libvips wrote it.
        delays: Milliseconds of each frame it was given.
    """
    if all(delay > _HASTE for delay in delays):
        return data
    copy, at = bytearray(data), 12
    left = list(delays)
    while at + 8 <= len(data):
        if data[at : at + 4] == b"ANMF":
            written = int.from_bytes(data[at + 20 : at + 23], "little")
            total = 0
            while left and written > 0:
                written -= left[0] if left[0] > _HASTE else _CALM
                total += left.pop(0)
            copy[at + 20 : at + 23] = total.to_bytes(3, "little")
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return bytes(copy)


def icon(data: bytes) -> Icon:
    """Return the largest, then deepest, picture of an icon file.

    Raises:
        CorruptInput: Its directory is empty or points outside the file.
    """
    entries = [data[at : at + 16] for at in range(6, 6 + 16 * min(_u16(data, 4), 256), 16)]
    entries = [entry for entry in entries if len(entry) == 16]
    if not entries:
        raise CorruptInput("The icon has no pictures.")
    best = max(entries, key=lambda entry: ((entry[0] or 256) * (entry[1] or 256), _u16(entry, 6)))
    size, start = int.from_bytes(best[8:12], "little"), int.from_bytes(best[12:16], "little")
    body = data[start : start + size]
    if not size or len(body) < size:
        raise CorruptInput("The icon's directory points outside the file.")
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return Icon(body, True, len(entries))
    alone = b"\x00\x00\x01\x00\x01\x00" + best[:12] + (22).to_bytes(4, "little") + body
    sides = [abs(int.from_bytes(body[at : at + 4], "little", signed=True)) for at in (4, 8)]
    return Icon(alone, False, len(entries), sides[0], (sides[1] + 1) // 2)


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "little")


def _table_bytes(data: bytes, at: int) -> int:
    """Return the size of the colour table that the flags at a place announce."""
    flags = data[at] if at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
