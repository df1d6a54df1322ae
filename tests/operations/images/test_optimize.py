import base64
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import piexif
import pytest
import pyvips
from PIL import Image, ImageSequence

from mediamill.operations.images import optimize
from mediamill.operations.images._params import EXTENSIONS

LOSSLESS = [
    "p3.png", "palette.png", "palette-alpha.png", "gray16.png", "rgb16.png", "gray-alpha.png",
    "onebit.png", "orientation-6.png", "animated-apng.png", "flat.png", "tiny.png",
    "photo-444.jpg", "photo-progressive.jpg", "photo-restart.jpg", "photo-gray.jpg", "photo-odd.jpg", "photo-exif.jpg",
    "cmyk-noicc.jpg", "adobe-rgb-coded.jpg", "p3.jpg", "srgb-icc.jpg", "orientation-6.jpg", "orientation-3.jpg",
    "tiny.jpg", "bad-exif.jpg", "trailing-garbage.jpg",
    "photo.webp", "animated.webp", "orientation-6.webp",
    "photo.gif", "animated.gif",
    "photo.tiff", "multipage.tiff", "orientation-6.tiff",
    "photo.avif", "animated.avif",
]  # fmt: skip


def frames(path):
    """Return every frame as Pillow decodes it, unchanged but for what a palette or a bit stands for, and its timing."""
    found = []
    with Image.open(path) as image:
        for frame in ImageSequence.Iterator(image):
            one = frame
            if one.mode in ("P", "PA", "1"):
                one = one.convert("RGBA" if "transparency" in one.info or one.mode == "PA" else "RGB")
            found.append((as_rgba(np.asarray(one)), frame.info.get("duration")))
        return found, image.info.get("loop")


def as_rgba(array):
    """Return samples in one layout: no rounding, grey as three equal bands, sixteen bits as they are or times 257."""
    array = array[..., None] if array.ndim == 2 else array
    array = array * np.int64(257) if array.dtype == np.uint8 else array.astype(np.int64)
    if array.shape[2] <= 2:
        array = np.concatenate([array[..., :1]] * 3 + [array[..., 1:]], axis=2)
    if array.shape[2] == 3:
        array = np.concatenate([array, np.full_like(array[..., :1], 65535)], axis=2)
    return array


def same(one, other):
    (first, loops), (second, others) = frames(one), frames(other)
    return (
        loops == others
        and len(first) == len(second)
        and all(time == again and np.array_equal(a, b) for (a, time), (b, again) in zip(first, second, strict=True))
    )


def made(result):
    return result.outputs[0].path


def transparent(folder):
    """Make a picture with a soft shadow, and colours under what is fully transparent."""
    across, down = np.meshgrid(np.linspace(-1, 1, 160), np.linspace(-1, 1, 120))
    alpha = np.clip(1.4 - 1.5 * np.hypot(across, down), 0, 1)
    picture = np.stack([120 + 100 * across, 120 + 80 * down, 100 + 60 * np.sin(9 * across), 255 * alpha], axis=2)
    Image.fromarray(picture.astype(np.uint8)).save(folder / "shadow.png")
    return folder / "shadow.png"


def told(result, index=0):
    return result.metadata["files"][index]


def copy(sample, name, folder, new=None):
    path = folder / (new or name)
    shutil.copy(sample(name), path)
    return path


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_lossless_keeps_every_sample(done, sample, tmp_path, name, pixels):
    source = sample(name)
    result = done("optimize", input=source, output_dir=tmp_path)
    path = made(result)
    assert os.path.basename(path) == name
    assert os.path.getsize(path) == result.outputs[0].size_bytes == told(result)["output_bytes"]
    assert os.path.getsize(path) <= os.path.getsize(source)
    assert told(result)["score"] == 100
    assert same(source, path)
    assert np.array_equal(pixels(source), pixels(path)), "it has to look the same, upright and in its own colours"


def test_lab_keeps_every_sample(done, sample, tmp_path):
    lab = pyvips.Image.new_from_file(str(sample("lab.tiff")))
    lab.tiffsave(str(tmp_path / "a.tiff"), compression="none")
    result = done("optimize", input=tmp_path / "a.tiff", output_dir=tmp_path / "out")
    assert told(result)["output_bytes"] < told(result)["input_bytes"]
    again = pyvips.Image.new_from_file(made(result))
    assert (again.format, again.interpretation) == (lab.format, lab.interpretation)
    assert np.array_equal(again.numpy(), lab.numpy())


