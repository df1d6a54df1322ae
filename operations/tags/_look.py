"""Looking at metadata: every piece is noted and left as it is."""

from typing import Any

from mediamill.operations.tags import _iptc as iptc
from mediamill.operations.tags import _maker, _rules, _text, _xmp
from mediamill.operations.tags import _tags as tags
from mediamill.operations.tags._read import MAX_PROBLEMS, Directory, Entry, Tree, read
from mediamill.operations.tags._rules import Rules

MAX_ALL = 24_000
"""Characters of all tags together that a result says; its line has room for twice as many."""

MAX_LEAKS = 100
"""Names of what tells of a place that are remembered."""


class Look:
    """An `Editor` that changes nothing and remembers what it was shown."""

    def __init__(self) -> None:
        self.turned = False
        self.size = (0, 0)
        self.obeys_exif = True
        self.has_icc = self.has_xmp = self.has_iptc = False
        self.trees: list[Tree] = []
        self.leaks: dict[str, None] = {}
        self.problems: list[str] = []
        self._first: int | None = None
        self._is_tiff = False
        self._maker_note = False

    def header(self, width: int, height: int, *, obeys_exif: bool) -> None:
        """Remember the size."""
        self.size, self.obeys_exif = (width, height), obeys_exif

    def further(self) -> None:
        """Remember which trees are the first picture's."""
        self._first = len(self.trees)

    def profile(self) -> None:
        """Remember the profile."""
        self.has_icc = True

    def raw(self) -> None:
        """A camera's raw file is read as any other."""

    def damaged(self, message: str) -> None:
        """Remember the damage."""
        self.problem(message)

    def problem(self, message: str) -> None:
        """Remember what is wrong, up to MAX_PROBLEMS things."""
        if len(self.problems) < MAX_PROBLEMS and message not in self.problems:
            self.problems.append(message)

    def exif(self, block: bytes) -> bytes:
        """Read a block."""
        self._read(read(block))
        return block

    def tiff(self, tree: Tree) -> bytes:
        """Read a file's directories and what is inside of them."""
        self._is_tiff, left = True, 2 * len(tree.data)
        self._read(tree)
        for directory in tree.directories:
            for entry in directory.entries:
                left -= entry.size if entry.tag in (tags.XMP, tags.IPTC, tags.PHOTOSHOP) else 0
                if left < 0:
                    self.problem("TIFF: it says the same bytes are metadata many times")
                    return tree.data
                if entry.tag == tags.XMP:
                    self.xmp(tree.raw(entry))
                elif entry.tag == tags.IPTC:
                    self.iptc(tree.raw(entry))
                elif entry.tag == tags.PHOTOSHOP:
                    self.photoshop(tree.raw(entry))
                elif entry.tag == tags.ICC:
                    self.profile()
                elif directory.name != "GPS" and tags.group("IFD0", entry.tag) == "gps":
                    self._leak(f"GeoTIFF:{tags.name(directory.name, entry.tag)}", entry.tag != tags.GPS)
        return tree.data

    def xmp(self, packet: bytes, *, gain_map: bool = False) -> bytes:
        """Look through a packet for places."""
        self.has_xmp = True
        trimmed = _xmp.trimmed(packet)
        if not _xmp.is_sound(trimmed):
            self.problem("XMP: it is damaged")
            return packet
        for one in _xmp.properties(trimmed):
            self._leak(f"XMP:{one.name}", _rules.xmp_group(one) == "gps")
        return packet

    def photoshop(self, data: bytes) -> bytes:
        """Look through Photoshop's blocks."""
        blocks, sound = iptc.resources(data)
        if not sound:
            self.problem("Photoshop: its blocks are damaged")
        for block in blocks:
            if block.number == iptc.IIM:
                self.iptc(block.body)
            elif block.number in (iptc.EXIF, iptc.EXIF_3):
                self.exif(block.body)
            elif block.number == iptc.XMP:
                self.xmp(block.body)
        return data

    def iptc(self, data: bytes) -> bytes:
        """Look through datasets for places."""
        self.has_iptc = True
        found, sound = iptc.datasets(data)
        if not sound:
            self.problem("IPTC: its datasets are damaged")
        for one in found:
            self._leak(one.name, _rules.iptc_group(one) == "gps")
        return data

    def text(self, keyword: str, body: bytes) -> bool:
        """Look at a keyword."""
        self._leak(f"Text:{keyword}", _rules.text_group(keyword) == "gps")
        return True

    def other(self, name: str, body: bytes, group: str = "") -> bool:
        """Remember what cannot be read: it may hold a place."""
        self._leak(name, group == "gps" or (bool(body) and not group))
        return True

    @property
    def orientation(self) -> int:
        """The EXIF orientation the picture is shown with, 1..8."""
        found = next((tree for tree in self._own if tree.find("IFD0", tags.ORIENTATION)), None)
        return _text.orientation(found) if found is not None and self.obeys_exif else 1

    @property
    def _own(self) -> list[Tree]:
        """The trees of the picture that is shown."""
        return self.trees[: self._first]

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height in pixels as the picture is meant to be seen."""
        return self.size[::-1] if self.orientation >= 5 else self.size

    def facts(self) -> dict[str, Any]:
        """Return what was found, as a job says it."""
        found: dict[str, Any] = {}
        problems = [*self.problems]
        for tree in self._own:
            summary, wrong = _text.summary(tree)
            found = summary | found
            problems += [f"EXIF: {problem}" for problem in wrong]
        flags = {"has_xmp": self.has_xmp, "has_iptc": self.has_iptc, "has_icc": self.has_icc}
        found = {"has_exif": self._has_exif(), **found, **flags, "maker_note": self._maker_note}
        if self.leaks:
            found["gps_leaks"] = list(self.leaks)
        if problems:
            found["problems"] = problems[:MAX_PROBLEMS]
        return found

    def all_tags(self, rules: Rules) -> dict[str, Any]:
        """Return every tag by its standard name, but those that rules take out, as far as a result has room for them.

        Where several directories or blocks have a tag, the first one's value is said.
        """
        found: dict[str, Any] = {}
        room = MAX_ALL
        for tree in self._own:
            for directory, entry, name, value in _text.everything(tree):
                if name in found or rules.drop(self._group(directory, entry), (name,)):
                    continue
                room -= len(name) + len(str(value)) + 8
                if room < 0:
                    self.problem("EXIF: it has more tags than a result has room for")
                    return found
                found[name] = value
        return found

    def _group(self, directory: Directory, entry: Entry) -> tags.Group:
        plain = self._is_tiff and directory.name.startswith("IFD")
        return tags.group("IFD0" if plain else directory.name, entry.tag)

    def _has_exif(self) -> bool:
        if not self._is_tiff:
            return bool(self._own)
        return any(
            (directory.name not in ("IFD0", "SubIFD") and not directory.chained) or not tags.is_structure(entry.tag)
            for tree in self.trees
            for directory in tree.directories
            for entry in directory.entries
            if entry.tag not in (*tags.POINTERS, tags.XMP, tags.IPTC, tags.PHOTOSHOP)
        )

    def _read(self, tree: Tree) -> None:
        self.trees.append(tree)
        if self._first is not None:
            self._leak("MPImage:GPS", any(one.name == "GPS" and one.entries for one in tree.directories))
        for problem in tree.problems:
            self.problem(f"EXIF: {problem}")
        leaks = _maker.leaks(tree)
        if leaks is not None:
            self._maker_note = True
            for leak in leaks:
                self._leak(leak, True)

    def _leak(self, name: str, tells: bool) -> None:
        if tells and len(self.leaks) < MAX_LEAKS:
            self.leaks[name[:64]] = None
