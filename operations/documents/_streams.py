"""Streams packed again, each by the best Flate, and what no reader needs left out."""

import hashlib
import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _filters

if TYPE_CHECKING:
    import pikepdf

MAX_STREAM_BYTES = 128 << 20
"""Decoded bytes up to which a stream is packed again; longer ones stay as they are."""

_BLANKS = re.compile(rb">(?:[ \t\r]*\n\s*|\s{64,})<")
"""Line ends and indents between elements, and what is left free to be overwritten in place: wherever that is."""

_OF_THE_FILE = ("/ObjStm", "/XRef")
"""Streams that objects and the table of them were read from: others are written."""

_REMEMBERED = 64 << 20
"""Bytes of packed streams that are kept for another attempt."""


class Packed:
    """Remembers what streams were packed to, so that a document that is worked on again is not packed again."""

    def __init__(self) -> None:
        self._found: dict[bytes, tuple[bytes, bool] | None] = {}
        self._left = _REMEMBERED

    def knows(self, digest: bytes) -> bool:
        """Return whether a stream was looked at before."""
        return digest in self._found

    def find(self, digest: bytes) -> tuple[bytes, bool] | None:
        """Return a stream packed best, and whether its parameters stay; None where it is so as it was."""
        return self._found[digest]

    def keep(self, digest: bytes, found: tuple[bytes, bool] | None) -> None:
        """Remember how a stream is packed best, as long as that is not too much."""
        size = 0 if found is None else len(found[0])
        if size <= self._left:
            self._left -= size
            self._found[digest] = found


def repack(
    pdf: "pikepdf.Pdf",
    gone: set[tuple[int, int]],
    check: Callable[[], None],
    done: Collection[tuple[int, int]] = (),
    packed: Packed | None = None,
) -> None:
    """Give every stream of general filters the best Flate there is for it: what it is, or its data deflated anew.

    Args:
        pdf: The document, changed in place.
        gone: Objects nothing refers to any more.
        check: Called between streams; raises where the job is to stop.
        done: Streams that have been given it already.
        packed: Remembers what was packed before.
    """
    import pikepdf

    metadata = pdf.Root.get("/Metadata")
    packed = packed or Packed()
    for stream in pdf.objects:
        check()
        if not isinstance(stream, pikepdf.Stream) or stream.objgen in gone or "/F" in stream:
            continue
        if stream.get("/Type") in _OF_THE_FILE:
            continue
        if isinstance(metadata, pikepdf.Stream) and stream.objgen == metadata.objgen:
            _cut_padding(stream)
            continue
        filters = _filters.chain(stream) if stream.objgen not in done else None
        if filters is not None and _filters.is_plain(filters):
            _repack(stream, filters, packed)


def _repack(stream: "pikepdf.Stream", filters: list[tuple[str, dict[str, Any]]], packed: Packed) -> None:
    import pikepdf

    raw = stream.read_raw_bytes()
    digest = hashlib.sha256(repr(filters).encode() + raw).digest()
    if packed.knows(digest):
        found = packed.find(digest)
    else:
        found = _best(stream, raw, filters)
        packed.keep(digest, found)
    if found is not None:
        parms: Any = stream.get("/DecodeParms") if found[1] else None
        stream.write(found[0], filter=pikepdf.Name.FlateDecode, decode_parms=parms)


def _best(stream: "pikepdf.Stream", raw: bytes, filters: list[tuple[str, dict[str, Any]]]) -> tuple[bytes, bool] | None:
    """Return a stream's data packed best, and whether its parameters stay; None where it is best as it is."""
    ways: list[tuple[bytes, int]] = []
    written = written_bytes(stream.get("/DecodeParms"))
    predicted = len(filters) == 1 and filters[0][1].get("/Predictor", 1) != 1
    if predicted and (inner := _filters.inflate(raw, MAX_STREAM_BYTES)) is not None:
        ways.append((inner, written))
    data = _filters.decoded(stream, MAX_STREAM_BYTES) if filters else raw
    if data is not None:
        ways.append((data, 0))
    if not ways:
        return None
    best, parms = min(ways, key=lambda one: _filters.packs_to(one[0]) + one[1]) if ways[1:] else ways[0]
    made = _filters.deflate(best)
    now = len(raw) + written_bytes(stream.get("/Filter")) + written
    return (made, parms > 0) if len(made) + len(_filters.FLATE) + parms < now else None


def written_bytes(value: Any) -> int:
    """Return how long an object is where it is written, 0 for none."""
    import pikepdf

    return len(value.unparse()) + 1 if isinstance(value, pikepdf.Object) else 0


def _cut_padding(metadata: "pikepdf.Stream") -> None:
    """Take the blanks out of an XMP packet that say nothing, down to a line end where there was one."""
    if not _filters.chain(metadata):
        packet = metadata.read_raw_bytes()
        shorter = _BLANKS.sub(b">\n<", packet)
        if len(shorter) < len(packet):
            metadata.write(shorter)


def drop_private(pdf: "pikepdf.Pdf") -> None:
    """Take out page thumbnails, which readers make themselves, and the private data of the programs that made it.

    Args:
        pdf: The document, changed in place.
    """
    import pikepdf

    forms = (thing for thing in pdf.objects if isinstance(thing, pikepdf.Stream) and thing.get("/Subtype") == "/Form")
    for holder in [pdf.Root, *(page.obj for page in pdf.pages), *forms]:
        for key in ("/Thumb", "/PieceInfo"):
            if key in holder:
                del holder[key]
