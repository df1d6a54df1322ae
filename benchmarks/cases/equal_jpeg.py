"""JPEGs of the same look as sharp's mozjpeg: how large they are and what they cost."""

from benchmarks import equal
from benchmarks.equal import HIGH, Match
from benchmarks.harness import Bench
from benchmarks.report import Bound, Row

TITLE = "JPEGs of the same look"
PER = "photo"
MATCHES = (Match("effort 7 / mozjpeg", "jpeg", HIGH, {"effort": 7}, {"mozjpeg": True}, Bound("<=", 0.95)),)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    return equal.measure(bench, "equal_jpeg", MATCHES)
