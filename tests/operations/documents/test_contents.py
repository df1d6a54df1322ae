"""Content streams written shorter: what another reader finds in them, and the traps on the way."""

import itertools
import re
import shutil
import subprocess
from contextlib import closing

import numpy as np
import pikepdf
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name

from mediamill.operations.documents import _content_short, _content_tokens
from mediamill.operations.documents._content_tokens import Unclear

EXACT = ["lossless", "medium"]
LINES = b"".join(
    b"%d.50000 %d.250 m\n0%d.0 +%d.0 l  S\n" % tuple(one)
    for one in np.random.default_rng(0).integers(1, 290, (60, 4)).tolist()
)
ROUGH = b"".join(
    b"%.6f %.6f m %.6f %.6f l S\n" % tuple(one) for one in np.random.default_rng(0).uniform(1, 290, (60, 4)).tolist()
)
"""Much that rounding makes shorter."""


def read(content):
    """Return instructions as qpdf's parser reads them, numbers by their values."""
    with pikepdf.new() as pdf:
        found = []
        for one in pikepdf.parse_content_stream(pikepdf.Stream(pdf, content)):
            if isinstance(one, pikepdf.ContentStreamInlineImage):
                found.append(("BI", one.iimage.unparse()))
                continue
            found.append((str(one.operator), [plain(operand) for operand in one.operands]))
        return found


def plain(value):
    if isinstance(value, pikepdf.Array):
        return [plain(one) for one in value]
    if isinstance(value, pikepdf.Dictionary):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, pikepdf.String):
        return ("string", bytes(value))
    return ("name", str(value)) if isinstance(value, pikepdf.Object) else float(value)


def short(content):
    return _content_short.shortened(content)


def document(path, *contents, size=(300, 300), resources=None, **more):
    """Write a document of one page with such content streams."""
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=size).obj
    page.Resources = pdf.make_indirect(resources(pdf) if resources else Dictionary())
    streams = [pdf.make_stream(content) for content in contents]
    page.Contents = Array(streams) if len(streams) > 1 else streams[0]
    for key, value in more.items():
        page[f"/{key}"] = value
    pdf.save(path, compress_streams=False)
    return path


def content(path, number=0):
    with pikepdf.open(path) as pdf:
        found = pdf.pages[number].obj.Contents
        return b"\n".join(one.read_bytes() for one in (found if isinstance(found, Array) else [found]))


def shown(path, scale=2.0, number=0):
    with closing(pypdfium2.PdfDocument(path)) as pdf, closing(pdf[number]) as page:
        return np.ascontiguousarray(page.render(scale=scale).to_numpy()[:, :, :3]).astype(int)


def made(done, tmp_path, source, quality):
    output = tmp_path / f"{quality}.pdf"
    done("pdf_compress", input=source, output=output, quality=quality)
    return output


def helvetica(pdf):
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    return Dictionary(Font=Dictionary(F=font))


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("0.50000", ".5"), ("+3", "3"), ("-0", "0"), ("007", "7"), ("-.5", "-.5"), ("-0.50", "-.5"), ("5.", "5"),
        ("0.0", "0"), ("-0.000", "0"), ("100", "100"), ("1000.10", "1000.1"), ("12.000", "12"), (".50", ".5"),
        ("0.000001", ".000001"), ("1234567890.0", "1234567890.0"),
    ],
)  # fmt: skip
def test_numbers_are_spelled_as_short_as_the_same_value_can_be(number, expected):
    found = _content_tokens.shortest(number.encode())
    assert found == expected.encode()
    assert float(found) == float(number)


