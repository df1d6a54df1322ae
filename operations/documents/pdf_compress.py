"""Write the smallest PDF that is still the same document."""

import os
from typing import Annotated, Any, Literal

from msgspec import Meta

from mediamill.operations.contract import Blob, Context, Lane, Metadata, Plan, Target
from mediamill.operations.documents import _compress, _images, _presets
from mediamill.operations.documents._open import look, open_asking
from mediamill.operations.documents._verify import Mode
from mediamill.protocol.errors import InvalidJob, UnsupportedFormat
from mediamill.protocol.job import Job, OutputPath, Source
from mediamill.protocol.results import text

SUMMARY = "Make a PDF smaller; text, links, forms and structure stay."
EXAMPLE: dict[str, Any] = {
    "operation": "pdf_compress",
    "input": "report.pdf",
    "output_dir": "out",
    "quality": "medium",
}
LANE: Lane = "long"

Preset = Literal["low", "medium", "high", "lossless"]


class Params(Job, frozen=True, kw_only=True, tag="pdf_compress", forbid_unknown_fields=True, omit_defaults=True):
    """A job that makes a PDF smaller.

    Pictures are reduced to the resolution asked for and coded anew where that is smaller; fonts are cut down to the
    glyphs shown; page contents are written in fewer bytes and, except under `lossless`, the coordinates of drawings
    rounded to what can be seen; equal objects become one; everything is packed more tightly. Text and its positions,
    links, outlines, forms, attachments, tags, layers, page labels, scripts, encryption and its permissions stay. Signed
    documents are returned as they are, with the reason.

    Before the result is written it is opened again: its pages and annotations are counted, its encryption and the
    entries of its catalogue compared, and pages that show every kind of change are rendered and read. Where a page
    does not look or read the same, the likely cause stays as it was: `numbers_kept`, `pictures_kept`, `fonts_kept` and
    `contents_kept` in the metadata give the reason. If nothing can be proven, or nothing gets smaller, the output is
    the input, and `skipped` says why. Only `linearize`, `remove_metadata` and `grayscale` may make a file larger.

    Metadata: `pages`; `images`, how many were found, recompressed, downsampled and deduplicated; `saved`, bytes by
    images, fonts, contents and structure; `input_bytes`, `output_bytes` and `compression_ratio`, the one divided by
    the other; `verified`, the mode, how many pages were compared, and the least similarity of one (1: identical); where
    it applies `pdfa`, the level claimed; `resolution_kept` and `colours_kept`, what stayed and why; `claims_removed`,
    standards no longer claimed; `encryption_changed`, how and why; `unreachable_pages`, how many
    outside the tree of pages were emptied; `only_packed` and `only_metadata_removed`, why nothing else was done.
    """

    input: Annotated[Source, Meta(description="The document.")]
    output: Annotated[OutputPath, Meta(description="The file to write.")] | None = None
    output_dir: Annotated[OutputPath, Meta(description="The folder to write to; the input's name is kept.")] | None = (
        None
    )
    quality: Annotated[
        Preset,
        Meta(
            description="low: pictures at 72 dpi; medium: 150, up to 225 where less would show; high: 220; "
            "lossless: every page renders as it did."
        ),
    ] = "medium"
    image_dpi: (
        Annotated[int, Meta(ge=36, le=2400, description="Resolution of pictures, in place of the preset's.")] | None
    ) = None
    image_quality: (
        Annotated[
            int, Meta(ge=1, le=100, description="JPEG quality pictures look no worse than, in place of the preset's.")
        ]
        | None
    ) = None
    grayscale: Annotated[
        bool,
        Meta(description="Make all colours grey; what cannot be converted keeps its own and is named in metadata."),
    ] = False
    remove_metadata: Annotated[
        bool, Meta(description="Take out title, author, dates, XMP and what programs left about themselves.")
    ] = False
    linearize: Annotated[bool, Meta(description="Lay it out so that the first page shows early on the web.")] = False
    password: Annotated[str, Meta(max_length=1024, description="Of an encrypted document.")] | None = None
    subset_fonts: Annotated[bool, Meta(description="Cut TrueType and CFF fonts down to the glyphs used.")] = True
    allow_breaking_signatures: Annotated[
        bool, Meta(description="Work on signed documents, too; their signatures are then no longer valid.")
    ] = False
    verify: Annotated[
        Mode,
        Meta(
            description="Which pages are rendered and held against the original before the file is written; all of them"
            " where it is damaged."
        ),
    ] = "sample"

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        if (self.output is None) == (self.output_dir is None):
            given = "neither" if self.output is None else "both"
            raise InvalidJob(
                f"A job takes output or output_dir, received {given}.",
                field="output" if self.output is None else "output_dir",
                expected="one of output, output_dir",
            )
        for field in ("image_dpi", "image_quality"):
            if self.quality == "lossless" and getattr(self, field) is not None:
                raise InvalidJob(
                    f"{field} has no meaning where pictures stay as they are (quality lossless).",
                    field=field,
                    received=getattr(self, field),
                    expected="absent, or another quality",
                )


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written; what it costs is told by the file's size.

    Raises:
        UnsupportedFormat: The input is no PDF.
    """
    return _plan(params, ctx.read(params.input))


def run(params: Params, ctx: Context) -> Metadata:
    """Make it smaller, prove that it is the same document, write it.

    Raises:
        MediaError: One of the table's: it is no PDF, damaged, encrypted, too large, or cannot be written.
    """
    opened = ctx.read(params.input)
    what = _plan(params, opened)
    ctx.reserve(what.memory_bytes)
    found: Metadata = None
    for target in ctx.claim(what):
        source = open_asking(opened, params.password, ctx)
        pictures = _images.memory_bytes(source.pdf, ctx.limits, ctx.threads)
        ctx.reserve(what.memory_bytes + source.memory_bytes + pictures)
        made = _compress.compress(source, look(source), _settings(params), ctx)
        found = made.metadata
        ctx.write(target, made.data, pages=found["pages"])
    return found


def _plan(params: Params, opened: Blob) -> Plan:
    _check_kind(opened)
    path = params.output or os.path.join(params.output_dir or "", f"{os.path.splitext(opened.name)[0]}.pdf")
    memory = _compress.BASE_MEMORY + _compress.COPIES * len(opened.data)
    return Plan(targets=(Target(path=path, format="pdf"),), memory_bytes=memory)


def _settings(params: Params) -> _compress.Settings:
    preset = _presets.PRESETS.get(params.quality)
    dpi = params.image_dpi or (preset.dpi if preset else 0)
    quality = params.image_quality or (preset.quality if preset else 0)
    exact = _presets.GREY if params.grayscale else _presets.EXACT
    return _compress.Settings(
        dpi=dpi,
        quality=quality,
        tolerance=_presets.tolerance_of(dpi, quality) if preset else exact,
        lossy=preset is not None,
        grayscale=params.grayscale,
        linearize=params.linearize,
        remove_metadata=params.remove_metadata,
        break_signatures=params.allow_breaking_signatures,
        subset_fonts=params.subset_fonts,
        verify=params.verify,
        spared=preset.spared if preset and params.image_dpi is None else 1.0,
    )


def _check_kind(opened: Blob) -> None:
    """Check that a job's input is a PDF.

    Raises:
        UnsupportedFormat: It is not.
    """
    if opened.kind.format != "pdf":
        raise UnsupportedFormat(
            f"Input is {opened.kind.description}, not a PDF document: {text(opened.name, 200)}",
            field="input",
            received=opened.kind.format or None,
            expected="pdf",
        )
