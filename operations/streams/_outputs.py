"""Where films and sounds go, and what the suffix of their path stands for."""

import os
from collections.abc import Mapping
from typing import Protocol, TypeVar

from mediamill.protocol.errors import InvalidJob
from mediamill.protocol.names import nearest

Name = TypeVar("Name")


class Placed(Protocol):
    """A job that writes one file.

    Attributes:
        output: The file; or
        output_dir: the folder it goes into.
    """

    @property
    def output(self) -> str | None:
        """The file."""

    @property
    def output_dir(self) -> str | None:
        """The folder."""


def place(job: Placed, name: str, container: str) -> str:
    """Return the output's path: the job's own, or the input's name in its folder."""
    if job.output is not None:
        return job.output
    assert job.output_dir is not None
    stem = os.path.splitext(name)[0] or name
    return os.path.join(job.output_dir, f"{stem}.{container}")


def named_by_suffix(path: str, known: Mapping[str, Name], what: str, field: str = "output") -> Name | None:
    """Return what a path's suffix stands for, None where it has no suffix.

    Args:
        path: The output's.
        known: What each suffix stands for.
        what: Is written, for people: `Films`.
        field: The field to blame.

    Raises:
        InvalidJob: The suffix is none of them.
    """
    suffix = os.path.splitext(path)[1][1:].lower()
    if not suffix:
        return None
    if suffix not in known:
        suggestion = nearest(suffix, known)
        raise InvalidJob(
            f"{what} cannot be written as .{suffix[:16]}." + (f" Did you mean .{suggestion}?" if suggestion else ""),
            field=field,
            received=path,
            expected="a suffix of " + ", ".join(known) + ", or format",
            suggestion=suggestion,
        )
    return known[suffix]
