"""ExifTool as a peer, where it is installed: the same tags by the same names, and nothing found that was taken out."""

import json
import re
import shutil
import subprocess

import pytest

EXIFTOOL = shutil.which("exiftool")
NAMES = ["metadata.jpg", "metadata.png", "metadata.webp", "metadata.tiff", "metadata.avif", "metadata.heic"]
GROUPS = ("IFD0", "ExifIFD", "GPS", "InteropIFD")
WRITTEN = {
    "Make": "Canon", "Model": "Canon EOS R5", "Orientation": "8", "DateTimeOriginal": "2024:02:29 12:34:56",
    "OffsetTimeOriginal": "+01:00", "SubSecTimeOriginal": "42", "ExposureTime": "0.8", "FNumber": "1.4", "ISO": "25600",
    "ExposureProgram": "2", "ShutterSpeedValue": "0.8", "ApertureValue": "1.4", "MaxApertureValue": "1.2",
    "ExposureCompensation": "-2", "SubjectDistance": "inf", "Flash": "16", "FocalLength": "85", "UserComment": "Größe",
    "SubjectArea": "10 20 30", "LensInfo": "24 105 4 4", "LensModel": "RF24-105mm", "SerialNumber": "12345",
    "XPComment": "Grüße", "GPSLatitude": "33.8568", "GPSLatitudeRef": "S", "GPSLongitude": "151.2153",
    "GPSLongitudeRef": "E", "GPSAltitude": "12.5", "GPSAltitudeRef": "0", "GPSTimeStamp": "01:02:03.5",
    "GPSProcessingMethod": "GPS", "GPSImgDirection": "271.25", "FileSource": "3", "SceneType": "1",
    "CFAPattern": "2 2 0 1 1 2", "ComponentsConfiguration": "1 2 3 0", "ColorSpace": "1", "Gamma": "2.2",
    "ImageUniqueID": "00112233445566778899aabbccddeeff", "Rating": "4", "WhitePoint": "0.3127 0.329",
}  # fmt: skip


def normal(value):
    """Return a value as text, numbers to six digits."""
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    try:
        return " ".join(f"{float(part):.6g}" for part in text.split())
    except ValueError:
        return text.strip()


if EXIFTOOL:

    def peer(path, *options):
        """Return what ExifTool says of a file, by group and name."""
        call = [EXIFTOOL, "-n", "-j", "-a", "-G1", *options, str(path)]
        found = json.loads(subprocess.run(call, capture_output=True, check=True, text=True).stdout)[0]
        del found["SourceFile"]
        return found

    def agrees(done, path):
        """Compare every EXIF tag and return how many there were."""
        ours = done("exif", input=path, exif_op="extract", all_tags=True).metadata["all"]
        theirs = {}
        for key, value in peer(path, "-EXIF:all").items():
            group, name = key.split(":")
            if group in GROUPS and not str(value).startswith("(Binary"):
                theirs.setdefault(name, value)
        assert {name: normal(ours.get(name)) for name in theirs} == {
            name: normal(value) for name, value in theirs.items()
        }
        return len(theirs)

    @pytest.mark.parametrize("name", [*NAMES, "photo-exif.jpg", "orientation-6.tiff", "gain-map.jpg"])
    def test_tags_agree(done, sample, name):
        assert agrees(done, sample(name)) >= 1

    @pytest.mark.parametrize("order", ["II", "MM"])
    @pytest.mark.parametrize("name", ["photo-444.jpg", "photo.png", "photo.webp", "photo.tiff", "photo.avif"])
    def test_tags_agree_on_files_exiftool_wrote(done, sample, tmp_path, name, order):
        path = tmp_path / name
        path.write_bytes(sample(name).read_bytes())
        options = [f"-EXIF:{tag}={value}" for tag, value in WRITTEN.items()]
        call = [EXIFTOOL, "-q", "-n", "-api", f"ByteOrder={order}", *options, "-overwrite_original", str(path)]
        subprocess.run(call, check=True, capture_output=True)
        assert agrees(done, path) >= len(WRITTEN) - 2
        found = done("exif", input=path, exif_op="extract").metadata
        assert found["gps"] == pytest.approx({"latitude": -33.8568, "longitude": 151.2153, "altitude": 12.5})
        assert (found["exposure_time"], found["f_number"], found["iso"]) == ("0.8", "f/1.4", 25600)

    @pytest.mark.parametrize("name", [*NAMES, "gain-map.jpg"])
    def test_exiftool_finds_no_place_either(done, sample, tmp_path, name):
        before = peer(sample(name))
        done("exif", input=sample(name), output=tmp_path / name, exif_op="strip", mode="gps")
        after = peer(tmp_path / name)
        place = re.compile(":(G[Pp][Ss]|City|Country|Location|PixelScale|.*(Latitude|Longitude|Sublocation))")
        assert [key for key in before if place.search(key)]
        assert not [key for key in after if place.search(key)]
        said = ("IFD0", "ExifIFD", "XMP-dc", "XMP-tiff")
        kept = {key: value for key, value in before.items() if key.startswith(said) and "Offset" not in key}
        kept = {key: value for key, value in kept.items() if not place.search(key)}
        moved = ("ApplicationNotes", "ExifOffset", "StripOffsets")
        assert {key: after.get(key) for key in kept if not key.endswith(moved)} == {
            key: value for key, value in kept.items() if not key.endswith(moved)
        }

    @pytest.mark.parametrize("name", [*NAMES, "gain-map.jpg"])
    @pytest.mark.parametrize("mode", ["all", "gps", "thumbnail", "camera"])
    def test_exiftool_finds_nothing_wrong(done, sample, tmp_path, name, mode):
        done("exif", input=sample(name), output=tmp_path / name, exif_op="strip", mode=mode)
        call = [EXIFTOOL, "-validate", "-warning", "-error", "-a", "-s3", str(tmp_path / name)]
        found = subprocess.run(call, capture_output=True, check=False, text=True).stdout
        call[-1] = str(sample(name))
        known = subprocess.run(call, capture_output=True, check=False, text=True).stdout.splitlines()
        new = [line for line in found.splitlines()[1:] if line not in known]
        assert not [line for line in new if not re.match(r"\[minor\]|Missing required|Non-standard", line)]

    def test_a_gain_map_is_where_exiftool_looks_for_it(done, sample, tmp_path):
        done("exif", input=sample("gain-map.jpg"), output=tmp_path / "a.jpg", exif_op="strip")
        found = peer(tmp_path / "a.jpg")
        assert found["MPImage2:MPImageStart"] + found["MPImage2:MPImageLength"] == (tmp_path / "a.jpg").stat().st_size
