"""A document written anew as tightly as the format allows, from what qpdf has written.

qpdf puts a hundred objects into an object stream, in the order of their numbers. Here those that look alike stand
together, many to a stream, and are numbered in that order, so that Flate finds more to refer to, and the
cross-reference table becomes a row of equal steps. Streams come first, their dictionaries without blanks.

The texts of objects are qpdf's own: only blanks, numbers and places change.
"""

import io
import re
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate, chain
from typing import TYPE_CHECKING

from mediamill.operations.documents import _filters
from mediamill.operations.documents._inline import REFERENCE, STRING, are_flat, take_in, take_out, without_strings
from mediamill.operations.documents._layout import Unfamiliar, Written, read

if TYPE_CHECKING:
    import pikepdf

MOST_OBJECTS = 500
MOST_BYTES = 1 << 16
"""Of an object stream, unpacked: for one object of it, readers unpack all of them, and some read all."""

_STRINGS = re.compile(STRING, re.DOTALL)
_NUMBERED = re.compile(STRING + rb"|(\d+) 0 R", re.DOTALL)
_NO_NAME = re.compile(rb"[^/A-Za-z]+")
_LOOKED_AT = 160
_HEXADECIMAL = re.compile(rb"<[0-9a-f]+>")
_ESCAPES = {b"\\": b"\\\\", b"(": b"\\(", b")": b"\\)", b"\r": b"\\r", b"\n": b"\\n"}
_ESCAPED = re.compile(rb"[\\()\r\n]")
_LENGTHS = re.compile(rb"/Filter/FlateDecode|/Length \d+")
"""What stands in the dictionary of a stream where qpdf puts it, not in the order of names."""

_FREE, _PLAIN, _PACKED = 0, 1, 2
_UP = 2


def tightened(data: bytes, *, lines: bool) -> bytes:
    """Return the same document in fewer bytes, or the very same bytes where there is no way to.

    Args:
        data: A document as qpdf has written it with object streams, not encrypted, not linearized.
        lines: Whether keywords stand on lines of their own, as PDF/A asks for.
    """
    import pikepdf

    try:
        made = _made(read(data), lines=lines)
    except (Unfamiliar, pikepdf.PdfError):
        return data
    return min(data, made, key=len)


def _made(written: Written, *, lines: bool) -> bytes:
    trailer, streams, packed = _compact(written)
    elsewhere = without_strings(b"\n".join([trailer, *streams.values()]))
    if are_flat(packed.values()):
        take_in(packed, Counter(map(int, REFERENCE.findall(elsewhere))))
    packed.update(take_out(streams, 1 + max([0, *streams, *packed])))
    groups = _groups(packed)
    order = [*streams, *chain.from_iterable(groups)]
    numbers = {b"%d" % old: b"%d 0 R" % new for new, old in enumerate(order, 1)}
    file = _File(written.header, lines=lines)
    for number, text in streams.items():
        file.add_stream(_renumbered(text, numbers), written.streams[number][1])
    file.pack([_renumbered(b"\n".join(packed[one] for one in group), numbers).split(b"\n") for group in groups])
    made = file.finished(_renumbered(_with_short_identifiers(trailer), numbers))
    _prove(made, file.texts)
    return made


def _prove(data: bytes, texts: list[bytes]) -> None:
    """Let qpdf read a file.

    Args:
        data: The file.
        texts: What each of its objects is to be, in the order of their numbers.

    Raises:
        Unfamiliar: It finds other objects.
    """
    import pikepdf

    with pikepdf.open(io.BytesIO(data), inherit_page_attributes=False) as pdf:
        objects = list(pdf.objects)
        if pdf.get_warnings() or len(objects) != len(texts):
            raise Unfamiliar(f"it reads as {len(objects)} objects instead of {len(texts)}")
        pairs = list(zip(objects[:-1], texts[:-1], strict=True))  # the last is the table, in an order of its own
        read = [_text(one) for one, _ in pairs if isinstance(one, pikepdf.Object)]
        meant = [text for one, text in pairs if isinstance(one, pikepdf.Object)]
    if _LENGTHS.sub(b"", b"\n".join(compacted(read))) != _LENGTHS.sub(b"", b"\n".join(meant)):
        raise Unfamiliar("it does not read as it was meant")


def _text(thing: "pikepdf.Object") -> bytes:
    import pikepdf

    return (thing.stream_dict if isinstance(thing, pikepdf.Stream) else thing).unparse(resolved=True)


def _compact(written: Written) -> tuple[bytes, dict[int, bytes], dict[int, bytes]]:
    """Return the trailer, and the texts of streams' dictionaries and of other objects.

    Empty streams, which qpdf says are packed by Flate, have no filter: readers take them for damaged.
    """
    idle = b" /Filter /FlateDecode"
    dictionaries = {
        number: text if len(data) else text.replace(idle, b"") for number, (text, data) in written.streams.items()
    }
    kinds = [dict(sorted(kind.items())) for kind in (dictionaries, written.packed)]
    trailer, *texts = compacted([written.trailer, *(text for kind in kinds for text in kind.values())])
    left = iter(texts)
    streams, packed = (dict(zip(kind, left, strict=False)) for kind in kinds)
    return trailer, streams, packed


