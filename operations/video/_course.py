"""The course of a job that codes one film anew: look, decide, claim, make, hold against the source, report."""

import os
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from mediamill.operations.contract import Context, Plan, Stream, Target
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._facts import AudioFacts, MediaFacts, VideoFacts, look
from mediamill.operations.streams._open import open_input
from mediamill.operations.streams._sound import AudioCode
from mediamill.operations.video._chain import Chain, chain_for
from mediamill.operations.video._codecs import CodecName, Container, VideoCode
from mediamill.operations.video._decide import audio_code, coding_of, is_tone_mapped, sound_of, video_code
from mediamill.operations.video._film import make_films
from mediamill.operations.video._geometry import Size
from mediamill.operations.video._params import CodingJob, place
from mediamill.operations.video._sink import Recipe, Sink
from mediamill.operations.video._tone import tone_map
from mediamill.protocol.errors import UnsupportedFormat
from mediamill.protocol.results import text

_BASE_BYTES = 96 << 20
_FRAMES_HELD: dict[CodecName, int] = {"h264": 90, "h265": 120, "vp8": 60, "vp9": 80, "av1": 250}
"""Frames that a decoder and each encoder hold between them, on the safe side."""

_SAME: dict[str, tuple[Container, ...]] = {"mp4": ("mp4",), "mov": ("mov",), "matroska": ("mkv",)}
"""Which container each sniffed format is, so that a file may stand for its own re-coding."""


class Prepared(Struct, frozen=True, kw_only=True):
    """A job whose source has been looked at."""

    stream: Stream
    facts: MediaFacts
    video: VideoFacts
    sound: AudioFacts | None
    code: VideoCode
    audio: AudioCode | str | None
    plan: Plan


def prepare(job: CodingJob, ctx: Context, size: Callable[[VideoFacts], Size]) -> Prepared:
    """Look at a job's source and decide what becomes of it.

    Args:
        job: The job.
        ctx: The engine.
        size: Works out the output's size.

    Raises:
        MediaError: The source is no film, damaged or too large, or the output cannot be.
    """
    stream = open_input(ctx, job.input)
    facts = look(stream, ctx.limits)
    video = facts.video
    if video is None:
        raise UnsupportedFormat(
            f"Input has sound but no picture: {text(stream.name, 200)}", field="input", expected="a film"
        )
    code = video_code(job, video, size(video))
    sound = sound_of(facts, job.track)
    path = place(job, stream.name, job.container)
    target = Target(path=path, format=job.container, width=code.size[0], height=code.size[1])
    area = max(video.width * video.height, code.size[0] * code.size[1]) * (3 if code.depth > 8 else 1.5)
    frames = round(facts.duration * float(video.rate)) or video.frames
    plan = Plan(
        targets=(target,),
        memory_bytes=_BASE_BYTES + round(area * _FRAMES_HELD[code.codec]),
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
    )


def carry_out(job: CodingJob, prepared: Prepared, ctx: Context) -> dict[str, Any]:
    """Make a prepared job's output and return its metadata."""
    ctx.reserve(prepared.plan.memory_bytes)
    found: dict[str, Any] = {"source": _source(prepared)}
    for target in ctx.claim(prepared.plan):
        path = ctx.create(target)
        damage = Damage(strict=job.strict)
        with tone_map(prepared.video, prepared.code) as table:
            chain = chain_for(prepared.video, prepared.code, table)
            sink = _make(job, prepared, chain, path, damage, ctx)
        found |= sink.notes | damage.told()
        size = os.path.getsize(path)
        if job.skip_if_larger and size >= prepared.facts.size and _may_stand(job, prepared):
            _give_back(prepared.stream, path)
            shown = prepared.video.shown
            ctx.finish(target, width=shown[0], height=shown[1], duration=round(prepared.facts.duration, 3))
            return found | {
                "skipped": True,
                "skip_reason": f"The output would have {size} bytes, the source has {prepared.facts.size}.",
                "compression_ratio": 1.0,
            }
        ctx.finish(target, duration=round(sink.ended, 3), frames=sink.frames)
        found |= _outcome(prepared, sink, size)
    return found


def _make(job: CodingJob, prepared: Prepared, chain: Chain, path: str, damage: Damage, ctx: Context) -> Sink:
    recipe = Recipe(
        path=path,
        format=job.container,
        video=prepared.code,
        chain=chain,
        audio=prepared.audio,  # type: ignore[arg-type]
        strip=job.strip_metadata,
    )
    (sink,) = make_films(ctx, prepared.stream, prepared.facts, [recipe], damage, sound=prepared.sound)
    return sink


def _may_stand(job: CodingJob, prepared: Prepared) -> bool:
    """Return whether the source itself may be the output: it is in that container and nothing was to be left out."""
    return job.container in _SAME.get(prepared.facts.format, ()) and not (job.strip_metadata or job.strip_audio)


def _give_back(stream: Stream, path: str) -> None:
    with open(os.dup(stream.descriptor), "rb") as source, open(path, "wb") as target:
        source.seek(0)
        while block := source.read(1 << 20):
            target.write(block)


def _source(prepared: Prepared) -> dict[str, Any]:
    facts, video = prepared.facts, prepared.video
    width, height = video.shown
    found = {
        "format": facts.format,
        "codec": coding_of(video.codec) or video.codec,
        "width": width,
        "height": height,
        "duration": round(facts.duration, 3),
        "frame_rate": round(float(video.rate), 3),
        "bitrate": facts.bitrate,
        "size_bytes": facts.size,
        "hdr": video.colour.hdr,
    }
    if prepared.sound is not None:
        found["audio_codec"] = prepared.sound.codec
    return found


def _outcome(prepared: Prepared, sink: Sink, size: int) -> dict[str, Any]:
    code = prepared.code
    seconds = sink.ended
    found: dict[str, Any] = {
        "codec": code.codec,
        "preset": code.preset,
        "duration": round(seconds, 3),
        "frames": sink.frames,
        "frame_rate": round(sink.frames / sink.shown, 3) if sink.shown else 0.0,
        "bitrate": round(size * 8 / seconds) if seconds else 0,
        "compression_ratio": round(prepared.facts.size / size, 3),
    }
    if code.crf is not None:
        found["crf"] = code.crf
    if is_tone_mapped(prepared.video, code):
        found["tone_mapped"] = prepared.video.colour.hdr
    return found
