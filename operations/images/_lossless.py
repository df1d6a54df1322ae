"""Files made smaller without a change to any sample: better entropy coding, and less beside the picture.

Every result is decoded and compared with its original before it is used, so what comes out is bit-exact whatever an
encoder does.
"""

import os
from collections.abc import Iterator
from typing import Any

import msgspec

from mediamill.operations.contract import Blob
from mediamill.operations.images import _stripping
from mediamill.operations.images._candidate import Candidate, Task
from mediamill.operations.images._exact import same_pixels
from mediamill.operations.images._gif import MAX_PIXELS, frames_of, pack, read_container
from mediamill.operations.images._stripping import EXIF_HEAD, Kept
from mediamill.operations.images._vips import vips
from mediamill.operations.sniff import sniff
from mediamill.operations.tags._containers import cut
from mediamill.operations.tags._cut import Cut
from mediamill.operations.tags._rules import Rules
from mediamill.operations.tags._tiff_graft import grafted
from mediamill.protocol.errors import MediaError

ZOPFLI_PIXELS = 250_000
"""Up to here, at the highest efforts, PNGs are deflated by Zopfli too."""

ZOPFLI_ROUNDS = 15
_QUICK_EFFORT = 4
_OXIPNG_LEVELS = (0, 1, 1, 2, 2, 2, 3, 4, 5, 6)
"""By effort."""


def lossless(task: Task, kept: Kept, *, quick: bool = False) -> Candidate | None:
    """Return the smallest file with the same samples; None where none is smaller than the original.

    Args:
        task: The file.
        kept: What stays of its metadata.
        quick: Whether about the smallest will do, because it is only to be compared with.
    """
    if quick:
        task = msgspec.structs.replace(task, effort=min(_QUICK_EFFORT, task.effort or _QUICK_EFFORT))
    best: Candidate | None = None
    size = len(task.data)
    for candidate in _CANDIDATES.get(task.source.facts.format, _no_candidates)(task, kept):
        task.check()
        if len(candidate.data) < size and _is_exact(candidate.data, task):
            best, size = candidate, len(candidate.data)
    return best


def oxipng(data: bytes, *, effort: int, pixels: int, keep: list[bytes] | None, alpha: bool = False) -> bytes:
    """Return a PNG whose rows are filtered and deflated better, with fewer bits where that loses nothing.

    Args:
        data: A sound PNG.
        effort: 0..9.
        pixels: How many it has.
        keep: The ancillary chunks that stay; None for all.
        alpha: Whether pixels nobody sees may change.
    """
    library = _oxipng()
    options: dict[str, Any] = {
        "strip": library.StripChunks.none() if keep is None else library.StripChunks.keep(keep),
        "interlace": library.Interlacing.Off,
        "optimize_alpha": alpha,
        "force": True,
    }
    level = _OXIPNG_LEVELS[effort]
    made: bytes = library.optimize_from_memory(data, level=level, **options)
    if effort >= 8 and pixels <= ZOPFLI_PIXELS:
        options |= {"deflate": library.Deflaters.zopfli(ZOPFLI_ROUNDS), "fast_evaluation": True}
        smaller: bytes = library.optimize_from_memory(made, level=level, **options)
        return min(made, smaller, key=len)
    return made


def limit_threads(threads: int) -> None:
    """Keep the PNG encoder to a share of the cores, where it has not started its threads yet."""
    os.environ.setdefault("RAYON_NUM_THREADS", str(threads))


def _oxipng() -> Any:
    import oxipng

    return oxipng


def _is_exact(data: bytes, task: Task) -> bool:
    try:
        return same_pixels(task.source, task.reopened(data))
    except (MediaError, vips().Error):
        return False


def _no_candidates(_task: Task, _kept: Kept) -> Iterator[Candidate]:
    return iter(())


