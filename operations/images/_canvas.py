"""Several pictures on one canvas."""

from typing import TYPE_CHECKING

from mediamill.operations.images._encode import Encoding, encode, encode_error, prepare
from mediamill.operations.images._geometry import Size
from mediamill.operations.images._params import Rgba
from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import pyvips


class Canvas:
    """A canvas pictures are put on one after the other, so that no more than one is held besides it.

    Args:
        size: Width and height in pixels.
        background: What it is filled with, and what is seen through the pictures.
    """

    def __init__(self, size: Size, background: Rgba) -> None:
        import numpy as np

        self._size = size
        self._background = background
        self._pixels = np.empty((size[1], size[0], 4), np.uint8)
        self._pixels[:] = background

    def put(self, image: "pyvips.Image", left: int, top: int) -> None:
        """Put a picture that `_lqip.shrunk` decoded where nothing but the background is yet."""
        import numpy as np

        if self._background[3]:
            below = (image.new_from_image(list(self._background))).copy(interpretation="srgb").cast("uchar")
            image = below.composite2(image, "over").cast("uchar")
        pixels = np.frombuffer(image.write_to_memory(), np.uint8).reshape(image.height, image.width, 4)
        self._pixels[top : top + image.height, left : left + image.width] = pixels

    def encoded(self, code: Encoding) -> bytes:
        """Encode what is there.

        Raises:
            EncodeFailed: The encoder refuses.
            OutOfMemory: Memory is short.
        """
        library = vips()
        try:
            image = library.Image.new_from_memory(self._pixels.data, *self._size, 4, "uchar")
            return encode(prepare(image.copy(interpretation="srgb"), code), code)
        except library.Error as error:
            raise encode_error(error, code) from None
