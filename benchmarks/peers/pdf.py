"""Ghostscript and qpdf, the programs PDFs are made smaller with."""

import shutil
from pathlib import Path

from benchmarks.harness import Bench, Usage, run

GHOSTSCRIPT = "Ghostscript: apt-get install ghostscript, or https://ghostscript.com"
QPDF = "qpdf: apt-get install qpdf, or https://qpdf.sourceforge.io"


def missing(program: str) -> str:
    """Return what is to be installed first; empty where the program is there."""
    return "" if shutil.which(program) else {"gs": GHOSTSCRIPT, "qpdf": QPDF}[program]


def ebook(bench: Bench, source: Path, output: Path) -> Usage:
    """Make a document smaller by Ghostscript's preset for screens of 150 dpi."""
    # Pages are not turned to where most of their text is upright: they could not be compared.
    device = ["-sDEVICE=pdfwrite", "-dPDFSETTINGS=/ebook", "-dAutoRotatePages=/None"]
    options = ["-q", "-dNOPAUSE", "-dBATCH", *device]
    return run(["gs", *options, f"-sOutputFile={output}", str(source)], bench.env, bench.work).usage


def lossless(bench: Bench, source: Path, output: Path) -> Usage:
    """Pack a document by qpdf as tightly as it can."""
    options = ["--object-streams=generate", "--recompress-flate", "--compression-level=9"]
    return run(["qpdf", *options, str(source), str(output)], bench.env, bench.work).usage
