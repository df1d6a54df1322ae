"""GIFs of fewer colours, whose frames store only what changed enough to be seen."""

from mediamill.operations.images._candidate import Candidate, Task
from mediamill.operations.images._picture import Picture
from mediamill.operations.images._stripping import Kept

_BITS = (8, 7, 6, 5, 4, 3)
_ERRORS = (0.0, 2.0, 4.0, 8.0)
"""Differences between frames that are not stored, by libvips' measure."""


def lossy_gif(task: Task, picture: Picture, target: float, kept: Kept) -> Candidate | None:
    return None
