"""Refinements of JBIG2, ITU-T T.88, 6.3: a letter coded pixel by pixel, given the symbol that it is like."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]
    Values = npt.NDArray[np.uint16]

CONTEXTS = 1 << 13

_KNOWN = ((-1, -1), (0, -1), (1, -1), (-1, 0))
"""Template 0 (figure 12): pixels of a letter that are known, as (across, down); of its symbol, all nine are."""

_AROUND = tuple((across, down) for down in (-1, 0, 1) for across in (-1, 0, 1))

MOVED = (-1, -1, -1, -1)
"""Where the two pixels of the template that may be moved stand."""


def decisions(letters: "Bits", symbol: "Bits") -> "Values":
    """Return what codes letters given their symbol.

    Args:
        letters: Shape (count, height, width), 1 black.
        symbol: Shape (height, width).

    Returns:
        Shape (count, height * width): twice the context, and 0 or 1.
    """
    import numpy as np

    count, height, width = letters.shape
    known, given = np.pad(letters, ((0, 0), (1, 1), (1, 1))), np.pad(symbol, 1)
    found = np.zeros((height, width), np.uint16)
    for bit, (across, down) in enumerate(_AROUND, 1 + len(_KNOWN)):
        part = given[1 + down : 1 + down + height, 1 + across : 1 + across + width]
        found |= part.astype(np.uint16) << np.uint16(bit)
    values = found | letters
    for bit, (across, down) in enumerate(_KNOWN, 1):
        part = known[:, 1 + down : 1 + down + height, 1 + across : 1 + across + width]
        values |= part.astype(np.uint16) << np.uint16(bit)
    return values.reshape(count, height * width)
