import zlib

import numpy as np
import pytest
from PIL import Image

from mediamill.operations.images import _colour
from mediamill.operations.images._vips import vips


def profile_of(path):
    with Image.open(path) as image:
        return image.info.get("icc_profile")


@pytest.mark.parametrize("name", ["p3.jpg", "p3.png"])
@pytest.mark.parametrize("metadata", ["icc", "copyright", "all", "none"])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "tiff"])
def test_wide_gamut_looks_the_same(done, sample, tmp_path, pixels, distance, name, metadata, suffix):
    """With its profile or without, the picture is the landscape; without colour management it would be 5 off."""
    output = tmp_path / f"a.{suffix}"
    done("convert", input=sample(name), output=output, metadata=metadata, quality=95, chroma_subsampling="4:4:4")
    assert (profile_of(output) is not None) == (metadata != "none")
    assert distance(pixels(output), pixels(sample("alpha-opaque.png"))[..., :3]) < 2.5


@pytest.mark.parametrize("suffix", ["gif", "ico"])
def test_formats_without_profiles_get_srgb(done, sample, tmp_path, pixels, distance, suffix):
    output = tmp_path / f"a.{suffix}"
    done("resize", input=sample("p3.png"), output=output, width=200)
    done("resize", input=sample("alpha-opaque.png"), output=tmp_path / "b.png", width=200)
    assert distance(pixels(output, mode="RGB"), pixels(tmp_path / "b.png")) < 5


@pytest.mark.parametrize("name", ["cmyk.jpg", "cmyk-noicc.jpg"])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_inks_become_srgb(done, sample, tmp_path, pixels, distance, name, suffix):
    output = tmp_path / f"a.{suffix}"
    done("resize", input=sample(name), output=output, width=200, quality=95)
    done("resize", input=sample("alpha-opaque.png"), output=tmp_path / "b.png", width=200)
    with Image.open(output) as image:
        assert image.mode == "RGB"
        assert "icc_profile" not in image.info
    assert distance(pixels(output), pixels(tmp_path / "b.png")) < 7  # perceptual intent moves dark inks


def test_inks_with_a_profile_stay_inks_where_all_is_kept(done, sample, tmp_path, pixels, distance):
    done("resize", input=sample("cmyk.jpg"), output=tmp_path / "a.jpg", width=200, metadata="all", quality=95)
    done("resize", input=sample("cmyk-noicc.jpg"), output=tmp_path / "b.jpg", width=200, metadata="all")
    with Image.open(tmp_path / "a.jpg") as image:
        assert (image.mode, "icc_profile" in image.info) == ("CMYK", True)
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.mode == "RGB"
    done("resize", input=sample("alpha-opaque.png"), output=tmp_path / "c.png", width=200)
    assert distance(pixels(tmp_path / "a.jpg"), pixels(tmp_path / "c.png")) < 8


def test_plain_srgb_profiles_are_dropped(done, sample, tmp_path, pixels, distance):
    done("convert", input=sample("srgb-icc.jpg"), output=tmp_path / "a.png")
    assert profile_of(tmp_path / "a.png") is None
    assert distance(pixels(tmp_path / "a.png"), pixels(sample("srgb-icc.jpg"))) < 1


def test_broken_profiles_are_ignored(done, sample, tmp_path, pixels, distance):
    for metadata in ("none", "icc", "all"):
        done("convert", input=sample("bad-icc.jpg"), output=tmp_path / "a.png", metadata=metadata)
        assert profile_of(tmp_path / "a.png") is None
        assert distance(pixels(tmp_path / "a.png"), pixels(sample("orientation-1.jpg"))) < 2


def test_lab_becomes_srgb(done, sample, tmp_path, pixels, distance):
    for suffix in ("png", "jpg", "tiff"):
        done("convert", input=sample("lab.tiff"), output=tmp_path / f"a.{suffix}", quality=95)
        found = pixels(tmp_path / f"a.{suffix}") if suffix != "tiff" else None
        if found is not None:
            assert distance(found, pixels(sample("orientation-1.jpg"))) < 3


