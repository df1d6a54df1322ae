"""What a document says about itself, taken out."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _filters
from mediamill.operations.documents._walk import dictionaries
from mediamill.operations.images._stripping import Kept, jpeg_stripped

if TYPE_CHECKING:
    import pikepdf

    from mediamill.operations.documents._open import DocumentFacts

_PRIVATE = ("/PieceInfo", "/LastModified")

_PDFA = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="{part}"{level}/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


def strip(pdf: "pikepdf.Pdf", facts: "DocumentFacts", check: Callable[[], None]) -> None:
    """Take out what a document says about itself, and what programs and cameras have left in its parts.

    That is the information dictionary, XMP packets of the document and of its objects, programs' private data, and the
    EXIF, XMP, comments and thumbnails in JPEGs. A document that claims a level of PDF/A keeps that one claim, because
    without it it has no level. Names of layers, attachments, authors of annotations and the language are part of the
    document and stay. The file's identifier is made anew, but for encrypted files, whose cipher it is part of.

    Args:
        pdf: The document, changed in place.
        facts: What it is.
        check: Called between objects; raises where the job is to stop.
    """
    import pikepdf

    for holder in list(dictionaries(pdf, check)):
        if _is_packet(holder.get("/Metadata")):
            del holder["/Metadata"]
        for key in _PRIVATE:
            if key in holder:
                del holder[key]
        if isinstance(holder, pikepdf.Stream) and [name for name, _ in _filters.chain(holder)] == [_filters.DCT]:
            _strip_jpeg(holder)
    if "/Info" in pdf.trailer:
        del pdf.trailer["/Info"]
    if "/ID" in pdf.trailer and not facts.encrypted:
        del pdf.trailer["/ID"]
    if facts.pdfa:
        level = f' pdfaid:conformance="{facts.pdfa[1:].upper()}"' if facts.pdfa[1:] else ""
        packet = _PDFA.format(part=facts.pdfa[0], level=level).encode()
        pdf.Root.Metadata = pikepdf.Stream(pdf, packet, Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML)


def _is_packet(value: Any) -> bool:
    """Return whether an entry is metadata: a picture or font may be named so, too."""
    import pikepdf

    painted = (pikepdf.Name.Image, pikepdf.Name.Form)
    return isinstance(value, pikepdf.Stream) and value.get("/Subtype") not in painted


def _strip_jpeg(picture: Any) -> None:
    """Take the metadata out of a JPEG; its colours are told by the document, and by Adobe's mark, which stays."""
    import pikepdf

    data = picture.read_raw_bytes()
    stripped = jpeg_stripped(data, Kept(everything=False, icc=True, density=True))
    if stripped is not None and len(stripped) < len(data):
        picture.write(stripped, filter=pikepdf.Name.DCTDecode, decode_parms=picture.get("/DecodeParms"))
