"""GIFs packed as tightly as their format allows: frames store what changed alone, in as few bits as their colours take.

Every frame is given as it is seen. Of each, the smallest rectangle that holds all changes is stored; pixels in it that
stay may be left to show through, which makes long runs, or be said again, which may continue patterns: both are tried,
as are the colours of the whole file and those of the frame alone. After GIF89a, its LZW with variable code sizes.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from mediamill.operations.images._source import Source

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Frame = npt.NDArray[np.uint32]
    """Height x width colours, the bytes of each in the order R, G, B, A; 0 where nothing is."""

MAX_PIXELS = 30_000_000
"""Pixels of all frames up to which packing is worth its time."""

_MAX_CODES = 4096
_BOTH_WAYS = 1_000_000
"""Pixels of a patch up to which the dictionary is tried both ways: begun anew when it is full, and kept."""

_KEEP, _CLEAR = 1, 2


class Container(Struct, frozen=True):
    """What a GIF says beside its pixels.

    Attributes:
        width: Of the screen, in pixels.
        height: Likewise.
        aspect: The byte for the shape of pixels.
        loops: The block that says how often it runs, as it is; empty where there is none.
        delays: Hundredths of a second, one of each frame.
    """

    width: int
    height: int
    aspect: int
    loops: bytes
    delays: tuple[int, ...]


class _Patch(Struct, frozen=True):
    """What one frame stores.

    Attributes:
        left: Where it lies.
        top: Likewise.
        seen: Its pixels as they are to be seen.
        stays: Where that is what is there already.
        disposal: What becomes of it when its time is over.
    """

    left: int
    top: int
    seen: "Frame"
    stays: "npt.NDArray[np.bool_]"
    disposal: int


def frames_of(source: Source) -> list["Frame"]:
    """Return every frame of a GIF as it is seen."""
    import numpy as np

    strip = source.load(frames=source.facts.animated)
    if strip.bands < 3:
        strip = strip.colourspace("srgb")
    if not strip.hasalpha():
        strip = strip.addalpha()
    found = np.frombuffer(strip.write_to_memory(), np.uint8).reshape(-1, source.facts.height, source.facts.width, 4)
    colours = np.ascontiguousarray(found).view(np.uint32)[..., 0]
    return list(np.where(found[..., 3] == 0, np.uint32(0), colours))


def read_container(data: bytes) -> Container:
    """Read a sound GIF's blocks."""
    at = 13 + _table_bytes(data, 10)
    loops, delays, delay = b"", list[int](), 0
    while at < len(data) and data[at] != 0x3B:
        kind, begin = data[at], at
        if kind == 0x2C:
            delays.append(delay)
            delay = 0
            at = _blocks_end(data, at + 11 + _table_bytes(data, at + 9))
        elif kind == 0x21:
            at = _blocks_end(data, at + 2)
            if data[begin + 1] == 0xF9:
                delay = int.from_bytes(data[begin + 4 : begin + 6], "little")
            elif data[begin + 1] == 0xFF and data[begin + 3 : begin + 14] in (b"NETSCAPE2.0", b"ANIMEXTS1.0"):
                loops = data[begin:at]
        else:
            at += 1
    width, height = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    return Container(width, height, data[12], loops, tuple(delays))


def pack(frames: Sequence["Frame"], container: Container, check: Callable[[], None]) -> bytes | None:
    """Write frames as a GIF.

    Args:
        frames: As they are seen, each of the screen's size, as many as delays.
        container: What is said beside them.
        check: Is called between frames.

    Returns:
        The file; None where a frame changes in more colours than a GIF can have.
    """
    import numpy as np

    colours = np.unique(np.concatenate([np.unique(frame) for frame in frames]))
    colours = colours[colours != 0]
    table = colours if colours.size < 256 else colours[:0]
    parts = [b"GIF89a", container.width.to_bytes(2, "little"), container.height.to_bytes(2, "little")]
    shared = table.size + 1 if table.size else 0
    parts += [bytes((0x70 | _flags(shared), 0, container.aspect)), _table(table, shared), container.loops]
    for patch, delay in zip(_patches(frames), container.delays, strict=True):
        check()
        coded = _coded(patch, table)
        if coded is None:
            return None
        transparent, image = coded
        if len(frames) > 1 or delay or transparent is not None:
            flags = patch.disposal << 2 | (transparent is not None)
            parts.append(b"!\xf9\x04" + bytes((flags,)) + delay.to_bytes(2, "little") + bytes((transparent or 0, 0)))
        parts.append(image)
    return b"".join([*parts, b";"])


