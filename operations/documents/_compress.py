"""The course of making a document smaller: change, save, prove; and step back where the proof fails."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from mediamill.operations.contract import Context
from mediamill.operations.documents import (
    _dedupe,
    _fonts,
    _grey,
    _images,
    _metadata,
    _pages,
    _pixels,
    _same,
    _streams,
)
from mediamill.operations.documents._open import DocumentFacts, Source
from mediamill.operations.documents._save import save
from mediamill.operations.documents._verify import Mode, Tolerance, Verdict, compare
from mediamill.operations.documents._walk import malformed

if TYPE_CHECKING:
    import pikepdf

BASE_MEMORY = 120 << 20
"""What the libraries take, and the pictures being worked on."""

COPIES = 5
"""How many times a file is in memory: read, opened, changed, saved, and opened again to be looked at."""

EXACT = Tolerance()

GREY = Tolerance(0.94, 12.0, 12.0)
"""How far greys may be from those of the colours they stand for, where nothing else may be lost."""

BLENDED = 48.0
"""How far a block and a patch may be where greys are blended instead of colours, which is said."""


class Preset(Struct, frozen=True):
    """What pictures become.

    Attributes:
        dpi: Their resolution on the page; those of less stay as they are.
        quality: The plain JPEG's they are no less like the original than, 1..100.
        tolerance: How far pages may then differ.
        spared: How many times that resolution they may keep where less would show.
    """

    dpi: int
    quality: int
    tolerance: Tolerance
    spared: float = 1.0


PRESETS = {
    "low": Preset(72, 52, Tolerance(0.75, 64.0, 24.0, 72)),
    "medium": Preset(150, 60, Tolerance(0.85, 32.0, 12.0, 100), 1.5),
    "high": Preset(220, 82, Tolerance(0.92, 28.0, 10.0)),
}


class Settings(Struct, frozen=True, kw_only=True):
    """What is asked for.

    Attributes:
        dpi: Resolution of pictures, 0 where they are not resampled.
        quality: JPEG's, 0 where nothing may be lost.
        tolerance: How far pages may differ.
        lossy: Whether pictures may lose anything.
        grayscale: Whether colours become grey.
        linearize: Whether the file is laid out for the web.
        remove_metadata: Whether what it says about itself goes.
        break_signatures: Whether signed documents are changed, too.
        subset_fonts: Whether fonts are cut down to the glyphs used.
        verify: Which pages are proven.
        spared: How many times the resolution asked for pictures may keep where less would show.
    """

    dpi: int
    quality: int
    tolerance: Tolerance
    lossy: bool
    grayscale: bool
    linearize: bool
    remove_metadata: bool
    break_signatures: bool
    subset_fonts: bool
    verify: Mode
    spared: float = 1.0

    def has_to_change(self, greyed: "_grey.Greyed") -> bool:
        """Return whether more was asked for than a smaller file, and there was anything to do."""
        return greyed.changed or self.remove_metadata or self.linearize


class Made(Struct, frozen=True):
    """A document to be written, and what is said about it."""

    data: bytes
    metadata: dict[str, Any]


class _Attempt(Struct, frozen=True):
    data: bytes
    images: "_images.Report"
    fonts: int
    verdict: Verdict
    greyed: "_grey.Greyed" = field(default_factory=_grey.Greyed)


def compress(source: Source, facts: DocumentFacts, settings: Settings, ctx: Context) -> Made:
    """Make a document smaller, as far as it can be proven to stay the same.

    Args:
        source: The document, not taken yet.
        facts: What it is.
        settings: What is asked for.
        ctx: The engine.

    Returns:
        A file that is smaller, or the very bytes that came in and the reason; a file that had to change (without
        metadata, or laid out anew) may be larger.
    """
    data, pictures = source.data, _images.count(source.pdf)
    if facts.signed and not settings.break_signatures:
        return _untouched(data, facts, pictures, facts.signed)
    if facts.repaired:  # by one reader in its way: whether others see the same is not to be taken for granted
        settings = replace(settings, verify="all")
    attempt, kept = _proven(source, facts, settings, ctx)
    if attempt.verdict.reason:
        return _given_up(attempt.verdict.reason, source, facts, settings, pictures, ctx)
    if len(attempt.data) >= len(data) and not settings.has_to_change(attempt.greyed):
        return _untouched(data, facts, pictures, "already as small as it gets")
    metadata = _metadata_of(facts, data, attempt.data, attempt.images, attempt.fonts)
    metadata["verified"] = {"mode": settings.verify, "pages": attempt.verdict.pages}
    metadata["verified"]["similarity"] = round(attempt.verdict.similarity, 4)
    if attempt.greyed.kept:
        metadata["colours_kept"] = dict(attempt.greyed.kept)
    metadata.update(kept)
    if settings.remove_metadata:
        metadata.update(_lost(facts))
    return Made(attempt.data, metadata)


def _proven(source: Source, facts: DocumentFacts, settings: Settings, ctx: Context) -> tuple[_Attempt, dict[str, str]]:
    """Return the first attempt that is proven, or the last one, and what had to be kept for it, with the reason."""
    packed = _streams.Packed()
    attempt = _attempt(source, facts, settings, packed, ctx)
    kept: dict[str, str] = {}
    for names, careful in _more_careful(settings):
        without_fonts = "fonts_kept" in names
        if not attempt.verdict.reason or (without_fonts and not attempt.data):
            break
        if without_fonts and not attempt.fonts and "fonts_kept" not in kept:
            continue  # they are what they were
        kept = dict.fromkeys(names, attempt.verdict.reason)
        attempt = _attempt(source, facts, careful, packed, ctx)
    return attempt, kept


def _given_up(
    reason: str, source: Source, facts: DocumentFacts, settings: Settings, pictures: int, ctx: Context
) -> Made:
    """Return a file that could not be proven the same: as it was, but without its metadata where that is asked for."""
    data = source.data
    if not settings.remove_metadata:
        return _untouched(data, facts, pictures, f"not proven the same: {reason}")
    if not facts.repaired:
        bare = _bare(source, facts, settings, ctx)
        if not bare.verdict.reason:
            found = _metadata_of(facts, data, bare.data, replace(bare.images, found=pictures))
            return Made(bare.data, {**found, **_lost(facts), "only_metadata_removed": reason})
    return _untouched(data, facts, pictures, f"not proven the same: {reason}; its metadata are still there")


def _more_careful(settings: Settings) -> Iterator[tuple[tuple[str, ...], Settings]]:
    """Yield what is tried where the proof fails: pictures stay what they were, or fonts, or both."""
    tolerance = GREY if settings.grayscale else EXACT
    exact = replace(settings, lossy=False, dpi=0, quality=0, tolerance=tolerance)
    if settings.lossy:
        yield ("pictures_kept",), exact
    if settings.subset_fonts:
        yield ("fonts_kept",), replace(settings, subset_fonts=False)
    if settings.lossy and settings.subset_fonts:
        yield ("pictures_kept", "fonts_kept"), replace(exact, subset_fonts=False)


def _lost(facts: DocumentFacts) -> dict[str, list[str]]:
    """Return the standards a document no longer says it conforms to: that was in its metadata."""
    return {"claims_removed": list(facts.claims)} if facts.claims else {}


def _bare(source: Source, facts: DocumentFacts, settings: Settings, ctx: Context) -> _Attempt:
    """Take the metadata out and change nothing else, so that what is left can be proven object by object."""
    made = b""
    try:
        with source.taken() as pdf:
            _metadata.strip(pdf, facts, ctx.check)
            made = save(pdf, facts, linearize=settings.linearize, pack=False)
        reason = _same.difference(source.data, made, source.password, ctx.check)
    except malformed() as error:
        reason = f"it cannot be written anew: {error}"
    except RuntimeError as error:  # what qpdf raises where it finds itself at a loss
        reason = f"it cannot be written anew: {error}"
    return _Attempt(made, _images.Report(), 0, Verdict(reason))


def _attempt(
    source: Source, facts: DocumentFacts, settings: Settings, packed: _streams.Packed, ctx: Context
) -> _Attempt:
    data = source.data
    attempt = _worked(source, facts, settings, packed, ctx)
    made, greyed = attempt.data, attempt.greyed
    if attempt.verdict.reason or (len(made) >= len(data) and not settings.has_to_change(greyed)):
        return attempt
    ctx.progress(90, "comparing")
    verdict = compare(
        data,
        made,
        password=source.password,
        mode=settings.verify,
        tolerance=_with_blends(settings.tolerance) if _grey.BLENDED in greyed.kept else settings.tolerance,
        check=ctx.check,
        changed=() if settings.grayscale else set(attempt.images.pages.values()),
        grey=settings.grayscale,
    )
    return replace(attempt, verdict=verdict)


def _worked(
    source: Source, facts: DocumentFacts, settings: Settings, packed: _streams.Packed, ctx: Context
) -> _Attempt:
    """Change and write a document, which is then no longer in memory."""
    import pikepdf

    with source.taken() as pdf:
        try:
            images, fonts, greyed = _changed(pdf, facts, settings, packed, ctx)
        except malformed() as error:
            return _Attempt(b"", _images.Report(), 0, Verdict(f"it is not built as a PDF has to be: {error}"))
        ctx.progress(85, "writing")
        try:
            made = save(pdf, facts, linearize=settings.linearize)
        except (pikepdf.PdfError, RuntimeError) as error:
            return _Attempt(b"", images, fonts, Verdict(f"it cannot be written anew: {error}"))
    return _Attempt(made, images, fonts, Verdict(None), greyed)


def _with_blends(tolerance: Tolerance) -> Tolerance:
    return replace(tolerance, block=max(tolerance.block, BLENDED), patch=max(tolerance.patch, BLENDED))


def _changed(
    pdf: "pikepdf.Pdf", facts: DocumentFacts, settings: Settings, packed: _streams.Packed, ctx: Context
) -> tuple["_images.Report", int, "_grey.Greyed"]:
    """Change a document; return what became of its pictures, the bytes its fonts lost, and what was made grey."""
    gone = set[_dedupe.Key]()
    _streams.drop_private(pdf, gone)
    first_copies = _dedupe.deduplicate(pdf, gone, ctx.check)
    if settings.remove_metadata:
        _metadata.strip(pdf, facts, ctx.check)
    limit = ctx.limits.max_pixels
    greyed = _grey.convert(pdf, facts, limit, ctx.check) if settings.grayscale else _grey.Greyed()
    first_copies += _pixels.simplify(pdf, gone, limit, ctx.check, exactly=not settings.lossy)
    wish = _images.Wish(
        dpi=settings.dpi,
        quality=settings.quality,
        lossy=settings.lossy,
        wavelet=_knows_wavelets(facts),
        spared=settings.spared,
    )
    images = _images.recompress(pdf, wish, gone, ctx)
    fonts = _fonts.subset(pdf, ctx.check, archival=bool(facts.pdfa)) if settings.subset_fonts else 0
    _streams.repack(pdf, gone, ctx.check, images.packed, packed)
    more_copies = _dedupe.deduplicate(pdf, gone, ctx.check)
    if not settings.linearize:  # where pages are found by their hints, readers don't look for what they inherit
        _pages.share_boxes(pdf)
    images.deduplicated = first_copies + more_copies
    images.found += first_copies
    images.coded |= greyed.pictures
    images.saved += greyed.saved
    return images, fonts, greyed


def _knows_wavelets(facts: DocumentFacts) -> bool:
    """Return whether JPEG 2000 may be in a document: what PDF/A-1 and PDF/X are built on does not have it."""
    return not facts.pdfx and not (facts.pdfa or "").startswith("1")


def _untouched(data: bytes, facts: DocumentFacts, pictures: int, reason: str) -> Made:
    return Made(data, {**_metadata_of(facts, data, data, _images.Report(found=pictures)), "skipped": reason})


def _metadata_of(
    facts: DocumentFacts, data: bytes, made: bytes, images: "_images.Report", fonts: int = 0
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "pages": facts.pages,
        "images": {
            "found": images.found,
            "recompressed": len(images.coded),
            "downsampled": images.downsampled,
            "deduplicated": images.deduplicated,
        },
        "saved": {"images": images.saved, "fonts": fonts, "structure": len(data) - len(made) - images.saved - fonts},
        "input_bytes": len(data),
        "output_bytes": len(made),
        "compression_ratio": round(len(data) / len(made), 3),
    }
    if facts.pdfa:
        found["pdfa"] = facts.pdfa
    if images.kept_resolution:
        found["resolution_kept"] = images.kept_resolution
    return found
