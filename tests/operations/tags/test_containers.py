"""Containers: what is damaged in any way is an error of the table or a note, never anything else, and never slow."""

import hashlib
import io
import re
import struct
import zlib

import pillow_heif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mediamill.operations.contract import Blob
from mediamill.operations.sniff import Kind
from mediamill.operations.tags import _items, _jpeg, _png, _webp
from mediamill.operations.tags._containers import WALKS, cut, look
from mediamill.operations.tags._cut import Cut
from mediamill.operations.tags._rules import Rules
from mediamill.protocol.errors import CorruptInput, MediaError

RICH = {
    "jpeg": "metadata.jpg",
    "png": "metadata.png",
    "webp": "metadata.webp",
    "tiff": "metadata.tiff",
    "avif": "metadata.avif",
    "heic": "metadata.heic",
}
QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def blob(data, format_name):
    return Blob(data=data, name="a", path=None, kind=Kind(format_name, "image", "a picture"))


def gone_through(data, format_name):
    """Look at a file and cut it in every way; only errors of the table may come out."""
    try:
        look(blob(data, format_name)).facts()
    except MediaError:
        return
    for rules in (Rules(), Rules(mode="gps"), Rules(mode="thumbnail"), Rules(inverted=True)):
        try:
            cut(blob(data, format_name), Cut(rules))
        except MediaError:
            continue


@pytest.mark.parametrize("format_name", RICH)
def test_every_prefix_of_a_file(sample, format_name):
    data = sample(RICH[format_name]).read_bytes()
    for end in range(0, len(data), 61):
        gone_through(data[:end], format_name)


@pytest.mark.parametrize("format_name", RICH)
@QUICK
@given(changes=st.data())
def test_changed_bytes(sample, format_name, changes):
    data = bytearray(sample(RICH[format_name]).read_bytes())
    first = changes.draw(st.integers(0, len(data) - 1))
    for _ in range(changes.draw(st.integers(1, 8))):
        at = min(len(data) - 1, first + changes.draw(st.integers(0, 200)))
        data[at] = changes.draw(st.sampled_from([0, 1, 2, 4, 8, 0x7F, 0x80, 0xFE, 0xFF]))
    gone_through(bytes(data), format_name)


@pytest.mark.parametrize("format_name", sorted(WALKS))
@QUICK
@given(data=st.binary(max_size=300))
def test_any_bytes(format_name, data):
    gone_through(data, format_name)


def test_bytes_between_and_after_a_jpegs_segments(sample):
    data = sample("metadata.jpg").read_bytes()
    filled = data[:2] + b"\xff\xff" + data[2:]
    assert b"Panasonic" not in cut(blob(filled, "jpeg"), Cut(Rules()))
    behind = data + b"GPS data of an app"
    assert b"GPS data" not in cut(blob(behind, "jpeg"), Cut(Rules(mode="gps")))
    assert cut(blob(behind, "jpeg"), Cut(Rules(inverted=True))) == behind


def test_exif_longer_than_a_segment_is_read_and_written(sample):
    import piexif

    note = bytes(range(256)) * 400
    block = piexif.dump({"0th": {piexif.ImageIFD.Make: b"Canon"}, "Exif": {piexif.ExifIFD.UserComment: note}})
    pieces = [block[at : at + 60_000] for at in range(6, len(block), 60_000)]
    plain = sample("orientation-1.jpg").read_bytes()
    segments = b"".join(_jpeg.Segment(0xE1, b"Exif\0\0" + piece).written() for piece in pieces)
    data = plain[:2] + segments + plain[2:]
    seen = look(blob(data, "jpeg"))
    assert seen.problems == []
    assert seen.facts()["make"] == "Canon"
    after = cut(blob(data, "jpeg"), Cut(Rules(mode="camera")))
    left = look(blob(after, "jpeg"))
    assert left.problems == []
    assert [tree.find("ExifIFD", 0x9286).size for tree in left.trees[:1]] == [len(note)]
    assert "make" not in left.facts()


def test_a_jpegs_segments_are_bounded():
    data = b"\xff\xd8" + b"\xff\xfe\0\2" * 200_000
    with pytest.raises(CorruptInput, match="segments"):
        look(blob(data, "jpeg"))


def test_texts_of_a_png_are_inflated_within_a_budget():
    bomb = b"Comment\0\0" + zlib.compress(bytes(8 << 20), 9)
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    chunks = [_png.chunk(b"IHDR", header), *[_png.chunk(b"zTXt", bomb)] * 12, _png.chunk(b"IEND", b"")]
    seen = look(blob(_png.SIGNATURE + b"".join(chunks), "png"))
    assert seen.problems == ["PNG: a zTXt chunk is damaged or too large"]


