"""One job run to its result, in whatever process this is."""

import time
from typing import Any

from mediamill.engine.context import Channel, JobContext
from mediamill.engine.funnel import to_media_error
from mediamill.engine.registry import Operation
from mediamill.engine.settings import Settings
from mediamill.protocol.job import Job
from mediamill.protocol.results import Output, Result, failed, path_fields


def execute(operation: Operation, job: Job, settings: Settings, channel: Channel, threads: int) -> Result:
    """Run one job and publish its outputs; every failure comes back as a result.

    Args:
        operation: What to do; one with `run`.
        job: Its typed job.
        settings: The engine's settings.
        channel: Where progress, memory and the hand-over of outputs go.
        threads: The job's thread share.
    """
    started = time.monotonic()
    identity: dict[str, Any] = {"id": job.id, "meta": job.meta}
    context = JobContext(job, settings, channel, threads)
    try:
        result = _dry_run(operation, job, context) if job.dry_run else _run(operation, job, context)
        result.id, result.meta = job.id, job.meta
        result.elapsed_ms = _since(started)
        if context.outputs.moves:
            channel.commit(context.outputs.moves, result)
            context.outputs.publish()
    except BaseException as error:
        context.outputs.discard()
        if not isinstance(error, Exception):
            raise
        return failed(operation.name, to_media_error(error), elapsed_ms=_since(started), **identity)
    return result


def _run(operation: Operation, job: Job, context: JobContext) -> Result:
    assert operation.run is not None
    metadata = operation.run(job, context)
    return Result(success=True, operation=operation.name, outputs=context.outputs.results(), metadata=metadata)


def _dry_run(operation: Operation, job: Job, context: JobContext) -> Result:
    """Answer with the plan: outputs without bytes, and what they would cost."""
    assert operation.plan is not None
    plan = operation.plan(job, context)
    outputs = [
        Output(**path_fields(target.path), format=target.format, width=target.width, height=target.height, size_bytes=0)
        for target in plan.targets
    ]
    metadata = {
        "dry_run": True,
        "cost": {"pixels": plan.pixels, "memory_bytes": plan.memory_bytes},
    }
    return Result(success=True, operation=operation.name, outputs=outputs, metadata=metadata)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
