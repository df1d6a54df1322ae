"""Numbers of content streams rounded to what can be seen, measured on the page.

How much a number moves what is painted is told by the matrices it stands under, which are followed. Coordinates of
paths are rounded each to the same grid, so that shapes that meet do so afterwards. Numbers of text, and matrices,
stay: readers tell words by gaps, and lines by where they stand, so that the least change may show in what they read.
"""

import math
from collections.abc import Callable, Iterable, Iterator

from mediamill.operations.documents._content_grid import LARGEST, MOST_DECIMALS, grid_of, spelled, steps_of
from mediamill.operations.documents._content_tokens import INLINE, Instruction, Unclear

_KEEPS_MATRIX = frozenset(b"g G rg RG k K cs CS sc SC scn SCN w J j M d i ri Tc Tw Tz TL Ts Tr Tf".split())
"""What a matrix may as well be set after."""

_PLACES = {b"m": 2, b"l": 2, b"c": 6, b"v": 4, b"y": 4}

Linear = tuple[float, float, float, float]
_UNIT = [b"1", b"0", b"0", b"1"]


class Rounding:
    """Rounds the numbers of one content stream.

    Attributes:
        painted: How large, in points, a unit is where each form or picture is painted, by its name.
    """

    def __init__(self, scale: float) -> None:
        self.painted: dict[bytes, float] = {}
        self._linear: Linear = (scale, 0.0, 0.0, scale)
        self._saved: list[Linear] = []
        self._move: tuple[int, int] | None = None
        self._path: list[Instruction] = []
        self._as_was: list[Instruction] = []
        self._first: tuple[bytes, bytes, bytes, bytes] | None = None
        self._moves = [False] * 4
        self._wide = False
        self._measure()
        self._does: dict[bytes, Callable[[bytes, bytes], Iterable[Instruction]]] = {
            b"q": self._save, b"Q": self._restore, b"cm": self._matrix, b"re": self._rectangle, b"Do": self._paint,
        }  # fmt: skip

    def instructions(self, source: Iterable[Instruction]) -> Iterator[Instruction]:
        """Yield instructions with their numbers rounded.

        Raises:
            Unclear: There is something among them that cannot be followed.
        """
        does, places = self._does, _PLACES
        for operands, operator in source:
            if operator in places:
                tokens = operands.split(b" ")
                if len(tokens) != places[operator]:
                    raise Unclear("a path has another number of coordinates")
                if self._move:
                    yield from self._moved()
                if operator == b"m":
                    yield from self._drawn()
                if self._wide and (grid := self._grid) is not None:
                    yield b" ".join([grid[token] for token in tokens]), operator
                    continue
                self._point(tokens, operands, operator)
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
                if operator == INLINE and INLINE in operands[2:]:
                    raise Unclear("it is not certain where an inline image ends")
                yield operands, operator

    def rest(self) -> list[Instruction]:
        """Return what there is still to be written behind the last instruction."""
        return self._drawn()

    # paths

    def _point(self, tokens: list[bytes], operands: bytes, operator: bytes) -> None:
        grid = self._grid
        if grid is None:
            self._path.append((operands, operator))
            self._as_was.append((operands, operator))
            return
        made = [grid[token] for token in tokens]
        self._path.append((b" ".join(made), operator))
        self._as_was.append((operands, operator))
        if self._first is None:
            self._first = (tokens[0], tokens[1], made[0], made[1])
            if operator == b"m":
                return
        x, y, near_x, near_y = self._first
        moves = self._moves
        for at in range(0, len(made), 2):
            if made[at] != near_x:
                moves[0] = True
            elif tokens[at] != x:
                moves[1] = True
            if made[at + 1] != near_y:
                moves[2] = True
            elif tokens[at + 1] != y:
                moves[3] = True

    def _drawn(self) -> list[Instruction]:
        """Return what there is of a path; as it was where it would lose its width or its height."""
        moves = self._moves
        flat = (moves[1] and not moves[0]) or (moves[3] and not moves[2])
        found = self._as_was if flat else self._path
        self._path, self._as_was, self._first, self._moves = [], [], None, [False] * 4
        self._wide = False
        return found

    def _rectangle(self, operands: bytes, operator: bytes) -> Iterable[Instruction]:
        grid, tokens = self._grid, operands.split(b" ")
        if len(tokens) != 4:
            raise Unclear("a rectangle has another number of coordinates")
        if grid is None:
            return [(operands, operator)]
        corner, sides = [grid[token] for token in tokens[:2]], list[bytes]()
        for begin, length in zip(tokens[:2], tokens[2:], strict=True):
            if b"." not in begin and b"." not in length:
                sides.append(length)
                continue
            one = float(begin)
            side = grid.nearest(one + float(length)) - grid.nearest(one)
            if abs(one) + abs(float(length)) >= LARGEST or (not side and length != b"0"):
                return [(operands, operator)]
            sides.append(grid.spelled(side))
        return [(b" ".join(corner + sides), operator)]

    # matrices

    def _measure(self) -> None:
        a, b, c, d = self._linear
        self._scale = max(math.hypot(a, b), math.hypot(c, d))
        self._grid = grid_of(self._scale)

    def _save(self, operands: bytes, operator: bytes) -> Iterable[Instruction]:
        self._saved.append(self._linear)
        return [(operands, operator)]

    def _restore(self, operands: bytes, operator: bytes) -> Iterable[Instruction]:
        if not self._saved:
            raise Unclear("there is more restored than saved")
        self._linear, self._move = self._saved.pop(), None
        self._measure()
        return [(operands, operator)]

    def _matrix(self, operands: bytes, operator: bytes) -> Iterable[Instruction]:
        tokens = operands.split(b" ")
        if len(tokens) != 6:
            raise Unclear("a matrix has another number of elements")
        if tokens[:4] == _UNIT and (far := steps_of(tokens[4:])) is not None:
            self._move = (self._move[0] + far[0], self._move[1] + far[1]) if self._move else far
            if self._move == (0, 0):
                self._move = None
            return []
        moved = self._moved() if self._move else []
        a, b, c, d = (float(token) for token in tokens[:4])
        e, f, g, h = self._linear
        self._linear = (a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h)
        self._measure()
        return [*moved, (operands, operator)]

    def _moved(self) -> list[Instruction]:
        """Return what moves add up to that came one after the other."""
        move, self._move = self._move, None
        assert move is not None
        return [(b" ".join([*_UNIT, *(spelled(one, MOST_DECIMALS) for one in move)]), b"cm")]

    def _paint(self, operands: bytes, operator: bytes) -> Iterable[Instruction]:
        if operands.rfind(b"/") or b" " in operands:
            raise Unclear("it is not certain what is painted")
        self.painted[operands] = max(self._scale, self.painted.get(operands, 0.0))
        return [(operands, operator)]
