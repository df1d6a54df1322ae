"""Where a document paints its pictures, and how large: content streams read as far as their matrices go.

Pages, forms, patterns, soft masks' groups and the appearances of annotations are walked; what is painted several
times counts at its largest.
"""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _content
from mediamill.operations.documents._content import Unreadable

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]
Matrix = tuple[float, float, float, float, float, float]

_OPERATORS = "q Q cm Do gs scn SCN"
_PAINTING = (b"Do", b"gs", b"scn", b"SCN")
_IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_VERY_LARGE: Matrix = (1e6, 0.0, 0.0, 1e6, 0.0, 0.0)
_DEEPEST = 24
_MAX_STEPS = 3_000_000
_BYTES_PER_STEP = 64
"""Of content without any step: they are read, too, each time a form is painted in another size."""


def malformed() -> tuple[type[Exception], ...]:
    """Return what is raised where something in a document is not of the type it has to be."""
    import pikepdf

    return (Unreadable, pikepdf.PdfError, ValueError, TypeError, AttributeError, LookupError, OverflowError)


def dictionaries(pdf: "pikepdf.Pdf", check: Callable[[], None]) -> Iterator[Any]:
    """Yield all dictionaries, also those that stand in other objects, and streams."""
    import pikepdf

    for thing in pdf.objects:
        check()
        left = [thing]
        while left:
            one = left.pop()
            if isinstance(one, pikepdf.Array):
                values: list[Any] = list(one)
            elif isinstance(one, (pikepdf.Dictionary, pikepdf.Stream)):
                yield one
                values = [one[key] for key in one.keys()]  # noqa: SIM118
            else:
                continue
            left += [value for value in values if isinstance(value, pikepdf.Object) and not value.is_indirect]


