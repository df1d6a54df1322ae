"""Documents that are damaged or made to harm: each ends in a coded error or in a whole file, within limits."""

import tracemalloc
import zlib
from contextlib import closing

import numpy as np
import pikepdf
import pypdfium2
import pytest
import pyvips
from pikepdf import Array, Dictionary, Name

from mediamill.operations.documents import _cff, _filters

ERRORS = b" >> " * 20


def shown(path, dpi=150):
    with (
        closing(pypdfium2.PdfDocument(path)) as document,
        closing(document[0]) as page,
        closing(page.get_textpage()) as text,
    ):
        return page.render(scale=dpi / 72).to_numpy()[:, :, :3].copy(), text.get_text_range()


@pytest.mark.parametrize("name", ["composite-font.pdf", "compact-named.pdf"])
def test_glyphs_shown_behind_errors_stay(done, sample, tmp_path, name):
    """The parser gives up after so many errors, readers don't."""
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.open(sample(name)) as pdf:
        page = pdf.pages[0].obj
        page.Contents = pdf.make_indirect(pikepdf.Stream(pdf, ERRORS + page.Contents.read_bytes()))
        pdf.save(source)
    done("pdf_compress", input=source, output=output, quality="lossless", verify="off")
    before, after = shown(source), shown(output)
    assert before[1] == after[1] != ""
    assert np.array_equal(before[0], after[0])


def widest(path):
    with pikepdf.open(path) as pdf:
        return max(int(one.Width) for one in pdf.objects if isinstance(one, pikepdf.Stream) and "/Width" in one)


def test_pictures_painted_large_behind_errors_keep_their_pixels(done, sample, tmp_path):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.open(sample("scan-colour.pdf")) as pdf:
        page = pdf.pages[0].obj
        name = str(next(iter(page.Resources.XObject.keys()))).encode()
        small = b"q 20 0 0 20 0 0 cm %s Do Q " % name
        page.Contents = pdf.make_indirect(pikepdf.Stream(pdf, small + ERRORS + page.Contents.read_bytes()))
        pdf.save(source)
    metadata = done("pdf_compress", input=source, output=output, quality="low", verify="off").metadata
    assert "too many errors" in metadata["resolution_kept"]
    assert widest(output) == widest(source)


@pytest.mark.parametrize("own", [True, False])
def test_pictures_that_are_letters_keep_their_pixels(done, sample, tmp_path, own):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.open(sample("scan-colour.pdf")) as pdf:
        page = pdf.pages[0].obj
        name = next(iter(page.Resources.XObject.keys()))
        letter = pikepdf.Stream(pdf, b"9 0 d0 9 0 0 9 0 0 cm %s Do" % str(name).encode())
        box, matrix = Array([0, 0, 9, 9]), Array([0.1, 0, 0, 0.1, 0, 0])
        face = Dictionary(Type=Name.Font, Subtype=Name.Type3, FontBBox=box, FontMatrix=matrix, Widths=Array([9]))
        face.FirstChar = face.LastChar = 97
        face.CharProcs = Dictionary(a=pdf.make_indirect(letter))
        face.Encoding = Dictionary(Differences=Array([97, Name.a]))
        if own:
            face.Resources = Dictionary(XObject=Dictionary({str(name): page.Resources.XObject[name]}))
        page.Resources.Font = Dictionary(F=pdf.make_indirect(face))
        content = b"q 20 0 0 20 0 0 cm %s Do Q BT /F 300 Tf (a) Tj ET" % str(name).encode()
        page.Contents = pdf.make_indirect(pikepdf.Stream(pdf, content))
        pdf.save(source)
    done("pdf_compress", input=source, output=output, quality="low", verify="off")
    assert widest(output) == widest(source)


