"""Which glyphs a code of a simple font may stand for, by the encodings that documents name."""

from functools import cache

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
