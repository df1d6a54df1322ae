"""Sounds read and measured by something else than what is tested: PyAV as it is, and numpy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

Sounds = Any
"""Samples of shape (channels, samples), floats of full scale 1."""


class Heard:
    """A sound file, decoded; what an MP4 has beyond the end its header tells is left out, as players do."""

    def __init__(self, path: str | Path, track: int = 0) -> None:
        with av.open(str(path)) as container:
            stream = container.streams.audio[track]
            context = stream.codec_context
            self.rate: int = context.sample_rate
            self.codec: str = context.codec.canonical_name
            self.layout: str = context.layout.name
            self.channels: int = context.layout.nb_channels
            self.format: str = context.format.name
            self.bitrate: int = context.bit_rate or 0
            self.language = stream.language
            self.tags = {name.lower(): value for name, value in {**stream.metadata, **container.metadata}.items()}
            self.chapters = [
                (float(one["start"] * one["time_base"]), float(one["end"] * one["time_base"]), one["metadata"]["title"])
                for one in container.chapters()
            ]
            self.covers = [one for one in container.streams.video if int(one.disposition) & 0x400]
            self.streams = [one.type for one in container.streams]
            self.said = float(stream.duration * stream.time_base) if stream.duration else 0.0
            resampler = av.AudioResampler("dbl" if "dbl" in self.format else "flt", context.layout.name, self.rate)
            parts = []
            for frame in container.decode(stream):
                frame.pts = None
                parts += [one.to_ndarray() for one in resampler.resample(frame)]
            parts += [one.to_ndarray() for one in resampler.resample(None)]
            packed = np.concatenate(parts, axis=1) if parts else np.zeros((1, 0), np.float32)
            self.samples: Sounds = packed.reshape(-1, self.channels).T
            if container.format.name.startswith("mov") and self.said:
                self.samples = self.samples[:, : round(self.said * self.rate)]
        with av.open(str(path)) as container:
            self.cover = b""
            if self.covers:
                packet = next(container.demux(container.streams.video[0]))
                self.cover = bytes(packet)

    @property
    def seconds(self) -> float:
        return float(self.samples.shape[1] / self.rate)

    def pitch(self, at: float, channel: int = 0, window: float = 0.1) -> float:
        """Return the loudest frequency around a moment, in Hz."""
        return self.pitches(at, channel, window)[0]

    def pitches(self, at: float, channel: int = 0, window: float = 0.1) -> list[float]:
        """Return the frequencies around a moment, the loudest first."""
        first = max(0, round((at - window / 2) * self.rate))
        part = self.samples[channel, first : first + round(window * self.rate)]
        size = 1 << 16
        power = np.abs(np.fft.rfft(part * np.hanning(len(part)), size))
        found = []
        for _ in range(3):
            best = int(power.argmax())
            found.append(best * self.rate / size)
            power[max(0, best - 1000) : best + 1000] = 0
        return found

    def level(self, start: float, end: float) -> float:
        """Return how strong a part is, in dB of full scale."""
        part = self.samples[:, round(start * self.rate) : round(end * self.rate)]
        return float(20 * np.log10(max(1e-9, np.sqrt((part.astype(np.float64) ** 2).mean()))))


@pytest.fixture(scope="session")
def heard() -> Callable[..., Heard]:
    """Return a function that decodes a sound file."""
    return Heard


@pytest.fixture(scope="session")
def lufs() -> Callable[..., float]:
    """Return a function that measures integrated loudness as BS.1770-4 says, on its own."""

    def measure(sound: Heard, gate: float = -70.0) -> float:
        weighted = _weighted(sound.samples.astype(np.float64), sound.rate)
        step, block = round(sound.rate * 0.1), round(sound.rate * 0.4)
        weights = np.array([_WEIGHTS.get(name, 1.0) for name in _names(sound)])
        starts = range(0, weighted.shape[1] - block + 1, step)
        power = np.array([(weights * (weighted[:, at : at + block] ** 2).mean(axis=1)).sum() for at in starts])
        loud = power[-0.691 + 10 * np.log10(np.maximum(power, 1e-12)) >= gate]
        relative = -0.691 + 10 * np.log10(loud.mean()) - 10
        loud = loud[-0.691 + 10 * np.log10(loud) >= relative]
        return float(-0.691 + 10 * np.log10(loud.mean()))

    return measure


@pytest.fixture(scope="session")
def true_peak() -> Callable[[Heard], float]:
    """Return a function that measures true peak in dBTP, by exact interpolation to eight times the rate."""

    def measure(sound: Heard) -> float:
        samples = np.pad(sound.samples.astype(np.float64), ((0, 0), (0, 4096)))
        count = samples.shape[1]
        spectrum = np.fft.rfft(samples, axis=1)
        finer = np.fft.irfft(spectrum, count * 8, axis=1) * 8
        return float(20 * np.log10(np.abs(finer).max()))

    return measure


_WEIGHTS = {"SL": 1.41, "SR": 1.41, "BL": 1.41, "BR": 1.41, "LFE": 0.0}


def _names(sound: Heard) -> list[str]:
    return [channel.name for channel in av.AudioLayout(sound.layout).channels]


def _weighted(samples: Sounds, rate: int) -> Sounds:
    """Put sound through K-weighting: the two filters of BS.1770-4, annex 1, by their analogue forms."""
    count = samples.shape[1] + rate
    z = np.exp(-1j * np.linspace(0, np.pi, count // 2 + 1))
    tangent = np.tan(np.pi * 1681.974450955533 / rate)
    high, middle, quality = (
        10 ** (3.999843853973347 / 20),
        (10 ** (3.999843853973347 / 20)) ** 0.4996667741545416,
        0.7071752369554196,
    )
    base = 1 + tangent / quality + tangent**2
    top = (
        (high + middle * tangent / quality + tangent**2)
        + 2 * (tangent**2 - high) * z
        + (high - middle * tangent / quality + tangent**2) * z**2
    ) / base
    shelf = top / (1 + 2 * (tangent**2 - 1) / base * z + (1 - tangent / quality + tangent**2) / base * z**2)
    tangent, quality = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    base = 1 + tangent / quality + tangent**2
    low = (1 - 2 * z + z**2) / (
        1 + 2 * (tangent**2 - 1) / base * z + (1 - tangent / quality + tangent**2) / base * z**2
    )
    spectrum = np.fft.rfft(samples, count // 2 * 2, axis=1) * shelf * low
    return np.fft.irfft(spectrum, count // 2 * 2, axis=1)[:, : samples.shape[1]]
