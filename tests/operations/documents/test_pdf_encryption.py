"""How a document is encrypted, through work on it; what cannot be written so is left alone, or said."""

from contextlib import closing

import pikepdf
import pypdfium2
import pytest
from pikepdf import Name

LENGTHS = [f"rc4-{bits}.pdf" for bits in (40, 56, 88, 128)]


def said(path, password=""):
    with pikepdf.open(path, password=password) as pdf:
        cipher, passwords = pdf.encryption, (pdf.trailer.Encrypt.O, pdf.trailer.Encrypt.U)
        return cipher.bits, cipher.P, cipher.encryption_key, *map(bytes, passwords), str(pdf.docinfo["/Title"])


def method(path):
    with pikepdf.open(path) as pdf:
        return {1: "RC4", 2: "RC4", 4: pdf.encryption.stream_method.name.upper()}[pdf.encryption.V]


def shown(path):
    with (
        closing(pypdfium2.PdfDocument(path)) as document,
        closing(document[0]) as page,
        closing(page.get_textpage()) as text,
    ):
        return text.get_text_range()


@pytest.mark.parametrize("fields", [{}, {"linearize": True}, {"quality": "lossless"}])
@pytest.mark.parametrize("name", [*LENGTHS, "rc4-first.pdf", "rc4-filters.pdf", "rc4-filters-no-length.pdf"])
def test_keys_and_ciphers_stay_what_they_were(done, sample, tmp_path, name, fields):
    source, output = sample(name), tmp_path / "out.pdf"
    metadata = done("pdf_compress", input=source, output=output, **fields).metadata
    assert "skipped" not in metadata
    assert "encryption_changed" not in metadata
    assert said(output) == said(source)
    assert method(output) == method(source) == "RC4"
    assert shown(output) == shown(source) != ""
    assert b"A title" not in output.read_bytes()


@pytest.mark.parametrize("user", ["", "user"])
def test_aes_that_does_not_tell_the_length_of_its_key_stays(done, sample, tmp_path, user):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.open(sample("composite-font.pdf")) as pdf:
        pdf.docinfo["/Title"] = "A title"
        pdf.save(
            source,
            encryption=pikepdf.Encryption(owner="owner", user=user, R=4),
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
        )
    data = source.read_bytes()
    assert data.count(b"/Length 128") == 1
    source.write_bytes(data.replace(b"/Length 128", b" " * len(b"/Length 128")))
    metadata = done("pdf_compress", input=source, output=output, password=user, quality="lossless").metadata
    assert "skipped" not in metadata
    assert said(output, user) == said(source, user)
    with pikepdf.open(output, password=user) as pdf:
        assert pdf.encryption.stream_method.name == "aes"
        assert not pdf.get_warnings()
        assert pdf.trailer.Encrypt.Length == 128


def test_what_can_only_be_written_with_aes_is_said(done, sample, tmp_path):
    source, output = sample("rc4-filters-clear.pdf"), tmp_path / "out.pdf"
    metadata = done("pdf_compress", input=source, output=output).metadata
    assert "RC4" in metadata["encryption_changed"]
    assert said(output) == said(source)
    assert (method(source), method(output)) == ("RC4", "AES")
    assert b"xmpmeta" in output.read_bytes()
    assert shown(output) == shown(source) != ""


@pytest.mark.parametrize("name", ["rc4-streams.pdf", "rc4-strings.pdf", "rc4-but-one.pdf"])
@pytest.mark.parametrize("fields", [{}, {"linearize": True, "remove_metadata": True}])
def test_documents_that_are_encrypted_in_parts_stay(done, sample, tmp_path, name, fields):
    output = tmp_path / "out.pdf"
    metadata = done("pdf_compress", input=sample(name), output=output, **fields).metadata
    assert "parts of it are encrypted otherwise" in metadata["skipped"]
    assert output.read_bytes() == sample(name).read_bytes()


def test_metadata_in_the_clear_are_no_part_of_their_own(done, sample, tmp_path):
    """A filter that says so once more may stand there, too."""
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.open(sample("composite-font.pdf")) as pdf:
        pdf.Root.Metadata = pikepdf.Stream(pdf, b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", Subtype=Name.XML)
        encryption = pikepdf.Encryption(owner="owner", user="", R=4, metadata=False)
        pdf.Root.Metadata.Marker = pikepdf.Array([Name.Crypt])
        pdf.Root.Metadata.Type = Name.Metadata
        plain = {"object_stream_mode": pikepdf.ObjectStreamMode.disable, "fix_metadata_version": False}
        pdf.save(source, encryption=encryption, **plain)
    data = source.read_bytes()
    assert data.count(b"/Marker [ /Crypt ]") == 1
    source.write_bytes(data.replace(b"/Marker [ /Crypt ]", b"/Filter [ /Crypt ]"))
    metadata = done("pdf_compress", input=source, output=output).metadata
    assert "skipped" not in metadata
    assert b"xmpmeta" in output.read_bytes()
