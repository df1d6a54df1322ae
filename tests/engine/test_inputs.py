import os
import socket
from pathlib import Path

import pytest

from mediamill.engine import inputs as module
from mediamill.engine.inputs import Inputs
from mediamill.operations.contract import Limits
from mediamill.protocol.errors import InputNotFound, InputUnreadable, LimitExceeded, MediaError, PathDenied
from mediamill.protocol.job import InputSource

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def read(path: Path | str | InputSource, limit: int = 1000, roots: tuple[str, ...] = ()) -> object:
    return Inputs(Limits(max_input_bytes=limit), roots).read(
        path if isinstance(path, InputSource) else str(path), "input"
    )


def test_a_file_is_read_whole_and_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(PNG)
    inputs = Inputs(Limits(), ())
    blob = inputs.read(str(path), "input")
    assert (blob.data, blob.name, blob.path, blob.kind.format) == (PNG, "a.jpg", str(path), "png")
    status = path.stat()
    assert inputs.files == {(status.st_dev, status.st_ino)}


def test_inline_data_has_no_path() -> None:
    blob = Inputs(Limits(), ()).read(InputSource(data_base64=PNG), "input")
    assert (blob.data, blob.name, blob.path, blob.kind.format) == (PNG, "input", None, "png")


def test_exact_bytes_name_a_file_that_is_no_text(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9"
    with open(raw, "wb") as file:
        file.write(b"x")
    blob = Inputs(Limits(), ()).read(InputSource(path_b64=raw), "input")
    assert (blob.data, blob.name) == (b"x", os.fsdecode(b"caf\xe9"))


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_a_size_up_to_the_limit_is_read(tmp_path: Path, size: int) -> None:
    (tmp_path / "a").write_bytes(b"x" * size)
    assert len(read(tmp_path / "a").data) == size  # type: ignore[attr-defined]
    assert len(read(InputSource(data_base64=b"x" * size)).data) == size  # type: ignore[attr-defined]


def test_a_byte_more_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1001)
    monkeypatch.setattr(module, "_read_all", None)
    for source in (tmp_path / "a", InputSource(data_base64=b"x" * 1001)):
        with pytest.raises(LimitExceeded, match="1001 bytes, above max_input_bytes = 1000") as caught:
            read(source)
        assert (caught.value.field, caught.value.received) == ("input", 1001)


@pytest.mark.parametrize("name", ["none", "none/none", "file/none", "x" * 300])
def test_what_is_not_there_is_not_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputNotFound, match="Input file not found: ") as caught:
        read(tmp_path / name)
    assert caught.value.received == str(tmp_path / name)


def test_what_is_no_regular_file_is_unreadable_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for path, words in (
            (tmp_path, "Input is a folder, not a file"),
            (tmp_path / "pipe", "Input is a pipe, not a file"),
            (Path("/dev/null"), "Input is a device, not a file"),
            (tmp_path / "socket", "Input cannot be read"),
        ):
            with pytest.raises(InputUnreadable, match=words):
                read(path)


def test_a_file_without_permission_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputUnreadable, match="Permission denied"):
        read(tmp_path / "a")


@pytest.mark.parametrize("change", [b"x", b"xxxx"])
def test_a_file_that_changes_while_it_is_read_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: bytes
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    before = module._read_all

    def change_first(descriptor: int, size: int) -> bytes:
        path.write_bytes(change)
        return before(descriptor, size)

    monkeypatch.setattr(module, "_read_all", change_first)
    with pytest.raises(InputUnreadable, match="changed while it was read"):
        read(path)


def test_roots_hold_for_links_too(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "root" / "a").write_bytes(b"a")
    (tmp_path / "root" / "link").symlink_to("../secret")
    (tmp_path / "root" / "good").symlink_to("a")
    roots = (str(tmp_path / "root"),)
    for name in ("link", "../secret"):
        with pytest.raises(PathDenied):
            read(tmp_path / "root" / name, roots=roots)
    assert read(tmp_path / "root" / "a", roots=roots).data == b"a"  # type: ignore[attr-defined]
    assert read(tmp_path / "root" / "good", roots=roots).data == b"a"  # type: ignore[attr-defined]


def test_a_link_in_a_circle_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    with pytest.raises(InputUnreadable):
        read(tmp_path / "a")


@pytest.mark.parametrize("raw", [b"none\xff", b"\xff"])
def test_an_error_about_a_name_that_is_no_text_is_text(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(MediaError) as caught:
        read(os.path.join(tmp_path, os.fsdecode(raw)))
    caught.value.message.encode()


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    read(tmp_path / "a")
    with pytest.raises(InputUnreadable):
        read(tmp_path)
    with pytest.raises(LimitExceeded):
        read(tmp_path / "a", limit=0)
    assert (len(os.listdir("/proc/self/fd")) if before else 0) == before


def test_a_film_is_opened_and_looked_at_but_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.bin").write_bytes(PNG)
    monkeypatch.setattr(module, "_read_all", None)
    inputs = Inputs(Limits(max_input_bytes=1), ())
    stream = inputs.open(str(tmp_path / "a.bin"), "input")
    assert (stream.size, stream.name, stream.path, stream.kind.format) == (28, "a.bin", str(tmp_path / "a.bin"), "png")
    assert os.read(stream.descriptor, 100) == PNG
    assert len(inputs.files) == 1
    inputs.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(stream.descriptor)


def test_inline_data_is_opened_like_a_file() -> None:
    inputs = Inputs(Limits(), ())
    stream = inputs.open(InputSource(data_base64=PNG), "input")
    assert (stream.size, stream.path, stream.kind.format) == (28, None, "png")
    assert os.pread(stream.descriptor, 100, 0) == PNG
    inputs.close()


def test_what_is_opened_is_checked_like_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1001)
    inputs = Inputs(Limits(max_stream_bytes=1000), (str(tmp_path),))
    with pytest.raises(LimitExceeded, match="1001 bytes, above max_stream_bytes = 1000"):
        inputs.open(str(tmp_path / "a"), "input")
    with pytest.raises(InputUnreadable, match="a folder"):
        inputs.open(str(tmp_path), "input")
    with pytest.raises(InputNotFound):
        inputs.open(str(tmp_path / "b"), "input")
    with pytest.raises(PathDenied):
        inputs.open("/etc/hostname", "input")
    inputs.close()
