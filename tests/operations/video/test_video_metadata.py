import json
import os
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from fixtures.samples import bright, films, sounds
from mediamill.operations.video import video_metadata

NAME = "video_metadata"
FFPROBE = shutil.which("ffprobe")


@pytest.fixture
def told(done, sample):
    """Return a function that tells of a sample."""

    def tell(name, **fields):
        result = done(NAME, input=sample(name), **fields)
        assert result.outputs == []
        json.dumps(result.metadata, allow_nan=False)
        return result.metadata

    return tell


def test_a_plain_film(told, sample):
    found = told("film.mp4")
    assert found["path"] == str(sample("film.mp4"))
    assert found["size_bytes"] == os.path.getsize(sample("film.mp4"))
    assert (found["format"], found["duration"], found["width"], found["height"]) == ("mp4", 2.0, 160, 120)
    assert found["bitrate"] == pytest.approx(found["size_bytes"] * 8 / 2, rel=0.01)
    video, audio = found["video"], found["audio"]
    wanted = {"codec": "h264", "width": 160, "height": 120, "rotation": 0, "frame_rate": 25.0, "frames": 50,
              "pixel_format": "yuv420p", "bit_depth": 8, "hdr": None, "interlaced": False, "duration": 2.0,
              "pixel_aspect_ratio": "1:1"}  # fmt: skip
    assert {name: video[name] for name in wanted} == wanted
    assert video["color"] == {"primaries": None, "transfer": None, "matrix": None, "range": None}
    wanted = {"codec": "aac", "sample_rate": 48_000, "channels": 2, "layout": "stereo"}
    assert {name: audio[name] for name in wanted} == wanted
    assert 80_000 < audio["bitrate"] < 110_000
    assert [one["type"] for one in found["streams"]] == ["video", "audio"]
    assert found["chapters"] == []


@pytest.mark.parametrize("name", films.TURNS)
def test_turns(told, name):
    found = told(name)
    degrees = int(name.split("-")[1].split(".")[0])
    mirrored = "mirrored" in name
    a, b, c, d = films.TURNS[name]
    assert found["video"].get("mirrored", False) == mirrored == (a * d - b * c < 0)
    if not mirrored:
        assert found["video"]["rotation"] == degrees
    assert (found["video"]["width"], found["video"]["height"]) == (160, 120)
    shown = (160, 120) if a else (120, 160)
    assert (found["width"], found["height"]) == shown
    assert (found["video"]["display_width"], found["video"]["display_height"]) == shown


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("wide-pixels.mp4", {"pixel_aspect_ratio": "16:11", "width": 160, "display_width": 233, "display_height": 120}),
        ("tall-pixels.mp4", {"pixel_aspect_ratio": "8:9", "display_width": 160, "display_height": 135}),
        ("odd.mp4", {"width": 161, "height": 121, "pixel_format": "yuv444p"}),
        ("ten-bit.mp4", {"codec": "hevc", "bit_depth": 10, "pixel_format": "yuv420p10le", "hdr": None}),
        ("interlaced.mp4", {"interlaced": True, "frames": 20}),
        ("one-frame.mp4", {"frames": 1}),
        ("rgb.mp4", {"pixel_format": "gbrp"}),
        ("film.webm", {"codec": "vp9"}),
        ("film.avi", {"codec": "mpeg4"}),
        ("edited.mp4", {"duration": 1.52}),
        ("changing.ts", {"width": 160}),
    ],
)
def test_pictures(told, name, wanted):
    video = told(name)["video"]
    assert {field: video[field] for field in wanted} == wanted


@pytest.mark.parametrize(
    ("name", "color"),
    [
        ("bt601.mp4", ["smpte170m", "smpte170m", "smpte170m", "limited"]),
        ("bt709.mp4", ["bt709", "bt709", "bt709", "limited"]),
        ("full-range.mp4", ["bt709", "bt709", "bt709", "full"]),
        ("hdr10.mp4", ["bt2020", "smpte2084", "bt2020nc", "limited"]),
        ("hlg.mp4", ["bt2020", "arib-std-b67", "bt2020nc", "limited"]),
    ],
)
def test_colours(told, name, color):
    assert list(told(name)["video"]["color"].values()) == color


def test_hdr(told):
    video = told("hdr10.mp4")["video"]
    assert video["hdr"] == "pq"
    assert video["content_light"] == {"max": bright.LIGHT[0], "average": bright.LIGHT[1]}
    display = video["mastering_display"]
    assert display["red"] == pytest.approx([0.708, 0.292])
    assert display["white"] == pytest.approx([0.3127, 0.329])
    assert (display["max_luminance"], display["min_luminance"]) == (1000.0, 0.005)
    assert told("hlg.mp4")["video"]["hdr"] == "hlg"


