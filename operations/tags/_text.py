"""What EXIF says, for people: the handful of things anyone asks for, and every tag by its standard name.

Values are those ExifTool prints with `-n`: APEX values as times and f-numbers, positions as degrees, fractions as
decimal numbers. They are plain JSON-able data with finite numbers.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

from mediamill.operations.tags import _tags as tags
from mediamill.operations.tags._read import ASCII, UNDEFINED, UTF8, Directory, Entry, Layout, Tree
from mediamill.protocol.results import text

MAX_ITEMS = 64
"""Numbers of one tag that are listed; more of them are a table, which is only said to be there."""

_CHARSETS = {b"ASCII\0\0\0": "latin-1", b"UNICODE\0": "utf-16", b"JIS\0\0\0\0\0": "iso2022_jp", bytes(8): "utf-8"}
_APEX_TIME, _APEX_STOPS = (0x9201,), (0x9202, 0x9205)
_TEXTS = {0x9000, 0xA000, 0x0002}
_LONGEST = 4096
"""Bytes of a value that are looked at, more than a result shows: a hostile file's may all be as long as the file."""

_PACKETS = (tags.MAKER_NOTE, tags.XMP, tags.IPTC, tags.PHOTOSHOP, tags.ICC)
_FILE_SOURCE = 0xA300
_WINDOWS = range(0x9C9B, 0x9CA0)
_DEGREES = {2, 4, 0x14, 0x16}


def everything(tree: Tree) -> Iterator[tuple[Directory, Entry, str, Any]]:
    """Yield each tag with its directory, its standard name and its value, those of the picture before its thumbnail's.

    Directories themselves are left out, and so are the values of data that has to be decoded: they are only named.
    """
    order = sorted(tree.directories, key=lambda one: one.name.startswith("IFD") and one.name != "IFD0")
    for directory in order:
        for entry in directory.entries:
            if entry.tag not in tags.POINTERS:
                yield directory, entry, tags.name(directory.name, entry.tag), value(tree, directory, entry)


def value(tree: Tree, directory: Directory, entry: Entry) -> Any:
    """Return one tag's value: a string, a number, or a list of numbers."""
    raw = tree.raw(entry, _LONGEST)
    if entry.tag in _PACKETS and directory.name != "GPS":
        return f"(binary, {entry.size} bytes)"
    special = _SPECIAL.get((directory.name, entry.tag))
    if special is not None:
        return special(tree, entry)
    if entry.kind in (ASCII, UTF8):
        return _string(raw)
    if entry.tag in _WINDOWS and directory.name != "GPS":
        return text(raw.decode("utf-16-le", "replace").partition("\0")[0])
    numbers = [_plain(one) for one in tree.values(entry)] if entry.count <= MAX_ITEMS else []
    if entry.kind == UNDEFINED:
        return _undefined(directory, entry, raw)
    if not numbers:
        return f"(binary, {entry.size} bytes)" if entry.size else ""
    if directory.name != "GPS" and isinstance(numbers[0], (int, float)):
        if entry.tag in _APEX_TIME:
            numbers[0] = _rounded(2.0 ** -numbers[0]) if abs(numbers[0]) < 100 else 0
        elif entry.tag in _APEX_STOPS:
            numbers[0] = _rounded(2.0 ** (max(-99.0, min(numbers[0], 99.0)) / 2))
    return numbers[0] if len(numbers) == 1 else numbers


def summary(tree: Tree) -> tuple[dict[str, Any], list[str]]:
    """Return what anyone asks for (make, model, lens, ... gps), as far as it is there, and what is wrong with it."""
    found: dict[str, Any] = {
        "make": _text(tree, "IFD0", tags.MAKE),
        "model": _text(tree, "IFD0", tags.MODEL),
        "lens": _lens(tree),
        "orientation": orientation(tree) if tree.find("IFD0", tags.ORIENTATION) else None,
        "datetime": _first(_text(tree, name, tag) for name, tag in _DATES),
        "exposure_time": exposure(_fraction(tree, 0x829A)),
        "f_number": f_number(_fraction(tree, 0x829D)),
        "iso": _first(tree.number(tree.find("ExifIFD", tag)) or None for tag in (0x8827, 0x8832, 0x8833)),
        "focal_length": _fraction(tree, 0x920A),
    }
    place, problems = position(tree)
    return {name: what for name, what in (found | {"gps": place}).items() if what not in (None, "")}, problems


