"""The benchmarks run from start to end and report what they promise; how long anything takes is not looked at."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import ffmpeg

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "benchmarks" / "run.py"
FIELDS = {
    "case",
    "work",
    "unit",
    "ours",
    "peer",
    "measure",
    "median",
    "min",
    "max",
    "rounds",
    "bound",
    "met",
    "missing",
    "note",
    "pictures",
    "mean",
}
WORK = {
    "effort": 12,
    "equal_avif": 5,
    "equal_jpeg": 2,
    "equal_webp": 3,
    "jpeg_lossless": 4,
    "ladder": 9,
    "loudness": 2,
    "memory": 4,
    "noop": 2,
    "oneshot": 2,
    "overhead": 3,
    "pdf": 11,
    "placeholder": 2,
    "search": 13,
    "png_lossy": 3,
    "png": 4,
    "remux": 2,
    "renditions": 2,
    "resize": 3,
    "throughput": 5,
    "thumbnails": 4,
    "transcode": 4,
    "video_quality": 1,
    "video_start": 2,
}
"""How many rows each case has, at the quick setting."""

WITH_PEER = {
    "jpeg_lossless": "jpegoptim",
    "png_lossy": "pngquant",
} | dict.fromkeys(
    ("equal_avif", "equal_jpeg", "equal_webp", "ladder", "oneshot", "png", "resize", "throughput"), "nodejs.org"
)
"""What has to be installed for the cases that have a peer."""
WITH_FFMPEG = ("remux", "renditions", "thumbnails", "transcode", "video_quality", "video_start")
"""Cases whose peer is FFmpeg's program."""
ALONE = ("loudness",)
"""Cases that say by themselves how right they are; FFmpeg's program is only shown beside them."""
WITH_PROGRAMS = ("pdf",)
"""Cases whose peers are programs, but for their last row."""
PEERLESS = tuple(name for name in WORK if name not in (*WITH_PEER, *WITH_FFMPEG, *WITH_PROGRAMS, *ALONE))


