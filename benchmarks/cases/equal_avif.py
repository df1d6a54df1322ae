"""AVIFs of the same look as sharp's and avifenc's: how large they are and what they cost."""

from benchmarks import equal
from benchmarks.equal import LOW, Match
from benchmarks.harness import Bench
from benchmarks.report import Row

TITLE = "AVIFs of the same look"
PER = "photo"
MATCHES = (
    Match("defaults", "avif", LOW, program="avifenc"),
    Match("effort 4 / 4", "avif", LOW, {"effort": 4}, {"effort": 4}),
)


def measure(bench: Bench) -> list[Row]:
    """Run the case."""
    return equal.measure(bench, "equal_avif", MATCHES)