@pytest.mark.parametrize(
    "stream",
    [
        b"--5 0 m", b"1-2 0 m", b"1.2.3 0 m", b"1e5 0 m", b". 0 m", b"- 0 m", b"0 0 0 0 0 1 unknown",
        b"(never closed Tj", b"[(a) 1 TJ", b"<< /A 1 BDC", b"<4z> Tj", b"1 0 0 RG0 g", b"0 g 5", b"EI", b"0 0 m }",
        b"BI /W 1 /H 1 /BPC 8 /CS /G ID abc", b"((((deep)))) Tj",
    ],
)  # fmt: skip
def test_what_readers_may_read_in_two_ways_is_left(stream):
    with pytest.raises(Unclear):
        short(stream)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"q  1.0 0 0 1.0 10 20 cm\n/Im0  Do\nQ\n", b"q 1 0 0 1 10 20 cm/Im0 Do Q"),
        (b"1.0 J 2.0 j 1.0 Tr 1.0 w", b"1.0 J 2.0 j 1.0 Tr 1 w"),
        (b"% of no use\n0 0 m % neither\r1 1 l S", b"0 0 m 1 1 l S"),
        (b"(%no comment) Tj", b"(%no comment)Tj"),
        (b"<48 65 6C> Tj <4> Tj", b"<48656C>Tj<4>Tj"),
        (b"(a\\050b\\)\\\r\nc\\d) Tj", b"(a\\(b\\)cd)Tj"),
        (b"(a\r\nb\rc) Tj", b"(a\nb\nc)Tj"),
        (b"(a\\rb) Tj", b"(a\\rb)Tj"),
        (b"(\\0) Tj (\\1234) Tj", b"(\0)Tj(S4)Tj"),
        (b"[ (a) -0.50 +3 (b) ] TJ", b"[(a)-.5 3(b)]TJ"),
        (b"/P << /MCID 0 >> BDC EMC", b"/P<</MCID 0>>BDC EMC"),
        (b"/P << /ActualText (a  [ b) >> BDC EMC", b"/P<< /ActualText (a  [ b) >>BDC EMC"),
        (b"q q Q Q 0 g q Q 1 g", b"0 g 1 g"),
        (b"q 1 g Q", b"q 1 g Q"),
        (b"1 w 1.0 w 2 w 1 w", b"1 w 2 w 1 w"),
        (b"1 w q 2 w Q 1 w", b"1 w q 2 w Q"),
        (b"1 w /G gs 1 w", b"1 w/G gs 1 w"),
        (b"0 g /C cs 0 g", b"0 g/C cs 0 g"),
        (b"0 g 0 0 0 rg 0 g", b"0 g 0 0 0 rg 0 g"),
        (b"Q 1 w Q 1 w", b"Q 1 w Q 1 w"),
        (b"5 TL 0 -5 TD 5 TL", b"5 TL 0 -5 TD 5 TL"),
        (b"1 0 0 1 0.0 -0 cm 0 0 m", b"0 0 m"),
        (b"0 0 1 /P1 scn", b"0 0 1/P1 scn"),
        (b"3 1 (a) \"  (b) '", b"3 1(a)\"(b)'"),
        (b"0 0 m\0001 1 l\x0cS", b"0 0 m 1 1 l S"),
    ],
)
def test_instructions_are_written_as_short_as_they_can_be(stream, expected):
    assert short(stream) == expected
    assert short(expected) == expected


@pytest.mark.parametrize(
    "data", [b"0.50  %x ( [", b" EIx Q  0.50 ", b"\xff\0 EI\x80", b"BI ID  ", b"(EI", b"  1.0  1.0  "]
)
def test_the_data_of_inline_images_stay_as_they_are(data):
    image = b"BI  /W %d /H 1 /BPC 8\n/CS /G ID %b\nEI" % (len(data), data)
    found = short(b"q  10.0 0 0 10 0 0 cm\n" + image + b"\n0.50  w 1.0 0 m\nQ")
    assert found == b"q 10 0 0 10 0 0 cm " + image + b"\n.5 w 1 0 m Q"


@pytest.mark.parametrize(
    "data",
    [b"ab EI 0.50  w ", b"ab EI % 0  w ", b"ab EI (  ", b"ab EI <<  ", b"ab EI /x  ", b"\n EI 1.0 1.0  m [ "],
)
def test_where_the_end_of_an_inline_image_is_in_doubt_nothing_is_rewritten(data):
    stream = b"BI /W %d /H 1 /BPC 8 /CS /G ID %b\nEI\n0.50  w (a) Tj" % (len(data), data)
    with pytest.raises(Unclear):
        short(stream)


@pytest.mark.parametrize("stream", [b"[]0 d", b"[3]1 d", b"/F 1 Tf", b"(a b)Tj", b"[(a)-5(b)]TJ", b"0 0 m", b"q Q S"])
def test_what_is_short_already_is_read_the_same_beside_an_inline_image(stream):
    image = b"BI /W 1 /H 1 /BPC 8 /CS /G ID x\nEI\n"
    assert read(short(image + stream)) == read(image + short(stream))


