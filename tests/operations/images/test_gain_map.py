import io

import numpy as np
import pytest
from PIL import Image

from mediamill.operations.images import _gain_map, _xmp
from mediamill.operations.images._vips import vips


def loaded(path):
    """Return a file as libultrahdr sees it, and its gain map's picture; raises where it is no Ultra HDR."""
    library = vips()
    library.operation_block_set("VipsForeignLoadUhdr", False)
    try:
        image = library.Image.uhdrload_buffer(path.read_bytes())
        return image, library.Image.jpegload_buffer(bytes(image.get("gainmap-data"))).copy_memory()
    finally:
        library.operation_block_set("VipsForeignLoadUhdr", True)


def traces(path):
    data = path.read_bytes()
    names = (b"hdrgm", b"hdr-gain-map", b"MPF\0", b"21496", b"GainMap", b"photos/1.0/container")
    return [name for name in names if name in data]


@pytest.mark.parametrize(("operation", "width", "size"), [("resize", 200, (100, 67)), ("convert", 400, (200, 133))])
def test_it_is_kept_with_everything_else(done, sample, tmp_path, operation, width, size):
    output = tmp_path / "a.jpg"
    result = done(operation, input=sample("ultra-hdr.jpg"), output=output, width=width, metadata="all")
    assert result.metadata["gain_map"] == "kept"
    before, small = loaded(sample("ultra-hdr.jpg"))
    after, scaled = loaded(output)
    assert (after.width, scaled.width, scaled.height) == (width, *size)
    for field in ("gainmap-max-content-boost", "gainmap-gamma", "gainmap-hdr-capacity-max"):
        assert after.get(field) == before.get(field)
    wanted = small.resize(size[0] / small.width, vscale=size[1] / small.height)
    assert abs(wanted.cast("int") - scaled.cast("int")).avg() < 2
    with Image.open(output) as image:
        assert image.size[0] == width


def test_it_stays_what_it_was_on_the_second_way(done, sample, tmp_path):
    done("convert", input=sample("ultra-hdr.jpg"), output=tmp_path / "a.jpg", metadata="all")
    done("resize", input=tmp_path / "a.jpg", output=tmp_path / "b.jpg", width=300, metadata="all")
    assert loaded(tmp_path / "b.jpg")[1].width == 150
    assert (tmp_path / "b.jpg").read_bytes().count(b"MPF\0") == 1


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_it_turns_with_the_picture(done, sample, tmp_path, orientation):
    data = sample("ultra-hdr.jpg").read_bytes()
    at = data.index(b"\x01\x12\x00\x03") if b"\x01\x12\x00\x03" in data else -1
    order = "big"
    if at < 0:
        at, order = data.index(b"\x12\x01\x03\x00"), "little"
    turned = bytearray(data)
    turned[at + 8 : at + 10] = orientation.to_bytes(2, order)
    (tmp_path / "in.jpg").write_bytes(turned)
    result = done("convert", input=tmp_path / "in.jpg", output=tmp_path / "a.jpg", metadata="all")
    assert result.metadata["gain_map"] == "kept"
    before, after = loaded(sample("ultra-hdr.jpg"))[1], loaded(tmp_path / "a.jpg")[1]
    wanted = {3: before.rot180, 6: before.rot90, 8: before.rot270}[orientation]()
    assert (after.width, after.height) == (wanted.width, wanted.height)
    assert abs(wanted.cast("int") - after.cast("int")).avg() < 2


@pytest.mark.parametrize("metadata", ["none", "icc", "copyright", "all"])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "tiff"])
def test_elsewhere_it_leaves_nothing_behind(done, sample, tmp_path, metadata, suffix):
    fields = {"width": 100, "height": 100, "fit": "cover"} if suffix == "jpg" else {"width": 100}
    done("convert", input=sample("ultra-hdr.jpg"), output=tmp_path / "in.jpg", metadata="all")  # has XMP about it
    output = tmp_path / f"a.{suffix}"
    result = done("resize", input=tmp_path / "in.jpg", output=output, metadata=metadata, **fields)
    assert result.metadata["gain_map"] == "dropped"
    assert traces(output) == []


