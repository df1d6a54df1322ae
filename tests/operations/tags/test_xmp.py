"""XMP packets: properties found under whatever prefix, cut out without touching the rest."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediamill.operations.tags._cut import Cut
from mediamill.operations.tags._rules import Rules
from mediamill.operations.tags._xmp import MAX_DEPTH, is_sound, properties, trimmed, without

HEAD = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
TAIL = b"</r:RDF></x:xmpmeta>"
EXIF = b'xmlns:e="http://ns.adobe.com/exif/1.0/"'
DC = b'xmlns:d="http://purl.org/dc/elements/1.1/"'


def packet(inside):
    return HEAD + inside + TAIL


@pytest.mark.parametrize(
    ("inside", "left"),
    [
        (
            b"<r:Description " + EXIF + b" e:GPSLatitude='1,2N' e:Flash='1'/>",
            b"<r:Description " + EXIF + b" e:Flash='1'/>",
        ),
        (
            b"<r:Description " + EXIF + b"><e:GPSLatitude>1,2N</e:GPSLatitude><e:Flash>1</e:Flash></r:Description>",
            b"<r:Description " + EXIF + b"><e:Flash>1</e:Flash></r:Description>",
        ),
        (
            b"<r:Description "
            + EXIF
            + b"><!-- > --><e:GPSS\n/><e:A t='a>b'><![CDATA[<e:GPSX/>]]></e:A></r:Description>",
            b"<r:Description " + EXIF + b"><!-- > --><e:A t='a>b'><![CDATA[<e:GPSX/>]]></e:A></r:Description>",
        ),
        (
            b"<r:Description " + DC + b"><d:thing><r:Bag><r:li><r:Description d:Latitude='1' d:b='2'/></r:li></r:Bag>"
            b"</d:thing></r:Description>",
            b"<r:Description " + DC + b"><d:thing><r:Bag><r:li><r:Description d:b='2'/></r:li></r:Bag>"
            b"</d:thing></r:Description>",
        ),
    ],
)
def test_places_are_cut_out_and_the_rest_stays_byte_for_byte(inside, left):
    assert Cut(Rules(mode="gps")).xmp(packet(inside)) == packet(left)


def test_a_packet_without_places_is_left_alone():
    data = b"\xef\xbb\xbf" + packet(b"<r:Description " + DC + b" d:title='GPS'/>") + b"\n" * 2000
    assert Cut(Rules(mode="gps")).xmp(data) == data


def test_a_packet_of_places_alone_goes():
    assert Cut(Rules(mode="gps")).xmp(packet(b"<r:Description r:about='' " + EXIF + b" e:GPSLatitude='1'/>")) is None


def test_prefixes_are_those_of_the_namespaces():
    data = packet(b'<r:Description xmlns:tiff="http://purl.org/dc/elements/1.1/" tiff:rights="me"/>')
    assert ("dc", "rights") in [(one.prefix, one.name) for one in properties(data)]
    default = packet(b'<r:Description><rights xmlns="http://purl.org/dc/elements/1.1/">me</rights></r:Description>')
    assert ("dc", "rights", 0) in [(one.prefix, one.name, one.depth) for one in properties(default)]


@pytest.mark.parametrize("code", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-16"])
def test_wide_packets(code):
    data = packet(b"<r:Description " + EXIF + b" e:GPSLatitude='1' e:Flash='1'/>").decode().encode(code)
    left = Cut(Rules(mode="gps")).xmp(data)
    assert b"e:Flash" in left
    assert b"GPS" not in left


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no markup",
        packet(b"<r:Description>"),
        packet(b"<r:Description a:b='1'>&nothing;</r:Description>"),
        b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]>" + packet(b""),
        packet(b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1)),
        packet(b"<r:Description " + b" ".join(b'xmlns:a%d="u"' % at for at in range(2000)) + b"/>"),
    ],
)
def test_what_is_not_sound_goes_whole(data):
    assert not is_sound(trimmed(data))
    cut = Cut(Rules(mode="gps"))
    assert cut.xmp(data) is None
    assert cut.removed == ["XMP (unreadable)"]
    assert Cut(Rules(inverted=True)).xmp(data) == data


FRAGMENTS = (
    b"<e:GPSLatitude>", b"</e:GPSLatitude>", b"<e:a/>", b"<e:a ", b"e:GPSx='1'", b">", b"/>", b"<", b"'", b'"', b"<!--",
    b"-->", b"<![CDATA[", b"]]>", b"<?p ?>", b"&lt;", b"text", b" ", b"=", b"\xff",
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12))
def test_anything_sound_can_be_cut_and_stays_sound(fragments):
    data = packet(b"<r:Description " + EXIF + b">" + b"".join(fragments) + b"</r:Description>")
    if is_sound(data):
        left, gone = without(data, lambda one: one.name.startswith("GPS"))
        assert is_sound(left)
        assert not [one for one in properties(left) if one.name.startswith("GPS")]
        assert bool(gone) == (left != data)