def test_state_is_not_known_behind_an_inline_image():
    image = b"BI /W 1 /H 1 /BPC 8 /CS /G ID x\nEI"
    assert short(b"1 w " + image + b" 1 w").count(b"1 w") == 2


NUMBERS = st.one_of(
    st.integers(-5000, 5000).map(str),
    st.decimals(-2000, 2000, places=5).map(lambda one: f"{one:f}"),
    st.sampled_from(["-.5", "+3", "-0", "007", "0.0", ".25", "5.", "00.500"]),
)
PLAIN = st.binary(max_size=12)
BLANKS = st.sampled_from([b" ", b"\n", b"\r\n", b"  ", b"\t", b" %c\n"])


def literal(text):
    return b"(" + re.sub(rb"[\\()\r\n]", lambda found: b"\\%03o" % found[0][0], text) + b")"


STRINGS = PLAIN.map(literal) | PLAIN.map(lambda text: b"<" + text.hex().encode() + b">")


def listed(items):
    return b"[" + b" ".join(one if isinstance(one, bytes) else one.encode() for one in items) + b"]"


OPERATIONS = st.one_of(
    *(
        st.lists(NUMBERS, min_size=count, max_size=count).map(
            lambda found, name=name: " ".join([*found, name]).encode()
        )
        for name, count in {"m": 2, "l": 2, "c": 6, "re": 4, "cm": 6, "rg": 3, "Td": 2, "Tm": 6, "v": 4}.items()
    ),
    STRINGS.map(lambda one: one + b" Tj"),
    st.lists(STRINGS | NUMBERS, max_size=8).map(lambda found: listed(found) + b" TJ"),
    st.sampled_from(
        [
            *(b"S", b"f*", b"BT", b"ET", b"/F1 12.0 Tf", b"/F1 12 Tf", b"/Im1 Do", b"EMC", b"/A /B BDC"),
            *(b"/P <</MCID 3>> BDC", b"[]0 d", b"[3]1 d", b"[3 1.50] 0.50 d", b"/ 5 scn", b"0 .5/P scn"),
        ]
    ),
)


@settings(deadline=None, max_examples=120)
@given(st.lists(st.tuples(OPERATIONS, BLANKS), max_size=20))
def test_another_parser_reads_the_very_same_values(parts):
    stream = b"".join(operation + blank for operation, blank in parts)
    made = b" ".join(b" ".join(instruction) for instruction in _content_tokens.instructions(stream))
    assert read(made) == read(stream)
    assert len(made) <= len(stream)
    assert [*_content_tokens.instructions(made)] == [*_content_tokens.instructions(stream)]


@pytest.mark.parametrize("quality", EXACT)
def test_a_page_looks_the_same_and_is_smaller(done, tmp_path, quality):
    text = b"BT /F 10.000 Tf 20.0 100.0 Td [(Some) -250.0 (text\\056)] TJ ET\n"
    source = document(tmp_path / "a.pdf", LINES + text * 3, resources=helvetica)
    output = made(done, tmp_path, source, quality)
    assert len(content(output)) < 0.8 * len(content(source))
    assert (shown(output) == shown(source)).all()


@pytest.mark.parametrize("quality", EXACT)
def test_contents_in_parts_become_one(done, tmp_path, quality):
    source = document(tmp_path / "a.pdf", b"q 1 0 0 rg " + LINES, LINES + b"Q", b"0 0 1 rg 5 5 20 20 re f")
    output = made(done, tmp_path, source, quality)
    with pikepdf.open(output) as pdf:
        assert isinstance(pdf.pages[0].obj.Contents, pikepdf.Stream)
    assert read(content(output))[-3:] == [("rg", [0, 0, 1]), ("re", [5, 5, 20, 20]), ("f", [])]
    assert (shown(output) == shown(source)).all()


def test_parts_that_several_pages_share_stay_parts(done, tmp_path):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    pdf = pikepdf.new()
    head = pdf.make_stream(b"q 0.50 0 0 0.50 0 0 cm " + LINES)
    for at in range(3):
        page = pdf.add_blank_page(page_size=(200, 200)).obj
        page.Contents = Array([head, pdf.make_stream(b"%d 10 50 50 re f Q " % (at * 40) + LINES)])
    pdf.save(source)
    done("pdf_compress", input=source, output=output)
    with pikepdf.open(output) as made_of:
        parts = [page.obj.Contents for page in made_of.pages]
        assert len({one[0].objgen for one in parts}) == 1
        assert [len(one) for one in parts] == [2, 2, 2]
    for number in range(3):
        assert (shown(output, number=number) == shown(source, number=number)).all()


