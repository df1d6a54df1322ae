"""What a result says is so, and what a job is told not to do is not done."""

import re

import pikepdf
import pytest

from mediamill.operations.documents import _candidates, _compress, _presets


def test_pictures_made_grey_are_counted_once_and_dropped_ones_not_at_all(done, sample, tmp_path):
    """The report has a photo three times, and three thumbnails that are left out."""
    fields = {"input": sample("report.pdf"), "output": tmp_path / "a.pdf"}
    metadata = done("pdf_compress", grayscale=True, **fields).metadata
    assert metadata["images"] == {"found": 3, "recompressed": 1, "downsampled": 1, "deduplicated": 2}
    with pikepdf.open(sample("report.pdf")) as before, pikepdf.open(tmp_path / "a.pdf") as after:
        one, other = (len(pdf.pages[0].obj.Resources.XObject.I.read_raw_bytes()) for pdf in (before, after))
    assert metadata["saved"]["images"] == one - other


def test_what_was_not_looked_at_is_not_said_to_be_the_same(done, sample, tmp_path):
    metadata = done("pdf_compress", input=sample("report.pdf"), output=tmp_path / "a.pdf", verify="off").metadata
    assert metadata["verified"] == {"mode": "off", "pages": 0}


def test_an_output_says_how_many_pages_it_has(done, sample, tmp_path):
    for name in ("report.pdf", "signed.pdf"):
        result = done("pdf_compress", input=sample(name), output=tmp_path / "a.pdf")
        assert result.outputs[0].pages == result.metadata["pages"] == (3 if name == "report.pdf" else 1)


@pytest.mark.parametrize("overwrite", ["skip", "error"])
def test_an_output_that_stays_costs_no_work(job, sample, tmp_path, monkeypatch, overwrite):
    monkeypatch.delattr(_compress, "compress")
    output = tmp_path / "a.pdf"
    output.write_bytes(b"mine")
    result = job("pdf_compress", input=sample("locked.pdf"), output=output, overwrite=overwrite)
    assert output.read_bytes() == b"mine"
    if overwrite == "skip":
        assert result.outputs[0].skipped
        assert result.metadata is None
    else:
        assert result.error_info.code == "output_exists"


@pytest.mark.parametrize("quality", ["medium", "lossless"])
def test_a_document_that_does_not_say_its_size_becomes_smaller_all_the_same(done, sample, tmp_path, quality):
    source, output = tmp_path / "a.pdf", tmp_path / "b.pdf"
    data = sample("report.pdf").read_bytes()
    source.write_bytes(re.sub(rb"(trailer <<[^>]*)/Size \d+", rb"\1", data))
    assert source.stat().st_size < len(data)
    metadata = done("pdf_compress", input=source, output=output, quality=quality).metadata
    assert "skipped" not in metadata
    assert metadata["verified"]["pages"] == 3
    with pikepdf.open(output) as pdf:
        assert not pdf.get_warnings()


@pytest.mark.parametrize("name", ["scan-colour.pdf", "scan-grey.pdf", "colours.pdf", "report.pdf"])
@pytest.mark.parametrize(("dpi", "quality"), [(36, 1), (36, 56), (50, 20), (72, 5), (100, 1), (150, 10), (300, 35)])
def test_a_low_resolution_or_quality_that_is_asked_for_is_given(done, sample, tmp_path, name, dpi, quality):
    """What is allowed to differ goes by what is asked for, not by the preset it is asked in place of."""
    fields = {"input": sample(name), "output": tmp_path / "a.pdf", "image_dpi": dpi, "image_quality": quality}
    metadata = done("pdf_compress", **fields).metadata
    assert not [key for key in metadata if key.endswith("_kept") or key in ("skipped", "only_packed")]
    assert metadata["images"]["recompressed"] > 0
    assert metadata["output_bytes"] < 0.5 * metadata["input_bytes"]


@pytest.mark.parametrize(
    "how",
    [lambda pixels: 255 - pixels, lambda pixels: pixels[::-1].copy(), lambda pixels: pixels // 3],
    ids=["negative", "upside down", "dark"],
)
def test_pictures_that_come_out_wrong_are_not_let_through_at_any_quality(done, sample, tmp_path, monkeypatch, how):
    whole = _candidates._jpeg
    monkeypatch.setattr(_candidates, "_jpeg", lambda pixels, quality, space: whole(how(pixels), quality, space))
    fields = {"input": sample("scan-colour.pdf"), "output": tmp_path / "a.pdf", "image_dpi": 36, "image_quality": 1}
    assert "page 1 does not look the same" in done("pdf_compress", **fields).metadata["pictures_kept"]


@pytest.mark.parametrize("quality", list(_presets.PRESETS))
def test_presets_are_held_to_their_own_tolerance(quality):
    preset = _presets.PRESETS[quality]
    assert _presets.tolerance_of(preset.dpi, preset.quality) == preset.tolerance
    assert _presets.tolerance_of(2400, 100) == _presets.PRESETS["high"].tolerance
