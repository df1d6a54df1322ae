"""What a document says about itself, taken out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pikepdf

    from mediamill.operations.documents._open import DocumentFacts

_KEYS = ("/Metadata", "/PieceInfo", "/LastModified")

_PDFA = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="{part}"{level}/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


def strip(pdf: "pikepdf.Pdf", facts: "DocumentFacts") -> None:
    """Take out the information dictionary, XMP packets of the document and of its objects, and programs' private data.

    A document that claims a level of PDF/A keeps that one claim, because without it it has no level. Names of layers,
    attachments and the language are part of the document and stay. The file's identifier is made anew.

    Args:
        pdf: The document, changed in place.
        facts: What it is.
    """
    import pikepdf

    for thing in pdf.objects:
        if isinstance(thing, (pikepdf.Dictionary, pikepdf.Stream)):
            _strip_from(thing)
    if "/Info" in pdf.trailer:
        del pdf.trailer["/Info"]
    if "/ID" in pdf.trailer and not facts.encrypted:
        del pdf.trailer["/ID"]
    if facts.pdfa:
        level = f' pdfaid:conformance="{facts.pdfa[1:].upper()}"' if facts.pdfa[1:] else ""
        packet = _PDFA.format(part=facts.pdfa[0], level=level).encode()
        pdf.Root.Metadata = pikepdf.Stream(pdf, packet, Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML)


def _strip_from(holder: Any) -> None:
    for key in _KEYS:
        if key in holder:
            del holder[key]
