"""Works side by side: all are done, a failure stops the rest, and a job that is to stop does."""

import threading
import time

import pytest

from mediamill.operations.images._side_by_side import side_by_side
from mediamill.protocol.errors import Cancelled, CorruptInput


class Engine:
    """As much of the engine as is needed."""

    def __init__(self, stop_after=None):
        self.looks, self._stop_after = 0, stop_after

    def check(self):
        self.looks += 1
        if self._stop_after is not None and self.looks > self._stop_after:
            raise Cancelled("stop")


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_work_is_done_once(workers):
    found = dict(side_by_side(range(20), lambda work, check: work * work, workers, Engine()))
    assert found == {work: work * work for work in range(20)}


def test_no_more_are_drawn_than_there_is_room_for():
    drawn, done = [], []

    def works():
        for work in range(12):
            drawn.append(work)
            assert len(drawn) - len(done) <= 3
            yield work

    for work, _ in side_by_side(works(), lambda work, check: work, 3, Engine()):
        done.append(work)
    assert sorted(done) == list(range(12))


def test_a_failure_stops_the_others():
    began = threading.Barrier(2)

    def do(work, check):
        began.wait(10)
        if work == 0:
            raise CorruptInput("bad")
        while True:
            check()
            time.sleep(0.001)

    with pytest.raises(CorruptInput, match="bad"):
        list(side_by_side(range(2), do, 2, Engine()))


def test_a_job_that_is_to_stop_stops_its_works():
    def do(work, check):
        while True:
            check()
            time.sleep(0.001)

    with pytest.raises(Cancelled, match="stop"):
        list(side_by_side(range(4), do, 2, Engine(stop_after=2)))