@pytest.mark.parametrize(("suffix", "deep"), [("png", True), ("tiff", True), ("jpg", False), ("webp", False)])
def test_sixteen_bits_stay_where_they_can(done, sample, tmp_path, suffix, deep):
    output = tmp_path / f"a.{suffix}"
    done("resize", input=sample("rgb16.png"), output=output, width=100)
    library = vips()
    loader = {"png": "pngload", "tiff": "tiffload", "jpg": "jpegload", "webp": "webpload"}[suffix]
    image = getattr(library.Image, loader)(str(output))
    assert (image.format == "ushort") == deep
    with Image.open(sample("rgb16.png")) as plain:
        wanted = np.asarray(plain.convert("RGB").resize((100, 67), Image.Resampling.LANCZOS), float)
    assert np.abs(image.colourspace("srgb").numpy().astype(float) - wanted).mean() < 5


def test_sixteen_bit_grey_keeps_its_steps(done, sample, tmp_path):
    done("resize", input=sample("gray16.png"), output=tmp_path / "a.png", width=320)
    done("resize", input=sample("gray16.png"), output=tmp_path / "a.jpg", width=320, quality=95)
    image = vips().Image.pngload(str(tmp_path / "a.png"))
    assert image.interpretation == "grey16"
    row = image.numpy()[10].astype(int)
    assert (np.diff(row) >= 0).all()
    assert len(set(row.tolist())) > 300
    small = vips().Image.jpegload(str(tmp_path / "a.jpg")).numpy()[10].astype(int).ravel()
    assert np.abs(small - row.ravel() / 257).max() < 6


def test_hidden_colours_do_not_bleed_in_sixteen_bits(done, tmp_path, pixels):
    picture = np.zeros((32, 32, 4), np.uint16)
    picture[:, :16] = (65535, 0, 65535, 0)
    picture[:, 16:] = (0, 65535, 0, 65535)
    image = vips().Image.new_from_memory(picture.tobytes(), 32, 32, 4, "ushort").copy(interpretation="rgb16")
    image.pngsave(str(tmp_path / "in.png"))
    done("resize", input=tmp_path / "in.png", output=tmp_path / "a.png", width=15)
    found = vips().Image.pngload(str(tmp_path / "a.png")).numpy().astype(int)
    seen = found[found[..., 3] > 3000]
    assert seen[:, 1].min() > 60000
    assert seen[:, 0].max() < 3000


@pytest.mark.parametrize(
    ("metadata", "kept"), [("none", set()), ("icc", set()), ("copyright", {"owner"}), ("all", {"owner", "gps"})]
)
@pytest.mark.parametrize("suffix", ["jpg", "webp", "png", "avif"])
def test_what_of_exif_is_kept(done, sample, tmp_path, metadata, kept, suffix):
    import piexif

    exif = piexif.dump(
        {
            "0th": {piexif.ImageIFD.Copyright: b"(c) Somebody", piexif.ImageIFD.Make: b"Camera"},
            "GPS": {piexif.GPSIFD.GPSLatitudeRef: b"N", piexif.GPSIFD.GPSLatitude: ((48, 1), (51, 1), (0, 1))},
        }
    )
    with Image.open(sample("photo-444.jpg")) as image:
        image.save(tmp_path / "in.jpg", exif=exif)
    done("resize", input=tmp_path / "in.jpg", output=tmp_path / f"a.{suffix}", width=100, metadata=metadata)
    with Image.open(tmp_path / f"a.{suffix}") as image:
        found = image.getexif()
        assert (str(found.get(piexif.ImageIFD.Copyright, "")).startswith("(c) Somebody")) == ("owner" in kept)
        assert (piexif.ImageIFD.Make in found) == ("gps" in kept)
        assert bool(found.get_ifd(34853)) == ("gps" in kept)
        assert (len(found) == 0) == (not kept)


