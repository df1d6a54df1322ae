"""The reader of TIFF directories: right on sound blocks, and unmoved by any bytes whatever."""

import io
import json
import random
import struct

import piexif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mediamill.operations.tags import _edit, _maker, _text
from mediamill.operations.tags import _tags as tags
from mediamill.operations.tags._cut import Cut
from mediamill.operations.tags._read import MAX_DIRECTORIES, MAX_ENTRIES, read
from mediamill.operations.tags._rules import Rules

QUICK = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
TAG = st.integers(0, 0xFFFF) | st.sampled_from(sorted(tags.names("IFD0")))
NOTE = b"Apple iOS\0\0\1MM" + b"\0\1" + b"\0\1\0\4\0\0\0\1\0\0\0\5" + bytes(4)


def entry(tag, kind, count, value, order="<"):
    return struct.pack(order + "HHII", tag, kind, count, value)


def block(*entries, following=0, rest=b"", order="<"):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(order + "IH", 8, len(entries))
    return head + b"".join(entries) + struct.pack(order + "I", following) + rest


@pytest.fixture(scope="module")
def rich():
    """A block with every directory, in big-endian order, as piexif writes it."""
    small = io.BytesIO()
    Image.new("L", (8, 8)).save(small, "JPEG", comment=b"a thumbnail")
    return piexif.dump(
        {
            "0th": {piexif.ImageIFD.Make: b"Nobody", piexif.ImageIFD.Orientation: 6, piexif.ImageIFD.Artist: b"A"},
            "Exif": {piexif.ExifIFD.FNumber: (28, 10), piexif.ExifIFD.MakerNote: NOTE},
            "GPS": {piexif.GPSIFD.GPSLatitudeRef: b"S", piexif.GPSIFD.GPSLatitude: ((1, 1), (30, 1), (36, 1))},
            "Interop": {piexif.InteropIFD.InteroperabilityIndex: b"R03"},
            "1st": {piexif.ImageIFD.Compression: 6},
            "thumbnail": small.getvalue(),
        }
    ).removeprefix(b"Exif\0\0")


def everything(tree):
    """Do all that is ever done with a tree."""
    said = {name: value for _, _, name, value in _text.everything(tree)}
    json.dumps([said, _text.summary(tree)], allow_nan=False)
    _maker.leaks(tree)
    for rules in (Rules(), Rules(mode="gps"), Rules(mode="camera"), Rules(inverted=True, keep=frozenset(("Make",)))):
        for left in (Cut(rules).exif(tree.data), Cut(rules, turned=True).exif(tree.data)):
            assert left is None or len(left) <= 2 * len(tree.data) + 64
    return said


def test_directories_by_name(rich):
    tree = read(rich)
    assert [one.name for one in tree.directories] == ["IFD0", "ExifIFD", "InteropIFD", "GPS", "IFD1"]
    assert tree.problems == ()
    assert tree.raw(tree.find("ExifIFD", tags.MAKER_NOTE)) == NOTE
    assert _text.position(tree) == ({"latitude": -1.51}, [])


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_type_of_value(order):
    kinds = [(1, "B", 200), (3, "H", 60000), (4, "I", 2**31 + 1), (6, "b", -3), (8, "h", -300), (9, "i", -70000)]
    kinds += [(11, "f", 0.5), (13, "I", 9)]
    for kind, code, value in kinds:
        field = struct.pack(order + code, value).ljust(4, b"\0")
        found = read(block(struct.pack(order + "HHI", 0x9999, kind, 1) + field, order=order))
        assert found.values(found.directories[0].entries[0]) == [value]
    for kind, code, value in ((12, "d", -1.25), (16, "Q", 2**40), (5, "II", (7, 9)), (10, "ii", (-7, 9))):
        values = value if isinstance(value, tuple) else (value,)
        found = read(block(entry(0x9999, kind, 1, 26, order), rest=struct.pack(order + code, *values), order=order))
        assert found.values(found.directories[0].entries[0]) == [value]


def test_a_bigtiff():
    body = struct.pack("<Q", 1) + struct.pack("<HHQ", 0x0110, 2, 3) + b"M5\0".ljust(8, b"\0") + bytes(8)
    tree = read(b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + body)
    assert tree.raw(tree.find("IFD0", tags.MODEL)) == b"M5\0"
    assert _edit.erased(_edit.rest(tree, lambda *_: False), {}, alone=False) == tree.data


