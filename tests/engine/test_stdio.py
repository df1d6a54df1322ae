import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mediamill.engine.pipes import Reader, Writer
from mediamill.engine.spool import Spool
from mediamill.engine.stdio import stdout_on_stderr, write_all

PROTECT = """
import os, subprocess, sys
from mediamill.engine.stdio import protect
reads, writes = protect()
print("printed", flush=True)
os.write(1, b"raw\\n")
subprocess.run(["echo", "child"], check=True)
eaten = subprocess.run(["cat"], capture_output=True, check=True).stdout
os.write(writes, b"%d eaten, " % len(eaten) + os.read(reads, 100))
"""


def run(code: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=30, **options)


def test_stdout_and_stdin_are_private_after_protect() -> None:
    done = run(PROTECT, input=b"for the reader\n")
    assert done.stdout == b"0 eaten, for the reader\n"
    assert sorted(done.stderr.split()) == [b"child", b"printed", b"raw"]


def test_a_closed_stdin_is_an_empty_one() -> None:
    done = run(PROTECT, preexec_fn=lambda: os.close(0))
    assert done.stdout == b"0 eaten, "


def test_a_closed_stderr_swallows_what_would_pollute() -> None:
    done = run(PROTECT, input=b"x\n", preexec_fn=lambda: os.close(2))
    assert done.stdout == b"0 eaten, x\n"


def test_stdout_on_stderr_holds_for_python_and_for_descriptor_1_and_ends() -> None:
    done = run(
        "import os\nfrom mediamill.engine.stdio import stdout_on_stderr\nprint('a')\n"
        "with stdout_on_stderr():\n    print('b', flush=True)\n    os.write(1, b'c\\n')\nprint('d')"
    )
    assert (done.stdout.split(), done.stderr.split()) == ([b"a", b"d"], [b"b", b"c"])


def test_stdout_on_stderr_ends_with_an_error_too(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="x"), stdout_on_stderr():
        raise ValueError("x")
    os.write(1, b"back")
    assert capfd.readouterr().out == "back"


class Woken:
    """Counts wake-ups and lets a test wait for them."""

    def __init__(self) -> None:
        self.event = threading.Event()

    def __call__(self) -> None:
        self.event.set()


def read_until(reader: Reader, woken: Woken, done: Callable[[list[bytes]], bool]) -> list[bytes]:
    chunks: list[bytes] = []
    while not done(chunks):
        assert woken.event.wait(20)
        woken.event.clear()
        chunks += reader.take()
    return chunks


@pytest.mark.parametrize("blocking", [True, False])
def test_the_reader_gives_what_comes_and_then_the_end(blocking: bool) -> None:
    reads, writes = os.pipe()
    os.set_blocking(reads, blocking)
    woken = Woken()
    reader = Reader(reads, woken)
    reader.start()
    os.write(writes, b"one\n")
    assert read_until(reader, woken, lambda chunks: b"".join(chunks) == b"one\n")[-1] == b"one\n"
    os.write(writes, b"two\n")
    os.close(writes)
    assert read_until(reader, woken, lambda chunks: b"" in chunks) == [b"two\n", b""]
    reader.join(20)
    assert not reader.is_alive()
    os.close(reads)


def test_the_reader_waits_at_its_gate() -> None:
    reads, writes = os.pipe()
    woken = Woken()
    reader = Reader(reads, woken)
    reader.gate.clear()
    reader.start()
    os.write(writes, b"one\n")
    os.close(writes)
    assert reader.take() == []
    reader.gate.set()
    assert read_until(reader, woken, lambda chunks: b"" in chunks) == [b"one\n", b""]
    reader.join(20)
    os.close(reads)


def test_an_error_is_an_end() -> None:
    folder = os.open(os.curdir, os.O_RDONLY)
    woken = Woken()
    reader = Reader(folder, woken)
    reader.start()
    assert read_until(reader, woken, bool) == [b""]
    reader.join(20)
    os.close(folder)


@pytest.mark.parametrize("blocking", [True, False])
def test_the_writer_writes_more_than_a_pipe_holds(blocking: bool) -> None:
    reads, writes = os.pipe()
    os.set_blocking(writes, blocking)
    spool = Spool()
    lines = [b"%d" % number * 1000 for number in range(500)]
    for line in lines:
        spool.put(line)
    spool.close()
    woken = Woken()
    writer = Writer(writes, spool, woken)
    writer.start()
    whole = b"".join(line + b"\n" for line in lines)
    found = b""
    while len(found) < len(whole):
        found += os.read(reads, 1 << 16)
    writer.join(20)
    assert found == whole
    assert not writer.gone
    assert not woken.event.is_set()
    os.close(reads)
    os.close(writes)


def test_the_writer_says_that_nobody_reads() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    spool, woken = Spool(), Woken()
    writer = Writer(writes, spool, woken)
    writer.start()
    spool.put(b"x")
    writer.join(20)
    assert writer.gone
    assert woken.event.is_set()
    os.close(writes)


def test_write_all_raises_where_nobody_reads() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with pytest.raises(BrokenPipeError):
        write_all(writes, b"x")
    os.close(writes)


def test_stderr_that_nobody_reads_holds_nothing_up() -> None:
    reads, writes = os.pipe()
    code = (
        "import os\nfrom mediamill.engine.stdio import write_stderr\n"
        "write_stderr(b'x' * (1 << 20))\nos.write(1, b'done')"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=writes, check=True, timeout=30)
    assert done.stdout == b"done"
    assert os.read(reads, 4096) == b"x" * 4096
    os.close(reads)
    os.close(writes)
