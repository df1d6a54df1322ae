import io
import re
from contextlib import closing

import numpy as np
import pikepdf
import pypdfium2
import pytest
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.ttLib import TTFont
from pikepdf import Array, Dictionary, Name

from mediamill.operations.documents import _font_uses, _truetype, _unicode_maps

NEEDED = {"cvt ", "fpgm", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "prep"}


def seen(path, dpi=200):
    with closing(pypdfium2.PdfDocument(path)) as document:
        found = []
        for page in document:
            shown = page.get_textpage()
            boxes = [shown.get_charbox(at) for at in range(shown.count_chars())]
            pixels = page.render(scale=dpi / 72, grayscale=True).to_numpy().copy()
            found.append((pixels, shown.get_text_range(), boxes))
        return found


def same(one, other):
    before, after = seen(one), seen(other)
    assert any((page[0] < 128).any() for page in before)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(before, after, strict=True))
    assert [page[1:] for page in before] == [page[1:] for page in after]


def fonts(pdf):
    return [one for one in pdf.objects if isinstance(one, Dictionary) and one.get("/Type") == Name.Font]


def programs(path):
    with pikepdf.open(path) as pdf:
        found = {one.FontFile2.objgen: one.FontFile2.read_bytes()
                 for one in pdf.objects if isinstance(one, Dictionary) and "/FontFile2" in one}  # fmt: skip
    return list(found.values())


def opened(data):
    return TTFont(io.BytesIO(data), checkChecksums=2)


def glyphs(font):
    """Return the outline and width of each glyph that has an outline, by its number."""
    found, shapes = {}, font.getGlyphSet()
    for number, name in enumerate(font.getGlyphOrder()):
        pen = DecomposingRecordingPen(shapes)
        shapes[name].draw(pen)
        if pen.value:
            found[number] = pen.value, shapes[name].width
    return found


def squeeze(done, tmp_path, source, change=lambda pdf: None, **fields):
    """Return a changed sample, what was made of it, and what was said about that."""
    changed, output = tmp_path / "changed.pdf", tmp_path / "out.pdf"
    with pikepdf.open(source) as pdf:
        change(pdf)
        pdf.save(changed, fix_metadata_version=False)
    metadata = done("pdf_compress", input=changed, output=output, verify="all", **fields).metadata
    return changed, output, metadata


def used(path):
    with pikepdf.open(path) as pdf:
        return _font_uses.read(pdf, lambda: None)


@pytest.mark.parametrize(
    ("name", "more", "quality"),
    [
        ("locked-owner.pdf", {"cmap", "post"}, "lossless"),
        ("composite-font.pdf", set(), "lossless"),
        ("composite-font.pdf", set(), "medium"),
    ],
)
def test_programs_keep_the_tables_that_are_looked_into(done, sample, tmp_path, name, more, quality):
    output = tmp_path / "out.pdf"
    done("pdf_compress", input=sample(name), output=output, quality=quality)
    (before,), (after,) = programs(sample(name)), programs(output)
    made, whole = opened(after), opened(before)
    assert {"name", "OS/2", "cmap", "post"} <= set(whole.keys())
    assert set(made.keys()) - {"GlyphOrder"} == ((NEEDED | more) & set(whole.keys()))
    assert after[12:16] < after[28:32]
    assert np.frombuffer(after, ">u4").sum(dtype=np.uint32) == 0xB1B0AFBA
    kept, all_of_them = glyphs(made), glyphs(whole)
    assert 10 < len(kept) < len(all_of_them)
    assert all(all_of_them[number] == glyph for number, glyph in kept.items())
    same(sample(name), output)


def test_a_program_that_cannot_be_cut_loses_tables_all_the_same(done, sample, tmp_path):
    def inherit(pdf):
        form = pdf.make_stream(b"BT (text) Tj ET", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 288, 216]))
        pdf.pages[0].obj.Resources.XObject = Dictionary(F=form)
        pdf.pages[0].obj.Contents.write(pdf.pages[0].obj.Contents.read_bytes() + b"\n/F Do")

    changed, output, _ = squeeze(done, tmp_path, sample("composite-font.pdf"), inherit)
    (before,), (after,) = programs(changed), programs(output)
    assert glyphs(opened(before)) == glyphs(opened(after))
    assert "name" not in opened(after)
    same(changed, output)


