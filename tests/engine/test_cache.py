import os
from pathlib import Path

import pytest

from mediamill.engine.cache import Cache, cache_key
from mediamill.engine.inprocess import run_job
from mediamill.engine.registry import Registry
from mediamill.engine.settings import Settings
from mediamill.operations.contract import Target
from mediamill.operations.sniff import sniff
from mediamill.protocol.job import Job
from mediamill.protocol.results import Output

COUNTER = """
import os
from mediamill.operations.contract import Context, Plan, Target
from mediamill.protocol.job import Job, Source

SUMMARY = "Write the input's bytes twice over, and count the runs in a file."
EXAMPLE = {"operation": "double"}

class Params(Job, frozen=True, kw_only=True, tag="double"):
    input: Source
    output: str
    times: int = 2
    late: str | None = None

def plan(params: Params, ctx: Context) -> Plan:
    blob = ctx.read(params.input)
    return Plan(targets=(Target(path=params.output, format="text", width=len(blob.data)),))

def run(params: Params, ctx: Context):
    plan_ = plan(params, ctx)
    if params.late:
        ctx.read(params.late, "late")
    with open(os.environ["RUNS"], "a") as file:
        file.write("x")
    for target in ctx.claim(plan_):
        ctx.write(target, ctx.read(params.input).data * params.times, quality=7)
    return {"times": params.times}
"""


@pytest.fixture
def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "operations").mkdir()
    (tmp_path / "operations" / "double.py").write_text(COUNTER)
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    registry = Registry([str(tmp_path / "operations")])
    settings = Settings(cache_dir=str(tmp_path / "cache"))
    (tmp_path / "a.txt").write_bytes(b"abc")

    def run(**fields):
        job = {"operation": "double", "input": str(tmp_path / "a.txt"), "output": str(tmp_path / "out"), **fields}
        return run_job(job, registry, settings)

    return run


def runs() -> int:
    path = Path(os.environ["RUNS"])
    return len(path.read_text()) if path.exists() else 0


def test_the_same_work_is_done_once_and_says_so(double, tmp_path: Path) -> None:
    first = double(cache="use")
    (tmp_path / "out").unlink()
    second = double(cache="use")
    assert (first.success, second.success, runs()) == (True, True, 1)
    assert first.outputs[0].cached is not True
    assert second.outputs[0].cached is True
    assert second.outputs[0].quality == 7
    assert second.metadata == {"times": 2}
    assert (tmp_path / "out").read_bytes() == b"abcabc"


def test_the_same_content_under_another_name_is_a_hit(double, tmp_path: Path) -> None:
    double(cache="use")
    (tmp_path / "b.txt").write_bytes(b"abc")
    result = double(cache="use", input=str(tmp_path / "b.txt"), output=str(tmp_path / "other"))
    assert runs() == 1
    assert result.outputs[0].path == str(tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == b"abcabc"


@pytest.mark.parametrize("change", ["content", "parameters", "refresh", "off"])
def test_other_work_is_done_again(double, tmp_path: Path, change: str) -> None:
    double(cache="use")
    if change == "content":
        (tmp_path / "a.txt").write_bytes(b"abd")
        double(cache="use")
    elif change == "parameters":
        double(cache="use", times=3)
    else:
        double(cache=change)
    assert runs() == 2


def test_a_damaged_entry_is_done_again_and_replaced(double, tmp_path: Path) -> None:
    double(cache="use")
    blob = next(path for path in (tmp_path / "cache").rglob("0"))
    blob.write_bytes(b"xxxxxx")
    double(cache="use")
    assert runs() == 2
    assert (tmp_path / "out").read_bytes() == b"abcabc"
    assert double(cache="use").outputs[0].cached is True


def test_work_that_reads_more_than_its_plan_is_not_stored(double, tmp_path: Path) -> None:
    (tmp_path / "late.txt").write_text("late")
    for _ in range(2):
        assert double(cache="use", late=str(tmp_path / "late.txt")).success
    assert runs() == 2


def test_a_cache_that_cannot_be_written_costs_nothing(double, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    assert double(cache="use").success


def test_the_oldest_entries_go_when_it_is_full(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path), max_bytes=3000)
    output = Output(path="x", format="text", width=0, height=0, size_bytes=1000)
    for age, key in enumerate(("aa1", "bb2", "cc3", "dd4")):
        cache.store(key, [output], [b"x" * 1000], None)
        os.utime(tmp_path / key[:2] / key, (age, age))
    cache.trim()
    assert [cache.find(key) is not None for key in ("aa1", "bb2", "cc3", "dd4")] == [False, False, True, True]


def test_the_key_leaves_places_and_envelope_out() -> None:
    class Params(Job, frozen=True, kw_only=True, tag="x"):
        input: str
        output: str = "o"
        width: int = 1

    key = cache_key(Params(input="a"), [], ["d"])
    assert key == cache_key(Params(input="b", output="p", id=4, priority=3, cache="use"), [], ["d"])
    assert key != cache_key(Params(input="a", width=2), [], ["d"])
    assert key != cache_key(Params(input="a"), [], ["e"])
    webp, png = (Target(path="o", format=name, width=1, height=1) for name in ("webp", "png"))
    assert cache_key(Params(input="a"), [webp], []) != cache_key(Params(input="a"), [png], [])


def test_another_suffix_is_another_work(job, sample, tmp_path: Path) -> None:
    for suffix in ("webp", "png", "webp"):
        out = tmp_path / f"c.{suffix}"
        settings = {"cache_dir": str(tmp_path / "cache")}
        result = job("convert", settings, input=sample("tiny.png"), output=out, cache="use")
        assert result.outputs[0].format == suffix
        assert sniff(out.read_bytes()).format == suffix
    assert result.outputs[0].cached is True


def test_what_tells_names_is_made_anew_for_another_name(job, sample, tmp_path: Path) -> None:
    settings = {"cache_dir": str(tmp_path / "cache")}
    for name in ("one", "other"):
        (tmp_path / f"{name}.png").write_bytes(sample("tiny.png").read_bytes())

    def told(operation: str, name: str, **fields) -> str:
        fields |= {"output_dir": tmp_path / name, "cache": "use"}
        result = job(operation, settings, **fields)
        assert result.success, result.error
        again = job(operation, settings, **fields)
        assert again.metadata == result.metadata
        assert all(output.cached for output in again.outputs)
        return str(result.metadata)

    for name, not_this in (("one", "other"), ("other", "one")):
        path = str(tmp_path / f"{name}.png")
        for operation, fields in (
            ("srcset", {"input": path, "widths": [1]}),
            ("sprite", {"inputs": [path]}),
            ("optimize", {"inputs": [path]}),
        ):
            found = told(operation, name, **fields)
            assert f"{name}" in found
            assert f"{not_this}.png" not in found
            assert f"{not_this}-" not in found
    assert job("probe", settings, input=tmp_path / "one.png", cache="use").metadata["path"].endswith("one.png")
    assert job("probe", settings, input=tmp_path / "other.png", cache="use").metadata["path"].endswith("other.png")
