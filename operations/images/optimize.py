"""Make files smaller, and keep them what they are."""

import os
from collections.abc import Collection, Sequence
from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, Struct

from mediamill.operations.contract import Blob, Context, Metadata, Plan, Target
from mediamill.operations.images import _params as shared
from mediamill.operations.images._candidate import IDENTICAL, Candidate, Level, Task
from mediamill.operations.images._lossless import limit_threads
from mediamill.operations.images._optimize import CODED, Shrunk, memory_bytes, shrink
from mediamill.operations.images._params import EXTENSIONS, SUFFIXES, Format, suffix_format
from mediamill.operations.images._side_by_side import Check, side_by_side
from mediamill.operations.images._source import Facts, open_source
from mediamill.operations.images._vips import vips
from mediamill.protocol.errors import InvalidJob, MediaError
from mediamill.protocol.job import InputSource, Job, OutputPath, Source
from mediamill.protocol.results import text

SUMMARY = "Make files smaller in their own format, without a visible loss or without any."
EXAMPLE: dict[str, Any] = {
    "operation": "optimize",
    "inputs": ["photo.jpg", "photo.gif"],
    "output_dir": "out",
    "level": "lossy",
}
LANE = "long"
TELLS_NAMES = True

Inputs = Annotated[
    tuple[Source, ...], Meta(min_length=1, max_length=10_000, description="The files, each made smaller on its own.")
]


