import io
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pikepdf
import pypdfium2
import pytest
from fontTools.cffLib import CFFFontSet, SubrsIndex
from fontTools.misc.psCharStrings import T2CharString, encodeFloat, read_realNumber
from msgspec.structs import replace

from mediamill.operations.documents import _cff, _cff_write
from mediamill.operations.documents._glyph_names import Shown

NAMES = ["compact-named.pdf", "compact-numbered.pdf", "compact-cids.pdf"]


def seen(path, dpi=150):
    with closing(pypdfium2.PdfDocument(path)) as document:
        page = document[0]
        shown = page.get_textpage()
        boxes = [shown.get_charbox(at) for at in range(shown.count_chars())]
        return page.render(scale=dpi / 72).to_numpy()[:, :, :3].copy(), shown.get_text_range(), boxes


def program(path):
    with pikepdf.open(path) as pdf:
        (found,) = [
            one.FontFile3.read_bytes()
            for one in pdf.objects
            if isinstance(one, pikepdf.Dictionary) and "/FontFile3" in one
        ]
    return found


def font(data):
    fonts = CFFFontSet()
    fonts.decompile(io.BytesIO(data), None)
    return fonts[0]


def outlined(data):
    """Return the names of the glyphs that have an outline."""
    from fontTools.pens.boundsPen import BoundsPen

    top, found = font(data), set()
    for name in top.charset:
        pen = BoundsPen(None)
        top.CharStrings[name].draw(pen)
        if pen.bounds:
            found.add(name)
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quality", ["lossless", "medium"])
def test_pages_look_and_read_the_same_with_fewer_glyphs(done, sample, tmp_path, name, quality):
    output = tmp_path / "out.pdf"
    metadata = done("pdf_compress", input=sample(name), output=output, quality=quality, verify="all").metadata
    assert metadata["saved"]["fonts"] > 3000
    assert "pictures_kept" not in metadata
    before, after = seen(sample(name)), seen(output)
    assert (before[0] < 128).any()
    assert np.array_equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert len(outlined(program(output))) < 0.4 * len(outlined(program(sample(name))))


def test_numbers_stay_where_glyphs_are_found_by_them(done, sample, tmp_path):
    output = tmp_path / "out.pdf"
    done("pdf_compress", input=sample("compact-numbered.pdf"), output=output)
    assert font(program(output)).charset == font(program(sample("compact-numbered.pdf"))).charset


def test_cids_stay_and_the_rest_goes(done, sample, tmp_path):
    output = tmp_path / "out.pdf"
    done("pdf_compress", input=sample("compact-cids.pdf"), output=output)
    before, after = font(program(sample("compact-cids.pdf"))), font(program(output))
    assert after.ROS == before.ROS
    assert set(after.charset) < set(before.charset)


def test_names_given_to_codes_stay(done, sample, tmp_path):
    output = tmp_path / "out.pdf"
    done("pdf_compress", input=sample("compact-named.pdf"), output=output)
    kept = set(font(program(output)).charset)
    assert {"Q", "ampersand", "T", "h", "e"} <= kept
    assert "Z" not in kept


def test_fonts_without_subroutines_pack_better(sample):
    data = program(sample("compact-named.pdf"))
    table = _cff._table(data)
    top = table.cff[0]
    subroutines = SubrsIndex()
    for name in top.charset:
        whole = top.CharStrings[name]
        whole.decompile()
        subroutines.append(T2CharString(program=[*whole.program[-7:-1], "return"], private=top.Private))
        if isinstance(whole.program[-2], str) and len(whole.program) > 20:
            whole.program[-7:] = [len(subroutines) - 1 - 107, "callsubr", "endchar"]
    top.Private.Subrs = subroutines
    target = io.BytesIO()
    table.cff.compile(target, SimpleNamespace(recalcBBoxes=False), isCFF2=False)
    made, kept = _cff.cut(target.getvalue(), cids=set(), codes=set(range(97, 110)), names={})
    assert len(kept) == 13
    assert not hasattr(font(made).Private, "Subrs")
    alone = _cff.cut(data, cids=set(), codes=set(range(97, 110)), names={})[0]
    assert len(made) <= len(alone) + 8


