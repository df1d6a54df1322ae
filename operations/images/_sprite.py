"""Sprites: many small pictures in one, and the style sheet that shows each of them.

The layout is a table, filled row by row: a column is as wide as its widest picture, a row as high as its highest. So
it is told by the sizes alone, and easy to find one's way in.
"""

import math
import re
import unicodedata
from collections.abc import Sequence

from msgspec import Struct

from mediamill.operations.images._geometry import Size

Place = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""


class Layout(Struct, frozen=True):
    """Where everything goes.

    Attributes:
        size: Of the sprite.
        places: Of the pictures, in their order.
        columns: Of the table.
    """

    size: Size
    places: tuple[Place, ...]
    columns: int


def table(sizes: Sequence[Size], columns: int | None, padding: int) -> Layout:
    """Lay pictures out.

    Args:
        sizes: Widths and heights in pixels.
        columns: Pictures in a row; None: as many as there are rows, or one more.
        padding: Pixels between neighbours; there are none around the whole.
    """
    count = min(columns or math.ceil(math.sqrt(len(sizes))), len(sizes))
    rows = [sizes[at : at + count] for at in range(0, len(sizes), count)]
    widths = [max(size[0] for size in sizes[column::count]) for column in range(count)]
    heights = [max(size[1] for size in row) for row in rows]
    lefts = [sum(widths[:column]) + padding * column for column in range(count)]
    tops = [sum(heights[:row]) + padding * row for row in range(len(rows))]
    places = tuple(
        (lefts[column], tops[row], *size) for row, members in enumerate(rows) for column, size in enumerate(members)
    )
    return Layout((lefts[-1] + widths[-1], tops[-1] + heights[-1]), places, count)


def class_names(prefix: str, stems: Sequence[str]) -> list[str]:
    """Return a class for each picture: ASCII letters, digits, `-` and `_`, no two alike even where case is ignored.

    Args:
        prefix: What each begins with, a valid class by itself.
        stems: The pictures' names. One of which nothing is left gives its number, counted from 1.
    """
    taken: set[str] = {prefix.lower()}
    found = []
    for number, stem in enumerate(stems, 1):
        plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
        base = f"{prefix}-{re.sub(r'[^A-Za-z0-9_]+', '-', plain).strip('-') or number}"
        name, again = base, 1
        while name.lower() in taken:
            again += 1
            name = f"{base}-{again}"
        taken.add(name.lower())
        found.append(name)
    return found


def style_sheet(prefix: str, url: str, layout: Layout, names: Sequence[str], scale: float) -> str:
    """Return the CSS: one class for all, with the picture, and one for each, with its place.

    Args:
        prefix: The class for all.
        url: Of the sprite, escaped.
        layout: Where everything is.
        names: The classes of the pictures.
        scale: Pixels a CSS pixel.
    """

    def length(pixels: int) -> str:
        value = pixels / scale
        return "0" if value == 0 else f"{value:.4f}".rstrip("0").rstrip(".") + "px"

    lines = [f".{prefix} {{", "  display: inline-block;", f'  background: url("{url}") no-repeat;']
    if scale != 1:
        lines.append(f"  background-size: {length(layout.size[0])} {length(layout.size[1])};")
    lines.append("}")
    for name, (left, top, width, height) in zip(names, layout.places, strict=True):
        lines += [
            "",
            f".{name} {{",
            f"  width: {length(width)};",
            f"  height: {length(height)};",
            f"  background-position: {length(-left)} {length(-top)};",
            "}",
        ]
    return "\n".join(lines) + "\n"
