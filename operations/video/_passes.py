"""Films of a size: the passes over a film that are made until it has the bytes asked for.

H.264 and H.265 are coded in two passes. The first one writes down how hard each frame is to code, and what follows
spends the bits by that. The others cannot take such notes from here, and are told their average bitrate alone.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator

from msgspec import Struct, structs

from mediamill.operations.contract import Context
from mediamill.operations.streams._damage import Damage
from mediamill.operations.streams._facts import AudioFacts, MediaFacts
from mediamill.operations.video._budget import LEAST_BITRATE, Fitted, Made, Rate, fit
from mediamill.operations.video._chain import Chain
from mediamill.operations.video._codecs import CODECS, VideoCode
from mediamill.operations.video._film import Original, Share, make_films
from mediamill.operations.video._sink import Recipe, Sink

_STATISTICS = "pass"
_WRITTEN = tuple(_STATISTICS + more + late for more in ("", ".mbtree", ".cutree") for late in ("", ".temp"))
"""What x264 and x265 write: notes on frames and on blocks, each under a name of its own until it is whole."""

_MISCELLANEOUS = re.compile(r" misc:(\d+) ")

_FIRST_PASS = 30.0
"""Percent of the progress."""

_USUAL_SOUND = 128_000
_PACKET_BYTES, _PACKETS_A_SECOND, _HEADER_BYTES = 10, 47, 1_500
"""What containers take for each packet, packets of sound in a second, and what a file begins with: a first guess."""


class Sized(Struct, frozen=True):
    """A film that was made to a size, and how that went."""

    sink: Sink
    fitted: Fitted


def make_sized(original: Original, recipe: Recipe, target: int, damage: Damage) -> Sized:
    """Make a film of at most a number of bytes, as close to it as can be.

    Args:
        original: The source.
        recipe: The output; its picture has neither a constant rate factor nor a bitrate yet.
        target: Bytes of the whole file.
        damage: Counts what is wrong with the source, once for all passes.

    Raises:
        MediaError: The source cannot be decoded, or an output cannot be written.
    """
    code, facts = recipe.video, original.facts
    assert code is not None
    counted = [damage]

    def run(original: Original, recipe: Recipe, share: Share) -> Sink:
        seen = counted.pop() if counted else Damage(strict=damage.strict)
        (sink,) = make_films(original, [recipe], seen, share=share)
        return sink

    least = LEAST_BITRATE
    with _statistics(original.ctx, code) as path:
        if path is not None:
            first = structs.replace(code, bitrate=_likely(target, facts), statistics=(path, 1))
            nothing = Chain(recipe.chain.filters, {})
            noted = structs.replace(recipe, format="null", video=first, audio=None, chain=nothing)
            silent = structs.replace(original, sound=None)
            least = _least(path, run(silent, noted, (0, _FIRST_PASS)).shown)

        def make(rate: Rate) -> Made:
            sink = run(original, structs.replace(recipe, video=_coded(code, rate.bitrate, path)), rate.share)
            return Made(picture=sink.picture_bytes, size=os.path.getsize(recipe.path), told=sink)

        others = _others(recipe, facts, original.sound)
        begin = 0.0 if path is None else _FIRST_PASS
        fitted = fit(recipe.path, target, others, facts.duration, make, begin=begin, least=least)
    return Sized(fitted.made.told, fitted)


@contextlib.contextmanager
def _statistics(ctx: Context, code: VideoCode) -> Iterator[str | None]:
    """Give a path for the notes of a first pass while they are needed; None where the encoder takes none."""
    if code.codec not in ("h264", "h265"):
        yield None
        return
    folder = ctx.scratch(_WRITTEN)
    try:
        yield os.path.join(folder, _STATISTICS)
    finally:
        shutil.rmtree(folder)


def _coded(code: VideoCode, bitrate: int | None, path: str | None) -> VideoCode:
    """Return how a try is coded; without a bitrate as small as its encoder makes it."""
    if bitrate is None and code.codec == "vp8":  # whose rate factor bounds some frames alone
        return structs.replace(code, bitrate=LEAST_BITRATE)
    if bitrate is None:
        return structs.replace(code, crf=float(CODECS[code.codec].crf_range[1]))
    return structs.replace(code, bitrate=bitrate, statistics=None if path is None else (path, 2))


def _least(path: str, seconds: float) -> int:
    """Return the bits a second below which a second pass refuses to work: what is neither texture nor movement.

    Args:
        path: The notes of the first pass.
        seconds: How long the film is.
    """
    with open(path, encoding="ascii", errors="replace") as notes:
        bits = sum(int(found[1]) for line in notes if (found := _MISCELLANEOUS.search(line)))
    # Encoders count in thousands of bits, rounded down.
    return max(LEAST_BITRATE, 1000 * (2 + int(bits / max(seconds, 0.04) / 1000)))


def _likely(target: int, facts: MediaFacts) -> int:
    """Return the bitrate the first pass counts with, which the notes do not depend on."""
    return min(max(10_000, round(target * 8 / max(facts.duration, 0.04))), 100_000_000)


def _others(recipe: Recipe, facts: MediaFacts, sound: AudioFacts | None) -> int:
    """Return the bytes sound and container will take, a guess."""
    packets = facts.duration * float(facts.video.rate if facts.video is not None else 0)
    bits = 0.0
    if sound is not None and recipe.audio is not None:
        rate = sound.bitrate if recipe.audio == "copy" else recipe.audio.bitrate
        bits = facts.duration * (rate or _USUAL_SOUND)
        packets += facts.duration * _PACKETS_A_SECOND
    return round(bits / 8 + packets * _PACKET_BYTES) + _HEADER_BYTES
