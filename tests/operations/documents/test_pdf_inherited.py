"""What is painted by the names of whatever paints it: forms, appearances and letters without resources of their own."""

from contextlib import closing

import numpy as np
import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name

PAINTERS = ["form", "pattern", "mask", "appearance", "letter"]
BOX = Array([0, 0, 400, 400])


def stream(pdf, content, **entries):
    return pdf.make_indirect(pikepdf.Stream(pdf, content, **entries))


def form(pdf, content, box=BOX, **entries):
    return stream(pdf, content, Type=Name.XObject, Subtype=Name.Form, BBox=box, **entries)


def document(path, painter, inner):
    """Write two pages that paint a thing of their own, by the same name: small themselves, and large by a painter.

    The painter has no resources, so that the name means there what it means on the page.
    """
    pdf = pikepdf.new()
    small, large = b"q 1 0 0 1 1 1 cm /In Do Q ", b"q 380 0 0 380 0 0 cm /In Do Q"
    mean = {"form": b"/Out Do", "pattern": b"/Pattern cs /P scn 0 0 400 400 re f", "appearance": b""}
    mean |= {"mask": b"q /M gs 0 0 400 400 re f Q", "letter": b"BT /F 380 Tf 5 5 Td (a) Tj ET"}
    out = form(
        pdf, large, **({"Group": Dictionary(S=Name.Transparency, CS=Name.DeviceGray)} if painter == "mask" else {})
    )
    for number in (0, 1):
        page = pdf.add_blank_page(page_size=(400, 400)).obj
        page.Resources = Dictionary(XObject=Dictionary(In=inner(pdf, number)))
        page.Contents = stream(pdf, b"%d w " % number + small + mean[painter])
        if painter == "form":
            page.Resources.XObject.Out = out
        elif painter == "pattern":
            tile = stream(pdf, large, Type=Name.Pattern, PatternType=1, PaintType=1, TilingType=1, BBox=BOX)
            tile.XStep = tile.YStep = 400
            page.Resources.Pattern = Dictionary(P=tile)
        elif painter == "mask":
            mask = Dictionary(Type=Name.Mask, S=Name.Luminosity, G=out)
            page.Resources.ExtGState = Dictionary(M=Dictionary(Type=Name.ExtGState, SMask=mask))
        elif painter == "letter":
            page.Resources.Font = Dictionary(F=letters(pdf))
        else:
            seal = Dictionary(Type=Name.Annot, Subtype=Name.Stamp, Rect=BOX, F=4, AP=Dictionary(N=out))
            page.Annots = Array([pdf.make_indirect(seal)])
    pdf.save(path)
    return path


def letters(pdf):
    glyph = stream(pdf, b"1000 0 d0 q 1000 0 0 1000 0 0 cm /In Do Q")
    return pdf.make_indirect(
        Dictionary(
            Type=Name.Font, Subtype=Name.Type3, FontBBox=Array([0, 0, 1000, 1000]), CharProcs=Dictionary(a=glyph),
            FontMatrix=Array([0.001, 0, 0, 0.001, 0, 0]), FirstChar=97, LastChar=97, Widths=Array([1000]),
            Encoding=Dictionary(Type=Name.Encoding, Differences=Array([97, Name.a])),
        )
    )  # fmt: skip


def drawing(pdf, number):
    """Return a drawing in a square of one unit, whose last digits show once it is painted large."""
    lines = np.random.default_rng(number).uniform(0, 1, (200, 4)).tolist()
    drawn = b"0.002 w 1 g 1 G " + b"".join(b"%.6f %.6f m %.6f %.6f l S " % tuple(line) for line in lines)
    return form(pdf, drawn, Array([0, 0, 1, 1]), Resources=Dictionary())


def picture(pdf, number):
    pixels = np.random.default_rng(number).integers(0, 256, (100, 100, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    image = stream(pdf, pixels.tobytes(), Type=Name.XObject, Subtype=Name.Image, Width=400, Height=400)
    image.ColorSpace, image.BitsPerComponent = Name.DeviceRGB, 8
    return image


def shown(path):
    with closing(pypdfium2.PdfDocument(path)) as pdf:
        return [page.render().to_numpy().copy() for page in pdf]


@pytest.mark.parametrize("painter", PAINTERS)
def test_what_is_painted_large_by_others_names_is_not_rounded_as_if_it_were_small(done, tmp_path, painter):
    source, output = document(tmp_path / "a.pdf", painter, drawing), tmp_path / "b.pdf"
    metadata = done("pdf_compress", input=source, output=output, verify="off").metadata
    assert metadata["saved"]["contents"] > 0
    with pikepdf.open(output) as pdf:
        for page in pdf.pages:
            assert len(page.obj.Resources.XObject.In.read_bytes().split()[6]) == len(".123456")
    assert all(map(np.array_equal, shown(source), shown(output)))


@pytest.mark.parametrize("painter", PAINTERS)
def test_pictures_painted_large_by_others_names_keep_their_pixels(done, tmp_path, painter):
    source, output = document(tmp_path / "a.pdf", painter, picture), tmp_path / "b.pdf"
    done("pdf_compress", input=source, output=output, quality="low", verify="off")
    with pikepdf.open(output) as pdf:
        assert [int(page.obj.Resources.XObject.In.Width) for page in pdf.pages] == [400, 400]
