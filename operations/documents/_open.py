"""PDFs as they come in: opened, with their password, and looked at for what binds whoever changes them."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.contract import Blob, Context
from mediamill.operations.documents import _claims, _encryption, _filters
from mediamill.operations.sniff import HEAD_BYTES
from mediamill.protocol.errors import CorruptInput, LimitExceeded, PasswordRequired, UnsupportedFormat
from mediamill.protocol.results import text

if TYPE_CHECKING:
    import pikepdf

MAX_OBJECTS = 2_000_000
"""Objects of one document: each costs time."""

MAX_PAGES = 500_000
"""Of one document: a quarter of a millisecond each, at least."""

MAX_MEMORY = 2 << 30
"""What a document's objects may take once they are read: 1.4 million structure elements, or as many annotations."""

_ATOM, _KEY, _ARRAY, _DICTIONARY, _OBJECT, _REFERENCE, _PAGE = 100, 56, 235, 190, 330, 16, 700
"""Bytes that parsed values take, as measured: a number, name or string; what a name takes more that is a key; arrays
and dictionaries by themselves; an object, and a reference to one; a page besides."""

MAX_DECODED_BYTES = 512 << 20
"""Of one stream, wherever the parser itself decodes it."""

MAX_OBJECT_BYTES = 32 << 20
"""Of one stream that objects or references to them are kept in, unpacked."""

_TOO_MUCH = "memory limit exceeded"
_ASKED_AT_MOST = 3
_OTHER_HANDLER = "unsupported encryption filter"
"""What qpdf says of documents that no password opens."""

_HEADER, _HEADER_WITHIN = b"%PDF-", 1024
_SIGNATURE = b"/ByteRange"
_FIELD_LEVELS = 64
_APPEND_ONLY = 2
_STREAM = re.compile(rb">>\s{0,20}stream\r?\n")
_PAGE_TYPE = re.compile(rb"/Type\s*/Page\b")
_STREAM_END = b"endstream"
_HEAD = 1000
_VALUE = re.compile(rb"[^\s\[\]<>()/]+|/[^\s\[\]<>()/]*|\(|<")


class DocumentFacts(Struct, frozen=True, kw_only=True):
    """What a document is, as far as it matters to whoever writes it anew.

    Attributes:
        pages: How many it has.
        repaired: Whether it is damaged, so that what was read may not be all there is.
        encrypted: Whether it is.
        in_parts: Whether parts of it are encrypted otherwise than others, which cannot be written.
        becomes_aes: Whether it is encrypted by RC4, and can only be written with AES.
        signed: Why it must not be changed, None where it may.
        pdfa: Its level of PDF/A, such as `1b`, as its metadata claim it.
        pdfx: Whether it says that it is PDF/X, made for print.
        claims: What else it says that it conforms to, such as `PDF/UA-1` and `PDF/X-3:2002`.
    """

    pages: int
    repaired: bool
    encrypted: bool
    in_parts: bool
    becomes_aes: bool
    signed: str | None
    pdfa: str | None
    pdfx: bool
    claims: tuple[str, ...]


class _Data(io.BytesIO):
    """A file in memory, as the parser names it where it says what is wrong with it."""

    def __repr__(self) -> str:
        return "document"


def open_asking(opened: Blob, password: str | None, ctx: Context) -> "Source":
    """Open a job's document, asking the host for its password where the job has none or a wrong one.

    Raises:
        PasswordRequired: Nobody knew the password.
        CorruptInput: It cannot be read.
        LimitExceeded: It has more objects than can be dealt with.
    """
    data = _without_junk(opened.data)
    memory = memory_bytes(data)  # here alone: what is opened again has been looked at, or was made of it
    ctx.reserve(memory)
    tried = password or ""
    for left in reversed(range(_ASKED_AT_MOST + 1)):
        try:
            pdf, repaired = _opened(data, tried)
            break
        except PasswordRequired:
            answer = ctx.ask(f"What is the password of {text(opened.name, 200)}?", "password") if left else None
            if not isinstance(answer, str):
                raise
            tried = answer
    return Source(opened.data, data, tried, pdf, repaired=repaired, memory_bytes=memory)


def _without_junk(data: bytes) -> bytes:
    """Return a file from where its PDF begins, if that is not within the first kilobyte, where all readers look."""
    return data if _HEADER in data[:_HEADER_WITHIN] else data[max(0, data.find(_HEADER, 0, HEAD_BYTES)) :]


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


class Source:
    """A document's file, opened to be looked at, and again each time it is worked on: it is in memory once.

    Attributes:
        file: What came in.
        data: The document in it.
        password: Opens it, empty where it needs none.
        repaired: Whether it had to be repaired to be opened.
        memory_bytes: What its objects take.
    """

    def __init__(
        self, file: bytes, data: bytes, password: str, pdf: "pikepdf.Pdf", *, repaired: bool, memory_bytes: int
    ) -> None:
        self.file, self.data, self.password = file, data, password
        self.repaired, self.memory_bytes = repaired, memory_bytes
        self._pdf: pikepdf.Pdf | None = pdf

    @property
    def pdf(self) -> "pikepdf.Pdf":
        """The document, to be looked at; not after it has been taken."""
        assert self._pdf is not None
        return self._pdf

    @contextmanager
    def taken(self) -> Iterator["pikepdf.Pdf"]:
        """Hand out the document, as it came, to be changed; nobody may hold on to it."""
        pdf = open_pdf(self.data, self.password) if self._pdf is None else self._pdf
        self._pdf = None
        with pdf:
            yield pdf


