"""How far colours are off, in CIEDE2000, from what another colour management or plain arithmetic makes of the source.

The references never go through libvips: Display P3 and Lab are worked out with numpy, inks with LittleCMS by way of
Pillow. `pytest -rP` shows what was measured: for each output converted and resized.
"""

import io
import sys

import numpy as np
import pytest
from PIL import Image, ImageCms

MOST = 1.5
"""The mean difference there may be; one is what an eye just sees side by side."""

_SRGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_P3 = np.array([[0.4865709, 0.2656677, 0.1982173], [0.2289746, 0.6917385, 0.0792869], [0.0, 0.0451134, 1.0439444]])
_D65 = np.array([0.95047, 1.0, 1.08883])
_D50 = np.array([0.96422, 1.0, 0.82521])
_TO_D65 = np.array(
    [[0.9555766, -0.0230393, 0.0631636], [-0.0282895, 1.0099416, 0.0210077], [0.0122982, -0.0204830, 1.3299098]]
)


def light(coded):
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def coded(values):
    values = np.clip(values, 0, 1)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def p3_to_srgb(picture):
    """Return sRGB 0..1 of Display P3 0..1."""
    return coded(light(picture) @ (np.linalg.inv(_SRGB) @ _P3).T)


def lab_to_srgb(lab):
    """Return sRGB 0..1 of CIE Lab relative to D50."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack((y + lab[..., 1] / 500, y, y - lab[..., 2] / 200), axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _D50
    return coded(xyz @ _TO_D65.T @ np.linalg.inv(_SRGB).T)


def lab(srgb):
    ratio = light(srgb) @ _SRGB.T / _D65
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack((116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])), axis=-1)


def delta_e(one, other):
    """Return the mean CIEDE2000 of two sRGB pictures, 0..1 (Sharma, Wu and Dalal, 2005)."""
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(lab(picture), -1, 0) for picture in (one, other))
    c = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(c**7 / (c**7 + 25.0**7)))
    c1, c2 = np.hypot((1 + g) * a1, b1), np.hypot((1 + g) * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, (1 + g) * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    mean_h, mean_l, mean_c = (h1 + turn / 2) % 360, (l1 + l2) / 2, (c1 + c2) / 2
    cosines = [np.cos(np.radians(k * mean_h + offset)) for k, offset in ((1, -30), (2, 0), (3, 6), (4, -63))]
    t = 1 - 0.17 * cosines[0] + 0.24 * cosines[1] + 0.32 * cosines[2] - 0.20 * cosines[3]
    sl = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    sc, sh = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    rc = 2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    rt = -rc * np.sin(np.radians(60 * np.exp(-(((mean_h - 275) / 25) ** 2))))
    dl, dc = (l2 - l1) / sl, (c2 - c1) / sc
    return float(np.sqrt(np.maximum(dl**2 + dc**2 + (dh / sh) ** 2 + rt * dc * dh / sh, 0)).mean())


def test_the_measure_is_the_published_one():
    """Pairs 1, 7 and 17 of the paper's table, by their Lab values."""
    module = sys.modules[__name__]
    pairs = (((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425), ((50, 0, 0), (50, -1, 2), 2.3669),
             ((50, 2.5, 0), (73, 25, -18), 27.1492))  # fmt: skip
    original = module.lab
    try:
        module.lab = lambda values: values
        for one, other, wanted in pairs:
            assert abs(delta_e(np.array([[one]], float), np.array([[other]], float)) - wanted) < 1e-4
    finally:
        module.lab = original


def seen(path):
    """Return a file as sRGB 0..1, sixteen bits and all, through its own profile by LittleCMS where it has one."""
    with Image.open(path) as image:
        profile = image.info.get("icc_profile")
        if image.mode in ("L", "I;16"):
            grey = np.asarray(image, float) / (65535 if image.mode == "I;16" else 255)
            return np.repeat(grey[..., None], 3, axis=-1)
        if profile:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            image = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), ImageCms.Intent.PERCEPTUAL, outputMode="RGB"
            )
        return np.asarray(image.convert("RGB"), float) / 255


def shrunk(reference, size):
    bands = [
        np.asarray(Image.fromarray(band.astype(np.float32)).resize(size, Image.Resampling.LANCZOS), float)
        for band in np.moveaxis(reference, -1, 0)
    ]
    return np.clip(np.stack(bands, axis=-1), 0, 1)


OUTPUTS = ("png", "webp", "jpg", "avif", "tiff")


def measured(done, source, reference, tmp_path, metadata, outputs=OUTPUTS):
    """Return the worst mean difference of all outputs, converted and resized."""
    found = {}
    width = reference.shape[1] // 2
    for suffix in outputs:
        lossless = {"lossless": True} if suffix in ("webp", "avif") else {"quality": 98, "chroma_subsampling": "4:4:4"}
        fields = {"input": source, "metadata": metadata, "effort": 2, **lossless}
        done("convert", output=tmp_path / f"a.{suffix}", **fields)
        done("resize", output=tmp_path / f"b.{suffix}", width=width, **fields)
        made = seen(tmp_path / f"b.{suffix}")
        found[suffix] = (
            delta_e(reference, seen(tmp_path / f"a.{suffix}")),
            delta_e(shrunk(reference, made.shape[1::-1]), made),
        )
    told = {suffix: tuple(round(value, 2) for value in pair) for suffix, pair in found.items()}
    sys.stdout.write(f"{source.name} {metadata}: {told}\n")
    return max(value for pair in found.values() for value in pair)


