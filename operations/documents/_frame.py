"""What no rendered page shows of a document: how it is protected, what its catalogue has, and annotations counted."""

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.documents._encryption import is_rc4
from mediamill.operations.documents._metadata import REMOVED

if TYPE_CHECKING:
    import pikepdf


class Frame(Struct, frozen=True):
    """What a document that stands for another has to have as well.

    Attributes:
        pages: How many it has.
        protection: Its permissions and the bits of its key, None where it is not encrypted.
        is_rc4: Whether it is encrypted by RC4, which AES may stand for.
        catalogue: The names of its catalogue's entries.
        annotations: How many each page has.
    """

    pages: int
    protection: tuple[int, int] | None
    is_rc4: bool
    catalogue: frozenset[str]
    annotations: tuple[int, ...]

    def lost(self, made: "Frame") -> str | None:
        """Say what a document made from this one has lost, None where it has everything."""
        if made.pages != self.pages:
            return f"it has {made.pages} pages instead of {self.pages}"
        if made.protection != self.protection or (made.is_rc4 and not self.is_rc4):
            return "it is not encrypted as it was"
        if gone := sorted(self.catalogue - made.catalogue - set(REMOVED)):
            return f"its catalogue has lost {', '.join(gone)}"
        if made.annotations != self.annotations:
            pairs = zip(made.annotations, self.annotations, strict=True)
            number = next(at for at, (now, before) in enumerate(pairs, 1) if now != before)
            return f"page {number} has not the annotations it had"
        return None


def frame_of(pdf: "pikepdf.Pdf") -> Frame:
    """Return what a document has that is opened."""
    root: Any = pdf.Root
    return Frame(
        pages=len(pdf.pages),
        protection=(pdf.encryption.P, pdf.encryption.bits) if pdf.is_encrypted else None,
        is_rc4=pdf.is_encrypted and is_rc4(pdf),
        catalogue=frozenset(root.keys()),
        annotations=tuple(_count(page.obj.get("/Annots")) for page in pdf.pages),
    )


def _count(notes: Any) -> int:
    import pikepdf

    return len(notes) if isinstance(notes, pikepdf.Array) else 0