def test_lossless_makes_smaller(done, sample, tmp_path):
    names = ["p3.png", "photo-444.jpg", "gray16.png", "animated.webp", "animated.gif", "photo-exif.jpg"]
    result = done("optimize", inputs=[str(sample(name)) for name in names], output_dir=tmp_path)
    assert [os.path.basename(one["input"]) for one in result.metadata["files"]] == names
    for one in result.metadata["files"]:
        assert one["output_bytes"] < one["input_bytes"], one
        assert one["saved_percent"] == pytest.approx(100 * (1 - one["output_bytes"] / one["input_bytes"]), abs=0.01)
        assert "skipped" not in one
    totals = result.metadata["totals"]
    assert totals["files"] == len(names)
    assert totals["skipped"] == 0
    assert totals["output_bytes"] == sum(one["output_bytes"] for one in result.metadata["files"])
    assert totals["input_bytes"] == sum(one["input_bytes"] for one in result.metadata["files"])


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
def test_what_is_hidden_under_full_transparency_stays(done, tmp_path, suffix):
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[..., 0] = np.arange(64)
    picture[:32, :, 3] = 255
    options = {"webp": {"lossless": True, "exact": True, "method": 0, "quality": 0}, "png": {"compress_level": 1}}
    Image.fromarray(picture).save(tmp_path / f"a.{suffix}", **options.get(suffix, {}))
    result = done("optimize", input=tmp_path / f"a.{suffix}", output_dir=tmp_path / "out")
    assert told(result)["output_bytes"] < told(result)["input_bytes"]
    with Image.open(made(result)) as image:
        assert np.array_equal(np.asarray(image.convert("RGBA")), picture)


@pytest.mark.parametrize("name", ["palette.png", "photo-444.jpg", "animated.gif", "p3.jpg"])
def test_what_was_optimised_once_is_left_alone(done, sample, tmp_path, name):
    first = made(done("optimize", input=sample(name), output_dir=tmp_path / "1"))
    second = done("optimize", input=first, output_dir=tmp_path / "2")
    assert told(second)["skipped"]
    assert told(second)["method"] == "none"
    assert told(second)["saved_percent"] == 0
    with open(first, "rb") as one, open(made(second), "rb") as other:
        assert one.read() == other.read()


@pytest.mark.parametrize("name", ["drawing.svg", "photo.bmp", "photo.jp2", "photo.ico", "photo.heic"])
def test_formats_that_are_not_rewritten_are_copied(done, sample, tmp_path, name):
    result = done("optimize", input=sample(name), output_dir=tmp_path, level="lossy", also_webp=True)
    assert "not rewritten" in told(result)["skipped"]
    assert (tmp_path / name).read_bytes() == sample(name).read_bytes()
    assert len(result.outputs) == 1


# What is kept beside the picture


def test_exif_goes_and_the_orientation_stays(done, sample, tmp_path):
    result = done(
        "optimize", inputs=[str(sample("photo-exif.jpg")), str(sample("orientation-6.jpg"))], output_dir=tmp_path
    )
    with Image.open(result.outputs[0].path) as image:
        assert dict(image.getexif()) == {}
    with Image.open(result.outputs[1].path) as image:
        assert dict(image.getexif()) == {274: 6}
    assert (result.outputs[1].width, result.outputs[1].height) == (120, 80)


def test_copyright_keeps_the_owner_alone(done, sample, tmp_path):
    with Image.open(sample("photo-exif.jpg")) as image:
        before = image.getexif()
    for level in ("lossless", "lossy"):
        result = done(
            "optimize", input=sample("photo-exif.jpg"), output_dir=tmp_path / level, metadata="copyright", level=level
        )
        with Image.open(made(result)) as image:
            exif = image.getexif()
        assert {tag: exif[tag].rstrip() for tag in exif} == {tag: before[tag].rstrip() for tag in (0x013B, 0x8298)}


def test_all_keeps_everything(done, sample, tmp_path):
    result = done("optimize", input=sample("photo-exif.jpg"), output_dir=tmp_path, metadata="all")
    assert told(result)["output_bytes"] < told(result)["input_bytes"]
    with Image.open(sample("photo-exif.jpg")) as image, Image.open(made(result)) as other:
        assert image.info["exif"] == other.info["exif"]


