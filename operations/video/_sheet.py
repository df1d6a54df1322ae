"""Sheets of tiles, and the WebVTT file by which players find the tile of a moment (`#xywh=`, W3C Media Fragments)."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Struct

from mediamill.operations.images._vips import vips
from mediamill.operations.video._moments import Part

if TYPE_CHECKING:
    import pyvips

Size = tuple[int, int]


class Layout(Struct, frozen=True):
    """How tiles are arranged.

    Attributes:
        tile: Width and height of each in pixels.
        columns: Tiles side by side.
        rows: Rows of a full sheet.
        count: Tiles in all.
    """

    tile: Size
    columns: int
    rows: int
    count: int

    @property
    def capacity(self) -> int:
        """Tiles of a full sheet."""
        return self.columns * self.rows

    @property
    def sheets(self) -> int:
        """How many sheets there are."""
        return -(-self.count // self.capacity)

    def tiles(self, sheet: int) -> int:
        """Return how many tiles a sheet has."""
        return min(self.capacity, self.count - sheet * self.capacity)

    def size(self, sheet: int) -> Size:
        """Return a sheet's width and height in pixels."""
        tiles = self.tiles(sheet)
        columns = min(self.columns, tiles)
        return columns * self.tile[0], -(-tiles // columns) * self.tile[1]

    def place(self, index: int) -> tuple[int, int, int]:
        """Return a tile's sheet, and its left and top there in pixels."""
        sheet, number = divmod(index, self.capacity)
        row, column = divmod(number, self.columns)
        return sheet, column * self.tile[0], row * self.tile[1]


def joined(tiles: Sequence["pyvips.Image"], layout: Layout) -> "pyvips.Image":
    """Return tiles as one picture, row by row; places left over are black."""
    across = min(layout.columns, len(tiles))
    return vips().Image.arrayjoin(list(tiles), across=across).copy(interpretation="srgb")


def vtt(parts: Sequence[Part], layout: Layout, names: Sequence[str]) -> bytes:
    """Return the WebVTT file.

    Args:
        parts: What each tile stands for, without gaps.
        layout: Where the tiles are.
        names: The sheets' file names, which lie beside it.
    """
    return "\n".join(["WEBVTT", "", *_cues(parts, layout, names)]).encode()


def _cues(parts: Sequence[Part], layout: Layout, names: Sequence[str]) -> Iterator[str]:
    width, height = layout.tile
    for index, part in enumerate(parts):
        sheet, left, top = layout.place(index)
        yield f"{_clock(part.start)} --> {_clock(max(part.end, part.start + 0.001))}"
        yield f"{quote(names[sheet])}#xywh={left},{top},{width},{height}"
        yield ""


def _clock(seconds: float) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"
