import io

import numpy as np
import pikepdf
import pypdfium2
import pytest
from pikepdf import Name
from PIL import Image

from mediamill.operations.documents import _fax

T4_OPTIONS, FILL_ORDER_ROWS, PHOTOMETRIC = 292, 278, 262
TWO_DIMENSIONS, FILLED = 1, 4


def drawn():
    """Return a picture with runs of every length, dots, and rows of one colour."""
    noise, page = np.random.default_rng(3), np.zeros((230, 2700), np.uint8)
    for row in range(100):
        page[row, 13 : 13 + 27 * row] = 1
        page[row, 40 : 40 + 3 * row : 2] ^= 1
    page[110:150] = noise.random((40, 2700)) < 0.03
    page[150:160] = 1
    page[160:200, 100:200] = noise.integers(0, 2, (40, 100))
    page[201:225:2, ::3] = 1
    return page


def coded(bits, compression, options=None):
    """Return fax data as libtiff writes them, without the file around."""
    file, tags = io.BytesIO(), {PHOTOMETRIC: 0, FILL_ORDER_ROWS: len(bits)}
    if options is not None:
        tags[T4_OPTIONS] = options
    Image.fromarray(bits == 0).save(file, "TIFF", compression=compression, tiffinfo=tags)
    with Image.open(file) as picture:
        begin, size = picture.tag_v2[273][0], picture.tag_v2[279][0]
    return file.getvalue()[begin : begin + size]


BITS = drawn()
KINDS = {
    "group-4": (coded(BITS, "group4"), {"/K": -1}),
    "group-4-without-end": (coded(BITS, "group4")[:-3], {"/K": -1, "/EndOfBlock": False}),
    "group-4-rows-said": (coded(BITS, "group4"), {"/K": -2, "/Rows": len(BITS)}),
    "group-3": (coded(BITS, "group3"), {"/K": 0, "/EndOfLine": True}),
    "group-3-filled": (coded(BITS, "group3", FILLED), {"/K": 0, "/EndOfLine": True}),
    "mixed": (coded(BITS, "group3", TWO_DIMENSIONS), {"/K": 4, "/EndOfLine": True}),
    "mixed-filled": (coded(BITS, "group3", TWO_DIMENSIONS | FILLED), {"/K": 4, "/EndOfLine": True}),
    "aligned": (coded(BITS, "tiff_ccitt"), {"/EncodedByteAlign": True, "/EndOfBlock": False}),
}


def parameters(kind, **more):
    return {"/Columns": BITS.shape[1], **KINDS[kind][1], **more}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("black_is_1", [False, True])
def test_every_kind_of_fax_is_read(kind, black_is_1):
    height, width = BITS.shape
    found = _fax.samples(KINDS[kind][0], parameters(kind, **{"/BlackIs1": black_is_1}), width, height)
    assert np.array_equal(found, BITS if black_is_1 else 1 - BITS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_or_damaged_is_not_guessed(kind):
    (height, width), data = BITS.shape, KINDS[kind][0]
    assert _fax.samples(data[: len(data) // 2], parameters(kind), width, height) is None
    assert _fax.samples(data, parameters(kind), width, height + 1) is None
    assert _fax.samples(data, parameters(kind, **{"/Rows": height - 1}), width, height) is None
    assert _fax.samples(data, parameters(kind, **{"/Columns": width - 1}), width, height) is None
    broken = bytearray(data)
    broken[len(data) // 2 : len(data) // 2 + 4] = bytes(4)
    assert _fax.samples(bytes(broken), parameters(kind), width, height) is None
    assert _fax.samples(b"", parameters(kind), width, height) is None


def document(kind, data=None, **more):
    pdf = pikepdf.new()
    height, width = BITS.shape
    pdf.add_blank_page(page_size=(width / 2, height))
    image = pikepdf.Stream(pdf, KINDS[kind][0] if data is None else data, more)
    image.Type, image.Subtype, image.Width, image.Height = Name.XObject, Name.Image, width, height
    image.Filter, image.DecodeParms = Name.CCITTFaxDecode, pikepdf.Dictionary(parameters(kind))
    pdf.pages[0].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=image))
    pdf.pages[0].Contents = pikepdf.Stream(pdf, b"0 0 1 rg %g 0 0 %d 0 0 cm /I Do" % (width / 2, height))
    file = io.BytesIO()
    pdf.save(file)
    return file.getvalue()


GREY = {"/ColorSpace": Name.DeviceGray, "/BitsPerComponent": 1}
STENCIL = {"/ImageMask": True}


def shown(data):
    file = pypdfium2.PdfDocument(data)
    seen = file[0].render(scale=2).to_numpy().copy()
    file.close()
    return seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", [GREY, STENCIL, {**STENCIL, "/Decode": pikepdf.Array([1, 0])}])
def test_a_fax_becomes_jbig2_and_looks_the_same(kind, how, done, tmp_path):
    source = tmp_path / "a.pdf"
    source.write_bytes(document(kind, **how))
    output = tmp_path / "b.pdf"
    done("pdf_compress", input=source, output=output, quality="lossless")
    with pikepdf.open(output) as pdf:
        image = next(one for one in pdf.objects if isinstance(one, pikepdf.Stream) and one.get("/Width") == 2700)
        assert image.Filter == Name.JBIG2Decode
        assert bool(image.get("/ImageMask", False)) == ("/ImageMask" in how)
        assert image.get("/Decode") == how.get("/Decode")
    assert np.array_equal(shown(source.read_bytes()), shown(output.read_bytes()))


def test_damaged_rows_stay_as_they_are(done, tmp_path):
    data = bytearray(KINDS["group-4"][0])
    data[len(data) // 2] ^= 0x5A
    source = tmp_path / "a.pdf"
    source.write_bytes(document("group-4", bytes(data), **GREY))
    output = tmp_path / "b.pdf"
    done("pdf_compress", input=source, output=output, quality="lossless")
    with pikepdf.open(output) as pdf:
        image = next(one for one in pdf.objects if isinstance(one, pikepdf.Stream) and one.get("/Width") == 2700)
        assert (image.Filter, image.read_raw_bytes()) == (Name.CCITTFaxDecode, bytes(data))
