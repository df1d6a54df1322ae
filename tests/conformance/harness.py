"""A host for the engine: real pipes, a process group of its own, deadlines everywhere, and the contract's standing
promises checked on every line that comes out of any test."""

import collections
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FAULTS = os.path.join(ROOT, "tests", "faults")
MAX_RESULT_BYTES = 48 * 1024
PATIENCE = 30.0
"""Seconds a test waits for what must come. A machine under load is slow; a hang is longer than this."""

SLACK_MS = 500
"""What the contract allows a time-out to be late on a machine that wakes a process when it is due."""

CODES = {
    "invalid_json", "line_too_long", "invalid_job", "unknown_operation", "duplicate_id", "input_not_found",
    "input_unreadable", "unsupported_format", "corrupt_input", "limit_exceeded", "path_denied", "output_exists",
    "output_unwritable", "disk_full", "password_required", "target_unreachable", "dependency_missing", "encode_failed",
    "timeout", "cancelled", "worker_crashed", "out_of_memory", "overloaded", "shutting_down", "internal",
}  # fmt: skip
RETRYABLE = {"disk_full", "worker_crashed", "overloaded", "shutting_down"}

Json = dict[str, Any]


def command(*flags: Any) -> list[str]:
    """Return the command line of an engine."""
    return [sys.executable, "-m", "mediamill.engine", "stream", "--grace", "2", *(str(flag) for flag in flags)]


def environment(*folders: str, **more: str) -> dict[str, str]:
    """Return a clean environment for an engine that knows the operations of the fault folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEDIAMILL_")}
    return kept | {"MEDIAMILL_OPERATIONS_PATH": os.pathsep.join([FAULTS, *folders])} | more


class Lateness:
    """How late this machine wakes what is due: a loaded one cannot be held to milliseconds, and that is no fault of
    the engine's. A process of its own measures it from the start to `slack_ms`.
    """

    _NAPS = """
import sys, threading, time
ends = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ends.set()), daemon=True).start()
worst = 0.0
while not ends.is_set():
    due = time.monotonic() + 0.01
    time.sleep(0.01)
    worst = max(worst, time.monotonic() - due)