def test_numbers_for_people():
    seconds = [
        (1 / 250, "1/250"),
        (0.25, "1/4"),
        (0.3, "0.3"),
        (1, "1"),
        (2.5, "2.5"),
        (30, "30"),
        (0, None),
        (-1, None),
    ]
    assert [_text.exposure(value) for value, _ in seconds] == [text for _, text in seconds]
    stops = [(2.8, "f/2.8"), (8, "f/8"), (0.95, "f/0.95"), (1.4142, "f/1.4"), (0, None)]
    assert [_text.f_number(value) for value, _ in stops] == [text for _, text in stops]


def test_numbers_are_finite():
    rest = struct.pack("<8I", 0, 0, 5, 0, 1, 3, 4, 2) + struct.pack("<f", float("nan"))
    tree = read(
        block(
            entry(0x829A, 5, 1, 62),
            entry(0x829D, 5, 1, 70),
            entry(0x920A, 5, 1, 78),
            entry(0xFF00, 11, 1, int.from_bytes(rest[-4:], "little")),
            rest=rest,
        )
    )
    said = everything(tree)
    assert said == {"ExposureTime": "undef", "FNumber": "inf", "FocalLength": 0.3333333333, "Exif_0xff00": "undef"}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "TIFF header"),
        (b"II", "TIFF header"),
        (b"II*\0\x08\0\0\0", "IFD0 lies outside"),
        (b"XX*\0" + bytes(40), "TIFF header"),
        (block(entry(0x8769, 4, 1, 8)), "a loop"),
        (block(entry(0x0110, 2, 3, 77), following=8), "a loop"),
        (block(entry(0x010F, 2, 0xFFFFFFFF, 8)), "Make lies outside"),
        (block(entry(0x010F, 99, 1, 8)), "unknown type"),
        (block(entry(0x8769, 5, 1, 8)), "no offset"),
        (block(entry(0x8825, 4, 1, 0xFFFFFFF0)), "GPS lies outside"),
        (block(entry(0x8825, 4, 1, 0)), "GPS lies outside"),
        (b"II\x07\0" + block(entry(0x0110, 2, 3, 77))[4:], "version in the header"),
        (block(entry(0x0110, 2, 3, 77))[:20], "room for 0"),
    ],
)
def test_what_is_wrong_is_said(data, problem):
    tree = read(data)
    if problem == "no offset":
        assert "lies outside" in tree.problems[0] or problem in tree.problems[0]
    else:
        assert any(problem in text for text in tree.problems), tree.problems
    everything(tree)


def test_the_other_byte_order_is_tried():
    little = block(entry(0x0110, 2, 3, int.from_bytes(b"M5\0", "little")))
    tree = read(b"MM\0*" + little[4:])
    assert tree.raw(tree.find("IFD0", tags.MODEL)) == b"M5\0"
    assert "byte order" in tree.problems[0]


def test_hostile_blocks_cost_little():
    many = 20_000
    chain = b"".join(struct.pack("<HI", 0, 8 + 6 * (index + 1)) for index in range(many)) + bytes(6)
    assert len(read(b"II*\0\x08\0\0\0" + chain).directories) <= MAX_DIRECTORIES
    wide = block(*[entry(0x014A, 4, many, 8)] * many)
    tree = read(wide)
    assert sum(len(one.entries) for one in tree.directories) <= MAX_ENTRIES
    assert len(tree.directories) <= MAX_DIRECTORIES
    long = block(*[entry(0x010E, 2, many * 12, 8)] * many)
    everything(read(long))
    strips = block(*[entry(tag, 4, many, 8) for tag in (0x0111, 0x0117)] * 500, rest=bytes(4 * many))
    everything(read(strips))
    notes = block(*[entry(0x927C, 7, many * 12, 8)] * many)
    _maker.leaks(read(notes))
    overlapping = Cut(Rules(inverted=True, mode="gps", keep=frozenset(("ImageDescription",)))).exif(long)
    assert len(overlapping) <= len(long)


def test_nothing_goes_without_leave(rich):
    tree = read(rich)
    kept = _edit.rest(tree, lambda *_: False)
    for left in (_edit.erased(kept, {}, alone=True), _edit.edited(kept, {})):
        assert piexif.load(b"Exif\0\0" + left) == piexif.load(b"Exif\0\0" + rich)


def test_a_directory_goes_with_what_leads_to_it(rich):
    tree = read(rich)
    for alone in (True, False):
        left = _edit.erased(_edit.rest(tree, lambda one, _: one.name == "GPS"), {}, alone=alone)
        after = piexif.load(b"Exif\0\0" + left)
        assert not after["GPS"]
        assert piexif.ImageIFD.GPSTag not in after["0th"]
        assert b"a thumbnail" in after["thumbnail"]
        assert after["Exif"][piexif.ExifIFD.MakerNote] == NOTE
        assert left.index(NOTE) == rich.index(NOTE)
        assert struct.pack(">6I", 1, 1, 30, 1, 36, 1) not in left


