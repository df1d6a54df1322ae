"""What paints what in a document, and how large: pages first, then the forms and patterns they paint, in that order."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.documents._content import Unreadable
from mediamill.operations.documents._walk import malformed

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]

_DEEPEST = 24
_PAINTED = ("/XObject", "/Pattern")
"""Where resources have what may be painted, and paint itself."""


class Names(Struct, frozen=True):
    """What the names in a stream's resources stand for.

    Attributes:
        forms: Those that are forms.
        patterns: Those that are patterns with a content.
    """

    forms: dict[bytes, Any]
    patterns: dict[bytes, Any]


class Part(Struct):
    """A content stream.

    Attributes:
        streams: It, or the several ones a page has instead.
        page: The first page that shows it, counted from 0.
        holder: That page where the content is its own and no other's.
        names: What its names mean, None where that is not known.
        scale: How large a unit of it is painted at most, in points; 0 where that is not known.
    """

    streams: list[Any]
    page: int | None = None
    holder: Any = None
    names: Names | None = None
    scale: float = 0.0

    @property
    def keys(self) -> list[Key]:
        """Return the objects its streams are."""
        return [stream.objgen for stream in self.streams]


class Scene:
    """All content streams of a document.

    Attributes:
        pages: What stands on its pages.
        forms: What is painted by them, each behind all that paint it.
    """

    def __init__(self, pdf: "pikepdf.Pdf", *, followed: bool) -> None:
        """Find them.

        Args:
            pdf: The document.
            followed: Whether what paints what is to be found out; without, there are only the pages.
        """
        self.pages: list[Part] = []
        self.forms: list[Part] = []
        self._nodes: dict[Key, Part] = {}
        self._names: dict[Key, Names] = {}
        self._lost: set[Key] = set()  # painted where it is not known how large
        self._open: set[Key] = set()
        self._find_pages(pdf, followed)
        if followed:
            for page in pdf.pages:
                for note in page.obj.get("/Annots", []):
                    self._lose_appearances(note, page.obj.get("/Resources", {}))
            for part in self.pages:
                if part.names is not None:
                    self._find_forms(part.names, part.page, 0)
            self.forms.reverse()

    def _find_pages(self, pdf: "pikepdf.Pdf", followed: bool) -> None:
        contents = [_streams(page.obj.get("/Contents")) for page in pdf.pages]
        uses = Counter(stream.objgen for streams in contents for stream in streams)
        for number, (page, streams) in enumerate(zip(pdf.pages, contents, strict=True)):
            resources = page.obj.get("/Resources")
            names = self._named(resources) if followed and resources is not None else None
            if streams and all(uses[stream.objgen] == 1 for stream in streams):
                unit = float(page.obj.get("/UserUnit", 1)) if followed else 0.0
                self.pages.append(Part(streams, number, page.obj, names, unit))
                continue
            self.pages += [Part([stream], number, names=names) for stream in streams]

    def painted(self, part: Part, sizes: dict[bytes, float] | None) -> None:
        """Tell how large what a stream paints is.

        Args:
            part: The stream.
            sizes: How large a unit is where something is painted, by its name; None where that could not be followed.
        """
        if part.names is None:
            return
        for name, form in part.names.forms.items():
            if sizes is None:
                self._lost.add(form.objgen)
            elif name in sizes:
                self._grow(form, sizes[name])
        for pattern in part.names.patterns.values():
            if sizes is None:
                self._lost.add(pattern.objgen)
            else:
                self._grow(pattern, part.scale)

    def is_followed(self, part: Part) -> bool:
        """Return whether it is known how large a stream is painted, wherever it is."""
        return part.scale > 0 and part.names is not None and not any(key in self._lost for key in part.keys)

    def _grow(self, form: Any, size: float) -> None:
        node = self._nodes[form.objgen]
        try:
            a, b, c, d, *_ = (float(value) for value in form.get("/Matrix", (1, 0, 0, 1, 0, 0)))
        except malformed():
            self._lost.add(form.objgen)
            return
        node.scale = max(node.scale, size * max(math.hypot(a, b), math.hypot(c, d)))

    def _lose_appearances(self, note: Any, resources: Any) -> None:
        import pikepdf

        for kind in note.get("/AP", {}).values():
            for form in [kind] if isinstance(kind, pikepdf.Stream) else list(kind.values()):
                self._lose(form)
                if "/Resources" not in form:
                    self._lose_all(resources)

    def _lose_all(self, resources: Any) -> None:
        for kind in _PAINTED:
            for thing in resources.get(kind, {}).values():
                self._lose(thing)

    def _lose(self, form: Any) -> None:
        """Take a form, and whatever it may paint, to be painted in any size."""
        left = [form]
        while left:
            one = left.pop()
            if one.objgen in self._lost:
                continue
            self._lost.add(one.objgen)
            resources = one.get("/Resources", {})
            for kind in _PAINTED:
                left += resources.get(kind, {}).values()

    def _find_forms(self, names: Names, page: int | None, depth: int) -> None:
        if depth > _DEEPEST:
            raise Unreadable("forms are nested too deeply")
        for form in (*names.forms.values(), *names.patterns.values()):
            key = form.objgen
            if key in self._open:
                self._lost.add(key)
            if key in self._nodes:
                continue
            own = form.get("/Resources")
            node = self._nodes[key] = Part([form], page, names=self._named(own) if own is not None else None)
            if node.names is not None:
                self._open.add(key)
                self._find_forms(node.names, page, depth + 1)
                self._open.discard(key)
            self.forms.append(node)

    def _named(self, resources: Any) -> Names:
        key: Key = resources.objgen
        if key != (0, 0) and key in self._names:
            return self._names[key]
        masks = [state.get("/SMask") for state in resources.get("/ExtGState", {}).values()]
        groups = [mask.G for mask in masks if hasattr(mask, "get") and "/G" in mask]
        for group in groups:
            self._lose(group)
        drawn = [font for font in resources.get("/Font", {}).values() if font.get("/Subtype") == "/Type3"]
        for font in drawn:
            self._lose_all(font.get("/Resources", {}))
        found = Names(
            forms={
                str(name).encode(): thing
                for name, thing in resources.get("/XObject", {}).items()
                if thing.get("/Subtype") == "/Form"
            },
            patterns={
                str(name).encode(): thing
                for name, thing in resources.get("/Pattern", {}).items()
                if thing.get("/PatternType") == 1
            },
        )
        painters = (*found.forms.values(), *found.patterns.values(), *groups, *drawn)
        if any("/Resources" not in one for one in painters):  # they paint what stands here, in sizes of their own
            self._lose_all(resources)
        if key != (0, 0):
            self._names[key] = found
        return found


def _streams(contents: Any) -> list[Any]:
    import pikepdf

    found = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
    return [stream for stream in found if isinstance(stream, pikepdf.Stream)]


def others(pdf: "pikepdf.Pdf", done: set[Key]) -> Iterator[Part]:
    """Yield the content streams that are not among those done: appearances, soft masks, the drawings of fonts."""
    import pikepdf

    for thing in pdf.objects:
        if isinstance(thing, pikepdf.Stream):
            is_content = thing.get("/Subtype") == "/Form" or thing.get("/PatternType") == 1
            found = [thing] if is_content else []
        elif isinstance(thing, pikepdf.Dictionary) and thing.get("/Subtype") == "/Type3":
            glyphs = thing.get("/CharProcs")
            drawings = list(glyphs.values()) if isinstance(glyphs, pikepdf.Dictionary) else []
            found = [drawing for drawing in drawings if isinstance(drawing, pikepdf.Stream)]
        else:
            continue
        yield from (Part([stream]) for stream in found if stream.objgen not in done)
