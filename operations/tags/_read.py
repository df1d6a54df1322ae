"""TIFF directories, which EXIF is made of, read so that no file can make it fail, hang or take much memory.

Written after TIFF 6.0, BigTIFF and EXIF 3.0. What is wrong with a file is noted and left out; all the rest is read.
Values stay where they are until they are asked for, and every place an entry names is checked to lie in the file.
"""

import itertools
import struct
import sys
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from mediamill.operations.tags import _tags as tags

MAX_DIRECTORIES = 2048
"""Directories that are read; a camera's file has five, a scanned book some hundreds."""

MAX_ENTRIES = 65_536
"""Entries that are read in all; a camera's file has a hundred."""

MAX_PROBLEMS = 20
MAX_VALUES = 4096
"""Values of one entry that are turned into numbers; longer ones are tables and stay bytes."""

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8,
         129: 1}  # fmt: skip
"""Bytes of one value, by the number of its type."""

_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
ASCII, UNDEFINED, SHORT, RATIONAL, SRATIONAL, UTF8 = 2, 7, 3, 5, 10, 129


class Entry(Struct, frozen=True):
    """One tag of a directory.

    Attributes:
        tag: Its number.
        kind: The type of its values, by TIFF's number.
        count: How many there are.
        at: Where the entry itself lies.
        start: Where its values lie.
        size: Their bytes.
    """

    tag: int
    kind: int
    count: int
    at: int
    start: int
    size: int


class Directory(Struct, frozen=True):
    """One directory.

    Attributes:
        name: What ExifTool calls it: IFD0, IFD1, ..., ExifIFD, GPS, InteropIFD, SubIFD.
        at: Where it lies.
        end: Where it ends, behind the offset of the next one.
        entries: Those that could be read.
        parent: Index of the directory that leads to it, -1 for none; in a chain the one before.
        chained: Whether it follows its parent in a chain, rather than being pointed to by a tag of it.
        via: Where the offset that leads here is written.
    """

    name: str
    at: int
    end: int
    entries: tuple[Entry, ...]
    parent: int
    chained: bool
    via: int

    def find(self, tag: int) -> Entry | None:
        """Return the first entry of a tag."""
        return next((entry for entry in self.entries if entry.tag == tag), None)


class Layout(Struct, frozen=True):
    """How numbers are written.

    Attributes:
        order: `<` or `>`, as for `struct`.
        big: Whether it is BigTIFF, with offsets of eight bytes.
    """

    order: str
    big: bool = False

    @property
    def count_size(self) -> int:
        """Bytes of the number of a directory's entries."""
        return 8 if self.big else 2

    @property
    def entry_size(self) -> int:
        """Bytes of an entry."""
        return 20 if self.big else 12

    @property
    def offset_size(self) -> int:
        """Bytes of an offset, and of values that lie in the entry itself."""
        return 8 if self.big else 4

    def number(self, data: bytes, at: int, size: int) -> int:
        """Return an unsigned number; 0 where the file ends before it."""
        return int.from_bytes(data[at : at + size], "little" if self.order == "<" else "big")

    def bytes_of(self, value: int, size: int) -> bytes:
        """Return the bytes of an unsigned number."""
        return value.to_bytes(size, "little" if self.order == "<" else "big")


