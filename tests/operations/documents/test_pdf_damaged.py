"""Documents of which a part is not as it has to be: the rest is worked on, and what readers see stays the same."""

import io
import re
from contextlib import closing

import numpy as np
import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name, String

PLAIN = {"object_stream_mode": pikepdf.ObjectStreamMode.disable, "compress_streams": False}


def shown(path):
    found = []
    with closing(pypdfium2.PdfDocument(path)) as document:
        for number in range(len(document)):
            with closing(document[number]) as page, closing(page.get_textpage()) as text:
                found.append((page.render(scale=1.5).to_numpy()[:, :, :3].copy(), text.get_text_range()))
    return found


def same(one, other):
    pairs = zip(shown(one), shown(other), strict=True)
    return all(np.array_equal(left[0], right[0]) and left[1] == right[1] for left, right in pairs)


def plain(path):
    target = io.BytesIO()
    with pikepdf.open(path) as pdf:
        pdf.save(target, **PLAIN)
    return target.getvalue()


@pytest.mark.parametrize("has_table", [True, False])
def test_a_trailer_without_a_size_is_given_one(done, sample, tmp_path, has_table):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    data = plain(sample("composite-font.pdf"))
    if has_table:
        data = re.sub(rb"/Size \d+", b"", data)
    else:
        data = data[: data.rindex(b"xref\n0 ")] + b"trailer << /Root 1 0 R >>\n"
    source.write_bytes(data)
    metadata = done("pdf_compress", input=source, output=output, quality="lossless").metadata
    assert metadata["output_bytes"] < metadata["input_bytes"] / 2
    assert same(source, output)
    with pikepdf.open(output) as pdf:
        assert not pdf.get_warnings()


@pytest.mark.parametrize("linearize", [False, True])
@pytest.mark.parametrize("length", [900, 1019, 1020, 1100, 2000, 4000])
def test_what_stands_before_a_document_is_passed_over(done, sample, tmp_path, length, linearize):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    data = plain(sample("composite-font.pdf"))
    source.write_bytes(b"Received: from elsewhere\n".ljust(length - 1, b".") + b"\n" + data)
    metadata = done("pdf_compress", input=source, output=output, quality="lossless", linearize=linearize).metadata
    assert metadata["input_bytes"] == length + len(data)
    assert output.read_bytes().startswith(b"%PDF-")
    assert same(sample("composite-font.pdf"), output)


def test_what_stands_before_a_document_that_stays_stays_too(done, sample, tmp_path):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    source.write_bytes(b"." * 2000 + sample("signed.pdf").read_bytes())
    assert "signed" in done("pdf_compress", input=source, output=output).metadata["skipped"]
    assert output.read_bytes() == source.read_bytes()


def test_too_much_before_a_document_is_an_error(code, sample, tmp_path):
    source = tmp_path / "in.pdf"
    source.write_bytes(b"." * 5000 + sample("composite-font.pdf").read_bytes())
    assert code("pdf_compress", input=source, output=tmp_path / "out.pdf") == "unsupported_format"


OTHER_FONTS = {
    "no descriptor": Array([Dictionary(Type=Name.Font, Subtype=Name.CIDFontType2)]),
    "nothing": Array([]),
    "a number": Array([7]),
    "no array": 7,
    "a descriptor that is none": Array([Dictionary(Subtype=Name.CIDFontType2, FontDescriptor=7)]),
    "a program that is none": Array([Dictionary(Subtype=Name.CIDFontType2, FontDescriptor=Dictionary(FontFile2=7))]),
}


@pytest.mark.parametrize("inner", OTHER_FONTS)
def test_a_font_that_is_not_built_as_it_has_to_be_keeps_no_other(done, sample, tmp_path, inner):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.open(sample("composite-font.pdf")) as pdf:
        other = Dictionary(Type=Name.Font, Subtype=Name.Type0, BaseFont=Name.Other, Encoding=Name("/Identity-H"))
        other.DescendantFonts = OTHER_FONTS[inner]
        pdf.pages[0].obj.Resources.Font["/Other"] = pdf.make_indirect(other)
        pdf.save(source)
    metadata = done("pdf_compress", input=source, output=output, quality="lossless").metadata
    assert metadata["saved"]["fonts"] > 1000
    assert "fonts_kept" not in metadata
    assert same(source, output)


@pytest.mark.parametrize("wrong", [5, True, Array([]), Name.DeviceRGB])
@pytest.mark.parametrize("kind", [Name.ICCBased, Name.Indexed, Name.Separation])
@pytest.mark.parametrize("fields", [{"quality": "low"}, {"quality": "lossless"}, {"grayscale": True}])
def test_a_picture_that_is_not_built_as_it_has_to_be_keeps_no_other(done, sample, tmp_path, kind, wrong, fields):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.open(sample("scan-colour.pdf")) as pdf:
        image = pdf.make_stream(bytes(3 * 64 * 64), Subtype=Name.Image, Width=64, Height=64, BitsPerComponent=8)
        image.ColorSpace = Array([kind, wrong])
        pdf.pages[0].obj.Resources.XObject["/Other"] = image
        pdf.save(source)
    metadata = done("pdf_compress", input=source, output=output, **fields).metadata
    assert metadata["images"]["found"] == 2
    assert "skipped" not in metadata or fields == {"quality": "lossless"}
    assert "not built" not in metadata.get("skipped", "")