def test_raw_profiles_come_back_as_they_were():
    profile = bytes(range(256))
    assert _png.unpack_raw(_png.pack_raw("exif", profile)) == profile
    assert _png.unpack_raw(b"\nexif\n    9999\nabcd\n") is None
    assert _png.unpack_raw(b"\nexif\n   2\nabc\n") is None
    assert _png.unpack_raw(b"exif") is None


def test_the_flags_of_a_webp_say_what_is_there(sample):
    data = sample("metadata.webp").read_bytes()
    flags = {mode: cut(blob(data, "webp"), Cut(Rules(mode=mode)))[20] for mode in ("all", "gps")}
    assert flags == {"all": 0x28, "gps": 0x2C}  # ICC, and EXIF for the orientation
    plain = cut(blob(sample("photo.webp").read_bytes(), "webp"), Cut(Rules()))
    assert plain == sample("photo.webp").read_bytes()
    assert _webp.parse(data)[1]


@pytest.mark.parametrize("name", ["metadata.avif", "metadata.heic"])
def test_an_index_says_where_everything_is_now(sample, name):
    data = sample(name).read_bytes()
    after = cut(blob(data, name[-4:]), Cut(Rules()))
    meta = next(box for box in _items.boxes(after, 0, len(after)) if box.kind == b"meta")
    index = _items.read(after, meta)
    assert index.whole
    assert {item.kind for item in index.items} <= {"av01", "hvc1"}
    assert index.thumbnails == frozenset()
    total = sum(end - start for item in index.items for start, end in item.spans)
    mdat = next(box for box in _items.boxes(after, 0, len(after)) if box.kind == b"mdat")
    assert mdat.end == len(after)
    assert mdat.end - mdat.body == total
    assert pillow_heif.open_heif(after).size == (80, 120) if name.endswith("heif") else True


def test_how_a_heif_picture_is_turned_stays(sample):
    data = sample("metadata.avif").read_bytes()
    assert b"irot" in data
    assert data[data.index(b"irot") : data.index(b"irot") + 5] in cut(blob(data, "avif"), Cut(Rules()))


def test_a_tiffs_small_pages_and_strips_stay(sample):
    data = sample("multipage.tiff").read_bytes()
    after = cut(blob(data, "tiff"), Cut(Rules()))
    assert len(after) == len(data)
    assert look(blob(after, "tiff")).problems == []


def test_a_raw_file_is_read_but_not_cut(sample):
    data = sample("metadata.tiff").read_bytes().replace(b"\x01\x06\0\3\0\0\0\1\0\2", b"\x01\x06\0\3\0\0\0\1\x80\x23")
    assert look(blob(data, "tiff")).facts()["model"] == "Model 5"
    with pytest.raises(MediaError, match="raw file"):
        cut(blob(data, "tiff"), Cut(Rules(mode="gps")))
    assert cut(blob(data, "tiff"), Cut(Rules(inverted=True))) == data


def test_the_alpha_of_a_small_picture_goes_with_it():
    small = Image.new("RGBA", (80, 80), (200, 100, 50, 128))
    file = pillow_heif.from_pillow(small)
    target = io.BytesIO()
    file.save(target, quality=80, thumbnails=[40], enc_params={"x265:pools": "none"})
    data = target.getvalue()
    meta = next(box for box in _items.boxes(data, 0, len(data)) if box.kind == b"meta")
    before = _items.read(data, meta)
    assert before.with_dependents({1}) >= {1, *(one for one, others in before.about.items() if others == {1})}
    after = cut(blob(data, "heic"), Cut(Rules(mode="thumbnail")))
    opened = pillow_heif.open_heif(after)
    assert (len(opened), opened.mode, opened.info["thumbnails"]) == (1, "RGBA", [])
    assert bytes(opened.data) == bytes(pillow_heif.open_heif(data).data)


def extended(data):
    """Return a JPEG's extended XMP and what its main packet says it is."""
    bodies = [one.body for one in _jpeg.parse(data).segments]
    pieces = [body[len(_jpeg.EXTENDED) :] for body in bodies if body.startswith(_jpeg.EXTENDED)]
    main = next(body for body in bodies if body.startswith(_jpeg.XMP))
    said = re.search(rb'HasExtendedXMP="(\w+)"', main)
    return b"".join(piece[40:] for piece in pieces), {piece[:32] for piece in pieces}, said and said[1]


def test_extended_xmp_is_found_by_its_new_digest(sample):
    data = sample("metadata.jpg").read_bytes()
    assert b"GpsLatitude" in extended(data)[0]
    body, heads, said = extended(cut(blob(data, "jpeg"), Cut(Rules(mode="gps"))))
    assert b"GpsLatitude" not in body
    assert b"FlightYawDegree" in body
    assert heads == {said} == {hashlib.md5(body).hexdigest().upper().encode()}


def test_extended_xmp_that_goes_is_not_promised(sample):
    after = cut(blob(sample("metadata.jpg").read_bytes(), "jpeg"), Cut(Rules(keep=frozenset(("Copyright",)))))
    assert extended(after) == (b"", set(), None)