def test_a_block_without_a_maker_note_is_written_without_gaps(rich):
    tree = read(rich)
    left = _edit.rest(tree, lambda one, each: one.name == "IFD1" or each.tag == tags.MAKER_NOTE)
    data = _edit.edited(left, {})
    after = piexif.load(b"Exif\0\0" + data)
    assert after["Exif"] == {piexif.ExifIFD.FNumber: (28, 10)} | {
        tag: value for tag, value in after["Exif"].items() if tag == piexif.ExifIFD.InteroperabilityTag
    }
    assert after["GPS"][piexif.GPSIFD.GPSLatitude] == ((1, 1), (30, 1), (36, 1))
    assert after["Interop"] == {piexif.InteropIFD.InteroperabilityIndex: b"R03"}
    assert len(data) < len(rich) - len(NOTE)


def test_what_no_entry_names_goes(rich):
    data = rich + b"a forgotten GPS directory"
    assert b"forgotten" not in Cut(Rules(mode="thumbnail")).exif(data)


def test_adobe_rgb_stays_adobe_rgb(rich):
    left = piexif.load(b"Exif\0\0" + Cut(Rules()).exif(rich))
    assert left["Interop"] == {piexif.InteropIFD.InteroperabilityIndex: b"R03"}
    assert left["0th"][piexif.ImageIFD.Orientation] == 6
    assert piexif.ImageIFD.Artist not in left["0th"]


def directory(*found, order="<"):
    return struct.pack(order + "H", len(found)) + b"".join(entry(tag, 2, 4, 0, order) for tag in found) + bytes(4)


@pytest.mark.parametrize(
    ("make", "note", "found"),
    [
        (
            b"NIKON CORPORATION",
            b"Nikon\0\2\x10\0\0MM\0*\0\0\0\x08" + directory(1, 0x39, order=">"),
            ["Nikon:LocationInfo"],
        ),
        (b"NIKON", b"Nikon\0\2\x10\0\0II*\0\x08\0\0\0" + directory(1, 2), []),
        (b"Panasonic", b"Panasonic\0\0\0" + directory(0x6F, 0x69), ["Panasonic:Country", "Panasonic:Landmark"]),
        (b"LEICA", b"Panasonic\0\0\0" + directory(1), []),
        (b"SAMSUNG", directory(1, 0x31, order=">"), ["Samsung:LocationName"]),
        (b"RICOH", b"PENTAX \0MM" + directory(0x23, order=">"), ["Pentax:HometownCity"]),
        (b"CASIO", b"QVC\0\0\0" + directory(0x3006, order=">"), ["Casio:HometownCity"]),
        (b"Canon", directory(1, 2, 3), []),
        (b"FUJIFILM", b"FUJIFILM\x0c\0\0\0" + directory(1), []),
        (b"Apple", b"Apple iOS\0\0\1MM" + directory(1, order=">"), []),
        (b"Canon", b"no directory at all", ["Canon:unreadable"]),
        (b"Google", b"HDRP\2" + bytes(40), ["MakerNote:unknown"]),
    ],
)
def test_what_maker_notes_tell_of_the_place(make, note, found):
    tags_ = {"0th": {piexif.ImageIFD.Make: make}, "Exif": {piexif.ExifIFD.MakerNote: note}}
    assert _maker.leaks(read(piexif.dump(tags_).removeprefix(b"Exif\0\0"))) == found
    left = Cut(Rules(mode="gps")).exif(piexif.dump(tags_).removeprefix(b"Exif\0\0"))
    assert (note in left) == (not found)


@QUICK
@given(st.binary(max_size=400), st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0", b""]))
def test_any_bytes_are_read(data, head):
    everything(read(head + data))


@QUICK
@given(st.data())
def test_damaged_blocks_are_read(rich, data):
    changed = bytearray(rich)
    for _ in range(data.draw(st.integers(1, 12))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.sampled_from([0, 1, 2, 5, 8, 13, 127, 255]))
    cut = data.draw(st.integers(0, len(changed)))
    everything(read(bytes(changed)))
    everything(read(bytes(changed[:cut])))


@QUICK
@given(
    st.lists(
        st.tuples(st.integers(0, 0xFFFF), st.integers(0, 18), st.integers(0, 300), st.integers(0, 400)), max_size=30
    )
)
def test_made_up_entries_are_read(entries):
    pointers = random.Random(len(entries)).choices(sorted(tags.POINTERS), k=5)
    made = [entry(*one) for one in entries] + [entry(tag, 4, 3, 8 + 12 * at) for at, tag in enumerate(pointers)]
    everything(read(block(*made, rest=bytes(range(256)))))
