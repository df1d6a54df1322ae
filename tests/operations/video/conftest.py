"""Films as a player meets them, read with FFmpeg's libraries and numpy alone: what was written is judged by nothing
that wrote it."""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from fixtures.samples import reels, scenes

ATTACHED = 0x400
WEIGHTS = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}
"""Red's and blue's share of luma by H.273's matrix; BT.601's for all others."""


@pytest.fixture(scope="session")
def seen() -> Callable[[str | Path], Any]:
    """Return a function that reads a film: its streams, times, pictures, subtitles, covers, chapters and tags."""

    def read(path: str | Path) -> Any:
        with av.open(str(path)) as container:
            pictures = [one for one in container.streams.video if not int(one.disposition) & ATTACHED]
            found = SimpleNamespace(
                container=container.format.name.split(",")[0],
                duration=(container.duration or 0) / av.time_base,
                tags=dict(container.metadata),
                chapters=[
                    (float(one["start"] * one["time_base"]), float(one["end"] * one["time_base"]), one["metadata"])
                    for one in container.chapters()
                ],
                sounds=[_sound(one) for one in container.streams.audio],
                covers=len(container.streams.video) - len(pictures),
                captions=[one.codec_context.codec.canonical_name for one in container.streams.subtitles],
                frames=[],
            )
            for stream in pictures[:1]:
                context = stream.codec_context
                found.codec, found.tag = context.codec.canonical_name, stream.codec_tag
                found.size = context.width, context.height
                found.pixels, found.sample = context.pix_fmt, stream.sample_aspect_ratio
                found.rate = stream.average_rate
                found.frames = list(container.decode(stream))
                found.times = [float(frame.pts * frame.time_base) for frame in found.frames]
                first = found.frames[0]
                found.colour = tuple(int(getattr(first, name)) for name in ("color_primaries", "color_trc"))
                found.colour += int(first.colorspace), int(first.color_range)
                found.side = {item.type.name: bytes(item) for item in first.side_data}
        return found

    return read


@pytest.fixture(scope="session")
def rgb() -> Callable[[Any], Any]:
    """Return a function that turns a decoded frame into R'G'B', floats 0..255, by the matrix and range it says."""

    def read(frame: Any) -> Any:
        bits = frame.format.components[0].bits
        luma, blue, red = (_plane(plane, bits).astype(np.float64) for plane in frame.planes)
        scale = 1 << (bits - 8)
        full = int(frame.color_range) == 2 or frame.format.name.startswith("yuvj")
        black, white, colour = (0, 256 * scale - 1, 256 * scale - 1) if full else (16 * scale, 219 * scale, 224 * scale)
        blue, red = (
            np.repeat(np.repeat(plane, luma.shape[0] // plane.shape[0] or 1, 0), luma.shape[1] // plane.shape[1], 1)
            for plane in (blue, red)
        )
        y = (luma - black) / white
        u, v = (blue - 128 * scale) / colour, (red - 128 * scale) / colour
        kr, kb = WEIGHTS.get(int(frame.colorspace), (0.299, 0.114))
        r, b = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
        g = (y - kr * r - kb * b) / (1 - kr - kb)
        return np.clip(np.stack([r, g, b], -1), 0, 1) * 255

    return read


@pytest.fixture(scope="session")
def heard() -> Callable[..., Any]:
    """Return a function that decodes a sound track: samples of shape (channels, samples), their rate and start."""

    def read(path: str | Path, track: int = 0) -> Any:
        with av.open(str(path)) as container:
            stream = container.streams.audio[track]
            frames = list(container.decode(stream))
            resampler = av.AudioResampler("fltp", stream.codec_context.layout.name, stream.codec_context.sample_rate)
            parts = [one.to_ndarray() for frame in frames for one in resampler.resample(frame)]
            parts += [one.to_ndarray() for one in resampler.resample(None)]
            start = float(frames[0].pts * frames[0].time_base)
        return SimpleNamespace(samples=np.concatenate(parts, 1), rate=stream.codec_context.sample_rate, start=start)

    return read


@pytest.fixture(scope="session")
def texts() -> Callable[[str | Path], list[tuple[float, float, str]]]:
    """Return a function that reads a film's subtitles: from, to, text."""

    def read(path: str | Path) -> list[tuple[float, float, str]]:
        found = []
        with av.open(str(path)) as container:
            stream = container.streams.subtitles[0]
            timed = stream.codec_context.codec.canonical_name == "mov_text"
            for packet in container.demux(stream):
                body = bytes(packet)[2:] if timed else bytes(packet)
                if body:
                    start = float(packet.pts * packet.time_base)
                    found.append((start, start + float(packet.duration * packet.time_base), body.decode()))
        return found

    return read


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that makes one of two films with what cameras bring: movement, detail and grain."""
    folder = tmp_path_factory.mktemp("reels")
    wide = scenes.landscape(*scenes.MINI)

    def grainy(picture: Any, share: float) -> Any:
        grain = np.random.default_rng(round(share * 1000)).normal(0, 3, (*picture.shape[:2], 1))
        return np.clip(picture + grain, 0, 255).astype(np.uint8)

    def pan(width: int, height: int, share: float) -> Any:
        left = round((wide.shape[1] - width) * share)
        return grainy(wide[60 : 60 + height, left : left + width], share)

    def cuts(width: int, height: int, share: float) -> Any:
        part = int(share * 3)
        shift = round(share * 40)
        return grainy(np.roll(wide[40 * part : 40 * part + height, shift : shift + width], part, axis=2), share)

    paints: dict[str, tuple[Any, list[Any]]] = {
        "pan": (pan, [reels.stereo(seconds=5.0, bitrate=48_000)]),
        "cuts": (cuts, []),
    }

    @functools.cache
    def made(name: str, seconds: float = 5.0) -> Path:
        paint, sounds = paints[name]
        picture = reels.Picture(seconds=seconds, paint=paint, options={"crf": "12"})
        path = folder / f"{name}-{seconds:g}.mp4"
        path.write_bytes(reels.write(reels.Film(picture=picture, sounds=sounds)))
        return path

    return made


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have temporary files in a folder of the test's own, and return it."""
    folder = tmp_path / "it's temporary: here"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def _plane(plane: Any, bits: int) -> Any:
    kind = np.uint8 if bits == 8 else np.uint16
    rows = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // np.dtype(kind).itemsize)
    return rows[:, : plane.width]


def _sound(stream: Any) -> Any:
    context = stream.codec_context
    return SimpleNamespace(
        codec=context.codec.canonical_name,
        rate=context.sample_rate,
        channels=context.layout.nb_channels,
        layout=context.layout.name,
        language=stream.language,
        default=bool(int(stream.disposition) & 1),
    )
