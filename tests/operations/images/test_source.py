import contextlib
import struct
import zlib

import pytest

from mediamill.operations.contract import Blob, Limits
from mediamill.operations.images import _headers, _svg
from mediamill.operations.images._source import open_source
from mediamill.operations.sniff import sniff
from mediamill.protocol.errors import CorruptInput, LimitExceeded, UnsupportedFormat


def blob(data, name="x"):
    return Blob(data=data, name=name, path=None, kind=sniff(data))


def facts(path, **limits):
    return open_source(blob(path.read_bytes(), path.name), Limits(**limits)).facts


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("photo.jpg", {"format": "jpeg", "size": (1600, 1067), "bands": 3, "depth": 8, "scans": 1, "icc": None}),
        ("photo-progressive.jpg", {"format": "jpeg", "size": (800, 534)}),
        ("photo-gray.jpg", {"bands": 1, "interpretation": "b-w"}),
        ("photo-exif.jpg", {"has_exif": True}),
        ("orientation-6.jpg", {"orientation": 6, "width": 80, "height": 120, "size": (120, 80)}),
        ("cmyk.jpg", {"bands": 4, "interpretation": "cmyk", "alpha": False}),
        ("alpha.png", {"bands": 4, "alpha": True}),
        ("gray-alpha.png", {"bands": 2, "alpha": True}),
        ("rgb16.png", {"depth": 16, "interpretation": "rgb16"}),
        ("onebit.png", {"depth": 1}),
        ("animated.gif", {"frames": 12, "animated": True}),
        ("animated.webp", {"frames": 12, "animated": True}),
        ("animated.avif", {"format": "avif", "frames": 12, "animated": True, "size": (160, 120)}),
        ("animated-apng.png", {"frames": 12, "animated": True}),
        ("multipage.tiff", {"frames": 3, "animated": False}),
        ("photo.avif", {"format": "avif", "size": (800, 534), "frames": 1}),
        ("photo.bmp", {"format": "bmp", "size": (400, 267)}),
        ("photo.ico", {"format": "ico", "size": (48, 48), "frames": 3}),
        ("photo.jp2", {"format": "jp2", "size": (800, 534)}),
        ("drawing.svg", {"format": "svg", "size": (300, 200), "vector": True}),
        ("drawing-viewbox.svg", {"size": (300, 200)}),
        ("wrong-extension.png", {"format": "jpeg"}),
    ],
)
def test_facts(sample, name, wanted):
    found = facts(sample(name))
    assert {field: getattr(found, field) for field in wanted} == wanted


def test_delays_are_the_same_in_every_format(sample):
    delays = {facts(sample(f"animated.{suffix}")).delays for suffix in ("gif", "webp", "avif")} | {
        facts(sample("animated-apng.png")).delays
    }
    assert len(delays) == 1
    assert len(delays.pop()) == 12


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("text.jpg", UnsupportedFormat),
        ("html.png", UnsupportedFormat),
        ("empty.jpg", UnsupportedFormat),
        ("image.csv", UnsupportedFormat),
        ("playlist.jpg", UnsupportedFormat),
        ("native.v", UnsupportedFormat),
        ("bomb-4gp.png", LimitExceeded),
        ("bomb-4gp.jpg", LimitExceeded),
        ("bomb-scans.jpg", LimitExceeded),
        ("bomb-16383.webp", LimitExceeded),
        ("bomb-frames.webp", LimitExceeded),
        ("bomb-frames.gif", LimitExceeded),
        ("bomb-canvas.gif", LimitExceeded),
        ("bomb-pages.tiff", LimitExceeded),
        ("bomb.svg", LimitExceeded),
        ("bomb.svgz", LimitExceeded),
        ("half.gif", CorruptInput),
        ("half.webp", CorruptInput),
        ("half.tiff", CorruptInput),
    ],
)
def test_refused_by_the_header(sample, name, error):
    with pytest.raises(error) as caught:
        facts(sample(name))
    assert caught.value.field == "input"
    assert caught.value.message.endswith(".") or name in caught.value.message


def test_a_refusal_says_what_the_file_is(sample):
    with pytest.raises(UnsupportedFormat, match=r"an HTML page.*html\.png"):
        facts(sample("html.png"))


