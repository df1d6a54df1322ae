import io
from contextlib import closing

import numpy as np
import pikepdf
import pypdfium2
import pytest
from fontTools.cffLib import CFFFontSet

from fixtures.samples.documents_type1 import BY_HAND, CODES, SUBROUTINES, assembled, program
from mediamill.operations.documents import _cff_write, _type1
from mediamill.operations.documents._type1_charstrings import Glyph, Part, Reader, Unreadable

NAMES = ["type1.pdf", "type1-hexadecimal.pdf", "type1-named.pdf"]
ROUTINES = {number: assembled(words) for number, words in enumerate(SUBROUTINES)}


def seen(path, dpi=150):
    with closing(pypdfium2.PdfDocument(path)) as document:
        page = document[0]
        shown = page.get_textpage()
        boxes = [shown.get_charbox(at) for at in range(shown.count_chars())]
        return page.render(scale=dpi / 72).to_numpy()[:, :, :3].copy(), shown.get_text_range(), boxes


def font(data):
    fonts = CFFFontSet()
    fonts.decompile(io.BytesIO(data), None)
    return fonts[0]


def written(words, usual=0):
    reader = Reader(ROUTINES, lambda code: assembled(BY_HAND["acute"]))
    return _cff_write.charstring(reader.read(assembled(words)), usual, 0)


def program_of(code):
    from fontTools.misc.psCharStrings import T2CharString

    drawn = T2CharString(code)
    drawn.decompile()
    return drawn.program


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quality", ["lossless", "medium"])
def test_pages_look_and_read_the_same_in_a_compact_font(done, sample, tmp_path, name, quality):
    output = tmp_path / "out.pdf"
    metadata = done("pdf_compress", input=sample(name), output=output, quality=quality, verify="all").metadata
    assert metadata["saved"]["fonts"] > 3000
    assert "fonts_kept" not in metadata
    before, after = seen(sample(name)), seen(output)
    assert (before[0] < 128).any()
    assert np.array_equal(before[0], after[0])
    assert before[1:] == after[1:]
    with pikepdf.open(output) as pdf:
        descriptor = pdf.pages[0].obj.Resources.Font["/F"].FontDescriptor
        assert "/FontFile" not in descriptor
        assert descriptor.FontFile3.Subtype == pikepdf.Name.Type1C
        assert not {"/Length1", "/Length2", "/Length3"} & set(descriptor.FontFile3.keys())


def test_fonts_stay_what_they_are_when_asked(done, sample, tmp_path):
    output = tmp_path / "out.pdf"
    done("pdf_compress", input=sample("type1.pdf"), output=output, subset_fonts=False)
    with pikepdf.open(output) as pdf:
        assert "/FontFile" in pdf.pages[0].obj.Resources.Font["/F"].FontDescriptor


def test_codes_stand_for_what_they_stood_for():
    made = font(_type1.convert(program()[0]))
    assert {code: made.Encoding[code] for code in CODES} == CODES
    assert made.Encoding[ord("A")] == "A"
    assert made.FontBBox == [-50, -250, 1100, 950]
    assert made.Private.BlueValues == [-15, 0, 480, 500]
    assert made.Private.StdHW == 40
    assert made.Private.BlueScale == pytest.approx(0.0454545)


def test_hints_hold_for_what_is_drawn_under_them():
    found = program_of(written(BY_HAND["equal"]))
    assert found[:8] == [600, 0, 20, 180, 100, 180, 20, "hstemhm"]
    assert found[8:10] == [50, 50]  # from where the glyph begins
    masks = [found[at + 1] for at, word in enumerate(found) if word == "hintmask"]
    assert masks == [b"\xa0", b"\x50"]


def test_a_flex_becomes_two_curves():
    from fontTools.pens.recordingPen import RecordingPen

    pen = RecordingPen()
    font(_type1.convert(program()[0])).CharStrings["bar"].draw(pen)
    assert [points for kind, points in pen.value if kind == "curveTo"] == [
        ((562.5, 400), (542.5, 394), (362.5, 394)),
        ((182.5, 394), (162.5, 400), (62.5, 400)),
    ]


@pytest.mark.parametrize(
    "words",
    [
        "0 500 hsbw 9 callsubr endchar",
        "0 500 hsbw 10 rlineto endchar",
        "0 500 hsbw 1 0 div hmoveto endchar",
        "0 500 hsbw 1 1 18 callothersubr endchar",
        "0 500 hsbw 1 callsubr 5 5 rmoveto 0 0 0 0 callsubr endchar",
        "0 500 hsbw 5 callothersubr endchar",
        "10 10 rmoveto endchar",
    ],
)
def test_programs_that_cannot_be_followed_are_refused(words):
    with pytest.raises(Unreadable):
        written(words)


def test_subroutines_that_call_themselves_end():
    with pytest.raises(Unreadable):
        Reader({0: assembled("0 callsubr")}, lambda code: b"").read(assembled("0 500 hsbw 0 callsubr"))


@pytest.mark.parametrize("cut", [10, 400, 3000, -700])
def test_fonts_cut_short_stay_as_they_are(done, sample, tmp_path, cut):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.open(sample("type1.pdf")) as pdf:
        stream = pdf.pages[0].obj.Resources.Font["/F"].FontDescriptor.FontFile
        stream.write(stream.read_bytes()[:cut])
        pdf.save(source)
    done("pdf_compress", input=source, output=output)
    assert seen(output)[1:] == seen(source)[1:]


def test_a_glyph_that_would_come_out_otherwise_is_noticed(monkeypatch):
    data = program()[0]
    assert len(_type1.convert(data)) < len(data)
    right, more = _cff_write.charstring, Part(commands=[("rlineto", [1, 1])])
    monkeypatch.setattr(
        _cff_write,
        "charstring",
        lambda glyph, usual, nominal: right(Glyph(glyph.width, [*glyph.parts, more]), usual, nominal),
    )
    with pytest.raises(Unreadable):
        _type1.convert(data)


@pytest.mark.parametrize("quality", ["lossless", "medium"])
def test_fonts_stay_what_they_are_where_pages_would_look_otherwise(done, sample, tmp_path, monkeypatch, quality):
    output = tmp_path / "out.pdf"
    right, more = _cff_write.charstring, Part(commands=[("rlineto", [400, 900]), ("rlineto", [300, -900])])
    monkeypatch.setattr(
        _cff_write,
        "charstring",
        lambda glyph, usual, nominal: right(Glyph(glyph.width, [*glyph.parts, more]), usual, nominal),
    )
    monkeypatch.setattr(_type1, "_prove", lambda *given: None)
    metadata = done("pdf_compress", input=sample("type1.pdf"), output=output, quality=quality).metadata
    assert "does not look the same" in metadata["fonts_kept"] or "text" in metadata["fonts_kept"]
    assert metadata["saved"]["fonts"] == 0
    assert np.array_equal(seen(sample("type1.pdf"))[0], seen(output)[0])
