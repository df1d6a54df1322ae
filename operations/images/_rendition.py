"""What a pipeline writes: one file of its result, at a size and in a format of its own."""

from typing import Annotated

from msgspec import Meta, Struct

from mediamill.operations.images._params import Chroma, FormatName, ImageJob, Metadata, Quality, Side
from mediamill.protocol.errors import InvalidJob
from mediamill.protocol.job import OutputPath, Source


class Rendition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One output of a pipeline; what its fields mean is what they mean in every image operation."""

    output: Annotated[OutputPath, Meta(description="The file to write.")] | None = None
    path: Annotated[OutputPath, Meta(description="Another name of output.")] | None = None
    output_dir: Annotated[OutputPath, Meta(description="The folder to write to; names are made.")] | None = None
    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    width: Side | None = None
    height: Side | None = None
    format: FormatName | None = None
    quality: Quality | None = None
    effort: Annotated[int, Meta(ge=0, le=9)] | None = None
    lossless: bool = False
    metadata: Metadata = "icc"
    background: Annotated[str, Meta(min_length=1, max_length=64)] = "white"
    progressive: bool | None = None
    chroma_subsampling: Chroma = "auto"

    def job(self, source: Source, output_dir: str | None, *, inline: bool) -> ImageJob:
        """Return the output's part as a job of its own.

        Args:
            source: The pipeline's input.
            output_dir: Where the output goes if it does not say.
            inline: Whether its bytes come back in the result.

        Raises:
            InvalidJob: Its fields contradict each other.
        """
        if self.output is not None and self.path is not None:
            raise InvalidJob(
                "An output takes output or path, received both.", field="path", expected="one of output, path"
            )
        file = self.output if self.path is None else self.path
        folder = self.output_dir
        return ImageJob(
            input=source,
            output=file,
            output_dir=output_dir if file is None and folder is None else folder,
            inline=inline,
            **{name: getattr(self, name) for name in _SHARED},
        )


_SHARED = (
    "format", "quality", "effort", "lossless", "metadata", "background", "progressive", "chroma_subsampling",
)  # fmt: skip
