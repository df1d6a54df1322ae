"""Three sizes of one film: one job with one decode against a process of FFmpeg's for each."""

import json
from pathlib import Path

from benchmarks.harness import Bench, Usage, pairs, run
from benchmarks.peers import ffmpeg
from benchmarks.report import Bound, Row

TITLE = "three sizes of one film"
BOUND = Bound("<=", 0.75)
PROFILES = {"web-low": (480, "1M", "2M"), "web-mid": (720, "2500k", "5M"), "web-high": (1080, "5M", "10M")}
"""What the profiles of that name are: lines, bits a second at most and the buffer that is held against."""

CRF, PRESET = 23, "medium"
NOTE = (
    f"Whole processes: `mediamill process` with one video_profile job of {', '.join(PROFILES)} against three runs of "
    f"FFmpeg one after the other, H.264, crf {CRF} with the same caps, preset {PRESET}, sound copied, index in front; "
    "no size is above the film's own."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    folder, missing = bench.folder("renditions"), ffmpeg.missing(bench)
    ours(bench, folder)
    mine, others = pairs(
        "renditions", bench.rounds, lambda: ours(bench, folder), None if missing else lambda: theirs(bench, folder)
    )
    cpu = [one.cpu for one in mine], [one.cpu for one in others]
    wall = [one.wall for one in mine], [one.wall for one in others]
    return [
        Row("renditions", "3 profiles, CPU", "s", *cpu, "ratio", BOUND, missing, NOTE),
        Row("renditions", "3 profiles, wall", "s", *wall, "ratio", None, missing, NOTE),
    ]


def ours(bench: Bench, folder: Path) -> Usage:
    """Run our command once."""
    job = {
        "operation": "video_profile",
        "input": str(bench.film),
        "output_dir": str(folder),
        "profiles": list(PROFILES),
        "overwrite": "replace",
    }
    return run([*bench.mediamill, "process", "--job", json.dumps(job)], bench.env, bench.work).usage


def theirs(bench: Bench, folder: Path) -> Usage:
    """Run FFmpeg three times."""
    cpu = wall = 0.0
    for name, (lines, most, buffer) in PROFILES.items():
        video = ["-vf", f"scale=-2:'min({lines},ih)'", "-c:v", "libx264", "-crf", CRF, "-preset", PRESET]
        limit = ["-maxrate", most, "-bufsize", buffer, "-pix_fmt", "yuv420p"]
        output = ["-c:a", "copy", "-movflags", "+faststart", folder / f"{name}.mp4"]
        usage = ffmpeg.call(bench, ["-i", bench.film, *video, *limit, *output]).usage
        cpu, wall = cpu + usage.cpu, wall + usage.wall
    return Usage(cpu, wall)