_DATES = (("ExifIFD", 0x9003), ("ExifIFD", 0x9004), ("IFD0", 0x0132))


def orientation(tree: Tree) -> int:
    """Return the orientation, 1..8; 1 where there is none, or none that makes sense."""
    found = tree.number(tree.find("IFD0", tags.ORIENTATION), 1)
    return found if 1 <= found <= 8 else 1


def position(tree: Tree) -> tuple[dict[str, float] | None, list[str]]:
    """Return latitude and longitude in degrees, north and east positive, and altitude in metres above the sea.

    Returns:
        What there is of them, None where there is nothing; and what is wrong with it.
    """
    found: dict[str, float] = {}
    problems = []
    for name, tag, limit in (("latitude", 2, 90), ("longitude", 4, 180)):
        entry = tree.find("GPS", tag)
        if entry is None:
            continue
        degrees = _degrees(tree, entry)
        if not isinstance(degrees, (int, float)) or abs(degrees) > limit:
            problems.append(f"the {name} makes no sense")
            continue
        reference = _text(tree, "GPS", tag - 1)
        found[name] = -degrees if reference[:1].upper() in ("S", "W") else degrees
    height = tree.find("GPS", 6)
    if height is not None:
        metres = value(tree, tree.directories[0], height)
        if isinstance(metres, (int, float)):
            found["altitude"] = -metres if tree.number(tree.find("GPS", 5)) in (1, 3) and metres else metres
        else:
            problems.append("the altitude makes no sense")
    return found or None, problems


def exposure(seconds: float | None) -> str | None:
    """Return an exposure time as photographers write it: `1/250`, `0.8`, `30`."""
    if seconds is None or seconds <= 0:
        return None
    return f"1/{round(1 / seconds)}" if seconds < 0.25001 else f"{seconds:.1f}".removesuffix(".0")


def f_number(number: float | None) -> str | None:
    """Return an f-number as photographers write it: `f/2.8`, `f/8`."""
    if number is None or number <= 0:
        return None
    return "f/" + (f"{number:.2f}" if number < 1 else f"{number:.1f}".removesuffix(".0"))


def _lens(tree: Tree) -> str | None:
    model = _text(tree, "ExifIFD", 0xA434)
    if model:
        return model
    entry = tree.find("ExifIFD", 0xA432)
    numbers = [_plain(one) for one in tree.values(entry)] if entry else []
    if len(numbers) != 4 or not isinstance(numbers[0], (int, float)) or not numbers[0]:
        return None
    short, long, wide, narrow = (f"{one:g}" if isinstance(one, (int, float)) else "?" for one in numbers)
    focal = short if short == long else f"{short}-{long}"
    aperture = "" if wide == "?" else f" f/{wide}" if wide == narrow or narrow == "?" else f" f/{wide}-{narrow}"
    return f"{focal}mm{aperture}"


def _text(tree: Tree, directory: str, tag: int) -> str:
    entry = tree.find(directory, tag)
    return (
        _string(tree.raw(entry, _LONGEST)).strip()
        if entry is not None and entry.kind in (ASCII, UTF8, UNDEFINED)
        else ""
    )


def _fraction(tree: Tree, tag: int) -> float | None:
    entry = tree.find("ExifIFD", tag)
    numbers = [_plain(one) for one in tree.values(entry)] if entry else []
    return numbers[0] if numbers and isinstance(numbers[0], (int, float)) else None


def _first(values: Iterator[Any]) -> Any:
    return next((one for one in values if one), None)


def _string(raw: bytes) -> str:
    """Return a text of the file: UTF-8 where it is that, else Latin-1; up to the first zero, without blanks behind."""
    raw = raw.partition(b"\0")[0].rstrip(b" ")
    try:
        return text(raw.decode())
    except UnicodeDecodeError:
        return text(raw.decode("latin-1"))


