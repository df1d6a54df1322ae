"""Codings of pictures: what each encoder is called, can hold, and is told."""

import re
from fractions import Fraction
from typing import Any, Literal

from msgspec import Struct

from mediamill.operations.streams._av import av, output_error
from mediamill.operations.streams._clock import seconds
from mediamill.operations.streams._facts import Colour
from mediamill.operations.streams._priority import kept_priority

CodecName = Literal["h264", "h265", "vp8", "vp9", "av1"]
Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]
QualityName = Literal["low", "medium", "high"]
Container = Literal["mp4", "webm", "mkv", "mov"]

PRESETS: tuple[Preset, ...] = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
)  # fmt: skip


class Codec(Struct, frozen=True, kw_only=True):
    """An encoder.

    Attributes:
        encoder: FFmpeg's name.
        decoder: FFmpeg's name of the coding, by which streams are told.
        containers: Where it may stand.
        formats: Pixel format by bits a sample.
        crf: Constant rate factors of the three qualities, at which codecs were measured to look alike
            (docs/video-quality.md).
        crf_range: Least and most.
        preset: Where a job names none.
        presets: The encoder's own number for each preset; empty where it takes the names.
        tag: Sample entry in MP4 and MOV, where FFmpeg's own would not be played everywhere.
        least: The shortest side it codes, in pixels.
        least_rated: The shortest side it codes at a bitrate.
        thin: What it does not come to an end with: a side shorter than the one beside a side longer than the other.
    """

    encoder: str
    decoder: str
    containers: tuple[Container, ...]
    formats: dict[int, str]
    crf: dict[QualityName, int]
    crf_range: tuple[int, int]
    preset: Preset
    presets: tuple[int, ...] = ()
    tag: str | None = None
    least: int = 2
    least_rated: int = 2
    thin: tuple[int, int] = (0, 0)

    def is_too_thin(self, size: tuple[int, int]) -> bool:
        """Return whether the encoder would hang on pictures of a size."""
        return min(size) < self.thin[0] and max(size) > self.thin[1]


CODECS: dict[CodecName, Codec] = {
    "h264": Codec(
        encoder="libx264",
        decoder="h264",
        containers=("mp4", "mov", "mkv"),
        formats={8: "yuv420p"},
        crf={"low": 28, "medium": 23, "high": 19},
        crf_range=(0, 51),
        preset="medium",
    ),
    "h265": Codec(
        encoder="libx265",
        decoder="hevc",
        containers=("mp4", "mov", "mkv"),
        formats={8: "yuv420p", 10: "yuv420p10le"},
        crf={"low": 28, "medium": 23, "high": 19},
        crf_range=(0, 51),
        preset="medium",
        tag="hvc1",
        least=16,
    ),
    "vp8": Codec(
        encoder="libvpx",
        decoder="vp8",
        containers=("webm", "mkv"),
        formats={8: "yuv420p"},
        crf={"low": 42, "medium": 27, "high": 17},
        crf_range=(4, 63),
        preset="medium",
        presets=(8, 7, 6, 5, 4, 3, 2, 1, 0),
    ),
    "vp9": Codec(
        encoder="libvpx-vp9",
        decoder="vp9",
        containers=("webm", "mp4", "mkv"),
        formats={8: "yuv420p"},  # the wheel has libvpx without its ten bits
        crf={"low": 40, "medium": 31, "high": 25},
        crf_range=(0, 63),
        preset="medium",
        presets=(8, 7, 6, 5, 4, 3, 2, 1, 0),
    ),
    "av1": Codec(
        encoder="libsvtav1",
        decoder="av1",
        containers=("mp4", "webm", "mkv"),
        formats={8: "yuv420p", 10: "yuv420p10le"},
        crf={"low": 44, "medium": 34, "high": 26},
        crf_range=(1, 63),
        preset="slow",
        presets=(12, 11, 10, 9, 8, 7, 6, 4, 2),
        least=4,
        least_rated=64,
        thin=(32, 64),  # measured: 24x96 and all that is thinner or longer hangs, 28x640 and 24x64 do not
    ),
}


BUFFER_SECONDS = 2
"""How many seconds of a film at its bitrate a player's buffer holds, which its pictures may use up at once."""

_OVERSHOOT = 10
"""Percent SVT-AV1 may go above a cap; by itself it takes 50, and with 0 stays a quarter below."""

_GOLDEN = 0.75
"""How fine VP8 codes the pictures others are made of, as a share of the rate factor; by itself it codes them as fine as
it can, which doubles the film and is no better to look at."""

