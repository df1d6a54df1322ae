"""The metadata of JPEG files, segment by segment; coded pictures are copied as they are.

After ITU T.81, JFIF 1.02, EXIF 3.0, the XMP specification part 3, CIPA DC-007 (pictures behind the first one) and
Adobe's extended XMP.
"""

import hashlib
import re

from msgspec import Struct

from mediamill.operations.tags import _mpf as mpf
from mediamill.operations.tags import _xmp as xmp
from mediamill.operations.tags._editor import Editor
from mediamill.operations.tags._iptc import PHOTOSHOP
from mediamill.protocol.errors import CorruptInput

MAX_SEGMENTS = 100_000
EXIF, XMP, EXTENDED = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_ICC, _GAIN_MAP = b"ICC_PROFILE\0", b"urn:iso:std:iso:ts:21496:-1\0"
_SOI, _EOI, _SOS, _COM, _APP0 = 0xD8, 0xD9, 0xDA, 0xFE, 0xE0
_FRAMES = frozenset((*range(0xC0, 0xD0),)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_ROOM = 65_533
_MARKS = (b"hdrgm:", b"http://ns.adobe.com/hdr-gain-map", _GAIN_MAP, b"HDRGainMap")


class Segment(Struct):
    """A marker segment, or the like of one.

    Attributes:
        marker: Its second byte.
        body: What follows the length.
        coded: Behind the header of a scan, its coded data.
    """

    marker: int
    body: bytes
    coded: bytes = b""

    def written(self) -> bytes:
        """Return its bytes."""
        if self.marker in _ALONE or self.marker in (_SOI, _EOI):
            return bytes((0xFF, self.marker))
        return bytes((0xFF, self.marker)) + (len(self.body) + 2).to_bytes(2, "big") + self.body + self.coded


class Jpeg(Struct, frozen=True):
    """A picture taken apart.

    Attributes:
        segments: From its start marker to its end marker.
        end: Where it ends.
        whole: Whether the end marker is there.
    """

    segments: list[Segment]
    end: int
    whole: bool


def parse(data: bytes, at: int = 0) -> Jpeg:
    """Take a picture apart.

    Raises:
        CorruptInput: It is cut into absurdly many segments, or its first one is no segment.
    """
    segments = [Segment(_SOI, b"")]
    at += 2
    while at + 2 <= len(data) and len(segments) < MAX_SEGMENTS:
        if data[at] != 0xFF:
            # Some writers leave bytes between segments; decoders look for the next marker, and so does this.
            at = data.find(b"\xff", at)
            if at < 0:
                break
            continue
        marker = data[at + 1]
        if marker in (0xFF, 0):
            at += 1
            continue
        at += 2
        if marker == _EOI:
            segments.append(Segment(_EOI, b""))
            return Jpeg(segments, at, True)
        if marker in _ALONE or marker == _SOI:
            continue
        size = int.from_bytes(data[at : at + 2], "big")
        if size < 2 or at + size > len(data):
            break
        body, at = data[at + 2 : at + size], at + size
        coded = b""
        if marker == _SOS:
            found = _AFTER_SCAN.search(data, at)
            end = found.start() if found else len(data)
            coded, at = data[at:end], end
        segments.append(Segment(marker, body, coded))
    if len(segments) >= MAX_SEGMENTS:
        raise CorruptInput(f"The JPEG is cut into more than {MAX_SEGMENTS} segments.", field="input")
    return Jpeg(segments, len(data), False)


def walk(data: bytes, editor: Editor) -> bytes:
    """Show a file's metadata to an editor and return the file with its answers.

    Raises:
        CorruptInput: There is no picture in it, or the editor wants it whole.
    """
    picture = parse(data)
    frame = next((one for one in picture.segments if one.marker in _FRAMES), None)
    if frame is None or len(frame.body) < 6:
        raise CorruptInput("The JPEG ends before its picture begins.", field="input")
    editor.header(int.from_bytes(frame.body[3:5], "big"), int.from_bytes(frame.body[1:3], "big"), obeys_exif=True)
    if not picture.whole:
        editor.damaged("the JPEG has no end marker")
    index = mpf.find(picture.segments, data)
    behind = data[picture.end :]
    has_gain_map = not editor.turned and any(mark in behind for mark in _MARKS)
    segments = _edited(picture.segments, editor, has_gain_map)
    editor.further()
    extra = mpf.pictures(index, data, picture.end)
    kept = []
    for one in extra:
        body = _behind(data[one.start : one.end], one, editor, has_gain_map)
        if body is not None:
            kept.append((one, body))
    rest = _trailer(data, picture.end, extra, editor)
    for one, body in kept:
        _say_length(segments, one.end - one.start, len(body))
    return _joined(segments, index, kept, rest)


def _behind(data: bytes, one: mpf.Place, editor: Editor, has_gain_map: bool) -> bytes | None:
    """Return what is left of a picture behind the first one."""
    is_map = has_gain_map and any(mark in data for mark in _MARKS)
    if not is_map and not editor.other("MPImage", b"", "thumbnail" if one.thumbnail or editor.turned else ""):
        return None
    try:
        inner = parse(data)
    except CorruptInput:
        return data if editor.other("MPImage", data) else None
    return b"".join(one.written() for one in _edited(inner.segments, editor, is_map)) + (
        data[inner.end :] if editor.other("Trailer", data[inner.end :]) else b""
    )


def _trailer(data: bytes, end: int, extra: list[mpf.Place], editor: Editor) -> bytes:
    """Return what is left of the bytes behind all pictures."""
    last = max([end, *(one.end for one in extra)])
    rest = data[last:]
    if not rest.strip(b"\0"):
        return b""
    return rest if editor.other("Trailer", rest) else b""


def _say_length(segments: list[Segment], old: int, new: int) -> None:
    """Let the directory in XMP say the new length of a picture behind the first one."""
    pattern = re.compile(rb"(Length(?:\s*=\s*[\"']|>))%d(?!\d)" % old)
    for one in segments:
        if old != new and one.marker == 0xE1 and one.body.startswith(XMP):
            one.body = pattern.sub(rb"\g<1>%d" % new, one.body)


def _joined(
    segments: list[Segment], index: mpf.Index | None, kept: list[tuple[mpf.Place, bytes]], rest: bytes
) -> bytes:
    if index is not None:
        place = next((at for at, one in enumerate(segments) if one is index.segment), None)
        if place is not None and not kept:
            del segments[place]
        elif place is not None:
            before = sum(len(one.written()) for one in segments[:place])
            whole = sum(len(one.written()) for one in segments)
            segments[place] = Segment(0xE2, mpf.written(index, kept, before + 8, whole))
    return b"".join(one.written() for one in segments) + b"".join(body for _, body in kept) + rest


def _edited(segments: list[Segment], editor: Editor, gain_map: bool) -> list[Segment]:
    """Return a picture's segments with an editor's answers in the place of its metadata."""
    out: list[Segment] = []
    extended = _extended(segments)
    at = 0
    while at < len(segments):
        one = segments[at]
        run = _run(segments, at)
        at += len(run)
        if one.marker == 0xE1 and one.body.startswith(EXIF):
            block = b"".join(part.body[6:] for part in run)
            out += _split(0xE1, one.body[:6], editor.exif(block))
        elif one.marker == 0xE1 and one.body.startswith(XMP):
            out += _xmp(one.body[len(XMP) :], extended, editor, gain_map)
        elif one.marker == 0xE1 and one.body.startswith(EXTENDED):
            continue
        elif one.marker == 0xED and one.body.startswith(PHOTOSHOP):
            blocks = b"".join(part.body[len(PHOTOSHOP) :] for part in run)
            out += _split(0xED, PHOTOSHOP, editor.photoshop(blocks))
        else:
            kept = _plain(one, editor)
            if kept is not None:
                out.append(kept)
    return out


def _run(segments: list[Segment], at: int) -> list[Segment]:
    """Return a segment with those after it that go on with its data, because one was too short for it."""
    one, end = segments[at], at + 1
    if one.marker == 0xE1 and one.body.startswith(EXIF):
        while end < len(segments) and segments[end].marker == 0xE1 and segments[end].body.startswith(EXIF):
            if segments[end].body[6:8] in (b"II", b"MM"):
                break
            end += 1
    elif one.marker == 0xED and one.body.startswith(PHOTOSHOP):
        while end < len(segments) and segments[end].marker == 0xED and segments[end].body.startswith(PHOTOSHOP):
            end += 1
    return segments[at:end]


def _split(marker: int, head: bytes, data: bytes | None) -> list[Segment]:
    room = _ROOM - len(head)
    return [Segment(marker, head + data[at : at + room]) for at in range(0, len(data or b""), room)] if data else []


def _plain(one: Segment, editor: Editor) -> Segment | None:
    """Return a segment of one piece, as it stays; None where it goes."""
    body, kept = one.body, one
    if one.marker == _COM:
        return kept if editor.text("Comment", body) else None
    if not _APP0 <= one.marker <= 0xEF or (one.marker == 0xEE and body.startswith(b"Adobe")):
        return kept
    if one.marker == _APP0 and body.startswith(b"JFIF\0"):
        if len(body) > 14 and not editor.other("JFIFThumbnail", b"", "thumbnail"):
            return Segment(_APP0, body[:12] + b"\0\0")
        return kept
    if one.marker == 0xE2 and body.startswith(_ICC):
        editor.profile()
        return kept
    if one.marker == 0xE2 and body.startswith((mpf.MARK, _GAIN_MAP)):
        return kept
    if body[:5] in (b"SPIFF", b"_JPSJ"):
        return kept  # a header of its own, and how a stereo pair is laid out
    if one.marker == 0xEB and not (body.startswith(b"JP") and b"jumb" in body[:64]):
        return kept  # JPEG XT and JPEG-HDR keep there what their pictures are made of
    name, group = _NAMES.get((one.marker, body[:4]), (f"APP{one.marker - _APP0}", ""))
    return kept if editor.other(name, body, group) else None


_NAMES = {
    (_APP0, b"JFXX"): ("JFXXThumbnail", "thumbnail"),
    (0xE2, b"FPXR"): ("FlashPix", ""),
    (0xE1, b"FLIR"): ("FLIR", "gps"),
    (0xEB, b"JP\0\x01"): ("JUMBF", ""),
}


def _extended(segments: list[Segment]) -> dict[bytes, bytes]:
    """Return the extended XMP of a picture by its digest; pieces that are missing are left out."""
    pieces: dict[bytes, list[tuple[int, bytes]]] = {}
    for one in segments:
        if one.marker == 0xE1 and one.body.startswith(EXTENDED):
            head, body = one.body[len(EXTENDED) : len(EXTENDED) + 40], one.body[len(EXTENDED) + 40 :]
            pieces.setdefault(head[:32], []).append((int.from_bytes(head[36:40], "big"), body))
    return {digest: b"".join(body for _, body in sorted(found)) for digest, found in pieces.items()}


def _xmp(packet: bytes, extended: dict[bytes, bytes], editor: Editor, gain_map: bool) -> list[Segment]:
    """Return the segments of a packet and of what extends it."""
    longer: list[Segment] = []
    changed: dict[bytes, bytes] = {}
    for digest, body in extended.items():
        left = editor.xmp(body)
        new = digest if left == body else hashlib.md5(left or b"", usedforsecurity=False).hexdigest().upper().encode()
        changed[digest] = new if left else b""
        for at in range(0, len(left or b""), 65_000):
            assert left is not None
            head = new + len(left).to_bytes(4, "big") + at.to_bytes(4, "big")
            longer.append(Segment(0xE1, EXTENDED + head + left[at : at + 65_000]))
    extended.clear()
    main = editor.xmp(packet, gain_map=gain_map)
    if main is None:
        return []
    for digest, new in changed.items():
        if new:
            main = main.replace(digest, new)
        else:
            main = xmp.without(xmp.trimmed(main), lambda one: one.name == "HasExtendedXMP")[0]
    return [Segment(0xE1, XMP + main), *longer]


def grafted(metadata: bytes, pixels: bytes) -> bytes:
    """Return a JPEG with one file's metadata and the other's picture."""
    old, new = parse(metadata).segments, parse(pixels).segments
    said = [one for one in old if _is_said(one)]
    taken = {one.marker for one in said}
    coded = [one for one in new if not _is_said(one) and (one.marker != _APP0 or _APP0 not in taken)]
    return b"".join(one.written() for one in [coded[0], *said, *coded[1:]])


def _is_said(one: Segment) -> bool:
    """Return whether a segment is metadata; Adobe's goes with the coded picture."""
    return (_APP0 <= one.marker <= 0xEF or one.marker == _COM) and one.marker != 0xEE
