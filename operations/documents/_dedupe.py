"""Equal objects made one: streams with the same bytes, then fonts, colour spaces and states that refer to the same.

Only what has no identity of its own is merged. Pages, annotations, fields, structure elements, layers and outline
items may be equal and yet not the same.
"""

import hashlib
import re
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]

_REFERENCE = re.compile(rb"\d+ \d+ R\b")
_LENGTH = re.compile(rb" /Length (?:\d+ \d+ R|\d+)(?= )")
_MAY_HAVE_IDENTITY = re.compile(rb"/(?:StructParents?|OC|F)\b")
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
    digests: dict[Key, bytes] = {}
    for _ in range(_ROUNDS):
        same, found = _copies(pdf, gone, digests, check)
        pictures += found
        if not same:
            break
        for key in merge(pdf, same, gone, check):
            digests.pop(key, None)
    return pictures


def merge(pdf: "pikepdf.Pdf", same: dict[Key, Any], gone: set[Key], check: Callable[[], None]) -> list[Key]:
    """Let what refers to some objects refer to others.

    Args:
        pdf: The document, changed in place.
        same: What is to stand for which object.
        gone: Objects nothing refers to any more; those replaced are added.
        check: Called between objects; raises where the job is to stop.

    Returns:
        The objects that have changed.
    """
    if not same:
        return []
    gone.update(same)
    return _redirect(pdf, same, check)


def _copies(
    pdf: "pikepdf.Pdf", gone: set[Key], digests: dict[Key, bytes], check: Callable[[], None]
) -> tuple[dict[Key, Any], int]:
    """Return what stands for which object, and how many of these are pictures; what is known of objects is kept."""
    import pikepdf

    first: dict[bytes, Any] = {}
    same: dict[Key, Any] = {}
    pictures = 0
    for thing in pdf.objects:
        check()
        if not isinstance(thing, pikepdf.Object) or (key := thing.objgen) in gone:
            continue
        digest = digests.get(key) or _digest(thing)
        if not digest:
            continue
        digests[key] = digest
        original = first.setdefault(digest, thing)
        if original is not thing:
            same[key] = original
            pictures += isinstance(thing, pikepdf.Stream) and thing.get("/Subtype") == pikepdf.Name.Image
    return same, pictures


def _digest(thing: Any) -> bytes:
    """Return what is the same for equal objects only, nothing for those that must not be merged."""
    import pikepdf

    if isinstance(thing, pikepdf.Stream):
        text = _written(thing)
        if _MAY_HAVE_IDENTITY.search(text) and not may_merge(thing):
            return b""
        digest = hashlib.sha256(text)
        digest.update(thing.read_raw_bytes())
        return digest.digest()
    return hashlib.sha256(thing.unparse(resolved=True)).digest() if may_merge(thing) else b""


def _written(stream: Any) -> bytes:
    """Return a stream's entries: references stay what they are, its length is told by the data."""
    text: bytes = stream.stream_dict.unparse(resolved=True)
    if text.count(b"/Length") == 1:
        return b"stream " + _LENGTH.sub(b"", text)
    entries = [
        str(key).encode(errors="surrogateescape") + b" " + written(value)
        for key, value in stream.items()
        if key != "/Length"
    ]
    return b"entries " + b" ".join(entries)


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


def _redirect(pdf: "pikepdf.Pdf", same: dict[Key, Any], check: Callable[[], None]) -> list[Key]:
    import pikepdf

    references, changed = {b"%d %d R" % key for key in same}, list[Key]()
    for thing in chain(pdf.objects, [pdf.trailer]):
        check()
        if not isinstance(thing, (pikepdf.Dictionary, pikepdf.Array, pikepdf.Stream)):
            continue
        holder = thing.stream_dict if isinstance(thing, pikepdf.Stream) else thing
        if not references.isdisjoint(_REFERENCE.findall(holder.unparse(resolved=True))):
            _redirect_in(holder, same)
            changed.append(thing.objgen)
    return changed


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
