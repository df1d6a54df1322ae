"""JPEG 2000, BMP, icons and Photoshop documents in their less usual kinds."""

import io
import struct
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from mediamill.operations.contract import Blob, Limits
from mediamill.operations.images import _headers, _psd
from mediamill.operations.images._source import open_source
from mediamill.operations.sniff import sniff
from mediamill.protocol.errors import CorruptInput, LimitExceeded, UnsupportedFormat

UPPER, LOWER = (250, 10, 20), (20, 30, 240)


def opened(data, **limits):
    return open_source(Blob(data=data, name="x", path=None, kind=sniff(data)), Limits(**limits))


def decoded(data):
    return np.squeeze(opened(data).load().numpy())


def halves(mode="RGB"):
    picture = np.empty((20, 30, 3), np.uint8)
    picture[:10], picture[10:] = UPPER, LOWER
    image = Image.fromarray(picture)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(np.full((20, 30), 128, np.uint8)))
    return image.convert(mode)


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def p3(sample):
    with Image.open(sample("p3.png")) as image:
        return image.info["icc_profile"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "I;16"])
def test_jpeg_2000(mode):
    image = Image.fromarray(np.full((20, 30), 40_000, np.uint16)) if mode == "I;16" else halves(mode)
    source = opened(saved(image, "JPEG2000"))
    assert source.facts.alpha == (mode in ("RGBA", "LA"))
    assert source.facts.depth == (16 if mode == "I;16" else 8)
    assert (np.squeeze(source.load().numpy()) == np.asarray(image)).all()


def test_jpeg_2000_as_a_bare_stream_and_as_luma_and_chroma():
    assert (decoded(saved(halves(), "JPEG2000", no_jp2=True)) == np.asarray(halves())).all()
    found = decoded(saved(halves("YCbCr"), "JPEG2000")).astype(int)
    assert np.abs(found - np.asarray(halves())).max() <= 4