@pytest.mark.parametrize(
    "cut",
    [(b"(one", b"two)Tj"), (b"<6f", b"6f>Tj"), (b"0 w %", b"1 w"), (b"[1", b"1]0 d"), (b"BI /W 1 ID x", b"EI 0 w")],
)
def test_a_token_that_parts_fall_in_is_not_touched(done, tmp_path, cut):
    source = document(tmp_path / "a.pdf", LINES + cut[0], cut[1])
    with pikepdf.open(made(done, tmp_path, source, "lossless")) as pdf:
        first, second = pdf.pages[0].obj.Contents
        assert first.read_bytes().endswith(cut[0])
        assert second.read_bytes() == cut[1]


GRIDS = [
    (b"", 2), (b"0.1 0 0 0.1 0 0 cm ", 1), (b"10 0 0 10 0 0 cm ", 3), (b"q 50 0 0 50 0 0 cm Q ", 2),
    (b"0 .01 -.01 0 0 0 cm ", 0),
]  # fmt: skip


@pytest.mark.parametrize(("matrix", "decimals"), GRIDS)
def test_paths_are_rounded_as_finely_as_they_are_painted(done, tmp_path, matrix, decimals):
    points = np.random.default_rng(1).uniform(1, 20, (200, 2)).round(6)
    drawn = b" ".join(b"%.6f %.6f %s" % (x, y, b"l" if at else b"m") for at, (x, y) in enumerate(points)) + b" S"
    source = document(tmp_path / "a.pdf", matrix + drawn)
    found = read(content(made(done, tmp_path, source, "medium")))
    lines = np.array([operands for name, operands in found if name in "ml"])
    assert 0.2 * 10**-decimals < np.abs(lines - points).max() <= 0.5001 * 10**-decimals
    assert np.allclose(lines * 10**decimals, np.round(lines * 10**decimals))


def test_shapes_that_meet_do_so_afterwards(done, tmp_path):
    edges = np.cumsum(np.random.default_rng(2).uniform(0.9, 2.1, 120)).round(6)
    drawn = b"".join(b"%.6f 7.123456 %.6f 90.654321 re f " % (a, b - a) for a, b in itertools.pairwise(edges))
    found = read(content(made(done, tmp_path, document(tmp_path / "a.pdf", drawn), "medium")))
    boxes = [operands for name, operands in found if name == "re"]
    assert len(boxes) == 119
    assert all(len(f"{one:.9f}".rstrip("0").partition(".")[2]) <= 2 for box in boxes for one in box)
    assert all(abs(a[0] + a[2] - b[0]) < 1e-9 for a, b in itertools.pairwise(boxes))
    assert all(abs(box[0] - edge) <= 0.00501 for box, edge in zip(boxes, edges, strict=False))


@pytest.mark.parametrize("turns", [1, 3])
def test_paths_keep_their_order(done, tmp_path, turns):
    drawn = b"1.123456 2.123456 m " + b"9.654321 8.654321 l h 7.123456 3.123456 l h " * turns + b"1 1 m 2 1 l h B* n"
    found = read(content(made(done, tmp_path, document(tmp_path / "a.pdf", LINES + drawn), "medium")))
    assert [name for name, _ in found] == [name for name, _ in read(LINES + drawn)]


@pytest.mark.parametrize(
    "thin",
    [
        b"10.001234 20.123456 m 10.003234 90.123456 l 10.003234 20.123456 l f",
        b"10.123456 20.001234 m 90.123456 20.003234 l 90.123456 20.001234 l f",
        b"10.001234 20.123456 0.001234 90.123456 re f",
    ],
)
def test_nothing_loses_its_width(done, tmp_path, thin):
    source = document(tmp_path / "a.pdf", LINES + thin)
    found = read(content(made(done, tmp_path, source, "medium")))[-4:]
    assert found[-4 if b" l " in thin else -2 :] == read(thin)


def test_pages_are_not_drawn_otherwise_for_next_to_nothing(done, tmp_path):
    source = document(tmp_path / "a.pdf", LINES * 3 + b"10.123456 20.123456 m 30.123456 40.123456 l S")
    output = made(done, tmp_path, source, "medium")
    assert read(content(output)) == read(content(source))
    assert len(content(output)) < len(content(source))


