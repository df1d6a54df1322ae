"""The course of making a document smaller: change, save, prove; and step back where the proof fails."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from mediamill.operations.contract import Context
from mediamill.operations.documents import (
    _contents,
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
    "medium": Preset(150, 54, Tolerance(0.85, 32.0, 12.0, 100), 1.5),
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
        contents: What becomes of content streams: nothing, a shorter spelling of the same, or, where pictures may lose
            something, numbers rounded to what can be seen.
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
    contents: Literal["kept", "spelled", "rounded"] = "rounded"

    def has_to_change(self, greyed: "_grey.Greyed") -> bool:
        """Return whether more was asked for than a smaller file, and there was anything to do."""
        return greyed.changed or self.remove_metadata or self.linearize


class Made(Struct, frozen=True):
    """A document to be written, and what is said about it."""

    data: bytes
    metadata: dict[str, Any]


class _Changes(Struct, frozen=True):
    """What was done to a document.

    Attributes:
        images: What became of its pictures.
        contents: What became of its content streams.
        fonts: The bytes its fonts lost.
        greyed: What was made grey, and what kept its colours.
    """

    images: "_images.Report" = field(default_factory=_images.Report)
    contents: "_contents.Rewritten" = field(default_factory=_contents.Rewritten)
    fonts: int = 0
    greyed: "_grey.Greyed" = field(default_factory=_grey.Greyed)


class _Attempt(Struct, frozen=True):
    data: bytes
    verdict: Verdict
    done: _Changes = field(default_factory=_Changes)


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
        return _given_up(attempt, source, facts, settings, pictures, ctx)
    if len(attempt.data) >= len(data) and not settings.has_to_change(attempt.done.greyed):
        return _untouched(data, facts, pictures, "already as small as it gets")
    metadata = _metadata_of(facts, data, attempt.data, attempt.done)
    metadata["verified"] = {"mode": settings.verify, "pages": attempt.verdict.pages}
    metadata["verified"]["similarity"] = round(attempt.verdict.similarity, 4)
    if attempt.done.greyed.kept:
        metadata["colours_kept"] = dict(attempt.done.greyed.kept)
    metadata.update(kept)
    if settings.remove_metadata:
        metadata.update(_lost(facts))
    return Made(attempt.data, metadata)


def _proven(source: Source, facts: DocumentFacts, settings: Settings, ctx: Context) -> tuple[_Attempt, dict[str, str]]:
    """Return the first attempt that is proven, or the last one, and what had to be kept for it, with the reason."""
    packed = _streams.Packed()
    attempt = _attempt(source, facts, settings, packed, ctx)
    kept: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for what, careful in _more_careful(settings):
        verdict = attempt.verdict
        if not verdict.reason:
            break
        if _is_in_vain(what, attempt, kept):
            continue
        kept = {one: reasons.setdefault(one, verdict.reason) for one in what}
        attempt = _attempt(source, facts, careful, packed, ctx)
    return attempt, kept


def _given_up(
    attempt: _Attempt, source: Source, facts: DocumentFacts, settings: Settings, pictures: int, ctx: Context
) -> Made:
    """Return a file that could not be proven the same as it was, but for its packing, or metadata that are to go."""
    data, reason = source.data, attempt.verdict.reason
    still_there = "; its metadata are still there" if settings.remove_metadata else ""
    if not facts.repaired and (settings.remove_metadata or (attempt.data and not settings.grayscale)):
        least = _least(source, facts, settings, ctx)
        if not least.verdict.reason and (settings.remove_metadata or len(least.data) < len(data)):
            lost = {**_lost(facts), "only_metadata_removed": reason}
            said = lost if settings.remove_metadata else {"only_packed": reason}
            return Made(least.data, {**_metadata_of(facts, data, least.data, _found(pictures)), **said})
    return _untouched(data, facts, pictures, f"not proven the same: {reason}{still_there}")


def _more_careful(settings: Settings) -> Iterator[tuple[tuple[str, ...], Settings]]:
    """Yield what is tried where the proof fails: what stays as it was, of numbers, pictures, fonts and contents."""
    tolerance = GREY if settings.grayscale else EXACT
    exact = replace(settings, lossy=False, dpi=0, quality=0, tolerance=tolerance)
    if settings.lossy:
        yield ("numbers_kept",), replace(settings, contents="spelled")
        yield ("pictures_kept",), exact
    if settings.subset_fonts:
        yield ("fonts_kept",), replace(settings, subset_fonts=False)
    yield ("contents_kept",), replace(settings, contents="kept")
    pictures = ("pictures_kept",) if settings.lossy else ()
    if settings.lossy and settings.subset_fonts:
        yield ("pictures_kept", "fonts_kept"), replace(exact, subset_fonts=False)
    if settings.lossy or settings.subset_fonts:
        fonts = ("fonts_kept",) if settings.subset_fonts else ()
        last = replace(exact if settings.lossy else settings, subset_fonts=False, contents="kept")
        yield (*pictures, *fonts, "contents_kept"), last


def _is_in_vain(what: tuple[str, ...], attempt: _Attempt, kept: dict[str, str]) -> bool:
    """Return whether nothing is to be expected of keeping that: no file was made at all, or it is what it was."""
    done = attempt.done
    if not attempt.data:
        return what != ("pictures_kept",)
    if what == ("numbers_kept",):
        return bool(done.images.coded) or "rounded" not in done.contents.pages  # pictures are the likelier cause
    fonts = "fonts_kept" in what and not done.fonts and "fonts_kept" not in kept
    contents = "contents_kept" in what and not done.contents.pages and "contents_kept" not in kept
    return fonts or contents


def _lost(facts: DocumentFacts) -> dict[str, list[str]]:
    """Return the standards a document no longer says it conforms to: that was in its metadata."""
    return {"claims_removed": list(facts.claims)} if facts.claims else {}


def _least(source: Source, facts: DocumentFacts, settings: Settings, ctx: Context) -> _Attempt:
    """Change so little that the rest can be proven object by object: take the metadata out, or pack what is there."""
    made = b""
    try:
        with source.taken() as pdf:
            if settings.remove_metadata:
                _metadata.strip(pdf, facts, ctx.check)
            else:
                _streams.repack(pdf, set(), ctx.check)
            made = save(pdf, facts, linearize=settings.linearize, pack=not settings.remove_metadata)
        reason = _same.difference(source.data, made, source.password, ctx.check)
    except malformed() as error:
        reason = f"it cannot be written anew: {error}"
    except RuntimeError as error:  # what qpdf raises where it finds itself at a loss
        reason = f"it cannot be written anew: {error}"
    return _Attempt(made, Verdict(reason))


def _attempt(
    source: Source, facts: DocumentFacts, settings: Settings, packed: _streams.Packed, ctx: Context
) -> _Attempt:
    data = source.data
    attempt = _worked(source, facts, settings, packed, ctx)
    made, done = attempt.data, attempt.done
    if attempt.verdict.reason or (len(made) >= len(data) and not settings.has_to_change(done.greyed)):
        return attempt
    ctx.progress(90, "comparing")
    verdict = compare(
        data,
        made,
        password=source.password,
        mode=settings.verify,
        tolerance=_with_blends(settings.tolerance) if _grey.BLENDED in done.greyed.kept else settings.tolerance,
        check=ctx.check,
        changed=() if settings.grayscale else set(done.images.pages.values()),
        always=done.contents.pages.values(),
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
            done = _changed(pdf, facts, settings, packed, ctx)
        except malformed() as error:
            return _Attempt(b"", Verdict(f"it is not built as a PDF has to be: {error}"))
        ctx.progress(85, "writing")
        try:
            made = save(pdf, facts, linearize=settings.linearize)
        except (pikepdf.PdfError, RuntimeError) as error:
            return _Attempt(b"", Verdict(f"it cannot be written anew: {error}"), done)
    return _Attempt(made, Verdict(None), done)


def _with_blends(tolerance: Tolerance) -> Tolerance:
    return replace(tolerance, block=max(tolerance.block, BLENDED), patch=max(tolerance.patch, BLENDED))


def _changed(
    pdf: "pikepdf.Pdf", facts: DocumentFacts, settings: Settings, packed: _streams.Packed, ctx: Context
) -> _Changes:
    """Change a document, and say what was done."""
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
    contents = _contents.Rewritten()
    if settings.contents != "kept":
        contents = _contents.rewrite(pdf, gone, ctx.check, rounded=settings.lossy and settings.contents == "rounded")
    _streams.repack(pdf, gone | contents.packed, ctx.check, images.packed, packed)
    more_copies = _dedupe.deduplicate(pdf, gone, ctx.check)
    if not settings.linearize:  # where pages are found by their hints, readers don't look for what they inherit
        _pages.share_boxes(pdf)
    images.deduplicated = first_copies + more_copies
    images.found += first_copies
    images.coded |= greyed.pictures
    images.saved += greyed.saved
    return _Changes(images, contents, fonts, greyed)


def _knows_wavelets(facts: DocumentFacts) -> bool:
    """Return whether JPEG 2000 may be in a document: what PDF/A-1 and PDF/X are built on does not have it."""
    return not facts.pdfx and not (facts.pdfa or "").startswith("1")


def _untouched(data: bytes, facts: DocumentFacts, pictures: int, reason: str) -> Made:
    return Made(data, {**_metadata_of(facts, data, data, _found(pictures)), "skipped": reason})


def _found(pictures: int) -> _Changes:
    """Return that nothing was done to a document of so many pictures."""
    return _Changes(images=_images.Report(found=pictures))


def _metadata_of(facts: DocumentFacts, data: bytes, made: bytes, done: _Changes) -> dict[str, Any]:
    images = done.images
    saved = {"images": images.saved, "fonts": done.fonts, "contents": done.contents.saved}
    saved["structure"] = len(data) - len(made) - sum(saved.values())
    found: dict[str, Any] = {
        "pages": facts.pages,
        "images": {
            "found": images.found,
            "recompressed": len(images.coded),
            "downsampled": images.downsampled,
            "deduplicated": images.deduplicated,
        },
        "saved": saved,
        "input_bytes": len(data),
        "output_bytes": len(made),
        "compression_ratio": round(len(data) / len(made), 3),
    }
    if facts.pdfa:
        found["pdfa"] = facts.pdfa
    if images.kept_resolution:
        found["resolution_kept"] = images.kept_resolution
    return found
