"""FFmpeg's filters between decoder and encoder: one graph per kind of picture that comes in.

A film may change its size or pixel format on the way, so a graph belongs to the frames it was made for, and is made
anew when others come: those are first made like the ones the chain of filters is for, with bars where their shape
differs. Frames of two fields are made progressive from the first one on that says it is one; the filter leaves those
between them that are progressive as they are.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from mediamill.operations.streams._facts import VideoFacts
from mediamill.operations.streams._graph import FrameFilter

_DEINTERLACE = "bwdif=mode=send_frame:deint=interlaced"


class VideoFilter(FrameFilter):
    """A chain of filters that pictures are sent through.

    Args:
        chain: The filters, each as FFmpeg writes it: `scale=640:360`.
        facts: The film they are for.
        threads: How many threads filters may use.

    Attributes:
        deinterlaced: Whether frames of two fields came.
        changed: Whether the film changed its size.
    """

    def __init__(self, chain: Sequence[str], facts: VideoFacts, threads: int) -> None:
        super().__init__(threads)
        self._chain = chain
        self._facts = facts
        self.deinterlaced = False
        self.changed = False

    def _form(self, frame: Any) -> tuple[object, ...]:
        self.deinterlaced = self.deinterlaced or bool(frame.interlaced_frame)
        colours = int(frame.colorspace), int(frame.color_range)
        return (frame.width, frame.height, frame.format.name, *colours, self.deinterlaced)

    def _enter(self, graph: Any, frame: Any) -> Any:
        return graph.add(
            "buffer",
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base={self._facts.tick}:"
            f"pixel_aspect={self._facts.pixel}:colorspace={int(frame.colorspace)}:range={int(frame.color_range)}",
        )

    def _steps(self, frame: Any) -> Iterator[str]:
        yield from self._alike(frame)
        yield from self._chain

    def _leave(self, graph: Any) -> Any:
        return graph.add("buffersink")

    def _alike(self, frame: Any) -> Iterator[str]:
        """Yield what makes a frame progressive, and like those the chain is for."""
        if self.deinterlaced:
            yield _DEINTERLACE
        facts = self._facts
        if (frame.width, frame.height) != (facts.width, facts.height):
            self.changed = True
            size = f"{facts.width}:{facts.height}"
            yield f"scale={size}:flags=bicubic+accurate_rnd:force_original_aspect_ratio=decrease"
            yield f"pad={size}:-1:-1"
            yield "setsar=1" if facts.pixel == 1 else f"setsar={facts.pixel.numerator}/{facts.pixel.denominator}"
        if frame.format.name != facts.pixel_format:
            yield f"format={facts.pixel_format}"
