import hashlib
import io
from contextlib import closing

import numpy as np
import pikepdf
import pypdfium2
import pytest
import pyvips

from mediamill.operations.documents import _verify, pdf_compress

SOUND = [
    "report.pdf",
    "scan-colour.pdf",
    "scan-grey.pdf",
    "scan-bitonal.pdf",
    "fax.pdf",
    "colours.pdf",
    "used-twice.pdf",
]
SIGNED = {
    "signed.pdf": "a signature field is filled in",
    "certified.pdf": "DocMDP",
    "reader-rights.pdf": "UR3",
    "signature-flag.pdf": "SigFlags",
}
"""What is said of each."""


@pytest.fixture
def squeezed(done, sample, tmp_path):
    """Return a function that compresses a sample, and returns the result's metadata and the output's path."""

    def make(name, **fields):
        output = tmp_path / "out.pdf"
        result = done("pdf_compress", input=sample(name), output=output, **fields)
        assert result.outputs[0].size_bytes == output.stat().st_size
        return result.metadata, output

    return make


def rendered(path, dpi=100, password=None):
    """Return the pixels of every page."""
    pages = []
    with closing(pypdfium2.PdfDocument(path, password=password)) as document:
        for page in document:
            pages.append(page.render(scale=dpi / 72).to_numpy()[:, :, :3].copy())
            page.close()
    return pages


def text(path, password=None):
    found = []
    with closing(pypdfium2.PdfDocument(path, password=password)) as document:
        for page in document:
            shown = page.get_textpage()
            found.append((shown.get_text_range(), [shown.get_charbox(at) for at in range(shown.count_chars())]))
            shown.close()
            page.close()
    return found


def images(path):
    with pikepdf.open(path) as pdf:
        return [
            {str(key): one[key] for key in ("/Width", "/Height")}
            | {"filter": str(one.Filter), "space": str(one.get("/ColorSpace"))}
            for one in pdf.objects
            if isinstance(one, pikepdf.Stream) and one.get("/Subtype") == pikepdf.Name.Image
        ]


def test_the_example_runs(done, sample, tmp_path):
    fields = dict(pdf_compress.EXAMPLE, input=sample(pdf_compress.EXAMPLE["input"]), output_dir=tmp_path)
    result = done(fields.pop("operation"), **fields)
    assert result.outputs[0].path == str(tmp_path / "report.pdf")
    assert result.metadata["compression_ratio"] > 5


@pytest.mark.parametrize("name", SOUND)
def test_lossless_renders_the_very_same_pixels(squeezed, sample, name):
    metadata, output = squeezed(name, quality="lossless", verify="all")
    assert metadata["output_bytes"] < sample(name).stat().st_size
    for dpi in (72, 130):
        for one, other in zip(rendered(sample(name), dpi), rendered(output, dpi), strict=True):
            assert np.array_equal(one, other)
    assert text(output) == text(sample(name))


@pytest.mark.parametrize("name", SOUND)
def test_lossless_is_no_larger_than_what_qpdf_makes_of_it(squeezed, sample, name):
    _, output = squeezed(name, quality="lossless")
    plain = io.BytesIO()
    with pikepdf.open(sample(name)) as pdf:
        generate = pikepdf.ObjectStreamMode.generate
        pdf.save(plain, object_stream_mode=generate, recompress_flate=True, preserve_pdfa=False)
    assert output.stat().st_size <= len(plain.getvalue())


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize(("quality", "least"), [("low", 0.75), ("medium", 0.88), ("high", 0.93)])
def test_presets_look_alike_and_keep_the_text(squeezed, sample, name, quality, least):
    metadata, output = squeezed(name, quality=quality)
    assert "pictures_kept" not in metadata
    assert "skipped" not in metadata
    dpi = 72 if quality == "low" else 100
    for one, other in zip(rendered(sample(name), dpi), rendered(output, dpi), strict=True):
        found = _verify.difference(*(pyvips.Image.new_from_array(page) for page in (one, other)))
        assert found.similarity >= least
        assert found.block < 40
    assert text(output) == text(sample(name))


