"""Streams packed again, each by the best Flate, and what no reader needs left out."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _filters

if TYPE_CHECKING:
    import pikepdf

MAX_STREAM_BYTES = 256 << 20
"""Decoded bytes up to which a stream is packed again; longer ones stay as they are."""

_PADDING = re.compile(rb"\s{64,}(?=<\?xpacket end)")


def repack(pdf: "pikepdf.Pdf", gone: set[tuple[int, int]], check: Callable[[], None]) -> None:
    """Give every stream of general filters the best Flate there is for it: what it is, or its data deflated anew.

    Args:
        pdf: The document, changed in place.
        gone: Objects nothing refers to any more.
        check: Called between streams; raises where the job is to stop.
    """
    import pikepdf

    metadata = pdf.Root.get("/Metadata")
    for stream in pdf.objects:
        check()
        if not isinstance(stream, pikepdf.Stream) or stream.objgen in gone or "/F" in stream:
            continue
        if isinstance(metadata, pikepdf.Stream) and stream.objgen == metadata.objgen:
            _cut_padding(stream)
            continue
        filters = _filters.chain(stream)
        if _filters.is_plain(filters):
            _repack(stream, filters)


def _repack(stream: "pikepdf.Stream", filters: list[tuple[str, dict[str, Any]]]) -> None:
    import pikepdf

    raw = stream.read_raw_bytes()
    candidates: list[tuple[bytes, Any]] = []
    predicted = len(filters) == 1 and filters[0][1].get("/Predictor", 1) != 1
    if predicted and (inner := _filters.inflate(raw, MAX_STREAM_BYTES)) is not None:
        candidates.append((_filters.deflate(inner), stream.get("/DecodeParms")))
    data = _filters.decoded(stream, MAX_STREAM_BYTES) if filters else raw
    if data is not None:
        candidates.append((_filters.deflate(data), None))
    if not candidates:
        return
    best, parms = min(candidates, key=lambda one: len(one[0]) + written_bytes(one[1]))
    now = len(raw) + written_bytes(stream.get("/Filter")) + written_bytes(stream.get("/DecodeParms"))
    if len(best) + len(_filters.FLATE) + written_bytes(parms) < now:
        stream.write(best, filter=pikepdf.Name.FlateDecode, decode_parms=parms)


def written_bytes(value: Any) -> int:
    """Return how long an object is where it is written, 0 for none."""
    import pikepdf

    return len(value.unparse()) + 1 if isinstance(value, pikepdf.Object) else 0


def _cut_padding(metadata: "pikepdf.Stream") -> None:
    """Take the blanks out of an XMP packet that are there to be overwritten in place."""
    if not _filters.chain(metadata):
        packet = metadata.read_raw_bytes()
        shorter = _PADDING.sub(b"\n", packet)
        if len(shorter) < len(packet):
            metadata.write(shorter)


def drop_private(pdf: "pikepdf.Pdf", gone: set[tuple[int, int]]) -> None:
    """Take out page thumbnails, which readers make themselves, and the private data of the programs that made it.

    Args:
        pdf: The document, changed in place.
        gone: Thumbnails that are objects of their own are added.
    """
    import pikepdf

    forms = (thing for thing in pdf.objects if isinstance(thing, pikepdf.Stream) and thing.get("/Subtype") == "/Form")
    for holder in [pdf.Root, *(page.obj for page in pdf.pages), *forms]:
        for key in ("/Thumb", "/PieceInfo"):
            if key in holder:
                if key == "/Thumb" and holder[key].is_indirect:
                    gone.add(holder[key].objgen)
                del holder[key]
