"""The pictures and films that are worked on."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ROOT = Path(__file__).resolve().parent.parent
PHOTO = "large.jpg"
SHORT_FILM = "film.mp4"
FILM_SIZE, FILM_SECONDS, FILM_RATE = (1280, 720), 12, 25
PLUGINS = ROOT / "tests" / "faults"
"""Operations for tests; one of them does nothing."""


def default_photo(folder: Path) -> Path:
    """Make the photo that stands in for a real one: 2725x2225, out of seeded noise."""
    return _made(PHOTO, folder)


def default_film(folder: Path, *, quick: bool) -> Path:
    """Make the film that stands in for a real one: a camera goes over a landscape, with grain and a stereo sound.

    Args:
        folder: Where it is made.
        quick: Make a tiny one.
    """
    if quick:
        return _made(SHORT_FILM, folder)
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


def _made(name: str, folder: Path) -> Path:
    """Make a sample of the tests."""
    spec = importlib.util.spec_from_file_location("fixtures_make", ROOT / "fixtures" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Path = module.make_one(name, folder)
    return made


def small(photo: Path, folder: Path, width: int) -> Path:
    """Make a small JPEG of a photo."""
    import pyvips

    path = folder / f"small-{width}.jpg"
    image = pyvips.Image.thumbnail(str(photo), width)
    image.jpegsave(str(path), Q=85, keep="none")
    return path


def half(photo: Path, folder: Path) -> Path:
    """Make a file that ends in the middle of its picture."""
    path = folder / "half.jpg"
    data = photo.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path
