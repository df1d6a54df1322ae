"""Fonts for text: a family that is installed, a file, or the one that is there where nothing is installed.

fontconfig takes files by name and keeps them, so the bytes that were read and checked are put where only this process
sees them, under a name that stays theirs. What is installed cannot be listed through libvips; a family is there if
text set in it looks other than in a font that is surely there.
"""

import atexit
import functools
import hashlib
import io
import os
import tempfile
from html import escape
from typing import TYPE_CHECKING

from msgspec import Struct

from mediamill.operations.contract import Context
from mediamill.operations.images._vips import vips
from mediamill.protocol.errors import InputNotFound, UnsupportedFormat
from mediamill.protocol.results import text as shortened

if TYPE_CHECKING:
    import pyvips

SUFFIXES = (".ttf", ".otf", ".ttc", ".otc", ".woff", ".woff2", ".pfb")
"""What a font that is a file, not a family, ends with, where its name has no folder."""

GENERIC = ("sans", "sans-serif", "serif", "monospace")
"""Families that always stand for some font."""

_LAST_RESORT = "Aileron"
_BUILT_IN = (*GENERIC, _LAST_RESORT.lower())

_STYLES = frozenset((
    "thin", "ultra-light", "extra-light", "light", "semi-light", "book", "regular", "medium", "semi-bold", "semibold",
    "demi-bold", "bold", "ultra-bold", "extra-bold", "heavy", "black", "italic", "oblique", "roman", "condensed",
    "semi-condensed", "expanded", "small-caps",
))  # fmt: skip
"""Words of style Pango knows, behind a family's name."""

_PROBE = "Hamburgefonstiv 0123"
_PROBE_SIZE = 32
_NO_LETTER, _NO_LETTER_ABOVE = "\u0378", "\U000323b0"
"""What Unicode has no letters for, with four and with more digits."""


class Font(Struct, frozen=True):
    """What text is set in.

    Attributes:
        description: As Pango takes it, without a size.
        file: Where fontconfig finds it; empty where it is installed.
    """

    description: str
    file: str = ""


def choose(name: str | None, ctx: Context, field: str = "font") -> Font:
    """Return the font a job names.

    Args:
        name: A family, with a style if wanted (`DejaVu Sans Bold`), a font file, or None for any sans.
        ctx: The engine, which reads the file.
        field: The job's field to blame.

    Raises:
        InputNotFound: The file does not exist, or no such family is installed.
        UnsupportedFormat: The file is no font.
        MediaError: Whatever else reading the file may raise.
    """
    if name is not None and is_file(name):
        return _from_file(ctx.read(name, field).data, name, field)
    family = name or "sans"
    found = _installed(family) if _has_fonts() else None
    if found is None and _without_style(family).lower() in _BUILT_IN:
        found = last_resort()
    if found is not None:
        return found
    raise InputNotFound(
        f"No font of the family {shortened(family, 100)!r} is installed.",
        field=field,
        received=name,
        expected=f"an installed family, a font file, or one of {', '.join(GENERIC)}",
    )


def is_file(name: str) -> bool:
    """Return whether a font's name is one of a file."""
    return "/" in name or os.sep in name or name.lower().endswith(SUFFIXES)


@functools.cache
def last_resort() -> Font:
    """Return the font that comes with Pillow: Aileron, in the public domain, with Latin letters."""
    from PIL import ImageFont

    font = ImageFont.load_default(_PROBE_SIZE)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return Font(_description(font), _kept(font.font_bytes))


def rendered(markup: str, font: Font, size: float, align: str = "low") -> "pyvips.Image":
    """Return Pango markup as a picture of what is inked, sRGB with alpha, of 8 bits.

    Args:
        markup: Of which text that is data is escaped.
        font: What it is set in; letters it has not come from other fonts.
        size: Of the font, in pixels.
        align: low, centre or high.

    Raises:
        pyvips.Error: Nothing is inked, or it is no markup.
    """
    options = {"fontfile": font.file} if font.file else {}
    return (
        vips()
        .Image.text(markup, font=f"{font.description} {size:.2f}", dpi=72, rgba=True, align=align, **options)
        .copy(interpretation="srgb")
    )