@pytest.mark.parametrize("policy", ["none", "icc", "copyright", "all"])
@pytest.mark.parametrize("name", ["p3.jpg", "p3.png"])
def test_a_profile_that_pixels_need_stays_without_loss(done, sample, tmp_path, name, policy):
    result = done("optimize", input=sample(name), output_dir=tmp_path, metadata=policy)
    with Image.open(sample(name)) as image, Image.open(made(result)) as other:
        assert other.info["icc_profile"] == image.info["icc_profile"]


def test_a_profile_that_says_srgb_goes(done, sample, tmp_path):
    result = done("optimize", input=sample("srgb-icc.jpg"), output_dir=tmp_path)
    with Image.open(made(result)) as image:
        assert "icc_profile" not in image.info


@pytest.mark.parametrize(("name", "policy"), [("p3.jpg", "none"), ("p3.jpg", "icc"), ("p3.png", "icc")])
def test_colours_stay_when_pixels_are_coded_anew(done, sample, tmp_path, pixels, distance, name, policy):
    result = done("optimize", input=sample(name), output_dir=tmp_path, metadata=policy, level="lossy")
    assert told(result)["score"] < 100
    assert distance(pixels(sample(name)), pixels(made(result))) < 6


def test_text_chunks_go_and_gamma_stays(done, tmp_path):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Comment", "x" * 100)
    info.add(b"gAMA", (100_000).to_bytes(4))
    Image.radial_gradient("L").save(tmp_path / "a.png", pnginfo=info, dpi=(300, 300))
    for policy, kept in (("icc", {"gamma", "dpi"}), ("none", {"gamma"}), ("all", {"gamma", "dpi", "Comment"})):
        result = done("optimize", input=tmp_path / "a.png", output_dir=tmp_path / policy, metadata=policy)
        with Image.open(made(result)) as image:
            image.load()
            assert set(image.info) & {"gamma", "dpi", "Comment"} == kept


def test_webp_metadata_goes(done, sample, tmp_path):
    with Image.open(sample("photo.png")) as image:
        image.save(tmp_path / "a.webp", quality=50, exif=Image.Exif().tobytes() + b"x" * 500, xmp=b"<x:xmpmeta/>" * 50)
    result = done("optimize", input=tmp_path / "a.webp", output_dir=tmp_path / "out")
    assert told(result)["method"] == "metadata"
    with Image.open(made(result)) as image:
        assert "exif" not in image.info
        assert "xmp" not in image.info
        image.load()


def test_avif_metadata_goes(done, sample, tmp_path):
    with Image.open(sample("photo-exif.jpg")) as image:
        image.resize((80, 60)).save(tmp_path / "a.avif", exif=image.info["exif"], speed=9)
    result = done("optimize", input=tmp_path / "a.avif", output_dir=tmp_path / "out")
    assert told(result)["method"] == "metadata"
    assert same(tmp_path / "a.avif", made(result))
    assert b"Example Works" not in (tmp_path / "out" / "a.avif").read_bytes()


def test_a_gain_map_is_dropped_on_purpose_or_the_file_kept(done, sample, tmp_path):
    data = sample("p3.jpg").read_bytes()
    packet = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta hdrgm:Version='1.0'/>"
    segment = b"\xff\xe1" + (len(packet) + 2).to_bytes(2) + packet
    (tmp_path / "a.jpg").write_bytes(data[:2] + segment + data[2:] + data)
    result = done("optimize", input=tmp_path / "a.jpg", output_dir=tmp_path / "icc")
    assert told(result)["gain_map"] == "dropped"
    assert same(tmp_path / "a.jpg", made(result))
    result = done("optimize", input=tmp_path / "a.jpg", output_dir=tmp_path / "all", metadata="all", level="lossy")
    assert "gain map" in told(result)["skipped"]
    assert (tmp_path / "all" / "a.jpg").read_bytes() == (tmp_path / "a.jpg").read_bytes()


def test_data_behind_a_picture_stays_only_with_all(done, sample, tmp_path):
    for policy, behind in (("icc", False), ("all", True)):
        result = done("optimize", input=sample("trailing-garbage.jpg"), output_dir=tmp_path / policy, metadata=policy)
        assert (os.path.getsize(made(result)) == os.path.getsize(sample("trailing-garbage.jpg"))) is behind


