import numpy as np
import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from mediamill.operations.documents import _font_uses

from .test_fonts import fonts, same, squeeze


def told(path):
    """Return the widths and names that the fonts of a document give to codes."""
    found = []
    with pikepdf.open(path) as pdf:
        for font in fonts(pdf):
            if "/Widths" in font:
                assert len(font.Widths) == font.LastChar - font.FirstChar + 1
                widths = {int(font.FirstChar) + at: float(width) for at, width in enumerate(font.Widths)}
                code, names = 0, {}
                encoding = font.get("/Encoding")
                for one in encoding.get("/Differences", []) if isinstance(encoding, Dictionary) else []:
                    if isinstance(one, Name):
                        names[code] = str(one)
                        code += 1
                    else:
                        code = int(one)
                found.append((widths, names))
    return found


def shown(path):
    with pikepdf.open(path) as pdf:
        return set().union(*_font_uses.read(pdf, lambda: None).values())


def give_widths(pdf, *, apart=False, spaces=()):
    """Give the font of a sample other widths to each code, and names to some that it does not show."""
    for face in fonts(pdf):
        face.FirstChar, face.LastChar = 0, 255
        face.Widths = Array([300 + 2 * code for code in range(256)])
        if apart:
            face.Widths = pdf.make_indirect(face.Widths)
        names = [
            1,
            Name.Q,
            Name.ampersand,
            140,
            Name.Z,
            Name.Y,
            *[part for code in spaces for part in (code, Name.space)],
        ]
        face.Encoding = Dictionary(BaseEncoding=Name.WinAnsiEncoding, Differences=Array(names))


@pytest.mark.parametrize("apart", [True, False])
def test_codes_that_are_not_shown_are_not_told_of(done, sample, tmp_path, apart):
    changed, output, _ = squeeze(
        done, tmp_path, sample("compact-named.pdf"), lambda pdf: give_widths(pdf, apart=apart, spaces=[200])
    )
    ((before, names),), ((after, fewer),) = told(changed), told(output)
    kept = shown(changed) | {32, 200}
    assert set(after) == set(range(min(kept), max(kept) + 1))
    assert all(after[code] == (before[code] if code in kept else 0) for code in after)
    assert fewer == {code: name for code, name in names.items() if code in kept}
    assert fewer == {1: "/Q", 2: "/ampersand", 200: "/space"}
    same(changed, output)


def test_the_space_keeps_its_width_where_it_is_not_shown(done, sample, tmp_path):
    def change(pdf):
        give_widths(pdf)
        pdf.pages[0].obj.Contents.write(b"BT /F 14 Tf 20 190 Td (The) Tj ET")

    changed, output, _ = squeeze(done, tmp_path, sample("compact-named.pdf"), change)
    ((after, _),) = told(output)
    assert {code for code, width in after.items() if width} == set(b" The")
    same(changed, output)


def test_the_space_of_a_map_to_unicode_keeps_its_width(done, sample, tmp_path):
    def change(pdf):
        give_widths(pdf)
        (face,) = fonts(pdf)
        noise = np.random.default_rng(1).bytes(300).hex().encode()
        face.ToUnicode = pdf.make_stream(
            b"begincmap 1 begincodespacerange <00> <ff> endcodespacerange\n"
            b"3 beginbfchar <a5> <0020> <01> <0051> <a6> <0052> endbfchar endcmap %" + noise
        )

    changed, output, _ = squeeze(done, tmp_path, sample("compact-named.pdf"), change)
    ((after, _),) = told(output)
    assert after[0xA5] == 300 + 2 * 0xA5
    assert max(after) == 0xA5
    with pikepdf.open(output) as pdf:
        (face,) = fonts(pdf)
        assert b"<A5><0020>" in face.ToUnicode.read_bytes()
        assert b"<A6>" not in face.ToUnicode.read_bytes()
    same(changed, output)


def test_fonts_with_the_same_widths_keep_those_of_each(done, sample, tmp_path):
    def share(pdf):
        give_widths(pdf, apart=True)
        (face,) = fonts(pdf)
        other = pdf.make_indirect(Dictionary(face))
        other.Name = Name.Other
        pdf.pages[0].obj.Resources.Font.G = other
        content = pdf.pages[0].obj.Contents
        content.write(content.read_bytes() + b"\nBT /G 14 Tf 20 100 Td (\\001WXYZ) Tj ET")

    changed, output, _ = squeeze(done, tmp_path, sample("compact-named.pdf"), share)
    (one, _), (other, _) = told(output)
    assert one == other
    assert all(one[code] == 300 + 2 * code for code in shown(changed))
    same(changed, output)


def test_all_widths_of_drawn_letters_stay(done, tmp_path):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(200, 200))
        face = Dictionary(
            Type=Name.Font, Subtype=Name.Type3, FontBBox=Array([0, 0, 900, 900]),
            FontMatrix=Array([0.001, 0, 0, 0.001, 0, 0]),
            FirstChar=97, LastChar=122, Widths=Array([600 + at for at in range(26)]), Resources=Dictionary(),
            Encoding=Dictionary(Differences=Array([97, Name.a])),
            CharProcs=Dictionary(a=pdf.make_stream(b"600 0 d0 100 100 500 700 re f")),
        )  # fmt: skip
        pdf.pages[0].obj.Resources = Dictionary(Font=Dictionary(F=pdf.make_indirect(face)))
        pdf.pages[0].obj.Contents = pdf.make_stream(b"BT /F 20 Tf 20 100 Td (aa) Tj ET" + b" " * 400)
        pdf.save(source)
    done("pdf_compress", input=source, output=output)
    assert output.read_bytes() != source.read_bytes()
    assert told(output) == told(source)
    same(source, output)


@pytest.mark.parametrize("reason", ["archive", "another's place", "form"])
def test_all_is_told_where_all_may_be_asked_for(done, sample, tmp_path, reason):
    def change(pdf):
        give_widths(pdf)
        (face,) = fonts(pdf)
        if reason == "archive":
            with pikepdf.open(sample("report.pdf")) as report:
                pdf.Root.Metadata = pdf.copy_foreign(report.Root.Metadata)
        elif reason == "form":
            resources = Dictionary(Font=Dictionary(F=face))
            pdf.Root.AcroForm = Dictionary(Fields=Array([]), DR=resources)
        else:
            del face.FontDescriptor.FontFile3

    changed, output, _ = squeeze(done, tmp_path, sample("compact-named.pdf"), change)
    assert told(changed) == told(output)
    same(changed, output)
