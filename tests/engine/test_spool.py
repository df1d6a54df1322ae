import tempfile
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediamill.engine.spool import WRITE_BYTES, Spool


def drain(spool: Spool) -> bytes:
    """Close the spool and take all that is left."""
    spool.close()
    parts = []
    while part := spool.take():
        parts.append(part)
    return b"".join(parts)


def test_lines_come_out_with_their_line_feeds() -> None:
    spool = Spool()
    spool.put(b"a")
    spool.put(b"b")
    assert spool.take() == b"a\nb\n"
    spool.put(b"c")
    assert drain(spool) == b"c\n"


def test_a_closed_empty_one_ends() -> None:
    spool = Spool()
    spool.close()
    assert spool.take() == spool.take() == b""


@given(
    st.lists(st.none() | st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=60),
    st.integers(0, 60),
)
@settings(deadline=None)
def test_the_order_holds_across_memory_and_disk(steps: list[bytes | None], memory: int) -> None:
    spool = Spool(memory)
    put = taken = b""
    for line in steps:
        if line is not None:
            spool.put(line)
            put += line + b"\n"
        elif taken != put:
            taken += spool.take()
    assert taken + drain(spool) == put


def test_what_is_taken_at_once_is_bounded_and_whole_lines_in_memory() -> None:
    spool = Spool()
    for _ in range(10):
        spool.put(b"x" * (WRITE_BYTES // 3))
    spool.put(b"y" * 3 * WRITE_BYTES)
    parts = [spool.take() for _ in range(6)]
    assert [len(part) for part in parts] == [2 * (WRITE_BYTES // 3 + 1)] * 5 + [3 * WRITE_BYTES + 1]


def test_beyond_its_memory_it_uses_the_disk_and_gives_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[Any] = []
    before = tempfile.TemporaryFile

    def note(*arguments: Any, **names: Any) -> Any:
        files.append(before(*arguments, **names))
        return files[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", note)
    spool = Spool(1000)
    for number in range(5000):
        spool.put(b"%d" % number)
    (file,) = files
    assert file.seek(0, 2) > 10_000
    assert drain(spool) == b"".join(b"%d\n" % number for number in range(5000))
    assert file.closed


def test_a_full_disk_costs_memory_and_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    spool = Spool(10)
    for number in range(100):
        spool.put(b"%d" % number)
    assert drain(spool) == b"".join(b"%d\n" % number for number in range(100))


@pytest.mark.parametrize("memory", [0, 100, 1 << 20])
def test_a_writer_in_another_thread_gets_every_line_in_order(memory: int) -> None:
    spool = Spool(memory)
    parts: list[bytes] = []

    def write() -> None:
        while part := spool.take():
            parts.append(part)

    writer = threading.Thread(target=write)
    writer.start()
    for number in range(3000):
        spool.put(b"line %d" % number)
    spool.close()
    writer.join(20)
    assert not writer.is_alive()
    assert b"".join(parts) == b"".join(b"line %d\n" % number for number in range(3000))