def _plain(number: Any) -> Any:
    """Return a number as JSON takes it; a fraction as its quotient, in ten digits as ExifTool gives it."""
    if isinstance(number, tuple):
        above, below = number
        if not below:
            return "inf" if above else "undef"
        return above // below if above % below == 0 else _rounded(above / below)
    if isinstance(number, float) and not math.isfinite(number):
        return "inf" if math.isinf(number) else "undef"
    return number


def _rounded(number: float) -> float:
    return float(f"{number:.10g}")


def _undefined(directory: Directory, entry: Entry, raw: bytes) -> Any:
    if entry.tag in _TEXTS and directory.name != "GPS":
        return _string(raw)
    if entry.tag == _FILE_SOURCE and raw[:1]:
        return raw[0]  # Sigma writes four bytes
    if entry.size > MAX_ITEMS:
        return f"(binary, {entry.size} bytes)"
    return raw[0] if len(raw) == 1 else list(raw)


def _charset(tree: Tree, entry: Entry) -> str:
    """Return a text that begins with the name of its character set."""
    raw = tree.raw(entry, _LONGEST)
    charset = _CHARSETS.get(raw[:8])
    if charset is None:
        return _string(raw)
    if charset == "utf-16":
        order = "be" if tree.layout.order == ">" else "le"
        charset = "utf-16" if raw[8:10] in (b"\xff\xfe", b"\xfe\xff") else f"utf-16-{order}"
    return text(raw[8:].decode(charset, "replace").partition("\0")[0].rstrip(" "))


def _degrees(tree: Tree, entry: Entry) -> Any:
    """Return degrees, minutes and seconds as degrees."""
    numbers = [_plain(one) for one in tree.values(entry)][:3]
    while numbers and not isinstance(numbers[-1], (int, float)):
        numbers.pop()  # cameras write 0/0 for seconds they do not have
    if not numbers or not all(isinstance(one, (int, float)) for one in numbers):
        return "undef"
    return round(sum(one / 60**power for power, one in enumerate(numbers)), 10)


def _clock(tree: Tree, entry: Entry) -> Any:
    """Return a time of day as `12:34:56`, with a fraction of a second where there is one."""
    numbers = [one if isinstance(one, (int, float)) else 0 for one in map(_plain, tree.values(entry))]
    if len(numbers) != 3:
        return "undef"
    total = numbers[0] * 3600 + numbers[1] * 60 + numbers[2]
    hours, minutes, seconds = int(total // 3600), int(total % 3600 // 60), total % 60
    whole = f"{seconds:09.6f}".rstrip("0").rstrip(".")
    return f"{hours:02d}:{minutes:02d}:{whole}"


def _filter_array(tree: Tree, entry: Entry) -> Any:
    """Return the colours of a sensor's filters, behind how many there are across and down."""
    raw = tree.raw(entry, _LONGEST)
    for layout in (tree.layout, Layout(">" if tree.layout.order == "<" else "<")):  # some cameras mix them up
        columns, rows = layout.number(raw, 0, 2), layout.number(raw, 2, 2)
        if 0 < columns * rows == len(raw) - 4 <= MAX_ITEMS:
            return [columns, rows, *raw[4:]]
    return f"(binary, {entry.size} bytes)"


def _digits(tree: Tree, entry: Entry) -> str:
    return tree.raw(entry, MAX_ITEMS).hex().upper()


def _copyright(tree: Tree, entry: Entry) -> str:
    """Return photographer's and editor's copyright, which a zero stands between, on two lines."""
    parts = [_string(part).strip(" ") for part in tree.raw(entry, _LONGEST).rstrip(b"\0 ").split(b"\0", 2)[:2]]
    return "\n".join(parts) if parts[:1] != [""] else "\n".join(parts[1:])


_SPECIAL: dict[tuple[str, int], Callable[[Tree, Entry], Any]] = {
    ("ExifIFD", 0x9286): _charset,
    ("GPS", 0x1B): _charset,
    ("GPS", 0x1C): _charset,
    ("GPS", 7): _clock,
    ("ExifIFD", 0xA302): _filter_array,
    ("IFD0", 0xC65D): _digits,
    ("IFD0", 0x8298): _copyright,
} | {("GPS", tag): _degrees for tag in _DEGREES}