@pytest.mark.parametrize("reach", ["form", "wrong data"])
def test_fonts_stay_what_they_are_where_they_are_not_to_be_touched(done, sample, tmp_path, reach):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.open(sample("compact-named.pdf")) as pdf:
        fonts = pdf.pages[0].obj.Resources.Font
        if reach == "form":
            resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=fonts.F))
            pdf.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([]), DR=resources)
        else:
            data = fonts.F.FontDescriptor.FontFile3.read_bytes()
            fonts.F.FontDescriptor.FontFile3.write(data[: len(data) // 2])
        pdf.save(source)
    assert done("pdf_compress", input=source, output=output).metadata["saved"]["fonts"] == 0
    assert program(output) == program(source)


def test_a_glyph_that_would_come_out_otherwise_is_noticed(sample, monkeypatch):
    data = program(sample("compact-cids.pdf"))
    whole, used = _cff._drawn, {"codes": set(), "cids": {1033, 1034}, "names": {}}
    assert len(_cff.cut(data, **used)[0]) < len(data) / 3
    turns = iter(range(1000))
    monkeypatch.setattr(_cff, "_drawn", lambda font, name: (whole(font, name), next(turns)))
    with pytest.raises(_cff.Unreadable):
        _cff.cut(data, **used)


@pytest.mark.parametrize("wrong", ["outline", "width", "hints", "name", "code", "box"])
def test_a_font_that_is_not_copied_faithfully_is_noticed(sample, monkeypatch, wrong):
    data = program(sample("compact-named.pdf"))
    right = _cff_write.write

    def write(font):
        glyphs = dict(font.glyphs)
        changes = {
            "outline": {"glyphs": glyphs | {"A": glyphs["A"][:3] + bytes([glyphs["A"][3] ^ 1]) + glyphs["A"][4:]}},
            "width": {"private": font.private | {"nominalWidthX": [1]}},
            "hints": {"private": font.private | {"BlueFuzz": [0]}},
            "name": {"glyphs": {{"A": "C"}.get(name, name): code for name, code in glyphs.items()}},
            "code": {"encoding": {65: "B", 66: "A"}},
            "box": {"box": [0, 0, 1, 1]},
        }
        return right(replace(font, **changes[wrong]))

    assert _cff.cut(data, cids=set(), codes={65, 66}, names={})[1] == ["A", "B"]
    monkeypatch.setattr(_cff_write, "write", write)
    with pytest.raises(_cff.Unreadable):
        _cff.cut(data, cids=set(), codes={65, 66}, names={})


def test_letters_that_a_composed_glyph_is_made_of_stay(sample):
    table = _cff._table(program(sample("compact-named.pdf")))
    table.cff[0].CharStrings["Q"] = T2CharString(program=[120, 200, ord("e"), ord("u"), "endchar"])
    target = io.BytesIO()
    table.cff.compile(target, SimpleNamespace(recalcBBoxes=False), isCFF2=False)
    assert _cff.cut(target.getvalue(), cids=set(), codes=set(), names={"Q": {1}})[1] == ["Q", "e", "u"]


@pytest.mark.parametrize("known", [True, False])
def test_what_a_font_says_about_itself_goes(done, sample, tmp_path, known):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.open(sample("compact-named.pdf")) as pdf:
        stream = pdf.pages[0].obj.Resources.Font.F.FontDescriptor.FontFile3
        table = _cff._table(stream.read_bytes())
        table.cff.fontNames = ["ABCDEF+Sample"]
        for key in ("Notice", "FullName", "FamilyName", "Weight", "version"):
            setattr(table.cff[0], key, f"{key} 0123456789")
        target = io.BytesIO()
        table.cff.compile(target, SimpleNamespace(recalcBBoxes=False), isCFF2=False)
        stream.write(target.getvalue())
        if not known:
            form = pdf.make_stream(b"BT (The) Tj ET", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form)
            form.BBox = pikepdf.Array([0, 0, 288, 216])
            pdf.pages[0].obj.Resources.XObject = pikepdf.Dictionary(X=form)
        pdf.save(source)
    assert b"0123456789" in program(source)
    done("pdf_compress", input=source, output=output, quality="lossless", verify="all")
    made = program(output)
    assert b"0123456789" not in made
    assert b"ABCDEF+" not in made
    assert b"Sample" in made
    assert (outlined(made) == outlined(program(source))) != known
    one, other = seen(source), seen(output)
    assert np.array_equal(one[0], other[0])
    assert one[1:] == other[1:]


def test_a_code_with_a_name_needs_no_other_glyph(sample):
    data = program(sample("compact-named.pdf"))
    made = _cff.cut(data, cids=set(), codes=set(), names={"Q": {0, 65}})[1]
    assert made == ["Q"]
    assert "A" in _cff.cut(data, cids=set(), codes=set(), names={"nowhere": {65}})[1]


def test_a_font_stays_whole_where_code_0_is_shown_and_not_read(sample):
    table = _cff._table(program(sample("compact-named.pdf")))
    table.cff[0].Encoding = ["A", *[".notdef"] * 64, "A", "B", *[".notdef"] * 189]
    table.cff[0].Encoding[65] = ".notdef"
    target = io.BytesIO()
    table.cff.compile(target, SimpleNamespace(recalcBBoxes=False), isCFF2=False)
    assert _cff.cut(target.getvalue(), cids=set(), codes={66}, names={})[1] == ["B"]
    with pytest.raises(_cff.Unreadable):
        _cff.cut(target.getvalue(), cids=set(), codes={0, 66}, names={})


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0xDE, "fi"), (0xDF, "fl"), (0xBD, "Omega"), (0xDB, "currency"), (0xCA, "space"),
        (0xB2, "twosuperior"), (0xB9, "onesuperior"), (0xAD, "hyphen"), (0x81, "bullet"), (0xAE, "fi"), (0x41, "A"),
    ],
)  # fmt: skip
def test_glyphs_stay_whatever_encoding_names_them(code, name):
    """By MacRomanEncoding, WinAnsiEncoding and StandardEncoding, which fontTools' names of letters do not all have."""
    assert Shown({code}).of([".notdef", name, "Z"], None) == {name}


@pytest.mark.parametrize(
    "value", [0.001, 0.000167, 0.039625, -0.5, 384.02941, 1.5, -1e-7, 123456.5, -0.00021256, 99999.99]
)
def test_fractions_are_written_so_that_they_are_read(value):
    written = _cff_write._number(value)
    assert written[0] == 30
    assert read_realNumber(None, 30, written, 1) == (pytest.approx(value, rel=1e-8), len(written))
    assert len(written) <= len(encodeFloat(value))


def test_glyphs_are_listed_in_the_shorter_way(sample):
    """Letters in a row are a range; so are codes."""
    data = program(sample("compact-named.pdf"))
    row = _cff.cut(data, cids=set(), codes=set(range(65, 75)), names={})[0]
    glyphs = {name: font(row).CharStrings[name].bytecode for name in font(row).charset}
    scattered = _cff.cut(data, cids=set(), codes=set(range(65, 85, 2)), names={})[0]
    others = {name: font(scattered).CharStrings[name].bytecode for name in font(scattered).charset}
    outlines = sum(map(len, glyphs.values())) - sum(map(len, others.values()))
    assert len(row) - len(scattered) < outlines - 10
