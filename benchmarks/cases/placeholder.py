"""BlurHash and ThumbHash of one small picture, against the packages everybody installs."""

import importlib.util
import time
from collections.abc import Callable
from typing import Any

from benchmarks.harness import SMALLEST, Bench, BenchmarkError, pairs
from benchmarks.report import Bound, Row

TITLE = "hashes of a small picture, a second"
BOUND = Bound(">=", 100)
SIDE = 64
NOTE = (
    f"Hashes a second of CPU, of the photo at {SIDE} pixels, already decoded. Both sides are in one process and given "
    "what they take: an array ours, lists the packages. Both have to give the same hash."
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    import pyvips

    from mediamill.operations.images import _blurhash, _thumbhash

    picture = pyvips.Image.thumbnail(str(bench.photo), SIDE, height=SIDE).colourspace("srgb")
    picture = picture.extract_band(0, n=3).copy_memory()
    rgb, rgba = picture.numpy(), picture.bandjoin(255).cast("uchar").numpy()

    def blurhash() -> Callable[[], Any]:
        import blurhash as package

        rows = rgb.tolist()
        return lambda: package.encode(rows, 4, 3)

    def thumbhash() -> Callable[[], Any]:
        import thumbhash as package

        flat = rgba.ravel().tolist()
        return lambda: bytes(package.rgba_to_thumb_hash(picture.width, picture.height, flat))

    return [
        row(bench, "BlurHash 4x3", "blurhash", lambda: _blurhash.encode(rgb, 4, 3), blurhash, BOUND),
        row(bench, "ThumbHash", "thumbhash", lambda: _thumbhash.encode(rgba), thumbhash, None),
    ]


def row(
    bench: Bench,
    work: str,
    package: str,
    ours: Callable[[], Any],
    load: Callable[[], Callable[[], Any]],
    bound: Bound | None,
) -> Row:
    """Compare one hash with that of a package."""
    missing = "" if importlib.util.find_spec(package) else f"{package}: pip install {package}"
    peer = None if missing else load()
    if peer is not None and ours() != peer():
        raise BenchmarkError(f"{work}: {ours()!r} is not what {package} says, {peer()!r}")
    mine, other = pairs(
        f"placeholder, {work}",
        bench.rounds,
        lambda: rate(ours, bench.count(2000, 20)),
        None if peer is None else lambda: rate(peer, bench.count(20, 1)),
    )
    return Row("placeholder", work, "hashes/s", mine, other, "ratio", bound, missing, NOTE)


def rate(work: Callable[[], Any], count: int) -> float:
    """Return how often something is done in a second of CPU."""
    began = time.process_time()
    for _ in range(count):
        work()
    return count / max(SMALLEST, time.process_time() - began)