def chart():
    """Return 96x96 RGB, 0..1: smooth, of all hues, up to the most saturated."""
    y, x = np.mgrid[0:96, 0:96] / 95
    hue = np.stack([0.5 + 0.5 * np.cos(2 * np.pi * (x - third / 3)) for third in range(3)], axis=-1)
    return np.clip(hue * (0.25 + 0.75 * y[..., None]), 0, 1)


def profile(sample):
    with Image.open(sample("p3.png")) as image:
        return image.info["icc_profile"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "HEIC"])
@pytest.mark.parametrize("metadata", ["none", "icc"])
def test_display_p3(done, sample, tmp_path, kind, metadata):
    picture = np.rint(chart() * 255).astype(np.uint8)
    source = tmp_path / f"in.{kind.lower()}"
    if kind == "HEIC":
        import pillow_heif

        pillow_heif.from_pillow(Image.fromarray(picture)).save(
            source, quality=100, chroma=444, icc_profile=profile(sample)
        )
        stored = np.asarray(pillow_heif.open_heif(source))
    else:
        options = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}, "AVIF": {"quality": 98}}
        Image.fromarray(picture).save(source, kind, icc_profile=profile(sample), **options.get(kind, {}))
        with Image.open(source) as image:
            stored = np.asarray(image)
    reference = p3_to_srgb(stored / 255)
    outputs = OUTPUTS if kind == "PNG" else ("png", "jpg")
    assert measured(done, source, reference, tmp_path, metadata, outputs) < MOST


def inks():
    y, x = np.mgrid[0:96, 0:96] / 95
    planes = (x, y, 1 - x, 0.4 * (1 - y) * x)
    return np.rint(np.dstack(planes) * 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
@pytest.mark.parametrize("with_profile", [True, False])
@pytest.mark.parametrize("metadata", ["none", "icc"])
def test_inks(done, sample, tmp_path, kind, with_profile, metadata):
    """Without a profile, inks are those of the one libvips brings along, which the sample has embedded."""
    with Image.open(sample("cmyk.jpg")) as image:
        data = image.info["icc_profile"]
    source = tmp_path / f"in.{kind.lower()}"
    options = {"quality": 98, "subsampling": 0} if kind == "JPEG" else {}
    if with_profile:
        options["icc_profile"] = data
    Image.fromarray(inks(), "CMYK").save(source, kind, **options)
    with Image.open(source) as image:
        reference = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(data)),
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.PERCEPTUAL,
            outputMode="RGB",
        )
    reference = np.asarray(reference, float) / 255
    assert measured(done, source, reference, tmp_path, metadata, ("png", "webp", "jpg")) < MOST


@pytest.mark.parametrize("metadata", ["none", "icc"])
def test_lab(done, tmp_path, metadata):
    from mediamill.operations.images._vips import vips

    y, x = np.mgrid[0:96, 0:96] / 95
    values = np.dstack((20 + 70 * y, 30 * np.cos(6 * x), 30 * np.sin(6 * x))).astype(np.float32)
    image = vips().Image.new_from_memory(values.tobytes(), 96, 96, 3, "float").copy(interpretation="lab")
    image.colourspace("labs").tiffsave(str(tmp_path / "in.tiff"), compression="deflate")
    reference = lab_to_srgb(values.astype(float))
    assert measured(done, tmp_path / "in.tiff", reference, tmp_path, metadata, ("png", "webp", "jpg")) < MOST


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("metadata", ["none", "icc"])
def test_sixteen_bits(done, tmp_path, suffix, bands, metadata):
    from mediamill.operations.images._vips import vips

    picture = np.rint((chart() if bands == 3 else chart()[..., :1]) * 65535).astype(np.uint16)
    source = tmp_path / f"in.{suffix}"
    image = vips().Image.new_from_memory(picture.tobytes(), 96, 96, bands, "ushort")
    image.copy(interpretation="rgb16" if bands == 3 else "grey16").write_to_file(str(source))
    reference = np.broadcast_to(picture / 65535, (96, 96, 3))
    assert measured(done, source, reference, tmp_path, metadata, ("png", "webp", "jpg")) < MOST


@pytest.mark.parametrize("bands", [1, 3])
def test_sixteen_bits_that_stay_are_exact(done, tmp_path, bands):
    from mediamill.operations.images._vips import vips

    picture = np.random.default_rng(0).integers(0, 65536, (40, 50, bands), np.uint16)
    image = vips().Image.new_from_memory(picture.tobytes(), 50, 40, bands, "ushort")
    image.copy(interpretation="rgb16" if bands == 3 else "grey16").pngsave(str(tmp_path / "in.png"))
    for suffix in ("png", "tiff"):
        for effort in (2, 9):
            output = tmp_path / f"a.{suffix}"
            done("convert", input=tmp_path / "in.png", output=output, effort=effort)
            loaded = getattr(vips().Image, f"{suffix}load")(str(output)).numpy().reshape(picture.shape)
            assert (loaded == picture).all()
