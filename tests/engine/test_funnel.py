import errno

import pytest

from mediamill.engine.funnel import to_media_error
from mediamill.protocol.errors import CorruptInput


def raised(error: BaseException) -> BaseException:
    """Return the exception with a trace, as one that was really raised."""
    try:
        raise error
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "out_of_memory"),
        (MemoryError("cannot allocate"), "out_of_memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (OSError(errno.EDQUOT, "Quota exceeded"), "disk_full"),
        (OSError(errno.EFBIG, "File too large"), "disk_full"),
        (OSError(errno.EACCES, "Permission denied"), "internal"),
        (OSError("no number"), "internal"),
        (ModuleNotFoundError("No module named 'pyvips'", name="pyvips"), "dependency_missing"),
        (ModuleNotFoundError("No module named 'mediamill.x'", name="mediamill.x"), "internal"),
        (ModuleNotFoundError("nameless"), "internal"),
        (ImportError("cannot import name", name="pyvips"), "internal"),
        (ValueError("x"), "internal"),
        (RecursionError(), "internal"),
        (AssertionError(), "internal"),
        (KeyboardInterrupt(), "internal"),
    ],
)
def test_an_exception_becomes_an_error_of_the_table(error: BaseException, code: str) -> None:
    assert to_media_error(raised(error)).code == code


def test_an_error_of_the_table_stays_itself() -> None:
    error = CorruptInput("Cut short.")
    assert to_media_error(error) is error


def test_what_nobody_foresaw_comes_with_the_end_of_its_trace() -> None:
    error = to_media_error(raised(ValueError("x" * 9000 + " the end")))
    assert error.message == "Unexpected ValueError in the engine."
    assert error.detail is not None
    assert len(error.detail) == 1500
    assert error.detail.endswith("the end\n")


def test_a_missing_library_is_named() -> None:
    error = to_media_error(ModuleNotFoundError("No module named 'pyvips'", name="pyvips"))
    assert (error.message, error.expected) == ("The library pyvips is not installed.", "pyvips")
