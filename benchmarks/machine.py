"""Where this ran, and with what."""

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import Bench, run
from benchmarks.peers import ffmpeg, sharp

ENGINE_VERSIONS = ("mediamill", "python", "pyvips", "pyvips-binary", "av", "simplejpeg", "numpy", "pillow")


def cores() -> int:
    """Return how many cores an engine started here uses: the affinity, bounded by the control group's quota."""
    from mediamill.engine import platform as engine_platform

    return engine_platform.cores()


def describe(bench: Bench) -> dict[str, Any]:
    """Return the machine and the versions, by what they are."""
    doctor = json.loads(run([*bench.mediamill, "doctor", "--json"], bench.env, bench.work).output)
    versions = {name: doctor["versions"][name] for name in ENGINE_VERSIONS if name in doctor["versions"]}
    codecs = {name: str(facts.get("version", "?")) for name, facts in doctor["codecs"].items()}
    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": cores(),
        "load": load(),
        "versions": versions | codecs | {"sharp": sharp.versions(bench), "ffmpeg": ffmpeg.version(bench)},
        "engine": " ".join(bench.mediamill),
        "photo": _pictures(bench),
        "film": f"{bench.film.name}, {bench.film.stat().st_size} bytes",
    }


def _pictures(bench: Bench) -> str:
    if not bench.many:
        return f"{bench.photo.name}, {bench.photo.stat().st_size} bytes"
    return f"{len(bench.photos)} photos and {len(bench.graphics)} graphics of {bench.photo.parent}"


def load() -> float | None:
    """Return how many processes wanted a core in the last minute; None where the system does not tell."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def heading(facts: dict[str, Any]) -> str:
    """Return the description as lines for people."""
    shown = {name: value for name, value in facts.items() if name != "versions"}
    shown["versions"] = ", ".join(f"{name} {value}" for name, value in facts["versions"].items())
    width = max(map(len, shown))
    return "".join(f"{name:<{width}}  {value}\n" for name, value in shown.items())


def _processor() -> str:
    if Path("/proc/cpuinfo").is_file():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
