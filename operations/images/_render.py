"""From one source to its outputs: one decode, as few resamplings as quality allows, one encode each."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mediamill.operations.images import _resample
from mediamill.operations.images._encode import (
    encode,
    encode_error,
    frames_in,
    prepare,
)
from mediamill.operations.images._geometry import Fit, Size
from mediamill.operations.images._picture import motion_of
from mediamill.operations.images._resample import Raster
from mediamill.operations.images._vips import vips
from mediamill.operations.images._work import Made, Variant, Work, moves, stored
from mediamill.protocol.errors import MediaError

if TYPE_CHECKING:
    import pyvips


def render(work: Work) -> Iterator[Made]:
    """Make the outputs, the largest first: through planes where that gains and the file is sound, else through pixels.

    Raises:
        CorruptInput: The source turns out to be damaged.
        EncodeFailed: An encoder refuses.
        OutOfMemory: Memory is short.
    """
    made = _through_planes(work) if work.warm else None
    yield from _through_pixels(work) if made is None else made


def _through_planes(work: Work) -> Iterator[Made] | None:
    """Return the outputs where planes gain and the file is sound, else None: libvips knows better what is damaged."""
    from mediamill.operations.images import _planar, _planes, _reduced

    try:
        if (outline := _reduced.accepts(work)) is not None:
            return _reduced.render(work, _reduced.decode(work, outline))
        if (header := _planar.accepts(work)) is not None:
            return _planar.render(work, _planes.decode(work.source.data, header))
    except _planes.DamagedJpeg:
        return None
    return None


def _through_pixels(work: Work) -> Iterator[Made]:
    """Decode with libvips, resample in RGB."""
    for frames in (False, True):
        indices = [index for index, variant in enumerate(work.variants) if moves(work.source, variant.code) == frames]
        if indices:
            yield from _Stage(work, frames).make(indices)


class _Stage:
    """The outputs of a work that are all stills, or all animated."""

    def __init__(self, work: Work, frames: bool) -> None:
        self._work = work
        self._frames = frames
        self._source = work.source

    def make(self, indices: Sequence[int]) -> Iterator[Made]:
        fits = self._by_fit(indices)
        sides = (max(fit.scaled[side] for fit in fits) for side in (0, 1))
        largest = stored((next(sides), next(sides)), self._source)
        shared = len(fits) > 1 and not self._source.facts.vector
        base = self._decode(largest, shared) if shared or len(fits) == 1 else None
        made: list[Raster] = []
        for number, (fit, users) in enumerate(fits.items()):
            size = stored(fit.scaled, self._source)
            origin = self._decode(size, False) if base is None else _resample.nearest_source(base, made, size)
            keep = base is not None and number + 1 < len(fits) and not self._frames
            raster = self._resample(origin, size, shared=keep or len(users) > 1)
            if keep:
                made.append(raster)
            with self._blamed():
                pages = _resample.finish(raster, fit, self._source.facts, self._work.look)
            for index in users:
                self._work.check()
                yield self._encode(pages, index)

    def _by_fit(self, indices: Sequence[int]) -> dict[Fit, list[int]]:
        """Group outputs by geometry, the largest first."""
        fits: dict[Fit, list[int]] = {}
        for index in sorted(indices, key=lambda index: -_area(self._work.variants[index].fit.scaled)):
            fits.setdefault(self._work.variants[index].fit, []).append(index)
        return fits

    def _decode(self, largest: Size, shared: bool) -> Raster:
        with self._blamed():
            return _resample.decode(self._source, largest, self._work.look, frames=self._frames, shared=shared)

    def _resample(self, origin: Raster, size: Size, shared: bool) -> Raster:
        with self._blamed():
            return _resample.resample(origin, size, self._work.look, shared=shared)

    def _encode(self, pages: Sequence["pyvips.Image"], index: int) -> Made:
        variant = self._work.variants[index]
        code, library = variant.code, vips()
        try:
            done = [self._page(page, variant) for page in pages]
            image = done[0] if len(done) == 1 else library.Image.arrayjoin(done, across=1)
            data = encode(image, code, motion_of(self._source) if self._frames else None)
        except library.Error as error:
            raise self._blame(error) or encode_error(error, code) from None
        return Made(index, data, frames_in(data, code.format, len(done)))

    def _page(self, page: "pyvips.Image", variant: Variant) -> "pyvips.Image":
        code = variant.code
        page = _resample.sharpen(page, self._work.look.sharpen)
        image = prepare(page, code)
        return _resample.pad(image, variant.fit.size, code.background, alpha=code.alpha)

    @contextlib.contextmanager
    def _blamed(self) -> Iterator[None]:
        """Turn the failure of a step that may decode into the input's, where it is the input's."""
        try:
            yield
        except vips().Error as error:
            raise self._blame(error) or error from None

    def _blame(self, error: Exception) -> MediaError | None:
        return self._source.decode_error(error, frames=self._frames)


def _area(size: Size) -> int:
    return size[0] * size[1]
