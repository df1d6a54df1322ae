"""XMP: what it says of gain maps and of how a picture lies is changed, everything else stays.

After ISO 16684-1 and Gain Map 1.0.
"""

import contextlib
import io
import re

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_ITEM = "http://ns.google.com/photos/1.0/container/item/"
_MARKS = (_HDRGM.encode(), _CONTAINER.encode(), b"hdrgainmap")

_EMPTY = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description/></rdf:RDF></x:xmpmeta>'
_DIRECTORY = """<Container:Directory xmlns:Container="{container}" xmlns:Item="{item}" xmlns:rdf="{rdf}"><rdf:Seq>\
<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>\
<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" \
Item:Length="{length}"/></rdf:li></rdf:Seq></Container:Directory>"""
_PACKET = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>', b'<?xpacket end="w"?>'


_ORIENTATION = re.compile(rb"(<tiff:Orientation[^>]*>\s*|\btiff:Orientation\s*=\s*[\"'])[2-8](?=\s*[<\"'])")


def upright(xmp: bytes) -> bytes:
    """Return XMP that says its picture is upright, where it said otherwise; there are readers that obey it."""
    return _ORIENTATION.sub(rb"\g<1>1", xmp)


def without_gain_map(xmp: bytes) -> bytes | None:
    """Return XMP without what it says of a gain map; None where it cannot be read, so that nothing stays by mistake."""
    if not any(mark in xmp for mark in _MARKS):
        return xmp
    return _changed(xmp, None)


def with_gain_map(xmp: bytes | None, length: int) -> bytes:
    """Return XMP that says a gain map of `length` bytes follows the picture."""
    made = _changed(xmp, length) if xmp else None
    made = made or _changed(_EMPTY.encode(), length)
    assert made is not None
    return made


def _changed(xmp: bytes, length: int | None) -> bytes | None:
    """Take out what is said of gain maps and, with a length, say it anew; None where the XML is broken."""
    from xml.etree import ElementTree

    try:
        for _, (prefix, name) in ElementTree.iterparse(io.BytesIO(xmp), events=("start-ns",)):
            with contextlib.suppress(ValueError):  # prefixes such as ns0 are made anew
                ElementTree.register_namespace(prefix, name)
        root = ElementTree.fromstring(xmp)
    except ElementTree.ParseError:
        return None
    for prefix, name in (("rdf", _RDF), ("hdrgm", _HDRGM), ("Container", _CONTAINER), ("Item", _ITEM)):
        ElementTree.register_namespace(prefix, name)
    about = f"{{{_RDF}}}Description"
    for element in list(root.iter(about)):
        for key in [key for key in element.attrib if key.startswith((f"{{{_HDRGM}}}", f"{{{_CONTAINER}}}"))]:
            del element.attrib[key]
        for child in list(element):
            if child.tag.startswith((f"{{{_HDRGM}}}", f"{{{_CONTAINER}}}")):
                element.remove(child)
    if length is not None:
        first = next(root.iter(about), None)
        if first is None:
            return None
        first.set(f"{{{_HDRGM}}}Version", "1.0")
        first.append(
            ElementTree.fromstring(_DIRECTORY.format(container=_CONTAINER, item=_ITEM, rdf=_RDF, length=length))
        )
    return _PACKET[0] + ElementTree.tostring(root) + _PACKET[1]