def _jpeg(task: Task, kept: Kept) -> Iterator[Candidate]:
    """Code the same coefficients anew: progressive, with scans that suit them and Huffman tables of their own."""
    from mozjpeg_lossless_optimization import COPY_MARKERS, optimize

    stripped = _stripping.jpeg_stripped(task.data, kept)
    if stripped is not None:
        yield Candidate(stripped, "metadata")
    if kept.everything and _stripping.jpeg_extras(task.data) is not None:
        return
    if task.progressive is False:
        return
    coded = optimize(task.data, COPY_MARKERS.ALL if kept.everything else COPY_MARKERS.NONE)
    if not kept.everything:
        coded = _stripping.jpeg_dressed(coded, task.data, kept)
    yield Candidate(coded, "mozjpeg, lossless")


def _png(task: Task, kept: Kept) -> Iterator[Candidate]:
    yield Candidate(_stripping.png_stripped(task.data, kept), "metadata")
    facts = task.source.facts
    keep = None if kept.everything else _stripping.png_keeps(kept)
    pixels = facts.width * facts.height
    made = oxipng(task.data, effort=task.png_effort(pixels), pixels=pixels, keep=keep)
    yield Candidate(_stripping.png_dressed(made, kept), "oxipng")


def _webp(task: Task, kept: Kept) -> Iterator[Candidate]:
    yield Candidate(_stripping.webp_stripped(task.data, kept), "metadata")
    if _stripping.webp_codings(task.data) != {b"VP8L"} or kept.everything:
        return
    facts = task.source.facts
    image = task.source.load(frames=facts.animated)
    made = image.webpsave_buffer(lossless=True, exact=True, effort=6, Q=100, keep="all")
    yield Candidate(_stripping.webp_stripped(made, kept), "WebP, lossless")


def _gif(task: Task, kept: Kept) -> Iterator[Candidate]:
    yield Candidate(_stripping.gif_stripped(task.data, kept), "metadata")
    facts = task.source.facts
    container = read_container(task.data)
    screen = (container.width, container.height) == (facts.width, facts.height)
    if kept.everything or not screen or facts.width * facts.height * facts.frames > MAX_PIXELS:
        return
    made = pack(frames_of(task.source), container, task.check)
    if made is not None:
        yield Candidate(made, "GIF, lossless")


def _avif(task: Task, kept: Kept) -> Iterator[Candidate]:
    """Take metadata out of the container; AV1 itself has no second, smaller form of the same samples."""
    if not kept.everything:
        rules = Rules(keep=frozenset(("Artist", "Copyright")) if task.metadata == "copyright" else frozenset())
        opened = Blob(data=task.data, name="input", path=None, kind=sniff(task.data))
        yield Candidate(cut(opened, Cut(rules)), "metadata")


def _tiff(task: Task, kept: Kept) -> Iterator[Candidate]:
    """Deflate with and without differences of neighbours, and fax coding where a pixel is one bit."""
    facts = task.source.facts
    image = task.source.load(frames=facts.frames > 1)
    moved = kept.everything and facts.frames == 1  # all there is comes with the directory that is put in below
    keep = "icc" if kept.icc and not moved else "none"
    beside = task.data if kept.everything else kept.exif.removeprefix(EXIF_HEAD)
    image = image.copy_memory()
    options: list[dict[str, Any]] = [
        {"compression": "deflate", "predictor": "horizontal"},
        {"compression": "deflate", "predictor": "none"},
    ]
    if facts.depth == 1:
        options = [{"compression": "ccittfax4", "bitdepth": 1}, {"compression": "deflate", "bitdepth": 1}]
    for one in options:
        made = image.tiffsave_buffer(keep=keep, **one)
        # libvips writes a TIFF's EXIF neither as it was nor in part.
        yield Candidate(grafted(beside, made, turned=False) if beside else made, f"TIFF, {one['compression']}")


_CANDIDATES = {"jpeg": _jpeg, "png": _png, "webp": _webp, "avif": _avif, "gif": _gif, "tiff": _tiff}
