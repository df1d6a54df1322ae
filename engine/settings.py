"""The engine's settings: one frozen record, filled from flags, then the environment, then `mediamill.toml`.

Every field is a flag (`--worker-memory`), a variable (`MEDIAMILL_WORKER_MEMORY`) and a key of the file's `[engine]`
table (`worker_memory`). Sizes take a suffix: `512M`, `2G`.
"""

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from mediamill.engine import platform
from mediamill.operations.contract import Limits
from mediamill.protocol.errors import InvalidJob
from mediamill.protocol.explain import explain
from mediamill.protocol.framing import MAX_LINE_BYTES
from mediamill.protocol.names import nearest

FILE = "mediamill.toml"
PREFIX = "MEDIAMILL_"
NOT_FROM_FILE = frozenset(("operations_path", "roots", "cache_dir"))
"""What a file in a folder the engine happens to be started in must not decide: what code runs, where files may go."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])(?:i?B)?", re.IGNORECASE)
_POWERS = {"K": 10, "M": 20, "G": 30, "T": 40}


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an engine is started with."""

    workers: Annotated[int, Meta(ge=0, le=256, description="Worker processes; 0: one per core.")] = 0
    memory: Annotated[int, Meta(ge=0, description="Bytes all jobs may use together; 0: 3/4 of what there is.")] = 0
    worker_memory: Annotated[
        int, Meta(ge=256 << 20, description="Address space of one worker, in bytes; a job above it is out_of_memory.")
    ] = 4 << 30
    timeout_ms: Annotated[int, Meta(ge=0, description="A short job's limit where it sets none; 0: none.")] = 120_000
    long_timeout_ms: Annotated[int, Meta(ge=0, description="A long job's limit where it sets none; 0: none.")] = 0
    grace: Annotated[float, Meta(ge=0, le=3600, description="Seconds running jobs get after a first SIGTERM.")] = 10.0
    max_line_bytes: Annotated[int, Meta(ge=1024, description="The longest job line that is read.")] = MAX_LINE_BYTES
    recycle_jobs: Annotated[int, Meta(ge=1, description="Jobs a worker does before a fresh one takes over.")] = 2000
    recycle_memory: Annotated[
        int, Meta(ge=1 << 20, description="Resident bytes above which an idle worker is replaced.")
    ] = 1 << 30
    roots: Annotated[
        tuple[str, ...], Meta(description="Folders inputs and outputs must be under; none: anywhere.")
    ] = ()
    operations_path: Annotated[tuple[str, ...], Meta(description="Folders with further operations.")] = ()
    fsync: Annotated[bool, Meta(description="Flush outputs to the disk before their result is sent.")] = True
    cache_dir: Annotated[str, Meta(min_length=1, description="Where jobs with `cache` store their outputs.")] = (
        "~/.cache/mediamill"
    )
    cache_bytes: Annotated[int, Meta(ge=0, description="How large that store may get.")] = 1 << 30
    max_input_bytes: Annotated[int, Meta(ge=1, description="The largest file read into memory.")] = 256 << 20
    max_stream_bytes: Annotated[
        int, Meta(ge=1, description="The largest film or sound, which is never read whole.")
    ] = 64 << 30
    max_pixels: Annotated[int, Meta(ge=1, description="The most pixels of one picture.")] = 100_000_000
    max_side: Annotated[int, Meta(ge=1, description="The most pixels of one side.")] = 32_767
    max_frames: Annotated[int, Meta(ge=1, description="The most frames of an animation.")] = 1_000
    max_frame_pixels: Annotated[int, Meta(ge=1, description="The most pixels times frames.")] = 500_000_000
    max_scans: Annotated[int, Meta(ge=1, description="The most scans of a progressive JPEG.")] = 100
    max_svg_bytes: Annotated[int, Meta(ge=1, description="The largest drawing, unpacked.")] = 5 << 20

    @property
    def worker_count(self) -> int:
        """How many workers run at once."""
        return self.workers or platform.cores()

    @property
    def window(self) -> int:
        """How many jobs are admitted before reading stops."""
        return 4 * self.worker_count

    @property
    def memory_budget(self) -> int:
        """Bytes all running jobs may use together."""
        return self.memory or platform.memory_bytes() * 3 // 4

    @property
    def limits(self) -> Limits:
        """The limits operations check inputs against."""
        return Limits(**{name: getattr(self, name) for name in Limits.__struct_fields__})


def load(flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> tuple[Settings, dict[str, str]]:
    """Return the settings in force and where each came from.

    Args:
        flags: What the command line gave, by field; None stands for not given.
        environ: The environment.

    Raises:
        InvalidJob: A value is of the wrong type, out of range, or has an unknown name.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(Settings.__struct_fields__, "default")
    for origin, found in ((FILE, _from_file()), ("environment", _from_environ(environ)), ("flag", flags)):
        for name, value in found.items():
            if value is not None:
                values[name] = _size(name, value)
                origins[name] = origin
    try:
        return msgspec.convert(values, Settings, strict=False), origins
    except msgspec.ValidationError as error:
        fault = explain(error, values, Settings)
        origin = origins.get((fault.field or "").partition("[")[0], "")
        fault.message += f" It comes from {FILE}." if origin == FILE else ""
        raise fault from None


def _from_file() -> dict[str, Any]:
    if not os.path.isfile(FILE):
        return {}
    import tomllib

    try:
        with open(FILE, "rb") as file:
            whole = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidJob(f"{FILE} cannot be read: {error}.") from None
    table = whole.get("engine", {})
    for name in whole:
        if name in Settings.__struct_fields__:
            raise InvalidJob(f"{FILE}: {name} belongs under [engine].", field=name)
    if not isinstance(table, dict):
        raise InvalidJob(f"{FILE}: [engine] must be a table.")
    for name in NOT_FROM_FILE & set(table):
        raise InvalidJob(f"{FILE}: {name} can only come from a flag or the environment.", field=name)
    return table


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX).lower()
            if name not in Settings.__struct_fields__:
                near = nearest(name, Settings.__struct_fields__)
                hint = f" Did you mean {PREFIX}{near.upper()}?" if near else ""
                raise InvalidJob(f"Unknown setting {variable}.{hint}", field=variable)
            values[name] = text
    return values


def _size(name: str, value: Any) -> Any:
    """Return a setting's value with paths split and size suffixes multiplied out."""
    if not isinstance(value, str):
        return value
    if name in ("roots", "operations_path"):
        return [part for part in value.split(os.pathsep) if part]
    if match := _SIZE.fullmatch(value.strip()):
        return int(float(match[1]) * (1 << _POWERS[match[2].upper()]))
    return value
