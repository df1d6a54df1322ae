"""The index of a HEIF file: which items there are, where they lie, and the same without some of them.

After ISO/IEC 14496-12 (iloc, iinf, iref) and 23008-12 (ipma, ispe, irot).
"""

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

MAX_BOXES = 20_000
MAX_ITEMS, MAX_DEPTH = 65_536, 4

Moved = Callable[[int], int]
"""Where a place of the old file is in the new one."""


class Box(Struct, frozen=True):
    """One box.

    Attributes:
        kind: Its type.
        start: Where it begins.
        body: Where what it holds begins.
        end: Where it ends.
    """

    kind: bytes
    start: int
    body: int
    end: int


class Extent(Struct, frozen=True):
    """A piece of an item: its index field, and where it lies in the file or in the `idat` box."""

    index: int
    start: int
    size: int


class Place(Struct, frozen=True):
    """An item's entry in `iloc`: how its extents are to be understood, and they."""

    number: int
    method: int
    reference: int
    extents: tuple[Extent, ...]


class Item(Struct, frozen=True):
    """One item.

    Attributes:
        number: Its identity.
        kind: Its type, four letters.
        content_type: For `mime`.
        encoded: Whether it is compressed as a whole.
        spans: Where its bytes lie in the file, as far as that is known.
    """

    number: int
    kind: str
    content_type: str = ""
    encoded: bool = False
    spans: tuple[tuple[int, int], ...] = ()


class Index(Struct, frozen=True):
    """All items of a file.

    Attributes:
        box: The `meta` box.
        items: The items.
        places: Where they lie.
        sizes: Widths in bytes of the fields of `iloc`: offset, length, base offset, index.
        thumbnails: The items that are smaller pictures of others, and are made of nothing else.
        about: The items that are about others alone, such as their alpha, with those.
        size: Width and height of the first picture as it is shown, in pixels.
        has_profile: Whether there is a colour profile.
        whole: Whether all items lie in the file.
    """

    box: Box
    items: tuple[Item, ...]
    places: tuple[Place, ...]
    sizes: tuple[int, int, int, int]
    thumbnails: frozenset[int]
    about: dict[int, frozenset[int]]
    size: tuple[int, int] | None
    has_profile: bool
    whole: bool

    def with_dependents(self, gone: set[int]) -> set[int]:
        """Return some items with those that are about nothing else, such as the alpha of a small picture."""
        found = set(gone)
        for _ in range(MAX_DEPTH):
            found |= {one for one, others in self.about.items() if others and others <= found}
        return found

    def inside(self, at: int) -> bool:
        """Return whether a place is in the index itself."""
        return self.box.start <= at < self.box.end


def boxes(data: bytes, at: int, end: int) -> Iterator[Box]:
    """Yield the boxes between two places; one that reaches too far ends with them."""
    for _ in range(MAX_BOXES):
        if at + 8 > end:
            return
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        size = size or end - at
        if size < head:
            return
        yield Box(kind, at, at + head, at + size)
        at += size


def made(kind: bytes, body: bytes) -> bytes:
    """Return a box's bytes."""
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def read(data: bytes, box: Box) -> Index | None:
    """Read an index; None where it has no pictures or its boxes do not lie in the file."""
    if box.end > len(data):
        return None
    inner = {one.kind: one for one in boxes(data, box.body + 4, box.end) if one.end <= box.end}
    if not {b"iinf", b"iloc", b"pitm"} <= inner.keys():
        return None
    idat = inner.get(b"idat")
    places, sizes = _places(data, inner[b"iloc"])
    whole = True
    spans: dict[int, tuple[tuple[int, int], ...]] = {}
    for place in places:
        base = 0 if place.method == 0 else idat.body if place.method == 1 and idat is not None else None
        if base is None or place.reference:
            continue
        found = [(base + one.start, base + one.start + one.size) for one in place.extents]
        limit = idat.end if place.method == 1 and idat is not None else len(data)
        whole &= all(end <= limit for _, end in found)
        spans[place.number] = tuple(span for span in found if span[1] <= limit)
    listed = tuple(
        Item(number, kind, content, encoded, spans.get(number, ()))
        for number, kind, content, encoded in _entries(data, inner[b"iinf"])
    )
    references = list(_references(data, inner[b"iref"])) if b"iref" in inner else []
    derived = {source for kind, source, _ in references if kind == b"dimg"}
    thumbnails = frozenset(source for kind, source, _ in references if kind == b"thmb") - derived
    about = {source: frozenset(targets) for kind, source, targets in references if kind in (b"auxl", b"cdsc", b"thmb")}
    size = _size(data, inner, _number(data, inner[b"pitm"]))
    profile = data.find(b"colrprof", box.start, box.end) >= 0 or data.find(b"colrrICC", box.start, box.end) >= 0
    return Index(box, listed, places, sizes, thumbnails, about, size, profile, whole)


