"""What no rendered page shows of a document: how it is protected, what its catalogue has, and annotations counted."""

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mediamill.operations.documents._metadata import REMOVED

if TYPE_CHECKING:
    import pikepdf


class Frame(Struct, frozen=True):
    """What a document that stands for another has to have as well.

    Attributes:
        pages: How many it has.
        protection: Its cipher and permissions, None where it is not encrypted.
        catalogue: The names of its catalogue's entries.
        annotations: How many each page has.
    """

    pages: int
    protection: tuple[Any, ...] | None
    catalogue: frozenset[str]
    annotations: tuple[int, ...]

    def lost(self, made: "Frame") -> str | None:
        """Say what a document made from this one has lost, None where it has everything."""
        if made.pages != self.pages:
            return f"it has {made.pages} pages instead of {self.pages}"
        if made.protection != self.protection:
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
        protection=_protection(pdf),
        catalogue=frozenset(root.keys()),
        annotations=tuple(_count(page.obj.get("/Annots")) for page in pdf.pages),
    )


def _protection(pdf: "pikepdf.Pdf") -> tuple[Any, ...] | None:
    if not pdf.is_encrypted:
        return None
    how = pdf.encryption
    return how.R, how.V, how.P, how.bits, how.stream_method, how.string_method, how.file_method


def _count(notes: Any) -> int:
    import pikepdf

    return len(notes) if isinstance(notes, pikepdf.Array) else 0