def test_copyright_alone_leaves_no_thumbnail(done, sample, tmp_path):
    done("resize", input=sample("photo-exif.jpg"), output=tmp_path / "a.jpg", width=100, metadata="copyright")
    done("resize", input=sample("photo-exif.jpg"), output=tmp_path / "b.jpg", width=100, metadata="all")
    for name in ("a.jpg", "b.jpg"):
        assert (tmp_path / name).read_bytes().count(b"\xff\xd8\xff") == 1


def test_grey_stays_grey(done, sample, tmp_path):
    for suffix in ("jpg", "png", "webp", "avif"):
        done("resize", input=sample("photo-gray.jpg"), output=tmp_path / f"a.{suffix}", width=100)
    for suffix in ("jpg", "png"):
        with Image.open(tmp_path / f"a.{suffix}") as image:
            assert image.mode == "L"


def test_grey_on_a_colour_becomes_coloured(done, sample, tmp_path, pixels):
    done(
        "resize",
        input=sample("gray-alpha.png"),
        output=tmp_path / "a.jpg",
        width=40,
        height=60,
        fit="contain",
        background="#ff0000",
        quality=95,
    )
    corner = pixels(tmp_path / "a.jpg")[1, 1]
    assert corner[0] > 230
    assert corner[1:].max() < 30


@pytest.mark.parametrize("data", [None, b"", b"x" * 200, b"\0" * 36 + b"acsp" + b"\0" * 200])
def test_no_profile(data):
    assert _colour.read_profile(data, "srgb") is None


def test_a_profile_for_another_kind_of_picture_is_none(sample):
    with Image.open(sample("p3.png")) as image:
        data = image.info["icc_profile"]
    assert _colour.read_profile(data, "cmyk") is None
    profile = _colour.read_profile(data, "srgb")
    assert profile is not None
    assert not profile.is_srgb


def test_colours_over_white():
    assert _colour.over_white((255, 0, 0, 128)) == (255, 127, 127, 255)
    assert _colour.over_white((0, 0, 0, 0)) == (255, 255, 255, 255)


def _pq(nits):
    share = (np.asarray(nits, float) / 10000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * share) / (1 + 2392 / 128 * share)) ** (2523 / 32)


def _hlg(nits):
    scene = (np.asarray(nits, float) / 1000) ** (1 / 1.2)
    log = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), log)


@pytest.mark.parametrize(("code", "curve", "name"), [(16, _pq, "pq"), (18, _hlg, "hlg")])
@pytest.mark.parametrize("deep", [True, False])
def test_hdr_is_shown_not_clipped(done, tmp_path, pixels, code, curve, name, deep):
    """Steps of grey: up to the knee they keep their light, above it they stay apart and below white."""
    nits = [0, 20, 60, 120, 203, 400, 700, 1000]
    top, kind = (65535, np.uint16) if deep else (255, np.uint8)
    steps = np.repeat(np.repeat(np.round(curve(nits) * top).astype(kind), 8)[None, :], 8, axis=0)
    picture = np.repeat(steps[..., None], 3, axis=2)
    library = vips()
    image = library.Image.new_from_memory(picture.tobytes(), 64, 8, 3, "ushort" if deep else "uchar")
    data = image.copy(interpretation="rgb16" if deep else "srgb").pngsave_buffer()
    chunk = b"cICP" + bytes((9, code, 0, 1))
    at = data.index(b"IHDR") + 21
    crc = zlib.crc32(chunk).to_bytes(4, "big")
    (tmp_path / "in.png").write_bytes(data[:at] + b"\0\0\0\4" + chunk + crc + data[at:])
    result = done("convert", input=tmp_path / "in.png", output=tmp_path / "a.webp", lossless=True)
    assert result.metadata["tone_mapped"] == name
    shown = pixels(tmp_path / "a.webp")[4, 4::8].mean(axis=-1)
    light = np.asarray(nits) / 203
    coded = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(shown[:4] - coded[:4]).max() < (2 if deep else 8)
    assert (np.diff(shown) > 0).all()
    assert 225 < shown[4] < shown[-1] <= 254
