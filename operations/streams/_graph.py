"""FFmpeg's filters between a decoder and what takes its frames: one graph per form of frame that comes in."""

from collections.abc import Iterable, Iterator
from typing import Any

from mediamill.operations.streams._av import av, input_error


class FrameFilter:
    """A chain of filters that frames are sent through, built anew where frames change their form.

    Derived classes say what a frame's form is, where it enters and which filters it passes.

    Args:
        threads: How many threads filters may use.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._key: tuple[object, ...] = ()
        self._graph: Any = None
        self._source: Any = None
        self._sink: Any = None

    def send(self, frame: Any) -> Iterator[Any]:
        """Send one frame through; yield what comes out, each frame with its own `time_base`."""
        key = self._form(frame)
        if key != self._key:
            yield from self.flush()
            try:
                self._build(frame)
            except av().FFmpegError as error:  # damaged headers tell of forms there cannot be
                raise input_error(error) from None
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

    def _form(self, frame: Any) -> tuple[object, ...]:
        """Return what a graph is built for: frames of the same form pass the same one."""
        raise NotImplementedError

    def _enter(self, graph: Any, frame: Any) -> Any:
        """Add the source frames of a form enter by, and return it."""
        raise NotImplementedError

    def _steps(self, frame: Any) -> Iterable[str]:
        """Return the filters, each as FFmpeg writes it: `scale=640:360`."""
        raise NotImplementedError

    def _leave(self, graph: Any) -> Any:
        """Add the sink frames leave by, and return it."""
        raise NotImplementedError

    def _build(self, frame: Any) -> None:
        graph = av().filter.Graph()
        graph.threads = self._threads
        node = self._source = self._enter(graph, frame)
        for step in self._steps(frame):
            name, _, options = step.partition("=")
            following = graph.add(name, options or None)
            node.link_to(following)
            node = following
        self._sink = self._leave(graph)
        node.link_to(self._sink)
        graph.configure()
        self._graph = graph  # or it is freed with its filters

    def _pulled(self) -> Iterator[Any]:
        library = av()
        while True:
            try:
                yield self._sink.pull()
            except (library.error.BlockingIOError, library.error.EOFError):
                return
