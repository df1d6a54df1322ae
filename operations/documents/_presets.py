"""What pictures become under each preset, and how far pages may then differ from what they were."""

from msgspec import Struct

from mediamill.operations.documents._verify import Tolerance

EXACT = Tolerance()

GREY = Tolerance(0.94, 12.0, 12.0)
"""How far greys may be from those of the colours they stand for, where nothing else may be lost."""

WITH_BLENDS = 48.0
"""How far a block and a patch may be where greys are blended instead of colours, which is said."""


class Preset(Struct, frozen=True):
    """What pictures become.

    Attributes:
        dpi: Their resolution on the page; those of less stay as they are.
        quality: The plain JPEG's they are no less like the original than, 1..100.
        tolerance: How far pages may then differ.
        spared: How many times that resolution they may keep where less would show.
    """

    dpi: int
    quality: int
    tolerance: Tolerance
    spared: float = 1.0


PRESETS = {
    "low": Preset(72, 52, Tolerance(0.75, 64.0, 24.0, 72)),
    "medium": Preset(150, 56, Tolerance(0.85, 32.0, 12.0, 100), 1.5),
    "high": Preset(220, 82, Tolerance(0.92, 28.0, 10.0)),
}
