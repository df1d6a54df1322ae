"""Where outputs go: formats from suffixes, names from templates."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from mediamill.operations.contract import Blob
from mediamill.operations.images._params import (
    EXTENSIONS,
    FORMATS,
    SUFFIXES,
    Format,
    ImageJob,
    long_name,
    suffix_format,
)
from mediamill.operations.images._source import Facts
from mediamill.protocol.errors import InvalidJob
from mediamill.protocol.names import nearest

_FIELD = re.compile(r"\{(\w*)\}")
_SUBSTITUTES: dict[str, Format] = {"bmp": "png", "ico": "png", "psd": "png", "svg": "png"}


def output_format(params: ImageJob, facts: Facts, among: Sequence[Format] = FORMATS) -> Format | Literal["auto"]:
    """Return what a job writes: its format, else its output's suffix, else its input's.

    Inputs of formats that are not written become JPEG, or PNG where they are drawings, have alpha or are lossless.

    Args:
        params: The job.
        facts: Of its input.
        among: What the operation can write; its first is what inputs of other formats become.

    Raises:
        InvalidJob: The suffix is of no format that can be written, or of another than the job's; or the operation
            cannot write the format.
    """
    found, named = _output_format(params, facts)
    if found in ("auto", *among):
        return found
    if not named:
        return among[0]
    raise InvalidJob(
        f"This operation cannot write {found.upper()}.",
        field="output" if params.format is None else "format",
        received=params.output if params.format is None else params.format,
        expected="one of " + ", ".join([*among, "auto"]),
    )


def _output_format(params: ImageJob, facts: Facts) -> tuple[Format | Literal["auto"], bool]:
    """Return what a job writes, and whether it says so itself."""
    if params.format is not None:
        asked = long_name(params.format)
        named = SUFFIXES.get(os.path.splitext(params.output or "")[1][1:].lower())
        if named is not None and asked not in (named, "auto"):
            raise InvalidJob(
                f"The output's suffix says {named}, format says {asked}.",
                field="format",
                received=params.format,
                expected=f"{named}, or another suffix",
            )
        return asked, True
    named = suffix_format(params.output) if params.output is not None else None
    if named is not None:
        return named, True
    if facts.format in EXTENSIONS and facts.format != "ico":
        return facts.format, False
    return _SUBSTITUTES.get(facts.format, "png" if facts.alpha else "jpeg"), False


def place(params: ImageJob, opened: Blob, template: str, format_name: Format, fields: Mapping[str, object]) -> str:
    """Return an output's path; empty where its bytes are only returned inline.

    Args:
        params: The job.
        opened: Its input.
        template: How files in `output_dir` are named.
        format_name: What is written.
        fields: What a name may tell outputs apart by: width, height, ...

    Raises:
        InvalidJob: The template has an unknown field or leads out of the folder.
    """
    fields = name_fields(opened, format_name, fields)
    if params.output is not None:
        return fill_template(params.output, fields, "output", strict=False)
    return in_folder(params.output_dir, file_name(template, fields))


def name_fields(opened: Blob, format_name: Format, fields: Mapping[str, object]) -> dict[str, object]:
    """Return what a template may name: the input's name, the output's suffix and format, and further fields."""
    stem = os.path.splitext(opened.name)[0] or opened.name
    return {"name": stem, "ext": EXTENSIONS[format_name], "format": format_name, **fields}


def file_name(template: str, fields: Mapping[str, object]) -> str:
    """Return the name a template makes of its fields; raises InvalidJob as `place` does."""
    name = fill_template(template, fields, "name", strict=True)
    if "/" in name or os.sep in name or name in (".", ".."):
        raise InvalidJob(
            "name makes file names, not paths.", field="name", received=template, expected="a name without separators"
        )
    return name


def in_folder(folder: str | None, name: str) -> str:
    """Return the path of a file in the job's folder; empty where its bytes are only returned inline."""
    return "" if folder is None else os.path.join(folder, name)


def fill_template(template: str, values: Mapping[str, object], field: str, *, strict: bool) -> str:
    """Put values in the place of `{width}` and the like.

    Args:
        template: The text.
        values: By name.
        field: The job's field the template came from.
        strict: Whether unknown names are refused, or stay what they are.

    Raises:
        InvalidJob: A name is unknown.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] in values:
            return str(values[match[1]])
        if not strict:
            return match[0]
        suggestion = nearest(match[1], values)
        raise InvalidJob(
            f"Unknown template field {match[0]!r}." + (f" Did you mean {{{suggestion}}}?" if suggestion else ""),
            field=field,
            received=template,
            expected="one of " + ", ".join(f"{{{name}}}" for name in values),
            suggestion=suggestion,
        )

    return _FIELD.sub(value, template)


def has_fields(template: str, *names: str) -> bool:
    """Return whether a template tells outputs apart by one of the fields."""
    return any(name in names for name in _FIELD.findall(template))
