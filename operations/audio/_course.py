"""The course of a job that makes a sound of a sound: look, decide, claim, make, report."""

import os
from typing import Any, get_args

from msgspec import Struct

from mediamill.operations.audio._formats import (
    CONTAINERS,
    QUALITIES,
    CodecName,
    ContainerName,
    coding_of,
    holds,
    home_of,
    is_lossless,
    most_bits,
    samples_of,
)
from mediamill.operations.audio._listen import WHOLE, Track, track_of
from mediamill.operations.audio._make import Made, Recipe, Segments, Share, make_sound
from mediamill.operations.audio._params import AudioJob, Wish, container_for
from mediamill.operations.contract import Context, Plan, Target
from mediamill.operations.sniff import known_formats
from mediamill.operations.streams._cover import read_covers
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._facts import AudioFacts, MediaFacts, look
from mediamill.operations.streams._open import open_input
from mediamill.operations.streams._outputs import place
from mediamill.operations.streams._sound import LOSSLESS, AudioCode, code_for
from mediamill.protocol.errors import InvalidJob, UnsupportedFormat
from mediamill.protocol.results import text

_MEMORY_BYTES = 64 << 20
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


class Prepared(Struct, frozen=True, kw_only=True):
    """A job whose source has been looked at.

    Attributes:
        track: The sound.
        container: What is written.
        code: How the sound is coded.
        copies: Whether its packets may be copied as they are, where nothing else changes.
        plan: What is written and what it costs.
    """

    track: Track
    container: ContainerName
    code: AudioCode
    copies: bool
    plan: Plan


def prepare(job: AudioJob, ctx: Context, wish: Wish) -> Prepared:
    """Look at a job's source and decide what becomes of its sound.

    Raises:
        MediaError: The source has no such sound or is damaged, or the output cannot be.
    """
    stream = open_input(ctx, job.input)
    facts = look(stream, ctx.limits, pictures=False)
    sound = _sound_of(facts, job.track, stream.name)
    copies, container, codec = _coding(wish, sound)
    target = Target(path=place(job, stream.name, container), format=container)
    return Prepared(
        track=track_of(stream, facts, sound),
        container=container,
        code=_code(wish, sound, codec),
        copies=copies,
        plan=Plan(targets=(target,), memory_bytes=_MEMORY_BYTES),
    )


def carry_out(
    job: AudioJob,
    prepared: Prepared,
    ctx: Context,
    *,
    segments: Segments = WHOLE,
    speed: float = 1.0,
    copies: bool = False,
    share: Share = (0.0, 100.0),
) -> dict[str, Any]:
    """Make a prepared job's output and return its metadata.

    Args:
        job: The job.
        prepared: What was decided.
        ctx: The engine.
        segments: What is kept, in seconds from the track's start.
        speed: How many times faster it becomes.
        copies: Whether packets are copied; there is one segment then.
        share: How progress is told.
    """
    found: dict[str, Any] = {"source": source_of(prepared)}
    for target in ctx.claim(prepared.plan):
        damage = Damage(strict=job.strict)
        recipe = recipe_for(job, prepared, ctx.create(target), segments=segments, speed=speed, copies=copies)
        made = make_sound(ctx, prepared.track, recipe, damage, share)
        found |= outcome(prepared, recipe, made) | damage.told()
        ctx.finish(target, duration=round(made.seconds, 3))
    return found


def recipe_for(
    job: AudioJob,
    prepared: Prepared,
    path: str,
    *,
    segments: Segments = WHOLE,
    speed: float = 1.0,
    copies: bool = False,
    stale: tuple[str, ...] = (),
) -> Recipe:
    """Return what a prepared job's output is."""
    track = prepared.track
    return Recipe(
        path=path,
        container=prepared.container,
        code=None if copies else prepared.code,
        segments=segments,
        speed=speed,
        covers=() if job.strip_metadata else read_covers(track.stream, track.facts),
        strip=job.strip_metadata,
        checked=job.strict,
        stale=stale,
    )


def outcome(prepared: Prepared, recipe: Recipe, made: Made) -> dict[str, Any]:
    """Return what the result's metadata says of an output."""
    sound, code = prepared.track.sound, recipe.code
    size = os.path.getsize(recipe.path)
    found: dict[str, Any] = {
        "codec": sound.codec if code is None else code.codec,
        "duration": round(made.seconds, 3),
        "bitrate": round(size * 8 / made.seconds) if made.seconds else 0,
        "sample_rate": sound.sample_rate if code is None else code.sample_rate,
        "layout": sound.layout if code is None else code.layout,
        "copied": code is None,
    }
    if code is not None and code.layout != sound.layout and _channels(code.layout) < sound.channels:
        found["downmixed"] = f"{sound.layout} to {code.layout}"
    return found | made.notes


