"""Photos read, reduced and written, in as little time as goes: each by whichever library does it fastest."""

from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _cmyk
from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import pyvips

OPTIONS = {"optimize_coding": True, "interlace": True, "overshoot_deringing": True, "keep": "none"}
"""How JPEGs are written, but for their quality. Trellis quantisation is not worth its time: it takes three times as
long, and most of what it saves is gone once its quality is raised until it loses no more than the other."""

_TURNED = {"Gray": "GRAY", "YCbCr": "RGB", "RGB": "RGB"}
"""What a JPEG's colours are turned into, by what they are in it."""

_SPARSE = 0.8
"""Bits per pixel of a JPEG up to which the choice of its scans matters: it saves 3 to 8 % then, and 1 % of others."""

_KERNEL: Any = "lanczos3"
_GAP = 2.0
"""How far averaging may go before it: as many times more pixels than are wanted are left for the kernel."""


def decoded(data: bytes, shrink: int) -> "pyvips.Image | None":
    """Return a JPEG's pixels, as many times fewer a side, inks as they are stored; None where it is damaged.

    The same pixels come out of both decoders. One takes 60 % of the time of the other, but neither
    inks nor what is odd.
    """
    import simplejpeg

    library = vips()
    try:
        height, width, kind, _ = simplejpeg.decode_jpeg_header(data)
        if shrink == 1 and kind in _TURNED:
            samples = simplejpeg.decode_jpeg(data, _TURNED[kind])
            return library.Image.new_from_memory(samples.data, width, height, samples.shape[2], "uchar")
    except ValueError:
        pass  # whether that is an error is left to the other one
    try:
        image = library.Image.jpegload_buffer(data, shrink=shrink, fail_on="error").copy_memory()
    except library.Error:
        return None
    return _cmyk.stored(image) if image.bands == 4 else image


def reduced(image: "pyvips.Image", size: tuple[int, int]) -> "pyvips.Image":
    """Return a picture in another size.

    libvips reduces a single channel ten times faster down than across, where only three are worked on at once. So grey
    pictures are turned on their side between the two, which changes none of their values.
    """
    import numpy as np

    across, down = image.width / size[0], image.height / size[1]
    if image.bands != 1 or min(across, down) <= 1:
        return image.resize(1 / across, vscale=1 / down, kernel=_KERNEL).copy_memory()
    for factor in (down, across):
        pixels = image.reducev(factor, kernel=_KERNEL, gap=_GAP).numpy()
        image = vips().Image.new_from_array(np.ascontiguousarray(pixels.reshape(pixels.shape[:2]).T))
    return image.copy(interpretation="b-w")


def encoded(image: "pyvips.Image", quality: int) -> bytes:
    """Return a picture as a JPEG."""
    options: dict[str, Any] = {"Q": quality, **OPTIONS}
    if image.bands == 4:
        return _cmyk.encode(image.numpy(), **options)
    return bytes(image.copy(interpretation="srgb" if image.bands == 3 else "b-w").jpegsave_buffer(**options))


def in_best_scans(data: bytes, width: int, height: int) -> bytes:
    """Return a JPEG with the scans that pack it best, where their choice may matter."""
    import mozjpeg_lossless_optimization as mozjpeg

    return bytes(mozjpeg.optimize(data)) if 8 * len(data) <= _SPARSE * width * height else data
