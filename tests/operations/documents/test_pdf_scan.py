"""Long scans: what they hold in memory, what is told meanwhile, what a stop leaves, and which pages are looked at."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import pytest
from PIL import Image

from mediamill.engine.context import LocalChannel
from mediamill.engine.execute import execute
from mediamill.engine.registry import Registry
from mediamill.engine.settings import Settings
from mediamill.operations.documents import _verify
from mediamill.operations.documents.pdf_compress import Params
from mediamill.protocol.errors import Cancelled

SHEET = (1654, 2339)
"""A page of A4 at 200 dpi, in pixels: four megabytes of grey, of which a file holds a hundredth."""

POINTS = (595, 842)


def write_scan(path: Path, pages: int, calibrated: int | None = None) -> Path:
    """Write a scan of grey pages, each of its own; one of them may say which white it means."""
    pdf, random = pikepdf.new(), np.random.default_rng(1)
    for number in range(pages):
        coarse = np.full((SHEET[1] // 24, SHEET[0] // 24), 235, np.uint8)
        coarse[4:-4, 4:-4] = random.choice([40, 235], (coarse.shape[0] - 8, coarse.shape[1] - 8), p=[0.2, 0.8])
        sheet, file = Image.fromarray(coarse).resize(SHEET, Image.Resampling.BICUBIC), io.BytesIO()
        sheet.save(file, "JPEG", quality=80)
        image = pikepdf.Stream(
            pdf, file.getvalue(), Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=SHEET[0],
            Height=SHEET[1], BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceGray, Filter=pikepdf.Name.DCTDecode,
        )  # fmt: skip
        if number == calibrated:
            image.ColorSpace = pikepdf.Array([pikepdf.Name.CalGray, pikepdf.Dictionary(WhitePoint=[0.95, 1, 1.09])])
        pdf.add_blank_page(page_size=POINTS)
        page = pdf.pages[-1].obj
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=pdf.make_indirect(image)))
        page.Contents = pdf.make_indirect(pikepdf.Stream(pdf, b"%d 0 0 %d 0 0 cm /I Do" % POINTS))
    pdf.save(path)
    return path


def memory_of(source: Path, output: Path) -> int:
    """Return the most memory a process has held that makes a document smaller, in bytes."""
    fields = {"operation": "pdf_compress", "input": str(source), "output": str(output)}
    code = (
        "import resource, sys\n"
        "from mediamill.engine.inprocess import run_job\n"
        "from mediamill.engine.registry import Registry\n"
        "from mediamill.engine.settings import Settings\n"
        f"result = run_job({fields!r}, Registry(), Settings(fsync=False, workers=2))\n"
        "assert result.success and result.metadata['images']['downsampled'] == result.metadata['pages'], result\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=True)
    return int(done.stdout)


def test_a_long_scan_holds_its_file_and_no_more_pixels_than_a_short_one(tmp_path: Path) -> None:
    short, long = write_scan(tmp_path / "short.pdf", 4), write_scan(tmp_path / "long.pdf", 16)
    more = memory_of(long, tmp_path / "l.pdf") - memory_of(short, tmp_path / "s.pdf")
    files = 3 * (long.stat().st_size - short.stat().st_size)
    pixels = 12 * SHEET[0] * SHEET[1]
    assert more < files + pixels / 4


class Listener(LocalChannel):
    """Notes what is told, and stops the job where it has been told enough."""

    def __init__(self, stop_at: str = "") -> None:
        super().__init__()
        self.told: list[tuple[float, str | None]] = []
        self._stop_at = stop_at

    def progress(self, percent: float, message: str | None, stages: dict[str, float]) -> None:
        """Note it."""
        self.told.append((percent, message))

    def check(self) -> None:
        """Stop the job once it has said the words."""
        if self._stop_at and any(self._stop_at in (message or "") for _, message in self.told):
            raise Cancelled("Stopped.")


def run(source: Path, output: Path, channel: LocalChannel) -> Any:
    job = Params(id="scan", input=str(source), output=str(output), progress=True)
    return execute(Registry()["pdf_compress"], job, Settings(fsync=False), channel, threads=2)


def test_each_picture_is_told_and_progress_never_falls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediamill.engine.context.EVENT_INTERVAL", 0.0)
    listener = Listener()
    assert run(write_scan(tmp_path / "in.pdf", 4), tmp_path / "out.pdf", listener).success
    percents = [percent for percent, _ in listener.told]
    assert percents == sorted(percents)
    pictures = [message for _, message in listener.told if message and message.startswith("picture")]
    assert pictures == [f"picture {number} of 4" for number in (1, 2, 3, 4)]


def test_a_stop_within_the_pictures_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediamill.engine.context.EVENT_INTERVAL", 0.0)
    listener = Listener(stop_at="picture 2 of 6")
    result = run(write_scan(tmp_path / "in.pdf", 6), tmp_path / "out" / "a.pdf", listener)
    assert result.error_info.code == "cancelled"
    assert "picture 3 of 6" not in [message for _, message in listener.told]
    assert not (tmp_path / "out").exists() or os.listdir(tmp_path / "out") == []


def test_the_one_page_of_another_kind_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    whole = _verify._compare_pages

    def note(one: Any, other: Any, numbers: list[int], *rest: Any, **named: Any) -> Any:
        looked.extend(numbers)
        return whole(one, other, numbers, *rest, **named)

    monkeypatch.setattr(_verify, "_compare_pages", note)
    source = write_scan(tmp_path / "in.pdf", 12, calibrated=7)
    assert run(source, tmp_path / "out.pdf", Listener()).success
    assert {0, 7} < set(looked)
    assert len(looked) < 12
