"""Documents made smaller: against Ghostscript where pictures may lose, against qpdf where nothing may, against fax."""

import io
import json
from pathlib import Path
from typing import Any

from benchmarks import documents
from benchmarks.harness import Bench, Usage, pairs, run
from benchmarks.peers import pdf as peers
from benchmarks.report import Bound, Row

TITLE = "PDFs made smaller"
SMALLER, AS_FAST, NO_LARGER, FAX, NO_WORSE = (
    Bound("<=", 0.55),
    Bound("<=", 1.5),
    Bound("<=", 1.0),
    Bound("<=", 0.70),
    Bound(">=", 0.0),
)
DPI, COPIES, SHEET = 300, 6, (1240, 1748)
NOTE = (
    "`photo` is the picture as a page of its own at 300 dpi, `deck` six pages that each hold it anew, `sheet` a page "
    "of bitonal text. Similarity is the mean structural similarity of the first pages' luma, as PDFium renders them."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case: over a folder of documents where one is given, over made ones otherwise."""
    if bench.documents is not None:
        return documents.rows(bench, _medium, peers.ebook, peers.missing("gs"), (SMALLER, AS_FAST, NO_WORSE))
    folder = bench.folder("pdf")
    rows = []
    for name, pages in (("photo", 1), ("deck", COPIES)):
        source = _photos(bench.photo, folder / f"{name}.pdf", pages)
        rows += _against_ghostscript(bench, folder, name, source)
        rows.append(_against_qpdf(bench, folder, name, source))
    return [*rows, _against_fax(bench, folder)]


def ours(bench: Bench, source: Path, output: Path, quality: str) -> Usage:
    """Run our command once."""
    job = {"operation": "pdf_compress", "input": str(source), "output": str(output), "quality": quality}
    return run([*bench.mediamill, "process", "--job", json.dumps(job)], bench.env, bench.work).usage


def _medium(bench: Bench, source: Path, output: Path) -> Usage:
    return ours(bench, source, output, "medium")


def _against_ghostscript(bench: Bench, folder: Path, name: str, source: Path) -> list[Row]:
    missing = peers.missing("gs")
    mine, theirs = folder / "ours.pdf", folder / "theirs.pdf"
    ours(bench, source, mine, "medium")
    used, others = pairs(
        f"pdf {name}",
        bench.rounds,
        lambda: ours(bench, source, mine, "medium"),
        None if missing else lambda: peers.ebook(bench, source, theirs),
    )
    cpu = [one.cpu * 1000 for one in used], [other.cpu * 1000 for other in others]
    sizes = [_kilobytes(mine)], [] if missing else [_kilobytes(theirs)]
    rows = [
        Row("pdf", f"medium, {name}: size", "kB", *sizes, "ratio", SMALLER, missing, NOTE),
        Row("pdf", f"medium, {name}: CPU", "ms", *cpu, "ratio", AS_FAST, missing, NOTE),
    ]
    for dpi in documents.DPI:
        scores = (
            [documents.similarity(source, mine, dpi)],
            [] if missing else [documents.similarity(source, theirs, dpi)],
        )
        work = f"medium, {name}: similarity at {dpi} dpi"
        rows.append(Row("pdf", work, "", *scores, "difference", NO_WORSE, missing, NOTE))
    return rows


def _against_qpdf(bench: Bench, folder: Path, name: str, source: Path) -> Row:
    missing = peers.missing("qpdf")
    mine, theirs = folder / "ours.pdf", folder / "theirs.pdf"
    ours(bench, source, mine, "lossless")
    if not missing:
        peers.lossless(bench, source, theirs)
    sizes = [_kilobytes(mine)], [] if missing else [_kilobytes(theirs)]
    return Row("pdf", f"lossless, {name}: size", "kB", *sizes, "ratio", NO_LARGER, missing, NOTE)


def _against_fax(bench: Bench, folder: Path) -> Row:
    import pikepdf
    from PIL import Image, ImageDraw, ImageFont

    sheet, font = Image.new("1", SHEET, 1), ImageFont.load_default(26)
    for line in range(45):
        text = "The smallest file that is still the same document. "[line % 20 :] * 2
        ImageDraw.Draw(sheet).text((80, 60 + 36 * line), text, font=font, fill=0)
    fax = io.BytesIO()
    sheet.save(fax, "TIFF", compression="group4", strip_size=1 << 24)
    with Image.open(fax) as opened:
        tags: Any = opened
        length = tags.tag_v2[279][0]
    source, output = folder / "sheet.pdf", folder / "ours.pdf"
    bits = sheet.tobytes()
    _write(source, [(bits, SHEET, 1, pikepdf.Name.DeviceGray, None)])
    ours(bench, source, output, "lossless")
    with pikepdf.open(output) as pdf:
        coded = len(pdf.pages[0].obj.Resources.XObject.I.read_raw_bytes())
    return Row("pdf", "lossless, sheet: against fax G4", "kB", [coded / 1000], [length / 1000], "ratio", FAX, "", NOTE)


def _photos(photo: Path, path: Path, pages: int) -> Path:
    import pikepdf
    from PIL import Image

    data = photo.read_bytes()
    with Image.open(photo) as opened:
        size, space = opened.size, pikepdf.Name.DeviceGray if opened.mode == "L" else pikepdf.Name.DeviceRGB
    _write(path, [(data, size, 8, space, pikepdf.Name.DCTDecode)] * pages)
    return path


def _write(path: Path, pictures: list[tuple[bytes, tuple[int, int], int, Any, Any]]) -> None:
    import pikepdf

    pdf = pikepdf.new()
    for data, (width, height), bits, space, coding in pictures:
        image = pikepdf.Stream(
            pdf, data, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=width, Height=height,
            BitsPerComponent=bits, ColorSpace=space,
        )  # fmt: skip
        if coding is not None:
            image.Filter = coding
        # Whole points: Ghostscript rounds the others, which would shift its pixels.
        across, down = round(width * 72 / DPI), round(height * 72 / DPI)
        pdf.add_blank_page(page_size=(across, down))
        page = pdf.pages[-1].obj
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=pdf.make_indirect(image)))
        page.Contents = pdf.make_indirect(pikepdf.Stream(pdf, b"%d 0 0 %d 0 0 cm /I Do" % (across, down)))
    pdf.save(path)


def _kilobytes(path: Path) -> float:
    return path.stat().st_size / 1000
