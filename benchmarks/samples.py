"""The pictures that are worked on."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PHOTO = "large.jpg"
PLUGINS = ROOT / "tests" / "faults"
"""Operations for tests; one of them does nothing."""


def default_photo(folder: Path) -> Path:
    """Make the photo that stands in for a real one: 2725x2225, out of seeded noise."""
    spec = importlib.util.spec_from_file_location("fixtures_make", ROOT / "fixtures" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Path = module.make_one(PHOTO, folder)
    return made


def small(photo: Path, folder: Path, width: int) -> Path:
    """Make a small JPEG of a photo."""
    import pyvips

    path = folder / f"small-{width}.jpg"
    image = pyvips.Image.thumbnail(str(photo), width)
    image.jpegsave(str(path), Q=85, keep="none")
    return path


def as_png(photo: Path, folder: Path) -> Path:
    """Make a PNG of a photo, coded as most programs do."""
    import pyvips

    path = folder / "photo.png"
    pyvips.Image.new_from_file(str(photo)).pngsave(str(path), compression=6, keep="icc")
    return path


def half(photo: Path, folder: Path) -> Path:
    """Make a file that ends in the middle of its picture."""
    path = folder / "half.jpg"
    data = photo.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path