def test_tracks_and_the_default_one(told):
    found = told("tracks.mkv")
    tracks = [one for one in found["streams"] if one["type"] == "audio"]
    assert [one["language"] for one in tracks] == ["eng", "fre", "ger"]
    assert [one["title"] for one in tracks] == ["ENG", "FRE", "GER"]
    assert found["audio"] == tracks[1]
    assert told("surround.mp4")["audio"]["layout"] == "5.1"


@pytest.mark.parametrize("name", ["captions.mp4", "captions.mkv"])
def test_chapters_and_subtitles(told, name):
    found = told(name)
    assert [(one["start"], one["end"], one["title"]) for one in found["chapters"]] == list(films.CHAPTERS)
    (captions,) = (one for one in found["streams"] if one["type"] == "subtitle")
    assert captions["language"] == "eng"


def test_tags(told):
    found = told("placed.mov")
    assert found["tags"]["title"] == "A walk"
    assert found["tags"]["com.apple.quicktime.make"] == "Maker"


def test_covers_are_no_films(told):
    found = told("cover.mp4")
    assert found["video"]["codec"] == "h264"
    assert [one["codec"] for one in found["streams"] if one.get("cover")] == ["mjpeg"]
    sound = told("tagged.mp3")
    assert sound["video"] is None
    assert sound["audio"]["codec"] == "mp3"
    assert sound["tags"]["artist"] == sounds.TAGS["artist"]
    assert "width" not in sound


def test_sound_alone(told):
    found = told("sound-only.mp4")
    assert (found["video"], found["audio"]["codec"]) == (None, "aac")


@pytest.mark.parametrize("name", ["film.mkv", "film.ts", "fragmented.mp4", "uneven.mp4"])
def test_frames_are_counted_where_asked(told, name):
    frames = {"uneven.mp4": len(films.GAP)}.get(name, 50)
    assert told(name)["video"].get("frames") in (None, frames)
    assert told(name, count_frames=True)["video"]["frames"] == frames


def test_films_that_cannot_be_decoded_still_have_headers(told):
    found = told("external.mov")
    assert "undecodable" in found
    assert found["video"]["width"] == 160


def test_a_coding_nobody_knows(done, sample, tmp_path):
    path = tmp_path / "in.mp4"
    path.write_bytes(sample("film.mp4").read_bytes().replace(b"avc1", b"zz!1"))
    for operation in ("video_metadata", "probe"):
        found = done(operation, input=path).metadata
        assert [(one["type"], one["codec"]) for one in found["streams"]] == [("video", "unknown"), ("audio", "aac")]
        assert "width" not in found


def test_films_that_are_too_large_still_have_headers(done, sample):
    found = done(NAME, input=sample("film.mp4"), settings={"max_pixels": 1000}).metadata
    assert "max_pixels" in found["exceeds"]
    assert found["video"]["width"] == 160


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv", "rotten.mp4"])
def test_damaged_films(told, name):
    assert told(name)["video"]["codec"] == "h264"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("photo.jpg", "unsupported_format"),
        ("list.mp4", "unsupported_format"),
        ("script.mp4", "unsupported_format"),
        ("session.mp4", "unsupported_format"),
        ("text.mp4", "unsupported_format"),
        ("empty.mp4", "unsupported_format"),
        ("no-index.mp4", "corrupt_input"),
        ("no-streams.mp4", "corrupt_input"),
    ],
)
def test_what_is_no_film(code, sample, name, reason):
    assert code(NAME, input=sample(name)) == reason


def test_the_wrong_name_does_not_matter(told):
    assert told("wrong-extension.avi")["format"] == "mp4"


def test_unknown_fields_are_refused(job, sample):
    assert job(NAME, input=sample("film.mp4"), output="a").error_info.code == "invalid_job"


def test_probe_says_the_same(done, sample):
    probed = done("probe", input=sample("hdr10.mp4")).metadata
    found = done(NAME, input=sample("hdr10.mp4")).metadata
    assert {name: value for name, value in probed.items() if name in found} == {
        name: value for name, value in found.items() if name in probed
    }
    assert {"streams", "chapters", "duration", "width", "height", "frame_rate"} <= set(probed)


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("film.mp4").symlink_to(sample("film.mp4"))
    fields = dict(video_metadata.EXAMPLE)
    assert done(fields.pop("operation"), **fields).metadata["video"]["codec"] == "h264"


