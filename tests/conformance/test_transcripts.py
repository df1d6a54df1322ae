"""The golden transcripts, replayed by a client in Python, one in Node and one that is a shell script."""

import os
import shutil
import subprocess
import sys

import pytest
from harness import ROOT, command, environment

CLIENTS = os.path.join(ROOT, "tests", "conformance", "clients")
TRANSCRIPTS = os.path.join(ROOT, "fixtures", "transcripts")
NAMES = ["basic", "faults"]
RUNNERS = {"python": [sys.executable, f"{CLIENTS}/client.py"], "sh": ["sh", f"{CLIENTS}/client.sh"]}
if shutil.which("node"):
    RUNNERS["node"] = ["node", f"{CLIENTS}/client.mjs"]


def replay(runner, transcript, folder):
    return subprocess.run(
        [*RUNNERS[runner], transcript, *command("--workers", 1)],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("runner", RUNNERS)
def test_a_transcript_comes_out_the_same(runner, name, tmp_path):
    done = replay(runner, f"{TRANSCRIPTS}/{name}.jsonl", tmp_path)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_client_notices_a_difference(runner, tmp_path):
    changed = tmp_path / "changed.jsonl"
    for wrong in (b'< {"success":false}\n', b'> {"control":"drain"}\n< {}\n< {"success":"a line that never comes"}\n'):
        changed.write_bytes(b'> {"operation":"noop"}\n' + wrong)
        assert replay(runner, str(changed), tmp_path).returncode == 1


def test_every_transcript_is_replayed():
    assert sorted(os.listdir(TRANSCRIPTS)) == [f"{name}.jsonl" for name in NAMES]
