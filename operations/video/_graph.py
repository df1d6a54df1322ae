"""FFmpeg's filters between decoder and encoder: one graph per kind of picture that comes in.

A film may change its size or pixel format on the way, so a graph belongs to the frames it was made for, and is made
anew when others come.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from mediamill.operations.streams._av import av


class VideoFilter:
    """A chain of filters that frames are sent through.

    Args:
        chain: The filters, each as FFmpeg writes it: `scale=640:360`.
        tick: The time base of the frames' times, in seconds.
        pixel: The shape of their pixels, width to height.
        threads: How many threads filters may use.
    """

    def __init__(self, chain: Sequence[str], tick: Fraction, pixel: Fraction, threads: int) -> None:
        self._chain = chain
        self._tick = tick
        self._pixel = pixel
        self._threads = threads
        self._key: tuple[object, ...] = ()
        self._source: Any = None
        self._sink: Any = None

    def send(self, frame: Any) -> Iterator[Any]:
        """Send one frame through; yield what comes out, each frame with its own `time_base`."""
        key = (frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range))
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
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base={self._tick}:"
            f"pixel_aspect={self._pixel}:colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
        )
        node = self._source = graph.add("buffer", arguments)
        for step in self._chain:
            name, _, options = step.partition("=")
            following = graph.add(name, options or None)
            node.link_to(following)
            node = following
        self._sink = graph.add("buffersink")
        node.link_to(self._sink)
        graph.configure()
        self._graph = graph

    def _pulled(self) -> Iterator[Any]:
        library = av()
        while True:
            try:
                yield self._sink.pull()
            except (library.error.BlockingIOError, library.error.EOFError):
                return
