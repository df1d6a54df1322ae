"""Numbers rounded to decimals: as many as it takes for what is painted by them to be off by less than can be seen."""

import math

PIXEL = 72 / 600
"""Of the finest printers in points."""

OFF = PIXEL / 20
"""How far a coordinate may be off, in points: a twentieth of such a pixel, whose coverage changes by 5 % at most."""

MOST_DECIMALS = 6
LARGEST = 1e6
"""Numbers beyond stay as they are: readers have them in 24 bits."""

TIE = 1e-6
"""Sums of decimals are off by less, and are to be rounded as if they were not."""

_MOST_SPELLINGS = 1 << 14


class Grid(dict[bytes, bytes]):
    """Numbers, as they are spelled, rounded to a number of decimals."""

    def __init__(self, decimals: int) -> None:
        super().__init__()
        self.decimals, self.steps = decimals, int(10**decimals)

    def __missing__(self, token: bytes) -> bytes:
        if len(self) > _MOST_SPELLINGS:
            self.clear()
        self[token] = found = self._rounded(token)
        return found

    def _rounded(self, token: bytes) -> bytes:
        point = token.find(b".")
        if point < 0 or len(token) - point - 1 <= self.decimals or abs(float(token)) >= LARGEST:
            return token
        return self.spelled(self.nearest(float(token)))

    def nearest(self, number: float) -> int:
        """Return which step of the grid is nearest."""
        return math.floor(number * self.steps + 0.5 + TIE)

    def spelled(self, step: int) -> bytes:
        """Return a step of the grid as a number."""
        return spelled(step, self.decimals)


def spelled(step: int, decimals: int) -> bytes:
    """Return the shortest spelling of a number of steps of so many decimals."""
    digits = str(abs(step)).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals].lstrip("0"), digits[len(digits) - decimals :].rstrip("0")
    sign = "-" if step < 0 else ""
    return f"{sign}{whole}{'.' if fraction else ''}{fraction}".encode() or b"0"


_GRIDS: dict[int, Grid] = {}


def grid_of(scale: float) -> Grid | None:
    """Return the coarsest grid whose numbers are off by no more than may be, so much larger as they are on the page."""
    if not 0 < scale < LARGEST:
        return None
    decimals = max(0, math.ceil(math.log10(0.5 * scale / OFF) - 1e-9))
    return _GRIDS.setdefault(decimals, Grid(decimals)) if decimals <= MOST_DECIMALS else None


_SIX = 10**MOST_DECIMALS


def steps_of(tokens: list[bytes]) -> tuple[int, int] | None:
    """Return a translation in millionths, None where it is finer or larger."""
    found = list[int]()
    for token in tokens:
        number = float(token)
        point = token.find(b".")
        if abs(number) >= LARGEST or (point >= 0 and len(token) - point - 1 > MOST_DECIMALS):
            return None
        found.append(round(number * _SIX))
    return found[0], found[1]