def test_presets_are_of_rising_size(squeezed, sample):
    sizes = [
        squeezed("scan-colour.pdf", quality=quality)[0]["output_bytes"]
        for quality in ("low", "medium", "high", "lossless")
    ]
    assert sizes == sorted(sizes)
    assert sizes[1] < 0.2 * sample("scan-colour.pdf").stat().st_size


@pytest.mark.parametrize(("quality", "dpi"), [("low", 72), ("medium", 150), ("high", 220)])
def test_pictures_come_down_to_the_presets_resolution(squeezed, quality, dpi):
    metadata, output = squeezed("scan-colour.pdf", quality=quality)
    (image,) = images(output)
    assert (image["/Width"], image["/Height"]) == (4 * dpi, 3 * dpi)
    assert metadata["images"] == {"found": 1, "recompressed": 1, "downsampled": 1, "deduplicated": 0}


def test_resolution_and_quality_can_be_given(squeezed):
    small, output = squeezed("scan-colour.pdf", image_dpi=100, image_quality=30)
    assert images(output)[0]["/Width"] == 400
    large, _ = squeezed("scan-colour.pdf", image_dpi=100, image_quality=90)
    assert small["output_bytes"] < large["output_bytes"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "output"),
        ({"output": "a.pdf", "output_dir": "b"}, "output_dir"),
        ({"output": "a.pdf", "quality": "best"}, "quality"),
        ({"output": "a.pdf", "quality": "lossless", "image_dpi": 100}, "image_dpi"),
        ({"output": "a.pdf", "image_dpi": 35}, "image_dpi"),
        ({"output": "a.pdf", "image_dpi": 2401}, "image_dpi"),
        ({"output": "a.pdf", "image_quality": 0}, "image_quality"),
        ({"output": "a.pdf", "image_quality": 101}, "image_quality"),
        ({"output": "a.pdf", "verify": "some"}, "verify"),
        ({"output": "a.pdf", "dpi": 100}, "dpi"),
    ],
)
def test_contradictions_are_refused(job, sample, fields, field):
    result = job("pdf_compress", input=sample("form-loop.pdf"), **fields)
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == field


@pytest.mark.parametrize("quality", ["medium", "lossless"])
def test_structure_stays(squeezed, sample, quality):
    _, output = squeezed("report.pdf", quality=quality)
    with pikepdf.open(sample("report.pdf")) as one, pikepdf.open(output) as other:
        for key in ("/PageLabels", "/OpenAction", "/Lang", "/MarkInfo"):
            assert one.Root[key] == other.Root[key]
        assert other.pages[0].obj.Annots[0].A.URI == "https://example.org/"
        with other.open_outline() as outline:
            assert [item.title for item in outline.root] == ["Chapter 1", "Chapter 2", "Chapter 3"]
        assert other.attachments["notes.txt"].get_file().read_bytes() == b"attached " * 50
        (field,) = other.Root.AcroForm.Fields
        assert (field.T, field.V) == ("name", "filled in")
        assert field.objgen == other.pages[1].obj.Annots[0].objgen
        assert other.Root.AcroForm.XFA.read_bytes() == one.Root.AcroForm.XFA.read_bytes()
        assert other.Root.StructTreeRoot.K[0].Pg.objgen == other.pages[0].obj.objgen
        assert other.Root.OCProperties.OCGs[0].Name == "Layer"
        assert b'pdfaid:part="2"' in other.Root.Metadata.read_raw_bytes()
        assert len(other.Root.Metadata.read_raw_bytes()) < len(one.Root.Metadata.read_raw_bytes()) - 1900
        assert other.docinfo["/Title"] == "A report"


def test_copies_become_one_and_private_data_go(squeezed):
    metadata, output = squeezed("report.pdf", quality="lossless")
    assert metadata["images"]["deduplicated"] == 2
    assert len(images(output)) == 1
    with pikepdf.open(output) as pdf:
        assert not [page for page in pdf.pages if "/Thumb" in page.obj or "/PieceInfo" in page.obj]


