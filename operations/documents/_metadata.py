"""What a document says about itself, taken out."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _filters
from mediamill.operations.documents._walk import dictionaries
from mediamill.operations.images._stripping import Kept, jpeg_stripped

if TYPE_CHECKING:
    import pikepdf

    from mediamill.operations.documents._open import DocumentFacts

_JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"
_NOTES = (b"xml ", b"uuid", b"uinf", b"jp2i")
_FRAGMENTS = (b"ftbl", b"flst")
_BOX = 8
_PRIVATE = ("/PieceInfo", "/LastModified", "/PTEX.FileName", "/PTEX.InfoDict", "/PTEX.PageNumber")
"""What programs note in objects: TeX of a figure, which file on its author's disk it came from, and who made that."""

REMOVED = ("/Metadata", *_PRIVATE)
"""Entries that may be gone afterwards."""

_PDFA = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="{part}"{level}/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


def strip(pdf: "pikepdf.Pdf", facts: "DocumentFacts", check: Callable[[], None]) -> None:
    """Take out what a document says about itself, and what programs and cameras have left in its parts.

    That is the information dictionary, XMP packets of the document and of its objects, programs' private data, what
    TeX notes of figures, the EXIF, XMP, comments and thumbnails in JPEGs, and the XML and UUID boxes in JPEG 2000. A
    document that claims a level of PDF/A keeps that one claim, because without it it has no level. Names of layers,
    attachments, authors of annotations and the language are part of the document and stay. The file's identifier is
    made anew, except in encrypted files, whose cipher it is part of.

    Args:
        pdf: The document, changed in place.
        facts: What it is.
        check: Called between objects; raises where the job is to stop.
    """
    import pikepdf

    for holder in list(dictionaries(pdf, check)):
        if is_packet(holder.get("/Metadata")):
            del holder["/Metadata"]
        for key in _PRIVATE:
            if key in holder:
                del holder[key]
        if isinstance(holder, pikepdf.Stream):
            _strip_picture(holder)
    if "/Info" in pdf.trailer:
        del pdf.trailer["/Info"]
    if "/ID" in pdf.trailer and not facts.encrypted:
        del pdf.trailer["/ID"]
    if facts.pdfa:
        level = f' pdfaid:conformance="{facts.pdfa[1:].upper()}"' if facts.pdfa[1:] else ""
        packet = _PDFA.format(part=facts.pdfa[0], level=level).encode()
        pdf.Root.Metadata = pikepdf.Stream(pdf, packet, Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML)


def is_packet(value: Any) -> bool:
    """Return whether an entry is metadata: a picture or font may be named so, too."""
    import pikepdf

    painted = (pikepdf.Name.Image, pikepdf.Name.Form)
    return isinstance(value, pikepdf.Stream) and value.get("/Subtype") not in painted


def stripped(picture: Any) -> bytes | None:
    """Return a picture's data without what programs and cameras have noted in it; None where its kind has no notes.

    Its colours are told by the document, and by Adobe's mark in a JPEG, which stays.
    """
    coding = [name for name, _ in _filters.chain(picture)]
    if coding == [_filters.JPX]:
        return wavelet_stripped(picture.read_raw_bytes())
    if coding != [_filters.DCT]:
        return None
    data: bytes = picture.read_raw_bytes()
    return jpeg_stripped(data, Kept(everything=False, icc=True, density=True)) or data


def _strip_picture(picture: Any) -> None:
    import pikepdf

    data = stripped(picture)
    if data is not None and len(data) < len(picture.read_raw_bytes()):
        coding = pikepdf.Name(_filters.chain(picture)[0][0])
        picture.write(data, filter=coding, decode_parms=picture.get("/DecodeParms"))


def wavelet_stripped(data: bytes) -> bytes:
    """Return a JPEG 2000 file without its XML, UUID and IPR boxes (ISO/IEC 15444-1, annex I).

    What stands behind one is found by the lengths of boxes, or by offsets from fragment tables; a file that has such
    tables, or in which lengths make no sense, comes back as it is, and so does what is no such file.
    """
    if not data.startswith(_JP2):
        return data
    parts, at = list[bytes](), 0
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        length = int.from_bytes(data[at + 8 : at + 16]) if length == 1 else length or len(data) - at
        if length < _BOX or at + length > len(data) or kind in _FRAGMENTS:
            return data
        if kind not in _NOTES:
            parts.append(data[at : at + length])
        at += length
    return b"".join(parts)
