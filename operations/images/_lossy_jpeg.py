"""JPEGs coded again by mozjpeg, no better than they were: the tables and the chroma that take the fewest bytes."""

import functools
from typing import TYPE_CHECKING

from mediamill.operations.images import _stripping
from mediamill.operations.images._candidate import Candidate, Task
from mediamill.operations.images._encode import Encoding, prepare
from mediamill.operations.images._picture import Picture
from mediamill.operations.images._sampling import Judge, decoded, floor, least, quality_of, sample, settled
from mediamill.operations.images._stripping import Kept
from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import pyvips

TABLES = (5, 2, 4)
"""mozjpeg's numbers of the tables that win: Klein, Silverstein and Carney; MS-SSIM; Ahumada, Watson, Peterson."""

_ANNEX_K_SUM = 3688
"""Of the luma table of ITU-T T.81 annex K, which quality 50 stands for."""

_DQT, _SOS = 0xDB, 0xDA


class _Way:
    """One way to code a JPEG: a table and the resolution of chroma."""

    def __init__(self, table: int, chroma: str, task: Task) -> None:
        self.table, self.chroma, self._task = table, chroma, task

    def encode(self, image: "pyvips.Image", quality: int, keep: str = "icc") -> bytes:
        progressive = self._task.progressive is not False
        data: bytes = image.jpegsave_buffer(
            Q=quality,
            quant_table=self.table,
            subsample_mode="off" if self.chroma == "4:4:4" else "on",
            trellis_quant=True,
            overshoot_deringing=True,
            optimize_coding=True,
            interlace=progressive,
            optimize_scans=progressive,
            keep=keep,
        )
        return data

    def __str__(self) -> str:
        return f"mozjpeg, table {self.table}, {self.chroma}"


def lossy_jpeg(task: Task, picture: Picture, target: float, kept: Kept) -> Candidate | None:
    """Return the smallest JPEG that reaches a score; None where that takes more than the original has.

    Args:
        task: The file.
        picture: Its pixels.
        target: The score to aim at.
        kept: What stays of its metadata.
    """
    fineness = table_quality(task.data)
    demanding = task.min_score is not None and task.min_score >= target
    usual = quality_of(target)
    limit = fineness if demanding else min(fineness, usual)
    if fineness <= usual and not demanding:
        return None
    image = prepare(picture.pages[0], Encoding(format="jpeg", metadata=task.metadata))
    part = sample(image)
    judge = Judge(part)
    found: tuple[int, int, _Way] | None = None
    for way in _ways(task, image):
        task.check()
        quality, size = _search(way, part, judge, target, limit, found[1] if found else usual)
        if found is None or size < found[0]:
            found = (size, quality, way)
    assert found is not None
    _, quality, way = found
    return _whole(task, image, way, quality, target, _highest(way.table, limit), kept)


def table_quality(data: bytes) -> float:
    """Return how finely a JPEG is quantised, as the quality at which libjpeg's own table is as fine on average."""
    at, body = 2, b""
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _SOS and not body:
        size = int.from_bytes(data[at + 2 : at + 4])
        if data[at + 1] == _DQT:
            body = _first_table(data[at + 4 : at + 2 + size])
        at += 2 + size
    wide = len(body) == 128
    total = sum(body[0::2]) * 256 + sum(body[1::2]) if wide else sum(body)
    if total <= 64:
        return 100.0
    scale = 100 * total / _ANNEX_K_SUM
    return (200 - scale) / 2 if scale <= 100 else 5000 / scale


def _first_table(body: bytes) -> bytes:
    """Return the table of number 0, luma's, out of a segment of tables."""
    at = 0
    while at < len(body):
        size = 128 if body[at] >> 4 else 64
        if body[at] & 15 == 0:
            return body[at + 1 : at + 1 + size]
        at += 1 + size
    return b""


@functools.cache
def _fineness(table: int, quality: int) -> float:
    flat = vips().Image.black(8, 8)
    return table_quality(flat.jpegsave_buffer(Q=quality, quant_table=table, keep="none"))


@functools.cache
def _highest(table: int, limit: float) -> int:
    """Return the encoder's highest quality at which a table is no finer than a limit."""
    return max((quality for quality in range(1, 101) if _fineness(table, quality) <= limit), default=1)


def _ways(task: Task, image: "pyvips.Image") -> list[_Way]:
    tables = TABLES if task.level == "aggressive" or (task.effort or 0) >= 7 else TABLES[:2]
    chromas = [task.chroma]
    if task.chroma == "auto":
        full = image.bands >= 3 and "4:4:4" in str(image.get("jpeg-chroma-subsample"))
        chromas = ["4:2:0", "4:4:4"] if full else ["4:2:0"]
    return [_Way(table, chroma, task) for chroma in chromas for table in tables]


def _search(way: _Way, part: "pyvips.Image", judge: Judge, target: float, limit: float, first: int) -> tuple[int, int]:
    """Return the least quality that reaches a score on a sample, and the bytes it takes."""
    sizes: dict[int, int] = {}

    def score(quality: int) -> float:
        data = way.encode(part, quality)
        sizes[quality] = len(data)
        return judge.score(decoded(data))

    quality = least(score, target, 5, max(5, _highest(way.table, limit)), first)
    return quality, sizes[quality]


def _whole(
    task: Task, image: "pyvips.Image", way: _Way, quality: int, target: float, highest: int, kept: Kept
) -> Candidate:
    """Code the whole picture, and correct what its sample said."""
    judge = Judge(image)
    keep = "all" if kept.everything else "icc" if kept.icc else "none"

    def make(tried: int) -> tuple[bytes, float]:
        task.check()
        made = way.encode(image, tried, keep)
        return made, judge.score(decoded(made))

    quality, data, score = settled(make, quality, target, floor(target, task.min_score), highest)
    return Candidate(_stripping.jpeg_dressed(data, b"", kept) if kept.exif else data, str(way), score, quality)