def source_of(prepared: Prepared) -> dict[str, Any]:
    """Return what the result's metadata says of the source."""
    facts, sound = prepared.track.facts, prepared.track.sound
    return {
        "format": facts.format,
        "duration": round(facts.duration, 3),
        "audio_codec": sound.codec,
        "audio_bitrate": _bitrate(prepared.track),
        "sample_rate": sound.sample_rate,
        "channels": sound.channels,
        "layout": sound.layout,
        "language": sound.language or None,
        "tracks": len(facts.audio),
    }


def _sound_of(facts: MediaFacts, number: int | None, name: str) -> AudioFacts:
    sound = facts.sound
    if sound is None:
        raise UnsupportedFormat(f"Input has no sound: {text(name, 200)}", field="input", expected="a file with sound")
    if number is None:
        return sound
    if number > len(facts.audio):
        many = "1 sound track" if len(facts.audio) == 1 else f"{len(facts.audio)} sound tracks"
        raise InvalidJob(
            f"The input has {many}, there is none of number {number}.",
            field="track",
            received=number,
            expected=f"1..{len(facts.audio)}",
        )
    return facts.audio[number - 1]


def _coding(wish: Wish, sound: AudioFacts) -> tuple[bool, ContainerName, CodecName]:
    """Return whether packets may be copied, the container, and the coding where they may not.

    Raises:
        InvalidJob: They are to be, and the container does not hold them.
    """
    own = coding_of(sound)
    if wish.only_copy:
        home = home_of(sound)
        container = wish.container or home
        if not holds(home, sound):
            raise InvalidJob(
                f"No container that is written here holds {sound.codec} sound as it is: name a format to code it in.",
                field="format",
                received="copy",
                expected="one of " + ", ".join(get_args(CodecName)),
            )
        if not holds(container, sound):
            raise InvalidJob(
                f".{container} does not hold {sound.codec} sound as it is.",
                field="output",
                received=container,
                expected=f"a suffix of {home}",
            )
        return True, container, own or "opus"
    codec = wish.codec
    if codec is None:
        codec = own or "flac" if wish.container is None else CONTAINERS[wish.container].usual
        if wish.container is not None and own is not None and holds(wish.container, sound):
            codec = own
    container = container_for(codec, wish.container)
    plain = wish.bitrate is None and not wish.filters
    kept = wish.sample_rate in (None, sound.sample_rate) and wish.channels in (None, sound.channels)
    enough = wish.quality is None or 0 < sound.bitrate <= _bits_of(wish.quality, sound.channels) or codec in LOSSLESS
    return (wish.may_copy and plain and kept and enough and codec == own and holds(container, sound)), container, codec


def _code(wish: Wish, sound: AudioFacts, codec: CodecName) -> AudioCode:
    channels = wish.channels or sound.channels
    layout = sound.layout if channels == sound.channels else _LAYOUTS[channels]
    code = code_for(
        codec,
        None,
        sample_rate=wish.sample_rate or sound.sample_rate,
        layout=layout,
        channels=channels,
        filters=wish.filters,
        samples=samples_of(sound),
    )
    if codec in LOSSLESS:
        return code
    channels = _channels(code.layout)
    bits = wish.bitrate
    if bits is None and wish.quality is None and coding_of(sound) == codec and not is_lossless(sound):
        bits = sound.bitrate or None  # coded once more as well as before
    bits = bits or _bits_of(wish.quality or "medium", channels)
    most = most_bits(codec, code.sample_rate, channels)
    return AudioCode(
        codec=codec,
        bitrate=min(bits, most or bits),
        sample_rate=code.sample_rate,
        layout=code.layout,
        filters=code.filters,
    )


def _bits_of(quality: str, channels: int) -> int:
    """Return the bits a second of a quality: those of a stereo track, and as much again for each further pair."""
    return QUALITIES[quality] * max(2, channels) // 2  # type: ignore[index]


def _channels(layout: str) -> int:
    """Return the number of channels of an arrangement."""
    from mediamill.operations.streams._av import av

    return int(av().AudioLayout(layout).nb_channels)


def _bitrate(track: Track) -> int:
    """Return a track's bits a second: what its header says, else the whole file's where it is nothing but the track."""
    facts = track.facts
    alone = len(facts.audio) == 1 and facts.format in known_formats("audio")
    return track.sound.bitrate or (facts.bitrate if alone else 0)