def test_gif_comments_go(done, sample, tmp_path):
    with Image.open(sample("photo.gif")) as image:
        image.save(tmp_path / "a.gif", comment=b"made by somebody " * 10)
    result = done("optimize", input=tmp_path / "a.gif", output_dir=tmp_path / "out")
    with Image.open(made(result)) as image:
        assert "comment" not in image.info
    assert same(tmp_path / "a.gif", made(result))


# With loss


@pytest.mark.parametrize("name", ["p3.jpg", "palette.png", "alpha-shadow.png", "photo-gray.jpg", "photo.gif"])
def test_lossy_is_smaller_and_looks_alike(done, sample, tmp_path, pixels, distance, name):
    source = transparent(tmp_path) if name == "alpha-shadow.png" else sample(name)
    lossless = done("optimize", input=source, output_dir=tmp_path / "0")
    result = done("optimize", input=source, output_dir=tmp_path / "1", level="lossy")
    one = told(result)
    assert one["output_bytes"] <= told(lossless)["output_bytes"]
    assert one["score"] > 70
    found, before = pixels(made(result), mode="RGBA"), pixels(source, mode="RGBA")
    visible = before[..., 3:] / 255
    assert distance(found[..., :3] * visible, before[..., :3] * visible) < 5
    assert distance(found[..., 3], before[..., 3]) < 3


def test_aggressive_is_smaller_than_lossy(done, sample, tmp_path):
    for name in ("p3.jpg", "palette.png"):
        sizes = [
            told(done("optimize", input=sample(name), output_dir=tmp_path / level, level=level))["output_bytes"]
            for level in ("lossless", "lossy", "aggressive")
        ]
        assert sizes[0] > sizes[1] > sizes[2], name


def test_quality_is_a_scale(done, sample, tmp_path):
    sizes, scores = [], []
    for quality in (30, 60, 85):
        result = done("optimize", input=sample("p3.jpg"), output_dir=tmp_path, level="lossy", quality=quality)
        sizes.append(told(result)["output_bytes"])
        scores.append(told(result)["score"])
    assert sizes == sorted(sizes)
    assert scores == sorted(scores)


@pytest.mark.parametrize("name", ["p3.jpg", "rgb16.png", "photo.webp", "photo.gif"])
def test_no_result_is_below_the_floor(done, sample, tmp_path, name):
    result = done("optimize", input=sample(name), output_dir=tmp_path, level="aggressive", min_score=88)
    assert told(result)["score"] >= 88
    assert told(result)["output_bytes"] <= told(result)["input_bytes"]


def test_a_low_floor_changes_nothing(done, sample, tmp_path):
    sizes = [
        told(done("optimize", input=sample("p3.jpg"), output_dir=tmp_path, level="lossy", **fields))["output_bytes"]
        for fields in ({}, {"min_score": 10})
    ]
    assert sizes[0] == sizes[1]


def test_a_floor_nothing_reaches_means_no_loss(done, sample, tmp_path):
    result = done("optimize", input=sample("palette.png"), output_dir=tmp_path, level="lossy", min_score=100)
    assert told(result)["score"] == 100
    assert same(sample("palette.png"), made(result))


@pytest.mark.parametrize("name", ["p3.jpg", "photo-gray.jpg", "photo.webp", "photo.avif"])
def test_a_second_run_takes_nothing_more(done, sample, tmp_path, name):
    first = made(done("optimize", input=sample(name), output_dir=tmp_path / "1", level="lossy"))
    second = done("optimize", input=first, output_dir=tmp_path / "2", level="lossy")
    assert told(second)["score"] == 100
    assert told(second)["output_bytes"] >= 0.97 * told(second)["input_bytes"]


def test_aggressive_takes_from_a_jpeg_that_lossy_leaves_alone(done, sample, tmp_path):
    with Image.open(sample("photo-444.jpg")) as image:
        image.resize((300, 200)).save(tmp_path / "a.jpg", quality=78)
    scores = []
    for level in ("lossy", "aggressive"):
        result = done("optimize", input=tmp_path / "a.jpg", output_dir=tmp_path / level, level=level)
        scores.append(told(result)["score"])
    assert scores[0] == 100
    assert 50 < scores[1] < 100