class Tree(Struct, frozen=True):
    """All directories of a block or file.

    Attributes:
        data: The whole of it, from the byte order mark on.
        layout: How its numbers are written.
        directories: In the order they were reached.
        problems: What is wrong with it, each in a few words.
    """

    data: bytes
    layout: Layout
    directories: tuple[Directory, ...]
    problems: tuple[str, ...]

    def find(self, directory: str, tag: int) -> Entry | None:
        """Return the first entry of a tag in the directories of a name."""
        found = (one.find(tag) for one in self.directories if one.name == directory)
        return next((entry for entry in found if entry), None)

    def raw(self, entry: Entry, most: int = sys.maxsize) -> bytes:
        """Return the bytes of an entry's values, or the first of them."""
        return self.data[entry.start : entry.start + min(entry.size, most)]

    def values(self, entry: Entry) -> list[Any]:
        """Return an entry's numbers; fractions are pairs; empty for texts, bytes and what is longer than MAX_VALUES."""
        if entry.count > MAX_VALUES:
            return []
        order, raw = self.layout.order, self.raw(entry)
        if entry.kind in (RATIONAL, SRATIONAL):
            flat = struct.unpack(f"{order}{2 * entry.count}{'I' if entry.kind == RATIONAL else 'i'}", raw)
            return list(zip(flat[::2], flat[1::2], strict=True))
        code = _CODES.get(entry.kind)
        return [] if code is None else list(struct.unpack(f"{order}{entry.count}{code}", raw))

    def number(self, entry: Entry | None, default: int = 0) -> int:
        """Return an entry's first number where it is a whole one."""
        found = self.values(entry) if entry is not None and entry.count else []
        return found[0] if found and isinstance(found[0], int) else default


def layout_of(data: bytes) -> Layout | None:
    """Return how a block's header says that its numbers are written; None where it is no header."""
    for mark, order in ((b"II", "<"), (b"MM", ">")):
        if data[:2] == mark:
            layout = Layout(order)
            version = layout.number(data, 2, 2)
            return Layout(order, big=version == 43) if version in (42, 43) else None
    return None


def read(data: bytes) -> Tree:
    """Read the directories of a TIFF file or an EXIF block.

    Never raises, whatever the bytes are. Time and memory grow with MAX_ENTRIES, not with what the file claims.

    Args:
        data: It, from the byte order mark on.
    """
    layout = layout_of(data)
    if layout is None:
        order = Layout("<") if data[:2] == b"II" else Layout(">")
        if data[:2] not in (b"II", b"MM") or len(data) < 8:
            return Tree(data, order, (), ("it does not begin with a TIFF header",))
        found = _Reader(data, order, ["the version in the header is not 42"]).tree()
    else:
        found = _Reader(data, layout, []).tree()
    if found.layout.big or any(one.name == "IFD0" and one.entries for one in found.directories):
        return found
    other = Layout(">" if found.layout.order == "<" else "<")
    turned = _Reader(data, other, ["the byte order is not the one its header says"]).tree()
    first = next((one for one in turned.directories if one.name == "IFD0"), None)
    sensible = first is not None and any(entry.tag in tags.names("IFD0") for entry in first.entries)
    return turned if sensible else found


