"""An operation as people type it: files in, flags from its declaration, a bar while it runs, a table at the end."""

import argparse
import glob
import os
import sys
from typing import Any

import msgspec

from mediamill.engine.cli.commands import EXIT_OUTPUT_LOST
from mediamill.engine.cli.flags import Parser, add_flags, given
from mediamill.engine.cli.report import report
from mediamill.engine.registry import Operation, Registry
from mediamill.engine.settings import Settings, load
from mediamill.engine.stdio import protect, write_all
from mediamill.protocol.decode import to_job
from mediamill.protocol.errors import CODES, InputNotFound, InvalidJob
from mediamill.protocol.job import Job
from mediamill.protocol.results import Result, encode

_NOT_TYPED = ("id", "progress", "meta", "input", "inputs", "cache")


def run_operation(operation: Operation, rest: list[str], registry: Registry) -> int:
    """Run an operation over the named files.

    Returns:
        0, the exit status of the first failure, or 128 and the number of the signal that stopped it.
    """
    fields = {field.name: field for field in msgspec.structs.fields(operation.params)}
    if operation.expand is not None:
        raise InvalidJob(f"{operation.name} takes a file of jobs: mediamill batch --file FILE.")
    parser = _parser(operation, takes_files="input" in fields or "inputs" in fields)
    arguments = parser.parse_args(rest)
    settings, _ = load(given(arguments, Settings))
    jobs = [to_job(raw, registry) for raw in _jobs(operation, fields, arguments)]
    came: list[int] = []
    if arguments.json:
        _, writes = protect()
        results = _run(jobs, registry, settings, came, quiet=True)
        try:
            write_all(writes, b"".join(encode(result) + b"\n" for result in results))
        except OSError:
            return EXIT_OUTPUT_LOST
    else:
        results = _run(jobs, registry, settings, came, quiet=False)
        report([_input(job) for job in jobs], results)
    if came:
        return 128 + came[0]
    bad = next((result for result in results if not result.success), None)
    return CODES[bad.error_info.code].exit_status if bad is not None and bad.error_info else 0


def _parser(operation: Operation, *, takes_files: bool) -> argparse.ArgumentParser:
    example = msgspec.json.encode(operation.example).decode()
    parser = Parser(
        prog=f"mediamill {operation.name}",
        description=operation.summary,
        epilog=f"The same as a job line: {example}",
        allow_abbrev=False,
    )
    if takes_files:
        parser.add_argument("files", nargs="+", metavar="INPUT", help="Files, folders or globs.")
    add_flags(parser, operation.params, skip=_NOT_TYPED)
    shared = {field.name for field in msgspec.structs.fields(operation.params)}
    add_flags(parser.add_argument_group("settings"), Settings, skip=shared)  # type: ignore[arg-type]
    parser.add_argument("--json", action="store_true", help="Print result lines instead of a table.")
    return parser


def _jobs(operation: Operation, fields: dict[str, Any], arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Make the raw jobs: one per file, or one for all where the operation takes several inputs."""
    values = given(arguments, operation.params)
    raw: dict[str, Any] = {"operation": operation.name, **values}
    writes = "output_dir" in fields
    if writes and not {"output", "output_dir", "inline", "in_place"} & values.keys():
        writes = getattr(operation.params, "needs_output", True)
        if writes:
            raw["output_dir"] = "."
    if not hasattr(arguments, "files"):
        return [raw]
    files = _files(arguments.files, operation.medium)
    if "inputs" in fields:
        return [raw | {"inputs": files}]
    if len(files) > 1 and writes:
        _check_clashes(files, values)
    return [raw | {"input": file} for file in files]


def _check_clashes(files: list[str], values: dict[str, Any]) -> None:
    """Refuse what would write several inputs to the same names, one over the other."""
    last = files[-1]
    if not os.path.lexists(last) and "." in os.path.basename(last):
        raise InputNotFound(
            f"Input file not found: {last}. To write it, say --output {last}.", field="input", received=last
        )
    if "output" in values:
        raise InvalidJob("--output names one file; use --output-dir with several inputs.", field="output")
    by_stem: dict[str, list[str]] = {}
    for file in files:
        stem, suffix = os.path.splitext(os.path.basename(file))[0], _suffix(file)
        if "{name}" not in values.get("name", "{name}"):
            stem = ""
        for other in by_stem.setdefault(stem, []):
            if "format" not in values and suffix != _suffix(other) and {suffix, _suffix(other)} <= _KEPT_SUFFIXES:
                continue
            raise InvalidJob(
                f"{other} and {file} would be written to the same names.",
                field="name",
                expected="inputs with different names, or a run for each folder with its own --output-dir",
            )
        by_stem[stem].append(file)


_KEPT_SUFFIXES = frozenset((".jpg", ".png", ".webp", ".avif", ".gif", ".tif"))
"""Formats an output keeps where the job names none, so that inputs that differ in them do not clash."""


def _suffix(file: str) -> str:
    return os.path.splitext(file)[1].lower().replace(".jpeg", ".jpg").replace(".tiff", ".tif")


def _input(job: Job) -> str:
    """Return what a job is about, for people."""
    source = getattr(job, "input", "")
    return source if isinstance(source, str) else ""


def _files(patterns: list[str], medium: str) -> list[str]:
    """Return the files that names, globs and folders stand for, each once.

    Folders give the files in them that look like the operation's medium by their suffix.
    """
    found: list[str] = []
    for pattern in patterns:
        if os.path.isdir(pattern):
            found += sorted(
                entry.path for entry in os.scandir(pattern) if entry.is_file() and _fits(entry.name, medium)
            )
        elif os.path.exists(pattern) or not glob.has_magic(pattern):
            found.append(pattern)
        else:
            matches = sorted(match for match in glob.glob(pattern, recursive=True) if os.path.isfile(match))
            if not matches:
                raise InputNotFound(f"No file matches {pattern!r}.", field="input", received=pattern)
            found += matches
    if not found:
        raise InputNotFound(f"No file of this kind in {' '.join(patterns)}.", field="input")
    return list({os.path.normpath(file): file for file in reversed(found)}.values())[::-1]


_SUFFIXES = {
    "images": ".jpg .jpeg .png .gif .webp .tif .tiff .avif .heic .heif .bmp .ico .jp2 .psd .svg .svgz",
    "video": ".mp4 .m4v .mov .webm .mkv .avi .ts",
    "audio": ".mp3 .m4a .aac .wav .flac .ogg .opus .aiff .mp4 .mov .mkv .webm",
    "documents": ".pdf",
}


def _fits(name: str, medium: str) -> bool:
    suffixes = _SUFFIXES.get(medium)
    return not name.startswith(".") and (suffixes is None or name.lower().endswith(tuple(suffixes.split())))


def _run(jobs: list[Job], registry: Registry, settings: Settings, came: list[int], *, quiet: bool) -> list[Result]:
    """Run one job here, several in workers, with a bar where somebody looks on; note signals in `came`."""
    if len(jobs) == 1 and not jobs[0].timeout_ms and not jobs[0].stall_ms:
        from mediamill.engine.inprocess import run_typed, signals_cancel

        with signals_cancel() as signals:
            results = [run_typed(jobs[0], registry, settings)]
        came.extend(signals)
        return results
    from mediamill.engine.pooled import run_pooled

    if quiet or not sys.stderr.isatty():
        return run_pooled(jobs, registry, settings)
    from mediamill.engine.cli.bar import bar

    with bar(len(jobs)) as advance:
        return run_pooled(jobs, registry, settings, lambda _, result: advance())