def test_a_jpeg_of_low_quality_is_not_coded_again(done, sample, tmp_path):
    with Image.open(sample("photo-444.jpg")) as image:
        image.save(tmp_path / "a.jpg", quality=50)
    result = done("optimize", input=tmp_path / "a.jpg", output_dir=tmp_path / "out", level="lossy", quality=80)
    assert told(result)["score"] == 100
    assert same(tmp_path / "a.jpg", made(result))


def test_cmyk_is_never_coded_with_loss(done, sample, tmp_path):
    result = done("optimize", input=sample("cmyk-noicc.jpg"), output_dir=tmp_path, level="aggressive")
    assert told(result)["score"] == 100
    with Image.open(made(result)) as image:
        assert image.mode == "CMYK"


def test_lossy_results_stand_upright(done, sample, tmp_path, pixels, distance):
    with Image.open(sample("photo-444.jpg")) as image:
        exif = Image.Exif()
        exif[274] = 6
        image.save(tmp_path / "a.jpg", quality=95, exif=exif)
    result = done("optimize", input=tmp_path / "a.jpg", output_dir=tmp_path / "out", level="lossy")
    assert told(result)["score"] < 100
    assert distance(pixels(tmp_path / "a.jpg"), pixels(made(result))) < 5


@pytest.mark.parametrize("level", ["lossless", "lossy"])
@pytest.mark.parametrize("name", ["animated.gif", "animated.webp"])
def test_animations_keep_their_frames_and_timing(done, sample, tmp_path, name, level):
    result = done("optimize", input=sample(name), output_dir=tmp_path, level=level)
    (before, loops), (after, others) = frames(sample(name)), frames(made(result))
    assert loops == others
    assert [duration for _, duration in before] == [duration for _, duration in after]


def test_the_same_job_gives_the_same_bytes(done, sample, tmp_path):
    for source in (sample("p3.jpg"), transparent(tmp_path), sample("animated.gif")):
        first, second = (
            done("optimize", input=source, output_dir=tmp_path / str(turn), level="lossy") for turn in (1, 2)
        )
        with open(made(first), "rb") as one, open(made(second), "rb") as other:
            assert one.read() == other.read()


# Further formats


def test_also_webp_and_avif(done, sample, tmp_path):
    result = done(
        "optimize", input=sample("p3.jpg"), output_dir=tmp_path, level="lossy", also_webp=True, also_avif=True
    )
    names = {os.path.basename(output.path): output.format for output in result.outputs}
    assert names.items() <= {("p3.jpg", "jpeg"), ("p3.webp", "webp"), ("p3.avif", "avif")}
    assert "p3.avif" in names
    for output in result.outputs[1:]:
        assert output.size_bytes < result.outputs[0].size_bytes
        assert told(result)[f"also_{output.format}"]["output_bytes"] == output.size_bytes
    for name in ("webp", "avif"):
        assert f"p3.{name}" in names or "left out" in told(result)[f"also_{name}"]


def test_a_sibling_without_loss_is_exact(done, tmp_path):
    source = transparent(tmp_path)
    result = done("optimize", input=source, output_dir=tmp_path / "out", also_webp=True)
    assert told(result)["also_webp"]["method"] == "WebP, lossless"
    (before, _), (after, _) = frames(source), frames(tmp_path / "out" / "shadow.webp")
    assert np.array_equal(before[0][0], after[0][0])


def test_a_sibling_that_is_not_smaller_is_left_out(done, sample, tmp_path):
    result = done("optimize", input=sample("onebit.png"), output_dir=tmp_path, also_avif=True)
    assert "not smaller" in told(result)["also_avif"]
    assert len(result.outputs) == 1
    assert os.listdir(tmp_path) == ["onebit.png"]


# Where results go


def test_beside_the_input(done, sample, tmp_path):
    source = copy(sample, "p3.jpg", tmp_path, "A Photo.JPEG")
    before = source.read_bytes()
    result = done("optimize", input=source)
    assert made(result) == str(tmp_path / "A Photo.min.JPEG")
    assert source.read_bytes() == before


def test_a_wrong_suffix_is_put_right(done, sample, tmp_path):
    result = done("optimize", input=sample("wrong-extension.png"), output_dir=tmp_path)
    assert os.path.basename(made(result)) == "wrong-extension.jpg"