def compacted(texts: list[bytes]) -> list[bytes]:
    """Return the texts of objects without the blanks that are not needed.

    Raises:
        Unfamiliar: Strings are not written as expected.
    """
    text = b"\n".join(texts)
    strings = _STRINGS.findall(text)
    bare = without_strings(text)
    if not bare.count(b"(") == bare.count(b")") == len(strings):
        raise Unfamiliar("a parenthesis that is not a string's")
    for start in (b"/", b"[", b"<<", b"(", b"]", b">>"):
        bare = bare.replace(b" " + start, start)
    for end in (b"[", b"<<", b"]", b">>", b")"):
        bare = bare.replace(end + b" ", end)
    pairs = zip(bare.split(b"()"), [*strings, b""], strict=True)
    short = b"".join(chain.from_iterable(pairs)).split(b"\n")
    if len(short) != len(texts):
        raise Unfamiliar("an object of more lines than one")
    return short


def _groups(packed: dict[int, bytes]) -> list[list[int]]:
    """Return the objects of each object stream: those that look alike together, otherwise in the order there was."""
    bare = without_strings(b"\n".join(packed.values())).split(b"\n")
    looks = {number: _NO_NAME.sub(b"", text[:_LOOKED_AT]) for number, text in zip(packed, bare, strict=True)}
    groups, size = list[list[int]](), MOST_BYTES
    for number in sorted(packed, key=lambda number: (looks[number], number)):
        size += len(packed[number]) + 1
        if size > MOST_BYTES or len(groups[-1]) == MOST_OBJECTS:
            groups.append([])
            size = len(packed[number]) + 1
        groups[-1].append(number)
    return groups


def _renumbered(text: bytes, numbers: dict[bytes, bytes]) -> bytes:
    """Return text with the references in it, not in its strings, going to other numbers.

    Raises:
        Unfamiliar: There is one to an object that has none.
    """
    try:
        return _NUMBERED.sub(lambda match: numbers[match[1]] if match[1] else match[0], text)
    except KeyError as error:
        raise Unfamiliar(f"there is no object {error}") from None


def _with_short_identifiers(trailer: bytes) -> bytes:
    """Return a trailer whose strings are written byte by byte, where that is shorter: a file's identifiers are."""
    return _HEXADECIMAL.sub(lambda match: min(match[0], _literal(match[0]), key=len), trailer)


def _literal(string: bytes) -> bytes:
    return b"(" + _ESCAPED.sub(lambda match: _ESCAPES[match[0]], bytes.fromhex(string[1:-1].decode())) + b")"


class _File:
    """A file as it comes into being: its objects in the order of their numbers, but those in object streams."""

    def __init__(self, header: bytes, *, lines: bool) -> None:
        self.parts: list[bytes | memoryview] = [header]
        self.at = len(header)
        self.rows = [(_FREE, 0, 0)]
        self.texts: list[bytes] = []
        self.frame = b"\n" if lines else b""

    def add_stream(self, text: bytes, data: bytes | memoryview) -> None:
        """Add a stream, from its dictionary and its data."""
        self.texts.append(text)
        line = self.frame
        head = b"%d 0 obj" % len(self.rows) + line + text + line + b"stream\n"
        parts = head, data, line + b"endstream\nendobj\n"
        self.rows.append((_PLAIN, self.at, 0))
        self.parts += parts
        self.at += sum(map(len, parts))

    def pack(self, groups: Iterable[list[bytes]]) -> None:
        """Add objects in object streams, those of each group in one."""
        groups = list(groups)
        first = len(self.rows)
        holder = first + sum(map(len, groups))
        self.rows += [(_PACKED, holder + at, index) for at, group in enumerate(groups) for index in range(len(group))]
        self.texts += chain.from_iterable(groups)
        for texts in groups:
            starts = accumulate((len(text) + 1 for text in texts[:-1]), initial=0)
            head = b" ".join(b"%d %d" % (first + at, start) for at, start in enumerate(starts)) + b"\n"
            first += len(texts)
            data = _filters.deflate(head + b"\n".join(texts))
            counts = len(head), len(data), len(texts)
            self.add_stream(b"<</Filter/FlateDecode/First %d/Length %d/N %d/Type/ObjStm>>" % counts, data)

    def finished(self, trailer: bytes) -> bytes:
        """Return the file, with its table added.

        Args:
            trailer: A dictionary with what else belongs into the table's.
        """
        start, size = self.at, len(self.rows) + 1
        entries, table = _table([*self.rows, (_PLAIN, start, 0)])
        text = b"<</Type/XRef/Size %d%b/Filter/FlateDecode/Length %d" % (size, entries, len(table))
        self.add_stream(text + trailer[len(b"<<") :], table)
        self.parts.append(b"startxref\n%d\n%%%%EOF\n" % start)
        return b"".join(self.parts)


def _table(rows: list[tuple[int, int, int]]) -> tuple[bytes, bytes]:
    """Return what a cross-reference stream's dictionary says of its rows, and the packed rows."""
    fields = list(zip(*rows, strict=True))
    widths = [(max(values).bit_length() + 7) // 8 for values in fields]
    columns = list[bytes]()
    for values, width in zip(fields, widths, strict=True):
        flat = b"".join([value.to_bytes(width, "big") for value in values])
        columns += [flat[at::width] for at in range(width)]
    steps = [
        bytes([one - above & 0xFF for one, above in zip(column, b"\0" + column, strict=False)]) for column in columns
    ]
    said = b"/W[%d %d %d]" % tuple(widths)
    parms = said + b"/DecodeParms<</Predictor 12/Columns %d>>" % len(columns)
    predicted = _woven([bytes([_UP]) * len(rows), *steps])
    choices = ((said, _filters.deflate(_woven(columns))), (parms, _filters.deflate(predicted)))
    return min(choices, key=lambda choice: len(choice[0]) + len(choice[1]))


def _woven(columns: list[bytes]) -> bytes:
    """Return the rows of a table, from its columns of bytes."""
    table = bytearray(len(columns) * len(columns[0]))
    for at, column in enumerate(columns):
        table[at :: len(columns)] = column
    return bytes(table)
