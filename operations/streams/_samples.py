"""Decoded sound cut between its samples."""

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
