import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import pytest
import pyvips
import simplejpeg

from mediamill.operations.images import _planes
from mediamill.operations.images._jpeg_header import eligible, refusal
from mediamill.operations.images._planes import DamagedJpeg, Planes, decode, encode_jpeg, ladder, scale, upright

WIDTH, HEIGHT = 324, 250


def picture(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray[Any, Any]:
    """Smooth colours with texture on them: something of a photograph."""
    y, x = np.mgrid[:height, :width].astype(float)
    noise = np.random.default_rng(5).normal(0, 6, (height, width))
    red = 128 + 90 * np.sin(x / 31) * np.cos(y / 23) + noise
    green = 128 + 80 * np.cos(x / 19 + y / 43) + noise
    blue = 128 + 100 * np.sin((x + y) / 37) + noise
    pixels: np.ndarray[Any, Any] = np.clip(np.stack([red, green, blue], -1), 0, 255).astype(np.uint8)
    return pixels


def jpeg(pixels: np.ndarray[Any, Any] | None = None, **options: Any) -> bytes:
    image = pyvips.Image.new_from_array(picture() if pixels is None else pixels)
    settings = {"Q": 90, "keep": "none", "subsample_mode": "on"} | options
    return bytes(image.copy(interpretation="b-w" if image.bands == 1 else "srgb").jpegsave_buffer(**settings))


def sampled(sampling: str, pixels: np.ndarray[Any, Any]) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), 92, "RGB", sampling))


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    return data[:2] + segment(marker, body) + data[2:]


def exif(orientation: int, order: Literal["big", "little"] = "big") -> bytes:
    entry = b"".join(number.to_bytes(size, order) for number, size in ((0x112, 2), (3, 2), (1, 4), (orientation, 2)))
    start = b"MM\0*" if order == "big" else b"II*\0"
    return b"Exif\0\0" + start + (8).to_bytes(4, order) + (1).to_bytes(2, order) + entry + bytes(6)


def planes_of(data: bytes) -> Planes:
    header = eligible(data)
    assert header is not None, refusal(data)
    return decode(data, header)


