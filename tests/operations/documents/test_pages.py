import pikepdf
import pytest


def boxes(path):
    with pikepdf.open(path) as pdf:
        return [(page.mediabox.as_list(), page.cropbox.as_list()) for page in pdf.pages]


def document(path, *, cropped=False, other=False, between=False):
    pdf = pikepdf.new()
    for _ in range(12):
        pdf.add_blank_page(page_size=(431, 631))
        pdf.pages[-1].obj.Contents = pdf.make_stream(b"0 0 20 20 re f " * 40)
        if cropped:
            pdf.pages[-1].obj.CropBox = pikepdf.Array([10, 10, 400, 600])
    if other:
        pdf.pages[5].obj.MediaBox = pikepdf.Array([0, 0, 300, 300])
    pdf.save(path)
    if between:
        with pikepdf.open(path, inherit_page_attributes=False, allow_overwriting_input=True) as again:
            root = again.Root.Pages
            node = again.make_indirect(
                pikepdf.Dictionary(Type=pikepdf.Name.Pages, Parent=root, Kids=root.Kids, Count=12)
            )
            node.MediaBox = pikepdf.Array([0, 0, 50, 50])
            for page in node.Kids:
                page.Parent = node
            root.Kids = pikepdf.Array([node])
            again.save(path)
    return path


@pytest.mark.parametrize("fields", [{}, {"cropped": True}, {"other": True}, {"between": True}])
@pytest.mark.parametrize("linearize", [False, True])
def test_pages_keep_their_boxes(done, tmp_path, fields, linearize):
    source, output = document(tmp_path / "a.pdf", **fields), tmp_path / "b.pdf"
    metadata = done("pdf_compress", input=source, output=output, linearize=linearize, verify="off").metadata
    assert metadata["verified"]
    assert boxes(output) == boxes(source)


def test_a_box_that_all_pages_have_is_written_once(done, tmp_path):
    source, output = document(tmp_path / "a.pdf", cropped=True), tmp_path / "b.pdf"
    done("pdf_compress", input=source, output=output, quality="lossless")
    with pikepdf.open(output, inherit_page_attributes=False) as pdf:
        assert pdf.Root.Pages.MediaBox == pikepdf.Array([0, 0, 431, 631])
        assert not any({"/MediaBox", "/CropBox"} & set(page.keys()) for page in pdf.Root.Pages.Kids)


def test_pages_laid_out_for_the_web_inherit_nothing(done, tmp_path):
    source, output = document(tmp_path / "a.pdf", cropped=True), tmp_path / "b.pdf"
    done("pdf_compress", input=source, output=output, linearize=True)
    with pikepdf.open(output, inherit_page_attributes=False) as pdf:
        assert pdf.is_linearized
        assert all("/MediaBox" in page for page in pdf.Root.Pages.Kids)
        assert not {"/MediaBox", "/CropBox", "/Resources", "/Rotate"} & set(pdf.Root.Pages.keys())


def test_a_page_that_inherits_its_box_does_so_afterwards(done, tmp_path):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(431, 631))
    pdf.pages[0].obj.Contents = pdf.make_stream(b"0 0 20 20 re f " * 40)
    pdf.Root.Pages.MediaBox = pdf.pages[0].obj.MediaBox
    del pdf.pages[0].obj.MediaBox
    pdf.save(source)
    done("pdf_compress", input=source, output=output, quality="lossless")
    with pikepdf.open(output, inherit_page_attributes=False) as made:
        assert made.Root.Pages.MediaBox == pikepdf.Array([0, 0, 431, 631])
        assert not made.Root.Pages.MediaBox.is_indirect
    assert boxes(output) == [([0, 0, 431, 631], [0, 0, 431, 631])]
