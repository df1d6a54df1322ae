"""What other programs that make PDFs smaller get wrong: polarity, chains of filters, codings that are left, inline."""

import base64
import io
import zlib
from contextlib import closing

import numpy as np
import pikepdf
import pypdfium2
import pytest
import pyvips
from pikepdf import Array, Dictionary, Name
from PIL import Image

from mediamill.operations.documents import _candidates, _filters, _jbig2, _verify

QUALITIES = ["low", "medium", "high", "lossless"]


def document(path, pictures, content=b"", size=(120, 120)):
    """Write a page that paints pictures, each of them all over it, and more content."""
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=size)
    page = pdf.pages[0].obj
    named = {f"/I{at}": pdf.make_indirect(make(pdf)) for at, make in enumerate(pictures)}
    page.Resources = Dictionary(XObject=Dictionary(named))
    drawn = b"".join(b"q %d 0 0 %d 0 0 cm %s Do Q " % (*size, name.encode()) for name in named)
    page.Contents = pdf.make_indirect(pikepdf.Stream(pdf, drawn + content))
    pdf.save(path, compress_streams=False)
    return path


def picture(data, size, **fields):
    entries = {"Type": Name.XObject, "Subtype": Name.Image, "Width": size[0], "Height": size[1]}
    return lambda pdf: pikepdf.Stream(pdf, data, **(entries | {"BitsPerComponent": 8} | fields))


def shown(path, scale=1.0):
    with closing(pypdfium2.PdfDocument(path)) as pdf, closing(pdf[0]) as page:
        return np.ascontiguousarray(page.render(scale=scale).to_numpy()[:, :, :3])


def photo(side=480):
    y, x = np.mgrid[0:side, 0:side] / side
    wave = 0.5 + 0.25 * np.sin(9 * x + 5 * y * y) + 0.2 * np.cos(31 * x * y)
    return (255 * np.stack([wave, 0.8 * wave * x, 1 - wave], axis=2).clip(0, 1)).astype(np.uint8)


def coded(pixels, form, **options):
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, form, **options)
    return target.getvalue()


