"""Taking metadata out: every piece is answered with what is left of it by a job's rules.

What a picture needs to be seen as it was stays whatever the rules say: its orientation, the mark of an Adobe RGB
picture without a profile, and how its HDR gain map is applied. What cannot be read goes, because nobody can vouch for
it; unless nothing is to go at all.
"""

from collections.abc import Callable

from mediamill.operations.tags import _iptc as iptc
from mediamill.operations.tags import _maker, _rules, _text, _xmp
from mediamill.operations.tags import _tags as tags
from mediamill.operations.tags._edit import edited, erased, rest
from mediamill.operations.tags._read import ASCII, Directory, Entry, Tree, read
from mediamill.operations.tags._rules import Rules
from mediamill.protocol.errors import CorruptInput, UnsupportedFormat

_MAKER_NOTES = (tags.MAKER_NOTE, 0xC634)
_SIZES = (0xA002, 0xA003)


class Cut:
    """An `Editor` that takes out what rules say.

    Args:
        rules: What goes.
        turned: Whether the picture's pixels are turned upright, and its tag is to say so.
    """

    def __init__(self, rules: Rules, *, turned: bool = False) -> None:
        self.rules = rules
        self.turned = turned
        self._obeys_exif = True
        self._removed: set[str] = set()

    @property
    def removed(self) -> list[str]:
        """The names of what went."""
        return sorted(self._removed)

    def header(self, width: int, height: int, *, obeys_exif: bool) -> None:
        """Remember whether the orientation matters."""
        self._obeys_exif = obeys_exif

    def further(self) -> None:
        """Further pictures are cut as the first one is."""

    def profile(self) -> None:
        """A profile stays."""

    def damaged(self, message: str) -> None:
        """Refuse to rewrite what is not whole."""
        raise CorruptInput(f"The picture is damaged or cut short: {message}.", field="input")

    def raw(self) -> None:
        """Refuse to take anything out of a camera's raw file, whose maker note is needed to develop it."""
        if not self.rules.nothing_goes or self.turned:
            raise UnsupportedFormat(
                "The file is a camera's raw file, which nothing can be taken out of without harm.",
                field="input",
                received="tiff",
                expected="a developed picture, or a DNG",
            )

    def problem(self, message: str) -> None:
        """What is wrong is said by whoever looks."""

    def exif(self, block: bytes) -> bytes | None:
        """Cut a block."""
        tree = read(block)
        if self.rules.nothing_goes and not self.turned:
            return block
        if not any(directory.entries for directory in tree.directories):
            return self._whole(block, "EXIF")
        left = rest(tree, self._drop(tree, file=False))
        if left.empty:
            return None
        return edited(left, self._upright(tree) if self.turned else {})

    def tiff(self, tree: Tree) -> bytes:
        """Cut a file, in place."""
        if self.rules.nothing_goes and not self.turned:
            return tree.data
        edits: dict[int, bytes] = {}
        gone: set[int] = set()
        left = 2 * len(tree.data)
        for directory in tree.directories:
            for entry in directory.entries:
                cut = _INSIDE.get(entry.tag)
                if cut is None or directory.name == "GPS":
                    continue
                left -= entry.size
                before = tree.raw(entry) if left >= 0 else b""
                after = cut(self, before) if left >= 0 else None
                if after is None:
                    gone.add(entry.at)
                elif after != before:
                    edits[entry.at] = after.ljust(-(-len(after) // 4) * 4, b"\0") if entry.kind == 4 else after
        drop = self._drop(tree, file=True)
        stays = rest(tree, lambda directory, entry: entry.at in gone or drop(directory, entry))
        return erased(stays, edits, alone=False)

    def xmp(self, packet: bytes, *, gain_map: bool = False) -> bytes | None:
        """Cut a packet."""
        if self.rules.nothing_goes and not self.turned:
            return packet
        if "ApplicationNotes" in self.rules.keep:
            return packet
        trimmed = _xmp.trimmed(packet)
        if not _xmp.is_sound(trimmed):
            return self._whole(packet, "XMP")

        def drop(one: _xmp.Property) -> bool:
            group = _rules.xmp_group(one)
            if _rules.is_gain_map(one):
                return not gain_map and self.rules.everything_goes and one.depth == 0
            if self.turned and one.prefix == "tiff" and one.name == "Orientation":
                return True
            if one.depth and (not group or self.rules.inverted or self.rules.everything_goes):
                return False
            return self.rules.drop(group, _rules.xmp_names(one))

        left, gone = _xmp.without(trimmed, drop)
        self._removed.update(gone)
        if not gone:
            return packet
        return left if any(one.prefix not in ("xml", *_xmp.FRAME) for one in _xmp.properties(left)) else None

    def photoshop(self, data: bytes) -> bytes | None:
        """Cut Photoshop's blocks."""
        if self.rules.nothing_goes:
            return data
        blocks, sound = iptc.resources(data)
        if not sound and not blocks:
            return self._whole(data, "Photoshop")
        left = []
        changed = not sound
        for block in blocks:
            body = self._resource(block)
            changed |= body != block.body
            if body is not None:
                left.append(iptc.Resource(block.number, block.head, body))
        if changed:  # the digest is of the IPTC data as it was
            left = [block for block in left if block.number != iptc.DIGEST]
        return b"".join(block.written() for block in left) or None

    def _resource(self, block: iptc.Resource) -> bytes | None:
        cut = {iptc.IIM: self.iptc, iptc.EXIF: self.exif, iptc.EXIF_3: self.exif, iptc.XMP: self.xmp}.get(block.number)
        if cut is not None:
            return cut(block.body)
        group = "thumbnail" if block.number in iptc.THUMBNAILS else ""
        if not self.rules.drop(group) and not (self.turned and group):
            return block.body
        self._removed.add("PhotoshopThumbnail" if group else "Photoshop")
        return None

    def iptc(self, data: bytes) -> bytes | None:
        """Cut datasets; those of the envelope stay as long as any other does."""
        if self.rules.nothing_goes or "IPTC-NAA" in self.rules.keep:
            return data
        found, sound = iptc.datasets(data)
        if not sound and not found:
            return self._whole(data, "IPTC")
        left, told = [], False
        for one in found:
            frame = one.record != 2 or one.number == 0
            if not frame and self.rules.drop(_rules.iptc_group(one), _rules.iptc_names(one)):
                self._removed.add(one.name)
                continue
            left.append(one.data)
            told |= not frame
        if len(left) == len(found) and sound:
            return data
        return b"".join(left) if told else None

    def text(self, keyword: str, body: bytes) -> bool:
        """Cut a comment."""
        if not self.rules.drop(_rules.text_group(keyword), _rules.text_names(keyword)):
            return True
        self._removed.add(f"Text:{keyword}" if keyword != "Comment" else keyword)
        return False

    def other(self, name: str, body: bytes, group: str = "") -> bool:
        """Cut what is no part of the picture; where the place is to go also what cannot be read, which may hold one."""
        place = self.rules.takes("gps") and bool(body) and not group
        if not self.rules.drop(group, (name,)) and not place and not (self.turned and group == "thumbnail"):
            return True
        self._removed.add(name)
        return False

    def _whole(self, data: bytes, name: str) -> bytes | None:
        """Answer for what cannot be read."""
        if self.rules.nothing_goes:
            return data
        self._removed.add(f"{name} (unreadable)")
        return None

    def _drop(self, tree: Tree, *, file: bool) -> Callable[[Directory, Entry], bool]:
        """Return what decides about a tree's entries, and notes the names of those that go."""
        leaks = bool(_maker.leaks(tree))
        adobe = _is_adobe_rgb(tree)
        shown = _text.orientation(tree) if self._obeys_exif else 1

        def goes(directory: Directory, entry: Entry) -> bool:
            name = tags.name(directory.name, entry.tag)
            page = file and directory.name.startswith(("IFD", "SubIFD"))
            if page and (tags.is_structure(entry.tag) or entry.tag in _INSIDE):
                return False
            group = tags.group("IFD0" if page else directory.name, entry.tag)
            if directory.name == "IFD0" and entry.tag == tags.ORIENTATION and shown > 1:
                return False
            if adobe and (directory.name, entry.tag) in _ADOBE_RGB:
                return False
            if entry.tag in _MAKER_NOTES and group == "camera" and leaks and self.rules.takes("gps"):
                return not self.rules.keep & {name}
            if self.turned and group == "thumbnail":
                return True
            return self.rules.drop(group, (name, "Thumbnail") if group == "thumbnail" else (name,))

        def noted(directory: Directory, entry: Entry) -> bool:
            gone = goes(directory, entry)
            if gone:
                thumbnail = directory.name == "IFD1" and not file
                self._removed.add("Thumbnail" if thumbnail else tags.name(directory.name, entry.tag))
            return gone

        return noted

    def _upright(self, tree: Tree) -> dict[int, bytes]:
        """Return the values that change once the pixels are turned."""
        layout, edits = tree.layout, {}
        shown = _text.orientation(tree)
        entry = tree.find("IFD0", tags.ORIENTATION)
        if entry is not None and entry.size:
            edits[entry.at] = layout.bytes_of(1, entry.size // entry.count) * entry.count
        width, height = (tree.find("ExifIFD", tag) for tag in _SIZES)
        if shown >= 5 and width is not None and height is not None and width.kind == height.kind:
            edits[width.at], edits[height.at] = tree.raw(height), tree.raw(width)
        return edits


_ADOBE_RGB = {("InteropIFD", 1), ("ExifIFD", tags.COLOUR_SPACE)}
_INSIDE: dict[int, Callable[[Cut, bytes], bytes | None]] = {
    tags.XMP: Cut.xmp,
    tags.IPTC: Cut.iptc,
    tags.PHOTOSHOP: Cut.photoshop,
}


def _is_adobe_rgb(tree: Tree) -> bool:
    """Return whether EXIF alone says that a picture is in Adobe RGB, as DCF does it."""
    entry = tree.find("InteropIFD", 1)
    return entry is not None and entry.kind == ASCII and tree.raw(entry).startswith(b"R03")
