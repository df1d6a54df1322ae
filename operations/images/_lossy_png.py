"""PNGs of few colours: the smallest palette, and the dithering, with which a picture still looks as it did."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from mediamill.operations.images import _colour, _quantize, _stripping
from mediamill.operations.images._candidate import Candidate, Task
from mediamill.operations.images._lossless import oxipng
from mediamill.operations.images._picture import Picture
from mediamill.operations.images._sampling import Judge, decoded, floor, least, sample
from mediamill.operations.images._stripping import Kept

if TYPE_CHECKING:
    import pyvips

Library = Literal["imagequant", "libvips"]

SAMPLE_PIXELS = 1 << 18
"""Palettes are searched for on this many pixels at most."""

_DITHERINGS = (0.0, 0.5, 1.0)
_MOST: dict[Library, int] = {"imagequant": 256, "libvips": 100}
"""The largest setting: colours, or libvips' own measure of what they have to be good for."""

_BYTES_PER_POINT = 0.02
"""How much a point of score costs, as a share of a file, roughly: what makes ways comparable before they are tuned."""

_QUICK_EFFORT = 5
_SLACK = 3.0
"""Points a quick palette of a sample may miss the aim by: the best one of the whole picture is better."""

_SMALL_PIXELS = 150_000
_TRIES, _NEAR = 3, 4
"""Steps between a setting that does not do and the largest, and how near to each other they may come."""

_SPARE = 1.0
"""Points above the aim from which fewer colours are tried."""


class _Way(Struct, frozen=True):
    """One way to make a palette: by which library, with which setting, how errors are spread."""

    library: Library
    dithering: float
    setting: int

    def encode(self, image: "pyvips.Image", *, best: bool) -> bytes:
        """Return a plain PNG.

        Args:
            image: In sRGB, 8 bits.
            best: Whether to take the time for the best palette.
        """
        if self.library == "libvips":
            data: bytes = image.pngsave_buffer(
                palette=True, Q=self.setting, dither=self.dithering, effort=10 if best else 7, keep="none"
            )
            return data
        speed = 1 if best else 4
        indexed = _quantize.quantize(image, self.setting, dithering=self.dithering, speed=speed)
        assert indexed is not None  # no least quality was asked for
        return _quantize.png(indexed)

    def set_to(self, setting: int) -> "_Way":
        """Return the same with another setting, within its range."""
        return _Way(self.library, self.dithering, min(max(setting, 2), _MOST[self.library]))

    def __str__(self) -> str:
        unit = "colours" if self.library == "imagequant" else "Q"
        return f"{self.library} palette, {unit} {self.setting}, dithering {self.dithering:g}; oxipng"


class _Made(Struct, frozen=True):
    """A whole picture made one way."""

    data: bytes
    score: float
    way: _Way


def lossy_png(task: Task, picture: Picture, target: float, kept: Kept) -> Candidate | None:
    """Return the smallest PNG of up to 256 colours that reaches a score; None where no palette does.

    Args:
        task: The file.
        picture: Its pixels.
        target: The score to aim at.
        kept: What stays of its metadata.
    """
    image = _eight_bits(picture.pages[0])
    part = sample(image, SAMPLE_PIXELS)
    judge = Judge(part)
    whole = judge if part is image else Judge(image)
    pixels = image.width * image.height
    found: list[tuple[int, int, _Made]] = []
    for way in _promising(task, part, judge, target):
        tuned = way.set_to(_search(task, way, part, judge, target))
        made = _finished(task, image, tuned, whole, target)
        if made is not None:
            size = len(oxipng(made.data, effort=_QUICK_EFFORT, pixels=pixels, keep=[]))
            found.append((size, len(found), made))
    best = min(found)[2] if found else _richest(task, image, whole, target)
    if best is None:
        return None
    task.check()
    keep = None if kept.everything else _stripping.png_keeps(kept)
    dressed = _stripping.png_redressed(best.data, task.data, kept)
    packed = oxipng(dressed, effort=task.png_effort(pixels), pixels=pixels, keep=keep, alpha=True)
    return Candidate(_stripping.png_dressed(packed, kept), str(best.way), best.score)


def _promising(task: Task, part: "pyvips.Image", judge: Judge, target: float) -> Sequence[_Way]:
    """Return the ways that can reach a score on a sample and seem to do so with the fewest bytes."""
    found: list[tuple[float, int, _Way]] = []
    for library in _MOST:
        for dithering in _DITHERINGS:
            task.check()
            way = _Way(library, dithering, _MOST[library])
            data = way.encode(part, best=False)
            score = judge.score(decoded(data))
            if score < target - _SLACK:
                continue
            size = len(oxipng(data, effort=_QUICK_EFFORT, pixels=part.width * part.height, keep=[]))
            found.append((size * (1 - _BYTES_PER_POINT * (score - target)), len(found), way))
    count = 4 if task.level == "aggressive" else 3 if _thorough(task, part) else 2
    return [way for _, _, way in sorted(found)[:count]]


def _thorough(task: Task, image: "pyvips.Image") -> bool:
    """Return whether to take the time for the best: where it was asked for, and where a picture is small."""
    effort = task.effort if task.effort is not None else 7 if image.width * image.height <= _SMALL_PIXELS else 5
    return task.level == "aggressive" or effort >= 7


def _search(task: Task, way: _Way, part: "pyvips.Image", judge: Judge, target: float) -> int:
    def score(setting: int) -> float:
        task.check()
        return judge.score(decoded(way.set_to(setting).encode(part, best=False)))

    most = _MOST[way.library]
    return least(score, target, 2, most, most)


def _finished(task: Task, image: "pyvips.Image", way: _Way, judge: Judge, target: float) -> _Made | None:
    """Make the whole picture one way; its sample's setting is moved where the whole is worse, or much better."""
    lowest = floor(target, task.min_score)
    best = _thorough(task, image)

    def made(setting: int) -> _Made:
        task.check()
        tried = way.set_to(setting)
        data = tried.encode(image, best=best)
        return _Made(data, judge.score(decoded(data)), tried)

    found = made(way.setting)
    if found.score >= lowest:
        lower = made(round(way.setting * 0.9)) if found.score > target + _SPARE else found
        return lower if lower.score >= lowest else found
    low, high = found, made(_MOST[way.library])
    if high.score < lowest:
        return None
    for _ in range(_TRIES):
        between = (low.way.setting + high.way.setting) // 2
        if between <= low.way.setting + _NEAR:
            break
        middle = made(between)
        low, high = (low, middle) if middle.score >= lowest else (middle, high)
    return high


def _richest(task: Task, image: "pyvips.Image", judge: Judge, target: float) -> _Made | None:
    """Return the best palette there is, for pictures a quick one just misses the aim with; None where it does, too."""
    found = []
    for dithering in _DITHERINGS[1:]:
        task.check()
        way = _Way("imagequant", dithering, _MOST["imagequant"])
        data = way.encode(image, best=True)
        found.append(_Made(data, judge.score(decoded(data)), way))
    best = max(found, key=lambda made: made.score)
    return best if best.score >= floor(target, task.min_score) else None


def _eight_bits(image: "pyvips.Image") -> "pyvips.Image":
    image = _colour.to_srgb(image)
    return (image.colourspace("srgb") if image.bands < 3 else image).copy_memory()
