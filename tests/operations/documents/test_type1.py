import io
from contextlib import closing

import numpy as np
import pikepdf
import pypdfium2
import pytest
from fontTools.cffLib import CFFFontSet
from fontTools.pens.basePen import NullPen
from fontTools.pens.recordingPen import RecordingPen
from msgspec.structs import replace

from fixtures.samples.documents_type1 import type1
from mediamill.operations.documents import _type1, _type1_cff, _type1_shapes
from mediamill.operations.documents._glyph_names import Shown

NAMES = ["type1.pdf", "type1-unnamed.pdf"]


def seen(path, dpi=300):
    with closing(pypdfium2.PdfDocument(path)) as document:
        page = document[0]
        shown = page.get_textpage()
        boxes = [shown.get_charbox(at) for at in range(shown.count_chars())]
        return page.render(scale=dpi / 72).to_numpy()[:, :, :3].copy(), shown.get_text_range(), boxes


def descriptor(pdf):
    (found,) = [one for one in pdf.objects if isinstance(one, pikepdf.Dictionary) and "/FontBBox" in one]
    return found


def program(path):
    with pikepdf.open(path) as pdf:
        return descriptor(pdf).FontFile.read_bytes()


def top(data):
    fonts = CFFFontSet()
    fonts.decompile(io.BytesIO(data), None)
    return fonts[0]


def said(font, name):
    string = font.CharStrings[name]
    string.decompile()
    return string.program


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quality", ["lossless", "medium"])
def test_pages_look_and_read_the_same_in_a_compact_font(done, sample, tmp_path, name, quality):
    output = tmp_path / "out.pdf"
    metadata = done("pdf_compress", input=sample(name), output=output, quality=quality, verify="all").metadata
    with pikepdf.open(output) as pdf:
        found = descriptor(pdf)
        assert "/FontFile" not in found
        assert found.FontFile3.Subtype == pikepdf.Name.Type1C
        length = len(found.FontFile3.read_raw_bytes())
    with pikepdf.open(sample(name)) as pdf:
        before = len(descriptor(pdf).FontFile.read_raw_bytes())
    assert length < before / 6
    assert metadata["saved"]["fonts"] == before - length
    one, other = seen(sample(name)), seen(output)
    assert (one[0] < 128).sum() > 1000
    assert np.array_equal(one[0], other[0])
    assert one[1:] == other[1:]


def test_all_that_a_charstring_can_say_is_told(sample):
    data = program(sample("type1.pdf"))
    font = top(_type1_cff.convert(data)[0])
    assert font.Private.BlueValues == [-20, 0, 500, 520]
    assert font.Private.StdHW == 60
    assert font.Encoding[1:4] == ["flexed", "hinted", "accented"]
    assert font.Encoding[ord("Q")] == "Q"
    assert said(font, "flexed")[-2:] == ["flex1", "endchar"]
    hinted = said(font, "hinted")
    assert hinted.count("hintmask") == 2
    stems = hinted.index("hstemhm")
    assert hinted[stems - 8 : stems] == [0, 20, 180, 20, 80, 40, 60, 20]
    masks = [hinted[at + 1] for at, part in enumerate(hinted) if part == "hintmask"]
    assert masks == [bytes([0b11010000]), bytes([0b00100000])]
    assert said(font, "accented")[-5:] == [45, 120, ord("e"), ord(","), "endchar"]
    assert {"hstem", "vstem"} <= set(said(font, "e"))
    stem = said(font, "e").index("vstem")
    assert said(font, "e")[stem - 4 : stem] == [65, 80, -40, 80]


def test_fractions_of_a_width_stay(sample):
    data = program(sample("type1.pdf"))
    font = top(_type1_cff.convert(data)[0])
    glyph = font.CharStrings["Q"]
    glyph.draw(NullPen())
    assert glyph.width % 1 == 0.5


