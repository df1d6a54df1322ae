"""What is to be made of a picture, and what was made: the terms in which the ways to make it are told apart."""

from collections.abc import Callable

from msgspec import Struct

from mediamill.operations.images._encode import ANIMATED_FORMATS, Encoding
from mediamill.operations.images._geometry import Fit, Size
from mediamill.operations.images._resample import Look
from mediamill.operations.images._source import Source

_BASE_BYTES = 32 << 20
_ENCODER_BYTES = 16
"""What encoders hold per pixel of an output: its bands, their own planes and the file."""

_COEFFICIENT_BYTES = 6
"""What a progressive JPEG holds per pixel: three coefficients of two bytes."""

_GAIN_MAP_BYTES = 3
"""What a gain map holds per pixel of its picture, which is at least as large."""


class Variant(Struct, frozen=True):
    """One output: its geometry and its coding."""

    fit: Fit
    code: Encoding


class Work(Struct, frozen=True, kw_only=True):
    """All that is to be made of one source.

    Attributes:
        source: The picture.
        variants: The outputs.
        look: How they are resampled.
        check: Is called between outputs and raises where the job is to stop.
        warm: Whether loading a further library pays, because this process does more jobs after this one.
    """

    source: Source
    variants: tuple[Variant, ...]
    look: Look
    check: Callable[[], None]
    warm: bool = False


class Made(Struct, frozen=True):
    """One encoded output.

    Attributes:
        index: Of its variant.
        data: The file.
        frames: In the file, 1 for a still.
        gain_map: Whether the source's gain map is in it.
    """

    index: int
    data: bytes
    frames: int
    gain_map: bool = False


def moves(source: Source, code: Encoding) -> bool:
    """Return whether an output is animated."""
    return source.facts.animated and code.format in ANIMATED_FORMATS


def stored(size: Size, source: Source) -> Size:
    """Return an upright size the way the source stores it."""
    return (size[1], size[0]) if source.facts.orientation >= 5 else size


def memory_bytes(work: Work) -> int:
    """Return the most memory a work holds at once, on the safe side."""
    facts, frames = work.source.facts, _frames(work)
    sample = (2 if facts.depth > 8 else 1) * (4 if work.look.linear else 1)
    held = facts.bands * sample * frames + (_COEFFICIENT_BYTES if facts.scans > 1 else 0)
    held += _GAIN_MAP_BYTES if facts.gain_map else 0
    largest = max(variant.fit.size[0] * variant.fit.size[1] for variant in work.variants)
    return _BASE_BYTES + _decoded(work) * held + largest * frames * _ENCODER_BYTES


def pixels(work: Work) -> int:
    """Return how many pixels a work decodes and encodes."""
    encoded = sum(variant.fit.size[0] * variant.fit.size[1] for variant in work.variants)
    return (_decoded(work) + encoded) * _frames(work)


def _decoded(work: Work) -> int:
    facts = work.source.facts
    return 0 if facts.vector else facts.width * facts.height


def _frames(work: Work) -> int:
    return work.source.facts.frames if any(moves(work.source, variant.code) for variant in work.variants) else 1
