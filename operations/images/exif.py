"""Read, take out or keep a picture's metadata without touching its pixels, or turn it upright."""

import os
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from mediamill.operations.contract import Blob, Context, Metadata, Plan, Target
from mediamill.operations.images._upright import turned
from mediamill.operations.tags import _tags as tags
from mediamill.operations.tags._containers import SUFFIXES, cut, look
from mediamill.operations.tags._cut import Cut
from mediamill.operations.tags._look import Look
from mediamill.operations.tags._rules import Mode, Rules
from mediamill.protocol.errors import InvalidJob
from mediamill.protocol.job import Job, OutputPath, Source
from mediamill.protocol.names import nearest

SUMMARY = "Read, strip or keep EXIF, XMP and IPTC without re-encoding, or turn a picture upright."
EXAMPLE: dict[str, Any] = {
    "operation": "exif",
    "input": "photo-exif.jpg",
    "output_dir": "out",
    "exif_op": "strip",
    "mode": "gps",
}
_COPIES = 4
"""Copies of the file that are held at once, at most."""

_EXIF_OPS = Literal["strip", "preserve", "extract", "auto_orient"]


class Params(Job, frozen=True, kw_only=True, tag="exif", forbid_unknown_fields=True, omit_defaults=True):
    """An exif job.

    What each `exif_op` does:

    - `strip` takes out what `mode` names, but the tags in `keep`.
    - `preserve` is its reverse: it keeps the tags in `keep` and what `mode` names, and takes out the rest. Without
      `keep`, and with `mode` all, everything stays and the file comes out as it went in.
    - `extract` says what is there and writes nothing, wherever `output` points. `mode` says which tags `all` lists.
    - `auto_orient` turns the picture as its orientation says and keeps the rest. It is exact in PNG, TIFF and lossless
      WebP; JPEG and lossy WebP are coded once more and the result says `reencoded`. Small pictures and gain maps
      beside it, which lie as it did, go. HEIC and AVIF are always upright.

    Coded pixels are copied, never decoded, but for `auto_orient`. A TIFF file keeps its length, and what is taken out
    of it is overwritten with zeros. Damaged metadata is named under `problems`; what of it cannot be read goes with any
    strip.

    What each `mode` means, in EXIF, XMP, IPTC and text chunks alike:

    - `all`: everything that does not say how the picture looks. Its orientation, colour profile and gain map stay.
    - `gps`: positions, names of places (city, country, ...), GeoTIFF, and maker notes that hold or may hold a place;
      `gps_leaks` in the result names what there was beside EXIF's own GPS tags.
    - `thumbnail`: small pictures of the picture, wherever they are.
    - `camera`: make, model, lens, serial numbers, owner, software and maker notes; exposure data stays.
    """

    input: Annotated[Source, Meta(description="The source picture: JPEG, PNG, WebP, TIFF, AVIF or HEIC.")]
    exif_op: Annotated[_EXIF_OPS, Meta(description="What is done; see the operation's description.")]
    output: Annotated[OutputPath, Meta(description="The file to write; it keeps the input's format.")] | None = None
    output_dir: Annotated[OutputPath, Meta(description="The folder to write to, under the input's name.")] | None = None
    in_place: Annotated[bool, Meta(description="Write over the input, atomically.")] = False
    inline: Annotated[bool, Meta(description="Return the bytes in the result, too.")] = False
    mode: Annotated[Mode, Meta(description="What of the metadata it is about.")] = "all"
    keep: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=64)]],
        Meta(max_length=256, description="Standard names of tags that stay: Copyright, Artist, DateTimeOriginal, ..."),
    ] = []
    return_metadata: Annotated[bool, Meta(description="Say in the result what the source's metadata says.")] = True
    all_tags: Annotated[bool, Meta(description="Say every tag by its standard name, too.")] = False

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        for index, name in enumerate(self.keep):
            _standard_name(name, f"keep[{index}]")
        if self.keep and self.exif_op in ("extract", "auto_orient"):
            raise InvalidJob(
                f"keep goes with strip and preserve, not with {self.exif_op}.",
                field="keep",
                expected="exif_op strip or preserve, or no keep",
            )
        if self.mode != "all" and self.exif_op == "auto_orient":
            raise InvalidJob(
                "auto_orient keeps all metadata; take some out with a strip job.",
                field="mode",
                received=self.mode,
                expected="all",
            )
        self._check_places()

    def _check_places(self) -> None:
        places = [name for name in ("output", "output_dir") if getattr(self, name) is not None]
        if len(places) > 1 or (self.in_place and self.output_dir is not None):
            raise InvalidJob(
                f"A job takes one of output, output_dir and in_place, received {places[0]} and "
                f"{places[1] if len(places) > 1 else 'in_place'}.",
                field="output_dir",
                received=self.output_dir,
                expected="one of output, output_dir, in_place",
            )
        if self.exif_op != "extract" and not (places or self.in_place or self.inline):
            raise InvalidJob(
                "The job does not say where its output goes: give output, output_dir, in_place or inline.",
                field="output",
                expected="one of output, output_dir, in_place, inline",
            )

    @property
    def rules(self) -> Rules:
        """What goes and what stays."""
        names = frozenset(_standard_name(name, "keep") for name in self.keep)
        return Rules(inverted=self.exif_op != "strip", mode=self.mode, keep=names)


