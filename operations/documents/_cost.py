"""What a page asks of whoever shows it.

Twenty forms, each of which paints the next one twice, are a few hundred bytes and a million paintings; readers do them
all. A picture of a few kilobytes may be one of gigapixels, and a font one of gigabytes, which readers take into memory
whole. All of that is counted here without being done, so that such a page is not given to a reader at all.
"""

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from mediamill.operations.documents import _content, _filters
from mediamill.operations.documents._walk import malformed

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]

MAX_PAINTINGS = 300_000
"""Of forms, patterns and soft masks on one page: some seconds' worth."""

MAX_PIXELS = 1_000_000_000
"""Of pictures on one page, each as often as it is painted: some seconds' worth, too."""

_DEEPEST = 40
"""Levels of forms in forms up to which readers follow them."""

_MAX_BYTES = 64 << 20
"""Of content on one page: readers keep what is painted, in ten times as much memory or more."""

_MAX_PART = 64 << 20
"""Of a font, profile or table, decoded: readers hold them in memory, some of them several times."""

_MAX_NOTES = 16 << 20
"""Of a document's metadata: as a tree in memory they take eight times as much."""

_PAINTED = re.compile(rb"/([^\s/<>\[\](){}%]+)\s+(?:[-+.\d]+\s+)?(Do|scn|SCN|gs|sh|cs|CS|Tf)\b")
_KINDS = {
    b"Do": "/XObject", b"gs": "/ExtGState", b"sh": "/Shading", b"cs": "/ColorSpace", b"CS": "/ColorSpace",
    b"Tf": "/Font",
}  # fmt: skip
_ESCAPED = re.compile(r"#([0-9A-Fa-f]{2})")
_INLINE = re.compile(rb"\bBI\b(.{0,400}?)\bID\b", re.DOTALL)
_SIDES = tuple(re.compile(rb"/(?:%s)\s+\+?0*(\d{1,9})" % names) for names in (rb"W|Width", rb"H|Height"))
_PARTS = (
    "/FontDescriptor", "/DescendantFonts", "/FontFile", "/FontFile2", "/FontFile3", "/ToUnicode", "/Encoding",
    "/CIDToGIDMap", "/ColorSpace", "/Function", "/Functions",
)  # fmt: skip
_MOST_PARTS = 4096

_WAVELET = 16
"""What a pixel of JPEG 2000 counts for: all of a picture's are decoded at once, to 32 bits a component."""


def are_notes_heavy(pdf: "pikepdf.Pdf") -> bool:
    """Return whether a document's metadata are more than a reader may be given: some parse them when they open it."""
    import pikepdf

    packet = pdf.Root.get("/Metadata")
    return isinstance(packet, pikepdf.Stream) and _filters.exceeds(packet, _MAX_NOTES)


class _Content(Struct):
    """What one content stream paints.

    Attributes:
        forms: How often it paints which others.
        pixels: Of the pictures it paints itself.
    """

    forms: dict[Key, int] = field(default_factory=dict)
    pixels: int = 0


