"""The exif operation, through jobs: what it says, what it takes out, and that no pixel changes on the way."""

import base64
import io
import os

import numpy as np
import piexif
import pillow_heif
import pytest
import pyvips
from PIL import Image

from mediamill.operations.images import exif
from mediamill.operations.tags import _jpeg
from mediamill.operations.tags import _tags as tags
from mediamill.operations.tags._png import chunk

# Pillow warns about EXIF it cannot read.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Tag data larger than file:UserWarning"),
    pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning"),
    pytest.mark.filterwarnings("ignore:Truncated File Read:UserWarning"),
]
RICH = ["metadata.jpg", "metadata.png", "metadata.webp", "metadata.tiff", "metadata.avif", "metadata.heic"]
PLACES = [b"Paris", b"GPS", b"Gps", b"48,51", b"Champ", b"2964"]
ORIENTED = ["orientation-6.jpg", "orientation-6.png", "orientation-6.webp", "orientation-6.tiff"]


def decoded(data):
    """Return size, samples and profile of a picture as it is stored, by Pillow or by libheif."""
    if data[4:8] == b"ftyp" and data[8:12] == b"heic":
        file = pillow_heif.open_heif(data)
        return file.size, bytes(file.data), file.info.get("icc_profile")
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.size, image.tobytes(), image.info.get("icc_profile")


def scan(data):
    """Return everything in a JPEG's first picture that is no application segment and no comment."""
    return [
        (one.marker, one.body, one.coded)
        for one in _jpeg.parse(data).segments
        if not 0xE0 <= one.marker <= 0xEF and one.marker != 0xFE
    ]


@pytest.fixture
def rewritten(done, sample, tmp_path):
    """Return a function that runs a job on a sample and returns the bytes it wrote and its metadata."""

    def run(name, exif_op="strip", **fields):
        output = tmp_path / f"out{os.path.splitext(name)[1]}"
        source = name if os.path.isabs(name) else sample(name)
        result = done("exif", input=source, output=output, exif_op=exif_op, **fields)
        return output.read_bytes(), result.metadata

    return run


@pytest.fixture
def said(done, sample):
    """Return a function that returns what extract says of a sample."""

    def run(name, **fields):
        result = done("exif", input=sample(name), exif_op="extract", **fields)
        assert result.outputs == []
        return result.metadata

    return run


def test_the_example_runs(done, sample, tmp_path):
    done(
        **exif.EXAMPLE | {"input": sample(exif.EXAMPLE["input"]), "output_dir": tmp_path},
    )
    assert not piexif.load(str(tmp_path / "photo-exif.jpg"))["GPS"]


@pytest.mark.parametrize("name", ["metadata.jpg", "metadata.png", "metadata.webp", "metadata.avif", "metadata.heic"])
def test_extract_says_what_anyone_asks_for(said, name):
    found = said(name)
    wanted = {
        "has_exif": True,
        "make": "Panasonic",
        "model": "Model 5",
        "lens": "Example 24-70mm F2.8",
        "datetime": "2024:02:29 12:34:56",
        "exposure_time": "1/250",
        "f_number": "f/2.8",
        "iso": 200,
        "focal_length": 35,
        "maker_note": True,
        "has_xmp": True,
        "has_icc": True,
    }
    assert {key: found[key] for key in wanted} == wanted
    assert found["gps"] == pytest.approx({"latitude": 48.8582333, "longitude": -2.2945, "altitude": -12.5})
    assert found["gps_leaks"][0] == "Panasonic:City"
    assert "XMP:GPSLatitude" in found["gps_leaks"]
    assert "problems" not in found
    assert "all" not in found


def test_extract_reads_a_tiff_file_that_is_big_endian(said):
    found = said("metadata.tiff")
    assert (found["make"], found["exposure_time"], found["orientation"]) == ("Example Works", "1/250", 6)
    assert found["gps"]["longitude"] == pytest.approx(-2.2945)
    assert {"GeoTIFF:PixelScale", "IPTC:City"} <= set(found["gps_leaks"])


def test_extract_of_nothing(said):
    found = said("photo.jpg")
    assert (found["has_exif"], found["has_xmp"], found["maker_note"]) == (False, False, False)
    assert "gps" not in found
    assert said("photo.tiff")["has_exif"] is False


