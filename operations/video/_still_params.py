"""What a job that takes still pictures out of a film declares."""

import os
from typing import Annotated, Literal

from msgspec import Meta

from mediamill.operations.images._params import SUFFIXES, Quality, Side
from mediamill.operations.images._targets import has_fields
from mediamill.operations.streams._times import MomentText, parse_moment
from mediamill.operations.video._moments import MOST_PICTURES, checked
from mediamill.protocol.errors import InvalidJob
from mediamill.protocol.job import Job, OutputPath, Source
from mediamill.protocol.names import nearest

StillFormat = Literal["jpeg", "png", "webp", "avif"]
FORMATS: tuple[StillFormat, ...] = ("jpeg", "png", "webp", "avif")
MOMENTS = ("timestamp", "timestamps", "percentages", "count", "every")
"""The fields of which one says when pictures are taken."""

Time = Annotated[
    float | str, Meta(description='Seconds, "HH:MM:SS.mmm", "25%" of the duration, or auto: the most telling frame.')
]


class StillJob(Job, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The fields of a job that takes pictures out of a film."""

    input: Annotated[Source, Meta(description="The source film, or a sound file with a cover.")]
    output: Annotated[OutputPath, Meta(description="The file to write; several need {index} in it.")] | None = None
    output_dir: Annotated[OutputPath, Meta(description="The folder to write to; names are made.")] | None = None
    timestamp: Time | None = None
    timestamps: (
        Annotated[list[MomentText], Meta(min_length=1, max_length=MOST_PICTURES, description="One picture each.")]
        | None
    ) = None
    percentages: (
        Annotated[
            list[Annotated[float, Meta(ge=0, le=100)]],
            Meta(min_length=1, max_length=MOST_PICTURES, description="One picture each, in percent of the duration."),
        ]
        | None
    ) = None
    count: (
        Annotated[int, Meta(ge=1, le=MOST_PICTURES, description="That many, from the middles of equal parts.")] | None
    ) = None
    every: Annotated[float, Meta(gt=0, le=86_400, description="One every so many seconds, from 0 on.")] | None = None
    width: Annotated[Side, Meta(description="Width to fit into, in pixels; a sheet's tiles have 160.")] | None = None
    height: Annotated[Side, Meta(description="Height to fit into, in pixels.")] | None = None
    format: (
        Annotated[
            Literal["jpeg", "jpg", "png", "webp", "avif"],
            Meta(description="Output format; absent: the output's suffix, else jpeg."),
        ]
        | None
    ) = None
    quality: Quality | None = None
    effort: (
        Annotated[
            int, Meta(ge=0, le=9, description="CPU spent on smaller files, 0..9; absent: the format's best value.")
        ]
        | None
    ) = None
    skip_black: Annotated[bool, Meta(description="Take the next frame that is not black in the place of one.")] = False
    sheet: Annotated[bool, Meta(description="Write one picture of many tiles, and a WebVTT file that says which.")] = (
        False
    )
    columns: Annotated[int, Meta(ge=1, le=100, description="Tiles side by side in a sheet.")] = 10
    rows: Annotated[int, Meta(ge=1, le=100, description="Rows of a sheet; more tiles go to further sheets.")] = 10
    name: (
        Annotated[
            str,
            Meta(
                min_length=1, max_length=200, description="Names in output_dir: {name} {index} {width} {height} {ext}."
            ),
        ]
        | None
    ) = None
    inline: Annotated[bool, Meta(description="Return the bytes in the result, too.")] = False
    strict: Annotated[bool, Meta(description="Fail on the first damage instead of counting it.")] = False

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        if self.output is not None and self.output_dir is not None:
            raise InvalidJob(
                "A job takes output or output_dir, received both.",
                field="output_dir",
                received=self.output_dir,
                expected="one of output, output_dir",
            )
        if self.output is None and self.output_dir is None and not self.inline:
            raise InvalidJob(
                "The job does not say where its output goes: give output, output_dir or inline.",
                field="output",
                expected="one of output, output_dir, inline",
            )
        self._check_moments()
        still_format(self)
        if self.sheet:
            self._check_sheet()
        elif len(self.timestamps or self.percentages or ()) > 1 or (self.count or 0) > 1:
            check_template(self)

    def _check_moments(self) -> None:
        given = [name for name in MOMENTS if getattr(self, name) is not None]
        if len(given) > 1:
            raise InvalidJob(
                f"Pictures are taken by one of {', '.join(MOMENTS)}, received {' and '.join(given)}.",
                field=given[1],
                expected="one of " + ", ".join(MOMENTS),
            )
        if self.timestamp not in (None, "auto"):
            parse_moment(self.timestamp, "timestamp")
        checked(self.timestamps or (), "timestamps")
        checked([f"{share:f}%" for share in self.percentages or ()], "percentages")

    def _check_sheet(self) -> None:
        for name in ("timestamp", "skip_black"):
            if getattr(self, name):
                raise InvalidJob(
                    f"A sheet has a tile for each part of the film; {name} is for single pictures.",
                    field=name,
                    received=getattr(self, name),
                    expected="timestamps, percentages, count or every",
                )


def is_auto(job: StillJob) -> bool:
    """Return whether the most telling frame is asked for, which it is where no moment is."""
    return not job.sheet and (job.timestamp == "auto" or all(getattr(job, name) is None for name in MOMENTS))


def check_template(job: StillJob) -> None:
    """Raise InvalidJob where several outputs would have the same name."""
    template, field = (job.output, "output") if job.output is not None else (job.name, "name")
    if template is not None and not has_fields(template, "index"):
        raise InvalidJob(
            f"Several pictures need an output each: put {{index}} into {field}.",
            field=field,
            received=template,
            expected=f"{field} with {{index}}" if field == "name" else "output_dir, or an output with {index}",
        )


def still_format(job: StillJob) -> StillFormat:
    """Return what a job writes: its format, else its output's suffix, else JPEG.

    Raises:
        InvalidJob: The suffix is of no format that can be written, or of another than the job's.
    """
    asked: StillFormat | None = "jpeg" if job.format == "jpg" else job.format
    suffix = os.path.splitext(job.output or "")[1][1:].lower()
    if not suffix:
        return asked or "jpeg"
    named = next((one for one in FORMATS if SUFFIXES.get(suffix) == one), None)
    if named is None and asked is None:
        suggestion = nearest(suffix, [name for name, one in SUFFIXES.items() if one in FORMATS])
        raise InvalidJob(
            f"Pictures of films cannot be written as .{suffix[:16]}."
            + (f" Did you mean .{suggestion}?" if suggestion else ""),
            field="output",
            received=job.output,
            expected="a suffix of " + ", ".join(FORMATS) + ", or format",
            suggestion=suggestion,
        )
    if asked is not None and named is not None and asked != named:
        raise InvalidJob(
            f"The output's suffix says {named}, format says {asked}.",
            field="format",
            received=job.format,
            expected=f"{named}, or another suffix",
        )
    return asked or named or "jpeg"
