"""What is written anew, held against what it was made from by a walk of its own, and read by another reader."""

import io
import itertools
import random
import re
import zlib
from contextlib import closing

import numpy as np
import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name, Stream

from mediamill.operations.documents import _write
from mediamill.operations.documents._write import tightened

DOCUMENTS = [
    "blend.pdf", "colourful.pdf", "colours.pdf", "compact-cids.pdf", "compact-named.pdf", "composite-font.pdf",
    "fax.pdf", "form-loop.pdf", "inks.pdf", "mesh.pdf", "report.pdf", "same-pixels.pdf", "scan-bitonal.pdf",
    "type1.pdf", "used-twice.pdf",
]  # fmt: skip
OF_THE_TABLE = {"/Type", "/Length", "/Filter", "/DecodeParms", "/W", "/Size", "/Index", "/Prev", "/XRefStm"}
MOVED = {"/ColorSpace", "/Group", "/Resources"}


def from_qpdf(pdf, **options):
    """Return a document as qpdf writes it with object streams."""
    target = io.BytesIO()
    generate = pikepdf.ObjectStreamMode.generate
    pdf.save(target, object_stream_mode=generate, deterministic_id=True, fix_metadata_version=False, **options)
    return target.getvalue()


def opened(data):
    return pikepdf.open(io.BytesIO(data), inherit_page_attributes=False)


def written(objects, root=1, more=b"", generations=None):
    """Return a file of objects given by their numbers and texts, the catalogue first, with a classic table."""
    generations = generations or {}
    parts, at, rows = [b"%PDF-1.4\n"], 9, {}
    for number, text in objects.items():
        rows[number] = b"%010d %05d n \n" % (at, generations.get(number, 0))
        parts.append(b"%d %d obj\n%b\nendobj\n" % (number, generations.get(number, 0), text))
        at += len(parts[-1])
    size = max(objects) + 1
    table = [rows.get(number, b"0000000000 65535 f \n") for number in range(size)]
    end = b"trailer\n<</Root %d 0 R/Size %d%b>>\nstartxref\n%d\n%%%%EOF\n" % (root, size, more, at)
    return b"".join([*parts, b"xref\n0 %d\n" % size, *table, end])


PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Resources<<>>%b>>"


def with_page(catalogue, others=None, page=b"", **options):
    """Return a document of one page, as qpdf writes it."""
    objects = {1: b"<</Type/Catalog/Pages 2 0 R" + catalogue + b">>", 2: PAGES, 3: PAGE % page} | (others or {})
    with opened(written(objects, **options)) as pdf:
        assert not pdf.get_warnings()
        return from_qpdf(pdf)


def assert_same(before, after):
    """Walk two documents side by side from their trailers: values, order, data, and which objects are one."""
    with opened(before) as one, opened(after) as other:
        compared(one, other)
        assert not other.get_warnings()
        assert len(other.check_pdf_syntax()) == len(one.check_pdf_syntax())


def compared(one, other):
    """Return the pairs of objects that are the same, and of those that are no longer objects of their own."""
    theirs, ours = dict[tuple[int, int], tuple[int, int]](), dict[tuple[int, int], tuple[int, int]]()
    taken_in = set()
    keys = set(one.trailer.keys()) - OF_THE_TABLE
    assert keys == set(other.trailer.keys()) - OF_THE_TABLE
    left = [(one.trailer[key], other.trailer[key], key) for key in keys]
    while left:
        before, after, place = left.pop()
        assert type(before) is type(after), place
        if not isinstance(before, pikepdf.Object):
            assert before == after, place
            continue
        if before.is_indirect:
            if before.objgen in theirs:
                assert theirs[before.objgen] == after.objgen, f"{place} is another object"
                continue
            theirs[before.objgen] = after.objgen
            if after.is_indirect:
                assert ours.setdefault(after.objgen, before.objgen) == before.objgen, f"{place} is two objects"
            else:
                taken_in.add(before.objgen)
        elif after.is_indirect:
            assert place.rpartition(" ")[2] in MOVED, place
        assert before._type_code == after._type_code, place
        if isinstance(before, Array):
            assert len(before) == len(after), place
            left += [(before[at], after[at], f"{place} {at}") for at in range(len(before))]
        elif isinstance(before, (Dictionary, Stream)):
            idle = {"/Filter"} if isinstance(before, Stream) and not before.read_raw_bytes() else set()
            names = set(before.keys()) - idle
            assert names == set(after.keys()), place
            left += [(before[key], after[key], f"{place} {key}") for key in names]
            if isinstance(before, Stream):
                assert before.read_raw_bytes() == after.read_raw_bytes(), place
        else:
            assert before.unparse(resolved=True) == after.unparse(resolved=True), place
    return theirs, taken_in


