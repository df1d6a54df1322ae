"""What becomes of a film's picture and sound: which colours, depth, rate and codings an output gets."""

from fractions import Fraction
from typing import Literal

from msgspec import structs

from mediamill.operations.streams._bitrate import parse_bitrate
from mediamill.operations.streams._facts import RGB, UNSPECIFIED, AudioFacts, Colour, MediaFacts, VideoFacts
from mediamill.operations.streams._matrix import Turn
from mediamill.operations.streams._mux import codings_held
from mediamill.operations.streams._sound import DECODERS, AudioCode, AudioCodecName, code_for
from mediamill.operations.video._codecs import CODECS, CodecName, Container, Preset, VideoCode
from mediamill.operations.video._geometry import Size
from mediamill.operations.video._params import CodingJob
from mediamill.protocol.errors import EncodeFailed, InvalidJob

SDR = Colour(primaries=1, transfer=1, matrix=1, range=1)
"""BT.709, what every player assumes."""

_FILLED = "aresample=async=1"
_FAST: Preset = "veryfast"
_HD_HEIGHT = 720
"""From which height on players take pictures that say nothing for BT.709."""

_SOUNDS: dict[Container, tuple[AudioCodecName, ...]] = {
    "mp4": ("aac", "mp3", "opus", "flac"),
    "mov": ("aac", "mp3", "flac"),
    "mkv": ("aac", "opus", "vorbis", "mp3", "flac"),
    "webm": ("opus", "vorbis"),
}
"""What sound each container holds that players take; the first is the usual one."""


def video_code(job: CodingJob, facts: VideoFacts, size: Size, *, fast: bool = False) -> VideoCode:
    """Return how the picture is coded.

    Ten bits and HDR stay where the coding has them, else they become eight bits of BT.709.

    Args:
        job: What is asked for.
        facts: The film.
        size: What it is scaled to.
        fast: Whether speed matters more than size, where the job names no preset.

    Raises:
        EncodeFailed: The coding does not go down to that size.
        InvalidJob: It does not at a bitrate.
    """
    codec = CODECS[job.coding]
    _check_size(job, size)
    depth = 10 if facts.depth > 8 and 10 in codec.formats else 8
    bitrate = parse_bitrate(job.bitrate, "bitrate")
    spent = bitrate is not None or job.target_bytes is not None or job.least_score is not None
    crf = job.crf if job.crf is not None else None if spent else codec.crf[job.quality or "medium"]
    return VideoCode(
        codec=job.coding,
        size=size,
        depth=depth,
        rate=Fraction(job.fps).limit_denominator(1001) if job.fps else None,
        crf=crf,
        bitrate=bitrate,
        preset=job.preset or (_FAST if fast else codec.preset),
        colour=out_colour(facts, depth),
        signed=not job.strip_metadata,
    )


def _check_size(job: CodingJob, size: Size) -> None:
    """Refuse sizes an encoder does not go down to, before anything is decoded.

    Raises:
        EncodeFailed: The coding has no pictures so small.
        InvalidJob: It has, but not at a bitrate.
    """
    codec = CODECS[job.coding]
    shown = f"{size[0]}x{size[1]}"
    if min(size) < codec.least:
        raise EncodeFailed(
            f"{job.coding} codes pictures from {codec.least}x{codec.least} pixels on, the film would have {shown}.",
            received=shown,
            expected="a larger size, or another codec",
        )
    if codec.is_too_thin(size):
        raise EncodeFailed(
            f"{job.coding} codes no pictures with a side below {codec.thin[0]} pixels and one above {codec.thin[1]}: "
            f"the film would have {shown}.",
            received=shown,
            expected="another size, or another codec",
        )
    field = "bitrate" if job.bitrate is not None else "target_size" if job.target_bytes is not None else None
    if field is not None and min(size) < codec.least_rated:
        raise InvalidJob(
            f"{job.coding} keeps to a bitrate from {codec.least_rated}x{codec.least_rated} pixels on, the film would "
            f"have {shown}: name crf or quality in place of {field}, or another codec.",
            field=field,
            received=shown,
            expected=f"crf or quality, or at least {codec.least_rated}x{codec.least_rated} pixels",
        )


