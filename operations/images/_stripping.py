"""What a file carries besides its picture, taken out or kept without touching how the pixels are coded.

After ITU-T T.81 (JPEG), ICC.1 annex B.4 (profiles in JPEG), the PNG specification, third edition, the WebP container
specification and GIF89a. What changes how a picture looks is not metadata: a profile that is not sRGB stays under every
policy, and so does an orientation.
"""

import re
import zlib
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from mediamill.operations.images import _embedded
from mediamill.operations.images._colour import read_profile
from mediamill.operations.images._params import Metadata
from mediamill.operations.images._source import Facts
from mediamill.operations.images._vips import has, vips

_SOI, _SOS, _EOI = 0xD8, 0xDA, 0xD9
_APP0, _APP1, _APP2, _APP14, _COM = 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))
EXIF_HEAD = b"Exif\0\0"
"""What an EXIF block begins with in a JPEG, and in `Kept`."""

_ICC, _ADOBE = b"ICC_PROFILE\0", b"Adobe"
_GAIN_MAP = (b"hdrgm:Version", b"hdr-gain-map", b"urn:iso:std:iso:ts:21496:-1\0")
_OWNER = {"exif-ifd0-Artist": 0x013B, "exif-ifd0-Copyright": 0x8298}

_TYPE = re.compile(r", [A-Za-z]+, \d+ components, \d+ bytes\)$")

_PNG_HEAD, _PNG_HEADER = 8, 25
_PNG_LOOKS = (b"cICP", b"sRGB", b"gAMA", b"cHRM", b"mDCV", b"cLLI", b"sBIT", b"acTL", b"fcTL", b"fdAT")
"""Chunks that say how a PNG looks; the profile and the density are decided on by themselves."""


class Kept(Struct, frozen=True):
    """What stays of a file's metadata.

    Attributes:
        everything: Whether nothing is taken out.
        icc: Whether the profile stays.
        density: Whether pixels per inch stay.
        exif: An EXIF block of the tags that stay, its mark and TIFF; empty where none does.
    """

    everything: bool
    icc: bool
    density: bool
    exif: bytes = b""


def kept_metadata(data: bytes, facts: Facts, policy: Metadata, *, upright: bool = False) -> Kept:
    """Return what of a file stays under a policy.

    Args:
        data: The file.
        facts: What its header says.
        policy: The job's.
        upright: Whether its pixels are turned and coded anew, in sRGB where the policy wants that; else they stay.
    """
    if policy == "all":
        return Kept(everything=True, icc=True, density=True)
    profile = read_profile(facts.icc, facts.interpretation)
    tags: dict[int, Any] = {0x0112: facts.orientation} if facts.orientation != 1 and not upright else {}
    owner = _owner(data, facts.format) if policy == "copyright" and facts.has_exif else {}
    return Kept(
        everything=False,
        icc=profile is not None and not profile.is_srgb and not (upright and policy == "none"),
        density=policy != "none",
        exif=_exif(tags | owner),
    )


def jpeg_stripped(data: bytes, kept: Kept) -> bytes | None:
    """Return a JPEG with only what is kept, its coded picture as it is; None where its segments make no sense.

    What follows the end of the picture goes too.
    """
    if kept.everything:
        return data
    parts, first = [b"\xff\xd8"], True
    for marker, segment in _jpeg_segments(data):
        body = segment[4:]
        if first and marker != _APP0:
            parts.append(_exif_segment(kept))
            first = False
        if marker == _COM or (0xE0 <= marker <= 0xEF and not _stays(marker, body, kept)):
            continue
        parts.append(segment)
        if marker == _EOI:
            return b"".join(parts)
    return None


def jpeg_dressed(data: bytes, original: bytes, kept: Kept) -> bytes:
    """Return a JPEG without metadata with what is kept of the original's put in."""
    parts, end = [b"\xff\xd8"], 2
    for marker, segment in _jpeg_segments(data):
        if marker != _APP0:
            break
        parts.append(segment)
        end += len(segment)
    profile = [] if not kept.icc else [
        segment for marker, segment in _jpeg_segments(original) if marker == _APP2 and segment[4:].startswith(_ICC)
    ]  # fmt: skip
    return b"".join([*parts, _exif_segment(kept), *profile, data[end:]])


