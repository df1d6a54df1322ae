"""Turns, costs, rates and rows: the arithmetic of the benchmarks."""

import importlib
import math
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2]))

harness = importlib.import_module("benchmarks.harness")
report = importlib.import_module("benchmarks.report")
client = importlib.import_module("benchmarks.engine_client")


def test_turns_alternate() -> None:
    order: list[str] = []

    def side(name: str, value: int) -> int:
        order.append(name)
        return value

    ours, peers = harness.pairs("x", 4, lambda: side("us", 1), lambda: side("peer", 2))
    assert order == ["us", "peer", "peer", "us", "us", "peer", "peer", "us"]
    assert (ours, peers) == ([1] * 4, [2] * 4)


def test_a_side_without_a_peer_runs_alone() -> None:
    assert harness.pairs("x", 2, lambda: 1, None) == ([1, 1], [])


def test_the_start_is_taken_off() -> None:
    found = harness.marginal(lambda count: harness.Usage(5.0 + 0.1 * count, 7.0 + 0.2 * count), 10, 110)
    assert found.cpu == pytest.approx(0.1)
    assert found.wall == pytest.approx(0.2)


def test_processor_time_counts_children(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    command = [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"]
    assert harness.run(command, {}, tmp_path).usage.cpu >= 0.3


def test_a_command_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(harness.BenchmarkError, match="ended with 3: said"):
        harness.run([sys.executable, "-c", "print('said', end=''); raise SystemExit(3)"], {}, tmp_path)


def test_the_environment_drops_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAMILL_WORKERS", "7")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    env = harness.environment(tmp_path)
    assert not {"MEDIAMILL_WORKERS", "PYTHONDONTWRITEBYTECODE"} & set(env)


def test_the_rate_leaves_both_ends_out() -> None:
    slow_start = [(10.0, 1)]
    steady = [(10.0 + 0.5 * number, 1 + number) for number in range(1, 21)]
    slow_end = [(60.0, 22)]
    assert client.steady_rate([*slow_start, *steady, *slow_end], warm=1, tail=1) == pytest.approx(2.0)


def test_too_few_results_have_no_rate() -> None:
    with pytest.raises(harness.BenchmarkError):
        client.steady_rate([(1.0, 1), (2.0, 2)], warm=1, tail=1)


def test_a_ratio_is_taken_turn_by_turn_and_judged_by_its_median() -> None:
    row = report.Row("c", "w", "ms", [1.0, 2.0, 9.0], [2.0, 2.0, 2.0], "ratio", report.Bound("<=", 1.0))
    facts = row.facts(judge=True)
    assert (facts["median"], facts["min"], facts["max"], facts["rounds"]) == (1.0, 0.5, 4.5, 3)
    assert facts["met"] is True
    assert row.facts(judge=False)["met"] is None


def test_pictures_are_judged_by_their_mean() -> None:
    def row(ours: float, peer: float) -> list[Any]:
        return [report.Row("c", "w", "ms", [ours] * 3, [peer] * 3, "ratio", report.Bound("<=", 0.5))]

    found = report.merged([("one", row(1.0, 4.0)), ("two", row(8.0, 8.0)), ("three", [])])
    facts = found[0].facts(judge=True)
    assert len(found) == 1
    assert (facts["result"], facts["median"], facts["rounds"]) == (pytest.approx(0.5), 0.625, 2)
    assert facts["pictures"] == {"one": 0.25, "two": 1.0}
    assert facts["met"] is True


def test_differences_have_an_ordinary_mean() -> None:
    rows = [(str(n), [report.Row("c", "w", "", [n], [1.0], "difference")]) for n in (1.0, 4.0)]
    assert report.merged(rows)[0].result == 1.5


@pytest.mark.parametrize(("better", "worse"), [((80.0, 3.0, 90), (60.0, 1.0, 50)), ((80.0, 3.0, 90), (70.0, 2.0, 70))])
def test_sizes_are_interpolated_between_scores(better: Any, worse: Any) -> None:
    equal = importlib.import_module("benchmarks.cases.equal_score")
    size, quality = equal.at([better, worse], 75.0)
    assert size == pytest.approx(2.5)
    assert quality == pytest.approx(80.0)


def test_sizes_are_compared_at_the_scores_both_reach() -> None:
    equal = importlib.import_module("benchmarks.cases.equal_score")
    mine = [(90.0, math.log(900), 90), (50.0, math.log(500), 50)]
    twice = [(score, size + math.log(2), quality) for score, size, quality in mine]
    assert equal.ratio(mine, twice) == pytest.approx(0.5)
    with pytest.raises(harness.BenchmarkError, match="no score"):
        equal.ratio(mine, [(30.0, 1.0, 10), (20.0, 0.5, 5)])


@pytest.mark.parametrize(
    ("sign", "limit", "value", "holds"),
    [("<=", 1, 1, True), ("<=", 1, 1.1, False), (">=", 1, 1, True), (">=", 1, 0.9, False), ("<", 1, 1, False)],
)
def test_bounds(sign: str, limit: float, value: float, holds: bool) -> None:
    assert report.Bound(sign, limit).holds(value) is holds


def test_the_table_names_what_is_missing() -> None:
    rows = [
        report.Row("a", "first", "ms", [1.0], [], "ratio", report.Bound("<=", 0.5), "sharp: npm install sharp"),
        report.Row("b", "second", "MB", [61.0], bound=report.Bound("<", 60), note="a note"),
    ]
    text = report.table(rows, judge=True)
    assert "not installed: sharp: npm install sharp" in text
    assert "b: a note" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines}) == 1
    assert lines[3].split("|")[10].strip() == "NO"