def test_jpeg_2000_of_sixteen_bits_a_channel():
    import av

    picture = np.repeat(np.asarray(halves()).astype(np.uint16) * 256, 2, axis=1)
    coder = av.CodecContext.create("jpeg2000", "w")
    coder.width, coder.height, coder.pix_fmt, coder.time_base = 60, 20, "rgb48le", Fraction(1)
    coder.options = {"format": "jp2", "pred": "dwt53"}
    frame = av.VideoFrame.from_ndarray(picture, format="rgb48le")
    frame.pts = 0
    data = b"".join(bytes(packet) for packet in [*coder.encode(frame), *coder.encode(None)])
    assert (decoded(data) == picture // 256).all()


def test_jpeg_2000_has_its_profile(done, sample, tmp_path, pixels, distance):
    data = saved(Image.open(sample("p3.png")), "JPEG2000")
    at = data.index(b"colr") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    profile = p3(sample)
    colr = (len(profile) + 11).to_bytes(4, "big") + b"colr\x02\0\0" + profile
    head = data.index(b"jp2h") - 4
    grown = int.from_bytes(data[head : head + 4], "big") + len(colr) - size
    data = data[:head] + grown.to_bytes(4, "big") + data[head + 4 : at] + colr + data[at + size :]
    (tmp_path / "a.jp2").write_bytes(data)
    done("convert", input=tmp_path / "a.jp2", output=tmp_path / "a.png", metadata="none")
    assert distance(pixels(tmp_path / "a.png"), pixels(sample("alpha-opaque.png"))[..., :3]) < 1.5


def bmp(size, bits, pixels, *, packing=0, header=40, masks=b"", palette=b"", more=b""):
    head = struct.pack("<IiiHHIIiiII", header, *size, 1, bits, packing, len(pixels), 0, 0, len(palette) // 4, 0) + more
    start = 14 + len(head) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + head + masks + palette + pixels


PALETTE = struct.pack("<4I", 0xFF0000, 0x00FF00, 0x0000FF, 0xFFFFFF)
RED, GREEN, BLUE = [255, 0, 0], [0, 255, 0], [0, 0, 255]
BMPS = {
    "from the bottom": (bmp((1, 2), 24, bytes([0, 0, 255, 0, 0, 255, 0, 0])), [GREEN, RED]),
    "from the top": (bmp((1, -2), 24, bytes([0, 0, 255, 0, 0, 255, 0, 0])), [RED, GREEN]),
    "run lengths": (
        bmp((4, 2), 8, bytes([4, 0, 0, 0, 2, 1, 2, 2, 0, 0, 0, 1]), packing=1, palette=PALETTE),
        [[GREEN, GREEN, BLUE, BLUE], [RED] * 4],
    ),
    "run lengths of four bits": (
        bmp((4, 2), 4, bytes([4, 0x01, 0, 0, 4, 0x23, 0, 0, 0, 1]), packing=2, palette=PALETTE),
        [[BLUE, [255] * 3, BLUE, [255] * 3], [RED, GREEN, RED, GREEN]],
    ),
    "five bits": (bmp((2, 1), 16, struct.pack("<HH", 0x7C00, 0x03E0)), [RED, GREEN]),
    "six bits of green": (
        bmp((2, 1), 16, struct.pack("<HH", 0xF800, 0x07E0), packing=3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F)),
        [RED, GREEN],
    ),
    "a fourth byte that is no alpha": (bmp((1, 1), 32, bytes([1, 2, 200, 0])), [200, 2, 1]),
    "the oldest header": (
        b"BM" + struct.pack("<IHHIIHHHH", 34, 0, 0, 26, 12, 2, 1, 1, 24) + bytes([0, 0, 255, 0, 255, 0, 0, 0]),
        [RED, GREEN],
    ),
}


@pytest.mark.parametrize("name", BMPS)
def test_bmp(name):
    data, wanted = BMPS[name]
    assert opened(data).facts.bands == 3
    assert decoded(data).tolist() == wanted


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_bmp_of_few_colours(mode):
    image = halves().quantize(8) if mode == "P" else halves(mode)
    data = saved(image, "BMP")
    assert opened(data).facts.bands == (3 if mode == "P" else 1)
    assert (decoded(data) == np.asarray(image.convert("RGB" if mode == "P" else "L"))).all()


def test_bmp_with_alpha_and_a_profile(done, sample, tmp_path, pixels, distance):
    profile = p3(sample)
    with Image.open(sample("p3.png")) as image:
        width, height = image.size
        body = np.dstack((np.asarray(image)[::-1, :, ::-1], np.full((height, width), 255, np.uint8))).tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    more = masks + b"DEBM" + bytes(48) + struct.pack("<4I", 4, 124 + len(body), len(profile), 0)
    data = bmp((width, height), 32, body, packing=3, header=124, more=more) + profile
    assert _headers.bmp_profile(data) == profile
    assert opened(data).facts.alpha
    (tmp_path / "a.bmp").write_bytes(data)
    done("convert", input=tmp_path / "a.bmp", output=tmp_path / "a.png", metadata="none")
    assert distance(pixels(tmp_path / "a.png"), pixels(sample("alpha-opaque.png"))[..., :3]) < 1.5


@pytest.mark.parametrize("bitmap", ["bmp", "png"])
def test_icons_give_their_best_picture(bitmap):
    data = saved(halves("RGBA").resize((256, 256)), "ICO", sizes=[(16, 16), (256, 256), (48, 48)], bitmap_format=bitmap)
    found = opened(data)
    assert (found.facts.size, found.facts.alpha) == ((256, 256), True)
    assert np.abs(found.load().numpy()[5, 5].astype(int) - (*UPPER, 128)).max() <= 1


def psd(mode, depth, planes, *, size=(30, 20), resources=b"", colours=b"", layers=0, large=False, packed=False):
    """Return a document of rows of equal planes; a negative number of layers says that there is alpha."""
    width, height = size
    section = struct.pack(">IhH", 4, layers, 0) if layers else b""
    wide, kind = (">Q", ">u4") if large else (">I", ">u2")
    if large and layers:
        section = struct.pack(">QhH", 4, layers, 0)
    head = b"8BPS" + struct.pack(">H6xHIIHH", 2 if large else 1, len(planes), height, width, depth, mode)
    head += struct.pack(">I", len(colours)) + colours + struct.pack(">I", len(resources)) + resources
    head += struct.pack(wide, len(section)) + section
    if not packed:
        return head + b"\0\0" + b"".join(plane.tobytes() for plane in planes)
    rows = [b"".join(bytes([0, byte]) for byte in row.tobytes()) for plane in planes for row in plane]
    return head + b"\0\1" + np.array([len(row) for row in rows], kind).tobytes() + b"".join(rows)


def plane(value, kind=np.uint8, size=(30, 20)):
    return np.full((size[1], size[0]), value, kind)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
def test_photoshop(large, packed, depth):
    kind, unit = (">u2", 257) if depth == 16 else ("u1", 1)
    data = psd(3, depth, [plane(value * unit, kind) for value in (200, 100, 50)], large=large, packed=packed)
    source = opened(data)
    assert (source.facts.size, source.facts.depth, source.facts.alpha) == ((30, 20), depth, False)
    assert source.load().numpy()[7, 9].tolist() == [200 * unit, 100 * unit, 50 * unit]


@pytest.mark.parametrize(
    ("mode", "depth", "values", "shown"),
    [
        (1, 8, (77,), [77]),
        (1, 8, (77, 9), [77]),
        (8, 8, (77,), [77]),
        (4, 8, (255, 0, 0, 255), [0, 255, 255, 0]),
        (3, 8, (200, 100, 50, 9, 9), [200, 100, 50]),
        (2, 8, (1,), [10, 20, 30]),
    ],
)
def test_photoshop_modes(mode, depth, values, shown):
    colours = b"".join(bytes([0, value]) + bytes(254) for value in (10, 20, 30)) if mode == 2 else b""
    data = psd(mode, depth, [plane(value) for value in values], colours=colours)
    assert opened(data).facts.bands == len(shown)
    assert np.atleast_1d(decoded(data)[3, 4]).tolist() == shown


def test_photoshop_of_one_bit():
    data = psd(0, 1, [np.full((20, 4), 0xF0, np.uint8)])
    assert decoded(data)[0, :8].tolist() == [0, 0, 0, 0, 255, 255, 255, 255]


@pytest.mark.parametrize("depth", [8, 16])
def test_photoshop_in_lab(done, tmp_path, pixels, depth):
    """Lab 54.29 80.80 69.89, of D50 as profiles have it, is sRGB's red."""
    values = (54.29 / 100, (80.80 + 128) / 256, (69.89 + 128) / 256)
    kind, top = ("u1", 255) if depth == 8 else (">u2", 65535)
    scale = (top, top + 1, top + 1)
    (tmp_path / "a.psd").write_bytes(
        psd(9, depth, [plane(round(value * unit), kind) for value, unit in zip(values, scale, strict=True)])
    )
    done("convert", input=tmp_path / "a.psd", output=tmp_path / "a.webp", lossless=True)
    assert np.abs(pixels(tmp_path / "a.webp")[5, 5] - RED).max() <= (8 if depth == 8 else 2)


@pytest.mark.parametrize("large", [False, True])
def test_photoshop_lays_what_is_transparent_on_white(large):
    """Half transparent (200, 100, 50) on white is stored as (228, 178, 153)."""
    data = psd(3, 8, [plane(value) for value in (228, 178, 153, 128)], layers=-2, large=large)
    assert opened(data).facts.alpha
    assert np.abs(decoded(data)[5, 5].astype(int) - (200, 100, 50, 128)).max() <= 2


def test_photoshop_has_its_profile(done, sample, tmp_path, pixels, distance):
    profile = p3(sample)
    resource = b"8BIM" + struct.pack(">HH", 1039, 0) + len(profile).to_bytes(4, "big") + profile
    with Image.open(sample("p3.png")) as image:
        planes, size = list(np.moveaxis(np.asarray(image), -1, 0)), image.size
    (tmp_path / "a.psd").write_bytes(psd(3, 8, planes, size=size, resources=resource + bytes(len(profile) % 2)))
    done("convert", input=tmp_path / "a.psd", output=tmp_path / "a.png", metadata="none")
    done("convert", input=tmp_path / "a.psd", output=tmp_path / "b.png")
    assert distance(pixels(tmp_path / "a.png"), pixels(sample("alpha-opaque.png"))[..., :3]) < 1.5
    with Image.open(tmp_path / "b.png") as image:
        assert image.info["icc_profile"] == profile


def test_photoshop_documents_that_cannot_be_shown():
    fine = psd(3, 8, [plane(1)] * 3)
    for data in (fine[:20], fine[:-100], fine[:60], psd(3, 8, [plane(1)] * 2), psd(5, 8, [plane(1)])):
        with pytest.raises(CorruptInput):
            decoded(data)
    unmerged = b"8BIM" + struct.pack(">HHI", 1057, 0, 6) + b"\0\0\0\1\0\0"
    for data in (psd(3, 32, [plane(1, ">f4")] * 3), psd(3, 8, [plane(1)] * 3, resources=unmerged)):
        with pytest.raises(UnsupportedFormat):
            decoded(data)
    with pytest.raises(UnsupportedFormat):
        _psd.decode(fine.replace(b"\0\0\x01\x01\x01", b"\0\3\x01\x01\x01", 1))
    with pytest.raises(CorruptInput):
        decoded(psd(3, 8, [plane(1)] * 3, packed=True)[:-30])


def test_limits_of_photoshop_documents(monkeypatch):
    monkeypatch.setattr(_psd, "decode", None)
    with pytest.raises(LimitExceeded):
        opened(psd(3, 8, [plane(1)] * 3), max_pixels=599)
    with pytest.raises(LimitExceeded):
        opened(psd(3, 8, [plane(1)] * 3)[:40].replace(struct.pack(">II", 20, 30), b"\0\0\xff\xff" * 2) + bytes(100))


@pytest.mark.parametrize("name", ["photo.jp2", "photo.bmp", "photo.ico"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_what_is_cut_short_is_corrupt(code, sample, tmp_path, name, share):
    data = sample(name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    assert code("resize", input=tmp_path / name, output=tmp_path / "a.png", widths=[20]) == "corrupt_input"
