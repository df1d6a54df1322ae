"""What a person reads after an operation: a table of what was made, remarks, what was found, and what failed."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from mediamill.engine.cli.commands import complain
from mediamill.protocol.errors import BY_CODE, MediaError
from mediamill.protocol.results import Output, Result, text

REMARKS = {
    "capped": "has fewer pixels than asked for, so outputs are smaller",
    "frames_dropped": "is animated or has several pages; only the first was taken",
    "tone_mapped": "is HDR and was tone-mapped",
}
"""What metadata fields mean to somebody who reads a table."""

REASONS = ("_kept", "skipped", "skip_reason", "only_packed", "only_metadata_removed")
"""How fields end that say why less was done than was asked for."""


def report(names: Sequence[str], results: Sequence[Result]) -> None:
    """Print outputs and findings to stdout, remarks and failures to stderr.

    Args:
        names: What each job was about, such as its input's path; empty where it has none.
        results: The results, in the same order.
    """
    rows = [_row(output, result) for result in results for output in result.outputs]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        cells = "  ".join(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True))
        sys.stdout.write(f"{cells}  {row[3]:>9}\n")
    for name, result in zip(names, results, strict=True):
        if isinstance(result.metadata, dict) and "totals" in result.metadata:
            sys.stdout.write("".join(f"{line}\n" for line in _savings(result.metadata)))
        elif isinstance(result.metadata, dict) and {"input_bytes", "output_bytes"} <= result.metadata.keys():
            sys.stdout.write(f"{text(name, 200)}: {_change(result.metadata)}\n")
        elif isinstance(result.metadata, dict) and "html_snippet" in result.metadata:
            sys.stdout.write(f"\n{result.metadata['html_snippet']}\n")
        elif result.success and not result.outputs and isinstance(result.metadata, dict):
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(result.metadata), indent=2).decode() + "\n")
    sys.stdout.flush()
    for name, result in zip(names, results, strict=True):
        _remark(name, result)
    failed = [(name, result) for name, result in zip(names, results, strict=True) if not result.success]
    for name, result in failed:
        complain(_error(result), about=text(name, 200) if len(results) > 1 or _is_nameless(name, result) else "")
    if len(results) > 1 and failed:
        sys.stderr.write(f"mediamill: {len(failed)} of {len(results)} failed.\n")


def _row(output: Output, result: Result) -> tuple[str, str, str, str]:
    size = f"{output.width}x{output.height}" if output.width or output.height else "-"
    told = _bytes(output.size_bytes)
    if isinstance(result.metadata, dict) and result.metadata.get("dry_run"):
        told = "planned"
    elif output.skipped is not UNSET:
        told = "kept"
    return output.path or "(inline)", output.format, size, told


def _savings(metadata: dict[str, Any]) -> Iterator[str]:
    """Yield how much smaller each file became, and all of them together."""
    for file in metadata.get("files", ()):
        how = file.get("skipped") or file.get("method") or ""
        yield f"{text(file['input'], 200)}: {_change(file)}" + (f"  {how}" if how else "")
    if metadata["totals"].get("files", 0) > 1:
        yield f"{metadata['totals']['files']} files: {_change(metadata['totals'])}"


def _change(counts: dict[str, Any]) -> str:
    before, after = counts["input_bytes"], counts["output_bytes"]
    saved = f"{100 * (after - before) / before:+.1f} %" if after != before else "the same"
    return f"{_bytes(before)} -> {_bytes(after)} ({saved})"


def _remark(name: str, result: Result) -> None:
    if not (result.success and result.outputs and isinstance(result.metadata, dict)):
        return
    for field, meaning in REMARKS.items():
        if result.metadata.get(field):
            sys.stderr.write(f"note: {text(name, 200)} {meaning}\n")
    for field, reason in result.metadata.items():
        if isinstance(reason, str) and field.endswith(REASONS):
            sys.stderr.write(f"note: {text(name, 200)}: {field.replace('_', ' ')}: {text(reason, 300)}\n")
    if result.metadata.get("verdict", "reached") != "reached":
        sys.stderr.write(f"note: {text(name, 200)} cannot meet what was asked for; the output is the nearest to it\n")


def _is_nameless(name: str, result: Result) -> bool:
    """Return whether an error does not say by itself which file it is about."""
    return bool(name) and name.rsplit("/", 1)[-1] not in str(result.error)


def _error(result: Result) -> MediaError:
    assert result.error_info is not UNSET
    expected = result.error_info.expected
    return BY_CODE[result.error_info.code](str(result.error), expected=None if expected is UNSET else expected)


def _bytes(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.2f} MB"
