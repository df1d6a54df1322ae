"""Which command was typed, and the plain ones: stream, caps, schema, doctor, help."""

import argparse
import sys
from collections.abc import Callable, Sequence

import msgspec

from mediamill.engine.cli.flags import Parser, add_flags, given
from mediamill.engine.registry import Registry
from mediamill.engine.settings import PREFIX, Settings, load
from mediamill.engine.stdio import stdout_on_stderr
from mediamill.protocol import version
from mediamill.protocol.errors import MediaError
from mediamill.protocol.names import nearest

EXIT_USAGE, EXIT_OUTPUT_LOST = 2, 74

HELP = """\
mediamill makes media small and right: one JSON job per line in, one result line out.

usage:
  mediamill                        jobs on stdin, results on stdout (also: stream, --stream)
  mediamill process --job JSON     one job, one result line
  mediamill batch --file FILE      a JSON array or JSON lines of jobs; --resume RESULTS skips what is done
  mediamill OPERATION INPUT...     an operation as people type it
  mediamill caps                   operations, formats and limits
  mediamill schema [OPERATION]     the JSON Schema of jobs, results and events
  mediamill doctor                 versions, codecs, cores, settings, and what is missing
  mediamill --version

examples:
  echo '{"operation":"resize","input":"photo.jpg","output_dir":"out","widths":[320,640]}' | mediamill
  mediamill resize photo.jpg --widths 320,640 --format webp --output-dir out
  mediamill convert drawing.svg --output drawing.png --width 800
  mediamill probe *.jpg

operations:
"""


def dispatch(arguments: Sequence[str]) -> int:
    """Run the command the arguments name; return the exit status."""
    name, rest = (arguments[0], list(arguments[1:])) if arguments else ("--help", [])
    if sys.stdout is None:
        return EXIT_OUTPUT_LOST
    try:
        status = _run(name, rest)
        sys.stdout.flush()
        return status
    except MediaError as error:
        return complain(error)
    except BrokenPipeError:
        # The reader of a listing went away; keep the interpreter from flushing into the closed pipe again.
        sys.stdout = None
        return 0
    except OSError as error:
        if error.filename is not None:
            raise
        sys.stdout = None
        sys.stderr.write(f"mediamill: the output is lost: {error.strerror}\n")
        return EXIT_OUTPUT_LOST
    except KeyboardInterrupt:
        return 130


def complain(error: MediaError, about: str = "") -> int:
    """Print an error for a person, after what it is about; return its exit status."""
    from mediamill.protocol.errors import CODES

    row = CODES[error.code]
    sys.stderr.write(f"mediamill: {about}{': ' if about else ''}{error.message}\n")
    if error.expected and error.code == "invalid_job" and error.expected not in error.message:
        sys.stderr.write(f"  expected: {error.expected}\n")
    is_setting = str(error.field).startswith(PREFIX) or error.field in Settings.__struct_fields__
    hint = "`mediamill doctor` prints the settings in force." if is_setting else row.way_out
    if error.code == "output_exists" and error.expected:  # to replace what is there is no way out
        hint = f"Choose {error.expected}."
    sys.stderr.write(f"  {hint}\n")
    return row.exit_status


def settings_parser(prog: str, description: str) -> argparse.ArgumentParser:
    """Return a parser with a flag for each setting."""
    parser = Parser(prog=f"mediamill {prog}", description=description, allow_abbrev=False)
    add_flags(parser.add_argument_group("settings"), Settings)  # type: ignore[arg-type]
    return parser


def _run(name: str, rest: list[str]) -> int:
    commands: dict[str, Callable[[list[str]], int]] = {
        "stream": _stream,
        "process": _process,
        "batch": _batch,
        "caps": _caps,
        "schema": _schema,
        "doctor": _doctor,
        "--version": _version,
        "--help": _help,
        "-h": _help,
        "help": _help,
    }
    if name in commands:
        return commands[name](rest)
    settings, _ = load({})
    registry = Registry(settings.operations_path)
    if name in registry.names:
        from mediamill.engine.cli.operation import run_operation

        with stdout_on_stderr():
            operation = registry[name]
        return run_operation(operation, rest, registry)
    known = [*commands, *registry.names]
    near = nearest(name, known)
    sys.stderr.write(f"mediamill: unknown command {name!r}." + (f" Did you mean {near!r}?" if near else "") + "\n")
    sys.stderr.write("  `mediamill --help` lists the commands.\n")
    return EXIT_USAGE