def test_fonts_that_cannot_be_understood_keep_nothing_else(done, sample, tmp_path):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.open(sample("composite-font.pdf")) as pdf:
        other = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, FirstChar=String("x"))
        other.Widths = pdf.make_indirect(Array([500]))
        pdf.pages[0].obj.Resources.Font["/Other"] = pdf.make_indirect(other)
        pdf.save(source, **PLAIN)
    metadata = done("pdf_compress", input=source, output=output, quality="lossless").metadata
    assert "not built as a PDF has to be" in metadata["fonts_kept"]
    assert metadata["output_bytes"] < metadata["input_bytes"]
    assert same(source, output)


@pytest.mark.parametrize("fields", [{}, {"grayscale": True}, {"remove_metadata": True}])
@pytest.mark.parametrize("entry", [b"/Filter /Fl\xffate", b"/Ke\xffy (/Length)"])
def test_names_that_are_no_text_are_names(done, tmp_path, entry, fields):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(96, 96))
        page = pdf.pages[0].obj
        page.Contents = pdf.make_stream(b"0 0 20 20 re f " * 40)
        page.Resources = Dictionary(XObject=Dictionary(A=pdf.make_stream(b"9 w", Marker=1), B=Name.None_))
        pdf.save(source, **PLAIN)
    data = source.read_bytes()
    assert data.count(b"/Marker 1") == 1
    source.write_bytes(data.replace(b"/Marker 1", entry))
    metadata = done("pdf_compress", input=source, output=output, **fields).metadata
    assert "skipped" not in metadata
    assert same(source, output)


@pytest.mark.parametrize("quality", ["lossless", "low"])
def test_what_readers_show_otherwise_once_it_is_packed_stays(done, tmp_path, quality):
    """A picture of too few bytes: where they are packed, the reader fills it up, otherwise it leaves it out."""
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(115, 48))
        samples = np.random.default_rng(3).integers(0, 200, 979, np.uint8).tobytes()
        image = pdf.make_stream(samples, Subtype=Name.Image, Width=115, Height=48, BitsPerComponent=8)
        image.ColorSpace = Name.DeviceCMYK
        page = pdf.pages[0].obj
        page.Resources = Dictionary(XObject=Dictionary(I=image))
        page.Contents = pdf.make_stream(b"115 0 0 48 0 0 cm /I Do" + b" " * 100)
        pdf.save(source, **PLAIN)
    metadata = done("pdf_compress", input=source, output=output, quality=quality).metadata
    assert same(source, output), metadata


@pytest.mark.parametrize("quality", ["lossless", "low"])
@pytest.mark.parametrize("key", ["/MediaBox", "/CropBox"])
@pytest.mark.parametrize(
    "box", [[65536, 0, 612, 792], [0, 0, 0, 0], [0, 0, 10**9, 1], [5, 5, 5, 9], [-(10**9), 0, 10**9, 9]]
)
def test_pages_of_no_or_any_size_are_pages(done, sample, tmp_path, box, key, quality):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.open(sample("report.pdf")) as pdf:
        pdf.pages[1].obj.CropBox = Array([0, 0, 612, 792])
        pdf.pages[1].obj[key] = Array(box)
        pdf.save(source)
    metadata = done("pdf_compress", input=source, output=output, quality=quality).metadata
    assert metadata["pages"] == 3
    with closing(pypdfium2.PdfDocument(source)) as before, closing(pypdfium2.PdfDocument(output)) as after:
        assert [page.get_size() for page in before] == [page.get_size() for page in after]


def with_lost_pages(path, sample, refer):
    """Write a document of which two more pages are only led to."""
    with pikepdf.open(sample("report.pdf")) as pdf, pikepdf.open(sample("composite-font.pdf")) as other:
        tree = pdf.make_indirect(Dictionary(Type=Name.Pages, Count=2))
        lost = [pdf.copy_foreign(other.make_indirect(Dictionary(other.pages[0].obj))) for _ in range(2)]
        for page in lost:
            page.Parent = tree
            page.Contents = pdf.make_stream(np.random.default_rng(5).bytes(20_000))
        tree.Kids = Array(lost)
        refer(pdf, lost[0])
        pdf.save(path)


def by_a_link(pdf, page):
    note = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), Dest=Array([page, Name.Fit]))
    pdf.pages[0].obj.Annots = Array([pdf.make_indirect(note)])


def by_a_name(pdf, page):
    pdf.Root.Names = Dictionary(Templates=Dictionary(Names=Array([String("a"), page])))


@pytest.mark.parametrize(("refer", "empty"), [(by_a_link, True), (by_a_name, False)])
def test_pages_that_nobody_comes_to_are_emptied(done, sample, tmp_path, refer, empty):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with_lost_pages(source, sample, refer)
    metadata = done("pdf_compress", input=source, output=output, quality="lossless").metadata
    assert metadata["pages"] == 3
    assert metadata.get("unreachable_pages", 0) == (2 if empty else 0)
    assert same(source, output)
    with pikepdf.open(output) as pdf:
        if empty:
            page = pdf.pages[0].obj.Annots[0].Dest[0]
            assert page.Type == Name.Page
            assert "/Contents" not in page
            assert metadata["output_bytes"] < metadata["input_bytes"] - 40_000
        else:
            assert len(pdf.Root.Names.Templates.Names[1].Contents.read_bytes()) == 20_000
