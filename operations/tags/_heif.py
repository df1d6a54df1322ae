"""The metadata of AVIF and HEIC files: EXIF and XMP are items of their own, taken out with all that names them.

After ISO/IEC 14496-12 and 23008-12. How a picture is turned is a property of it here (irot, imir), which nobody
touches, so that EXIF's orientation means nothing. Coded pictures are copied; where they move, what says where they are
follows.
"""

from msgspec import Struct

from mediamill.operations.tags import _items as items
from mediamill.operations.tags._editor import Editor
from mediamill.operations.tags._items import Box, Item, boxes
from mediamill.protocol.errors import CorruptInput

_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_XMP_TYPE = "application/rdf+xml"
_GAIN_MAPS = (b"hdrgainmap", b"tmap")
_INTO = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


class _Piece(Struct):
    """A part of the file and what stands there in the new one; where that is None, the part itself."""

    start: int
    end: int
    new: bytes | None = None


class _Changes(Struct):
    """What becomes of the items.

    Attributes:
        gone: Those that go.
        patches: New bytes, by where they stand.
        sizes: The new sizes of those that become shorter.
        tails: What that leaves over.
    """

    gone: set[int] = set()
    patches: dict[int, bytes] = {}
    sizes: dict[int, int] = {}
    tails: list[tuple[int, int]] = []


def walk(data: bytes, editor: Editor) -> bytes:
    """Show a file's metadata to an editor and return the file with its answers.

    Raises:
        CorruptInput: There is no picture in it, or the editor wants it whole.
    """
    top = list(boxes(data, 0, len(data)))
    meta = next((box for box in top if box.kind == b"meta"), None)
    index = items.read(data, meta) if meta is not None else None
    if index is None or index.size is None:
        raise CorruptInput("The file has no index of pictures.", field="input")
    editor.header(*index.size, obeys_exif=False)
    if index.has_profile:
        editor.profile()
    if top[-1].end != len(data) or not index.whole:
        editor.damaged("the file is shorter than it says")
    gain_map = any(mark in data[index.box.start : index.box.end] for mark in _GAIN_MAPS)
    if sum(end - start for item in _said(index) for start, end in item.spans) > 2 * len(data):
        raise CorruptInput("The file says the same bytes are metadata many times.", field="input")
    changes = _Changes()
    for item in _said(index):
        _change(data, index, item, editor, changes, gain_map)
    changes.gone |= {number for number in index.thumbnails if not editor.other("Thumbnail", b"", "thumbnail")}
    changes.gone = index.with_dependents(changes.gone)
    pieces = _pieces(data, top, index, changes, editor)
    same = all(piece.new is None or piece.start == index.box.start for piece in pieces)
    if same and not changes.gone and all(data.startswith(new, at) for at, new in changes.patches.items()):
        return data  # the index, written anew, would say the same in other words
    return _assembled(data, pieces, index, changes)


def _said(index: items.Index) -> list[Item]:
    """Return the items that are metadata."""
    return [item for item in index.items if item.kind in ("Exif", "mime", "uri ")]


def _change(data: bytes, index: items.Index, item: Item, editor: Editor, changes: _Changes, gain_map: bool) -> None:
    """Note what becomes of an item."""
    body = b"".join(data[start:end] for start, end in item.spans)
    filler = b"\0"
    if item.kind == "Exif":
        head = 4 + int.from_bytes(body[:4], "big")
        left = editor.exif(body[head:])
        new = None if left is None else body[:head] + left
    elif item.content_type == _XMP_TYPE and not item.encoded:
        new, filler = editor.xmp(body, gain_map=gain_map), b" "
    else:
        new = body if editor.other(f"Item:{item.content_type or item.kind.strip()}", body) else None
    if new is None:
        changes.gone.add(item.number)
        return
    alone = len(item.spans) == 1 and not index.inside(item.spans[0][0])
    if alone and len(new) < len(body):
        start, end = item.spans[0]
        changes.sizes[item.number] = len(new)
        changes.tails.append((start + len(new), end))
    new, at = new if alone else new.ljust(len(body), filler), 0
    for start, end in item.spans:
        changes.patches[start] = new[at : at + end - start]
        at += end - start


