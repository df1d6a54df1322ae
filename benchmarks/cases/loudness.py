"""How near sounds come to the loudness that is asked for, and whether their peaks stay below the limit."""

import json
import re
import subprocess
from pathlib import Path

from benchmarks import samples
from benchmarks.engine_client import Stream
from benchmarks.harness import Bench, BenchmarkError, say
from benchmarks.peers import ffmpeg
from benchmarks.report import Bound, Row

TITLE = "loudness and true peak of what is normalized"
SOUNDS = ("pink.wav", "quiet.wav", "spiky.wav", "uneven.wav", "glide.mp3", "surround.flac")
TARGETS, CODINGS, PEAK = (-14.0, -16.0, -23.0), ("wav", "mp3", "m4a", "opus"), -1.0
NEAR, BELOW = Bound("<=", 0.2), Bound("<=", 0.0)
NOTE = (
    f"Each sound at {', '.join(f'{target:g}' for target in TARGETS)} LUFS and {PEAK:g} dBTP, as {', '.join(CODINGS)}; "
    "the worst of them counts. `off` is the distance of the output's integrated loudness from the target in LU, `peak` "
    "how far its true peak is above the limit in dB. The other side is loudnorm in two passes, linear=true. Both are "
    "measured by that FFmpeg's ebur128, which tells tenths; without it, by the engine itself."
)

Measured = tuple[float, float]
"""Integrated loudness and true peak."""

_LOUDNORM = "loudnorm=I={target}:TP={peak}:LRA=11"
_MEASURED = ("input_i", "input_tp", "input_lra", "input_thresh")


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    folder = bench.folder("loudness")
    missing = ffmpeg.missing(bench)
    chosen = SOUNDS[: bench.count(len(SOUNDS), 1)]
    targets, codings = TARGETS[: bench.count(3, 1)], CODINGS[: bench.count(4, 2)]
    rows = []
    for name in chosen:
        source = samples.make(name, folder)
        mine: list[Measured] = []
        theirs: list[Measured] = []
        for target in targets:
            say(f"loudness: {name} at {target:g}")
            mine += [(one[0] - target, one[1]) for one in ours(bench, source, folder, target, codings)]
            if not missing:
                theirs += [(one[0] - target, one[1]) for one in peers(bench, source, folder, target, codings)]
        for work, unit, worst, bound in (("off", "LU", _off, NEAR), ("peak", "dB", _above, BELOW)):
            other = [worst(theirs)] if theirs else []
            rows.append(Row("loudness", f"{name}, {work}", unit, [worst(mine)], other, "value", bound, missing, NOTE))
    return rows


def ours(bench: Bench, source: Path, folder: Path, target: float, codings: tuple[str, ...]) -> list[Measured]:
    """Normalize a sound with our engine, into each coding, and measure what came out."""
    jobs = [
        {
            "operation": "audio_normalize",
            "input": str(source),
            "output": str(folder / f"ours{target:g}.{source.name}.{coding}"),
            "target_lufs": target,
            "true_peak_db": PEAK,
        }
        for coding in codings
    ]
    with Stream(bench, ("--workers", "1")) as stream:
        done = stream.run(iter(jobs)).require(len(jobs))
    if bench.ffmpeg is not None:
        return [scored(bench, Path(job["output"])) for job in jobs]  # type: ignore[arg-type]
    told = [json.loads(line)["metadata"] for line in done.lines]
    return [(one["output_lufs"], one["true_peak"]) for one in told]


def peers(bench: Bench, source: Path, folder: Path, target: float, codings: tuple[str, ...]) -> list[Measured]:
    """Do the same with loudnorm: measure, then normalize by what was measured."""
    plain = _LOUDNORM.format(target=target, peak=PEAK)
    said = _said(bench, "-i", source, "-af", f"{plain}:print_format=json", "-f", "null", "-")
    found = json.loads(said[said.rindex("{") : said.rindex("}") + 1])
    measured = ":".join(f"measured_{name.removeprefix('input_')}={found[name]}" for name in _MEASURED)
    chain = f"{plain}:{measured}:offset={found['target_offset']}:linear=true"
    scores = []
    for coding in codings:
        output = folder / f"peer{target:g}.{source.name}.{coding}"
        rate = 48_000 if coding == "opus" else _rate(bench, source)
        ffmpeg.call(bench, ["-i", source, "-af", chain, "-ar", rate, "-b:a", "192k", output])
        scores.append(scored(bench, output))
    return scores


def scored(bench: Bench, path: Path) -> Measured:
    """Measure a file with FFmpeg's meter."""
    said = _said(bench, "-i", path, "-map", "a:0", "-af", "ebur128=peak=true", "-f", "null", "-")
    summary = said[said.rindex("Integrated loudness") :]
    loudness, peak = re.search(r"I:\s+(\S+) LUFS", summary), re.search(r"Peak:\s+(\S+) dBFS", summary)
    if loudness is None or peak is None:
        raise BenchmarkError(f"{path.name} has no loudness: {summary[-200:]}")
    return float(loudness[1]), float(peak[1])


def _said(bench: Bench, *arguments: object) -> str:
    """Return what FFmpeg's program says on stderr, where its meters write."""
    assert bench.ffmpeg is not None
    command = [bench.ffmpeg, "-hide_banner", "-nostdin", "-nostats", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(bench.env), check=False)
    if done.returncode:
        raise BenchmarkError(f"ffmpeg ended with {done.returncode}: {done.stderr[-300:]}")
    return done.stderr


def _rate(bench: Bench, source: Path) -> int:
    said = _said(bench, "-i", source, "-f", "null", "-t", "0", "-")
    found = re.search(r"(\d+) Hz", said)
    return int(found[1]) if found else 48_000


def _off(found: list[Measured]) -> float:
    return max(abs(one[0]) for one in found)


def _above(found: list[Measured]) -> float:
    return max(one[1] for one in found) - PEAK
