import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediamill.engine import platform

pytestmark = pytest.mark.skipif(not platform.LINUX, reason="cgroups and signals as Linux has them")


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a machine of 16 cores and 64 GiB, in a cgroup tree made of plain files."""
    monkeypatch.setattr(platform, "_CGROUP_ROOT", str(tmp_path / "cgroup"))
    monkeypatch.setattr(platform, "_OWN_CGROUP", str(tmp_path / "own"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PHYS_PAGES": 1 << 24, "SC_PAGE_SIZE": 4096}[name])
    for function in (platform.cores, platform.memory_bytes):
        function.cache_clear()
    yield tmp_path
    for function in (platform.cores, platform.memory_bytes):
        function.cache_clear()


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


OWN = "0::/app/job\n"


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 16),
        ({"own": OWN}, 16),
        ({"own": OWN, "cgroup/app/job/cpu.max": "200000 100000\n"}, 2),
        ({"own": OWN, "cgroup/app/job/cpu.max": "max 100000\n"}, 16),
        ({"own": OWN, "cgroup/app/job/cpu.max": "max 100000\n", "cgroup/app/cpu.max": "300000 100000\n"}, 3),
        ({"own": OWN, "cgroup/app/job/cpu.max": "800000 100000", "cgroup/app/cpu.max": "300000 100000\n"}, 3),
        ({"own": OWN, "cgroup/app/job/cpu.max": "100000 100000", "cgroup/app/cpu.max": "300000 100000\n"}, 1),
        ({"own": OWN, "cgroup/cpu.max": "400000 100000\n"}, 4),
        ({"own": "0::/\n", "cgroup/cpu.max": "400000 100000\n"}, 4),
        ({"own": "1:name=x:/\n0::/\n", "cgroup/cpu.max": "150000 100000\n"}, 2),
        ({"own": OWN, "cgroup/app/job/cpu.max": "10000 100000\n"}, 1),
        ({"own": OWN, "cgroup/app/job/cpu.max": "9900000 100000\n"}, 16),
        ({"own": OWN, "cgroup/app/job/cpu.max": "nonsense\n"}, 16),
        ({"own": OWN, "cgroup/app/job/cpu.max": ""}, 16),
        ({"own": "4:cpu:/x\n", "cgroup/cpu/cpu.cfs_quota_us": "250000", "cgroup/cpu/cpu.cfs_period_us": "50000"}, 5),
        ({"own": "4:cpu:/docker/x\n", "cgroup/cpu/cpu.cfs_quota_us": "200000"}, 2),
        ({"own": "4:cpu:/\n", "cgroup/cpu/cpu.cfs_quota_us": "-1", "cgroup/cpu/cpu.cfs_period_us": "100000"}, 16),
    ],
)  # fmt: skip
def test_cores_are_those_of_the_cgroup(cgroup: Path, files: dict[str, str], cores: int) -> None:
    write(cgroup, files)
    assert platform.cores() == cores


@pytest.mark.parametrize(
    ("files", "memory"),
    [
        ({}, 64 << 30),
        ({"own": OWN, "cgroup/app/job/memory.max": f"{1 << 30}\n"}, 1 << 30),
        ({"own": OWN, "cgroup/app/job/memory.max": "max\n"}, 64 << 30),
        ({"own": OWN, "cgroup/app/job/memory.max": "max\n", "cgroup/app/memory.max": f"{2 << 30}"}, 2 << 30),
        ({"own": OWN, "cgroup/app/job/memory.max": f"{4 << 30}", "cgroup/app/memory.max": f"{2 << 30}"}, 2 << 30),
        ({"own": OWN, "cgroup/app/job/memory.max": "nonsense"}, 64 << 30),
        ({"own": "2:memory:/x\n", "cgroup/memory/memory.limit_in_bytes": f"{3 << 30}\n"}, 3 << 30),
        ({"own": "2:memory:/x\n", "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 64 << 30),
    ],
)
def test_memory_is_that_of_the_cgroup(cgroup: Path, files: dict[str, str], memory: int) -> None:
    write(cgroup, files)
    assert platform.memory_bytes() == memory


def test_affinity_bounds_the_cores(cgroup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    write(cgroup, {"own": OWN, "cgroup/app/job/cpu.max": "800000 100000"})
    assert platform.cores() == 2


def test_elsewhere_the_machine_counts(cgroup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "LINUX", False)
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    write(cgroup, {"own": OWN, "cgroup/cpu.max": "100000 100000", "cgroup/memory.max": "1"})
    assert (platform.cores(), platform.memory_bytes()) == (5, 64 << 30)


def test_a_pipe_without_a_reader_is_noticed() -> None:
    reads, writes = os.pipe()
    try:
        assert not platform.reader_gone(writes)
        os.close(reads)
        assert platform.reader_gone(writes)
    finally:
        os.close(writes)


def test_a_full_pipe_has_its_reader_still() -> None:
    reads, writes = os.pipe()
    try:
        os.set_blocking(writes, False)
        with contextlib.suppress(BlockingIOError):
            while os.write(writes, b"x" * 65536):
                pass
        assert not platform.reader_gone(writes)
    finally:
        os.close(reads)
        os.close(writes)


def test_a_socket_whose_other_end_is_closed_is_noticed() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            assert not platform.reader_gone(ours.fileno())
            theirs.shutdown(socket.SHUT_WR)
            assert not platform.reader_gone(ours.fileno())
        assert platform.reader_gone(ours.fileno())


def test_a_file_always_takes_what_is_written(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        assert not platform.reader_gone(file.fileno())


def test_a_closed_descriptor_has_no_reader() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    os.close(writes)
    assert platform.reader_gone(writes)


def test_a_child_stopped_by_a_signal_is_noticed_and_stays_so() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        assert not platform.is_stopped(child.pid)
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        assert platform.is_stopped(child.pid)
        assert platform.is_stopped(child.pid)
    finally:
        child.kill()
        child.wait()
    assert not platform.is_stopped(child.pid)


def test_resident_memory_is_that_of_this_process() -> None:
    assert 5 << 20 < platform.resident_bytes() < 4 << 30


def test_a_limited_process_gets_no_more_memory_and_leaves_no_core() -> None:
    code = (
        "import resource; from mediamill.engine import platform; platform.limit_self(1 << 29);"
        "print(resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_CORE)[0])\n"
        "try: bytearray(1 << 30)\nexcept MemoryError: print('full')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(1 << 29), "0", "full"]


def test_a_process_of_one_job_starts_no_threads_for_linear_algebra() -> None:
    code = "from mediamill.engine import platform; platform.stay_small(); import numpy, os; print(platform.threads())"
    code = code.replace("platform.threads()", "len(os.listdir('/proc/self/task'))" if platform.LINUX else "1")
    environment = {key: value for key, value in os.environ.items() if key not in platform.QUIET_LIBRARIES}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["1"]


def test_a_process_whose_parent_is_another_ends_at_once() -> None:
    code = "from mediamill.engine import platform; platform.die_with_parent(1); print('alive')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b""


def test_a_process_with_its_parent_goes_on() -> None:
    code = "import os; from mediamill.engine import platform; platform.die_with_parent(os.getppid()); print('alive')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"alive\n"


@pytest.fixture
def other_thread() -> Iterator[None]:
    """Have a thread that takes signals, as the system is free to give them to it."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.usefixtures("other_thread")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_wait_until_what_must_not_be_broken_is_done(number: signal.Signals) -> None:
    came: list[str] = []
    before = signal.signal(number, lambda *_: came.append("signal"))
    try:
        with platform.SignalsHeld():
            signal.pthread_sigmask(signal.SIG_BLOCK, [number])
            os.kill(os.getpid(), number)  # to the other thread, which is the only one that takes it
            time.sleep(0.1)  # in which a handler that was not held would have broken in
            came.append("work")
        assert came == ["work", "signal"]
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        signal.signal(number, before)