def test_every_tag_by_its_standard_name(said):
    found = said("metadata.jpg", all_tags=True)["all"]
    assert found["ImageDescription"] == "Füße"
    assert found["XPTitle"] == "Upright"
    assert found["UserComment"] == "a note"
    assert found["LensInfo"] == [24, 70, 2.8, 2.8]
    assert found["GPSTimeStamp"] == "11:34:56"
    assert found["CreateDate"] == "2024:02:29 12:34:57"
    assert found["MakerNote"].startswith("(binary, ")
    assert found["SerialNumber"] == "SN-0012345"
    assert set(said("metadata.jpg", all_tags=True, mode="gps")["all"]) == {
        key for key in found if key.startswith("GPS")
    }


def test_extract_writes_nothing_wherever_the_output_points(done, sample, tmp_path):
    result = done("exif", input=sample("metadata.jpg"), exif_op="extract", output_dir=tmp_path / "out")
    assert result.outputs == []
    assert list(tmp_path.iterdir()) == []


def test_the_result_says_less_where_less_is_wanted(rewritten):
    _, found = rewritten("metadata.jpg", return_metadata=False)
    assert set(found) == {"format", "removed", "removed_bytes"}


@pytest.mark.parametrize("mode", ["all", "gps", "thumbnail", "camera"])
@pytest.mark.parametrize("name", [*RICH, "gain-map.jpg"])
def test_pixels_and_profile_stay(rewritten, sample, name, mode):
    data, _ = rewritten(name, mode=mode)
    before = sample(name).read_bytes()
    assert decoded(data) == decoded(before)
    if name.endswith(".jpg"):
        assert scan(data) == scan(before)


@pytest.mark.parametrize("name", RICH)
def test_strip_leaves_nothing_but_how_the_picture_looks(rewritten, said, done, name, tmp_path):
    data, found = rewritten(name)
    after = done("exif", input=tmp_path / f"out{os.path.splitext(name)[1]}", exif_op="extract", all_tags=True).metadata
    structure = {tags.names("IFD0")[tag] for tag in range(0x100, 0x160) if tag in tags.names("IFD0")} | {"SubfileType"}
    left = set(after["all"]) - (structure if name.endswith("tiff") else set())
    assert left <= {"Orientation", "ICC_Profile"}
    assert (after["has_xmp"], after["has_iptc"], after["has_icc"]) == (False, False, True)
    assert "gps" not in after
    assert not [word for word in (*PLACES, b"Person", b"SN-0012345", b"Example", b"2024:02") if word in data]
    assert found["removed_bytes"] > 0 or name.endswith("tiff")
    assert {"Artist", "Make"} <= set(found["removed"])


@pytest.mark.parametrize("name", [*ORIENTED, "metadata.jpg", "metadata.png", "metadata.webp"])
def test_strip_does_not_turn_the_picture(rewritten, sample, tmp_path, pixels, name):
    rewritten(name)
    after = pixels(tmp_path / f"out{os.path.splitext(name)[1]}")
    assert after.shape[:2] == (80, 120)
    assert (after == pixels(sample(name))).all()


@pytest.mark.parametrize("name", [*RICH, "gain-map.jpg"])
def test_no_place_is_left(rewritten, done, tmp_path, name):
    data, found = rewritten(name, mode="gps")
    assert not [word for word in PLACES if word in data]
    after = done("exif", input=tmp_path / f"out{os.path.splitext(name)[1]}", exif_op="extract", all_tags=True).metadata
    assert "gps" not in after
    assert "gps_leaks" not in after
    assert not [tag for tag in after["all"] if tag.startswith("GPS")]
    assert after["model"] == "Model 5"
    assert after["exposure_time"] == "1/250"
    assert after["all"]["Copyright"] == "(c) 2024 A. Person"
    assert "GPSLatitude" in found["removed"]
    assert "MakerNote" in found["removed"] or name.endswith("tiff")


