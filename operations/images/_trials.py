"""One picture coded at many qualities: its sizes, its scores, and samples of its size for a fraction of an encode."""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from mediamill.operations.images import _colour, _grid, _pillow, _ssimulacra2
from mediamill.operations.images._encode import Encoding, encode, prepare
from mediamill.operations.images._params import Format
from mediamill.operations.images._picture import Picture, encoded
from mediamill.operations.images._search import Samples
from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import pyvips

_TILE = 32
"""Pixels a side: two of JPEG's and WebP's macroblocks, so that tiles are coded much as in their place."""

_SHARES: dict[Format, tuple[int, int]] = {"jpeg": (5, 200_000), "webp": (3, 350_000)}
"""One tile in so many is sampled, and so many pixels of them do. WebP's sizes are the hardest to foresee."""

_LEAST_SHARE = 16

_FEWEST = 12
"""Tiles below which a sample says nothing."""

_HEAD: dict[Format, int] = {"jpeg": 350, "webp": 60, "avif": 0}
"""Bytes of a file that do not grow with the picture."""

_BIAS: dict[Format, tuple[float, float, float]] = {
    "jpeg": (0.040, 0.014, -0.0004),
    "webp": (0.163, 0.120, -0.0008),
    "avif": (0.146, 0.038, -0.0018),
}
"""By how much the logarithm of a size is above its sample's: always, by the logarithm of bytes per pixel, by quality.

Edges of tiles cost most where there is little else. Measured on the photos of `_curves`.
"""


class Tally(Struct):
    """How many encodes were made, and how many samples were taken."""

    encodes: int = 0
    samples: int = 0


class Trials:
    """The files a picture makes at the qualities that were tried.

    Attributes:
        code: How it is coded, but for the quality.
        tally: What that took.
    """

    def __init__(self, picture: Picture, code: Encoding, check: Callable[[], None], tally: Tally) -> None:
        """Prepare a picture.

        Args:
            picture: The picture at its final size.
            code: How it is coded, but for the quality.
            check: Is called before each encode and raises where the job is to stop.
            tally: Counts what is done.
        """
        self.code = code
        self.tally = tally
        self._check = check
        self._picture = picture.each(lambda page: prepare(page, code).copy_memory())
        self._files: dict[Hashable, tuple[bytes, int]] = {}
        self._scores: dict[Hashable, float] = {}
        self._reference: _ssimulacra2.Reference | None = None

    @property
    def page(self) -> "pyvips.Image":
        """The picture as it is coded, an animation's first frame."""
        return self._picture.pages[0]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the files' picture."""
        return self._picture.size

    @property
    def pixels(self) -> int:
        """Pixels of all frames."""
        return self.size[0] * self.size[1] * len(self._picture.pages)

    @property
    def _moves(self) -> bool:
        return len(self._picture.pages) > 1

    def grid(self, low: int, high: int, *, smallest: bool) -> list[int]:
        """Return the qualities from low to high that make different files, ascending.

        Args:
            low: The least quality.
            high: The highest one.
            smallest: Whether the lowest of several that make the same file stands for them; else the highest does.
        """
        qualities: Sequence[int] = range(high, low - 1, -1) if smallest else range(low, high + 1)
        return sorted({self._step(quality): quality for quality in qualities}.values())

    def file(self, quality: int) -> tuple[bytes, int]:
        """Return the file of a quality and how many frames are in it; it is encoded at most once."""
        step = self._step(quality)
        if step not in self._files:
            self._check()
            self.tally.encodes += 1
            self._files[step] = encoded(self._picture, msgspec.structs.replace(self.code, quality=quality))
        return self._files[step]

    def tried(self, quality: int) -> bool:
        """Return whether a quality's file is there already."""
        return self._step(quality) in self._files

    def bytes_of(self, quality: int) -> int:
        """Return the size of a quality's file."""
        return len(self.file(quality)[0])

    def log_bytes(self, quality: int) -> float:
        """Return the natural logarithm of that."""
        return math.log(self.bytes_of(quality))

    def score(self, quality: int) -> float:
        """Return the SSIMULACRA2 score of a quality's file, of an animation's first frame."""
        step = self._step(quality)
        if step not in self._scores:
            made = self.decoded(quality)
            if self._reference is None:
                self._reference = _ssimulacra2.Reference(self.page)
            self._scores[step] = self._reference.score(made)
        return self._scores[step]

    def end_scoring(self) -> None:
        """Let go of what scores are computed with, which is ten times the picture."""
        self._reference = None

    def decoded(self, quality: int) -> "pyvips.Image":
        """Return a quality's file as it will be seen, an animation's first frame."""
        data = self.file(quality)[0]
        if self.code.format == "avif" and self._moves:
            return _colour.normalise(_pillow.decode(_pillow.open_picture(data, "avif")))
        return _colour.normalise(vips().Image.new_from_buffer(data, ""))

    def sampler(self) -> Samples | None:
        """Return what estimates the logarithms of sizes at a third of the cost or less; None where nothing does.

        AVIF is coded at its lowest effort. Of JPEG and WebP a part is coded, tiles spread evenly over the picture.
        """
        if self._moves:
            return None
        page, code = self.page, self.code
        if code.format == "avif":
            fast = msgspec.structs.replace(code, effort=0)
            return Samples(measure=self._sampled(page, fast, 1.0)) if code.effort else None
        part, share = _tiles(page, *_SHARES[code.format])
        if part is None:
            return None
        if code.format == "jpeg":
            return Samples(measure=self._sampled(part, code, share), further=1)
        return Samples(measure=self._sampled(part, code, share), first=2)

    def _step(self, quality: int) -> Hashable:
        return quality if self._moves else _grid.step(self.code, quality)

    def _sampled(self, part: "pyvips.Image", code: Encoding, share: float) -> Callable[[int], float]:
        head, pixels = _HEAD[code.format], math.log(self.pixels)
        always, by_density, by_quality = _BIAS[code.format]

        def measure(quality: int) -> float:
            self._check()
            self.tally.samples += 1
            found = len(encode(part, msgspec.structs.replace(code, quality=quality)))
            plain = math.log(max(found - head, found / 5) / share + head)
            return plain + always + by_density * (plain - pixels) + by_quality * quality

        return measure


def _tiles(page: "pyvips.Image", share: int, enough: int) -> tuple["pyvips.Image | None", float]:
    """Return tiles of a picture side by side, and which part of it they are; None where it is too small.

    Args:
        page: The picture.
        share: One tile in so many is taken, fewer of a large picture.
        enough: Pixels of all tiles that will do.
    """
    library = vips()
    across, down = page.width // _TILE, page.height // _TILE
    step = min(max(page.width * page.height // enough, share), _LEAST_SHARE)
    shift = round(step * 0.382)  # far from any simple fraction, so that the tiles lie on no line
    places = [(x, y) for y in range(down) for x in range(across) if (x + shift * y) % step == 0]
    if len(places) < _FEWEST:
        return None, 0.0
    beside = round(math.sqrt(len(places)))
    rows = len(places) // beside
    pixels, unit = memoryview(page.write_to_memory()), page.bands
    line = page.width * unit
    found = b"".join(
        pixels[start : start + _TILE * unit]
        for row in range(rows)
        for inside in range(_TILE)
        for start in (
            (y * _TILE + inside) * line + x * _TILE * unit for x, y in places[row * beside : (row + 1) * beside]
        )
    )
    image = library.Image.new_from_memory(found, beside * _TILE, rows * _TILE, page.bands, "uchar")
    return image.copy(interpretation=page.interpretation), beside * rows * _TILE**2 / (page.width * page.height)
