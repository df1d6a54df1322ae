"""What a stream's filters say, and its bytes without them, never more of them than allowed.

A few kilobytes of Flate can stand for gigabytes, and filters can be stacked: so nothing is decoded by a library that
does not know where to stop before it is known how far that can go.
"""

import base64
import binascii
import zlib
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


def chain(stream: "pikepdf.Object") -> list[tuple[str, dict[str, Any]]]:
    """Return a stream's filters by their long names, in the order of decoding, each with its parameters."""
    filters, parms = stream.get("/Filter"), stream.get("/DecodeParms", stream.get("/DP"))
    names = _listed(filters)
    found = _listed(parms)
    return [
        (_SHORT.get(str(name), str(name)), _plain(found[index] if index < len(found) else None))
        for index, name in enumerate(names)
    ]


def _listed(value: Any) -> list[Any]:
    import pikepdf

    if value is None:
        return []
    return list(value) if isinstance(value, pikepdf.Array) else [value]


def _plain(parms: Any) -> dict[str, Any]:
    import pikepdf

    return dict(parms.items()) if isinstance(parms, pikepdf.Dictionary) else {}


def is_plain(filters: list[tuple[str, dict[str, Any]]]) -> bool:
    """Return whether all filters are general ones, which give back the very bytes that went in."""
    return all(name in _EXPANDS for name, _ in filters)


def inflate(data: bytes, limit: int) -> bytes | None:
    """Return what Flate data stand for; None where they are damaged or stand for more than `limit` bytes."""
    decoder = zlib.decompressobj()
    try:
        found = decoder.decompress(data, limit + 1)
    except zlib.error:
        return None
    return found if len(found) <= limit and decoder.eof else None


def decoded(stream: "pikepdf.Object", limit: int) -> bytes | None:
    """Return a stream's bytes behind all its filters, predictors undone.

    Args:
        stream: One whose filters are all plain.
        limit: The most bytes that may come out.

    Returns:
        None where there would be more, or the stream is damaged.
    """
    import pikepdf

    filters = chain(stream)
    raw = stream.read_raw_bytes()
    reach = len(raw)
    for name, _ in filters:
        reach *= _EXPANDS[name]
    single_flate = len(filters) == 1 and filters[0][0] == FLATE
    if single_flate:
        found = inflate(raw, limit)
        if found is None or filters[0][1].get("/Predictor", 1) == 1:
            return found
    elif reach > (limit if sum(_EXPANDS[name] > 4 for name, _ in filters) > 1 else 8 * limit):
        return None
    try:
        found = stream.read_bytes(pikepdf.StreamDecodeLevel.specialized)
    except (pikepdf.PdfError, RuntimeError, ValueError):
        return None
    return found if len(found) <= limit else None


def unwrapped(raw: bytes, filters: list[tuple[str, dict[str, Any]]], limit: int) -> bytes | None:
    """Undo all filters but the last, where they are ASCII or Flate without a predictor.

    Returns:
        What the last filter gets; None where it cannot be told.
    """
    for name, parms in filters[:-1]:
        if name == FLATE and parms.get("/Predictor", 1) == 1:
            inflated = inflate(raw, limit)
            if inflated is None:
                return None
            raw = inflated
        elif name == "/ASCII85Decode":
            body = b"".join(raw.split()).partition(b"~>")[0].removeprefix(b"<~")
            try:
                raw = base64.a85decode(body)
            except ValueError:
                return None
        elif name == "/ASCIIHexDecode":
            digits = b"".join(raw.split()).partition(b">")[0]
            try:
                raw = binascii.unhexlify(digits + b"0" * (len(digits) % 2))
            except ValueError:
                return None
        else:
            return None
    return raw
