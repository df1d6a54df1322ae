"""Files as qpdf lays them out with object streams, taken apart into the texts of their objects.

qpdf's serialisation is exact and regular: one space between tokens, entries in the order of their names, parentheses
in strings escaped, no line end but between objects. So a document that it has just written need not be parsed as PDFs
at large have to be. All that is not as expected is refused; nothing is guessed or repaired.
"""

import re
import zlib
from collections.abc import Iterator
from itertools import accumulate

from msgspec import Struct

_END = re.compile(rb"startxref\n(\d+)\n%%EOF\n\Z")
_HEADER = re.compile(rb"%PDF-\d\.\d\n%[\x80-\xff]{4}\n")
_OBJECT = re.compile(rb"(\d+) 0 obj\n")
_LENGTH = re.compile(rb"\A<< /Type /(?:ObjStm|XRef) /Length (\d+) | /Length (\d+)(?: /Filter /FlateDecode)? >>\Z")
_TABLE = re.compile(
    rb"<< /Type /XRef /Length \d+(?: /Filter /FlateDecode)?(?: /DecodeParms << /Columns \d+ /Predictor 12 >>)?"
    rb" /W \[ \d \d \d \](.*) /Size (\d+)(.*) >>\Z"
)
_WIDTHS = re.compile(rb" /W \[ (\d) (\d) (\d) \]")
_COUNTS = re.compile(rb" /N (\d+) /First (\d+) ")
_STREAM, _OBJECT_END = b"\nstream\n", b"\nendobj\n"
_STREAM_ENDS = (b"endstream\nendobj\n", b"\nendstream\nendobj\n")
_FREE, _PLAIN, _PACKED = 0, 1, 2
_TAIL = 64
_UP = 2


class Unfamiliar(ValueError):
    """A file is not laid out as expected."""


class Written(Struct, frozen=True):
    """A document's objects, each as the text that stands for it, by their numbers; all are of generation 0.

    Attributes:
        header: The file's first lines, with its version.
        trailer: What else the dictionary of its cross-reference stream says than where objects are.
        packed: What is in object streams.
        streams: Dictionaries of streams, and their data.
    """

    header: bytes
    trailer: bytes
    packed: dict[int, bytes]
    streams: dict[int, tuple[bytes, memoryview]]


def read(data: bytes) -> Written:
    """Take a file apart.

    Args:
        data: A file with object streams and one cross-reference stream, as qpdf has written it, not encrypted.

    Raises:
        Unfamiliar: It is not laid out so.
    """
    try:
        return _read(data)
    except (IndexError, KeyError, zlib.error, ValueError) as error:
        raise Unfamiliar(str(error)) from None


def _read(data: bytes) -> Written:
    header, end = _found(_HEADER.match(data)), _found(_END.search(data, max(0, len(data) - _TAIL)))
    table = int(end[1])
    trailer, rows = _table(data, table, end.start())
    starts = sorted(one for kind, one, _ in rows.values() if kind == _PLAIN)
    if not starts or starts[0] != header.end() or starts[-1] != table:
        raise Unfamiliar("what stands in the file is not what the table lists")
    ends = dict(zip(starts, [*starts[1:], end.start()], strict=True))
    streams = dict[int, tuple[bytes, memoryview]]()
    for number, (kind, start, _) in rows.items():
        if kind != _PLAIN or start == table:
            continue
        text, body = _object(data, number, start, ends[start])
        if body is None:
            raise Unfamiliar("an object outside of object streams, such as a signature")
        streams[number] = text, body
    packed = dict[int, bytes]()
    for holder in {one for kind, one, _ in rows.values() if kind == _PACKED}:
        packed.update(_unpacked(*streams.pop(holder)))
    if packed.keys() != {number for number, row in rows.items() if row[0] == _PACKED}:
        raise Unfamiliar("object streams hold other objects than the table lists")
    return Written(header[0], trailer, packed, streams)


