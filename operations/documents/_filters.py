"""What a stream's filters say, and its bytes without them, never more of them than allowed.

A few kilobytes of Flate can stand for gigabytes, and filters can be stacked: so nothing is decoded by a library that
does not know where to stop before it is known how far that can go.
"""

import io
import math
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pikepdf

_SHORT = {
    "/A85": "/ASCII85Decode", "/AHx": "/ASCIIHexDecode", "/CCF": "/CCITTFaxDecode", "/DCT": "/DCTDecode",
    "/Fl": "/FlateDecode", "/LZW": "/LZWDecode", "/RL": "/RunLengthDecode",
}  # fmt: skip
FLATE, DCT, CCITT, JPX = "/FlateDecode", "/DCTDecode", "/CCITTFaxDecode", "/JPXDecode"
_EXPANDS = {"/ASCII85Decode": 4, "/ASCIIHexDecode": 1, "/RunLengthDecode": 64, "/LZWDecode": 1500, FLATE: 1040}
"""How many bytes one byte can become at most."""

_WITH_PARMS = (FLATE, "/LZWDecode")
_MOST_FILTERS = 8
_END_OF_RUNS = 128
_LZW_CLEAR = 256
_PIECE, _MOST_OF_PIECE = 1 << 18, 1 << 20

_TIGHT, _LONG_TIGHT, _QUICK = 11, 10, 6
"""Levels of libdeflate's: of data, of long ones, and of a look at how well they pack. One more saves 0.1 % of content
and 0.5 % of long pictures, and doubles the time."""

_LONG = 1 << 20

_REPETITIVE = 16
"""How many times smaller data are packed where zlib, which is quick at such, is asked as well."""


def chain(stream: "pikepdf.Object") -> list[tuple[str, dict[str, Any]]]:
    """Return a stream's filters by their long names, in the order of decoding, each with its parameters."""
    filters = stream.get("/Filter")
    if filters is None:
        return []
    found = _listed(stream.get("/DecodeParms") if "/DecodeParms" in stream else stream.get("/DP"))
    names = map(_called, _listed(filters))
    return [
        (_SHORT.get(name, name), _plain(found[index] if index < len(found) else None))
        for index, name in enumerate(names)
    ]


def _called(name: Any) -> str:
    """Return a filter's name, as it is written where it is not one in UTF-8."""
    import pikepdf

    return name.unparse().decode("latin-1") if isinstance(name, pikepdf.Name) else str(name)


def _listed(value: Any) -> list[Any]:
    import pikepdf

    if value is None:
        return []
    return list(value) if isinstance(value, pikepdf.Array) else [value]


def _plain(parms: Any) -> dict[str, Any]:
    import pikepdf

    return dict(parms.items()) if parms is not None and isinstance(parms, pikepdf.Dictionary) else {}


def is_plain(filters: list[tuple[str, dict[str, Any]]]) -> bool:
    """Return whether all filters are general ones, which give back the very bytes that went in."""
    return all(name in _EXPANDS for name, _ in filters)


def most_bytes(stream: "pikepdf.Object") -> int:
    """Return how many bytes a stream can stand for at most, as far as its filters are plain."""
    return len(stream.read_raw_bytes()) * math.prod(_EXPANDS.get(name, 1) for name, _ in chain(stream))


def inflate(data: bytes, limit: int) -> bytes | None:
    """Return what Flate data stand for; None where they are damaged or stand for more than `limit` bytes."""
    found = io.BytesIO()
    try:
        for piece in _pieces(data):
            if found.tell() + len(piece) > limit:
                return None
            found.write(piece)
    except (zlib.error, EOFError):
        return None
    return found.getvalue()


def _pieces(data: bytes) -> Iterator[bytes]:
    """Yield what Flate data stand for, piece by piece; raises zlib.error or EOFError where they are damaged."""
    decoder = zlib.decompressobj()
    for at in range(0, len(data), _PIECE):
        rest, full = data[at : at + _PIECE], True
        while (rest or full) and not decoder.eof:  # a full piece may not be all there is
            piece = decoder.decompress(rest, _MOST_OF_PIECE)
            yield piece
            rest, full = decoder.unconsumed_tail, len(piece) == _MOST_OF_PIECE
        if decoder.eof:
            return
    raise EOFError


def deflate(data: bytes) -> bytes:
    """Return data as Flate packs them tightest in a time that is worth it: on documents 4.7 % below zlib's best.

    What an exhaustive search would still save is another 1 %, at 30 times the work. Data that hardly say more than that
    they go on, such as empty rows of pictures, zlib packs up to a third tighter.
    """
    import deflate as libdeflate

    packed = bytes(libdeflate.zlib_compress(data, _TIGHT if len(data) < _LONG else _LONG_TIGHT))
    return packed if _REPETITIVE * len(packed) > len(data) else min(packed, zlib.compress(data, 9), key=len)


def packs_to(data: bytes) -> int:
    """Return about how many bytes data are packed, in a twentieth of the time it takes to pack them."""
    import deflate as libdeflate

    return len(libdeflate.zlib_compress(data, _QUICK))


