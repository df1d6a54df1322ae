"""Glyphs of Type 1 fonts written as those of compact ones: the same outlines and hints in fewer bytes.

Adobe's Type 1 Font Format (1990) says what comes in, Technical Note 5177 (Type 2 Charstring Format) what goes out.
Subroutines are written out, because Flate finds what glyphs have in common where nothing is encrypted.
"""

from collections.abc import Callable, Iterator

from msgspec import Struct, field

Number = int | float
Stem = tuple[Number, Number]

_DEPTH, _MOST_STEPS = 12, 100_000
_ESCAPE = 12
_NAMES = {
    1: "hstem", 3: "vstem", 4: "vmoveto", 5: "rlineto", 6: "hlineto", 7: "vlineto", 8: "rrcurveto", 9: "closepath",
    10: "callsubr", 11: "return", 13: "hsbw", 14: "endchar", 21: "rmoveto", 22: "hmoveto", 30: "vhcurveto",
    31: "hvcurveto",
    (_ESCAPE, 0): "dotsection", (_ESCAPE, 1): "vstem3", (_ESCAPE, 2): "hstem3", (_ESCAPE, 6): "seac",
    (_ESCAPE, 12): "div", (_ESCAPE, 16): "callothersubr", (_ESCAPE, 17): "pop",
    (_ESCAPE, 33): "setcurrentpoint",
}  # fmt: skip


class Unreadable(Exception):
    """A glyph is not written as it has to be, or in a way that compact fonts have no word for."""


class Glyph(Struct):
    """What a glyph draws.

    Attributes:
        width: How far it advances.
        parts: What is drawn, in order, each part under the hints that hold for it.
    """

    width: Number
    parts: "list[Part]"


class Part(Struct):
    """What is drawn under the same hints.

    Attributes:
        rows: Horizontal stems: where each begins, and how far it goes.
        columns: Vertical ones.
        commands: `rmoveto`, `rlineto` and `rrcurveto`, with their arguments.
    """

    rows: list[Stem] = field(default_factory=list)
    columns: list[Stem] = field(default_factory=list)
    commands: list[tuple[str, list[Number]]] = field(default_factory=list)


def _operations(code: bytes) -> Iterator[Number | str]:
    at = 0
    while at < len(code):
        first = code[at]
        at += 1
        if first >= 32:
            more = 0 if first < 247 else 4 if first == 255 else 1
            rest = code[at : at + more]
            if len(rest) < more:
                raise Unreadable("a number is cut short")
            at += more
            if first < 247:
                yield first - 139
            elif first == 255:
                yield int.from_bytes(rest, "big", signed=True)
            else:
                yield (first - 247) * 256 + rest[0] + 108 if first < 251 else -(first - 251) * 256 - rest[0] - 108
        elif first == _ESCAPE and at < len(code):
            yield _NAMES.get((_ESCAPE, code[at]), "?")
            at += 1
        else:
            yield _NAMES.get(first, "?")