def test_marked_content_colours_dashes_and_sizes_keep_their_numbers(done, tmp_path):
    kept = (
        b"/P <</MCID 7 /X 0.123456>> BDC 0.123456 0.234567 0.345678 rg [3.123456 1.234567] 0.123456 d 0.123456 w "
        b"BT /F 9.962612 Tf 0.123456 Tc 0.123456 Tw ET EMC"
    )
    source = document(tmp_path / "a.pdf", LINES + kept, resources=helvetica)
    found = read(content(made(done, tmp_path, source, "low")))
    assert found[-len(read(kept)) :] == read(kept)


def forms(inner, **keys):
    def resources(pdf):
        form = pikepdf.Stream(pdf, inner, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 400, 400]), **keys)
        return Dictionary(XObject=Dictionary(X=pdf.make_indirect(form)))

    return resources


FINE = b"1.123456 2.234567 m 30.345678 40.456789 l S " * 20


@pytest.mark.parametrize(
    ("painted", "keys", "decimals"),
    [
        (b"/X Do", {"Resources": Dictionary()}, 2),
        (b"/X Do q 20 0 0 20 0 0 cm /X Do Q", {"Resources": Dictionary()}, 4),
        (b"/X Do", {"Resources": Dictionary(), "Matrix": Array([0.1, 0, 0, 0.1, 0, 0])}, 1),
        (b"/X Do", {}, 6),
        (b"/X Do /Y nonsense", {"Resources": Dictionary()}, 6),
    ],
)
def test_forms_are_rounded_as_finely_as_they_are_painted_at_their_largest(done, tmp_path, painted, keys, decimals):
    source = document(tmp_path / "a.pdf", LINES + painted, resources=forms(FINE, **keys))
    output = made(done, tmp_path, source, "medium")
    with pikepdf.open(output) as pdf:
        drawn = read(pdf.pages[0].obj.Resources.XObject.X.read_bytes())
    assert drawn[0] == ("m", [round(1.123456, decimals), round(2.234567, decimals)])


def test_a_form_that_is_an_appearance_or_a_mask_is_not_rounded(done, tmp_path):
    source = document(tmp_path / "a.pdf", LINES + b"/X Do", resources=forms(FINE, Resources=Dictionary()))
    with pikepdf.open(source, allow_overwriting_input=True) as pdf:
        page = pdf.pages[0].obj
        page.Annots = Array([Dictionary(Subtype=Name.Stamp, Rect=Array([0, 0, 9, 9]), F=4)])
        page.Annots[0].AP = Dictionary(N=page.Resources.XObject.X)
        pdf.save(source)
    with pikepdf.open(made(done, tmp_path, source, "medium")) as pdf:
        drawn = read(pdf.pages[0].obj.Resources.XObject.X.read_bytes())
    assert drawn == read(FINE)


def test_drawings_that_are_letters_are_spelled_shorter_and_not_rounded(done, tmp_path):
    def letters(pdf):
        font = Dictionary(Type=Name.Font, Subtype=Name.Type3, FontBBox=Array([0, 0, 9, 9]), FirstChar=120, LastChar=120)
        font.FontMatrix, font.Widths = Array([0.1, 0, 0, 0.1, 0, 0]), Array([9])
        font.CharProcs = Dictionary(x=pdf.make_stream(b"9.000  0.0 0 0 9 9 d1\n" + FINE + LINES))
        font.Encoding = Dictionary(Type=Name.Encoding, Differences=Array([120, Name.x]))
        return Dictionary(Font=Dictionary(F=pdf.make_indirect(font)))

    source = document(tmp_path / "a.pdf", LINES + b"BT /F 12 Tf 9 9 Td (xx) Tj ET", resources=letters)
    output = made(done, tmp_path, source, "medium")
    with pikepdf.open(output) as pdf:
        drawn = pdf.pages[0].obj.Resources.Font.F.CharProcs.x.read_bytes()
    assert drawn.startswith(b"9 0 0 0 9 9 d1 1.123456 2.234567 m")
    assert (shown(output) == shown(source)).all()


