"""Charstrings of Type 1 told as those of Type 2: Adobe technical notes 5176 and 5177.

Hints are kept: those that are replaced on the way become masks of all there are in a glyph.
"""

from typing import Any

from mediamill.operations.documents._type1 import Type1, Unreadable

Command = tuple[str, list[Any]]

_DEEPEST = 10
_MOST_STEMS, _AT_ONCE = 96, 22
_EDGES = (-20, -21)
"""Widths that mean no stem, but its lower or upper edge."""

_FLEX_POINTS = 7

_WITHOUT_MEANING = (2, 12, 13)
"""Procedures that take no part in outlines: one marks a point of a flex, the others weigh the gaps between stems."""


class Teller:
    """Follows one Type 1 charstring, and notes what a Type 2 one says in its place.

    Attributes:
        commands: Moves, lines and curves, `hints` where other hints begin to hold, and `seac`.
        width: Of the glyph.
    """

    def __init__(self, font: Type1) -> None:
        self.font = font
        self.commands = list[Command]()
        self.width = 0.0
        self.stems: set[tuple[int, float, float]] = set()
        self._stack = list[float]()
        self._handed = list[float]()
        self._hints: set[tuple[int, float, float]] = set()
        self._moved = [0.0, 0.0]
        self._begins = False
        self._closed = True
        self._flex: list[list[float]] | None = None
        self._bearing = 0.0
        self._ended = False

    def follow(self, code: bytes, depth: int = 0) -> None:
        """Follow a charstring to its end."""
        if depth > _DEEPEST:
            raise Unreadable
        at = 0
        while at < len(code) and not self._ended:
            byte = code[at]
            at += 1
            if byte >= 32:
                value, at = _operand(code, byte, at)
                self._stack.append(value)
            elif byte == 10:
                self._call(depth)
            elif byte == 11:
                return
            elif byte == 12:
                self._rare(code[at])
                at += 1
            else:
                self._usual(byte)

    def parts(self) -> list[str]:
        """Return the names of the glyphs that it is composed of, if it is."""
        from fontTools.encodings.StandardEncoding import StandardEncoding

        operator, values = self.commands[0] if self.commands else ("", [])
        return [StandardEncoding[int(code)] for code in values[-2:]] if operator == "seac" else []

    def _call(self, depth: int) -> None:
        number = int(self._stack.pop())
        if not 0 <= number < len(self.font.subroutines):
            raise Unreadable
        self.follow(self.font.subroutines[number], depth + 1)

    def _usual(self, operator: int) -> None:
        values, self._stack = self._stack, []
        if operator == 13:
            self._bearing, self.width = values
            self._moved = [self._bearing, 0.0]
        elif operator == 1:
            self._stem(0, *values)
        elif operator == 3:
            self._stem(1, *values)
        elif operator in (4, 21, 22):
            across, down = {4: (0.0, values[0]), 21: tuple(values), 22: (values[0], 0.0)}[operator]
            self._move(across, down)
        elif operator in (5, 6, 7):
            across, down = {5: tuple(values), 6: (values[0], 0.0), 7: (0.0, values[0])}[operator]
            self._draw("rlineto", [across, down])
        elif operator == 8:
            self._draw("rrcurveto", values)
        elif operator == 30:
            first, second, third, last = values
            self._draw("rrcurveto", [0.0, first, second, third, last, 0.0])
        elif operator == 31:
            first, second, third, last = values
            self._draw("rrcurveto", [first, 0.0, second, third, 0.0, last])
        elif operator == 14:
            self._ended = True
        elif operator == 9:
            self._closed = True
        else:
            raise Unreadable

    def _rare(self, operator: int) -> None:
        if operator == 12:
            divisor = self._stack.pop()
            self._stack.append(self._stack.pop() / divisor)
        elif operator == 16:
            self._other()
        elif operator == 17:
            self._stack.append(self._handed.pop())
        elif operator in (1, 2):
            values, self._stack = self._stack, []
            for at in (0, 2, 4):
                self._stem(2 - operator, *values[at : at + 2])
        elif operator in (0, 33):  # what neither has: a dot's section, and a point that is known anyway
            self._stack = []
        elif operator == 6:
            bearing, across, up, base, accent = self._stack
            self.commands = [("seac", [across - bearing + self._bearing, up, base, accent])]
            self._ended = True
        else:
            raise Unreadable

    def _other(self) -> None:
        number, count = int(self._stack.pop()), int(self._stack.pop())
        values = [self._stack.pop() for _ in range(count)]
        if number == 1:
            self._flex = []
        elif number == 0 and self._flex is not None and len(self._flex) == _FLEX_POINTS:
            (across, down), (first, second), *others = self._flex
            self._flex = None
            points = [across + first, down + second, *(value for pair in others for value in pair)]
            self._draw("flex", [*points, values[2]])
            values = values[:2]
        elif number == 3:
            self._hints = set()
            self.commands.append(("hints", []))
        elif number not in _WITHOUT_MEANING:
            raise Unreadable
        self._handed = values

    def _stem(self, direction: int, start: float, size: float) -> None:
        start += self._bearing if direction else 0
        if size < 0 and size not in _EDGES:
            start, size = start + size, -size
        self._hints.add((direction, start, size))
        self.stems.add((direction, start, size))
        if self.commands and self.commands[-1][0] == "hints":
            self.commands.pop()
        self.commands.append(("hints", sorted(self._hints)))

    def _move(self, across: float, down: float) -> None:
        if self._flex is not None:
            self._flex.append([across, down])
        else:
            self._moved = [self._moved[0] + across, self._moved[1] + down]
            self._begins = True

    def _draw(self, operator: str, values: list[float]) -> None:
        if self._flex is not None or (self._closed and not self._begins):
            raise Unreadable
        if self._begins:
            self.commands.append(("rmoveto", self._moved))
            self._moved, self._begins = [0.0, 0.0], False
        self._closed = False
        self.commands.append((operator, values))