def test_metadata_go_when_asked(squeezed):
    _, output = squeezed("report.pdf", remove_metadata=True)
    data = output.read_bytes()
    assert b"A report" not in data
    with pikepdf.open(output) as pdf:
        assert "/Info" not in pdf.trailer
        packet = pdf.Root.Metadata.read_raw_bytes()
        assert b'pdfaid:part="2" pdfaid:conformance="B"' in packet
        assert not [one for one in pdf.objects if isinstance(one, pikepdf.Dictionary) and "/PieceInfo" in one]
        assert pdf.Root.Lang == "en-GB"


@pytest.mark.parametrize("name", SIGNED)
def test_signed_documents_are_left_alone_unless_told_otherwise(squeezed, sample, name):
    metadata, output = squeezed(name)
    assert output.read_bytes() == sample(name).read_bytes()
    assert SIGNED[name] in metadata["skipped"]
    metadata, output = squeezed(name, allow_breaking_signatures=True)
    assert "skipped" not in metadata
    assert output.stat().st_size < sample(name).stat().st_size / 2


@pytest.mark.parametrize("password", [None, "wrong"])
def test_no_password_and_a_wrong_one_are_said(code, sample, tmp_path, password):
    fields = {"password": password} if password else {}
    assert code("pdf_compress", input=sample("locked.pdf"), output=tmp_path / "a.pdf", **fields) == "password_required"


def test_what_no_password_opens_is_not_called_damaged(code, sample, tmp_path):
    source = tmp_path / "a.pdf"
    data = sample("locked.pdf").read_bytes()
    assert b"/Filter /Standard" in data
    source.write_bytes(data.replace(b"/Filter /Standard", b"/Filter /Entrusts"))
    assert code("pdf_compress", input=source, output=tmp_path / "b.pdf") == "unsupported_format"


@pytest.mark.parametrize(
    ("name", "password"), [("locked.pdf", "user"), ("locked.pdf", "owner"), ("locked-owner.pdf", "")]
)
def test_encryption_stays(squeezed, sample, name, password):
    metadata, output = squeezed(name, **({"password": password} if password else {}))
    assert metadata["output_bytes"] < 0.5 * metadata["input_bytes"]
    with pikepdf.open(output, password="owner") as pdf:
        assert pdf.owner_password_matched
        assert not pdf.allow.print_highres
        assert pdf.allow.extract
    if name == "locked.pdf":
        with pytest.raises(pikepdf.PasswordError):
            pikepdf.open(output)
    assert text(output, password or None) == text(sample(name), password or None)


def test_a_file_that_gets_no_smaller_is_given_back(squeezed, tmp_path, done):
    _, output = squeezed("scan-colour.pdf")
    again = done("pdf_compress", input=output, output=tmp_path / "again.pdf")
    assert "skipped" in again.metadata or again.metadata["output_bytes"] < again.metadata["input_bytes"]
    third = done("pdf_compress", input=tmp_path / "again.pdf", output=tmp_path / "third.pdf")
    assert third.metadata["skipped"]
    assert (tmp_path / "third.pdf").read_bytes() == (tmp_path / "again.pdf").read_bytes()


def test_the_same_work_gives_the_same_bytes(squeezed):
    digests = {hashlib.sha256(squeezed("colours.pdf")[1].read_bytes()).hexdigest() for _ in range(2)}
    assert len(digests) == 1


def test_linearized_when_asked(squeezed):
    _, output = squeezed("report.pdf", linearize=True)
    with pikepdf.open(output) as pdf:
        assert pdf.is_linearized
        assert not pdf.check_pdf_syntax()


def test_a_dry_run_says_that_it_is_no_pdf(code, done, sample, tmp_path):
    output = tmp_path / "out.pdf"
    fields = {"output": output, "dry_run": True}
    assert code("pdf_compress", input=sample("photo.jpg"), **fields) == "unsupported_format"
    assert done("pdf_compress", input=sample("report.pdf"), **fields).outputs[0].path == str(output)
    assert not output.exists()


def test_what_is_said_of_a_damaged_document_is_the_same_each_time(job, tmp_path):
    source = tmp_path / "a.pdf"
    source.write_bytes(b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n")
    said = {job("pdf_compress", input=source, output=tmp_path / "b.pdf").error_info.detail for _ in range(2)}
    (detail,) = said
    assert " at 0x" not in detail


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nested-arrays.pdf", "corrupt_input"),
        ("page-loop.pdf", "corrupt_input"),
        ("no-pages.pdf", "corrupt_input"),
        ("photo.png", "unsupported_format"),
    ],
)
def test_what_cannot_be_read_is_said(code, sample, tmp_path, name, expected):
    assert code("pdf_compress", input=sample(name), output=tmp_path / "a.pdf") == expected


