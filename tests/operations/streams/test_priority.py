"""What an encoder does to how the system schedules this process is undone."""

import os
import sys

import pytest

from mediamill.operations.streams._priority import kept_priority

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the policy of threads is Linux's")


def policies():
    return {os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")}


@pytest.mark.parametrize("codec", ["h264", "h265", "vp8", "vp9", "av1"])
def test_coding_a_film_leaves_every_thread_as_it_was(done, sample, tmp_path, codec):
    suffix = "webm" if codec.startswith("vp") else "mp4"
    done(
        operation="video_transcode",
        input=str(sample("film.mp4")),
        output=str(tmp_path / f"out.{suffix}"),
        codec=codec,
        preset="ultrafast",
    )
    assert policies() == {os.SCHED_OTHER}


def test_what_changed_within_is_undone(monkeypatch):
    changed = []
    monkeypatch.setattr(os, "sched_getscheduler", lambda thread: os.SCHED_OTHER if not thread else os.SCHED_FIFO)
    monkeypatch.setattr(os, "sched_setscheduler", lambda thread, policy, _: changed.append((thread, policy)))
    with kept_priority():
        pass
    assert changed
    assert {policy for _, policy in changed} == {os.SCHED_OTHER}
