"""Results: one per job line, whole or failed, kept under a size any host can read."""

import os
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from mediamill.protocol.errors import MediaError
from mediamill.protocol.job import JobId

MAX_RESULT_BYTES = 48 * 1024
MAX_TEXT = 2000


class Output(Struct, kw_only=True, omit_defaults=True):
    """One file a job made.

    Width and height are pixels, 0 where there is none; durations and timestamps are seconds.
    """

    path: str
    format: str
    width: int
    height: int
    size_bytes: int
    path_b64: str | UnsetType = UNSET
    data_base64: bytes | UnsetType = UNSET
    duration: float | UnsetType = UNSET
    frames: int | UnsetType = UNSET
    pages: int | UnsetType = UNSET
    timestamp: float | UnsetType = UNSET
    quality: int | UnsetType = UNSET
    score: float | UnsetType = UNSET
    sha256: str | UnsetType = UNSET
    cached: bool | UnsetType = UNSET
    skipped: bool | UnsetType = UNSET


class ErrorInfo(Struct, kw_only=True, omit_defaults=True):
    """The machine's half of a failure; `error` is the person's."""

    code: str
    retryable: bool
    field: str | UnsetType = UNSET
    received: Any = UNSET
    expected: str | UnsetType = UNSET
    suggestion: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET


class Result(Struct, kw_only=True):
    """What a job came to. `metadata` stands where it succeeded, `error` and `error_info` where it failed."""

    success: bool
    operation: str
    id: JobId | UnsetType = UNSET
    outputs: list[Output] = []
    elapsed_ms: int = 0
    metadata: dict[str, Any] | UnsetType | None = UNSET
    error: str | UnsetType = UNSET
    error_info: ErrorInfo | UnsetType = UNSET
    meta: Any = UNSET
    job: str | UnsetType = UNSET
    """A digest of the job line, in the results of batch files."""


def error_info(error: MediaError) -> ErrorInfo:
    """Turn an exception into its wire form, with texts cut and made valid UTF-8."""
    return ErrorInfo(
        code=error.code,
        retryable=error.retryable,
        field=UNSET if error.field is None else text(error.field),
        received=UNSET if error.received is None else _short(error.received),
        expected=UNSET if error.expected is None else text(error.expected),
        suggestion=UNSET if error.suggestion is None else text(error.suggestion),
        detail=UNSET if error.detail is None else text(error.detail),
    )


def failed(operation: str, error: MediaError, **fields: Any) -> Result:
    """Return the failed result of a job; fields are id, meta, elapsed_ms, outputs, metadata."""
    return Result(success=False, operation=operation, error=text(error.message), error_info=error_info(error), **fields)


def text(value: str, limit: int = MAX_TEXT) -> str:
    """Return the text as valid UTF-8 of at most `limit` characters.

    Bytes of a file name that are not UTF-8, which Python carries as unpaired surrogates, become U+FFFD.
    """
    if len(value) > limit:
        value = value[: limit - 1] + "…"
    try:
        value.encode()
    except UnicodeEncodeError:
        return os.fsencode(value).decode("utf-8", "replace") if _from_file_name(value) else _without_surrogates(value)
    return value


def path_fields(path: str) -> dict[str, Any]:
    """Return `path`, and `path_b64` with its exact bytes where it is not UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        import base64

        raw = os.fsencode(path)
        return {"path": raw.decode("utf-8", "replace"), "path_b64": base64.b64encode(raw).decode()}
    return {"path": path}


def encode(result: Result) -> bytes:
    """Encode a result as one line without its line feed.

    A line over 48 KiB has its longest lists cut, and each cut list `name` gets a `name_total` beside it; inline data
    is exempt, because the job asked for it.
    """
    line = _encoder.encode(result)
    if len(line) <= MAX_RESULT_BYTES or any(output.data_base64 is not UNSET for output in result.outputs):
        return line
    message = msgspec.json.decode(line)
    keep = 1024
    while len(line) > MAX_RESULT_BYTES and keep:
        keep //= 2
        for holder, name in _lists(message):
            if len(holder[name]) > keep:
                holder.setdefault(f"{name}_total", len(holder[name]))
                holder[name] = holder[name][:keep]
        line = msgspec.json.encode(message)
    if len(line) > MAX_RESULT_BYTES and "metadata" in message:
        message["metadata"] = {"cut": "The metadata is larger than a result line may be."}
        line = msgspec.json.encode(message)
    return line


_encoder = msgspec.json.Encoder()


def _lists(message: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Find the lists of a message, the outer ones last so that inner ones are cut in their turn."""
    found: list[tuple[dict[str, Any], str]] = []
    for name, value in list(message.items()):
        if name == "meta":
            continue
        if isinstance(value, dict):
            found.extend(_lists(value))
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    found.extend(_lists(item))
            found.append((message, name))
    return found


def _from_file_name(value: str) -> bool:
    return all(not "\ud800" <= char <= "\udfff" or "\udc80" <= char <= "\udcff" for char in value)


def _without_surrogates(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


def _short(value: Any) -> Any:
    """Return a received value small enough to echo."""
    if isinstance(value, str):
        return text(value, 200)
    if isinstance(value, (bool, int, float)) or value is None:
        return value
    try:
        line = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError):
        return text(repr(type(value).__name__), 200)
    return value if len(line) <= 400 else text(line.decode("utf-8", "replace"), 200)
