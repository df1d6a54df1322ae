"""Make what is generated: the schema, the reference pages and the README's tables.

`python docs/make.py` writes them; `--check` only compares, and fails where one has drifted.
"""

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from mediamill.engine.cli.flags import descriptions
from mediamill.engine.registry import Operation, Registry
from mediamill.engine.settings import Settings
from mediamill.protocol.errors import CODES
from mediamill.protocol.explain import describe
from mediamill.protocol.job import Job
from mediamill.protocol.schema import protocol_schema

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Write or check every generated file; return the exit status."""
    drifted = []
    for path, content in generated().items():
        if path.exists() and path.read_text(encoding="utf-8") == content:
            continue
        drifted.append(path)
        if "--check" not in arguments:
            path.write_text(content, encoding="utf-8")
    for path in drifted:
        sys.stdout.write(f"{'drifted' if '--check' in arguments else 'written'}: {path.relative_to(ROOT)}\n")
    return 1 if drifted and "--check" in arguments else 0


def generated() -> dict[Path, str]:
    """Return each generated file's path and content."""
    operations = Registry().all()
    return {
        ROOT / "protocol" / "schema.json": _json(protocol_schema([operation.params for operation in operations])),
        ROOT / "docs" / "operations.md": _operations_page(operations),
        ROOT / "docs" / "errors.md": _errors_page(),
        ROOT / "docs" / "settings.md": _settings_page(),
        ROOT / "README.md": _readme(operations),
    }


def _readme(operations: list[Operation]) -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    start, end = "<!-- operations -->\n", "<!-- /operations -->"
    before, rest = text.split(start)
    _, after = rest.split(end)
    rows = [
        f"| [{op.name}](docs/operations.md#{op.name}) | {op.summary} | `{_typed(op).replace('|', chr(92) + '|')}` |"
        for op in operations
    ]
    table = "\n".join(["| operation | what it does | for example |", "|---|---|---|", *rows])
    return f"{before}{start}{table}\n{end}{after}"


def _typed(operation: Operation) -> str:
    """Return an operation's example as people type it."""
    fields = {name: value for name, value in operation.example.items() if name != "operation"}
    if operation.expand is not None:
        return "mediamill batch --file jobs.jsonl"
    files = fields.pop("inputs", None) or [fields.pop("input")]
    words = ["mediamill", operation.name, *files]
    for name, value in fields.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            words.append(flag if value else "--no-" + flag[2:])
        elif isinstance(value, list) and not any(isinstance(item, (list, dict)) for item in value):
            words += [flag, ",".join(str(item) for item in value)]
        else:
            words += [flag, _compact(value) if isinstance(value, (list, dict)) else str(value)]
    return shlex.join(words)


def _operations_page(operations: list[Operation]) -> str:
    envelope = {field.name for field in msgspec.structs.fields(Job)}
    parts = [
        "# Operations",
        "Made from the declarations. Fields with * are required. Every operation also takes the envelope's fields.",
        "## The envelope",
        _table(Job, ()),
    ]
    for operation in operations:
        parts += [
            f"## {operation.name}",
            operation.summary,
            _prose(operation.params),
            "```json\n" + msgspec.json.encode(operation.example).decode() + "\n```",
            _table(operation.params, envelope),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _errors_page() -> str:
    rows = [
        f"| `{code}` | {'yes' if row.retryable else 'no'} | {row.exit_status} | {row.meaning} | {row.way_out} |"
        for code, row in CODES.items()
    ]
    head = ["| code | retryable | exit status | what happened | the way out |", "|---|---|---|---|---|"]
    intro = "Every failed result has one of these codes in `error_info.code`. The list is closed."
    return "\n\n".join(["# Error codes", intro, "\n".join([*head, *rows])]) + "\n"


def _settings_page() -> str:
    intro = (
        "Each is a flag (`--worker-memory 2G`), a variable (`MEDIAMILL_WORKER_MEMORY=2G`) or a key of `[engine]` in "
        '`mediamill.toml` (`worker_memory = "2G"`), in this order. `mediamill doctor` prints what is in force, '
        "and why. A list takes commas in a flag and the path separator (`:`) in a variable; the file is looked for in "
        "the current folder, and cannot set roots, operations_path or cache_dir."
    )
    return "\n\n".join(["# Settings", intro, _table(Settings, ())]) + "\n"


def _table(kind: type[msgspec.Struct], skip: Iterable[str]) -> str:
    rows = ["| field | takes | default | meaning |", "|---|---|---|---|"]
    for field in msgspec.structs.fields(kind):
        if field.name in skip:
            continue
        star = "*" if field.required else ""
        takes = (describe(field.type) or "any value").replace("|", "\\|")
        meaning = " ".join(dict.fromkeys(descriptions(field.type))).replace("|", "\\|")
        rows.append(f"| `{field.encode_name}`{star} | {takes} | {_default(field)} | {meaning} |")
    return "\n".join(rows)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        return f"`{_compact(field.default_factory())}`"
    if field.default in (msgspec.NODEFAULT, UNSET, None):
        return ""
    return f"`{_compact(field.default)}`"


def _prose(kind: type[Job]) -> str:
    """Return what a job type's docstring says after its first line."""
    _, _, rest = (kind.__doc__ or "").strip().partition("\n\n")
    return "\n".join(line.strip() for line in rest.splitlines())


def _compact(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