@pytest.mark.parametrize(
    "name",
    ["bomb-content.pdf", "bomb-picture.pdf", "xref-loop.pdf", "form-loop.pdf", "bomb-form-tree.pdf", "bomb-twice.pdf"],
)
def test_hostile_documents_come_back_whole(squeezed, sample, name):
    metadata, output = squeezed(name)
    assert metadata["output_bytes"] <= sample(name).stat().st_size
    with pikepdf.open(output) as pdf:
        assert len(pdf.pages) == 1


def glyphs(path):
    """Return how many glyphs of the first embedded font have an outline."""
    from fontTools.ttLib import TTFont

    with pikepdf.open(path) as pdf:
        (program,) = {
            one.FontFile2.objgen: one.FontFile2
            for one in pdf.objects
            if isinstance(one, pikepdf.Dictionary) and "/FontFile2" in one
        }.values()
        font = TTFont(io.BytesIO(program.read_bytes()))
        return sum(font["glyf"][name].numberOfContours != 0 for name in font.getGlyphOrder())


@pytest.mark.parametrize("name", ["locked-owner.pdf", "composite-font.pdf"])
@pytest.mark.parametrize("quality", ["medium", "lossless"])
def test_fonts_keep_the_glyphs_that_are_used(squeezed, sample, name, quality):
    metadata, output = squeezed(name, quality=quality)
    assert metadata["saved"]["fonts"] > 4000
    used = {letter for one, _ in text(sample(name)) for letter in one if letter > " "}
    assert len(used) <= glyphs(output) <= len(used) + 3 < glyphs(sample(name)) / 2
    assert text(output) == text(sample(name))
    for one, other in zip(rendered(sample(name), 150), rendered(output, 150), strict=True):
        assert np.array_equal(one[:100], other[:100])


def test_fonts_of_forms_stay_whole(squeezed, sample):
    metadata, output = squeezed("report.pdf")
    assert metadata["saved"]["fonts"] == 0
    assert glyphs(output) == glyphs(sample("report.pdf"))


def test_fonts_stay_whole_when_asked(squeezed, sample):
    _, output = squeezed("locked-owner.pdf", subset_fonts=False)
    assert glyphs(output) == glyphs(sample("locked-owner.pdf"))


class Told:
    """A host that answers a question for a password, and counts."""

    def __init__(self, *answers):
        self.answers, self.questions = list(answers), []

    def reserve(self, memory_bytes):
        pass

    def ask(self, question, kind):
        self.questions.append((question, kind))
        return self.answers.pop(0) if self.answers else None


def test_the_host_is_asked_for_the_password(sample):
    from mediamill.operations.contract import Blob
    from mediamill.operations.documents._open import open_asking
    from mediamill.operations.sniff import sniff
    from mediamill.protocol.errors import PasswordRequired

    data = sample("locked.pdf").read_bytes()
    opened = Blob(data=data, name="locked.pdf", path=None, kind=sniff(data))
    host = Told("wrong", "user")
    source = open_asking(opened, None, host)
    assert (len(source.pdf.pages), source.password) == (1, "user")
    assert [kind for _, kind in host.questions] == ["password", "password"]
    with pytest.raises(PasswordRequired):
        open_asking(opened, "wrong", Told())


def test_pictures_are_as_large_as_their_largest_use_wants(squeezed):
    _, output = squeezed("used-twice.pdf", quality="low")
    sizes = sorted((int(one["/Width"]), int(one["/Height"])) for one in images(output))
    # The page: 4 inches; the form: an inch, halved and doubled; the pattern, the soft mask, the stamp: an inch.
    assert sizes == [(72, 72)] * 4 + [(288, 192)]


