"""How things are measured: whole process trees, in alternating pairs, against another program in the same run.

Processor time is user plus system of a process and of all it started and waited for, which is what the kernel hands to
whoever waits for it. Nothing is compared with a number from another run or machine: the two sides take turns, and the
order within each turn is swapped, so that what else goes on meets both alike.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

Ours = TypeVar("Ours")
Peers = TypeVar("Peers")

SMALLEST = 1e-9
"""Stands for a cost that came out as nothing or less, which a tiny run on a busy machine can."""


class BenchmarkError(Exception):
    """A side did not do its work, so there is nothing to compare."""


@dataclass(frozen=True)
class Usage:
    """What something took: processor and elapsed seconds."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Finished:
    """A process that ended well: what it took and what it printed."""

    usage: Usage
    output: bytes


@dataclass(frozen=True)
class Bench:
    """What the cases are given.

    Attributes:
        photo: The picture to work on; of the cases that are run for each of many, the one in turn.
        photos: All photos there are, JPEGs.
        graphics: All graphics there are, PNGs.
        films: The films to work on, with sound; only one case takes more than the first.
        work: A folder for outputs, removed at the end.
        mediamill: The command line of the engine, without a command.
        sharp: A folder that has `node_modules/sharp`; None where there is none.
        node: The Node.js program; None where there is none.
        ffmpeg: FFmpeg's program; None where there is none.
        rounds: How many pairs each comparison takes.
        quick: Do next to nothing, only to see that it works.
        env: Variables of everything that is measured.
        documents: A folder of PDFs to work on, in folders by class; None where they are made.
        where: Which of many pictures is in turn, for people.
    """

    photo: Path
    photos: tuple[Path, ...]
    graphics: tuple[Path, ...]
    films: tuple[Path, ...]
    work: Path
    mediamill: tuple[str, ...]
    sharp: Path | None
    node: str | None
    ffmpeg: str | None
    rounds: int
    quick: bool
    env: Mapping[str, str] = field(default_factory=dict)
    documents: Path | None = None
    where: str = ""

    @property
    def film(self) -> Path:
        """The film to work on."""
        return self.films[0]

    def count(self, full: int, quick: int) -> int:
        """Return how often to do something."""
        return quick if self.quick else full

    @property
    def many(self) -> bool:
        """Whether there are many photos, so that each may be looked at shortly."""
        return len(self.photos) > 1

    def folder(self, name: str) -> Path:
        """Return a fresh folder for outputs."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.work))


def environment(work: Path) -> dict[str, str]:
    """Return the environment of everything that is measured.

    An installed package has its bytecode beside it. A checkout may be forbidden to write it, so it is kept in the
    benchmarks' own folder and made by the first, unmeasured run. Settings of the engine from outside are dropped.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEDIAMILL_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"PYTHONPYCACHEPREFIX": str(work / "bytecode")}


def run(command: Sequence[str], env: Mapping[str, str], cwd: Path) -> Finished:
    """Run a command to its end and return what its whole process tree took.

    Raises:
        BenchmarkError: It failed; what it said is on stderr already.
    """
    began = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=env, cwd=cwd) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        usage = reap(process, began)
    if process.returncode:
        said = output[:500].decode("utf-8", "replace")
        raise BenchmarkError(f"{command[0]} ended with {process.returncode}: {said}")
    return Finished(usage, output)


def reap(process: "subprocess.Popen[bytes]", began: float) -> Usage:
    """Wait for a process and return what it and its children took since `began`, a `perf_counter` value."""
    _, status, resources = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(resources.ru_utime + resources.ru_stime, time.perf_counter() - began)


def marginal(measure: Callable[[int], Usage], few: int, many: int) -> Usage:
    """Return what one more job takes, start-up taken off: the difference of two whole runs over that of their jobs.

    Args:
        measure: Runs a number of jobs in a process of their own.
        few: Jobs of the run that is taken off; enough to start everything there is to start.
        many: Jobs of the run that counts.
    """
    small, large = measure(few), measure(many)
    jobs = many - few
    return Usage(max(SMALLEST, (large.cpu - small.cpu) / jobs), max(SMALLEST, (large.wall - small.wall) / jobs))


def pairs(
    label: str, rounds: int, ours: Callable[[], Ours], peer: Callable[[], Peers] | None
) -> tuple[list[Ours], list[Peers]]:
    """Let two sides take turns, and swap who goes first each time.

    Args:
        label: What is said on stderr meanwhile.
        rounds: How many turns.
        ours: Runs our side once.
        peer: Runs the other one once; None where there is none.

    Returns:
        What our side gave, and what the other gave, nothing where there is none; same places are the same turn.
    """
    found: list[Ours] = []
    others: list[Peers] = []
    for turn in range(rounds):
        say(f"{label}: {turn + 1} of {rounds}")
        if peer is not None and turn % 2:
            others.append(peer())
        found.append(ours())
        if peer is not None and not turn % 2:
            others.append(peer())
    return found, others


def say(text: str) -> None:
    """Tell a person at a terminal how far things are; others are told nothing."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
