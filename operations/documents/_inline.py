"""Which objects need not be objects of their own, and which had better be.

An object costs its line in the cross-reference table, its place in an object stream, and a reference to it. What one
dictionary alone refers to, and what has no identity that a reader would look for, can stand in that dictionary. What
stands in the dictionary of a stream is not compressed, and goes into an object stream, where equal values are one.

All texts here are compact: no blank where none is needed, strings in parentheses escaped or in hexadecimal digits.
"""

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator

STRING = rb"\([^\\()]*(?:\\.[^\\()]*)*\)|<[0-9a-fA-F]*>"
"""A string, as a regular expression."""

REFERENCE = re.compile(rb"(\d+) 0 R")

_STARTS = (
    (
        rb"\[",
        b"Annots Border CropBox D Dest Differences Kids Limits MediaBox Names Nums OpenAction ProcSet Rect W Widths",
    ),
    (
        rb"<<",
        b"A BS CIDSystemInfo CharProcs ColorSpace Dests Encoding ExtGState Font MK Names OpenAction Pattern Properties"
        b" Resources Shading ViewerPreferences XObject",
    ),
    (rb"\(|<[^<]", b"Contents Title URI"),
)
"""How a value has to begin to be taken in under which names."""

_MAY_BE = {
    key: re.compile(b"|".join(start for start, keys in _STARTS if key in keys.split()))
    for _, keys in _STARTS
    for key in keys.split()
}
_ENTRY = re.compile(
    rb"/(" + b"|".join(sorted(_MAY_BE)) + rb") (\d+) 0 R|((?:" + STRING + rb"))(?:(\d+) 0 R)?", re.DOTALL
)
_DESTINATION = re.compile(rb"(?:<</D)?\[\d+ 0 R/")
_IDENTITY = re.compile(rb"/Type(?!/(?:Action|Encoding)[/>])")
_LONGEST = 1 << 14
_DEEPEST = 64
_ROUNDS = 3

_MOVABLE = re.compile(rb"/(?:ColorSpace|Group|Resources)(?=<<|\[)")
_MARK = re.compile(STRING + rb"|<<|>>|[\[\]]", re.DOTALL)
_OPENING, _CLOSING = (b"<<", b"["), (b">>", b"]")
_STRINGS = re.compile(STRING, re.DOTALL)
_COST = 12
"""Bytes of a small object in an object stream, and of its line in the table, compressed."""

_SHORT = 9
"""Bytes of a reference."""


def take_in(lines: dict[int, bytes], others: Counter[int]) -> None:
    """Let objects stand where they are referred to, if that is in one place and they have no identity.

    Args:
        lines: The text of each object that may be in an object stream, by number; changed in place.
        others: How often objects are referred to from elsewhere.
    """
    text = b"\n".join(lines.values())
    used = Counter(_referred_to(text))
    used.update(others)
    wanted = {number for number in _fitting(text, lines) if used[number] == 1}
    for _ in range(_ROUNDS):
        ready = {number for number in wanted if wanted.isdisjoint(_referred_to(lines[number]))}
        if not ready:
            return
        put = functools.partial(_value, ready=ready, lines=lines)
        text = _ENTRY.sub(put, b"\n".join(lines.values()))
        lines.update(zip(lines, text.split(b"\n"), strict=True))
        for number in ready:
            del lines[number]
        wanted -= ready


def _referred_to(text: bytes) -> Iterable[int]:
    return map(int, REFERENCE.findall(without_strings(text)))


def without_strings(text: bytes) -> bytes:
    """Return text with nothing in its strings."""
    return _STRINGS.sub(b"()", text)


def _fitting(text: bytes, lines: dict[int, bytes]) -> Iterator[int]:
    """Yield the objects that are referred to where they might as well stand themselves."""
    for match in _ENTRY.finditer(text):
        number = int(match[2] or match[4] or 0)
        value = lines.get(number)
        if value is None or len(value) > _LONGEST:
            continue
        if _DESTINATION.match(value) if match[4] else _MAY_BE[match[1]].match(value) and not _IDENTITY.search(value):
            yield number


def _value(match: re.Match[bytes], ready: set[int], lines: dict[int, bytes]) -> bytes:
    number = int(match[2] or match[4] or 0)
    if number not in ready:
        return match[0]
    return b"/" + match[1] + lines[number] if match[2] else match[3] + lines[number]


def _depth(text: bytes) -> int:
    """Return at least how deep containers are nested in a text."""
    count = text.count(b"<<") + text.count(b"[")
    if count <= _DEEPEST:
        return count
    depth = deepest = 0
    for mark in _MARK.findall(text):
        depth += (mark in _OPENING) - (mark in _CLOSING)
        deepest = max(deepest, depth)
    return deepest


def are_flat(lines: Iterable[bytes]) -> bool:
    """Return whether no object nests so deep that more could be too much for readers."""
    return all(_depth(line) <= _DEEPEST for line in lines)


def take_out(dictionaries: dict[int, bytes], first: int) -> dict[int, bytes]:
    """Make objects of what streams' dictionaries hold at length, one of those that are equal.

    Resources, colour spaces and groups are moved, which readers expect to be objects of their own.

    Args:
        dictionaries: The texts of streams' dictionaries, by number; changed in place.
        first: The number of the first object that is made; the others follow.

    Returns:
        The text of each.
    """
    found = {number: list(_movable(text)) for number, text in dictionaries.items() if _MOVABLE.search(text)}
    uses = Counter(dictionaries[number][start:end] for number, spans in found.items() for start, end in spans)
    chosen = [value for value, count in uses.items() if count * (len(value) - _SHORT) > len(value) // 2 + _COST]
    numbers = {value: first + at for at, value in enumerate(chosen)}
    for number, spans in found.items():
        text = dictionaries[number]
        for start, end in reversed(spans):
            if (made := numbers.get(text[start:end])) is not None:
                text = text[:start] + b" %d 0 R" % made + text[end:]
        dictionaries[number] = text
    return {number: value for value, number in numbers.items()}


def _movable(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield where in a dictionary values begin and end that may be moved."""
    depth, start = 0, None
    starts = {match.end() for match in _MOVABLE.finditer(text)}
    for mark in _MARK.finditer(text):
        if mark[0] in _OPENING:
            if depth == 1 and mark.start() in starts:
                start = mark.start()
            depth += 1
        elif mark[0] in _CLOSING:
            depth -= 1
            if depth == 1 and start is not None:
                yield start, mark.end()
                start = None