def test_the_height_of_lines_stays_where_it_is_told_elsewhere(sample):
    (data,) = programs(sample("composite-font.pdf"))
    font = opened(data)
    font["hhea"].ascent = font["hhea"].descent = 0
    target = io.BytesIO()
    font.save(target)
    assert "OS/2" in opened(_truetype.bare(target.getvalue(), by_number=True))
    assert "OS/2" not in opened(_truetype.bare(data, by_number=True))


def test_damaged_programs_are_unreadable_and_nothing_worse(sample):
    (data,) = programs(sample("composite-font.pdf"))
    noise = np.random.default_rng(3)
    refused = 0
    for _ in range(200):
        wrong = bytearray(data)
        for at in noise.integers(0, 300, 3).tolist():
            wrong[at] = int(noise.integers(256))
        for damaged in (bytes(wrong), data[: int(noise.integers(len(data)))]):
            try:
                _truetype.bare(damaged, by_number=True)
            except _truetype.Unreadable:
                refused += 1
    assert 200 < refused < 400


def test_codes_that_are_mapped_to_glyphs_are_followed(done, sample, tmp_path):
    def turn(pdf):
        (face,) = [one for one in fonts(pdf) if "/DescendantFonts" in one]
        content = pdf.pages[0].obj.Contents
        numbers = [int(digits, 16) for digits in re.findall("[0-9a-f]{4}", content.read_bytes().decode())]
        table = bytearray(2 * 3000)
        for number in numbers:
            table[2 * (2000 - number) : 2 * (2000 - number) + 2] = number.to_bytes(2, "big")
        table[2 * 2500 : 2 * 2500 + 2] = b"\0\5"
        face.DescendantFonts[0].CIDToGIDMap = pdf.make_stream(bytes(table))
        shown = "".join(f"{2000 - number:04x}" for number in numbers)
        content.write(f"BT /F 14 Tf 20 190 Td <{shown}> Tj ET".encode())
        del face["/ToUnicode"]

    changed, output, metadata = squeeze(done, tmp_path, sample("composite-font.pdf"), turn)
    assert metadata["saved"]["fonts"] > 5000
    with pikepdf.open(output) as pdf:
        (face,) = [one for one in fonts(pdf) if "/DescendantFonts" in one]
        table = face.DescendantFonts[0].CIDToGIDMap.read_bytes()
        assert len(table) < 4002
    same(changed, output)


def test_a_map_that_says_nothing_becomes_a_name(done, sample, tmp_path):
    def identity(pdf):
        (face,) = [one for one in fonts(pdf) if "/DescendantFonts" in one]
        table = b"".join(number.to_bytes(2, "big") for number in range(400))
        face.DescendantFonts[0].CIDToGIDMap = pdf.make_stream(table)

    changed, output, _ = squeeze(done, tmp_path, sample("composite-font.pdf"), identity)
    with pikepdf.open(output) as pdf:
        (face,) = [one for one in fonts(pdf) if "/DescendantFonts" in one]
        assert face.DescendantFonts[0].CIDToGIDMap == Name.Identity
    same(changed, output)


@pytest.mark.parametrize("archival", [True, False])
def test_lists_of_glyphs_go_with_the_glyphs_but_not_in_archives(done, sample, tmp_path, archival):
    def listed(pdf):
        (face,) = [one for one in fonts(pdf) if "/DescendantFonts" in one]
        face.DescendantFonts[0].FontDescriptor.CIDSet = pdf.make_stream(b"\xff" * 40)
        if archival:
            with pikepdf.open(sample("report.pdf")) as report:
                pdf.Root.Metadata = pdf.copy_foreign(report.Root.Metadata)

    changed, output, metadata = squeeze(done, tmp_path, sample("composite-font.pdf"), listed)
    assert ("pdfa" in metadata) == archival
    before, after = (len(glyphs(opened(programs(path)[0]))) for path in (changed, output))
    assert (after == before) == archival
    with pikepdf.open(output) as pdf:
        descriptors = [one for one in pdf.objects if isinstance(one, Dictionary) and "/FontBBox" in one]
        assert ["/CIDSet" in one for one in descriptors] == [archival]
    same(changed, output)


