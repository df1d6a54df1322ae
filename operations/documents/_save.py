"""Documents as they go out: packed as tightly as the format allows, encrypted as they came."""

import io
import warnings
from typing import TYPE_CHECKING, Literal

from mediamill.operations.documents import _encryption
from mediamill.operations.documents._write import tightened

if TYPE_CHECKING:
    import pikepdf

    from mediamill.operations.documents._open import DocumentFacts

_BEST: Literal[9] = 9


def save(pdf: "pikepdf.Pdf", facts: "DocumentFacts", *, linearize: bool = False, pack: bool = True) -> bytes:
    """Write a document: objects in compressed object streams, what nothing refers to left out.

    Encryption is carried over as it was, with its passwords and permissions, as far as `_encryption` says. The file's
    identifier is made from its contents, so that the same work gives the same bytes; only an encrypted file has to
    differ each time, because its cipher starts from random bytes. PDF/A-1 knows no object streams, so such documents
    get none. What is neither that, nor encrypted, nor laid out for the web can then be written more tightly than qpdf
    does it.

    Args:
        pdf: The document.
        facts: What it is.
        linearize: Whether its first page is to be shown before the rest has arrived.
        pack: Whether streams without a filter get one.

    Raises:
        pikepdf.PdfError: It cannot be written.
    """
    import pikepdf

    pikepdf.settings.set_flate_compression_level(_BEST)
    modes = pikepdf.ObjectStreamMode
    target = io.BytesIO()
    if facts.encrypted:
        _encryption.carry_over(pdf)
    if "/Size" not in pdf.trailer:  # it was found by a search; without a size there, qpdf writes none
        pdf.trailer.Size = len(pdf.objects) + 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what has come so, such as widgets that are in no form
        pdf.save(
            target,
            object_stream_mode=modes.disable if _is_old(facts) else modes.generate,
            compress_streams=pack,
            linearize=linearize,
            preserve_pdfa=facts.pdfa is not None,  # a line end more for each stream
            encryption=True if facts.encrypted else None,
            deterministic_id=not facts.encrypted,
            fix_metadata_version=False,
        )
    return target.getvalue()


def tight(made: bytes, facts: "DocumentFacts", *, linearize: bool) -> bytes:
    """Return a document that was saved and is no longer open, as tight as it may be: to do so opens it anew."""
    if _is_old(facts) or linearize or facts.encrypted:
        return made
    return tightened(made, lines=facts.pdfa is not None)


def _is_old(facts: "DocumentFacts") -> bool:
    return facts.pdfa is not None and facts.pdfa.startswith("1")