class _Prepared(Struct, frozen=True):
    opened: Blob
    seen: Look
    plan: Plan


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Look, and write what is left.

    Raises:
        MediaError: One of the table's: the input has no metadata that is read here, or is damaged, or the output cannot
            be.
    """
    prepared = _prepare(params, ctx)
    opened, seen = prepared.opened, prepared.seen
    found: dict[str, Any] = {"format": opened.kind.format}
    listed = params.mode if params.exif_op == "extract" else "all"
    every = seen.all_tags(Rules(inverted=True, mode=listed)) if params.all_tags else None
    if params.return_metadata:
        found |= seen.facts()
    if every is not None:
        found["all"] = every
    if params.exif_op == "extract":
        return found
    ctx.reserve(prepared.plan.memory_bytes)
    for target in ctx.claim(prepared.plan):
        ctx.check()
        data = _rewritten(params, prepared, ctx, found)
        ctx.write(target, data)
    return found


def _rewritten(params: Params, prepared: _Prepared, ctx: Context, found: dict[str, Any]) -> bytes:
    opened, orientation = prepared.opened, prepared.seen.orientation
    turns = params.exif_op == "auto_orient" and orientation > 1
    editor = Cut(params.rules, turned=turns)
    data = cut(opened, editor)
    if turns:
        result = turned(opened, data, orientation, ctx)
        data = result.data
        found["reencoded"] = result.reencoded
    if params.exif_op == "auto_orient":
        found["turned"] = turns
    found["removed"] = editor.removed
    found["removed_bytes"] = 0 if turns else len(opened.data) - len(data)
    return data


def _prepare(params: Params, ctx: Context) -> _Prepared:
    opened = ctx.read(params.input)
    seen = look(opened)
    if params.exif_op == "extract":
        return _Prepared(opened, seen, Plan())
    width, height = seen.shown_size
    target = Target(path=_place(params, opened), format=opened.kind.format, width=width, height=height)
    pixels = 2 * width * height if params.exif_op == "auto_orient" and seen.orientation > 1 else 0
    return _Prepared(opened, seen, Plan(targets=(target,), memory_bytes=_COPIES * len(opened.data), pixels=pixels))


def _place(params: Params, opened: Blob) -> str:
    """Return the output's path; empty where its bytes are only returned inline."""
    suffixes = SUFFIXES[opened.kind.format]
    if params.output is not None:
        suffix = os.path.splitext(params.output)[1][1:].lower()
        if suffix and suffix not in suffixes:
            raise InvalidJob(
                f"The output keeps the input's format, which is {opened.kind.format}; its suffix says .{suffix[:16]}.",
                field="output",
                received=params.output,
                expected="a suffix of " + ", ".join(suffixes),
                suggestion=suffixes[0],
            )
        return params.output
    if params.in_place:
        if opened.path is None:
            raise InvalidJob(
                "in_place needs an input that is a file.", field="in_place", received=True, expected="output, or a path"
            )
        return opened.path
    if params.output_dir is None:
        return ""
    stem, suffix = os.path.splitext(opened.name)
    name = opened.name if suffix[1:].lower() in suffixes else f"{stem or opened.name}.{suffixes[0]}"
    return os.path.join(params.output_dir, name)


def _standard_name(name: str, field: str) -> str:
    """Return the standard name of a tag.

    Raises:
        InvalidJob: There is no such tag; the nearest one is suggested.
    """
    known = tags.known()
    found = known.get(name.lower())
    if found is None:
        close = nearest(name, known)
        suggestion = known[close] if close else None
        raise InvalidJob(
            f"No tag is called {name!r}." + (f" Did you mean {suggestion!r}?" if suggestion else ""),
            field=field,
            received=name,
            expected="the name of an EXIF tag",
            suggestion=suggestion,
        )
    return found
