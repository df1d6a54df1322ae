import numpy as np
import pikepdf
import pytest
from pikepdf import Dictionary, Name

from mediamill.operations.documents import _font_text, _font_uses, _type1

TEXT = [
    b"(a\\(b\\)c) Tj", b"(x(y(z))w)Tj", b"(\\101\\7\\\n8) '", b"1 2 (q) \"", b"<6 5 6> Tj", b"[(T)83(his)-.5<41>]TJ",
    b"[ ]TJ",
    b"(a\rb\r\nc) Tj", b"(<41>(a)) Tj", b"() Tj", b"(\xff\\377\\t) Tj",
]  # fmt: skip
STATE = [b"/F 9 Tf", b"/W 1.5 Tf\n", b"/G 9 Tf", b"q", b"Q", b"/S gs", b"q Q"]
OTHER = [
    b"1 0 0 -1 .5 +7. Tm", b"[3 2] 0 d", b"[] 0 d", b"0 1 2 3 re f*", b"/P <</MCID 3 /T (Tj (x) Tj)>> BDC", b"/Name Do",
    b"BT", b"ET", b"T*",
]  # fmt: skip


def document(content):
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(200, 200))
    narrow = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
    wide = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type0, Encoding=Name("/Identity-H")))
    page = pdf.pages[0].obj
    page.Resources = Dictionary(Font=Dictionary(F=narrow, W=wide), ExtGState=Dictionary(S=Dictionary(CA=1)))
    page.Contents = pdf.make_stream(content)
    return pdf


def used(content):
    with document(content) as pdf:
        return _font_uses.read(pdf, lambda: None)


def parsed(content, monkeypatch):
    """Return what the parser of all content finds."""

    def unclear(data):
        raise _font_text.Unclear

    with monkeypatch.context() as patch:
        patch.setattr(_font_text, "steps", unclear)
        return used(content)


def test_the_same_is_found_as_by_a_parser(monkeypatch):
    choice = np.random.default_rng(5)
    for _ in range(60):
        parts = [[TEXT, STATE, OTHER][kind] for kind in choice.integers(0, 3, 30)]
        content = b" ".join(part[int(choice.integers(len(part)))] for part in parts)
        _font_text.steps(content)
        assert used(content) == parsed(content, monkeypatch)


@pytest.mark.parametrize("text", TEXT)
def test_every_way_to_write_a_string_is_read(text, monkeypatch):
    for font in (b"/F 9 Tf ", b"/W 9 Tf "):
        assert _font_text.steps(font + text)
        assert used(font + text) == parsed(font + text, monkeypatch)


@pytest.mark.parametrize(
    "content",
    [b"(a) Tj % (b) Tj", b"BI /W 1 /H 1 ID (EI (a) Tj", b"(a) 3 Tj", b"/F#20 9 Tf (a) Tj", b"/F 9 0 Tf", b"{ (a) Tj }",
     b"(a", b"<4g> Tj", b"[(a) /N] TJ", b"(a) Do", b"((((a)))) Tj", b"/\xe9 9 Tf"],
)  # fmt: skip
def test_what_is_not_written_in_the_usual_way_is_left_to_the_parser(content):
    with pytest.raises(_font_text.Unclear):
        _font_text.steps(content)


def test_what_a_parser_has_to_read_is_found():
    content = b"/F 9 Tf (a) Tj % (b) Tj\n q /G#31 9 Tf (c) Tj Q (d) Tj [(e) 3 (f)] TJ /W 9 Tf (gh) Tj"
    with document(content) as pdf:
        page = pdf.pages[0].obj
        found = _font_uses.read(pdf, lambda: None)
        assert found[page.Resources.Font.F.objgen] == set(b"adef")
        assert found[page.Resources.Font.W.objgen] == {0x6768}


def test_what_is_in_properties_of_content_is_not_shown():
    with document(b"/F 9 Tf /Span <</ActualText (xyz) /K <</L <41>>>>> BDC (a) Tj EMC") as pdf:
        assert _font_uses.read(pdf, lambda: None)[pdf.pages[0].obj.Resources.Font.F.objgen] == {97}


@pytest.mark.parametrize("length", [0, 1, 2, 1000, 70000])
def test_decryption_at_once_is_decryption_byte_by_byte(length):
    data = np.random.default_rng(length).integers(0, 256, length).astype(np.uint8).tobytes()
    assert _type1._decrypted_at_once(data, 55665) == _type1._decrypted(data, 55665)


def test_a_string_that_never_ends_is_given_up_at_once():
    """Tried from every parenthesis in it, this one would take an hour."""
    with pytest.raises(_font_text.Unclear):
        _font_text.steps(b"(" + rb"\(" * 500_000)
