"""What differs between operating systems, each with what stands in for it where it is missing.

Linux has everything. macOS lacks the parent-death signal, where a worker notices its closed socket instead. Windows
has no passing of descriptors to a child: `CAN_POOL` is False there, and jobs run in the engine's own process.
"""

import contextlib
import functools
import os
import select
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

LINUX = sys.platform.startswith("linux")
CAN_POOL = os.name == "posix"

QUIET_LIBRARIES = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""What keeps numerical libraries from starting threads: parallel are jobs, and what an operation does side by side."""

_M_ARENA_MAX = -8
_PR_SET_PDEATHSIG = 1
_CGROUP_ROOT = "/sys/fs/cgroup"
_OWN_CGROUP = "/proc/self/cgroup"


def die_with_parent(parent_pid: int) -> None:
    """Ask the kernel to kill this process when its parent's spawning thread ends; do so now if it is gone."""
    if LINUX:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(0)


def limit_self(memory_bytes: int) -> None:
    """Bound this process's address space, where the system can, and switch core dumps off."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if LINUX:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        if hard != resource.RLIM_INFINITY:
            memory_bytes = min(memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, hard))


def stay_small() -> None:
    """Keep libraries that are yet to be loaded from threads of their own, and memory from one heap for each thread.

    A pool's workers start with variables that say the same. In a process that ends with its one job, starting linear
    algebra's threads takes longer than most of what it would ever be asked for, and each heap's pages are fresh ones.
    """
    os.environ.update(QUIET_LIBRARIES)
    if LINUX:
        import ctypes

        with contextlib.suppress(AttributeError):  # another C library than glibc has no such setting
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def reader_gone(fd: int) -> bool:
    """Return whether nobody can read what is written to `fd` any more; False where that cannot be told."""
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(fd, 0)
    try:
        return any(mask & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, mask in poll.poll(0))
    except OSError:
        return True


def is_stopped(pid: int) -> bool:
    """Return whether a child of ours is stopped by a signal; its state stays as it is."""
    if not hasattr(os, "waitid"):
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


def has_ended(pid: int, patience: float = 0.0) -> bool:
    """Return whether a child of ours has ended, or does within `patience` seconds; it stays to be waited for."""
    if not hasattr(os, "waitid"):
        return False
    deadline = time.monotonic() + patience
    try:
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.002)
    except ChildProcessError:
        return False
    return True


def memory_ran_short() -> bool:
    """Return whether this process has, at some time, used more than half of the address space it may have."""
    if not LINUX:
        return False
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    with open("/proc/self/status", "rb") as status:
        peak = next((int(line.split()[1]) << 10 for line in status if line.startswith(b"VmPeak:")), 0)
    return limit != resource.RLIM_INFINITY and peak > limit // 2


def resident_bytes() -> int:
    """Return this process's resident memory in bytes; its peak where the system tells no more."""
    if LINUX:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@functools.cache
def cores() -> int:
    """Return how many cores this process may use: its affinity, bounded by the cgroup's CPU quota."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for quota in _cgroup("cpu.max", "cpu/cpu.cfs_quota_us"):
        numbers = quota.split()
        period = numbers[1] if len(numbers) > 1 else next(iter(_cgroup("", "cpu/cpu.cfs_period_us")), "100000")
        with contextlib.suppress(ValueError, ZeroDivisionError):
            limit = int(numbers[0]) / int(period)
            if limit > 0:
                count = min(count, max(1, int(limit + 0.5)))
    return max(1, count)


@functools.cache
def memory_bytes() -> int:
    """Return how much memory this process may use: the machine's, bounded by the cgroup's limit."""
    total = 8 << 30
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in _cgroup("memory.max", "memory/memory.limit_in_bytes"):
        with contextlib.suppress(ValueError):
            total = min(total, int(limit))
    return total


def _cgroup(unified: str, legacy: str) -> list[str]:
    """Return the limits a cgroup file sets, from this process's own group upwards: each of them binds."""
    values: list[str] = []
    for path in _cgroup_paths(unified, legacy) if LINUX else ():
        with contextlib.suppress(OSError), open(path) as file:
            value = file.read().strip()
            if value and not value.startswith("max"):
                values.append(value)
    return values


def _cgroup_paths(unified: str, legacy: str) -> list[str]:
    paths = []
    if unified:
        with contextlib.suppress(OSError), open(_OWN_CGROUP) as file:
            for line in file:
                if line.startswith("0::"):
                    group = line[3:].strip().strip("/")
                    parts = group.split("/") if group else []
                    paths += [
                        os.path.join(_CGROUP_ROOT, *parts[:depth], unified) for depth in range(len(parts), -1, -1)
                    ]
    return [*paths, os.path.join(_CGROUP_ROOT, legacy)]


class SignalsHeld:
    """Lets the handlers of SIGINT and SIGTERM wait until a block is over; in threads that run none it does nothing.

    A mask of signals would not do: the system gives a signal to whichever thread has it unmasked, and the handler
    then interrupts the main one all the same.
    """

    def __enter__(self) -> None:
        self._came = dict[int, FrameType | None]()
        self._handlers = dict[signal.Signals, Any]()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if handler is not None and handler != signal.SIG_IGN:  # set by other means than Python's, or not heard
                    self._handlers[number] = handler
            for number in self._handlers:
                signal.signal(number, self._came.setdefault)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        with contextlib.ExitStack() as waiting:  # which runs all of them, even where one raises
            for number, handler in self._handlers.items():
                if number in self._came and callable(handler):
                    waiting.callback(handler, number, self._came[number])
                elif number in self._came:
                    waiting.callback(signal.raise_signal, number)
