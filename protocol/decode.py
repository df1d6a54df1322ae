"""A line in, a typed job or control out, or a rejection that says what to type instead.

Strictness lives here once: syntax, duplicate keys, depth and encoding are checked on the text, everything else by the
declared types.
"""

import json
import re
from collections import Counter
from collections.abc import Collection
from typing import Any, Protocol

import msgspec
from msgspec import UNSET

from mediamill.protocol.controls import CONTROLS, Control
from mediamill.protocol.errors import InvalidJob, InvalidJson, MediaError, UnknownOperation
from mediamill.protocol.explain import explain
from mediamill.protocol.job import Job
from mediamill.protocol.names import nearest
from mediamill.protocol.results import Result, failed, text

MAX_DEPTH = 64
MAX_META_BYTES = 16 * 1024
UNKNOWN = "unknown"
_LONE_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]")

FAMILIES = ("video", "audio")
"""Operations that may be spelled `{"operation": "video", "transcode": {...}}` for `video_transcode`."""


class Vocabulary(Protocol):
    """The operations an engine knows."""

    @property
    def names(self) -> Collection[str]:
        """The names of all operations."""

    def params(self, name: str) -> type[Job]:
        """Return the declared job type of a known operation."""


def decode_line(line: bytes, vocabulary: Vocabulary) -> Job | Control | Result:
    """Decode one line.

    Args:
        line: One line without its line feed.
        vocabulary: The operations a job can name.

    Returns:
        A job, a control, or the failed result that answers the line.
    """
    try:
        raw = parse(line)
    except InvalidJson as error:
        return failed(UNKNOWN, error)
    try:
        return to_message(raw, vocabulary)
    except MediaError as error:
        return reject(raw, error)


def parse(line: bytes) -> dict[str, Any]:
    """Parse a line to an object, or raise InvalidJson with the place of the fault."""
    try:
        raw = msgspec.json.decode(line)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidJson(f"The line is not valid JSON: {_reason(line, error)}.") from None
    if not isinstance(raw, dict):
        raise InvalidJson(f"A line must be a JSON object, received {_kind(raw)}.", expected="a JSON object")
    if line.count(b"{") + line.count(b"[") > MAX_DEPTH:
        _check_depth(raw)
    try:
        json.loads(line, object_pairs_hook=_unique, parse_int=_bounded)
    except ValueError as error:
        raise InvalidJson(f"The line is not valid JSON: {error}.") from None
    return raw


def to_message(raw: dict[str, Any], vocabulary: Vocabulary) -> Job | Control:
    """Turn a parsed line into a typed job or control, or raise InvalidJob or UnknownOperation."""
    if "control" in raw:
        return _to_control(raw)
    return to_job(raw, vocabulary)


def to_job(raw: dict[str, Any], vocabulary: Vocabulary) -> Job:
    """Turn a parsed job into its operation's declared type, or raise InvalidJob or UnknownOperation."""
    raw = _long_name(raw, vocabulary)
    name = raw.get("operation")
    if not isinstance(name, str):
        raise InvalidJob(
            "A job needs `operation`, the name of what to do."
            if name is None
            else f"operation must be a string, received {_kind(name)}.",
            field="operation",
            received=name,
            expected="the name of an operation",
            suggestion=_mistyped("operation", raw),
        )
    if name not in vocabulary.names:
        suggestion = nearest(name, vocabulary.names)
        raise UnknownOperation(
            f"Unknown operation {text(name, 128)!r}." + (f" Did you mean {suggestion!r}?" if suggestion else ""),
            field="operation",
            received=name,
            expected="one of " + ", ".join(sorted(vocabulary.names)),
            suggestion=suggestion,
        )
    kind = vocabulary.params(name)
    try:
        job = msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise explain(error, raw, kind) from None
    if job.meta is not UNSET and len(msgspec.json.encode(job.meta)) > MAX_META_BYTES:
        raise InvalidJob(
            f"meta is larger than {MAX_META_BYTES} bytes of JSON.",
            field="meta",
            expected=f"at most {MAX_META_BYTES} bytes",
        )
    return job


def reject(raw: dict[str, Any], error: MediaError) -> Result:
    """Return the failed result of a parsed line, with what of its envelope can be saved."""
    name = raw.get("operation", raw.get("control"))
    job_id, meta = raw.get("id", UNSET), raw.get("meta", UNSET)
    valid = (isinstance(job_id, str) and len(job_id) <= 128) or (
        isinstance(job_id, int) and not isinstance(job_id, bool)
    )
    small = meta is not UNSET and len(msgspec.json.encode(meta)) <= MAX_META_BYTES
    return failed(
        text(name, 128) if isinstance(name, str) else UNKNOWN,
        error,
        id=job_id if valid else UNSET,
        meta=meta if small else UNSET,
    )


def _to_control(raw: dict[str, Any]) -> Control:
    name = raw["control"]
    kind = CONTROLS.get(name) if isinstance(name, str) else None
    if kind is None:
        suggestion = nearest(name, CONTROLS) if isinstance(name, str) else None
        raise InvalidJob(
            f"Unknown control {text(str(name), 128)!r}." + (f" Did you mean {suggestion!r}?" if suggestion else ""),
            field="control",
            received=name,
            expected="one of " + ", ".join(CONTROLS),
            suggestion=suggestion,
        )
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise explain(error, raw, kind) from None


def _long_name(raw: dict[str, Any], vocabulary: Vocabulary) -> dict[str, Any]:
    """Rewrite `{"operation": "video", "transcode": {...}}` to `video_transcode` with its fields in place."""
    family = raw.get("operation")
    if family not in FAMILIES:
        return raw
    for action, fields in raw.items():
        name = f"{family}_{action}"
        if name in vocabulary.names and isinstance(fields, dict):
            twice = sorted(set(fields) & (set(raw) - {action}))
            if twice:
                raise InvalidJob(
                    f"{twice[0]} is given twice, in the job and in {action}.", field=f"{action}.{twice[0]}"
                )
            return {key: value for key, value in raw.items() if key != action} | {"operation": name} | fields
    return raw


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise InvalidJson(f"The key {text(twice, 128)!r} stands twice in one object.", field=text(twice, 128))
    return found


def _bounded(digits: str) -> int:
    """Return an integer, or refuse one that no 64-bit host or worker message can carry."""
    value = int(digits)
    if not -(1 << 63) <= value < 1 << 64:
        raise InvalidJson(
            f"The integer {text(digits, 40)} has more than 64 bits.", expected="integers of up to 64 bits"
        )
    return value


def _check_depth(raw: Any) -> None:
    level = [raw]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> InvalidJson:
    return InvalidJson(f"The line nests deeper than {MAX_DEPTH} levels.", expected=f"at most {MAX_DEPTH} levels")


def _reason(line: bytes, error: Exception) -> str:
    try:
        line.decode()
    except UnicodeDecodeError as fault:
        return f"byte {fault.start} is not UTF-8"
    if _LONE_SURROGATE.search(line):
        return "it may hold an unpaired surrogate, which is not Unicode text"
    reason = str(error).removeprefix("JSON is malformed: ").partition(" - at `$")[0]
    return text(reason, 200)


def _mistyped(name: str, raw: dict[str, Any]) -> str | None:
    near = nearest(name, [key for key in raw if key != name])
    return None if near is None else f"{name} instead of {text(near, 64)}"


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
