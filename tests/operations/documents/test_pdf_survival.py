"""What a document is besides its pictures and text, through every kind of work on it."""

import io

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String
from PIL import Image

from mediamill.operations.documents import _metadata

PERMISSIONS = pikepdf.Permissions(extract=False, print_highres=False, modify_form=False)
CIPHERS = {
    "rc4-40": {"R": 2, "aes": False, "metadata": False},
    "rc4-128": {"R": 3, "aes": False, "metadata": False},
    "aes-128": {"R": 4, "aes": True},
    "aes-128 without metadata": {"R": 4, "aes": True, "metadata": False},
    "aes-256": {"R": 6},
    "aes-256 without metadata": {"R": 6, "metadata": False},
}


def said(pdf):
    cipher = pdf.encryption
    return cipher.R, cipher.V, cipher.P, cipher.bits, cipher.stream_method, cipher.string_method, cipher.encryption_key


def instructions(page):
    return [(one.operator, list(one.operands)) for one in pikepdf.parse_content_stream(page)]


@pytest.mark.parametrize("fields", [{}, {"remove_metadata": True, "linearize": True}], ids=["plain", "asked for more"])
@pytest.mark.parametrize("user", ["", "user"])
@pytest.mark.parametrize("cipher", CIPHERS)
def test_every_encryption_stays_with_its_permissions(done, sample, tmp_path, cipher, user, fields):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.open(sample("composite-font.pdf")) as pdf:
        pdf.save(source, encryption=pikepdf.Encryption(owner="owner", user=user, allow=PERMISSIONS, **CIPHERS[cipher]))
    told = done("pdf_compress", input=source, output=output, **fields, **({"password": user} if user else {})).metadata
    assert not {"skipped", "only_packed", "only_metadata_removed"} & set(told)
    for password in {user, "owner"}:
        with pikepdf.open(source, password=password) as before, pikepdf.open(output, password=password) as after:
            assert said(after) == said(before)
            assert after.allow == before.allow
            assert after.owner_password_matched == before.owner_password_matched
            assert instructions(after.pages[0]) == instructions(before.pages[0])


@pytest.mark.parametrize(("flags", "inherited"), [(0, False), (1, False), (3, False), (3, True)])
@pytest.mark.parametrize("filled", [False, True])
def test_a_signature_field_counts_once_it_is_filled_in(done, sample, tmp_path, flags, inherited, filled):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.open(sample("composite-font.pdf")) as pdf:
        field = Dictionary(T=String("sign"), FT=Name.Sig)
        if filled:
            field.V = Dictionary(Type=Name.Sig, Contents=String("x"))
        if inherited:
            del field["/FT"]
            field = Dictionary(FT=Name.Sig, T=String("a"), Kids=Array([pdf.make_indirect(field)]))
        pdf.Root.AcroForm = Dictionary(Fields=Array([pdf.make_indirect(field)]), SigFlags=flags)
        pdf.save(source)
    metadata = done("pdf_compress", input=source, output=output).metadata
    assert ("skipped" in metadata) == filled
    assert (output.read_bytes() == source.read_bytes()) == filled


def photo(comment):
    exif = Image.Exif()
    exif[0x010F] = comment
    target = io.BytesIO()
    Image.linear_gradient("L").save(target, "JPEG", quality=80, exif=exif, comment=comment.encode())
    return target.getvalue()


@pytest.fixture
def noted(tmp_path):
    """Return a document that has notes in all kinds of places, and a picture that is called Metadata."""
    pdf = pikepdf.new()
    image = pikepdf.Stream(pdf, photo("SECRET"), Type=Name.XObject, Subtype=Name.Image, Width=256, Height=256)
    image.ColorSpace, image.BitsPerComponent, image.Filter = Name.DeviceGray, 8, Name.DCTDecode
    image.Metadata = pdf.make_indirect(pikepdf.Stream(pdf, b"SECRET", Type=Name.Metadata, Subtype=Name.XML))
    pdf.add_blank_page(page_size=(96, 96))
    page = pdf.pages[0].obj
    inner = pdf.make_indirect(pikepdf.Stream(pdf, b"SECRET", Type=Name.Metadata, Subtype=Name.XML))
    private = Dictionary(Program=Dictionary(Private=String("SECRET")))
    page.Resources = Dictionary(
        XObject=Dictionary(Metadata=pdf.make_indirect(image)),
        Properties=Dictionary(A=Dictionary(Metadata=inner, PieceInfo=private)),
    )
    notes = {"PTEX.FileName": String("/home/SECRET/figure.pdf"), "PTEX.PageNumber": 1}
    notes["PTEX.InfoDict"] = pdf.make_indirect(Dictionary(Producer=String("SECRET")))
    figure = pikepdf.Stream(pdf, b"0 0 9 9 re f", Subtype=Name.Form, BBox=Array([0, 0, 9, 9]), **notes)
    page.Resources.XObject.Figure = pdf.make_indirect(figure)
    page.Contents = pikepdf.Stream(pdf, b"/Figure Do /Span /A BDC 96 0 0 96 0 0 cm /Metadata Do EMC")
    pdf.docinfo["/Title"] = "SECRET"
    pdf.save(tmp_path / "in.pdf", static_id=True)
    return tmp_path / "in.pdf"


