"""What of a picture's metadata goes and what stays, and by what names and groups it is told apart.

EXIF, XMP, IPTC and text chunks say the same things in their own words. A name a job keeps is kept in all of them, by
the correspondence of the Metadata Working Group's guidelines, and so is a group it takes out.
"""

import re
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from mediamill.operations.tags import _tags as tags
from mediamill.operations.tags._iptc import PLACES, Dataset
from mediamill.operations.tags._xmp import Property

Mode = Literal["all", "gps", "thumbnail", "camera"]

_XMP_PLACE = re.compile(r"^gps|latitude|longt?itude|altitude|location|^(city|country|state)|geotag", re.IGNORECASE)
_XMP_CAMERA = frozenset((
    "Make", "Model", "Software", "CreatorTool", "LensModel", "LensMake", "LensInfo", "LensID", "Lens", "MakerNote",
    "LensSerialNumber", "LensSpecification", "SerialNumber", "BodySerialNumber", "CameraOwnerName", "OwnerName",
    "Firmware", "CameraFirmware", "ImageUniqueID", "UniqueCameraModel", "CameraSerialNumber", "SoftwareAgent",
))  # fmt: skip
_XMP_NAMES = {
    "rights": "Copyright", "WebStatement": "Copyright", "Marked": "Copyright", "UsageTerms": "Copyright",
    "Owner": "Copyright", "creator": "Artist", "description": "ImageDescription", "CreatorTool": "Software",
    "title": "XPTitle", "subject": "XPKeywords",
}  # fmt: skip
_GAIN_MAP = ("hdrgm", "Container", "Item", "HDRGainMap", "http://ns.apple.com/pixeldatainfo/1.0/")
_IPTC_NAMES = {116: "Copyright", 80: "Artist", 120: "ImageDescription", 65: "Software", 25: "XPKeywords", 5: "XPTitle"}
_TEXT_NAMES = {
    "author": "Artist", "copyright": "Copyright", "description": "ImageDescription", "comment": "UserComment",
    "creation time": "DateTimeOriginal", "source": "Model",
}  # fmt: skip


class Rules(Struct, frozen=True):
    """What a job takes out.

    Attributes:
        inverted: Whether `mode` and `keep` say what stays (preserve) rather than what goes (strip).
        mode: The group.
        keep: The standard names of tags that stay in any case.
    """

    inverted: bool = False
    mode: Mode = "all"
    keep: frozenset[str] = frozenset()

    @property
    def nothing_goes(self) -> bool:
        """Whether everything stays."""
        return self.inverted and self.mode == "all" and not self.keep

    @property
    def everything_goes(self) -> bool:
        """Whether what belongs to no group and bears no name goes."""
        return not self.nothing_goes if self.inverted else self.mode == "all"

    def drop(self, group: str, names: Iterable[str] = ()) -> bool:
        """Return whether something goes that tells of a group and is known by some names."""
        if self.nothing_goes or not self.keep.isdisjoint(names):
            return False
        if self.inverted:
            return self.mode == "all" or group != self.mode
        return self.mode in ("all", group)

    def takes(self, group: str) -> bool:
        """Return whether a group goes, where nothing of it is kept by name."""
        return self.drop(group)


def xmp_names(one: Property) -> set[str]:
    """Return the standard names an XMP property answers to."""
    name = _XMP_NAMES.get(one.name, one.name)
    return {name, tags.known().get(name.lower(), name)}


def xmp_group(one: Property) -> tags.Group:
    """Return what an XMP property tells."""
    if one.prefix in _GAIN_MAP:
        return ""
    if _XMP_PLACE.search(one.name):
        return "gps"
    if one.name == "Thumbnails":
        return "thumbnail"
    return "camera" if one.name in _XMP_CAMERA or one.prefix == "aux" else ""


def is_gain_map(one: Property) -> bool:
    """Return whether an XMP property says how an HDR gain map is to be applied."""
    return one.prefix in _GAIN_MAP


def iptc_names(one: Dataset) -> set[str]:
    """Return the standard names an IPTC dataset answers to."""
    plain = one.name.removeprefix("IPTC:")
    return {plain, _IPTC_NAMES.get(one.number, plain)} if one.record == 2 else {plain}


def iptc_group(one: Dataset) -> tags.Group:
    """Return what an IPTC dataset tells."""
    if one.record != 2:
        return ""
    return "gps" if one.number in PLACES else "camera" if one.number == 65 else ""


def text_names(keyword: str) -> set[str]:
    """Return the standard names a text of a keyword answers to."""
    plain = keyword.rpartition(":")[2]
    name = _TEXT_NAMES.get(keyword.lower(), plain)
    return {name, tags.known().get(name.lower(), name)}


def text_group(keyword: str) -> tags.Group:
    """Return what a text of a keyword tells."""
    if _XMP_PLACE.search(keyword.rpartition(":")[2]):
        return "gps"
    if "thumb" in keyword.lower():
        return "thumbnail"
    return "camera" if text_names(keyword) & _XMP_CAMERA else ""
