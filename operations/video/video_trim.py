"""Cut a part out of a film."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from mediamill.operations.contract import Context, Metadata, Plan, Stream, Target
from mediamill.operations.streams._clock import Clock
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._facts import AudioFacts, MediaFacts, VideoFacts, read_facts
from mediamill.operations.streams._mux import codings_held
from mediamill.operations.streams._open import demuxer, open_input
from mediamill.operations.streams._outputs import place
from mediamill.operations.streams._sound import AudioCode
from mediamill.operations.streams._times import Time, parse_seconds
from mediamill.operations.video._codecs import CODECS, CodecName, Container, VideoCode
from mediamill.operations.video._course import frames_held, picture_of
from mediamill.operations.video._cut import SLIVER, Cut, find_cut
from mediamill.operations.video._decide import coding_of, out_colour, recoded, sound_of, usual_sound
from mediamill.operations.video._edges import FINE, Joint, joint_for
from mediamill.operations.video._geometry import even
from mediamill.operations.video._params import VideoJob, suffix_container
from mediamill.operations.video._pieces import Changed
from mediamill.operations.video._report import left_out, sound_report, source_report
from mediamill.operations.video._trim import Order, Trimmed, trim
from mediamill.protocol.errors import CorruptInput, InvalidJob

if TYPE_CHECKING:
    from av.container import InputContainer

SUMMARY = "Cut a part out of a film, to the frame, and code only the pictures at the cuts anew."
EXAMPLE: dict[str, Any] = {
    "operation": "video_trim",
    "input": "film.mp4",
    "output": "out/part.mp4",
    "start": 0.5,
    "end": "00:00:01.500",
}
LANE = "long"

_SAME: dict[str, Container] = {"mov": "mov", "matroska": "mkv"}
"""The container a part is written in where the job names none: the source's, else MP4."""

_WEB_SOUNDS = ("opus", "vorbis")
_COPYING_BYTES = 64 << 20


class Params(VideoJob, frozen=True, kw_only=True, tag="video_trim", forbid_unknown_fields=True, omit_defaults=True):
    """A trim job."""

    start: Annotated[Time, Meta(description='Where the part begins: seconds, "HH:MM:SS.mmm".')] | None = None
    end: Annotated[Time, Meta(description="Where it ends; absent, or beyond the film: with the film.")] | None = None
    accurate: Annotated[
        bool,
        Meta(
            description="Cut to the frame, and code pictures at the cuts anew; false: copy all, from the key picture "
            "at or before the start."
        ),
    ] = True
    track: (
        Annotated[int, Meta(ge=1, le=100, description="The one sound track that goes along; absent: all.")] | None
    ) = None

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        if self.start is None and self.end is None:
            raise InvalidJob("A cut needs start, end or both.", field="start", expected="a time")
        start, end = self.span
        if end is not None and end <= start:
            raise InvalidJob(
                f"The end has to be after the start, {start:g} s, received {self.end!r}.",
                field="end",
                received=self.end,
                expected=f"more than {start:g}",
            )

    @property
    def span(self) -> tuple[float, float | None]:
        """From and to, in seconds."""
        start = 0.0 if self.start is None else parse_seconds(self.start, "start")
        return start, None if self.end is None else parse_seconds(self.end, "end")