def fax(bits):
    """Return the strip of a Group 4 fax of pixels, True for black."""
    target = io.BytesIO()
    sheet = Image.fromarray(~bits)
    sheet.save(target, "TIFF", compression="group4", tiffinfo={262: 0, 278: sheet.height})
    with Image.open(target) as tiff:
        (start,), (length,) = tiff.tag_v2[273], tiff.tag_v2[279]
        return target.getvalue()[start : start + length]


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("stencil", [False, True], ids=["picture", "stencil"])
@pytest.mark.parametrize("decode", [[0, 1], [1, 0]], ids=["upright", "turned"])
@pytest.mark.parametrize("black_is_1", [False, True])
def test_black_stays_black(done, tmp_path, quality, stencil, decode, black_is_1):
    """A fax says by three switches which of its pixels are black."""
    y, x = np.mgrid[0:400, 0:400]
    bits = ((x // 7 + y // 11) % 5 == 0) | (np.hypot(x - 200, y - 150) < 60)
    parms = Dictionary(K=-1, Columns=400, Rows=400, BlackIs1=black_is_1)
    more = {"ImageMask": True} if stencil else {"ColorSpace": Name.DeviceGray}
    more |= {"BitsPerComponent": 1, "Decode": Array(decode)}
    make = picture(fax(bits), (400, 400), Filter=Name.CCITTFaxDecode, DecodeParms=parms, **more)
    source, output = document(tmp_path / "in.pdf", [make], size=(400, 400)), tmp_path / "out.pdf"
    done("pdf_compress", input=source, output=output, quality=quality, verify="off")
    with pikepdf.open(output) as pdf:
        assert str(pdf.pages[0].obj.Resources.XObject.I0.Filter) == "/JBIG2Decode"
    before = shown(source)
    assert 0.1 < (before < 128).mean() < 0.9
    assert np.array_equal(before, shown(output))


@pytest.mark.parametrize("quality", ["low", "medium"])
def test_a_jpeg_behind_another_filter_is_one(done, tmp_path, quality):
    data = base64.a85encode(coded(photo(), "JPEG", quality=95)) + b"~>"
    make = picture(data, (480, 480), ColorSpace=Name.DeviceRGB, Filter=Array([Name.ASCII85Decode, Name.DCTDecode]))
    source, output = document(tmp_path / "in.pdf", [make]), tmp_path / "out.pdf"
    metadata = done("pdf_compress", input=source, output=output, quality=quality).metadata
    assert metadata["images"]["downsampled"] == 1
    assert metadata["output_bytes"] < 0.4 * metadata["input_bytes"]
    found = _verify.difference(*(pyvips.Image.new_from_array(shown(path)) for path in (source, output)))
    assert found.similarity > 0.9
    assert found.block < 20  # colours that are not undone are off by more than a hundred


def bare_rgb(pixels):
    """Return a JPEG of red, green and blue that does not say so itself."""
    data = coded(pixels, "JPEG", quality=95, keep_rgb=True)
    start = data.index(b"\xff\xee")
    data = bytearray(data[:2] + data[start + 2 + int.from_bytes(data[start + 2 : start + 4]) :])
    for marker, step in ((b"\xff\xc0", 3), (b"\xff\xda", 2)):
        at = data.index(marker) + (10 if marker == b"\xff\xc0" else 5)
        for number in range(3):
            data[at + step * number] = number + 1
    return bytes(data)


@pytest.mark.parametrize("quality", ["low", "medium"])
def test_a_photo_in_digits_is_one(done, tmp_path, quality):
    """A digit may stand for four bytes, but hardly ever does, and what is behind them packs to more than a quarter."""
    pixels = (photo(300) + np.random.default_rng(2).normal(0, 6, (300, 300, 3))).clip(0, 255).astype(np.uint8)
    digits = base64.a85encode(zlib.compress(pixels.tobytes())) + b"~>"
    filters = Array([Name.ASCII85Decode, Name.FlateDecode])
    made = picture(digits, (300, 300), ColorSpace=Name.DeviceRGB, Filter=filters)
    source, output = document(tmp_path / "a.pdf", [made]), tmp_path / "b.pdf"
    done("pdf_compress", input=source, output=output, quality=quality)
    assert output.stat().st_size < source.stat().st_size / 8
    assert np.abs(shown(source).astype(int) - shown(output)).mean() < 6


@pytest.mark.parametrize("quality", QUALITIES)
def test_what_the_document_says_about_a_jpegs_colours_counts(done, tmp_path, quality):
    muted = (118 + photo(480) / 16).astype(np.uint8)
    make = picture(
        bare_rgb(muted), (480, 480), ColorSpace=Name.DeviceRGB, Filter=Name.DCTDecode,
        DecodeParms=Dictionary(ColorTransform=0),
    )  # fmt: skip
    source, output = document(tmp_path / "in.pdf", [make]), tmp_path / "out.pdf"
    done("pdf_compress", input=source, output=output, quality=quality, verify="off")
    before, after = shown(source), shown(output)
    assert np.abs(before.mean(axis=(0, 1))[::-1] - muted.mean(axis=(0, 1))).max() < 3
    assert np.abs(before.mean(axis=(0, 1)) - after.mean(axis=(0, 1))).max() < 2


@pytest.mark.parametrize("quality", ["medium", "lossless"])
def test_codings_that_are_not_undone_are_left(done, tmp_path, quality):
    """JPEG 2000 and JBIG2: their bytes stay, also where a general filter is around them."""
    wavelet = coded(photo(64), "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[8])
    bitonal = _jbig2.encode((photo(64)[:, :, 0] > 120).astype(np.uint8))
    both = Array([Name.FlateDecode, Name.JPXDecode])
    makes = [
        picture(wavelet, (64, 64), ColorSpace=Name.DeviceRGB, Filter=Name.JPXDecode),
        picture(zlib.compress(wavelet), (64, 64), ColorSpace=Name.DeviceRGB, Filter=both),
        picture(bitonal, (64, 64), ColorSpace=Name.DeviceGray, BitsPerComponent=1, Filter=Name.JBIG2Decode),
    ]  # fmt: skip
    source, output = document(tmp_path / "in.pdf", makes, b" " * 4000), tmp_path / "out.pdf"
    metadata = done("pdf_compress", input=source, output=output, quality=quality).metadata
    assert "skipped" not in metadata
    with pikepdf.open(source) as before, pikepdf.open(output) as after:
        for one, other in zip(*(pdf.pages[0].obj.Resources.XObject.values() for pdf in (before, after)), strict=True):
            assert one.read_raw_bytes() == other.read_raw_bytes()
            assert one.Filter == other.Filter
    assert np.array_equal(shown(source), shown(output))


@pytest.mark.parametrize("quality", QUALITIES)
def test_pictures_within_content_stay_as_they_are(done, tmp_path, quality):
    pixels = photo(64)
    samples = pixels.tobytes().hex().encode()
    inline = b"q 90 0 0 90 9 9 cm BI /W 64 /H 64 /BPC 8 /CS /RGB /F /AHx ID " + samples + b"> EI Q"
    source, output = document(tmp_path / "in.pdf", [], inline), tmp_path / "out.pdf"
    metadata = done("pdf_compress", input=source, output=output, quality=quality).metadata
    assert metadata["output_bytes"] < metadata["input_bytes"]
    assert np.array_equal(shown(source, 2), shown(output, 2))
    with pikepdf.open(output) as pdf:
        assert samples in pdf.pages[0].obj.Contents.read_bytes()


def test_a_large_photo_is_not_packed_in_every_way(monkeypatch):
    """Deflating a large photo without loss takes many times what coding it as JPEG does."""
    tried = []
    whole = _candidates._predicted
    monkeypatch.setattr(_candidates, "_predicted", lambda *given: tried.append(given) or whole(*given))
    grain = np.random.default_rng(1).normal(0, 3, (600, 600, 3))
    pixels = (photo(600) + grain).clip(0, 255).astype(np.uint8)
    task = _candidates.Task(
        data=pixels.tobytes(), filter="", parms={}, width=600, height=600, bits=8, components=3, palette=None,
        stored=pixels.size, size=(300, 300), quality=65, may_be_grey=True, may_be_indexed=True, may_be_wavelet=False,
        bilevel=False,
    )  # fmt: skip
    found = _candidates.best(task)
    assert found.filter == "/DCTDecode"
    assert not tried


def gold(pdf):
    """Return a colour space of one ink, as a printer's program says it."""
    tint = pikepdf.Stream(pdf, b"{dup 0.3 mul exch 0.9 mul 0 3 1 roll 0.1}", FunctionType=4)
    tint.Domain, tint.Range = Array([0, 1]), Array([0, 1] * 4)
    return Array([Name.Separation, Name.Gold, Name.DeviceCMYK, pdf.make_indirect(tint)])


@pytest.mark.parametrize(("channels", "bits", "fields"), [
    (1, 8, {"ColorSpace": Name.DeviceGray, "Decode": Array([1, 0])}),
    (1, 8, {"ColorSpace": Name.DeviceGray, "Decode": Array([0.2, 0.7])}),
    (3, 8, {"ColorSpace": Name.DeviceRGB, "Decode": Array([1, 0] * 3)}),
    (3, 8, {"ColorSpace": Name.DeviceRGB, "Decode": Array([0, 1] * 3)}),
    (1, 8, {"ColorSpace": gold}),
    (1, 16, {"ColorSpace": Name.DeviceGray}),
    (3, 16, {"ColorSpace": Name.DeviceRGB}),
], ids=["turned grey", "pale grey", "turned", "said in vain", "ink", "deep grey", "deep"])  # fmt: skip
def test_photos_become_jpegs_whatever_their_samples_stand_for(done, tmp_path, channels, bits, fields):
    pixels = photo()[:, :, :channels]
    data = (pixels.astype(">u2") * 257).tobytes() if bits == 16 else pixels.tobytes()

    def made(pdf):
        called = {key: one(pdf) if callable(one) else one for key, one in fields.items()}
        return picture(data, (480, 480), BitsPerComponent=bits, **called)(pdf)

    source, output = document(tmp_path / "a.pdf", [made]), tmp_path / "b.pdf"
    assert "skipped" not in done("pdf_compress", input=source, output=output).metadata
    with pikepdf.open(output) as pdf:
        after = pdf.pages[0].obj.Resources.XObject.I0
        plain = "/Decode" not in after and isinstance(after.ColorSpace, Name)
        assert str(after.Filter) in (("/DCTDecode", "/JPXDecode") if plain else ("/DCTDecode",))
        assert after.BitsPerComponent == 8
        assert str(after.ColorSpace[0] if isinstance(after.ColorSpace, Array) else after.ColorSpace) in (
            "/Separation", str(fields["ColorSpace"]),
        )  # fmt: skip
        assert len(after.read_raw_bytes()) < len(data) / 20
    apart = np.abs(shown(source).astype(int) - shown(output))
    assert apart.mean() < 3
    assert apart.max() < 40


def test_next_to_nothing_saved_is_not_worth_a_loss():
    """What a picture takes as it is stored counts, not what it would unpacked."""
    pixels = photo(96)

    def best(stored):
        task = _candidates.Task(
            data=pixels.tobytes(), filter="", parms={}, width=96, height=96, bits=8, components=3, stored=stored,
            quality=60,
        )  # fmt: skip
        return _candidates.best(task)

    lossy = best(pixels.size)
    assert lossy.filter == "/DCTDecode"
    assert best(round(1.2 * len(lossy.data))).filter == "/DCTDecode"
    assert best(round(1.05 * len(lossy.data))).filter == "/FlateDecode"


@pytest.mark.parametrize(
    "data", [bytes(1_500_000), b"q 1 0 0 1 0 0 cm BT /F1 9 Tf 50 700 Td (Lorem) Tj ET Q\n" * 20_000]
)
def test_what_goes_on_and_on_is_packed_as_well_as_anyone_does(data):
    """Zlib's best is what other programs that pack anew give."""
    packed = _filters.deflate(data)
    assert zlib.decompress(packed) == data
    assert len(packed) <= len(zlib.compress(data, 9))
