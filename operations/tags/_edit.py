"""TIFF directories with entries taken out: in place, so that nothing else moves, or written anew without gaps.

A file's strips and a camera's maker note are found by offsets that only their own maker understands, so they have to
stay where they are: entries are struck from their tables and what they pointed to is overwritten with zeros. An EXIF
block without such a note is written anew and comes out as small as it can be.
"""

import bisect
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from mediamill.operations.tags import _tags as tags
from mediamill.operations.tags._read import SIZES, Directory, Entry, Layout, Tree, data_spans

Drop = Callable[[Directory, Entry], bool]
Spans = list[tuple[int, int]]
Edits = Mapping[int, bytes]
"""New values of entries, by where those lie; never longer than the old ones."""


class Rest(Struct, frozen=True):
    """What stays of a tree.

    Attributes:
        tree: All there was.
        kept: The entries that stay, by the index of their directory; a directory that is not here goes.
        spans: Where its strips, tiles and thumbnails lie, likewise.
        chain: The directory that followed each one in a chain.
    """

    tree: Tree
    kept: dict[int, tuple[Entry, ...]]
    spans: dict[int, Spans]
    chain: dict[int, int]

    @property
    def empty(self) -> bool:
        """Whether nothing stays."""
        return not any(self.kept.values())

    @property
    def movable(self) -> bool:
        """Whether all that stays can be moved: no maker note, no further pictures, one piece of data at most.

        Values that together are longer than the block overlap, as only a hostile one's do, and cannot be, either.
        """
        entries = [entry for entries in self.kept.values() for entry in entries]
        fixed = {tags.MAKER_NOTE, tags.SUB_IFDS, 0xC634, 0x0144}
        single = all(len(self.spans.get(index, ())) <= 1 for index in self.kept)
        fitting = sum(entry.size for entry in entries) <= len(self.tree.data)
        return not self.tree.layout.big and single and fitting and not fixed & {entry.tag for entry in entries}

    def next_of(self, index: int) -> int | None:
        """Return the directory that follows one in its chain, once those that go are left out."""
        following = self.chain.get(index)
        while following is not None and following not in self.kept:
            following = self.chain.get(following)
        return following


def rest(tree: Tree, drop: Drop) -> Rest:
    """Return what stays of a tree; offsets of directories stay where the directories do.

    Args:
        tree: The tree.
        drop: Whether an entry goes; is not asked about offsets of directories.
    """
    kept: dict[int, list[Entry]] = {}
    reached: dict[int, list[int]] = {}
    for index in range(len(tree.directories) - 1, -1, -1):
        directory = tree.directories[index]
        places = sorted(reached.get(index, ()))
        kept[index] = [
            entry
            for entry in directory.entries
            if (_leads(entry, places) if entry.tag in tags.POINTERS else not drop(directory, entry))
        ]
        if kept[index] and not directory.chained:
            reached.setdefault(directory.parent, []).append(directory.via)
    first = {index for index, one in enumerate(tree.directories) if one.parent < 0}
    alive = {index: tuple(entries) for index, entries in kept.items() if entries or index in first}
    chain = {one.parent: index for index, one in enumerate(tree.directories) if one.chained}
    return Rest(tree, dict(sorted(alive.items())), data_spans(tree), chain)


def _leads(entry: Entry, places: list[int]) -> bool:
    """Return whether an offset of a directory that stays is written in an entry."""
    first = bisect.bisect_left(places, entry.start)
    return first < len(places) and places[first] < entry.start + entry.size


def erased(rest: Rest, edits: Edits, *, alone: bool) -> bytes:
    """Return a tree's bytes with all that goes overwritten, and nothing moved.

    Args:
        rest: What stays.
        edits: New values.
        alone: Whether there is nothing in these bytes but the tree, so that all no entry names goes, too.
    """
    tree = rest.tree
    data, layout = tree.data, tree.layout
    keep: Spans = [(0, 16 if layout.big else 8)]
    gone: Spans = []
    for index, directory in enumerate(tree.directories):
        stays = {entry.at for entry in rest.kept.get(index, ())}
        gone.append((directory.at, min(directory.end, len(data))))
        for entry in directory.entries:
            if not _inside(entry, layout):
                (keep if entry.at in stays else gone).append((entry.start, entry.start + entry.size))
        (keep if index in rest.kept else gone).extend(rest.spans.get(index, ()))
    out = bytearray(len(data)) if alone else bytearray(data)
    for start, end in () if alone else _merged(gone):
        out[start:end] = bytes(end - start)
    for start, end in _merged(keep):
        out[start:end] = data[start:end]
    for index in rest.kept:
        _write_table(out, rest, index, edits)
    if alone:
        ends = [end for _, end in keep] + [_table_end(rest, index) for index in rest.kept]
        del out[max(ends) :]
    return bytes(out)