class _Reader:
    """One pass over one block."""

    def __init__(self, data: bytes, layout: Layout, problems: list[str]) -> None:
        self._data = data
        self._layout = layout
        self._problems = problems
        self._directories: list[Directory] = []
        self._seen: set[int] = set()
        self._left = MAX_ENTRIES

    def tree(self) -> Tree:
        """Read everything."""
        layout = self._layout
        via = 8 if layout.big else 4
        waiting = [("IFD0", -1, False, via)]
        while waiting:
            name, parent, chained, via = waiting.pop()
            if len(self._directories) >= MAX_DIRECTORIES or self._left <= 0:
                self._note("it has more directories or entries than are read")
                break
            at = layout.number(self._data, via, layout.offset_size)
            directory = self._directory(name, at, parent, chained, via)
            if directory is None:
                continue
            index = len(self._directories)
            self._directories.append(directory)
            waiting += self._next(directory, index)
            room = max(0, MAX_DIRECTORIES - len(waiting))
            waiting += reversed(list(itertools.islice(self._pointers(directory, index), room)))
        return Tree(self._data, layout, tuple(self._directories), tuple(self._problems))

    def _next(self, directory: Directory, index: int) -> Iterator[tuple[str, int, bool, int]]:
        if not directory.name.startswith("IFD"):
            return
        via = directory.end - self._layout.offset_size
        if via + self._layout.offset_size <= len(self._data) and self._layout.number(
            self._data, via, self._layout.offset_size
        ):
            yield f"IFD{int(directory.name[3:]) + 1}", index, True, via

    def _pointers(self, directory: Directory, index: int) -> Iterator[tuple[str, int, bool, int]]:
        for entry in directory.entries:
            name = tags.POINTERS.get(entry.tag)
            if name is None or directory.name == "GPS":
                continue
            width = SIZES[entry.kind]
            if entry.kind not in (4, 13, 16, 18):
                self._note(f"{tags.name(directory.name, entry.tag)} is no offset")
                continue
            count = entry.count if entry.tag == tags.SUB_IFDS else min(entry.count, 1)
            for place in range(entry.start, entry.start + min(count, MAX_DIRECTORIES) * width, width):
                yield name, index, False, place

    def _directory(self, name: str, at: int, parent: int, chained: bool, via: int) -> Directory | None:
        layout, data = self._layout, self._data
        if at in self._seen:
            self._note(f"{name} lies where another directory does: a loop")
            return None
        if at < 8 or at + layout.count_size > len(data):
            self._note(f"{name} lies outside of it")
            return None
        self._seen.add(at)
        claimed = layout.number(data, at, layout.count_size)
        first = at + layout.count_size
        fitting = (len(data) - first) // layout.entry_size
        if claimed > fitting:
            self._note(f"{name} says it has {claimed} entries, there is room for {fitting}")
        count = min(claimed, fitting, self._left)
        self._left -= count
        places = range(first, first + count * layout.entry_size, layout.entry_size)
        entries = tuple(entry for place in places if (entry := self._entry(name, place)) is not None)
        end = first + count * layout.entry_size + (layout.offset_size if claimed == count else 0)
        if claimed != count:  # there is no sound offset of a next directory
            end = len(data) + layout.offset_size
        return Directory(name, at, end, entries, parent, chained, via)

    def _entry(self, directory: str, at: int) -> Entry | None:
        layout, data = self._layout, self._data
        tag, kind = layout.number(data, at, 2), layout.number(data, at + 2, 2)
        count = layout.number(data, at + 4, layout.offset_size)
        width = SIZES.get(kind)
        if width is None:
            self._note(f"{tags.name(directory, tag)} is of an unknown type")
            return None
        size, start = count * width, at + 4 + layout.offset_size
        if size > layout.offset_size:
            start = layout.number(data, start, layout.offset_size)
        if start + size > len(data) or start < 0:
            self._note(f"{tags.name(directory, tag)} lies outside of it")
            return None
        return Entry(tag, kind, count, at, start, size)

    def _note(self, problem: str) -> None:
        if len(self._problems) < MAX_PROBLEMS and problem not in self._problems:
            self._problems.append(problem)


def data_spans(tree: Tree) -> dict[int, list[tuple[int, int]]]:
    """Return start and end of the strips, tiles and thumbnails by the index of the directory that names them.

    What does not lie in the file is left out. Tables that overlap, as only a hostile file has them, are read until
    together they are twice as long as the file.
    """
    found: dict[int, list[tuple[int, int]]] = {}
    left = 2 * len(tree.data)
    for index, directory in enumerate(tree.directories):
        for where, how_much in tags.DATA.items():
            starts, sizes = directory.find(where), directory.find(how_much)
            if starts is None or sizes is None or starts.size + sizes.size > left:
                continue
            left -= starts.size + sizes.size
            spans = zip(whole_numbers(tree, starts), whole_numbers(tree, sizes), strict=False)
            found.setdefault(index, []).extend(
                (start, start + size) for start, size in spans if start > 0 and start + size <= len(tree.data)
            )
    return found


def whole_numbers(tree: Tree, entry: Entry) -> list[int]:
    """Return all whole numbers of an entry, however many: a large picture has many strips."""
    code = _CODES.get(entry.kind)
    if code not in ("H", "I", "Q"):
        return []
    return list(struct.unpack(f"{tree.layout.order}{entry.count}{code}", tree.raw(entry)))