print(worst)
"""

    def __init__(self) -> None:
        command = [sys.executable, "-c", self._NAPS]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def slack_ms(self) -> float:
        """End the measurement and return how late a limit may be kept, in ms.

        Three are to be woken for one limit: the engine, the worker it kills, and the engine again.
        """
        worst, _ = self._process.communicate(timeout=PATIENCE)
        return SLACK_MS + 3 * 1000 * float(worst)

    def end(self) -> None:
        """End the measurement of a test that failed before it asked."""
        self._process.kill()
        self._process.wait(PATIENCE)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class Host:
    """One engine and all it says.

    Args:
        flags: Further flags of `stream`.
        cwd: The engine's folder.
        env: Further variables.
        folders: Further folders with operations.
        prefix: A command that runs the engine, such as prlimit.
        read: Whether stdout is read from the start; see `start_reading`.
        read_stderr: Whether stderr is read at all.
        sockets: Whether stdin and stdout are sockets, as some runtimes make them, instead of pipes.
        checked: Whether every line is held against the contract at the end.
    """

    def __init__(
        self,
        *flags: Any,
        cwd: Any = None,
        env: dict[str, str] | None = None,
        folders: Iterable[str] = (),
        prefix: Iterable[str] = (),
        read: bool = True,
        read_stderr: bool = True,
        sockets: bool = False,
        checked: bool = True,
        **popen: Any,
    ) -> None:
        self._changed = threading.Condition()
        self.lines: list[tuple[float, bytes]] = []
        self.messages: list[Json] = []
        self.bad: list[str] = []
        self.errors = bytearray()
        self.ended = False
        self._checked = checked
        self._sent: list[Json] = []
        theirs_in, self._in = _socket_ends() if sockets else os.pipe()
        self._out, theirs_out = _socket_ends() if sockets else os.pipe()
        self._err, theirs_err = os.pipe()
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [*prefix, *command(*flags)],
            stdin=theirs_in,
            stdout=theirs_out,
            stderr=theirs_err,
            cwd=cwd,
            env=environment(*folders, **(env or {})),
            start_new_session=True,
            **popen,
        )
        for descriptor in (theirs_in, theirs_out, theirs_err):
            os.close(descriptor)
        os.set_blocking(self._in, False)
        self._closed: set[int] = set()
        self._threads: list[threading.Thread] = []
        self._reading = read
        if read:
            self._start(self._read_lines)
        if read_stderr:
            self._start(self._read_errors)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        family = descendants(self.process.pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pid in family:
            if alive(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid[0], signal.SIGKILL)
        for thread in self._threads:
            thread.join(10)
        for descriptor in (self._in, self._out, self._err):
            self._close(descriptor)
        if kind is None and self._checked:
            self.check()

    @property
    def pid(self) -> int:
        return self.process.pid

    # What goes in.

    def send(self, *jobs: Json) -> None:
        """Send jobs or controls, a line each."""
        self.send_raw(b"".join(json.dumps(job).encode() + b"\n" for job in jobs))
        self._sent.extend(jobs)

    def send_raw(self, data: bytes, patience: float = PATIENCE) -> None:
        """Send bytes; fails where the engine does not take them in time."""
        view = memoryview(data)
        deadline = time.monotonic() + patience
        while view:
            _, ready, _ = select.select([], [self._in], [], max(0, deadline - time.monotonic()))
            assert ready, f"The engine does not read: {len(view)} of {len(data)} bytes are left."
            with contextlib.suppress(BlockingIOError):
                view = view[os.write(self._in, view) :]

    def close_stdin(self) -> None:
        self._close(self._in)

    def close_stdout(self) -> None:
        """Go away as a reader. Only for a host that does not read in a thread."""
        assert not self._reading
        self._close(self._out)

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    # What comes out.

    def start_reading(self, pause: float = 0.0, size: int = 1 << 16) -> None:
        """Read stdout from now on, with a pause after each read."""
        self._reading = True
        self._start(lambda: self._read_lines(pause, size))

    @property
    def results(self) -> list[Json]:
        return [message for message in list(self.messages) if "success" in message]

    @property
    def events(self) -> list[Json]:
        return [message for message in list(self.messages) if "event" in message]

    def until(self, ready: Callable[[], Any], patience: float = PATIENCE, what: str = "") -> Any:
        """Wait until `ready` returns something true, looking after each line; return it."""
        deadline = time.monotonic() + patience
        with self._changed:
            while True:
                found = ready()
                if found:
                    return found
                left = deadline - time.monotonic()
                if left <= 0 or self.ended:
                    raise AssertionError(
                        f"{what or 'What was waited for'} did not come"
                        f"{' before the end of stdout' if self.ended else f' in {patience} s'}; "
                        f"exit status {self.process.poll()}, last lines {[line[:300] for _, line in self.lines[-5:]]}, "
                        f"stderr ends {bytes(self.errors[-1500:])!r}"
                    )
                self._changed.wait(min(left, 0.05))

    def result(self, job_id: Any, patience: float = PATIENCE, nth: int = 0) -> Json:
        """Return the result with this id."""

        def found() -> Json | None:
            mine = [r for r in self.results if r.get("id") == job_id and type(r.get("id")) is type(job_id)]
            return mine[nth] if len(mine) > nth else None

        return self.until(found, patience, f"The result of {job_id!r}")

    def take(self, count: int, patience: float = PATIENCE) -> list[Json]:
        """Return all results once there are `count` of them."""
        self.until(lambda: len(self.results) >= count, patience, f"{count} results (there are {len(self.results)})")
        return self.results

    def event(self, kind: str, job_id: Any = None, patience: float = PATIENCE, nth: int = 0) -> Json:
        """Return the nth event of a kind, of a job where one is named."""

        def found() -> Json | None:
            mine = [e for e in self.events if e["event"] == kind and (job_id is None or e.get("id") == job_id)]
            return mine[nth] if len(mine) > nth else None

        return self.until(found, patience, f"The event {kind} of {job_id!r}")

    def ask(self, job: Json, patience: float = PATIENCE) -> Json:
        """Send a job with an id and return its result."""
        nth = sum(r.get("id") == job["id"] for r in self.results)
        self.send(job)
        return self.result(job["id"], patience, nth)

    def stats(self) -> Json:
        nth = sum(e["event"] == "stats" for e in self.events)
        self.send({"control": "stats"})
        return self.event("stats", nth=nth)

    def sync(self) -> None:
        """Wait until the engine has dealt with what was sent."""
        nth = sum(e["event"] == "pong" for e in self.events)
        self.send({"control": "ping"})
        self.event("pong", nth=nth)

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for the engine's end and for its last line; return its exit status."""
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"The engine still runs after {patience} s; last lines {[line[:300] for _, line in self.lines[-5:]]}, "
                f"stderr ends {bytes(self.errors[-1500:])!r}"
            ) from None
        for thread in self._threads:
            thread.join(10)
        return status

    def finish(self, patience: float = PATIENCE) -> list[Json]:
        """End the input, see the engine exit with 0, and return all results."""
        self.close_stdin()
        status = self.wait(patience)
        assert status == 0, f"exit status {status}, stderr ends {bytes(self.errors[-1500:])!r}"
        return self.results

    def workers(self) -> list[int]:
        """Return the ids of the engine's child processes."""
        return children(self.pid)

    # What must hold in every test.

    def check(self) -> None:
        """Hold every line against the promises that need no knowledge of the jobs."""
        assert not self.bad, self.bad[:5]
        done: set[str] = set()
        ids = collections.Counter(_key(job["id"]) for job in self._sent if "id" in job and "control" not in job)
        for message in self.messages:
            if "event" in message and "id" in message and ids[_key(message["id"])] < 2:
                late = _key(message["id"]) in done and message["event"] not in ("pong", "log")
                assert not late, f"An event after the result: {message}"
            elif "success" in message and "id" in message:
                done.add(_key(message["id"]))

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _read_lines(self, pause: float = 0.0, size: int = 1 << 16) -> None:
        rest = b""
        while True:
            try:
                data = os.read(self._out, size)
            except OSError:
                data = b""
            now = time.monotonic()
            *lines, rest = (rest + data).split(b"\n")
            if not data and rest:
                self.bad.append(f"The last line has no line feed: {rest[:200]!r}")
            with self._changed:
                for line in lines:
                    self.lines.append((now, line))
                    self._judge(line)
                self.ended = self.ended or not data
                self._changed.notify_all()
            if not data:
                return
            time.sleep(pause)

    def _judge(self, line: bytes) -> None:
        try:
            message = json.loads(line.decode(), parse_constant=_refuse, object_pairs_hook=_unique)
            fault = fault_of(message, line)
        except ValueError as error:
            self.bad.append(f"Not a protocol line ({error}): {line[:300]!r}")
            return
        if fault:
            self.bad.append(f"{fault}: {line[:600]!r}")
        self.messages.append(message)

    def _read_errors(self) -> None:
        while True:
            try:
                data = os.read(self._err, 1 << 16)
            except OSError:
                return
            if not data:
                return
            self.errors += data
            del self.errors[: -(4 << 20)]

    def _close(self, descriptor: int) -> None:
        if descriptor not in self._closed:
            self._closed.add(descriptor)
            os.close(descriptor)