def _found(match: re.Match[bytes] | None) -> re.Match[bytes]:
    if match is None:
        raise Unfamiliar("a mark is missing")
    return match


def _table(data: bytes, start: int, end: int) -> tuple[bytes, dict[int, tuple[int, int, int]]]:
    """Return a cross-reference stream's dictionary, and its rows, by the numbers of objects, free ones left out."""
    head = _found(_OBJECT.match(data, start))
    text, body = _object(data, int(head[1]), start, end)
    if body is None:
        raise Unfamiliar("the table is not a stream")
    widths = [int(width) for width in _found(_WIDTHS.search(text)).groups()]
    flat = _rows(zlib.decompress(body), sum(widths), predicted=b"/Predictor 12" in text)
    rows = dict[int, tuple[int, int, int]]()
    one, two = widths[0], widths[0] + widths[1]
    for number, at in enumerate(range(0, len(flat), sum(widths))):
        row = flat[at : at + sum(widths)]
        kind = int.from_bytes(row[:one])
        if kind != _FREE:
            rows[number] = kind, int.from_bytes(row[one:two]), int.from_bytes(row[two:])
    said = _found(_TABLE.match(text))
    if int(said[2]) != len(flat) // sum(widths) or b"/Size " in said[1] + said[3]:
        raise Unfamiliar("the table is not as long as it says")
    return b"<<" + said[1] + said[3] + b" >>", rows


def _rows(table: bytes, width: int, *, predicted: bool) -> bytes:
    """Undo the only predictor qpdf has for its tables: each row says what is to be added to the one above."""
    if not predicted:
        return table
    predictors, *steps = (table[at :: width + 1] for at in range(width + 1))
    if predictors.count(_UP) != len(predictors) or len(table) != len(predictors) * (width + 1):
        raise Unfamiliar("another predictor")
    flat = bytearray(len(predictors) * width)
    for at, column in enumerate(steps):
        flat[at::width] = bytes(map((0xFF).__and__, accumulate(column)))
    return bytes(flat)


def _object(data: bytes, number: int, start: int, end: int) -> tuple[bytes, memoryview | None]:
    """Return the text of an object that reaches from one offset to another, and its data if it is a stream."""
    head = _found(_OBJECT.match(data, start, end))
    if int(head[1]) != number:
        raise Unfamiliar("an object has another number than the table lists")
    if not data.endswith(_STREAM_ENDS[0], start, end):
        if not data.endswith(_OBJECT_END, start, end):
            raise Unfamiliar("an object does not end where the next one begins")
        return _line(data[head.end() : end - len(_OBJECT_END)]), None
    mark = data.index(_STREAM, head.end(), end)
    text, body = _line(data[head.end() : mark]), mark + len(_STREAM)
    length = _found(_LENGTH.search(text))
    stop = body + int(length[1] or length[2])
    if data[stop:end] not in _STREAM_ENDS:
        raise Unfamiliar("a stream is not as long as it says")
    return text, memoryview(data)[body:stop]


def _unpacked(text: bytes, body: memoryview) -> Iterator[tuple[int, bytes]]:
    """Yield the objects of an object stream."""
    counts = _found(_COUNTS.search(text))
    count, first = int(counts[1]), int(counts[2])
    decoded = zlib.decompress(body)
    numbers = [int(one) for one in decoded[:first].split()]
    starts = [first + one for one in numbers[1::2]]
    if len(starts) != count or len(numbers) != 2 * count:
        raise Unfamiliar("an object stream holds more or fewer objects than it says")
    for number, start, end in zip(numbers[::2], starts, [*starts[1:], len(decoded)], strict=True):
        if decoded[end - 1 : end] != b"\n":
            raise Unfamiliar("an object does not end with its line")
        yield number, _line(decoded[start : end - 1])


def _line(text: bytes) -> bytes:
    if b"\n" in text or not text:
        raise Unfamiliar("an object of more lines than one")
    return text
