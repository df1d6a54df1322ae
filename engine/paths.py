"""Which names are accepted, and where they may lead."""

import os
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from mediamill.protocol.errors import InvalidJob, PathDenied
from mediamill.protocol.job import InputSource, Source
from mediamill.protocol.results import text


def source_path(source: Source, field: str) -> str | None:
    """Return the path a source names; None where it holds the bytes themselves.

    Raises:
        PathDenied: It is a URL, which this engine does not fetch, or an unusable name.
    """
    if isinstance(source, str):
        return legal(source, field)
    if source.data_base64 is not UNSET:
        return None
    if source.url is not UNSET:
        raise PathDenied(
            f"Reading from URLs is not allowed by this engine: {text(source.url, 200)}",
            field=f"{field}.url",
            received=source.url,
            expected="a path or inline data",
        )
    if source.path_b64 is not UNSET:
        return legal(os.fsdecode(source.path_b64), f"{field}.path_b64")
    return legal(source.path if source.path is not UNSET else "", f"{field}.path")


def legal(path: str, field: str) -> str:
    """Return the path, or raise PathDenied where it holds a NUL or is not encodable."""
    if "\0" in path:
        raise PathDenied("A path cannot hold a NUL character.", field=field, received=path)
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise PathDenied("The path is not valid text for a file name.", field=field) from None
    return path


def under_roots(path: str, roots: Sequence[str], field: str) -> str:
    """Return the real path, links resolved, or raise PathDenied where it is under none of the roots."""
    real = os.path.realpath(path)
    if not roots:
        return real
    for root in roots:
        real_root = os.path.realpath(root)
        if real == real_root or real.startswith(real_root.rstrip(os.sep) + os.sep):
            return real
    raise PathDenied(
        f"The path is outside the allowed roots: {text(path, 200)}",
        field=field,
        received=path,
        expected="a path under " + " or ".join(roots),
    )


def input_paths(raw: Any) -> list[str]:
    """Return the paths a decoded job's `input` and `inputs` name, for a look at their state."""
    found = []
    for source in (getattr(raw, "input", None), *(getattr(raw, "inputs", None) or ())):
        if isinstance(source, (str, InputSource)):
            try:
                path = source_path(source, "input")
            except (PathDenied, InvalidJob):
                continue
            if path is not None:
                found.append(path)
    return found