@pytest.mark.parametrize(
    "name",
    [
        "bomb-forms.pdf", "bomb-contents.pdf", "bomb-content.pdf", "bomb-twice.pdf", "bomb-picture.pdf",
        "bomb-font.pdf", "bomb-profile.pdf", "bomb-letters.pdf", "bomb-inline.pdf", "bomb-elsewhere.pdf",
        "bomb-paths.pdf",
    ],
)  # fmt: skip
@pytest.mark.parametrize("quality", ["medium", "lossless"])
def test_what_no_reader_gets_to_the_end_of_is_not_rendered(done, sample, tmp_path, name, quality):
    output = tmp_path / "out.pdf"
    asked = {"quality": quality, "linearize": True}
    metadata = done("pdf_compress", input=sample(name), output=output, **asked).metadata
    assert "page 1 asks too much" in metadata.get("skipped", metadata.get("only_packed"))
    if "skipped" in metadata:
        assert output.read_bytes() == sample(name).read_bytes()
    else:  # what could be proven object by object
        assert output.stat().st_size < sample(name).stat().st_size
        with pikepdf.open(output) as made, pikepdf.open(sample(name)) as before:
            assert made.pages[0].keys() == before.pages[0].keys()


def test_objects_in_a_bomb_are_a_limit(code, sample, tmp_path):
    assert code("pdf_compress", input=sample("bomb-objects.pdf"), output=tmp_path / "a.pdf") == "limit_exceeded"


@pytest.mark.parametrize("fields", [{"quality": "medium"}, {"quality": "lossless"}, {"grayscale": True}])
def test_palettes_that_cannot_be_are_left_alone(done, sample, tmp_path, fields):
    metadata = done("pdf_compress", input=sample("bomb-palette.pdf"), output=tmp_path / "a.pdf", **fields).metadata
    assert metadata["pages"] == 1
    assert metadata["images"]["found"] == 3