def _pieces(data: bytes, top: list[Box], index: items.Index, changes: _Changes, editor: Editor) -> list[_Piece]:
    """Cut the file into what stays, what goes and what is written anew."""
    cuts = _cuts(index, changes)
    pieces: list[_Piece] = []
    for box in top:
        if box.kind == b"mdat":
            inside = [cut for cut in cuts if box.body <= cut[0] and cut[1] <= box.end]
            lost = sum(end - start for start, end in inside)
            pieces.append(_Piece(box.start, box.body, _head(data, box, lost)))
            at = box.body
            for start, end in inside:
                pieces += [_Piece(at, start), _Piece(start, end, b"")]
                at = end
            pieces.append(_Piece(at, box.end))
        elif box.kind == b"meta" and box.start == index.box.start:
            pieces.append(
                _Piece(box.start, box.end, items.written(data, index, changes.gone, changes.sizes, lambda at: at))
            )
        elif box.kind == b"uuid" and data[box.body : box.body + 16] == _XMP_UUID:
            left = editor.xmp(data[box.body + 16 : box.end])
            new = b"" if left is None else items.made(b"uuid", _XMP_UUID + left)
            pieces.append(_Piece(box.start, box.end, new))
        elif box.kind in (b"uuid", b"udta"):
            keep = editor.other("UUID" if box.kind == b"uuid" else "UserData", data[box.body : box.end])
            pieces.append(_Piece(box.start, box.end, None if keep else b""))
        elif box.kind == b"moov":
            pieces.append(_Piece(box.start, box.end, _movie(data, box, editor)))
        else:
            pieces.append(_Piece(box.start, box.end))
    pieces.append(_Piece(top[-1].end, len(data)))
    return pieces


def _cuts(index: items.Index, changes: _Changes) -> list[tuple[int, int]]:
    """Return the spans of what goes, in order, as far as nothing that stays lies there."""
    kept: list[tuple[int, int]] = []
    going = list(changes.tails)
    for item in index.items:
        if item.number in changes.gone:
            going += item.spans
        else:
            kept += [(start, start + changes.sizes.get(item.number, end - start)) for start, end in item.spans]
    events = [(start, end, True) for start, end in kept] + [(start, end, False) for start, end in going]
    found: list[tuple[int, int]] = []
    reached, waiting = 0, None
    for start, end, stays in sorted(events, key=lambda one: (one[0], not one[2])):
        if waiting is not None and start >= waiting[1]:
            found.append(waiting)
            waiting = None
        elif waiting is not None and stays:
            waiting = None  # something that stays lies there, too
        if stays:
            reached = max(reached, end)
        elif waiting is None and start >= reached and end > start and not index.inside(start):
            waiting = (start, end)
    return found if waiting is None else [*found, waiting]


def _head(data: bytes, box: Box, lost: int) -> bytes | None:
    """Return the head of a box that has lost some bytes."""
    if not lost or data[box.start : box.start + 4] == bytes(4):  # it goes on to the file's end
        return None
    size = box.end - box.start - lost
    if box.body - box.start == 16:
        return data[box.start : box.start + 8] + size.to_bytes(8, "big")
    return size.to_bytes(4, "big") + data[box.start + 4 : box.body]


def _movie(data: bytes, box: Box, editor: Editor) -> bytes | None:
    """Return the movie of an image sequence with its user data blanked where that goes; None where all stays."""
    out = bytearray(data[box.start : box.end])
    waiting = [box]
    while waiting:
        inner = list(boxes(data, waiting[0].body, waiting.pop(0).end))
        for one in inner:
            if one.kind in _INTO:
                waiting.append(one)
            elif one.kind in (b"udta", b"meta", b"uuid") and not editor.other("UserData", data[one.body : one.end]):
                at = one.start - box.start
                out[at + 4 : one.end - box.start] = b"free" + bytes(one.end - one.start - 8)
    return bytes(out) if out != data[box.start : box.end] else None


def _assembled(data: bytes, pieces: list[_Piece], index: items.Index, changes: _Changes) -> bytes:
    """Join the pieces, with every place in the file said anew."""
    moves: list[tuple[int, int, int]] = []
    at = 0
    for piece in pieces:
        moves.append((piece.start, piece.end, at - piece.start))
        at += piece.end - piece.start if piece.new is None else len(piece.new)

    def moved(place: int) -> int:
        shift = next((by for start, end, by in moves if start <= place < end), None)
        return place if shift is None else place + shift

    patched = bytearray(data)
    for place, new in changes.patches.items():
        patched[place : place + len(new)] = new
    whole = bytes(patched)
    out = []
    for piece in pieces:
        part = whole[piece.start : piece.end] if piece.new is None else piece.new
        if piece.start == index.box.start and piece.end == index.box.end:
            part = items.written(whole, index, changes.gone, changes.sizes, moved)
        elif data[piece.start + 4 : piece.start + 8] == b"moov" and piece.end > piece.start:
            part = _rechunked(part, moved)
        out.append(part)
    return b"".join(out)


def _rechunked(movie: bytes, moved: "items.Moved") -> bytes:
    """Return a movie with its chunks' places said anew."""
    out = bytearray(movie)
    waiting = [Box(b"moov", 0, 8, len(movie))]
    while waiting:
        box = waiting.pop()
        for one in boxes(movie, box.body, box.end):
            if one.kind in _INTO:
                waiting.append(one)
            width = {b"stco": 4, b"co64": 8}.get(one.kind)
            if width is None:
                continue
            count = int.from_bytes(movie[one.body + 4 : one.body + 8], "big")
            for at in range(one.body + 8, min(one.end, one.body + 8 + count * width) - width + 1, width):
                out[at : at + width] = moved(int.from_bytes(movie[at : at + width], "big")).to_bytes(width, "big")
    return bytes(out)
