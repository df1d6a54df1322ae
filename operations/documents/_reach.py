"""What of a document can be come to at all: the rest is not written, and not worth any work."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pikepdf

Key = tuple[int, int]

_REFERENCE = re.compile(rb"(\d+) (\d+) R\b")


def unreached(pdf: "pikepdf.Pdf", check: Callable[[], None]) -> set[Key]:
    """Return the objects that no way of references leads to from the trailer.

    What looks like a reference within a string counts as one: no object is taken for lost that is not.

    Args:
        pdf: The document.
        check: Called between objects; raises where the job is to stop.
    """
    import pikepdf

    left = _named(pdf.trailer.unparse())
    seen = set(left)
    while left:
        check()
        thing = pdf.get_object(left.pop())
        holder = thing.stream_dict if isinstance(thing, pikepdf.Stream) else thing
        if isinstance(holder, (pikepdf.Dictionary, pikepdf.Array)):
            new = set(_named(holder.unparse(resolved=True))) - seen
            seen |= new
            left += new
    return {thing.objgen for thing in pdf.objects if isinstance(thing, pikepdf.Object)} - seen


def _named(text: bytes) -> list[Key]:
    """Return the objects that are referred to in what is written."""
    return [(int(number), int(generation)) for number, generation in _REFERENCE.findall(text)]