def test_damaged_documents_are_held_against_what_others_read(done, sample, tmp_path):
    """An entry of its cross-reference table is too short: some readers then search the file, others find nothing."""
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.open(sample("composite-font.pdf")) as pdf:
        pdf.save(source, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    with pikepdf.open(source) as pdf:
        number = pdf.pages[0].obj.Contents.objgen[0]
    data = source.read_bytes()
    rows = data.index(b"xref\n")
    row = data.index(b"0000000000 65535 f", rows) + 20 * number
    source.write_bytes(data[:row] + b"0" + data[row + 10 :])
    metadata = done("pdf_compress", input=source, output=output, verify="off").metadata
    assert shown(output)[1] == shown(source)[1] != ""
    assert "skipped" in metadata or metadata["verified"]["mode"] == "all"


def lzw(samples):
    """Return bytes as LZW codes them, by way of TIFF, which does it the same way."""
    image = pyvips.Image.new_from_memory(samples, len(samples), 1, 1, "uchar")
    tiff = image.tiffsave_buffer(compression="lzw", predictor="none")
    tags = {tag: tiff[at:] for at in range(8, len(tiff) - 12) for tag in [tiff[at : at + 4]]}
    start, length = (int.from_bytes(tags[tag][8:12], "little") for tag in (b"\x11\x01\x04\x00", b"\x17\x01\x04\x00"))
    return tiff[start : start + length]


def runs(samples):
    return b"".join(bytes([255 - 8, samples[at]]) for at in range(0, len(samples), 10)) + b"\x80"


RANDOM = np.random.default_rng(5)
NOISE = RANDOM.integers(0, 5, 30_000, np.uint8)


@pytest.mark.parametrize(
    ("samples", "data", "name"),
    [
        (NOISE.tobytes(), lzw(NOISE.tobytes()), "LZWDecode"),
        (bytes(200_000), lzw(bytes(200_000)), "LZWDecode"),
        (np.repeat(NOISE[:900], 10).tobytes(), runs(np.repeat(NOISE[:900], 10).tobytes()), "RunLengthDecode"),
    ],
    ids=["lzw", "lzw of one value", "runs"],
)
def test_streams_are_decoded_up_to_their_limit_and_no_further(samples, data, name):
    pdf = pikepdf.new()
    stream = pikepdf.Stream(pdf, data, Filter=Name(f"/{name}"))
    assert _filters.decoded(stream, len(samples)) == samples
    assert _filters.decoded(stream, len(samples) - 1) is None
    both = pikepdf.Stream(pdf, data.hex().encode() + b">", Filter=Array([Name("/AHx"), Name(f"/{name}")]))
    assert _filters.decoded(both, len(samples)) == samples
    assert _filters.decoded(both, len(samples) - 1) is None


def test_what_goes_beyond_its_limit_takes_no_memory():
    """Two megabytes of runs that stand for 128."""
    pdf = pikepdf.new()
    stream = pikepdf.Stream(pdf, bytes([129, 0]) * (1 << 20), Filter=Name.RunLengthDecode)
    tracemalloc.start()
    assert _filters.decoded(stream, 20 << 20) is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20


def test_a_font_that_cannot_be_written_anew_is_not_cut(monkeypatch):
    """Numbers out of range in a charstring raise an error of their own when they are written."""
    from fontTools.misc.psCharStrings import CharStringCompileError

    def fail(*_, **__):
        raise CharStringCompileError("a number of a kind that cannot be written")

    monkeypatch.setattr(_cff, "opened", fail)
    with pytest.raises(_cff.Unreadable):
        _cff.cut(b"", cids=set(), codes=set(), names={})


@pytest.mark.parametrize("name", ["bomb-font.pdf", "bomb-twice.pdf"])
def test_what_cannot_be_rendered_loses_its_metadata_and_nothing_else(done, sample, tmp_path, name):
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.open(sample(name)) as pdf:
        pdf.docinfo["/Title"] = "SECRET"
        pdf.save(source, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    metadata = done("pdf_compress", input=source, output=output, remove_metadata=True).metadata
    assert "page 1 asks too much" in metadata["only_metadata_removed"]
    assert b"SECRET" in source.read_bytes()
    assert b"SECRET" not in output.read_bytes()
    with pikepdf.open(source) as before, pikepdf.open(output) as after:
        assert "/Info" not in after.trailer
        for one, other in zip(before.pages, after.pages, strict=True):
            assert one.obj.Contents.read_raw_bytes() == other.obj.Contents.read_raw_bytes()


def test_a_file_that_would_lose_more_than_metadata_stays(done, sample, tmp_path, monkeypatch):
    from mediamill.operations.documents import _metadata

    def lose(pdf, facts, check):
        del pdf.pages[0].obj["/Resources"]

    monkeypatch.setattr(_metadata, "strip", lose)
    output = tmp_path / "out.pdf"
    metadata = done("pdf_compress", input=sample("bomb-font.pdf"), output=output, remove_metadata=True).metadata
    assert "its metadata are still there" in metadata["skipped"]
    assert output.read_bytes() == sample("bomb-font.pdf").read_bytes()


def test_an_array_that_takes_too_much_memory_is_not_opened(code, sample, tmp_path):
    assert code("pdf_compress", input=sample("bomb-array.pdf"), output=tmp_path / "a.pdf") == "limit_exceeded"


def many_objects():
    """Return a document of two million objects."""
    yield b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>"
    yield b"<< /Type /Page /Parent 2 0 R >>"
    for _ in range(2_000_000):
        yield b"1"


def many_pages():
    """Return a document of 510,000 pages."""
    count = 510_000
    yield b"<< /Type /Pages /Count %d /Kids [%s] >>" % (count, b" ".join(b"%d 0 R" % (3 + at) for at in range(count)))
    for _ in range(count):
        yield b"<< /Type /Page /Parent 2 0 R >>"


def of_page(value):
    """Return a document whose page has a value."""
    yield b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>"
    yield b"<< /Type /Page /Parent 2 0 R /X %s >>" % value


def many_arrays():
    return of_page(b"[%s]" % (b"[]" * 9_200_000))


def written(path, objects):
    with path.open("wb") as file:
        file.write(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n")
        file.writelines(b"%d 0 obj\n%s\nendobj\n" % (number, body) for number, body in enumerate(objects, 2))
        file.write(b"trailer << /Root 1 0 R >>\n")


@pytest.mark.parametrize("objects", [many_objects, many_pages, many_arrays])
def test_what_takes_too_much_memory_is_not_opened(code, tmp_path, objects):
    source = tmp_path / "in.pdf"
    written(source, objects())
    assert code("pdf_compress", input=source, output=tmp_path / "a.pdf") == "limit_exceeded"
    source.unlink()


def test_a_report_with_many_structure_elements_is_read(tmp_path):
    """Of 300,000, which take 330 MB; they are seven million values and keywords."""
    from mediamill.operations.documents import _open

    count = 300_000
    element = b"4 0 obj\n<</S/P/P 4 0 R/Pg 3 0 R/K 7>>\nendobj\n0000000000 00000 n \n"
    told = _open.memory_bytes(b"%PDF-1.7\n" + element * count)
    assert 330 << 20 < told < 660 << 20


def test_values_in_streams_are_no_values_of_objects(done, tmp_path):
    source = tmp_path / "in.pdf"
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.pages[0].obj.Contents = pdf.make_indirect(pikepdf.Stream(pdf, b"% obj 1 " * 1_000_000))
        pdf.save(source, compress_streams=False)
    metadata = done("pdf_compress", input=source, output=tmp_path / "out.pdf").metadata
    assert metadata["output_bytes"] < metadata["input_bytes"] / 100


@pytest.mark.parametrize("filters", [["/FlateDecode"], ["/ASCIIHexDecode", "/FlateDecode"]])
@pytest.mark.parametrize(("kept", "expected"), [(1.0, True), (0.9, True), (0.2, False)])
def test_a_damaged_stream_counts_as_far_as_it_can_be_read(filters, kept, expected):
    data = zlib.compress(bytes(RANDOM.integers(0, 9, 200_000, np.uint8)))
    data = data[: int(kept * len(data))] + b"!" * 50
    pdf = pikepdf.new()
    raw = data.hex().encode() + b">" if len(filters) > 1 else data
    stream = pikepdf.Stream(pdf, raw, Filter=Array([Name(one) for one in filters]))
    assert _filters.exceeds(stream, 100_000) == expected


def test_flate_is_held_up_to_its_limit_and_no_further():
    """Half a megabyte that stands for 512."""
    packer = zlib.compressobj(9)
    data = b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(512)), packer.flush()])
    pdf = pikepdf.new()
    stream = pikepdf.Stream(pdf, data, Filter=Name.FlateDecode)
    tracemalloc.start()
    assert _filters.decoded(stream, 16 << 20) is None
    assert _filters.exceeds(stream, 64 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 << 20


@pytest.mark.parametrize("behind", [b"", b"\n", b"behind it" * 50_000], ids=["nothing", "a line end", "much"])
@pytest.mark.parametrize("length", [0, 5, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_flate_ends_where_it_ends(length, behind):
    data = (b"page " * (length // 5 + 1))[:length]
    assert _filters.inflate(zlib.compress(data) + behind, length) == data


@pytest.mark.parametrize("packed", [True, False])
def test_metadata_that_take_a_reader_much_memory_are_not_given_to_one(done, tmp_path, monkeypatch, packed):
    from mediamill.operations.documents import _verify

    def fail(*_):
        raise AssertionError

    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.pages[0].obj.Contents = pdf.make_stream(b"0 0 20 20 re f " * 4000)
        packet = b"<x>" + b"<rdf:li>of a subject</rdf:li>" * 600_000 + b"</x>"
        data, how = (zlib.compress(packet), {"Filter": Name.FlateDecode}) if packed else (packet, {})
        pdf.Root.Metadata = pdf.make_stream(data, Type=Name.Metadata, Subtype=Name.XML, **how)
        pdf.save(source, compress_streams=False, fix_metadata_version=False)
    monkeypatch.setattr(_verify, "_compare_pages", fail)
    metadata = done("pdf_compress", input=source, output=output).metadata
    assert "metadata ask too much" in metadata["only_packed"]
    with pikepdf.open(output) as pdf:
        assert pdf.Root.Metadata.read_bytes() == packet
