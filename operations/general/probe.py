"""Say what a file is, by its headers alone."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mediamill.operations.contract import Blob, Context, Limits, Metadata, Plan
from mediamill.protocol.errors import CorruptInput, LimitExceeded
from mediamill.protocol.job import Job, Source
from mediamill.protocol.results import text

SUMMARY = "Say what a file is: kind, size, frames, duration, pages, colour."
EXAMPLE: dict[str, Any] = {"operation": "probe", "input": "photo.jpg"}
TELLS_NAMES = True

_ENOUGH = 1 << 62


class Params(Job, frozen=True, kw_only=True, tag="probe", forbid_unknown_fields=True, omit_defaults=True):
    """A probe job."""

    input: Annotated[Source, Meta(description="Any file.")]


def plan(params: Params, ctx: Context) -> Plan:
    """Nothing is written and next to nothing is spent."""
    ctx.open(params.input)
    return Plan()


def run(params: Params, ctx: Context) -> Metadata:
    """Read a file's headers.

    Returns:
        `kind`, `format`, `description` and `size_bytes` of any file, and what its kind has besides: width, duration,
        pages, ...

    Raises:
        CorruptInput: Its headers make no sense.
    """
    stream = ctx.open(params.input)
    found = {
        "path": None if stream.path is None else text(stream.path),
        "kind": stream.kind.medium,
        "format": stream.kind.format or None,
        "description": stream.kind.description,
        "size_bytes": stream.size,
    }
    if stream.kind.medium == "image" and stream.kind.format != "jxl":
        return found | _picture(ctx.read(params.input), ctx)
    if stream.kind.medium in ("video", "audio"):
        from mediamill.operations.streams._describe import describe

        return found | describe(stream, ctx.limits)
    if stream.kind.format == "pdf":
        return found | _document(ctx.read(params.input))
    return found


def _picture(opened: Blob, ctx: Context) -> dict[str, Any]:
    from mediamill.operations.images._colour import read_profile
    from mediamill.operations.images._source import open_source

    # A header costs nothing to read, whatever it announces; the limits are for pixels.
    wide = msgspec.structs.replace(
        ctx.limits,
        max_side=_ENOUGH,
        max_pixels=_ENOUGH,
        max_frame_pixels=_ENOUGH,
        max_scans=_ENOUGH,
        max_frames=1 << 20,
    )
    facts = open_source(opened, wide, ctx.threads).facts
    width, height = facts.size
    profile = read_profile(facts.icc, facts.interpretation)
    found: dict[str, Any] = {
        "width": width,
        "height": height,
        "orientation": facts.orientation,
        "frames": facts.frames,
        "animated": facts.animated,
        "color_space": facts.interpretation,
        "channels": facts.bands,
        "bit_depth": facts.depth,
        "alpha": facts.alpha,
        "has_exif": facts.has_exif,
        "has_icc": facts.icc is not None,
        "has_xmp": facts.has_xmp,
        "has_iptc": facts.has_iptc,
    }
    if profile is not None:
        found["color_profile"] = profile.name
    if facts.animated:
        found["duration"] = sum(facts.delays) / 1000
        found["loop"] = facts.loop
    if facts.density:
        found["dpi"] = round(facts.density * 25.4, 1)
    if facts.hdr is not None:
        found["hdr"] = facts.hdr[0]
    if facts.scans > 1:
        found["scans"] = facts.scans
    exceeded = _exceeded(facts, ctx.limits)
    return found if exceeded is None else found | {"exceeds": exceeded}


def _exceeded(facts: Any, limits: Limits) -> str | None:
    """Return why other operations would refuse the picture, None where they would not."""
    from mediamill.operations.images._source import check_budget

    try:
        check_budget(facts, limits)
    except LimitExceeded as error:
        return error.message
    return None


def _document(opened: Blob) -> dict[str, Any]:
    import io

    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(opened.data), suppress_warnings=True) as pdf:
            found = {"pages": len(pdf.pages), "encrypted": pdf.is_encrypted, "version": pdf.pdf_version}
    except pikepdf.PasswordError:
        return {"encrypted": True}
    except pikepdf.PdfError as error:
        raise CorruptInput("The PDF is damaged or cut short.", detail=str(error)) from None
    if not found["pages"]:
        raise CorruptInput("The PDF has no pages that can be found.")
    return found
