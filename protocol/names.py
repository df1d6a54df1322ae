"""Nearest names: what a mistyped one was probably meant to be."""

import itertools
from collections.abc import Iterable

LONGEST, MOST = 128, 1000
"""Characters of a name and number of names beyond which nobody mistyped anything."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, or None where none is near.

    The measure is difflib's ratio (Ratcliff and Obershelp, 1988), with a cutoff of 0.6.
    """
    if len(name) > LONGEST:
        return None
    import difflib

    known = list(itertools.islice(known, MOST))
    folded = name.lower().replace("-", "_")
    if folded in known:
        return folded
    matches = difflib.get_close_matches(folded, known, n=1, cutoff=0.6)
    return matches[0] if matches else None