def tight(before, **options):
    """Return a document written anew, which has to be smaller and the same."""
    after = tightened(before, lines=options.pop("lines", False))
    assert len(after) < len(before)
    assert_same(before, after)
    return after


@pytest.mark.parametrize("name", DOCUMENTS)
def test_all_that_is_in_a_document_is_there_again(sample, name):
    with pikepdf.open(sample(name)) as pdf:
        before = from_qpdf(pdf)
    after = tight(before)
    with closing(pypdfium2.PdfDocument(before)) as one, closing(pypdfium2.PdfDocument(after)) as other:
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert np.array_equal(left.render().to_numpy(), right.render().to_numpy())
            assert left.get_textpage().get_text_range() == right.get_textpage().get_text_range()


def test_the_same_work_gives_the_same_bytes(sample):
    made = set()
    for _ in range(2):
        with pikepdf.open(sample("report.pdf")) as pdf:
            made.add(tightened(from_qpdf(pdf), lines=False))
    assert len(made) == 1


def test_what_was_written_tightly_can_be_written_tightly_again(sample):
    with pikepdf.open(sample("report.pdf")) as pdf:
        once = tightened(from_qpdf(pdf), lines=False)
    with opened(once) as pdf:
        again = from_qpdf(pdf)
    assert abs(len(tight(again)) - len(once)) < 40


def test_odd_names_strings_and_numbers_stay_what_they_are():
    odd = (
        rb"/Odd<</A#20b#23(12 0 R)/C()/D<>/E<</F[]>>/G<<>>/H(a\)\(b\\\)>>\nstream\n)/#5b3#200#20R#5d/#28/I[1 0 R"
        rb" null true false -.5 +3 1. 0.10 00012 1234567890123/x<00ff28295c0d0a>(\0\377\r\n\t)(3 0 R)/3#200#20R]"
        rb"/J(%no comment)/K<FEFF0041>/L(\376\377\0A)/M(<<)/N(>>[)/O[[[]]<<>>()]/Title(% 4 0 R)>>"
    )
    before = with_page(odd, {4: b"(of no account)"})
    after = tight(before)
    with opened(after) as pdf:
        held = pdf.Root.Odd
        assert bytes(held["/A b#"]) == b"12 0 R"
        assert bytes(held["/H"]) == b"a)(b\\)>>\nstream\n"
        assert held["/[3 0 R]"] == Name("/(")
        assert bytes(held["/I"][11]) == bytes.fromhex("00ff28295c0d0a")
        assert bytes(held["/I"][13]) == b"3 0 R"


def test_the_identifier_stays_whatever_bytes_are_in_it():
    for at in range(0, 256, 16):
        identifier = bytes(range(at, at + 16))
        before = with_page(b"", more=b"/ID[<" + identifier.hex().encode() + b"><" + identifier.hex().encode() + b">]")
        with opened(tight(before)) as pdf:
            assert bytes(pdf.trailer.ID[0]) == identifier


def test_generations_null_and_missing_objects_are_dealt_with():
    before = with_page(
        b"/Many[4 7 R 5 0 R 6 0 R 99 0 R 4 7 R]", {4: b"<</Of(seven)>>", 5: b"null", 6: b"[5 0 R]"}, generations={4: 7}
    )
    with opened(tight(before)) as pdf:
        many = pdf.Root.Many
        assert many[0].objgen == many[4].objgen
        assert bytes(many[0].Of) == b"seven"
        assert many[1] is None
        assert many[3] is None


def test_the_length_of_a_stream_may_have_been_an_object():
    before = with_page(b"/Data 4 0 R", {4: b"<</Length 5 0 R>>stream\nendobj 12 0 R endstream\nendstream", 5: b"24"})
    with opened(tight(before)) as pdf:
        assert pdf.Root.Data.read_bytes() == b"endobj 12 0 R endstream\n"


