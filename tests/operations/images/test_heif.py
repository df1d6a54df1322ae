import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from mediamill.operations.contract import Blob, Limits
from mediamill.operations.images import _headers, _heif, _hevc, _icc
from mediamill.operations.images._source import open_source
from mediamill.operations.sniff import decodable_images, sniff
from mediamill.protocol.errors import CorruptInput, LimitExceeded, UnsupportedFormat


def facts(data, **limits):
    return open_source(Blob(data=data, name="x", path=None, kind=sniff(data)), Limits(**limits)).facts


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("photo.heic", {"format": "heic", "size": (800, 534), "bands": 3, "alpha": False, "depth": 8, "frames": 1}),
        ("turned.heic", {"size": (120, 80), "orientation": 1, "has_exif": True}),
        ("alpha.heic", {"bands": 4, "alpha": True}),
        ("p3-10bit.heic", {"depth": 10, "interpretation": "rgb16", "hdr": None}),
        ("several.heic", {"frames": 3, "animated": False}),
        ("av1.heif", {"format": "avif", "size": (400, 267)}),
    ],
)
def test_facts(sample, name, wanted):
    found = facts(sample(name).read_bytes())
    assert {field: getattr(found, field) for field in wanted} == wanted


def test_it_is_said_to_be_read():
    assert "heic" in decodable_images()


@pytest.mark.parametrize("name", ["p3.heic", "p3-10bit.heic", "av1.heif"])
@pytest.mark.parametrize("metadata", ["none", "icc"])
@pytest.mark.parametrize("suffix", ["jpg", "png", "avif"])
def test_the_photo_is_seen_in_its_colours(done, sample, tmp_path, pixels, distance, name, metadata, suffix):
    output = tmp_path / f"a.{suffix}"
    done("convert", input=sample(name), output=output, metadata=metadata, quality=95)
    plain = done("convert", input=output, output=tmp_path / "plain.webp", metadata="none", lossless=True)
    assert distance(pixels(plain.outputs[0].path), pixels(sample("alpha-opaque.png"))[..., :3]) < 2.5


def test_ten_bits_stay_and_reach_white(done, tmp_path):
    import pillow_heif

    ramp = np.repeat(np.linspace(0, 65535, 256).astype(np.uint16)[None, :, None], 64, axis=0).repeat(3, axis=2)
    file = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (256, 64), ramp.tobytes()).save(file, quality=-1, chroma=444)
    (tmp_path / "a.heic").write_bytes(file.getvalue())
    done("convert", input=tmp_path / "a.heic", output=tmp_path / "a.png")
    from mediamill.operations.images._vips import vips

    row = vips().Image.pngload(str(tmp_path / "a.png")).numpy()[10, :, 0].astype(int)
    assert row[-1] == 65535
    assert len(set(row.tolist())) > 200
    assert np.abs(row - ramp[10, :, 0]).max() < 256


def test_it_is_turned_once(done, sample, tmp_path, pixels, distance):
    for metadata in ("icc", "all"):
        done("convert", input=sample("turned.heic"), output=tmp_path / "a.jpg", metadata=metadata, quality=95)
        assert distance(pixels(tmp_path / "a.jpg"), pixels(sample("orientation-1.jpg"))) < 4
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize(("metadata", "kept"), [("none", False), ("icc", False), ("copyright", True), ("all", True)])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif"])
def test_its_owner_is_kept(done, sample, tmp_path, metadata, kept, suffix):
    done("convert", input=sample("turned.heic"), output=tmp_path / f"a.{suffix}", metadata=metadata)
    with Image.open(tmp_path / f"a.{suffix}") as image:
        assert str(image.getexif().get(0x8298, "")).startswith("(c) Somebody") == kept


def test_alpha(done, sample, tmp_path, pixels):
    done("convert", input=sample("alpha.heic"), output=tmp_path / "a.webp", lossless=True)
    with Image.open(sample("alpha.png")) as image:
        wanted = np.asarray(image)[::4, ::4].astype(float)
    found = pixels(tmp_path / "a.webp")
    assert np.abs(found[..., 3] - wanted[..., 3]).mean() < 2
    assert np.abs((found - wanted)[..., :3] * wanted[..., 3:] / 255).mean() < 4


def test_the_primary_picture_counts(done, sample, tmp_path, pixels):
    result = done("convert", input=sample("several.heic"), output=tmp_path / "a.png")
    assert np.abs(pixels(tmp_path / "a.png").mean(axis=(0, 1)) - (30, 160, 30)).max() < 3
    assert result.metadata["frames_dropped"] == 2