class _Prepared(Struct, frozen=True, kw_only=True):
    stream: Stream
    facts: MediaFacts
    video: VideoFacts
    sounds: tuple[AudioFacts, ...]
    container: Container
    cut: Cut
    joint: Joint | None
    code: VideoCode | None
    audio: AudioCode | Literal["copy"]
    plan: Plan


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header and the pictures around the cuts."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Copy the part, and code anew what the cuts take apart.

    Raises:
        InvalidJob: It begins after the film has ended, or the container does not hold what the film has.
        MediaError: One of the table's: the source cannot be read, or the output cannot be made.
    """
    prepared = _prepare(params, ctx)
    ctx.reserve(prepared.plan.memory_bytes)
    facts, video = prepared.facts, prepared.video
    found: dict[str, Any] = {"source": source_report(facts, video, sound_of(facts, params.track))}
    for target in ctx.claim(prepared.plan):
        damage = Damage(strict=params.strict)
        path = ctx.create(target)
        code = prepared.code
        try:
            made = trim(ctx, prepared.stream, facts, video, _order(params, prepared, target, path, code), damage)
        except Changed:
            code, damage = _code(video, target.format, params), Damage(strict=params.strict)
            made = trim(ctx, prepared.stream, facts, video, _order(params, prepared, target, path, code), damage)
        frames = made.copied + made.coded
        if not frames:
            raise CorruptInput("No picture in this part of the film can be read.", detail=damage.first or None)
        ctx.finish(target, duration=round(made.ended, 3), frames=frames)
        found |= _report(params, prepared, code, made) | damage.told()
    return found


def _order(params: Params, prepared: _Prepared, target: Target, path: str, code: VideoCode | None) -> Order:
    return Order(
        path=path,
        format=prepared.container,
        cut=prepared.cut,
        joint=prepared.joint if code is None else None,
        code=code,
        sounds=prepared.sounds,
        strip=params.strip_metadata,
    )


def _report(params: Params, prepared: _Prepared, code: VideoCode | None, made: Trimmed) -> dict[str, Any]:
    facts, video, cut = prepared.facts, prepared.video, prepared.cut
    start = cut.start * float(video.tick) - facts.start
    found: dict[str, Any] = {
        "start": round(start, 3) + 0.0,
        "end": round(start + made.ended, 3),
        "duration": round(made.ended, 3),
        "frames": made.copied + made.coded,
        "copied": not made.coded,
        "codec": code.codec if code is not None else coding_of(video.codec) or video.codec,
        "reencoded": "none" if not made.coded else "edges" if made.copied else "all",
        "frames_reencoded": made.coded,
    }
    end = params.span[1]
    if end is not None and facts.duration and end > facts.duration + SLIVER:
        found["end_capped"] = True
    found |= sound_report(next(iter(prepared.sounds), None), prepared.audio) | made.notes
    others = left_out(facts, sound_of(facts, params.track)) if params.track is not None else []
    return found | ({"dropped": [*others, *found.get("dropped", ())]} if others else {})


def _prepare(params: Params, ctx: Context) -> _Prepared:
    stream = open_input(ctx, params.input)
    with demuxer(stream) as source:
        facts = read_facts(source, stream, ctx.limits)
        video = picture_of(stream, facts)
        container = _container(params, stream, video)
        sound = sound_of(facts, params.track)
        sounds = facts.audio if params.track is None or sound is None else (sound,)
        _check_held(container, video, sounds, accurate=params.accurate)
        cut, joint = _cut(params, source, facts, video)
    held, first = codings_held(container), next(iter(sounds), None)
    anew = cut.head or bool(cut.tail) or video.scrambled or video.codec not in held
    code = _code(video, container, params) if anew and joint is None else None
    size = code.size if code is not None else even(video.shown)
    target = Target(path=place(params, stream.name, container), format=container, width=size[0], height=size[1])
    memory = frames_held(code or _code(video, container, params), video) if anew else _COPYING_BYTES
    seconds = facts.duration if cut.last is None else (cut.end - cut.start) * float(video.tick)
    pixels = round(seconds * float(video.rate)) * video.width * video.height * 2 if code is not None else 0
    return _Prepared(
        stream=stream,
        facts=facts,
        video=video,
        sounds=sounds,
        container=container,
        cut=cut,
        joint=joint,
        code=code,
        audio="copy" if first is None or first.codec in held else recoded(first, usual_sound(container), None),
        plan=Plan(targets=(target,), memory_bytes=memory, pixels=pixels),
    )


def _cut(params: Params, source: "InputContainer", facts: MediaFacts, video: VideoFacts) -> tuple[Cut, Joint | None]:
    """Return where the film is cut, and what makes pictures coded anew fit where there are any."""
    start, end = params.span
    if facts.duration and start >= facts.duration - SLIVER:
        raise InvalidJob(
            f"The film lasts {facts.duration:.3f} s and cannot be cut from {start:g} s on.",
            field="start",
            received=params.start,
            expected=f"less than {facts.duration:.3f}",
        )
    cut = find_cut(source, facts, video, start, end, accurate=params.accurate)
    extradata = source.streams[video.index].codec_context.extradata or b""
    if cut is None:
        raise InvalidJob(
            "There is no picture in this part of the film.", field="start" if end is None else "end", received=end
        )
    if not cut.head and not cut.tail:
        return cut, None
    if Clock(facts.format, video.codec).guesses:  # where pictures belong is known of decoded ones alone
        return cut, None
    if video.codec == "hevc" and cut.tail and cut.last is not None and cut.last <= cut.first:
        # Only the key picture would stay, and where its group is open, decoders may lose what is joined to it.
        cut = structs.replace(cut, head=True)
    return cut, joint_for(video, extradata, signed=not params.strip_metadata)


def _container(params: Params, stream: Stream, video: VideoFacts) -> Container:
    named = suffix_container(params.output) if params.output is not None else None
    if params.format is not None or named is not None:
        return params.format or named or "mp4"
    if stream.kind.format == "matroska" and stream.name.lower().endswith(".webm"):
        return "webm"
    return _SAME.get(stream.kind.format, "mkv" if video.codec == "vp8" else "mp4")


def _check_held(container: Container, video: VideoFacts, sounds: tuple[AudioFacts, ...], *, accurate: bool) -> None:
    """Refuse what a container cannot hold, before anything is written.

    A cut codes nothing into something else, but for what came in older containers and no newer one holds.
    """
    coding = coding_of(video.codec)
    if not accurate and video.codec not in codings_held(container):
        raise InvalidJob(
            f"{container} does not hold the film's {video.codec}, so that it cannot be copied.",
            field="accurate",
            received=False,
            expected="true, which codes it anew",
        )
    allowed = CODECS[coding].containers if coding is not None else ("mp4", "mov", "mkv")
    refused = video.codec if container not in allowed else None
    if refused is None and container == "webm":
        allowed = ("mp4", "mov", "mkv")
        refused = next((one.codec for one in sounds if one.codec not in _WEB_SOUNDS), None)
    if refused is not None:
        raise InvalidJob(
            f"{container} does not hold the film's {refused}.",
            field="format" if container else "output",
            received=container,
            expected="one of " + ", ".join(allowed),
        )


def _code(video: VideoFacts, container: str, params: Params) -> VideoCode:
    """Return how a picture is coded anew: in its own coding where that can be, as fine as makes no difference."""
    own = coding_of(video.codec)
    name: CodecName = own or "h264"
    if video.depth > 8 and 10 not in CODECS[name].formats:
        name = "av1" if container == "webm" else "h265"
    known = CODECS[name]
    depth = 10 if video.depth > 8 and 10 in known.formats else 8
    return VideoCode(
        codec=name,
        size=even(video.shown),
        depth=depth,
        preset=known.preset,
        colour=out_colour(video, depth),
        crf=FINE[name],
        signed=not params.strip_metadata,
    )