@pytest.mark.parametrize(
    ("name", "limit", "value", "actual"),
    [
        ("photo.jpg", "max_side", 1599, "1600"),
        ("photo.jpg", "max_pixels", 1_707_199, "1707200"),
        ("animated.gif", "max_frames", 11, "12"),
        ("animated.webp", "max_frames", 11, "12"),
        ("animated.avif", "max_frames", 11, "12"),
        ("animated-apng.png", "max_frames", 11, "12"),
        ("multipage.tiff", "max_frames", 2, "3"),
        ("animated.webp", "max_frame_pixels", 230_399, "230400"),
        ("photo-progressive.jpg", "max_scans", 1, ""),
        ("drawing.svg", "max_svg_bytes", 100, "100"),
    ],
)
def test_limits_name_themselves_and_the_value(sample, name, limit, value, actual):
    with pytest.raises(LimitExceeded) as caught:
        facts(sample(name), **{limit: value})
    assert limit in caught.value.message
    assert actual in caught.value.message
    if actual and not name.endswith("svg"):
        facts(sample(name), **{limit: value + 1})


@pytest.mark.parametrize(
    "name", ["half.jpg", "half.png", "half.avif", "bad-crc.png", "header-only.jpg", "zeroed-tail.jpg", "half.gif"]
)
@pytest.mark.parametrize("widths", [[60], [120, 60]])
def test_damage_below_the_header_is_found(code, sample, tmp_path, name, widths):
    found = code("resize", input=sample(name), output_dir=tmp_path / "out", widths=widths, format="webp")
    assert found == "corrupt_input"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["trailing-garbage.jpg", "bad-exif.jpg", "bad-icc.jpg", "bomb-ztxt.png"])
def test_oddities_are_accepted(done, sample, tmp_path, pixels, distance, name):
    done("resize", input=sample(name), output=tmp_path / "a.png", width=120)
    if name != "bomb-ztxt.png":
        assert distance(pixels(tmp_path / "a.png"), pixels(sample("orientation-1.jpg"))) < 3


def test_a_codec_nobody_has_is_unsupported(code, tmp_path):
    (tmp_path / "a.jxl").write_bytes(b"\xff\x0a" + bytes(100))
    assert code("resize", input=tmp_path / "a.jxl", output_dir=tmp_path, widths=[60]) == "unsupported_format"


@pytest.mark.parametrize("name", ["photo.bmp", "photo.tiff", "photo.jp2", "photo.gif", "photo.avif", "photo.webp"])
def test_every_decoder_sees_the_photo(done, sample, tmp_path, pixels, distance, name):
    done("resize", input=sample(name), output=tmp_path / "a.png", width=200)
    plain = "alpha-opaque.png" if name in ("photo.bmp", "photo.tiff", "photo.gif") else "photo.png"
    done("resize", input=sample(plain), output=tmp_path / "b.png", width=200)
    assert distance(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")) < 10


def test_icons_give_their_largest_picture(done, sample, tmp_path, pixels):
    done("convert", input=sample("photo.ico"), output=tmp_path / "a.png")
    assert pixels(tmp_path / "a.png").shape[:2] == (48, 48)


def test_an_icon_of_a_bitmap_that_lies_about_its_size():
    header = struct.pack("<IiiHHIIiiII", 40, 30000, 60000, 1, 32, 0, 0, 0, 0, 0, 0)
    data = b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, 40, 22) + header
    with pytest.raises(LimitExceeded, match="30000x30000"):
        open_source(blob(data), Limits())


@pytest.mark.parametrize("data", [b"\0\0\1\0\0\0", b"\0\0\1\0\1\0" + bytes(16), b"\0\0\1\0\1\0" + b"\xff" * 16])
def test_broken_icons(data):
    with pytest.raises(CorruptInput):
        open_source(blob(data), Limits())