@pytest.mark.parametrize(
    "odd",
    [b"/a 0 0 1 0 0 cm", b"1 0 0 1 0 cm", b"Tz", b"gs", b"d", b"(x) TJ", b"1 m", b"1 2 3 re", b"/F Tf", b"Q",
     b"9" * 400 + b".5 1 1 1 re", b"3 4 Td (x) Tj"],
)  # fmt: skip
def test_operands_that_make_no_sense_cost_nothing_but_the_rounding(done, tmp_path, odd):
    source = document(tmp_path / "a.pdf", LINES + FINE + odd + b" ", resources=helvetica)
    output = made(done, tmp_path, source, "medium")
    found = content(output)
    assert len(found) < len(content(source))
    assert read(found)[-1] == read(odd)[-1]


def test_moves_there_and_back_are_left_out(done, tmp_path):
    back = b"1 0 0 1 72.5 735.648 cm 0 0 1 rg 1 0 0 1 -72.5 -735.648 cm 5 5 10 10 re f " * 30
    source = document(tmp_path / "a.pdf", back)
    output = made(done, tmp_path, source, "medium")
    assert "cm" not in dict(read(content(output)))
    assert (shown(output) == shown(source)).all()
    assert "cm" in dict(read(content(made(done, tmp_path, source, "lossless"))))


def test_moves_add_up_to_no_more_than_one(done, tmp_path):
    moves = [b"1 0 0 1 %.6f %.6f cm %d 0 m 5 5 l S " % (0.123456, 0.234567, at % 3) for at in range(300)]
    found = read(content(made(done, tmp_path, document(tmp_path / "a.pdf", b"".join(moves)), "medium")))
    places = np.cumsum([operands[4:] for name, operands in found if name == "cm"], axis=0)
    exact = np.cumsum([[0.123456, 0.234567]] * 300, axis=0)
    assert np.abs(places - exact).max() <= 0.006


def test_the_private_data_of_forms_go(done, tmp_path):
    resources = forms(FINE, PieceInfo=Dictionary(Illustrator=Dictionary(Private=1)), Resources=Dictionary())
    source = document(tmp_path / "a.pdf", LINES + b"/X Do", resources=resources)
    with pikepdf.open(made(done, tmp_path, source, "lossless")) as pdf:
        assert "/PieceInfo" not in pdf.pages[0].obj.Resources.XObject.X


@pytest.mark.parametrize("stream", [b"1 " * 400_000, b"[" + b"1 " * 400_000, b"(" * 400_000, b"BI " * 100_000])
def test_what_is_long_and_senseless_is_given_up_in_no_time(stream):
    with pytest.raises(Unclear):
        short(stream)


if shutil.which("pdftoppm"):

    def test_poppler_paints_the_very_same(done, tmp_path):
        text = b"BT /F 10.000 Tf 20.0 100.0 Td [(Some) -250.0 (text\\056)] TJ ET\n"
        source = document(tmp_path / "a.pdf", LINES + text, b"q Q " + LINES, resources=helvetica)
        output = made(done, tmp_path, source, "lossless")
        images = [
            subprocess.run(["pdftoppm", "-r", "150", path], capture_output=True, check=True).stdout
            for path in (source, output)
        ]
        assert content(output) != content(source)
        assert images[0] == images[1]


TEXT = {"Td", "TD", "Tm", "TJ", "Tj", "Tc", "Tw", "Tz", "Ts", "TL", "Tf", "cm"}


def test_text_stays_to_the_last_digit_where_paths_are_rounded(done, tmp_path):
    """Gaps tell readers of words, places tell them of lines: who moves letters by nothing to be seen loses blanks."""
    random = np.random.default_rng(3)
    moves = b"".join(b"%.5f %.5f Td (x)Tj " % tuple(one) for one in random.uniform(0.1, 1.2, (40, 2)))
    gaps = b"".join(b"(x)%.4f" % gap for gap in random.normal(0, 40, 60))
    drawn = (
        b"q 1 0 0 1 3.123456 4.123456 cm BT /F 10 Tf 0.123456 Tc 20 20 Td " + moves + b"ET Q "
        b"BT /F 9 Tf 1.000001 0 0 1 20.123456 99.654321 Tm 1.123456 -11.123456 TD (line) Tj T* [" + gaps + b"]TJ ET"
    )
    source = document(tmp_path / "a.pdf", ROUGH + drawn, size=(600, 600), resources=helvetica)
    output = made(done, tmp_path, source, "medium")
    before, after = ([one for one in read(content(path)) if one[0] in TEXT] for path in (source, output))
    assert after == before
    paths = [operands for name, operands in read(content(output)) if name in "ml"]
    assert paths
    assert all(round(number, 2) == number for operands in paths for number in operands)