def test_cycles_and_objects_that_refer_to_themselves_stay():
    objects = {
        4: b"<</A 5 0 R/Self 4 0 R>>",
        5: b"<</A 6 0 R>>",
        6: b"<</A 4 0 R/S/Named>>",
        7: b"[7 0 R 4 0 R]",
        8: b"<</Length 3/Resources<</Again 8 0 R/Padding(so that it pays to move it)>>>>stream\nabc\nendstream",
    }
    after = tight(with_page(b"/First 4 0 R/Second 7 0 R/Third 8 0 R", objects))
    with opened(after) as pdf:
        assert pdf.Root.First.A.A.A.objgen == pdf.Root.First.objgen
        assert pdf.Root.Third.Resources.Again.objgen == pdf.Root.Third.objgen


@pytest.mark.parametrize("levels", [60, 240, 480])
def test_nothing_gets_so_deep_that_it_cannot_be_read(levels):
    objects = {number: b"<</A %d 0 R/S/GoTo>>" % (number + 1) for number in range(4, 44)}
    objects[44] = b"<</S/Deep/D 45 0 R>>"
    objects[45] = b"[" * levels + b"<</A 46 0 R>>" + b"]" * levels
    objects[46] = b"<</S/Deep/D " + b"[" * 30 + b"]" * 30 + b">>"
    before = with_page(b"/A 4 0 R", objects)
    with opened(tight(before)) as pdf:
        action, steps = pdf.Root.A, 0
        while "/A" in action:
            action, steps = action.A, steps + 1
        assert steps == 40


def test_a_hundred_thousand_objects_take_no_time_to_speak_of():
    count = 100_000
    objects = {number: b"<</Kind/K%d/Next %d 0 R>>" % (number % 7, number + 1) for number in range(4, count)}
    before = with_page(b"/First 4 0 R", {**objects, count: b"(the end)"})
    after = tightened(before, lines=False)
    assert len(after) < 0.9 * len(before)
    with opened(after) as pdf:
        assert len(pdf.objects) > count
        one, steps = pdf.Root.First, 0
        while isinstance(one, Dictionary):
            one, steps = one.Next, steps + 1
        assert (bytes(one), steps) == (b"the end", count - 4)


@pytest.mark.parametrize("size", [70_000, 17 << 20])
def test_offsets_may_take_three_and_four_bytes(size):
    data = random.Random(size).randbytes(size)
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.Root.Data = Stream(pdf, data)
        pdf.Root.More = Stream(pdf, b"behind")
        before = from_qpdf(pdf)
    after = tight(before)
    with opened(after) as pdf:
        assert pdf.Root.More.read_bytes() == b"behind"
    assert b"/W[1 %d " % (3 if size < 1 << 24 else 4) in after


def test_hybrid_files_and_those_with_updates_come_out_whole():
    first = written({1: b"<</Type/Catalog/Pages 2 0 R/Held 4 0 R>>", 2: PAGES, 3: PAGE % b"", 4: b"(old)"})
    at, old = len(first), first.rindex(b"xref\n0")
    objects = zlib.compress(b"5 0 (packed)")
    stream = b"6 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>stream\n%b\nendstream\nendobj\n"
    update = b"4 0 obj\n[(new)5 0 R]\nendobj\n"
    held = stream % (len(objects), objects)
    table_at = at + len(update) + len(held)
    rows = b"".join(
        bytes(row) for row in ([2, 0, 6, 0], [1, *(at + len(update)).to_bytes(2), 0], [1, *table_at.to_bytes(2), 0])
    )
    table = b"7 0 obj\n<</Type/XRef/Size 8/W[1 2 1]/Index[5 3]/Length %d>>stream\n%b\nendstream\nendobj\n" % (
        len(rows),
        rows,
    )
    end = b"xref\n4 1\n%010d 00000 n \ntrailer\n<</Root 1 0 R/Size 8/Prev %d/XRefStm %d>>\nstartxref\n%d\n%%%%EOF\n"
    hybrid = first + update + held + table + end % (at, old, table_at, table_at + len(table))
    with opened(hybrid) as pdf:
        assert not pdf.get_warnings()
        after = tight(from_qpdf(pdf))
    with opened(after) as pdf:
        assert [bytes(one) for one in pdf.Root.Held] == [b"new", b"packed"]
    assert b"(old)" not in after