def test_what_must_not_lose_anything_does_not(squeezed, sample):
    def by_place(path):
        with pikepdf.open(path) as pdf:
            things = pdf.pages[0].obj.Resources.XObject
            flat = {key: one for key, one in things.items() if str(one.Filter) == "/FlateDecode"}
            return {key: (one.Width, bytes(one.read_bytes())) for key, one in flat.items()}

    _, output = squeezed("colours.pdf", quality="low")
    before, after = by_place(sample("colours.pdf")), by_place(output)
    # Matte, colour key, DeviceN.
    for key in ("/I3", "/I4", "/I8"):
        assert after[key] == before[key], key
    with pikepdf.open(output) as pdf:
        things = pdf.pages[0].obj.Resources.XObject
        assert things.I3.SMask.Width == things.I3.Width == 240
        assert things.I9.ColorSpace[0] == "/CalRGB"
        assert things.I1.Decode == [1, 0] * 4
        assert b" BI /W 2 /H 2 /BPC 8 /CS /RGB ID " in pdf.pages[0].obj.Contents.read_bytes()


def test_a_grey_scan_stored_as_colour_becomes_grey(squeezed):
    _, output = squeezed("scan-grey-as-rgb.pdf")
    assert images(output)[0]["space"] == "/DeviceGray"


def test_bitonal_pictures_become_jbig2(squeezed):
    metadata, output = squeezed("fax.pdf")
    assert {one["filter"] for one in images(output)} == {"/JBIG2Decode"}
    assert metadata["output_bytes"] < 0.6 * metadata["input_bytes"]


def spoil(monkeypatch, how):
    """Let every picture that is coded with loss come out wrong."""
    from mediamill.operations.documents import _candidates

    whole = _candidates._jpeg
    monkeypatch.setattr(_candidates, "_jpeg", lambda pixels, quality, space: whole(how(pixels), quality, space))
    monkeypatch.setattr(_candidates._wavelet, "smaller", lambda pixels, photo: None)


@pytest.mark.parametrize(
    "how",
    [lambda one: 255 - one, lambda one: one[::-1], lambda one: one // 2],
    ids=["negative", "upside down", "dark"],
)
def test_pictures_that_come_out_wrong_are_not_let_through(squeezed, sample, monkeypatch, how):
    spoil(monkeypatch, how)
    metadata, output = squeezed("scan-colour.pdf")
    assert "page 1 does not look the same" in metadata["pictures_kept"]
    assert all(
        np.array_equal(*pair) for pair in zip(rendered(sample("scan-colour.pdf")), rendered(output), strict=True)
    )


def test_a_file_that_cannot_be_proven_stays_as_it_was(squeezed, sample, monkeypatch):
    from mediamill.operations.documents import _compress

    def lose_a_page(pdf, facts, **options):
        del pdf.pages[0]
        return save(pdf, facts, **options)

    save = _compress.save
    monkeypatch.setattr(_compress, "save", lose_a_page)
    metadata, output = squeezed("report.pdf", verify="off")
    assert "2 pages instead of 3" in metadata["skipped"]
    assert output.read_bytes() == sample("report.pdf").read_bytes()


def test_threads_change_nothing(sample, tmp_path, registry):
    from mediamill.engine.context import JobContext, LocalChannel
    from mediamill.engine.settings import Settings

    made = []
    for threads in (1, 4):
        output = tmp_path / f"{threads}.pdf"
        params = pdf_compress.Params(input=str(sample("used-twice.pdf")), output=str(output))
        context = JobContext(params, Settings(fsync=False), LocalChannel(), threads)
        pdf_compress.run(params, context)
        context.outputs.publish()
        made.append(output.read_bytes())
    assert made[0] == made[1]


def single(path, data, **fields):
    """Write a page with one picture of 8 bits and four colours, 64x64, and return its path."""
    pdf = pikepdf.new()
    image = pikepdf.Stream(pdf, data, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=64, Height=64)
    image.BitsPerComponent, image.ColorSpace = 8, pikepdf.Name.DeviceRGB
    for key, value in fields.items():
        image[f"/{key}"] = value
    pdf.add_blank_page(page_size=(64, 64))
    page = pdf.pages[0].obj
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=pdf.make_indirect(image)))
    page.Contents = pikepdf.Stream(pdf, b"0.5 g 0 0 64 64 re f 64 0 0 64 0 0 cm /I Do")
    pdf.save(path, compress_streams=False)
    return path