_QUICK_PASS: dict[CodecName, tuple[str, ...]] = {
    "h264": ("ref=1", "8x8dct=0", "partitions=none", "me=dia", "subme=2", "trellis=0", "fast-pskip=1"),
    "h265": ("slow-firstpass=0",),
}


class VideoCode(Struct, frozen=True, kw_only=True):
    """How one picture stream is coded.

    Attributes:
        codec: The coding.
        size: Width and height in pixels, even.
        depth: Bits a sample.
        rate: Frames a second, constant; None keeps the source's times.
        crf: Constant rate factor; with `bitrate` the bitrate is its cap.
        bitrate: Bits a second.
        preset: Speed against size.
        colour: Of the samples.
        statistics: A file two passes share, and which of them this is.
        signed: Whether the encoder may write its name and settings into the film.
    """

    codec: CodecName
    size: tuple[int, int]
    depth: int
    preset: Preset
    colour: Colour
    rate: Fraction | None = None
    crf: float | None = None
    bitrate: int | None = None
    statistics: tuple[str, int] | None = None
    signed: bool = True

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name of the format frames have to be in."""
        return CODECS[self.codec].formats[self.depth]

    @property
    def frame_bytes(self) -> int:
        """What one frame takes in that format."""
        return self.size[0] * self.size[1] * 3 // (1 if self.depth > 8 else 2)


_AV1_STEADY_PIXELS = 100_000
"""From how many on the sizes of films coded by several threads differ by less than a hundredth or so."""


def encoder_options(code: VideoCode, threads: int) -> dict[str, str]:
    """Return what an encoder is told, as FFmpeg's options."""
    codec = CODECS[code.codec]
    options = _rate_options(code)
    level = PRESETS.index(code.preset)
    if code.codec in ("h264", "h265"):
        options["preset"] = code.preset
        options |= _x26x_options(code, threads)
    elif code.codec == "av1":
        options["preset"] = str(codec.presets[level])
        options["svtav1-params"] = ":".join(
            (
                f"lp={_av1_threads(code, threads)}",
                f"mbr-overshoot-pct={_OVERSHOOT}",
                *_av1_factor(code.crf),
                *_av1_colours(code.colour),
            )
        )
    else:
        options |= {"deadline": "good", "cpu-used": str(codec.presets[level]), "auto-alt-ref": "1"}
        options |= {"lag-in-frames": "25"}
        if code.codec == "vp9":
            options |= {"row-mt": "1", "tile-columns": "2"}
    return options


def _av1_threads(code: VideoCode, threads: int) -> int:
    """Return how many threads SVT-AV1 gets.

    With several, what its rate control knows when it decides on a picture depends on which of them was first: the same
    film of 160x120 at the same bitrate came out between 195 and 205 kB. Small pictures gain next to nothing by threads.
    """
    return 1 if code.bitrate is not None and code.size[0] * code.size[1] < _AV1_STEADY_PIXELS else threads


def _rate_options(code: VideoCode) -> dict[str, str]:
    if code.crf is None:
        return {}
    options = {"crf": f"{code.crf:g}"}
    if code.codec == "vp8":
        options["qmin"] = f"{int(code.crf * _GOLDEN)}"
    if code.bitrate is None:
        return options | ({"b": "0"} if code.codec == "vp9" else {"b": "1000M"} if code.codec == "vp8" else {})
    if code.codec in ("vp8", "vp9"):
        return options | {"b": str(code.bitrate)}
    return options | {"maxrate": str(code.bitrate), "bufsize": str(BUFFER_SECONDS * code.bitrate)}


def _x26x_options(code: VideoCode, threads: int) -> dict[str, str]:
    parameters: list[str] = []
    if code.codec == "h265":
        parameters += ["log-level=error", f"pools={threads}", *_x265_colours(code.colour)]
        if not code.signed:
            parameters.append("info=0")
    if code.statistics is not None:
        path, number = code.statistics
        parameters += [f"pass={number}", f"stats={_escaped(path)}"]
        # What FFmpeg's own first pass leaves out, too: it need not look well, only tell where bits will go.
        if number == 1 and PRESETS.index(code.preset) >= PRESETS.index("veryfast"):
            parameters += _QUICK_PASS[code.codec]
    return {f"{CODECS[code.codec].encoder[3:]}-params": ":".join(parameters)} if parameters else {}


def _escaped(path: str) -> str:
    """Return a path as it stands in a list of options."""
    return re.sub(r"([\\':=])", r"\\\1", path)


