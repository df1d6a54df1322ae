"""The pictures behind the first one of a JPEG file, and the index that says where they are (MPF).

After CIPA DC-007: previews, panoramas, stereo pairs, HDR gain maps. Offsets count from the index itself, so it has to
be written anew whenever anything before or between the pictures changes its length.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from mediamill.operations.tags import _edit
from mediamill.operations.tags._read import Entry, Tree, read

MARK = b"MPF\0"
MAX_PICTURES = 256
_COUNT, _ENTRIES = 0xB001, 0xB002
_THUMBNAILS = (0x010001, 0x010002)


class SegmentLike(Protocol):
    """A marker segment."""

    marker: int
    body: bytes

    def written(self) -> bytes:
        """Return its bytes."""


class Index(Struct, frozen=True):
    """The index.

    Attributes:
        segment: The segment it is in.
        tree: Its directory.
        entry: The list of pictures in it.
        base: Where offsets count from in the file.
    """

    segment: SegmentLike
    tree: Tree
    entry: Entry
    base: int


class Place(Struct, frozen=True):
    """Where one picture behind the first lies.

    Attributes:
        row: Its place in the list.
        start: Where it begins in the file.
        end: Where it ends.
        thumbnail: Whether it is a smaller one of the first.
    """

    row: int
    start: int
    end: int
    thumbnail: bool


def find(segments: Sequence[SegmentLike], data: bytes) -> Index | None:
    """Return the index of a file, None where it has none that can be read."""
    segment = next((one for one in segments if one.marker == 0xE2 and one.body.startswith(MARK)), None)
    if segment is None:
        return None
    tree = read(segment.body[len(MARK) :])
    entry = tree.find("IFD0", _ENTRIES)
    base = data.find(segment.body)
    if entry is None or entry.size % 16 or not 0 < entry.size <= 16 * MAX_PICTURES:
        return None
    return Index(segment, tree, entry, base + len(MARK))


def pictures(index: Index | None, data: bytes, end: int) -> list[Place]:
    """Return where the pictures behind the first are, in their order; those that overlap are left out."""
    if index is None:
        return []
    found = []
    layout, raw = index.tree.layout, index.tree.raw(index.entry)
    for row in range(1, len(raw) // 16):
        kind, size, offset = (layout.number(raw, 16 * row + at, 4) for at in (0, 4, 8))
        start = index.base + offset
        if offset and start >= end and start + size <= len(data) and data[start : start + 3] == b"\xff\xd8\xff":
            found.append(Place(row, start, start + size, kind & 0xFFFFFF in _THUMBNAILS))
    found.sort(key=lambda one: one.start)
    kept: list[Place] = []
    for one in found:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def written(index: Index, kept: Sequence[tuple[Place, bytes]], base: int, first: int) -> bytes:
    """Return the body of the index's segment for where the pictures are now.

    Args:
        index: The old one.
        kept: The pictures behind the first, with their bytes.
        base: Where offsets count from now.
        first: How long the first picture is.
    """
    tree, layout = index.tree, index.tree.layout
    raw = tree.raw(index.entry)
    rows = {0: raw[:4] + layout.bytes_of(first, 4) + bytes(4) + raw[12:16]}
    at = first
    for place, body in kept:
        row = raw[16 * place.row : 16 * place.row + 16]
        rows[place.row] = row[:4] + layout.bytes_of(len(body), 4) + layout.bytes_of(at - base, 4) + row[12:16]
        at += len(body)
    edits = {index.entry.at: b"".join(rows[row] for row in sorted(rows))}
    count = tree.find("IFD0", _COUNT)
    if count is not None and count.size == 4:
        edits[count.at] = layout.bytes_of(len(rows), 4)
    whole = _edit.rest(tree, lambda _directory, _entry: False)
    return MARK + _edit.erased(whole, edits, alone=False)