def _operand(code: bytes, byte: int, at: int) -> tuple[float, int]:
    if byte <= 246:
        return byte - 139, at
    if byte <= 250:
        return (byte - 247) * 256 + code[at] + 108, at + 1
    if byte <= 254:
        return -(byte - 251) * 256 - code[at] - 108, at + 1
    return int.from_bytes(code[at : at + 4], "big", signed=True), at + 4


def program(told: Teller) -> list[Any]:
    """Return what a Type 2 charstring says in the place of what was followed, without the width."""
    from fontTools.cffLib.specializer import commandsToProgram, specializeCommands

    if told.commands and told.commands[0][0] == "seac":
        return [*map(plain, told.commands[0][1]), "endchar"]
    stems = sorted(told.stems)
    if len(stems) > _MOST_STEMS:
        raise Unreadable
    sets = [frozenset(held) for operator, held in told.commands if operator == "hints"]
    masked = len(set(sets)) > 1 or (bool(sets) and told.commands[0][0] != "hints")
    found: list[Command] = []
    for direction, name in ((0, "hstem"), (1, "vstem")):
        found += _stems([(start, size) for way, start, size in stems if way == direction], name + "hm" * masked)
    if masked and told.commands[0][0] != "hints":
        found += _mask(stems, frozenset())
    for operator, values in told.commands:
        if operator != "hints":
            found.append((operator, [plain(value) for value in values]))
        elif masked:
            found += _mask(stems, frozenset(values))
    return [*commandsToProgram(specializeCommands(found, preserveTopology=True, maxstack=48)), "endchar"]


def _stems(stems: list[tuple[float, float]], name: str) -> list[Command]:
    found, before, values = list[Command](), 0.0, list[float]()
    for at, (start, size) in enumerate(stems, 1):
        values += [plain(start - before), plain(size)]
        before = start + size
        if at % _AT_ONCE == 0 or at == len(stems):
            found.append((name, values))
            values = []
    return found


def _mask(stems: list[tuple[int, float, float]], held: frozenset[tuple[int, float, float]]) -> list[Command]:
    digits = "".join("1" if stem in held else "0" for stem in stems)
    length = (len(digits) + 7) // 8
    return [("hintmask", []), ("", [int(digits.ljust(8 * length, "0") or "0", 2).to_bytes(length, "big")])]


def plain(value: float) -> float:
    """Return a whole number as one."""
    return int(value) if float(value).is_integer() else value