def _u(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")


def _number(data: bytes, pitm: Box) -> int:
    return _u(data, pitm.body + 4, 2 if _u(data, pitm.body, 1) == 0 else 4)


def _places(data: bytes, box: Box) -> tuple[tuple[Place, ...], tuple[int, int, int, int]]:
    version, at = _u(data, box.body, 1), box.body + 4
    widths = _u(data, at, 2)
    sizes = (widths >> 12, widths >> 8 & 15, widths >> 4 & 15, widths & 15 if version else 0)
    wide = 4 if version == 2 else 2
    count, at = _u(data, at + 2, wide), at + 2 + wide
    found: list[Place] = []
    while len(found) < min(count, MAX_ITEMS) and at < box.end:
        number, at = _u(data, at, wide), at + wide
        method = _u(data, at, 2) & 15 if version else 0
        at += 2 if version else 0
        reference, base = _u(data, at, 2), _u(data, at + 2, sizes[2])
        at += 2 + sizes[2]
        extents, at = [], at + 2
        for _ in range(_u(data, at - 2, 2)):
            if at > box.end:
                break
            index, start = _u(data, at, sizes[3]), _u(data, at + sizes[3], sizes[0])
            extents.append(Extent(index, base + start, _u(data, at + sizes[3] + sizes[0], sizes[1])))
            at += sizes[3] + sizes[0] + sizes[1]
        found.append(Place(number, method, reference, tuple(extents)))
    return tuple(found), sizes


def _entry_boxes(data: bytes, iinf: Box) -> Iterator[Box]:
    head = 2 if _u(data, iinf.body, 1) == 0 else 4
    return (one for one in boxes(data, iinf.body + 4 + head, iinf.end) if one.kind == b"infe" and one.end <= iinf.end)


def _entry_number(data: bytes, infe: Box) -> int:
    return _u(data, infe.body + 4, 4 if _u(data, infe.body, 1) == 3 else 2)


def _entries(data: bytes, iinf: Box) -> Iterator[tuple[int, str, str, bool]]:
    for one in _entry_boxes(data, iinf):
        if _u(data, one.body, 1) < 2:
            continue
        at = one.body + (10 if _u(data, one.body, 1) == 3 else 8)
        kind = data[at : at + 4].decode("latin-1")
        texts = data[at + 4 : one.end].split(b"\0")
        content = texts[1].decode("latin-1") if kind in ("mime", "uri ") and len(texts) > 1 else ""
        yield _entry_number(data, one), kind, content, kind == "mime" and len(texts) > 2 and bool(texts[2])


def _references(data: bytes, iref: Box) -> Iterator[tuple[bytes, int, tuple[int, ...]]]:
    wide = 4 if _u(data, iref.body, 1) else 2
    for one in boxes(data, iref.body + 4, iref.end):
        count = _u(data, one.body + wide, 2)
        first = one.body + wide + 2
        targets = tuple(_u(data, at, wide) for at in range(first, min(one.end, first + count * wide), wide))
        yield one.kind, _u(data, one.body, wide), targets


def _associations(data: bytes, ipma: Box) -> Iterator[tuple[int, int, int, list[int]]]:
    """Yield each item of `ipma` with where its entry begins and ends, and the properties it has."""
    number, each = 4 if _u(data, ipma.body, 1) else 2, 2 if _u(data, ipma.body + 3, 1) & 1 else 1
    at = ipma.body + 8
    for _ in range(min(_u(data, ipma.body + 4, 4), MAX_ITEMS)):
        count = _u(data, at + number, 1)
        end = at + number + 1 + count * each
        if end > ipma.end:
            return
        mask = 0x7FFF if each == 2 else 0x7F
        yield _u(data, at, number), at, end, [_u(data, end - each * left, each) & mask for left in range(count, 0, -1)]
        at = end


def _size(data: bytes, inner: dict[bytes, Box], number: int) -> tuple[int, int] | None:
    if b"iprp" not in inner:
        return None
    properties = list(boxes(data, inner[b"iprp"].body, inner[b"iprp"].end))
    ipco = next((one for one in properties if one.kind == b"ipco"), None)
    known = list(boxes(data, ipco.body, ipco.end)) if ipco is not None else []
    size, turned = None, False
    for one in properties:
        for item, _, _, used in _associations(data, one) if one.kind == b"ipma" else ():
            for each in used if item == number else ():
                found = known[each - 1] if 0 < each <= len(known) else None
                if found is not None and found.kind == b"ispe":
                    size = (_u(data, found.body + 4, 4), _u(data, found.body + 8, 4))
                turned ^= found is not None and found.kind == b"irot" and bool(_u(data, found.body, 1) & 1)
    return size[::-1] if size is not None and turned else size


def written(data: bytes, index: Index, gone: set[int], sizes: Mapping[int, int], moved: Moved) -> bytes:
    """Return the index without some items, with all places as they are in the new file.

    Its length depends on what goes alone, not on where anything moves to.

    Args:
        data: The file.
        index: Its index.
        gone: The items that go.
        sizes: The new sizes of items that became shorter.
        moved: Where a place is in the new file.
    """
    parts = [data[index.box.body : index.box.body + 4]]
    for one in boxes(data, index.box.body + 4, index.box.end):
        body = data[one.body : one.end]
        if one.kind == b"iloc":
            body = _written_places(data, one, index, gone, sizes, moved)
        elif one.kind == b"iinf":
            body = _written_entries(data, one, gone)
        elif one.kind == b"iref":
            body = _written_references(data, one, gone)
        elif one.kind == b"iprp":
            body = b"".join(
                made(b"ipma", _written_associations(data, each, gone))
                if each.kind == b"ipma"
                else data[each.start : each.end]
                for each in boxes(data, one.body, one.end)
            )
        elif one.kind == b"idat":
            body = _blanked(data, one, index, gone)
        if body or one.kind != b"iref":
            parts.append(made(one.kind, body))
    return made(b"meta", b"".join(parts))


def _written_places(
    data: bytes, box: Box, index: Index, gone: set[int], sizes: Mapping[int, int], moved: Moved
) -> bytes:
    version = _u(data, box.body, 1)
    wide = 4 if version == 2 else 2
    offset, length, base, number = index.sizes
    kept = [place for place in index.places if place.number not in gone]
    out = data[box.body : box.body + 6] + len(kept).to_bytes(wide, "big")
    for place in kept:
        out += place.number.to_bytes(wide, "big")
        out += place.method.to_bytes(2, "big") if version else b""
        starts = [moved(one.start) if place.method == 0 and not place.reference else one.start for one in place.extents]
        # With a width for offsets all of a place stands in them; else in the base, and there is one extent.
        out += place.reference.to_bytes(2, "big") + (0 if offset or not starts else starts[0]).to_bytes(base, "big")
        out += len(starts).to_bytes(2, "big")
        for one, start in zip(place.extents, starts, strict=True):
            out += one.index.to_bytes(number, "big")
            out += start.to_bytes(offset, "big") if offset else b""
            out += sizes.get(place.number, one.size).to_bytes(length, "big")
    return out


def _written_entries(data: bytes, box: Box, gone: set[int]) -> bytes:
    kept = [data[one.start : one.end] for one in _entry_boxes(data, box) if _entry_number(data, one) not in gone]
    return (
        data[box.body : box.body + 4]
        + len(kept).to_bytes(2 if _u(data, box.body, 1) == 0 else 4, "big")
        + b"".join(kept)
    )


def _written_references(data: bytes, box: Box, gone: set[int]) -> bytes:
    wide = 4 if _u(data, box.body, 1) else 2
    out = b""
    for kind, source, targets in _references(data, box):
        left = [target for target in targets if target not in gone]
        if source not in gone and left:
            body = source.to_bytes(wide, "big") + len(left).to_bytes(2, "big")
            out += made(kind, body + b"".join(target.to_bytes(wide, "big") for target in left))
    return data[box.body : box.body + 4] + out if out else b""


def _written_associations(data: bytes, box: Box, gone: set[int]) -> bytes:
    kept = [data[at:end] for number, at, end, _ in _associations(data, box) if number not in gone]
    return data[box.body : box.body + 4] + len(kept).to_bytes(4, "big") + b"".join(kept)


def _blanked(data: bytes, box: Box, index: Index, gone: set[int]) -> bytes:
    out = bytearray(data[box.body : box.end])
    for item in index.items:
        for start, end in item.spans if item.number in gone else ():
            if box.body <= start and end <= box.end:
                out[start - box.body : end - box.body] = bytes(end - start)
    return bytes(out)