def test_in_place(done, sample, tmp_path):
    paths = [copy(sample, name, tmp_path) for name in ("p3.jpg", "palette.png")]
    before = [path.read_bytes() for path in paths]
    result = done("optimize", inputs=[str(path) for path in paths], in_place=True)
    assert [output.path for output in result.outputs] == [str(path) for path in paths]
    for path, data in zip(paths, before, strict=True):
        assert path.stat().st_size < len(data)
        with Image.open(path) as image:
            image.load()
    assert sorted(os.listdir(tmp_path)) == ["p3.jpg", "palette.png"]


def test_in_place_does_not_touch_what_stays(done, sample, tmp_path):
    source = copy(sample, "p3.jpg", tmp_path)
    done("optimize", input=source, in_place=True)
    before = source.stat()
    result = done("optimize", input=source, in_place=True)
    assert told(result)["skipped"]
    assert (source.stat().st_ino, source.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_inline_files_of_one_format_and_size_are_told_apart(done, sample, pixels, distance):
    names = ("orientation-2.jpg", "orientation-3.jpg")
    result = done("optimize", inputs=[str(sample(name)) for name in names], inline=True)
    for name, output in zip(names, result.outputs, strict=True):
        assert distance(pixels(io.BytesIO(output.data_base64)), pixels(sample(name))) == 0


@pytest.mark.parametrize(("metadata", "owner", "rest"), [("icc", 0, 0), ("copyright", 1, 0), ("all", 1, 1)])
def test_tiffs_keep_what_the_policy_says(done, sample, tmp_path, metadata, owner, rest):
    place = {1: b"N", 2: ((48, 1), (51, 1), (29, 1)), 3: b"E", 4: ((2, 1), (17, 1), (40, 1))}
    exif = Image.Exif()
    exif.load(piexif.dump({"0th": {0x8298: b"An owner"}, "Exif": {0xA431: b"SN-1"}, "GPS": place}))
    with Image.open(sample("photo-odd.jpg")) as photo:
        photo.save(tmp_path / "photo.tiff", exif=exif)
    done("optimize", input=tmp_path / "photo.tiff", output=tmp_path / "out.tiff", metadata=metadata)
    assert (tmp_path / "out.tiff").stat().st_size < (tmp_path / "photo.tiff").stat().st_size
    found = done("exif", exif_op="extract", input=tmp_path / "out.tiff", all_tags=True).metadata
    assert (found["all"].get("Copyright") == "An owner", "gps" in found) == (owner, rest)
    assert (found["all"].get("SerialNumber") == "SN-1") == rest


@pytest.mark.parametrize("metadata", ["copyright", "all"])
def test_tiffs_keep_their_pages_beside_their_owner(done, sample, tmp_path, metadata):
    with Image.open(sample("photo-odd.jpg")) as photo:
        pages = [photo.crop((0, 0, 200, 150)).rotate(turn) for turn in (0, 90, 180)]
    pages[0].save(tmp_path / "pages.tiff", save_all=True, append_images=pages[1:], tiffinfo={0x8298: "An owner"})
    done("optimize", input=tmp_path / "pages.tiff", output=tmp_path / "out.tiff", metadata=metadata)
    assert (tmp_path / "out.tiff").stat().st_size < (tmp_path / "pages.tiff").stat().st_size
    with Image.open(tmp_path / "out.tiff") as made:
        assert made.getexif()[0x8298] == "An owner"
        for page, frame in zip(pages, ImageSequence.Iterator(made), strict=True):
            assert np.array_equal(np.asarray(page), np.asarray(frame.convert("RGB")))


def test_what_is_not_rewritten_keeps_its_suffix_and_costs_nothing(done, code, sample, tmp_path):
    result = done("optimize", input=sample("metadata.heic"), output=tmp_path / "same.heic")
    assert (tmp_path / "same.heic").read_bytes() == sample("metadata.heic").read_bytes()
    assert "skipped" in result.metadata["files"][0]
    assert code("optimize", input=sample("metadata.heic"), output=tmp_path / "other.jpg") == "invalid_job"
    drawing = done("optimize", input=sample("huge.svg"), output_dir=tmp_path, dry_run=True)
    assert drawing.metadata["cost"]["memory_bytes"] < 100 << 20


def test_inline_data(done, sample, tmp_path):
    data = base64.b64encode(sample("p3.jpg").read_bytes()).decode()
    result = done("optimize", input={"data_base64": data}, inline=True)
    assert result.outputs[0].path == ""
    with Image.open(io.BytesIO(result.outputs[0].data_base64)) as image:
        assert image.format == "JPEG"
    result = done("optimize", input={"data_base64": data}, output=tmp_path / "a.jpg")
    assert told(result)["input"] == "input"


def test_a_plan_names_every_output(done, sample, tmp_path):
    result = done(
        "optimize", inputs=[str(sample("p3.jpg")), str(sample("p3.png"))], output_dir=tmp_path, dry_run=True,
        overwrite="error",
    )  # fmt: skip
    assert [os.path.basename(output.path) for output in result.outputs] == ["p3.jpg", "p3.png"]
    assert os.listdir(tmp_path) == []
    assert result.metadata["cost"]["memory_bytes"] > 0


def test_existing_outputs_may_be_skipped(done, sample, tmp_path):
    (tmp_path / "p3.jpg").write_bytes(b"here")
    inputs = [str(sample("p3.jpg")), str(sample("srgb-icc.jpg"))]
    result = done("optimize", inputs=inputs, output_dir=tmp_path, overwrite="skip")
    assert (tmp_path / "p3.jpg").read_bytes() == b"here"
    assert [os.path.basename(one["input"]) for one in result.metadata["files"]] == ["srgb-icc.jpg"]


# What is refused


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "inputs"),
        ({"input": "a.png", "inputs": ["a.png"]}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": ["a.png", ""]}, "inputs[1]"),
        ({"input": "a.png", "output": "b.png", "output_dir": "out"}, "output_dir"),
        ({"input": "a.png", "output_dir": "out", "in_place": True}, "in_place"),
        ({"inputs": ["a.png", "b.png"], "output": "c.png"}, "output"),
        ({"input": "a.png", "in_place": True, "overwrite": "error"}, "overwrite"),
        ({"input": {"data_base64": "AAAA"}, "in_place": True}, "input"),
        ({"inputs": ["a.png", {"data_base64": "AAAA"}]}, "inputs[1]"),
        ({"input": "a.png", "level": "lossles"}, "level"),
        ({"input": "a.png", "quality": 0}, "quality"),
        ({"input": "a.png", "quality": 101}, "quality"),
        ({"input": "a.png", "min_score": 101}, "min_score"),
        ({"input": "a.png", "min_score": -1}, "min_score"),
        ({"input": "a.png", "effort": 10}, "effort"),
        ({"input": "a.png", "metadata": "some"}, "metadata"),
        ({"input": "a.png", "format": "webp"}, "format"),
        ({"input": "a.png", "chroma_subsampling": "4:1:1"}, "chroma_subsampling"),
    ],
)
def test_contradictions_are_refused(job, fields, field):
    result = job("optimize", **fields)
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == field


