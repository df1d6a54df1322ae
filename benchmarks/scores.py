"""How close pictures are to the best that can be made of their source: SSIMULACRA2, 100 for the same.

The best is libvips' lanczos3 of the source at its full size, in sRGB, without any shortcut of the decoder, with the
whole source mapped to the whole picture: both axes have their own factor, as sides are rounded to whole pixels. The
score comes from the package `ssimulacra2`, which is a peer too: where it is not installed, rows say so.
"""

import functools
import importlib.util
from pathlib import Path

INSTALL = "ssimulacra2: pip install ssimulacra2"


def missing() -> str:
    """Return what is to be installed first; empty where all is there."""
    return "" if importlib.util.find_spec("ssimulacra2") else INSTALL


def score(photo: Path, made: Path, work: Path) -> float:
    """Return the score of a picture made of a photo, against the best of the same size."""
    import pyvips

    image = pyvips.Image.new_from_file(str(made))
    return compare(reference(photo, image.width, image.height, work), made)


def compare(original: Path, made: Path) -> float:
    """Return the score of a picture against an original of the same size; both without alpha.

    The package reads what Pillow can, so a picture of another format is rewritten first, and a grey one coloured.
    """
    import pyvips
    from ssimulacra2 import compute_ssimulacra2

    plain = made.with_name(f"{made.name}.png")
    pyvips.Image.new_from_file(str(made)).colourspace("srgb").pngsave(str(plain), compression=1, keep="none")
    return float(compute_ssimulacra2(str(original), str(plain)))


@functools.cache
def reference(photo: Path, width: int, height: int, work: Path) -> Path:
    """Return the best picture of a size, as a PNG."""
    import pyvips

    path = work / f"reference-{photo.stem}-{width}x{height}.png"
    image = pyvips.Image.new_from_file(str(photo)).autorot()
    if image.get_typeof("icc-profile-data"):
        image = image.icc_transform("srgb", embedded=True)
    image = image.colourspace("srgb")
    image = image.resize(width / image.width, vscale=height / image.height, kernel="lanczos3")
    image.pngsave(str(path), compression=1, keep="none")
    return path
