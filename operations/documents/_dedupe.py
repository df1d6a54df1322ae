"""Equal objects made one: streams with the same bytes, then fonts, colour spaces and states that refer to the same.

Only what has no identity of its own is merged. Pages, annotations, fields, structure elements, layers and outline
items may be equal and yet not the same.
"""

import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]

_REFERENCE = re.compile(rb"(\d+) (\d+) R\b")
_TYPES = ("/Font", "/FontDescriptor", "/ExtGState", "/Encoding", "/CMap")
_SPACES = ("/ICCBased", "/Indexed", "/Separation", "/DeviceN", "/CalRGB", "/CalGray", "/Lab")
_HAS_IDENTITY = ("/StructParent", "/StructParents", "/OC", "/F")
_ROUNDS = 8


def deduplicate(pdf: "pikepdf.Pdf", gone: set[Key], check: Callable[[], None]) -> int:
    """Let all references to equal objects go to the first of them; the rest is then not written.

    Args:
        pdf: The document, changed in place.
        gone: Objects nothing refers to any more; what is merged is added.
        check: Called between objects; raises where the job is to stop.

    Returns:
        How many pictures were found to be copies.
    """
    pictures = 0
    for _ in range(_ROUNDS):
        same, found = _copies(pdf, gone, check)
        pictures += found
        if not same:
            break
        merge(pdf, same, gone, check)
    return pictures


def merge(pdf: "pikepdf.Pdf", same: dict[Key, Any], gone: set[Key], check: Callable[[], None]) -> None:
    """Let what refers to some objects refer to others.

    Args:
        pdf: The document, changed in place.
        same: What is to stand for which object.
        gone: Objects nothing refers to any more; those replaced are added.
        check: Called between objects; raises where the job is to stop.
    """
    if same:
        gone.update(same)
        _redirect(pdf, same, check)


def _copies(pdf: "pikepdf.Pdf", gone: set[Key], check: Callable[[], None]) -> tuple[dict[Key, Any], int]:
    import pikepdf

    first: dict[bytes, Any] = {}
    same: dict[Key, Any] = {}
    pictures = 0
    for thing in pdf.objects:
        check()
        if not isinstance(thing, pikepdf.Object) or thing.objgen in gone or not may_merge(thing):
            continue
        digest = hashlib.sha256(_written(thing))
        if isinstance(thing, pikepdf.Stream):
            digest.update(thing.read_raw_bytes())
        original = first.setdefault(digest.digest(), thing)
        if original is not thing:
            same[thing.objgen] = original
            pictures += isinstance(thing, pikepdf.Stream) and thing.get("/Subtype") == pikepdf.Name.Image
    return same, pictures


def _written(thing: Any) -> bytes:
    """Return an object's own text: references stay what they are, lengths are told by the data."""
    import pikepdf

    if not isinstance(thing, pikepdf.Stream):
        return thing.unparse(resolved=True)  # type: ignore[no-any-return]
    entries = [str(key).encode() + b" " + written(value) for key, value in thing.items() if key != "/Length"]
    return b"stream " + b" ".join(entries)


def written(value: Any) -> bytes:
    """Return an entry of a dictionary as it is written; what is an object of its own by its number."""
    import pikepdf

    return value.unparse() if isinstance(value, pikepdf.Object) else repr(value).encode()


def may_merge(thing: Any) -> bool:
    """Return whether an object may stand for another one that is equal."""
    import pikepdf

    if isinstance(thing, pikepdf.Stream):
        return not any(key in thing for key in _HAS_IDENTITY)
    if isinstance(thing, pikepdf.Dictionary):
        return str(thing.get("/Type")) in _TYPES
    if isinstance(thing, pikepdf.Array):
        return len(thing) > 1 and isinstance(thing[0], pikepdf.Name) and str(thing[0]) in _SPACES
    return False


def _redirect(pdf: "pikepdf.Pdf", same: dict[Key, Any], check: Callable[[], None]) -> None:
    import pikepdf

    for thing in [*pdf.objects, pdf.trailer]:
        check()
        if not isinstance(thing, (pikepdf.Dictionary, pikepdf.Array, pikepdf.Stream)):
            continue
        holder = thing.stream_dict if isinstance(thing, pikepdf.Stream) else thing
        text = holder.unparse(resolved=True)
        if any((int(one[1]), int(one[2])) in same for one in _REFERENCE.finditer(text)):
            _redirect_in(holder, same)


def _redirect_in(holder: Any, same: dict[Key, Any]) -> None:
    """Redirect the references in a container and in those that stand directly in it; the parser bounds their depth."""
    import pikepdf

    keys = list(holder.keys()) if isinstance(holder, pikepdf.Dictionary) else range(len(holder))
    for key in keys:
        value = holder[key]
        if not isinstance(value, pikepdf.Object):
            continue
        if value.is_indirect:
            if value.objgen in same:
                holder[key] = same[value.objgen]
        elif isinstance(value, (pikepdf.Dictionary, pikepdf.Array)):
            _redirect_in(value, same)
