"""Stored outputs of earlier work, found again by what went into it.

The key is a hash of the operation, its parameters, the inputs' bytes, and the versions of everything that could change
the result; names and places are not part of it, so the same picture under another name is a hit. An entry is a folder
that appears whole by a rename, its bytes are checked when it is used, and the oldest entries go when the store is full.
"""

import contextlib
import functools
import hashlib
import os
import shutil
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from mediamill.operations.contract import Target
from mediamill.protocol import version
from mediamill.protocol.job import Job
from mediamill.protocol.results import Output

_LIBRARIES = (
    "pyvips-binary", "pyvips", "av", "pillow", "pillow-heif", "pikepdf", "simplejpeg", "imagequant", "pyoxipng",
    "mozjpeg-lossless-optimization", "pypdfium2", "fonttools",
)  # fmt: skip
_ENVELOPE = frozenset((*Job.__struct_fields__, "operation", "inline"))
_PLACES = frozenset(("input", "inputs", "output", "output_dir", "name"))
_NOT_FACTS = frozenset(("path", "path_b64", "format", "width", "height", "size_bytes", "data_base64", "cached"))
_ENTRY = "entry.json"
TRIM_EVERY = 32


class Stored(Struct, frozen=True):
    """One stored output: its bytes' hash, and what its result said of it."""

    sha256: str
    size_bytes: int
    facts: dict[str, Any]


class Entry(Struct, frozen=True):
    """One stored job: its outputs in their order, and its metadata."""

    outputs: list[Stored]
    metadata: Any


class Hit(Struct, frozen=True):
    """A stored job with its outputs' bytes."""

    entry: Entry
    data: list[bytes]


class Cache:
    """A folder of stored work, shared by any number of processes.

    Args:
        folder: Where it is; made when first stored to.
        max_bytes: How large it may get, about.
    """

    def __init__(self, folder: str, max_bytes: int) -> None:
        self._folder = os.path.expanduser(folder)
        self._max_bytes = max_bytes
        self._stores = 0

    def find(self, key: str) -> Hit | None:
        """Return what is stored under a key; an entry that is damaged is removed and counts as none."""
        place = self._place(key)
        try:
            with open(os.path.join(place, _ENTRY), "rb") as file:
                entry = msgspec.json.decode(file.read(), type=Entry)
            data = [_read_checked(os.path.join(place, str(i)), stored) for i, stored in enumerate(entry.outputs)]
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, ValueError):
            shutil.rmtree(place, ignore_errors=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(place)
        return Hit(entry, data)

    def store(self, key: str, outputs: Sequence[Output], data: Sequence[bytes], metadata: Any) -> None:
        """Store a job's outputs; a full or read-only disk only means that nothing is stored."""
        place = self._place(key)
        temporary = f"{place}.{os.urandom(6).hex()}.tmp"
        entry = Entry([_stored(output, item) for output, item in zip(outputs, data, strict=True)], metadata)
        try:
            os.makedirs(temporary)
            for index, item in enumerate(data):
                with open(os.path.join(temporary, str(index)), "wb") as file:
                    file.write(item)
            with open(os.path.join(temporary, _ENTRY), "wb") as file:
                file.write(msgspec.json.encode(entry))
            shutil.rmtree(place, ignore_errors=True)
            os.rename(temporary, place)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            return
        self._stores += 1
        if self._stores % TRIM_EVERY == 1:
            self.trim()

    def trim(self) -> None:
        """Remove the entries that were not used for the longest time until the store fits its bound."""
        entries = []
        for group in _folders(self._folder):
            for entry in _folders(group):
                with contextlib.suppress(OSError):
                    size = sum(file.stat().st_size for file in os.scandir(entry))
                    entries.append((os.stat(entry).st_mtime, size, entry))
        total = sum(size for _, size, _ in entries)
        for _, size, entry in sorted(entries):
            if total <= self._max_bytes:
                return
            shutil.rmtree(entry, ignore_errors=True)
            total -= size

    def _place(self, key: str) -> str:
        return os.path.join(self._folder, key[:2], key)


def cache_key(job: Job, targets: Sequence[Target], digests: Sequence[str], *, named: bool = False) -> str:
    """Return the key of a job.

    Args:
        job: The typed job.
        targets: What it would write; their formats and sizes count, their places do not.
        digests: The SHA-256 of each input, in the order of reading.
        named: Whether places count after all, because what is written or told holds names.
    """
    operation = str(job.__struct_config__.tag)
    hidden = _ENVELOPE if named else _ENVELOPE | _PLACES
    parameters = {name: value for name, value in msgspec.to_builtins(job, order="sorted").items() if name not in hidden}
    shapes = [(target.format, target.width, target.height) for target in targets]
    recipe = msgspec.json.encode([_versions(), operation, parameters, shapes, list(digests)], order="sorted")
    return hashlib.sha256(recipe).hexdigest()


@functools.cache
def _versions() -> list[str]:
    found = [version.ENGINE]
    for library in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{library} {metadata.version(library)}")
    return found


def _stored(output: Output, data: bytes) -> Stored:
    facts = {
        name: value
        for name in output.__struct_fields__
        if name not in _NOT_FACTS and (value := getattr(output, name)) is not UNSET
    }
    return Stored(hashlib.sha256(data).hexdigest(), len(data), facts)


def _read_checked(path: str, stored: Stored) -> bytes:
    with open(path, "rb") as file:
        data = file.read()
    if len(data) != stored.size_bytes or hashlib.sha256(data).hexdigest() != stored.sha256:
        raise ValueError(f"{path} is damaged.")
    return data


def _folders(folder: str) -> list[str]:
    try:
        return [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
