"""The quality pictures are coded at, by what they show; and faults in a part of one that a page is not to have."""

import io

import numpy as np
import pikepdf
import pytest
import pyvips
from PIL import Image, ImageDraw

from mediamill.operations.documents import _aim, _candidates, _photo, _verify
from mediamill.operations.documents._presets import PRESETS

SIDE = 640


def clouds(side=SIDE, grain=2.0, seed=3):
    """Return a grey picture of soft shapes under grain: what there is in a photo out of focus."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(20, 236, (side // 32, side // 32), np.uint8))
    soft = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)).astype(float)
    return np.clip(soft + random.normal(0, grain, (side, side)), 0, 255).astype(np.uint8)


def lines(side=SIDE):
    """Return a grey picture of thin black lines and letters on white: what there is on a slide."""
    picture = Image.new("L", (side, side), 255)
    draw = ImageDraw.Draw(picture)
    for at in range(0, side, 14):
        draw.text((at % 60, at), "Sharp edges are what a slide is made of, and thin lines. " * 2, fill=0)
    for at in range(5, side, 37):
        draw.line((at, 0, side - at, side), fill=60)
    return np.asarray(picture)


def page_of_lines():
    """Return four times the same lines, under grain, so that they do not pack well."""
    grain = np.random.default_rng(4).normal(0, 3, (800, 800))
    return np.clip(np.tile(lines(400), (2, 2)) + grain, 0, 255).astype(np.uint8)


def vips_of(pixels):
    return pyvips.Image.new_from_array(np.ascontiguousarray(pixels))


def unlike(one, other, scale=2 / 3):
    """Return how unlike two pictures are when they are seen two thirds as large, or otherwise."""
    size = (int(one.width * scale), int(one.height * scale))
    pair = (picture.convert("L").resize(size, Image.Resampling.BILINEAR) for picture in (one, other))
    return 1 - _verify.difference(*(vips_of(np.asarray(picture.convert("RGB"))) for picture in pair)).similarity


def jpeg(pixels, quality):
    return Image.open(io.BytesIO(_photo.encoded(pixels[:, :, None], quality)))


def test_what_keeps_its_pixels_needs_no_more_than_the_plain_encoder():
    soft, sharp = (
        _aim.Aim(pixels[:, :, None], (SIDE, SIDE), 60).jpeg_quality() for pixels in (clouds(grain=6.0), lines())
    )
    assert abs(soft - 60) <= 2
    assert 40 <= sharp < soft - 5  # sharp edges on white ring less than in a plain JPEG


@pytest.mark.parametrize("pixels", [clouds(), clouds(grain=8.0), lines()], ids=["soft", "grain", "lines"])
def test_it_is_as_alike_as_a_plain_jpeg_and_hardly_more(pixels):
    quality = _aim.Aim(pixels[:, :, None], (SIDE, SIDE), 60).jpeg_quality()
    original, plain = Image.fromarray(pixels), io.BytesIO()
    original.save(plain, "JPEG", quality=60)

    def part_of_allowed(quality):
        coded = jpeg(pixels, quality)
        return max(unlike(original, coded, scale) / unlike(original, Image.open(plain), scale) for scale in (2 / 3, 1))

    assert part_of_allowed(quality) <= 1.02
    assert part_of_allowed(quality - 12) > 1


def test_a_large_picture_is_judged_by_a_part_of_it():
    tiled = np.tile(lines(), (3, 3))
    whole = _aim.Aim(lines()[:, :, None], (SIDE, SIDE), 60)
    part = _aim.Aim(tiled[:, :, None], (3 * SIDE, 3 * SIDE), 60)
    assert part._source.size < tiled.size / 10
    assert abs(part.jpeg_quality() - whole.jpeg_quality()) <= 4


def test_a_better_aim_takes_a_better_quality():
    pixels = lines()[:, :, None]
    found = [_aim.Aim(pixels, (SIDE // 2, SIDE // 2), quality).jpeg_quality() for quality in (30, 60, 85)]
    assert found == sorted(set(found))


def document(path, pixels, dpi):
    """Write a page of one picture."""
    height, width = pixels.shape[:2]
    with pikepdf.new() as pdf:
        image = pikepdf.Stream(
            pdf, pixels.tobytes(), Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=width, Height=height,
            BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceGray if pixels.ndim == 2 else pikepdf.Name.DeviceRGB,
        )  # fmt: skip
        points = width * 72 // dpi, height * 72 // dpi
        pdf.add_blank_page(page_size=points)
        page = pdf.pages[0].obj
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=pdf.make_indirect(image)))
        page.Contents = pdf.make_indirect(pikepdf.Stream(pdf, b"%d 0 0 %d 0 0 cm /I Do" % points))
        pdf.save(path)
    return path


@pytest.mark.parametrize(
    ("pixels", "dpi", "width"),
    [
        (clouds(800, 0.0), 200, 600),  # nothing shows of what goes
        (page_of_lines(), 200, 800),
        (page_of_lines(), 240, 500),
    ],
    ids=["soft", "sharp", "sharp, of far more pixels"],
)
def test_pictures_of_few_pixels_more_lose_them_where_that_does_not_show(done, tmp_path, pixels, dpi, width):
    source, output = document(tmp_path / "in.pdf", pixels, dpi), tmp_path / "out.pdf"
    metadata = done("pdf_compress", input=source, output=output).metadata
    with pikepdf.open(output) as pdf:
        assert pdf.pages[0].obj.Resources.XObject.I.Width == width
    assert metadata["images"]["downsampled"] == (width != pixels.shape[1])
    assert metadata["output_bytes"] < metadata["input_bytes"]


def test_a_resolution_that_is_given_is_kept_to(done, tmp_path):
    source, output = document(tmp_path / "in.pdf", page_of_lines(), 200), tmp_path / "out.pdf"
    done("pdf_compress", input=source, output=output, image_dpi=150)
    with pikepdf.open(output) as pdf:
        assert pdf.pages[0].obj.Resources.XObject.I.Width == 600


def patched(pixels, side, by):
    """Return a picture of which a part has become evenly another shade."""
    left, top = pixels.shape[1] // 2, pixels.shape[0] // 3
    made = pixels.copy()
    part = made[top : top + side, left : left + side]
    part[:] = np.clip(part.mean() + by, 0, 255)
    return made


@pytest.mark.parametrize(("side", "by"), [(90, 46), (160, 20)], ids=["small and plain", "large and faint"])
@pytest.mark.parametrize("quality", ["medium", "high"])
def test_a_part_that_came_out_flat_is_not_let_through(done, tmp_path, monkeypatch, quality, side, by):
    pixels = np.stack([clouds(800)] * 3, axis=2)
    pixels[..., 0] = pixels[..., 0] // 2
    source, output = document(tmp_path / "in.pdf", pixels, 150), tmp_path / "out.pdf"
    before = done("pdf_compress", input=source, output=output, quality=quality).metadata
    assert "pictures_kept" not in before
    whole = _candidates._jpeg
    monkeypatch.setattr(_candidates, "_jpeg", lambda image, value, space: whole(patched(image, side, by), value, space))
    monkeypatch.setattr(_candidates._wavelet, "smaller", lambda pixels, photo: None)
    after = done("pdf_compress", input=source, output=output, quality=quality).metadata
    assert "page 1 does not look the same" in after["pictures_kept"]


def test_every_preset_lets_less_pass_over_a_patch_than_in_a_block():
    for preset in PRESETS.values():
        assert 0 < preset.tolerance.patch < preset.tolerance.block / 2
