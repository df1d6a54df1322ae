"""What the README shows runs as it stands there, on the samples it names."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
TABLE = README.split("<!-- operations -->")[1].split("<!-- /operations -->")[0]
EXAMPLES = re.findall(r"\| `(mediamill .*)` \|$", TABLE, re.MULTILINE)
TYPED = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith("mediamill ")
]
JOBS = [{"operation": "probe", "input": "photo.jpg"}, {"operation": "probe", "input": "alpha.png"}]


def test_every_operation_has_an_example(registry) -> None:
    assert [shlex.split(example)[1] for example in EXAMPLES] == registry.names


@pytest.mark.parametrize("line", [*TYPED, *EXAMPLES], ids=lambda line: line[:60])
def test_an_example_runs(line, sample, tmp_path) -> None:
    words = shlex.split(line.replace("\\|", "|"))
    (tmp_path / "jobs.jsonl").write_text("".join(json.dumps(job) + "\n" for job in JOBS))
    for name in ["photo.jpg", "alpha.png", *re.findall(r"[\w-]+\.\w+", line)]:
        try:
            source = sample(name)
        except ValueError:  # the name of an output
            continue
        os.symlink(source, tmp_path / name) if not (tmp_path / name).exists() else None
    found = subprocess.run(
        [sys.executable, "-m", "mediamill.engine", *words[1:]],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout
