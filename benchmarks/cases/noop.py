"""How many jobs a second the engine can take and answer, when the jobs themselves are nothing."""

from typing import Any

from benchmarks import samples
from benchmarks.engine_client import Stream
from benchmarks.harness import Bench, pairs
from benchmarks.report import Bound, Row

TITLE = "jobs that do nothing, a second"
BOUND = Bound(">=", 2000)
NOTE = (
    "All jobs are written at once to a running engine with its workers started; the time is from the first byte to the "
    "last result. Each job has an `n` of its own, so none is merged with another."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case: jobs with ids against jobs without, which are answered in order."""
    count = bench.count(5000, 40)
    ordered, free = pairs(
        "noop", bench.rounds, lambda: rate(bench, count, ids=False), lambda: rate(bench, count, ids=True)
    )
    return [
        Row("noop", f"{count} no-op jobs without ids", "jobs/s", ordered, bound=BOUND, note=NOTE),
        Row("noop", f"{count} no-op jobs with ids", "jobs/s", free, bound=BOUND, note=NOTE),
    ]


def rate(bench: Bench, count: int, *, ids: bool) -> float:
    """Return jobs a second of one engine."""

    def job(number: int) -> dict[str, Any]:
        return {"operation": "noop", "n": number} | ({"id": number} if ids else {})

    warm = bench.count(200, 8)
    with Stream(bench, env={"MEDIAMILL_OPERATIONS_PATH": str(samples.PLUGINS)}) as stream:
        stream.run(job(number) for number in range(warm)).require(warm)
        exchange = stream.run(job(number) for number in range(warm, warm + count)).require(count)
    return count / exchange.seconds
