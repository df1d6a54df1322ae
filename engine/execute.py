"""One job run to its result, in whatever process this is."""

import time
from typing import Any

import msgspec

from mediamill.engine.context import Channel, JobContext
from mediamill.engine.funnel import to_media_error
from mediamill.engine.registry import Operation
from mediamill.engine.settings import Settings
from mediamill.operations.contract import Metadata
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
        if job.dry_run:
            result = _dry_run(operation, job, context)
        elif job.cache == "off":
            result = _run(operation, job, context)
        else:
            result = _run_cached(operation, job, context, settings)
        result.id, result.meta = job.id, job.meta
        result.elapsed_ms = _since(started)
        if context.outputs.moves:
            channel.commit(context.outputs.moves, result)
            context.outputs.publish()
    except BaseException as error:
        failure = to_media_error(error)  # before anything else, because it gives memory back where that ran out
        context.outputs.discard()
        if isinstance(error, KeyboardInterrupt):
            raise
        return failed(operation.name, failure, elapsed_ms=_since(started), **identity)
    finally:
        context.close()
    return result


def _run(operation: Operation, job: Job, context: JobContext) -> Result:
    assert operation.run is not None
    return _success(operation, context, operation.run(job, context))


def _success(operation: Operation, context: JobContext, metadata: Metadata) -> Result:
    if metadata is not None:
        # What is no JSON fails here, before any output is published, and not where the result is written.
        metadata = msgspec.json.decode(msgspec.json.encode(metadata))
    return Result(success=True, operation=operation.name, outputs=context.outputs.results(), metadata=metadata)


def _run_cached(operation: Operation, job: Job, context: JobContext, settings: Settings) -> Result:
    """Use what is stored of the same work, or do the work and store it.

    Work that read more than its plan did, or skipped an output, is not stored: its key would not tell all of it.
    """
    from mediamill.engine.cache import Cache, cache_key

    assert operation.plan is not None
    context.remember()
    plan = operation.plan(job, context)
    digests = context.digests()
    key = cache_key(job, plan.targets, digests)
    cache = Cache(settings.cache_dir, settings.cache_bytes)
    hit = cache.find(key) if job.cache == "use" else None
    if hit is not None and len(hit.data) == len(plan.targets):
        by_target = dict(zip(plan.targets, zip(hit.entry.outputs, hit.data, strict=True), strict=True))
        for target in context.claim(plan):
            stored, data = by_target[target]
            context.write(target, data, **stored.facts, cached=True)
        return _success(operation, context, hit.entry.metadata)
    result = _run(operation, job, context)
    written = context.outputs.written()
    if context.digests() == digests and written is not None and len(written) == len(plan.targets):
        cache.store(key, result.outputs, written, result.metadata)
    return result


def _dry_run(operation: Operation, job: Job, context: JobContext) -> Result:
    """Answer with the outputs that would be made, without bytes, and what they would cost."""
    assert operation.plan is not None
    plan = operation.plan(job, context)
    outputs = [
        Output(**path_fields(target.path), format=target.format, width=target.width, height=target.height, size_bytes=0)
        for target in context.look_at(plan)
    ]
    metadata = {
        "dry_run": True,
        "cost": {"pixels": plan.pixels, "memory_bytes": plan.memory_bytes},
        **plan.metadata,
    }
    return Result(success=True, operation=operation.name, outputs=outputs, metadata=metadata)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
