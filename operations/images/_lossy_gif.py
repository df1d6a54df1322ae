"""GIFs of fewer colours, in which a pixel stays until it changes enough to be seen."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mediamill.operations.images import _quantize
from mediamill.operations.images._candidate import Candidate, Task
from mediamill.operations.images._gif import MAX_PIXELS, pack, read_container
from mediamill.operations.images._picture import Picture
from mediamill.operations.images._quantize import Indexed
from mediamill.operations.images._sampling import Judge, judged, least
from mediamill.operations.images._stripping import Kept

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Frame = npt.NDArray[np.uint32]

_MOST = 255
"""Colours; one index says that what is there stays."""

_STILLNESS = (12, 6, 0)
"""Differences a channel may have from the frame before without being stored, largest first."""


def lossy_gif(task: Task, picture: Picture, target: float, kept: Kept) -> Candidate | None:
    """Return a GIF of as few colours as reach a score; None where none does, or it is too large to be worth it.

    Args:
        task: The file.
        picture: Its frames.
        target: The score to aim at.
        kept: What stays of its metadata.
    """
    container = read_container(task.data)
    width, height = picture.size
    if kept.everything or (container.width, container.height) != picture.size:
        return None
    if width * height * len(picture.pages) > MAX_PIXELS:
        return None
    judge = Judge(judged(picture))

    def made(colours: int, stillness: int = 0) -> list[Indexed]:
        task.check()
        indexed = _quantize.quantize_frames(picture.pages, colours, dithering=0.0)
        assert indexed is not None  # no least quality was asked for
        return _calmed(_quantize.without_soft_alpha(indexed), stillness)

    def score(frames: Sequence[Indexed]) -> float:
        return judge.score(judged(Picture(tuple(_quantize.image_of(frame) for frame in frames), picture.motion)))

    colours = least(lambda count: score(made(count)), target, 2, _MOST, _MOST)
    for stillness in _STILLNESS if len(picture.pages) > 1 else (0,):
        frames = made(colours, stillness)
        found = score(frames)
        if found >= target:
            data = pack([_seen(frame) for frame in frames], container, task.check)
            return None if data is None else Candidate(data, f"GIF, {colours} colours", found)
    return None


def _calmed(frames: list[Indexed], stillness: int) -> list[Indexed]:
    """Return frames in which a pixel keeps its colour while what it should show is near it."""
    import numpy as np

    if not stillness:
        return frames
    palette = np.array(frames[0].palette, np.int16)
    near = (np.abs(palette[:, None] - palette[None]).max(axis=2) <= stillness) & (
        palette[:, None, 3] == palette[None, :, 3]
    )
    found, there = frames[:1], np.frombuffer(frames[0].indices, np.uint8)
    for frame in frames[1:]:
        wanted = np.frombuffer(frame.indices, np.uint8)
        there = np.where(near[there, wanted], there, wanted)
        found.append(Indexed(frame.width, frame.height, frame.palette, there.tobytes()))
    return found


def _seen(indexed: Indexed) -> "Frame":
    """Return an indexed frame's colours, 0 where nothing is."""
    import numpy as np

    palette = np.array(indexed.palette, np.uint8)
    palette[palette[:, 3] == 0] = 0
    colours = np.ascontiguousarray(palette).view(np.uint32)[:, 0]
    found: Frame = colours[np.frombuffer(indexed.indices, np.uint8)].reshape(indexed.height, indexed.width)
    return found
