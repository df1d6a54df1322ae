"""Make films for the web out of one: usual sizes, each with a bitrate it never goes beyond."""

import contextlib
import os
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from mediamill.operations.contract import Context, Metadata, Plan, Stream, Target
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._facts import AudioFacts, MediaFacts, VideoFacts, look
from mediamill.operations.streams._open import open_input
from mediamill.operations.streams._outputs import place
from mediamill.operations.streams._sound import AudioCode
from mediamill.operations.video._chain import chain_for
from mediamill.operations.video._codecs import CODECS, CodecName, Container, VideoCode
from mediamill.operations.video._course import frames_held, picture_of
from mediamill.operations.video._decide import fits, out_colour, recoded, sound_of, usual_sound
from mediamill.operations.video._film import Original, make_films
from mediamill.operations.video._geometry import Size, limited
from mediamill.operations.video._params import VideoJob, suffix_container
from mediamill.operations.video._report import film_report, left_out, source_report
from mediamill.operations.video._sink import Recipe
from mediamill.operations.video._tone import tone_map
from mediamill.protocol.errors import InvalidJob

SUMMARY = "Make films for the web: 480, 720 and 1080 lines, from one decode."
EXAMPLE: dict[str, Any] = {
    "operation": "video_profile",
    "input": "film.mp4",
    "output_dir": "out",
    "profiles": ["web-low", "web-mid"],
}
LANE = "long"

ProfileName = Literal["web-low", "web-mid", "web-high"]


class Profile(Struct, frozen=True, kw_only=True):
    """What one profile allows.

    Attributes:
        sides: The longer and the shorter side, in pixels.
        bitrate: Bits a second the picture never goes beyond for long.
        audio_bitrate: Bits a second of two channels.
    """

    sides: tuple[int, int]
    bitrate: int
    audio_bitrate: int


PROFILES: dict[ProfileName, Profile] = {
    "web-low": Profile(sides=(854, 480), bitrate=1_000_000, audio_bitrate=96_000),
    "web-mid": Profile(sides=(1280, 720), bitrate=2_500_000, audio_bitrate=128_000),
    "web-high": Profile(sides=(1920, 1080), bitrate=5_000_000, audio_bitrate=160_000),
}


class Params(VideoJob, frozen=True, kw_only=True, tag="video_profile", forbid_unknown_fields=True, omit_defaults=True):
    """A profile job: one profile, or several from one decode."""

    profile: Annotated[ProfileName, Meta(description="480 lines and 1 Mb/s, 720 and 2.5, 1080 and 5.")] | None = None
    profiles: (
        Annotated[
            list[ProfileName],
            Meta(min_length=1, max_length=3, description="Several; files are named {name}-{profile}."),
        ]
        | None
    ) = None
    codec: Annotated[CodecName, Meta(description="Coding of the picture; absent: h264, or vp9 in WebM.")] | None = None

    def __post_init__(self) -> None:
        """Check the rules that span fields."""
        super().__post_init__()
        if (self.profile is None) == (self.profiles is None):
            raise InvalidJob("Give profile or profiles.", field="profile", expected="one of profile, profiles")
        if self.profiles is not None and self.output is not None:
            raise InvalidJob(
                "Several films go into a folder: give output_dir.", field="output", received=self.output,
                expected="output_dir",
            )  # fmt: skip
        if len(set(self.names)) != len(self.names):
            raise InvalidJob("A profile is named twice.", field="profiles", received=self.profiles)
        if self.container not in CODECS[self.coding].containers:
            raise InvalidJob(
                f"{self.container} does not hold {self.coding}.",
                field="codec",
                received=self.coding,
                expected=f"one of {', '.join(CODECS[self.coding].containers)} for {self.coding}",
            )

    @property
    def names(self) -> tuple[ProfileName, ...]:
        """The profiles asked for."""
        return (self.profile,) if self.profile is not None else tuple(self.profiles or ())

    @property
    def container(self) -> Container:
        """The container that is written."""
        named = suffix_container(self.output) if self.output is not None else None
        return self.format or named or ("webm" if self.codec == "vp8" else "mp4")

    @property
    def coding(self) -> CodecName:
        """The coding of the picture."""
        return self.codec or ("vp9" if self.container == "webm" else "h264")


class _Course(Struct, frozen=True, kw_only=True):
    stream: Stream
    facts: MediaFacts
    video: VideoFacts
    sound: AudioFacts | None
    codes: tuple[VideoCode, ...]
    plan: Plan


def plan(params: Params, ctx: Context) -> Plan:
    """Say what would be written, from the source's header and first frame."""
    return _prepare(params, ctx).plan


