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
from mediamill.protocol.framing import LineSplitter, TooLong
from mediamill.protocol.job import Job
from mediamill.protocol.results import Result, encode, failed

EXIT_JOB_FAILED = 1
READ_BYTES = 1 << 20


def batch(file: str, resume: str | None, settings: Settings) -> int:
    """Run the jobs of a file and print their results.

    Args:
        file: The file with the jobs, `-` for stdin.
        resume: A file with results of an earlier run of the same jobs. Those that succeeded, and whose outputs are
            still there, are printed again and not run again, so the output is always whole. Jobs are told by their
            ids, those without by their order.
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
        old = self._done.take(message) if self._done is not None else None
        if old is not None:
            self._print(index, ordered, old)
        elif isinstance(message, Result):
            self._note(index, ordered, None, message)
        else:
            engine.submit(message, partial(self._note, index, ordered))

    def _note(self, index: int, ordered: bool, _: Any, result: Result) -> None:
        self._failed = self._failed or not result.success
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
        self._by_id: dict[tuple[type, Any], bytes] = {}
        self._in_order: list[bytes | None] = []
        for line in _result_lines(data):
            try:
                result = parse(line)
            except InvalidJson:
                continue
            if "success" not in result:
                continue
            good = line if result["success"] is True else None
            if "id" not in result:
                self._in_order.append(good)
            elif good is not None and isinstance(result["id"], (str, int)):
                self._by_id[type(result["id"]), result["id"]] = good
        self._in_order.reverse()

    def take(self, message: Job | Result) -> bytes | None:
        """Return the earlier success of the next job, told by its id, or by its order where it has none.

        It is none where it is another operation's, or where an output is gone or has another size.
        """
        if message.id is not UNSET:
            line = self._by_id.get((type(message.id), message.id))
        else:
            line = self._in_order.pop() if self._in_order else None
        if line is None or isinstance(message, Result):
            return None
        return line if _still_there(parse(line), str(message.__struct_config__.tag)) else None


def _still_there(result: dict[str, Any], operation: str) -> bool:
    """Return whether an earlier result is of an operation and its outputs are as it says."""
    outputs = result.get("outputs")
    if result.get("operation") != operation or not isinstance(outputs, list):
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
