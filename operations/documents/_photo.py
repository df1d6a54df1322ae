"""Photos read, reduced and written, in as little time as goes: each by whichever library does it fastest.

Pictures are arrays of shape (height, width, components).
"""

from typing import TYPE_CHECKING, Any

from mediamill.operations.documents import _cmyk
from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

OPTIONS = {"optimize_coding": True, "overshoot_deringing": True, "keep": "none"}
"""How JPEGs are written, but for their quality and their scans. Trellis quantisation is not worth its time: of scans it
takes 5 to 7 % off, at the same similarity, and makes all the work on a document a quarter to four fifths longer."""

_TURNED = {"Gray": "GRAY", "YCbCr": "RGB", "RGB": "RGB"}
"""What a JPEG's colours are turned into, by what they are in it."""

_SPARSE = 0.8
"""Bits per pixel of a JPEG up to which the choice of its scans matters: it saves 3 to 8 % then, and 1 % of others."""

_SMALL = 1 << 16
"""Pixels of a picture up to which what scans say about themselves outweighs what they save; and samples of one up to
which another library has reduced it before libvips has begun."""

_KERNEL: Any = "lanczos3"
_GAP = 2.0
"""How far averaging may go before it: as many times more pixels than are wanted are left for the kernel."""


def decoded(data: bytes, size: tuple[int, int], shrink: int = 1) -> "Pixels | None":
    """Return a JPEG's pixels, as many times fewer a side, inks as they are stored.

    None where it is damaged, or of another size: readers do not agree what is then to be seen, and it may be huge.

    The same pixels come out of both decoders. One takes 60 % of the time of the other, but neither
    inks nor what is odd.
    """
    import simplejpeg

    library = vips()
    try:
        height, width, kind, _ = simplejpeg.decode_jpeg_header(data)
        if (width, height) != size:
            return None
        if shrink == 1 and kind in _TURNED:
            found: Pixels = simplejpeg.decode_jpeg(data, _TURNED[kind])
            return found
    except ValueError:
        pass  # whether that is an error is left to the other one
    try:
        image = library.Image.jpegload_buffer(data, shrink=shrink, fail_on="error")
        pixels: Pixels = image.numpy().reshape(image.height, image.width, image.bands)
    except library.Error:
        return None
    return _cmyk.stored(pixels) if image.bands == 4 else pixels


def reduced(pixels: "Pixels", size: tuple[int, int]) -> "Pixels":
    """Return a picture in another size.

    libvips reduces a single channel ten times faster down than across, where only three are worked on at once. So grey
    pictures are turned on their side between the two, which changes none of their values.
    """
    import numpy as np
    from PIL import Image

    height, width, components = pixels.shape
    across, down = width / size[0], height / size[1]
    if pixels.size <= _SMALL and components in (1, 3):
        picture = Image.fromarray(pixels if components == 3 else pixels[:, :, 0])
        return np.asarray(picture.resize(size, Image.Resampling.LANCZOS)).reshape(size[1], size[0], components)
    if components != 1 or min(across, down) <= 1:
        image = _image(pixels).resize(1 / across, vscale=1 / down, kernel=_KERNEL)
        return np.asarray(image.numpy()).reshape(size[1], size[0], components)
    for factor in (down, across):
        image = _image(pixels).reducev(factor, kernel=_KERNEL, gap=_GAP)
        pixels = np.ascontiguousarray(image.numpy().reshape(image.height, image.width).T)[:, :, None]
    return pixels


def encoded(pixels: "Pixels", quality: int) -> bytes:
    """Return a picture as a JPEG."""
    options: dict[str, Any] = {"Q": quality, "interlace": not _is_small(*pixels.shape[:2]), **OPTIONS}
    if pixels.shape[2] == 4:
        return _cmyk.encode(pixels, **options)
    return bytes(_image(pixels).jpegsave_buffer(**options))


def in_best_scans(data: bytes, width: int, height: int) -> bytes:
    """Return a JPEG with the scans that pack it best, where their choice may matter."""
    import mozjpeg_lossless_optimization as mozjpeg

    may_matter = 8 * len(data) <= _SPARSE * width * height and not _is_small(width, height)
    return bytes(mozjpeg.optimize(data)) if may_matter else data


def _is_small(width: int, height: int) -> bool:
    return width * height <= _SMALL


def _image(pixels: "Pixels") -> Any:
    import numpy as np

    height, width, components = pixels.shape
    return vips().Image.new_from_memory(np.ascontiguousarray(pixels).data, width, height, components, "uchar")
