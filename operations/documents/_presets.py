"""What pictures become under each preset, and how far pages may then differ from what they were."""

from msgspec import Struct
from msgspec.structs import replace

from mediamill.operations.documents._verify import Tolerance

EXACT = Tolerance()

GREY = Tolerance(0.94, 12.0, 12.0)
"""How far greys may be from those of the colours they stand for, where nothing else may be lost."""

WITH_BLENDS = 48.0
"""How far blocks and patches may differ where pages blend greys instead of colours; the metadata say so."""

COARSE = Tolerance(0.3, 112.0, 40.0, 72)
"""How far pages may differ where a lower quality is asked for than any preset has. Seen at their own resolution, JPEGs
of quality 1 moved blocks of nine documents by up to 94, and patches by up to 31; a negative moves them by 200."""


class Preset(Struct, frozen=True):
    """What pictures become.

    Attributes:
        dpi: Their resolution on the page; pictures below it keep their pixels.
        quality: That of a plain JPEG, 1..100, which they are no less like the original than.
        tolerance: How far pages may then differ.
        spared: How many times `dpi` a picture may keep where fewer pixels would show.
    """

    dpi: int
    quality: int
    tolerance: Tolerance
    spared: float = 1.0


PRESETS = {
    "low": Preset(72, 52, Tolerance(0.75, 64.0, 24.0, 72)),
    "medium": Preset(150, 54, Tolerance(0.85, 32.0, 12.0, 100), 1.5),
    "high": Preset(220, 82, Tolerance(0.92, 28.0, 10.0)),
}


def tolerance_of(dpi: int, quality: int) -> Tolerance:
    """Return how far pages may differ whose pictures are asked for so: as far as under the next lower preset."""
    low = PRESETS["low"]
    reached = [one for one in PRESETS.values() if one.dpi <= dpi and one.quality <= quality]
    found = reached[-1].tolerance if reached else low.tolerance if quality >= low.quality else COARSE
    return replace(found, dpi=min(found.dpi, dpi))