@pytest.mark.parametrize("quality", ["lossless", "high"])
def test_notes_go_wherever_they_are(done, noted, tmp_path, quality):
    output = tmp_path / "out.pdf"
    done("pdf_compress", input=noted, output=output, quality=quality, remove_metadata=True)
    with pikepdf.open(noted) as before, pikepdf.open(output) as after:
        assert after.trailer.ID[0] != before.trailer.ID[0]
        data = b"".join(one.read_raw_bytes() for one in after.objects if isinstance(one, pikepdf.Stream))
        texts = b"".join(one.unparse(resolved=True) for one in after.objects if not isinstance(one, pikepdf.Stream))
        assert b"SECRET" not in data + texts
        picture = after.pages[0].obj.Resources.XObject.Metadata
        assert pikepdf.PdfImage(picture).as_pil_image().size == (256, 256)


def test_notes_and_the_file_identifier_stay_otherwise(done, noted, tmp_path):
    output = tmp_path / "out.pdf"
    done("pdf_compress", input=noted, output=output, quality="lossless")
    with pikepdf.open(noted) as before, pikepdf.open(output) as after:
        assert after.trailer.ID[0] == before.trailer.ID[0]
        assert after.docinfo["/Title"] == "SECRET"
        assert b"SECRET" in after.pages[0].obj.Resources.XObject.Metadata.Metadata.read_bytes()


def test_a_file_that_stays_says_how_many_pictures_it_has(done, sample, tmp_path):
    metadata = done("pdf_compress", input=sample("signed.pdf"), output=tmp_path / "a.pdf").metadata
    assert metadata["skipped"]
    assert metadata["images"] == {"found": 1, "recompressed": 0, "downsampled": 0, "deduplicated": 0}


CLAIMS = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/"
xmlns:pdfxid="http://www.npes.org/pdfx/ns/id/"><pdfuaid:part>1</pdfuaid:part>
<pdfxid:GTS_PDFXVersion>PDF/X-4</pdfxid:GTS_PDFXVersion></rdf:Description></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize("fields", [{}, {"remove_metadata": True}])
@pytest.mark.parametrize(("where", "claims"), [("notes", ["PDF/X-1a:2001"]), ("packet", ["PDF/X-4", "PDF/UA-1"])])
def test_claims_that_go_with_the_metadata_are_said(done, noted, tmp_path, fields, where, claims):
    source, output = tmp_path / "claims.pdf", tmp_path / "out.pdf"
    with pikepdf.open(noted) as pdf:
        if where == "notes":
            pdf.docinfo["/GTS_PDFXVersion"] = "PDF/X-1a:2001"
        else:
            pdf.Root.Metadata = pikepdf.Stream(pdf, CLAIMS, Type=Name.Metadata, Subtype=Name.XML)
        pdf.save(source, fix_metadata_version=False)
    metadata = done("pdf_compress", input=source, output=output, **fields).metadata
    assert metadata.get("claims_removed", []) == (claims if fields else [])
    with pikepdf.open(output) as pdf:
        kept = str(pdf.trailer.get("/Info")) + str("/Metadata" in pdf.Root and pdf.Root.Metadata.read_bytes())
        assert all((claim.rpartition("/")[2] in kept) != bool(fields) for claim in claims if "X" in claim)


def box(kind, body):
    return (8 + len(body)).to_bytes(4, "big") + kind + body


@pytest.mark.parametrize("kind", [b"xml ", b"uuid", b"uinf"])
@pytest.mark.parametrize("quality", ["lossless", "high"])
def test_notes_in_jpeg_2000_go(done, tmp_path, kind, quality):
    source, output, target = tmp_path / "in.pdf", tmp_path / "out.pdf", io.BytesIO()
    Image.linear_gradient("L").save(target, "JPEG2000")
    data = target.getvalue()
    assert data[4:8] == b"jP  "
    at = data.index(b"jp2c") - 4
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(96, 96))
        image = pikepdf.Stream(
            pdf, data[:at] + box(kind, b"SECRET" * 9) + data[at:], Type=Name.XObject, Subtype=Name.Image,
            Width=256, Height=256, ColorSpace=Name.DeviceGray, BitsPerComponent=8, Filter=Name.JPXDecode,
        )  # fmt: skip
        page = pdf.pages[0].obj
        page.Resources = Dictionary(XObject=Dictionary(I=pdf.make_indirect(image)))
        page.Contents = pikepdf.Stream(pdf, b"96 0 0 96 0 0 cm /I Do")
        pdf.save(source)
    done("pdf_compress", input=source, output=output, quality=quality)
    assert b"SECRET" in output.read_bytes()
    metadata = done("pdf_compress", input=source, output=output, quality=quality, remove_metadata=True).metadata
    assert "skipped" not in metadata
    with pikepdf.open(output) as pdf:
        assert pdf.pages[0].obj.Resources.XObject.I.read_raw_bytes() == data


@pytest.mark.parametrize("data", [b"\xff\x4f\xff\x51" * 9, b"", b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\1xml \0\0\0\0"])
def test_what_is_no_sound_jpeg_2000_stays(data):
    assert _metadata.wavelet_stripped(data) == data
