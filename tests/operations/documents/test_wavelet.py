import io

import numpy as np
import pikepdf
import pypdfium2
import pytest
import pyvips
from PIL import Image

from mediamill.operations.documents import _layers, _verify, _wavelet
from mediamill.operations.documents._likeness import Likeness, luma_of

SIDE = 384


def smooth(height=SIDE, width=SIDE):
    """Return a picture of wide gradients with a few soft-edged discs: what skies and faces are like."""
    down, across = np.mgrid[0:height, 0:width].astype(float)
    planes = [120 + 60 * np.sin(across / 90 + band) + 40 * np.cos(down / 70 - band) for band in range(3)]
    for number in range(6):
        distance = np.hypot(across - 60 * number - 30, down - (97 * number) % height)
        for band in range(3):
            planes[band] += (30 - 20 * band) / (1 + np.exp((distance - 25) / 1.5))
    grain = np.random.default_rng(1).normal(0, 1.2, (height, width, 3))
    return np.clip(np.stack(planes, axis=2) + grain, 0, 255).astype(np.uint8)


def rough():
    return np.random.default_rng(2).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def luma(pixels):
    return luma_of(Image.fromarray(pixels))


def jpeg(pixels, quality=62):
    target = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(target, "JPEG", quality=quality, optimize=True, progressive=True)
    return target.getvalue()


def similarity(pixels, data):
    with Image.open(io.BytesIO(data)) as picture:
        other = np.asarray(picture.convert("RGB"))
    pixels = np.broadcast_to(pixels, other.shape)
    both = (pyvips.Image.new_from_array(np.ascontiguousarray(one)) for one in (pixels, other))
    return _verify.difference(*both).similarity


@pytest.mark.parametrize("components", [1, 3])
def test_smooth_pictures_take_fewer_bytes_and_are_no_less_alike(components):
    pixels = np.ascontiguousarray(smooth()[:, :, :components])
    plain = jpeg(pixels)
    found = _wavelet.smaller(pixels, plain)
    assert found is not None
    assert len(found) <= _wavelet.WORTH * len(plain)
    assert similarity(pixels, found) > similarity(pixels, plain) - 0.003
    with Image.open(io.BytesIO(found)) as picture:
        assert (picture.format, picture.size) == ("JPEG2000", (SIDE, SIDE))
        assert picture.mode == ("RGB" if components == 3 else "L")


def test_the_same_picture_gives_the_same_bytes():
    plain = jpeg(smooth())
    assert _wavelet.smaller(smooth(), plain) == _wavelet.smaller(smooth(), plain)


def test_a_better_jpeg_asks_for_more_bytes():
    sizes = [len(_wavelet.smaller(smooth(), jpeg(smooth(), quality)) or b"") for quality in (40, 62, 80)]
    assert 0 < sizes[0] < sizes[1] < sizes[2]


def test_steep_soft_shades_take_fewer_bytes_though_they_take_a_jpeg_many():
    """What counts is not how many bits a JPEG needs, but that it needs more than there is to tell."""
    coarse = np.clip(np.random.default_rng(5).normal(128, 90, (48, 48)), 0, 255).astype(np.uint8)
    shades = np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC))[:, :, None]
    plain = jpeg(shades, 50)
    assert 8 * len(plain) > 0.8 * SIDE**2
    found = _wavelet.smaller(shades, plain)
    assert found is not None
    assert len(found) < 0.75 * len(plain)


def test_pictures_full_of_detail_stay_jpegs():
    assert _wavelet.smaller(rough(), jpeg(rough())) is None


def layered(pixels, sizes):
    target = io.BytesIO()
    rates = [pixels.size / size for size in sizes]
    Image.fromarray(pixels.squeeze()).save(
        target, "JPEG2000", quality_mode="rates", quality_layers=rates, irreversible=True, progression="LRCP", plt=True,
        mct=int(pixels.shape[2] == 3),
    )  # fmt: skip
    return target.getvalue()


def opened(data):
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture), picture.mode


@pytest.mark.parametrize("components", [1, 3])
def test_layers_that_are_left_out_leave_a_picture_of_those_before(components):
    pixels, sizes = np.ascontiguousarray(smooth()[:, :, :components]), [900, 1800, 6000]
    whole = layered(pixels, sizes)
    parts = _layers.parted(whole)
    assert (parts.components, parts.count) == (components, len(sizes))
    assert (opened(parts.file(3))[0] == opened(whole)[0]).all()
    lost = []
    for count, size in enumerate(sizes, 1):
        data = parts.file(count)
        assert len(data) == pytest.approx(size, rel=0.15)
        assert data[: data.index(b"jp2c") - 4] == whole[: whole.index(b"jp2c") - 4]
        lost.append(float(np.square(opened(data)[0].astype(float) - pixels.squeeze()).mean()))
    assert lost == sorted(lost, reverse=True)
    assert lost[0] > 1.1 * lost[-1]


def test_the_luma_is_that_of_the_whole_picture():
    parts = _layers.parted(layered(smooth(), [3000, 5000]))
    for count in (1, 2):
        alone, mode = opened(parts.luma(count))
        together = luma_of(Image.fromarray(opened(parts.file(count))[0])).astype(int)
        assert mode == "L"
        assert np.abs(alone - together).max() <= 2