def _stream(rest: list[str]) -> int:
    parser = settings_parser("stream", "Read one JSON job per line on stdin, write one result line each on stdout.")
    settings, _ = load(given(parser.parse_args(rest), Settings))
    from mediamill.engine.stdio import protect
    from mediamill.engine.stream import Stream

    reads, writes = protect()
    return Stream(settings, Registry(settings.operations_path), reads, writes).serve()


def _process(rest: list[str]) -> int:
    parser = settings_parser("process", "Run one job and print its result line.")
    parser.add_argument("--job", required=True, help="The job as JSON; - reads it from stdin.")
    arguments = parser.parse_args(rest)
    from mediamill.engine.cli.process import process

    return process(arguments.job, given(arguments, Settings))


def _batch(rest: list[str]) -> int:
    parser = settings_parser("batch", "Run the jobs of a file: a JSON array, or one job per line.")
    parser.add_argument("--file", required=True, help="The file with the jobs; - is stdin.")
    parser.add_argument("--resume", help="Results of an earlier run; jobs that succeeded there are not run again.")
    arguments = parser.parse_args(rest)
    from mediamill.engine.cli.batch import batch

    settings, _ = load(given(arguments, Settings))
    return batch(arguments.file, arguments.resume, settings)


def _caps(rest: list[str]) -> int:
    parser = settings_parser("caps", "Print what this engine can do, as JSON.")
    settings, _ = load(given(parser.parse_args(rest), Settings))
    from mediamill.engine.capabilities import capabilities

    with stdout_on_stderr():
        told = capabilities(Registry(settings.operations_path), settings)
    return _print_json(told)


def _schema(rest: list[str]) -> int:
    parser = Parser(prog="mediamill schema", description="Print the JSON Schema of the protocol.")
    parser.add_argument("operation", nargs="?", help="Only this operation's job.")
    arguments = parser.parse_args(rest)
    settings, _ = load({})
    registry = Registry(settings.operations_path)
    from mediamill.protocol.schema import job_schema, protocol_schema

    if arguments.operation is None:
        with stdout_on_stderr():
            kinds = [operation.params for operation in registry.all()]
        return _print_json(protocol_schema(kinds))
    if arguments.operation not in registry.names:
        near = nearest(arguments.operation, registry.names)
        sys.stderr.write(f"mediamill: unknown operation {arguments.operation!r}.")
        sys.stderr.write(f" Did you mean {near!r}?\n" if near else "\n")
        return EXIT_USAGE
    with stdout_on_stderr():
        kind = registry.params(arguments.operation)
    return _print_json(job_schema(kind))


def _doctor(rest: list[str]) -> int:
    parser = settings_parser("doctor", "Print versions, codecs, cores, settings and what is missing.")
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    arguments = parser.parse_args(rest)
    settings, origins = load(given(arguments, Settings))
    from mediamill.engine.cli.doctor import doctor

    return doctor(settings, origins, as_json=arguments.json)


def _version(_: list[str]) -> int:
    sys.stdout.write(f"mediamill {version.ENGINE} (protocol {version.PROTOCOL})\n")
    return 0


def _help(_: list[str]) -> int:
    settings, _origins = load({})
    registry = Registry(settings.operations_path)
    width = max(map(len, registry.names))
    with stdout_on_stderr():
        operations = registry.all()
    lines = "".join(f"  {operation.name:<{width}}  {operation.summary}\n" for operation in operations)
    sys.stdout.write(HELP + lines + "\n`mediamill OPERATION --help` explains its flags.\n")
    return 0


def _print_json(value: object) -> int:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
    sys.stdout.flush()
    return 0