def test_a_maker_note_known_to_hold_no_place_stays_where_it_was(rewritten, sample, tmp_path):
    before = piexif.load(str(sample("metadata.jpg")))
    note = b"Apple iOS\0\0\1MM" + b"\0\1" + b"\0\1\0\4\0\0\0\1\0\0\0\5" + bytes(4)
    before["Exif"][piexif.ExifIFD.MakerNote] = note
    source = tmp_path / "apple.jpg"
    piexif.insert(piexif.dump(before), str(sample("photo-444.jpg")), str(source))
    data, found = rewritten(str(source), mode="gps")
    assert found["maker_note"] is True
    assert "gps_leaks" not in found
    after = piexif.load(data)
    assert after["Exif"][piexif.ExifIFD.MakerNote] == note
    assert data.index(note) - data.index(b"Exif\0\0") == (
        source.read_bytes().index(note) - source.read_bytes().index(b"Exif\0\0")
    )
    assert not after["GPS"]
    assert b"2:29" not in data[data.index(b"Exif") : data.index(b"Exif") + 40]


def test_an_unknown_maker_note_may_hold_a_place_and_goes(rewritten, sample, tmp_path):
    before = piexif.load(str(sample("metadata.jpg")))
    before["0th"][piexif.ImageIFD.Make] = b"Nobody"
    before["Exif"][piexif.ExifIFD.MakerNote] = b"who knows what this says"
    source = tmp_path / "nobody.jpg"
    piexif.insert(piexif.dump(before), str(sample("photo-444.jpg")), str(source))
    data, found = rewritten(str(source), mode="gps")
    assert found["gps_leaks"] == ["MakerNote:unknown"]
    assert b"who knows" not in data


@pytest.mark.parametrize("name", ["metadata.jpg", "metadata.png", "metadata.webp"])
def test_what_is_left_is_sound_to_another_reader(rewritten, name):
    data, _ = rewritten(name, mode="gps")
    with Image.open(io.BytesIO(data)) as image:
        found = image.getexif()
        assert found[0x0110] == "Model 5"
        assert found[0x0112] == 6
        assert found.get_ifd(0x8769)[0x829D] == pytest.approx(2.8)
        assert not found.get_ifd(0x8825)
        thumbnail = piexif.load(found.tobytes())["thumbnail"] if name.endswith("jpg") else None
    if name.endswith("jpg"):
        thumbnail = piexif.load(data)["thumbnail"]
        with Image.open(io.BytesIO(thumbnail)) as small:
            assert small.size == (60, 40)


def test_thumbnails_go_wherever_they_are(rewritten):
    data, found = rewritten("metadata.jpg", mode="thumbnail")
    assert data.count(b"\xff\xd8\xff") == 1
    assert set(found["removed"]) == {"Thumbnail", "MPImage"}
    assert piexif.load(data)["Exif"][piexif.ExifIFD.MakerNote].startswith(b"Panasonic\0\0\0")
    data, found = rewritten("metadata.heic", mode="thumbnail")
    assert len(pillow_heif.open_heif(data).info["thumbnails"]) == 0
    assert "Thumbnail" in found["removed"]


def test_the_camera_goes_and_its_settings_stay(rewritten):
    data, found = rewritten("metadata.jpg", mode="camera")
    after = piexif.load(data)
    gone = {"Make", "Model", "Software", "LensModel", "LensInfo", "SerialNumber", "OwnerName", "MakerNote", "XMP:Make"}
    assert gone <= set(found["removed"])
    assert after["Exif"][piexif.ExifIFD.FNumber] == (28, 10)
    assert after["GPS"][piexif.GPSIFD.GPSLatitudeRef] == b"N"
    assert not {b"Panasonic", b"SN-0012345", b"fixtures 1.0"} & {data[at : at + 9] for at in range(len(data))}


@pytest.mark.parametrize("name", RICH)
def test_kept_names_stay_in_every_language(rewritten, done, tmp_path, name):
    data, _ = rewritten(name, keep=["Copyright", "artist"])
    after = done("exif", input=tmp_path / f"out{os.path.splitext(name)[1]}", exif_op="extract", all_tags=True).metadata
    assert (after["all"]["Copyright"], after["all"]["Artist"]) == ("(c) 2024 A. Person", "A. Person")
    assert "Model" not in after["all"]
    assert after["has_xmp"]
    if name.endswith((".jpg", ".webp", ".heic", ".avif")):
        assert b"dc:rights" in data
    assert b"dc:title" not in data
    assert not [word for word in PLACES if word in data]


def test_names_of_the_specification_are_understood(rewritten):
    data, _ = rewritten("metadata.jpg", keep=["DateTimeDigitized", "PhotographicSensitivity"])
    after = piexif.load(data)["Exif"]
    assert after == {piexif.ExifIFD.DateTimeDigitized: b"2024:02:29 12:34:57", piexif.ExifIFD.ISOSpeedRatings: 200}


