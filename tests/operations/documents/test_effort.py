"""What is not done, nor loaded, where a document does not need it."""

import subprocess
import sys

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from mediamill.operations.documents import _filters

TEXT = b"BT /F 10.000 Tf 20.0 %d.0 Td [(Some) -250.0 (text)] TJ ET\n"


def write_text(path):
    """Write a document of two pages of text, whose objects are packed."""
    pdf = pikepdf.new()
    font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
    for page in range(2):
        content = b"q 1.0 0 0 1.0 0 0 cm " + b"".join(TEXT % (at + page) for at in range(20, 280, 9)) + b"Q"
        made = pdf.add_blank_page(page_size=(300, 300)).obj
        made.Resources = Dictionary(Font=Dictionary(F=font))
        made.Contents = pdf.make_stream(content)
        made.Annots = Array(
            [
                pdf.make_indirect(Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([at, 0, at + 5, 5])))
                for at in range(40)
            ]
        )
    pdf.save(path, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return path


@pytest.mark.parametrize("quality", ["lossless", "medium"])
def test_nothing_is_packed_to_be_thrown_away(done, tmp_path, monkeypatch, quality):
    packed, deflate = list[bytes](), _filters.deflate

    def noted(data):
        packed.append(deflate(data))
        return packed[-1]

    monkeypatch.setattr(_filters, "deflate", noted)
    output = tmp_path / "out.pdf"
    done("pdf_compress", input=write_text(tmp_path / "in.pdf"), output=output, quality=quality)
    there = output.read_bytes()
    thrown = [data for data in packed if data not in there]
    assert len(packed) > 3
    assert len(thrown) == 1  # of two tables the longer one


def test_text_needs_no_library_of_pictures(tmp_path):
    source, output = write_text(tmp_path / "in.pdf"), tmp_path / "out.pdf"
    code = (
        "import sys; from mediamill.engine.inprocess import run_job;"
        f"result = run_job(dict(operation='pdf_compress', input={str(source)!r}, output={str(output)!r}));"
        "assert result.success, result.error;"
        "print(*sorted({'PIL', 'imagequant', 'numpy', 'pyvips', 'simplejpeg'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
    assert output.stat().st_size < source.stat().st_size
