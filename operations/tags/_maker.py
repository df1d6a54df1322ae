"""Maker notes: the camera maker's own data in EXIF, looked through for what it tells of the place.

Nobody but their maker knows all that is in them. Of the makers below the layout is known, as ExifTool documents it, and
with it the tags that name a place; a note of any other maker may hold one.
"""

import re
from typing import Any

from msgspec import Struct

from mediamill.operations.tags import _tags as tags
from mediamill.operations.tags._read import Layout, Tree

MAX_NOTES, MAX_BYTES = 16, 1 << 20
"""Notes that are looked at, and their bytes."""

MAX_ENTRIES = 2000
"""Entries of a sound note's directory; the longest ones have some hundreds."""


class Maker(Struct, frozen=True):
    """One kind of note.

    Attributes:
        name: The maker, as ExifTool calls the group.
        begins: How a note begins; None where only the camera's make tells.
        make: How the make begins, in lower case, where the note itself does not tell.
        at: Where its directory is.
        places: The tags that name a place.
    """

    name: str
    begins: bytes | None
    make: str = ""
    at: int = 0
    places: dict[int, str] = {}


_NIKON = {0x0039: "LocationInfo", 0x0E01: "NikonCaptureData"}
_PANASONIC = {0x0067: "Location", 0x0069: "Country", 0x006B: "State", 0x006D: "City", 0x006F: "Landmark"}
_PENTAX = {0x0022: "WorldTimeLocation", 0x0023: "HometownCity", 0x0024: "DestinationCity"}
_SAMSUNG = {
    0x002F: "GPSInfo01", 0x0030: "LocalLocationName", 0x0031: "LocationName", 0x0032: "GPSInfo03", 0x0033: "GPSInfo04",
    0x0034: "GPSInfo05",
}  # fmt: skip

_MAKERS = (
    Maker("Apple", rb"Apple iOS\0", at=14),
    Maker("Nikon", rb"Nikon\0\x02", at=18, places=_NIKON),
    Maker("Nikon", rb"Nikon\0\x01", at=8),
    Maker("Panasonic", rb"Panasonic\0", at=12, places=_PANASONIC),
    Maker("Pentax", rb"AOC\0", at=6, places=_PENTAX),
    Maker("Pentax", rb"(PENTAX |SAMSUNG)\0", at=10, places=_PENTAX),
    Maker("Casio", rb"(QVC|DCI)\0", at=6, places={0x3006: "HometownCity"}),
    Maker("Olympus", rb"(OLYMPUS|OM SYSTEM)\0", at=12),
    Maker("Olympus", rb"(OLYMP|EPSON|CAMER)\0", at=8),
    Maker("FujiFilm", rb"(FUJIFILM|GENERALE)", at=12),
    Maker("Sony", rb"(SONY (DSC|CAM|MOBILE)|\0\0SONY PIC\0|VHAB     \0)", at=12),
    Maker("Sigma", rb"(SIGMA|FOVEON)\0", at=10),
    Maker("Sanyo", rb"SANYO\0", at=8),
    Maker("Canon", None, "canon"),
    Maker("Casio", None, "casio"),
    Maker("Samsung", None, "samsung", places=_SAMSUNG),
    Maker("Minolta", None, "minolta"),
    Maker("Minolta", None, "konica minolta"),
    Maker("Sony", None, "sony"),
    Maker("Nikon", None, "nikon"),
    Maker("DJI", None, "dji"),
)


def leaks(tree: Tree) -> list[str] | None:
    """Return what in a tree's maker notes names a place, or may: `Panasonic:City`, `MakerNote:unknown`.

    Returns:
        The names, none where the note is known to hold no place; None where there is no note.
    """
    found: list[str] | None = None
    make, notes = _make(tree), 0
    for directory in tree.directories:
        for entry in directory.entries:
            notes += entry.tag == tags.MAKER_NOTE
            if notes > MAX_NOTES:
                return [*(found or []), "MakerNote:unknown"]
            if entry.tag == tags.MAKER_NOTE and directory.name != "GPS":
                found = (found or []) + _look(tree.raw(entry, MAX_BYTES), make, tree.layout)
            elif entry.tag == 0xC634:
                found = [*(found or []), "DNGPrivateData:unknown"]
    return found


def _make(tree: Tree) -> str:
    entry = tree.find("IFD0", tags.MAKE)
    return tree.raw(entry, 32).decode("latin-1").lower() if entry is not None else ""


def _look(note: bytes, make: str, layout: Layout) -> list[str]:
    maker = next((one for one in _MAKERS if _is_by(one, note, make)), None)
    if maker is None:
        return ["MakerNote:unknown"]
    present = _tags(note, maker, layout)
    if present is None:
        return [f"{maker.name}:unreadable"]
    return [f"{maker.name}:{name}" for tag, name in maker.places.items() if tag in present]


def _is_by(maker: Maker, note: bytes, make: str) -> bool:
    if maker.begins is not None:
        return re.match(maker.begins, note) is not None
    return make.startswith(maker.make)


def _tags(note: bytes, maker: Maker, layout: Layout) -> set[int] | None:
    """Return the tags of a note's directory, in whichever byte order makes sense; None where neither does."""
    at: Any = maker.at
    if maker.name == "Nikon" and at == 18:
        inner = Layout("<" if note[10:12] == b"II" else ">")
        at = 10 + inner.number(note, 14, 4)
    elif maker.name == "FujiFilm":
        at = Layout("<").number(note, 8, 4)
    for order in (layout, Layout(">" if layout.order == "<" else "<")):
        count = order.number(note, at, 2)
        if 0 < count <= MAX_ENTRIES and at + 2 + 12 * count <= len(note):
            places = range(at + 2, at + 2 + 12 * count, 12)
            if all(order.number(note, place + 2, 2) <= 13 for place in places):
                return {order.number(note, place, 2) for place in places}
    return None