def _inside(entry: Entry, layout: Layout) -> bool:
    """Return whether an entry's values lie in the entry itself."""
    return entry.size <= layout.offset_size


def _merged(spans: Spans) -> Iterable[tuple[int, int]]:
    """Yield spans in order, those that touch as one, so that what overlaps is gone over once."""
    start = end = 0
    for one, other in sorted(spans):
        if one > end:
            yield start, end
            start, end = one, other
        end = max(end, other)
    yield start, end


def _table_end(rest: Rest, index: int) -> int:
    layout = rest.tree.layout
    count = len(rest.kept[index])
    return rest.tree.directories[index].at + layout.count_size + count * layout.entry_size + layout.offset_size


def _write_table(out: bytearray, rest: Rest, index: int, edits: Edits) -> None:
    """Write a directory's table with the entries that stay, where it was."""
    layout, at = rest.tree.layout, rest.tree.directories[index].at
    table = layout.bytes_of(len(rest.kept[index]), layout.count_size)
    for entry in rest.kept[index]:
        table += _edited(out, rest.tree, entry, edits)
    directory, following = rest.tree.directories[index], rest.next_of(index)
    # Some writers (piexif) leave out the offset of the next one where there never is any, and put values there.
    if directory.name.startswith("IFD") or len(rest.kept[index]) < len(directory.entries):
        table += layout.bytes_of(rest.tree.directories[following].at if following else 0, layout.offset_size)
    out[at : at + len(table)] = table


def _edited(out: bytearray, tree: Tree, entry: Entry, edits: Edits) -> bytes:
    """Return an entry's bytes; a new value is written in the place of the old one."""
    layout = tree.layout
    head = tree.data[entry.at : entry.at + layout.entry_size]
    value = edits.get(entry.at)
    if value is None:
        return head
    count = layout.bytes_of(len(value) // SIZES[entry.kind], layout.offset_size)
    if not _inside(entry, layout):
        out[entry.start : entry.start + entry.size] = value.ljust(entry.size, b"\0")
        if len(value) > layout.offset_size:
            return head[:4] + count + head[4 + layout.offset_size :]
        out[entry.start : entry.start + entry.size] = bytes(entry.size)
    return head[:4] + count + value.ljust(layout.offset_size, b"\0")


def compact(rest: Rest, edits: Edits) -> bytes:
    """Return what stays as a new block without gaps; only where it is movable."""
    tree, layout = rest.tree, rest.tree.layout
    places: dict[int, int] = {}
    at = 8
    for index, entries in rest.kept.items():
        places[index] = at
        at += 6 + 12 * len(entries)
    out = bytearray(tree.data[:2] + layout.bytes_of(42, 2) + layout.bytes_of(8, 4)).ljust(at, b"\0")
    by_via = {tree.directories[index].via: place for index, place in places.items()}
    for index, entries in rest.kept.items():
        table = layout.bytes_of(len(entries), 2)
        for entry in entries:
            value = edits.get(entry.at, tree.raw(entry))
            if entry.tag in tags.POINTERS:
                value = layout.bytes_of(by_via[entry.start], 4)
            elif entry.tag in tags.DATA and rest.spans.get(index):
                start, end = rest.spans[index][0]
                value = layout.bytes_of(_append(out, tree.data[start:end]), SIZES[entry.kind])
            count = layout.bytes_of(len(value) // SIZES[entry.kind], 4)
            field = value.ljust(4, b"\0") if len(value) <= 4 else layout.bytes_of(_append(out, value), 4)
            table += tree.data[entry.at : entry.at + 4] + count + field
        following = rest.next_of(index)
        table += layout.bytes_of(places[following] if following else 0, 4)
        out[places[index] : places[index] + len(table)] = table
    return bytes(out)


def _append(out: bytearray, value: bytes) -> int:
    """Put bytes at the next even place and return it."""
    out.extend(bytes(len(out) % 2))
    out.extend(value)
    return len(out) - len(value)


def edited(rest: Rest, edits: Edits) -> bytes:
    """Return an EXIF block with what stays, as small as that can be."""
    return compact(rest, edits) if rest.movable else erased(rest, edits, alone=True)
