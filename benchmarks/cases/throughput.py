"""Photos a second on all cores, and how good they are, against sharp at its best."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import scores
from benchmarks.engine_client import Stream, steady_rate
from benchmarks.harness import Bench, pairs, say
from benchmarks.machine import cores
from benchmarks.peers import sharp
from benchmarks.report import Bound, Row

TITLE = "photos a second on all cores"
FASTER, BETTER = Bound(">=", 1.25), Bound(">=", 2.5)
VARIANTS: tuple[tuple[tuple[str, ...], Bound | None], ...] = (((), FASTER), (("--no-fsync",), None))
WIDTH, QUALITY = 720, 80
WORK = f"photo -> {WIDTH} q{QUALITY}"
NOTE = (
    "The rate is that of the steady state: results while things start and run dry are left out. Every job has an "
    "output of its own, so none is merged; both sides read the same photo (from the system's cache), decode it each "
    "time and write files. Ours flushes them to the disk, sharp does not; --no-fsync leaves that out. CPU is that of "
    "the whole tree over its jobs, start-up included."
)


@dataclass(frozen=True)
class Rate:
    """Jobs a second, and processor milliseconds a job, start-up included."""

    jobs: float
    cpu: float


@dataclass(frozen=True)
class Choice:
    """How sharp is used: threads of libvips a picture, and pictures at a time."""

    concurrency: int
    parallel: int

    def __str__(self) -> str:
        return f"sharp.concurrency({self.concurrency}), {self.parallel} at a time"


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    missing, count = sharp.missing(bench), bench.count(240, 12)
    mine, other = bench.folder("ours"), bench.folder("sharp")
    best = None if missing else best_choice(bench, other)
    peer = None if best is None else partial(theirs, bench, other, best, count)
    note = NOTE + ("" if best is None else f" sharp's best here: {best}.")
    rows = []
    for flags, bound in VARIANTS:
        work = " ".join((WORK, *flags))
        own, rival = pairs(f"throughput, {work}", bench.rounds, partial(ours, bench, mine, flags, count), peer)
        jobs = [one.jobs for one in own], [one.jobs for one in rival]
        cpu = [one.cpu for one in own], [one.cpu for one in rival]
        rows.append(Row("throughput", work, "jobs/s", *jobs, "ratio", bound, missing, note))
        rows.append(Row("throughput", f"{work}, CPU a job", "ms", *cpu, "ratio", None, missing, note))
    return [*rows, quality(bench, mine, other, missing)]


def ours(bench: Bench, folder: Path, flags: Sequence[str], count: int) -> Rate:
    """Run the stream with all its workers."""
    jobs = (
        {
            "operation": "resize",
            "id": number,
            "input": str(bench.photo),
            "output": f"{folder}/{number}.jpg",
            "widths": [WIDTH],
            "quality": QUALITY,
        }
        for number in range(count)
    )
    with Stream(bench, flags) as stream:
        exchange = stream.run(jobs).require(count)
    return Rate(steady_rate(exchange.arrivals, *_edges(count, cores())), stream.usage.cpu * 1000 / count)


def theirs(bench: Bench, folder: Path, choice: Choice, count: int) -> Rate:
    """Run sharp with as many pictures at a time as chosen."""
    done = sharp.call(
        bench,
        "many",
        threads=max(sharp.UV_DEFAULT, choice.parallel),
        input=bench.photo,
        folder=folder,
        width=WIDTH,
        quality=QUALITY,
        count=count,
        concurrency=choice.concurrency,
        parallel=choice.parallel,
    )
    arrivals = [(moment, number + 1) for number, moment in enumerate(json.loads(done.output)["finished"])]
    return Rate(steady_rate(arrivals, *_edges(count, choice.parallel)), done.usage.cpu * 1000 / count)


def best_choice(bench: Bench, folder: Path) -> Choice:
    """Search for the way to use sharp that gives most pictures a second on this machine.

    All of 1..cores threads a picture times 1..2 cores pictures at a time; powers of two and the ends of the ranges on
    machines with more than four cores. The better of two runs counts, the three best are run twice more.
    """
    count, tries = bench.count(60, 8), bench.count(2, 1)
    choices = [Choice(threads, at_once) for threads in _steps(cores()) for at_once in _steps(2 * cores())]
    if bench.quick:
        choices = choices[-1:]
    found = dict.fromkeys(choices, 0.0)
    for again in range(2):
        contenders = choices if again == 0 else sorted(choices, key=lambda one: -found[one])[:3]
        for number, choice in enumerate(contenders * tries):
            say(f"throughput, sharp's best: {number + 1} of {len(contenders) * tries}")
            found[choice] = max(found[choice], theirs(bench, folder, choice, count).jobs)
    return max(choices, key=lambda one: found[one])


def quality(bench: Bench, mine: Path, other: Path, missing: str) -> Row:
    """Score one picture of each side: they are the same every time."""
    absent = missing or scores.missing()
    own = [] if scores.missing() else [scores.score(bench.photo, mine / "0.jpg", bench.work)]
    rival = [] if absent else [scores.score(bench.photo, other / "0.jpg", bench.work)]
    note = f"Scores are against libvips' lanczos3 of the whole photo. Bytes: ours {(mine / '0.jpg').stat().st_size}" + (
        "" if missing else f", sharp's {(other / '0.jpg').stat().st_size}"
    )
    return Row("throughput", f"{WORK}, SSIMULACRA2", "", own, rival, "difference", BETTER, absent, note + ".")


def _edges(count: int, at_once: int) -> tuple[int, int]:
    """Return how many results at the start and at the end do not count."""
    return min(max(10, 4 * at_once), count // 3), min(at_once, count // 4)


def _steps(last: int) -> list[int]:
    if last <= 8:
        return list(range(1, last + 1))
    return sorted({1 << power for power in range(last.bit_length())} | {last})
