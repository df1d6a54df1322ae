"""The course of a job that codes one film anew: look, decide, claim, make, hold against the source, report."""

import os
from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct, structs

from mediamill.operations.contract import Context, Plan, Stream, Target
from mediamill.operations.streams._av import output_error
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._facts import AudioFacts, MediaFacts, VideoFacts, look
from mediamill.operations.streams._open import open_input
from mediamill.operations.streams._outputs import place
from mediamill.operations.streams._remux import Remuxed, remux
from mediamill.operations.streams._sound import AudioCode
from mediamill.operations.video._budget import Fitted
from mediamill.operations.video._chain import Chain, chain_for
from mediamill.operations.video._codecs import PRESETS, CodecName, Container, VideoCode
from mediamill.operations.video._decide import audio_code, sound_of, video_code
from mediamill.operations.video._film import Original, make_films
from mediamill.operations.video._geometry import Shape, Size, even
from mediamill.operations.video._likeness import memory_bytes
from mediamill.operations.video._matched import Met, make_matched
from mediamill.operations.video._params import CodingJob
from mediamill.operations.video._passes import make_sized
from mediamill.operations.video._report import copied_report, film_report, left_out, sound_report, source_report
from mediamill.operations.video._sink import Recipe, Sink
from mediamill.operations.video._tone import tone_map
from mediamill.protocol.errors import UnsupportedFormat
from mediamill.protocol.results import text

_BASE_BYTES = 96 << 20
_DECODED_FRAMES = 24
_FRAMES_HELD: dict[CodecName, int] = {"h264": 130, "h265": 130, "vp8": 60, "vp9": 100, "av1": 250}
_SLOWER: dict[CodecName, float] = {"h264": 1.5, "h265": 2, "av1": 1.5}
"""Frames that a decoder holds, and each encoder, with those on the way to it, on the safe side: measured on films of
1080 lines. Presets of some that are slower than medium look farther ahead and refer to more pictures."""

_SAME: dict[str, tuple[Container, ...]] = {"mp4": ("mp4",), "mov": ("mov",), "matroska": ("mkv",)}
"""Which container each sniffed format is, so that a file may stand for its own re-coding."""


class Prepared(Struct, frozen=True, kw_only=True):
    """A job whose source has been looked at."""

    stream: Stream
    facts: MediaFacts
    video: VideoFacts
    sound: AudioFacts | None
    code: VideoCode
    audio: AudioCode | Literal["copy"] | None
    plan: Plan
    cover: Size | None = None
    fast: bool = False


def picture_of(stream: Stream, facts: MediaFacts) -> VideoFacts:
    """Return a film's picture.

    Raises:
        UnsupportedFormat: It has none.
    """
    if facts.video is None:
        raise UnsupportedFormat(
            f"Input has sound but no picture: {text(stream.name, 200)}", field="input", expected="a film"
        )
    return facts.video


def frames_held(code: VideoCode, video: VideoFacts) -> int:
    """Return the bytes that decoding a film and coding it so take, at the most."""
    decoded = video.width * video.height * (3 if video.depth > 8 else 1.5) * _DECODED_FRAMES
    farther = _SLOWER.get(code.codec, 1) if PRESETS.index(code.preset) > PRESETS.index("medium") else 1
    return _BASE_BYTES + round(decoded + code.frame_bytes * _FRAMES_HELD[code.codec] * farther)


def prepare(
    job: CodingJob, ctx: Context, shape: Callable[[VideoFacts], Size | Shape], *, fast: bool = False
) -> Prepared:
    """Look at a job's source and decide what becomes of it.

    Args:
        job: The job.
        ctx: The engine.
        shape: Works out the output's size.
        fast: Whether speed matters more than sharpness.

    Raises:
        MediaError: The source is no film, damaged or too large, or the output cannot be.
    """
    stream = open_input(ctx, job.input)
    facts = look(stream, ctx.limits)
    video = picture_of(stream, facts)
    found = shape(video)
    form = found if isinstance(found, Shape) else Shape(found)
    code = video_code(job, video, form.size, fast=fast)
    sound = sound_of(facts, job.track)
    path = place(job, stream.name, job.container)
    target = Target(path=path, format=job.container, width=code.size[0], height=code.size[1])
    frames = round(facts.duration * float(video.rate)) or video.frames
    plan = Plan(
        targets=(target,),
        memory_bytes=frames_held(code, video) + (0 if job.least_score is None else memory_bytes(code, ctx.threads)),
        pixels=frames * (video.width * video.height + code.size[0] * code.size[1]),
    )
    return Prepared(
        stream=stream,
        facts=facts,
        video=video,
        sound=sound,
        code=code,
        audio=audio_code(job, sound, job.container),
        plan=plan,
        cover=form.cover,
        fast=fast,
    )


