from contextlib import closing

import numpy as np
import pikepdf
import pypdfium2
import pytest

WEIGHTS = np.array([0.3, 0.59, 0.11])


def rendered(path, dpi=144):
    pages = []
    with closing(pypdfium2.PdfDocument(path)) as document:
        for page in document:
            pages.append(page.render(scale=dpi / 72, rev_byteorder=True, may_draw_forms=True).to_numpy()[:, :, :3])
    return pages


def text(path):
    with closing(pypdfium2.PdfDocument(path)) as document:
        return [page.get_textpage().get_text_range() for page in document]


@pytest.fixture
def greyed(done, sample, tmp_path):
    """Return a function that makes a sample grey, and returns the result's metadata and the output's path."""

    def make(name, **fields):
        output = tmp_path / "out.pdf"
        return done("pdf_compress", input=sample(name), output=output, grayscale=True, **fields).metadata, output

    return make


def apart(source, output, dpi=144):
    """Return how far greys of pixels are from what they were, and whether all are grey: one row for each page."""
    pairs = zip(rendered(source, dpi), rendered(output, dpi), strict=True)
    return [(np.abs(one @ WEIGHTS - other @ WEIGHTS), bool((other == other[:, :, :1]).all())) for one, other in pairs]


@pytest.mark.parametrize(
    "name", ["colourful.pdf", "used-twice.pdf", "report.pdf", "scan-colour.pdf", "scan-grey-as-rgb.pdf", "fax.pdf"]
)
def test_pages_are_the_grey_of_what_they_were(greyed, sample, name):
    metadata, output = greyed(name, quality="lossless", verify="all")
    assert "colours_kept" not in metadata
    assert "skipped" not in metadata
    for difference, grey in apart(sample(name), output):
        assert grey
        assert difference.mean() < 0.4
        assert np.percentile(difference, 99.9) < 3
        assert difference.max() < 16
    assert text(output) == text(sample(name))


@pytest.mark.parametrize("quality", ["low", "medium", "high"])
def test_presets_are_grey_too(greyed, sample, quality):
    metadata, output = greyed("colourful.pdf", quality=quality)
    assert "colours_kept" not in metadata
    ((difference, grey),) = apart(sample("colourful.pdf"), output, 72)
    assert grey
    assert difference.mean() < 1.5
    assert metadata["output_bytes"] < metadata["input_bytes"]


def test_every_picture_keeps_one_channel(greyed):
    _, output = greyed("colours.pdf")
    with pikepdf.open(output) as pdf:
        things = pdf.pages[0].obj.Resources.XObject
        spaces = {key: one.ColorSpace for key, one in things.items()}
        assert spaces.pop("/I6")[1] == "/DeviceGray"
        assert set(map(str, spaces.values())) == {"/DeviceGray"}
        assert things.I4.Mask.ImageMask is True
        assert "/Matte" not in things.I3.SMask


@pytest.mark.parametrize("quality", ["lossless", "medium"])
def test_what_is_asked_about_colours_leaves_nothing_behind(greyed, sample, quality):
    """Pictures are copied to be looked at; the copies are none of the document's."""
    name = "scan-colour.pdf"
    metadata, output = greyed(name, quality=quality)
    with pikepdf.open(sample(name)) as before, pikepdf.open(output) as after:
        sizes = [
            [len(one.read_raw_bytes()) for one in pdf.objects if getattr(one, "Subtype", None) == "/Image"]
            for pdf in (before, after)
        ]
    assert metadata["images"]["found"] == metadata["images"]["recompressed"] == len(sizes[0])
    assert metadata["images"]["deduplicated"] == 0
    assert metadata["saved"]["images"] == sum(sizes[0]) - sum(sizes[1])


def test_a_jpeg_keeps_its_own_luma(greyed, sample):
    import io

    from PIL import Image

    def luma(path):
        with pikepdf.open(path) as pdf:
            picture = Image.open(io.BytesIO(pdf.pages[0].obj.Resources.XObject.I.read_raw_bytes()))
            picture.draft("L", picture.size)
            return np.asarray(picture).astype(int)

    metadata, output = greyed("scan-colour.pdf", quality="lossless")
    difference = np.abs(luma(sample("scan-colour.pdf")) - luma(output))
    assert np.percentile(difference, 99) <= 1
    assert difference.mean() < 0.05
    assert metadata["output_bytes"] < metadata["input_bytes"]