def test_other_readers_show_what_was_coded(tmp_path):
    parts = _layers.parted(layered(smooth(), [3000, 5000]))
    with pikepdf.new() as pdf:
        image = pikepdf.Stream(
            pdf, parts.file(1), Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=SIDE, Height=SIDE,
            BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceRGB, Filter=pikepdf.Name.JPXDecode,
        )  # fmt: skip
        pdf.add_blank_page(page_size=(SIDE, SIDE))
        page = pdf.pages[0].obj
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=pdf.make_indirect(image)))
        page.Contents = pdf.make_indirect(pikepdf.Stream(pdf, b"%d 0 0 %d 0 0 cm /I Do" % (SIDE, SIDE)))
        pdf.save(tmp_path / "one.pdf")
    shown = pypdfium2.PdfDocument(tmp_path / "one.pdf")[0].render().to_numpy()[:, :, 2::-1]
    assert np.abs(shown.astype(int) - opened(parts.file(1))[0]).max() <= 1


def test_small_pictures_stay_jpegs():
    small = np.ascontiguousarray(smooth()[:100, :100])
    assert _wavelet.smaller(small, jpeg(small)) is None


def test_likeness_tells_grain_from_detail():
    pixels = smooth()
    likeness = Likeness(luma(pixels))
    assert likeness.lost(luma(pixels)) == pytest.approx((0, 0), abs=1e-5)
    detailed = pixels.copy()
    detailed[64:96, 64:96] = rough()[64:96, 64:96]
    likeness = Likeness(luma(detailed))
    whole, shown = likeness.lost(luma(pixels))  # the detail is gone, the rest is the same
    assert shown > 2 * whole > 0


def document(path, pixels, *, mask=None, level=None, printed=False):
    """Write a page with a picture, at 150 dpi."""
    height, width = pixels.shape[:2]
    with pikepdf.new() as pdf:
        image = pikepdf.Stream(
            pdf, pixels.tobytes(), Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=width, Height=height,
            BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceRGB,
        )  # fmt: skip
        if mask is not None:
            image.SMask = pdf.make_indirect(
                pikepdf.Stream(
                    pdf, mask.tobytes(), Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=width,
                    Height=height, BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceGray,
                )
            )  # fmt: skip
        across, down = width * 72 // 150, height * 72 // 150
        pdf.add_blank_page(page_size=(across, down))
        page = pdf.pages[0].obj
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=pdf.make_indirect(image)))
        page.Contents = pdf.make_indirect(pikepdf.Stream(pdf, b"%d 0 0 %d 0 0 cm /I Do" % (across, down)))
        if level:
            with pdf.open_metadata(set_pikepdf_as_editor=False) as metadata:
                metadata["pdfaid:part"], metadata["pdfaid:conformance"] = str(level), "B"
        if printed:
            pdf.trailer.Info = pdf.make_indirect(pikepdf.Dictionary({"/GTS_PDFXVersion": pikepdf.String("PDF/X-3")}))
        pdf.save(path)
    return path


def filters(path):
    with pikepdf.open(path) as pdf:
        images = [one for one in pdf.objects if isinstance(one, pikepdf.Stream) and one.get("/Subtype") == "/Image"]
        return sorted(f"{one.ColorSpace}{one.Filter}" for one in images)


def test_a_smooth_photo_of_a_document_becomes_jpeg_2000(done, tmp_path):
    source, output = document(tmp_path / "in.pdf", smooth()), tmp_path / "out.pdf"
    done("pdf_compress", input=source, output=output)
    assert filters(output) == ["/DeviceRGB/JPXDecode"]
    pages = [pypdfium2.PdfDocument(path)[0].render(scale=2).to_numpy()[:, :, :3] for path in (source, output)]
    found = _verify.difference(*(pyvips.Image.new_from_array(np.ascontiguousarray(page)) for page in pages))
    assert found.similarity > 0.93
    assert found.block < 8
    with pikepdf.open(output) as pdf:
        assert pdf.pdf_version >= "1.5"


@pytest.mark.parametrize(
    ("fields", "coding"),
    [({"level": 1}, "/DCTDecode"), ({"level": 2}, "/JPXDecode"), ({"printed": True}, "/DCTDecode")],
    ids=["PDF/A-1", "PDF/A-2", "PDF/X"],
)
def test_standards_that_do_not_have_it_are_kept(done, tmp_path, fields, coding):
    source, output = document(tmp_path / "in.pdf", smooth(), **fields), tmp_path / "out.pdf"
    done("pdf_compress", input=source, output=output)
    assert filters(output) == [f"/DeviceRGB{coding}"]


def test_what_was_made_for_print_stays_so_without_its_notes(done, tmp_path):
    source, output = document(tmp_path / "in.pdf", smooth(), printed=True), tmp_path / "out.pdf"
    done("pdf_compress", input=source, output=output, remove_metadata=True)
    assert filters(output) == ["/DeviceRGB/DCTDecode"]


@pytest.mark.parametrize("notes", [5, pikepdf.Array([1]), pikepdf.String("notes"), pikepdf.Name("/Notes")])
def test_notes_that_are_none_harm_nothing(done, tmp_path, notes):
    source, output = document(tmp_path / "in.pdf", smooth()), tmp_path / "out.pdf"
    with pikepdf.open(source, allow_overwriting_input=True) as pdf:
        pdf.trailer["/Info"] = notes
        pdf.save(source)
    done("pdf_compress", input=source, output=output)
    assert filters(output) == ["/DeviceRGB/JPXDecode"]


def test_transparency_does_not_become_jpeg_2000(done, tmp_path):
    mask = np.ascontiguousarray(smooth()[:, :, 0])
    source, output = document(tmp_path / "in.pdf", smooth(), mask=mask), tmp_path / "out.pdf"
    done("pdf_compress", input=source, output=output)
    assert filters(output) == ["/DeviceGray/DCTDecode", "/DeviceRGB/JPXDecode"]


def test_lossless_makes_no_jpeg_2000(done, tmp_path):
    source, output = document(tmp_path / "in.pdf", smooth()), tmp_path / "out.pdf"
    done("pdf_compress", input=source, output=output, quality="lossless")
    assert filters(output) == ["/DeviceRGB/FlateDecode"]