def run(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(RUN), *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def report(folder: Path, *arguments: str, **env: str) -> tuple[str, dict[str, Any]]:
    done = run(
        "--quick", "--photo", str(ROOT / "fixtures" / "rocket.jpg"), "--json", f"{folder}/out.json", *arguments, **env
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads((folder / "out.json").read_text())


def without_node(folder: Path) -> dict[str, str]:
    empty = folder / "empty"
    empty.mkdir()
    return {"PATH": str(empty)}


def test_there_is_a_test_for_every_case() -> None:
    listed = run("--list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == sorted(WORK)


@pytest.mark.parametrize("name", sorted(WORK))
def test_every_case_runs_without_peers(name: str, tmp_path: Path) -> None:
    text, facts = report(tmp_path, name, "--ffmpeg", str(tmp_path / "none"), **without_node(tmp_path))
    assert not facts["failures"]
    assert len(facts["rows"]) == WORK[name]
    for row in facts["rows"]:
        assert set(row) == FIELDS
        assert row["case"] == name
        assert row["work"] in text
        assert row["met"] is None
        assert row["rounds"] >= 1 or row["unit"] == ""
    if name in (*WITH_PEER, *WITH_FFMPEG):
        assert "not installed" in text
        assert WITH_PEER.get(name, "imageio-ffmpeg") in text
        assert all(row["missing"] and row["peer"] is None and row["median"] is None for row in facts["rows"])
    elif name in ALONE:
        assert all(row["ours"] is not None and row["peer"] is None for row in facts["rows"])
    elif name in WITH_PROGRAMS:
        *compared, alone = facts["rows"]
        assert "ghostscript" in text
        assert all(row["missing"] and row["peer"] is None and row["median"] is None for row in compared)
        assert alone["missing"] is None
        assert alone["median"] < 1
    else:
        assert all(row["missing"] is None and row["median"] is not None for row in facts["rows"])


def test_a_machine_without_sharp_is_told_how_to_install_it(tmp_path: Path) -> None:
    text, facts = report(tmp_path, "oneshot", "--sharp", str(tmp_path))
    assert ("npm install" if shutil.which("node") else "nodejs.org") in text
    assert all(row["ours"] > 0 and row["peer"] is None for row in facts["rows"])


if ffmpeg.find(None):

    @pytest.mark.parametrize("name", [*WITH_FFMPEG, *ALONE])
    def test_films_are_held_against_ffmpeg(name: str, tmp_path: Path) -> None:
        _, facts = report(tmp_path, name)
        assert not facts["failures"]
        assert facts["machine"]["versions"]["ffmpeg"] != "not installed"
        assert facts["machine"]["film"].startswith("film.mp4")
        told = [row for row in facts["rows"] if row["missing"] is None and row["ours"] is not None]
        assert told
        assert all(row["peer"] > 0 for row in told)


def test_the_machine_and_the_versions_are_told(tmp_path: Path) -> None:
    text, facts = report(tmp_path, "memory")
    machine = facts["machine"]
    assert {"system", "processor", "cores", "versions", "engine", "photo", "rounds", "quick"} <= set(machine)
    assert {"mediamill", "python", "pyvips", "sharp"} <= set(machine["versions"])
    assert machine["quick"] is True
    assert f"mediamill {machine['versions']['mediamill']}" in text


def test_many_photos_are_measured_one_by_one(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("one", "two"):
        shutil.copy(ROOT / "fixtures" / "rocket.jpg", photos / f"{name}.jpg")
    done = run("resize", "--quick", "--photos", str(photos), "--json", f"{tmp_path}/out.json", **without_node(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads((tmp_path / "out.json").read_text())
    assert facts["machine"]["photo"].startswith("2 photos and 1 graphics")
    assert [row["rounds"] for row in facts["rows"]] == [2, 2, 2]
    assert all("nodejs.org" in row["missing"] for row in facts["rows"])


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    done = run("resize", "--quick", "--photos", str(tmp_path))
    assert done.returncode == 2
    assert "holds no photo" in done.stderr


def test_documents_are_measured_by_class(tmp_path: Path) -> None:
    import pikepdf

    for name in ("letters/one.pdf", "letters/two.pdf", "other.pdf"):
        path = tmp_path / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with pikepdf.new() as pdf:
            pdf.add_blank_page(page_size=(144, 72))
            pdf.save(path)
    _, facts = report(tmp_path, "pdf", "--documents", str(tmp_path / "documents"), **without_node(tmp_path))
    assert not facts["failures"]
    works = [row["work"].split(":")[0] for row in facts["rows"]]
    assert works == ["medium, documents"] * 4 + ["medium, letters"] * 4
    assert [row["rounds"] for row in facts["rows"]] == [1] * 4 + [2] * 4
    assert all("ghostscript" in row["missing"] for row in facts["rows"])
    assert [row["ours"] for row in facts["rows"][2:4]] == [1, 1]


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    done = run("pdf", "--quick", "--documents", str(tmp_path))
    assert done.returncode == 2
    assert "there are no PDFs" in done.stderr


def test_rounds_are_counted(tmp_path: Path) -> None:
    _, facts = report(tmp_path, "noop", "--rounds", "3")
    assert [row["rounds"] for row in facts["rows"]] == [3, 3]


def test_an_engine_that_fails_is_a_failure(tmp_path: Path) -> None:
    broken = tmp_path / "mediamill"
    broken.write_text('#!/bin/sh\n[ "$1" = doctor ] && echo \'{"versions": {}, "codecs": {}}\'\n[ "$1" = doctor ]\n')
    broken.chmod(0o755)
    photo = str(ROOT / "fixtures" / "rocket.jpg")
    done = run("noop", "--quick", "--photo", photo, "--mediamill", str(broken), "--json", f"{tmp_path}/out.json")
    assert done.returncode == 1
    assert "FAILED noop" in done.stdout
    assert json.loads((tmp_path / "out.json").read_text())["failures"]


def test_an_unknown_case_is_refused() -> None:
    done = run("nop", "--quick")
    assert done.returncode == 2
    assert "noop" in done.stderr
