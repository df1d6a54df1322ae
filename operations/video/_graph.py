"""FFmpeg's filters between decoder and encoder: one graph per kind of picture that comes in.

A film may change its size or pixel format on the way, so a graph belongs to the frames it was made for, and is made
anew when others come: those are first made like the ones the chain of filters is for, with bars where their shape
differs. Frames of two fields are made progressive from the first one on that says it is one; the filter leaves those
between them that are progressive as they are.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from mediamill.operations.streams._av import av
from mediamill.operations.streams._facts import VideoFacts

_DEINTERLACE = "bwdif=mode=send_frame:deint=interlaced"


class VideoFilter:
    """A chain of filters that frames are sent through.

    Args:
        chain: The filters, each as FFmpeg writes it: `scale=640:360`.
        facts: The film they are for.
        threads: How many threads filters may use.

    Attributes:
        deinterlaced: Whether frames of two fields came.
        changed: Whether the film changed its size.
    """

    def __init__(self, chain: Sequence[str], facts: VideoFacts, threads: int) -> None:
        self._chain = chain
        self._facts = facts
        self._threads = threads
        self._key: tuple[object, ...] = ()
        self._source: Any = None
        self._sink: Any = None
        self.deinterlaced = False
        self.changed = False

    def send(self, frame: Any) -> Iterator[Any]:
        """Send one frame through; yield what comes out, each frame with its own `time_base`."""
        self.deinterlaced = self.deinterlaced or bool(frame.interlaced_frame)
        colours = int(frame.colorspace), int(frame.color_range)
        key = (frame.width, frame.height, frame.format.name, *colours, self.deinterlaced)
        if key != self._key:
            yield from self.flush()
            self._build(frame)
            self._key = key
        self._source.push(frame)
        yield from self._pulled()

    def flush(self) -> Iterator[Any]:
        """Yield what filters hold back; more frames may follow."""
        if self._source is None:
            return
        self._source.push(None)
        yield from self._pulled()
        self._source, self._key = None, ()

    def _build(self, frame: Any) -> None:
        library = av()
        graph = library.filter.Graph()
        graph.threads = self._threads
        arguments = (
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base={self._facts.tick}:"
            f"pixel_aspect={self._facts.pixel}:colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
        )
        node = self._source = graph.add("buffer", arguments)
        for step in (*self._alike(frame), *self._chain):
            name, _, options = step.partition("=")
            following = graph.add(name, options or None)
            node.link_to(following)
            node = following
        self._sink = graph.add("buffersink")
        node.link_to(self._sink)
        graph.configure()
        self._graph = graph

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

    def _pulled(self) -> Iterator[Any]:
        library = av()
        while True:
            try:
                yield self._sink.pull()
            except (library.error.BlockingIOError, library.error.EOFError):
                return
