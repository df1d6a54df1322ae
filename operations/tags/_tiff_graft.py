"""A TIFF file of one file's picture and another's metadata: the tags of both in one new directory."""

from mediamill.operations.tags import _tags as tags
from mediamill.operations.tags._read import SIZES, Entry, Layout, Tree, read

_COMPRESSION = 0x0103
_RESOLUTION = (0x011A, 0x011B, 0x0128)
_ELEMENT = {5: 4, 10: 4, 7: 1, 2: 1, 1: 1, 6: 1, 129: 1}


def compression(data: bytes) -> int:
    """Return how a TIFF's first picture is compressed, by TIFF's number."""
    tree = read(data)
    return tree.number(tree.find("IFD0", _COMPRESSION), 1)


def grafted(metadata: bytes, pixels: bytes, *, turned: bool = True) -> bytes:
    """Return one file's picture with the other's metadata.

    Args:
        metadata: A TIFF file; its tags that describe how the picture is stored are left out, but for its resolution
            and its colour profile.
        pixels: A TIFF file, not a BigTIFF. Further pictures in it stay behind the first.
        turned: Whether its picture is upright, so that no orientation stays; else its own does.
    """
    old, new = read(metadata), read(pixels)
    layout = new.layout
    out = bytearray(pixels)
    fields: dict[int, bytes] = {}
    for entry in new.directories[0].entries:
        fields[entry.tag] = pixels[entry.at : entry.at + 12]
    for entry in old.directories[0].entries:
        if entry.tag in (*_RESOLUTION, tags.ICC) or not tags.is_structure(entry.tag):
            fields[entry.tag] = _field(out, old, entry, layout, 0)
    if turned:
        fields.pop(tags.ORIENTATION, None)
    fields.pop(tags.SUB_IFDS, None)
    first = layout.number(pixels, 4, 4)
    behind = first + 2 + 12 * layout.number(pixels, first, 2)
    at = _directory(out, fields, pixels[behind : behind + 4])
    out[4:8] = layout.bytes_of(at, 4)
    return bytes(out)


def _field(out: bytearray, tree: Tree, entry: Entry, layout: Layout, depth: int) -> bytes:
    """Put an entry's values, with the directory they lead to, into the file and return the entry."""
    value, kind, count = _turned(tree, entry, layout), entry.kind, entry.count
    child = _child(tree, entry) if entry.tag in tags.POINTERS and depth < 3 else None
    if child is not None:
        inner = {one.tag: _field(out, tree, one, layout, depth + 1) for one in tree.directories[child].entries}
        value, kind, count = layout.bytes_of(_directory(out, inner), 4), 4, 1
    head = layout.bytes_of(entry.tag, 2) + layout.bytes_of(kind, 2) + layout.bytes_of(count, 4)
    if len(value) <= 4:
        return head + value.ljust(4, b"\0")
    return head + layout.bytes_of(_append(out, value), 4)


def _child(tree: Tree, entry: Entry) -> int | None:
    return next((at for at, one in enumerate(tree.directories) if not one.chained and one.via == entry.start), None)


def _turned(tree: Tree, entry: Entry, layout: Layout) -> bytes:
    """Return an entry's values in another byte order."""
    raw = tree.raw(entry)
    width = _ELEMENT.get(entry.kind, SIZES[entry.kind])
    if tree.layout.order == layout.order or width == 1:
        return raw
    return b"".join(raw[at : at + width][::-1] for at in range(0, len(raw), width))


def _directory(out: bytearray, fields: dict[int, bytes], following: bytes = bytes(4)) -> int:
    order = "little" if out[:2] == b"II" else "big"
    table = len(fields).to_bytes(2, order) + b"".join(fields[tag] for tag in sorted(fields)) + following  # type: ignore[arg-type]
    return _append(out, table)


def _append(out: bytearray, value: bytes) -> int:
    out.extend(bytes(len(out) % 2))
    out.extend(value)
    return len(out) - len(value)
