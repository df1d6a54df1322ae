"""Pictures of few values take as few bits as tell these apart, and look as before."""

import tracemalloc

import numpy as np
import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name, String

from mediamill.operations.documents import _few

SIZE = (160, 96)
PALETTE = bytes([10, 200, 30, 250, 240, 0, 0, 0, 90, 255, 255, 255])


def drawn(count, seed=1):
    """Return blots of so many numbers: shape (height, width)."""
    width, height = SIZE
    noise = np.random.default_rng(seed).normal(size=(height + 12, width + 12)).cumsum(0).cumsum(1)
    heights = noise[12:, 12:] - noise[12:, :-12] - noise[:-12, 12:] + noise[:-12, :-12]
    return (heights.argsort(axis=None).argsort().reshape(height, width) * count // heights.size).astype(np.uint8)


def written(path, samples, bits, space, mask=None, **more):
    """Write a document of one picture, its samples packed as they are."""
    spread = (samples[..., None] >> np.arange(bits)[::-1]) & 1
    data = np.packbits(spread.reshape(SIZE[1], -1), axis=1).tobytes()
    with pikepdf.new() as pdf:
        width, height = SIZE
        facts = {"Type": Name.XObject, "Subtype": Name.Image, "Width": width, "Height": height}
        shown = pikepdf.Stream(pdf, data, **facts, BitsPerComponent=bits, ColorSpace=space, **more)
        if mask is not None:
            colour = bytes([200, 40, 90]) * width * height
            masked = pikepdf.Stream(pdf, colour, **facts, BitsPerComponent=8, ColorSpace=Name.DeviceRGB)
            masked[mask] = pdf.make_indirect(shown)
            shown = masked
        pdf.add_blank_page(page_size=SIZE)
        pdf.pages[0].obj.Resources = Dictionary(XObject=Dictionary(I=pdf.make_indirect(shown)))
        content = b"0.5 0.9 0.7 rg 0 0 160 96 re f 160 0 0 96 0 0 cm /I Do"
        pdf.pages[0].obj.Contents = pikepdf.Stream(pdf, content)
        pdf.save(path, compress_streams=False)
    return path


def seen(path):
    document = pypdfium2.PdfDocument(path)
    try:
        return document[0].render(scale=2).to_numpy().copy()
    finally:
        document.close()


def stored(path, mask=None):
    """Return how the picture, or the mask of it, is stored: its filter, bits and colour space."""
    with pikepdf.open(path) as pdf:
        picture = pdf.pages[0].obj.Resources.XObject.I
        picture = picture[mask] if mask else picture
        space = picture.ColorSpace
        kind = str(space[0] if isinstance(space, Array) else space)
        return str(picture.Filter), int(picture.BitsPerComponent), kind


def indexed(count, base=Name.DeviceRGB, components=3):
    return Array([Name.Indexed, base, count - 1, String(PALETTE[: components * count])])


JBIG2, FLATE = "/JBIG2Decode", "/FlateDecode"


@pytest.mark.parametrize(("samples", "bits", "space", "then"), [
    (drawn(2) * 255, 8, Name.DeviceGray, (JBIG2, 1, "/DeviceGray")),
    (drawn(2) * 15, 4, Name.DeviceGray, (JBIG2, 1, "/DeviceGray")),
    (drawn(2) * 85, 8, Name.DeviceGray, (FLATE, 2, "/DeviceGray")),
    (drawn(4) * 85, 8, Name.DeviceGray, (FLATE, 2, "/DeviceGray")),
    (drawn(16) * 17, 8, Name.DeviceGray, (FLATE, 4, "/DeviceGray")),
    (drawn(3) * 100 + 7, 8, Name.DeviceGray, (FLATE, 2, "/Indexed")),
    (drawn(2), 1, indexed(2), (JBIG2, 1, "/Indexed")),
    (drawn(4), 8, indexed(4), (FLATE, 2, "/Indexed")),
    (drawn(2) * 3, 4, indexed(4), (FLATE, 2, "/Indexed")),
    (drawn(2), 1, indexed(2, Name.DeviceGray, 1), (JBIG2, 1, "/Indexed")),
    (drawn(3), 8, indexed(9, Name.DeviceGray, 1), (FLATE, 2, "/Indexed")),
    (drawn(3), 8, indexed(3, Name.DeviceCMYK, 4), (FLATE, 2, "/Indexed")),
])  # fmt: skip
def test_as_few_bits_as_tell_them_apart(done, tmp_path, samples, bits, space, then):
    source, output = written(tmp_path / "a.pdf", samples, bits, space), tmp_path / "b.pdf"
    metadata = done("pdf_compress", input=source, output=output, quality="lossless").metadata
    assert metadata["images"]["recompressed"] == 1
    assert stored(output) == then
    assert np.array_equal(seen(source), seen(output))


@pytest.mark.parametrize(("samples", "space"), [
    (drawn(2) * 90 + 7, Name.DeviceGray), (drawn(2) * 3, indexed(4)),
    (np.stack([drawn(2) * 90, drawn(2) * 9, drawn(2) * 200 + 3], 2), Name.DeviceRGB),
])  # fmt: skip
@pytest.mark.parametrize(("quality", "then"), [("lossless", (FLATE, 2)), ("medium", (JBIG2, 1))])
def test_two_colours_become_one_bit_where_readers_may_round_otherwise(done, tmp_path, samples, space, quality, then):
    source, output = written(tmp_path / "a.pdf", samples, 8, space), tmp_path / "b.pdf"
    metadata = done("pdf_compress", input=source, output=output, quality=quality).metadata
    assert metadata["images"]["recompressed"] == 1
    assert stored(output) == (*then, "/Indexed")
    apart = np.abs(seen(source).astype(int) - seen(output))
    assert apart.max() <= (0 if quality == "lossless" else 2)


@pytest.mark.parametrize(("samples", "then"), [
    (drawn(2) * 255, (JBIG2, 1, "/DeviceGray")), (drawn(4) * 85, (FLATE, 2, "/DeviceGray")),
    (drawn(3) * 100, (FLATE, 8, "/DeviceGray")),
])  # fmt: skip
def test_soft_masks_stay_grey(done, tmp_path, samples, then):
    source, output = written(tmp_path / "a.pdf", samples, 8, Name.DeviceGray, "/SMask"), tmp_path / "b.pdf"
    done("pdf_compress", input=source, output=output, quality="lossless")
    assert stored(output, "/SMask") == then
    assert np.array_equal(seen(source), seen(output))


@pytest.mark.parametrize(("samples", "bits", "space", "more"), [
    (drawn(2) * 255, 8, Name.DeviceGray, {"Decode": Array([1, 0])}),
    (drawn(3) * 100, 8, Name.DeviceGray, {"Mask": Array([100, 100])}),
    (drawn(2), 8, indexed(2), {"Mask": Array([1, 1])}),
    (drawn(2) * 90, 8, indexed(2), {}),
])  # fmt: skip
def test_values_that_something_hangs_on_stay(done, tmp_path, samples, bits, space, more):
    source, output = written(tmp_path / "a.pdf", samples, bits, space, **more), tmp_path / "b.pdf"
    done("pdf_compress", input=source, output=output, quality="lossless")
    assert stored(output)[1] == 8
    assert np.array_equal(seen(source), seen(output))


@pytest.mark.parametrize(("values", "highest", "expected"), [
    ([0, 255], 255, (1, [0, 1])), ([0, 85, 170], 255, (2, [0, 1, 2])), ([0, 17, 34], 255, (4, [0, 1, 2])),
    ([0, 18], 255, None), ([0, 5], 15, (2, [0, 1])), ([3], 3, (1, [1])), ([0, 1], 1, None),
])  # fmt: skip
def test_greys_by_fewer_bits_are_the_same_greys(values, highest, expected):
    made = _few.as_greys(np.array(values, np.uint8), highest)
    assert (made and (made[0], made[1].tolist())) == expected


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("count", [1, 2, 7, 16])
def test_found_values_make_the_picture(components, count):
    pixels = np.stack([drawn(count) * (11 + 3 * part) for part in range(components)], 2)
    found = _few.found(pixels, 16)
    assert found is not None
    assert len(found.values) == count
    assert np.array_equal(found.values[found.indices], pixels)
    assert _few.found(pixels, count - 1) is None or count == 1


def test_colours_are_counted_without_copies_of_a_large_picture():
    """What is made of each pixel takes several times its bytes, so only some rows are worked on at a time."""
    pixels = np.zeros((3000, 2000, 3), np.uint8)
    pixels[500:900, 100:1900], pixels[2990:, 7] = [200, 10, 10], [1, 2, 3]
    tracemalloc.start()
    try:
        found = _few.found(pixels)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found is not None
    assert np.array_equal(found.values[found.indices], pixels)
    assert most < pixels.nbytes
    assert _few.found(pixels, 2) is None


def test_pictures_of_many_colours_are_known_by_a_few_rows(monkeypatch):
    looked_at = []
    whole = _few.as_numbers
    monkeypatch.setattr(_few, "as_numbers", lambda pixels: looked_at.append(pixels.size) or whole(pixels))
    pixels = np.random.default_rng(1).integers(0, 256, (640, 200, 3), np.uint8)
    assert _few.found(pixels) is None
    assert sum(looked_at) <= pixels.size / 30


@pytest.mark.parametrize("components", [1, 3, 4])
def test_pixels_are_the_same_number_where_they_are_the_same(components):
    pixels = np.random.default_rng(1).integers(0, 3, (20, 30, components), np.uint8) * 85
    numbers = _few.as_numbers(pixels)
    assert numbers.shape == (20, 30)
    assert len(np.unique(numbers)) == len(np.unique(pixels.reshape(-1, components), axis=0))
    assert numbers[0, 0] == int.from_bytes(pixels[0, 0].tobytes(), "big")
