"""How a document is encrypted, and what is done so that it is written the same way again.

qpdf takes key, passwords and permissions over, but it knows one cipher for all of a document, and of those of crypt
filters only AES (ISO 32000-1, 7.6.5).
"""

from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _filters

if TYPE_CHECKING:
    import pikepdf

_FILTERS = 4
"""The version from which on crypt filters say what is encrypted, and how."""

_RC4 = (2, 3)
"""Version and revision of RC4 with keys of up to 128 bits: the very same cipher without crypt filters."""


def is_partial(pdf: "pikepdf.Pdf") -> bool:
    """Return whether parts of a document are encrypted otherwise than others, or not at all, but for its metadata."""
    import pikepdf

    if not pdf.is_encrypted or pdf.encryption.V < _FILTERS:
        return False
    methods = _methods(pdf)
    if len(methods) > 1 or "none" in methods:
        return True
    packet: Any = pdf.Root.get("/Metadata") if _is_metadata_clear(pdf) else None
    return any(
        any(name == "/Crypt" for name, _ in _filters.chain(one))
        for one in pdf.objects
        if isinstance(one, pikepdf.Stream) and "/Filter" in one
        if not isinstance(packet, pikepdf.Stream) or one.objgen != packet.objgen
    )


def becomes_aes(pdf: "pikepdf.Pdf") -> bool:
    """Return whether a document that is encrypted by RC4 can only be written with AES, of the same key."""
    return _is_rc4_by_filters(pdf) and _is_metadata_clear(pdf)


def is_rc4(pdf: "pikepdf.Pdf") -> bool:
    """Return whether a document is encrypted by RC4, with crypt filters or without."""
    return bool(pdf.encryption.V < _FILTERS) or _is_rc4_by_filters(pdf)


def carry_over(pdf: "pikepdf.Pdf") -> None:
    """Let an encrypted document say how it is encrypted in the way that qpdf writes it.

    A key's length need not be told where crypt filters are, and that is written as one of no bytes, or refused.

    Args:
        pdf: The document, changed in place.
    """
    said, bits = pdf.trailer.Encrypt, pdf.encryption.bits
    if _is_rc4_by_filters(pdf) and not _is_metadata_clear(pdf):
        said.V, said.R = _RC4
    said.Length = bits


def _methods(pdf: "pikepdf.Pdf") -> set[str]:
    """Return how streams, strings and attachments are encrypted, as crypt filters say it: `none` where they are not."""
    found = pdf.encryption
    return {method.name for method in (found.stream_method, found.string_method, found.file_method)}


def _is_rc4_by_filters(pdf: "pikepdf.Pdf") -> bool:
    """Return whether crypt filters say that all of a document is encrypted by RC4."""
    return bool(pdf.encryption.V == _FILTERS) and _methods(pdf) == {"rc4"}


def _is_metadata_clear(pdf: "pikepdf.Pdf") -> bool:
    kept: Any = pdf.trailer.Encrypt.get("/EncryptMetadata")
    return kept is False
