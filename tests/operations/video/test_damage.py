"""What is damaged is counted and said; what only pretends to be a film is refused unopened."""

import ctypes
import ctypes.util
import os
import select
import socket
import sys

import av
import pytest

from fixtures.samples import torn

IN_OPEN = 0x20
OPERATIONS = {
    "video_transcode": {"output": "out.mp4"},
    "video_resize": {"output": "out.mp4", "width": 80},
    "video_profile": {"output": "out.mp4", "profile": "web-low"},
}


@pytest.fixture
def tried(job, tmp_path):
    """Return a function that runs an operation on a file, and checks that a failure leaves nothing behind."""

    def run(operation, path, **fields):
        folder = tmp_path / "made"
        fields = OPERATIONS[operation] | fields
        before = sorted(folder.iterdir()) if folder.exists() else []
        result = job(operation, input=path, **fields | {"output": str(folder / "out.mp4")})
        if not result.success:
            assert (sorted(folder.iterdir()) if folder.exists() else []) == before
        return result

    return run


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("name", "code"), [
    ("no-index.mp4", "corrupt_input"), ("no-streams.mp4", "corrupt_input"), ("external.mov", "corrupt_input"),
    ("sound-only.mp4", "unsupported_format"), ("empty.mp4", "unsupported_format"), ("text.mp4", "unsupported_format"),
    ("zeros.mp4", "unsupported_format"), ("list.mp4", "unsupported_format"), ("script.mp4", "unsupported_format"),
    ("session.mp4", "unsupported_format"), ("photo-444.jpg", "unsupported_format"),
])  # fmt: skip
def test_refused(tried, sample, operation, name, code):
    result = tried(operation, sample(name))
    assert result.error_info.code == code
    assert result.error.endswith((".", name))


@pytest.mark.parametrize(("name", "operation"), [("cut.mp4", "video_transcode"), ("cut.mkv", "video_profile")])
def test_cut_short(tried, sample, seen, tmp_path, name, operation):
    result = tried(operation, sample(name))
    told = result.metadata["damaged"]
    film = seen(tmp_path / "made" / "out.mp4")
    assert told["missing_seconds"] == pytest.approx(2 - film.duration, abs=0.06)
    assert 20 < len(film.frames) < 32
    assert tried(operation, sample(name), strict=True, overwrite="replace").error_info.code == "corrupt_input"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_rot_is_counted(tried, sample, seen, tmp_path, operation):
    result = tried(operation, sample("rotten.mp4"))
    told = result.metadata["damaged"]
    frames = len(seen(tmp_path / "made" / "out.mp4").frames)
    assert told["decode_errors"] >= 1
    assert told["lost_frames"] == 50 - frames
    strict = tried(operation, sample("rotten.mp4"), strict=True, overwrite="replace")
    assert strict.error_info.code == "corrupt_input"
    assert "damaged" in strict.error


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_sound_film_is_not_called_damaged(tried, sample, operation):
    for name in ("film.mkv", "edited.mp4", "late-picture.mp4", "wrapping.ts", "fragmented.mp4", "tracks.mkv"):
        result = tried(operation, sample(name), strict=True, overwrite="replace")
        assert result.success, (name, result.error)
        assert "damaged" not in result.metadata


def test_the_name_says_nothing(tried, sample):
    assert tried("video_transcode", sample("wrong-extension.avi")).metadata["source"]["format"] == "mp4"


def disguises(film, port):
    """Yield files that name another file and a host, under the name of a film."""
    there, address = os.fsencode(film), f"127.0.0.1:{port}".encode()
    for target in (there, b"file:" + there, b"http://" + address + b"/a.ts", b"tcp://" + address):
        yield b"#EXTM3U\n#EXTINF:2,\n" + target + b"\n#EXT-X-ENDLIST\n"
        yield b"ffconcat version 1.0\nfile '" + target + b"'\n"
        yield b'\xef\xbb\xbf#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="' + target + b'"\n#EXTINF:2,\n' + target + b"\n"
        yield b'<?xml version="1.0"?><MPD><Period><BaseURL>' + target + b"</BaseURL></Period></MPD>"
    yield b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=video " + str(port).encode() + b" TCP 96\r\na=control:" + there + b"\r\n"
    yield b'<asx version="3.0"><entry><ref href="' + target + b'"/></entry></asx>'
    yield b"[Reference]\nRef1=http://" + address + b"/a.ts\n"