@pytest.mark.parametrize("name", [*RICH, "gain-map.jpg", "exif-loop.jpg"])
def test_preserve_keeps_the_file_as_it_is(rewritten, sample, name):
    data, found = rewritten(name, "preserve")
    assert data == sample(name).read_bytes()
    assert found["removed"] == []


def test_preserve_is_the_reverse_of_strip(rewritten):
    data, _ = rewritten("metadata.jpg", "preserve", keep=["Copyright"])
    after = piexif.load(data)
    assert set(after["0th"]) == {piexif.ImageIFD.Copyright, piexif.ImageIFD.Orientation}
    assert not after["Exif"]
    data, _ = rewritten("metadata.jpg", "preserve", mode="gps", keep=["Copyright"])
    after = piexif.load(data)
    assert len(after["GPS"]) == 9
    assert set(after["0th"]) == {piexif.ImageIFD.Copyright, piexif.ImageIFD.Orientation, piexif.ImageIFD.GPSTag}


def test_a_gain_map_stays_usable_and_tells_nothing_else(rewritten, sample):
    data, _ = rewritten("gain-map.jpg")
    assert b"hdrgm:Version" in data
    assert b"hdrgm:GainMapMax" in data
    assert b"somewhere" not in data
    first = _jpeg.parse(data)
    behind = data[first.end :]
    assert f'Item:Length="{len(behind)}"'.encode() in data[: first.end]
    with Image.open(io.BytesIO(data)) as image:
        entry = image._getmp()[0xB002][1]
        start = image.info["mpoffset"] + entry["DataOffset"]
    assert data[start : start + entry["Size"]] == behind
    before = sample("gain-map.jpg").read_bytes()
    assert decoded(behind) == decoded(before[_jpeg.parse(before).end :])


def test_further_pictures_do_not_speak_for_the_first(done, sample, tmp_path):
    data = sample("metadata.jpg").read_bytes()
    first = _jpeg.parse(data)
    bare = [one for one in first.segments if not one.body.startswith((b"Exif", b"http", b"Photoshop"))]
    shift = sum(len(one.written()) for one in first.segments) - sum(len(one.written()) for one in bare)
    assert shift > 0
    index = next(one for one in bare if one.body.startswith(b"MPF\0"))
    rows = bytearray(index.body)
    at = len(rows) - 16 + 8
    rows[at : at + 4] = (int.from_bytes(rows[at : at + 4], "little") - shift).to_bytes(4, "little")
    index.body = bytes(rows)
    (tmp_path / "a.jpg").write_bytes(b"".join(one.written() for one in bare) + data[first.end :])
    found = done("exif", input=tmp_path / "a.jpg", exif_op="extract").metadata
    assert found["has_exif"] is False
    assert "gps" not in found
    assert "MPImage:GPS" in found["gps_leaks"]
    done("exif", input=tmp_path / "a.jpg", output=tmp_path / "b.jpg", exif_op="strip", mode="gps")
    assert "gps_leaks" not in done("exif", input=tmp_path / "b.jpg", exif_op="extract").metadata


def test_the_index_of_further_pictures_follows_them(rewritten):
    data, _ = rewritten("metadata.jpg", mode="gps")
    with Image.open(io.BytesIO(data)) as image:
        image.seek(1)
        assert image.size == (60, 40)
        image.load()
    assert len(_jpeg.parse(data).segments) > 5


@pytest.mark.parametrize("tag", range(2, 9))
def test_jpegs_turned_upright_lose_next_to_nothing(rewritten, sample, tmp_path, pixels, distance, tag):
    data, found = rewritten(f"orientation-{tag}.jpg", "auto_orient")
    assert (found["turned"], found["reencoded"]) == (True, True)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (120, 80)
        assert image.getexif()[0x0112] == 1
    assert distance(pixels(tmp_path / "out.jpg"), pixels(sample(f"orientation-{tag}.jpg"))) < 0.15


def test_a_jpeg_turned_upright_keeps_its_metadata(rewritten):
    data, found = rewritten("metadata.jpg", "auto_orient")
    after = piexif.load(data)
    assert after["0th"][piexif.ImageIFD.Orientation] == 1
    assert after["Exif"][piexif.ExifIFD.PixelXDimension] == 120
    assert after["GPS"]
    assert b"dc:title" in data
    assert decoded(data)[2] is not None
    assert set(found["removed"]) == {"Thumbnail", "MPImage"}


