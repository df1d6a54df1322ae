"""Working ahead: an iterator that runs in a thread of its own, a few items in front of whoever takes them.

FFmpeg's libraries let go of the interpreter while they work, so decoding and filtering in one thread and encoding in
another overlap, which is most of what FFmpeg's own command line gains from its threads.
"""

import contextlib
import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

from msgspec import Struct

T = TypeVar("T")

DEPTH = 16
"""Items made ahead: enough to hide a slow frame, few enough for memory."""


class _End(Struct, frozen=True):
    """The last thing the thread says: what it was stopped by, None for its own end."""

    error: BaseException | None


@contextlib.contextmanager
def ahead(items: Iterator[T], depth: int = DEPTH) -> Iterator[Iterator[T]]:
    """Run an iterator ahead in a thread; what it raises is raised where its items are taken.

    Args:
        items: The iterator; only the thread touches it from now on.
        depth: How many items may wait.
    """
    waiting: queue.Queue[T | _End] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: T | _End) -> bool:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put(item, timeout=0.05)
                return True
        return False

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as failure:
            error = failure
        put(_End(error))

    def taken() -> Iterator[T]:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stopped.set()
        thread.join()
