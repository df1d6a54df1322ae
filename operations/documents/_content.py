"""Content streams read: their bytes as one, and their operators with what stands before them.

A stream that cannot be read to its end says so. Whoever takes fonts or pictures to be unused, because nothing in the
part that could be read uses them, would take them from the part that could not.
"""

import warnings
from typing import Any

from mediamill.operations.documents import _filters

MAX_BYTES = 64 << 20
"""Of a page's or form's content, decoded and joined; longer ones are not read."""


_MAX_INSTRUCTIONS = 1_000_000
_MAX_TOKENS = 4_000_000
"""Where all instructions are wanted: each token of theirs is then in memory, at a hundred bytes or so."""


_BLANKS = (b" ", b"\n", b"\r", b"\t")


class Unreadable(Exception):
    """A content stream cannot be read to its end."""


def joined(content: Any) -> bytes:
    """Return the bytes of a content stream, or of a page's several ones as one.

    Raises:
        Unreadable: They cannot be decoded, or are too long.
    """
    import pikepdf

    parts, left = list[bytes](), MAX_BYTES
    for stream in content if isinstance(content, pikepdf.Array) else [] if content is None else [content]:
        data = _filters.decoded(stream, left) if _filters.is_plain(_filters.chain(stream)) else None
        if data is None:
            raise Unreadable("a content stream cannot be decoded, or is too long")
        parts.append(data)
        left -= len(data) + 1
    return b"\n".join(parts)


def instructions(data: bytes, operators: str = "") -> list[Any]:
    """Return a content stream's instructions, each with `operator` and `operands`.

    Args:
        data: The stream.
        operators: The names of those wanted, all where empty.

    Raises:
        Unreadable: There is too much in it, or there are so many errors that the parser has given up.
    """
    import pikepdf

    at_most = sum(map(data.count, operators.encode().split() if operators else _BLANKS))
    if at_most > (_MAX_INSTRUCTIONS if operators else _MAX_TOKENS):
        raise Unreadable("there are too many instructions in a content stream")
    given_up = pikepdf.settings.qpdf_limit_errors()
    with warnings.catch_warnings(), pikepdf.new() as alone:  # every stream is an object of its document from then on
        warnings.simplefilter("ignore")  # of operands behind the last operator, which nobody wants
        found = pikepdf.parse_content_stream(pikepdf.Stream(alone, data), operators)
    if pikepdf.settings.qpdf_limit_errors() > given_up:  # the parser itself only warns
        raise Unreadable("there are too many errors in a content stream")
    return found