def run(params: Params, ctx: Context) -> Metadata:
    """Decode once, and filter, encode and write each profile.

    Raises:
        MediaError: One of the table's: the source cannot be read, or an output cannot be made.
    """
    course = _prepare(params, ctx)
    ctx.reserve(course.plan.memory_bytes)
    targets = ctx.claim(course.plan)
    made = [entry for entry in zip(params.names, course.codes, course.plan.targets, strict=True) if entry[2] in targets]
    found: dict[str, Any] = {"source": source_report(course.facts, course.video, course.sound)}
    if not made:
        return found
    # The one with the most bits is coded first, and those that come to the same size try to do with its picture.
    made.sort(key=lambda entry: -(entry[1].bitrate or 0))
    paths = [ctx.create(target) for _, _, target in made]
    leaders = _leaders([code for _, code, _ in made])
    damage = Damage(strict=params.strict)
    with contextlib.ExitStack() as stack:
        recipes = [
            Recipe(
                path=path,
                format=params.container,
                video=code,
                chain=chain_for(course.video, code, stack.enter_context(tone_map(course.video, code))),
                audio=_audio_code(PROFILES[name], course.sound, params.container),
                strip=params.strip_metadata,
                follows=leader,
            )
            for path, leader, (name, code, _) in zip(paths, leaders, made, strict=True)
        ]
        original = Original(ctx=ctx, stream=course.stream, facts=course.facts, sound=course.sound)
        sinks = make_films(original, recipes, damage)
    reports = []
    for path, sink, (name, code, target) in zip(paths, sinks, made, strict=True):
        size = os.path.getsize(path)
        ctx.finish(target, duration=round(sink.ended, 3), frames=sink.frames)
        report = film_report(course.facts, course.video, code, sink, size, course.sound)
        reports.append(
            {"profile": name, "width": code.size[0], "height": code.size[1], "max_bitrate": code.bitrate} | report
        )
    reports.sort(key=lambda report: params.names.index(report["profile"]))
    others = left_out(course.facts, course.sound)
    return found | damage.told() | {"profiles": reports} | ({"dropped": others} if others else {})


def _prepare(params: Params, ctx: Context) -> _Course:
    stream = open_input(ctx, params.input)
    facts = look(stream, ctx.limits)
    video = picture_of(stream, facts)
    sound = sound_of(facts, params.track)
    codes = tuple(_video_code(params, video, PROFILES[name]) for name in params.names)
    paths = _paths(params, stream.name)
    memory = sum(frames_held(code, video) for code in codes)
    frames = round(facts.duration * float(video.rate)) or video.frames
    return _Course(
        stream=stream,
        facts=facts,
        video=video,
        sound=sound,
        codes=codes,
        plan=Plan(
            targets=tuple(
                Target(path=path, format=params.container, width=code.size[0], height=code.size[1])
                for path, code in zip(paths, codes, strict=True)
            ),
            memory_bytes=memory,
            pixels=frames * (video.width * video.height + sum(code.size[0] * code.size[1] for code in codes)),
        ),
    )


def _leaders(codes: Sequence[VideoCode]) -> list[int | None]:
    """Return for each film, the one with the most bits first, the earlier one that is coded alike but for its bits."""
    alike = [structs.replace(code, bitrate=None) for code in codes]
    firsts = [alike.index(code) for code in alike]
    return [first if first < number else None for number, first in enumerate(firsts)]


def _paths(params: Params, name: str) -> list[str]:
    if params.profiles is None:
        return [place(params, name, params.container)]
    assert params.output_dir is not None
    stem = os.path.splitext(name)[0] or name
    return [os.path.join(params.output_dir, f"{stem}-{one}.{params.container}") for one in params.names]


def _video_code(params: Params, video: VideoFacts, profile: Profile) -> VideoCode:
    codec = CODECS[params.coding]
    depth = 10 if video.depth > 8 and 10 in codec.formats else 8
    return VideoCode(
        codec=params.coding,
        size=_size(video.shown, profile.sides),
        depth=depth,
        preset=codec.preset,
        colour=out_colour(video, depth),
        crf=codec.crf["medium"],
        bitrate=profile.bitrate,
        signed=not params.strip_metadata,
    )


def _size(shown: Size, sides: tuple[int, int]) -> Size:
    longer, shorter = sides
    return limited(shown, longer, shorter) if shown[0] >= shown[1] else limited(shown, shorter, longer)


def _audio_code(profile: Profile, sound: AudioFacts | None, container: Container) -> AudioCode | Literal["copy"] | None:
    """Copy the sound where it fits and is not far above what the profile gives it, else code it anew."""
    if sound is None:
        return None
    bitrate = profile.audio_bitrate * max(1, sound.channels) // 2
    if fits(sound, container) and 0 < sound.bitrate <= bitrate * 1.25:
        return "copy"
    return recoded(sound, usual_sound(container), bitrate)