def _opened(data: bytes, password: str) -> tuple["pikepdf.Pdf", bool]:
    """Open a document, and say whether it is damaged: readers then repair it in ways of their own."""
    import pikepdf

    _limit_decoding(MAX_OBJECT_BYTES)
    try:
        pdf = pikepdf.open(_Data(data), password=password)
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
    finally:
        _limit_decoding(MAX_DECODED_BYTES)
    warnings = pdf.get_warnings()
    if any(_TOO_MUCH in warning for warning in warnings):
        raise LimitExceeded(
            f"The PDF keeps objects in a stream of more than {MAX_OBJECT_BYTES >> 20} MiB, unpacked.",
            field="input",
            expected=f"at most {MAX_OBJECT_BYTES} bytes",
        )
    if not pages:
        raise CorruptInput("The PDF has no pages that can be found.", field="input")
    _check_count("objects", objects, MAX_OBJECTS)
    return pdf, bool(warnings)


def _limit_decoding(most: int) -> None:
    """Say how many bytes of a stream the parser may decode."""
    import pikepdf

    pikepdf.settings.set_qpdf_limits(
        flate_max_memory=most, png_max_memory=most, run_length_max_memory=most, tiff_max_memory=most,
    )  # fmt: skip


def memory_bytes(data: bytes) -> int:
    """Return about how much memory a document's objects take once they are read, a third more at most.

    Object streams that are encrypted, or packed otherwise than by Flate, are not looked into.

    Raises:
        LimitExceeded: It is more than can be dealt with.
    """
    found = 0
    if _roughly(data) > MAX_MEMORY // 8:
        found = _taken(_without_streams(data))
    for objects in _object_streams(data):
        found += _taken(objects)
        if found > MAX_MEMORY:
            break
    if found > MAX_MEMORY:
        raise LimitExceeded(
            f"The objects in the PDF would take more than {MAX_MEMORY >> 20} MiB of memory.",
            field="input",
            received=found,
            expected=f"at most {MAX_MEMORY} bytes",
        )
    return found


def _roughly(text: bytes) -> int:
    """Return what objects take at most, by the bytes that part values."""
    atoms = sum(map(text.count, (b" ", b"\n", b"\r", b"\t", b"/", b"(", b"<")))
    return _ATOM * atoms + _KEY * text.count(b"/") + _ARRAY * text.count(b"[") + _OBJECT * text.count(b" obj")


def _taken(text: bytes) -> int:
    """Return what objects take: roughly, or counted one by one where that may be much."""
    roughly = _roughly(text)
    if roughly <= MAX_MEMORY // 8:
        return roughly
    objects, references, dictionaries = text.count(b" obj"), text.count(b" R"), text.count(b"<<")
    pages = sum(1 for _ in _PAGE_TYPE.finditer(text))
    _check_count("objects", objects, MAX_OBJECTS)
    _check_count("pages", pages, MAX_PAGES)
    atoms = sum(1 for _ in _VALUE.finditer(text)) - 7 * objects - 3 * references - 2 * dictionaries
    return (
        _ATOM * max(0, atoms)
        + _KEY * text.count(b"/")
        + _ARRAY * text.count(b"[")
        + _DICTIONARY * dictionaries
        + _OBJECT * objects
        + _REFERENCE * references
        + _PAGE * pages
    )


def _object_streams(data: bytes) -> Iterator[bytes]:
    """Yield what is in the streams that objects are kept in."""
    at = 0
    for start, end in _streams(data):
        head = data[max(at, start - _HEAD) : start].rpartition(b" obj")[2]
        if b"/ObjStm" in head:
            packed = data[start:end]
            yield (_filters.inflate(packed, MAX_OBJECT_BYTES) or b"") if b"/FlateDecode" in head else packed
        at = end


def _without_streams(data: bytes) -> bytes:
    """Return a file without what is in its streams."""
    parts, at = list[bytes](), 0
    for start, end in _streams(data):
        parts.append(data[at:start])
        at = end
    return b"".join([*parts, data[at:]])


def _streams(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where streams begin and end, in one pass over a file, whatever is wrong with it."""
    at = 0
    while (start := _STREAM.search(data, at)) is not None:
        at = data.find(_STREAM_END, start.end())
        if at < 0:
            return
        yield start.end(), at


def _check_count(what: str, count: int, most: int) -> None:
    if count > most:
        raise LimitExceeded(
            f"The PDF has {count} {what}, above {most}.",
            field="input",
            received=count,
            expected=f"at most {most} {what}",
        )


def look(source: Source) -> DocumentFacts:
    """Return what a document is that has not been taken yet."""
    pdf, data, repaired = source.pdf, source.data, source.repaired
    root = pdf.Root
    notes: Any = pdf.trailer.get("/Info")
    packet = _claims.packet(root.get("/Metadata"))
    claims = _claims.standards(packet, notes)
    return DocumentFacts(
        pages=len(pdf.pages),
        repaired=repaired,
        encrypted=pdf.is_encrypted,
        in_parts=_encryption.is_partial(pdf),
        becomes_aes=pdf.is_encrypted and _encryption.becomes_aes(pdf),
        signed=_signed(pdf, data),
        pdfa=_claims.pdfa(packet),
        pdfx=any(claim.startswith("PDF/X") for claim in claims),
        claims=claims,
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
