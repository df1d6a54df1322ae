import io
import zlib
from contextlib import closing

import numpy as np
import pikepdf
import pypdfium2
import pytest
from PIL import Image

from mediamill.operations.documents import _pixels


def rendered(path, dpi):
    with closing(pypdfium2.PdfDocument(path)) as document:
        return document[0].render(scale=dpi / 72).to_numpy()[:, :, :3].copy()


@pytest.fixture
def things(done, sample, tmp_path):
    """Return a function that compresses the sample, and returns its metadata, its pictures by name and its path."""

    opened = []

    def make(quality):
        output = tmp_path / "out.pdf"
        metadata = done("pdf_compress", input=sample("same-pixels.pdf"), output=output, quality=quality).metadata
        opened.append(pikepdf.open(output))
        return metadata, dict(opened[-1].pages[0].obj.Resources.XObject.items()), output

    yield make
    for pdf in opened:
        pdf.close()


@pytest.mark.parametrize("quality", ["lossless", "medium"])
def test_equal_pixels_become_one_picture(things, sample, quality):
    metadata, found, output = things(quality)
    number = {name: one.objgen for name, one in found.items()}
    assert number["/I0"] == number["/I1"] == number["/I2"]
    assert number["/I4"] == number["/I5"]
    assert len({number[name] for name in ("/I0", "/I3", "/I4", "/I6", "/I8")}) == 5
    assert metadata["images"]["deduplicated"] >= 3
    assert "pictures_kept" not in metadata
    if quality == "lossless":
        for dpi in (72, 110):
            assert np.array_equal(rendered(sample("same-pixels.pdf"), dpi), rendered(output, dpi))


@pytest.mark.parametrize("quality", ["lossless", "medium"])
def test_one_colour_becomes_one_pixel(things, quality):
    _, found, _ = things(quality)
    for name in ("/I6", "/I7"):
        assert (found[name].Width, found[name].Height) == (1, 1)
    assert found["/I6"].read_bytes() == bytes([200, 40, 90])
    assert found["/I8"].Width > 100


def test_opaque_masks_go_where_pages_may_differ_by_a_trace(things):
    assert "/SMask" in things("lossless")[1]["/I8"]
    assert "/SMask" not in things("medium")[1]["/I8"]


def jpegs(pictures):
    """Return a document with JPEGs, described alike, and them."""
    pdf = pikepdf.new()
    for pixels, options in pictures:
        data = io.BytesIO()
        Image.fromarray(pixels).save(data, "JPEG", quality=80, **options)
        height, width = pixels.shape[:2]
        image = pikepdf.Stream(
            pdf, data.getvalue(), Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=width, Height=height,
            BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceRGB, Filter=pikepdf.Name.DCTDecode,
        )  # fmt: skip
        pdf.add_blank_page(page_size=(72, 72))
        page = pdf.pages[-1].obj
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=image))
        page.Contents = pikepdf.Stream(pdf, b"72 0 0 72 0 0 cm /I Do")
    return pdf


@pytest.mark.parametrize(("side", "doubtful"), [(80, 2), (320, 3)], ids=["small", "large"])
def test_jpegs_are_told_apart_by_their_first_rows_where_these_differ(monkeypatch, side, doubtful):
    random = np.random.default_rng(1)
    one, other, third = (random.integers(0, 256, (side, side, 3), np.uint8) for _ in range(3))
    other[:32] = one[:32]  # the same at first
    decoded = []
    whole = _pixels._jpeg
    monkeypatch.setattr(_pixels, "_jpeg", lambda data, *rest: decoded.append(data) or whole(data, *rest))
    pdf = jpegs([(one, {}), (other, {}), (third, {}), (one, {"progressive": True})])
    assert _pixels.simplify(pdf, set(), 1 << 20, lambda: None, exactly=True) == 1
    numbers = [page.obj.Resources.XObject.I.objgen for page in pdf.pages]
    assert numbers[0] == numbers[3]
    assert len(set(numbers)) == 3
    assert len(decoded) == doubtful


@pytest.mark.parametrize("value", [0, 100, 254])
def test_masks_of_one_value_stay_where_they_hide_something(done, tmp_path, value):
    """They are packed as tightly as those that hide nothing."""
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(200, 200)).obj
    sides = {"Width": 200, "Height": 200, "BitsPerComponent": 8}
    kind = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Image}
    mask = pikepdf.Stream(pdf, bytes([value]) * 40_000, **kind, **sides, ColorSpace=pikepdf.Name.DeviceGray)
    stripes = bytes(range(0, 250, 10)) * 1600
    image = pikepdf.Stream(
        pdf, stripes, **kind, **sides, ColorSpace=pikepdf.Name.DeviceGray, SMask=pdf.make_indirect(mask)
    )
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=pdf.make_indirect(image)))
    page.Contents = pdf.make_indirect(pikepdf.Stream(pdf, b"1 0 0 rg 0 0 200 200 re f 200 0 0 200 0 0 cm /I Do"))
    pdf.save(source, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    with pikepdf.open(source) as pdf:
        assert len(pdf.pages[0].obj.Resources.XObject.I.SMask.read_raw_bytes()) < 800
    done("pdf_compress", input=source, output=output, quality="medium", verify="off")
    with pikepdf.open(output) as pdf:
        assert pdf.pages[0].obj.Resources.XObject.I.SMask.read_bytes()[0] == value
    assert np.abs(rendered(source, 72).astype(int) - rendered(output, 72)).max() < 12


def test_a_jpeg_is_no_copy_of_what_it_was_decoded_to_where_nothing_may_be_lost(done, tmp_path):
    """Decoders round differently: a page whose picture was merged with its JPEG rendered a trace otherwise."""
    y, x = np.mgrid[0:200, 0:320] / 60
    pixels = np.stack([np.sin(7 * x * y), np.cos(5 * y + x), np.sin(x - 4 * y)], 2) * 110 + 128
    target = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(target, "JPEG", quality=80)
    with Image.open(target) as opened:
        decoded = zlib.compress(opened.tobytes())
    with pikepdf.new() as pdf:
        for number in range(4):
            pdf.add_blank_page(page_size=(160, 100))
            data, coding = ((target.getvalue(), "/DCTDecode"), (decoded, "/FlateDecode"))[number % 2]
            facts = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Image, "Width": 320, "Height": 200}
            shown = pikepdf.Stream(pdf, data, **facts, BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceRGB)
            shown.Filter = pikepdf.Name(coding)
            pdf.pages[number].obj.Resources = pikepdf.Dictionary(XObject={"/I": pdf.make_indirect(shown)})
            pdf.pages[number].obj.Contents = pikepdf.Stream(pdf, b"160 0 0 100 0 0 cm /I Do")
        pdf.save(tmp_path / "a.pdf")
    metadata = done("pdf_compress", input=tmp_path / "a.pdf", output=tmp_path / "b.pdf", quality="lossless").metadata
    assert "only_packed" not in metadata
    assert metadata["images"]["deduplicated"] == 2
    assert metadata["verified"]["similarity"] == 1
