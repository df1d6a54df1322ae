"""What the engine's own process holds, at its start and after many jobs of all sorts."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import samples
from benchmarks.engine_client import Stream
from benchmarks.harness import Bench, say
from benchmarks.report import Bound, Row

TITLE = "the engine's resident memory"
HELD, GROWN = Bound("<", 60), Bound("<", 10)
MEGABYTE = 1e6
KINDS = 4
NOTE = (
    "Resident memory of the engine's process, without its workers, in MB of a million bytes. The jobs take turns: a "
    "small resize, a missing input, a no-op, and a damaged picture or an unknown field. `most` is the most of eleven "
    "readings; growth is from right after the start, which includes the code that the first jobs load."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case, once: memory is not noisy."""
    count = bench.count(10_000, 80)
    folder = bench.folder("memory")
    picture = samples.small(bench.photo, bench.work, 160)
    damaged = samples.half(picture, bench.work)
    jobs = list(mixed(count, picture, damaged, folder))
    step = count // 10
    with Stream(bench, env={"MEDIAMILL_OPERATIONS_PATH": str(samples.PLUGINS)}) as stream:
        readings = [resident(stream.pid)]
        for start in range(0, count, step):
            say(f"memory: {start} of {count}")
            stream.run(jobs[start : start + step]).require(step // 2)
            readings.append(resident(stream.pid))
    first, last, tail = readings[0], readings[-1], readings[-1] - readings[1]
    work = f"after {count} mixed jobs"
    return [
        Row("memory", "after the start", "MB", [first], bound=HELD, note=NOTE),
        Row("memory", f"{work}, most", "MB", [max(readings)], bound=HELD, note=NOTE),
        Row("memory", f"{work}, growth", "MB", [last - first], bound=GROWN, note=NOTE),
        Row("memory", f"{work}, growth since the first tenth", "MB", [tail], note=NOTE),
    ]


def mixed(count: int, picture: Path, damaged: Path, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield jobs of all sorts; every second one succeeds."""
    for number in range(count):
        kind, resize = number % KINDS, {"operation": "resize", "widths": [80]}
        if kind == 0:
            yield resize | {"input": str(picture), "output": f"{folder}/{number % 64}.jpg"}
        elif kind == 1:
            yield resize | {"input": f"{picture}.{number}", "output": f"{folder}/none.jpg"}
        elif kind == 2:
            yield {"operation": "noop", "id": number, "n": number}
        elif number % (2 * KINDS) == 3:
            yield resize | {"input": str(damaged), "output": f"{folder}/none-{number}.jpg"}
        else:
            yield resize | {"input": str(picture), "output": f"{folder}/none.jpg", f"field{number}": 1}


def resident(pid: int) -> float:
    """Return a process's resident memory in MB."""
    if sys.platform.startswith("linux"):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        kibibytes = next(line.split()[1] for line in lines if line.startswith("VmRSS:"))
    else:
        kibibytes = subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)], text=True)
    return int(kibibytes) * 1024 / MEGABYTE
