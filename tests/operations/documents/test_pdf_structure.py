"""All that hangs on a document's catalogue, walked side by side before and after: nothing is lost, added or moved."""

import re

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Stream, String

from mediamill.operations.documents import _compress

LEFT_OUT = {"/Thumb", "/PieceInfo"}
CODING = {"/Filter", "/DecodeParms", "/Length"}
SAMPLES = {"/Width", "/Height", "/BitsPerComponent", "/ColorSpace", "/Decode"}
"""What says how a stream is packed, and, of a picture, what its samples are: other tests look at what they show."""

SHARED = {"/Font", "/ColorSpace", "/ExtGState", "/Encoding"}
"""Kinds of resources of which equal ones may become one; fonts have tests of their own."""

MARKS = {"BMC", "BDC", "EMC", "MP", "DP", "Do"}


def text(value):
    return String(value)


def rich(pdf, path):
    """Give a report, of three pages, all else that a document may have, and write it."""
    first, second, third = (page.obj for page in pdf.pages)

    def thing(*args, **entries):
        return pdf.make_indirect(Stream(pdf, *args, **entries) if args else Dictionary(**entries))

    root, form = pdf.Root, pdf.Root.AcroForm
    place = Array([third, Name.XYZ, 10, 200, 1.5])
    root.Names.Dests = Dictionary(Names=Array([text("end"), place, text("start"), Array([first, Name.Fit])]))
    script = thing(S=Name.JavaScript, JS=thing(b"function total() { return 1; }" * 9))
    root.Names.JavaScript = Dictionary(Names=Array([text("total"), script]))
    root.Dests = Dictionary(old=Dictionary(D=Array([second, Name.FitH, 100])))
    root.ViewerPreferences = Dictionary(DisplayDocTitle=True, Direction=Name.L2R, Duplex=Name.Simplex)
    root.PageMode, root.PageLayout = Name.UseOutlines, Name.TwoColumnLeft
    root.AA = Dictionary(WC=script)
    root.Collection = Dictionary(Type=Name.Collection, View=Name.D, D=text("notes.txt"))
    root.Extensions = Dictionary(ADBE=Dictionary(BaseVersion=Name("/1.7"), ExtensionLevel=3))
    thread, bead = thing(Type=Name.Thread), thing(Type=Name.Bead, R=Array([10, 10, 100, 100]), P=first)
    thread.F, bead.T, bead.N, bead.V = bead, thread, bead, bead
    root.Threads, first.B = Array([thread]), Array([bead])

    second.Rotate, second.UserUnit, second.Tabs, second.Dur = 90, 2, Name.S, 4
    second.CropBox, second.TrimBox = Array([0, 0, 280, 200]), Array([5, 5, 270, 190])
    second.Trans, second.StructParents = Dictionary(S=Name.Dissolve, D=2), 0
    first.AA = Dictionary(O=script)

    layer = root.OCProperties.OCGs[0]
    other = thing(Type=Name.OCG, Name=text("Layer"))  # equal, but for the state it is in
    root.OCProperties.OCGs.append(other)
    root.OCProperties.D.OFF = Array([other])
    member = thing(Type=Name.OCMD, OCGs=Array([layer, other]), P=Name.AnyOn)
    box = Array([0, 0, 10, 10])
    drawn = [
        thing(b"0 0 10 10 re f", Type=Name.XObject, Subtype=Name.Form, BBox=box, Resources=Dictionary(), OC=one)
        for one in (layer, other, member)
    ]
    first.Resources.XObject.I.OC = layer
    for at, one in enumerate(drawn):
        first.Resources.XObject[f"/L{at}"] = one
    first.Resources.Properties = Dictionary(P0=member, P1=other)
    marked = b"/OC /P0 BDC /L0 Do /L1 Do EMC /OC /P1 BDC /L2 Do EMC /P <</MCID 0>> BDC EMC /Span BMC EMC /Here MP "
    first.Contents = Array([first.Contents, thing(marked)])

    def note(kind, *places, **entries):
        return thing(Type=Name.Annot, Subtype=kind, Rect=Array(places), F=4, **entries)

    link = note(Name.Link, 5, 5, 50, 20, Dest=text("end"), StructParent=1, Border=Array([0, 0, 0]))
    same = note(Name.Link, 5, 5, 50, 20, Dest=text("end"), StructParent=2, Border=Array([0, 0, 0]))
    far = note(Name.Link, 60, 5, 90, 20, A=Dictionary(S=Name.GoToR, F=text("b.pdf"), D=Array([3, Name.Fit])), PA=script)
    said = note(Name.Text, 5, 50, 25, 70, Contents=text("a remark"), Name=Name.Comment, NM=text("1"))
    said.Popup = note(Name.Popup, 30, 50, 90, 90, Parent=said, Open=False)
    reply = note(Name.Text, 5, 50, 25, 70, Contents=text("a reply"), IRT=said, RT=Name.R)
    held = Dictionary(
        Type=Name.Filespec, F=text("c.txt"), EF=Dictionary(F=thing(b"held " * 90, Type=Name.EmbeddedFile))
    )
    clip = note(Name.FileAttachment, 100, 5, 110, 20, FS=held, Contents=text("c"))
    ink = note(Name.Ink, 5, 100, 90, 130, InkList=Array([Array([6, 101, 40, 120, 80, 128])]), C=Array([1, 0, 0]))
    first.Annots = Array([*first.Annots, link, same, far, said, said.Popup, reply, clip, ink])

    states = {f"/{name}": thing(b"0 g 0 0 9 9 re %s" % paint, Subtype=Name.Form, BBox=box, Resources=Dictionary())
              for name, paint in (("Yes", b"f"), ("Off", b"n"))}  # fmt: skip
    tick = note(
        Name.Widget, 5, 5, 15, 15, FT=Name.Btn, T=text("tick"), V=Name.Yes, AS=Name.Yes, AP=Dictionary(N=states)
    )
    tick.MK, tick.AA = Dictionary(CA=text("4"), BC=Array([0])), Dictionary(U=script)
    wait = note(Name.Widget, 20, 5, 90, 25, FT=Name.Sig, T=text("sign here"))
    group = thing(T=text("group"), Kids=Array([tick, wait]))
    tick.Parent = wait.Parent = group
    second.Annots = Array([*second.Annots, tick, wait])
    form.Fields.append(group)
    form.CO, form.NeedAppearances, form.Q = Array([form.Fields[0]]), True, 1
    form.XFA = Array([text("preamble"), form.XFA, text("postamble"), thing(b"</xdp:xdp>")])

    tree = root.StructTreeRoot
    paragraph = tree.K[0]
    paragraph.Alt, paragraph.ActualText, paragraph.Lang, paragraph.ID = (
        text("alt"),
        text("actual"),
        text("de"),
        text("p"),
    )
    kinds = [thing(Type=Name.StructElem, S=Name.Link, P=tree, Pg=first) for _ in range(2)]
    for element, annotation in zip(kinds, (link, same), strict=True):
        element.K = Dictionary(Type=Name.OBJR, Obj=annotation, Pg=first)
    tree.K.extend(kinds)
    tree.ParentTree = thing(Nums=Array([0, Array([paragraph]), 1, kinds[0], 2, kinds[1]]))
    tree.IDTree, tree.ParentTreeNextKey = Dictionary(Names=Array([text("p"), paragraph])), 3
    tree.RoleMap, tree.ClassMap = Dictionary(Abschnitt=Name.Sect), Dictionary(wide=Dictionary(O=Name.Layout, Width=9))

    with pdf.open_outline() as outline:
        inner = pikepdf.OutlineItem("Chapter 1.1", 2, "FitH", top=90)
        outline.root[0].children.append(inner)
        outline.root[0].is_closed = True
        outline.root.append(pikepdf.OutlineItem("Far", action=Dictionary(S=Name.URI, URI=text("https://example.org/"))))
    root.Outlines.First.C, root.Outlines.First.F = Array([1, 0, 0]), 2
    pdf.save(path, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def same(one, other):
    """Walk two documents from their trailers."""
    theirs, ours = dict[tuple[int, int], tuple[int, int]](), dict[tuple[int, int], tuple[int, int]]()
    left = [(one.Root, other.Root, ""), (one.trailer.Info, other.trailer.Info, "Info")]
    while left:
        before, after, place = left.pop()
        if not isinstance(before, pikepdf.Object) or not isinstance(after, pikepdf.Object):
            assert before == after, place
            continue
        if before.is_indirect and before.objgen in theirs:
            assert theirs[before.objgen] == after.objgen, f"{place} is another object"
            continue
        if before.is_indirect:
            theirs[before.objgen] = after.objgen
            if after.is_indirect and not isinstance(before, Stream) and not SHARED & set(place.split()):
                assert ours.setdefault(after.objgen, before.objgen) == before.objgen, f"{place} is two objects"
        assert before._type_code == after._type_code, place
        if isinstance(before, Array) and place.endswith("/Contents"):
            before = before[0]
        elif isinstance(before, Array):
            assert len(before) == len(after), place
            left += [(before[at], after[at], f"{place} {at}") for at in range(len(before))]
        elif isinstance(before, (Dictionary, Stream)):
            left += entries(before, after, place)
        else:
            assert before.unparse(resolved=True) == after.unparse(resolved=True), place
    return theirs


def entries(before, after, place):
    image, font = (before.get(key) == name for key, name in (("/Subtype", Name.Image), ("/Type", Name.Font)))
    passed = LEFT_OUT | (CODING if isinstance(before, Stream) else set()) | (SAMPLES if image else set())
    if font:
        return []
    assert set(before.keys()) - passed == set(after.keys()) - passed, place
    if isinstance(before, Stream) and not image and not is_content(before, place):
        data = [re.sub(rb"\s+", b" ", thing.read_bytes()) for thing in (before, after)]
        assert data[0] == data[1], place
    keys = set(before.keys()) - passed
    return [
        (before[key], after[key], f"{place} {key}") for key in keys if key != "/Contents" or "/MediaBox" not in before
    ]


def is_content(stream, place):
    return stream.get("/Subtype") == Name.Form or place.endswith("/Contents")


def marks(page):
    """Return what is marked in a page's content, and what is painted between, in its order."""
    found = pikepdf.parse_content_stream(page)
    return [
        (str(one.operator), [plain(value) for value in one.operands]) for one in found if str(one.operator) in MARKS
    ]


def plain(value):
    return value.unparse() if isinstance(value, pikepdf.Object) else value


@pytest.mark.parametrize(
    "fields", [{}, {"linearize": True}, {"subset_fonts": False}], ids=["plain", "linearized", "whole"]
)
@pytest.mark.parametrize("quality", ["low", "medium", "high", "lossless"])
def test_nothing_is_lost_of_what_hangs_on_the_catalogue(done, sample, tmp_path, quality, fields):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.open(sample("report.pdf")) as pdf:
        rich(pdf, source)
    metadata = done("pdf_compress", input=source, output=output, quality=quality, **fields).metadata
    assert not [key for key in metadata if key.endswith("_kept") or key in ("skipped", "only_packed")]
    with pikepdf.open(source) as before, pikepdf.open(output) as after:
        assert len(before.pages) == len(after.pages) == 3
        theirs = same(before, after)
        assert len(theirs) > 50
        for one, other in zip(before.pages, after.pages, strict=True):
            assert theirs[one.obj.objgen] == other.obj.objgen
            assert marks(one) == marks(other)


def without(key):
    def lose(pdf):
        del pdf.Root[key]

    return lose


def one_link_less(pdf):
    del pdf.pages[0].obj.Annots[0]


LOSSES = {key: without(f"/{key}") for key in ("Outlines", "Names", "PageLabels", "OCProperties", "StructTreeRoot")}
LOSSES |= {"AcroForm": without("/AcroForm"), "page 1 has not the annotations": one_link_less}


@pytest.mark.parametrize("verify", ["off", "sample"])
@pytest.mark.parametrize("lost", LOSSES)
def test_what_no_page_shows_is_missed_before_it_is_written(done, sample, tmp_path, monkeypatch, lost, verify):
    save = _compress.save

    def lose(pdf, facts, **options):
        LOSSES[lost](pdf)
        return save(pdf, facts, **options)

    monkeypatch.setattr(_compress, "save", lose)
    output = tmp_path / "a.pdf"
    metadata = done("pdf_compress", input=sample("report.pdf"), output=output, verify=verify).metadata
    assert lost in metadata["skipped"]
    assert output.read_bytes() == sample("report.pdf").read_bytes()


@pytest.mark.parametrize("change", ["open", "all allowed"])
def test_protection_that_is_lost_is_missed_before_it_is_written(done, sample, tmp_path, monkeypatch, change):
    save = pikepdf.Pdf.save

    def lose(pdf, target, **options):
        if options.get("encryption") is True:
            allowed = pikepdf.Encryption(owner="owner", user="", R=3, aes=False, metadata=False)
            options["encryption"] = allowed if change == "all allowed" else False
        return save(pdf, target, **options)

    monkeypatch.setattr(pikepdf.Pdf, "save", lose)
    output = tmp_path / "a.pdf"
    metadata = done("pdf_compress", input=sample("locked-owner.pdf"), output=output, verify="off").metadata
    assert "it is not encrypted as it was" in metadata["skipped"]
    assert output.read_bytes() == sample("locked-owner.pdf").read_bytes()


def test_a_widget_without_a_form_is_nothing_to_be_warned_of(done, sample, tmp_path):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.open(sample("report.pdf")) as pdf:
        del pdf.Root["/AcroForm"]
        with pytest.warns(pikepdf.PageCopyWarning):
            pdf.save(source)
    assert "skipped" not in done("pdf_compress", input=source, output=output).metadata
    with pikepdf.open(output) as pdf:
        assert pdf.pages[1].obj.Annots[0].T == "name"
