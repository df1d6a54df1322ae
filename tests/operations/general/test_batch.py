from pathlib import Path
from typing import Any

import pytest

from mediamill.engine.pooled import run_pooled
from mediamill.engine.registry import Registry
from mediamill.engine.settings import Settings
from mediamill.operations.general.batch import Params, collect, expand
from mediamill.protocol.decode import to_job
from mediamill.protocol.errors import InvalidJob
from mediamill.protocol.results import Result

FAULTS = str(Path(__file__).parents[2] / "faults")


def batch(**fields: Any) -> Result:
    registry = Registry([FAULTS])
    settings = Settings(operations_path=(FAULTS,), workers=2)
    return run_pooled([to_job({"operation": "batch", **fields}, registry)], registry, settings)[0]


def noop(n: int) -> dict[str, Any]:
    return {"operation": "noop", "n": n}


def test_every_job_has_its_result_in_the_order_of_the_jobs() -> None:
    result = batch(jobs=[noop(n) for n in range(5)])
    assert result.success
    assert result.metadata["jobs_total"] == result.metadata["jobs_succeeded"] == 5
    assert [job["metadata"]["n"] for job in result.metadata["results"]] == [0, 1, 2, 3, 4]


def test_outputs_of_all_jobs_are_told(tmp_path: Path) -> None:
    jobs = [
        {"operation": "writer", "output_dir": str(tmp_path / name), "count": 2, "size": 10, "prefix": name}
        for name in ("a", "b")
    ]
    known = set(Registry([FAULTS]).params("writer").__struct_fields__)
    jobs = [{key: value for key, value in job.items() if key in known or key == "operation"} for job in jobs]
    result = batch(jobs=jobs)
    assert result.success, result.error
    assert len(result.outputs) == sum(1 for path in tmp_path.rglob("*") if path.is_file()) > 1


def test_a_failed_job_fails_the_batch_and_spares_the_others() -> None:
    result = batch(jobs=[noop(1), {"operation": "nope"}, noop(2)])
    assert not result.success
    assert result.error_info.code == "unknown_operation"
    assert "1 of 3 jobs failed" in result.error
    assert result.metadata["jobs_succeeded"] == 2
    assert [job["success"] for job in result.metadata["results"]] == [True, False, True]


@pytest.mark.parametrize(
    ("fields", "parallel"),
    [({}, 0), ({"max_threads": 3}, 3), ({"parallel": False}, 1), ({"parallel": False, "max_threads": 3}, 1)],
)
def test_how_many_run_at_once(fields: dict[str, Any], parallel: int) -> None:
    assert expand(Params(jobs=[noop(1)], **fields)).parallel == parallel


def test_collect_counts() -> None:
    metadata = collect(Params(jobs=[noop(1)]), [Result(success=True, operation="noop")])
    assert metadata == {
        "jobs_total": 1,
        "jobs_succeeded": 1,
        "failed": [],
        "results": [{"success": True, "operation": "noop", "outputs": [], "elapsed_ms": 0}],
    }


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(InvalidJob):
        to_job({"operation": "batch", "jobs": []}, Registry())


def test_a_batch_in_a_batch_is_refused() -> None:
    result = batch(jobs=[{"operation": "batch", "jobs": [noop(1)]}])
    assert result.error_info.code == "invalid_job"


def test_its_envelope_is_its_jobs_default(tmp_path: Path) -> None:
    (tmp_path / "o.bin").write_bytes(b"old")
    job = {"operation": "writer", "output": str(tmp_path / "o.bin")}
    result = batch(jobs=[job, job | {"overwrite": "skip"}], overwrite="error", parallel=False)
    assert [part.get("error_info", {}).get("code") for part in result.metadata["results"]] == ["output_exists", None]
    assert result.metadata["failed"] == [0]
    assert (tmp_path / "o.bin").read_bytes() == b"old"
