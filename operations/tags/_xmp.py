r"""XMP: properties read from and cut out of a packet, the rest of which stays byte for byte what it was.

Written after ISO 16684-1 and the XMP specification, part 3. A packet is checked by expat, then gone through by tags, so
that elements and attributes are taken out as spans of its text: what serialises XML anew would rename its prefixes.
"""

import re
from collections.abc import Callable, Iterator
from xml.parsers import expat

from msgspec import Struct

MAX_BYTES, MAX_DEPTH, MAX_NAMESPACES = 16 << 20, 100, 1000
FRAME = ("rdf", "x")
"""Prefixes of what holds the properties together."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMLNS = re.compile(rb"\sxmlns(?::([^\s=]+))?\s*=\s*(\"[^\"]*\"|'[^']*')")
_TOKEN = re.compile(rb"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>|<[^!?](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.DOTALL)
_ATTRIBUTE = re.compile(rb"\s+([^\s=<>\"'/]+)\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_TAG_NAME = re.compile(rb"</?([^\s/>]+)")

_CODES = (
    (b"<\0\0\0", "utf-32-le"), (b"\0\0\0<", "utf-32-be"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"),
    (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"),
)  # fmt: skip
"""How packets begin that are not in UTF-8: with a mark, or with the first bracket."""

KNOWN = {
    "http://ns.adobe.com/exif/1.0/": "exif", "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/exif/1.0/aux/": "aux", "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/xap/1.0/": "xmp", "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop", "http://ns.adobe.com/hdr-gain-map/1.0/": "hdrgm",
    "http://ns.google.com/photos/1.0/container/": "Container", "http://ns.adobe.com/xmp/note/": "xmpNote",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt", RDF: "rdf", "adobe:ns:meta/": "x",
    "http://ns.google.com/photos/1.0/container/item/": "Item", "http://www.dji.com/drone-dji/1.0/": "drone-dji",
    "http://ns.apple.com/HDRGainMap/1.0/": "HDRGainMap",
    "http://ns.adobe.com/xmp/1.0/DynamicMedia/": "xmpDM", "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
}  # fmt: skip
"""The prefixes namespaces are usually given, whatever a packet calls them."""


class Property(Struct, frozen=True):
    """One element or attribute of a packet.

    Attributes:
        prefix: Its namespace, by its usual prefix.
        name: Its name.
        start: Where it begins.
        end: Where it ends, for an element behind its end tag.
        depth: 0 for what describes the picture itself, more for what is inside of that.
    """

    prefix: str
    name: str
    start: int
    end: int
    depth: int


def is_sound(packet: bytes) -> bool:
    """Return whether a trimmed packet is well-formed, of a sane size, and without declarations of a DTD's."""
    if len(packet) > MAX_BYTES or b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        return False
    if packet.count(b"xmlns") > MAX_NAMESPACES:
        return False
    parser, depth = expat.ParserCreate(), _Depth()
    parser.StartElementHandler, parser.EndElementHandler = depth.enter, depth.leave
    try:
        parser.Parse(packet, True)
    except expat.ExpatError:
        return False
    return depth.deepest <= MAX_DEPTH


class _Depth:
    """How deep elements lie in each other."""

    def __init__(self) -> None:
        self.deepest = self._now = 0

    def enter(self, _name: str, _attributes: object) -> None:
        self._now += 1
        self.deepest = max(self.deepest, self._now)

    def leave(self, _name: str) -> None:
        self._now -= 1


def trimmed(packet: bytes) -> bytes:
    """Return a packet in UTF-8, without the zeros and blanks writers leave around it."""
    code = next((code for begins, code in _CODES if packet.startswith(begins)), None)
    if code is not None:
        packet = packet.decode(code, "replace").encode()
    return packet.removeprefix(b"\xef\xbb\xbf").strip(b"\0 \t\r\n")


def properties(packet: bytes) -> Iterator[Property]:
    """Yield the properties of a sound, trimmed packet, with all that is inside of them; RDF's own frame is left out."""
    scopes: list[dict[bytes, str]] = [{b"xml": "xml"}]
    opened: list[tuple[str, str, int, int]] = []
    level = 0
    for token in _TOKEN.finditer(packet):
        tag = token[0]
        if tag.startswith((b"<!", b"<?")):
            continue
        if tag.startswith(b"</"):
            scopes.pop()
            prefix, name, start, level = opened.pop()
            if prefix not in FRAME:
                yield Property(prefix, name, start, token.end(), level)
            continue
        head = _TAG_NAME.match(tag)
        if head is None:
            continue
        scope = scopes[-1]
        declared = {match[1] or b"": match[2][1:-1].decode("utf-8", "replace") for match in _XMLNS.finditer(tag)}
        if declared:
            scope = scope | {key: KNOWN.get(uri, uri) for key, uri in declared.items()}
        prefix, name = _split(head[1], scope)
        inner = level + (prefix not in FRAME)
        for match in _ATTRIBUTE.finditer(tag, head.end()):
            if not match[1].startswith(b"xmlns"):
                yield Property(
                    *_split(match[1], scope), token.start() + match.start(), token.start() + match.end(), inner
                )
        if tag.endswith(b"/>"):
            if prefix not in FRAME:
                yield Property(prefix, name, token.start(), token.end(), level)
            continue
        scopes.append(scope)
        opened.append((prefix, name, token.start(), level))
        level = inner


def _split(name: bytes, scope: dict[bytes, str]) -> tuple[str, str]:
    prefix, colon, local = name.rpartition(b":")
    return scope.get(prefix if colon else b"", prefix.decode("utf-8", "replace")), local.decode("utf-8", "replace")


def without(packet: bytes, drop: Callable[[Property], bool]) -> tuple[bytes, list[str]]:
    """Return a sound, trimmed packet without some properties, and the names of what went.

    Args:
        packet: The packet.
        drop: Whether a property goes; is asked about what is inside of one, too.
    """
    gone = [one for one in properties(packet) if one.prefix not in (*FRAME, "xml") and drop(one)]
    pieces, at = [], 0
    for one in sorted(gone, key=lambda each: (each.start, -each.end)):
        if one.start >= at:
            pieces.append(packet[at : one.start])
        at = max(at, one.end)
    pieces.append(packet[at:])
    return b"".join(pieces), sorted({f"XMP:{one.name}" for one in gone})
