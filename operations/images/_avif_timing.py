"""When the frames of an AVIF are shown: read and written by hand, as libavif's Python bindings do neither.

A sequence is a track of ISO/IEC 14496-12. It repeats where its edit list says so, and as often as the track is longer
than the edit; a length of all ones is for ever.
"""

import math

from mediamill.operations.images._headers import boxes

_TIMING = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"))
_DURATIONS = {b"mvhd": (16, 24), b"tkhd": (20, 28), b"mdhd": (16, 24)}
"""Where these boxes have their duration in version 0 and 1, counted from their body."""

_REPEATS = 1


def delays(data: bytes, max_frames: int) -> tuple[int, ...]:
    """Return how many milliseconds each frame of an AVIF sequence is shown, empty where it is a still.

    Args:
        data: The file.
        max_frames: Where counting may stop, one above.
    """
    if data[8:12] != b"avis":
        return ()
    scale = 1000
    found: list[int] = []
    for kind, body in boxes(data, _TIMING):
        if kind == b"mdhd":
            at = 20 if body[:1] == b"\1" else 12
            scale = int.from_bytes(body[at : at + 4], "big") or 1000
        elif kind == b"stts":
            for at in range(8, 8 + 8 * min(int.from_bytes(body[4:8], "big"), max_frames + 1), 8):
                count, ticks = int.from_bytes(body[at : at + 4], "big"), int.from_bytes(body[at + 4 : at + 8], "big")
                found += [round(1000 * ticks / scale)] * min(count, max_frames + 1 - len(found))
            break  # a second track is the alpha of the first
    return tuple(found)


def loop(data: bytes) -> int:
    """Return how often a sequence runs, 0 for ever, which is also what players do where it says nothing."""
    length = 0
    for kind, body in boxes(data, _TIMING):
        if kind == b"tkhd":
            length, forever = _duration(kind, body)
            if forever:
                return 0
        elif kind == b"elst" and len(body) >= 12:
            if not body[3] & _REPEATS:
                return 1
            edit = int.from_bytes(body[8 : 16 if body[0] else 12], "big")
            return max(1, math.ceil(length / edit)) if edit else 0
        elif kind == b"stts":
            return 0
    return 0


def with_loop(data: bytes, count: int) -> bytes:
    """Return a sequence that runs `count` times, 0 for ever, and does not tell when it was made.

    Args:
        data: A sequence as libavif writes it: whole boxes, version 1, repeating for ever.
        count: How often.
    """
    copy = bytearray(data)
    edit = 0
    for kind, at in _places(data):
        if kind == b"elst":
            edit = int.from_bytes(data[at + 8 : at + 16], "big")
            copy[at + 3] = 0 if count == 1 else _REPEATS
    for kind, at in _places(data):
        if kind in _DURATIONS:
            copy[at + 4 : at + 20] = bytes(16)
        if kind in (b"mvhd", b"tkhd") and count:
            start = at + _DURATIONS[kind][1]
            copy[start : start + 8] = (edit * count).to_bytes(8, "big")
    return bytes(copy)


def _duration(kind: bytes, body: bytes) -> tuple[int, bool]:
    """Return a header box's duration, and whether it is for ever."""
    long = body[:1] == b"\1"
    at, size = _DURATIONS[kind][long], 8 if long else 4
    field = body[at : at + size]
    return int.from_bytes(field, "big"), field == b"\xff" * size


def _places(data: bytes) -> list[tuple[bytes, int]]:
    """Return the timing boxes of a sound file and where their bodies are."""
    found, spans = [], [(0, len(data))]
    while spans:
        at, end = spans.pop()
        while at + 8 <= end:
            size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
            if kind in _TIMING:
                spans.append((at + 8, at + size))
            else:
                found.append((kind, at + 8))
            at += size or end
    return found
