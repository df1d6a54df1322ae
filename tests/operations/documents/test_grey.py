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
    "name",
    ["colourful.pdf", "used-twice.pdf", "report.pdf", "mesh.pdf", "scan-colour.pdf", "scan-grey-as-rgb.pdf", "fax.pdf"],
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


@pytest.mark.parametrize(
    ("name", "reason"), [("plane.pdf", "shadings of two variables"), ("blend.pdf", "greys are blended")]
)
def test_what_keeps_its_colours_is_said(greyed, name, reason):
    metadata, output = greyed(name)
    assert any(reason in one for one in metadata["colours_kept"])
    (page,) = rendered(output)
    assert bool((page == page[:, :, :1]).all()) == (name == "blend.pdf")


def packed(*records):
    """Return records of (value, bits) pairs, each filled up to whole bytes."""
    data = b""
    for record in records:
        written = "".join(f"{value:0{bits}b}" for value, bits in record)
        data += bytes(int(written[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(written), 8))
    return data


EDGE = [(0, 0), (0, 5), (0, 10), (0, 15), (5, 14), (10, 15), (15, 15), (14, 10), (15, 5), (15, 0), (10, 1), (5, 0)]
INNER = [(5, 5), (5, 10), (10, 10), (10, 5)]
NEXT = [(20, 1), (25, 0), (30, 0), (29, 5), (30, 10), (30, 15), (25, 14), (20, 15)]
COLOURS = [(15, 0, 0), (0, 15, 0), (0, 0, 15), (15, 15, 0)]


def mesh(kind):
    """Return a mesh's data and entries, of flags of 2 bits or 8, coordinates of 12 and colours of 4."""

    def record(flag, points, colours):
        flags = [] if flag is None else [(flag, 2 if kind == 4 else 8)]
        return [
            *flags,
            *((136 * x, 12) for one in points for x in one),
            *((part, 4) for one in colours for part in one),
        ]

    if kind in (4, 5):
        corners = zip([(0, 0), (30, 0), (3, 30), (28, 25)], COLOURS, strict=True)
        flags = (None,) * 4 if kind == 5 else (0, 0, 0, 1)
        data = packed(*(record(flag, [at], [one]) for flag, (at, one) in zip(flags, corners, strict=True)))
        return data, {"VerticesPerRow": 2} if kind == 5 else {"BitsPerFlag": 2}
    first, more = (EDGE, NEXT) if kind == 6 else (EDGE + INNER, [*NEXT, (20, 5), (20, 10), (25, 10), (25, 5)])
    return packed(record(0, first, COLOURS), record(2, more, COLOURS[1:3])), {"BitsPerFlag": 8}


@pytest.mark.parametrize("kind", [4, 5, 6, 7])
def test_meshes_are_the_grey_of_what_they_were(done, tmp_path, kind):
    pdf, source, output = pikepdf.new(), tmp_path / "a.pdf", tmp_path / "b.pdf"
    pdf.add_blank_page(page_size=(200, 200))
    data, entries = mesh(kind)
    shading = pikepdf.Stream(
        pdf,
        data,
        ShadingType=kind,
        ColorSpace=pikepdf.Name.DeviceRGB,
        BitsPerCoordinate=12,
        BitsPerComponent=4,
        **entries,
    )
    shading.Decode = pikepdf.Array([10, 190, 10, 190, 0, 1, 0, 1, 0, 1])
    pdf.pages[0].obj.Resources = pikepdf.Dictionary(Shading=pikepdf.Dictionary(S=pdf.make_indirect(shading)))
    pdf.pages[0].obj.Contents = pdf.make_stream(b"/S sh")
    pdf.save(source)
    metadata = done("pdf_compress", input=source, output=output, grayscale=True, quality="lossless").metadata
    assert "colours_kept" not in metadata
    ((difference, grey),) = apart(source, output, 72)
    ((_, was_grey),) = apart(source, source, 72)
    assert grey
    assert not was_grey
    assert difference.mean() < 0.6
    assert (
        np.percentile(difference, 99.9) < 4
    )  # a patch is drawn in steps that hang on its colours, and so are its edges


@pytest.mark.parametrize(
    "wrong",
    [{"BitsPerComponent": 3}, {"BitsPerFlag": 7}, {"Decode": [0, 1, 0, 1, 0, 1]}, {"ShadingType": 6, "BitsPerFlag": 2}],
)
def test_meshes_that_cannot_be_read_keep_their_colours(sample, done, tmp_path, wrong):
    source = tmp_path / "a.pdf"
    with pikepdf.open(sample("mesh.pdf")) as pdf:
        shading = pdf.pages[0].obj.Resources.Shading.M
        for key, value in wrong.items():
            shading[f"/{key}"] = pikepdf.Array(value) if isinstance(value, list) else value
        pdf.save(source)
    metadata = done("pdf_compress", input=source, output=tmp_path / "b.pdf", grayscale=True).metadata
    assert metadata["colours_kept"] == {"shadings of meshes that cannot be read": 1}


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
    while "skipped" not in done("pdf_compress", input=source, output=output).metadata:
        output.replace(source)
    metadata = done("pdf_compress", input=source, output=output, grayscale=True).metadata
    assert metadata["skipped"] == "already as small as it gets"
    assert output.read_bytes() == source.read_bytes()


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
