"""WebPs of the same look as sharp's and cwebp's: how large they are and what they cost."""

from benchmarks import equal
from benchmarks.equal import HIGH, Match
from benchmarks.harness import Bench
from benchmarks.report import Row

TITLE = "WebPs of the same look"
PER = "photo"
MATCHES = (Match("defaults", "webp", HIGH, program="cwebp"),)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    return equal.measure(bench, "equal_webp", MATCHES)