def rgb(data: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(pyvips.Image.jpegload_buffer(data).colourspace("srgb").numpy()).astype(int)


def distance(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def vips_accepts(data: bytes) -> bool:
    try:
        pyvips.Image.jpegload_buffer(data, fail_on="warning").avg()
    except pyvips.Error:
        return False
    return True


def accepts(data: bytes) -> bool:
    header = eligible(data)
    if header is None:
        return False
    try:
        decode(data, header)
    except DamagedJpeg:
        return False
    return True


def patched(data: bytes, marker: int, offset: int, value: bytes) -> bytes:
    at = data.index(bytes((0xFF, marker))) + 4 + offset
    return data[:at] + value + data[at + len(value) :]


PLAIN = jpeg()
FRAME_IDS = (6, 9, 12)


def cmyk() -> bytes:
    image = pyvips.Image.new_from_array(picture()).copy(interpretation="srgb")
    return bytes(image.colourspace("cmyk").jpegsave_buffer())


def as_rgb(data: bytes) -> bytes:
    for offset, name in zip(FRAME_IDS, b"RGB", strict=True):
        data = patched(data, 0xC0, offset, bytes((name,)))
    for offset, name in zip((1, 3, 5), b"RGB", strict=True):
        data = patched(data, 0xDA, offset, bytes((name,)))
    return data


class TestHeader:
    def test_plain(self) -> None:
        header = eligible(PLAIN)
        assert header is not None
        assert (header.width, header.height, header.orientation, header.icc) == (WIDTH, HEIGHT, 1, None)
        assert header.mcu_size == (16, 16)
        assert header.mcus == (21, 16)
        assert refusal(PLAIN) is None

    @pytest.mark.parametrize(
        ("reason", "data"),
        [
            ("not a JPEG", b""),
            ("not a JPEG", b"\x89PNG\r\n\x1a\n" + bytes(50)),
            ("header ends early", PLAIN[:2]),
            ("header ends early", PLAIN[:200]),
            ("not a baseline", jpeg(interlace=True)),
            ("not a baseline", PLAIN.replace(b"\xff\xc0", b"\xff\xc9", 1)),
            ("not a baseline", PLAIN.replace(b"\xff\xc0", b"\xff\xc3", 1)),
            ("not 8-bit", patched(PLAIN, 0xC0, 0, b"\x0c")),
            ("not 8-bit", cmyk()),
            ("impossible dimensions", patched(PLAIN, 0xC0, 1, b"\0\0")),
            ("more than 65535 MCUs", patched(PLAIN, 0xC0, 1, b"\x40\0\x40\0")),
            ("unusual sampling", patched(PLAIN, 0xC0, 7, b"\x41")),
            ("unusual sampling", patched(PLAIN, 0xC0, 10, b"\x21")),
            ("restart markers", jpeg(restart_interval=4)),
            ("more than one scan", patched(PLAIN, 0xDA, 0, b"\1")),
            ("not one sequential scan", patched(PLAIN, 0xDA, 7, b"\1")),
            ("unusual order", patched(PLAIN, 0xDA, 1, b"\2")),
            ("table that is not there", patched(PLAIN, 0xDA, 2, b"\x33")),
            ("not surely YCbCr", as_rgb(PLAIN)),
            ("not YCbCr", with_segment(PLAIN, 0xEE, b"Adobe\0\x64\0\0\0\0\0")),
            ("unknown JFIF", with_segment(PLAIN, 0xE0, b"JFIF\0\2\0" + bytes(7))),
            ("16-bit", patched(PLAIN, 0xDB, 0, b"\x10")),
            ("quantiser of zero", patched(PLAIN, 0xDB, 5, b"\0")),
            ("malformed Huffman", patched(PLAIN, 0xC4, 1, b"\2")),
            ("impossible Huffman", patched(PLAIN, 0xC4, 1, b"\2\0\1")),
            ("several images", with_segment(PLAIN, 0xE2, b"MPF\0MM\0*")),
            ("gain map", with_segment(PLAIN, 0xE1, b"http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version='1.0'/>")),
            ("gain map", with_segment(PLAIN, 0xE2, b"urn:iso:std:iso:ts:21496:-1\0")),
            ("two Exif", with_segment(with_segment(PLAIN, 0xE1, exif(1)), 0xE1, exif(6))),
            ("broken colour profile", with_segment(PLAIN, 0xE2, b"ICC_PROFILE\0\1\2abc")),
            ("unusual marker", with_segment(PLAIN, 0xDC, b"\0\1")),
            ("bytes between", PLAIN[:2] + b"\0" + PLAIN[2:]),
            ("too many segments", PLAIN[:2] + segment(0xFE, b"") * 600 + PLAIN[2:]),
            ("two frames", with_segment(PLAIN, 0xC0, PLAIN[PLAIN.index(b"\xff\xc0") + 4 :][:15])),
        ],
    )
    def test_refusal(self, reason: str, data: bytes) -> None:
        assert reason in (refusal(data) or "")
        assert eligible(data) is None

    def test_profile_comes_whole(self) -> None:
        first, second = (b"ICC_PROFILE\0" + bytes((number, 2)) for number in (1, 2))
        data = with_segment(with_segment(PLAIN, 0xE2, second + b"def"), 0xE2, first + b"abc")
        header = eligible(data)
        assert header is not None
        assert header.icc == b"abcdef"

    @pytest.mark.parametrize("order", ["big", "little"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_orientation(self, order: Literal["big", "little"], orientation: int) -> None:
        header = eligible(with_segment(PLAIN, 0xE1, exif(orientation, order)))
        assert header is not None
        assert header.orientation == orientation

    @pytest.mark.parametrize("body", [exif(0), exif(9), exif(6)[:12], b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0"])
    def test_broken_exif_is_upright(self, body: bytes) -> None:
        header = eligible(with_segment(PLAIN, 0xE1, body))
        assert header is not None
        assert header.orientation == 1

    def test_any_bytes_are_safe(self) -> None:
        chance = random.Random(3)
        end = PLAIN.index(b"\xff\xda") + 14
        for _ in range(2000):
            data = bytearray(PLAIN)
            for _ in range(chance.randrange(1, 4)):
                data[chance.randrange(2, end)] = chance.randrange(256)
            accepts(bytes(data))


def damaged() -> Iterator[tuple[str, bytes]]:
    size, start = len(PLAIN), PLAIN.index(b"\xff\xda") + 14
    middle = (start + size) // 2
    yield "half", PLAIN[: size // 2]
    yield "nine tenths", PLAIN[: size * 9 // 10]
    yield "last 100 bytes", PLAIN[:-100]
    yield "no end of image", PLAIN[:-2]
    yield "last byte of data", PLAIN[:-3] + PLAIN[-2:]
    yield "last 3 bytes of data", PLAIN[:-5] + PLAIN[-2:]
    yield "zeroed tail", PLAIN[:middle] + bytes(size - middle - 2) + PLAIN[-2:]
    yield "garbled middle", PLAIN[:middle] + b"\x5a" * 40 + PLAIN[middle + 40 :]
    yield "inserted bytes", PLAIN[:middle] + b"\x37\x12\x80\x55" * 5 + PLAIN[middle:]
    yield "inserted data", PLAIN[:-2] + b"\x12\x34\x56\x78" + PLAIN[-2:]
    yield "restart marker", PLAIN[:middle] + b"\xff\xd0" + PLAIN[middle:]
    yield "another marker", PLAIN[:middle] + b"\xff\xfe\0\x04ab" + PLAIN[middle:]
    yield "early end of image", PLAIN[:middle] + b"\xff\xd9" + PLAIN[middle:]
    yield "smaller than its data", patched(PLAIN, 0xC0, 1, (HEIGHT - 32).to_bytes(2))
    yield "larger than its data", patched(PLAIN, 0xC0, 1, (HEIGHT + 32).to_bytes(2))
    yield "only stuffing", PLAIN[:start] + b"\xff\0" * 5000 + PLAIN[-2:]


class TestDamage:
    @pytest.mark.parametrize(("data"), [pytest.param(data, id=name) for name, data in damaged()])
    def test_refused(self, data: bytes) -> None:
        header = eligible(data)
        assert header is not None
        with pytest.raises(DamagedJpeg):
            decode(data, header)

    def test_all_that_libvips_refuses_is_refused(self) -> None:
        chance = random.Random(11)
        refused = 0
        for options in ({}, {"optimize_coding": True}, {"Q": 20}, {"subsample_mode": "off"}):
            whole = jpeg(picture(130, 98), **options)
            start = whole.index(b"\xff\xda") + 14
            for _ in range(150):
                data, at = bytearray(whole), chance.randrange(start, len(whole) - 2)
                if chance.random() < 0.4:
                    at = max(start, len(whole) - 2 - chance.randrange(20))
                data[at : at + chance.randrange(60)] = chance.randbytes(chance.randrange(40))
                if not vips_accepts(bytes(data)):
                    refused += 1
                    assert not accepts(bytes(data))
        assert refused > 100

    def test_damage_leaves_nothing_behind(self) -> None:
        whole = planes_of(PLAIN).y.copy()
        for _, data in damaged():
            assert not accepts(data)
            assert np.array_equal(planes_of(PLAIN).y, whole)

    def test_bytes_after_the_end_are_nothing(self) -> None:
        for extra in (b"\0", b"\xff\xd9", b"trailing rubbish" * 100, PLAIN):
            assert np.array_equal(planes_of(PLAIN + extra).y, planes_of(PLAIN).y)

    def test_single_interval_needs_no_markers(self) -> None:
        data = with_segment(PLAIN, 0xDD, (21 * 16).to_bytes(2))
        assert np.array_equal(planes_of(data).y, planes_of(PLAIN).y)


class TestDecode:
    @pytest.mark.parametrize("size", [(324, 250), (1, 1), (16, 16), (17, 33), (7, 200), (33, 16), (100, 1)])
    @pytest.mark.parametrize("sampling", ["420", "422", "440", "444"])
    def test_is_the_picture(self, sampling: str, size: tuple[int, int]) -> None:
        data = sampled(sampling, picture(*size))
        planes = planes_of(data)
        assert planes.y.shape == size[::-1]
        grey = simplejpeg.decode_jpeg(data, "GRAY")[..., 0]
        assert np.abs(planes.y.astype(int) - grey).max() <= 1
        assert distance(rgb(encode_jpeg(scale(planes, *size, chroma="444"), 100)), rgb(data)) < 4

    @pytest.mark.parametrize("quality", [1, 50, 98, 100])
    def test_every_quality_is_proven_whole(self, quality: int) -> None:
        noise = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
        for pixels in (noise, picture(), np.full((100, 130, 3), 250, np.uint8)):
            planes_of(jpeg(pixels, Q=quality))
        planes_of(jpeg(noise, Q=quality, optimize_coding=True))

    def test_no_code_to_prove_it_by(self) -> None:
        with pytest.raises(DamagedJpeg, match="no code"):
            planes_of(jpeg(Q=100, optimize_coding=True))

    def test_grey(self) -> None:
        data = jpeg(picture()[..., 1])
        planes = planes_of(data)
        assert planes.cb is None
        small = scale(planes, 81, 63)
        assert distance(rgb(encode_jpeg(small, 95))[..., 0], np.asarray(vips_small(data, 81, 63))[..., 0]) < 1.5

    def test_threads_share_nothing(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _: encode_jpeg(scale(planes_of(PLAIN), 100, 77), 80), range(16)))
        assert len(set(results)) == 1


def vips_small(data: bytes, width: int, height: int) -> np.ndarray[Any, Any]:
    image = pyvips.Image.jpegload_buffer(data, autorotate=True).colourspace("srgb")
    return np.asarray(image.resize(width / image.width, vscale=height / image.height).numpy()).astype(int)


def chroma_shift(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> tuple[float, float]:
    """How far blueness lies to the right and down, in pixels, by least squares on its slopes."""
    one, other = (image[4:-4, 4:-4, 2] - image[4:-4, 4:-4].mean(-1) for image in (theirs, ours))
    down, right = np.gradient(one)
    slopes = np.stack([right.ravel(), down.ravel()], 1)
    found = -np.linalg.lstsq(slopes, (other - one).ravel(), rcond=None)[0]
    return float(found[0]), float(found[1])


class TestScale:
    @pytest.mark.parametrize("source", [(324, 250), (325, 251), (640, 427), (512, 511)])
    @pytest.mark.parametrize("target", [(200, 150), (171, 129), (161, 125), (162, 126), (65, 50)])
    def test_chroma_stays_on_luma(self, source: tuple[int, int], target: tuple[int, int]) -> None:
        smooth = np.random.default_rng(2).normal(128, 600, (source[1] // 9 + 2, source[0] // 9 + 2, 3))
        image = pyvips.Image.new_from_array(smooth).resize(9, kernel="cubic").gaussblur(5)
        pixels = np.clip(image.numpy(), 0, 255).astype(np.uint8)[: source[1], : source[0]]
        data = jpeg(pixels, Q=97)
        shift = chroma_shift(rgb(encode_jpeg(scale(planes_of(data), *target), 98)), vips_small(data, *target))
        assert np.abs(shift).max() < 0.06

    @pytest.mark.parametrize("kernel", ["area", "bilinear", "bicubic", "lanczos"])
    @pytest.mark.parametrize("target", [(162, 125), (101, 77), (41, 31), (1, 1)])
    def test_is_near_libvips(self, kernel: _planes.Kernel, target: tuple[int, int]) -> None:
        result = rgb(encode_jpeg(scale(planes_of(PLAIN), *target, kernel), 97))
        assert result.shape == (target[1], target[0], 3)
        assert distance(result, vips_small(PLAIN, *target)) < 5

    def test_range_is_kept(self) -> None:
        pixels = np.zeros((128, 128, 3), np.uint8)
        pixels[:, 64:] = 255
        planes = planes_of(jpeg(pixels, Q=100))
        for kernel in ("area", "bicubic"):
            small = scale(planes, 40, 40, kernel)
            assert (int(small.y.min()), int(small.y.max())) == (0, 255)
            result = rgb(encode_jpeg(small, 100))
            assert result[:, :16].max() <= 4
            assert result[:, -16:].min() >= 251

    def test_full_chroma(self) -> None:
        small = scale(planes_of(PLAIN), 162, 125, chroma="444")
        assert small.cb is not None
        assert small.cb.shape == (125, 162)
        assert simplejpeg.decode_jpeg_header(encode_jpeg(small, 80))[3] == "444"

    def test_same_size_is_the_same_planes(self) -> None:
        planes = planes_of(PLAIN)
        assert scale(planes, WIDTH, HEIGHT).y is planes.y

    @pytest.mark.parametrize("threads", [2, 3, 8])
    def test_threads_change_nothing(self, threads: int) -> None:
        planes = planes_of(PLAIN)
        assert encode_jpeg(scale(planes, 131, 99, threads=threads), 90) == encode_jpeg(scale(planes, 131, 99), 90)

    def test_ladder(self) -> None:
        sizes = [(54, 42), (216, 167), (108, 83), (200, 154)]
        planes = planes_of(PLAIN)
        made = ladder(planes, sizes)
        assert [(each.width, each.height) for each in made] == sizes
        for each in made:
            assert distance(each.y, scale(planes, each.width, each.height).y) < 2


class TestUpright:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("size", [(162, 124), (161, 125), (162, 125), (161, 124)])
    def test_is_as_libvips_turns_it(self, orientation: int, size: tuple[int, int]) -> None:
        data = with_segment(PLAIN, 0xE1, exif(orientation))
        header = eligible(data)
        assert header is not None
        assert header.orientation == orientation
        turned = upright(scale(decode(data, header), *size), orientation)
        seen = size[::-1] if orientation >= 5 else size
        assert (turned.width, turned.height) == seen
        result = rgb(encode_jpeg(turned, 97))
        reference = vips_small(data, *seen)
        assert result.shape == reference.shape
        assert distance(result, reference) < 2.5
        assert np.abs(chroma_shift(result, reference)).max() < 0.15


class TestPixels:
    @pytest.mark.parametrize("sampling", ["4:2:0", "4:4:4"])
    @pytest.mark.parametrize(("width", "height"), [(64, 48), (63, 47), (1, 1), (129, 2)])
    def test_they_are_what_jfif_says_to_half_a_step(self, sampling: str, width: int, height: int) -> None:
        noise = np.random.default_rng(5)
        pitch = 2 if sampling == "4:2:0" else 1
        y = noise.integers(0, 256, (height, width), np.uint8)
        cb, cr = noise.integers(0, 256, (2, -(-height // pitch), -(-width // pitch)), np.uint8)
        found = _planes.to_pixels(Planes(width, height, y, cb, cr))
        blue, red = (plane.repeat(pitch, 0).repeat(pitch, 1)[:height, :width].astype(float) - 128 for plane in (cb, cr))
        wanted = np.stack([y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue], axis=-1)
        assert found.shape == (height, width, 3)
        assert np.abs(found - wanted.clip(0, 255)).max() < 0.51

    def test_grey_stays_grey(self) -> None:
        y = np.arange(35, dtype=np.uint8).reshape(5, 7)
        assert np.array_equal(_planes.to_pixels(Planes(7, 5, y, None, None)), y)


class TestEncode:
    @pytest.mark.parametrize("size", [(162, 125), (161, 124), (161, 125), (15, 15), (16, 16), (3, 2)])
    def test_frame(self, size: tuple[int, int]) -> None:
        coded = encode_jpeg(scale(planes_of(PLAIN), *size), 80)
        assert vips_accepts(coded)
        assert simplejpeg.decode_jpeg_header(coded) == (size[1], size[0], "YCbCr", "420")
        again = planes_of(coded)
        assert (again.width, again.height) == size

    @pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 1)])
    def test_slivers(self, size: tuple[int, int]) -> None:
        again = planes_of(encode_jpeg(scale(planes_of(PLAIN), *size), 80))
        assert (again.width, again.height) == size

    def test_edges_of_odd_sides(self) -> None:
        small = scale(planes_of(PLAIN), 161, 125)
        error = np.abs(planes_of(encode_jpeg(small, 95)).y.astype(int) - small.y)
        assert error[:, -1].mean() < 2 * error.mean()
        assert error[-1].mean() < 2 * error.mean()

    @pytest.mark.parametrize("quality", [1, 30, 80, 100])
    def test_quality_is_libjpegs(self, quality: int) -> None:
        ours = eligible(encode_jpeg(scale(planes_of(PLAIN), 65, 49), quality))
        theirs = eligible(jpeg(picture(65, 49), Q=quality))
        assert ours is not None
        assert theirs is not None
        assert [plane.quantiser for plane in ours.components] == [plane.quantiser for plane in theirs.components]


def test_heavy_libraries_wait() -> None:
    code = (
        "import sys; import mediamill.operations.images._planes; "
        "print(*sorted({'av', 'numpy', 'simplejpeg', 'pyvips'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


@pytest.mark.parametrize("kernel", ["area", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("factor", [1.7, 3, 7.9, 8.1, 20, 54, 90, 250])
def test_a_flat_picture_stays_what_it_is_at_every_factor(kernel: Any, factor: float) -> None:
    y, chroma = np.full((1500, 2000), 200, np.uint8), np.full((750, 1000), 90, np.uint8)
    side = (round(2000 / factor), max(1, round(1500 / factor)))
    small = _planes.scale(_planes.Planes(2000, 1500, y, chroma, chroma), *side, kernel)
    for plane, value in ((small.y, 200), (small.cb, 90), (small.cr, 90)):
        assert plane is not None
        assert abs(plane.astype(int) - value).max() <= 1