def _x265_colours(colour: Colour) -> list[str]:
    found = ["hdr10=1", "repeat-headers=1"] if colour.mastering is not None else []
    if colour.mastering is not None:
        green, blue, red, white, light = (colour.mastering[at : at + 2] for at in (0, 2, 4, 6, 8))
        names = zip("GBR", (green, blue, red), strict=True)
        text = "".join(f"{name}({x},{y})" for name, (x, y) in names)
        found.append(f"master-display={text}WP({white[0]},{white[1]})L({light[0]},{light[1]})")
    if colour.light is not None:
        found.append(f"max-cll={colour.light[0]},{colour.light[1]}")
    return found


def _av1_factor(crf: float | None) -> list[str]:
    """Return a rate factor that is no whole number as SVT-AV1 takes it, to a quarter; FFmpeg's own option rounds."""
    return [] if crf is None or float(crf).is_integer() else [f"crf={round(crf * 4) / 4:g}"]


def _av1_colours(colour: Colour) -> list[str]:
    found = []
    if colour.mastering is not None:
        green, blue, red, white = (
            tuple(value / 50_000 for value in colour.mastering[at : at + 2]) for at in (0, 2, 4, 6)
        )
        most, least = (value / 10_000 for value in colour.mastering[8:10])
        points = zip("GBR", (green, blue, red), strict=True)
        text = "".join(f"{name}({x:.5f},{y:.5f})" for name, (x, y) in points)
        found.append(f"mastering-display={text}WP({white[0]:.5f},{white[1]:.5f})L({most:.4f},{least:.4f})")
    if colour.light is not None:
        found.append(f"content-light={colour.light[0]},{colour.light[1]}")
    return found


def set_up_encoder(stream: Any, code: VideoCode, *, tick: Fraction, rate: Fraction, threads: int) -> None:
    """Set an output stream's encoder up.

    Args:
        stream: PyAV's stream, not yet opened.
        code: How it codes.
        tick: The time base of its frames.
        rate: Frames a second on average, which rate control counts with.
        threads: How many cores it may keep busy.

    Raises:
        EncodeFailed: The encoder refuses.
    """
    library = av()
    context = stream.codec_context
    context.width, context.height = code.size
    context.pix_fmt = code.pixel_format
    context.sample_aspect_ratio = Fraction(1)
    context.time_base = tick
    context.framerate = rate
    context.color_primaries = code.colour.primaries
    context.color_trc = code.colour.transfer
    context.colorspace = code.colour.matrix
    context.color_range = code.colour.range
    # The default, threads over slices, makes x264 write slices and costs 2 % of size.
    context.thread_type = "FRAME"
    # x264 waits for the oldest frame it has begun; with half as many threads again, its own rule, cores do not.
    context.thread_count = threads * 3 // 2 if code.codec == "h264" else threads
    context.options = encoder_options(code, threads)
    if code.crf is None and code.bitrate is not None:
        context.bit_rate = code.bitrate
    if code.codec == "h265" and stream.container.format.name in ("mp4", "mov"):
        context.codec_tag = CODECS["h265"].tag
    try:
        with kept_priority():
            # By itself, a stream made after another one is opened only after the file's header is written.
            context.open()
    except (library.FFmpegError, ValueError) as error:
        raise output_error(error, f"The {context.name} encoder") from None


def followed_stream(container: Any, leader: Any, code: VideoCode) -> Any:
    """Add a stream that takes what another output's encoder gives, once that one's container is begun."""
    made: Any = container.add_stream_from_template(leader, opaque=True)
    if code.codec == "h265" and container.format.name in ("mp4", "mov"):
        made.codec_context.codec_tag = CODECS["h265"].tag
    return made


_LONGEST_DELAY = 10.0
"""Seconds, beyond any encoder's: a picture decoded that much before it is shown has a time made of nothing."""


def mend_decoding_time(packet: Any) -> None:
    """Give an encoder's packet the time it is decoded at where x265 did not, in films shorter than its delay."""
    if packet.dts is None or not 0 <= seconds(packet.pts - packet.dts, packet.time_base) <= _LONGEST_DELAY:
        packet.dts = packet.pts


_SETTINGS = re.compile(rb"\A(?:\x00\x00\x00\x01|\x00\x00\x01)\x06\x05")
_NEXT_UNIT = re.compile(rb"\x00?\x00\x00\x01")


def without_settings(packet: Any) -> Any:
    """Return an encoder's first packet without the message in which x264 lists its settings, which has no switch."""
    data = bytes(packet)
    if not _SETTINGS.match(data) or b"x264" not in data[:64]:
        return packet
    following = _NEXT_UNIT.search(data, 5)
    if following is None:
        return packet
    made: Any = av().Packet(data[following.start() :])
    made.pts, made.dts, made.duration, made.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    made.is_keyframe = packet.is_keyframe
    made.stream = packet.stream
    return made
