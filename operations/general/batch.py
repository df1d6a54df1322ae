"""Several jobs as one: each runs on its own, and one result tells of all."""

from typing import Annotated, Any

from msgspec import Meta, to_builtins

from mediamill.operations.contract import Metadata, SubJobs
from mediamill.protocol.job import Job
from mediamill.protocol.results import Result

SUMMARY = "Run several jobs and answer once."
EXAMPLE = {
    "operation": "batch",
    "jobs": [
        {"operation": "resize", "input": "photo.jpg", "output_dir": "out", "widths": [320]},
        {"operation": "probe", "input": "photo.jpg"},
    ],
}


class Params(Job, frozen=True, kw_only=True, tag="batch"):
    """A batch. Its result is failed where one of its jobs is; the outputs of the others are there all the same."""

    jobs: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=100_000, description="The jobs, in any mix.")]
    parallel: Annotated[bool, Meta(description="Whether jobs run side by side.")] = True
    max_threads: Annotated[int, Meta(ge=0, le=256, description="How many jobs run at once; 0: one per core.")] = 0


def expand(params: Params) -> SubJobs:
    """Return the jobs of the batch, and how many may run at once."""
    return SubJobs(jobs=params.jobs, parallel=params.max_threads if params.parallel else 1)


def collect(params: Params, results: list[Result]) -> Metadata:
    """Return the counts, which jobs failed (from 0), and each job's own result, in the order of the jobs.

    Inline data stands in the batch's own outputs alone.
    """
    return {
        "jobs_total": len(params.jobs),
        "jobs_succeeded": sum(result.success for result in results),
        "failed": [index for index, result in enumerate(results) if not result.success],
        "results": [_without_data(to_builtins(result)) for result in results],
    }


def _without_data(result: dict[str, Any]) -> dict[str, Any]:
    for output in result["outputs"]:
        output.pop("data_base64", None)
    return result
