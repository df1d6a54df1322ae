"""The best of several tries at a file: kept aside while others are written in its place."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import IO

from mediamill.operations.streams._av import output_error


class Best:
    """What keeps it.

    Args:
        path: The file tries are written to.
        kept: Where it is kept.
    """

    def __init__(self, path: str, kept: IO[bytes]) -> None:
        self._path = path
        self._kept = kept

    def keep(self) -> None:
        """Keep the file as it is now.

        Raises:
            MediaError: There is no room.
        """
        try:
            self._kept.seek(0)
            self._kept.truncate()
            with open(self._path, "rb") as source:
                shutil.copyfileobj(source, self._kept, 1 << 20)
        except OSError as error:
            raise output_error(error, "The output") from None

    def restore(self) -> None:
        """Make the file what it was when it was kept.

        Raises:
            MediaError: There is no room.
        """
        try:
            self._kept.seek(0)
            with open(self._path, "wb") as target:
                shutil.copyfileobj(self._kept, target, 1 << 20)
        except OSError as error:
            raise output_error(error, "The output") from None


@contextlib.contextmanager
def best_of(path: str) -> Iterator[Best]:
    """Give what keeps the best try at a file, in one without a name beside it."""
    with tempfile.TemporaryFile(dir=os.path.dirname(path) or None) as kept:
        yield Best(path, kept)
