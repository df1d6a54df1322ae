"""The pictures and films that are worked on."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import BenchmarkError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ROOT = Path(__file__).resolve().parent.parent
PHOTO, GRAPHIC = "large.jpg", "alpha.png"
SHORT_FILM = "film.mp4"
FILM_SIZE, FILM_SECONDS, FILM_RATE = (1280, 720), 12, 25
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


def default_film(folder: Path, *, quick: bool) -> Path:
    """Make the film that stands in for a real one: a camera goes over a landscape, with grain and a stereo sound.

    Args:
        folder: Where it is made.
        quick: Make a tiny one.
    """
    if quick:
        return make(SHORT_FILM, folder)
    import numpy as np

    from fixtures.samples import reels, scenes

    rng = np.random.default_rng(7)
    wide = scenes.landscape(*scenes.WIDE)

    def paint(width: int, height: int, share: float) -> "npt.NDArray[np.uint8]":
        spare = scenes.WIDE[0] - width, scenes.WIDE[1] - height
        left = round(spare[0] * (0.5 - 0.5 * np.cos(2 * np.pi * share)))
        top = round(spare[1] * (0.5 + 0.5 * np.sin(4 * np.pi * share)))
        grain = rng.normal(0, 2, (height, width, 1)).astype(np.float32)
        seen: npt.NDArray[np.uint8] = np.clip(wide[top : top + height, left : left + width] + grain, 0, 255).astype(
            np.uint8
        )
        return seen

    picture = reels.Picture(
        size=FILM_SIZE,
        seconds=FILM_SECONDS,
        rate=FILM_RATE,
        paint=paint,
        options={"crf": "18", "preset": "veryfast"},
    )
    made = reels.Film(
        picture=picture,
        sounds=[reels.stereo(seconds=FILM_SECONDS, bitrate=192_000)],
        options={"movflags": "+faststart"},
    )
    path = folder / "film-720p.mp4"
    path.write_bytes(reels.write(made))
    return path


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