def test_what_one_dictionary_refers_to_stands_in_it():
    objects = {
        4: b"<</Type/Annot/Subtype/Link/Rect 5 0 R/A 6 0 R/P 3 0 R>>",
        5: b"[0 0 9 9]",
        6: b"<</S/URI/URI 7 0 R>>",
        7: b"(https://example.org/\\(12 0 R\\))",
        8: b"<</Type/Annot/Subtype/Link/Rect[0 0 1 1]/A 9 0 R>>",
        9: b"<</Type/Action/S/GoTo/D 10 0 R>>",
        10: b"[3 0 R/Fit]",
        11: b"<</Names[(one)12 0 R(two)13 0 R]>>",
        12: b"<</D[3 0 R/XYZ 0 0 0]>>",
        13: b"[3 0 R/Fit]",
    }  # fmt: skip
    flat = b"/Flat[" + b"[]" * 100 + b"]"
    before = with_page(b"/Names<</Dests 11 0 R>>" + flat, objects, page=b"/Annots[4 0 R 8 0 R]")
    after = tight(before)
    with opened(before) as one, opened(after) as other:
        assert len(compared(one, other)[1]) == 8
        link = other.pages[0].Annots[0]
        assert bytes(link.A.URI) == b"https://example.org/(12 0 R)"
        assert not any(thing.is_indirect for thing in (link.Rect, link.A, other.Root.Names.Dests))
        assert not any(thing.is_indirect for thing in other.Root.Names.Dests.Names if isinstance(thing, pikepdf.Object))


def test_what_has_an_identity_or_is_shared_stays_an_object():
    objects = {
        4: b"<</Type/Annot/Subtype/Widget/Rect[0 0 9 9]/FT/Tx/T(field)/MK 5 0 R/A 6 0 R>>",
        5: b"<</Type/Border>>",
        6: b"<</S/GoTo/D[3 0 R/Fit]>>",
        7: b"<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A 6 0 R>>",
        8: b"<</Type/OCG/Name(layer)>>",
        9: b"<</Properties<</A 8 0 R>>/Font<</W 10 0 R>>>>",
        10: b"<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>",
        11: b"<</Names[(a)12 0 R]>>",
        12: b"<</Type/Filespec/F(a.txt)>>",
        13: b"<</Type/StructTreeRoot/K 14 0 R/IDTree<</Names[(id)14 0 R]>>>>",
        14: b"<</S/P/P 13 0 R/ID(id)>>",
        15: b"<</Length 0/Extra 16 0 R>>stream\nendstream",
        16: b"[0 0 1]",
    }
    catalogue = b"/AcroForm<</Fields[4 0 R]>>/Names<</EmbeddedFiles 11 0 R>>/StructTreeRoot 13 0 R"
    catalogue += b"/Data 15 0 R/Border 16 0 R"
    before = with_page(catalogue, objects, page=b"/Annots[4 0 R 7 0 R]/Held 9 0 R")
    with opened(before) as one, opened(tight(before)) as other:
        assert not compared(one, other)[1]
        assert other.Root.AcroForm.Fields[0].objgen == other.pages[0].Annots[0].objgen


def test_what_is_said_at_length_in_streams_is_said_once_and_packed():
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        palette = random.Random(1).randbytes(48) * 16
        for name in ("/One", "/Two"):
            picture = Stream(pdf, name.encode(), Type=Name.XObject, Subtype=Name.Image, Width=1, Height=1)
            picture.ColorSpace = Array([Name.Indexed, Name.DeviceRGB, 255, pikepdf.String(palette)])
            picture.Decode = Array([0, 255])
            pdf.Root[name] = picture
        pdf.Root.Three = Stream(pdf, b"q Q", Group=Dictionary(S=Name.Transparency, CS=Name.DeviceRGB, I=True, K=False))
        before = from_qpdf(pdf)
    after = tight(before)
    assert len(after) < len(before) - 2 * len(palette)
    with opened(after) as pdf:
        assert pdf.Root.One.ColorSpace.objgen == pdf.Root.Two.ColorSpace.objgen != (0, 0)
        assert bytes(pdf.Root.One.ColorSpace[3]) == palette
        assert pdf.Root.Three.Group.is_indirect


