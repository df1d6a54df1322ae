import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from harness import Host, Lateness


@pytest.fixture
def host(tmp_path: Any) -> Iterator[Callable[..., Host]]:
    """Starts engines in the test's own folder, and ends them with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *flags, **options: stack.enter_context(Host(*flags, cwd=options.pop("cwd", tmp_path), **options))


@pytest.fixture
def lateness() -> Iterator[Lateness]:
    """Measures how late this machine is during the test."""
    measured = Lateness()
    yield measured
    measured.end()
