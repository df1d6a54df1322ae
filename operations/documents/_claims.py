"""The standards that a document says it conforms to, in its metadata."""

import re
from typing import Any

from mediamill.operations.documents import _filters
from mediamill.protocol.results import text

MAX_XMP_BYTES = 1 << 22


def packet(metadata: Any) -> bytes:
    """Return an XMP packet, empty where there is none that can be read."""
    import pikepdf

    return (_filters.decoded(metadata, MAX_XMP_BYTES) or b"") if isinstance(metadata, pikepdf.Stream) else b""


def _said(packet: bytes, name: str, value: str) -> str | None:
    """Return what an XMP packet says under a name, as an attribute or as an element."""
    found = re.search(rf"{name}(?:\s*=\s*[\"']|(?:\s[^<>]*)?>)\s*({value})".encode(), packet)
    return found[1].decode("latin-1") if found else None


def pdfa(packet: bytes) -> str | None:
    """Return the level of PDF/A that XMP metadata claim."""
    part, level = _said(packet, "pdfaid:part", r"\d"), _said(packet, "pdfaid:conformance", "[A-Za-z]")
    return (part + (level or "")).lower() if part else None


def standards(packet: bytes, notes: Any) -> tuple[str, ...]:
    """Return the standards besides PDF/A that a document says it conforms to."""
    import pikepdf

    printed = _said(packet, "(?:pdfxid|pdfx):GTS_PDFXVersion", "PDF/X[\\w:.-]{0,40}")
    if isinstance(notes, pikepdf.Dictionary) and "/GTS_PDFXVersion" in notes:
        printed = text(str(notes["/GTS_PDFXVersion"]), 40)
        printed = printed if printed.startswith("PDF/X") else "PDF/X"
    accessible = _said(packet, "pdfuaid:part", r"\d")
    varying = _said(packet, "pdfvtid:GTS_PDFVTVersion", "PDF/VT[\\w:.-]{0,40}")
    return tuple(claim for claim in (printed, f"PDF/UA-{accessible}" if accessible else None, varying) if claim)
