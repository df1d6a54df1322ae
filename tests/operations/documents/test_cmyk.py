import io
from contextlib import closing

import numpy as np
import pikepdf
import pypdfium2
import pytest
from PIL import Image

from mediamill.operations.documents import _cmyk


def rendered(path, dpi=72):
    with closing(pypdfium2.PdfDocument(path)) as document:
        return document[0].render(scale=dpi / 72).to_numpy()[:, :, :3].astype(int)


def samples(data):
    """Return a JPEG's samples as they are stored; Pillow turns them round where Adobe's marker is."""
    picture = Image.open(io.BytesIO(data))
    assert picture.mode == "CMYK"
    pixels = np.asarray(picture)
    return (255 - pixels if "adobe" in picture.info else pixels).astype(int)


@pytest.fixture
def squeezed(done, sample, tmp_path):
    """Return a function that compresses the sample, and returns its metadata and the output's path."""

    def make(quality, name="inks.pdf"):
        output = tmp_path / "out.pdf"
        return done("pdf_compress", input=sample(name), output=output, quality=quality).metadata, output

    return make


@pytest.mark.parametrize(("quality", "mean"), [("lossless", 0.0), ("high", 0.5), ("medium", 1.2), ("low", 3.0)])
def test_inks_keep_their_colours(squeezed, sample, quality, mean):
    metadata, output = squeezed(quality)
    assert "pictures_kept" not in metadata
    assert "skipped" not in metadata
    difference = rendered(sample("inks.pdf")) - rendered(output)
    assert np.abs(difference).mean() <= mean
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.25


def test_inks_stay_inks_and_become_small(squeezed, sample):
    metadata, output = squeezed("medium")
    assert metadata["images"]["recompressed"] == metadata["images"]["downsampled"] == metadata["images"]["found"]
    with pikepdf.open(sample("inks.pdf")) as before, pikepdf.open(output) as after:
        for name, picture in after.pages[0].obj.Resources.XObject.items():
            original = before.pages[0].obj.Resources.XObject[name]
            assert picture.get("/Decode") == original.get("/Decode")
            assert len(picture.read_raw_bytes()) < 0.1 * len(original.read_raw_bytes())
            assert samples(picture.read_raw_bytes()).shape == (125, 188, 4)
        assert after.pages[0].obj.Resources.XObject.I4.ColorSpace[1].N == 4


@pytest.mark.parametrize("quality", [75, 95])
def test_samples_come_back_as_they_went_in(quality):
    y, x = np.mgrid[0:96, 0:128]
    inks = np.stack([x * 2, y * 2, 255 - x, (x + y) // 3], axis=2).astype(np.uint8)
    data = _cmyk.encode(inks, Q=quality)
    assert np.abs(samples(data) - inks).mean() < 2.5
    assert Image.open(io.BytesIO(data)).info["adobe_transform"] == 2


@pytest.mark.parametrize("marked", [True, False])
def test_samples_are_read_as_they_are_stored(marked):
    from mediamill.operations.images._vips import vips

    inks = np.zeros((16, 16, 4), np.uint8) + np.array([10, 90, 160, 240], np.uint8)
    target = io.BytesIO()
    Image.fromarray(255 - inks, "CMYK").save(target, "JPEG", quality=100)
    data = target.getvalue()
    if not marked:
        at = data.index(b"\xff\xee")
        data = data[:at] + data[at + 16 :]
    read = _cmyk.stored(vips().Image.jpegload_buffer(data).numpy())
    assert np.abs(read.astype(int) - inks).max() <= 2


def test_grey_of_inks_is_what_readers_show(done, sample, tmp_path):
    output = tmp_path / "grey.pdf"
    metadata = done("pdf_compress", input=sample("inks.pdf"), output=output, grayscale=True).metadata
    assert "colours_kept" not in metadata
    weights = np.array([0.11, 0.59, 0.3])
    difference = rendered(sample("inks.pdf")) @ weights - rendered(output) @ weights
    assert abs(difference.mean()) < 0.3
    assert np.abs(difference).mean() < 1.2