class Walk:
    """Walks a document.

    Attributes:
        sizes: The largest size each picture is painted at, in inches, by its object.
        pages: The first page that paints it, counted from 0.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self.sizes: dict[Key, tuple[float, float]] = {}
        self.pages: dict[Key, int] = {}
        self._page: int | None = None
        self._check = check
        self._steps = 0
        self._open: set[Key] = set()
        self._done: set[tuple[Key, tuple[float, ...]]] = set()
        self._painting: dict[Key, bool] = {}

    def document(self, pdf: "pikepdf.Pdf") -> None:
        """Walk all pages; raises Unreadable where one cannot be read."""
        for self._page, page in enumerate(pdf.pages):
            self._check()
            unit = float(page.obj.get("/UserUnit", 1)) / 72
            base: Matrix = (unit, 0.0, 0.0, unit, 0.0, 0.0)
            try:
                self._content(page.obj.get("/Contents"), page.obj.get("/Resources"), base, 0)
                for note in page.obj.get("/Annots", []):
                    self._annotation(note, page.obj.get("/Resources"), base)
            except malformed() as error:
                raise Unreadable(str(error)) from error
        self._page = None
        try:
            self._letters(pdf)
        except malformed() as error:
            raise Unreadable(str(error)) from error

    def _letters(self, pdf: "pikepdf.Pdf") -> None:
        """Walk the drawings that are letters: how large they are written is not known, so as if it were very large."""
        import pikepdf

        for font in pdf.objects:
            if isinstance(font, pikepdf.Dictionary) and font.get("/Subtype") == pikepdf.Name.Type3:
                resources, glyphs = font.get("/Resources"), list[Any](font.get("/CharProcs", {}).values())
                for glyph in glyphs:
                    if resources is None and b"Do" in _content.joined(glyph):
                        raise Unreadable("a font's letters paint pictures of the pages that use it")
                    self._content(glyph, resources, _VERY_LARGE, 1)

    def _annotation(self, note: Any, resources: Any, base: Matrix) -> None:
        """Walk an annotation's appearances; one without resources of its own finds the page's."""
        import pikepdf

        appearances, box = note.get("/AP"), note.get("/Rect")
        if appearances is None or box is None:
            return
        left, bottom, right, top = (float(edge) for edge in box)
        for kind in appearances.values():
            for form in [kind] if isinstance(kind, pikepdf.Stream) else list(kind.values()):
                if not isinstance(form, pikepdf.Stream):
                    continue
                inner = [float(edge) for edge in form.get("/BBox", [0, 0, 1, 1])]
                width, height = _extent(_matrix(form), abs(inner[2] - inner[0]), abs(inner[3] - inner[1]))
                across = abs(right - left) / width if width else 1.0
                down = abs(top - bottom) / height if height else 1.0
                self._form(form, resources, _times((across, 0.0, 0.0, down, 0.0, 0.0), base), 1)

    def _form(self, form: Any, inherited: Any, matrix: Matrix, depth: int) -> None:
        if depth > _DEEPEST:
            raise Unreadable("forms are nested too deeply")
        key = form.objgen
        ours = _times(_matrix(form), matrix)
        shape = (key, tuple(round(value, 4) for value in ours[:4]))
        if key in self._open or shape in self._done:
            return
        if "/Resources" in form:  # others paint, by the same names, whatever what paints them has
            self._done.add(shape)
        self._open.add(key)
        self._content(form, form.get("/Resources", inherited), ours, depth)
        self._open.discard(key)

    def _content(self, content: Any, resources: Any, base: Matrix, depth: int) -> None:
        import pikepdf

        if content is None or resources is None or not self._may_paint(resources):
            return
        self._check()
        data = _content.joined(content)
        if not any(operator in data for operator in _PAINTING):
            return
        self._step(1 + len(data) // _BYTES_PER_STEP)
        stack, matrix = [], base
        for instruction in _content.instructions(data, _OPERATORS):
            operands, name = list(instruction.operands), str(instruction.operator)
            self._step(1)
            if name == "q":
                stack.append(matrix)
            elif name == "Q":
                matrix = stack.pop() if stack else base
            elif name == "cm":
                matrix = _times(_numbers(operands), matrix)
            elif operands and isinstance(operands[-1], pikepdf.Name):
                self._paint(name, str(operands[-1]), resources, matrix, base, depth)

    def _may_paint(self, resources: Any) -> bool:
        """Return whether there is anything in resources that is, or may lead to, a picture."""
        key = resources.objgen if resources.is_indirect else None
        if key is None or key not in self._painting:
            found = any(len(resources.get(kind, ())) > 0 for kind in ("/XObject", "/Pattern")) or any(
                "/SMask" in state for state in resources.get("/ExtGState", {}).values()
            )
            if key is None:
                return found
            self._painting[key] = found
        return self._painting[key]

    def _step(self, count: int) -> None:
        self._steps += count
        if self._steps > _MAX_STEPS:
            raise Unreadable("there is too much to be read")

    def _paint(self, operator: str, name: str, resources: Any, matrix: Matrix, base: Matrix, depth: int) -> None:
        import pikepdf

        kind = {"Do": "/XObject", "gs": "/ExtGState"}.get(operator, "/Pattern")
        thing = resources.get(kind, {}).get(name)
        if operator == "gs" and thing is not None:
            mask = thing.get("/SMask")
            if isinstance(mask, pikepdf.Dictionary) and "/G" in mask:
                self._form(mask.G, resources, matrix, depth + 1)
        elif kind == "/Pattern" and isinstance(thing, pikepdf.Stream):
            self._form(thing, resources, base, depth + 1)
        elif operator == "Do" and isinstance(thing, pikepdf.Stream):
            if thing.get("/Subtype") == pikepdf.Name.Image:
                self._image(thing, matrix)
            elif thing.get("/Subtype") == pikepdf.Name.Form:
                self._form(thing, resources, matrix, depth + 1)

    def _image(self, image: Any, matrix: Matrix) -> None:
        a, b, c, d = matrix[:4]
        width, height = math.hypot(a, b), math.hypot(c, d)
        for key in {image.objgen, *(image[mask].objgen for mask in ("/SMask", "/Mask") if mask in image)}:
            if self._page is not None:
                self.pages.setdefault(key, self._page)
            before = self.sizes.get(key, (0.0, 0.0))
            self.sizes[key] = max(before[0], width), max(before[1], height)


def _matrix(form: Any) -> Matrix:
    return _numbers(form.get("/Matrix", _IDENTITY))


def _numbers(values: Any) -> Matrix:
    if len(values) != len(_IDENTITY):
        raise ValueError(f"a matrix has {len(values)} numbers instead of {len(_IDENTITY)}")
    a, b, c, d, e, f = (float(value) for value in values)
    if not all(math.isfinite(value) for value in (a, b, c, d, e, f)):
        raise ValueError("a matrix is not of numbers")
    return a, b, c, d, e, f


def _times(one: Matrix, other: Matrix) -> Matrix:
    """Return the matrix that does what `one` does, then what `other` does."""
    a, b, c, d, e, f = one
    p, q, r, s, t, u = other
    return a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u


def _extent(matrix: Matrix, width: float, height: float) -> tuple[float, float]:
    a, b, c, d = matrix[:4]
    return abs(a) * width + abs(c) * height, abs(b) * width + abs(d) * height