def out_colour(facts: VideoFacts, depth: int) -> Colour:
    """Return the colours a film is coded in at a depth."""
    if facts.colour.hdr is not None and depth == 8:
        return SDR
    colour = facts.colour
    if colour.matrix == RGB:
        named = (1 if one == UNSPECIFIED else one for one in (colour.primaries, colour.transfer))
        return Colour(primaries=next(named), transfer=next(named), matrix=1, range=1)
    if colour.matrix == UNSPECIFIED and facts.height >= _HD_HEIGHT:
        # Made smaller, it would be taken for BT.601.
        return structs.replace(colour, primaries=1, transfer=1, matrix=1)
    return colour


def sound_of(facts: MediaFacts, track: int | None) -> AudioFacts | None:
    """Return the sound track a job takes, None where the film is silent.

    Raises:
        InvalidJob: There is no track of that number.
    """
    if track is None:
        return facts.sound
    if track > len(facts.audio):
        raise InvalidJob(
            f"The film has {len(facts.audio)} sound tracks, there is none of number {track}.",
            field="track",
            received=track,
            expected=f"1..{len(facts.audio)}" if facts.audio else "a film with sound",
        )
    return facts.audio[track - 1]


def audio_code(job: CodingJob, sound: AudioFacts | None, container: Container) -> AudioCode | Literal["copy"] | None:
    """Return how the sound is coded: `copy` where it may stay as it is, None where there is none.

    Raises:
        InvalidJob: The container does not hold the coding.
    """
    if sound is None or job.strip_audio:
        return None
    allowed = _SOUNDS[container]
    bitrate = parse_bitrate(job.audio_bitrate, "audio_bitrate")
    held = fits(sound, container)
    if job.audio_codec == "copy" or (job.audio_codec is None and bitrate is None and held):
        if not held and sound.codec not in codings_held(container):
            raise InvalidJob(
                f"{container} does not hold the film's {sound.codec} sound.",
                field="audio_codec",
                received="copy",
                expected="one of " + ", ".join(allowed),
            )
        return "copy"
    name = job.audio_codec or allowed[0]
    if name not in allowed:
        raise InvalidJob(
            f"{container} does not hold {name} sound.",
            field="audio_codec",
            received=name,
            expected="one of " + ", ".join(allowed),
        )
    return recoded(sound, name, bitrate)


def recoded(sound: AudioFacts, codec: AudioCodecName, bitrate: int | None) -> AudioCode:
    """Return how a film's sound is coded anew, with silence where it has holes: players that count samples stay true.

    Args:
        sound: The track.
        codec: Its new coding.
        bitrate: Bits a second, None for the usual.
    """
    return code_for(
        codec,
        bitrate,
        sample_rate=sound.sample_rate,
        layout=sound.layout,
        channels=sound.channels,
        filters=(_FILLED,),
    )


def fits(sound: AudioFacts, container: Container) -> bool:
    """Return whether a container holds a sound track as it is."""
    return any(DECODERS[name] == sound.codec for name in _SOUNDS[container])


def usual_sound(container: Container) -> AudioCodecName:
    """Return the coding of sound that a container usually has."""
    return _SOUNDS[container][0]


def may_stay(job: CodingJob, facts: MediaFacts, video: VideoFacts, size: Size) -> bool:
    """Return whether a film may be copied as it is: a job asks for nothing it is not, and the container holds it."""
    fields = (*job.rates, "codec", "preset", "fps", "track", "audio_codec", "audio_bitrate")
    coding = coding_of(video.codec)
    return (
        all(getattr(job, field) is None for field in fields)
        and coding is not None
        and job.container in CODECS[coding].containers
        and size == (video.width, video.height) == video.shown
        and video.turn == Turn()
        and not (video.interlaced or video.scrambled)
        and all(fits(sound, job.container) for sound in facts.audio)
    )


def is_tone_mapped(facts: VideoFacts, code: VideoCode) -> bool:
    """Return whether a film's HDR is brought down to SDR."""
    return facts.colour.hdr is not None and code.colour.hdr is None


def coding_of(decoder: str) -> CodecName | None:
    """Return the name jobs have for a coding FFmpeg tells."""
    return next((name for name, codec in CODECS.items() if codec.decoder == decoder), None)