def missing(text: str, font: Font) -> str:
    """Return the letters of a text that no font here has, each once: their boxes are alike at the top and in size."""

    def box(letter: str) -> "pyvips.Image | None":
        try:
            return rendered(escape(letter, quote=False), font, _PROBE_SIZE)
        except vips().Error:
            return None  # nothing is inked, as of a space

    known = {letter for letter in text if letter.isascii() or letter.isspace()}
    lost = {plane: box(letter) for plane, letter in ((False, _NO_LETTER), (True, _NO_LETTER_ABOVE))}
    found = []
    for letter in dict.fromkeys(text):
        drawn, like = None if letter in known else box(letter), lost[ord(letter) > 0xFFFF]
        if drawn is None or like is None or drawn.width != like.width or drawn.height != like.height:
            continue
        if _alike(drawn.crop(0, 0, drawn.width, 2), like.crop(0, 0, like.width, 2)):
            found.append(letter)
    return "".join(found)


def _from_file(data: bytes, name: str, field: str) -> Font:
    from PIL import ImageFont

    try:
        font = ImageFont.truetype(io.BytesIO(data), _PROBE_SIZE)
    except (OSError, ValueError) as error:
        raise UnsupportedFormat(
            f"Input is not a font: {shortened(name, 200)}",
            field=field,
            received=name,
            expected="a TrueType, OpenType or Type 1 font",
            detail=str(error),
        ) from None
    return Font(_description(font), _kept(data))


def _description(font: "object") -> str:
    """Return a font's family and style as Pango takes them."""
    family, style = font.getname()  # type: ignore[attr-defined]
    return f"{(family or '').replace(',', ' ')}, {style or ''}".strip(" ,")


@functools.cache
def _has_fonts() -> bool:
    """Return whether any font is installed: without one all letters look alike."""
    narrow, wide = (rendered(letter, Font("sans"), _PROBE_SIZE) for letter in ("i", "W"))
    return not _alike(narrow, wide)


@functools.lru_cache(maxsize=256)
def _installed(name: str) -> Font | None:
    """Return the font of a family's name, or of one with words of style behind it; None where it is not installed."""
    words = name.replace(",", " ").split()
    for count in range(len(words), 0, -1):
        family, styles = " ".join(words[:count]), words[count:]
        if not _STYLES.issuperset(word.lower() for word in styles):
            return None
        if family.lower() in GENERIC or _is_installed(family):
            return Font(f"{family}, {' '.join(styles)}".rstrip(" "))
    return None


def _without_style(name: str) -> str:
    words = name.split()
    while len(words) > 1 and words[-1].lower() in _STYLES:
        words.pop()
    return " ".join(words)


def _is_installed(family: str) -> bool:
    """Return whether a family is installed: else what is named after it in a list of families is taken."""
    other = last_resort()
    listed = Font(f"{family},{_LAST_RESORT},", other.file)
    alone = Font(f"{_LAST_RESORT},", other.file)
    return not _alike(rendered(_PROBE, listed, _PROBE_SIZE), rendered(_PROBE, alone, _PROBE_SIZE))


def _alike(one: "pyvips.Image", other: "pyvips.Image") -> bool:
    same = (one.width, one.height) == (other.width, other.height)
    return same and bool((one - other).abs().max() == 0)


_files: dict[str, str] = {}


def _kept(data: bytes) -> str:
    """Return a path that has a font's bytes as long as this process lives, the same one each time."""
    digest = hashlib.sha256(data).hexdigest()
    if digest not in _files:
        _files[digest] = _in_memory(data) or _in_folder(data)
    return _files[digest]


def _in_memory(data: bytes) -> str:
    """Write a file that has no name elsewhere and vanishes with the process, however that ends; Linux alone has it."""
    if not hasattr(os, "memfd_create"):
        return ""
    descriptor = os.memfd_create("font")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(data)
    path = f"/proc/self/fd/{descriptor}"
    if not os.path.exists(path):
        os.close(descriptor)
        return ""
    return path


def _in_folder(data: bytes) -> str:
    descriptor, path = tempfile.mkstemp(prefix="mediamill-font-", suffix=".ttf")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    atexit.register(os.unlink, path)
    return path