class Params(Job, frozen=True, kw_only=True, tag="optimize", forbid_unknown_fields=True, omit_defaults=True):
    """An optimize job: files, where the results go, and what may be lost.

    Results keep their file's format and size in pixels. They are never larger: where nothing smaller is found, the
    original bytes are the output, and `metadata.files[i].skipped` says why; `in_place` does not touch such a file.

    - `lossless`: every sample stays, what is hidden under full transparency included; each result is decoded and
      compared with its original. A profile other than sRGB and the orientation stay under every `metadata`, because
      pixels mean nothing without them. JPEG is coded anew by mozjpeg (mean 6 % smaller, 2 % below jpegoptim's), PNG by
      oxipng, WebP, GIF and TIFF by the best of what their formats have; AVIF loses its metadata alone.
    - `lossy`: the aim is the SSIMULACRA2 that photos have on average as JPEGs of `quality`: 75 for 80, 78 for 85, 65
      for 60. Each file gets the least quality, or the fewest colours, that reaches it. JPEG, WebP and AVIF are never
      coded finer than `quality` stands for, unless `min_score` is above the aim, nor finer than they were; JPEGs that
      are no finer already, and WebPs and AVIFs as tight, are coded without loss. PNGs and GIFs get the smallest
      palette, from two libraries, and stay without loss where none reaches the aim. A loss has to save 5 % more than
      none. Whole results may be half a point below the aim, never below `min_score`.
    - `aggressive`: the aim is 10 points lower (65 for 80, which is as JPEGs of 60), and more ways are tried.

    Scores compare with the file as it came; above 4 megapixels parts of it stand for the whole. Pictures in CMYK or
    with HDR light, TIFFs and animated PNGs are never coded with loss; icons, BMP, HEIC, JPEG 2000, PSD and SVG stay as
    they are. Animations keep their frames, delays and loops. A JPEG's HDR gain map is dropped, and `gain_map` says
    so; under `metadata: all` such a file stays as it is.

    WebPs and AVIFs beside the outputs are without loss at `lossless`, where the source is, else at the aim. One that
    is not smaller than the optimised original is left out, and `also_webp` or `also_avif` of the file says so.
    """

    input: Annotated[Source, Meta(description="The file, in the place of inputs.")] | None = None
    inputs: Inputs | None = None
    needs_output: ClassVar[bool] = False
    """Outputs stand beside their inputs where a job names no place."""

    output: Annotated[OutputPath, Meta(description="The file to write, for one input.")] | None = None
    output_dir: (
        Annotated[
            OutputPath,
            Meta(description="The folder to write to, under the inputs' names; absent: beside each, {name}.min.{ext}."),
        ]
        | None
    ) = None
    in_place: Annotated[bool, Meta(description="Replace the inputs, each at once and whole.")] = False
    level: Annotated[Level, Meta(description="What may be lost.")] = "lossless"
    quality: Annotated[
        int, Meta(ge=1, le=100, description="How lossy results look, as JPEGs of this quality do on average.")
    ] = 80
    min_score: (
        Annotated[float, Meta(ge=0, le=100, description="The least SSIMULACRA2 of a lossy result, 100 is the same.")]
        | None
    ) = None
    also_webp: Annotated[bool, Meta(description="Also write a WebP beside each output, unless it is not smaller.")] = (
        False
    )
    also_avif: Annotated[bool, Meta(description="Also write an AVIF beside each output, unless it is not smaller.")] = (
        False
    )
    effort: (
        Annotated[int, Meta(ge=0, le=9, description="CPU spent on smaller files; absent: what suits the size.")] | None
    ) = None
    metadata: Annotated[
        shared.Metadata,
        Meta(
            description="What is kept; icc: the colour profile alone, no EXIF, GPS or XMP; copyright: it and the owner."
        ),
    ] = "icc"
    inline: Annotated[bool, Meta(description="Return the bytes in the result, too.")] = False
    progressive: Annotated[bool, Meta(description="Whether JPEGs are progressive; absent: what is smaller.")] | None = (
        None
    )
    chroma_subsampling: Annotated[
        shared.Chroma, Meta(description="Colour resolution of lossy JPEG and AVIF; auto: what is smaller at the score.")
    ] = "auto"

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        if (self.input is None) == (self.inputs is None):
            raise InvalidJob(
                f"A job takes input or inputs, received {'none' if self.input is None else 'both'}.",
                field="inputs",
                expected="one of input, inputs",
            )
        places = [name for name in ("output", "output_dir", "in_place") if getattr(self, name)]
        if len(places) > 1:
            raise InvalidJob(
                f"{places[0]} and {places[1]} exclude each other.",
                field=places[1],
                received=getattr(self, places[1]),
                expected="one of output, output_dir, in_place",
            )
        if self.output is not None and len(self.sources) > 1:
            raise InvalidJob(
                f"output names one file, for {len(self.sources)} inputs.",
                field="output",
                received=self.output,
                expected="output_dir, or one input",
            )
        if self.in_place and self.overwrite != "replace":
            raise InvalidJob(
                "in_place replaces its inputs, so overwrite cannot forbid it.",
                field="overwrite",
                received=self.overwrite,
                expected="replace",
            )
        self._check_inline()

    def _check_inline(self) -> None:
        """Refuse inline data that has no place to go: it has no folder of its own."""
        for index, source in enumerate(self.sources):
            data = isinstance(source, InputSource) and source.data_base64 is not UNSET
            if data and (self.in_place or not (self.output or self.output_dir or self.inline)):
                raise InvalidJob(
                    "Inline data is no file that could be replaced or written beside.",
                    field=self.field(index),
                    expected="output, output_dir or inline",
                )

    @property
    def sources(self) -> tuple[Source, ...]:
        """The inputs, whichever way they are given."""
        return self.inputs if self.inputs is not None else (self.input,) if self.input is not None else ()

    def field(self, index: int) -> str:
        """Return the path of an input's field."""
        return "input" if self.inputs is None else f"inputs[{index}]"


class _File(Struct, frozen=True, kw_only=True):
    """One input that has been looked at.

    Attributes:
        index: Its place in the job.
        source: As the job gives it.
        field: The job's field.
        name: What it is called in the result.
        facts: What its header says.
        target: Where its result goes.
        siblings: Where the same picture in further formats goes.
        memory_bytes: The most its work holds.
    """

    index: int
    source: Source
    field: str
    name: str
    facts: Facts
    target: Target
    siblings: dict[Format, Target]
    memory_bytes: int


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the sources' headers; siblings that would not be smaller are left out later."""
    return _plan(_look(params, ctx), ctx.threads)


