"""What all pages have in common, said once, and what nobody sees of pages that are not in the document's tree."""

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pikepdf

_BOXES = ("/MediaBox", "/CropBox")
_LEVELS = 64
_MANY = 5
"""Pages from which on it pays; fewer only where their box is an object of its own."""


_SHOWN = ("/Contents", "/Resources", "/Annots", "/Thumb", "/Group")
_HOME = ("/P", "/Pg")
"""Where annotations and structure elements say which page they are on."""


def empty_lost(pdf: "pikepdf.Pdf", check: Callable[[], None]) -> int:
    """Take what they show from pages that are not in the tree of pages: no reader comes to see it.

    Links that lead to such pages go on to do so. Where anything else refers to one, as to those from which scripts
    make new pages, all stay as they are.

    Args:
        pdf: The document, changed in place.
        check: Called between objects; raises where the job is to stop.

    Returns:
        How many there are.
    """
    import pikepdf

    seen = {page.obj.objgen for page in pdf.pages}
    pages = (one for one in pdf.objects if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/Page")
    lost = {page.objgen: page for page in pages if page.objgen not in seen}
    if not lost or any(not _leads(*where) for where in _references(pdf, lost, check)):
        return 0
    for page in lost.values():
        for key in _SHOWN:
            if key in page:
                del page[key]
    return len(lost)


def _references(
    pdf: "pikepdf.Pdf", wanted: Collection[tuple[int, int]], check: Callable[[], None]
) -> Iterator[tuple[Any, Any, str]]:
    """Yield what refers to some objects: the dictionary or array, the place in it, and the key it stands under."""
    import pikepdf

    for thing in pdf.objects:
        check()
        left: list[tuple[Any, str]] = [(thing, "")]
        while left:
            holder, under = left.pop()
            if not isinstance(holder, (pikepdf.Array, pikepdf.Dictionary, pikepdf.Stream)):
                continue
            pairs: Any = enumerate(holder) if isinstance(holder, pikepdf.Array) else holder.items()
            for place, value in pairs:
                if not isinstance(value, pikepdf.Object):
                    continue
                if not value.is_indirect:
                    left.append((value, place if isinstance(place, str) else under))
                elif value.objgen in wanted:
                    yield holder, place, under


def _leads(holder: Any, place: Any, under: str) -> bool:
    """Return whether a reference to a page is a destination, the home of what stands on it, or the tree it is from."""
    import pikepdf

    if not isinstance(holder, pikepdf.Array):
        return place in _HOME
    return under == "/Kids" or (place == 0 and len(holder) > 1 and isinstance(holder[1], pikepdf.Name))


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