def test_inputs_for_one_name_are_refused(job, sample, tmp_path):
    (tmp_path / "1").mkdir()
    other = copy(sample, "p3.jpg", tmp_path / "1")
    for inputs in ([sample("p3.jpg")] * 2, [sample("p3.jpg"), other]):
        result = job("optimize", inputs=[str(path) for path in inputs], output_dir=tmp_path / "out")
        assert result.error_info.code == "invalid_job"
        assert result.error_info.field == "inputs[1]"
        assert "inputs[0]" in result.error
    result = job("optimize", inputs=[str(sample("p3.jpg")), str(sample("p3.png"))], output_dir=tmp_path, also_webp=True)
    assert result.error_info.field == "inputs[1]"


def test_an_output_that_is_another_input_is_refused(job, sample, tmp_path):
    paths = [copy(sample, "p3.jpg", tmp_path), copy(sample, "p3.jpg", tmp_path, "p3.min.jpg")]
    result = job("optimize", inputs=[str(path) for path in paths])
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == "inputs[1]"


def test_an_output_is_never_the_input(code, sample, tmp_path):
    path = copy(sample, "p3.jpg", tmp_path)
    assert code("optimize", input=path, output=path) == "output_exists"
    assert code("optimize", input=path, output_dir=tmp_path) == "output_exists"
    assert path.read_bytes() == sample("p3.jpg").read_bytes()