def test_pictures_without_one_say_nothing(done, sample, tmp_path):
    result = done("convert", input=sample("photo-exif.jpg"), output=tmp_path / "a.jpg", metadata="all")
    assert "gain_map" not in result.metadata


def test_other_operations_say_that_they_drop_it(done, sample, tmp_path):
    fields = {"rect": {"x": 0, "y": 0, "width": 50, "height": 50}, "metadata": "all"}
    result = done("crop", input=sample("ultra-hdr.jpg"), output=tmp_path / "a.jpg", **fields)
    assert result.metadata["gain_map"] == "dropped"
    assert traces(tmp_path / "a.jpg") == []


@pytest.mark.parametrize("cut", [10, 1500])
def test_a_broken_map_is_dropped(done, sample, tmp_path, cut):
    data = sample("ultra-hdr.jpg").read_bytes()
    (tmp_path / "in.jpg").write_bytes(data[:-cut])
    result = done("convert", input=tmp_path / "in.jpg", output=tmp_path / "a.jpg", metadata="all")
    assert result.metadata["gain_map"] == "dropped"
    assert traces(tmp_path / "a.jpg") == []


def with_map(source, found):
    """Return a file with another gain map in the place of its own."""
    data = bytearray(source.read_bytes())
    own = _gain_map._second(bytes(data))
    index = data.index(b"MPF\0")
    order = "little" if data[index + 4 : index + 6] == b"II" else "big"
    length = data.index(len(own).to_bytes(4, order), index)
    data[length : length + 4] = len(found).to_bytes(4, order)
    return bytes(data).replace(own, found)


@pytest.mark.parametrize(("size", "kept"), [((120, 80), "kept"), ((121, 80), "dropped"), ((3000, 3000), "dropped")])
def test_a_map_larger_than_its_picture_is_dropped(done, sample, tmp_path, size, kept):
    coded = io.BytesIO()
    Image.new("L", size, 128).save(coded, "JPEG")
    (tmp_path / "a.jpg").write_bytes(with_map(sample("gain-map.jpg"), coded.getvalue()))
    result = done("resize", input=tmp_path / "a.jpg", width=40, metadata="all", output=tmp_path / "b.jpg")
    assert result.metadata["gain_map"] == kept


def test_a_map_of_noise_is_dropped(done, sample, tmp_path):
    data = bytearray(sample("ultra-hdr.jpg").read_bytes())
    at = data.rindex(b"\xff\xda") + 40
    data[at:-2] = bytes(np.random.default_rng(0).integers(0, 255, len(data) - at - 2, np.uint8))
    (tmp_path / "in.jpg").write_bytes(bytes(data))
    result = done("convert", input=tmp_path / "in.jpg", output=tmp_path / "a.jpg", metadata="all")
    assert result.metadata["gain_map"] in ("dropped", "kept")
    assert bool(traces(tmp_path / "a.jpg")) == (result.metadata["gain_map"] == "kept")


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg" '
    b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" hdrgm:GainMapMax="2.5">'
    b"<dc:creator><rdf:Seq><rdf:li>Somebody</rdf:li></rdf:Seq></dc:creator><hdrgm:Gamma>1</hdrgm:Gamma>"
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)


def test_xmp_loses_the_gain_map_alone():
    plain = _xmp.without_gain_map(XMP)
    assert b"Somebody" in plain
    assert b'dc:format="image/jpeg"' in plain
    assert b"hdrgm" not in plain
    assert _xmp.without_gain_map(plain) == plain
    assert _xmp.without_gain_map(XMP[:-10]) is None
    assert _xmp.without_gain_map(b"<a/>") == b"<a/>"


def test_xmp_says_how_long_the_map_is():
    for source in (None, b"", b"<broken", b"<a/>", XMP):
        made = _xmp.with_gain_map(source, 12345)
        assert b'Item:Length="12345"' in made
        assert made.count(b'hdrgm:Version="1.0"') == 1
        assert (b"Somebody" in made) == (source == XMP)
        again = _xmp.with_gain_map(made, 7)
        assert again.count(b"Item:Length=") == 1


@pytest.mark.parametrize(
    "index", [b"", b"MM\0*", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff" + b"\xb0\x02" * 200]
)
def test_broken_indices_list_nothing_harmful(index):
    assert len(_gain_map._pictures(index)) <= 16