def fault_of(message: Any, line: bytes) -> str | None:
    """Return what is wrong with a line by the protocol alone, None where it is well."""
    if not isinstance(message, dict):
        return "not an object"
    if ("success" in message) == ("event" in message):
        return "neither a result nor an event, or both"
    if "event" in message:
        known = {"started", "progress", "output", "retry", "input_needed", "log", "hello", "pong", "stats"}
        return None if message["event"] in known else "an unknown event"
    missing = [name for name in ("operation", "outputs", "elapsed_ms") if name not in message]
    if missing:
        return f"a result without {missing}"
    if message["elapsed_ms"] < 0 or not isinstance(message["elapsed_ms"], int):
        return "elapsed_ms is no number of milliseconds"
    inline = any("data_base64" in output for output in message["outputs"])
    if len(line) > MAX_RESULT_BYTES and not inline:
        return f"a result of {len(line)} bytes"
    for output in message["outputs"]:
        if not {"path", "format", "width", "height", "size_bytes"} <= set(output):
            return "an output without its fields"
    if message["success"]:
        return None if "metadata" in message and "error_info" not in message else "a success without metadata"
    info = message.get("error_info")
    if not isinstance(info, dict) or not message.get("error"):
        return "a failure without error and error_info"
    if info.get("code") not in CODES:
        return f"a code outside the table: {info.get('code')}"
    return None if info.get("retryable") is (info["code"] in RETRYABLE) else "retryable is not the table's"


def code(result: Json) -> str:
    """Return a result's error code, `ok` for a success."""
    return "ok" if result["success"] else result["error_info"]["code"]


def children(pid: int) -> list[int]:
    """Return the ids of a process's living children."""
    return [child for child, parent, state, _ in _processes() if parent == pid and state != "Z"]


def descendants(pid: int) -> list[tuple[int, str]]:
    """Return all processes under a process, each with its start time, which tells it from a later one of its id."""
    table = _processes()
    found, level = [], {pid}
    while level:
        level = {child for child, parent, _, _ in table if parent in level} - {known for known, _ in found}
        found += [(child, began) for child, _, _, began in table if child in level]
    return found


def alive(process: tuple[int, str]) -> bool:
    """Return whether a process of `descendants` still lives."""
    return any((pid, began) == process and state not in "ZX" for pid, _, state, began in _processes())


def all_dead(processes: list[tuple[int, str]], within: float = 1.0) -> list[tuple[int, str]]:
    """Wait for processes to end; return those that live after `within` seconds."""
    deadline = time.monotonic() + within
    while (left := [process for process in processes if alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _processes() -> list[tuple[int, int, str, str]]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
                found.append((int(name), int(fields[1]), fields[0].decode(), fields[19].decode()))
    return found


def resident(pid: int) -> int:
    """Return a process's resident memory in bytes."""
    with open(f"/proc/{pid}/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def files_under(folder: Any) -> dict[str, bytes]:
    """Return every file below a folder, by its relative name."""
    found = {}
    for base, _, names in os.walk(os.fspath(folder)):
        for name in names:
            path = os.path.join(base, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, folder)] = file.read()
    return found


def _socket_ends() -> tuple[int, int]:
    one, other = socket.socketpair()
    return one.detach(), other.detach()


def _key(value: Any) -> str:
    return json.dumps(value)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a finite number")


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