def carry_out(job: CodingJob, prepared: Prepared, ctx: Context) -> dict[str, Any]:
    """Make a prepared job's output and return its metadata."""
    ctx.reserve(prepared.plan.memory_bytes)
    found: dict[str, Any] = {"source": source_report(prepared.facts, prepared.video, prepared.sound)}
    for target in ctx.claim(prepared.plan):
        path = ctx.create(target)
        damage = Damage(strict=job.strict)
        with tone_map(prepared.video, prepared.code) as table:
            chain = chain_for(prepared.video, prepared.code, table, cover=prepared.cover, fast=prepared.fast)
            recipe = _recipe(job, prepared, chain, path)
            sink, aimed = _made(job, prepared, recipe, damage, ctx)
        found |= damage.told()
        size = os.path.getsize(path)
        if job.skip_if_larger and size >= prepared.facts.size and _may_stand(job, prepared):
            found |= _give_back(job, prepared, path, ctx)
            shown = prepared.video.shown
            ctx.finish(target, width=shown[0], height=shown[1], duration=round(prepared.facts.duration, 3))
            told = {} if aimed is None else aimed.report(prepared.facts.size)
            return (
                found
                | told
                | sound_report(prepared.sound, None if job.strip_audio else "copy")
                | copied_report(prepared.facts, prepared.video, prepared.facts.duration, os.path.getsize(path))
                | {
                    "skipped": True,
                    "skip_reason": f"The output would have {size} bytes, the source has {prepared.facts.size}.",
                }
            )
        ctx.finish(target, duration=round(sink.ended, 3), frames=sink.frames)
        code = structs.replace(prepared.code, crf=aimed.crf) if isinstance(aimed, Met) else prepared.code
        found |= film_report(prepared.facts, prepared.video, code, sink, size, prepared.sound)
        if aimed is not None:
            found |= aimed.report()
        if prepared.audio is not None and (others := left_out(prepared.facts, prepared.sound)):
            found["dropped"] = [*others, *found.get("dropped", ())]
    return found


def _made(
    job: CodingJob, prepared: Prepared, recipe: Recipe, damage: Damage, ctx: Context
) -> tuple[Sink, Fitted | Met | None]:
    """Make the film; return what was written, and how a target was met where there is one."""
    original = Original(ctx=ctx, stream=prepared.stream, facts=prepared.facts, sound=prepared.sound)
    if job.target_bytes is not None:
        sized = make_sized(original, recipe, job.target_bytes, damage)
        return sized.sink, sized.fitted
    if job.least_score is not None:
        matched = make_matched(original, recipe, job.least_score, damage)
        return matched.sink, matched.met
    (sink,) = make_films(original, [recipe], damage)
    return sink, None


def copy_over(job: CodingJob, prepared: Prepared, ctx: Context) -> dict[str, Any]:
    """Write a prepared job's source into a new container as it is, and return its metadata."""
    facts, video = prepared.facts, prepared.video
    found: dict[str, Any] = {"source": source_report(facts, video, prepared.sound)}
    for target in ctx.claim(prepared.plan):
        path = ctx.create(target)
        damage = Damage(strict=job.strict)
        made = _remuxed(job, prepared, path, damage, ctx)
        ctx.finish(target, duration=round(made.ended, 3))
        found |= damage.told() | sound_report(prepared.sound, None if job.strip_audio else "copy")
        found |= copied_report(facts, video, made.ended, os.path.getsize(path))
        if made.dropped:
            found["dropped"] = made.dropped
    return found


def _remuxed(job: CodingJob, prepared: Prepared, path: str, damage: Damage, ctx: Context) -> Remuxed:
    return remux(
        ctx,
        prepared.stream,
        prepared.facts,
        path,
        job.container,
        damage,
        strip=job.strip_metadata,
        sound=not job.strip_audio,
    )


def _recipe(job: CodingJob, prepared: Prepared, chain: Chain, path: str) -> Recipe:
    return Recipe(
        path=path,
        format=job.container,
        video=prepared.code,
        chain=chain,
        audio=prepared.audio,
        strip=job.strip_metadata,
    )


def _may_stand(job: CodingJob, prepared: Prepared) -> bool:
    """Return whether the source may be the output: it is in that container, and of the size and rate asked for."""
    held = job.container in _SAME.get(prepared.facts.format, ())
    return held and even(prepared.video.shown) == prepared.code.size and job.fps is None and job.track is None


def _give_back(job: CodingJob, prepared: Prepared, path: str, ctx: Context) -> dict[str, Any]:
    """Make the source the output: as it is, or without what was to be left out. Return what is to be said of that."""
    if job.strip_metadata or job.strip_audio:
        made = _remuxed(job, prepared, path, Damage(strict=job.strict), ctx)
        return {"dropped": made.dropped} if made.dropped else {}
    try:
        with open(os.dup(prepared.stream.descriptor), "rb") as source, open(path, "wb") as target:
            source.seek(0)
            while block := source.read(1 << 20):
                ctx.check()
                target.write(block)
    except OSError as error:
        raise output_error(error, "The output") from None
    return {}
