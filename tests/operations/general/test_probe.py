import io
import os
import wave

import pytest

from mediamill.operations.general import probe


def probed(done, path):
    result = done("probe", input=path)
    assert result.outputs == []
    return result.metadata


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("photo.jpg", {"kind": "image", "format": "jpeg", "width": 1600, "height": 1067, "alpha": False}),
        ("orientation-6.jpg", {"width": 120, "height": 80, "orientation": 6}),
        ("photo-exif.jpg", {"has_exif": True, "has_icc": False}),
        ("p3.jpg", {"has_icc": True}),
        ("cmyk.jpg", {"color_space": "cmyk", "channels": 4}),
        ("rgb16.png", {"bit_depth": 16}),
        ("animated.gif", {"frames": 12, "animated": True, "duration": 1.59}),
        ("animated.avif", {"frames": 12, "animated": True, "duration": 1.59}),
        ("animated-apng.png", {"frames": 12, "animated": True}),
        ("multipage.tiff", {"frames": 3}),
        ("drawing.svg", {"format": "svg", "width": 300, "height": 200}),
        ("photo.heic", {"format": "heic", "width": 800, "height": 534}),
        ("photo.ico", {"format": "ico", "width": 48, "frames": 3}),
        ("half.jpg", {"width": 1600}),
        ("wrong-extension.png", {"format": "jpeg", "description": "a JPEG image"}),
        ("text.jpg", {"kind": "other", "format": "text"}),
        ("html.png", {"kind": "other", "format": "html"}),
        ("empty.jpg", {"kind": "other", "format": None, "size_bytes": 0}),
        ("native.v", {"kind": "other", "format": "vips"}),
        ("playlist.jpg", {"kind": "other", "format": "playlist"}),
    ],
)
def test_pictures_and_others(done, sample, name, wanted):
    found = probed(done, sample(name))
    assert {field: found[field] for field in wanted} == wanted
    assert found["size_bytes"] == os.path.getsize(sample(name))


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("bomb-4gp.png", "max_side"),
        ("bomb-16383.webp", "max_pixels"),
        ("bomb-frames.gif", "max_frames"),
        ("bomb-canvas.gif", "max_side"),
        ("bomb-scans.jpg", "max_scans"),
        ("bomb-pages.tiff", "max_frames"),
    ],
)
def test_bombs_are_told_not_set_off(done, sample, name, limit):
    assert limit in probed(done, sample(name))["exceeds"]


def test_the_photo_exceeds_nothing(done, sample):
    assert "exceeds" not in probed(done, sample("photo.jpg"))


@pytest.mark.parametrize("name", ["half.gif", "half.webp", "half.tiff"])
def test_headers_that_make_no_sense(code, sample, name):
    assert code("probe", input=sample(name)) == "corrupt_input"


def test_a_missing_file(code, tmp_path):
    assert code("probe", input=tmp_path / "none") == "input_not_found"


def test_unknown_fields_are_refused(job, sample):
    result = job("probe", input=sample("photo.jpg"), output="a.png")
    assert result.error_info.code == "invalid_job"


@pytest.fixture
def film(tmp_path):
    """Return a function that writes two seconds of film with sound."""
    import av
    import numpy as np

    def write(name, codec="mpeg4", rotation=0):
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            video = container.add_stream(codec, rate=25)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            if rotation:
                video.set_display_rotation(rotation)
            audio = container.add_stream("aac" if name.endswith(("mp4", "mov")) else "libvorbis", rate=48000)
            for _ in range(50):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
            for at in range(0, 96000, 960):
                sound = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.float32), format="fltp", layout="mono")
                sound.sample_rate, sound.pts = 48000, at
                container.mux(audio.encode(sound))
            container.mux(audio.encode(None))
        return path

    return write


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_films(done, film, name):
    found = probed(done, film(name))
    assert found["kind"] == "video"
    assert (found["width"], found["height"], found["frame_rate"]) == (64, 48, 25.0)
    assert found["duration"] == pytest.approx(2, abs=0.1)
    kinds = {stream["type"]: stream for stream in found["streams"]}
    assert kinds["video"]["codec"] == "mpeg4"
    assert kinds["audio"]["sample_rate"] == 48000
    assert kinds["audio"]["channels"] in (1, 2)


def test_turned_films(done, film):
    found = probed(done, film("a.mp4", rotation=90))
    assert (found["width"], found["height"]) == (48, 64)
    assert found["streams"][0]["rotation"] == 270  # FFmpeg counts the other way round


def test_a_film_larger_than_what_is_read_whole(done, sample):
    path = sample("film.mp4")
    result = done("probe", input=path, settings={"max_input_bytes": 1000})
    assert result.metadata["duration"] == 2.0
    assert result.metadata["size_bytes"] == os.path.getsize(path) > 1000


def test_a_picture_larger_than_what_is_read_whole(code, sample):
    assert code("probe", input=sample("photo.jpg"), settings={"max_input_bytes": 1000}) == "limit_exceeded"


def test_a_film_cut_short(code, film):
    path = film("a.mp4")
    path.write_bytes(path.read_bytes()[:200])
    assert code("probe", input=path) == "corrupt_input"


def test_sounds(done, tmp_path):
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((2, 2, 44100, 0, "NONE", ""))
        sound.writeframes(bytes(44100 * 4))
    (tmp_path / "a.wav").write_bytes(file.getvalue())
    found = probed(done, tmp_path / "a.wav")
    assert (found["kind"], found["format"], found["duration"]) == ("audio", "wav", 1.0)
    assert found["streams"][0]["channels"] == 2
    assert "width" not in found


def test_playlists_are_not_opened(done, tmp_path):
    (tmp_path / "secret.mp3").write_bytes(b"ID3")
    (tmp_path / "a.mp4").write_text("#EXTM3U\n#EXTINF:1,\nsecret.mp3\n")
    assert probed(done, tmp_path / "a.mp4")["format"] == "playlist"


def test_documents(done, code, tmp_path):
    import pikepdf

    plain = pikepdf.new()
    for _ in range(3):
        plain.add_blank_page()
    plain.save(tmp_path / "a.pdf")
    plain.save(tmp_path / "locked.pdf", encryption=pikepdf.Encryption(owner="o", user="u"))
    plain.save(tmp_path / "owned.pdf", encryption=pikepdf.Encryption(owner="o", user=""))
    found = probed(done, tmp_path / "a.pdf")
    assert (found["kind"], found["pages"], found["encrypted"]) == ("document", 3, False)
    assert probed(done, tmp_path / "locked.pdf")["encrypted"] is True
    owned = probed(done, tmp_path / "owned.pdf")
    assert (owned["pages"], owned["encrypted"]) == (3, True)
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.7\n" + b"x" * 100)
    assert code("probe", input=tmp_path / "bad.pdf") == "corrupt_input"


def test_the_example_runs(done, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(sample("photo.jpg"), tmp_path / "photo.jpg")
    fields = dict(probe.EXAMPLE)
    assert done(fields.pop("operation"), **fields).metadata["format"] == "jpeg"
