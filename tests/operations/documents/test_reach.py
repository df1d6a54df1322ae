"""What no way leads to is not worked on."""

import re

import pikepdf
import pytest

from mediamill.operations.documents import _reach


def picture(pdf, value):
    facts = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Image, "Width": 64, "Height": 64}
    data = bytes([value, 0, 255 - value]) * 64 * 64
    stream = pikepdf.Stream(pdf, data, **facts, BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceRGB)
    return pdf.make_indirect(stream)


def document():
    """Return a document of one page and one picture."""
    pdf = pikepdf.new()
    page = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Page, MediaBox=[0, 0, 64, 64]))
    pdf.pages.append(pikepdf.Page(page))
    page = pdf.pages[0].obj
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=picture(pdf, 1)))
    page.Contents = pdf.make_indirect(pikepdf.Stream(pdf, b"64 0 0 64 0 0 cm /I Do"))
    return pdf


def test_all_that_hangs_on_the_trailer_is_reached():
    with document() as pdf:
        assert _reach.unreached(pdf, lambda: None) == set()


def test_what_nothing_refers_to_is_not():
    with document() as pdf:
        lost = picture(pdf, 2)
        ring = pdf.make_indirect(pikepdf.Dictionary(Lost=lost))
        ring.Ring = ring
        assert _reach.unreached(pdf, lambda: None) == {lost.objgen, ring.objgen}


def test_what_looks_like_a_reference_may_be_one():
    with document() as pdf:
        shown = picture(pdf, 3)
        pdf.Root.Note = pikepdf.String(f"{shown.objgen[0]} 0 R")
        assert _reach.unreached(pdf, lambda: None) == set()


@pytest.mark.parametrize("key", ["/Thumb", "/PieceInfo", None])
def test_pictures_that_are_not_written_are_not_worked_on(done, tmp_path, key):
    with document() as pdf:
        lost = picture(pdf, 2)
        if key == "/Thumb":
            pdf.pages[0].obj.Thumb = lost
        elif key:
            pdf.pages[0].obj.PieceInfo = pikepdf.Dictionary(Own=pikepdf.Dictionary(Private=lost))
        else:
            pdf.Root.Lost = lost
        data = tmp_path / "a.pdf"
        pdf.save(data)
    if key is None:  # what an update of a file in place leaves behind
        data.write_bytes(re.sub(rb"/Lost \d+ 0 R", lambda found: b" " * len(found[0]), data.read_bytes()))
    metadata = done("pdf_compress", input=data, output=tmp_path / "b.pdf", quality="medium").metadata
    assert metadata["images"]["found"] == 1