@pytest.mark.parametrize("reach", ["form", "masters", "cut off", "another encoding", "stroked", "no start"])
def test_fonts_stay_what_they_are_where_it_is_not_safe(done, sample, tmp_path, reach):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.open(sample("type1.pdf")) as pdf:
        fonts, stream = pdf.pages[0].obj.Resources.Font, descriptor(pdf).FontFile
        data = stream.read_bytes()
        if reach == "form":
            resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=fonts.F))
            pdf.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([]), DR=resources)
        elif reach == "masters":
            fonts.F.Subtype = pikepdf.Name.MMType1
        else:
            changes = {
                "cut off": data[: len(data) // 2],
                "another encoding": data.replace(b"/Encoding 256 array", b"/Encoding 256 ARRAY"),
                "stroked": data.replace(b"/PaintType 0", b"/PaintType 2"),
                "no start": data.replace(b"eexec", b"exec."),
            }
            assert changes[reach] != data
            stream.write(changes[reach])
        pdf.save(source)
    assert done("pdf_compress", input=source, output=output).metadata["saved"]["fonts"] == 0
    with pikepdf.open(source) as one, pikepdf.open(output) as other:
        assert descriptor(one).FontFile.read_bytes() == descriptor(other).FontFile.read_bytes()


def test_a_glyph_that_would_come_out_otherwise_is_noticed(sample, monkeypatch):
    data = program(sample("type1.pdf"))
    whole = _type1_shapes.program

    def moved(told):
        found = whole(told)
        at = found.index("rmoveto") if "rmoveto" in found else 0
        return [*found[: at - 1], found[at - 1] + 1, *found[at:]] if at else found

    assert _type1_cff.convert(data)
    monkeypatch.setattr(_type1_shapes, "program", moved)
    with pytest.raises(_type1.Unreadable):
        _type1_cff.convert(data)


def test_damaged_programs_are_unreadable_and_nothing_worse(sample):
    data, noise = program(sample("type1.pdf")), np.random.default_rng(2)
    start = data.index(b"eexec")
    for _ in range(60):
        wrong = bytearray(data)
        for at in noise.integers(0, start + 900, 3).tolist():
            wrong[at] = int(noise.integers(256))
        try:
            top(_type1_cff.convert(bytes(wrong))[0])
        except _type1.Unreadable:
            continue


@pytest.mark.parametrize("quality", ["lossless", "medium"])
def test_fonts_stay_what_they_are_where_pages_would_look_otherwise(done, sample, tmp_path, monkeypatch, quality):
    output = tmp_path / "out.pdf"
    right = _type1_shapes.program
    monkeypatch.setattr(
        _type1_shapes,
        "program",
        lambda told: [*right(told)[:-1], 0, 0, "rmoveto", 400, 900, 300, -900, "rlineto", "endchar"],
    )
    monkeypatch.setattr(_type1_cff, "_is_same", lambda *given: True)
    metadata = done("pdf_compress", input=sample("type1.pdf"), output=output, quality=quality).metadata
    assert metadata["fonts_kept"]
    assert metadata["saved"]["fonts"] == 0
    assert np.array_equal(seen(sample("type1.pdf"))[0], seen(output)[0])


def test_glyphs_of_code_0_and_of_several_codes_are_found(done, sample, tmp_path):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    data = type1("dup 0 /flexed put dup 1 /flexed put dup 2 /hinted put dup 3 /hinted put dup 4 /accented put")
    with pikepdf.open(sample("type1-unnamed.pdf")) as pdf:
        descriptor(pdf).FontFile.write(data)
        content = pdf.pages[0].obj.Contents
        content.write(content.read_bytes().replace(b"\\001\\002\\003", b"\\000\\001\\002\\003\\004"))
        pdf.save(source)
    assert b"\\000\\001" in content_of(source)
    done("pdf_compress", input=source, output=output, quality="lossless", verify="all")
    with pikepdf.open(output) as pdf:
        made = top(descriptor(pdf).FontFile3.read_bytes())
    assert made.Encoding[:5] == ["flexed", "flexed", "hinted", "hinted", "accented"]
    assert np.array_equal(seen(source)[0], seen(output)[0])


@pytest.mark.parametrize(("encoding", "shown"), [
    ("dup 0 /flexed put", "\\000"),
    ("dup 0 /flexed put dup 161 /flexed put", "\\000\\241"),
    ("dup 0 /flexed put dup 1 /hinted put", "\\000\\001ABCDEFG"),
    ("dup 200 /accented put dup 1 /hinted put dup 201 /flexed put", "\\310\\001\\311"),
])  # fmt: skip
def test_few_glyphs_are_found_whatever_their_codes(done, sample, tmp_path, encoding, shown):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.open(sample("type1-unnamed.pdf")) as pdf:
        descriptor(pdf).FontFile.write(type1(encoding))
        pdf.pages[0].obj.Contents.write(f"BT /F 40 Tf 20 100 Td ({shown}) Tj ET".encode())
        pdf.save(source)
    metadata = done("pdf_compress", input=source, output=output, quality="lossless", verify="all").metadata
    assert "fonts_kept" not in metadata
    with pikepdf.open(output) as pdf:
        assert len(descriptor(pdf).FontFile3.read_bytes()) < 1200
    one, other = seen(source), seen(output)
    assert (one[0] < 128).sum() > 1000
    assert np.array_equal(one[0], other[0])
    assert one[1:] == other[1:]


def content_of(path):
    with pikepdf.open(path) as pdf:
        return pdf.pages[0].obj.Contents.read_bytes()


def test_only_what_is_shown_is_told(sample):
    data = program(sample("type1.pdf"))
    made, names = _type1_cff.convert(data, Shown({2}, {"accented": {3}, "Q": {81}}))
    assert names == ["Q", "accented", "comma", "e", "hinted"]
    font, whole = top(made), top(_type1_cff.convert(data)[0])
    assert set(font.charset) == {".notdef", *names}
    assert font.Encoding[2:4] == ["hinted", "accented"]
    assert font.Encoding[1] == ".notdef"
    assert all(outlined(font, name) == outlined(whole, name) for name in names)


def outlined(font, name):
    pen, glyph = RecordingPen(), font.CharStrings[name]
    glyph.draw(pen)
    return pen.value, glyph.width


def test_a_damaged_glyph_that_is_not_shown_does_not_matter(sample):
    data = program(sample("type1.pdf"))
    font = _type1.read(data)
    wrong = font.glyphs | {"Z": bytes(len(font.glyphs["Z"]))}
    assert _type1_cff._told(replace(font, glyphs=wrong), {"Q"}).keys() == {".notdef", "Q"}
    with pytest.raises((_type1.Unreadable, IndexError)):
        _type1_cff._told(replace(font, glyphs=wrong), {"Z"})