FOUR = np.array([[250, 0, 250], [0, 200, 0], [20, 40, 90], [240, 240, 10]], np.uint8)


@pytest.mark.parametrize(
    ("fields", "indexed"),
    [
        ({}, True),
        ({"Mask": pikepdf.Array([250, 250, 0, 0, 250, 250])}, False),
        ({"Decode": pikepdf.Array([1, 0, 0, 1, 0, 1])}, False),
    ],
    ids=["plain", "colour key", "decode"],
)
@pytest.mark.parametrize("quality", ["lossless", "low"])
def test_few_colours_become_a_palette_where_nothing_hangs_on_the_values(done, tmp_path, fields, indexed, quality):
    y, x = np.mgrid[0:64, 0:64]
    source = single(tmp_path / "a.pdf", FOUR[(x * x // 9 + y * 7 // 5) % 4].tobytes(), **fields)
    output = tmp_path / "b.pdf"
    metadata = done("pdf_compress", input=source, output=output, quality=quality, verify="off").metadata
    assert "skipped" not in metadata
    assert ("/Indexed" in images(output)[0]["space"]) == indexed
    assert np.array_equal(rendered(source, 72), rendered(output, 72))


@pytest.mark.parametrize("calibrated", [False, True])
def test_grey_pictures_stay_colour_where_a_page_says_what_its_colours_mean(done, tmp_path, sample, calibrated):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.open(sample("scan-grey-as-rgb.pdf")) as pdf:
        if calibrated:
            white = pikepdf.Dictionary(WhitePoint=pikepdf.Array([0.95, 1, 1.09]))
            space = pikepdf.Array([pikepdf.Name.CalRGB, white])
            pdf.pages[0].obj.Resources.ColorSpace = pikepdf.Dictionary(DefaultRGB=space)
        pdf.save(source)
    done("pdf_compress", input=source, output=output)
    assert images(output)[0]["space"] == ("/DeviceRGB" if calibrated else "/DeviceGray")


@pytest.mark.parametrize("kind", ["/CalRGB", "/ICCBased"])
def test_grey_pictures_keep_a_space_of_their_own(done, tmp_path, sample, kind):
    """What equal channels look like there is not what as much of a device's grey does."""
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.open(sample("scan-grey-as-rgb.pdf")) as pdf:
        white = pikepdf.Dictionary(WhitePoint=pikepdf.Array([0.95, 1, 1.09]), Gamma=pikepdf.Array([2.2, 2.2, 2.2]))
        profile = pikepdf.Stream(pdf, pyvips.Operation.call("profile_load", "srgb"), N=3)
        meant = white if kind == "/CalRGB" else pdf.make_indirect(profile)
        pdf.pages[0].obj.Resources.XObject.I.ColorSpace = pikepdf.Array([pikepdf.Name(kind), meant])
        pdf.save(source)
    metadata = done("pdf_compress", input=source, output=output).metadata
    assert metadata["images"]["downsampled"] == 1
    with pikepdf.open(output) as pdf:
        assert pdf.pages[0].obj.Resources.XObject.I.ColorSpace[0] == kind


@pytest.mark.parametrize(("part", "streams"), [("1", 0), ("2", 1)])
def test_the_oldest_archival_level_gets_no_object_streams(done, tmp_path, sample, part, streams):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.open(sample("report.pdf")) as pdf:
        packet = pdf.Root.Metadata.read_raw_bytes().replace(b'part="2"', f'part="{part}"'.encode())
        pdf.Root.Metadata.write(packet)
        pdf.save(source, fix_metadata_version=False)
    metadata = done("pdf_compress", input=source, output=output).metadata
    assert metadata["pdfa"] == f"{part}b"
    assert (output.read_bytes().count(b"/ObjStm") > 0) == bool(streams)
    with pikepdf.open(output) as pdf:
        assert f'pdfaid:part="{part}"'.encode() in pdf.Root.Metadata.read_raw_bytes()


@pytest.mark.parametrize("fields", [{}, {"grayscale": True}, {"quality": "lossless"}])
@pytest.mark.parametrize("wrong", [True, 5, pikepdf.Array([1]), pikepdf.String("x")], ids=["true", "5", "list", "text"])
def test_fonts_that_are_not_described_keep_nothing_else(done, sample, tmp_path, wrong, fields):
    source, output = tmp_path / "wrong.pdf", tmp_path / "out.pdf"
    with pikepdf.open(sample("report.pdf")) as pdf:
        for font in pdf.objects:
            if isinstance(font, pikepdf.Dictionary) and "/FontDescriptor" in font:
                font.FontDescriptor = wrong
        pdf.save(source)
    metadata = done("pdf_compress", input=source, output=output, **fields).metadata
    assert "skipped" not in metadata
    assert metadata["output_bytes"] < metadata["input_bytes"]
    with pikepdf.open(output) as pdf:
        described = [font.FontDescriptor for font in pdf.objects if "/FontDescriptor" in dict_of(font)]
    assert described
    assert not any(isinstance(one, pikepdf.Dictionary) for one in described)


def dict_of(thing):
    return thing if isinstance(thing, pikepdf.Dictionary) else {}


@pytest.mark.parametrize("blanks", [b"\n" + 30 * (b" " * 99 + b"\n"), b" " * 3000, b"\r\n\t" * 1000])
@pytest.mark.parametrize("place", [b"</rdf:RDF>", b"<?xpacket end"], ids=["inside", "behind"])
def test_blanks_of_xmp_go_wherever_a_program_put_them(done, sample, tmp_path, blanks, place):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.open(sample("report.pdf")) as pdf:
        packet = pdf.Root.Metadata.read_bytes().replace(place, blanks + place)
        pdf.Root.Metadata = pikepdf.Stream(pdf, packet, Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML)
        pdf.save(source, compress_streams=False)
        with pdf.open_metadata(set_pikepdf_as_editor=False) as told:
            before = dict(told)
    done("pdf_compress", input=source, output=output, quality="lossless")
    with pikepdf.open(output) as pdf:
        assert len(pdf.Root.Metadata.read_raw_bytes()) < len(packet) - 2900
        with pdf.open_metadata(set_pikepdf_as_editor=False) as told:
            assert dict(told) == before


def test_what_fails_by_its_fonts_keeps_its_fonts_alone(done, sample, tmp_path, monkeypatch):
    """Pictures are made smaller all the same."""
    import pikepdf

    from mediamill.operations.documents import _fonts

    source = tmp_path / "in.pdf"
    with pikepdf.open(sample("scan-colour.pdf")) as pdf, pikepdf.open(sample("composite-font.pdf")) as other:
        pdf.pages.append(other.pages[0])
        pdf.save(source)

    def spoil(pdf, check, archival=False):
        pdf.pages[1].obj.Contents = pdf.make_indirect(pikepdf.Stream(pdf, b""))
        return 1

    monkeypatch.setattr(_fonts, "subset", spoil)
    metadata = done("pdf_compress", input=source, output=tmp_path / "out.pdf", quality="low", verify="all").metadata
    assert "page 2" in metadata["fonts_kept"]
    assert "pictures_kept" not in metadata
    assert metadata["images"]["downsampled"] == 1


def is_alive(thing):
    import pikepdf

    try:
        return len(thing.keys()) > 0
    except (pikepdf.DeletedObjectError, pikepdf.PdfError):  # its document is closed, or gone altogether
        return False


def test_a_document_is_no_longer_in_memory_when_it_is_compared(done, sample, tmp_path, monkeypatch):
    from mediamill.operations.documents import _compress, _open

    roots, alive = [], []
    original, compare = _open._opened, _compress.compare

    def note(data, password):
        pdf, repaired = original(data, password)
        roots.append(pdf.Root)
        return pdf, repaired

    def look(*args, **fields):
        alive.extend(map(is_alive, roots))
        return compare(*args, **fields)

    monkeypatch.setattr(_open, "_opened", note)
    monkeypatch.setattr(_compress, "compare", look)
    done("pdf_compress", input=sample("scan-colour.pdf"), output=tmp_path / "out.pdf", quality="low")
    assert alive == [False]


@pytest.mark.parametrize("quality", ["lossless", "low"])
def test_what_fails_by_its_contents_keeps_its_contents_alone(done, sample, tmp_path, monkeypatch, quality):
    from mediamill.operations.documents import _contents

    rewrite = _contents.rewrite

    def spoil(pdf, gone, check, *, rounded):
        found = rewrite(pdf, gone, check, rounded=rounded)
        pdf.pages[1].obj.Contents = pdf.make_indirect(pikepdf.Stream(pdf, b""))
        found.pages["spelled"] = 1
        return found

    source = tmp_path / "in.pdf"
    with pikepdf.open(sample("scan-colour.pdf")) as pdf, pikepdf.open(sample("report.pdf")) as other:
        pdf.pages.append(other.pages[0])
        pdf.save(source)
    monkeypatch.setattr(_contents, "rewrite", spoil)
    metadata = done("pdf_compress", input=source, output=tmp_path / "out.pdf", quality=quality).metadata
    assert "page 2" in metadata["contents_kept"]
    assert metadata["saved"]["contents"] == 0
    assert {"pictures_kept", "fonts_kept", "numbers_kept", "skipped"}.isdisjoint(metadata)
    assert (metadata["images"]["downsampled"] > 0) == (quality == "low")
    if quality == "lossless":
        assert np.array_equal(rendered(source), rendered(tmp_path / "out.pdf"))


def test_what_fails_by_rounding_is_spelled_shorter_all_the_same(done, sample, tmp_path, monkeypatch):
    from mediamill.operations.documents import _contents

    rewrite = _contents.rewrite

    def spoil(pdf, gone, check, *, rounded):
        found = rewrite(pdf, gone, check, rounded=rounded)
        if rounded:
            moved = b"1 0 0 1 30 0 cm " + pdf.pages[0].obj.Contents.read_bytes()
            pdf.pages[0].obj.Contents = pdf.make_indirect(pikepdf.Stream(pdf, moved))
            found.pages["rounded"] = 0
        return found

    monkeypatch.setattr(_contents, "rewrite", spoil)
    source = sample("composite-font.pdf")
    metadata = done("pdf_compress", input=source, output=tmp_path / "out.pdf").metadata
    assert "page 1" in metadata["numbers_kept"]
    assert {"pictures_kept", "fonts_kept", "contents_kept", "skipped"}.isdisjoint(metadata)
    assert metadata["saved"]["contents"] > 0


def test_what_is_saved_adds_up(done, sample, tmp_path):
    metadata = done("pdf_compress", input=sample("report.pdf"), output=tmp_path / "out.pdf").metadata
    assert set(metadata["saved"]) == {"images", "fonts", "contents", "structure"}
    assert sum(metadata["saved"].values()) == metadata["input_bytes"] - metadata["output_bytes"]


@pytest.mark.parametrize("quality", ["lossless", "low"])
def test_what_cannot_be_rendered_is_packed_all_the_same(done, sample, tmp_path, monkeypatch, quality):
    from mediamill.operations.documents import _verify

    monkeypatch.setattr(_verify.Costs, "too_much", lambda *_: True)
    source, output = sample("report.pdf"), tmp_path / "out.pdf"
    metadata = done("pdf_compress", input=source, output=output, quality=quality).metadata
    assert "page 1 asks too much" in metadata["only_packed"]
    assert "skipped" not in metadata
    assert metadata["saved"]["structure"] == source.stat().st_size - output.stat().st_size > 0
    assert np.array_equal(rendered(source), rendered(output))


def test_what_is_packed_alone_is_held_against_the_original(done, sample, tmp_path, monkeypatch):
    from mediamill.operations.documents import _streams, _verify

    def spoil(pdf, *_):
        pdf.pages[0].obj.Contents = pdf.make_indirect(pikepdf.Stream(pdf, b"0 g"))

    monkeypatch.setattr(_verify.Costs, "too_much", lambda *_: True)
    monkeypatch.setattr(_streams, "repack", spoil)
    source, output = sample("report.pdf"), tmp_path / "out.pdf"
    metadata = done("pdf_compress", input=source, output=output).metadata
    assert "page 1 asks too much" in metadata["skipped"]
    assert output.read_bytes() == source.read_bytes()
