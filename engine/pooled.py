"""The executor of a known list of jobs: an engine with workers, run until all are answered."""

from collections.abc import Callable, Sequence
from functools import partial

from mediamill.engine.core import Engine
from mediamill.engine.registry import Registry
from mediamill.engine.settings import Settings
from mediamill.engine.stdio import write_stderr
from mediamill.engine.task import Task
from mediamill.protocol.events import Event
from mediamill.protocol.job import Job
from mediamill.protocol.results import Result


def run_pooled(
    jobs: Sequence[Job],
    registry: Registry,
    settings: Settings,
    on_done: Callable[[int, Result], None] = lambda *_: None,
    on_event: Callable[[Event], None] = lambda _: None,
) -> list[Result]:
    """Run jobs side by side; return their results in the order of the jobs.

    Args:
        jobs: What to do.
        registry: The operations there are.
        settings: The settings in force.
        on_done: Is called with the index and result of each job as it finishes.
        on_event: Is called with the events of jobs that asked for them.

    Raises:
        KeyboardInterrupt: The user interrupted; all workers are dead and no partial output is left.
    """
    engine = Engine(settings, registry, write_stderr)
    results: dict[int, Result] = {}

    def note(index: int, _: Task, result: Result) -> None:
        results[index] = result
        on_done(index, result)

    try:
        for index, job in enumerate(jobs):
            while engine.live >= settings.window:
                engine.step()
            engine.submit(job, partial(note, index), on_event)
        while engine.live:
            engine.step()
    finally:
        engine.stop()
    return [results[index] for index in range(len(jobs))]