class Reader:
    """Reads glyphs by running their programs."""

    def __init__(self, subroutines: dict[int, bytes], find: Callable[[int], bytes]) -> None:
        """Take a font's subroutines, and what returns a glyph's program by its number in the standard encoding."""
        self._subroutines, self._find = subroutines, find
        self._begin()

    def _begin(self) -> None:
        self._width: Number | None = None
        self._parts = [Part()]
        self._at: Stem = (0, 0)
        self._pending: Stem | None = (0, 0)
        self._steps, self._composed = 0, False

    def read(self, code: bytes) -> Glyph:
        """Return what a glyph draws.

        Raises:
            Unreadable: Its program is damaged, or does what cannot be written.
        """
        self._begin()
        try:
            self._draw_glyph(code, (0, 0))
        except (IndexError, TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
            raise Unreadable(str(error)) from error
        if self._width is None:
            raise Unreadable("it has no width")
        return Glyph(self._width, self._parts)

    def _draw_glyph(self, code: bytes, origin: Stem) -> None:
        self._origin = self._bearing = origin
        self._stack, self._passed = list[Number](), list[Number]()
        self._flex: list[Stem] | None = None
        self._ended = False
        self._run(code, 0)

    def _run(self, code: bytes, depth: int) -> None:
        if depth > _DEPTH:
            raise Unreadable("subroutines call each other too deep")
        for one in _operations(code):
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise Unreadable("it takes too many steps")
            if self._ended or one == "return":
                return
            if not isinstance(one, str):
                self._stack.append(one)
            elif one == "callsubr":
                number = int(self._stack.pop())
                if number not in self._subroutines:
                    raise Unreadable(f"there is no subroutine {number}")
                self._run(self._subroutines[number], depth + 1)
            else:
                self._do(one)

    def _do(self, name: str) -> None:
        calculates: Callable[[], None] | None = getattr(self, f"_calculate_{name}", None)
        acts: Callable[..., None] | None = getattr(self, f"_do_{name}", None)
        if calculates is not None:
            calculates()
        elif acts is not None:
            acts(*self._stack)
            self._stack.clear()
        else:
            raise Unreadable(f"an operator is not known: {name}")

    def _calculate_div(self) -> None:
        divisor = self._stack.pop()
        self._stack.append(self._stack.pop() / divisor)

    def _calculate_pop(self) -> None:
        self._stack.append(self._passed.pop())

    def _calculate_callothersubr(self) -> None:
        number, count = int(self._stack.pop()), int(self._stack.pop())
        if not 0 <= count <= len(self._stack):
            raise Unreadable("a call has fewer arguments than it says")
        passed = self._stack[len(self._stack) - count :]
        del self._stack[len(self._stack) - count :]
        if number == 0 and len(passed) == 3:
            self._end_flex()
            self._passed = [passed[2], passed[1]]
        elif number == 1:
            self._flex = []
        elif number == 3 and len(passed) == 1:
            self._replace_hints()
            self._passed = passed
        elif number not in (2, 12, 13):  # points of a flex, and counters
            raise Unreadable(f"a call of the interpreter is not known: {number}")

    def _end_flex(self) -> None:
        points = self._flex or []
        if len(points) != 7:
            raise Unreadable("a flex has other than seven points")
        self._flex = None
        reference, first, *others = points
        steps = [(reference[0] + first[0], reference[1] + first[1]), *others]
        for three in (steps[:3], steps[3:]):
            self._draw("rrcurveto", [part for step in three for part in step])

    def _replace_hints(self) -> None:
        if self._parts[-1].commands:
            self._parts.append(Part())
        else:
            self._parts[-1] = Part()

    def _move(self, across: Number, up: Number) -> None:
        if self._flex is not None:
            self._flex.append((across, up))
            return
        before = self._pending or (0, 0)
        self._pending = before[0] + across, before[1] + up
        self._at = self._at[0] + across, self._at[1] + up

    def _draw(self, name: str, arguments: list[Number]) -> None:
        if self._flex is not None:
            raise Unreadable("a line is drawn amid a flex")
        if self._pending is not None:
            self._parts[-1].commands.append(("rmoveto", [*self._pending]))
            self._pending = None
        self._parts[-1].commands.append((name, arguments))
        self._at = self._at[0] + sum(arguments[0::2]), self._at[1] + sum(arguments[1::2])

    def _hint(self, stems: list[Stem], origin: Number, *ends: Number) -> None:
        for start, length in zip(ends[0::2], ends[1::2], strict=True):
            stem = (origin + start, length)
            if stem not in stems:
                stems.append(stem)

    def _do_hsbw(self, across: Number, width: Number) -> None:
        self._width = width if self._width is None else self._width
        self._bearing = self._origin[0] + across, self._origin[1]
        self._move(self._bearing[0] - self._at[0], self._bearing[1] - self._at[1])

    def _do_seac(self, own: Number, across: Number, up: Number, base: Number, accent: Number) -> None:
        if self._composed:
            raise Unreadable("it is put together from what is put together")
        self._composed = True
        place = self._bearing[0] + across - own, up
        for code, origin in ((int(base), (0, 0)), (int(accent), place)):
            self._replace_hints()
            self._draw_glyph(self._find(code), origin)
            self._pending = self._pending or (0, 0)

    def _do_endchar(self) -> None:
        self._ended = True

    def _do_closepath(self) -> None:
        self._pending = self._pending or (0, 0)

    def _do_dotsection(self) -> None:
        """Leave out what compact fonts have no more."""

    def _do_setcurrentpoint(self, across: Number, up: Number) -> None:
        """Stay: it follows curves that end there."""

    def _do_rmoveto(self, across: Number, up: Number) -> None:
        self._move(across, up)

    def _do_hmoveto(self, across: Number) -> None:
        self._move(across, 0)

    def _do_vmoveto(self, up: Number) -> None:
        self._move(0, up)

    def _do_rlineto(self, across: Number, up: Number) -> None:
        self._draw("rlineto", [across, up])

    def _do_hlineto(self, across: Number) -> None:
        self._draw("rlineto", [across, 0])

    def _do_vlineto(self, up: Number) -> None:
        self._draw("rlineto", [0, up])

    def _do_rrcurveto(self, *steps: Number) -> None:
        if len(steps) != 6:
            raise Unreadable("a curve has other than three points")
        self._draw("rrcurveto", [*steps])

    def _do_hvcurveto(self, first: Number, across: Number, up: Number, last: Number) -> None:
        self._draw("rrcurveto", [first, 0, across, up, 0, last])

    def _do_vhcurveto(self, first: Number, across: Number, up: Number, last: Number) -> None:
        self._draw("rrcurveto", [0, first, across, up, last, 0])

    def _do_hstem(self, start: Number, length: Number) -> None:
        self._hint(self._parts[-1].rows, self._bearing[1], start, length)

    def _do_vstem(self, start: Number, length: Number) -> None:
        self._hint(self._parts[-1].columns, self._bearing[0], start, length)

    def _do_hstem3(self, *ends: Number) -> None:
        self._hint(self._parts[-1].rows, self._bearing[1], *ends)

    def _do_vstem3(self, *ends: Number) -> None:
        self._hint(self._parts[-1].columns, self._bearing[0], *ends)
