"""What a film's job reserves is enough: held to the memory a process of its own takes at its peak."""

import json
import subprocess
import sys

import pytest

from fixtures.samples import reels

_CHILD = """
import json, sys
from mediamill.engine.inprocess import run_job
from mediamill.engine.registry import Registry
from mediamill.engine.settings import Settings

registry, settings = Registry(), Settings(fsync=False)

def run(source, target, **fields):
    job = {**json.loads(sys.argv[1]), "input": source, "output": target, **fields}
    result = run_job(job, registry, settings)
    assert result.success, result.error
    return result.metadata

def kilobytes(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))

run(*sys.argv[2:4])
with open("/proc/self/clear_refs", "w") as reset:
    reset.write("5")  # the peak begins at what is taken now
before = kilobytes("VmRSS")
run(*sys.argv[4:6])
taken = (kilobytes("VmHWM") - before) << 10
print(json.dumps([taken, run(*sys.argv[4:6], dry_run=True, overwrite="replace")["cost"]["memory_bytes"]]))
"""


def film(path, size, frames):
    picture = reels.Picture(size=size, seconds=frames / 25)
    path.write_bytes(reels.write(reels.Film(picture=picture)))
    return path


if sys.platform == "linux":  # which tells what a process took at its peak since it was asked last

    @pytest.mark.parametrize(("codec", "suffix", "preset"), [
        ("h264", "mp4", "veryfast"), ("h264", "mp4", "slow"), ("h265", "mp4", "veryfast"), ("h265", "mp4", "slow"),
        ("vp8", "webm", "veryfast"), ("vp9", "webm", "veryfast"), ("av1", "mp4", "veryfast"),
    ])  # fmt: skip
    def test_the_peak_stays_within_what_is_reserved(tmp_path, codec, suffix, preset):
        size = (640, 360)
        large, small = film(tmp_path / "large.mp4", size, 70), film(tmp_path / "small.mp4", (64, 64), 3)
        fields = {"operation": "video_transcode", "codec": codec, "preset": preset, "skip_if_larger": False}
        outputs = [str(tmp_path / f"{name}.{suffix}") for name in "ab"]
        arguments = [json.dumps(fields), str(small), outputs[0], str(large), outputs[1]]
        told = subprocess.run([sys.executable, "-c", _CHILD, *arguments], capture_output=True, text=True, check=True)
        taken, reserved = json.loads(told.stdout)
        assert size[0] * size[1] * 1.5 * 5 < taken < reserved
