import os
import signal
from pathlib import Path
from typing import Any

import pytest

from mediamill.engine.inprocess import run_job, signals_cancel
from mediamill.engine.registry import Registry
from mediamill.engine.settings import Settings
from mediamill.protocol.errors import Cancelled
from mediamill.protocol.results import Result

OPERATION = '''
"""A job that does what its `do` says."""
import os, signal
from mediamill.operations.contract import Plan, Target
from mediamill.protocol.errors import CorruptInput
from mediamill.protocol.job import Job

SUMMARY = "Do."
EXAMPLE = {"operation": "act"}

class Params(Job, frozen=True, kw_only=True, tag="act"):
    do: str = "nothing"
    output: str = ""
    inline: bool = False

def plan(params, ctx):
    return Plan(targets=(Target(path=params.output, format="bin"),) if params.output else (), memory_bytes=5, pixels=7)

def run(params, ctx):
    for target in ctx.claim(plan(params, ctx)):
        ctx.write(target, b"bytes")
    if params.do == "fail":
        raise CorruptInput("Cut short.")
    if params.do == "break":
        raise ZeroDivisionError
    if params.do == "signal":
        os.kill(os.getpid(), signal.SIGTERM)
    if params.do == "wait":
        while True:
            ctx.check()
    if params.do == "report":
        ctx.progress(50, "half", decode=10.0)
        ctx.reserve(1 << 60)
        return {"answer": ctx.ask("Password?", "password"), "threads": ctx.threads, "limit": ctx.limits.max_side}
    return {
        "nothing": None, "object": {"a": object()}, "surrogate": {"a": "\\udcff"}, "key": {(1, 2): 3},
        "int_key": {1: 2}, "nan": {"a": float("nan")},
    }[params.do]
'''


@pytest.fixture
def act(tmp_path: Path) -> Any:
    """Return a function that runs the operation `act` in this process."""
    (tmp_path / "operations").mkdir()
    (tmp_path / "operations" / "act.py").write_text(OPERATION)
    registry = Registry([str(tmp_path / "operations")])

    def run(settings: Settings | None = None, **fields: Any) -> Result:
        return run_job({"operation": "act", **fields}, registry, settings or Settings(workers=3))

    return run


def test_a_job_runs_to_its_result(act: Any, tmp_path: Path) -> None:
    result = act(output=str(tmp_path / "new" / "a.bin"), id="a", meta=[1])
    assert (result.success, result.id, result.meta, result.metadata) == (True, "a", [1], None)
    assert [output.size_bytes for output in result.outputs] == [5]
    assert (tmp_path / "new" / "a.bin").read_bytes() == b"bytes"


def test_an_operation_gets_what_its_context_promises(act: Any) -> None:
    result = act(Settings(workers=3, max_side=9), do="report")
    assert result.metadata == {"answer": None, "threads": 3, "limit": 9}


def test_a_dry_run_writes_nothing_and_says_what_it_would(act: Any, tmp_path: Path) -> None:
    result = act(output=str(tmp_path / "new" / "a.bin"), dry_run=True)
    assert result.metadata == {"dry_run": True, "cost": {"pixels": 7, "memory_bytes": 5}}
    assert [(output.path, output.size_bytes) for output in result.outputs] == [(str(tmp_path / "new" / "a.bin"), 0)]
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("do", "code"),
    [
        ("fail", "corrupt_input"),
        ("break", "internal"),
        ("object", "internal"),
        ("surrogate", "internal"),
        ("key", "internal"),
        ("unknown", "internal"),
    ],
)
def test_a_failure_is_a_result_and_leaves_nothing(act: Any, tmp_path: Path, do: str, code: str) -> None:
    result = act(do=do, output=str(tmp_path / "new" / "a.bin"), id=1)
    assert (result.success, result.id, result.outputs) == (False, 1, [])
    assert result.error_info.code == code
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("do", "metadata"), [("nan", {"a": None}), ("int_key", {"1": 2})])
def test_metadata_comes_out_as_the_json_it_can_be(act: Any, do: str, metadata: Any) -> None:
    assert act(do=do).metadata == metadata


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"do": 5}, "invalid_job"), ({"operation": "atc"}, "unknown_operation"), ({"x": 1, "id": "k"}, "invalid_job")],
)
def test_a_wrong_job_is_a_result_too(act: Any, fields: dict[str, Any], code: str) -> None:
    result = act(**fields)
    assert result.error_info.code == code
    assert (result.id == "k") is ("id" in fields)


def test_a_job_made_of_jobs_needs_workers(act: Any) -> None:
    result = act(operation="batch", jobs=[{"operation": "act"}])
    assert (result.error_info.code, result.error_info.field) == ("invalid_job", "operation")


@pytest.mark.parametrize(
    ("settings", "fields"), [(Settings(timeout_ms=1), {}), (Settings(timeout_ms=0), {"timeout_ms": 1})]
)
def test_a_job_that_checks_stops_at_its_limit(
    act: Any, tmp_path: Path, settings: Settings, fields: dict[str, Any]
) -> None:
    result = act(settings, do="wait", output=str(tmp_path / "a.bin"), **fields)
    assert result.error_info.code == "timeout"
    assert "limit of 1 ms" in result.error
    assert [path.name for path in tmp_path.iterdir()] == ["operations"]


def test_a_signal_cancels_the_job_and_leaves_nothing(act: Any, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with signals_cancel() as came:
        result = act(do="signal", output=str(tmp_path / "a.bin"))
    assert (result.error_info.code, came) == ("cancelled", [signal.SIGTERM])
    assert not (tmp_path / "a.bin").exists()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_the_handlers_come_back_after_an_error_too() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Cancelled), signals_cancel():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before