def _patches(frames: Sequence["Frame"]) -> list[_Patch]:
    """Return what each frame stores; what the next one shows nothing of is cleared by the one before."""
    import numpy as np

    found = []
    there = np.zeros_like(frames[0])
    for index, frame in enumerate(frames):
        changed = frame != there
        follower = frames[index + 1] if index + 1 < len(frames) else frame
        vanishing = (frame != 0) & (follower == 0)
        disposal = _CLEAR if vanishing.any() else _KEEP
        rows, columns = _box(changed | vanishing if index else np.ones_like(changed))
        found.append(_Patch(columns.start, rows.start, frame[rows, columns], ~changed[rows, columns], disposal))
        there = frame.copy()
        if disposal == _CLEAR:
            there[rows, columns] = 0
    return found


def _box(mask: "npt.NDArray[np.bool_]") -> tuple[slice, slice]:
    """Return the smallest rectangle that holds all that is set, at least one pixel."""
    import numpy as np

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return slice(0, 1), slice(0, 1)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _coded(patch: _Patch, table: "Frame") -> tuple[int | None, bytes] | None:
    """Return a patch's smallest image block, and the index that shows through; None where it has too many colours."""
    import numpy as np

    through = np.where(patch.stays, np.uint32(0), patch.seen)
    variants = [through] if np.array_equal(through, patch.seen) else [through, patch.seen]
    best: tuple[int | None, bytes] | None = None
    for pixels in variants:
        own = np.unique(pixels)
        own = own[own != 0]
        shows = bool((pixels == 0).any())
        if own.size + shows > 256:
            continue
        tables = [table] if table.size else []
        if not table.size or (own.size and _bits(own.size + shows) < _bits(table.size + 1)):
            tables.append(own)
        for one in tables:
            made = _image(patch, pixels, one, one.size + (shows or one is table), local=one is own)
            if best is None or len(made) < len(best[1]):
                best = (one.size if shows else None), made
    return best


def _image(patch: _Patch, pixels: "Frame", table: "Frame", entries: int, *, local: bool) -> bytes:
    """Return an image descriptor with its data; the index behind the table's colours shows what is there."""
    import numpy as np

    indices = np.where(pixels == 0, table.size, np.searchsorted(table, pixels)).astype(np.uint8).tobytes()
    bits = max(2, _bits(entries))
    coded = _lzw(indices, bits, keep=False)
    if pixels.size <= _BOTH_WAYS:
        coded = min(coded, _lzw(indices, bits, keep=True), key=len)
    place = b"".join(value.to_bytes(2, "little") for value in (patch.left, patch.top, pixels.shape[1], pixels.shape[0]))
    own = bytes((_flags(entries),)) + _table(table, entries) if local else b"\0"
    head = b"," + place + own + bytes((bits,))
    blocks = (bytes((len(coded[at : at + 255]),)) + coded[at : at + 255] for at in range(0, len(coded), 255))
    return head + b"".join(blocks) + b"\0"


def _lzw(indices: bytes, bits: int, *, keep: bool) -> bytes:
    """Compress.

    Args:
        indices: One byte a pixel.
        bits: Of an index.
        keep: Whether a full dictionary is kept to the end, or begun anew.
    """
    clear = 1 << bits
    codes: dict[int, int] = {}
    free, width = clear + 2, bits + 1
    out = bytearray()
    held, filled = clear, width
    prefix = indices[0]
    for index in memoryview(indices)[1:]:
        pair = prefix << 8 | index
        code = codes.get(pair)
        if code is not None:
            prefix = code
            continue
        held |= prefix << filled
        filled += width
        if free < _MAX_CODES:
            codes[pair] = free
            if free == 1 << width:
                width += 1
            free += 1
        elif not keep:
            held |= clear << filled
            filled += width
            codes.clear()
            free, width = clear + 2, bits + 1
        if filled >= 64:
            out += (held & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "little")
            held >>= 64
            filled -= 64
        prefix = index
    held |= prefix << filled
    filled += width
    if free == 1 << width and width < 12:  # the reader has one more entry by now
        width += 1
    held |= (clear + 1) << filled
    filled += width
    return bytes(out) + held.to_bytes((filled + 7) // 8, "little")


def _bits(colours: int) -> int:
    return max(1, (colours - 1).bit_length())


def _flags(entries: int) -> int:
    """Return the flags that announce a table of so many entries; 0 for none."""
    return 0x80 | (_bits(entries) - 1) if entries else 0


def _table(colours: "Frame", entries: int) -> bytes:
    """Return a table of colours, filled up to the power of two its flags announce."""
    import numpy as np

    if not entries:
        return b""
    found = np.ascontiguousarray(colours).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return found.ljust(3 << _bits(entries), b"\0")


def _table_bytes(data: bytes, at: int) -> int:
    """Return the size of the colour table that the flags at a place announce."""
    flags = data[at] if at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _blocks_end(data: bytes, at: int) -> int:
    """Return where a chain of data blocks ends."""
    while at < len(data) and data[at]:
        at += data[at] + 1
    return min(at + 1, len(data))
