"""What all pages have in common, said once."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pikepdf

_BOXES = ("/MediaBox", "/CropBox")
_LEVELS = 64
_MANY = 5
"""Pages from which on it pays; fewer only where their box is an object of its own."""


def share_boxes(pdf: "pikepdf.Pdf") -> None:
    """Let pages inherit the box that is the same on all of them; opening a document gave each its own.

    Args:
        pdf: The document, changed in place. Its pages are no longer complete by themselves, as those of a document
            that is laid out for the web have to be.
    """
    import pikepdf

    root: Any = pdf.Root.get("/Pages")
    pages = [page.obj for page in pdf.pages]
    if not isinstance(root, pikepdf.Dictionary):
        return
    for key in _BOXES:
        found = [page.get(key) for page in pages]
        if not all(isinstance(box, pikepdf.Array) for box in found):
            continue
        if len(pages) < _MANY and not any(box.is_indirect for box in found):  # type: ignore[union-attr]
            continue
        texts = {box.unparse(resolved=True) for box in found}  # type: ignore[union-attr]
        if len(texts) == 1 and all(_hangs_on(page, root, key) for page in pages):
            root[key] = pikepdf.Object.parse(texts.pop())
            for page in pages:
                del page[key]


def _hangs_on(page: Any, root: Any, key: str) -> bool:
    """Return whether a page would inherit from the root, and from no node between that has its own value."""
    import pikepdf

    node = page.get("/Parent")
    for _ in range(_LEVELS):
        if not isinstance(node, pikepdf.Dictionary):
            return False
        if node.objgen == root.objgen:
            return True
        if key in node:
            return False
        node = node.get("/Parent")
    return False
