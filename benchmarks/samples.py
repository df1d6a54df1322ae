"""The pictures that are worked on."""

import importlib.util
from pathlib import Path

from benchmarks.harness import BenchmarkError

ROOT = Path(__file__).resolve().parent.parent
PHOTO, GRAPHIC = "large.jpg", "alpha.png"
PLUGINS = ROOT / "tests" / "faults"
"""Operations for tests; one of them does nothing."""


def pictures(photo: Path | None, folder: Path | None, work: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return the photos and the graphics to work on; what is not given is made.

    Args:
        photo: A photo.
        folder: A folder of photos and graphics: its JPEGs and PNGs.
        work: Where pictures are made.

    Raises:
        BenchmarkError: The folder has no JPEG.
    """
    if folder is None:
        return (photo.resolve() if photo else default_photo(work),), (make(GRAPHIC, work),)
    found = {suffix: tuple(sorted(folder.resolve().glob(f"*.{suffix}"))) for suffix in ("jpg", "png")}
    if not found["jpg"]:
        raise BenchmarkError(f"{folder} holds no photo whose name ends in .jpg")
    return found["jpg"], found["png"] or (make(GRAPHIC, work),)


def default_photo(folder: Path) -> Path:
    """Make the photo that stands in for a real one: 2725x2225, out of seeded noise."""
    return make(PHOTO, folder)


def make(name: str, folder: Path) -> Path:
    """Make one of the samples the tests use."""
    spec = importlib.util.spec_from_file_location("fixtures_make", ROOT / "fixtures" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Path = module.make_one(name, folder)
    return made


def width(picture: Path) -> int:
    """Return a picture's width as it is to be seen."""
    import pyvips

    return int(pyvips.Image.new_from_file(str(picture)).autorot().width)


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