def test_a_coarse_cmyk_or_grey_jpeg_can_be_turned(rewritten, sample, tmp_path, distance):
    for name in ("photo-422.jpg", "photo-gray.jpg", "photo-progressive.jpg", "cmyk.jpg", "adobe-rgb-coded.jpg"):
        block = piexif.dump({"0th": {piexif.ImageIFD.Orientation: 6}})
        source = tmp_path / f"turned-{name}"
        piexif.insert(block, str(sample(name)), str(source))
        data, _ = rewritten(str(source), "auto_orient")
        with Image.open(io.BytesIO(data)) as after, Image.open(source) as before:
            assert after.mode == before.mode
            turned = before.transpose(Image.Transpose.ROTATE_270)
            assert after.size == turned.size
            assert bool(after.info.get("progressive")) == bool(before.info.get("progressive"))
            assert distance(np.asarray(after), np.asarray(turned)) < 1


@pytest.mark.parametrize("name", [*ORIENTED[1:], "metadata.png", "metadata.webp", "metadata.tiff"])
def test_other_pictures_are_turned_exactly(rewritten, sample, tmp_path, pixels, name):
    data, found = rewritten(name, "auto_orient")
    assert (found["turned"], found["reencoded"]) == (True, False)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (120, 80)
    assert (pixels(tmp_path / f"out{os.path.splitext(name)[1]}") == pixels(sample(name))).all()


def test_a_tiff_turned_upright_keeps_its_metadata(rewritten, done, tmp_path):
    rewritten("metadata.tiff", "auto_orient")
    after = done("exif", input=tmp_path / "out.tiff", exif_op="extract", all_tags=True).metadata
    assert after["all"]["Artist"] == "A. Person"
    assert after["exposure_time"] == "1/250"
    assert after["gps"]["latitude"] == pytest.approx(48.8582333)
    assert (after["has_icc"], after["has_iptc"], after["has_xmp"]) == (True, True, True)
    assert after.get("orientation", 1) == 1
    assert after["all"]["XResolution"] == 300


def test_deep_and_indexed_pngs_are_turned_exactly(rewritten, sample, tmp_path):
    block = piexif.dump({"0th": {piexif.ImageIFD.Orientation: 8}}).removeprefix(b"Exif\0\0")
    for name in ("rgb16.png", "gray16.png", "palette-alpha.png", "gray-alpha.png", "onebit.png"):
        plain = sample(name).read_bytes()
        at = plain.index(b"IDAT") - 4
        source = tmp_path / name
        source.write_bytes(plain[:at] + chunk(b"eXIf", block) + plain[at:])
        data, _ = rewritten(str(source), "auto_orient")
        before = pyvips.Image.new_from_buffer(plain, "")
        after = pyvips.Image.new_from_buffer(data, "")
        assert after.format == before.format
        assert np.array_equal(after.numpy(), before.rot270().numpy()), name


@pytest.mark.parametrize("name", ["metadata.avif", "metadata.heic", "orientation-1.jpg", "photo.png"])
def test_what_is_upright_stays_as_it_is(rewritten, sample, name):
    data, found = rewritten(name, "auto_orient")
    assert data == sample(name).read_bytes()
    assert found["turned"] is False


def test_several_pages_are_stripped_but_not_turned_together(job, sample, tmp_path):
    pages = [Image.new("L", (20, 10), value) for value in (50, 150)]
    pages[0].save(tmp_path / "a.tiff", save_all=True, append_images=pages[1:], tiffinfo={274: 6, 305: "a program"})
    result = job("exif", input=tmp_path / "a.tiff", output=tmp_path / "b.tiff", exif_op="auto_orient")
    assert result.error_info.code == "unsupported_format"
    assert job("exif", input=tmp_path / "a.tiff", output=tmp_path / "b.tiff", exif_op="strip").success
    assert b"a program" not in (tmp_path / "b.tiff").read_bytes()
    with Image.open(tmp_path / "b.tiff") as image:
        assert image.n_frames == 2
        image.seek(1)
        assert image.getpixel((0, 0)) == 150