def run(params: Params, ctx: Context) -> Metadata:
    """Make each file smaller; all outputs appear together.

    Raises:
        MediaError: One of the table's: an input cannot be read, is damaged or too large; `field` says which.
    """
    files = _look(params, ctx)
    cost = _plan(files, ctx.threads)
    ctx.reserve(cost.memory_bytes)
    claimed = set(ctx.claim(cost))
    workers = min(ctx.threads, len(files))
    limit_threads(ctx.threads)
    vips(max(1, ctx.threads // workers))
    found: dict[int, dict[str, Any]] = {}

    def do(file: _File, check: Check) -> tuple[bytes, Shrunk]:
        data, task = _task(params, file, ctx, check)
        wanted = tuple(name for name, target in file.siblings.items() if target in claimed)
        try:
            return data, shrink(task, wanted)
        except MediaError as error:
            error.field = error.field or file.field
            raise

    wanted = [file for file in files if claimed & {file.target, *file.siblings.values()}]
    for file, (data, shrunk) in side_by_side(wanted, do, workers, ctx):
        _write(params, ctx, file, data, shrunk, claimed)
        found[file.index] = _told(file, len(data), shrunk)
        ctx.progress(100 * len(found) / len(wanted), f"{len(found)} of {len(wanted)} files")
    told = [found[index] for index in sorted(found)]
    return {"files": told, "totals": _totals(told)}


def _look(params: Params, ctx: Context) -> list[_File]:
    """Look at every input's header, and find where its results go."""
    files: list[_File] = []
    taken: dict[str, str] = {}
    paths: dict[str, str] = {}
    asked: dict[Format, bool] = {"webp": params.also_webp, "avif": params.also_avif}
    for index, given in enumerate(params.sources):
        ctx.check()
        field = params.field(index)
        opened = ctx.read(given, field)
        facts = open_source(opened, ctx.limits, ctx.threads, field).facts
        path = _place(params, opened, facts.format)
        target = _target(path, facts.format, facts)
        formats = [name for name in asked if asked[name] and name != facts.format and facts.format in CODED]
        siblings = {name: _target(_beside(path, name), name, facts) for name in formats}
        for one in (target, *siblings.values()):
            _take(taken, one.path, field)
        if opened.path is not None and not params.in_place:
            paths[os.path.realpath(opened.path)] = field
        name = text(opened.path if opened.path is not None else opened.name, 1000)
        memory = memory_bytes(facts, lossy=params.level != "lossless" or bool(siblings))
        files.append(
            _File(
                index=index, source=given, field=field, name=name, facts=facts, target=target, siblings=siblings,
                memory_bytes=memory,
            )
        )  # fmt: skip
    for path in taken.keys() & paths.keys():
        if taken[path] != paths[path]:
            raise InvalidJob(
                f"{taken[path]} is to be written where {paths[path]} is read: {text(path, 200)}",
                field=paths[path],
                expected="output_dir, or a job without that input",
            )
    return files


def _plan(files: Sequence[_File], threads: int) -> Plan:
    largest = sorted((file.memory_bytes for file in files), reverse=True)
    return Plan(
        targets=tuple(target for file in files for target in (file.target, *file.siblings.values())),
        memory_bytes=sum(largest[: max(1, threads)]),
        pixels=sum(2 * file.facts.width * file.facts.height * file.facts.frames for file in files),
    )


def _task(params: Params, file: _File, ctx: Context, check: Check) -> tuple[bytes, Task]:
    """Read a file once more: a job of many does not hold them all."""
    opened = ctx.read(file.source, file.field)
    task = Task(
        data=opened.data,
        source=open_source(opened, ctx.limits, field=file.field),
        limits=ctx.limits,
        level=params.level,
        quality=params.quality,
        min_score=params.min_score,
        effort=params.effort,
        metadata=params.metadata,
        progressive=params.progressive,
        chroma=params.chroma_subsampling,
        check=check,
    )
    return opened.data, task


def _place(params: Params, opened: Blob, format_name: str) -> str:
    """Return where a file's result goes; empty where its bytes are only returned inline.

    Raises:
        InvalidJob: The output's suffix is of another format.
    """
    if params.output is not None:
        suffix = os.path.splitext(params.output)[1][1:].lower()
        named = suffix_format(params.output) if format_name in CODED else SUFFIXES.get(suffix)
        if named not in (None, format_name):
            raise InvalidJob(
                f"optimize keeps formats: the input is {opened.kind.description}, the output's suffix says otherwise.",
                field="output",
                received=params.output,
                expected=f"a suffix of {format_name}, or the operation convert",
            )
        return params.output
    if params.in_place:
        assert opened.path is not None
        return opened.path
    stem, suffix = os.path.splitext(opened.name)
    if format_name in CODED and SUFFIXES.get(suffix[1:].lower()) != format_name:
        suffix = f".{EXTENSIONS[format_name]}"  # type: ignore[index]
    if params.output_dir is not None:
        return os.path.join(params.output_dir, stem + suffix)
    if params.inline or opened.path is None:
        return ""
    return os.path.join(os.path.dirname(opened.path), f"{stem}.min{suffix}")


def _beside(path: str, format_name: Format) -> str:
    return f"{os.path.splitext(path)[0]}.{EXTENSIONS[format_name]}" if path else ""


def _target(path: str, format_name: str, facts: Facts) -> Target:
    return Target(path=path, format=format_name, width=facts.size[0], height=facts.size[1])


def _take(taken: dict[str, str], path: str, field: str) -> None:
    """Note an output's place; raises InvalidJob where it is another's."""
    if not path:
        return
    real = os.path.realpath(path)
    if real in taken:
        other = taken[real]
        raise InvalidJob(
            f"{other} and {field} would be written to the same file: {text(path, 200)}",
            field=field,
            received=path,
            expected="inputs with different names, each once",
        )
    taken[real] = field


def _write(params: Params, ctx: Context, file: _File, data: bytes, shrunk: Shrunk, claimed: Collection[Target]) -> None:
    """Write what came out; a file that stays as it is in its own place is not touched."""
    if file.target in claimed and not (params.in_place and shrunk.best is None):
        ctx.write(file.target, data if shrunk.best is None else shrunk.best.data, **_facts(shrunk.best))
    for name, made in shrunk.siblings.items():
        ctx.write(file.siblings[name], made.data, **_facts(made))


def _facts(made: Candidate | None) -> dict[str, Any]:
    """Return what an output's result says of its coding."""
    if made is None:
        return {}
    told: dict[str, Any] = {} if made.quality is None else {"quality": made.quality}
    return told | ({"score": round(made.score, 2)} if made.score != IDENTICAL else {})


def _told(file: _File, size: int, shrunk: Shrunk) -> dict[str, Any]:
    best = shrunk.best
    left = size if best is None else len(best.data)
    told: dict[str, Any] = {
        "input": file.name,
        "input_bytes": size,
        "output_bytes": left,
        "saved_percent": _saved(size, left),
        "method": "none" if best is None else best.method,
        "score": IDENTICAL if best is None else round(best.score, 2),
    }
    if best is not None and best.quality is not None:
        told["quality"] = best.quality
    for name, made in shrunk.siblings.items():
        told[f"also_{name}"] = {
            "output_bytes": len(made.data),
            "saved_percent": _saved(size, len(made.data)),
            "method": made.method,
            "score": round(made.score, 2),
        }
    return told | shrunk.notes


def _totals(told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    before, after = (sum(one[name] for one in told) for name in ("input_bytes", "output_bytes"))
    return {
        "files": len(told),
        "skipped": sum("skipped" in one for one in told),
        "input_bytes": before,
        "output_bytes": after,
        "saved_percent": _saved(before, after),
    }


def _saved(before: int, after: int) -> float:
    return round(100 * (1 - after / before), 2) if before else 0.0
