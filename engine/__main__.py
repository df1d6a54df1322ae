"""The entry point: which of the commands was asked for, with as little loaded as it needs."""

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    signal.signal(signal.SIGTERM, _terminate)
    if arguments[:1] == ["--stream"] or (not arguments and not (sys.stdin and sys.stdin.isatty())):
        arguments = ["stream", *arguments[1:]]
    if len(arguments) == 3 and arguments[:2] == ["process", "--job"]:
        gc.disable()  # one job's garbage goes with the process
        from mediamill.engine.cli.process import process
        from mediamill.protocol.errors import MediaError

        try:
            return process(arguments[2], {})
        except MediaError as error:
            from mediamill.engine.cli.commands import complain

            return complain(error)
        except KeyboardInterrupt:
            return 130
    from mediamill.engine.cli.commands import dispatch

    return dispatch(arguments)


def run() -> NoReturn:
    """Run this process's command and leave at once: taking the libraries down again would cost a tenth of a job."""
    try:
        status = main()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    os._exit(status)


def _terminate(number: int, _: object) -> NoReturn:
    """End by an exception, so that workers and what they left are cleaned up on the way."""
    sys.exit(128 + number)


if __name__ == "__main__":
    run()
