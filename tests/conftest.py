"""Fixtures of all tests: sample files, jobs run in this process, and pictures compared by eye."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent

# How long an example takes is the machine's business. What guards main tries the same examples each time.
settings.register_profile(
    "mediamill", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("mediamill")

Sample = Callable[[str], Path]
RunJob = Callable[..., Any]


def pytest_report_header() -> str:
    """Say whether the tests that need a browser are among those collected."""
    chromium = _module("mediamill_chromium", ROOT / "tests" / "browser" / "chromium.py")
    found = chromium.find()
    return f"browser: {found or 'none of ' + ', '.join(chromium.NAMES) + ', so tests/browser is left out'}"


def _module(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Return a function that makes a sample of fixtures/make.py, once per session, and returns its path."""
    make = _module("mediamill_fixtures_make", ROOT / "fixtures" / "make.py")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "samples"
    folder.mkdir(exist_ok=True)

    def made(name: str) -> Path:
        path: Path = make.make_one(name, folder)
        return path

    return made


@pytest.fixture(scope="session")
def complaints() -> Callable[[str], list[str]]:
    """Return a function that says what is not valid in a fragment of HTML."""
    found: Callable[[str], list[str]] = _module("mediamill_markup", ROOT / "tests" / "markup.py").complaints
    return found


@pytest.fixture(scope="session")
def registry() -> Any:
    """Return the operations there are."""
    from mediamill.engine.registry import Registry

    return Registry()


@pytest.fixture
def job(registry: Any) -> RunJob:
    """Return a function that runs a job in this process, from its fields, and returns its result."""
    from mediamill.engine.inprocess import run_job
    from mediamill.engine.settings import Settings

    def run(operation: str, settings: dict[str, Any] | None = None, **fields: Any) -> Any:
        raw = {"operation": operation} | {
            name: str(value) if isinstance(value, Path) else value for name, value in fields.items()
        }
        return run_job(raw, registry, Settings(fsync=False, **(settings or {})))

    return run


@pytest.fixture
def done(job: RunJob) -> RunJob:
    """Return a function that runs a job that has to succeed."""

    def run(operation: str, **fields: Any) -> Any:
        result = job(operation, **fields)
        assert result.success, f"{result.error} {result.error_info}"
        return result

    return run


@pytest.fixture
def code(job: RunJob) -> RunJob:
    """Return a function that runs a job that has to fail, and returns its error code."""

    def run(operation: str, **fields: Any) -> str:
        result = job(operation, **fields)
        assert not result.success
        assert result.error.endswith((".", "?")) or ": " in result.error
        assert not result.outputs
        found: str = result.error_info.code
        return found

    return run


@pytest.fixture(scope="session")
def pixels() -> Callable[..., Any]:
    """Return a function that reads a file as it is meant to be seen: upright sRGB, floats 0..255, alpha last if any.

    It reads with Pillow, so that what libvips wrote is judged by something else.
    """
    import io

    import numpy as np
    from PIL import Image, ImageCms, ImageOps

    def read(path: str | Path, *, mode: str | None = None) -> Any:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened)
            profile = image.info.get("icc_profile")
            if profile and image.mode in ("RGB", "CMYK", "L"):
                source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
                converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
                assert converted is not None
                image = converted
            if image.mode not in ("L", "LA", "RGB", "RGBA"):
                image = image.convert("RGBA" if "transparency" in image.info else "RGB")
            return np.asarray(image.convert(mode) if mode else image, dtype=np.float64)

    return read


@pytest.fixture(scope="session")
def distance() -> Callable[..., float]:
    """Return a function that says how far two pictures of the same size are apart: the mean difference, 0..255."""
    import numpy as np

    def measure(one: Any, other: Any) -> float:
        assert one.shape == other.shape, f"{one.shape} and {other.shape}"
        return float(np.abs(np.asarray(one, dtype=np.float64) - other).mean())

    return measure
