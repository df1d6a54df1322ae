"""A picture decoded once, at whatever size it is asked for."""

from mediamill.operations.images import _resample, _ssimulacra2
from mediamill.operations.images._geometry import Fit, Size
from mediamill.operations.images._picture import Picture, blamed, motion_of
from mediamill.operations.images._resample import Look
from mediamill.operations.images._source import Source
from mediamill.operations.images._work import stored

_BASE_BYTES = 48 << 20
_HELD_BYTES = 42
"""What a picture at its final size, its copy for the encoder, the encoder and its files hold per pixel."""


class Scaled:
    """A source's picture at several sizes."""

    def __init__(self, source: Source, fit: Fit, *, linear: bool, frames: bool, again: bool) -> None:
        """Remember what to decode; that happens when the first size is asked for.

        Args:
            source: The picture.
            fit: Its largest geometry.
            linear: Whether it is resampled in linear light.
            frames: Whether all frames are wanted.
            again: Whether more than one size will be asked for.
        """
        self._source, self._fit, self._frames, self._again = source, fit, frames, again
        self._look = Look(linear=linear)
        self._raster: _resample.Raster | None = None
        self._full: Picture | None = None

    @property
    def full(self) -> Picture:
        """The picture at its largest size.

        Raises:
            CorruptInput: It is damaged.
            OutOfMemory: It does not fit.
        """
        if self._full is None:
            self._full = self.at(self._fit.size)
        return self._full

    def at(self, size: Size) -> Picture:
        """Return the picture at a size, in memory; raises as `full` does."""
        with blamed(self._source, frames=self._frames):
            raster = _resample.resample(self._decoded(), stored(size, self._source), self._look)
            pages = _resample.finish(raster, Fit(size, size), self._source.facts, self._look)
            pages = [page.copy_memory() for page in pages]
        return Picture(tuple(pages), motion_of(self._source) if len(pages) > 1 else None)

    def _decoded(self) -> _resample.Raster:
        if self._raster is None:
            largest = stored(self._fit.scaled, self._source)
            raster = _resample.decode(self._source, largest, self._look, frames=self._frames, shared=self._again)
            if not self._again:
                return raster
            self._raster = raster
        return self._raster


def memory_bytes(source: Source, fit: Fit, *, scored: bool) -> int:
    """Return the most memory a search holds at once, on the safe side."""
    facts = source.facts
    frames = facts.frames if facts.animated else 1
    decoded = 0 if facts.vector else facts.width * facts.height * facts.bands * (2 if facts.depth > 8 else 1) * frames
    metric = _ssimulacra2.memory_bytes(fit.size, alpha=facts.alpha) if scored else 0
    return _BASE_BYTES + decoded + fit.size[0] * fit.size[1] * frames * _HELD_BYTES + metric
