"""One file made smaller: every way that fits it is tried, and the smallest result wins, the original among them."""

from typing import Any

from msgspec import Struct

from mediamill.operations.images._candidate import Candidate, Task
from mediamill.operations.images._lossless import lossless
from mediamill.operations.images._lossy_gif import lossy_gif
from mediamill.operations.images._lossy_jpeg import lossy_jpeg
from mediamill.operations.images._lossy_png import lossy_png
from mediamill.operations.images._lossy_web import lossless_web, lossy_web
from mediamill.operations.images._params import Format
from mediamill.operations.images._picture import Picture, blamed, decode
from mediamill.operations.images._sampling import AGGRESSIVE_LOSS, JUDGED_PIXELS, target_score
from mediamill.operations.images._source import Facts
from mediamill.operations.images._ssimulacra2 import memory_bytes as judge_memory
from mediamill.operations.images._stripping import Kept, jpeg_extras, kept_metadata

CODED = ("jpeg", "png", "webp", "avif", "gif", "tiff")
"""Formats that are written anew; pictures of others stay as they are."""

WORTH = 0.95
"""A lossy result is taken where it has at most this share of the bytes the best lossless one has."""

_BASE_BYTES = 32 << 20
_COPIES = 3
"""The original, what comes out, and what is on its way."""

_CODER_BYTES = 16
"""What encoders hold per pixel."""

_LOSSY_SOURCES = ("jpeg", "webp", "avif", "heic")
_STILL_ONLY = ("jpeg", "png", "avif")


class Shrunk(Struct, frozen=True):
    """What became of one file.

    Attributes:
        best: What takes its place; None where it stays as it is.
        siblings: The same picture in further formats.
        notes: What is to be said about it: why it stays, what was left out.
    """

    best: Candidate | None
    siblings: dict[Format, Candidate]
    notes: dict[str, Any]


def shrink(task: Task, also: tuple[Format, ...] = ()) -> Shrunk:
    """Make a file smaller.

    Args:
        task: The file.
        also: Further formats to write it in.

    Raises:
        CorruptInput: It is damaged.
        OutOfMemory: It does not fit.
    """
    facts = task.source.facts
    if facts.format not in CODED:
        return Shrunk(None, {}, {"skipped": f"{facts.format.upper()} files are not rewritten."} | _missed(also))
    check_sound(task)
    extras = jpeg_extras(task.data) if facts.format == "jpeg" else None
    if extras is not None and task.metadata == "all":
        return Shrunk(None, {}, {"skipped": f"The file has a {extras}, which would be lost."} | _missed(also))
    kept = kept_metadata(task.data, facts, task.metadata)
    notes: dict[str, Any] = {"gain_map": "dropped"} if extras == "gain map" else {}
    lossy = task.level != "lossless" and _may_lose(facts)
    picture = _picture(task) if also or lossy else None
    turned = kept_metadata(task.data, facts, task.metadata, upright=True)
    best = lossless(task, kept, quick=lossy)
    made = _lossy(task, picture, turned) if lossy and picture is not None else None
    if made is not None and _allowed(task, made) and len(made.data) <= WORTH * _bytes(best, task):
        best = made
    elif lossy:
        best = lossless(task, kept)
    if best is None:
        notes["skipped"] = (
            "No smaller file with the same pixels was found."
            if task.level == "lossless"
            else "No smaller file of this quality was found."
        )
    siblings: dict[Format, Candidate] = {}
    for name in also:
        assert picture is not None
        made = _sibling(task, picture, name, turned)
        if made is not None and _allowed(task, made) and len(made.data) < _bytes(best, task):
            siblings[name] = made
        else:
            notes[f"also_{name}"] = "left out: not smaller"
    return Shrunk(best, siblings, notes)


def memory_bytes(facts: Facts, *, lossy: bool) -> int:
    """Return the most memory one file's work holds, on the safe side.

    Args:
        facts: What its header says.
        lossy: Whether it is coded with loss, and so judged.
    """
    if facts.format not in CODED:
        return _BASE_BYTES
    frames = facts.frames if facts.animated else 1
    pixels = facts.width * facts.height * frames
    held = pixels * facts.bands * (2 if facts.depth > 8 else 1) * _COPIES + pixels * _CODER_BYTES
    if not lossy:
        return _BASE_BYTES + held
    judged = min(pixels, JUDGED_PIXELS)
    return _BASE_BYTES + held + judge_memory((judged, 1), alpha=facts.alpha)


def check_sound(task: Task) -> None:
    """Decode a whole file, strictly; raises CorruptInput where it is damaged."""
    source = task.source
    frames = source.facts.animated
    with blamed(source, frames=frames):
        source.load(frames=frames).avg()


def aim(task: Task) -> float:
    """Return the score lossy results aim at."""
    wanted = target_score(task.quality) - (AGGRESSIVE_LOSS if task.level == "aggressive" else 0.0)
    return wanted if task.min_score is None else max(wanted, task.min_score)


def _may_lose(facts: Facts) -> bool:
    """Return whether a file may be coded with loss: not CMYK, not HDR, not an animation of a format of stills here."""
    if facts.format == "tiff" or facts.interpretation == "cmyk" or facts.hdr is not None:
        return False
    return facts.frames == 1 or facts.format not in _STILL_ONLY


def _picture(task: Task) -> Picture:
    return decode(task.source, frames=task.source.facts.animated)


def _lossy(task: Task, picture: Picture, kept: Kept) -> Candidate | None:
    name, target = task.source.facts.format, aim(task)
    if name == "jpeg":
        return lossy_jpeg(task, picture, target, kept)
    if name == "png":
        return lossy_png(task, picture, target, kept)
    if name == "gif":
        return lossy_gif(task, picture, target, kept)
    return lossy_web(task, picture, "webp" if name == "webp" else "avif", target, kept)


def _sibling(task: Task, picture: Picture, name: Format, kept: Kept) -> Candidate | None:
    """Return a picture in another format: without loss at `lossless` where its source has none, else looking alike."""
    facts = task.source.facts
    if name == facts.format:
        return None
    exact = None if facts.format in _LOSSY_SOURCES else lossless_web(task, picture, name, kept)
    if task.level == "lossless" and facts.format not in _LOSSY_SOURCES:
        return exact
    alike = lossy_web(task, picture, name, aim(task), kept)
    return min((one for one in (exact, alike) if one is not None), key=lambda one: len(one.data), default=None)


def _allowed(task: Task, made: Candidate) -> bool:
    return task.min_score is None or made.score >= task.min_score


def _bytes(best: Candidate | None, task: Task) -> int:
    return len(task.data) if best is None else len(best.data)


def _missed(also: tuple[Format, ...]) -> dict[str, str]:
    return {f"also_{name}": "left out: the file is not rewritten" for name in also}
