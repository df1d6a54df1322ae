"""The library's work and nothing else: `bare.py WAY COUNT INPUT FOLDER WIDTH`, run as a process of its own.

The way `operation` calls the resize operation in a loop, with a context that reads and writes files and does nothing
more: no admission, worker, message, check of paths, temporary name or flush. The way `vips` does not even know the
operation: read, libvips' thumbnail, encode, write.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mediamill.operations.contract import Blob, Limits, Plan, Target

QUALITY = 80


class BareContext:
    """The least an operation can run in."""

    threads = 1
    warm = True

    def __init__(self, limits: "Limits") -> None:
        self.limits = limits

    def read(self, source: Any, field: str = "input") -> "Blob":
        """Read a file."""
        from mediamill.operations.contract import Blob
        from mediamill.operations.sniff import sniff

        path = Path(source)
        data = path.read_bytes()
        return Blob(data=data, name=path.name, path=source, kind=sniff(data))

    def reserve(self, memory_bytes: int) -> None:
        """There is nobody to share with."""

    def claim(self, plan: "Plan") -> tuple["Target", ...]:
        """Every place is free."""
        return plan.targets

    def write(self, target: "Target", data: bytes, **facts: Any) -> None:
        """Write a file."""
        Path(target.path).write_bytes(data)

    def progress(self, percent: float, message: str | None = None, **stages: float) -> None:
        """Nobody listens."""

    def check(self) -> None:
        """Nobody stops it."""

    def ask(self, question: str, kind: str) -> Any:
        """Nobody answers."""


def by_operation(count: int, source: str, folder: str, width: int) -> None:
    """Run the operation in a loop."""
    from mediamill.operations.contract import Limits
    from mediamill.operations.images import _vips, resize

    _vips.vips(1)
    context = BareContext(Limits())
    for number in range(count):
        job = resize.Params(input=source, output=f"{folder}/{number}.jpg", widths=[width], quality=QUALITY)
        resize.run(job, context)


def by_vips(count: int, source: str, folder: str, width: int) -> None:
    """Run libvips in a loop."""
    import pyvips

    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
    for number in range(count):
        image = pyvips.Image.thumbnail_buffer(Path(source).read_bytes(), width)
        data = image.jpegsave_buffer(Q=QUALITY, optimize_coding=True, keep="icc")
        Path(f"{folder}/{number}.jpg").write_bytes(data)


WAYS = {"operation": by_operation, "vips": by_vips}

if __name__ == "__main__":
    way, count, source, folder, width = sys.argv[1:]
    WAYS[way](int(count), source, folder, int(width))
