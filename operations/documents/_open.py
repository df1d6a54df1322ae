"""PDFs as they come in: opened, with their password, and looked at for what binds whoever changes them."""

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.contract import Blob, Context
from mediamill.operations.documents import _filters
from mediamill.protocol.errors import CorruptInput, LimitExceeded, PasswordRequired, UnsupportedFormat
from mediamill.protocol.results import text

if TYPE_CHECKING:
    import pikepdf

MAX_OBJECTS = 2_000_000
"""Objects of one document: each costs memory and time, whatever is in it."""

MAX_XMP_BYTES = 1 << 22
MAX_DECODED_BYTES = 512 << 20
"""Of one stream, wherever the parser itself decodes it; objects are in streams, too."""

_TOO_MUCH = "memory limit exceeded"
_ASKED_AT_MOST = 3
_OTHER_HANDLER = "unsupported encryption filter"
"""What qpdf says of documents that no password opens."""

_SIGNATURE = b"/ByteRange"
_FIELD_LEVELS = 64
_APPEND_ONLY = 2


class DocumentFacts(Struct, frozen=True, kw_only=True):
    """What a document is, as far as it matters to whoever writes it anew.

    Attributes:
        pages: How many it has.
        repaired: Whether it is damaged, so that what was read may not be all there is.
        encrypted: Whether it is.
        signed: Why it must not be changed, None where it may.
        pdfa: Its level of PDF/A, such as `1b`, as its metadata claim it.
        pdfx: Whether it says that it is PDF/X, made for print.
        xfa: Whether it has an XFA form.
        tagged: Whether it has a structure tree.
        linearized: Whether it is laid out for the web.
    """

    pages: int
    repaired: bool
    encrypted: bool
    signed: str | None
    pdfa: str | None
    pdfx: bool
    xfa: bool
    tagged: bool
    linearized: bool


def open_asking(opened: Blob, password: str | None, ctx: Context) -> tuple["pikepdf.Pdf", str, bool]:
    """Open a job's document, asking the host for its password where the job has none or a wrong one.

    Returns:
        The document, the password that opened it, empty where it needs none, and whether it had to be repaired.

    Raises:
        UnsupportedFormat: It is no PDF.
        PasswordRequired: Nobody knew the password.
        CorruptInput: It cannot be read.
        LimitExceeded: It has more objects than can be dealt with.
    """
    if opened.kind.format != "pdf":
        raise UnsupportedFormat(
            f"Input is {opened.kind.description}, not a PDF document: {text(opened.name, 200)}",
            field="input",
            received=opened.kind.format or None,
            expected="pdf",
        )
    tried = password or ""
    for _ in range(_ASKED_AT_MOST):
        try:
            pdf, repaired = _opened(opened.data, tried)
        except PasswordRequired:
            answer = ctx.ask(f"What is the password of {text(opened.name, 200)}?", "password")
            if not isinstance(answer, str):
                raise
            tried = answer
        else:
            return pdf, tried, repaired
    pdf, repaired = _opened(opened.data, tried)
    return pdf, tried, repaired


def open_pdf(data: bytes, password: str = "") -> "pikepdf.Pdf":
    """Open a document and find its pages; damaged ones are repaired where qpdf can.

    Args:
        data: The file.
        password: The user's or the owner's, empty for none.

    Raises:
        PasswordRequired: It is encrypted and this is not its password.
        UnsupportedFormat: It is encrypted, but not by a password.
        CorruptInput: It cannot be read, or has no pages.
        LimitExceeded: It has more objects than can be dealt with.
    """
    return _opened(data, password)[0]


def _opened(data: bytes, password: str) -> tuple["pikepdf.Pdf", bool]:
    """Open a document, and say whether it is damaged: readers then repair it in ways of their own."""
    import pikepdf

    pikepdf.settings.set_qpdf_limits(
        flate_max_memory=MAX_DECODED_BYTES, png_max_memory=MAX_DECODED_BYTES,
        run_length_max_memory=MAX_DECODED_BYTES, tiff_max_memory=MAX_DECODED_BYTES,
    )  # fmt: skip
    try:
        pdf = pikepdf.open(io.BytesIO(data), password=password)
        pages, objects = len(pdf.pages), len(pdf.objects)
    except pikepdf.PasswordError:
        given = "The password does not open it." if password else "The job gives no password."
        raise PasswordRequired(f"The document is encrypted. {given}", field="password") from None
    except (pikepdf.PdfError, RuntimeError, ValueError, RecursionError) as error:
        if _OTHER_HANDLER in str(error):
            raise UnsupportedFormat(
                "The PDF is encrypted by other means than a password, such as its readers' certificates.",
                field="input",
                expected="a document without encryption, or with a password",
            ) from None
        raise CorruptInput("The PDF is damaged or cut short.", field="input", detail=str(error)) from None
    warnings = pdf.get_warnings()
    if any(_TOO_MUCH in warning for warning in warnings):
        raise LimitExceeded(
            f"The PDF keeps objects in a stream of more than {MAX_DECODED_BYTES >> 20} MiB, unpacked.",
            field="input",
            expected=f"at most {MAX_DECODED_BYTES} bytes",
        )
    if not pages:
        raise CorruptInput("The PDF has no pages that can be found.", field="input")
    if objects > MAX_OBJECTS:
        raise LimitExceeded(
            f"The PDF has {objects} objects, above {MAX_OBJECTS}.",
            field="input",
            received=objects,
            expected=f"at most {MAX_OBJECTS} objects",
        )
    return pdf, bool(warnings)