def test_names_given_to_codes_of_a_truetype_font_are_followed(done, sample, tmp_path):
    def name(pdf):
        pdf.pages[0].obj.Contents.write(b"BT /F 14 Tf 20 190 Td (\\001\\002ab) Tj ET")
        for face in fonts(pdf):
            face.FirstChar, face.Widths = 1, Array([700] * 126)
            face.Encoding = Dictionary(
                BaseEncoding=Name.WinAnsiEncoding, Differences=Array([1, Name.Q, Name.germandbls])
            )

    changed, output, metadata = squeeze(done, tmp_path, sample("locked-owner.pdf"), name)
    assert metadata["saved"]["fonts"] > 5000
    same(changed, output)


def test_codes_of_unknown_names_keep_all_glyphs(done, sample, tmp_path):
    def name(pdf):
        pdf.pages[0].obj.Contents.write(b"BT /F 14 Tf 20 190 Td (\\001ab) Tj ET")
        for face in fonts(pdf):
            face.Encoding = Dictionary(Differences=Array([1, Name("/odd.name")]))

    changed, output, _ = squeeze(done, tmp_path, sample("locked-owner.pdf"), name)
    assert len(glyphs(opened(programs(output)[0]))) == len(glyphs(opened(programs(changed)[0])))


def content_of(pdf, text, **resources):
    pdf.add_blank_page(page_size=(200, 200))
    face = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
    pdf.pages[-1].obj.Resources = Dictionary(Font=Dictionary(F=face), **resources)
    pdf.pages[-1].obj.Contents = pdf.make_stream(text)
    return face


def test_a_font_stays_where_nothing_is_put_back():
    with pikepdf.new() as pdf:
        face = content_of(pdf, b"BT /F 9 Tf (a) Tj Q (b) Tj q /G 9 Tf (c) Tj Q (d) Tj ET")
        assert _font_uses.read(pdf, lambda: None) == {face.objgen: set(b"abd")}


@pytest.mark.parametrize(
    ("form", "certain"),
    [(b"0 0 9 9 re f", True), (b"BT () Tj ET", True), (b"BT (x) Tj ET", False), (b"BT /F 9 Tf (x) Tj ET", False),
     (b"/S gs BT () Tj ET", False)],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["form", "appearance", "letter", "pattern"])
def test_content_without_resources_makes_unsure_only_where_it_shows_text(form, certain, kind):
    with pikepdf.new() as pdf:
        face = content_of(pdf, b"BT /F 9 Tf (a) Tj ET")
        stream = pdf.make_indirect(pikepdf.Stream(pdf, form, BBox=Array([0, 0, 9, 9])))
        if kind == "letter":
            glyphs = Dictionary(a=pdf.make_stream(form))
            pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type3, CharProcs=glyphs))
            stream.PatternType, stream.Subtype = 2, Name.Other
        elif kind == "pattern":
            stream.PatternType = 1
        elif kind == "form":
            stream.Subtype = Name.Form
        if certain:
            assert _font_uses.read(pdf, lambda: None) == {face.objgen: {97}}
        else:
            with pytest.raises(_font_uses.Unsure):
                _font_uses.read(pdf, lambda: None)


def unicode_maps(path):
    with pikepdf.open(path) as pdf:
        return [one.ToUnicode.read_bytes() for one in fonts(pdf) if "/ToUnicode" in one]


