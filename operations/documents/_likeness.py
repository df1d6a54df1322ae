"""How alike two pictures are: the structural similarity (Wang et al. 2004), in the luma of blocks of 8x8 pixels.

One measure for all that is judged here: the quality a picture is coded at, whether JPEG 2000 or a palette may stand for
a JPEG, and the pages of the document that comes out.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float32]

BLOCK = 8
_GRAIN = 4.0
"""Standard deviation of a block's luma below which it is plain, but for grain."""

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


class Likeness:
    """The likeness to one picture, of which what is needed each time is kept."""

    def __init__(self, luma: "Pixels | Floats") -> None:
        """Prepare an original: its luma, of shape (height, width); what is less than a block at its edges is left out.

        Raises:
            ValueError: It has not a single block.
        """
        if min(luma.shape) < BLOCK:
            raise ValueError(f"a picture of {luma.shape} has no block of {BLOCK}x{BLOCK} pixels")
        self._luma = _whole_blocks(luma)
        self._mean = _means(self._luma)
        self._spread = _means(self._luma * self._luma) - self._mean**2
        shows = self._spread >= _GRAIN**2
        self._shows = shows if shows.any() else ~shows

    def lost(self, luma: "Pixels | Floats") -> tuple[float, float]:
        """Return how unlike another picture of the same size is: 0 and 0 for the same.

        The first is 1 minus the mean similarity, which grain lost from plain areas weighs most in; the second is that
        of the blocks that show something, whose faint detail a wavelet blurs first.
        """
        other = _whole_blocks(luma)
        mean = _means(other)
        spread = _means(other * other) - mean**2
        together = _means(self._luma * other) - self._mean * mean
        top = (2 * self._mean * mean + _C1) * (2 * together + _C2)
        bottom = (self._mean**2 + mean**2 + _C1) * (self._spread + spread + _C2)
        lost = 1.0 - top / bottom
        return max(0.0, float(lost.mean())), max(0.0, float(lost[self._shows].mean()))


def luma_of(picture: Any) -> "Pixels":
    """Return the luma of a Pillow image, of shape (height, width)."""
    import numpy as np

    return np.asarray(picture.convert("L"))


def luma_of_jpeg(data: bytes) -> "Pixels":
    """Return the luma of a JPEG that is grey, or has its colours as luma and two differences: as it is stored."""
    import simplejpeg

    luma: Pixels = simplejpeg.decode_jpeg(data, "GRAY", fastdct=False)[:, :, 0]
    return luma


def _whole_blocks(luma: "Pixels | Floats") -> "Floats":
    import numpy as np

    height, width = (side // BLOCK * BLOCK for side in luma.shape)
    found: Floats = luma[:height, :width].astype(np.float32)
    return found


def _means(values: "Floats") -> "Floats":
    height, width = values.shape
    rows = values.reshape(height // BLOCK, BLOCK, width).sum(axis=1)
    means: Floats = rows.reshape(height // BLOCK, width // BLOCK, BLOCK).sum(axis=2) / BLOCK**2
    return means
