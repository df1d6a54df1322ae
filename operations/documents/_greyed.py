"""What became of a document's colours."""

from collections import Counter

from msgspec import Struct, field

Kept = Counter[str]

BLENDED = "greys are blended, instead of what was blended made grey"
"""What is kept of pages whose colours are blended channel by channel: they look a little different."""


class Greyed(Struct):
    """What was done.

    Attributes:
        changed: Whether anything had a colour that it has no more.
        kept: What kept its colours, and how many of each.
        pictures: Those coded anew.
        saved: Bytes that those are smaller for it; less than none where they are larger.
    """

    changed: bool = False
    kept: Kept = field(default_factory=Kept)
    pictures: set[tuple[int, int]] = field(default_factory=set)
    saved: int = 0