def test_animations_keep_their_frames(rewritten, sample):
    for name in ("animated.webp", "animated-apng.png", "animated.avif"):
        data, _ = rewritten(name)
        with Image.open(io.BytesIO(data)) as after, Image.open(sample(name)) as before:
            assert after.n_frames == before.n_frames == 12
            for index in range(12):
                after.seek(index)
                before.seek(index)
                assert after.tobytes() == before.tobytes()
                assert after.info["duration"] == before.info["duration"]


@pytest.mark.parametrize(
    ("name", "problem", "model"),
    [
        ("bad-exif.jpg", "loop", False),
        ("exif-loop.jpg", "loop", True),
        ("exif-huge-count.jpg", "Make lies outside", True),
        ("exif-many-entries.jpg", "says it has 65535 entries", True),
        ("exif-outside.jpg", "GPS lies outside", True),
        ("exif-wrong-order.jpg", "byte order", True),
        ("exif-odd-types.jpg", "unknown type", True),
        ("exif-empty.jpg", "IFD0 lies outside", False),
        ("exif-no-place.jpg", "latitude makes no sense", True),
    ],
)
def test_broken_exif_is_reported_and_all_the_rest_is_read(said, rewritten, sample, name, problem, model):
    found = said(name)
    assert found["has_exif"] is True
    assert any(problem in text for text in found["problems"]), found["problems"]
    assert found.get("model") == ("M5" if model else None)
    assert "gps" not in found
    for mode in ("all", "gps", "camera"):
        data, _ = rewritten(name, mode=mode)
        assert scan(data) == scan(sample(name).read_bytes())
        assert decoded(data) == decoded(sample(name).read_bytes())
        assert (b"M5\0" in data[: data.index(b"\xff\xdb")]) == (model and mode == "gps")


def test_a_compressed_bomb_of_a_comment_costs_nothing(said, rewritten):
    found = said("bomb-ztxt.png")
    assert "too large" in found["problems"][0]
    data, _ = rewritten("bomb-ztxt.png")
    assert b"zTXt" not in data


@pytest.mark.parametrize("name", ["bomb-pages.tiff", "bomb-4gp.png", "bomb-scans.jpg", "bomb-frames.webp"])
def test_bombs_of_pixels_are_no_bombs_here(said, name):
    assert said(name)["has_exif"] is False


@pytest.mark.parametrize("name", ["half.jpg", "half.png", "half.webp", "half.avif", "header-only.jpg"])
def test_a_file_cut_short_is_read_but_not_rewritten(job, said, sample, tmp_path, name):
    assert said(name)["problems"]
    result = job("exif", input=sample(name), output=tmp_path / f"a{os.path.splitext(name)[1]}", exif_op="strip")
    assert result.error_info.code == "corrupt_input"
    assert result.error_info.field == "input"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("text.jpg", "unsupported_format"),
        ("html.png", "unsupported_format"),
        ("photo.gif", "unsupported_format"),
        ("drawing.svg", "unsupported_format"),
        ("half.tiff", "corrupt_input"),
        ("missing.jpg", "input_not_found"),
    ],
)
@pytest.mark.parametrize("exif_op", ["extract", "strip", "preserve", "auto_orient"])
def test_bad_inputs(code, sample, tmp_path, name, found, exif_op):
    source = tmp_path / name if name == "missing.jpg" else sample(name)
    assert code("exif", input=source, output=tmp_path / f"a{os.path.splitext(name)[1]}", exif_op=exif_op) == found


@pytest.mark.parametrize("exif_op", ["extract", "strip"])
def test_other_media_are_named(job, tmp_path, exif_op):
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(200))
    result = job("exif", input=tmp_path / "a.pdf", output=tmp_path / "b.jpg", exif_op=exif_op)
    assert result.error_info.code == "unsupported_format"
    assert "a PDF document" in result.error


