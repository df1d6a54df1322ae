"""PNGs of few colours: the smallest palette, and the dithering, with which a picture still looks as it did."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mediamill.operations.images import _colour, _quantize, _stripping
from mediamill.operations.images._candidate import Candidate, Task
from mediamill.operations.images._lossless import oxipng
from mediamill.operations.images._picture import Picture
from mediamill.operations.images._sampling import TOLERANCE, Judge, decoded, least, sample
from mediamill.operations.images._stripping import Kept

if TYPE_CHECKING:
    import pyvips

DITHERINGS = (0.0, 0.5, 1.0)
MOST = 256
_SPEED, _BEST_SPEED = 4, 1
"""libimagequant's, for the search and for the result."""

_FINALISTS = 2
_VIPS_EFFORT = 10
_MORE = 1.12
"""How many more colours a whole picture gets where those of its sample do not do."""


class _Way:
    """One way to make a palette: by which library, how many colours, how errors are spread."""

    def __init__(self, library: str, colours: int, dithering: float) -> None:
        self.library, self.colours, self.dithering = library, colours, dithering

    def encode(self, image: "pyvips.Image", speed: int = _BEST_SPEED) -> bytes:
        """Return a plain PNG."""
        if self.library == "libvips":
            data: bytes = image.pngsave_buffer(
                palette=True, colours=self.colours, dither=self.dithering, effort=_VIPS_EFFORT, Q=100, keep="none"
            )
            return data
        indexed = _quantize.quantize(image, self.colours, dithering=self.dithering, speed=speed)
        assert indexed is not None  # no least quality was asked for
        return _quantize.png(indexed)

    def more(self) -> "_Way":
        """Return the same with some more colours."""
        return _Way(self.library, min(MOST, max(self.colours + 4, round(self.colours * _MORE))), self.dithering)

    def __str__(self) -> str:
        spread = f", dithering {self.dithering:g}" if self.dithering else ""
        return f"{self.library} and oxipng, {self.colours} colours{spread}"


def lossy_png(task: Task, picture: Picture, target: float, kept: Kept) -> Candidate | None:
    """Return the smallest PNG of up to 256 colours that reaches a score; None where no palette does.

    Args:
        task: The file.
        picture: Its pixels.
        target: The score to aim at.
        kept: What stays of its metadata.
    """
    image = _eight_bits(picture.pages[0])
    part = sample(image)
    judge = Judge(part)
    ranked = sorted(_found(task, part, judge, target), key=lambda one: one[0])[:_FINALISTS]
    if not ranked:
        return None
    whole = judge if part is image else Judge(image)
    ways = [way for _, way in ranked]
    ways.append(_Way("libvips", ways[0].colours, ways[0].dithering))
    best: Candidate | None = None
    for way in ways:
        made = _finished(task, image, way, whole, target, kept)
        if made is not None and (best is None or len(made.data) < len(best.data)):
            best = made
    return best


def _found(task: Task, part: "pyvips.Image", judge: Judge, target: float) -> Iterator[tuple[int, _Way]]:
    """Yield, for each dithering that can reach a score on a sample, the fewest colours that do, their bytes first."""
    guess = MOST
    for dithering in DITHERINGS:
        task.check()
        sizes: dict[int, int] = {}

        def score(colours: int, dithering: float = dithering, sizes: dict[int, int] = sizes) -> float:
            data = _Way("imagequant", colours, dithering).encode(part, _SPEED)
            sizes[colours] = len(data)
            return judge.score(decoded(data))

        if score(MOST) < target:
            continue
        colours = least(score, target, 2, MOST, guess)
        guess = colours
        yield sizes[colours], _Way("imagequant", colours, dithering)


def _finished(
    task: Task, image: "pyvips.Image", way: _Way, judge: Judge, target: float, kept: Kept
) -> Candidate | None:
    """Make the whole picture one way, with more colours where it comes out worse than its sample."""
    floor = target if task.min_score is not None else target - TOLERANCE
    while True:
        task.check()
        data = way.encode(image)
        score = judge.score(decoded(data))
        if score >= floor:
            break
        if way.colours >= MOST:
            return None
        way = way.more()
    pixels = image.width * image.height
    keep: Any = None if kept.everything else _stripping.png_keeps(kept)
    data = oxipng(
        _stripping.png_redressed(data, task.data, kept),
        effort=task.png_effort(pixels),
        pixels=pixels,
        keep=keep,
        alpha=True,
    )
    return Candidate(_stripping.png_dressed(data, kept), str(way), score)


def _eight_bits(image: "pyvips.Image") -> "pyvips.Image":
    image = _colour.to_srgb(image)
    return (image.colourspace("srgb") if image.bands < 3 else image).copy_memory()
