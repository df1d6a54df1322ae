import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import chromium
import player as players

collect_ignore_glob = [] if chromium.find() else ["test_*.py"]


@pytest.fixture(scope="session")
def browser() -> Iterator[chromium.Chromium]:
    """Start one browser for all tests."""
    with chromium.Chromium() as started:
        yield started


@pytest.fixture
def page(browser: chromium.Chromium) -> Iterator[Callable[..., chromium.Page]]:
    """Return a function that opens an empty page at a viewport and density; pages are closed with the test."""
    opened: list[chromium.Page] = []

    def made(width: int = 1280, height: int = 800, density: float = 1.0) -> chromium.Page:
        opened.append(browser.page(width, height, density))
        return opened[-1]

    yield made
    for one in opened:
        one.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[chromium.Site]:
    """Serve the test's own folder."""
    with chromium.Site(tmp_path) as served:
        yield served


@pytest.fixture
def player(page: Callable[..., chromium.Page], site: chromium.Site) -> Callable[[str], players.Player]:
    """Return a function that opens a film of the test's own folder in a page of its own."""
    return lambda name: players.Player(page(), site, name)


@pytest.fixture
def track(page: Callable[..., chromium.Page], site: chromium.Site) -> Callable[[str], players.Track]:
    """Return a function that opens a sound of the test's own folder in a page of its own."""
    return lambda name: players.Track(page(), site, name)


@pytest.fixture(scope="session")
def seen() -> Callable[[bytes], Any]:
    """Return a function that reads a screenshot: RGB, floats 0..255."""
    import io

    import numpy as np
    from PIL import Image

    def read(data: bytes) -> Any:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"), dtype=np.float64)

    return read
