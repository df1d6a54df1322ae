"""The one door to libvips: imported on first use, checked, and made safe for untrusted bytes."""

import functools
import os
from typing import TYPE_CHECKING, Any

from mediamill.protocol.errors import DependencyMissing, MediaError, OutOfMemory

if TYPE_CHECKING:
    import pyvips

_NO_MEMORY = ("out of memory", "unable to allocate", "memory allocation failed")


def vips(threads: int | None = None) -> Any:
    """Return the pyvips module, set up.

    Args:
        threads: How many threads libvips may use from now on; None leaves that alone.

    Raises:
        DependencyMissing: pyvips is absent or fell back to its slow mode without the compiled binding.
    """
    module = _module()
    if threads is not None and module.concurrency_get() != threads:
        module.concurrency_set(threads)
    return module


@functools.cache
def _module() -> Any:
    os.environ.setdefault("VIPS_WARNING", "off")  # read once: libvips then keeps warnings to itself
    try:
        import pyvips
    except Exception as error:  # pyvips raises whatever cffi and the loader raise
        raise DependencyMissing(
            "The library pyvips cannot be loaded; install pyvips-binary.", expected="pyvips", detail=str(error)
        ) from None
    if not pyvips.API_mode:
        raise DependencyMissing(
            "pyvips runs without its compiled binding; install pyvips and pyvips-binary of the same libvips.",
            expected="pyvips-binary",
        )
    # pyvips hands libvips' log to Python. There the garbage collector may close an image, which logs in its turn, and
    # GLib ends the process on a message within a message.
    pyvips._remove_log_handler()
    # The cache keys on names and arguments: a buffer at a reused address would bring back another picture.
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    # Drawings are let in again because they only ever come as bytes, checked by us first.
    pyvips.operation_block_set("VipsForeignLoadSvg", False)
    return pyvips


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether a library's failure is about memory."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(phrase in text for phrase in _NO_MEMORY)


def out_of_memory(error: BaseException) -> MediaError:
    """Return the error of the table for a failure about memory."""
    return OutOfMemory("The picture needs more memory than this worker may use.", detail=str(error).strip())


def has(image: "pyvips.Image", field: str) -> bool:
    """Return whether an image has a metadata field."""
    return bool(image.get_typeof(field) != 0)


def integer(image: "pyvips.Image", field: str, default: int = 0) -> int:
    """Return an integer metadata field."""
    return int(image.get(field)) if has(image, field) else default


def blob(image: "pyvips.Image", field: str) -> bytes | None:
    """Return a binary metadata field."""
    return bytes(image.get(field)) if has(image, field) else None


def set_blob(image: "pyvips.Image", field: str, data: bytes) -> None:
    """Set a binary metadata field of an image that is not shared."""
    image.set_type(vips().GValue.blob_type, field, data)


def set_integer(image: "pyvips.Image", field: str, value: int) -> None:
    """Set an integer metadata field of an image that is not shared."""
    image.set_type(vips().GValue.gint_type, field, value)


def set_integers(image: "pyvips.Image", field: str, values: list[int]) -> None:
    """Set a metadata field that is a list of integers, of an image that is not shared."""
    image.set_type(vips().GValue.array_int_type, field, values)
