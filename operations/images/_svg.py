"""Drawings, checked before librsvg sees them: it has no limits of its own worth the name.

A drawing of two kilobytes can ask for a billion shapes by using groups of groups, and take hours at no memory. So its
elements are counted with everything they refer to.
"""

import binascii
import re
import zlib
from collections import Counter
from urllib.parse import unquote_to_bytes

from mediamill.protocol.errors import CorruptInput, LimitExceeded, MediaError

MAX_ELEMENTS = 50_000
"""Elements drawn at most, those of `use`, filters, patterns and masks counted each time they are referred to."""

MAX_DEPTH = 200
"""How deep elements may nest, and how long a chain of references may be."""

_FILTER_COST = 20
"""What one pass of a filter over its area is counted as."""

_REFERENCE = re.compile(r"url\(\s*['\"]?#([^'\")\s]+)")


def inflate(data: bytes, limit: int) -> bytes:
    """Return the drawing inside a compressed one.

    Args:
        data: The file, gzip.
        limit: The most bytes it may have unpacked.

    Raises:
        CorruptInput: It is damaged.
        LimitExceeded: It is larger.
    """
    inflater = zlib.decompressobj(31)
    try:
        drawing = inflater.decompress(data, limit + 1)
    except zlib.error as error:
        raise CorruptInput("The compressed drawing is damaged.", detail=str(error)) from None
    check_size(drawing, limit)
    if not inflater.eof:
        raise CorruptInput("The compressed drawing is cut short.")
    return drawing


def check_size(drawing: bytes, limit: int) -> None:
    """Raise LimitExceeded where a drawing has more bytes than allowed."""
    if len(drawing) > limit:
        raise LimitExceeded(
            f"The drawing has more than max_svg_bytes = {limit} bytes.", expected=f"at most {limit} bytes of XML"
        )


def check_drawing(drawing: bytes) -> list[bytes]:
    """Return the pictures embedded in a drawing, whose size is for the caller to check.

    Raises:
        LimitExceeded: It draws too much.
        CorruptInput: It is not XML.
    """
    from xml.parsers import expat

    weigher = _Weigher()
    parser = expat.ParserCreate()
    parser.StartElementHandler = weigher.start
    parser.EndElementHandler = weigher.end
    try:
        parser.Parse(drawing, True)
    except expat.ExpatError as error:
        if "amplification" in str(error):
            raise _too_much("Its entities expand too far.") from None
        raise CorruptInput(f"The drawing is not well-formed XML: {error}.") from None
    weigher.check()
    return weigher.embedded


class _Weigher:
    """Sums elements per id, so that references can be followed afterwards."""

    def __init__(self) -> None:
        self._own: Counter[str] = Counter()
        self._refers: dict[str, Counter[str]] = {"": Counter()}
        self._open: list[str] = [""]
        self._totals: dict[str, int] = {}
        self._elements = 0
        self.embedded: list[bytes] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._open) > MAX_DEPTH:
            raise _too_much(f"It has more than {MAX_ELEMENTS} elements or nests deeper than {MAX_DEPTH}.")
        group = self._open[-1]
        mark = attributes.get("id")
        if mark and mark not in self._refers:
            self._refers[mark] = Counter()
            self._refers[group][mark] += 1
            group = mark
        self._open.append(group)
        self._own[group] += _FILTER_COST if name.rpartition(":")[2].startswith("fe") else 1
        for key, value in attributes.items():
            if key.rpartition(":")[2] == "href" and value.startswith("#"):
                self._refers[group][value[1:]] += 1
            elif key.rpartition(":")[2] == "href" and value[:5].lower() == "data:":
                self.embedded.append(_embedded(value))
            elif "url(" in value:
                self._refers[group].update(_REFERENCE.findall(value))

    def end(self, _name: str) -> None:
        self._open.pop()

    def check(self) -> None:
        if self._total("", 0) > MAX_ELEMENTS:
            raise _too_much(f"With what its elements refer to, it draws more than {MAX_ELEMENTS} of them.")

    def _total(self, group: str, depth: int) -> int:
        if depth > MAX_DEPTH:
            raise _too_much(f"Its references form a chain of more than {MAX_DEPTH}.")
        if group not in self._totals:
            self._totals[group] = 0  # what refers to itself is not drawn
            inner = sum(
                count * self._total(other, depth + 1)
                for other, count in self._refers[group].items()
                if other in self._refers
            )
            self._totals[group] = self._own[group] + inner
        return self._totals[group]


def _embedded(uri: str) -> bytes:
    """Return what a data URI holds, as leniently as any reader of it may be (RFC 2397)."""
    head, _, body = uri.partition(",")
    raw = unquote_to_bytes(body)
    if not head.lower().rstrip().endswith("base64"):
        return raw
    coded = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
    return binascii.a2b_base64(coded[: len(coded) // 4 * 4])


def _too_much(reason: str) -> MediaError:
    return LimitExceeded(f"The drawing is too complex. {reason}", expected=f"at most {MAX_ELEMENTS} elements drawn")
