"""Which glyphs a code of a simple font may stand for, by the encodings that documents name."""

from collections.abc import Collection
from functools import cache

from msgspec import Struct, field

_CODECS = ("cp1252", "mac_roman", "latin-1")

_PDF_ONLY = {
    0xA0: "space",
    0xAD: "hyphen",
    0xBD: "Omega",
    0xCA: "space",
    0xDB: "currency",
    0xF0: "apple",
} | dict.fromkeys((0x7F, 0x81, 0x8D, 0x8F, 0x90, 0x9D), "bullet")
"""What PDF's own encodings have otherwise than the systems' they are named after (ISO 32000-1, annex D.2)."""


class Shown(Struct, frozen=True):
    """What simple fonts show of a program.

    Attributes:
        codes: Codes whose glyphs are kept, by whichever usual encoding they are found.
        names: Names of glyphs that are given to other codes, each with these; where there is no glyph of that name, it
            may be found by the code.
    """

    codes: set[int] = field(default_factory=set)
    names: dict[str, set[int]] = field(default_factory=dict)

    def every_code(self, glyphs: Collection[str]) -> set[int]:
        """Return the codes by which glyphs may be found in a program that has such glyphs."""
        return self.codes.union(*(called for name, called in self.names.items() if name not in glyphs))

    def of(self, glyphs: Collection[str], encoding: list[str] | None) -> set[str]:
        """Return the names of those of some glyphs that are shown.

        Args:
            glyphs: All that a program has.
            encoding: Their names by code, where it has an encoding of its own.
        """
        codes = self.every_code(glyphs)
        wanted = {name for code in codes for name in of_code(code)}.union(self.names)
        wanted.update(encoding[code] for code in codes if encoding is not None and code < len(encoding))
        return wanted.intersection(glyphs)


def of_code(code: int) -> set[str]:
    """Return the names of the glyphs that a code, 0..255, may stand for."""
    from fontTools.encodings.StandardEncoding import StandardEncoding

    letters = {bytes([code]).decode(codec, "ignore") for codec in _CODECS} - {""}
    names = {name for letter in letters for name in of_letter(letter)}
    return names | {StandardEncoding[code], _PDF_ONLY.get(code, ".notdef")} - {".notdef"}


def of_letter(letter: str) -> tuple[str, ...]:
    """Return all names that the Adobe Glyph List has for a letter."""
    return _by_letter().get(ord(letter), ())


@cache
def _by_letter() -> dict[int, tuple[str, ...]]:
    """Return the names of every letter; fontTools' own map the other way has one for each, and none for ligatures."""
    from fontTools.agl import AGL2UV, LEGACY_AGL2UV

    found: dict[int, tuple[str, ...]] = {}
    meant = {name: [letter] for name, letter in AGL2UV.items()} | LEGACY_AGL2UV
    for name, letters in meant.items():
        if len(letters) == 1:
            found[letters[0]] = (*found.get(letters[0], ()), name)
    return found