@pytest.mark.parametrize("width", [60, 133])
def test_resized(done, sample, tmp_path, pixels, distance, width):
    done("resize", input=sample("photo.heic"), output=tmp_path / "a.png", widths=[width])
    done("resize", input=sample("photo.png"), output=tmp_path / "b.png", widths=[width])
    assert distance(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")) < 5


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.6, 0.99])
def test_what_is_cut_short_is_corrupt(code, sample, tmp_path, share):
    data = sample("photo.heic").read_bytes()
    (tmp_path / "a.heic").write_bytes(data[: max(40, int(len(data) * share))])
    assert code("resize", input=tmp_path / "a.heic", output=tmp_path / "a.png", widths=[60]) == "corrupt_input"


def test_limits_come_before_pixels(sample, monkeypatch):
    monkeypatch.setattr(_heif, "decode", None)
    with pytest.raises(LimitExceeded, match="800x534"):
        facts(sample("photo.heic").read_bytes(), max_pixels=400_000)
    with pytest.raises(LimitExceeded, match="max_side"):
        facts(sample("photo.heic").read_bytes(), max_side=799)
    with pytest.raises(LimitExceeded, match="max_frames"):
        facts(sample("several.heic").read_bytes(), max_frames=2)


def test_what_is_coded_counts_not_what_is_announced(code, sample, tmp_path):
    with pytest.raises(LimitExceeded, match="2048x2048"):
        facts(sample("bomb-tile.heic").read_bytes(), max_pixels=1_000_000)
    assert code("convert", input=sample("bomb-tile.heic"), output=tmp_path / "a.png") == "corrupt_input"


def test_a_film_alone_is_no_picture():
    with pytest.raises(UnsupportedFormat):
        _heif.read_header(b"\0\0\0\x18ftyphevc\0\0\0\0hevcmsf1\0\0\0\x08moov")
    with pytest.raises(CorruptInput):
        _heif.read_header(b"\0\0\0\x18ftypheic\0\0\0\0heicmif1")


@pytest.mark.parametrize("body", [b"", bytes(22), bytes(22) + b"\xff", bytes(22) + b"\x01\x21\0\x01\0\x05abc"])
def test_broken_configurations_have_no_size(body):
    box = (len(body) + 8).to_bytes(4, "big") + b"hvcC" + body
    assert _hevc.coded_size(box)[0] < 70_000


def test_the_size_is_the_decoders(sample):
    """HEVC codes whole blocks of eight pixels, here even of sixteen."""
    data = sample("photo.heic").read_bytes()
    assert _hevc.coded_size(_heif._meta(data)) == (800, 544)


def test_numbers_make_the_profile_they_stand_for():
    found = ImageCms.ImageCmsProfile(io.BytesIO(_icc.profile_of(12, 13))).profile
    for tag, wanted in (
        (found.red_colorant, (0.5151, 0.2412, -0.0011)),
        (found.green_colorant, (0.2920, 0.6922, 0.0419)),
        (found.blue_colorant, (0.1571, 0.0666, 0.7841)),
    ):
        assert np.abs(np.array(tag[0]) - wanted).max() < 0.0006


@pytest.mark.parametrize(("primaries", "transfer"), [(1, 13), (1, 1), (2, 2), (0, 0), (9, 16), (9, 18), (99, 13)])
def test_numbers_that_need_no_profile(primaries, transfer):
    assert _icc.profile_of(primaries, transfer) is None


def test_which_says_more():
    assert _icc.colours(b"icc", (9, 16), "heic") == (None, b"icc")
    assert _icc.colours(b"icc", (9, 16), "png") == (("pq", 9), None)
    assert _icc.colours(b"icc", (2, 2), "png") == (None, b"icc")
    assert _icc.colours(None, (12, 18), "avif") == (("hlg", 12), None)
    assert _icc.colours(None, (12, 13), "avif") == (None, _icc.profile_of(12, 13))


def test_numbers_of_a_png_and_an_avif(done, sample, tmp_path, pixels, distance):
    chunk = b"cICP" + bytes((12, 13, 0, 1))
    import zlib

    with Image.open(sample("p3.png")) as image:
        bare = io.BytesIO()
        image.save(bare, "PNG", icc_profile=None)
    data = bare.getvalue()
    (tmp_path / "in.png").write_bytes(
        data[:33] + b"\0\0\0\4" + chunk + zlib.crc32(chunk).to_bytes(4, "big") + data[33:]
    )
    assert _headers.codes((tmp_path / "in.png").read_bytes(), "png") == (12, 13)
    done("convert", input=tmp_path / "in.png", output=tmp_path / "a.png", metadata="none")
    assert distance(pixels(tmp_path / "a.png"), pixels(sample("alpha-opaque.png"))[..., :3]) < 1.5
