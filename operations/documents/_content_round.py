"""Numbers of content streams rounded to what can be seen, measured on the page.

How much a number moves what is painted is told by the matrices it stands under, which are followed. Coordinates of
paths are rounded each to the same grid, so that shapes that meet do so afterwards; text, which moves on from where it
is, carries what it is off forward, so that it is never off by more than its share wherever it ends.
"""

import math
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from mediamill.operations.documents import _content_tokens
from mediamill.operations.documents._content_grid import (
    LARGEST,
    MOST_DECIMALS,
    OFF,
    TEXT_OFF,
    TIE,
    Grid,
    grid_of,
    spelled,
    steps_of,
)
from mediamill.operations.documents._content_tokens import INLINE, Instruction, Unclear

_KEEPS_MATRIX = frozenset(b"g G rg RG k K cs CS sc SC scn SCN w J j M d i ri Tc Tw Tz TL Ts Tr Tf".split())
"""What a matrix may as well be set after."""

_PLACES = {b"m": 2, b"l": 2, b"c": 6, b"v": 4, b"y": 4}

_OPENS, _BRACKET = b"(<", ord("(")

Linear = tuple[float, float, float, float]
_IDENTITY: Linear = (1.0, 0.0, 0.0, 1.0)
_UNIT = [b"1", b"0", b"0", b"1"]


class Fonts(Struct, frozen=True):
    """What is to be known of the fonts a stream uses.

    Attributes:
        simple: Names of those with codes of one byte.
        states: Names of graphics states that set a font, too.
    """

    simple: frozenset[bytes] = frozenset()
    states: frozenset[bytes] = frozenset()


class _State:
    """What `q` saves."""

    __slots__ = ("font", "linear", "off", "simple", "stretch")

    def __init__(self, linear: Linear) -> None:
        self.linear = linear
        self.off = (0.0, 0.0)
        self.font: float | None = None
        self.simple = False
        self.stretch = 1.0

    def copy(self) -> "_State":
        other = _State(self.linear)
        other.off, other.font, other.simple, other.stretch = self.off, self.font, self.simple, self.stretch
        return other


