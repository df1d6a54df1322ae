"""A file of jobs: a JSON array gives an array of results, JSON lines give lines."""

import contextlib
import os
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET

from mediamill.engine.core import Engine
from mediamill.engine.pipes import Writer
from mediamill.engine.registry import Registry
from mediamill.engine.settings import Settings
from mediamill.engine.spool import Spool
from mediamill.engine.stdio import protect, write_stderr
from mediamill.engine.stream import EXIT_OUTPUT_LOST, LAST_WORDS_SECONDS
from mediamill.protocol.controls import Control
from mediamill.protocol.decode import decode_line, parse
from mediamill.protocol.errors import InputNotFound, InvalidJob, InvalidJson, LineTooLong
from mediamill.protocol.framing import BOM, LineSplitter, TooLong
from mediamill.protocol.job import Job
from mediamill.protocol.results import Result, encode, failed

EXIT_JOB_FAILED = 1
READ_BYTES = 1 << 20


def batch(file: str, resume: str | None, settings: Settings) -> int:
    """Run the jobs of a file and print their results.

    Args:
        file: The file with the jobs, `-` for stdin.
        resume: A file with results of an earlier run of the same jobs. Those that succeeded, and whose outputs are
            still there, are printed again and not run again, so the output is always whole. A job is told by all its
            fields: one that was changed is another.
        settings: The settings in force.

    Returns:
        0 where every job succeeded, 1 where one failed.
    """
    data = _read(file)
    done = _Done(_read(resume)) if resume else None
    _, writes = protect()
    is_array = data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    lines = _array_lines(data) if is_array else _file_lines(data, settings.max_line_bytes)
    return _Run(Registry(settings.operations_path), settings, writes, is_array, done).run(lines)


class _Run:
    """Feeds lines to an engine and prints what comes: with an id as it finishes, else and in an array in order."""

    def __init__(
        self, registry: Registry, settings: Settings, writes: int, is_array: bool, done: "_Done | None"
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._is_array = is_array
        self._done = done
        self._spool = Spool()
        self._writer = Writer(writes, self._spool, lambda: None)
        self._waiting: dict[int, bytes | None] = {}
        self._printed = 0
        self._failed = False

    def run(self, lines: Iterator[bytes | TooLong]) -> int:
        engine = Engine(self._settings, self._registry, write_stderr)
        window = self._settings.window
        self._writer.start()
        patience: float | None = LAST_WORDS_SECONDS
        try:
            for index, line in enumerate(lines):
                while engine.live >= window and not self._writer.gone:
                    engine.step(0.25)
                if self._writer.gone:
                    break
                self._take(index, line, engine)
            while engine.live and not self._writer.gone:
                engine.step(0.25)
            patience = None
        finally:
            engine.stop()
            if self._is_array:
                self._spool.put(b"]" if self._printed else b"[]")
            self._spool.close()
            self._writer.join(patience)
        if self._writer.gone:
            return EXIT_OUTPUT_LOST
        return EXIT_JOB_FAILED if self._failed else 0

    def _take(self, index: int, line: bytes | TooLong, engine: Engine) -> None:
        ordered = self._is_array
        if isinstance(line, TooLong):
            message: Job | Control | Result = failed("unknown", LineTooLong(f"Job {index + 1} has {line.size} bytes."))
        else:
            message = decode_line(line, self._registry)
        if isinstance(message, Control):
            error = InvalidJob("A batch file holds jobs; controls belong to the stream.", field="control")
            message = failed("unknown", error)
        ordered = ordered or message.id is UNSET
        if ordered:
            self._waiting[index] = None
        if isinstance(message, Result):
            self._note(index, ordered, None, None, message)
            return
        assert isinstance(line, bytes)
        digest = _digest(line)
        old = self._done.take(digest) if self._done is not None else None
        if old is not None:
            self._print(index, ordered, old)
        else:
            engine.submit(message, partial(self._note, index, ordered, digest))

    def _note(self, index: int, ordered: bool, digest: str | None, _: Any, result: Result) -> None:
        self._failed = self._failed or not result.success
        result.job = UNSET if digest is None else digest
        self._print(index, ordered, encode(result))

    def _print(self, index: int, ordered: bool, line: bytes) -> None:
        if not ordered:
            self._put(line)
            return
        self._waiting[index] = line
        while self._waiting:
            first = next(iter(self._waiting))
            ready = self._waiting[first]
            if ready is None:
                return
            del self._waiting[first]
            self._put(ready)

    def _put(self, line: bytes) -> None:
        if self._is_array:
            line = (b"," if self._printed else b"[") + line
        self._printed += 1
        self._spool.put(line)


class _Done:
    """The results of an earlier run that need no second one."""

    def __init__(self, data: bytes) -> None:
        self._by_digest: dict[str, list[bytes]] = {}
        for line in _result_lines(data):
            try:
                result = parse(line)
            except InvalidJson:
                continue
            if result.get("success") is True and isinstance(result.get("job"), str):
                self._by_digest.setdefault(result["job"], []).append(line)

    def take(self, digest: str) -> bytes | None:
        """Return an earlier success of the very same job whose outputs are still there, each only once."""
        lines = self._by_digest.get(digest)
        if not lines:
            return None
        line = lines.pop(0)
        return line if _still_there(parse(line)) else None


def _digest(line: bytes) -> str:
    """Return what tells a job from any other: a hash of its fields, whatever their order and spacing."""
    import hashlib

    return hashlib.sha256(msgspec.json.encode(parse(line.removeprefix(BOM)), order="sorted")).hexdigest()[:24]


def _still_there(result: dict[str, Any]) -> bool:
    """Return whether an earlier result's outputs are as it says."""
    outputs = result.get("outputs")
    if not isinstance(outputs, list):
        return False
    try:
        return all(
            not output["path"] or os.path.getsize(_exact_path(output)) == output["size_bytes"] for output in outputs
        )
    except (OSError, KeyError, TypeError, ValueError):
        return False


def _exact_path(output: dict[str, Any]) -> str:
    if "path_b64" not in output:
        return str(output["path"])
    import base64

    return os.fsdecode(base64.b64decode(output["path_b64"]))


def _result_lines(data: bytes) -> Iterator[bytes]:
    """Yield the results of an earlier run. An array that was cut off has one of them on each line all the same."""
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        with contextlib.suppress(InvalidJson):
            yield from _array_lines(data)
            return
    for line in _file_lines(data, 1 << 30):
        if isinstance(line, bytes):
            yield line.lstrip(b"[,")


def _read(file: str) -> bytes:
    try:
        if file == "-":
            return sys.stdin.buffer.read()
        with open(file, "rb") as opened:
            return opened.read()
    except OSError as error:
        raise InputNotFound(f"{file} cannot be read: {error.strerror}.") from None


def _array_lines(data: bytes) -> Iterator[bytes]:
    try:
        jobs = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJson(f"The file is not a JSON array of jobs: {error}.") from None
    return (bytes(job) for job in jobs)


def _file_lines(data: bytes, limit: int) -> Iterator[bytes | TooLong]:
    splitter = LineSplitter(limit)
    for start in range(0, len(data), READ_BYTES):
        yield from splitter.feed(data[start : start + READ_BYTES])
    yield from splitter.close()
