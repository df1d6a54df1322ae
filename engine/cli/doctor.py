"""What this installation is made of, and what is missing or known to be unsafe."""

import platform as system
import re
import sys
from importlib import metadata
from typing import Any

import msgspec

from mediamill.engine import platform
from mediamill.engine.settings import Settings
from mediamill.protocol import version

PACKAGES = (
    "msgspec", "pyvips", "pyvips-binary", "pillow", "pillow-avif-plugin", "av", "pikepdf", "piexif", "numpy",
    "simplejpeg", "pillow-heif", "imagequant", "pyoxipng", "mozjpeg-lossless-optimization", "pypdfium2", "fonttools",
    "rich",
)  # fmt: skip
SAVERS = (
    "jpegsave_buffer",
    "pngsave_buffer",
    "webpsave_buffer",
    "heifsave_buffer",
    "gifsave_buffer",
    "tiffsave_buffer",
)

FFMPEG_PLAYLIST_FIX = (8, 1, 3)
"""The FFmpeg that closes CVE-2026-107697 (child playlists); older ones must not open playlists."""


def doctor(settings: Settings, origins: dict[str, str], *, as_json: bool) -> int:
    """Print the report; return 0, or 1 where something is broken."""
    report = inspect(settings, origins)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
    else:
        _print(report)
    return 1 if report["problems"] else 0


def inspect(settings: Settings, origins: dict[str, str]) -> dict[str, Any]:
    """Return the report: versions, codecs, machine, settings with their origin, notes and problems."""
    problems: list[str] = []
    notes: list[str] = []
    versions = {"python": system.python_version(), "mediamill": version.ENGINE, "protocol": str(version.PROTOCOL)}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            problems.append(f"The package {package} is not installed: pip install {package}")
    if not platform.CAN_POOL:
        problems.append("Worker processes are not supported on this system; only one-shot commands run.")
    elif not platform.LINUX:
        notes.append("No parent-death signal on this system: workers end with their socket.")
    return {
        "versions": versions,
        "codecs": {"libvips": _libvips(problems), "ffmpeg": _ffmpeg(problems, notes)},
        "machine": {
            "system": f"{system.system()} {system.machine()}",
            "cores": platform.cores(),
            "memory_bytes": platform.memory_bytes(),
        },
        "settings": {
            name: {"value": value, "origin": origins[name]} for name, value in msgspec.to_builtins(settings).items()
        },
        "notes": notes,
        "problems": problems,
    }


def _libvips(problems: list[str]) -> dict[str, Any]:
    try:
        import pyvips
    except (ImportError, OSError) as error:
        problems.append(f"libvips cannot be loaded: {error}")
        return {}
    if not pyvips.API_mode:
        problems.append("pyvips runs in ABI mode, which is several times slower: reinstall pyvips and pyvips-binary.")
    missing = [saver for saver in SAVERS if not pyvips.type_find("VipsOperation", saver)]
    if missing:
        problems.append(f"This libvips lacks {', '.join(missing)}.")
    return {"version": ".".join(str(pyvips.version(part)) for part in range(3)), "api_mode": bool(pyvips.API_mode)}


def _ffmpeg(problems: list[str], notes: list[str]) -> dict[str, Any]:
    try:
        import av
    except (ImportError, OSError) as error:
        problems.append(f"FFmpeg's libraries cannot be loaded: {error}")
        return {}
    numbers = re.findall(r"\d+", av.ffmpeg_version_info)
    if tuple(map(int, numbers[:3])) < FFMPEG_PLAYLIST_FIX:
        notes.append(
            "This FFmpeg follows child playlists (CVE-2026-107697). mediamill never opens playlists; "
            "do not use its libraries elsewhere on untrusted files."
        )
    return {"version": av.ffmpeg_version_info}


def _print(report: dict[str, Any]) -> None:
    for title in ("versions", "machine"):
        sys.stdout.write(f"{title}\n")
        for name, value in report[title].items():
            sys.stdout.write(f"  {name:<30} {value}\n")
    sys.stdout.write("codecs\n")
    for name, parts in report["codecs"].items():
        sys.stdout.write(f"  {name:<30} {', '.join(f'{part} {value}' for part, value in parts.items())}\n")
    sys.stdout.write("settings\n")
    for name, setting in report["settings"].items():
        sys.stdout.write(f"  {name:<30} {setting['value']!s:<20} {setting['origin']}\n")
    for note in report["notes"]:
        sys.stdout.write(f"note: {note}\n")
    for problem in report["problems"]:
        sys.stdout.write(f"problem: {problem}\n")
    if not report["problems"]:
        sys.stdout.write("All is well.\n")