def test_another_suffix_is_refused(job, sample, tmp_path):
    result = job("optimize", input=sample("p3.jpg"), output=tmp_path / "a.webp")
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == "output"
    assert "convert" in result.error_info.expected


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("text.jpg", "unsupported_format"),
        ("empty.jpg", "unsupported_format"),
        ("half.png", "corrupt_input"),
        ("half.jpg", "corrupt_input"),
        ("half.gif", "corrupt_input"),
        ("half.webp", "corrupt_input"),
        ("half.tiff", "corrupt_input"),
        ("half.avif", "corrupt_input"),
        ("bad-crc.png", "corrupt_input"),
        ("header-only.jpg", "corrupt_input"),
        ("bomb-4gp.png", "limit_exceeded"),
        ("bomb-scans.jpg", "limit_exceeded"),
        ("bomb-frames.gif", "limit_exceeded"),
        ("missing.png", "input_not_found"),
        ("folder", "input_unreadable"),
    ],
)
@pytest.mark.parametrize("level", ["lossless", "lossy"])
def test_one_bad_input_fails_the_job_and_leaves_nothing(job, sample, tmp_path, name, found, level):
    (tmp_path / "folder").mkdir()
    source = tmp_path / name if name in ("missing.png", "folder") else sample(name)
    result = job("optimize", inputs=[str(sample("p3.jpg")), str(source)], output_dir=tmp_path / "out", level=level)
    assert not result.success
    assert result.error_info.code == found
    assert result.error_info.field == "inputs[1]"
    assert not (tmp_path / "out").exists()


def test_several_threads_do_the_same(registry, sample, tmp_path):
    from mediamill.engine.inprocess import run_job
    from mediamill.engine.settings import Settings

    names = ["p3.jpg", "orientation-6.png", "orientation-3.jpg", "tiny.png", "animated.gif"]
    found = []
    for workers in (1, 3):
        raw = {"operation": "optimize", "inputs": [str(sample(name)) for name in names]}
        raw |= {"output_dir": str(tmp_path / str(workers)), "level": "lossy"}
        result = run_job(raw, registry, Settings(fsync=False, workers=workers))
        assert result.success, result.error
        found.append(([output.size_bytes for output in result.outputs], result.metadata))
    assert found[0] == found[1]


def test_a_failure_stops_the_threads(registry, sample, tmp_path):
    from mediamill.engine.inprocess import run_job
    from mediamill.engine.settings import Settings

    inputs = [str(sample("bad-crc.png")), *(str(copy(sample, "p3.png", tmp_path, f"{n}.png")) for n in range(6))]
    raw = {"operation": "optimize", "inputs": inputs, "output_dir": str(tmp_path / "out"), "level": "lossy"}
    result = run_job(raw, registry, Settings(fsync=False, workers=2))
    assert result.error_info.code == "corrupt_input"
    assert result.error_info.field == "inputs[0]"
    assert not (tmp_path / "out").exists()


# Crashes


def test_a_file_replaced_in_place_is_always_whole(sample, tmp_path):
    """Kill the process at many moments: the file is the old or the new one, and what is left beside it is hidden."""
    old = sample("palette.png").read_bytes()
    source = tmp_path / "a.png"
    source.write_bytes(old)
    job = json.dumps({"operation": "optimize", "input": str(source), "in_place": True})
    command = [sys.executable, "-m", "mediamill.engine", "process", "--job", job]
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    whole = time.monotonic() - began
    new = source.read_bytes()
    assert len(new) < len(old)
    seen = set()
    for turn in range(16):
        source.write_bytes(old)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(whole * (0.5 + 0.6 * turn / 15))
        process.send_signal(signal.SIGKILL)
        process.wait()
        found = source.read_bytes()
        assert found in (old, new), f"torn in turn {turn}"
        seen.add(found)
        for name in os.listdir(tmp_path):
            assert name == "a.png" or name.startswith(".mm-")
    assert old in seen


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in optimize.EXAMPLE["inputs"]:
        shutil.copy(sample(name), tmp_path / name)
    result = done(**optimize.EXAMPLE)
    assert [output.path for output in result.outputs] == ["out/photo.jpg", "out/photo.gif"]


def test_made_names_have_a_suffix_for_every_format_that_is_coded():
    from mediamill.operations.images._optimize import CODED

    assert set(CODED) <= set(EXTENSIONS)