@pytest.mark.parametrize(
    ("fields", "field", "suggestion"),
    [
        ({}, "exif_op", None),
        ({"exif_op": "stripp"}, "exif_op", "strip"),
        ({"exif_op": "strip", "mode": "gsp"}, "mode", "gps"),
        ({"exif_op": "strip", "keep": ["Copyrigth"]}, "keep[0]", "Copyright"),
        ({"exif_op": "strip", "keep": ["Artist", "DateTimeOrignal"]}, "keep[1]", "DateTimeOriginal"),
        ({"exif_op": "strip", "keep": ["\u2603" * 60]}, "keep[0]", None),
        ({"exif_op": "strip", "keep": [""]}, "keep[0]", None),
        ({"exif_op": "strip", "keep": "Artist"}, "keep", None),
        ({"exif_op": "extract", "keep": ["Artist"]}, "keep", None),
        ({"exif_op": "auto_orient", "keep": ["Artist"]}, "keep", None),
        ({"exif_op": "auto_orient", "mode": "gps"}, "mode", None),
        ({"exif_op": "strip", "output": None}, "output", None),
        ({"exif_op": "preserve", "output": None}, "output", None),
        ({"exif_op": "auto_orient", "output": None}, "output", None),
        ({"exif_op": "strip", "output_dir": "out"}, "output_dir", None),
        ({"exif_op": "strip", "output": None, "output_dir": "out", "in_place": True}, "output_dir", None),
        ({"exif_op": "strip", "output": "a.png"}, "output", "jpg"),
        ({"exif_op": "strip", "output": "a.txt"}, "output", "jpg"),
        ({"exif_op": "strip", "quality": 80}, "quality", None),
        ({"exif_op": "strip", "all_tag": True}, "all_tag", "all_tags"),
    ],
)
def test_contradictions_are_refused(job, sample, tmp_path, fields, field, suggestion):
    where = {"output": str(tmp_path / "a.jpg")} | fields
    result = job(
        "exif", input=sample("metadata.jpg"), **{key: value for key, value in where.items() if value is not None}
    )
    assert result.error_info.code == "invalid_job"
    assert result.error_info.field == field
    assert getattr(result.error_info, "suggestion", None) == suggestion or suggestion is None


def test_an_output_is_the_input_only_where_that_is_said(code, done, sample, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(sample("metadata.jpg").read_bytes())
    assert code("exif", input=path, output=path, exif_op="strip") == "output_exists"
    assert path.read_bytes() == sample("metadata.jpg").read_bytes()
    result = done("exif", input=path, exif_op="strip", in_place=True)
    assert result.outputs[0].path == str(path)
    assert b"Person" not in path.read_bytes()
    assert os.listdir(tmp_path) == ["a.jpg"]


def test_in_place_needs_a_place(job, sample):
    data = base64.b64encode(sample("metadata.jpg").read_bytes()).decode()
    result = job("exif", input={"data_base64": data}, exif_op="strip", in_place=True)
    assert result.error_info.field == "in_place"


def test_names_in_a_folder(done, sample, tmp_path):
    result = done("exif", input=sample("metadata.jpg"), output_dir=tmp_path, exif_op="strip")
    assert os.path.basename(result.outputs[0].path) == "metadata.jpg"
    result = done("exif", input=sample("wrong-extension.png"), output_dir=tmp_path, exif_op="strip")
    assert os.path.basename(result.outputs[0].path) == "wrong-extension.jpg"


def test_bytes_come_back_inline(done, sample):
    result = done("exif", input=sample("metadata.jpg"), exif_op="strip", inline=True)
    output = result.outputs[0]
    assert (output.format, output.width, output.height) == ("jpeg", 120, 80)
    assert decoded(output.data_base64) == decoded(sample("metadata.jpg").read_bytes())


def test_a_dry_run_writes_nothing(done, sample, tmp_path):
    result = done("exif", input=sample("metadata.jpg"), output=tmp_path / "a.jpg", exif_op="strip", dry_run=True)
    assert list(tmp_path.iterdir()) == []
    assert result.success


def test_a_picture_too_large_is_not_turned(code, sample, tmp_path):
    fields = {"input": sample("orientation-6.png"), "output": tmp_path / "a.png", "exif_op": "auto_orient"}
    assert code("exif", settings={"max_pixels": 1000}, **fields) == "limit_exceeded"


@pytest.mark.parametrize("name", RICH)
def test_the_same_job_gives_the_same_bytes(rewritten, name):
    assert rewritten(name, mode="gps")[0] == rewritten(name, mode="gps")[0]


@pytest.mark.parametrize("name", RICH)
def test_what_is_clean_comes_out_as_it_went_in(rewritten, tmp_path, name):
    first, _ = rewritten(name)
    source = tmp_path / f"clean{os.path.splitext(name)[1]}"
    source.write_bytes(first)
    again, found = rewritten(str(source))
    assert again == first
    assert found["removed"] == []