def exceeds(stream: "pikepdf.Object", limit: int) -> bool:
    """Return whether a stream stands for more bytes than that; a damaged one counts as far as it can be read."""
    if most_bytes(stream) <= limit:
        return False
    filters, data = chain(stream), stream.read_raw_bytes()
    for name, parms in filters[:_MOST_FILTERS]:
        if len(data) > limit or (name in _EXPANDS and _length(data, name, parms, limit) > limit):
            return True
        found = _beginning(data, name, parms, limit)
        if found is None:
            return False
        data = found
    return len(data) > limit or len(filters) > _MOST_FILTERS


def _beginning(data: bytes, name: str, parms: dict[str, Any], limit: int) -> bytes | None:
    """Undo one filter; of damaged Flate data return what can be read, None of others."""
    import pikepdf

    found = io.BytesIO()
    try:
        if name != FLATE:
            return _without(data, name, parms, limit)
        for piece in _pieces(data):
            found.write(piece)
    except (zlib.error, EOFError):
        return found.getvalue()
    except (pikepdf.PdfError, RuntimeError, ValueError, KeyError):
        return None
    return found.getvalue()


def decoded(stream: "pikepdf.Object", limit: int) -> bytes | None:
    """Return a stream's bytes behind all its filters, predictors undone.

    Args:
        stream: Any.
        limit: The most bytes that may come out.

    Returns:
        None where there would be more, a filter is not a plain one, or the stream is damaged.
    """
    filters = chain(stream)
    found = _undone(stream.read_raw_bytes(), filters, limit) if is_plain(filters) else None
    return found if found is not None and len(found) <= limit else None


def unwrapped(raw: bytes, filters: list[tuple[str, dict[str, Any]]], limit: int) -> bytes | None:
    """Undo all filters but the last, where they are plain.

    Returns:
        What the last filter gets; None where it cannot be told.
    """
    return _undone(raw, filters[:-1], limit) if is_plain(filters[:-1]) else None


def _undone(raw: bytes, filters: list[tuple[str, dict[str, Any]]], limit: int) -> bytes | None:
    """Undo filters one by one: none of them gets to give more than is allowed, or than there is already."""
    import pikepdf

    data: bytes | None = raw
    most = max(limit, len(raw))
    for name, parms in filters[:_MOST_FILTERS]:
        try:
            data = _without(data, name, parms, most) if data is not None else None
        except (pikepdf.PdfError, RuntimeError, ValueError):
            return None
    return data if len(filters) <= _MOST_FILTERS else None


def _without(data: bytes, name: str, parms: dict[str, Any], limit: int) -> bytes | None:
    """Undo one filter; None where more than `limit` bytes would come out, or the data are damaged."""
    import pikepdf

    if name == FLATE:
        found = inflate(data, limit)
        if found is None or parms.get("/Predictor", 1) == 1:
            return found
        del found  # which may be much, and is made once more where the predictor is undone
    elif len(data) * _EXPANDS[name] > limit and _length(data, name, parms, limit) > limit:
        return None
    with pikepdf.new() as alone:
        stream = pikepdf.Stream(alone, data, Filter=pikepdf.Name(name))
        if name in _WITH_PARMS:
            stream.DecodeParms = pikepdf.Dictionary({key: one for key, one in parms.items() if isinstance(one, int)})
        return stream.read_bytes(pikepdf.StreamDecodeLevel.specialized)


def _length(data: bytes, name: str, parms: dict[str, Any], limit: int) -> int:
    """Return how many bytes data stand for, counted no further than beyond the limit."""
    if name == FLATE:
        return _flate_length(data, limit)
    if name == "/LZWDecode":
        return _lzw_length(data, 0 if parms.get("/EarlyChange", 1) == 0 else 1, limit)
    if name == "/ASCII85Decode":  # five digits are four bytes, and a z is four of zero
        return 4 * data.count(b"z") + 4 * -(-len(data) // 5)
    return _run_length(data, limit) if name == "/RunLengthDecode" else len(data) * _EXPANDS[name]


def _flate_length(data: bytes, limit: int) -> int:
    total = 0
    try:
        for piece in _pieces(data):
            total += len(piece)
            if total > limit:
                break
    except (zlib.error, EOFError):
        return total
    return total


def _run_length(data: bytes, limit: int) -> int:
    at = total = 0
    while at < len(data) and total <= limit and data[at] != _END_OF_RUNS:
        run = data[at]
        total += run + 1 if run < _END_OF_RUNS else 2 * _END_OF_RUNS + 1 - run
        at += run + 2 if run < _END_OF_RUNS else 2
    return total


def _lzw_length(data: bytes, early: int, limit: int) -> int:
    """Count what LZW codes stand for, by the lengths of the table's strings alone (ISO 32000-1, 7.4.4)."""
    lengths = [1] * _LZW_CLEAR + [0, 0]
    width, held, bits, previous, total = 9, 0, 0, 0, 0
    for byte in data:
        held, bits = (held << 8 | byte) & 0xFFFFFF, bits + 8
        if bits < width:
            continue
        bits -= width
        code = held >> bits & (1 << width) - 1
        if code == _LZW_CLEAR:
            del lengths[_LZW_CLEAR + 2 :]
            width, previous = 9, 0
            continue
        if code == _LZW_CLEAR + 1 or total > limit:
            break
        if previous:
            lengths.append(previous + 1)
        previous = lengths[code] if code < len(lengths) else previous + 1
        total += previous
        width = min(12, max(9, (len(lengths) + early).bit_length()))
    return total
