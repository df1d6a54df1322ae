"""The course of making a document smaller: change, save, prove; and step back where the proof fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from mediamill.operations.contract import Context
from mediamill.operations.documents import (
    _contents,
    _dedupe,
    _fonts,
    _images,
    _pages,
    _pixels,
    _reach,
    _streams,
)
from mediamill.operations.documents._greyed import BLENDED, Greyed
from mediamill.operations.documents._open import DocumentFacts, Source
from mediamill.operations.documents._presets import EXACT, GREY, WITH_BLENDS
from mediamill.operations.documents._save import save, tight
from mediamill.operations.documents._verify import Mode, Tolerance, Verdict, compare
from mediamill.operations.documents._walk import malformed

if TYPE_CHECKING:
    import pikepdf

BASE_MEMORY = 120 << 20
"""What the libraries take, and the pictures being worked on."""

COPIES = 5
"""How many times a file is in memory: read, opened, changed, saved, and opened again to be looked at."""

_IN_PARTS = "parts of it are encrypted otherwise than others, or not at all, which cannot be kept"
_BECOMES_AES = "AES in place of RC4, with the same key: RC4 that leaves metadata out cannot be written"


class Settings(Struct, frozen=True, kw_only=True):
    """What is asked for.

    Attributes:
        dpi: Resolution of pictures, 0 where they are not resampled.
        quality: As of a preset, 0 where nothing may be lost.
        tolerance: How far pages may differ.
        lossy: Whether pictures may lose anything.
        grayscale: Whether colours become grey.
        linearize: Whether the file is laid out for the web.
        remove_metadata: Whether what it says about itself goes.
        break_signatures: Whether signed documents are changed, too.
        subset_fonts: Whether fonts are cut down to the glyphs used.
        verify: Which pages are proven.
        spared: How many times `dpi` a picture may keep where fewer pixels would show.
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

    def has_to_change(self, greyed: Greyed) -> bool:
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
        emptied: Pages that no reader comes to, which lost what they show.
    """

    images: "_images.Report" = field(default_factory=_images.Report)
    contents: "_contents.Rewritten" = field(default_factory=_contents.Rewritten)
    fonts: int = 0
    greyed: Greyed = field(default_factory=Greyed)
    emptied: int = 0


class _Attempt(Struct, frozen=True):
    data: bytes
    verdict: Verdict
    done: _Changes = field(default_factory=_Changes)
    stuck: str | None = None
    """What has to be kept, because it cannot be worked on."""


class _Stuck(Exception):
    """A kind of part of a document is not built as it has to be."""


@contextmanager
def _work_on(part: str) -> Iterator[None]:
    """Say by which part nothing came of it, if so."""
    try:
        yield
    except malformed() as error:
        raise _Stuck(part) from error


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
    data, pictures = source.file, _images.count(source.pdf)
    if facts.in_parts:
        return _untouched(data, facts, pictures, _IN_PARTS)
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
    if attempt.verdict.pages:
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
    """Do what can still be proven after all attempts have failed: pack the file, take out its metadata, or nothing."""
    data, reason = source.file, attempt.verdict.reason
    still_there = "; its metadata are still there" if settings.remove_metadata else ""
    if not facts.repaired and (settings.remove_metadata or (attempt.data and not settings.grayscale)):
        least = _least(source, facts, settings, ctx)
        if attempt.verdict.seen and not least.verdict.reason:  # it may be the packing that readers take amiss
            verdict = compare(
                source.data,
                least.data,
                password=source.password,
                mode=settings.verify,
                tolerance=EXACT,
                check=ctx.check,
            )
            least = replace(least, verdict=verdict)
        if not least.verdict.reason and (settings.remove_metadata or len(least.data) < len(data)):
            lost = {**_lost(facts), "only_metadata_removed": reason}
            said = lost if settings.remove_metadata else {"only_packed": reason}
            return Made(least.data, {**_metadata_of(facts, data, least.data, _found(pictures)), **said})
    return _untouched(data, facts, pictures, f"not proven the same: {reason}{still_there}")


def _more_careful(settings: Settings) -> Iterator[tuple[tuple[str, ...], Settings]]:
    """Yield what is tried next each time the proof fails: what then stays as it was, and the settings for that."""
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
    """Return whether keeping that cannot help: it was not changed, or no file was made for another reason."""
    done = attempt.done
    if not attempt.data:
        return attempt.stuck not in what if attempt.stuck else what != ("pictures_kept",)
    if what == ("numbers_kept",):
        return bool(done.images.coded) or "rounded" not in done.contents.pages  # pictures are the likelier cause
    fonts = "fonts_kept" in what and not done.fonts and "fonts_kept" not in kept
    contents = "contents_kept" in what and not done.contents.pages and "contents_kept" not in kept
    return fonts or contents


def _lost(facts: DocumentFacts) -> dict[str, list[str]]:
    """Return the standards a document no longer says it conforms to: that was in its metadata."""
    return {"claims_removed": list(facts.claims)} if facts.claims else {}


def _least(source: Source, facts: DocumentFacts, settings: Settings, ctx: Context) -> _Attempt:
    """Take out the metadata, or pack streams anew: so little that all the rest is proven object by object."""
    from mediamill.operations.documents import _metadata, _same

    made = b""
    try:
        with source.taken() as pdf:
            if settings.remove_metadata:
                _metadata.strip(pdf, facts, ctx.check)
            else:
                _streams.repack(pdf, set(), ctx.check)
            made = save(pdf, facts, linearize=settings.linearize, pack=not settings.remove_metadata)
        if not settings.remove_metadata:
            made = tight(made, facts, linearize=settings.linearize)
        reason = _same.difference(source.data, made, source.password, ctx.check)
    except malformed() as error:
        reason = f"it cannot be written anew: {error}"
    except RuntimeError as error:  # what qpdf raises where it finds itself at a loss
        reason = f"it cannot be written anew: {error}"
    return _Attempt(made, Verdict(reason))


def _attempt(
    source: Source, facts: DocumentFacts, settings: Settings, packed: _streams.Packed, ctx: Context
) -> _Attempt:
    attempt = _worked(source, facts, settings, packed, ctx)
    if attempt.verdict.reason:
        return attempt
    attempt = replace(attempt, data=tight(attempt.data, facts, linearize=settings.linearize))
    made, done = attempt.data, attempt.done
    if len(made) >= len(source.file) and not settings.has_to_change(done.greyed):
        return attempt
    ctx.progress(90, "comparing")
    verdict = compare(
        source.data,
        made,
        password=source.password,
        mode=settings.verify,
        tolerance=_with_blends(settings.tolerance) if BLENDED in done.greyed.kept else settings.tolerance,
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
        except _Stuck as stuck:
            return _Attempt(b"", Verdict(f"it is not built as a PDF has to be: {stuck.__cause__}"), stuck=str(stuck))
        except malformed() as error:
            return _Attempt(b"", Verdict(f"it is not built as a PDF has to be: {error}"))
        ctx.progress(85, "writing")
        try:
            made = save(pdf, facts, linearize=settings.linearize)
        except (pikepdf.PdfError, RuntimeError) as error:
            return _Attempt(b"", Verdict(f"it cannot be written anew: {error}"), done)
    return _Attempt(made, Verdict(None), done)


def _with_blends(tolerance: Tolerance) -> Tolerance:
    return replace(tolerance, block=max(tolerance.block, WITH_BLENDS), patch=max(tolerance.patch, WITH_BLENDS))


def _changed(
    pdf: "pikepdf.Pdf", facts: DocumentFacts, settings: Settings, packed: _streams.Packed, ctx: Context
) -> _Changes:
    """Change a document, and say what was done."""
    emptied = 0 if facts.repaired else _pages.empty_lost(pdf, ctx.check)
    _streams.drop_private(pdf)
    if settings.remove_metadata:
        from mediamill.operations.documents import _metadata

        _metadata.strip(pdf, facts, ctx.check)
    gone = _reach.unreached(pdf, ctx.check)
    first_copies = _dedupe.deduplicate(pdf, gone, ctx.check)
    limit = ctx.limits.max_pixels
    greyed = Greyed()
    if settings.grayscale:
        from mediamill.operations.documents import _grey

        greyed = _grey.convert(pdf, facts, gone, limit, ctx.check)
    first_copies += _pixels.simplify(pdf, gone, limit, ctx.check, exactly=not settings.lossy)
    wish = _images.Wish(
        dpi=settings.dpi,
        quality=settings.quality,
        lossy=settings.lossy,
        wavelet=_knows_wavelets(facts),
        spared=settings.spared,
    )
    images = _images.recompress(pdf, wish, gone, ctx)
    with _work_on("fonts_kept"):
        fonts = _fonts.subset(pdf, ctx.check, archival=bool(facts.pdfa)) if settings.subset_fonts else 0
    contents, rounded = _contents.Rewritten(), settings.lossy and settings.contents == "rounded"
    if settings.contents != "kept":
        with _work_on("contents_kept"):
            contents = _contents.rewrite(pdf, gone, ctx.check, rounded=rounded)
    _streams.repack(pdf, gone | contents.packed, ctx.check, images.packed, packed)
    more_copies = _dedupe.deduplicate(pdf, gone, ctx.check)
    if not settings.linearize:  # where pages are found by their hints, readers don't look for what they inherit
        _pages.share_boxes(pdf)
    images.deduplicated = first_copies + more_copies
    images.found += first_copies
    images.coded |= greyed.pictures
    images.saved += greyed.saved
    return _Changes(images, contents, fonts, greyed, emptied)


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
    if facts.becomes_aes and made is not data:
        found["encryption_changed"] = _BECOMES_AES
    if done.emptied:
        found["unreachable_pages"] = done.emptied
    if facts.pdfa:
        found["pdfa"] = facts.pdfa
    if images.kept_resolution:
        found["resolution_kept"] = images.kept_resolution
    return found