def test_objects_that_look_alike_stand_together_and_no_stream_is_long():
    kinds = [b"<</Kind/First/Value(%d)>>", b"[%d 3 0 R]", b"<</Kind/Second/Other %d>>"]
    objects = {number: kinds[number % 3] % number for number in range(4, 4 + 3000)}
    every = b" ".join(b"%d 0 R" % number for number in objects)
    after = tight(with_page(b"/All[" + every + b"]", objects))
    changes = 0
    with opened(after) as pdf:
        for stream in (one for one in pdf.objects if isinstance(one, Stream) and one.get("/Type") == Name.ObjStm):
            assert stream.N <= 500
            texts = stream.read_bytes()[stream.First :].split(b"\n")
            heads = [re.sub(rb"\d", b"", text)[:14] for text in texts]
            changes += sum(one != other for one, other in itertools.pairwise(heads))
    assert changes < 12


@pytest.mark.parametrize("name", ["signed.pdf", "certified.pdf"])
def test_signatures_stay_where_they_can_be_found_in_the_file(sample, name):
    with pikepdf.open(sample(name)) as pdf:
        before = from_qpdf(pdf)
    assert b"/ByteRange" in before
    assert tightened(before, lines=False) == before


def test_keywords_stand_on_lines_of_their_own_where_that_is_asked_for(sample):
    with pikepdf.open(sample("report.pdf")) as pdf:
        before = from_qpdf(pdf, preserve_pdfa=True)
    after = tight(before, lines=True)
    assert after.count(b"\nendstream\nendobj\n") == after.count(b"endstream") == after.count(b">>\nstream\n")
    assert after.count(b" 0 obj\n") == after.count(b" obj") == after.count(b"\nendobj\n")


def test_what_is_not_as_qpdf_writes_it_comes_back_as_it_is(sample):
    with pikepdf.open(sample("report.pdf")) as pdf:
        sound = from_qpdf(pdf)
        classic = io.BytesIO()
        pdf.save(classic, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    at = sound.index(b"/Length ") + len(b"/Length ")
    for broken in (
        b"",
        b"%PDF-1.5\n",
        classic.getvalue(),
        sound[:-10],
        sound[9:],
        sound[:at] + b"9" + sound[at + 1 :],
        sound.replace(b"endstream", b"endstraem", 1),
        sound.replace(b"startxref\n", b"startxref\n1"),
        b"/Size 1".join(sound.rsplit(b"/Size ", 1)),
        sound + b"\n",
    ):
        assert broken != sound
        assert tightened(broken, lines=False) == broken


def test_what_does_not_read_as_it_was_meant_is_not_let_through(sample, monkeypatch):
    with pikepdf.open(sample("report.pdf")) as pdf:
        sound = from_qpdf(pdf)
    pack = _write._File.pack

    def packed(file, groups):
        pack(file, [[text.replace(b"/Count 3", b"/Count 4") for text in group] for group in groups])
        file.texts = [text.replace(b"/Count 4", b"/Count 3") for text in file.texts]

    monkeypatch.setattr(_write._File, "pack", packed)
    assert tightened(sound, lines=False) == sound


def test_what_would_be_larger_is_not_taken(sample, monkeypatch):
    with pikepdf.open(sample("report.pdf")) as pdf:
        before = from_qpdf(pdf)
    monkeypatch.setattr(_write._filters, "deflate", lambda data: zlib.compress(data, 0))
    assert tightened(before, lines=False) == before


def test_empty_streams_are_not_said_to_be_packed(done, tmp_path):
    """Nothing is no Flate data: readers warn of what ends too early, page by page."""
    with pikepdf.new() as pdf:
        for width in range(9):
            pdf.add_blank_page(page_size=(50, 50))
            contents = b"0 0 %d 9 re f" % width, b"% that nobody reads\n" * 200
            pdf.pages[-1].obj.Contents = pikepdf.Array([pdf.make_stream(data) for data in contents])
        pdf.save(tmp_path / "a.pdf")
    done("pdf_compress", input=tmp_path / "a.pdf", output=tmp_path / "b.pdf", quality="lossless")
    with pikepdf.open(tmp_path / "b.pdf") as pdf:
        streams = [one for one in pdf.objects if isinstance(one, pikepdf.Stream)]
        empty = [one for one in streams if not one.read_raw_bytes()]
        assert empty
        assert not [one for one in empty if "/Filter" in one]