def jpeg_extras(data: bytes) -> str | None:
    """Name what a JPEG has that only some readers know: `gain map`, or `data behind the picture`; None for neither."""
    end = 2
    for marker, segment in _jpeg_segments(data):
        end += len(segment)
        if marker in (_APP1, _APP2) and any(mark in segment for mark in _GAIN_MAP):
            return "gain map"
    return "data behind the picture" if data[end:].strip(b"\0\r\n ") else None


def png_keeps(kept: Kept) -> list[bytes]:
    """Return the names of the ancillary chunks that stay in a PNG."""
    return [*_PNG_LOOKS, *([b"iCCP"] if kept.icc else []), *([b"pHYs"] if kept.density else [])]


def png_redressed(data: bytes, original: bytes, kept: Kept) -> bytes:
    """Return a PNG of sRGB pixels that were another's, with what that one says beside them.

    The profile is in the pixels now; gamma and primaries are not, because decoders pass them by.
    """
    names = {b"gAMA", b"cHRM", *((b"pHYs",) if kept.density else ())}
    texts = {b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf"} if kept.everything else set()
    chunks = b"".join(chunk for name, chunk in _png_chunks(original) if name in names | texts)
    at = _PNG_HEAD + _PNG_HEADER
    return data[:at] + chunks + data[at:]


def png_dressed(data: bytes, kept: Kept) -> bytes:
    """Return a PNG without EXIF with the tags that are kept."""
    if not kept.exif:
        return data
    body = kept.exif[len(EXIF_HEAD) :]
    chunk = len(body).to_bytes(4) + b"eXIf" + body + zlib.crc32(b"eXIf" + body).to_bytes(4)
    at = _PNG_HEAD + _PNG_HEADER
    return data[:at] + chunk + data[at:]


def png_stripped(data: bytes, kept: Kept) -> bytes:
    """Return a PNG with only what is kept, its coded pixels as they are."""
    if kept.everything:
        return data
    names = {*png_keeps(kept), b"tRNS"}
    parts = [data[:_PNG_HEAD]]
    for name, chunk in _png_chunks(data):
        if not name[0] & 0x20 or name in names:
            parts.append(chunk)
    return png_dressed(b"".join(parts), kept)


def webp_stripped(data: bytes, kept: Kept) -> bytes:
    """Return a WebP with only what is kept, its coded pictures as they are."""
    if kept.everything or data[12:16] != b"VP8X":
        return data
    flags = data[20]
    has_exif = bool(kept.exif)
    flags = flags & ~0x2C | (0x20 if kept.icc and flags & 0x20 else 0) | (0x08 if has_exif else 0)
    drop = {b"EXIF", b"XMP ", *(() if kept.icc else (b"ICCP",))}
    parts = []
    for name, body in _riff_chunks(data):
        if name == b"VP8X":
            body = bytes((flags,)) + body[1:]
        if name in drop or name not in _WEBP_CHUNKS:
            continue
        parts.append(_riff_chunk(name, body))
    simple = not flags & 0x3E and len(parts) == 2
    if simple:  # one picture and nothing else needs no extended header
        parts = parts[1:]
    if has_exif:
        parts.append(_riff_chunk(b"EXIF", kept.exif[len(EXIF_HEAD) :]))
    content = b"WEBP" + b"".join(parts)
    return b"RIFF" + len(content).to_bytes(4, "little") + content


_WEBP_CHUNKS = frozenset((b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"))


def webp_codings(data: bytes) -> set[bytes]:
    """Return how the pictures of a WebP are coded: `VP8 ` with loss, `VP8L` without."""
    found = set()
    for name, body in _riff_chunks(data):
        if name in (b"VP8 ", b"VP8L"):
            found.add(name)
        elif name == b"ANMF":
            found |= {inner for inner, _ in _riff_chunks(bytes(12) + body[16:]) if inner in (b"VP8 ", b"VP8L")}
    return found


def gif_stripped(data: bytes, kept: Kept) -> bytes:
    """Return a GIF without comments and application data other than the number of loops."""
    if kept.everything:
        return data
    at = 13 + _table(data, 10)
    parts = [data[:at]]
    while at < len(data):
        kind = data[at]
        if kind == 0x2C:
            end = _blocks_end(data, at + 11 + _table(data, at + 9))
        elif kind == 0x21:
            end = _blocks_end(data, at + 2)
        elif kind == 0x3B:
            parts.append(b";")
            break
        else:
            at += 1
            continue
        label = data[at + 1 : at + 2]
        loops = data[at + 3 : at + 14] in (b"NETSCAPE2.0", b"ANIMEXTS1.0")
        if kind == 0x2C or label in (b"\xf9", b"\x01") or (label == b"\xff" and loops):
            parts.append(data[at:end])
        at = end
    return b"".join(parts)


def _stays(marker: int, body: bytes, kept: Kept) -> bool:
    if marker == _APP0:
        return body.startswith(b"JFIF\0")
    if marker == _APP14:
        return body.startswith(_ADOBE)
    return marker == _APP2 and kept.icc and body.startswith(_ICC)


def _exif_segment(kept: Kept) -> bytes:
    return b"\xff\xe1" + (len(kept.exif) + 2).to_bytes(2) + kept.exif if kept.exif else b""


def _exif(tags: dict[int, Any]) -> bytes:
    if not tags:
        return b""
    import piexif

    block: bytes = piexif.dump({"0th": tags})
    return block


def _owner(data: bytes, format_name: str) -> dict[int, Any]:
    """Return the owner's tags as libvips reads them: `TEXT (TEXT, ASCII, 9 components, 9 bytes)`.

    Spaces at the end go: libexif puts one behind each copyright.
    """
    image = vips().Image.new_from_buffer(data, "")
    if format_name == "tiff":
        image = _embedded.embed(image, exif=_embedded.exif_of_tiff(data))
    found: dict[int, Any] = {}
    for field, tag in _OWNER.items():
        if has(image, field):
            twice = _TYPE.sub("", str(image.get(field)))
            found[tag] = twice[: (len(twice) - 2) // 2].rstrip(" ").encode("utf-8", "replace")
    return found


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each segment of a JPEG with its marker, a scan with its coded data; stops where they make no sense."""
    at = 2
    while at + 2 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _EOI or marker in _STANDALONE:
            yield marker, data[at : at + 2]
            if marker == _EOI:
                return
            at += 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if end < at + 4 or end > len(data):
            return
        if marker == _SOS:
            end = _scan_end(data, end)
        yield marker, data[at:end]
        at = end


def _scan_end(data: bytes, at: int) -> int:
    """Return where a scan's coded data ends: at a marker that is neither stuffing nor a restart."""
    while (at := data.find(b"\xff", at)) >= 0:
        follower = data[at + 1 : at + 2]
        if not follower:
            break
        if follower == b"\xff":
            at += 1
        elif follower == b"\0" or 0xD0 <= follower[0] <= 0xD7:
            at += 2
        else:
            return at
    return len(data)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each chunk of a PNG, whole, with its name."""
    at = _PNG_HEAD
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        name = data[at + 4 : at + 8]
        yield name, data[at:end]
        if name == b"IEND":
            return
        at = end


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and body of each chunk of a RIFF file."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _riff_chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2)


def _table(data: bytes, at: int) -> int:
    """Return the size of the colour table that the flags at a place announce."""
    flags = data[at] if at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _blocks_end(data: bytes, at: int) -> int:
    """Return where a chain of data blocks ends."""
    while at < len(data) and data[at]:
        at += data[at] + 1
    return min(at + 1, len(data))
