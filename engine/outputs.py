"""Outputs: whole or not at all, and all of a job's together.

Each is written to a short random name in its own folder and checked; when every one of them is there they are flushed
and renamed. Whoever starts the job is told each temporary name before it exists and the renames before the flushing
begins, so that it can remove or finish what a dead worker left, and use the processor meanwhile.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from msgspec import UNSET, Struct

from mediamill.engine.paths import legal, under_roots
from mediamill.operations.contract import Plan, Target
from mediamill.protocol.errors import (
    DiskFull,
    InvalidJob,
    MediaError,
    OutputExists,
    OutputUnwritable,
)
from mediamill.protocol.results import Output, path_fields, text

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_OPENABLE = stat.S_IRUSR | stat.S_IWUSR
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
Overwrite = Literal["replace", "error", "skip"]


class Move(Struct, frozen=True):
    """One rename still to be done: from a temporary name to the output's own."""

    source: str
    target: str
    keep: bool = False
    """Fail where the target exists."""


class Outputs:
    """A job's outputs, from their claim to their place.

    Args:
        overwrite: What happens to an output that exists.
        in_place: Whether an output may be an input.
        inline: Whether results carry the bytes.
        roots: Folders outputs must be under; none: anywhere.
        fsync: Whether bytes and names are flushed to the disk.
        announce: Is called with each temporary file's path, and each missing folder's, before it is made.
    """

    def __init__(
        self,
        *,
        overwrite: Overwrite,
        in_place: bool = False,
        inline: bool = False,
        roots: Sequence[str] = (),
        fsync: bool = True,
        announce: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._overwrite = overwrite
        self._in_place = in_place
        self._inline = inline
        self._roots = roots
        self._fsync = fsync
        self._announce = announce
        self._order: list[Target] = []
        self._real: dict[Target, str] = {}
        self._modes: dict[Target, int] = {}
        self._made: dict[Target, Output] = {}
        self._folders: list[str] = []
        self.moves: list[Move] = []

    def claim(self, plan: Plan, inputs: set[tuple[int, int]], *, make: bool = True) -> tuple[Target, ...]:
        """Check every place and, unless `make` is False, make the folders; see `Context.claim`."""
        todo = []
        for target in plan.targets:
            self._order.append(target)
            if not target.path:
                todo.append(target)
                continue
            if self._place(target, inputs, make):
                todo.append(target)
        return tuple(todo)

    def write(self, target: Target, data: bytes, facts: dict[str, Any]) -> Output:
        """Write one output's bytes to its temporary file; raises DiskFull or OutputUnwritable."""
        if target.path:
            self._write_file(target, data)
        return self._note(target, len(data), data, facts)

    def create(self, target: Target) -> str:
        """Make one output's temporary file, empty, and return its path; raises DiskFull or OutputUnwritable."""
        if not target.path:
            raise InvalidJob("This output is too large to be returned inline.", field="output", expected="a path")
        os.close(self._create(target))
        return self.moves[-1].source

    def finish(self, target: Target, facts: dict[str, Any]) -> Output:
        """Flush and note an output that was written by name; raises DiskFull or OutputUnwritable."""
        source = next(move.source for move in self.moves if move.target == self._real[target])
        try:
            descriptor = os.open(source, os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
            try:
                size = self._settled(target, descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _write_error(error, target.path) from None
        if not size:
            raise OutputUnwritable(f"Nothing was written to the output: {text(target.path, 200)}", field="output")
        return self._note(target, size, _content(source) if self._inline else b"", facts)

    def _note(self, target: Target, size: int, data: bytes, facts: dict[str, Any]) -> Output:
        """Keep what the result says of an output."""
        told: dict[str, Any] = {"format": target.format, "width": target.width, "height": target.height} | facts
        output = Output(
            **path_fields(target.path),
            size_bytes=size,
            data_base64=data if self._inline else UNSET,
            **told,
        )
        self._made[target] = output
        return output

    def results(self) -> list[Output]:
        """Return what was made, in the order of the plan."""
        return [self._made[target] for target in self._order if target in self._made]

    def written(self) -> list[bytes] | None:
        """Return the bytes of the outputs, in their order; None where one was not written by this job."""
        sources = {move.target: move.source for move in self.moves}
        found = []
        for target in self._order:
            output = self._made.get(target)
            if output is None or output.skipped is not UNSET:
                return None
            if output.data_base64 is not UNSET:
                found.append(output.data_base64)
                continue
            with open(sources[self._real[target]], "rb") as file:
                found.append(file.read())
        return found

    def publish(self) -> None:
        """Rename everything to its place; where one fails, none stays."""
        try:
            publish(self.moves, fsync=self._fsync, backups=self._backups())
        except OSError as error:
            raise _write_error(error, error.filename2 or self.moves[0].target) from None

    def _backups(self) -> dict[str, str]:
        """Keep what several outputs replace under temporary names, so that a failure between them can be undone."""
        kept: dict[str, str] = {}
        for move in self.moves if len(self.moves) > 1 else ():
            if os.path.lexists(move.target) and not move.keep:
                backup = _temporary(move.target)
                self._announce(backup)
                with contextlib.suppress(OSError):  # a disk without hard links goes without
                    os.link(move.target, backup)
                    kept[move.target] = backup
        return kept

    def discard(self) -> None:
        """Remove every temporary file and every folder made for them."""
        for move in self.moves:
            with contextlib.suppress(OSError):
                os.unlink(move.source)
        for folder in reversed(self._folders):
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    def _place(self, target: Target, inputs: set[tuple[int, int]], make: bool) -> bool:
        """Prepare one output's place; return whether it is to be made."""
        path = target.path
        if path.endswith(os.sep):
            raise _is_folder(path)
        real = under_roots(legal(path, "output"), self._roots, "output")
        if real in self._real.values():
            raise InvalidJob(
                f"Two outputs of the job have the same path: {text(path, 200)}", field="output", received=path
            )
        self._real[target] = real
        if make:
            self._make_folders(os.path.dirname(real), path)
        try:
            status = os.stat(real)
        except FileNotFoundError:
            return True
        except OSError as error:
            raise _write_error(error, path) from None
        if stat.S_ISDIR(status.st_mode):
            raise _is_folder(path)
        if not stat.S_ISREG(status.st_mode):
            raise OutputUnwritable(
                f"Output is a pipe, a socket or a device: {text(path, 200)}",
                field="output",
                received=path,
                expected="a file",
            )
        if (status.st_dev, status.st_ino) in inputs:
            if self._in_place:
                self._modes[target] = stat.S_IMODE(status.st_mode)
                return True
            raise OutputExists(
                f"Output is the input itself: {text(path, 200)}", field="output", received=path, expected="another path"
            )
        if self._overwrite == "error":
            raise OutputExists(f"Output exists: {text(path, 200)}", field="output", received=path)
        if self._overwrite == "skip":
            self._made[target] = Output(
                **path_fields(path),
                format=target.format,
                width=0,
                height=0,
                size_bytes=status.st_size,
                skipped=True,
                data_base64=_content(real) if self._inline and make else UNSET,
            )
            return False
        self._modes[target] = stat.S_IMODE(status.st_mode)
        return True

    def _make_folders(self, folder: str, path: str) -> None:
        missing = []
        while folder and not os.path.lexists(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        try:
            for name in reversed(missing):
                self._announce(name)
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name)
                    self._folders.append(name)
        except OSError as error:
            raise _write_error(error, path) from None

    def _write_file(self, target: Target, data: bytes) -> None:
        descriptor = self._create(target)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            size = self._settled(target, descriptor)
        except OSError as error:
            raise _write_error(error, target.path) from None
        finally:
            os.close(descriptor)
        if size != len(data):
            raise OutputUnwritable(
                f"Output came out with {size} of {len(data)} bytes: {text(target.path, 200)}", field="output"
            )

    def _create(self, target: Target) -> int:
        """Make an output's temporary file and return its descriptor, open for writing."""
        real = self._real[target]
        temporary = _temporary(real)
        self._announce(temporary)
        try:
            if len(os.fsencode(os.path.basename(real))) > 255:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
            try:
                descriptor = os.open(temporary, _FLAGS, 0o666)
            except FileNotFoundError:  # another job had made the folder, failed, and taken it away again
                self._make_folders(os.path.dirname(real), target.path)
                descriptor = os.open(temporary, _FLAGS, 0o666)
        except OSError as error:
            raise _write_error(error, target.path) from None
        self.moves.append(Move(temporary, real, self._overwrite == "error"))
        if target in self._modes and hasattr(os, "fchmod"):
            os.fchmod(descriptor, self._modes[target])
        return descriptor

    def _settled(self, target: Target, descriptor: int) -> int:
        """Return a written file's size; flush it where that cannot be done later, by name."""
        if self._fsync and not self._modes.get(target, _OPENABLE) & _OPENABLE:
            os.fsync(descriptor)
        return os.fstat(descriptor).st_size


def publish(
    moves: Sequence[Move], *, fsync: bool, resume: bool = False, backups: Mapping[str, str] | None = None
) -> None:
    """Flush the files, do the renames, flush their folders.

    Args:
        moves: The renames.
        fsync: Whether anything is flushed.
        resume: Whether earlier renames may have happened already, because their process died.
        backups: Where the old files of some targets are kept until all renames are done.

    Raises:
        OSError: One failed; outputs that had not existed before are removed again, as they are when a signal's handler
            raises in between.
    """
    done: list[str] = []
    kept = dict(backups or {})
    try:
        if fsync:
            for move in moves:
                _flush_file(move, resume=resume)
        for move in moves:
            if resume and not os.path.lexists(move.source) and os.path.lexists(move.target):
                continue
            new = not os.path.lexists(move.target)
            if move.keep:
                _link(move)
            else:
                os.replace(move.source, move.target)
            if new or move.target in kept:
                done.append(move.target)
    except BaseException:
        for path in done:
            with contextlib.suppress(OSError):
                if path in kept:
                    os.replace(kept.pop(path), path)
                else:
                    os.unlink(path)
        _remove(kept.values())
        raise
    _remove(kept.values())
    if fsync and os.name == "posix":
        for folder in {os.path.dirname(move.target) for move in moves}:
            # A folder that may be written but not read cannot be flushed.
            with contextlib.suppress(PermissionError):
                _flush(folder, os.O_RDONLY)


def _flush_file(move: Move, *, resume: bool) -> None:
    """Flush a file that is to be renamed; one that can be opened by nobody has been flushed already."""
    for flags in (os.O_WRONLY, os.O_RDONLY):
        try:
            _flush(move.source, flags)
            return
        except PermissionError:
            continue
        except FileNotFoundError:
            if resume and os.path.lexists(move.target):
                return
            raise


def _flush(path: str, flags: int) -> None:
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_folder(path: str) -> OutputUnwritable:
    return OutputUnwritable(
        f"Output is a folder: {text(path, 200)}", field="output", received=path, expected="a file, or output_dir"
    )


def _remove(paths: Iterable[str]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _temporary(path: str) -> str:
    """Return a short random name in a path's folder; short, because the path's own may be as long as names can be."""
    return os.path.join(os.path.dirname(path), f".mm-{os.urandom(6).hex()}.tmp")


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _link(move: Move) -> None:
    """Give the file its name only where no other has it."""
    try:
        os.link(move.source, move.target)
    except FileExistsError:
        if not os.path.samefile(move.source, move.target):
            raise
    except OSError:
        if os.path.lexists(move.target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), move.target) from None
        os.replace(move.source, move.target)
        return
    os.unlink(move.source)


def _write_error(error: OSError, path: str) -> MediaError:
    shown, reason = text(path, 200), os.strerror(error.errno or 0)
    if error.errno in _FULL:
        return DiskFull(f"No room for the output ({reason}): {shown}", field="output", received=path)
    if error.errno == errno.EEXIST:
        return OutputExists(f"Output exists: {shown}", field="output", received=path)
    return OutputUnwritable(f"Output cannot be written ({reason}): {shown}", field="output", received=path)