def test_notes_outlines_and_filled_in_text_are_grey(greyed):
    _, output = greyed("colourful.pdf")
    with pikepdf.open(output) as pdf:
        page = pdf.pages[0].obj
        stamp, bare, field = page.Annots
        assert [len(one) for one in (stamp.C, bare.C, bare.IC, field.MK.BC, field.MK.BG)] == [1] * 5
        assert bytes(field.DA) == b".3 g /F 10 Tf"
        assert bytes(pdf.Root.AcroForm.DA).endswith(b" g /F 12 Tf")
        assert len({float(value) for value in pdf.Root.Outlines.First.C}) == 1
        assert page.Group.CS == "/DeviceGray"
        assert (field.V, field.T) == ("in red", "a")


@pytest.mark.parametrize(("name", "reason"), [("mesh.pdf", "shadings of meshes"), ("blend.pdf", "greys are blended")])
def test_what_keeps_its_colours_is_said(greyed, name, reason):
    metadata, output = greyed(name)
    assert any(reason in one for one in metadata["colours_kept"])
    (page,) = rendered(output)
    assert bool((page == page[:, :, :1]).all()) == (name == "blend.pdf")


def test_an_archival_document_says_what_grey_means(greyed, sample):
    metadata, output = greyed("report.pdf")
    assert metadata["pdfa"] == "2b"
    with pikepdf.open(output) as pdf:
        (intent,) = pdf.Root.OutputIntents
        assert intent.DestOutputProfile.read_bytes()[36:40] == b"acsp"


def test_a_grey_document_stays_grey_and_is_not_changed_again(greyed, done, tmp_path):
    _, output = greyed("colourful.pdf")
    again = tmp_path / "again.pdf"
    done("pdf_compress", input=output, output=again, grayscale=True)
    ((difference, grey),) = apart(output, again)
    assert grey
    assert difference.max() < 6
    with pikepdf.open(output) as one, pikepdf.open(again) as other:
        assert one.pages[0].Contents.read_bytes() == other.pages[0].Contents.read_bytes()


def test_a_grey_document_that_gets_no_smaller_stays_as_it_is(done, tmp_path):
    pdf, source, output = pikepdf.new(), tmp_path / "a.pdf", tmp_path / "b.pdf"
    pdf.add_blank_page(page_size=(100, 100))
    pdf.pages[0].obj.Contents = pdf.make_stream(b"0.5 g 0 0 9 9 re f")
    pdf.save(source)
    done("pdf_compress", input=source, output=output)
    metadata = done("pdf_compress", input=output, output=tmp_path / "c.pdf", grayscale=True).metadata
    assert metadata["skipped"] == "already as small as it gets"
    assert (tmp_path / "c.pdf").read_bytes() == output.read_bytes()


def test_colours_that_come_out_wrong_are_not_let_through(greyed, sample, monkeypatch):
    from mediamill.operations.documents import _colours

    monkeypatch.setattr(_colours.Colours, "greys", lambda self, space, colours: [1.0] * len(colours))
    metadata, output = greyed("colourful.pdf")
    assert "page 1 does not look the same" in metadata["skipped"]
    assert output.read_bytes() == sample("colourful.pdf").read_bytes()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"1 0 0 rg(rg)Tj", b".3 g (rg)Tj"),
        (b"0 0 1 RG % rg\n0 1 0 rg", b".11 G .59 g"),
        (b"[(a(b(c)\\)))<20>-3.5]TJ 1 1 1 rg f", b"[(a(b(c)\\)))<20>-3.5]TJ 1 g f"),
        (b"/a <</b (rg) /c [1 true null]>> BDC 0 0 0 rg EMC", b"/a <</b (rg) /c [1 true null]>> BDC 0 g EMC"),
        (b"/DeviceRGB cs .5 .5 .5 sc f", b".5 g f"),
        (b"((((5)))) Tj 0 1 0 rg", b"(\\(\\(\\(5\\)\\)\\)) Tj .59 g"),
        (b"0.4 g 0 G f", None),
        (b"(rg) Tj", None),
    ],
)
def test_all_else_stays_as_it_is_written(before, after):
    from mediamill.operations.documents._colours import Colours
    from mediamill.operations.documents._grey_content import Content

    pdf = pikepdf.new()
    content = Content(pdf, Colours(pdf), 1000)
    made = content.rewritten(before, None, begins_grey=True)
    assert (made and made.split()) == (after and after.split())


def test_brackets_without_end_cost_no_time():
    from mediamill.operations.documents._grey_content import _spliced

    for hostile in (b"(" * 100_000, b"(a" * 100_000 + b")", b"(\\" * 100_000, b"a<" * 100_000, b"[a" * 100_000):
        assert _spliced(hostile + b" 1 0 0 rg", ["rg"], {0: b"1 g"}) is None
