"""What the image operations declare alike: where a picture comes from, where it goes and how it is coded."""

import os
from typing import Annotated, ClassVar, Literal, get_args

from msgspec import Meta

from mediamill.protocol.errors import InvalidJob
from mediamill.protocol.job import Job, OutputPath, Source
from mediamill.protocol.names import nearest

Format = Literal["png", "jpeg", "webp", "avif", "gif", "ico", "tiff"]
"""What pictures can be written as."""

FORMATS: tuple[Format, ...] = get_args(Format)

FormatName = Literal["png", "jpeg", "jpg", "webp", "avif", "gif", "ico", "tiff", "auto"]
"""What a job can call it."""

Metadata = Literal["none", "copyright", "icc", "all"]
Chroma = Literal["auto", "4:2:0", "4:4:4"]
Filter = Literal["lanczos3", "catmullrom", "cubic", "mitchell", "linear", "nearest"]

Quality = Annotated[
    int,
    Meta(
        ge=1,
        le=100,
        description="The encoder's own scale, 1..100. Absent: 85 for JPEG, and what looks the same in other formats.",
    ),
]
Side = Annotated[int, Meta(ge=1, le=65_535, description="Pixels.")]

SUFFIXES: dict[str, Format] = {
    "png": "png", "jpg": "jpeg", "jpeg": "jpeg", "jpe": "jpeg", "jfif": "jpeg", "webp": "webp", "avif": "avif",
    "gif": "gif", "ico": "ico", "tif": "tiff", "tiff": "tiff",
}  # fmt: skip
"""The format each file suffix stands for."""

EXTENSIONS: dict[Format, str] = {
    "png": "png", "jpeg": "jpg", "webp": "webp", "avif": "avif", "gif": "gif", "ico": "ico", "tiff": "tiff",
}  # fmt: skip
"""The suffix of made names, by format."""

Rgba = tuple[int, int, int, int]
"""A colour: red, green, blue and alpha, each 0..255."""

_COMMON: dict[str, Rgba] = {
    "white": (255, 255, 255, 255),
    "black": (0, 0, 0, 255),
    "transparent": (0, 0, 0, 0),
}


class ImageJob(Job, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The fields of every operation that reads one picture and writes pictures."""

    needs_output: ClassVar[bool] = True
    """Whether a job must say where its output goes."""

    input: Annotated[Source, Meta(description="The source picture.")]
    output: Annotated[OutputPath, Meta(description="The file to write.")] | None = None
    output_dir: Annotated[OutputPath, Meta(description="The folder to write to; names are made.")] | None = None
    format: (
        Annotated[
            FormatName,
            Meta(description="Output format; absent: the output's suffix, else the input's. auto: the smallest."),
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
    lossless: Annotated[bool, Meta(description="Code WebP and AVIF without loss.")] = False
    metadata: Annotated[
        Metadata,
        Meta(
            description="What is kept; icc: the colour profile alone, no EXIF, GPS or XMP; copyright: it and the owner."
        ),
    ] = "icc"
    background: Annotated[
        str,
        Meta(min_length=1, max_length=64, description="#rrggbb or a CSS name, behind alpha where the format has none."),
    ] = "white"
    inline: Annotated[bool, Meta(description="Return the bytes in the result, too.")] = False
    linear_rgb: Annotated[bool, Meta(description="Resample in linear light.")] = False
    progressive: Annotated[bool, Meta(description="Write progressive JPEG, interlaced PNG or GIF.")] | None = None
    chroma_subsampling: Annotated[
        Chroma, Meta(description="Colour resolution of JPEG and AVIF; auto: 4:4:4 from quality 90 up.")
    ] = "auto"

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        parse_colour(self.background)
        if self.output is not None and self.output_dir is not None:
            raise InvalidJob(
                "A job takes output or output_dir, received both.",
                field="output_dir",
                received=self.output_dir,
                expected="one of output, output_dir",
            )
        if self.needs_output and self.output is None and self.output_dir is None and not self.inline:
            raise InvalidJob(
                "The job does not say where its output goes: give output, output_dir or inline.",
                field="output",
                expected="one of output, output_dir, inline",
            )


def parse_colour(text: str, field: str = "background") -> Rgba:
    """Return the colour a text stands for.

    Args:
        text: `#rgb`, `#rgba`, `#rrggbb`, `#rrggbbaa` or a CSS colour name, in any case.
        field: The field to blame.

    Raises:
        InvalidJob: It is none of them; the nearest name is suggested.
    """
    folded = text.strip().lower()
    if folded in _COMMON:
        return _COMMON[folded]
    if folded.startswith("#"):
        digits = folded[1:]
        if len(digits) in (3, 4):
            digits = "".join(digit * 2 for digit in digits)
        if len(digits) in (6, 8) and all(digit in "0123456789abcdef" for digit in digits):
            red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
            return red, green, blue, alpha
        suggestion = None
    else:
        from PIL import ImageColor

        if folded in ImageColor.colormap:
            red, green, blue = ImageColor.getrgb(folded)[:3]
            return red, green, blue, 255
        suggestion = nearest(folded, [*ImageColor.colormap, *_COMMON])
    raise InvalidJob(
        f"Invalid value for {field!r}: expected #rrggbb or a CSS colour name, received string {text!r}."
        + (f" Did you mean {suggestion!r}?" if suggestion else ""),
        field=field,
        received=text,
        expected="#rgb, #rrggbb, #rrggbbaa or a CSS colour name",
        suggestion=suggestion,
    )


def long_name(name: FormatName) -> Format | Literal["auto"]:
    """Return a format's long name."""
    return "jpeg" if name == "jpg" else name


def suffix_format(path: str, field: str = "output") -> Format | None:
    """Return the format a path's suffix stands for, None where it has no suffix.

    Raises:
        InvalidJob: The suffix is of no format that can be written.
    """
    suffix = os.path.splitext(path)[1][1:].lower()
    if not suffix:
        return None
    if suffix not in SUFFIXES:
        suggestion = nearest(suffix, SUFFIXES)
        raise InvalidJob(
            f"Pictures cannot be written as .{suffix[:16]}."
            + (f" Did you mean .{suggestion}?" if suggestion else " Give one of the formats."),
            field=field,
            received=path,
            expected="a suffix of " + ", ".join(SUFFIXES) + ", or format",
            suggestion=suggestion,
        )
    return SUFFIXES[suffix]
