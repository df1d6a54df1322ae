"""Decoded sound, sample by sample: cut between them, and rid of what are none."""

from typing import Any

from mediamill.operations.streams._av import av


def part(frame: Any, first: int, last: int) -> Any:
    """Return the samples `first` to `last` of a frame as a frame of its own; the frame itself where that is all."""
    if first == 0 and last == frame.samples:
        return frame
    found = empty(frame, last - first)
    step = frame.format.bytes * (1 if frame.format.is_planar else frame.layout.nb_channels)
    for source, target in zip(frame.planes, found.planes, strict=True):
        target.update(memoryview(source)[first * step : last * step])
    return found


def empty(like: Any, samples: int) -> Any:
    """Return a frame of as many samples of the same kind, not filled."""
    frame = av().AudioFrame(format=like.format.name, layout=like.layout.name, samples=samples)
    frame.sample_rate = like.sample_rate
    return frame


_FLOATS = {"flt": "float32", "dbl": "float64"}
_LOUDEST = 1e8
"""160 dB above full scale: no sound, and beyond what encoders can count with."""


def mend(frame: Any) -> bool:
    """Silence the samples of a frame that are no numbers, or none that a sound can have; return whether there were any.

    Recorders that crash and programs that divide by zero leave them in files of floats. Filters spread them, and some
    encoders refuse them; a single sample of silence does no harm.
    """
    kind = _FLOATS.get(frame.format.name)
    if kind is None:
        return False
    import numpy as np

    plane = frame.planes[0]
    samples = np.frombuffer(plane, kind)
    heard = samples[: frame.samples * frame.layout.nb_channels]
    good = np.abs(heard) <= _LOUDEST  # which NaN is not, either
    if good.all():
        return False
    mended = samples.copy()
    mended[: len(heard)] = np.where(good, heard, 0)
    plane.update(mended.tobytes())
    return True