class Rounding:
    """Rounds the numbers of one content stream.

    Attributes:
        painted: How large, in points, a unit is where each form or picture is painted, by its name.
    """

    def __init__(self, scale: float, fonts: Fonts) -> None:
        self.painted: dict[bytes, float] = {}
        self._fonts = fonts
        self._now = _State((scale, 0.0, 0.0, scale))
        self._saved: list[_State] = []
        self._move: tuple[int, int] | None = None
        self._path: list[Instruction] = []
        self._as_was: list[Instruction] = []
        self._first: tuple[bytes, bytes, bytes, bytes] | None = None
        self._moves = [False] * 4
        self._wide = False
        self._steps: dict[int, set[int]] = {}
        self._known: dict[int, dict[bytes, tuple[float, bytes]]] = {}
        self._line_off, self._off = [0.0, 0.0], 0.0
        self._measure()
        self._text(_IDENTITY)
        self._does: dict[bytes, Callable[[list[bytes], bytes], Iterable[Instruction]]] = {
            b"q": self._save, b"Q": self._restore, b"cm": self._matrix, b"re": self._rectangle, b"BT": self._begin,
            b"Tf": self._font, b"Tz": self._stretch, b"gs": self._set, b"Tm": self._place, b"Td": self._go,
            b"TD": self._go, b"T*": self._line, b"'": self._line, b'"': self._line, b"TJ": self._show,
            b"Do": self._paint, b"d": self._dash,
        }  # fmt: skip

    def instructions(self, source: Iterable[Instruction]) -> Iterator[Instruction]:
        """Yield instructions with their numbers rounded.

        Raises:
            Unclear: There is something among them that cannot be followed.
        """
        does, places = self._does, _PLACES
        for operands, operator in source:
            if operator in places:
                if len(operands) != places[operator]:
                    raise Unclear("a path has another number of coordinates")
                if self._move:
                    yield from self._moved()
                if operator == b"m":
                    yield from self._drawn()
                if self._wide and (grid := self._grid) is not None:
                    yield [grid[token] for token in operands], operator
                    continue
                self._point(operands, operator)
                if self._moves[0] and self._moves[2]:  # it is as wide and high as it was, whatever comes
                    yield from self._path
                    self._path, self._as_was, self._wide = [], [], True
                continue
            if self._path or self._first:
                if operator == b"h" and not self._wide:
                    self._path.append((operands, operator))
                    self._as_was.append((operands, operator))
                    continue
                if operator == b"h":
                    yield operands, operator
                    continue
                yield from self._drawn()
            if self._move and operator not in _KEEPS_MATRIX and operator not in (b"cm", b"Q"):
                yield from self._moved()
            if (do := does.get(operator)) is not None:
                yield from do(operands, operator)
            else:
                if operator == INLINE and INLINE in operands[0][2:]:
                    raise Unclear("it is not certain where an inline image ends")
                yield operands, operator
        yield from self._drawn()

    # paths

    def _point(self, operands: list[bytes], operator: bytes) -> None:
        grid = self._grid
        if grid is None:
            self._path.append((operands, operator))
            self._as_was.append((operands, operator))
            return
        made = [grid[token] for token in operands]
        if self._first is None:
            self._first = (operands[0], operands[1], made[0], made[1])
        x, y, near_x, near_y = self._first
        moves = self._moves
        for at in range(0, len(made), 2):
            if made[at] != near_x:
                moves[0] = True
            elif operands[at] != x:
                moves[1] = True
            if made[at + 1] != near_y:
                moves[2] = True
            elif operands[at + 1] != y:
                moves[3] = True
        self._path.append((made, operator))
        self._as_was.append((operands, operator))

    def _drawn(self) -> list[Instruction]:
        """Return what there is of a path; as it was where it would lose its width or its height."""
        moves = self._moves
        flat = (moves[1] and not moves[0]) or (moves[3] and not moves[2])
        found = self._as_was if flat else self._path
        self._path, self._as_was, self._first, self._moves = [], [], None, [False] * 4
        self._wide = False
        return found

    def _rectangle(self, operands: list[bytes], operator: bytes) -> Iterable[Instruction]:
        grid = self._grid
        if len(operands) != 4:
            raise Unclear("a rectangle has another number of coordinates")
        if grid is None:
            return [(operands, operator)]
        corner, sides = [grid[token] for token in operands[:2]], list[bytes]()
        for begin, length in zip(operands[:2], operands[2:], strict=True):
            if b"." not in begin and b"." not in length:
                sides.append(length)
                continue
            one = float(begin)
            side = grid.nearest(one + float(length)) - grid.nearest(one)
            if abs(one) + abs(float(length)) >= LARGEST or (not side and length != b"0"):
                return [(operands, operator)]
            sides.append(grid.spelled(side))
        return [(corner + sides, operator)]

    # matrices

    def _measure(self) -> None:
        a, b, c, d = self._now.linear
        self._scale = max(math.hypot(a, b), math.hypot(c, d))
        self._grid = grid_of(self._scale)

    def _save(self, operands: list[bytes], operator: bytes) -> Iterable[Instruction]:
        self._saved.append(self._now.copy())
        return [(operands, operator)]

    def _restore(self, operands: list[bytes], operator: bytes) -> Iterable[Instruction]:
        if not self._saved:
            raise Unclear("there is more restored than saved")
        self._now, self._move = self._saved.pop(), None
        self._measure()
        self._text(self._text_linear)
        return [(operands, operator)]

    def _matrix(self, operands: list[bytes], operator: bytes) -> Iterable[Instruction]:
        if len(operands) != 6:
            raise Unclear("a matrix has another number of elements")
        moved = list[Instruction]()
        if operands[:4] == _UNIT and (far := steps_of(operands[4:])) is not None:
            self._move = (self._move[0] + far[0], self._move[1] + far[1]) if self._move else far
            if self._move == (0, 0):
                self._move = None
            return moved
        if self._move:
            moved = self._moved()
        made = self._translation(operands)
        a, b, c, d = (float(token) for token in operands[:4])
        e, f, g, h = self._now.linear
        self._now.linear = (a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h)
        self._measure()
        self._text(self._text_linear)
        return [*moved, (made, operator)]

    def _moved(self) -> list[Instruction]:
        move, self._move = self._move, None
        assert move is not None
        return [(self._translation([*_UNIT, *(spelled(one, MOST_DECIMALS) for one in move)]), b"cm")]

    def _translation(self, operands: list[bytes]) -> list[bytes]:
        """Round how far a matrix moves, ten times as finely as what is drawn, and in all by no more than is allowed."""
        grid = grid_of(self._scale, OFF / 10)
        if grid is None:
            return operands
        made = [grid[token] for token in operands[4:]]
        x, y = (float(new) - float(old) for new, old in zip(made, operands[4:], strict=True))
        a, b, c, d = self._now.linear
        off = self._now.off[0] + x * a + y * c, self._now.off[1] + x * b + y * d
        if math.hypot(*off) > OFF / 2:
            return operands
        self._now.off = off
        return operands[:4] + made

    def _dash(self, operands: list[bytes], operator: bytes) -> Iterable[Instruction]:
        if len(operands) != 2 or operands[0][:1] != b"[":
            raise Unclear("dashes have another number of operands")
        return [([_content_tokens.array(operands[0]), *operands[1:]], operator)]

    def _paint(self, operands: list[bytes], operator: bytes) -> Iterable[Instruction]:
        if len(operands) != 1:
            raise Unclear("it is not certain what is painted")
        self.painted[operands[0]] = max(self._scale, self.painted.get(operands[0], 0.0))
        return [(operands, operator)]

    # text

    def _text(self, linear: Linear) -> None:
        self._text_linear = linear
        a, b, c, d = linear
        e, f, g, h = self._now.linear
        across, down = math.hypot(a * e + b * g, a * f + b * h), math.hypot(c * e + d * g, c * f + d * h)
        self._grids, self._largest = (grid_of(across), grid_of(down)), max(across, down)

    def _font(self, operands: list[bytes], operator: bytes) -> Iterable[Instruction]:
        if len(operands) != 2:
            raise Unclear("a font has no size")
        self._now.font, self._now.simple = float(operands[1]), operands[0] in self._fonts.simple
        return [(operands, operator)]

    def _stretch(self, operands: list[bytes], operator: bytes) -> Iterable[Instruction]:
        self._now.stretch = float(operands[0]) / 100
        return [(operands, operator)]

    def _set(self, operands: list[bytes], operator: bytes) -> Iterable[Instruction]:
        if operands[0] in self._fonts.states:
            self._now.font = None
        return [(operands, operator)]

    def _begin(self, operands: list[bytes], operator: bytes) -> Iterable[Instruction]:
        self._text(_IDENTITY)
        self._line_off, self._off = [0.0, 0.0], 0.0
        return [(operands, operator)]

    def _line(self, operands: list[bytes], operator: bytes) -> Iterable[Instruction]:
        self._off = 0.0
        return [(operands, operator)]

    def _place(self, operands: list[bytes], operator: bytes) -> Iterable[Instruction]:
        if len(operands) != 6:
            raise Unclear("a matrix has another number of elements")
        a, b, c, d = (float(token) for token in operands[:4])
        self._text((a, b, c, d))
        self._line_off, self._off = [0.0, 0.0], 0.0
        grid = self._grid
        return [(operands if grid is None else operands[:4] + [grid[token] for token in operands[4:]], operator)]

    def _go(self, operands: list[bytes], operator: bytes) -> Iterable[Instruction]:
        if len(operands) != 2:
            raise Unclear("text moves in other than two directions")
        self._off = 0.0
        made = list(operands)
        for axis in (0,) if operator == b"TD" else (0, 1):  # TD sets the distance of lines, too, which adds up
            grid = self._grids[axis]
            if grid is not None and (b"." in operands[axis] or self._line_off[axis]):
                made[axis] = self._carried(operands[axis], grid, axis)
        return [(made, operator)]

    def _carried(self, token: bytes, grid: Grid, axis: int) -> bytes:
        exact, off = float(token), self._line_off[axis]
        if abs(exact) >= LARGEST:
            return token
        made = grid[token]
        now = off + float(made) - exact
        if abs(now) * grid.steps > 0.5 + TIE:
            made = grid.spelled(grid.nearest(exact - off))
            now = off + float(made) - exact
        self._line_off[axis] = now
        return made

    def _show(self, operands: list[bytes], operator: bytes) -> Iterable[Instruction]:
        font = self._now.font
        unit = abs(font or 0.0) / 1000 * max(1.0, abs(self._now.stretch)) * self._largest
        grid = grid_of(unit)
        if len(operands) != 1 or operands[0][:1] != b"[":
            raise Unclear("it is not certain what is shown")
        if grid is None:
            return [([_content_tokens.array(operands[0])], operator)]
        return [([self._spaced(operands[0], grid, TEXT_OFF / unit * grid.steps, self._now.simple)], operator)]

    def _spaced(self, array: bytes, grid: Grid, most: float, simple: bool) -> bytes:
        parts = list[bytes]()
        off, known = self._off, self._known.setdefault(grid.decimals, {})
        last = 0  # what the last string begins with, as far as the next may be joined to it
        number = False
        for item in _content_tokens.items(array):
            first = item[0]
            if first in _OPENS:
                item = _content_tokens.literal(item) if first == _BRACKET else _content_tokens.hexadecimal(item)
                if item[0] == last and simple:
                    parts[-1] = parts[-1][:-1] + item[1:]
                else:
                    parts.append(item)
                last, number = item[0], False
                continue
            far, text = known.get(item) or self._usual(item, grid, known)
            if not -most <= off + far <= most:
                exact = float(item) * grid.steps
                step = math.floor(exact - off + 0.5)
                far, text = step - exact, grid.spelled(step)
            off += far
            if text != b"0":
                parts.append(b" " + text if number else text)
                last, number = 0, True
        self._off = off
        return b"[%b]" % b"".join(parts)

    def _usual(self, token: bytes, grid: Grid, known: dict[bytes, tuple[float, bytes]]) -> tuple[float, bytes]:
        """Return what stands for a distance and how far that is off, in steps of the grid.

        It is one that has been before, where one is next to it: what comes again packs better.
        """
        exact = float(token) * grid.steps
        nearest = math.floor(exact + 0.5)
        steps = self._steps.setdefault(grid.decimals, set())
        step = next((one for one in (nearest, nearest - 1, nearest + 1) if one in steps), nearest) if nearest else 0
        steps.add(step)
        known[token] = found = (step - exact, grid.spelled(step))
        return found
