"""JPEGs of four inks: their samples as PDF means them, and coded so that they take less room.

PDF takes samples as they are stored; whether they stand for ink or for its absence is told by the picture's Decode.
libvips turns them round as most programs expect it, so that is undone here on the way in and on the way out.
"""

from typing import TYPE_CHECKING, Any

from mediamill.operations.images._vips import vips

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

_ADOBE = b"\xff\xee\x00\x0eAdobe"
_TRANSFORM = 13
"""Where Adobe's marker says how colours are stored, counted from its beginning; 2 is luma, chroma and black."""

_LUMA = (
    (0.299, 0.587, 0.114),
    (-0.168735892, -0.331264108, 0.5),
    (0.5, -0.418687589, -0.081312411),
)
"""From red, green and blue, ITU-T T.871; here of what inks leave of them."""


def stored(pixels: "Pixels") -> "Pixels":
    """Return a JPEG of four channels, as libvips decoded it, with its samples as they are stored."""
    return 255 - pixels


def encode(pixels: "Pixels", **options: Any) -> bytes:
    """Code samples of four inks as luma, chroma and black: a third smaller than as inks, at the same quality.

    Args:
        pixels: Shape (height, width, 4).
        options: Of libvips' saver.
    """
    import numpy as np

    left = 255 - pixels[:, :, :3].astype(np.float32)
    coded = left @ np.array(_LUMA, np.float32).T + np.array([0, 128, 128], np.float32)
    planes = np.concatenate([np.rint(coded).clip(0, 255).astype(np.uint8), pixels[:, :, 3:]], axis=2)
    image = vips().Image.new_from_array(255 - planes, interpretation="cmyk")
    data = bytearray(image.jpegsave_buffer(**options))
    data[data.index(_ADOBE) + _TRANSFORM + 2] = 2
    return bytes(data)