def test_an_interrupt_that_waited_is_raised_afterwards_and_nothing_is_left_changed() -> None:
    came: list[str] = []
    before = [signal.signal(signal.SIGINT, signal.default_int_handler), signal.getsignal(signal.SIGTERM)]
    try:
        with contextlib.suppress(KeyboardInterrupt):
            with platform.SignalsHeld():
                signal.raise_signal(signal.SIGINT)
                came.append("work")
            came.append("nothing")
        assert came == ["work"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert signal.getsignal(signal.SIGTERM) == before[1]
    finally:
        signal.signal(signal.SIGINT, before[0])


def test_a_signal_is_heard_though_the_handler_of_another_raises() -> None:
    came: list[str] = []
    before = [
        signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.signal(signal.SIGTERM, lambda *_: came.append("signal")),
    ]
    try:
        with contextlib.suppress(KeyboardInterrupt):
            with platform.SignalsHeld():
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGTERM)
                came.append("work")
            came.append("nothing")
        assert came == ["work", "signal"]
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


def test_a_signal_nobody_handles_ends_the_process_after_what_must_not_be_broken() -> None:
    code = (
        "import signal; from mediamill.engine import platform; signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "with platform.SignalsHeld(): signal.raise_signal(signal.SIGTERM); print('done', flush=True)\n"
        "print('never')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert (ended.stdout, ended.returncode) == (b"done\n", -signal.SIGTERM)


def test_threads_that_run_no_handlers_hold_no_signals() -> None:
    seen: list[object] = []

    def work() -> None:
        with platform.SignalsHeld():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]
