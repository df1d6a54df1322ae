"""IPTC and Photoshop's resources: the datasets and blocks of an APP13 segment, read and written.

After IPTC-IIM 4.2 and Adobe's description of image resource blocks.
"""

from msgspec import Struct

PHOTOSHOP = b"Photoshop 3.0\0"
IIM, DIGEST, EXIF, EXIF_3, XMP, THUMBNAILS = 0x0404, 0x0425, 0x0422, 0x0423, 0x0424, (0x0409, 0x040C)
MAX_ITEMS = 20_000

DATASETS = {
    26: "ContentLocationCode", 27: "ContentLocationName", 55: "DateCreated", 80: "By-line", 90: "City",
    92: "Sub-location", 95: "Province-State", 100: "Country-PrimaryLocationCode", 101: "Country-PrimaryLocationName",
    105: "Headline", 110: "Credit", 115: "Source", 116: "CopyrightNotice", 120: "Caption-Abstract", 25: "Keywords",
    5: "ObjectName", 65: "OriginatingProgram",
}  # fmt: skip
"""Datasets of the application record that are told apart, by ExifTool's names."""

PLACES = frozenset((26, 27, 90, 92, 95, 100, 101))
"""Those that name the place."""


class Resource(Struct, frozen=True):
    """One of Photoshop's blocks.

    Attributes:
        number: What it is.
        head: Its bytes up to its size: signature, number, name.
        body: What it holds.
    """

    number: int
    head: bytes
    body: bytes

    def written(self) -> bytes:
        """Return the block's bytes."""
        return self.head + len(self.body).to_bytes(4, "big") + self.body + bytes(len(self.body) % 2)


class Dataset(Struct, frozen=True):
    """One IPTC dataset: record and number, and its bytes as they stand."""

    record: int
    number: int
    data: bytes

    @property
    def name(self) -> str:
        """Its name."""
        known = DATASETS.get(self.number) if self.record == 2 else None
        return f"IPTC:{known or f'{self.record}:{self.number:02d}'}"


def resources(data: bytes) -> tuple[list[Resource], bool]:
    """Return Photoshop's blocks and whether they are sound to their end."""
    found: list[Resource] = []
    at = 0
    while at + 12 <= len(data) and len(found) < MAX_ITEMS:
        if data[at : at + 4] not in (b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR"):
            return found, not any(data[at:])
        name = data[at + 6] + 1
        head = 6 + name + name % 2
        size = int.from_bytes(data[at + head : at + head + 4], "big")
        start = at + head + 4
        if start + size > len(data):
            return found, False
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        found.append(Resource(number, data[at : at + head], data[start : start + size]))
        at = start + size + size % 2
    return found, not any(data[at:])


def datasets(data: bytes) -> tuple[list[Dataset], bool]:
    """Return IPTC's datasets and whether they are sound to their end."""
    found: list[Dataset] = []
    at = 0
    while at + 5 <= len(data) and data[at] == 0x1C and len(found) < MAX_ITEMS:
        size, start = int.from_bytes(data[at + 3 : at + 5], "big"), at + 5
        if size & 0x8000:
            digits = size & 0x7FFF
            if digits > 4:
                return found, False
            size, start = int.from_bytes(data[start : start + digits], "big"), start + digits
        if start + size > len(data):
            return found, False
        found.append(Dataset(data[at + 1], data[at + 2], data[at : start + size]))
        at = start + size
    return found, not any(data[at:])
