"""The entry point: which of the commands was asked for, with as little loaded as it needs."""

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["--stream"] or (not arguments and not sys.stdin.isatty()):
        arguments = ["stream", *arguments[1:]]
    if len(arguments) == 3 and arguments[:2] == ["process", "--job"]:
        from mediamill.engine.cli.process import process

        return process(arguments[2], {})
    from mediamill.engine.cli.commands import dispatch

    return dispatch(arguments)


if __name__ == "__main__":
    sys.exit(main())