def look(pdf: "pikepdf.Pdf", data: bytes, *, repaired: bool = False) -> DocumentFacts:
    """Return what an opened document is.

    Args:
        pdf: The document.
        data: The file it was opened from.
        repaired: Whether it had to be repaired to be opened.
    """
    root = pdf.Root
    form: Any = root.get("/AcroForm")
    notes: Any = pdf.trailer.get("/Info")
    return DocumentFacts(
        pages=len(pdf.pages),
        repaired=repaired,
        encrypted=pdf.is_encrypted,
        signed=_signed(pdf, data),
        pdfa=_pdfa(root.get("/Metadata")),
        pdfx=_is_dictionary(notes) and "/GTS_PDFXVersion" in notes,
        xfa=_is_dictionary(form) and "/XFA" in form,
        tagged="/StructTreeRoot" in root,
        linearized=pdf.is_linearized,
    )


def _is_dictionary(value: Any) -> bool:
    import pikepdf

    return isinstance(value, pikepdf.Dictionary)


def _signed(pdf: "pikepdf.Pdf", data: bytes) -> str | None:
    """Say why a document is not to be changed: usage rights, a certification, a signature, or the promise of one."""
    permissions: Any = pdf.Root.get("/Perms")
    if _is_dictionary(permissions):
        if "/DocMDP" in permissions:
            return "certified: /Perms says which changes are allowed (DocMDP)"
        if "/UR3" in permissions or "/UR" in permissions:
            return "usage rights granted by a signature (/Perms UR3)"
    form: Any = pdf.Root.get("/AcroForm")
    if _is_dictionary(form):
        filled = list(_signature_fields(form.get("/Fields"), None, set(), 0))
        if any(filled):
            return "signed: a signature field is filled in"
        flags = form.get("/SigFlags", 0)
        if not filled and isinstance(flags, int) and flags & _APPEND_ONLY:
            return "signed: the form says that signatures exist (/SigFlags)"
    # What a signature covers is told by offsets in the file, so its dictionary stands there uncompressed.
    if _SIGNATURE in data and any(_is_dictionary(one) and "/ByteRange" in one for one in pdf.objects):
        return "signed: there is a signature (/ByteRange)"
    return None


def _signature_fields(fields: Any, inherited: Any, seen: set[tuple[int, int]], level: int) -> Iterator[bool]:
    """Yield of each signature field whether it is filled in; those that wait for a signature are not."""
    import pikepdf

    if not isinstance(fields, pikepdf.Array) or level > _FIELD_LEVELS:
        return
    for field in fields:
        if not _is_dictionary(field) or (field.is_indirect and field.objgen in seen):
            continue
        seen.add(field.objgen)
        kind = field.get("/FT", inherited)
        if kind == pikepdf.Name.Sig and ("/FT" in field or "/V" in field):
            yield "/V" in field
        yield from _signature_fields(field.get("/Kids"), kind, seen, level + 1)


def _pdfa(metadata: Any) -> str | None:
    """Return the level of PDF/A that XMP metadata claim."""
    import pikepdf

    if not isinstance(metadata, pikepdf.Stream):
        return None
    packet = _filters.decoded(metadata, MAX_XMP_BYTES) or b""
    part = re.search(rb"pdfaid:part(?:\s*=\s*[\"']|(?:\s[^<>]*)?>)\s*(\d)", packet)
    level = re.search(rb"pdfaid:conformance(?:\s*=\s*[\"']|(?:\s[^<>]*)?>)\s*([A-Za-z])", packet)
    return (part[1] + (level[1] if level else b"")).decode().lower() if part else None