if FFPROBE is not None:
    NAMES = [
        *films.TURNS, *films.PICTURES, "film.mp4", "film.mov", "film.mkv", "film.ts", "film.webm", "film.avi",
        "hdr10.mp4", "hlg.mp4", "interlaced.mp4", "tracks.mkv", "tracks.mp4", "surround.mp4", "cover.mp4",
        "captions.mp4", "captions.mkv", "late-picture.mp4", "late-sound.mp4", "edited.mp4", "wrapping.ts",
        "changing.ts", "fragmented.mp4", "sound-only.mp4", "placed.mov", "tagged.mp3", "tagged.flac", "tagged.m4a",
        "tagged.opus", "surround.flac", "pink.wav", "cut.mp4", "cut.mkv", "rotten.mp4",
    ]  # fmt: skip

    def probed(path):
        command = [FFPROBE, "-v", "quiet", "-of", "json", "-show_format", "-show_streams", "-show_chapters", str(path)]
        return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    @pytest.mark.parametrize("name", NAMES)
    def test_it_agrees_with_ffprobe(told, sample, name):
        """Field by field: what ffprobe says, we say; a millisecond is the resolution of times."""
        theirs, ours = probed(sample(name)), told(name)
        agree_on_the_whole(theirs["format"], ours)
        assert len(theirs["streams"]) == len(ours["streams"])
        for one, other in zip(theirs["streams"], ours["streams"], strict=True):
            agree_on_a_stream(one, other)
        chapters = [
            (round(float(one["start_time"]), 3), round(float(one["end_time"]), 3), one["tags"]["title"])
            for one in theirs["chapters"]
        ]
        assert [(one["start"], one["end"], one["title"]) for one in ours["chapters"]] == chapters

    def agree_on_the_whole(theirs, ours):
        assert int(theirs["size"]) == ours["size_bytes"]
        if ours["format"] != "mp3":  # releases differ in whether an MP3's padding counts
            assert round(float(theirs.get("duration", 0)), 3) == ours.get("duration", 0)
            assert int(theirs.get("bit_rate", 0)) == pytest.approx(ours.get("bitrate", 0), rel=0.001)
            assert {name: value for name, value in theirs.get("tags", {}).items() if name != "encoder"} == {
                name: value for name, value in ours["tags"].items() if name != "encoder"
            }

    def agree_on_a_stream(theirs, ours):
        kind = theirs["codec_type"]
        assert (theirs["index"], kind) == (ours["index"], ours["type"])
        if kind in ("video", "audio", "subtitle"):
            assert theirs["codec_name"] == ours["codec"]
        tags, role = theirs.get("tags", {}), theirs["disposition"]
        assert {"und": ""}.get(tags.get("language", ""), tags.get("language", "")) == ours.get("language", "")
        assert bool(role["default"]) == ours.get("default", False)
        assert bool(role["attached_pic"]) == ours.get("cover", False)
        if kind == "video":
            agree_on_a_picture(theirs, ours)
        elif kind == "audio":
            assert int(theirs["sample_rate"]) == ours["sample_rate"]
            assert theirs["channels"] == ours["channels"]
            assert theirs.get("channel_layout", ours["layout"]).partition("(")[0] == ours["layout"].partition("(")[0]
        if kind in ("video", "audio") and "bit_rate" in theirs and not ours.get("cover"):
            # In transport streams it is an estimate from the first packets.
            assert int(theirs["bit_rate"]) == pytest.approx(ours.get("bitrate", 0), rel=0.02)

    def agree_on_a_picture(theirs, ours):
        for name, other in (("width", "width"), ("height", "height"), ("pix_fmt", "pixel_format")):
            assert theirs[name] == ours[other]
        assert theirs.get("profile", "") == ours.get("profile", "")
        assert theirs.get("sample_aspect_ratio", "1:1") == ours["pixel_aspect_ratio"]
        rate = theirs["avg_frame_rate"]
        if not rate.startswith("0/"):
            assert float(Fraction(rate)) == pytest.approx(float(Fraction(ours["frame_rate_ratio"])), rel=0.001)
        if "nb_frames" in theirs:
            assert int(theirs["nb_frames"]) == ours.get("frames", 0)
        if ours.get("cover"):
            return
        color = {"range": {"tv": "limited", "pc": "full"}.get(theirs.get("color_range", ""))}
        for name, other in (
            ("primaries", "color_primaries"),
            ("transfer", "color_transfer"),
            ("matrix", "color_space"),
        ):
            color[name] = theirs.get(other)
        assert color == ours["color"]
        turns = [int(one["rotation"]) for one in theirs.get("side_data_list", []) if "rotation" in one]
        if turns and not ours.get("mirrored"):
            assert -turns[0] % 360 == ours["rotation"]
        assert bool(turns) or ours["rotation"] == 0
        if "field_order" in theirs:
            assert (theirs["field_order"] != "progressive") == ours["interlaced"]
