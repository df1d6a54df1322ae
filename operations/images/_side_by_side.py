"""Work on several files at once in one process, where the libraries that do it let go of Python's lock."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

from mediamill.operations.contract import Context
from mediamill.protocol.errors import Cancelled

Work = TypeVar("Work")
Done = TypeVar("Done")
Check = Callable[[], None]

_LOOK_EVERY = 0.1
"""Seconds between two looks at whether the job is to stop."""


def side_by_side(
    works: Iterable[Work], do: Callable[[Work, Check], Done], workers: int, ctx: Context
) -> Iterator[tuple[Work, Done]]:
    """Yield each work with its result, as they finish; the first failure stops the others and is raised.

    Works are drawn one by one as there is room, so what they hold is held by as many as there are workers.

    Args:
        works: What is to be done.
        do: Does it; calls what it is given between its steps, which raises where the job is to stop.
        workers: How many at once; 1 does it in this thread.
        ctx: Where the job is asked to stop.
    """
    if workers == 1:
        for work in works:
            yield work, do(work, ctx.check)
        return
    stopped = Event()

    def check() -> None:
        if stopped.is_set():
            raise Cancelled("Another file of the job failed.")

    left = iter(works)
    running: dict[Future[Done], Work] = {}
    with ThreadPoolExecutor(workers) as pool:
        try:
            while True:
                for work in itertools.islice(left, workers - len(running)):
                    running[pool.submit(do, work, check)] = work
                if not running:
                    return
                done, _ = wait(running, _LOOK_EVERY, FIRST_COMPLETED)
                ctx.check()
                for future in done:
                    yield running.pop(future), future.result()
        finally:
            stopped.set()