def test_only_what_is_shown_is_told_of_in_the_map_to_unicode(done, sample, tmp_path):
    output = tmp_path / "out.pdf"
    done("pdf_compress", input=sample("composite-font.pdf"), output=output)
    ((before,), (after,)) = unicode_maps(sample("composite-font.pdf")), unicode_maps(output)
    (shown,) = used(output).values()
    assert len(_unicode_maps._read(before, 2)) == 95
    assert set(_unicode_maps._read(after, 2)) == shown
    for needed in (b"begincmap", b"/CIDSystemInfo", b"/CMapName", b"/CMapType 2", b"<0000><FFFF>", b"endcmap"):
        assert needed in after
    same(sample("composite-font.pdf"), output)


HEAD = b"begincmap 1 begincodespacerange <00> <ff> endcodespacerange "


def lettered(pdf, number, text, body, head=HEAD):
    """Add a page of text in a font of its own, with a map from codes to letters."""
    face = content_of(pdf, b"BT /F 9 Tf 20 100 Td (%s) Tj ET" % text)
    face.Name = Name(f"/N{number}")
    face.ToUnicode = pdf.make_stream(
        head + body + b" endcmap %" + np.random.default_rng(number).bytes(400).hex().encode()
    )
    return face


CHARS = b"3 beginbfchar <61> <0391> <62> <0392> <63> <0393> endbfchar"


@pytest.mark.parametrize(
    ("text", "body", "count"),
    [
        (b"bcd", b"1 beginbfrange <62> <64> <0392> endbfrange", 1),
        (b"bcd", b"1 beginbfrange <62> <64> [<0392> <0393> <00660066>] endbfrange", 1),
        (b"bcd", b"1 beginbfchar <64> <0041> endbfchar 1 beginbfrange <62> <63> <0392> endbfrange", 1),
        (b"bcd", b"1 beginbfrange <62> <64> <0393> endbfrange", 2),
        (b"acd", b"2 beginbfchar <63> <0393> <64> <0041> endbfchar", 2),
        (b"b", b"2 beginbfchar <20> <0020> <62> <0392> endbfchar", 2),
    ],
)
def test_maps_that_agree_become_one(done, tmp_path, text, body, count):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.new() as pdf:
        lettered(pdf, 1, b"abc", CHARS)
        lettered(pdf, 2, text, body)
        pdf.save(source)
    done("pdf_compress", input=source, output=output, quality="lossless", verify="all")
    assert len(set(unicode_maps(output))) == count
    assert all(len(one) < 500 for one in unicode_maps(output))
    same(source, output)


@pytest.mark.parametrize(
    "body",
    [
        b"/Other usecmap " + CHARS,
        b"1 beginbfchar <0061> <0391> endbfchar",
        b"1 beginbfchar <61> /Alpha endbfchar",
        b"2 beginbfchar <61> <0391> <61> <0392> endbfchar",
        b"1 beginbfrange <61> <63> <03fe> endbfrange",
        b"1 beginbfrange <61> <63> [<0391> <0392>] endbfrange",
        b"1 beginbfchar <61> <91> endbfchar",
        b"1 beginbfchar <78> <0391> endbfchar",
    ],
)
def test_unusual_maps_stay_as_they_are(done, tmp_path, body):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.new() as pdf:
        lettered(pdf, 1, b"abc", body)
        pdf.save(source)
    done("pdf_compress", input=source, output=output)
    assert unicode_maps(output) == unicode_maps(source)
    same(source, output)


def test_many_codes_are_told_in_short_sections():
    meanings = {code: (0x4E00 + 7 * code).to_bytes(2, "big") for code in range(250)}
    meanings |= {code: (0x3000 + code - 2000).to_bytes(2, "big") for code in range(2000, 2600)}
    told = list(_unicode_maps._written(_unicode_maps._Map(2, meanings, set(), [], [])))
    assert all(_unicode_maps._read(one, 2) == meanings for one in told)
    for one in told:
        for count, kind, body in re.findall(rb"(\d+) begin(bf\w+)\n(.*?)end", one, re.DOTALL):
            assert len(body.splitlines()) == int(count) <= 100
            for first, last in re.findall(rb"<(..)..><(..)..><", body) if kind == b"bfrange" else []:
                assert first == last
