"""Replays a transcript: `client.py [--write] TRANSCRIPT COMMAND...`; exits with 1 where an answer differs.

With `--write` the answers that come replace those in the file, to be looked at and committed.
"""

import difflib
import re
import subprocess
import sys

VOLATILE = (
    (re.compile(r'"elapsed_ms":\d+'), '"elapsed_ms":0'),
    (re.compile(r'"expected":"one of [^"]*"'), '"expected":"one of ..."'),
    (re.compile(r'^\{"event":"(hello|stats)",.*'), r'{"event":"\1"}'),
)


def normal(line: str) -> str:
    for pattern, fixed in VOLATILE:
        line = pattern.sub(fixed, line)
    return line


def replay(wanted: list[str], command: list[str]) -> list[str]:
    """Return the transcript as it came out this time."""
    engine = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert engine.stdin
    assert engine.stdout
    with engine:
        heard = []
        for line in wanted:
            if line.startswith("> "):
                engine.stdin.write(line[2:].encode() + b"\n")
                engine.stdin.flush()
            elif line.startswith("< "):
                line = "< " + normal(engine.stdout.readline().decode().removesuffix("\n"))
            heard.append(line)
        engine.stdin.close()
        heard += ["< " + normal(rest.decode().removesuffix("\n")) for rest in engine.stdout]
    if engine.returncode != 0:
        heard.append(f"# exit status {engine.returncode}")
    return heard


def main(arguments: list[str]) -> int:
    write = arguments[:1] == ["--write"]
    path, *command = arguments[1:] if write else arguments
    with open(path, encoding="utf-8", newline="\n") as file:
        wanted = file.read().removesuffix("\n").split("\n")
    heard = replay(wanted, command)
    if write:
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(heard) + "\n")
        return 0
    sys.stdout.writelines(f"{line}\n" for line in difflib.unified_diff(wanted, heard, "wanted", "heard", "", "", 0, ""))
    return int(heard != wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