def test_compressed_drawings(sample, done, tmp_path, pixels, distance):
    drawing = sample("drawing.svg").read_bytes()
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(drawing) + packer.flush()
    (tmp_path / "a.svgz").write_bytes(packed)
    done("convert", input=tmp_path / "a.svgz", output=tmp_path / "a.png")
    done("convert", input=sample("drawing.svg"), output=tmp_path / "b.png")
    assert distance(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")) == 0
    with pytest.raises(CorruptInput):
        _svg.inflate(packed[:-20], 1 << 20)
    with pytest.raises(LimitExceeded):
        _svg.inflate(packed, len(drawing) - 1)


SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'


@pytest.mark.parametrize(
    ("inner", "error"),
    [
        ("<g/>" * 50_001, LimitExceeded),
        ("<g>" * 201 + "</g>" * 201, LimitExceeded),
        ('<g id="a">' + "<g/>" * 300 + "</g>" + '<use xlink:href="#a"/>' * 300, LimitExceeded),
        ('<g id="a">' + "<g/>" * 300 + "</g>" + '<rect fill="url(#a)"/>' * 300, LimitExceeded),
        ("<filter>" + "<feGaussianBlur/>" * 3000 + "</filter>", LimitExceeded),
        ("<g>", CorruptInput),
    ],
)
def test_drawings_that_draw_too_much(inner, error):
    with pytest.raises(error):
        _svg.check_drawing(SVG.format(inner).encode())


@pytest.mark.parametrize(
    "inner",
    [
        '<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>',
        '<g id="a"><use href="#a"/></g>',
        '<g id="a"/><g id="a"/><use href="#c"/>',
    ],
)
def test_drawings_that_refer_to_themselves(inner):
    _svg.check_drawing(SVG.format(inner).encode())


def test_entities_that_expand_without_end():
    entities = '<!ENTITY a0 "aaaaaaaaaa">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    with pytest.raises((LimitExceeded, CorruptInput)):
        _svg.check_drawing(f"<!DOCTYPE svg [{entities}]>{SVG.format('<text>&a11;</text>')}".encode())


def test_gifs_of_tiny_blocks_end(monkeypatch):
    monkeypatch.setattr(_headers, "MAX_GIF_BLOCKS", 100)
    data = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + b"!\xfe" + b"\x01x" * 200 + b"\x00;"
    with pytest.raises(LimitExceeded):
        _headers.gif(data, 10)


@pytest.mark.parametrize("cut", [0, 5, 13, 20, 100])
def test_headers_of_any_length(sample, cut):
    for name in ("photo.jpg", "animated.gif", "animated.avif", "photo.ico", "animated-apng.png", "photo.tiff"):
        data = sample(name).read_bytes()[:cut]
        with contextlib.suppress(CorruptInput, UnsupportedFormat):
            open_source(blob(data), Limits())


def test_hdr_is_recognised():
    chunk = b"cICP" + bytes((9, 16, 0, 1))
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 4) + chunk + bytes(4) + struct.pack(">I", 0) + b"IDAT"
    assert _headers.codes(data, "png") == (9, 16)
    colr = b"\0\0\0\x13colrnclx\0\x0c\0\x12\0\x09\x80"
    ipco = (len(colr) + 8).to_bytes(4, "big") + b"ipco" + colr
    iprp = (len(ipco) + 8).to_bytes(4, "big") + b"iprp" + ipco
    meta = (len(iprp) + 12).to_bytes(4, "big") + b"meta" + bytes(4) + iprp
    assert _headers.codes(meta, "avif") == (12, 18)
    assert _headers.codes(b"....", "avif") == (2, 2)


def test_libvips_log_never_reaches_python():
    """A message logged by an image that is collected while Python handles a message ends the process."""
    import os

    from mediamill.operations.images._vips import vips

    assert vips()._log_handler_id is None
    assert os.environ["VIPS_WARNING"]


def test_pictures_inside_a_drawing_count(code, done, sample, tmp_path):
    import base64

    bomb = base64.b64encode(sample("bomb-4gp.png").read_bytes()).decode()
    fine = base64.b64encode(sample("flat.png").read_bytes()).decode()
    nested = base64.b64encode(sample("drawing.svg").read_bytes()).decode()
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="40" height="40">'
        '<image width="40" height="40" xlink:href="data:image/{}"/></svg>'
    )
    cases = {f"png;base64,{bomb}": "limit_exceeded", f"svg+xml;base64,{nested}": "limit_exceeded"}
    for body, expected in cases.items():
        (tmp_path / "d.svg").write_text(drawing.format(body))
        assert code("convert", input=tmp_path / "d.svg", output=tmp_path / "o.png") == expected
    (tmp_path / "d.svg").write_text(drawing.format(f"png;base64,{fine}"))
    assert done("convert", input=tmp_path / "d.svg", output=tmp_path / "o.png").outputs[0].width == 40


def test_scans_are_counted_past_an_end_of_image_in_a_comment(code, sample, tmp_path):
    data = sample("bomb-scans.jpg").read_bytes()
    at = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    (tmp_path / "a.jpg").write_bytes(data[:at] + b"\xff\xfe\x00\x04\xff\xd9" + data[at:])
    assert code("resize", input=tmp_path / "a.jpg", output_dir=tmp_path, widths=[100]) == "limit_exceeded"