@pytest.fixture
def canary(sample, tmp_path):
    """Return a film that must not be opened, and a port nobody may knock at."""
    film = tmp_path / "canary" / "film.mov"
    film.parent.mkdir()
    film.write_bytes(sample("film.mov").read_bytes())
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield film, listening


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_is_contacted(tried, tmp_path, canary, operation):
    film, listening = canary
    for number, data in enumerate(disguises(film, listening.getsockname()[1])):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(data)
        assert tried(operation, path).error_info.code == "unsupported_format"
    assert select.select([listening], [], [], 0.1)[0] == []


if sys.platform == "linux":

    class Watch:
        """Tells whether a file was opened, by inotify."""

        def __init__(self, path):
            self._libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
            self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK)
            assert self._libc.inotify_add_watch(self._descriptor, os.fsencode(path), IN_OPEN) >= 0

        def opened(self):
            try:
                return bool(os.read(self._descriptor, 4096))
            except BlockingIOError:
                return False

        def close(self):
            os.close(self._descriptor)

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_nothing_but_the_named_file_is_opened(tried, sample, tmp_path, canary, operation):
        film, listening = canary
        watch = Watch(film)
        refers = [torn.refer(sample("film.mov").read_bytes(), os.fsencode(name)) for name in (film, "canary/film.mov")]
        for number, data in enumerate([*disguises(film, listening.getsockname()[1]), *refers]):
            path = tmp_path / f"{number}.mov"
            path.write_bytes(data)
            assert not tried(operation, path).success
        assert not watch.opened()
        film.read_bytes()
        assert watch.opened()  # the watch itself works
        watch.close()


@pytest.mark.parametrize(("operation", "fields"), [
    ("video_transcode", {"preset": "ultrafast"}), ("video_resize", {"width": 160}),
    ("video_trim", {"start": 0, "accurate": False}), ("video_trim", {"end": 0.5}),
], ids=["coded", "copied", "cut", "cut at its end"])  # fmt: skip
def test_a_strict_job_copies_no_damaged_sound(job, sample, tmp_path, operation, fields):
    data = bytearray(sample("film.mp4").read_bytes())
    with av.open(str(sample("film.mp4"))) as container:
        places = [(one.pos, one.size) for one in container.demux(audio=0) if one.size]
    at, size = places[10]
    data[at : at + size] = bytes([255]) * size
    path = tmp_path / "in.mp4"
    path.write_bytes(data)
    assert job(operation, input=path, output=tmp_path / "out.mp4", **fields).success
    result = job(operation, input=path, output=tmp_path / "strict.mp4", strict=True, **fields)
    assert result.error_info.code == "corrupt_input"
    assert job(operation, input=sample("film.mp4"), output=tmp_path / "strict.mp4", strict=True, **fields).success


def test_sound_that_ends_within_a_packet_is_not_copied_so(done, sample, seen, tmp_path):
    with av.open(str(sample("film.mp4"))) as container:
        last = max((one.pos, one.size) for one in container.demux(audio=0) if one.size)
    path = tmp_path / "in.mp4"
    path.write_bytes(sample("film.mp4").read_bytes()[: last[0] + last[1] // 2])
    result = done("video_transcode", input=path, output=tmp_path / "out.mp4", skip_if_larger=False)
    assert result.metadata["damaged"]["decode_errors"] >= 1
    seen(result.outputs[0].path)
    with av.open(result.outputs[0].path) as container:
        assert len(list(container.decode(audio=0))) > 90