class Costs:
    """Counts what a document's pages paint; what several of them share is read once."""

    def __init__(self) -> None:
        self._contents: dict[Key, _Content] = {}
        self._paintings: dict[Key, int] = {}
        self._pixels: dict[Key, int] = {}
        self._bytes = 0
        self._weighed: set[Key] = set()
        self._is_heavy = False
        self._of_page: Any = None

    def too_much(self, page: "pikepdf.Page") -> bool:
        """Return whether a page paints more, or of more pixels, or needs larger fonts and tables than are allowed.

        What cannot be read is not followed, and counts by its length: readers may try to.
        """
        self._bytes = 0
        resources, notes = page.obj.get("/Resources"), page.obj.get("/Annots")
        self._of_page = resources
        direct, found = self._read(page.obj.get("/Contents"), resources, resources)
        for form in _appearances(notes):
            direct.forms[form.objgen] = direct.forms.get(form.objgen, 0) + 1
            found.append((form, resources))
        self._follow(found)
        if found or self._bytes >= _MAX_BYTES or self._is_heavy:
            return True
        if len(self._paintings) < len(self._contents):
            self._paintings = self._settled(dict.fromkeys(self._contents, 1), MAX_PAINTINGS)
            self._pixels = self._settled({key: one.pixels for key, one in self._contents.items()}, MAX_PIXELS)
        return (
            _sum(1, direct, self._paintings, MAX_PAINTINGS) > MAX_PAINTINGS
            or _sum(direct.pixels, direct, self._pixels, MAX_PIXELS) > MAX_PIXELS
        )

    def _settled(self, own: dict[Key, int], most: int) -> dict[Key, int]:
        """Count what each form paints, level by level: forms that lead back to themselves then come to an end, too."""
        counts = own
        for _ in range(_DEEPEST):
            more = {key: _sum(own[key], content, counts, most) for key, content in self._contents.items()}
            if more == counts:
                break
            counts = more
        return counts

    def _follow(self, found: list[tuple[Any, Any]]) -> None:
        while found and self._bytes < _MAX_BYTES:
            form, outer = found.pop()
            if form.objgen not in self._contents:
                inner = form.get("/Resources", outer)
                self._contents[form.objgen], more = self._read(form, inner, outer)
                found += more

    def _read(self, content: Any, resources: Any, outer: Any) -> tuple[_Content, list[tuple[Any, Any]]]:
        """Return what content paints, and the forms in it with the resources they may fall back on."""
        painted, forms = _Content(), dict[Key, tuple[Any, Any]]()
        try:
            data = _content.joined(content)
            self._bytes += len(data)
            painted.pixels = _inline_pixels(data)
            for (name, operator), times in Counter(match.groups() for match in _PAINTED.finditer(data)).items():
                thing = _named(name, operator, resources)
                if thing is None:  # readers then look among the page's
                    thing = _named(name, operator, self._of_page)
                inner, pixels = self._painted(thing, operator)
                painted.pixels += times * pixels
                own = thing.get("/Resources", resources) if operator == b"Tf" and inner else resources
                for form in inner:
                    painted.forms[form.objgen] = painted.forms.get(form.objgen, 0) + times
                    forms[form.objgen] = form, own or outer
        except malformed():
            self._bytes += _may_become(content)
            return _Content(), []
        return painted, list(forms.values())

    def _painted(self, thing: Any, operator: bytes) -> tuple[list[Any], int]:
        """Return the forms, patterns, groups or letters that a thing stands for, and a picture's pixels."""
        import pikepdf

        if operator in (b"Tf", b"sh", b"cs", b"CS"):
            self._weigh(thing)
            letters = thing.get("/CharProcs") if isinstance(thing, pikepdf.Dictionary) else None
            drawn = letters.values() if isinstance(letters, pikepdf.Dictionary) else []
            return [one for one in drawn if isinstance(one, pikepdf.Stream)], 0
        if isinstance(thing, pikepdf.Dictionary):
            self._weigh(thing.get("/Shading"))
            mask = thing.get("/SMask")
            thing = mask.get("/G") if isinstance(mask, pikepdf.Dictionary) else None
        if not isinstance(thing, pikepdf.Stream):
            return [], 0
        if thing.get("/Subtype") != pikepdf.Name.Image:
            return [thing], 0
        self._weigh(thing.get("/ColorSpace"))
        masks = (thing.get(key) for key in ("/SMask", "/Mask"))
        return [], _pixels(thing) + sum(_pixels(mask) for mask in masks if isinstance(mask, pikepdf.Stream))

    def _weigh(self, thing: Any) -> None:
        """Note whether a font, colour space or shading has a part that is too large."""
        import pikepdf

        left, steps = [thing], 0
        while left and steps < _MOST_PARTS and not self._is_heavy:
            one, steps = left.pop(), steps + 1
            if isinstance(one, pikepdf.Array):
                left += [
                    inner for inner in one if isinstance(inner, (pikepdf.Array, pikepdf.Dictionary, pikepdf.Stream))
                ]
            elif isinstance(one, (pikepdf.Dictionary, pikepdf.Stream)):
                if one.is_indirect and one.objgen in self._weighed:
                    continue
                self._weighed.add(one.objgen)
                self._is_heavy |= isinstance(one, pikepdf.Stream) and _filters.exceeds(one, _MAX_PART)
                left += [one[key] for key in _PARTS if key in one]


def _sum(own: int, content: _Content, counts: dict[Key, int], most: int) -> int:
    return min(most + 1, own + sum(times * counts.get(key, 0) for key, times in content.forms.items()))


def _pixels(picture: Any) -> int:
    """Return what a picture's pixels count for, 0 where they are not told."""
    sides: list[Any] = [picture.get("/Width"), picture.get("/Height")]
    if not all(isinstance(side, int) and side > 0 for side in sides):
        return 0
    last = [name for name, _ in _filters.chain(picture)][-1:]
    count: int = math.prod(sides)
    return count * (_WAVELET if last == [_filters.JPX] else 1)


def _inline_pixels(data: bytes) -> int:
    """Return how many pixels the pictures within content have."""
    found = 0
    for entries in _INLINE.findall(data):
        sides = [side.search(entries) for side in _SIDES]
        found += math.prod(int(side[1]) for side in sides if side is not None) if all(sides) else 0
    return found


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def _named(name: bytes, operator: bytes, resources: Any) -> Any:
    """Return what a name in content stands for, None where it is not known."""
    called = "/" + _ESCAPED.sub(_unescaped, name.decode("latin-1"))
    kind = _KINDS.get(operator, "/Pattern")
    return resources.get(kind, {}).get(called) if resources is not None else None


def _may_become(content: Any) -> int:
    """Return how many bytes content may stand for that cannot be decoded: it is damaged, or longer than is read."""
    import pikepdf

    streams = list(content) if isinstance(content, pikepdf.Array) else [content]
    reach = sum(_filters.most_bytes(one) for one in streams if isinstance(one, pikepdf.Stream))
    return reach if reach > _content.MAX_BYTES else 0


def _appearances(notes: Any) -> list[Any]:
    """Return what annotations look like."""
    import pikepdf

    found = list[Any]()
    for note in notes if isinstance(notes, pikepdf.Array) else []:
        looks = note.get("/AP") if isinstance(note, pikepdf.Dictionary) else None
        normal = looks.get("/N") if isinstance(looks, pikepdf.Dictionary) else None
        states = normal.values() if isinstance(normal, pikepdf.Dictionary) else [normal]
        found += [one for one in states if isinstance(one, pikepdf.Stream)]
    return found
