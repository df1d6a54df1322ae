"""Loudness and true peak, held to an own reading of BS.1770-4; and how attempts are corrected."""

from pathlib import Path
from typing import Any

import pytest

from mediamill.operations.audio._level import Attempt, Goal, settle
from mediamill.operations.audio._measure import Loudness, integrated


@pytest.mark.parametrize(
    "name", ["pink.wav", "quiet.wav", "spiky.wav", "uneven.wav", "glide.mp3", "surround.flac", "side.flac"]
)
def test_loudness_and_peak_are_those_of_the_standard(
    name: str, done: Any, sample: Any, heard: Any, lufs: Any, true_peak: Any, tmp_path: Path
) -> None:
    found = done("audio_normalize", input=sample(name), output=tmp_path / "out.flac").metadata
    source = heard(sample(name))
    assert found["input_lufs"] == pytest.approx(lufs(source), abs=0.05)
    assert found["input_true_peak"] == pytest.approx(true_peak(source), abs=0.25)  # between 4 and 8 times the rate


def test_a_gate_leaves_quiet_parts_out(done: Any, sample: Any, heard: Any, lufs: Any, tmp_path: Path) -> None:
    source = heard(sample("pauses.wav"))
    gates = (-70.0, round(lufs(source), 1) + 0.3)
    for gate in gates:
        found = done(
            "audio_normalize", input=sample("pauses.wav"), output=tmp_path / "out.wav", threshold_lufs=gate
        ).metadata
        assert found["input_lufs"] == pytest.approx(lufs(source, gate), abs=0.05)
    assert lufs(source, gates[1]) > lufs(source) + 0.3


def test_gates_are_put_over_blocks() -> None:
    assert integrated([-20.0] * 10) == pytest.approx(-20)
    assert integrated([-20.0] * 10 + [-45.0] * 90) == pytest.approx(-20)
    assert integrated([-20.0] * 10 + [-28.0] * 10) == pytest.approx(-22.38, abs=0.01)
    assert integrated([-20.0] * 10 + [-28.0] * 10, gate=-25) == pytest.approx(-20)
    assert integrated([-80.0, float("nan")]) is None


class Machine:
    """Stands for an encoder and a sound: what an attempt comes out as."""

    def __init__(self, *, worth: float = 1.0, overshoot: float = 0.0, most: float = 99.0) -> None:
        self.worth, self.overshoot, self.most = worth, overshoot, most
        self.attempts: list[Attempt] = []

    def __call__(self, attempt: Attempt, number: int) -> tuple[str, Loudness]:
        self.attempts.append(attempt)
        peak = -6 + attempt.gain
        if attempt.ceiling is not None:
            peak = min(peak, attempt.ceiling)
        lufs = min(self.most, -24 + attempt.gain * (self.worth if attempt.ceiling is not None else 1))
        return f"take {number}", Loudness(lufs=lufs, peak=peak + self.overshoot, seconds=9)


BEFORE = Loudness(lufs=-24, peak=-6, seconds=9)


def test_plain_gain_needs_one_attempt() -> None:
    machine = Machine()
    settled = settle(Goal(lufs=-20, peak=-1), BEFORE, machine)
    assert machine.attempts == [Attempt(gain=4)]
    assert settled.passes == 1
    assert settled.found.lufs == -20


def test_a_codec_that_raises_peaks_is_held_lower() -> None:
    machine = Machine(overshoot=0.7)
    settled = settle(Goal(lufs=-14, peak=-1), BEFORE, machine)
    assert settled.found.peak is not None
    assert settled.found.peak <= -1
    assert settled.found.lufs == pytest.approx(-14, abs=0.2)


def test_a_limiter_that_takes_loudness_is_fed_more() -> None:
    settled = settle(Goal(lufs=-14, peak=-1), BEFORE, Machine(worth=0.6))
    assert settled.found.lufs == pytest.approx(-14, abs=0.2)
    assert settled.passes <= 4


def test_what_cannot_be_reached_ends_with_the_best_and_never_above_the_peak() -> None:
    machine = Machine(most=-17.0, overshoot=0.3)
    goal = Goal(lufs=-10, peak=-1)
    settled = settle(goal, BEFORE, machine)
    assert not goal.met(settled.found)
    assert settled.found.peak is not None
    assert settled.found.peak <= -1
    assert settled.found.lufs == -17
    assert machine.attempts[-1] == settled.attempt
    assert len(machine.attempts) <= 9
