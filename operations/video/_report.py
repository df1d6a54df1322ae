"""What results say of a film: of the one that was read, and of those that were made."""

from typing import Any, Literal

from mediamill.operations.streams._facts import AudioFacts, MediaFacts, VideoFacts
from mediamill.operations.streams._sound import AudioCode
from mediamill.operations.video._codecs import VideoCode
from mediamill.operations.video._decide import coding_of, is_tone_mapped
from mediamill.operations.video._sink import Sink


def source_report(facts: MediaFacts, video: VideoFacts, sound: AudioFacts | None) -> dict[str, Any]:
    """Return what a result says of its source."""
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
    if sound is not None:
        found["audio_codec"] = sound.codec
    return found


def film_report(
    facts: MediaFacts, video: VideoFacts, code: VideoCode, sink: Sink, size: int, sound: AudioFacts | None
) -> dict[str, Any]:
    """Return what a result says of a film that was made, of `size` bytes, with a track of the source's sound."""
    seconds = sink.ended
    found: dict[str, Any] = {
        "copied": False,
        "codec": code.codec,
        "preset": code.preset,
        "duration": round(seconds, 3),
        "frames": sink.frames,
        "frame_rate": round(sink.frames / sink.shown, 3) if sink.shown else 0.0,
        "bitrate": round(size * 8 / seconds) if seconds else 0,
        "compression_ratio": round(facts.size / size, 3),
    }
    if code.crf is not None:
        found["crf"] = code.crf
    if is_tone_mapped(video, code):
        found["tone_mapped"] = video.colour.hdr
    return found | sound_report(sound, sink.audio) | sink.notes


def sound_report(sound: AudioFacts | None, audio: AudioCode | Literal["copy"] | None) -> dict[str, Any]:
    """Return what a result says of a film's sound: its coding, and whether it is the source's as it was."""
    if sound is None or audio is None:
        return {}
    return {"audio_codec": sound.codec if audio == "copy" else audio.codec, "audio_copied": audio == "copy"}


def copied_report(facts: MediaFacts, video: VideoFacts, seconds: float, size: int) -> dict[str, Any]:
    """Return what a result says of a film that was copied, of so many seconds and bytes."""
    return {
        "copied": True,
        "codec": coding_of(video.codec) or video.codec,
        "duration": round(seconds, 3),
        "frame_rate": round(float(video.rate), 3),
        "bitrate": round(size * 8 / seconds) if seconds else 0,
        "compression_ratio": round(facts.size / size, 3),
    }


def left_out(facts: MediaFacts, sound: AudioFacts | None) -> list[dict[str, Any]]:
    """Return the sound tracks that do not go along, as results say it."""
    return [
        {"kind": "audio", "codec": one.codec, "reason": "One track goes along."}
        | ({"language": one.language} if one.language else {})
        for one in facts.audio
        if sound is not None and one.index != sound.index
    ]
